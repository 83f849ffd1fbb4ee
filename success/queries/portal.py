"""What a member sees of themselves: the goal, the way, both sides' promises. No judgement."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from uuid import UUID

from django.db.models import Case, Min, Q, QuerySet, When

from config.kernel.road import Road, Station
from coverage.models import Assignment
from engagement.models import Fact
from members.enums import PortalRole, Role
from members.models import Member, Term, User
from success.engine.vector import Vector
from success.enums import Answer, AskStatus, EvidenceSource, ExpectedBasis, ReviewStatus, Side
from success.models import (
    Accountability,
    Ask,
    Declaration,
    DesiredOutcome,
    GapAnswer,
    GoalChange,
    Helpfulness,
    Milestone,
    MilestoneEvent,
    Plan,
    PlanPause,
    Review,
)
from success.queries.members import VectorReading, vector_on

FIRST_DAYS = (30, 60, 90)
FACTS_SHOWN = 8
DAYS_A_MONTH = 30.44
SOON = timedelta(days=14)  # a promise due by then comes before the milestone
TALK_WITHIN = timedelta(days=14)  # until the first goal, and the next one, is agreed
ASK_AGAIN_AFTER = timedelta(days=30)  # “are you getting closer to your goal?”
ANSWERS_SHOWN_FOR = timedelta(days=30)


@dataclass(frozen=True, kw_only=True)
class MyPromise:
    """A promise on a day; ``days_late`` is 0 unless it is open and past its day.

    ``leads_to`` is the title of its milestone, blank for none. ``helped`` is what the reader
    said of it, null while they have not.
    """

    public_id: UUID
    is_ours: bool
    title: str
    who: str
    leads_to: str
    due_on: date
    done_on: date | None
    evidence: str
    days_late: int
    helped: bool | None
    words: str
    is_simulated: bool


@dataclass(frozen=True, kw_only=True)
class MyMilestone:
    """A point on the way as the member reads it.

    ``usually_by`` is null while the plan is paused; ``usually_after`` are the days from the
    start, to be said once that day is past. ``is_seen_in_records``: the records show it by
    themselves, nobody needs to report it. ``is_from_members``: the day is what comparable
    members took, not an estimate. ``said`` is the newest word of the member about it.
    """

    key: str
    title: str
    expectation: str
    is_gating: bool
    is_next: bool
    is_seen_in_records: bool
    is_from_members: bool
    usually_by: date | None
    usually_after: int
    is_past: bool
    reached_on: date | None
    what_changed: str
    said: Declaration | None

    @property
    def is_reached(self) -> bool:
        return self.reached_on is not None

    @property
    def is_waiting(self) -> bool:
        """Said to be done, and not answered yet."""
        return self.said is not None and self.said.status == Answer.WAITING

    @property
    def is_declined(self) -> bool:
        return self.said is not None and self.said.status == Answer.DECLINED

    @property
    def usually_after_months(self) -> int:
        """The days from the start in whole months, for what is long."""
        return round(self.usually_after / DAYS_A_MONTH)


@dataclass(frozen=True, kw_only=True)
class NextThing:
    """The one thing to do now: a promise of the member's, or else the next milestone."""

    promise: MyPromise | None = None
    milestone: MyMilestone | None = None


@dataclass(frozen=True, kw_only=True)
class FirstDays:
    """What happens in one of the first three months; ``until`` is its last day.

    ``words`` are what was said at the start; blank where nothing was.
    """

    days: int
    until: date
    words: str
    milestones: tuple[str, ...]
    ours: tuple[MyPromise, ...]
    theirs: tuple[MyPromise, ...]

    @property
    def is_empty(self) -> bool:
        return not (self.words or self.milestones or self.ours or self.theirs)


@dataclass(frozen=True, kw_only=True)
class Talk:
    """A talk that we owe, about the first goal or the next; ``days_late`` is 0 until then."""

    by: date
    days_late: int


@dataclass(frozen=True, kw_only=True)
class Speakers:
    """Who looks after the member, and who speaks for it."""

    owner: User | None
    leads: tuple[User, ...]

    @property
    def lead_names(self) -> tuple[str, ...]:
        return tuple(lead.name for lead in self.leads)


