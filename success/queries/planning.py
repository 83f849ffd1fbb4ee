"""What the pages of plans need: what a plan may name, what it would hide, what waits for us."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from coverage.models import Assignment
from members.enums import Role
from members.models import AuditEntry, Member, Person, User
from success.engine.planning import PlannedPath, is_stale
from success.enums import Advocacy, Answer, EvidenceSource
from success.models import (
    Accountability,
    Declaration,
    DesiredOutcome,
    GoalChange,
    Helpfulness,
    Milestone,
    MilestoneEvent,
    Offer,
    Plan,
    PlanDraft,
    PlanTemplate,
    TemplateMilestone,
)
from success.queries.members import VectorReading, people
from success.queries.plans import stands

# --- what a plan may name ---------------------------------------------------------------------


def people_of(member: Member, *, as_of: date) -> list[tuple[str, str]]:
    """The member's people on a day as (public id, name and title), main contact first."""
    return [
        (
            str(row.person.public_id),
            f"{row.person.name}, {row.title}" if row.title else row.person.name,
        )
        for row in people(member, as_of=as_of)
    ]


def person_of(member: Member, *, public_id: str, as_of: date) -> Person | None:
    """One of the member's people on a day by their public id; null where none has it."""
    found = (row.person for row in people(member, as_of=as_of))
    return next((each for each in found if str(each.public_id) == public_id), None)


def team() -> list[tuple[str, str]]:
    """Those at the association who may keep a promise, as (public id, name), by name."""
    staff = User.objects.filter(
        role__in=[Role.MSM, Role.DIRECTOR, Role.OPERATIONS], is_active=True
    )
    return [(str(each.public_id), each.name) for each in staff.order_by("name", "pk")]


def offers() -> list[tuple[str, str]]:
    """The offers that a milestone may open, as (key, title), by title."""
    return list(
        Offer.objects.filter(is_retired=False).order_by("title").values_list("key", "title")
    )


def known_rules() -> list[dict[str, Any]]:
    """The evidence rules that templates use, each once, in the order they came up."""
    seen: dict[str, dict[str, Any]] = {}
    rules = TemplateMilestone.objects.exclude(evidence_rule={}).order_by("pk")
    for rule in rules.values_list("evidence_rule", flat=True):
        seen.setdefault(repr(sorted(rule.items())), rule)
    return list(seen.values())


def rule_in_words(rule: Mapping[str, Any]) -> str:
    """An evidence rule as a sentence about the records; blank for no rule.

    The rules are those of ``rollups.milestones``.
    """
    areas = _(" or ").join(str(area).replace("_", " ") for area in rule.get("areas", ()))
    count = rule.get("count", 1)
    match rule.get("rule"):
        case "first":
            return _("The records show the first %(areas)s") % {"areas": areas}
        case "subjects":
            return ngettext(
                "The records show %(areas)s in %(count)s place",
                "The records show %(areas)s in %(count)s places",
                count,
            ) % {"areas": areas, "count": count}
        case "peers":
            return ngettext(
                "The records show %(areas)s beside people of %(count)s other member",
                "The records show %(areas)s beside people of %(count)s other members",
                count,
            ) % {"areas": areas, "count": count}
        case "kept":
            days = rule.get("days", 0)
            return _("The records show %(areas)s kept up for %(days)s days") % {
                "areas": areas,
                "days": days,
            }
        case None:
            return ""
        case other:
            return _("The records: %(rule)s") % {"rule": other}


def evidence_in_words(milestone: Milestone) -> str:
    """How both sides will know that a milestone is reached, as a sentence."""
    if milestone.evidence_kind == EvidenceSource.DERIVED:
        return rule_in_words(milestone.evidence_rule)
    if milestone.evidence_kind == EvidenceSource.DECLARED:
        return _("One side says so, and that is enough")
    return _("One side says so, the other confirms")


@dataclass(frozen=True, kw_only=True)
class TemplateRow:
    """A template to start from; ``fits`` says in words why it suits the member."""

    template: PlanTemplate
    milestones: int
    last_day: int
    fits: tuple[str, ...]
    is_for_them: bool


def templates_for(member: Member, *, on: date) -> list[TemplateRow]:
    """Every template still offered on a day, those that fit the member first.

    One that is for members of their kind and not for another segment fits; one for their
    segment comes before. Two queries.
    """
    assignment = Assignment.objects.filter(member=member).select_related("segment").first()
    segment_id = assignment.segment_id if assignment else None
    offered = (
        PlanTemplate.objects.exclude(retired_on__lte=on)
        .select_related("segment")
        .prefetch_related("milestones")
        .order_by("title", "pk")
    )
    rows = []
    for template in offered:
        same_kind = template.audience == member.kind
        same_segment = template.segment_id is not None and template.segment_id == segment_id
        fits = [str(template.get_audience_display())]
        if template.persona:
            fits.append(template.persona)
        if template.segment is not None:
            fits.append(template.segment.name)
        days = [each.expected_day for each in template.milestones.all()]
        rows.append(
            TemplateRow(
                template=template,
                milestones=len(days),
                last_day=max(days, default=0),
                fits=tuple(fits),
                is_for_them=same_kind and (template.segment_id is None or same_segment),
            )
        )
    return sorted(
        rows,
        key=lambda row: (not row.is_for_them, row.template.segment_id != segment_id),
    )


