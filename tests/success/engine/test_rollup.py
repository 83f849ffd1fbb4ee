from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from success.engine.rollup import (
    Reading,
    RollUp,
    counts_for_manager,
    like_for_like,
    revenue_not_backed_by_success,
    roll_up,
)
from success.engine.vector import State
from tests.oracles import oracle

PACES = [Fraction(1)] * 3 + [
    Fraction(11, 6),
    Fraction(1),
    Fraction(1, 2),
    Fraction(0),
    Fraction(-2),
]


def sign(pace: Fraction) -> int:
    return (pace > 0) - (pace < 0)


EIGHT = [
    Reading(
        account=number,
        state=State.ON_TRACK,
        pace=pace,
        direction=sign(pace),
        days_ahead=number - 4,
        association_blocked=number == 1,
    )
    for number, pace in enumerate(PACES, start=1)
]
TWO_WITHOUT_PLAN = [Reading(account=n, state=State.NO_PLAN) for n in (9, 10)]


@pytest.mark.parametrize("case", ["ROLL_mean_rho_8_members"])
def test_mean_pace_counts_members(case: str) -> None:
    group = roll_up(EIGHT)

    assert group.mean_pace == Fraction(13, 24)
    assert float(group.mean_pace) == pytest.approx(oracle(case), rel=1e-12)


@pytest.mark.parametrize("case", ["ROLL_alignment"])
def test_alignment_nets_directions(case: str) -> None:
    assert roll_up(EIGHT).alignment == Fraction(oracle(case))


@pytest.mark.parametrize("case", ["ROLL_plan_coverage"])
def test_coverage_counts_those_without_a_plan_and_nothing_else_does(case: str) -> None:
    group = roll_up(EIGHT + TWO_WITHOUT_PLAN)

    assert group.plan_coverage == Fraction(str(oracle(case)))
    assert (group.in_scope, group.with_plan, group.measured) == (10, 8, 8)
    assert group.mean_pace == roll_up(EIGHT).mean_pace
    assert group.median_days_ahead == Fraction(1, 2)
    assert group.blocked_share == Fraction(1, 8)
    assert group.states == {State.ON_TRACK: 8, State.NO_PLAN: 2}
    assert group.shown == ()


def test_too_early_to_measure_is_planned_but_not_averaged() -> None:
    early = Reading(account="early", state=State.ON_TRACK, days_ahead=0)

    group = roll_up([*EIGHT, early])

    assert (group.with_plan, group.measured) == (9, 8)
    assert group.mean_pace == Fraction(13, 24)


def test_a_small_group_shows_its_accounts_and_no_mean() -> None:
    group = roll_up([*EIGHT[:4], *TWO_WITHOUT_PLAN])

    assert group.shown == (1, 2, 3, 4, 9, 10)
    assert group.plan_coverage == Fraction(2, 3)
    assert (group.mean_pace, group.alignment) == (None, None)
    assert (group.median_days_ahead, group.blocked_share) == (None, None)


def test_an_empty_group_is_null() -> None:
    assert roll_up([]) == RollUp(0, 0, 0, None, None, None, None, None, {}, ())


@pytest.mark.parametrize("case", ["ROLL_like_for_like"])
def test_newcomers_do_not_hide_a_fall(case: str) -> None:
    numbers = {key: Fraction(str(value)) for key, value in oracle(case).items()}
    yesterday = dict.fromkeys(range(10), Fraction(8, 10))
    today = dict.fromkeys(range(10), Fraction(7, 10)) | dict.fromkeys(
        range(10, 20), Fraction(1)
    )

    compared = like_for_like(yesterday, today)

    assert compared.before == numbers["yesterday"]
    assert compared.after_same == numbers["today_same"]
    assert compared.after_all == numbers["today_all"]
    assert (compared.accounts, compared.change) == (10, Fraction(-1, 10))
    assert compared.mix == Fraction(15, 100)


def test_like_for_like_without_common_accounts_is_null() -> None:
    compared = like_for_like({1: Fraction(1)}, {2: Fraction(0)})

    assert (compared.accounts, compared.change, compared.mix) == (0, None, None)


@pytest.mark.parametrize("case", ["INTEGRITY"])
def test_revenue_up_and_members_slower_raises_the_alarm(case: str) -> None:
    numbers = oracle(case)
    nrr = [Fraction(str(value)) for value in numbers["nrr"]]
    pace = [Fraction(str(value)) for value in numbers["rho"]]

    assert pace[1] - pace[0] == Fraction(str(numbers["drho"]))
    assert revenue_not_backed_by_success(
        nrr_before=nrr[0], nrr_after=nrr[1], pace_change=pace[1] - pace[0]
    )
    assert not revenue_not_backed_by_success(
        nrr_before=nrr[1], nrr_after=nrr[0], pace_change=pace[0] - pace[1]
    )


@pytest.mark.parametrize(
    ("change", "alarm"),
    [(Fraction(-1, 10), True), (Fraction(-99, 1000), False), (None, False)],
)
def test_the_alarm_begins_at_a_tenth_and_not_on_unknown(
    change: Fraction | None, alarm: bool
) -> None:
    level = Fraction(1)

    assert (
        revenue_not_backed_by_success(nrr_before=level, nrr_after=level, pace_change=change)
        is alarm
    )


@pytest.mark.parametrize(
    ("assigned_days", "blocked_elsewhere", "counts"),
    [(30, False, True), (29, False, False), (300, True, False)],
)
def test_a_manager_answers_for_settled_and_unblocked_accounts(
    assigned_days: int, blocked_elsewhere: bool, counts: bool
) -> None:
    assert (
        counts_for_manager(assigned_days=assigned_days, blocked_elsewhere=blocked_elsewhere)
        is counts
    )


@given(st.lists(st.sampled_from(EIGHT + TWO_WITHOUT_PLAN), max_size=20))
def test_order_of_accounts_changes_no_figure(group: list[Reading]) -> None:
    forwards, backwards = roll_up(group), roll_up(group[::-1])

    assert forwards.mean_pace == backwards.mean_pace
    assert forwards.median_days_ahead == backwards.median_days_ahead
    assert forwards.states == backwards.states
