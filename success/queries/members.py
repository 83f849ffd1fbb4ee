"""Members as lists and their page show them: where each stands, and how it came about."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from django.db.models import (
    Case,
    Count,
    F,
    Func,
    IntegerField,
    OuterRef,
    Prefetch,
    Q,
    QuerySet,
    Subquery,
    Value,
    When,
    prefetch_related_objects,
)
from django.db.models.functions import Coalesce

from engagement.models import Involvement
from members.engine.standing import Span, standing
from members.models import Affiliation, Association, Member, Person, Term, User
from success.engine import accountability, wording
from success.engine import overlays as beside
from success.engine import vector as engine
from success.engine.overlays import GOAL_HOLDS_DAYS, Overlay
from success.enums import Dimension, Side, State
from success.models import (
    Accountability,
    DesiredOutcome,
    Intervention,
    MemberFacts,
    Milestone,
    Plan,
    VectorRollup,
)
from success.queries.plans import Baseline, baseline_position, engine_plan

# Orders of the list; the likeness is there only where something was searched for.
ORDERS: dict[str, tuple[str, ...]] = {
    "name": ("name", "pk"),
    "behind": ("days_ahead", "pk"),
    "term_end": ("known__term_ends_on", "pk"),
    "likeness": ("-likeness", "name", "pk"),
}


def member_list(user: User, *, as_of: date) -> "QuerySet[Member]":
    """The members ``user`` may see, each with ``known`` and what a row of a list shows.

    ``as_of`` is the day MemberFacts speak of. Annotates ``days_ahead`` (negative: behind; null
    without a plan), ``goal_age`` (days since the goal was last confirmed; null without one) and
    ``open_items`` (those of the queue that ``user`` may see). A member that no night has seen
    yet has no ``known``. One query, however many rows.
    """
    return (
        Member.objects.visible_to(user)
        .select_related("known__segment", "known__owner", "known__next_milestone")
        .annotate(
            days_ahead=_days_ahead(as_of=as_of),
            goal_age=_days(Value(as_of), F("known__goal_confirmed_on")),
            open_items=_open_items(user),
        )
    )


def member_detail(user: User, public_id: uuid.UUID | str, *, as_of: date) -> Member:
    """One member as ``member_list`` has them; ``Member.DoesNotExist`` where not to be seen."""
    return member_list(user, as_of=as_of).get(public_id=public_id)


def known_tiers() -> list[str]:
    """Return the tiers that members have, as the last night found them. One query."""
    tiers = VectorRollup.objects.filter(dimension=Dimension.TIER).exclude(value="")
    last = Subquery(tiers.order_by("-as_of").values("as_of")[:1])
    return list(tiers.filter(as_of=last).order_by("value").values_list("value", flat=True))


def _days_ahead(*, as_of: date) -> Case:
    """Position on the plan: the clock runs with the calendar unless it is held on a day."""
    return Case(
        When(Q(known__isnull=True) | Q(known__state=State.NO_PLAN), then=Value(None)),
        When(known__held_on__isnull=True, then=Value(0)),
        default=_days(F("known__held_on"), Value(as_of)),
        output_field=IntegerField(),
    )


def _days(until: F | Value, since: F | Value) -> Func:
    """The days from one date to another; null where one of them is."""
    return Func(
        until,
        since,
        template="(%(expressions)s)",
        arg_joiner=" - ",
        output_field=IntegerField(),
    )


# Which rows of MemberFacts an overlay stands beside; ``engine.overlays`` says the same of one.
# How well the delivered experience fits is not kept there: it is asked of the ledger of time.
WITH_OVERLAY: dict[Overlay, Q] = {
    Overlay.ASSOC_BLOCKED: Q(known__blocker=accountability.Blocker.ASSOCIATION.value),
    Overlay.GOAL_STALE: Q(goal_age__gt=GOAL_HOLDS_DAYS),
    Overlay.REBASELINED: Q(known__is_rebaselined=True),
    Overlay.EVIDENCE_THIN: Q(known__achieved_weight__lt=F("known__declared_weight") * 2),
}


def overlays_of(
    known: MemberFacts | None, *, as_of: date, is_mismatched: bool = False
) -> tuple[Overlay, ...]:
    """The overlays beside what a night knows of a member, as of its day (DOMAIN 3.2).

    None for a member that no night has seen yet. No query.
    """
    if known is None:
        return ()
    return beside.overlays(
        on=as_of,
        blocker=accountability.Blocker(known.blocker) if known.blocker else None,
        goal_confirmed_on=known.goal_confirmed_on,
        is_rebaselined=known.is_rebaselined,
        achieved_weight=known.achieved_weight,
        declared_weight=known.declared_weight,
        is_mismatched=is_mismatched,
    )


def _open_items(user: User) -> Coalesce:
    counted = (
        Intervention.objects.visible_to(user)
        .open()
        .filter(member=OuterRef("pk"))
        .order_by()
        .values("member")
        .annotate(items=Count("pk"))
        .values("items")
    )
    return Coalesce(Subquery(counted, output_field=IntegerField()), 0)


@dataclass(frozen=True, kw_only=True)
class MilestoneReading:
    """A milestone on a day.

    ``expected_on`` is null while an open pause holds it off; ``achieved_on`` is null unless the
    milestone stands on that day. The due day itself is not overdue, and what does not gate
    never is, nor is it next. ``first_day`` is the plan-day first agreed, where that was another
    one; ``is_carried_over`` tells that it was reached in the version before.
    """

    milestone_id: int
    key: str
    position: int
    title: str
    weight: int
    expected_day: int
    expected_on: date | None
    expected_basis: str
    achieved_on: date | None
    evidence_source: str
    is_overdue: bool
    is_next: bool
    is_gating: bool
    is_carried_over: bool
    first_day: int | None


@dataclass(frozen=True, kw_only=True)
class VectorReading:
    """Where a member was on a day, as numbers and as a sentence to read aloud.

    ``vector`` is null without a plan in force that day; ``plan`` then is, too. ``milestones``
    are those that gate, in their order; ``ungated`` the others, which are told and not timed.
    ``baseline`` is null unless the version was re-planned.
    """

    as_of: date
    plan: Plan | None
    vector: engine.Vector | None
    state: State
    sentence: str
    milestones: tuple[MilestoneReading, ...]
    ungated: tuple[MilestoneReading, ...] = ()
    overlays: tuple[Overlay, ...] = ()
    baseline: Baseline | None = None
    blocker: accountability.Blocker | None = None


def vector_on(member: Member, *, as_of: date) -> VectorReading:
    """The Success Vector of one member on any day, from the plan in force then (DOMAIN 3).

    Computed from the evidence as it is known now; evidence dated after ``as_of`` is not seen.
    """
    plan = plan_on(member, as_of=as_of)
    if plan is not None:
        ordered = Prefetch("milestones", Milestone.objects.order_by("position"))
        prefetch_related_objects([plan], ordered, "pauses")
    confirmed_on = goal_confirmed_on(member, as_of=as_of)
    path = engine_plan(plan) if plan else None
    vector = engine.compute(path, as_of=as_of)
    if plan is None or path is None:
        return VectorReading(
            as_of=as_of,
            plan=plan,
            vector=None,
            state=State.NO_PLAN,
            sentence=wording.sentence(None),
            milestones=(),
            overlays=_overlays(None, as_of=as_of, confirmed_on=confirmed_on),
        )
    baseline = baseline_position(plan, as_of=as_of) if plan.baseline_id else None
    first_days = baseline.first_days if baseline else {}
    milestones = list(plan.milestones.all())
    readings = _readings(milestones, path=path, first_days=first_days, as_of=as_of)
    blocker = _blocker(vector, milestones=milestones)
    return VectorReading(
        as_of=as_of,
        plan=plan,
        vector=vector,
        state=State(engine.state_of(vector).lower()),
        sentence=wording.sentence(vector),
        milestones=tuple(reading for reading in readings if reading.is_gating),
        ungated=tuple(reading for reading in readings if not reading.is_gating),
        overlays=_overlays(
            vector,
            as_of=as_of,
            confirmed_on=confirmed_on,
            blocker=blocker,
            is_rebaselined=baseline is not None,
        ),
        baseline=baseline,
        blocker=blocker,
    )


def plan_on(member: Member, *, as_of: date) -> Plan | None:
    """The version of the member's plan that counts on a day; null where none does."""
    in_force = Q(closed_on=None) | Q(closed_on__gt=as_of)
    return member.plans.filter(in_force, counts_from__lte=as_of).first()


