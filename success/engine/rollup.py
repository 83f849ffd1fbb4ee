"""Vectors of many accounts as one group: segment, account manager, association.

Every mean counts accounts, not money. Unknown stays null: an account without a plan or too
early to measure is counted beside the means, never inside them as zero.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from statistics import median
from typing import TypeVar

from success.engine.vector import WINDOW_DAYS, State

Account = str | int
Key = TypeVar("Key", bound=Account)

SMALLEST_GROUP = 5
ALARMING_FALL = Fraction(-1, 10)


@dataclass(frozen=True, slots=True)
class Reading:
    """One account in scope (in good standing or in grace); null pace is not measured."""

    account: Account
    state: State
    pace: Fraction | None = None
    direction: int | None = None
    days_ahead: int | None = None
    association_blocked: bool = False


@dataclass(frozen=True, slots=True)
class RollUp:
    """A group in figures. The means are null below five measured accounts.

    ``shown`` then names the accounts to show instead; it is empty for a larger group.
    """

    in_scope: int
    with_plan: int
    measured: int
    plan_coverage: Fraction | None
    mean_pace: Fraction | None
    alignment: Fraction | None
    median_days_ahead: Fraction | None
    blocked_share: Fraction | None
    states: Mapping[State, int]
    shown: tuple[Account, ...]


@dataclass(frozen=True, slots=True)
class LikeForLike:
    """The change of mean pace, split in what members did and who is in the group.

    ``before`` and ``after_all`` are the means of everyone measured on each day; ``before_same``
    and ``after_same`` those of the accounts present on both, ``change`` their difference;
    ``mix`` is the rest. Null without accounts.
    """

    accounts: int
    before: Fraction | None
    before_same: Fraction | None
    after_same: Fraction | None
    after_all: Fraction | None
    change: Fraction | None
    mix: Fraction | None


def roll_up(readings: Iterable[Reading], *, smallest: int = SMALLEST_GROUP) -> RollUp:
    """Return the group's figures, reported together (DOMAIN 3.4).

    Coverage is over all in scope, the rest over measured accounts; ``blocked_share`` too.
    An empty group is null throughout, and a small one names its accounts instead of a mean.
    """
    group = tuple(readings)
    measured = [reading for reading in group if reading.pace is not None]
    with_plan = sum(reading.state is not State.NO_PLAN for reading in group)
    enough = len(measured) >= smallest
    leads = [Fraction(r.days_ahead) for r in measured if r.days_ahead is not None]
    return RollUp(
        in_scope=len(group),
        with_plan=with_plan,
        measured=len(measured),
        plan_coverage=Fraction(with_plan, len(group)) if group else None,
        mean_pace=mean([r.pace for r in measured if r.pace is not None]) if enough else None,
        alignment=mean([Fraction(r.direction or 0) for r in measured]) if enough else None,
        median_days_ahead=median(leads) if enough and leads else None,
        blocked_share=(
            mean([Fraction(r.association_blocked) for r in measured]) if enough else None
        ),
        states=dict(Counter(reading.state for reading in group)),
        shown=() if enough else tuple(reading.account for reading in group),
    )


def mean(values: Iterable[Fraction]) -> Fraction | None:
    """Return the simple mean, exactly; null of nothing, never 0 or 1 (DOMAIN 3.4)."""
    given = tuple(values)
    return sum(given, Fraction(0)) / len(given) if given else None


def like_for_like(before: Mapping[Key, Fraction], after: Mapping[Key, Fraction]) -> LikeForLike:
    """Compare mean pace on two days over the accounts measured on both (DOMAIN 3.4).

    Newcomers at full speed can make a falling group look better; the alarm therefore reads
    ``change``, never the difference of the two means.
    """
    same = before.keys() & after.keys()
    return of_means(
        accounts=len(same),
        before=mean(before.values()),
        before_same=mean(before[account] for account in same),
        after_same=mean(after[account] for account in same),
        after_all=mean(after.values()),
    )


def of_means(
    *,
    accounts: int,
    before: Fraction | None,
    before_same: Fraction | None,
    after_same: Fraction | None,
    after_all: Fraction | None,
) -> LikeForLike:
    """Split the change between means in members and mix; null without any (DOMAIN 3.4)."""
    change = None if before_same is None or after_same is None else after_same - before_same
    mix = (
        None
        if change is None or before is None or after_all is None
        else after_all - before - change
    )
    return LikeForLike(
        accounts=accounts,
        before=before,
        before_same=before_same,
        after_same=after_same,
        after_all=after_all,
        change=change,
        mix=mix,
    )


def revenue_not_backed_by_success(
    *, nrr_before: Fraction, nrr_after: Fraction, pace_change: Fraction | None
) -> bool:
    """Tell whether revenue held while members slowed: the integrity alarm (DOMAIN 2.13).

    ``pace_change`` is like for like, over the same period as NRR; unknown raises no alarm.
    """
    return pace_change is not None and nrr_after >= nrr_before and pace_change <= ALARMING_FALL


def counts_for_manager(
    *, assigned_days: int, blocked_elsewhere: bool, window: int = WINDOW_DAYS
) -> bool:
    """Tell whether an account enters its manager's own mean (DOMAIN 3.4).

    Only after a whole window with this manager, and not while another department's open promise
    blocks it; such an account is listed beside the mean.
    """
    return assigned_days >= window and not blocked_elsewhere