# --- outcomes ---------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class OutcomeReading:
    """A Desired Outcome on a day, and how long ago somebody said that it holds (DOMAIN 2.2)."""

    outcome: DesiredOutcome
    days_since: int
    is_stale: bool


@dataclass(frozen=True, kw_only=True)
class Outcomes:
    """What a member wants on a day; ``primary`` is null where nobody has said it."""

    primary: OutcomeReading | None
    secondary: tuple[OutcomeReading, ...]
    earlier: tuple[DesiredOutcome, ...]
    change: GoalChange | None


def outcomes_of(member: Member, *, as_of: date) -> Outcomes:
    """The Desired Outcomes of a member on a day, with the versions before; two queries."""
    said = (
        member.outcomes.filter(said_on__lte=as_of)
        .select_related("said_by", "recorded_by")
        .order_by("-version")
    )
    holding = [each for each in said if each.ended_on is None or each.ended_on > as_of]
    readings = [
        OutcomeReading(
            outcome=each,
            days_since=max((as_of - each.confirmed_on).days, 0),
            is_stale=is_stale(each.confirmed_on, as_of=as_of),
        )
        for each in holding
    ]
    return Outcomes(
        primary=next((each for each in readings if each.outcome.is_primary), None),
        secondary=tuple(each for each in readings if not each.outcome.is_primary),
        earlier=tuple(each for each in said if each not in holding),
        change=GoalChange.objects.filter(member=member, status=Answer.WAITING)
        .select_related("by")
        .first(),
    )


# --- what a new version changes ---------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class DayMoved:
    """A milestone whose expected day is moved; ``later`` is negative where it comes sooner."""

    title: str
    before: int
    after: int

    @property
    def later(self) -> int:
        return self.after - self.before


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """A plan as it would be beside the plan in force.

    ``carried`` are milestones reached that the new plan keeps as reached, ``kept`` those it
    keeps open, ``added`` and ``left_out`` those only one of them has. ``late_now`` is how many
    milestones are past their day today, ``late_then`` how many would be: what moving hides.
    """

    moved: tuple[DayMoved, ...]
    carried: tuple[str, ...]
    kept: tuple[str, ...]
    added: tuple[str, ...]
    left_out: tuple[str, ...]
    late_now: tuple[str, ...]
    late_then: tuple[str, ...]

    @property
    def hidden(self) -> tuple[str, ...]:
        """The milestones that are late today and would be no more."""
        return tuple(each for each in self.late_now if each not in self.late_then)


def compare(plan: Plan, path: PlannedPath, *, anchor_on: date, on: date) -> Comparison:
    """What ``path``, anchored on a day, changes of the plan in force as it is ``on`` a day.

    Days are compared without pauses. One query (DOMAIN 2.2, 3, SV7).
    """
    today = (on - plan.anchor_on).days
    then = (on - anchor_on).days
    now = {each.key: each for each in plan.milestones.order_by("position")}
    planned = {each.key: each for each in path.milestones}
    reached = {key for key, each in now.items() if stands(each, on=on)}
    return Comparison(
        moved=tuple(
            DayMoved(title=each.title, before=now[key].expected_day, after=each.expected_day)
            for key, each in planned.items()
            if key in now and now[key].expected_day != each.expected_day
        ),
        carried=tuple(each.title for key, each in planned.items() if key in reached),
        kept=tuple(
            each.title for key, each in planned.items() if key in now and key not in reached
        ),
        added=tuple(each.title for key, each in planned.items() if key not in now),
        left_out=tuple(each.title for key, each in now.items() if key not in planned),
        late_now=tuple(
            each.title
            for key, each in now.items()
            if key not in reached and each.is_gating and each.expected_day < today
        ),
        late_then=tuple(
            each.title
            for key, each in planned.items()
            if key not in reached and each.is_gating and each.expected_day < then
        ),
    )


# --- what waits for us ------------------------------------------------------------------------


def waiting_declarations(user: User) -> "QuerySet[Declaration]":
    """Declarations of members ``user`` may see that wait for the other side."""
    return Declaration.objects.filter(
        status=Answer.WAITING,
        milestone__plan__closed_on=None,
        milestone__plan__member__in=Member.objects.visible_to(user),
    ).select_related("milestone__plan__member", "by")


def waiting_goal_changes(user: User) -> "QuerySet[GoalChange]":
    """Changed goals of members ``user`` may see that nobody has answered."""
    return GoalChange.objects.filter(
        status=Answer.WAITING, member__in=Member.objects.visible_to(user)
    ).select_related("member", "by")