def goal_confirmed_on(member: Member, *, as_of: date) -> date | None:
    """The last day by ``as_of`` on which the primary Desired Outcome was said or confirmed.

    Null where none was in force that day (DOMAIN 2.2). One query, two for a day before the last
    confirmation.
    """
    lasting = Q(ended_on=None) | Q(ended_on__gt=as_of)
    outcome = (
        DesiredOutcome.objects.filter(lasting, member=member, is_primary=True)
        .filter(said_on__lte=as_of)
        .order_by("-confirmed_on")
        .first()
    )
    if outcome is None:
        return None
    if outcome.confirmed_on <= as_of:
        return outcome.confirmed_on
    known = outcome.confirmations.filter(on__lte=as_of).order_by("-on").first()
    return max(known.on, outcome.said_on) if known else outcome.said_on


def _overlays(
    vector: engine.Vector | None,
    *,
    as_of: date,
    confirmed_on: date | None,
    blocker: accountability.Blocker | None = None,
    is_rebaselined: bool = False,
) -> tuple[Overlay, ...]:
    return beside.overlays(
        on=as_of,
        blocker=blocker,
        goal_confirmed_on=confirmed_on,
        is_rebaselined=is_rebaselined,
        achieved_weight=vector.achieved_weight if vector else None,
        declared_weight=vector.declared_weight if vector else None,
        fit=vector.fit if vector else None,
    )


