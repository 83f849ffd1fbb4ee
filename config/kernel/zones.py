"""Clocks on walls, in plain Python: which moment it is when they show a time in a zone."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

SECOND = timedelta(seconds=1)


def local_moment(day: date, time: time, *, zone: str) -> datetime:
    """Return the UTC moment at which clocks in ``zone`` show ``time`` on ``day``.

    A time that the clocks skip becomes the first moment that exists after the gap; a time that
    they show twice is the first of the two.
    """
    place = ZoneInfo(zone)
    wall = datetime.combine(day, time.replace(tzinfo=None), tzinfo=place)
    first = wall.replace(fold=0).astimezone(UTC)
    second = wall.replace(fold=1).astimezone(UTC)
    if first <= second:
        return first
    return _change_between(second, first, place=place)


def _change_between(before: datetime, after: datetime, *, place: ZoneInfo) -> datetime:
    """Return the first second in (before, after] with the offset that holds at ``after``."""
    offset = after.astimezone(place).utcoffset()
    low, high = before, after
    while high - low > SECOND:
        middle = low + (high - low) // 2
        if middle.astimezone(place).utcoffset() == offset:
            high = middle
        else:
            low = middle
    return high.replace(microsecond=0)
