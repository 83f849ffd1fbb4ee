"""Does stalling come before leaving: members put side by side by where they stood on a day.

The landmark method. On a day fixed beforehand, say one year in, the Success Vector of every
member who is still there is read from what was known by that day, and only what happens after
it is counted. Nobody can be put into a group by something that came later, and nobody who left
before the day is in any group: the answer is about those who had stayed that long.

Who joined before the records begin cannot be read on that day. They enter late, on the first
day on which the records can tell, and are at risk from then on only: the curves run in days
since joining, and are left-truncated (DOMAIN 7).
"""

import math
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

from success.engine.survival import (
    FEWEST_EVENTS,
    NORMAL_95,
    Curve,
    LogRank,
    Observation,
    interval,
    kaplan_meier,
    stratified_log_rank,
)
from success.engine.vector import WINDOW_DAYS, GatingMilestone, Plan, State, compute, state_of

ONE_YEAR = 365
FEWEST_AT_RISK = 10
FEWEST_OF_A_STATE = 20
STALLED = "stalled"
MOVING = "moving"
STALLED_AT_THE_START = "stalled_at_the_start"
STALLED_ON_THE_WAY = "stalled_on_the_way"
OTHERS = "others"


@dataclass(frozen=True, slots=True)
class Stone:
    """A gating milestone of the path that all are held against.

    ``counted_from`` is the position from which comparable members count; null: from joining.
    """

    position: int
    expected_day: int
    weight: int
    counted_from: int | None = None


@dataclass(frozen=True, slots=True)
class Run:
    """One unbroken run of membership: when it began, and until when it is known.

    ``left_on`` is the first day out of membership, null while that is not decided; then
    ``seen_until`` is the last day up to which the member is known to have stayed. ``reached``
    holds the day of each milestone reached, by position.
    """

    member: int
    begins_on: date
    seen_until: date
    left_on: date | None
    reached: Mapping[int, date]

    def known_until(self) -> date:
        """Return the day of leaving, or the last day known (7)."""
        return self.left_on or self.seen_until


@dataclass(frozen=True, slots=True)
class Standing:
    """A member at the landmark: the state then, and what was seen of them from then on."""

    run: Run
    read_on: date
    state: State
    reached: int
    is_late: bool
    seen: Observation


@dataclass(frozen=True, slots=True)
class Landmark:
    """Everybody who could be read at a landmark, and how many could not, by the reason.

    ``left_before``: gone by then. ``not_yet``: not that far by the last day known.
    """

    day: int
    standings: tuple[Standing, ...]
    left_before: int
    not_yet: int

    @property
    def late(self) -> int:
        return sum(standing.is_late for standing in self.standings)


@dataclass(frozen=True, slots=True)
class Point:
    """A curve at a time, in days since joining; ``low`` and ``high`` bound it, null if unknown.

    ``at_risk`` are those seen just after the time.
    """

    time: int
    at_risk: int
    stayed: float
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class Group:
    """A group at the landmark: its members, how many left since, and their curve."""

    name: str
    observations: tuple[Observation, ...]
    curve: Curve

    @property
    def members(self) -> int:
        return len(self.observations)

    @property
    def left(self) -> int:
        return self.curve.events

    def at(self, *times: int) -> tuple[Point, ...]:
        """Return the shares that stayed at least so many days since joining, bounded (7)."""
        ends = sorted(seen.time for seen in self.observations)
        entries = sorted(seen.entry for seen in self.observations if seen.entry is not None)
        points = []
        for time in times:
            bounds = interval(self.curve, time)
            still_there = len(ends) - bisect_right(ends, time)
            yet_to_come = len(entries) - bisect_right(entries, time)
            points.append(
                Point(
                    time=time,
                    at_risk=still_there - yet_to_come,
                    stayed=float(self.curve.survival(time)),
                    low=bounds[0] if bounds else None,
                    high=bounds[1] if bounds else None,
                )
            )
        return tuple(points)