def _blocker(
    vector: engine.Vector | None, *, milestones: Sequence[Milestone]
) -> accountability.Blocker | None:
    """Who holds up the overdue milestone; null, and no query, while nothing is overdue."""
    if vector is None or vector.blocking is None:
        return None
    position = vector.blocking.position
    blocking = next(one for one in milestones if one.position == position)
    made = [
        accountability.Promise(
            side=accountability.Side(promise.side),
            due_on=promise.due_on,
            done_on=promise.done_on,
            waived=promise.waived_on is not None and promise.waived_on <= vector.as_of,
        )
        for promise in blocking.accountabilities.all()
    ]
    return accountability.blocker(made, on=vector.as_of)


def _readings(
    milestones: Sequence[Milestone],
    *,
    path: engine.Plan,
    first_days: Mapping[str, int],
    as_of: date,
) -> tuple[MilestoneReading, ...]:
    today = engine.plan_day(path, on=as_of)
    standing_since = {m.pk: _standing_since(m, as_of=as_of) for m in milestones}
    following = next(
        (m.pk for m in milestones if m.is_gating and standing_since[m.pk] is None), None
    )
    return tuple(
        MilestoneReading(
            milestone_id=milestone.pk,
            key=milestone.key,
            position=milestone.position,
            title=milestone.title,
            weight=milestone.weight,
            expected_day=milestone.expected_day,
            expected_on=_date_of(path, day=milestone.expected_day),
            expected_basis=milestone.expected_basis,
            achieved_on=achieved_on,
            evidence_source=milestone.evidence_source if achieved_on else "",
            is_overdue=milestone.is_gating
            and achieved_on is None
            and today > milestone.expected_day,
            is_next=milestone.pk == following,
            is_gating=milestone.is_gating,
            is_carried_over=milestone.is_carried_over,
            first_day=first_day if first_day != milestone.expected_day else None,
        )
        for milestone in milestones
        for achieved_on in [standing_since[milestone.pk]]
        for first_day in [first_days.get(milestone.key)]
    )


def _standing_since(milestone: Milestone, *, as_of: date) -> date | None:
    """Achieved, withdrawn, achieved …: it stands after an odd number of turns."""
    turns = [day for day in milestone.evidence_dates or () if day <= as_of]
    return turns[-1] if len(turns) % 2 else None


def _date_of(path: engine.Plan, *, day: int) -> date | None:
    """The first date on which the plan reads ``day``; each day moves it on by one at most."""
    on = path.anchor + timedelta(days=day)
    while missing := day - engine.plan_day(path, on=on):
        if any(pause.ends_on is None and pause.starts_on < on for pause in path.pauses):
            return None
        on += timedelta(days=missing)
    return on


