"""Who gives the experience, over REST."""

import pytest

from coverage.models import Absence, Team
from members.enums import Role
from tests.factories import make_absence, make_contributor, make_member, make_user

pytestmark = pytest.mark.django_db
URL = "/api/v1/coverage/"
STRANGER = "0198f3c2-7a10-7c3e-9d55-0c5b8b1f6a42"


def test_hours_are_said_and_a_new_team_is_made(client):
    mira = make_user(name="Mira", time_zone="Europe/Berlin")
    said = {
        "contracted_hours": 100,
        "leave_percent": 10,
        "overhead_percent": 20,
        "team": "North",
        "skills": ["governance"],
        "languages": ["de"],
    }

    answer = client.post(f"{URL}people/{mira.public_id}/hours/", said, format="json")

    found = answer.json()
    assert answer.status_code == 200
    assert (found["hours"], found["team"], found["time_zone"], found["skills"]) == (
        72.0, "North", "Europe/Berlin", ["governance"],
    )  # fmt: skip
    listed = client.get(f"{URL}people/").json()["results"]
    assert [each["user"]["name"] for each in listed] == ["Mira"]
    assert client.get(f"{URL}people/{mira.public_id}/").json() == found
    (team,) = client.get(f"{URL}teams/").json()["results"]
    assert team["name"] == "North"


def test_an_msm_sees_and_changes_themselves_only(as_user):
    mira, otto = make_user(name="Mira"), make_user(name="Otto")
    make_contributor(user=otto)
    absence = make_absence(user=otto)
    client = as_user(mira)

    assert [each["user"]["name"] for each in client.get(f"{URL}people/").json()["results"]] == [
        "Mira"
    ]
    assert client.get(f"{URL}people/{otto.public_id}/").status_code == 404
    assert client.post(f"{URL}people/{mira.public_id}/hours/", {}).status_code == 403
    assert client.get(f"{URL}absences/").json()["results"] == []
    assert client.post(f"{URL}absences/{absence.pk}/end/").status_code == 404
    days = {"starts_on": "2026-08-03", "ends_on": "2026-08-10"}
    for_otto = days | {"user": str(otto.public_id)}
    assert client.post(f"{URL}absences/", for_otto, format="json").status_code == 404
    assert client.post(f"{URL}absences/", days, format="json").status_code == 201
    assert Absence.objects.get(user=mira).starts_on.isoformat() == "2026-08-03"


def test_days_away_are_entered_changed_and_ended(client):
    mira, otto = make_user(name="Mira"), make_user(name="Otto")
    said = {
        "user": str(mira.public_id),
        "starts_on": "2026-07-20",
        "ends_on": "2026-08-10",
        "cover": str(otto.public_id),
    }

    made = client.post(f"{URL}absences/", said, format="json").json()
    url = f"{URL}absences/{made['id']}/"
    refused = client.post(f"{url}change/", {"ends_on": "2026-07-01"}, format="json")
    changed = client.post(f"{url}change/", {"cover": None}, format="json").json()
    ended = client.post(f"{url}end/")
    after = client.get(url).json()

    assert (made["cover"]["name"], made["kind"], made["handed_over_at"] is None) == (
        "Otto", "leave", False,
    )  # fmt: skip
    assert (refused.status_code, changed["cover"], changed["ends_on"]) == (
        400, None, "2026-08-10",
    )  # fmt: skip
    assert (ended.status_code, after["ends_on"]) == (204, "2026-07-29")
    listed = client.get(f"{URL}absences/?is_over=true&user={mira.public_id}").json()["results"]
    assert [row["id"] for row in listed] == [made["id"]]


def test_what_an_absence_is_for_is_not_for_everybody(as_user):
    ops = as_user(make_user(role=Role.OPERATIONS))
    make_absence(kind="illness")

    (row,) = ops.get(f"{URL}absences/").json()["results"]

    assert row["kind"] == "illness"


def test_teams_are_made_and_named_once(client):
    made = client.post(f"{URL}teams/", {"name": "North"}, format="json")
    taken = client.post(f"{URL}teams/", {"name": "North"}, format="json")
    url = f"{URL}teams/{made.json()['id']}/rename/"
    renamed = client.post(url, {"name": "South"}, format="json")

    assert (made.status_code, taken.status_code, renamed.json()["name"]) == (201, 409, "South")
    assert list(Team.objects.values_list("name", flat=True)) == ["South"]


def test_members_and_strangers_are_nobody_here(client, as_user):
    assert client.get(f"{URL}people/{STRANGER}/").status_code == 404
    for path in ("people/", "teams/", "absences/"):
        guest = as_user(make_user(role=Role.MEMBER, member=make_member()))
        assert guest.get(URL + path).status_code == 403
