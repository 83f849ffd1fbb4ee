"""Who should look after whom: asked for, worked out by a worker, applied, and undone.

A rebalancing is a row. Working it out writes its answer and nothing else, so a killed worker
loses only time. Applying it moves each member that still stands as it was found, all in one
transaction; undoing puts back each one that nobody has touched since. The work that is open for
a member follows its new owner at the next night, for which the member is marked.
"""

from collections.abc import Callable, Iterable
from datetime import date, datetime, timedelta
from typing import Any, Final

from django.db import connection, transaction
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from config.kernel.clock import association_zone, local_date
from coverage.engine import simulator
from coverage.engine.rebalancing import TooFewMoves
from coverage.engine.simulator import Asked, Load, NobodyHasHours, Picture, Simulated
from coverage.enums import LifecycleStage, RebalancingStatus
from coverage.models import Assignment, AssignmentChange, Move, Rebalancing, Segment
from coverage.queries import rebalancing as reads
from coverage.rollups.assignment import DEALING_LOCK
from members.models import Association, User
from members.rollups.dirty import mark_dirty
from members.services import audit

WORKING_LOCK: Final = 2_404_002
OVERRIDE_HOLDS: Final = timedelta(days=180)
APPLIED: Final = "applied"
LEFT: Final = "left"
UNDONE: Final = "undone"
KEPT: Final = "kept"
MINUTES: Final = 60
HALF_A_DAY: Final = 12
MOST_HOURS: Final = 744
MOST_PERCENT: Final = 1000

Clock = Callable[[], datetime]


class NotAskable(Exception):
    """The question makes no sense; its words say why."""


class NotApplicable(Exception):
    """It cannot be applied; its words say why."""


class NotUndoable(Exception):
    """It was never applied, or is undone already."""


@transaction.atomic
def ask(*, asked: Asked, by: User, as_of: date, at: datetime) -> Rebalancing:
    """Write a question down and return it; a worker takes it from there.

    The same question again by the same person, before it is answered, is the same one. Raises
    ``NotAskable`` with words.
    """
    _check(asked)
    # whoever presses twice waits here for themselves
    User.objects.select_for_update(no_key=True, of=("self",)).get(pk=by.pk)
    data = simulator.to_data(asked)
    known = Rebalancing.objects.filter(
        asked=data, asked_by=by, as_of=as_of, pk__in=reads.unfinished_rebalancing_ids()
    ).first()
    if known is not None:
        return known
    found = Rebalancing.objects.create(asked=data, as_of=as_of, asked_by=by, asked_at=at)
    _record("asked", found, by=by, at=at, summary="A rebalancing was asked for")
    return found


def work_out(
    *, rebalancing_id: int, clock: Clock, progress: Callable[[str], None] | None = None
) -> None:
    """Answer a question that waits, unless it is answered or another worker is at it.

    ``progress`` is told in a word what is being worked out; by default it is written where the
    page looks. A question that has no answer fails with words. Killed half-way, the next worker
    begins again.
    """
    if not _locked(rebalancing_id):
        return
    try:
        found = Rebalancing.objects.filter(
            pk=rebalancing_id, status__in=[RebalancingStatus.WAITING, RebalancingStatus.WORKING]
        ).first()
        if found is not None:
            _work(found, clock=clock, progress=progress or _written(found))
    finally:
        _unlock(rebalancing_id)


