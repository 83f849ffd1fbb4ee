import pytest
from rest_framework.test import APIClient

from coverage.services.hours import ensure_default_model
from coverage.services.segments import ensure_default_segments
from members.enums import Role
from tests.coverage.queries.test_capacity import hold, msm
from tests.factories import NOON, TODAY, make_absence, make_member, make_user

pytestmark = pytest.mark.django_db
URL = "/api/v1/coverage/capacity"


@pytest.fixture(autouse=True)
def pinned(settings):
    settings.WAYMARK_TODAY = TODAY


@pytest.fixture(autouse=True)
def team():
    ensure_default_segments()
    ensure_default_model(at=NOON)
    amy = msm("Amy")
    for _ in range(30):
        hold(amy, "at_risk")
    hold(None, "at_risk", "inbound")
    make_absence(user=amy)
    return amy


def answer_to(user):
    client = APIClient()
    client.force_login(user)
    return client.get(URL)


def test_a_director_gets_the_team_the_pool_and_each_person(team):
    answer = answer_to(make_user(role=Role.DIRECTOR)).json()

    assert (answer["as_of"], answer["team"]["needed"], answer["team"]["unserved"]) == (
        "2026-07-29", 180.75, 60.75,
    )  # fmt: skip
    assert (answer["team"]["load"], answer["team"]["leverage_needed"]) == (1.5063, 1.5063)
    assert answer["pool"]["members"] == 1
    (amy,) = answer["people"]
    assert (amy["user"], amy["name"], amy["load"], amy["band"], amy["given"]) == (
        str(team.public_id), "Amy", 1.5, "overloaded", None,
    )  # fmt: skip
    assert len(amy["weeks"]) == 26
    assert amy["absences"] == [{"starts_on": "2026-07-29", "ends_on": "2026-08-12"}]


def test_an_msm_gets_no_colleague_by_name(team):
    ben = msm("Ben")

    people = answer_to(ben).json()["people"]

    assert [(each["name"], each["weeks"] == [], each["absences"]) for each in people] == [
        (None, True, []),
        ("Ben", False, []),
    ]


def test_a_member_gets_nothing():
    assert answer_to(make_user(role=Role.MEMBER, member=make_member())).status_code == 403
