"""What a member sees of themselves: the goal, the way, both sides' promises. No judgement."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from django.db.models import Q, QuerySet

from config.kernel.road import Road, Station
from coverage.models import Assignment
from engagement.models import Fact
from members.models import Member, User
from success.engine.vector import Vector
from success.enums import EvidenceSource, ExpectedBasis, Side
from success.models import MilestoneEvent, Plan
from success.queries.members import (
    PromiseRow,
    VectorReading,
    promises,
    vector_on,
)

FIRST_DAYS = (30, 60, 90)
FACTS_SHOWN = 8

DAYS_A_MONTH = 30.44


@dataclass(frozen=True, kw_only=True)
class Reached:
    """A milestone that stands, since when, and what changed; blank where nobody said."""

    title: str
    on: date
    what_changed: str


@dataclass(frozen=True, kw_only=True)
class Next:
    """The first milestone not reached; ``usually_by`` is null while the plan is paused.

    ``usually_after`` are the days from the start, to be said once that day is past.
    ``is_seen_in_records``: the records show it by themselves, nobody needs to report it.
    ``is_from_members``: the day is what comparable members took, not an estimate.
    """

    title: str
    usually_by: date | None
    usually_after: int
    is_past: bool
    is_from_members: bool
    is_seen_in_records: bool

    @property
    def usually_after_months(self) -> int:
        """The same in whole months, for what is long."""
        return round(self.usually_after / DAYS_A_MONTH)


@dataclass(frozen=True, kw_only=True)
class FirstDays:
    """What happens in one of the first three months; ``until`` is its last day."""

    days: int
    until: date
    milestones: tuple[str, ...]
    ours: tuple[PromiseRow, ...]
    theirs: tuple[PromiseRow, ...]

    @property
    def is_empty(self) -> bool:
        return not (self.milestones or self.ours or self.theirs)


@dataclass(frozen=True, kw_only=True)
class MyPath:
    """A member's own page as of a day; ``plan`` and ``road`` are null without a plan."""

    member: Member
    as_of: date
    plan: Plan | None
    road: Road | None
    milestones: int
    reached: tuple[Reached, ...]
    next: Next | None
    ours: tuple[PromiseRow, ...]
    theirs: tuple[PromiseRow, ...]
    looked_after_by: User | None
    first_days: tuple[FirstDays, ...]
    facts: tuple[Fact, ...]
    fact_count: int


def my_path(member: Member, *, as_of: date) -> MyPath:
    """The page of one member, worked out from the evidence as it is known now.

    ``first_days`` is empty once the plan is ninety days old. ``facts`` are the newest of those
    that milestones of the plan count, or of all without a plan. A fixed number of queries,
    however long the way (DOMAIN 2.6).
    """
    reading = vector_on(member, as_of=as_of)
    promised = promises(reading.plan, as_of=as_of)
    ours = tuple(row for row in promised if row.side == Side.ASSOCIATION and not row.is_waived)
    theirs = tuple(row for row in promised if row.side == Side.MEMBER and not row.is_waived)
    rules = _rules(reading.plan)
    facts = _facts(member, areas=_areas(rules.values()), as_of=as_of)
    assignment = Assignment.objects.filter(member=member).select_related("owner").first()
    return MyPath(
        member=member,
        as_of=as_of,
        plan=reading.plan,
        road=_road(reading),
        milestones=len(reading.milestones),
        reached=_reached(reading),
        next=_next(reading, rules=rules),
        ours=ours,
        theirs=theirs,
        looked_after_by=assignment.owner if assignment else None,
        first_days=_first_days(reading, ours=ours, theirs=theirs),
        facts=tuple(facts.select_related("person")[:FACTS_SHOWN]),
        fact_count=facts.count(),
    )


def _road(reading: VectorReading) -> Road | None:
    """The road without days: milestones expected on one day stand a day apart, to be seen."""
    vector = reading.vector
    if vector is None:
        return None
    stations: list[Station] = []
    last = -1
    for milestone in sorted(reading.milestones, key=lambda one: one.expected_day):
        last = max(milestone.expected_day, last + 1)
        stations.append(
            Station(
                title=milestone.title,
                expected_day=last,
                achieved=milestone.achieved_on is not None,
                evidence=milestone.evidence_source or EvidenceSource.DERIVED.value,
            )
        )
    return Road(
        stations=tuple(stations),
        day=vector.plan_day,
        plan_clock=vector.clock,
        clock_30_days_ago=None,  # the member is not told how fast
        horizon=last,
    )


def _reached(reading: VectorReading) -> tuple[Reached, ...]:
    """Those that stand, the latest first, each with what was last said to have changed."""
    said: dict[int, str] = {}
    if reading.plan is not None:
        events = MilestoneEvent.objects.filter(
            milestone__plan=reading.plan, achieved=True, on__lte=reading.as_of
        ).exclude(what_changed="")
        said = dict(
            events.order_by("on", "pk").values_list("milestone__position", "what_changed")
        )
    standing = [
        Reached(
            title=milestone.title,
            on=milestone.achieved_on,
            what_changed=said.get(milestone.position, ""),
        )
        for milestone in reading.milestones
        if milestone.achieved_on is not None
    ]
    return tuple(sorted(standing, key=lambda one: one.on, reverse=True))


def _next(reading: VectorReading, *, rules: dict[int, dict[str, object]]) -> Next | None:
    upcoming = next((one for one in reading.milestones if one.is_next), None)
    if upcoming is None:
        return None
    return Next(
        title=upcoming.title,
        usually_by=upcoming.expected_on,
        usually_after=upcoming.expected_day,
        is_past=upcoming.expected_on is not None and upcoming.expected_on < reading.as_of,
        is_from_members=upcoming.expected_basis == ExpectedBasis.COHORT,
        is_seen_in_records=bool(rules.get(upcoming.position)),
    )


def _rules(plan: Plan | None) -> dict[int, dict[str, object]]:
    if plan is None:
        return {}
    return dict(plan.milestones.values_list("position", "evidence_rule"))


def _areas(rules: Iterable[dict[str, object]]) -> list[str]:
    found: set[str] = set()
    for rule in rules:
        areas = rule.get("areas")
        if isinstance(areas, list):
            found.update(str(area) for area in areas)
    return sorted(found)


def _facts(member: Member, *, areas: Sequence[str], as_of: date) -> "QuerySet[Fact]":
    """The member's facts by ``as_of`` in any of the areas (in all, if none), newest first."""
    wanted = Q()
    for area in areas:
        wanted |= Q(kind__startswith=f"{area}.")
    known = Fact.objects.filter(wanted, member=member, occurred_on__lte=as_of)
    return known.order_by("-occurred_on", "-pk")


def _first_days(
    reading: VectorReading, *, ours: Sequence[PromiseRow], theirs: Sequence[PromiseRow]
) -> tuple[FirstDays, ...]:
    vector: Vector | None = reading.vector
    plan = reading.plan
    if vector is None or plan is None or vector.plan_day >= FIRST_DAYS[-1]:
        return ()
    months = []
    begin = -1
    for days in FIRST_DAYS:
        first = plan.anchor_on + timedelta(days=begin + 1)
        until = plan.anchor_on + timedelta(days=days)
        months.append(
            FirstDays(
                days=days,
                until=until,
                milestones=tuple(
                    one.title for one in reading.milestones if begin < one.expected_day <= days
                ),
                ours=tuple(row for row in ours if first <= row.due_on <= until),
                theirs=tuple(row for row in theirs if first <= row.due_on <= until),
            )
        )
        begin = days
    return tuple(months)
