"""How long members stay, in months: spells of membership, and curves from stored tables.

A curve and the comparison of groups need only, for each month, how many were seen to it and
how many then left. So these are counted once, and everything else follows exactly.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from fractions import Fraction

from success.engine.survival import Curve, LogRank, Observation, curve_of, log_rank_of

MONTHS_A_YEAR = 12
FEWEST_AT_RISK = 10


@dataclass(frozen=True, slots=True)
class Spell:
    """An unbroken membership; ``left_on`` is the expiry, null until its grace is over.

    ``known_until`` is then the last day up to which they are known to have stayed, which in
    grace is the expiry. ``watched_from``: later than ``begins_on`` for who joined before the
    records began.
    """

    begins_on: date
    known_until: date
    left_on: date | None
    watched_from: date | None = None


@dataclass(frozen=True, slots=True)
class Month:
    """A month of a group: seen to it, who then left, and who are known no further."""

    month: int
    at_risk: int
    events: int
    censored: int = 0


def months_between(start: date, end: date) -> int:
    """Return the completed months; the last day of a shorter month completes one (7)."""
    months = (end.year - start.year) * MONTHS_A_YEAR + end.month - start.month
    is_short = end.day < start.day and not _is_last_day(end)
    return months - is_short


def observed(spell: Spell) -> Observation | None:
    """Return a spell as it was observed, in months; null where it was for no time (DOMAIN 7).

    Leaving is dated at the expiry; who is in grace is censored there. Who joined before the
    records began enters at their tenure on the first recorded day (left truncation).
    """
    until = spell.left_on or spell.known_until
    time = max(months_between(spell.begins_on, until), 0)
    entry = None
    if spell.watched_from is not None and spell.watched_from > spell.begins_on:
        entry = months_between(spell.begins_on, spell.watched_from)
        if entry >= time:
            return None
    return Observation(time=time, happened=spell.left_on is not None, entry=entry)


def table(observations: Iterable[Observation]) -> list[Month]:
    """Count a group by month, from nought to the last one seen; empty for nobody (7)."""
    given = list(observations)
    if not given:
        return []
    events: dict[int, int] = {}
    censored: dict[int, int] = {}
    entered: dict[int, int] = {}
    for seen in given:
        ends = events if seen.happened else censored
        ends[seen.time] = ends.get(seen.time, 0) + 1
        if seen.entry is not None:
            entered[seen.entry + 1] = entered.get(seen.entry + 1, 0) + 1
    at_risk = sum(seen.entry is None for seen in given)
    months = []
    for month in range(max(seen.time for seen in given) + 1):
        at_risk += entered.get(month, 0)
        gone, unseen = events.get(month, 0), censored.get(month, 0)
        months.append(Month(month, at_risk, gone, unseen))
        at_risk -= gone + unseen
    return months


def curve(months: Iterable[Month]) -> Curve:
    """Return the curve of a stored table: that of ``survival.kaplan_meier``, exactly (7)."""
    rows = list(months)
    return curve_of(
        ((row.month, row.at_risk, row.events) for row in rows if row.events),
        observed=sum(row.events + row.censored for row in rows),
        horizon=max((row.month for row in rows), default=None),
    )


def compare(groups: Mapping[str, Iterable[Month]]) -> LogRank | None:
    """Compare groups by their stored tables, as ``survival.log_rank`` does exactly (7)."""
    times: dict[int, dict[str, tuple[int, int]]] = {}
    for name, months in groups.items():
        for row in months:
            times.setdefault(row.month, {})[name] = (row.at_risk, row.events)
    return log_rank_of(
        [
            times[month]
            for month in sorted(times)
            if any(events for _, events in times[month].values())
        ]
    )


@dataclass(frozen=True, slots=True)
class Year:
    """A curve at an anniversary. ``at_risk`` were seen to it, just before anybody left on it.

    ``stayed`` is the share that renewed on that anniversary too; null where nobody was seen.
    """

    year: int
    at_risk: int
    stayed: Fraction | None
    low: float | None
    high: float | None

    @property
    def is_grey(self) -> bool:
        return self.at_risk < FEWEST_AT_RISK


def _is_last_day(day: date) -> bool:
    following = date(day.year + day.month // 12, day.month % 12 + 1, 1)
    return (following - day).days == 1