def open_drafts(user: User) -> "QuerySet[PlanDraft]":
    """Plans that are being written for members ``user`` may see."""
    return PlanDraft.objects.filter(
        agreed_at=None, dropped_at=None, member__in=Member.objects.visible_to(user)
    ).select_related("member", "by")


def trail(member: Member) -> "QuerySet[AuditEntry]":
    """Everything that was changed about a member, with who did it."""
    return AuditEntry.objects.filter(member=member).select_related("by")


# --- what stands on the member's page ---------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class MilestoneRow:
    """A milestone of the plan in force on a day.

    ``expected_on`` is null while a pause holds it off; ``achieved_on`` unless it stands that
    day. ``waiting`` is the declaration that waits for an answer; ``what_changed`` what was last
    said to have changed; ``known_by`` says in words how both sides know, or will.
    """

    milestone: Milestone
    expected_on: date | None
    achieved_on: date | None
    is_overdue: bool
    known_by: str
    what_changed: str
    waiting: Declaration | None
    latest: Declaration | None


def milestone_rows(reading: VectorReading) -> list[MilestoneRow]:
    """The milestones of the plan that a reading is of, those that gate first; three queries."""
    plan, as_of = reading.plan, reading.as_of
    if plan is None:
        return []
    days = {each.position: each for each in reading.milestones}
    said: dict[int, str] = {}
    events = MilestoneEvent.objects.filter(
        milestone__plan=plan, achieved=True, on__lte=as_of
    ).exclude(what_changed="")
    for event in events.order_by("on", "pk"):
        said[event.milestone_id] = event.what_changed
    waiting: dict[int, Declaration] = {}
    latest: dict[int, Declaration] = {}
    declared = Declaration.objects.filter(milestone__plan=plan).select_related("by")
    for declaration in declared.order_by("at", "pk"):
        latest[declaration.milestone_id] = declaration
        if declaration.status == Answer.WAITING:
            waiting[declaration.milestone_id] = declaration
    rows = []
    for each in plan.milestones.order_by("position"):
        turns = [day for day in each.evidence_dates or () if day <= as_of]
        known = days.get(each.position)
        expected_on = (
            known.expected_on if known else plan.anchor_on + timedelta(days=each.expected_day)
        )
        achieved_on = turns[-1] if len(turns) % 2 else None
        rows.append(
            MilestoneRow(
                milestone=each,
                expected_on=expected_on,
                achieved_on=achieved_on,
                is_overdue=each.is_gating
                and achieved_on is None
                and expected_on is not None
                and expected_on < as_of,
                known_by=evidence_in_words(each)
                if achieved_on is None
                else str(EvidenceSource(each.evidence_source or each.evidence_kind).label),
                what_changed=said.get(each.pk, ""),
                waiting=waiting.get(each.pk),
                latest=latest.get(each.pk),
            )
        )
    return rows


@dataclass(frozen=True, kw_only=True)
class PromiseRow:
    """A promise on a day; ``days_late`` is 0 unless it is open and past its day."""

    promise: Accountability
    who: str
    leads_to: str
    done_on: date | None
    waived_on: date | None
    days_late: int
    helped: Helpfulness | None

    @property
    def is_open(self) -> bool:
        return self.done_on is None and self.waived_on is None


def promise_rows(plan: Plan | None, *, as_of: date) -> list[PromiseRow]:
    """The promises of both sides on a plan: late ones first, then open, then settled ones.

    What was done or waived after ``as_of`` is still open on it. Two queries.
    """
    if plan is None:
        return []
    made = plan.accountabilities.select_related("owner", "person", "milestone", "waived_by")
    helped = {
        said.accountability_id: said
        for said in Helpfulness.objects.filter(accountability__plan=plan).order_by("at")
    }
    rows = []
    for each in made.order_by("due_on", "pk"):
        done = each.done_on if each.done_on and each.done_on <= as_of else None
        waived = each.waived_on if each.waived_on and each.waived_on <= as_of else None
        who = each.owner or each.person
        rows.append(
            PromiseRow(
                promise=each,
                who=who.name if who else "",
                leads_to=each.milestone.title if each.milestone else "",
                done_on=done,
                waived_on=waived,
                days_late=0 if done or waived else max((as_of - each.due_on).days, 0),
                helped=helped.get(each.pk),
            )
        )
    return sorted(
        rows, key=lambda row: (not row.days_late, not row.is_open, row.promise.due_on)
    )


def plan_versions(member: Member, *, as_of: date) -> "QuerySet[Plan]":
    """The versions of a member's plan begun by a day, newest first, with their pauses."""
    return (
        member.plans.filter(counts_from__lte=as_of)
        .select_related("agreed_by", "baseline", "template")
        .prefetch_related("pauses")
        .order_by("-version")
    )


def advocacy_in_words(kind: str) -> str:
    """A kind of request as people read it; itself where it is none we know."""
    return str(Advocacy(kind).label) if kind in Advocacy.values else kind