@dataclass(frozen=True, kw_only=True)
class MyPath:
    """A member's own page as of a day; ``plan`` and ``road`` are null without a plan.

    ``outcome`` is null where the goal came with the plan and nobody has said it yet.
    ``goal_change`` waits for an answer, or was answered in the last thirty days.
    ``finished_on`` is the day the last milestone was reached; ``talk`` the talk we then owe.
    """

    member: Member
    as_of: date
    plan: Plan | None
    outcome: DesiredOutcome | None
    other_goals: tuple[DesiredOutcome, ...]
    goal_change: GoalChange | None
    road: Road | None
    milestones: tuple[MyMilestone, ...]
    next: NextThing
    pause: PlanPause | None
    finished_on: date | None
    talk: Talk | None
    ours: tuple[MyPromise, ...]
    theirs: tuple[MyPromise, ...]
    asks: tuple[Ask, ...]
    review: Review | None
    is_time_to_ask: bool
    people: Speakers
    first_days: tuple[FirstDays, ...]
    facts: tuple[Fact, ...] = field(default=())
    fact_count: int = 0

    @property
    def goal(self) -> str:
        if self.outcome is not None:
            return self.outcome.goal
        return self.plan.goal if self.plan else ""

    @property
    def is_confirmed_today(self) -> bool:
        return self.outcome is not None and self.outcome.confirmed_on >= self.as_of

    @property
    def changes(self) -> tuple[MyMilestone, ...]:
        """The milestones that stand and of which it was said what changed, the latest first."""
        standing = [one for one in self.milestones if one.what_changed]
        return tuple(sorted(standing, key=lambda one: str(one.reached_on), reverse=True))


def my_path(member: Member, *, reader: User, as_of: date) -> MyPath:
    """The page of one member, worked out from the evidence as it is known now.

    ``first_days`` is empty once the plan is ninety days old. ``facts`` are the newest of those
    that milestones of the plan count, or of all without a plan. A fixed number of queries,
    however long the way (DOMAIN 2.6).
    """
    reading = vector_on(member, as_of=as_of)
    plan = reading.plan
    rows = list(plan.milestones.order_by("position")) if plan else []
    promised = my_promises(member, plan=plan, reader=reader, as_of=as_of)
    ours = tuple(row for row in promised if row.is_ours)
    theirs = tuple(row for row in promised if not row.is_ours)
    pause = _pause(plan, as_of=as_of)
    milestones = _milestones(reading, rows=rows, is_paused=pause is not None)
    finished_on = _finished_on(milestones)
    outcomes = list(
        member.outcomes.filter(ended_on=None).select_related("said_by").order_by("pk")
    )
    facts = _facts(member, areas=_areas(row.evidence_rule for row in rows), as_of=as_of)
    return MyPath(
        member=member,
        as_of=as_of,
        plan=plan,
        outcome=next((one for one in outcomes if one.is_primary), None) if plan else None,
        other_goals=tuple(one for one in outcomes if not one.is_primary),
        goal_change=_goal_change(member, as_of=as_of),
        road=_road(reading, rows=rows),
        milestones=milestones,
        next=_next(milestones, theirs=theirs, as_of=as_of),
        pause=pause,
        finished_on=finished_on,
        talk=_talk(member, plan=plan, finished_on=finished_on, as_of=as_of),
        ours=ours,
        theirs=theirs,
        asks=my_asks(plan),
        review=next_review(member),
        is_time_to_ask=is_time_to_ask(member, plan=plan, as_of=as_of),
        people=speakers(member),
        first_days=_first_days(reading, milestones=milestones, ours=ours, theirs=theirs),
        facts=tuple(facts.select_related("person")[:FACTS_SHOWN]),
        fact_count=facts.count(),
    )


def my_milestone(member: Member, *, key: str, as_of: date) -> MyMilestone | None:
    """One milestone of the plan in force; null where there is none of that key."""
    reading = vector_on(member, as_of=as_of)
    rows = list(reading.plan.milestones.order_by("position")) if reading.plan else []
    is_paused = _pause(reading.plan, as_of=as_of) is not None
    found = _milestones(reading, rows=rows, is_paused=is_paused)
    return next((one for one in found if one.key == key), None)


def my_promises(
    member: Member, *, plan: Plan | None, reader: User, as_of: date
) -> tuple[MyPromise, ...]:
    """The promises of both sides: late ones first, then open, then done ones, newest first.

    Open ones are those of ``plan``, the version in force; what was done stays to be seen from
    one version to the next. Waived ones are left out; what was done after ``as_of`` is still
    open on it. Two queries.
    """
    binding = Q(waived_on=None) | Q(waived_on__gt=as_of)
    made = list(
        Accountability.objects.filter(
            binding, Q(plan=plan) | Q(done_on__lte=as_of), plan__member=member
        )
        .select_related("owner", "person", "milestone")
        .order_by("due_on", "pk")
    )
    judged = {
        said.accountability_id: said
        for said in Helpfulness.objects.filter(accountability__plan__member=member, by=reader)
    }
    rows = [_promise(one, said=judged.get(one.pk), as_of=as_of) for one in made]
    still = [row for row in rows if row.done_on is None]
    done = [row for row in rows if row.done_on is not None]
    still.sort(key=lambda row: (not row.days_late, row.due_on))
    done.sort(key=lambda row: str(row.done_on), reverse=True)
    return (*still, *done)


