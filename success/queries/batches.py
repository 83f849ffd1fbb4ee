"""What would become of each of many members, and how a batch of plans stands."""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from django.db.models import Count, Exists, OuterRef, Q, QuerySet

from members.models import Association, Member, Term
from success.engine.accountability import Side
from success.engine.planning import PlannedPath, promises_of
from success.enums import AskStatus, FitStatus, PlanBatchStatus
from success.models import (
    Accountability,
    AccountabilityEvent,
    Ask,
    Declaration,
    FitAssessment,
    GapAnswer,
    GoalChange,
    MilestoneEvent,
    OutcomeConfirmation,
    Plan,
    PlanBatch,
    PlanDraft,
    PlanPause,
    PlanTemplate,
    Review,
)

WRONG_KIND: Final = "wrong_kind"
LAPSED: Final = "lapsed"
HAS_PLAN: Final = "has_plan"
JOINED_LATER: Final = "joined_later"
FIT_OPEN: Final = "fit_open"
STOPPED: Final = "stopped"

NEWER_VERSION: Final = "newer_version"
MILESTONE_TOLD: Final = "milestone_told"
PROMISE_MOVED: Final = "promise_moved"
ASK_ANSWERED: Final = "ask_answered"
PAUSED: Final = "paused"
REVIEWED: Final = "reviewed"
GOAL_TOLD: Final = "goal_told"
DRAFTED: Final = "drafted"

_SETTLED = Q(done_on__isnull=False) | Q(waived_on__isnull=False)
NAMES_SHOWN: Final = 5

AGREED: Final = "agreed"
LEFT: Final = "left"
UNDONE: Final = "undone"
KEPT: Final = "kept"

UNFINISHED: Final = (
    PlanBatchStatus.WAITING,
    PlanBatchStatus.RUNNING,
    PlanBatchStatus.UNDOING,
)


@dataclass(frozen=True, kw_only=True)
class LeftOut:
    """Members that would be left out for one reason: how many, and the first by name."""

    reason: str
    count: int
    names: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Preview:
    """What would happen: ``total`` asked for, of whom ``agreed`` would get a plan."""

    total: int
    agreed: int
    left: tuple[LeftOut, ...]


@dataclass(frozen=True, kw_only=True)
class BatchProgress:
    """How a batch stands: members by what became of them, and the reasons by how many."""

    asked_for: int
    waiting: int
    agreed: int
    left: int
    undone: int
    kept: int
    reasons: tuple[tuple[str, str, int], ...]

    @property
    def worked(self) -> int:
        return self.asked_for - self.waiting


def obstacles(
    member_ids: Collection[int],
    *,
    template: PlanTemplate,
    path: PlannedPath,
    anchor_on: date,
    on: date,
) -> dict[int, str]:
    """Return why a plan cannot be agreed with each of these members; who may is absent.

    The first of: of another kind than the template is for, out of membership on ``on`` with no
    term to come, has a plan, joined after ``anchor_on``, lacks a fit that no promise of ours in
    the path closes. Two queries, whatever their number (DOMAIN 2.12).
    """
    over = on - timedelta(days=Association.current().grace_days)
    rows = (
        Member.objects.filter(pk__in=member_ids)
        .annotate(
            is_member=Exists(Term.objects.filter(member=OuterRef("pk"), ends_on__gt=over)),
            has_plan=Exists(Plan.objects.filter(member=OuterRef("pk"), closed_on=None)),
        )
        .values_list("pk", "kind", "is_member", "has_plan", "known__joined_on")
    )
    lacking = _lacking_a_fit(member_ids, path=path, on=on)
    found: dict[int, str] = {}
    for member, kind, is_member, has_plan, joined_on in rows:
        if kind != template.audience:
            found[member] = WRONG_KIND
        elif not is_member:
            found[member] = LAPSED
        elif has_plan:
            found[member] = HAS_PLAN
        elif joined_on is not None and joined_on > anchor_on:
            found[member] = JOINED_LATER
        elif member in lacking:
            found[member] = FIT_OPEN
    return found


def preview(
    member_ids: Collection[int],
    *,
    template: PlanTemplate,
    path: PlannedPath,
    anchor_on: date,
    on: date,
) -> Preview:
    """Return what agreeing ``path`` with these members would come to; nothing is written.

    Four queries, whatever their number.
    """
    found = obstacles(member_ids, template=template, path=path, anchor_on=anchor_on, on=on)
    first: dict[str, list[int]] = {}
    for member, reason in sorted(found.items()):
        first.setdefault(reason, []).append(member)
    shown = [member for members in first.values() for member in members[:NAMES_SHOWN]]
    names = dict(Member.objects.filter(pk__in=shown).values_list("pk", "name"))
    return Preview(
        total=len(set(member_ids)),
        agreed=len(set(member_ids)) - len(found),
        left=tuple(
            LeftOut(
                reason=reason,
                count=len(members),
                names=tuple(names[member] for member in members[:NAMES_SHOWN]),
            )
            for reason, members in sorted(first.items(), key=lambda item: -len(item[1]))
        ),
    )


