import logging
import logging.config

import pytest

from config.logs import configuration, leave_out_personal_data


def test_logs_leave_out_what_could_name_a_person():
    event = {"event": "signed in", "user_id": 7, "email": "ada@example.org", "Token": "secret"}

    kept = leave_out_personal_data(None, "info", event)

    assert kept == {
        "event": "signed in",
        "user_id": 7,
        "email": "(left out)",
        "Token": "(left out)",
    }


@pytest.mark.parametrize("machine_readable", [True, False])
def test_a_logged_failure_does_not_print_local_variables(machine_readable):
    described = configuration(machine_readable=machine_readable, level="INFO")
    logging_formatter = logging.config.DictConfigurator(described).configure_formatter(
        dict(described["formatters"]["event"])
    )

    def fail(whom: str) -> None:
        raise ZeroDivisionError

    try:
        fail("ada" + "@" + "example.org")
    except ZeroDivisionError as error:
        failure = (type(error), error, error.__traceback__)
    record = logging.LogRecord("success", logging.ERROR, __file__, 1, "failed", None, failure)
    said = logging_formatter.format(record)

    assert "ZeroDivisionError" in said
    assert "ada@example.org" not in said
