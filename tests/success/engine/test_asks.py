from datetime import date, timedelta

import pytest

from success.engine.asks import AskFacts, Barrier, barriers, cools_off
from success.engine.vector import State

TODAY = date(2026, 7, 29)
DAY = timedelta(days=1)
READY = {
    "consented_on": TODAY - 30 * DAY,
    "is_reached": True,
    "is_confirmed": True,
    "state": State.ON_TRACK,
}


def against(**changes):
    return barriers(AskFacts(**(READY | changes)), on=TODAY)


def test_nothing_stands_against_a_member_who_moves_and_agreed_to_be_asked():
    assert against() == ()
    assert against(consented_on=TODAY, state=State.SLIPPING, is_ax_mismatched=False) == ()


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"is_announced": False}, Barrier.ASKED_BEFORE),
        ({"is_announced": False, "is_withdrawn": True}, Barrier.WITHDRAWN),
        ({"is_plan_in_force": False}, Barrier.PLAN_REPLACED),
        ({"consented_on": None}, Barrier.NO_CONSENT),
        ({"consented_on": TODAY + DAY}, Barrier.NO_CONSENT),
        ({"is_reached": False}, Barrier.NOT_REACHED),
        ({"is_confirmed": False}, Barrier.NOT_CONFIRMED),
        ({"state": None}, Barrier.STATE_UNKNOWN),
        ({"state": State.STALLED}, Barrier.NOT_MOVING),
        ({"state": State.REGRESSING}, Barrier.NOT_MOVING),
        ({"is_ax_mismatched": True}, Barrier.AX_MISMATCH),
        ({"we_owe_there": True}, Barrier.WE_OWE),
        ({"is_owned": True}, Barrier.OWNED),
        ({"is_retired": True}, Barrier.RETIRED),
        ({"has_other_open": True}, Barrier.ANOTHER_OPEN),
        ({"refused_on": TODAY - DAY}, Barrier.COOLING_OFF),
        ({"lacks_smaller": True}, Barrier.SMALLER_FIRST),
    ],
)
def test_each_barrier_stands_on_its_own(change, expected):
    assert against(**change) == (expected,)


def test_all_that_stands_against_an_ask_is_told():
    assert against(consented_on=None, we_owe_there=True, state=State.STALLED) == (
        Barrier.NO_CONSENT,
        Barrier.NOT_MOVING,
        Barrier.WE_OWE,
    )


@pytest.mark.parametrize(
    ("refused", "reached", "expected"),
    [
        (None, None, False),
        (TODAY, None, True),
        (TODAY - 179 * DAY, None, True),
        (TODAY - 180 * DAY, None, False),
        (TODAY - 9 * DAY, TODAY - 10 * DAY, True),
        (TODAY - 9 * DAY, TODAY - 9 * DAY, True),
        (TODAY - 9 * DAY, TODAY - 8 * DAY, False),
    ],
)
def test_refusal_silences_for_180_days_or_until_the_next_milestone(refused, reached, expected):
    assert cools_off(refused_on=refused, last_reached_on=reached, on=TODAY) is expected
