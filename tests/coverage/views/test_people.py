from datetime import date, timedelta

import pytest

from coverage.models import Absence, Contributor
from members.enums import Role
from members.models import AuditEntry
from tests.factories import TODAY, make_absence, make_user

pytestmark = pytest.mark.django_db

URL = "/coverage/people/"
DAYS = {"kind": "leave", "starts_on": "2026-07-29", "ends_on": "2026-08-05", "note": ""}


@pytest.fixture(autouse=True)
def pinned(settings):
    settings.WAYMARK_TODAY = TODAY


def names(client):
    return [one.user.name for one in client.get(URL).context["people"]]


def test_msm_enters_their_own_absence_and_the_work_is_handed_over(client):
    msm, cover = make_user(), make_user()
    client.force_login(msm)

    client.post(f"{URL}{msm.public_id}/away/", DAYS | {"cover": str(cover.public_id)})

    row = Absence.objects.get()
    assert (row.user, row.cover, row.handed_over_at is not None) == (msm, cover, True)
    client.force_login(cover)
    assert f"You stand in for {msm.name}" in client.get("/today/").content.decode()


def test_msm_sees_and_enters_nobody_elses(client):
    msm, other = make_user(name="Mira"), make_user(name="Tomas")
    theirs = make_absence(user=other)
    client.force_login(msm)

    assert names(client) == ["Mira"]
    tried = [
        client.post(f"{URL}{other.public_id}/away/", DAYS),
        client.post(f"{URL}absences/{theirs.pk}/", DAYS),
        client.post(f"{URL}absences/{theirs.pk}/cancel/"),
    ]
    assert [each.status_code for each in tried] == [404] * 3
    assert client.post(f"{URL}{other.public_id}/").status_code == 403


def test_director_sees_everybody_and_says_what_they_can_give(client):
    director, msm = make_user(role=Role.DIRECTOR, name="Dana"), make_user(name="Mira")
    make_user(name="Gone", is_active=False)
    make_user(role=Role.MEMBER)
    client.force_login(director)

    client.post(
        f"{URL}{msm.public_id}/",
        {
            "monthly_hours": 160,
            "leave_percent": 0,
            "overhead_percent": 25,
            "new_team": "North",
            "skills": "policy, law",
            "languages": "en",
        },
    )

    row = Contributor.objects.get()
    assert (row.user, row.team.name, row.skills) == (msm, "North", ["policy", "law"])
    [giver] = client.get(URL).context["people"]
    assert (giver.user, giver.hours) == (msm, 120)


def test_team_that_is_there_already_is_said_and_nothing_is_kept(client):
    msm = make_user()
    client.force_login(make_user(role=Role.DIRECTOR))
    sent = {
        "monthly_hours": 160,
        "leave_percent": 0,
        "overhead_percent": 25,
        "new_team": "North",
    }
    client.post(f"{URL}{msm.public_id}/", sent)

    response = client.post(f"{URL}{msm.public_id}/", sent | {"monthly_hours": 80})

    assert response.status_code == 422
    assert Contributor.objects.get().monthly_hours == 160


def test_absence_is_changed_and_ended_early(client):
    row = make_absence(starts_on=TODAY - timedelta(days=2))
    client.force_login(row.user)
    changed = DAYS | {"starts_on": row.starts_on.isoformat(), "ends_on": "2026-09-01"}

    client.post(f"{URL}absences/{row.pk}/", changed)
    row.refresh_from_db()
    assert row.ends_on == date(2026, 9, 1)
    client.post(f"{URL}absences/{row.pk}/cancel/")

    row.refresh_from_db()
    assert (row.ends_on, row.handed_back_at is not None) == (TODAY, True)
    assert AuditEntry.objects.filter(verb="absence.handed_back").exists()


def test_days_that_overlap_are_said_in_words(client):
    row = make_absence()
    client.force_login(row.user)

    response = client.post(f"{URL}{row.user.public_id}/away/", DAYS)

    assert response.status_code == 422
    assert "away on some of these days already" in response.content.decode()


@pytest.mark.parametrize("count", [1, 3])
def test_page_costs_the_same_for_any_number(client, count, django_assert_num_queries):
    for _ in range(count):
        make_absence(cover=make_user())
    client.force_login(make_user(role=Role.DIRECTOR))

    with django_assert_num_queries(5):
        client.get(URL)


def test_director_says_in_which_zone_somebody_works(client):
    director, msm = make_user(role=Role.DIRECTOR), make_user()
    client.force_login(director)
    said = {
        "monthly_hours": "160",
        "leave_percent": "0",
        "overhead_percent": "25",
        "time_zone": "Mars/Olympus",
    }

    refused = client.post(f"{URL}{msm.public_id}/", said)
    assert "There is no time zone called Mars/Olympus." in refused.content.decode()
    assert not Contributor.objects.exists()

    for _ in range(2):
        client.post(f"{URL}{msm.public_id}/", said | {"time_zone": "Asia/Kolkata"})
    msm.refresh_from_db()
    assert msm.time_zone == "Asia/Kolkata"
    assert AuditEntry.objects.filter(verb="contributor.clock_set", by=director).count() == 1
