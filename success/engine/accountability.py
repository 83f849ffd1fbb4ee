"""Joint accountability: who holds up a milestone, and who keeps their promises."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from fractions import Fraction


class Side(StrEnum):
    MEMBER = "member"
    ASSOCIATION = "association"


class Blocker(StrEnum):
    MEMBER = "member"
    ASSOCIATION = "association"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Promise:
    """One line of the agreement; a waived one binds nobody any more."""

    side: Side
    due_on: date
    done_on: date | None = None
    waived: bool = False

    def is_open(self, *, on: date) -> bool:
        """Tell whether it was still to be done at the end of that day (DOMAIN 2.8)."""
        return not self.waived and (self.done_on is None or self.done_on > on)

    def is_due(self, *, on: date) -> bool:
        """Tell whether its day has come; the due day counts (DOMAIN 2.8)."""
        return self.due_on <= on

    def is_overdue(self, *, on: date) -> bool:
        """Tell whether it is open and late; the due day itself is not late (DOMAIN 3.1)."""
        return self.is_open(on=on) and self.due_on < on


def blocker(promises: Iterable[Promise], *, on: date) -> Blocker:
    """Return the side that holds up an overdue milestone (DOMAIN 2.8).

    The association wins ties: fix your own first. With nothing written down, or nothing open
    that could explain the delay, the answer is unknown.
    """
    waiting = [promise for promise in promises if promise.is_open(on=on)]
    if any(p.side is Side.ASSOCIATION and p.is_due(on=on) for p in waiting):
        return Blocker.ASSOCIATION
    if any(p.side is Side.MEMBER for p in waiting):
        return Blocker.MEMBER
    return Blocker.UNKNOWN


def may_nudge_member(side: Blocker) -> bool:
    """Tell whether a discretionary nudge may go to the member (DOMAIN 2.8, SV9).

    Never while our own promise is what they wait for.
    """
    return side is not Blocker.ASSOCIATION


def kept_rate(promises: Iterable[Promise], *, side: Side, on: date) -> Fraction | None:
    """Return the share of one side's due promises that were kept on time (DOMAIN 2.8).

    A promise due today and still open is neither kept nor broken, and a waived one does not
    count. Null when nothing was due.
    """
    due = [
        promise
        for promise in promises
        if promise.side is side
        and not promise.waived
        and promise.is_due(on=on)
        and not (promise.due_on == on and promise.is_open(on=on))
    ]
    kept = sum(p.done_on is not None and p.done_on <= p.due_on for p in due)
    return Fraction(kept, len(due)) if due else None
