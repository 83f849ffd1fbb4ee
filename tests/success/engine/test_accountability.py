from datetime import date
from fractions import Fraction

import pytest

from success.engine.accountability import (
    Blocker,
    Promise,
    Side,
    blocker,
    kept_rate,
    may_nudge_member,
)

TODAY = date(2025, 6, 30)
YESTERDAY, TOMORROW = date(2025, 6, 29), date(2025, 7, 1)

OURS_OPEN = Promise(Side.ASSOCIATION, due_on=YESTERDAY)
OURS_DONE = Promise(Side.ASSOCIATION, due_on=YESTERDAY, done_on=YESTERDAY)
OURS_LATER = Promise(Side.ASSOCIATION, due_on=TOMORROW)
OURS_WAIVED = Promise(Side.ASSOCIATION, due_on=YESTERDAY, waived=True)
THEIRS_OPEN = Promise(Side.MEMBER, due_on=YESTERDAY)
THEIRS_DONE = Promise(Side.MEMBER, due_on=YESTERDAY, done_on=YESTERDAY)


@pytest.mark.parametrize(
    ("promises", "expected"),
    [
        pytest.param([OURS_OPEN, THEIRS_OPEN], Blocker.ASSOCIATION, id="we win ties"),
        pytest.param([OURS_OPEN, THEIRS_DONE], Blocker.ASSOCIATION, id="only ours open"),
        pytest.param([OURS_DONE, THEIRS_OPEN], Blocker.MEMBER, id="only theirs open"),
        pytest.param([OURS_LATER, THEIRS_OPEN], Blocker.MEMBER, id="ours is not due"),
        pytest.param([OURS_WAIVED, THEIRS_OPEN], Blocker.MEMBER, id="ours is waived"),
        pytest.param([OURS_DONE, THEIRS_DONE], Blocker.UNKNOWN, id="nothing explains it"),
        pytest.param([], Blocker.UNKNOWN, id="nothing agreed"),
    ],
)
def test_blocker_is_the_side_with_work_to_do(
    promises: list[Promise], expected: Blocker
) -> None:
    assert blocker(promises, on=TODAY) is expected


def test_a_promise_due_today_already_blocks_but_is_not_overdue() -> None:
    due_today = Promise(Side.ASSOCIATION, due_on=TODAY)

    assert blocker([due_today, THEIRS_OPEN], on=TODAY) is Blocker.ASSOCIATION
    assert not due_today.is_overdue(on=TODAY)
    assert due_today.is_overdue(on=TOMORROW)


def test_a_past_day_is_judged_without_what_came_later() -> None:
    done_today = Promise(Side.ASSOCIATION, due_on=YESTERDAY, done_on=TODAY)

    assert blocker([done_today], on=YESTERDAY) is Blocker.ASSOCIATION
    assert blocker([done_today], on=TODAY) is Blocker.UNKNOWN


@pytest.mark.parametrize(
    ("side", "allowed"),
    [(Blocker.ASSOCIATION, False), (Blocker.MEMBER, True), (Blocker.UNKNOWN, True)],
)
def test_no_nudge_while_the_member_waits_for_us(side: Blocker, allowed: bool) -> None:
    assert may_nudge_member(side) is allowed


@pytest.mark.parametrize(
    ("side", "expected", "percent"),
    [
        pytest.param(Side.ASSOCIATION, Fraction(18, 20), 90.0, id="KEPT_association_18_of_20"),
        pytest.param(Side.MEMBER, Fraction(31, 40), 77.5, id="KEPT_member_31_of_40"),
    ],
)
def test_kept_rates_of_both_sides_stand_beside_each_other(
    side: Side, expected: Fraction, percent: float
) -> None:
    ours = [OURS_DONE] * 18 + [OURS_OPEN] * 2
    theirs = [THEIRS_DONE] * 31 + [THEIRS_OPEN] * 9

    rate = kept_rate(ours + theirs, side=side, on=TODAY)

    assert rate == expected
    assert float(rate) * 100 == percent


def test_sv9_benchmark_we_did_not_deliver_blocks_on_us_and_silences_nudges() -> None:
    benchmark = Promise(Side.ASSOCIATION, due_on=YESTERDAY)
    their_part = Promise(Side.MEMBER, due_on=YESTERDAY)

    side = blocker([benchmark, their_part], on=TODAY)

    assert side is Blocker.ASSOCIATION
    assert may_nudge_member(side) is False


def test_kept_rate_counts_only_what_was_due_and_binding() -> None:
    late = Promise(Side.ASSOCIATION, due_on=YESTERDAY, done_on=TODAY)
    open_today = Promise(Side.ASSOCIATION, due_on=TODAY)

    rate = kept_rate(
        [OURS_DONE, late, OURS_LATER, OURS_WAIVED, open_today],
        side=Side.ASSOCIATION,
        on=TODAY,
    )

    assert rate == Fraction(1, 2)
    assert kept_rate([OURS_LATER], side=Side.ASSOCIATION, on=TODAY) is None