def progress(batch: PlanBatch) -> BatchProgress:
    """Return how a batch stands, in one query. Reasons are (outcome, reason, members)."""
    rows = list(
        batch.items.values_list("outcome", "reason").annotate(members=Count("pk")).order_by()
    )
    counted: Counter[str] = Counter()
    for outcome, _reason, members in rows:
        counted[outcome] += members
    told = ((outcome, reason, members) for outcome, reason, members in rows if reason)
    return BatchProgress(
        asked_for=batch.asked_for,
        waiting=counted[""],
        agreed=counted[AGREED],
        left=counted[LEFT],
        undone=counted[UNDONE],
        kept=counted[KEPT],
        reasons=tuple(sorted(told, key=lambda row: -row[2])),
    )


def recent_batches() -> QuerySet[PlanBatch]:
    """Batches of plans, newest first, with their template and who asked for them."""
    return PlanBatch.objects.select_related("template", "by").order_by("-at", "-pk")


def unfinished_batch_ids() -> list[int]:
    """Batches that a worker has to go on with, oldest first."""
    unfinished = PlanBatch.objects.filter(status__in=UNFINISHED)
    return list(unfinished.order_by("at", "pk").values_list("pk", flat=True))


def touched(plan_ids: Collection[int]) -> dict[int, str]:
    """Return what has happened on each of these plans since they were agreed; else absent.

    The first of: a newer version or an end, a milestone somebody spoke of, a promise that was
    done, waived, moved or added, an ask with an answer or consent, a pause, a review, a word
    about the goal, a draft. Evidence found in the records alone is nobody's doing. One query.
    """
    this = OuterRef("pk")
    since = OuterRef("agreed_at")
    moved = AccountabilityEvent.objects.filter(accountability__plan=this)
    plans = Plan.objects.filter(pk__in=plan_ids).annotate(
        milestones_told=Exists(MilestoneEvent.objects.filter(milestone__plan=this))
        | Exists(Declaration.objects.filter(milestone__plan=this)),
        promises_moved=Exists(moved.filter(~Q(verb="made") | Q(at__gt=since)))
        | Exists(Accountability.objects.filter(_SETTLED, plan=this)),
        asks_answered=Exists(
            Ask.objects.filter(plan=this).exclude(status=AskStatus.ANNOUNCED, consented_on=None)
        ),
        was_paused=Exists(PlanPause.objects.filter(plan=this)),
        was_reviewed=Exists(Review.objects.filter(plan=this))
        | Exists(GapAnswer.objects.filter(plan=this)),
        goal_told=Exists(
            OutcomeConfirmation.objects.filter(
                outcome=OuterRef("outcome"), recorded_at__gt=since
            )
        )
        | Exists(GoalChange.objects.filter(member=OuterRef("member"), at__gt=since)),
        is_drafted=Exists(
            PlanDraft.objects.filter(member=OuterRef("member"), saved_at__gt=since)
        ),
    )
    found: dict[int, str] = {}
    for plan in plans:
        signs = {
            NEWER_VERSION: plan.closed_on is not None,
            MILESTONE_TOLD: plan.milestones_told,
            PROMISE_MOVED: plan.promises_moved,
            ASK_ANSWERED: plan.asks_answered,
            PAUSED: plan.was_paused,
            REVIEWED: plan.was_reviewed,
            GOAL_TOLD: plan.goal_told,
            DRAFTED: plan.is_drafted,
        }
        reason = next((sign for sign, is_so in signs.items() if is_so), None)
        if reason is not None:
            found[plan.pk] = reason
    return found


def _lacking_a_fit(
    member_ids: Collection[int], *, path: PlannedPath, on: date
) -> frozenset[int]:
    closed = {
        promise.closes_fit
        for _where, promise in promises_of(path)
        if promise.side is Side.ASSOCIATION
    }
    newest = (
        FitAssessment.objects.filter(member__in=member_ids, on__lte=on)
        .order_by("member", "fit", "-on", "-pk")
        .distinct("member", "fit")
        .values_list("member_id", "fit", "status")
    )
    return frozenset(
        member
        for member, fit, status in newest
        if status == FitStatus.MISSING and fit not in closed
    )
