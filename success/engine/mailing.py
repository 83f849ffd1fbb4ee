"""When a mailing is due, and whether a table says anything that the last one did not."""

import hashlib
from collections.abc import Collection, Iterable, Sequence
from datetime import date, timedelta
from typing import Final

WEEKLY: Final = "weekly"
DAYS_A_WEEK: Final = 7


def latest_day(local_day: date, *, cadence: str, day: int) -> date:
    """Return the newest day of a mailing not after ``local_day``.

    ``day`` is a weekday (0: Monday) of a weekly one, else a day of the month, 28 at most.
    """
    if cadence == WEEKLY:
        return local_day - timedelta(days=(local_day.weekday() - day) % DAYS_A_WEEK)
    if local_day.day >= day:
        return local_day.replace(day=day)
    return (local_day.replace(day=1) - timedelta(days=1)).replace(day=day)


def next_day(local_day: date, *, cadence: str, day: int) -> date:
    """Return the first day of a mailing after ``local_day``."""
    latest = latest_day(local_day, cadence=cadence, day=day)
    if cadence == WEEKLY:
        return latest + timedelta(days=DAYS_A_WEEK)
    return (latest.replace(day=28) + timedelta(days=4)).replace(day=day)


def fingerprint(
    *, header: Sequence[str], rows: Iterable[Sequence[object]], passing: Collection[str] = ()
) -> str:
    """Return a hash of what a table says, in the order of its rows.

    The columns of ``passing`` change by the day alone, and are left out: a table in which only
    they differ says nothing new.
    """
    kept = [place for place, name in enumerate(header) if name not in passing]
    found = hashlib.sha256(repr([header[place] for place in kept]).encode())
    for row in rows:
        found.update(repr([_plain(row[place]) for place in kept]).encode())
    return found.hexdigest()


def _plain(value: object) -> str:
    return "" if value is None else str(value)
