from config.logs import leave_out_personal_data


def test_logs_leave_out_what_could_name_a_person():
    event = {"event": "signed in", "user_id": 7, "email": "ada@example.org", "Token": "secret"}

    kept = leave_out_personal_data(None, "info", event)

    assert kept == {
        "event": "signed in",
        "user_id": 7,
        "email": "(left out)",
        "Token": "(left out)",
    }
