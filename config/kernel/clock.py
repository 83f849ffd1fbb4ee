"""The one clock. Interfaces read it; everything below takes ``at`` or ``as_of``."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.conf import settings

SECOND = timedelta(seconds=1)


def now() -> datetime:
    """Return the present moment, aware and in UTC.

    Where ``WAYMARK_TODAY`` pins the day, the time of day still runs, so that rows made one
    after another keep their order.
    """
    moment = _system_time()
    pinned = _pinned()
    return moment if pinned is None else datetime.combine(pinned, moment.timetz())


def today(*, zone: str | None = None) -> date:
    """Return the date in ``zone``, an IANA name; the association's own zone without one.

    A pinned day is that day in every zone.
    """
    pinned = _pinned()
    return pinned or local_date(_system_time(), zone=zone or association_zone())


def association_zone() -> str:
    """Return the IANA name of the zone in which the association's days begin and end."""
    zone: str = getattr(settings, "WAYMARK_TIME_ZONE", "UTC")
    return zone


def local_date(at: datetime, *, zone: str) -> date:
    """Return the date that ``at`` falls on in ``zone``; a naive moment is a ``ValueError``."""
    if at.tzinfo is None:
        raise ValueError("A moment without a zone has no local date.")
    return at.astimezone(ZoneInfo(zone)).date()


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


def _system_time() -> datetime:
    return datetime.now(UTC)  # the one place that may


def _pinned() -> date | None:
    pinned: date | None = getattr(settings, "WAYMARK_TODAY", None)
    return pinned