@transaction.atomic
def apply(  # who did it, why, and whether it is told
    *, rebalancing: Rebalancing, reason: str, tells_members: bool, by: User, at: datetime
) -> Rebalancing:
    """Move the members as proposed, each with a change that keeps the reason.

    A member whose segment or owner is another than when it was worked out stays, and the move
    says so. A move to another segment is somebody's decision for a time, which the nightly
    rules respect. Raises ``NotApplicable`` with words.
    """
    held = Rebalancing.objects.select_for_update(of=("self",)).get(pk=rebalancing.pk)
    if held.status != RebalancingStatus.READY:
        raise NotApplicable(_("It was applied already, or is not worked out."))
    if not reason.strip():
        raise NotApplicable(_("Say why the members move."))
    asked = simulator.from_data(held.asked)
    if asked.added:
        raise NotApplicable(
            _("It counts on people who are not there yet. Add them, and ask again.")
        )
    on = local_date(at, zone=association_zone())
    moves = list(held.moves.order_by("member_id"))
    standing = _standing(moves)
    until = (asked.cohort.until if asked.cohort else None) or on + OVERRIDE_HOLDS
    changes, done = [], []
    for move in moves:
        now = standing.get(move.member_id)
        if now is None or _hands(now) != (move.from_segment_id, move.from_owner_id):
            move.outcome = LEFT
            continue
        move.outcome = APPLIED
        now.segment_id, now.owner_id, now.assigned_on = (
            move.to_segment_id,
            move.to_owner_id,
            on,
        )
        if move.to_segment_id != move.from_segment_id:
            now.override_reason, now.override_by, now.override_until = reason, by, until
            now.reason = f"Decided by {by.name or by.email}: {reason}"
        changes.append(_change(move, on=on, reason=reason))
        done.append(now)
    _write(done, changes, on=on)
    Move.objects.bulk_update(moves, ["outcome"], batch_size=5000)
    held.status = RebalancingStatus.APPLIED
    held.reason, held.tells_members = reason, tells_members
    held.applied_by, held.applied_at = by, at
    held.save(update_fields=["status", "reason", "tells_members", "applied_by", "applied_at"])
    _record(
        "applied",
        held,
        by=by,
        at=at,
        summary=ngettext(
            "A rebalancing moved %(count)s member",
            "A rebalancing moved %(count)s members",
            len(done),
        )
        % {"count": len(done)},
        after={"moved": len(done), "left": len(moves) - len(done)},
    )
    return held


@transaction.atomic
def undo(*, rebalancing: Rebalancing, by: User, at: datetime) -> Rebalancing:
    """Put back every member whom nobody has touched since, and say which were kept.

    Raises ``NotUndoable``.
    """
    held = Rebalancing.objects.select_for_update(of=("self",)).get(pk=rebalancing.pk)
    if held.status != RebalancingStatus.APPLIED:
        raise NotUndoable
    on = local_date(at, zone=association_zone())
    reason = _("Undone: %(reason)s") % {"reason": held.reason}
    moves = list(held.moves.filter(outcome=APPLIED).order_by("member_id"))
    standing = _standing(moves)
    before = _reasons_before(moves)
    changes, done = [], []
    for move in moves:
        now = standing.get(move.member_id)
        if now is None or _hands(now) != (move.to_segment_id, move.to_owner_id):
            move.outcome = KEPT
            continue
        move.outcome = UNDONE
        now.segment_id, now.owner_id, now.assigned_on = (
            move.from_segment_id,
            move.from_owner_id,
            on,
        )
        if move.to_segment_id != move.from_segment_id:
            now.override_reason, now.override_by, now.override_until = "", None, None
            # the rule's own words come back with the next night
            now.reason = before.get(move.member_id, reason)
        changes.append(_change(move, on=on, reason=reason, is_back=True))
        done.append(now)
    _write(done, changes, on=on)
    Move.objects.bulk_update(moves, ["outcome"], batch_size=5000)
    held.status = RebalancingStatus.UNDONE
    held.undone_by, held.undone_at = by, at
    held.save(update_fields=["status", "undone_by", "undone_at"])
    _record(
        "undone",
        held,
        by=by,
        at=at,
        summary=ngettext(
            "A rebalancing was undone for %(count)s member",
            "A rebalancing was undone for %(count)s members",
            len(done),
        )
        % {"count": len(done)},
        after={"undone": len(done), "kept": len(moves) - len(done)},
    )
    return held


