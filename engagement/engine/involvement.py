"""From what was added and removed to the stretches in between."""

from collections.abc import Iterable
from datetime import date, datetime
from typing import NamedTuple


class Change(NamedTuple):
    """One fact: on a day, somebody was added to (or removed from) a subject."""

    on: date
    added: bool
    recorded_at: datetime


class Stretch(NamedTuple):
    """Involved from ``starts_on`` until ``ends_on``, exclusive; ``None`` while it lasts."""

    starts_on: date
    ends_on: date | None


def stretches(changes: Iterable[Change]) -> list[Stretch]:
    """Return the stretches of one member, person, area and subject, in order.

    A day ends as the fact recorded last says; of those recorded at one moment an added wins,
    for a list that is rewritten drops and adds the same names in one day. From day to day a
    second added changes nothing, nor does a removed where nothing was added. So stretches
    never touch, and none is empty.
    """
    day_ends: dict[date, bool] = {}
    for change in sorted(changes, key=lambda change: (change.recorded_at, change.added)):
        day_ends[change.on] = change.added
    found: list[Stretch] = []
    starts_on: date | None = None
    for day, involved in sorted(day_ends.items()):
        if involved and starts_on is None:
            starts_on = day
        elif not involved and starts_on is not None:
            found.append(Stretch(starts_on, day))
            starts_on = None
    if starts_on is not None:
        found.append(Stretch(starts_on, None))
    return found
