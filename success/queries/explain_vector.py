"""How a vector of any past day was made: the plan, the evidence behind it, and it made anew.

Evidence is dated by the day it is true from and by the moment it was recorded, so a past day
can be read with what is known now and with what was known then.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Final
from uuid import UUID

from django.core.signing import BadSignature

from config.kernel.keyset import SIGNER, BadCursor
from coverage.models import Assignment, AssignmentChange
from engagement.models import Fact
from members.models import Association, Member, Term
from success.engine import vector as engine
from success.engine.evidence import Word, evidence_of
from success.engine.explaining import (
    Definition,
    Figure,
    Value,
    Verdict,
    compared,
    definition_of,
    judge,
)
from success.engine.rollup import SMALLEST_GROUP
from success.enums import Dimension, EvidenceSource, NightKind, NightStatus, State
from success.models import (
    Milestone,
    MilestoneEvent,
    Night,
    Plan,
    VectorChange,
    VectorRollup,
)
from success.queries.explain import Later, Said, TooMany
from success.queries.plans import engine_plan

MOST_MEMBERS: Final = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceFact:
    """A milestone on a day: when it was expected, its dates up to then, and who said them.

    ``recorded_at`` is that of the last word or record; null where none is kept.
    ``known_then``: whether its dates were the same when the figure was stored; null if nothing
    was, or nothing tells.
    """

    title: str
    position: int
    expected_on: date
    weight: int
    stands: bool
    dates: tuple[date, ...]
    source: str
    recorded_at: datetime | None
    known_then: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class VectorExplained:
    """A member's vector of a day taken apart; ``on`` is the day of the night that spoke of it.

    ``plan`` is the version in force then, null without one.
    """

    member: Member
    asked_on: date
    on: date
    definition: Definition
    said: Said | None
    figures: tuple[Figure, ...]
    verdict: Verdict
    then_known: bool
    later: tuple[Later, ...]
    plan: Plan | None
    plan_day: int | None
    paused_days: int
    facts: tuple[EvidenceFact, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupMember:
    """One member of a group as read anew; ``pace`` is in plan-days a day, null: not known."""

    member_id: int
    public_id: UUID
    name: str
    state: str
    ahead: int | None
    pace: Decimal | None
    same_then: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupExplained:
    """The roll-up of a group on a night, taken apart; ``facts`` are a page of its members."""

    on: date
    dimension: Dimension
    value: str
    definition: Definition
    said: Said | None
    figures: tuple[Figure, ...]
    verdict: Verdict
    then_known: bool
    later: tuple[Later, ...]
    members: int
    facts: tuple[GroupMember, ...]
    next: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Paths:
    """Each member's plan as the engine reads it, with the facts of now and with those of then.

    ``moved`` holds what has been recorded since, as (when, what).
    """

    versions: Mapping[int, Plan]
    now: Mapping[int, engine.Plan]
    then: Mapping[int, engine.Plan]
    moved: Mapping[int, tuple[tuple[datetime, str], ...]]
    dates_then: Mapping[int, tuple[date, ...]]
    recorded: Mapping[int, datetime]


def explain_vector(member: Member, *, on: date) -> VectorExplained:
    """Take a member's Success Vector of a day apart, and make it anew.

    Held against what the last night up to ``on`` left, as of that night's day; without one,
    made as of ``on``. Position and plan day in days, ``pace_milli`` in thousandths of a
    plan-day a day; null without a plan or too early. Callers fetch ``member`` through
    ``visible_to``. Reads only (DOMAIN 3).
    """
    night = _night(up_to=on)
    day = night.as_of if night else on
    stored = None
    if night:
        change = member.vector_changes.filter(on__lte=day).order_by("-on").first()
        stored = _stored_vector(change, on=day) if change else None
    then = None
    at = night.finished_at if night and stored is not None else None
    paths = _paths([member.pk], on=day, at=at)
    if night and stored is not None:
        then = _read(paths.then.get(member.pk), on=day)
        # a member's own row is brought up to date by day too, until the next night begins
        followed = _followed(night) if then != stored else None
        if followed is not None:
            until = _paths([member.pk], on=day, at=followed)
            if _read(until.then.get(member.pk), on=day) == stored:
                paths, at, then = until, followed, stored
    now = _read(paths.now.get(member.pk), on=day)
    newest = definition_of("vector")
    said = replace(_said(night), computed_at=at) if night and stored is not None else None
    plan = paths.versions.get(member.pk)
    vector = engine.compute(paths.now.get(member.pk), as_of=day)
    return VectorExplained(
        member=member,
        asked_on=on,
        on=day,
        definition=newest,
        said=said,
        figures=compared(stored=stored, then=then, now=now),
        verdict=judge(
            stored=stored,
            then=then,
            now=now,
            same_definition=said is None or said.definition == newest.version,
        ),
        then_known=then is not None,
        later=_later(paths.moved.get(member.pk, ())),
        plan=plan,
        plan_day=vector.plan_day if vector else None,
        paused_days=vector.paused_days if vector else 0,
        facts=_evidence(plan, path=paths.now.get(member.pk), paths=paths, on=day, at=at),
    )


def explain_group(  # noqa: PLR0913  # a group on a day, and where to read on
    *,
    on: date,
    dimension: Dimension = Dimension.ALL,
    value: str = "",
    after: str | None = None,
    size: int = 50,
    most: int | None = MOST_MEMBERS,
) -> GroupExplained:
    """Take the roll-up of a group on a night apart, and make it anew member by member.

    In scope are members in force or in grace on ``on``, in the segment or with the owner they
    had then; ``value`` is a segment's key or an owner's number, blank for none. Means are null
    for nobody and below five with a pace. Facts of then are those of plans and milestones;
    terms and assignments are read as they are known now. Reads only.

    Raises ``TooMany`` above ``most`` members (null: never), ``BadCursor``, and ``ValueError``
    for a dimension whose groups are not taken apart. A chapter is that of the records now
    (DOMAIN 3.4).
    """
    if dimension in {Dimension.TIER, Dimension.COHORT}:
        raise ValueError("A group by tier or year of joining is not taken apart.")
    night = _night(up_to=on, exactly=True)
    row = VectorRollup.objects.filter(as_of=on, dimension=dimension, value=value).first()
    stored = _stored_group(row) if row else None
    at = night.finished_at if night and stored is not None else None
    scope = _in_scope(on=on, dimension=dimension, value=value, most=most)
    paths = _paths(scope, on=on, at=at)
    now = {each: _read(paths.now.get(each), on=on) for each in scope}
    then = {each: _read(paths.then.get(each), on=on) for each in scope} if at else None
    figures_now = _rolled_up(now.values())
    figures_then = _rolled_up(then.values()) if then is not None else None
    newest = definition_of("group")
    said = _said(night) if night and stored is not None else None
    page, cursor = _members_page(scope, after=after, size=size)
    members = Member.objects.in_bulk(page)
    moved = [step for steps in paths.moved.values() for step in steps]
    return GroupExplained(
        on=on,
        dimension=dimension,
        value=value,
        definition=newest,
        said=said,
        figures=compared(stored=stored, then=figures_then, now=figures_now),
        verdict=judge(
            stored=stored,
            then=figures_then,
            now=figures_now,
            same_definition=said is None or said.definition == newest.version,
        ),
        then_known=then is not None,
        later=_later(moved),
        members=len(scope),
        facts=tuple(
            GroupMember(
                member_id=key,
                public_id=members[key].public_id,
                name=members[key].name,
                state=str(now[key]["state"]),
                ahead=_whole(now[key]["ahead"]),
                pace=_pace(now[key]["pace_milli"]),
                same_then=None if then is None else then[key] == now[key],
            )
            for key in page
        ),
        next=cursor,
    )


# What was said.


def _night(*, up_to: date, exactly: bool = False) -> Night | None:
    """The last finished night on or before a day; the one that spoke last of that day."""
    done = Night.objects.filter(status=NightStatus.DONE, finished_at__isnull=False)
    if exactly:
        return done.filter(as_of=up_to).order_by("-finished_at").first()
    live = done.filter(kind=NightKind.LIVE, as_of__lte=up_to)
    return live.order_by("-as_of", "-finished_at").first()


def _followed(night: Night) -> datetime | None:
    """When the next live night began; null while there is none."""
    live = Night.objects.filter(kind=NightKind.LIVE, as_of__gt=night.as_of)
    following = live.order_by("as_of", "started_at").first()
    return following.started_at if following else None


def _said(night: Night) -> Said:
    return Said(
        computed_at=night.finished_at, covers_until=night.as_of, definition=night.definition
    )


def _stored_vector(change: VectorChange, *, on: date) -> dict[str, Value]:
    has_plan = change.state != State.NO_PLAN
    ahead = (change.held_on - on).days if change.held_on else 0
    return {
        "state": str(change.state),
        "ahead": ahead if has_plan else None,
        "pace_milli": change.pace_milli,
        "direction": change.direction,
        "achieved_weight": change.achieved_weight,
    }


def _stored_group(row: VectorRollup) -> dict[str, Value]:
    return {
        "in_scope": row.in_scope,
        "with_plan": row.with_plan,
        "with_pace": row.with_pace,
        **_shares(
            scope=row.in_scope,
            planned=row.with_plan,
            paced=row.with_pace,
            pace_sum=row.pace_sum_milli,
        ),
        "forward": row.forward,
        "backward": row.backward,
        "median_position": row.median_position,
        **{state: row.states.get(state, 0) for state in State.values},
    }


# The plans and their evidence, of now and of then.


def _paths(members: Sequence[int], *, on: date, at: datetime | None) -> _Paths:
    moved: defaultdict[int, list[tuple[datetime, str]]] = defaultdict(list)
    chosen, known = _versions(members, on=on, at=at, moved=moved)
    used = {plan.pk: plan for plan in (*chosen.values(), *known.values())}
    gating = [
        milestone
        for plan in used.values()
        for milestone in plan.milestones.all()
        if milestone.is_gating
    ]
    events, records = _events(gating), _records(used.values(), gating, on=on)
    then: dict[int, tuple[date, ...]] = {}
    recorded: dict[int, datetime] = {}
    for milestone in gating:
        steps = moved[used[milestone.plan_id].member_id]
        dates = tuple(milestone.evidence_dates or ())
        words = events.get(milestone.pk, ())
        seen = records.get(milestone.pk)
        if words:
            recorded[milestone.pk] = max(word.said_at for word in words)
            if at is not None:
                dates = evidence_of(word for word in words if word.said_at <= at).dates
                late = [word for word in words if word.said_at > at and word.on <= on]
                steps += [(word.said_at, "recorded") for word in late]
        elif seen is not None:
            recorded[milestone.pk] = seen
            if at is not None and seen > at:
                dates = ()
                steps.append((seen, "recorded"))
        then[milestone.pk] = dates
    return _Paths(
        versions=chosen,
        now=_as_engine(chosen),
        then=_as_engine(known, dates=then) if at is not None else {},
        moved={member: tuple(steps) for member, steps in moved.items()},
        dates_then=then if at is not None else {},
        recorded=recorded,
    )


def _versions(
    members: Sequence[int],
    *,
    on: date,
    at: datetime | None,
    moved: defaultdict[int, list[tuple[datetime, str]]],
) -> tuple[dict[int, Plan], dict[int, Plan]]:
    """The version in force on a day as is known now, and as was known at a moment.

    Where the one that followed was agreed only later, the version before it was open then;
    such agreements are added to ``moved``.
    """
    chosen: dict[int, Plan] = {}
    known: dict[int, Plan] = {}
    begun = Plan.objects.filter(member__in=members, counts_from__lte=on)
    for plan in begun.order_by("member", "version").prefetch_related("milestones", "pauses"):
        if plan.closed_on is None or plan.closed_on > on:
            chosen[plan.member_id] = plan
        if at is not None and plan.agreed_at is not None and plan.agreed_at > at:
            moved[plan.member_id].append((plan.agreed_at, "agreed"))
        else:
            known[plan.member_id] = plan  # versions count up: the last one known by then
    over = [
        member
        for member, plan in known.items()
        if plan.closed_on is not None and plan.closed_on <= on and not moved[member]
    ]
    for member in over:
        del known[member]
    return chosen, known


def _as_engine(
    plans: Mapping[int, Plan], *, dates: Mapping[int, tuple[date, ...]] | None = None
) -> dict[int, engine.Plan]:
    found = {}
    for member, plan in plans.items():
        evidence = None
        if dates is not None:
            evidence = {each.key: dates.get(each.pk, ()) for each in plan.milestones.all()}
        path = engine_plan(plan, evidence=evidence)
        if path is not None:
            found[member] = path
    return found


def _events(milestones: Iterable[Milestone]) -> dict[int, list[Word]]:
    words: defaultdict[int, list[Word]] = defaultdict(list)
    said = MilestoneEvent.objects.filter(milestone__in=[each.pk for each in milestones])
    for event in said:
        words[event.milestone_id].append(
            Word(
                on=event.on,
                achieved=event.achieved,
                said_at=event.recorded_at,
                source=event.source,
            )
        )
    return words


def _records(
    plans: Iterable[Plan], milestones: Sequence[Milestone], *, on: date
) -> dict[int, datetime]:
    """When the records that show a milestone came in: those of the day that reached it.

    The earliest of that day in the areas its rule asks about. Milestones reached on a day
    without such a record (people of other members, or time alone, made it) are left out.
    """
    members = {plan.pk: plan.member_id for plan in plans}
    wanted: dict[int, tuple[int, date, frozenset[str]]] = {}
    for milestone in milestones:
        dates = [day for day in milestone.evidence_dates or () if day <= on]
        areas = milestone.evidence_rule.get("areas", ()) if milestone.evidence_rule else ()
        if dates and areas:
            kinds = frozenset(f"{area}.added" for area in areas)
            wanted[milestone.pk] = (members[milestone.plan_id], dates[-1], kinds)
    if not wanted:
        return {}
    facts: defaultdict[tuple[int, date], list[tuple[str, datetime]]] = defaultdict(list)
    found = Fact.objects.filter(
        member__in={member for member, _day, _kinds in wanted.values()},
        occurred_on__in={day for _member, day, _kinds in wanted.values()},
    )
    for member, day, kind, recorded_at in found.values_list(
        "member", "occurred_on", "kind", "recorded_at"
    ):
        facts[member, day].append((kind, recorded_at))
    seen = {}
    for key, (member, day, kinds) in wanted.items():
        times = [recorded for kind, recorded in facts[member, day] if kind in kinds]
        if times:
            seen[key] = min(times)
    return seen


def _evidence(
    plan: Plan | None,
    *,
    path: engine.Plan | None,
    paths: _Paths,
    on: date,
    at: datetime | None,
) -> tuple[EvidenceFact, ...]:
    if plan is None or path is None:
        return ()
    rows = []
    gating = [milestone for milestone in plan.milestones.all() if milestone.is_gating]
    for milestone in sorted(gating, key=lambda each: each.position):
        dates = tuple(day for day in milestone.evidence_dates or () if day <= on)
        then = tuple(day for day in paths.dates_then.get(milestone.pk, ()) if day <= on)
        rows.append(
            EvidenceFact(
                title=milestone.title,
                position=milestone.position,
                expected_on=_expected_on(path, day=milestone.expected_day),
                weight=milestone.weight,
                stands=len(dates) % 2 == 1,
                dates=dates,
                source=milestone.evidence_source or (EvidenceSource.DERIVED if dates else ""),
                recorded_at=paths.recorded.get(milestone.pk) if dates else None,
                known_then=None if at is None else then == dates,
            )
        )
    return tuple(rows)


def _expected_on(path: engine.Plan, *, day: int) -> date:
    """The date on which the plan reads that day, pauses so far counted in."""
    on = path.anchor
    while (missing := day - engine.plan_day(path, on=on)) > 0:
        ahead = date.fromordinal(min(on.toordinal() + missing, date.max.toordinal()))
        if engine.plan_day(path, on=ahead) == engine.plan_day(path, on=on):
            return ahead  # a pause without an end
        on = ahead
    return on


# Made anew.


def _read(path: engine.Plan | None, *, on: date) -> dict[str, Value]:
    vector = engine.compute(path, as_of=on)
    return {
        "state": engine.state_of(vector).value.lower(),
        "ahead": vector.days_ahead if vector else None,
        "pace_milli": vector.pace_milli if vector else None,
        "direction": vector.direction if vector else None,
        "achieved_weight": vector.achieved_weight if vector else None,
    }


def _rolled_up(readings: Iterable[Mapping[str, Value]]) -> dict[str, Value]:
    group = list(readings)
    planned = [each for each in group if each["state"] != State.NO_PLAN.value]
    paces = [pace for each in group if (pace := _whole(each["pace_milli"])) is not None]
    places = sorted(ahead for each in planned if (ahead := _whole(each["ahead"])) is not None)
    return {
        "in_scope": len(group),
        "with_plan": len(planned),
        "with_pace": len(paces),
        **_shares(
            scope=len(group), planned=len(planned), paced=len(paces), pace_sum=sum(paces)
        ),
        "forward": sum(each["direction"] == 1 for each in group),
        "backward": sum(each["direction"] == -1 for each in group),
        # the lower of two middles, as the stored one is
        "median_position": places[(len(places) - 1) // 2] if places else None,
        **{state: sum(each["state"] == state for each in group) for state in State.values},
    }


def _shares(*, scope: int, planned: int, paced: int, pace_sum: int) -> dict[str, Value]:
    few = paced < SMALLEST_GROUP
    return {
        "plan_coverage": _places(Decimal(planned) / scope) if scope else None,
        "mean_pace": None if few else _places(Decimal(pace_sum) / paced / 1000),
    }


def _places(value: Decimal) -> Decimal:
    return value.quantize(Decimal("0.000001"))


def _in_scope(*, on: date, dimension: Dimension, value: str, most: int | None) -> list[int]:
    """Members in force or in grace on the day, in the group they belonged to then, by key."""
    grace = timedelta(days=Association.current().grace_days)
    held = Term.objects.filter(starts_on__lte=on, ends_on__gt=on - grace)
    scope = set(held.values_list("member", flat=True))
    if dimension != Dimension.ALL:
        groups = _groups_on(on, dimension=dimension)
        scope = {member for member in scope if groups.get(member, "") == value}
    if most is not None and len(scope) > most:
        raise TooMany(found=len(scope), most=most)
    return sorted(scope)


def _groups_on(on: date, *, dimension: Dimension) -> dict[int, str]:
    """Each member's group on a day by the moves kept; without any, the one assigned now."""
    if dimension == Dimension.CHAPTER:
        return dict(Member.objects.chapters().values_list("pk", "chapter"))
    name, moved = (
        ("segment__key", "to_segment__key")
        if dimension == Dimension.SEGMENT
        else ("owner", "to_owner")
    )
    now = Assignment.objects.filter(assigned_on__lte=on).values_list("member", name)
    moves = AssignmentChange.objects.filter(on__lte=on).order_by("member", "-on", "-pk")
    then = moves.distinct("member").values_list("member", moved)
    return {
        member: "" if group is None else str(group)
        for member, group in [*now, *then]
        if isinstance(member, int)
    }


def _members_page(
    scope: Sequence[int], *, after: str | None, size: int
) -> tuple[list[int], str | None]:
    rest = list(scope)
    if after:
        try:
            edge = int(SIGNER.unsign_object(after))
        except (BadSignature, TypeError, ValueError) as error:
            raise BadCursor("This cursor cannot be read.") from error
        rest = [member for member in scope if member > edge]
    page = rest[:size]
    return page, SIGNER.sign_object(page[-1]) if len(rest) > size else None


def _later(steps: Iterable[tuple[datetime, str]]) -> tuple[Later, ...]:
    """What came since, a line for each day and kind, oldest first."""
    counted: defaultdict[tuple[date, str], list[datetime]] = defaultdict(list)
    for when, what in steps:
        counted[when.date(), what].append(when)
    return tuple(
        Later(at=max(times), what=what, facts=len(times))
        for (_day, what), times in sorted(counted.items())
    )


def _whole(value: Value) -> int | None:
    return value if isinstance(value, int) else None


def _pace(milli: Value) -> Decimal | None:
    return Decimal(milli) / 1000 if isinstance(milli, int) else None
