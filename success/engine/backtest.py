"""What a play would have seen coming: its entries of past nights beside who left afterwards.

Everything is counted from what was known on the night of an entry. Whom it would have named is
compared with everybody who was a member on the same nights: a play that names those who leave
no oftener than the rest has seen nothing (DOMAIN 8, base rate).
"""

import math
from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from success.engine.effect import wilson

BIN_DAYS = 30
FEWEST_NAMED = 30


class Conclusion(StrEnum):
    """What may be said of whom a play would have named."""

    NOBODY = "nobody"
    TOO_FEW = "too_few"
    BETTER = "better"
    NO_BETTER = "no_better"
    WORSE = "worse"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A member whom the play would have taken in on a night, for an occurrence."""

    member: int
    occurrence: str
    entered_on: date
    reached_on: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Spell:
    """An unbroken run of membership. ``left_on``: the first day after it; null while it lasts.

    A return within the days of grace goes on with the run. A run whose grace has not passed
    yet has not ended.
    """

    member: int
    joined_on: date
    left_on: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """Some of some, with the 95 % interval; the share and interval of nobody are null."""

    count: int
    of: int
    interval: tuple[float, float] | None = None

    @property
    def value(self) -> float | None:
        return self.count / self.of if self.of else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Year:
    """A calendar year of the back-test."""

    year: int
    entries: int
    lapses: int
    foreseen: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BacktestResult:
    """What came out. ``leads`` are days, ascending, one for each lapse that was foreseen.

    ``unfollowed`` entries lie so late that whether they left is not known yet; ``too_late``
    ones were made when the membership had ended already. Neither is part of the precision.
    ``base`` is the share of all members of the same nights that left, null of nobody.
    """

    entries: int
    members: int
    too_late: int
    unfollowed: int
    precision: Share
    base: float | None
    recall: Share
    reached: Share
    leads: tuple[int, ...]
    years: tuple[Year, ...]

    @property
    def lift(self) -> float | None:
        """How many times as often as everybody those it named left; null where nobody did."""
        value = self.precision.value
        return value / self.base if value is not None and self.base else None

    @property
    def conclusion(self) -> Conclusion:
        """Better or worse than naming anybody: only where the interval leaves that out."""
        interval, base = self.precision.interval, self.base
        if interval is None or base is None:
            return Conclusion.NOBODY
        if self.precision.of < FEWEST_NAMED:
            return Conclusion.TOO_FEW
        if interval[0] > base:
            return Conclusion.BETTER
        return Conclusion.WORSE if interval[1] < base else Conclusion.NO_BETTER

    def lead_at(self, share: float) -> int | None:
        """Return the days of lead that this share of the foreseen had at most; null of none."""
        if not self.leads:
            return None
        return self.leads[max(0, math.ceil(share * len(self.leads)) - 1)]

    @property
    def histogram(self) -> tuple[tuple[int, int], ...]:
        """First day of each span of 30 days of lead, with its lapses; empty ones are kept."""
        if not self.leads:
            return ()
        found = Counter((lead - 1) // BIN_DAYS for lead in self.leads)
        return tuple((index * BIN_DAYS + 1, found[index]) for index in range(max(found) + 1))


def spells(
    terms: Iterable[tuple[int, date, date]], *, grace_days: int, as_of: date
) -> list[Spell]:
    """Return the runs of membership in terms ``(member, starts_on, ends_on)`` (DOMAIN 4.3).

    ``ends_on`` is the first day not covered. A term that starts less than the grace after the
    end so far goes on with the run. Terms that start after ``as_of`` are not known.
    """
    grace = timedelta(days=grace_days)
    by_member: dict[int, list[tuple[date, date]]] = defaultdict(list)
    for member, starts_on, ends_on in terms:
        if starts_on <= as_of:
            by_member[member].append((starts_on, ends_on))
    found: list[Spell] = []
    for member, known in by_member.items():
        joined_on, covered = None, date.min
        for starts_on, ends_on in sorted(known):
            if joined_on is None:
                joined_on = starts_on
            elif starts_on >= covered + grace:
                found.append(Spell(member=member, joined_on=joined_on, left_on=covered))
                joined_on = starts_on
            covered = max(covered, ends_on)
        if joined_on is not None:
            left_on = covered if covered + grace <= as_of else None
            found.append(Spell(member=member, joined_on=joined_on, left_on=left_on))
    return found


def judge(  # noqa: PLR0913  # what a back-test is judged by
    entries: Sequence[Entry],
    runs: Sequence[Spell],
    *,
    first_on: date,
    last_on: date,
    horizon_days: int,
    aim_days: int,
    decided_through: date,
) -> BacktestResult:
    """Set entries beside the runs of all members, those that the play never named included.

    Precision: of the entries, how many were followed by leaving within ``horizon_days``. Its
    interval treats the entries of one member as one piece, because they are not independent.
    Recall: of those who left between the two days, how many had been entered in the same run,
    at least a day and at most ``horizon_days`` before; the lead is from the first such entry.
    After ``decided_through`` nobody is known to have left or stayed.
    """
    runs_of: dict[int, list[Spell]] = defaultdict(list)
    for run in runs:
        runs_of[run.member].append(run)
    horizon = timedelta(days=horizon_days)
    base_on = _base(runs, horizon=horizon)
    judged: dict[int, list[int]] = defaultdict(lambda: [0, 0])
    base_sum = 0.0
    too_late = unfollowed = 0
    days_of: dict[tuple[int, date], list[date]] = defaultdict(list)
    for entry in entries:
        during = _run_on(runs_of[entry.member], entry.entered_on)
        if during is None:
            too_late += 1
            continue
        days_of[during.member, during.joined_on].append(entry.entered_on)
        if entry.entered_on + horizon > decided_through:
            unfollowed += 1
            continue
        left = during.left_on is not None and during.left_on <= entry.entered_on + horizon
        judged[entry.member][0] += left
        judged[entry.member][1] += 1
        base_sum += base_on(entry.entered_on)
    followed = sum(count for count, _of in judged.values())
    of = sum(of for _count, of in judged.values())
    leads: list[int] = []
    lapses: Counter[int] = Counter()
    foreseen: Counter[int] = Counter()
    for ended in runs:
        if ended.left_on is None or not first_on < ended.left_on <= min(
            last_on, decided_through
        ):
            continue
        lapses[ended.left_on.year] += 1
        known = sorted(days_of[ended.member, ended.joined_on])
        index = bisect_left(known, ended.left_on - horizon)
        if index < len(known):
            foreseen[ended.left_on.year] += 1
            leads.append((ended.left_on - known[index]).days)
    followed_up = [
        entry
        for entry in entries
        if entry.entered_on + timedelta(days=aim_days) <= decided_through
    ]
    reached = sum(
        entry.reached_on is not None
        and entry.reached_on <= entry.entered_on + timedelta(days=aim_days)
        for entry in followed_up
    )
    entered = Counter(entry.entered_on.year for entry in entries)
    missed = sum(lapses.values())
    return BacktestResult(
        entries=len(entries),
        members=len({entry.member for entry in entries}),
        too_late=too_late,
        unfollowed=unfollowed,
        precision=Share(count=followed, of=of, interval=_interval(list(judged.values()))),
        base=base_sum / of if of else None,
        recall=Share(count=len(leads), of=missed, interval=wilson(count=len(leads), of=missed)),
        reached=Share(
            count=reached,
            of=len(followed_up),
            interval=wilson(count=reached, of=len(followed_up)),
        ),
        leads=tuple(sorted(leads)),
        years=tuple(
            Year(
                year=year,
                entries=entered[year],
                lapses=lapses[year],
                foreseen=foreseen[year],
            )
            for year in range(first_on.year, last_on.year + 1)
        ),
    )


def _run_on(runs: Sequence[Spell], day: date) -> Spell | None:
    """The run that covers a day; a gap within it that grace has bridged is covered too."""
    return next(
        (
            run
            for run in runs
            if run.joined_on <= day and (run.left_on is None or day < run.left_on)
        ),
        None,
    )


class _Base:
    """How many of all members of a day left within a horizon, without walking through them."""

    def __init__(self, runs: Sequence[Spell], *, horizon: timedelta) -> None:
        self.joined = sorted(run.joined_on for run in runs)
        self.left = sorted(run.left_on for run in runs if run.left_on)
        # on these days they are members, and will have left before the horizon is over
        self.leaving = sorted(
            max(run.joined_on, run.left_on - horizon) for run in runs if run.left_on
        )

    def __call__(self, day: date) -> float:
        gone = bisect_right(self.left, day)
        members = bisect_right(self.joined, day) - gone
        return (bisect_right(self.leaving, day) - gone) / members if members else 0.0


def _base(runs: Sequence[Spell], *, horizon: timedelta) -> _Base:
    return _Base(runs, horizon=horizon)


def _interval(clusters: Sequence[list[int]]) -> tuple[float, float] | None:
    """The score interval of a share over members with several entries each.

    The entries of one member count as fewer, by how much more members differ than entries
    drawn one by one would (the design effect of a ratio; Kish, Survey Sampling, 1965, 5.4 and
    8.2).
    """
    of = sum(size for _count, size in clusters)
    if not of:
        return None
    share = sum(count for count, _size in clusters) / of
    plain = share * (1 - share) / of
    effect = 1.0
    if plain:
        spread = sum((count - share * size) ** 2 for count, size in clusters)
        effect = max(1.0, spread / of**2 / plain)
    return wilson(count=share * of / effect, of=of / effect)
