"""When somebody may be written to: quiet hours, the hour they like, how often; plain Python.

Hours are those of clocks on the wall in the reader's zone, both changes of them included: a
time that the clocks skip is the first moment after the gap, one they show twice is the first.
"""

import calendar
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from config.kernel.zones import local_moment

AT_ONCE, WEEKLY, MONTHLY = "at_once", "weekly", "monthly"
DAY = timedelta(days=1)


@dataclass(frozen=True)
class Quiet:
    """Hours in which nobody is disturbed, from (inclusive) until (exclusive); equal: none."""

    start: time = time(20)
    until: time = time(8)


@dataclass(frozen=True)
class Turn:
    """The first moment at which a message may go, and what it has to wait for, if anything."""

    at: datetime
    because: str = ""


QUIET_HOURS = "quiet hours"
THEIR_HOUR = "the hour they chose"
HOW_OFTEN = {
    WEEKLY: "they want to hear once a week at most",
    MONTHLY: "they want to hear once a month at most",
}


def when(  # noqa: PLR0913  # that many things make somebody wait
    *,
    at: datetime,
    zone: str,
    quiet: Quiet | None = None,
    hour: int | None = None,
    cadence: str = AT_ONCE,
    last_at: datetime | None = None,
) -> Turn:
    """Return the first moment from ``at`` on at which somebody in ``zone`` may be written to.

    ``quiet`` is None for what does not wait for the morning. ``hour`` is the hour of the day
    from which they like to hear; one inside the quiet hours is their end. ``cadence`` allows
    one message in seven days, or from the same day of the next month on (its last day where
    it is shorter), counted from ``last_at``, when they were written to last; null: never. The
    moment is in UTC where it is not ``at`` itself. Raises ``ValueError`` for a naive ``at``.
    """
    if at.tzinfo is None:
        raise ValueError("A moment without a zone has no local time.")
    turn = Turn(at)
    opens_on = _next_day(cadence, last_at, zone=zone)
    if opens_on is not None:
        opens_at = local_moment(opens_on, time(0), zone=zone)
        if opens_at > at:
            turn = Turn(opens_at, HOW_OFTEN[cadence])
    if hour is not None and (quiet is None or not is_quiet_hour(hour, quiet)):
        day = turn.at.astimezone(ZoneInfo(zone)).date()
        likes_from = local_moment(day, time(hour), zone=zone)
        if likes_from > turn.at:
            turn = Turn(likes_from, turn.because or THEIR_HOUR)
    if quiet is not None and (ends_at := _end_of_quiet(turn.at, quiet, zone=zone)):
        turn = Turn(ends_at, turn.because or QUIET_HOURS)
        if hour is not None and not is_quiet_hour(hour, quiet):
            return _from_hour(turn, hour=hour, zone=zone)
    return turn


def _from_hour(turn: Turn, *, hour: int, zone: str) -> Turn:
    """Move on from the end of the quiet hours to the hour they like on that day."""
    day = turn.at.astimezone(ZoneInfo(zone)).date()
    return Turn(max(turn.at, local_moment(day, time(hour), zone=zone)), turn.because)


def is_quiet_hour(hour: int, quiet: Quiet) -> bool:
    """Say whether nobody is disturbed when clocks show ``hour`` (0 to 23) o'clock."""
    wall = time(hour)
    if quiet.start <= quiet.until:
        return quiet.start <= wall < quiet.until
    return wall >= quiet.start or wall < quiet.until


def _end_of_quiet(at: datetime, quiet: Quiet, *, zone: str) -> datetime | None:
    """Return when the quiet hours around ``at`` end; None where it is in none."""
    if quiet.start == quiet.until:
        return None
    overnight = DAY if quiet.start > quiet.until else timedelta()
    today = at.astimezone(ZoneInfo(zone)).date()
    for day in (today - DAY, today):
        starts_at = local_moment(day, quiet.start, zone=zone)
        ends_at = local_moment(day + overnight, quiet.until, zone=zone)
        if starts_at <= at < ends_at:
            return ends_at
    return None


def _next_day(cadence: str, last_at: datetime | None, *, zone: str) -> date | None:
    """Return the first day on which the cadence allows another message; None: any."""
    if last_at is None or cadence == AT_ONCE:
        return None
    last = last_at.astimezone(ZoneInfo(zone)).date()
    if cadence == WEEKLY:
        return last + timedelta(days=7)
    if cadence == MONTHLY:
        year, month = (last.year + last.month // 12, last.month % 12 + 1)
        return date(year, month, min(last.day, calendar.monthrange(year, month)[1]))
    raise ValueError(f"There is no cadence {cadence!r}.")