def _check(asked: Asked) -> None:
    percent = asked.most_moved_percent
    if percent is not None and not 0 <= percent <= 100:
        raise NotAskable(_("The share that may move is between 0 and 100 percent."))
    if any(factor <= 0 for factor in asked.leverage.values()):
        raise NotAskable(_("An hour of staff gives something: leverage is above zero."))
    _check_experience(asked)
    cohort = asked.cohort
    if cohort is None:
        return
    if cohort.from_segment == cohort.to_segment:
        raise NotAskable(_("Choose another segment to move them to."))
    if not 1 <= cohort.percent <= 100:
        raise NotAskable(_("The part that moves is between 1 and 100 percent."))
    known = set(
        Segment.objects.filter(key__in=[cohort.from_segment, cohort.to_segment]).values_list(
            "key", "is_retired"
        )
    )
    if cohort.from_segment not in {key for key, _retired in known}:
        raise NotAskable(_("There is no such segment."))
    if (cohort.to_segment, False) not in known:
        raise NotAskable(_("This segment is not given any more."))


def _check_experience(asked: Asked) -> None:
    if asked.hours_apart is not None and not 0 <= asked.hours_apart <= HALF_A_DAY:
        raise NotAskable(_("Two clocks are at most twelve hours apart."))
    if any(not 0 <= hours <= MOST_HOURS for hours in asked.cells.values()):
        raise NotAskable(_("Hours of a member are between none and the 744 of a month."))
    if any(not 0 <= percent <= MOST_PERCENT for percent in asked.parts.values()):
        raise NotAskable(_("A part of a segment's hours is between 0 and 1,000 percent."))
    keys = {segment for segment, _stage in asked.cells} | set(asked.parts)
    if {stage for _segment, stage in asked.cells} - set(LifecycleStage.values):
        raise NotAskable(_("There is no such stage."))
    if keys and keys - set(Segment.objects.values_list("key", flat=True)):
        raise NotAskable(_("There is no such segment."))


def _locked(rebalancing_id: int) -> bool:
    """Take the right to work one out; it ends with the connection, however that comes."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s, %s)", [WORKING_LOCK, rebalancing_id])
        return bool(cursor.fetchone()[0])


def _unlock(rebalancing_id: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_unlock(%s, %s)", [WORKING_LOCK, rebalancing_id])


def _written(found: Rebalancing) -> Callable[[str], None]:
    def write(stage: str) -> None:
        Rebalancing.objects.filter(pk=found.pk).update(
            stage=stage, status=RebalancingStatus.WORKING
        )

    return write


def _work(found: Rebalancing, *, clock: Clock, progress: Callable[[str], None]) -> None:
    progress("reading")
    asked = simulator.from_data(found.asked)
    try:
        answer = _answer(asked, as_of=found.as_of, progress=progress)
    except (NobodyHasHours, TooFewMoves, reads.NoCoverageModel) as error:
        found.status, found.error = RebalancingStatus.FAILED, _why(error)
        found.finished_at = clock()
        found.stage = ""
        found.save(update_fields=["status", "error", "finished_at", "stage"])
        return
    with transaction.atomic():
        found.moves.all().delete()
        Move.objects.bulk_create(
            (
                Move(
                    rebalancing=found,
                    member_id=shift.member,
                    from_owner_id=shift.from_owner,
                    to_owner_id=shift.to_owner,
                    from_segment_id=shift.from_segment,
                    to_segment_id=shift.to_segment,
                    minutes=round(shift.hours * MINUTES / simulator.HUNDREDTHS),
                )
                for shift in answer.shifts
            ),
            batch_size=5000,
        )
        found.status, found.stage, found.error = RebalancingStatus.READY, "", ""
        found.before, found.after = _picture(answer.before), _outcome(answer)
        found.bound, found.highest = answer.bound, answer.highest
        found.finished_at = clock()
        found.save()


def _answer(asked: Asked, *, as_of: date, progress: Callable[[str], None]) -> Simulated:
    who: Any = {
        "as_of": as_of,
        "grace_days": Association.current().grace_days,
        "one_by_one": asked.cohort.from_segment if asked.cohort else "",
    }
    return simulator.simulate(
        asked=asked,
        people=reads.colleagues(as_of=as_of),
        places=reads.places(),
        carried=reads.carried(**who),
        pooled=reads.pooled(**who),
        demand=reads.demand(as_of=as_of),
        demand_then=reads.demand(
            as_of=as_of, leverage=asked.leverage, cells=asked.cells, parts=asked.parts
        ),
        progress=progress,
    )


def _why(error: Exception) -> str:
    if isinstance(error, NobodyHasHours):
        return _("Nobody has hours for members. Say how many hours people have.")
    if isinstance(error, reads.NoCoverageModel):
        return _("It is not said yet how many hours an experience takes.")
    return _("More members need new hands than may be moved. Allow a larger share.")


def _picture(picture: Picture) -> dict[str, Any]:
    return {
        "people": [_load(each) for each in picture.people],
        "pool": _load(picture.pool),
        "unheld": _load(picture.unheld),
    }


def _load(load: Load) -> dict[str, int]:
    return {
        "key": load.key,
        "members": load.members,
        "needed": load.needed,
        "capacity": load.capacity,
    }


def _outcome(answer: Simulated) -> dict[str, Any]:
    return _picture(answer.after) | {
        "relationships": answer.relationships,
        "changed_hands": answer.changed_hands,
        "cohort": answer.cohort,
        "freed": answer.freed,
        "pooled": answer.pooled,
        "fixed": dict(answer.fixed),
        "stranded": answer.stranded,
        "to_added": {str(key): count for key, count in answer.to_added.items()},
        "asked_of": answer.asked_of,
        "without_language": answer.without_language,
        "without_zone": answer.without_zone,
    }


def _standing(moves: Iterable[Move]) -> dict[int, Assignment]:
    """Return the assignments as they are, held until the transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [DEALING_LOCK])
    ids = [move.member_id for move in moves]
    held = Assignment.objects.select_for_update(of=("self",)).filter(member__in=ids)
    return {each.member_id: each for each in held.order_by("member_id")}


