"""What the loads are, what they would be, and which members that would move.

Hours are whole hundredths of a staff hour a month, so that what is counted is exact. People
are known by the key of their account; people who do not exist yet have negative keys. What
members pay is not an input.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from fractions import Fraction
from math import floor
from typing import Any, Final

from coverage.engine.rebalancing import Group, Person, propose

HUNDREDTHS: Final = 100
NEAR_END_DAYS: Final = 60
MOST_MOVED_PERCENT: Final = 20
ADDED_HOURS: Final = 120
COHORT_PERCENT: Final = 50
DAY: Final = 24 * 60

Demand = Callable[[int, str], int]


class NobodyHasHours(Exception):
    """There is nobody who could carry a member."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cohort:
    """Members of one segment who would be in another: ``percent`` of them, most given first.

    ``only_over_served`` narrows it to members given more than one and a half times their AX
    before the part is taken. ``until`` is the last day (exclusive) on which that counts.
    """

    from_segment: str
    to_segment: str
    percent: int = COHORT_PERCENT
    only_over_served: bool = False
    until: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The limits and the what-ifs of one question.

    ``most_moved_percent`` bounds the relationships that change hands; null sets no limit,
    nought leaves everybody where they are. ``hours`` are hours a month for members by the key
    of a person, ``leverage`` member-hours for an hour of staff by modality, in each segment.
    ``cells`` are staff hours of one member in a month by the key of a segment and the stage;
    ``parts`` are percents of its hours that a segment would take in every other stage.
    ``hours_apart`` is how far a member's clock and that of who gets them may be apart; null
    sets no limit.
    """

    most_moved_percent: int | None = MOST_MOVED_PERCENT
    added: int = 0
    added_hours: int = ADDED_HOURS
    away: frozenset[int] = frozenset()
    hours: Mapping[int, int] = field(default_factory=dict)
    leverage: Mapping[str, Fraction] = field(default_factory=dict)
    cells: Mapping[tuple[str, str], Fraction] = field(default_factory=dict)
    parts: Mapping[str, int] = field(default_factory=dict)
    hours_apart: int | None = None
    cohort: Cohort | None = None

    @property
    def is_assumption(self) -> bool:
        """Whether it asks about people, hours or leverage that are not so today."""
        return bool(
            self.added or self.away or self.hours or self.leverage or self.cells or self.parts
        )


def to_data(asked: Asked) -> dict[str, Any]:
    """Return the question as JSON keeps it."""
    cohort = asked.cohort
    return {
        "most_moved_percent": asked.most_moved_percent,
        "added": asked.added,
        "added_hours": asked.added_hours,
        "away": sorted(asked.away),
        "hours": {str(key): hours for key, hours in sorted(asked.hours.items())},
        "leverage": {key: str(factor) for key, factor in sorted(asked.leverage.items())},
        "cells": [
            {"segment": segment, "stage": stage, "hours": str(hours)}
            for (segment, stage), hours in sorted(asked.cells.items())
        ],
        "parts": dict(sorted(asked.parts.items())),
        "hours_apart": asked.hours_apart,
        "cohort": None
        if cohort is None
        else {
            "from_segment": cohort.from_segment,
            "to_segment": cohort.to_segment,
            "percent": cohort.percent,
            "only_over_served": cohort.only_over_served,
            "until": cohort.until.isoformat() if cohort.until else None,
        },
    }


def from_data(data: Mapping[str, Any]) -> Asked:
    """Return the question that ``to_data`` wrote down, also before it knew as much as now."""
    cohort = data["cohort"]
    return Asked(
        most_moved_percent=data["most_moved_percent"],
        added=data["added"],
        added_hours=data["added_hours"],
        away=frozenset(data["away"]),
        hours={int(key): hours for key, hours in data["hours"].items()},
        leverage={key: Fraction(factor) for key, factor in data["leverage"].items()},
        cells={
            (each["segment"], each["stage"]): Fraction(each["hours"])
            for each in data.get("cells", ())
        },
        parts=dict(data.get("parts", {})),
        hours_apart=data.get("hours_apart"),
        cohort=None
        if cohort is None
        else Cohort(
            from_segment=cohort["from_segment"],
            to_segment=cohort["to_segment"],
            percent=cohort["percent"],
            only_over_served=cohort["only_over_served"],
            until=date.fromisoformat(cohort["until"]) if cohort["until"] else None,
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A segment, as far as it says who may look after its members."""

    key: str
    is_pooled: bool = False
    skills: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Colleague:
    """Somebody who looks after members; who ``is_away`` keeps theirs and takes no others.

    Without ``languages`` it is not known which they speak, and they are asked for any.
    ``zone`` are minutes that their clock is ahead of Greenwich, null where not known.
    """

    key: int
    capacity: int
    skills: frozenset[str] = frozenset()
    languages: frozenset[str] = frozenset()
    works_in_pool: bool = False
    is_away: bool = False
    zone: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Carried:
    """A member, who has them, and what keeps them where they are.

    ``stage`` is blank where no night has looked at them yet: then nobody knows what they take.
    ``owner`` is null for the pool and for those nobody holds. ``given`` is delivered over due
    time of the last quarter, null where unknown or nothing was due. ``shares`` are the parts,
    in percent, that colleagues of a task force have in the member's hours. ``language`` blank
    and ``zone`` null (minutes ahead of Greenwich) are not known: anybody will do then.
    """

    member: int
    segment: int
    owner: int | None
    stage: str
    since: date
    is_protected: bool = False
    is_near_end: bool = False
    is_decided: bool = False
    is_over_served: bool = False
    given: float | None = None
    language: str = ""
    zone: int | None = None
    shares: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What one person carries; ``share`` is null where they have no hours."""

    key: int
    members: int
    needed: int
    capacity: int

    @property
    def share(self) -> Fraction | None:
        return Fraction(self.needed, self.capacity) if self.capacity else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """Everybody's load at one time, the pool's, and what nobody carries."""

    people: tuple[Load, ...]
    pool: Load
    unheld: Load

    @property
    def needed(self) -> int:
        """Hours of the members that people hold or ought to."""
        return sum(each.needed for each in self.people) + self.unheld.needed

    @property
    def capacity(self) -> int:
        return sum(each.capacity for each in self.people)

    @property
    def team(self) -> Fraction | None:
        return Fraction(self.needed, self.capacity) if self.capacity else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Shift:
    """One member in other hands or another segment; ``hours`` are what leaves the first."""

    member: int
    from_owner: int | None
    to_owner: int | None
    from_segment: int
    to_segment: int
    hours: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulated:
    """The answer: both pictures, and the moves that lead from the first to the second.

    ``bound`` is the highest load that cannot be gone below, ``highest`` what it is. ``fixed``
    counts the members that were not to be moved, by why; ``stranded`` those whom nobody may
    take, who stay. ``to_added`` counts members for people who do not exist yet: these are in
    no move. ``freed`` are hours of named people that a move of a cohort gives back, ``pooled``
    what the pool then takes for it. ``asked_of`` are the members that people hold or ought to;
    of them ``without_language`` and ``without_zone`` are those of whom it is not known.
    """

    before: Picture
    after: Picture
    shifts: tuple[Shift, ...]
    bound: float
    highest: float
    relationships: int
    changed_hands: int
    cohort: int
    freed: int
    pooled: int
    fixed: Mapping[str, int]
    stranded: int
    to_added: Mapping[int, int]
    asked_of: int
    without_language: int
    without_zone: int


def simulate(  # noqa: PLR0913  # two tables of demand, and whom they are about
    *,
    asked: Asked,
    people: Sequence[Colleague],
    places: Mapping[int, Place],
    carried: Sequence[Carried],
    pooled: Mapping[tuple[int, str], int],
    demand: Demand,
    demand_then: Demand,
    progress: Callable[[str], None] = lambda _: None,
) -> Simulated:
    """Answer a question about who should look after whom (DOMAIN 6.4).

    ``carried`` are the members one by one; ``pooled`` counts those of pools that are not among
    them, by segment and stage. ``demand`` is a member's hours by segment and stage today,
    ``demand_then`` with the leverage asked about. Regressing members, members near the end of
    their term and those of task forces stay with whoever has them, unless that person is taken
    away. Of members alike, those go first who have been there for the shortest time. Raises
    ``NobodyHasHours``, and ``TooFewMoves`` where the limit leaves no way.
    """
    before = _picture(people, carried, places=places, pooled=pooled, demand=demand)
    team = _team(people, asked=asked)
    chosen = _cohort(carried, asked=asked, places=places)
    moved_to = {each.key: number for number, each in places.items()}
    target = moved_to[asked.cohort.to_segment] if asked.cohort else None
    then = [
        _in_segment(each, target, places=places) if each.member in chosen else each
        for each in carried
    ]
    question = _Question(
        team=team,
        places=places,
        carried=then,
        demand=demand_then,
        away=asked.away,
        hours_apart=asked.hours_apart,
    )
    by_people = [each for each in then if not places[each.segment].is_pooled]
    relationships = sum(1 for each in carried if each.owner is not None)
    percent = asked.most_moved_percent
    found = question.answer(
        most_moves=None if percent is None else relationships * percent // 100,
        progress=progress,
    )
    after = _picture(team, found.carried, places=places, pooled=pooled, demand=demand_then)
    shifts, to_added = _shifts(carried, found.carried, demand=demand)
    freed = [
        (each, new)
        for each, new in zip(carried, found.carried, strict=True)
        if each.member in chosen
    ]
    pool_hours = sum(
        demand_then(new.segment, new.stage) for _, new in freed if places[new.segment].is_pooled
    )
    hours_before = sum(
        demand_then(old.segment, old.stage)
        for old, _ in freed
        if not places[old.segment].is_pooled
    )
    hours_after = sum(
        demand_then(new.segment, new.stage)
        for _, new in freed
        if not places[new.segment].is_pooled
    )
    return Simulated(
        before=before,
        after=after,
        shifts=shifts,
        bound=found.bound,
        highest=found.highest,
        relationships=relationships,
        changed_hands=sum(
            1 for each in shifts if each.from_owner is not None and each.to_owner is not None
        )
        + sum(to_added.values()),
        cohort=len(chosen),
        freed=hours_before - hours_after,
        pooled=pool_hours,
        fixed=dict(question.fixed),
        stranded=question.stranded,
        to_added=to_added,
        asked_of=len(by_people),
        without_language=sum(1 for each in by_people if not each.language),
        without_zone=sum(1 for each in by_people if each.zone is None),
    )


def _team(people: Sequence[Colleague], *, asked: Asked) -> list[Colleague]:
    """Return the people as they would be: some away, some with other hours, some new."""
    team = [
        replace(
            each,
            capacity=0
            if each.key in asked.away
            else asked.hours[each.key] * HUNDREDTHS
            if each.key in asked.hours
            else each.capacity,
        )
        for each in people
    ]
    skills = frozenset[str]().union(*(each.skills for each in people))
    new = [
        Colleague(key=-number, capacity=asked.added_hours * HUNDREDTHS, skills=skills)
        for number in range(1, asked.added + 1)
    ]
    return [*team, *new]


def _cohort(
    carried: Iterable[Carried], *, asked: Asked, places: Mapping[int, Place]
) -> frozenset[int]:
    """Return the members that would be in another segment.

    Somebody's own decision about a member is left alone, and so are regressing ones.
    """
    cohort = asked.cohort
    if cohort is None:
        return frozenset()
    there = [
        each
        for each in carried
        if places[each.segment].key == cohort.from_segment
        and not (each.is_decided or each.is_protected or each.shares)
        and (each.is_over_served or not cohort.only_over_served)
    ]
    # most given first: they lose least by it; unknown ones last
    there.sort(key=lambda each: (-(-1.0 if each.given is None else each.given), each.member))
    return frozenset(
        each.member for each in there[: floor(len(there) * cohort.percent / 100 + 0.5)]
    )


def _in_segment(each: Carried, target: int | None, *, places: Mapping[int, Place]) -> Carried:
    if target is None:
        return each
    return replace(each, segment=target, owner=None if places[target].is_pooled else each.owner)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    carried: list[Carried]
    bound: float
    highest: float


class _Question:
    """Members as groups alike, and those that stay as fixed hours of their people."""

    def __init__(  # noqa: PLR0913  # a question has that many parts
        self,
        *,
        team: Sequence[Colleague],
        places: Mapping[int, Place],
        carried: Sequence[Carried],
        demand: Demand,
        away: frozenset[int],
        hours_apart: int | None,
    ) -> None:
        self.hours_apart = hours_apart
        self.carried, self.places, self.demand = list(carried), places, demand
        self.able = [
            each
            for each in team
            if each.capacity and not each.works_in_pool and not each.is_away
        ]
        if not self.able:
            raise NobodyHasHours
        self.at = {each.key: place for place, each in enumerate(self.able)}
        self.away = away
        self.fixed: Counter[str] = Counter()
        self.stranded = 0
        self.hours_fixed = [0] * len(self.able)
        # members are alike whose segment, stage, hands and possible hands are the same
        self.groups: dict[tuple[int, str, tuple[int, ...], int | None], list[int]]
        self.groups = defaultdict(list)
        self._takers: dict[tuple[int, str, int | None], tuple[int, ...]] = {}
        for number, each in enumerate(self.carried):
            self._sort(number, each)

    def answer(self, *, most_moves: int | None, progress: Callable[[str], None]) -> _Answer:
        keys = sorted(self.groups, key=lambda key: (*key[:3], -1 if key[3] is None else key[3]))
        groups = [
            Group(
                demand=self.demand(segment, stage),
                size=len(self.groups[segment, stage, takers, owner]),
                owner=owner,
                may_take=frozenset(takers if owner is None else (*takers, owner)),
            )
            for segment, stage, takers, owner in keys
        ]
        people = [
            Person(capacity=each.capacity, fixed=fixed)
            for each, fixed in zip(self.able, self.hours_fixed, strict=True)
        ]
        proposal = propose(people, groups, most_moves=most_moves, progress=progress)
        waiting = {
            place: sorted(
                self.groups[key],
                key=lambda number: (self.carried[number].since, self.carried[number].member),
            )
            for place, key in enumerate(keys)
        }
        for transfer in proposal.transfers:
            for _ in range(transfer.members):
                number = waiting[transfer.group].pop()
                self.carried[number] = replace(
                    self.carried[number], owner=self.able[transfer.to].key
                )
        return _Answer(carried=self.carried, bound=proposal.bound, highest=proposal.highest)

    def _sort(self, number: int, each: Carried) -> None:
        if self.places[each.segment].is_pooled:
            return
        left_alone = each.owner is None or each.owner in self.away
        owner = None if each.owner is None or left_alone else self.at.get(each.owner)
        if not left_alone:
            why = _why_fixed(each)
            if why or owner is None:
                # somebody who has no hours now keeps their members; a cover has them meanwhile
                self.fixed[why or "owner_is_away"] += 1
                self._fix(each, self.demand(each.segment, each.stage))
                return
        takers = self._may_take(each)
        if owner is None and not takers:
            self.stranded += 1
            self._fix(each, self.demand(each.segment, each.stage))
            return
        self.groups[each.segment, each.stage, takers, owner].append(number)

    def _fix(self, each: Carried, hours: int) -> None:
        for key, part in _parts(each, hours):
            if key in self.at:
                self.hours_fixed[self.at[key]] += part

    def _may_take(self, each: Carried) -> tuple[int, ...]:
        """Return who knows what is needed, speaks the language and is near enough, in order.

        What is not known of either side rules nobody out.
        """
        zone = None if self.hours_apart is None else each.zone
        key = (each.segment, each.language, zone)
        if key not in self._takers:
            needed = self.places[each.segment].skills
            self._takers[key] = tuple(
                place
                for place, taker in enumerate(self.able)
                if needed <= taker.skills
                and (
                    not each.language or not taker.languages or each.language in taker.languages
                )
                and self._is_near(zone, taker.zone)
            )
        return self._takers[key]

    def _is_near(self, zone: int | None, other: int | None) -> bool:
        if self.hours_apart is None or zone is None or other is None:
            return True
        return minutes_apart(zone, other) <= self.hours_apart * 60


def minutes_apart(one: int, other: int) -> int:
    """Return how far two clocks are apart, the short way round: at most twelve hours.

    Both are minutes ahead of Greenwich. Whether it is the same day there does not count, only
    that both are at work at the same time.
    """
    apart = abs(one - other) % DAY
    return min(apart, DAY - apart)


def _why_fixed(each: Carried) -> str:
    """Return why a member stays with whoever has them; blank where nothing speaks for it."""
    if not each.stage:
        return "unknown"
    if each.is_protected:
        return "regressing"
    if each.is_near_end:
        return "near_end"
    return "task_force" if each.shares else ""


def _parts(each: Carried, hours: int) -> list[tuple[int, int]]:
    """Share a member's hours out: the parts of a task force, and the rest for the owner."""
    if not each.shares:
        return [] if each.owner is None else [(each.owner, hours)]
    parts = [(key, hours * percent // 100) for key, percent in each.shares]
    if each.owner is not None:
        parts.append((each.owner, max(hours - sum(part for _, part in parts), 0)))
    return parts


def _picture(
    people: Sequence[Colleague],
    carried: Iterable[Carried],
    *,
    places: Mapping[int, Place],
    pooled: Mapping[tuple[int, str], int],
    demand: Demand,
) -> Picture:
    members, needed = Counter[int](), Counter[int]()
    known = {each.key for each in people}
    pool_members = sum(pooled.values())
    pool_needed = sum(
        count * demand(segment, stage) for (segment, stage), count in pooled.items()
    )
    alone_members = alone_needed = 0
    for each in carried:
        hours = demand(each.segment, each.stage)
        if places[each.segment].is_pooled:
            pool_members, pool_needed = pool_members + 1, pool_needed + hours
            continue
        if each.owner is None or each.owner not in known:
            alone_members, alone_needed = alone_members + 1, alone_needed + hours
        else:
            members[each.owner] += 1
        for key, part in _parts(each, hours):
            if key in known:
                needed[key] += part
    return Picture(
        people=tuple(
            Load(
                key=each.key,
                members=members[each.key],
                needed=needed[each.key],
                capacity=0 if each.works_in_pool else each.capacity,
            )
            for each in people
            if not each.works_in_pool or needed[each.key]
        ),
        pool=Load(
            key=0,
            members=pool_members,
            needed=pool_needed,
            capacity=sum(each.capacity for each in people if each.works_in_pool),
        ),
        unheld=Load(key=0, members=alone_members, needed=alone_needed, capacity=0),
    )


def _shifts(
    before: Iterable[Carried],
    after: Iterable[Carried],
    *,
    demand: Demand,
) -> tuple[tuple[Shift, ...], dict[int, int]]:
    shifts: list[Shift] = []
    to_added = Counter[int]()
    for old, new in zip(before, after, strict=True):
        if (old.owner, old.segment) == (new.owner, new.segment):
            continue
        if new.owner is not None and new.owner < 0:
            to_added[new.owner] += 1
            continue
        hours = demand(old.segment, old.stage)
        shifts.append(
            Shift(
                member=old.member,
                from_owner=old.owner,
                to_owner=new.owner,
                from_segment=old.segment,
                to_segment=new.segment,
                hours=hours,
            )
        )
    return tuple(shifts), dict(to_added)
