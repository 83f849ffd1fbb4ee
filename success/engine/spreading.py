"""Entries of a play that begins with each month or quarter, spread over its first days.

Everybody on the first day is more than anybody can do. Each member has a place of their own
that follows from the play and the account alone: the same in every period, on every night and
on every machine, and nothing to do with the draw that leaves some of them out.
"""

from collections.abc import Mapping
from datetime import date, timedelta
from hashlib import sha256
from typing import Final

MONTHS: Final[Mapping[str, int]] = {"month": 1, "quarter": 3}
# Working days; half of a period is left for what was begun in it.
MOST_SPREAD: Final[Mapping[str, int]] = {"month": 10, "quarter": 30}
BYTES = 4
SATURDAY = 5


def begin_of(every: str, *, on: date) -> date:
    """Return the first day of the month or quarter that a day is in; else a ``KeyError``."""
    return on.replace(month=on.month - (on.month - 1) % MONTHS[every], day=1)


def working_days(first: date, *, count: int) -> tuple[date, ...]:
    """Return the first ``count`` days from ``first`` on that are no Saturday or Sunday."""
    found: list[date] = []
    day = first
    while len(found) < count:
        if day.weekday() < SATURDAY:
            found.append(day)
        day += timedelta(days=1)
    return tuple(found)


def place(*, salt: str, account: int, among: int) -> int:
    """Return an account's place, from 0 up to ``among``: four bytes of SHA-256, what is left.

    Of two members of one play the places are as good as independent.
    """
    number = int.from_bytes(sha256(f"{salt}:{account}".encode()).digest()[:BYTES])
    return number % among
