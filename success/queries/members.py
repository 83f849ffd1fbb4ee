"""Members as lists and their page show them: where each stands, and how it came about."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from django.db.models import (
    Case,
    Count,
    F,
    Func,
    IntegerField,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Value,
    When,
)
from django.db.models.functions import Coalesce

from engagement.models import Involvement
from members.engine.standing import Span, standing
from members.models import Affiliation, Association, Member, Person, Term, User
from success.engine import vector as engine
from success.engine import wording
from success.enums import Side, State
from success.models import (
    Accountability,
    Intervention,
    Milestone,
    Plan,
)

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
    without a plan) and ``open_items`` (those of the queue that ``user`` may see). A member that
    no night has seen yet has no ``known``. One query, however many rows.
    """
    return (
        Member.objects.visible_to(user)
        .select_related("known__segment", "known__owner", "known__next_milestone")
        .annotate(days_ahead=_days_ahead(as_of=as_of), open_items=_open_items(user))
    )


def member_detail(user: User, public_id: uuid.UUID | str, *, as_of: date) -> Member:
    """One member as ``member_list`` has them; ``Member.DoesNotExist`` where not to be seen."""
    return member_list(user, as_of=as_of).get(public_id=public_id)


def _days_ahead(*, as_of: date) -> Case:
    """Position on the plan: the clock runs with the calendar unless it is held on a day."""
    held = Func(
        F("known__held_on"),
        Value(as_of),
        template="(%(expressions)s)",
        arg_joiner=" - ",
        output_field=IntegerField(),
    )
    return Case(
        When(Q(known__isnull=True) | Q(known__state=State.NO_PLAN), then=Value(None)),
        When(known__held_on__isnull=True, then=Value(0)),
        default=held,
        output_field=IntegerField(),
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
    milestone stands on that day. The due day itself is not overdue.
    """

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


@dataclass(frozen=True, kw_only=True)
class VectorReading:
    """Where a member was on a day, as numbers and as a sentence to read aloud.

    ``vector`` is null without a plan in force that day; ``plan`` then is, too.
    """

    as_of: date
    plan: Plan | None
    vector: engine.Vector | None
    state: State
    sentence: str
    milestones: tuple[MilestoneReading, ...]


def vector_on(member: Member, *, as_of: date) -> VectorReading:
    """The Success Vector of one member on any day, from the plan in force then (DOMAIN 3).

    Computed from the evidence as it is known now; evidence dated after ``as_of`` is not seen.
    """
    plan = plan_on(member, as_of=as_of)
    milestones = list(plan.milestones.order_by("position")) if plan else []
    if plan is None or not milestones:
        return VectorReading(
            as_of=as_of,
            plan=plan,
            vector=None,
            state=State.NO_PLAN,
            sentence=wording.sentence(None),
            milestones=(),
        )
    path = engine.Plan(
        anchor=plan.anchor_on,
        milestones=tuple(
            engine.GatingMilestone(
                position=milestone.position,
                expected_day=milestone.expected_day,
                weight=milestone.weight,
                evidence_dates=tuple(milestone.evidence_dates or ()),
            )
            for milestone in milestones
        ),
        pauses=tuple(engine.Pause(p.starts_on, p.ends_on) for p in plan.pauses.all()),
    )
    vector = engine.compute(path, as_of=as_of)
    return VectorReading(
        as_of=as_of,
        plan=plan,
        vector=vector,
        state=State(engine.state_of(vector).lower()),
        sentence=wording.sentence(vector),
        milestones=_readings(milestones, path=path, as_of=as_of),
    )


def plan_on(member: Member, *, as_of: date) -> Plan | None:
    """The version of the member's plan that counts on a day; null where none does."""
    in_force = Q(closed_on=None) | Q(closed_on__gt=as_of)
    return member.plans.filter(in_force, counts_from__lte=as_of).first()


def _readings(
    milestones: Sequence[Milestone], *, path: engine.Plan, as_of: date
) -> tuple[MilestoneReading, ...]:
    today = engine.plan_day(path, on=as_of)
    standing_since = {m.pk: _standing_since(m, as_of=as_of) for m in milestones}
    following = next((m.pk for m in milestones if standing_since[m.pk] is None), None)
    return tuple(
        MilestoneReading(
            position=milestone.position,
            title=milestone.title,
            weight=milestone.weight,
            expected_day=milestone.expected_day,
            expected_on=_date_of(path, day=milestone.expected_day),
            expected_basis=milestone.expected_basis,
            achieved_on=achieved_on,
            evidence_source=milestone.evidence_source if achieved_on else "",
            is_overdue=achieved_on is None and today > milestone.expected_day,
            is_next=milestone.pk == following,
        )
        for milestone in milestones
        for achieved_on in [standing_since[milestone.pk]]
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
