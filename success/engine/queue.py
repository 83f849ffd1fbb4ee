"""The order in which an account manager meets the work, and what does not fit in the week.

Revenue is not a field of anything here, so it cannot decide anything here.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from enum import IntEnum
from fractions import Fraction

from success.engine.vector import State

Key = str | int


class QueueClass(IntEnum):
    """Why an account is in the queue, the most pressing first (DOMAIN 2.10)."""

    PROMISE_OVERDUE = 1
    REGRESSING = 2
    SUBSTITUTION = 3
    STALLED = 4
    SLIPPING = 5
    NO_PLAN = 6
    NEXT_GOAL = 7
    OFFER = 8


@dataclass(frozen=True, slots=True)
class QueueItem:
    """One piece of work: since when it waits, how far behind, how long it takes.

    ``days_behind`` is a size, zero or more; ``term_ends_on`` is null for an open-ended term.
    """

    key: Key
    kind: QueueClass
    since: date
    hours: Fraction
    days_behind: int = 0
    term_ends_on: date | None = None


@dataclass(frozen=True, slots=True)
class Week:
    """The queue cut at the hours there are; both lists are in queue order."""

    served: tuple[QueueItem, ...]
    unserved: tuple[QueueItem, ...]

    @property
    def unserved_hours(self) -> Fraction:
        """Return the hours of work that nobody has time for this week (DOMAIN 2.10)."""
        return sum((item.hours for item in self.unserved), Fraction(0))


def queue_class(
    state: State,
    *,
    promise_overdue: bool = False,
    substitution_alert: bool = False,
    plan_past_sla: bool = False,
    offer_eligible: bool = False,
) -> QueueClass | None:
    """Return the most pressing reason for an account to be in the queue; null for none.

    Only an account without a plan can be past its plan's promise (DOMAIN 2.10).
    """
    reasons = (
        (QueueClass.PROMISE_OVERDUE, promise_overdue),
        (QueueClass.REGRESSING, state is State.REGRESSING),
        (QueueClass.SUBSTITUTION, substitution_alert),
        (QueueClass.STALLED, state is State.STALLED),
        (QueueClass.SLIPPING, state is State.SLIPPING),
        (QueueClass.NO_PLAN, state is State.NO_PLAN and plan_past_sla),
        (QueueClass.NEXT_GOAL, state is State.ACHIEVED),
        (QueueClass.OFFER, offer_eligible),
    )
    return next((kind for kind, holds in reasons if holds), None)


def sort_key(item: QueueItem) -> tuple[int, int, date, date, str]:
    """Return the place of an item: class, then most days behind, oldest, nearest term end.

    Days behind order the stalled only. The key comes last, so the order is total and the same
    every time (DOMAIN 2.10).
    """
    return (
        item.kind,
        -item.days_behind if item.kind is QueueClass.STALLED else 0,
        item.since,
        item.term_ends_on or date.max,
        str(item.key),
    )


def ordered(items: Iterable[QueueItem]) -> tuple[QueueItem, ...]:
    """Return the items in the order of ``sort_key`` (DOMAIN 2.10)."""
    return tuple(sorted(items, key=sort_key))


def fit(items: Iterable[QueueItem], *, hours: Fraction) -> Week:
    """Cut the queue at the manager's remaining hours (DOMAIN 2.10).

    Goes down the order and serves whatever still fits, so a long item does not idle the rest of
    the week. What does not fit is kept with its hours: the queue never hides overload.
    """
    left = hours
    served: list[QueueItem] = []
    unserved: list[QueueItem] = []
    for item in ordered(items):
        if item.hours <= left:
            left -= item.hours
            served.append(item)
        else:
            unserved.append(item)
    return Week(tuple(served), tuple(unserved))