def _hands(assignment: Assignment) -> tuple[int, int | None]:
    return assignment.segment_id, assignment.owner_id


def _change(move: Move, *, on: date, reason: str, is_back: bool = False) -> AssignmentChange:
    hands = (move.from_segment_id, move.from_owner_id, move.to_segment_id, move.to_owner_id)
    if is_back:
        hands = (*hands[2:], *hands[:2])
    return AssignmentChange(
        member_id=move.member_id,
        on=on,
        from_segment_id=hands[0],
        from_owner_id=hands[1],
        to_segment_id=hands[2],
        to_owner_id=hands[3],
        reason=reason,
    )


def _reasons_before(moves: Iterable[Move]) -> dict[int, str]:
    """Return why each member was last put where the moves took them from."""
    changes = AssignmentChange.objects.filter(member__in=[move.member_id for move in moves])
    origin = {move.member_id: move.from_segment_id for move in moves}
    return {
        change.member_id: change.reason
        for change in changes.order_by("on", "pk")
        if change.to_segment_id == origin[change.member_id]
    }


def _write(assignments: list[Assignment], changes: list[AssignmentChange], *, on: date) -> None:
    Assignment.objects.bulk_update(
        assignments,
        [
            "segment",
            "owner",
            "reason",
            "assigned_on",
            "override_reason",
            "override_by",
            "override_until",
        ],
        batch_size=1000,
    )
    AssignmentChange.objects.bulk_create(changes, batch_size=5000)
    mark_dirty((each.member_id, on) for each in assignments)


def _record(  # noqa: PLR0913  # an entry has that many parts
    verb: str,
    found: Rebalancing,
    *,
    by: User,
    at: datetime,
    summary: str,
    after: dict[str, Any] | None = None,
) -> None:
    audit.record(
        verb=f"rebalancing.{verb}",
        subject=found,
        member_id=None,
        summary=summary,
        by=by,
        at=at,
        after=after,
    )
