"""Plans while they are being written: kept on every save, and nothing typed is lost.

Callers fetch the member and the draft through ``visible_to``.
"""

from collections.abc import Collection, Mapping
from datetime import date, datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import F

from config.kernel.clock import association_zone, local_date
from members.models import Member, Person, User
from members.services import audit
from success.engine import drafting
from success.engine.planning import PlannedPath, from_data, to_data
from success.enums import Answer, DraftPurpose
from success.models import GoalChange, Plan, PlanDraft, PlanTemplate
from success.queries.plans import stands
from success.services import plans, templates

# A person who writes on for a while is one entry of the trail, not one a second.
ONE_SITTING = timedelta(minutes=15)


class AlreadyStarted(Exception):
    """The member has an open draft already; ``draft`` is that one."""

    def __init__(self, draft: PlanDraft) -> None:
        self.draft = draft
        super().__init__("A plan is being written for this member already.")


class WrongPurpose(Exception):
    """A first plan needs that there is none, new days or a new goal that there is one."""


class NotOpen(Exception):
    """The draft was agreed or dropped; ``draft`` is as it then was."""

    def __init__(self, draft: PlanDraft) -> None:
        self.draft = draft
        super().__init__("This draft was agreed or dropped.")


class Overtaken(Exception):
    """Somebody saved in between. ``draft`` has their text, ``content`` is the refused one."""

    def __init__(self, draft: PlanDraft, *, content: Mapping[str, Any]) -> None:
        self.draft = draft
        self.content = content
        super().__init__("Somebody saved this draft in between.")


def path_of_draft(content: Mapping[str, Any]) -> PlannedPath:
    """The plan that a draft's content says; raises ``engine.planning.BadPlan``."""
    return from_data(drafting.plain(content))


@transaction.atomic
def start(  # noqa: PLR0913  # what a draft is begun with
    *,
    member: Member,
    purpose: DraftPurpose,
    anchor_on: date,
    by: User,
    at: datetime,
    template: PlanTemplate | None = None,
    empty: bool = False,
) -> PlanDraft:
    """Begin to write a plan: from ``template``, else from the plan in force, else from nothing.

    New days keep the anchor of the plan that they re-plan. A new goal begins with the words of
    a goal change that waits, and what was reached stands beside the way: it is carried over.
    ``empty`` begins with nothing even where there is a plan. Raises ``AlreadyStarted`` (with
    the draft, so a second press leads to the first one's) or ``WrongPurpose``.
    """
    plan = member.plans.filter(closed_on=None).first()
    if (purpose == DraftPurpose.AGREE) != (plan is None):
        raise WrongPurpose(DraftPurpose(purpose).label)
    content = _beginning(plan, template=template, empty=empty)
    if plan is not None and purpose == DraftPurpose.EVOLVE:
        asked = GoalChange.objects.filter(member=member, status=Answer.WAITING).first()
        content["goal"] = asked.words if asked else content["goal"]
        drafting.set_aside(content, reached_in(plan, on=anchor_on))
    try:
        with transaction.atomic():
            draft = PlanDraft.objects.create(
                member=member,
                purpose=DraftPurpose(purpose).value,
                content=content,
                anchor_on=plan.anchor_on
                if plan and purpose == DraftPurpose.REPLAN
                else anchor_on,
                template_key=template.key if template else "",
                by=by,
                started_at=at,
                saved_at=at,
            )
    except IntegrityError as error:
        raise AlreadyStarted(open_draft(member)) from error
    _record(draft, "started", "Began to write a plan.", by=by, at=at)
    return draft


def reached_in(plan: Plan, *, on: date) -> list[str]:
    """The keys of a plan's milestones that stand on a day; one query."""
    return [each.key for each in plan.milestones.all() if stands(each, on=on)]


def open_draft(member: Member) -> PlanDraft:
    """The draft that is being written for a member; raises ``PlanDraft.DoesNotExist``."""
    return PlanDraft.objects.select_related("by", "member").get(
        member=member, agreed_at=None, dropped_at=None
    )


@transaction.atomic
def save(  # noqa: PLR0913  # what a save says
    *,
    draft: PlanDraft,
    content: Mapping[str, Any],
    reason: str,
    anchor_on: date,
    revision: int,
    by: User,
    at: datetime,
) -> PlanDraft:
    """Keep what was typed, if nobody saved since ``revision``; return the draft as it then is.

    One conditional update decides, so of two editors one wins and the other is told. The same
    text saved again is no conflict and no new revision. The anchor of re-planned days stays.
    The audit trail gets an entry when a person begins to write, not for every pause in it.
    Raises ``Overtaken`` with both texts, or ``NotOpen``.
    """
    if draft.purpose == DraftPurpose.REPLAN:
        anchor_on = draft.anchor_on
    found = PlanDraft.objects.select_related("by").get(pk=draft.pk)
    same = (found.content, found.reason, found.anchor_on) == (content, reason, anchor_on)
    if same and _is_open(found):
        return found
    saved = PlanDraft.objects.filter(
        pk=draft.pk, revision=revision, agreed_at=None, dropped_at=None
    ).update(
        content=dict(content),
        reason=reason,
        anchor_on=anchor_on,
        revision=F("revision") + 1,
        by=by,
        saved_at=at,
    )
    now = PlanDraft.objects.select_related("by", "member").get(pk=draft.pk)
    if not saved:
        if not _is_open(now):
            raise NotOpen(now)
        raise Overtaken(now, content=content)
    if found.by_id != by.pk or at - found.saved_at > ONE_SITTING or found.revision == 1:
        _record(now, "saved", "Went on writing a plan.", by=by, at=at)
    return now