@dataclass(frozen=True, slots=True)
class RateRatio:
    """How many times as often one group left as another, with its 95 % interval."""

    ratio: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """Groups side by side; ``test`` is null when they cannot be compared."""

    groups: tuple[Group, ...]
    test: LogRank | None

    @property
    def members(self) -> int:
        return sum(group.members for group in self.groups)

    def group(self, name: str) -> Group | None:
        """Return the group of that name; null when nobody is in it (7)."""
        return next((group for group in self.groups if group.name == name), None)

    def rate_ratio(self, name: str, *, of: str) -> RateRatio | None:
        """Return how many times as often the one group left as the other did (DOMAIN 7).

        1 for no difference, 2 for twice as often. Peto's estimate, from the very numbers of the
        log-rank test, so that its 95 % interval holds 1 exactly when the test finds nothing at
        5 %. Null unless there are these two groups and they can be compared.
        """
        if self.test is None or self.test.tallies.keys() != {name, of}:
            return None
        tally = self.test.tallies[name]
        variance = float(tally.variance)
        excess = float(tally.observed - tally.expected) / variance
        reach = NORMAL_95 / math.sqrt(variance)
        return RateRatio(
            ratio=math.exp(excess),
            low=math.exp(excess - reach),
            high=math.exp(excess + reach),
        )


def readable_from(first_record_on: date) -> date:
    """Return the first day on which a vector can be read from records begun on a day (3.2).

    What is there when a list begins looks as if it had happened that day; a window later it no
    longer does.
    """
    return first_record_on + timedelta(days=WINDOW_DAYS)


def expected_days(
    path: Sequence[Stone], runs: Iterable[Run], *, known_on: date
) -> tuple[Stone, ...]:
    """Return the path with its expected days set from the members in ``runs`` (DOMAIN 2.5).

    Compared are those who had set out (reached any), or, for a milestone counted from another,
    those who had reached that one. A milestone takes the Kaplan-Meier median where at least 20
    reached it and half are seen to; else it keeps its day. Days never fall along the path.
    """
    set_out = [run for run in runs if run.reached]
    found: dict[int, Stone] = {}
    earliest = 0
    for stone in path:
        before = found.get(stone.counted_from or 0)
        seen = []
        for run in set_out:
            begin = run.begins_on if before is None else run.reached.get(before.position)
            if begin is not None:
                until = run.left_on or known_on
                seen.append(
                    _watched(begin, until=until, happened_on=run.reached.get(stone.position))
                )
        curve = kaplan_meier(one for one in seen if one is not None)
        day = stone.expected_day
        if curve.events >= FEWEST_EVENTS and curve.median is not None:
            day = curve.median + (before.expected_day if before else 0)
        earliest = max(day, earliest)
        found[stone.position] = replace(stone, expected_day=earliest)
    return tuple(found.values())


def landmark(
    path: Sequence[Stone], runs: Iterable[Run], *, day: int, readable_on: date, known_on: date
) -> Landmark:
    """Read everybody's state ``day`` days after joining, from what was known by then (7).

    Whoever was further on when the records became readable is read on that day instead, and
    is at risk from then on. Evidence after the reading is not seen, and who has left by it, or
    has not come that far by ``known_on``, is counted and left out.
    """
    reader = _Reader(path)
    standings = []
    left_before = not_yet = 0
    for run in runs:
        on_time = run.begins_on + timedelta(days=day)
        read_on = max(on_time, readable_on)
        if run.left_on is not None and run.left_on <= read_on:
            left_before += 1
        elif read_on >= min(run.known_until(), known_on):
            not_yet += 1
        else:
            is_late = read_on > on_time
            standings.append(reader.standing(run, read_on=read_on, is_late=is_late))
    return Landmark(
        day=day, standings=tuple(standings), left_before=left_before, not_yet=not_yet
    )


