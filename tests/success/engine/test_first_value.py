from datetime import date, timedelta
from fractions import Fraction

import pytest

from success.engine.first_value import Journey, is_carried_over, onboarding
from tests.oracles import oracle

START = date(2026, 1, 1)
REACHED = (5, 12, 20, 20, 35, 60)
WAITING = (41, 75, 90, 90)


def day(number):
    return START + timedelta(days=number)


def journey(*, reached=None, known=200, **more):
    fields = {"has_left": False, "watched_from": None} | more
    return Journey(
        begins_on=START,
        known_until=day(known),
        first_value_on=None if reached is None else day(reached),
        **fields,
    )


TEN = [*(journey(reached=d, known=90) for d in REACHED), *(journey(known=d) for d in WAITING)]


@pytest.mark.parametrize("case", ["TTFV_KM"])
def test_ten_members_give_the_worked_curve(case):
    steps = onboarding(TEN).curve.steps

    assert [[s.time, s.at_risk, s.events, str(s.survival)] for s in steps] == oracle(case)


@pytest.mark.parametrize("case", ["TTFV_median"])
def test_half_are_on_board_by_the_median(case):
    assert onboarding(TEN).median == oracle(case)


@pytest.mark.parametrize("case", ["TTFV_onboard_by_30"])
def test_the_share_on_board_counts_those_who_wait(case):
    found = onboarding(TEN)

    assert float(found.on_board(30)) == oracle(case)
    assert found.on_board(91) is None
    low, high = found.on_board_between(30)
    assert low < 0.4 < high


@pytest.mark.parametrize("case", ["TTFV_naive_mean"])
def test_the_easy_answers_are_named(case):
    naive = onboarding(TEN).naive

    assert float(naive.mean_of_arrived) == pytest.approx(oracle(case))
    assert naive.elapsed == 1
    assert naive.arrived_of_all == Fraction(6, 10)


def test_who_left_without_it_is_censored_on_that_day():
    found = onboarding(
        [journey(known=40, has_left=True), journey(reached=50), journey(known=60)]
    )

    assert (found.members, found.arrived, found.left_without, found.waiting) == (3, 1, 1, 1)
    assert found.curve.survival(50) == Fraction(1, 2)


def test_what_came_after_leaving_is_not_seen():
    found = onboarding([journey(known=40, has_left=True, reached=41)])

    assert (found.arrived, found.left_without) == (0, 1)


def test_value_on_the_first_day_is_value():
    found = onboarding([journey(reached=0), journey(known=10)])

    assert (found.on_first_day, found.on_board(0)) == (1, Fraction(1, 2))


def test_who_is_watched_late_is_at_risk_from_then_and_unseen_if_it_had_happened():
    late = journey(reached=50, watched_from=day(30))
    too_late = journey(reached=20, watched_from=day(30))

    found = onboarding([late, too_late, journey(reached=10), journey(known=60)])

    assert found.members == 3
    assert [(s.time, s.at_risk) for s in found.curve.steps] == [(10, 2), (50, 2)]


def test_nobody_has_no_share_and_no_median():
    found = onboarding([])

    assert (found.members, found.median, found.on_board(30)) == (0, None, None)
    assert found.naive.mean_of_arrived is None


@pytest.mark.parametrize(
    ("days_away", "had", "same", "expected"),
    [
        (729, True, True, True),
        (730, True, True, False),
        (10, False, True, False),
        (10, True, False, False),
    ],
)
def test_who_comes_back_soon_for_the_same_goal_brings_it_along(days_away, had, same, expected):
    assert (
        is_carried_over(
            began_on=day(days_away),
            left_before_on=START,
            had_first_value=had,
            is_same_goal=same,
        )
        is expected
    )