def my_asks(plan: Plan | None) -> tuple[Ask, ...]:
    """What was announced or asked and is not done with, in the order of the path."""
    if plan is None:
        return ()
    open_ = plan.asks.filter(status__in=[AskStatus.ANNOUNCED, AskStatus.ASKED])
    return tuple(
        open_.select_related("milestone", "offer").order_by("milestone__position", "kind")
    )


def next_review(member: Member) -> Review | None:
    """The review ahead with its organiser; null where none is agreed."""
    ahead = member.reviews.filter(status=ReviewStatus.SCHEDULED)
    return ahead.select_related("organiser").order_by("starts_at").first()


def is_time_to_ask(member: Member, *, plan: Plan | None, as_of: date) -> bool:
    """Whether to ask if the goal comes closer: with a plan, and once in thirty days."""
    if plan is None:
        return False
    lately = GapAnswer.objects.filter(member=member, on__gt=as_of - ASK_AGAIN_AFTER)
    return not lately.exists()


def speakers(member: Member) -> Speakers:
    """Who looks after a member, and its log-ins that speak for it, by name."""
    assignment = Assignment.objects.filter(member=member).select_related("owner").first()
    leads = member.users.filter(
        role=Role.MEMBER, portal_role=PortalRole.LEAD, is_active=True
    ).order_by("name", "pk")
    return Speakers(owner=assignment.owner if assignment else None, leads=tuple(leads))


def colleagues(member: Member) -> "QuerySet[User]":
    """Everybody of a member who may log in: those who speak for it first, then by name."""
    found = member.users.filter(role=Role.MEMBER, is_active=True)
    return found.alias(
        place=Case(
            When(portal_role=PortalRole.LEAD, then=0),
            When(portal_role=PortalRole.CONTRIBUTOR, then=1),
            default=2,
        )
    ).order_by("place", "name", "pk")


def _promise(one: Accountability, *, said: Helpfulness | None, as_of: date) -> MyPromise:
    done = one.done_on if one.done_on and one.done_on <= as_of else None
    who = one.owner or one.person
    return MyPromise(
        public_id=one.public_id,
        is_ours=one.side == Side.ASSOCIATION,
        title=one.title,
        who=who.name if who else "",
        leads_to=one.milestone.title if one.milestone else "",
        due_on=one.due_on,
        done_on=done,
        evidence=one.evidence if done else "",
        days_late=0 if done else max((as_of - one.due_on).days, 0),
        helped=said.helped if said else None,
        words=said.words if said else "",
        is_simulated=one.is_simulated,
    )


def _goal_change(member: Member, *, as_of: date) -> GoalChange | None:
    """The one that waits, or the last that was answered lately."""
    lately = as_of - ANSWERS_SHOWN_FOR
    shown = Q(status=Answer.WAITING) | Q(
        status__in=[Answer.CONFIRMED, Answer.DECLINED], answered_at__date__gt=lately
    )
    return (
        member.goal_changes.filter(shown)
        .select_related("by", "answered_by")
        .order_by("-at", "-pk")
        .first()
    )


def _pause(plan: Plan | None, *, as_of: date) -> PlanPause | None:
    if plan is None:
        return None
    running = Q(ends_on=None) | Q(ends_on__gt=as_of)
    return plan.pauses.filter(running, starts_on__lte=as_of).order_by("starts_on").first()


