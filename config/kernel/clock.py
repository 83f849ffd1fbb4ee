"""The one clock. Interfaces read it; everything below takes ``at`` or ``as_of``."""

from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

from django.conf import settings

from config.kernel import zones


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
    return zones.local_moment(day, time, zone=zone)


def _system_time() -> datetime:
    return datetime.now(UTC)  # the one place that may


def _pinned() -> date | None:
    pinned: date | None = getattr(settings, "WAYMARK_TODAY", None)
    return pinned
