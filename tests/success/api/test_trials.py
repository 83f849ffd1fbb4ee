from datetime import date

import pytest
from rest_framework.test import APIClient

from members.enums import Role
from success.models import Backtest
from success.services import trials
from tests.factories import NOON, TODAY, make_member, make_play, make_user
from tests.success.views.test_trials import make_drawn, make_renewal_play

pytestmark = [pytest.mark.django_db, pytest.mark.urls("success.api.urls")]
ASKED = {"play": "renewal", "first_on": "2022-01-01", "last_on": "2022-12-31", "every_days": 14}


@pytest.fixture(autouse=True)
def pinned(settings):
    settings.WAYMARK_TODAY = TODAY


def client_of(role, **overrides):
    client = APIClient()
    client.force_login(make_user(role=role, **overrides))
    return client


def test_effect_gives_both_outcomes_with_the_draw():
    make_drawn()
    answer = client_of(Role.MSM).get("/measures/effects/tried").json()

    assert answer["drawn"] == {
        "treated": 4,
        "held": 1,
        "share": 0.2,
        "chi_square": 0.0,
        "p": 1.0,
        "is_ok": True,
    }
    aim = answer["outcomes"][0]
    assert (aim["outcome"], aim["effect"]["treated"], aim["effect"]["verdict"]) == (
        "aim",
        2,
        "too_few",
    )
    assert [(kind["segment"], kind["state"]) for kind in aim["kinds"]] == [(None, "stalled")]


def test_effect_of_an_unknown_play_is_404():
    assert client_of(Role.MSM).get("/measures/effects/nothing").status_code == 404


def test_members_may_not_ask():
    client = client_of(Role.MEMBER, member=make_member())

    assert client.get("/backtests/").status_code == 403
    assert client.get("/measures/effects/tried").status_code == 403


def test_backtest_is_asked_for_and_found_again():
    make_renewal_play()
    client = client_of(Role.OPERATIONS)
    made = client.post("/backtests/", ASKED, format="json")

    assert made.status_code == 202
    body = made.json()
    assert (body["status"], body["play"], body["progress"]) == (
        "waiting",
        "renewal",
        {"done": 0, "total": 27},
    )
    trials.work(backtest_id=Backtest.objects.get().pk, clock=lambda: NOON)
    found = client.get(f"/backtests/{body['id']}/").json()
    assert found["result"]["recall"]["count"] == 1
    assert [one["id"] for one in client.get("/backtests/").json()["results"]] == [body["id"]]


def test_backtest_is_cancelled_and_again_is_409():
    make_renewal_play()
    client = client_of(Role.DIRECTOR)
    identifier = client.post("/backtests/", ASKED, format="json").json()["id"]

    assert client.post(f"/backtests/{identifier}/cancel/").json()["status"] == "failed"
    assert client.post(f"/backtests/{identifier}/cancel/").status_code == 409


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"last_on": "2021-01-01"}, "last_on"),
        ({"play": "waits"}, "play"),
        ({"every_days": 0}, "every_days"),
    ],
)
def test_backtest_refuses_in_words(wrong, field):
    make_renewal_play()
    make_play(key="waits", start_kind="trigger", start={"kind": "answer.waiting"})
    answer = client_of(Role.DIRECTOR).post("/backtests/", ASKED | wrong, format="json")

    assert answer.status_code == 400
    assert field in str(answer.json())


def test_an_msm_may_look_and_not_ask():
    make_renewal_play()
    client = client_of(Role.MSM)

    assert client.get("/backtests/").status_code == 200
    assert client.post("/backtests/", ASKED, format="json").status_code == 403
    assert date(2022, 1, 1) < TODAY