def _milestones(
    reading: VectorReading, *, rows: Sequence[Milestone], is_paused: bool
) -> tuple[MyMilestone, ...]:
    """All of them in the order of the path; next is the first that gates and is not there."""
    if reading.plan is None:
        return ()
    by_position = {one.position: one for one in reading.milestones}
    changed = _what_changed(reading)
    said = {
        declaration.milestone_id: declaration
        for declaration in Declaration.objects.filter(milestone__plan=reading.plan)
        .exclude(status=Answer.WITHDRAWN)
        .select_related("by", "answered_by")
        .order_by("at", "pk")
    }
    following = next(
        (
            row.position
            for row in rows
            if row.is_gating and _standing_since(row, as_of=reading.as_of) is None
        ),
        None,
    )
    found = []
    for row in rows:
        read = by_position.get(row.position)
        usually_by = read.expected_on if read and not is_paused else None
        reached_on = _standing_since(row, as_of=reading.as_of)
        found.append(
            MyMilestone(
                key=row.key,
                title=row.title,
                expectation=row.expectation,
                is_gating=row.is_gating,
                is_next=row.position == following,
                is_seen_in_records=row.evidence_kind == EvidenceSource.DERIVED,
                is_from_members=row.expected_basis == ExpectedBasis.COHORT,
                usually_by=usually_by,
                usually_after=row.expected_day,
                is_past=usually_by is not None and usually_by < reading.as_of,
                reached_on=reached_on,
                what_changed=changed.get(row.pk, "") if reached_on else "",
                said=said.get(row.pk),
            )
        )
    return tuple(found)


def _standing_since(milestone: Milestone, *, as_of: date) -> date | None:
    """Reached, withdrawn, reached …: it stands after an odd number of turns."""
    turns = [day for day in milestone.evidence_dates or () if day <= as_of]
    return turns[-1] if len(turns) % 2 else None


def _what_changed(reading: VectorReading) -> dict[int, str]:
    """What was last said to have changed, by milestone."""
    events = MilestoneEvent.objects.filter(
        milestone__plan=reading.plan, achieved=True, on__lte=reading.as_of
    ).exclude(what_changed="")
    return dict(events.order_by("on", "pk").values_list("milestone_id", "what_changed"))


def _next(
    milestones: Sequence[MyMilestone], *, theirs: Sequence[MyPromise], as_of: date
) -> NextThing:
    """A promise of theirs that is due soon; else the next milestone not yet said to be done."""
    ahead = next((one for one in milestones if one.is_next), None)
    upcoming = next(
        (
            one
            for one in milestones
            if one.is_gating and not one.is_reached and not one.is_waiting
        ),
        ahead,
    )
    due = next((row for row in theirs if row.done_on is None), None)
    if due is not None and due.due_on <= as_of + SOON:
        return NextThing(promise=due, milestone=upcoming)
    return NextThing(milestone=upcoming)


def _finished_on(milestones: Sequence[MyMilestone]) -> date | None:
    """The day the last gating milestone was reached; null while one is not, or without any."""
    days = [one.reached_on for one in milestones if one.is_gating]
    reached = [day for day in days if day is not None]
    return max(reached) if reached and len(reached) == len(days) else None


def _talk(
    member: Member, *, plan: Plan | None, finished_on: date | None, as_of: date
) -> Talk | None:
    """The talk that we owe: about the next goal, or about the first (DOMAIN 2.2)."""
    if plan is not None and finished_on is None:
        return None
    if finished_on is not None:
        by = finished_on + TALK_WITHIN
    else:
        terms = Term.objects.filter(member=member, starts_on__lte=as_of)
        joined = terms.aggregate(first=Min("starts_on"))["first"]
        if joined is None:
            return None
        by = joined + TALK_WITHIN
    return Talk(by=by, days_late=max((as_of - by).days, 0))


def _road(reading: VectorReading, *, rows: Sequence[Milestone]) -> Road | None:
    """The road without days: milestones expected on one day stand a day apart, to be seen."""
    vector = reading.vector
    if vector is None:
        return None
    gating = {row.position for row in rows if row.is_gating}
    stations: list[Station] = []
    last = -1
    for milestone in sorted(reading.milestones, key=lambda one: one.expected_day):
        if milestone.position not in gating:
            continue
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
    reading: VectorReading,
    *,
    milestones: Sequence[MyMilestone],
    ours: Sequence[MyPromise],
    theirs: Sequence[MyPromise],
) -> tuple[FirstDays, ...]:
    vector: Vector | None = reading.vector
    plan = reading.plan
    if vector is None or plan is None or vector.plan_day >= FIRST_DAYS[-1]:
        return ()
    said = (plan.first_30, plan.first_60, plan.first_90)
    months = []
    begin = -1
    for days, words in zip(FIRST_DAYS, said, strict=True):
        first = plan.anchor_on + timedelta(days=begin + 1)
        until = plan.anchor_on + timedelta(days=days)
        months.append(
            FirstDays(
                days=days,
                until=until,
                words=words,
                milestones=tuple(
                    one.title for one in milestones if begin < one.usually_after <= days
                ),
                ours=tuple(row for row in ours if first <= row.due_on <= until),
                theirs=tuple(row for row in theirs if first <= row.due_on <= until),
            )
        )
        begin = days
    return tuple(months)
