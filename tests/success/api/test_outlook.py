from datetime import date

import pytest
from rest_framework.test import APIClient

from members.enums import Role
from tests.factories import (
    TODAY,
    make_accountability,
    make_member,
    make_member_facts,
    make_night,
    make_user,
)
from tests.success.queries.test_outlook import begin_records, derive, joined, make_path

pytestmark = [pytest.mark.django_db, pytest.mark.urls("success.api.urls")]
MEASURES = ("stalled-and-lapsed", "first-value", "promises", "success-gap")


@pytest.fixture(autouse=True)
def pinned(settings):
    settings.WAYMARK_TODAY = TODAY


@pytest.fixture
def ledger():
    make_path()
    begin_records()
    for month in range(1, 7):
        joined(date(2021, month, 1), date(2023, month, 15))
        joined(date(2021, month, 2), date(2027, 1, 1), certified=50)
    derive()
    make_night(as_of=TODAY)


def client_of(role, **overrides):
    client = APIClient()
    client.force_login(make_user(role=role, **overrides))
    return client


@pytest.mark.parametrize("measure", MEASURES)
def test_members_may_not_ask(measure):
    client = client_of(Role.MEMBER, member=make_member())

    assert client.get(f"/measures/{measure}").status_code == 403


@pytest.mark.usefixtures("ledger")
def test_stalled_and_lapsed_gives_the_comparison_and_the_other_looks():
    answer = client_of(Role.MSM).get("/measures/stalled-and-lapsed").json()

    main = answer["main"]
    assert [(g["name"], g["members"], g["left"]) for g in main["groups"]] == [
        ("moving", 6, 0),
        ("stalled", 6, 6),
    ]
    assert main["p_value"] < 0.01
    assert main["rate_ratio"]["low"] > 1
    assert [look["name"] for look in answer["looks"]][:2] == ["recorded", "by_joining_year"]
    assert answer["by_state"]["degrees"] == 1


def test_stalled_and_lapsed_is_not_there_without_records():
    assert client_of(Role.MSM).get("/measures/stalled-and-lapsed").status_code == 404


@pytest.mark.usefixtures("ledger")
def test_first_value_gives_everybody_and_groups():
    answer = client_of(Role.MSM).get("/measures/first-value", {"by": "year"}).json()

    assert answer["everybody"]["on_board"][1]["share"] == 0.5
    assert [(g["value"], g["members"], g["median_days"]) for g in answer["groups"]] == [
        ("2021", 12, 50)
    ]
    assert answer["left_out"]["before_records"] == 0


def test_first_value_refuses_a_grouping_it_does_not_know():
    assert client_of(Role.MSM).get("/measures/first-value", {"by": "tier"}).status_code == 400


def test_promises_give_no_rate_of_few():
    for _ in range(4):
        make_accountability(done_on=date(2026, 6, 1))
    client = client_of(Role.MSM)
    assert client.get("/measures/promises").json()["everybody"]["ours"]["rate"] is None

    make_accountability()
    ours = client.get("/measures/promises").json()["everybody"]["ours"]
    assert (ours["rate"], ours["due"], ours["undone"]) == (0.8, 5, 1)


def test_the_gap_says_how_many_are_silent():
    make_member_facts(state="on_track")

    answer = client_of(Role.MSM).get("/measures/success-gap").json()

    assert (answer["on_the_way"], answer["gap"], answer["unknown"]) == (1, None, 1.0)