def standing_on(member: Member, *, as_of: date) -> str:
    """The member's standing on any day, from the terms begun by then (DOMAIN 4.3)."""
    begun = Term.objects.filter(member=member, starts_on__lte=as_of)
    spans = [Span(term.starts_on, term.ends_on) for term in begun]
    grace_days = Association.current().grace_days
    return standing(spans, on=as_of, grace_days=grace_days).value


@dataclass(frozen=True, kw_only=True)
class Involved:
    """What a person, or the member as a whole, is involved in, and since when."""

    area: str
    subject: str
    since: date


@dataclass(frozen=True, kw_only=True)
class PersonRow:
    """Somebody at a member on a day; ``since`` is null for one known by involvement only."""

    person: Person
    title: str
    is_primary_contact: bool
    since: date | None
    involvements: tuple[Involved, ...]


def people(member: Member, *, as_of: date) -> list[PersonRow]:
    """Those at the member on a day with what they are involved in: main contact first, by name.

    Two queries, however many people.
    """
    affiliations = (
        Affiliation.objects.filter(_lasting(as_of), member=member)
        .select_related("person")
        .order_by("starts_on", "pk")
    )
    involvements = (
        Involvement.objects.filter(_lasting(as_of), member=member, person__isnull=False)
        .select_related("person")
        .order_by("area", "subject", "pk")
    )
    persons: dict[int, Person] = {}
    places: dict[int, Affiliation] = {}
    does: dict[int, list[Involved]] = {}
    for affiliation in affiliations:
        persons[affiliation.person_id] = affiliation.person
        held = places.get(affiliation.person_id)
        if held is None or (affiliation.is_primary_contact and not held.is_primary_contact):
            places[affiliation.person_id] = affiliation
    for involvement in involvements:
        person = involvement.person
        if person is not None:
            persons.setdefault(person.pk, person)
            does.setdefault(person.pk, []).append(_involved(involvement))
    rows = [
        PersonRow(
            person=person,
            title=place.title if place else "",
            is_primary_contact=place.is_primary_contact if place else False,
            since=place.starts_on if place else None,
            involvements=tuple(does.get(key, ())),
        )
        for key, person in persons.items()
        for place in [places.get(key)]
    ]
    return sorted(rows, key=lambda row: (not row.is_primary_contact, row.person.name))


def involvements_of_the_whole(member: Member, *, as_of: date) -> list[Involved]:
    """What the member is involved in as a whole, by nobody in particular, on a day."""
    lasting = Involvement.objects.filter(_lasting(as_of), member=member, person=None)
    return [_involved(each) for each in lasting.order_by("area", "subject", "pk")]


def _involved(involvement: Involvement) -> Involved:
    return Involved(
        area=involvement.area, subject=involvement.subject, since=involvement.starts_on
    )


def _lasting(as_of: date) -> Q:
    return Q(starts_on__lte=as_of) & (Q(ends_on=None) | Q(ends_on__gt=as_of))


@dataclass(frozen=True, kw_only=True)
class PromiseRow:
    """A promise on a day; ``days_late`` is 0 unless it is open and past its day."""

    side: Side
    title: str
    by: str
    due_on: date
    done_on: date | None
    is_waived: bool
    days_late: int
    is_simulated: bool

    @property
    def is_open(self) -> bool:
        return self.done_on is None and not self.is_waived


def promises(plan: Plan | None, *, as_of: date) -> list[PromiseRow]:
    """The promises of both sides on a plan: late ones first, then open, then done ones.

    What was done or waived after ``as_of`` is still open on it. Without a plan there are none.
    """
    if plan is None:
        return []
    made = plan.accountabilities.select_related("owner", "person").order_by("due_on", "pk")
    rows = [_promise(promise, as_of=as_of) for promise in made]
    return sorted(rows, key=lambda row: (not row.days_late, not row.is_open, row.due_on))


def _promise(promise: Accountability, *, as_of: date) -> PromiseRow:
    done = promise.done_on if promise.done_on and promise.done_on <= as_of else None
    waived = promise.waived_on is not None and promise.waived_on <= as_of
    is_open = done is None and not waived
    who = promise.owner or promise.person
    return PromiseRow(
        side=Side(promise.side),
        title=promise.title,
        by=who.name if who else "",
        due_on=promise.due_on,
        done_on=done,
        is_waived=waived,
        days_late=max((as_of - promise.due_on).days, 0) if is_open else 0,
        is_simulated=promise.is_simulated,
    )