@transaction.atomic
def drop(*, draft: PlanDraft, by: User, at: datetime) -> PlanDraft:
    """Put a draft away without agreeing it; it is kept. Twice is once; raises ``NotOpen``."""
    row = PlanDraft.objects.select_for_update().get(pk=draft.pk)
    if row.dropped_at is not None:
        return row
    if row.agreed_at is not None:
        raise NotOpen(row)
    row.dropped_at = at
    row.save(update_fields=["dropped_at"])
    _record(row, "dropped", "Dropped the draft of a plan.", by=by, at=at)
    return row


@transaction.atomic
def take_up(*, draft: PlanDraft, by: User, at: datetime) -> PlanDraft:
    """Go on with a draft that was dropped; raises ``AlreadyStarted`` or ``NotOpen``.

    ``WrongPurpose`` where a plan was agreed or closed since, so that it fits no longer.
    """
    row = PlanDraft.objects.select_for_update().get(pk=draft.pk)
    if row.agreed_at is not None:
        raise NotOpen(row)
    if row.dropped_at is None:
        return row
    has_plan = Plan.objects.filter(member_id=row.member_id, closed_on=None).exists()
    if (row.purpose == DraftPurpose.AGREE) == has_plan:
        raise WrongPurpose(row.get_purpose_display())
    row.dropped_at = None
    try:
        with transaction.atomic():
            row.save(update_fields=["dropped_at"])
    except IntegrityError as error:
        raise AlreadyStarted(open_draft(row.member)) from error
    _record(row, "taken_up", "Took up a draft that had been dropped.", by=by, at=at)
    return row


@transaction.atomic
def agree_draft(  # noqa: PLR0913  # what an agreement is made of
    *,
    draft: PlanDraft,
    by: User,
    at: datetime,
    said_by: Person | None,
    consents: Collection[str],
    revision: int | None = None,
) -> Plan:
    """Make the draft the member's plan; the draft is kept as agreed.

    A first plan and a new goal count from the draft's day 0, new days from the association's
    day of ``at``. A goal change that waited is answered by the new goal. With ``revision``,
    exactly the text that was shown is agreed. Raises ``NotOpen``, ``Overtaken``, ``BadPlan``,
    and what ``plans.agree``, ``plans.replan`` and ``plans.evolve`` raise.
    """
    held = PlanDraft.objects.select_for_update(of=("self",)).select_related("member", "by")
    row = held.get(pk=draft.pk)
    if not _is_open(row):
        raise NotOpen(row)
    if revision is not None and row.revision != revision:
        raise Overtaken(row, content=draft.content)
    plan = _agree(row, by=by, at=at, said_by=said_by, consents=consents)
    row.agreed_at = at
    row.save(update_fields=["agreed_at"])
    _record(row, "agreed", "A draft became the plan.", by=by, at=at)
    return plan


def _agree(
    draft: PlanDraft,
    *,
    by: User,
    at: datetime,
    said_by: Person | None,
    consents: Collection[str],
) -> Plan:
    path = path_of_draft(draft.content)
    if draft.purpose == DraftPurpose.AGREE:
        return plans.agree(
            member=draft.member,
            path=path,
            anchor_on=draft.anchor_on,
            by=by,
            at=at,
            said_by=said_by,
            consents=consents,
            template=PlanTemplate.objects.filter(key=draft.template_key).first(),
        )
    plan = Plan.objects.filter(member=draft.member, closed_on=None).first()
    if plan is None:
        raise WrongPurpose(draft.get_purpose_display())
    if draft.purpose == DraftPurpose.REPLAN:
        on = local_date(at, zone=association_zone())
        return plans.replan(plan=plan, path=path, on=on, reason=draft.reason, by=by, at=at)
    return plans.evolve(
        plan=plan,
        path=path,
        on=draft.anchor_on,
        reason=draft.reason,
        by=by,
        at=at,
        said_by=said_by,
        consents=consents,
    )


def _beginning(
    plan: Plan | None, *, template: PlanTemplate | None, empty: bool
) -> drafting.Content:
    if template is not None:
        return drafting.begun(to_data(templates.path_of(template)))
    if plan is not None and not empty:
        return drafting.begun(to_data(plans.path_of_plan(plan)))
    return drafting.begun({})


def _is_open(draft: PlanDraft) -> bool:
    return draft.agreed_at is None and draft.dropped_at is None


def _record(draft: PlanDraft, done: str, summary: str, *, by: User, at: datetime) -> None:
    audit.record(
        verb=f"draft.{done}",
        subject=draft,
        member_id=draft.member_id,
        summary=summary,
        by=by,
        at=at,
        after={"revision": draft.revision},
    )