def compare(
    standings: Iterable[Standing],
    *,
    by: Callable[[Standing], str],
    within: Callable[[Standing], object] | None = None,
) -> Comparison:
    """Put the groups that ``by`` names side by side, each with its curve, by name (7).

    With ``within`` the test compares only members who are alike in it; the curves are of all.
    """
    groups: dict[str, list[Observation]] = {}
    strata: dict[object, dict[str, list[Observation]]] = {}
    for standing in standings:
        name = by(standing)
        groups.setdefault(name, []).append(standing.seen)
        stratum = strata.setdefault(within(standing) if within else None, {})
        stratum.setdefault(name, []).append(standing.seen)
    return Comparison(
        groups=tuple(
            Group(name=name, observations=tuple(seen), curve=kaplan_meier(seen))
            for name, seen in sorted(groups.items())
        ),
        test=stratified_log_rank(strata.values()),
    )


def stalled_or_moving(standing: Standing) -> str:
    """Name the group in the main comparison: stalled, or anything else (DOMAIN 3.2)."""
    return STALLED if standing.state is State.STALLED else MOVING


def by_state(standings: Iterable[Standing]) -> Callable[[Standing], str]:
    """Return what names the finer group of a member: the state, in small letters (3.2).

    The stalled are parted by whether they had reached any milestone; of the other states,
    those with fewer than 20 members are named together.
    """
    met = Counter(standing.state for standing in standings)

    def name(standing: Standing) -> str:
        if standing.state is State.STALLED:
            return STALLED_ON_THE_WAY if standing.reached else STALLED_AT_THE_START
        if met[standing.state] < FEWEST_OF_A_STATE:
            return OTHERS
        return standing.state.value.lower()

    return name


def in_a_hundred(p_value: float) -> tuple[int, int]:
    """Return (x, of): chance alone differs this much in about x of so many (7).

    Of 100, or of 1,000 or 10,000 where x of 100 would be less than one; nought of 10,000 means
    fewer than one.
    """
    for of in (100, 1000, 10_000):
        if p_value * of >= 1:
            return round(p_value * of), of
    return 0, 10_000


class _Reader:
    """Reads states; members with the same story up to the same day are read once."""

    def __init__(self, path: Sequence[Stone]) -> None:
        self._path = path
        self._read: dict[tuple[int, tuple[tuple[int, int], ...]], State] = {}

    def standing(self, run: Run, *, read_on: date, is_late: bool) -> Standing:
        plan_day = (read_on - run.begins_on).days
        reached = {
            position: (on - run.begins_on).days
            for position, on in run.reached.items()
            if on <= read_on
        }
        story = (plan_day, tuple(sorted(reached.items())))
        state = self._read.get(story)
        if state is None:
            state = self._read[story] = self._state(run, reached=reached, read_on=read_on)
        return Standing(
            run=run,
            read_on=read_on,
            state=state,
            reached=len(reached),
            is_late=is_late,
            seen=Observation(
                time=(run.known_until() - run.begins_on).days,
                happened=run.left_on is not None,
                entry=plan_day,
            ),
        )

    def _state(self, run: Run, *, reached: Mapping[int, int], read_on: date) -> State:
        milestones = tuple(
            GatingMilestone(
                position=stone.position,
                expected_day=stone.expected_day,
                weight=stone.weight,
                evidence_dates=(run.reached[stone.position],)
                if stone.position in reached
                else (),
            )
            for stone in self._path
        )
        plan = Plan(anchor=run.begins_on, milestones=milestones)
        return state_of(compute(plan, as_of=read_on))


def _watched(begin: date, *, until: date, happened_on: date | None) -> Observation | None:
    """What was seen from ``begin`` on; null when it was watched for no time at all."""
    if happened_on is not None and happened_on <= until:
        return Observation(time=max((happened_on - begin).days, 0), happened=True)
    days = (until - begin).days
    return Observation(time=days, happened=False) if days > 0 else None
