"""One plan for many members: asked for once, worked in chunks, and undone if need be.

Whom it is for is frozen as rows when it is asked for. A chunk of them commits together with
what became of each, so a killed worker loses only the chunk it was in, and any number of
workers may try: one at a time gets on. Nobody is written to because of it.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import date, datetime
from typing import Final

from django.db import transaction

from config.kernel.clock import association_zone, local_date
from members.models import Member, User
from members.rollups.dirty import mark_dirty
from members.services import audit
from success.engine.linting import lint
from success.enums import PlanBatchStatus
from success.models import DesiredOutcome, Plan, PlanBatch, PlanBatchItem, PlanTemplate
from success.queries import batches as reads
from success.services import plans
from success.services.templates import path_of

CHUNK: Final = 25
STOPPABLE: Final = (PlanBatchStatus.WAITING, PlanBatchStatus.RUNNING, PlanBatchStatus.DONE)

Clock = Callable[[], datetime]


class CountChanged(Exception):
    """There are more or fewer members now than were shown; ``count`` says how many."""

    def __init__(self, count: int) -> None:
        self.count = count
        super().__init__(f"{count} members now")


class NotUndoable(Exception):
    """It is being undone, or was, already."""


@transaction.atomic
def ask(  # noqa: PLR0913  # what a batch is made of
    *,
    template: PlanTemplate,
    member_ids: Collection[int],
    anchor_on: date,
    expected_count: int,
    by: User,
    at: datetime,
) -> PlanBatch:
    """Freeze whom a batch of plans is for, and return it; a worker takes it from there.

    Raises ``CountChanged`` where the members are not as many as were shown, and
    ``plans.NotAgreeable`` where the template's path breaks a rule for everybody. The same again
    before it is worked off, of the same members by the same person, is the same batch.
    """
    ids = sorted(set(member_ids))
    if len(ids) != expected_count or not ids:
        raise CountChanged(len(ids))
    findings = lint(path_of(template))
    if any(finding.is_error for finding in findings):
        raise plans.NotAgreeable(findings)
    # whoever presses twice waits here for themselves
    User.objects.select_for_update(no_key=True, of=("self",)).get(pk=by.pk)
    for known in PlanBatch.objects.filter(
        template=template,
        anchor_on=anchor_on,
        by=by,
        asked_for=len(ids),
        status__in=[PlanBatchStatus.WAITING, PlanBatchStatus.RUNNING],
    ):
        if sorted(known.items.values_list("member_id", flat=True)) == ids:
            return known
    batch = PlanBatch.objects.create(
        template=template, anchor_on=anchor_on, asked_for=len(ids), by=by, at=at
    )
    PlanBatchItem.objects.bulk_create(
        (PlanBatchItem(batch=batch, member_id=member) for member in ids), batch_size=5000
    )
    _record("asked", batch, by=by, at=at, after={"anchor_on": anchor_on, "members": len(ids)})
    return batch


def work(*, batch_id: int, clock: Clock) -> int:
    """Work a batch off, or undo it, as its status says; how many members were dealt with.

    Chunk by chunk, each in its own transaction: killed half-way it goes on where it was, and
    run twice it does nothing twice. Returns at once while another worker is at it.
    """
    dealt_with = 0
    while done := _chunk(batch_id, at=clock()):
        dealt_with += done
    return dealt_with


@transaction.atomic
def undo(*, batch: PlanBatch, by: User, at: datetime) -> PlanBatch:
    """Have a batch undone by the worker: it stops where it is, and takes its plans back.

    A plan that somebody has touched since stays, with the reason. Raises ``NotUndoable`` when
    it has been asked for before.
    """
    held = PlanBatch.objects.select_for_update(of=("self",)).get(pk=batch.pk)
    if held.status not in STOPPABLE:
        raise NotUndoable
    held.items.filter(outcome="").update(outcome=reads.LEFT, reason=reads.STOPPED)
    before = {"status": held.status}
    held.status = PlanBatchStatus.UNDOING
    held.undone_by, held.undone_at = by, at
    held.save(update_fields=["status", "undone_by", "undone_at"])
    _record("undoing", held, by=by, at=at, before=before, after={"status": held.status})
    return held


@transaction.atomic
def _chunk(batch_id: int, *, at: datetime) -> int:
    """Deal with some members of a batch; none left, it is finished. Nought: nothing to do."""
    batch = (
        PlanBatch.objects.select_for_update(skip_locked=True, of=("self",))
        .select_related("template", "by")
        .filter(pk=batch_id, status__in=reads.UNFINISHED)
        .first()
    )
    if batch is None:
        return 0
    is_undoing = batch.status == PlanBatchStatus.UNDOING
    waiting = batch.items.filter(outcome=reads.AGREED if is_undoing else "")
    items = list(waiting.select_related("member").order_by("pk")[:CHUNK])
    if not items:
        _finish(batch, at=at)
        return 0
    if is_undoing:
        _take_back(batch, items, at=at)
    else:
        if batch.status == PlanBatchStatus.WAITING:
            batch.status = PlanBatchStatus.RUNNING
            batch.save(update_fields=["status"])
        _agree(batch, items, at=at)
    PlanBatchItem.objects.bulk_update(items, ["outcome", "reason"])
    return len(items)


def _finish(batch: PlanBatch, *, at: datetime) -> None:
    is_undoing = batch.status == PlanBatchStatus.UNDOING
    before = {"status": batch.status}
    batch.status = PlanBatchStatus.UNDONE if is_undoing else PlanBatchStatus.DONE
    batch.finished_at = at
    batch.save(update_fields=["status", "finished_at"])
    found = reads.progress(batch)
    after = {"agreed": found.agreed, "left": found.left}
    if is_undoing:
        after = {"undone": found.undone, "kept": found.kept}
    verb = "undone" if is_undoing else "done"
    _record(verb, batch, by=None, at=at, before=before, after=after)


def _agree(batch: PlanBatch, items: Sequence[PlanBatchItem], *, at: datetime) -> None:
    path = path_of(batch.template)
    obstacles = reads.obstacles(
        [item.member_id for item in items],
        template=batch.template,
        path=path,
        anchor_on=batch.anchor_on,
        on=local_date(at, zone=association_zone()),
    )
    for item in items:
        item.outcome, item.reason = reads.LEFT, obstacles.get(item.member_id, "")
        if item.reason:
            continue
        try:
            plans.agree(
                member=item.member,
                path=path,
                anchor_on=batch.anchor_on,
                by=batch.by,
                at=at,
                template=batch.template,
                batch=batch,
            )
        except plans.AlreadyPlanned:
            item.reason = reads.HAS_PLAN
        except (plans.NotAgreeable, plans.NotSaid) as refusal:
            item.reason = str(refusal)
        else:
            item.outcome = reads.AGREED


def _take_back(batch: PlanBatch, items: Sequence[PlanBatchItem], *, at: datetime) -> None:
    members = [item.member_id for item in items]
    # whoever touches a plan holds its member first, so nothing is touched under our hands
    list(
        Member.objects.select_for_update(no_key=True, of=("self",))
        .filter(pk__in=members)
        .order_by("pk")
    )
    made = {plan.member_id: plan for plan in batch.plans.filter(member__in=members)}
    touched = reads.touched([plan.pk for plan in made.values()])
    untouched = []
    for item in items:
        plan = made.get(item.member_id)
        if plan is not None and plan.pk in touched:
            item.outcome, item.reason = reads.KEPT, touched[plan.pk]
            continue
        item.outcome = reads.UNDONE
        if plan is not None:
            untouched.append(plan)
    _remove(untouched, by=batch.undone_by, at=at)


def _remove(untouched: Sequence[Plan], *, by: User | None, at: datetime) -> None:
    """Take plans away that nobody has touched, and the goals that came with them alone."""
    today = local_date(at, zone=association_zone())
    for plan in untouched:
        audit.record(
            verb="plan.taken_back",
            subject=plan,
            member_id=plan.member_id,
            summary=f"Version {plan.version} of the plan was taken back with its batch",
            by=by,
            at=at,
            before={"version": plan.version, "anchor_on": plan.anchor_on},
        )
    Plan.objects.filter(pk__in=[plan.pk for plan in untouched]).delete()
    agreed_at = {plan.outcome_id: plan.agreed_at for plan in untouched if plan.outcome_id}
    alone = [
        outcome
        for outcome in DesiredOutcome.objects.filter(pk__in=agreed_at, plans=None)
        if outcome.recorded_at == agreed_at[outcome.pk]
    ]
    DesiredOutcome.objects.filter(pk__in=[outcome.pk for outcome in alone]).delete()
    _hold_again(alone)
    mark_dirty((plan.member_id, min(plan.counts_from, today)) for plan in untouched)


def _hold_again(removed: Sequence[DesiredOutcome]) -> None:
    """Let the goals that the removed ones took the place of hold again."""
    said_on = {outcome.member_id: outcome.said_on for outcome in removed}
    last: dict[int, DesiredOutcome] = {}
    ended = DesiredOutcome.objects.filter(
        member__in=said_on, is_primary=True, ended_on__isnull=False
    )
    for outcome in ended.order_by("version"):
        last[outcome.member_id] = outcome
    again = [one for one in last.values() if one.ended_on == said_on[one.member_id]]
    for outcome in again:
        outcome.ended_on = None
    DesiredOutcome.objects.bulk_update(again, ["ended_on"])


def _record(  # noqa: PLR0913  # an entry has that many parts
    verb: str,
    batch: PlanBatch,
    *,
    by: User | None,
    at: datetime,
    before: Mapping[str, object] | None = None,
    after: Mapping[str, object] | None = None,
) -> None:
    audit.record(
        verb=f"plan_batch.{verb}",
        subject=batch,
        member_id=None,
        summary=f"A batch of plans for {batch.asked_for} members: {verb}",
        by=by,
        at=at,
        before=before,
        after=after,
    )
