"""Joint accountability: what either side promised, by when, and what became of it.

Callers fetch the promise through what the user may see; a refusal here is about its state.
Every step is an event with what was before it, so that the history replays.
"""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from config.kernel.clock import association_zone, local_date
from members.models import Person, User
from members.rollups.dirty import mark_dirty
from members.services import audit
from success.enums import Obligation, Side, Succession
from success.models import (
    Accountability,
    AccountabilityEvent,
    Helpfulness,
    Milestone,
    Plan,
)
from success.services import nights


class NotPromised(ValueError):
    """The promise lacks something, or names somebody of the wrong side."""


class AlreadySettled(Exception):
    """It was kept or waived before; the message says which."""


class StillOpen(Exception):
    """It is neither kept nor waived, so there is nothing to reopen, or to say of it."""


class DueDayPassed(Exception):
    """A due day that has passed cannot be moved: it is done late, or waived with a reason."""


class MovedIntoThePast(ValueError):
    """A promise is moved to a day that is still to come."""


@transaction.atomic
def make(  # noqa: PLR0913  # a promise has that many parts
    *,
    plan: Plan,
    side: Side,
    title: str,
    due_on: date,
    milestone: Milestone | None = None,
    owner: User | None = None,
    person: Person | None = None,
    closes_fit: str = "",
    by: User | None,
    at: datetime,
) -> Accountability:
    """Write a promise down: ours may name an owner, theirs a person.

    Raises ``NotPromised``. Marks the member dirty (DOMAIN 2.8).
    """
    side = Side(side)
    words = title.strip()
    if not words:
        raise NotPromised(_("Say what is promised."))
    if milestone is not None and milestone.plan_id != plan.pk:
        raise NotPromised(_("That point belongs to another plan."))
    if plan.closed_on is not None:
        raise NotPromised(_("This plan has been replaced by a newer one."))
    _require_side(side, owner=owner, person=person, plan=plan)
    promise = Accountability.objects.create(
        plan=plan,
        milestone=milestone,
        side=side,
        title=words,
        owner=owner,
        person=person,
        closes_fit=closes_fit,
        due_on=due_on,
    )
    AccountabilityEvent.objects.create(accountability=promise, verb="made", by=by, at=at)
    audit.record(
        verb="promise.made",
        subject=promise,
        member_id=plan.member_id,
        summary=f"A promise of the {side.value} was made, due on {due_on}",
        by=by,
        at=at,
        after={"side": side.value, "due_on": due_on},
    )
    _follow_up(promise, since=min(due_on, _today(at)), at=at)
    return promise


@transaction.atomic
def keep(
    *, promise: Accountability, on: date, evidence: str, by: User, at: datetime
) -> Accountability:
    """Mark a promise done on a day, with how the other side can see it; late counts as late.

    Said again for the same day it changes nothing. Raises ``AlreadySettled`` and, for a day to
    come, ``NotPromised``.
    """
    row = _held(promise)
    if row.done_on == on and row.waived_on is None:
        return row
    _require_open(row)
    if on > _today(at):
        raise NotPromised(_("That day is still to come."))
    changes = {"done_on": on, "evidence": evidence.strip()}
    return _step(row, verb="done", changes=changes, since=on, by=by, at=at)


@transaction.atomic
def reopen(*, promise: Accountability, reason: str, by: User, at: datetime) -> Accountability:
    """Take back that a promise was kept or waived; it is open again, with its due day.

    Raises ``StillOpen``, and ``NotPromised`` without a reason.
    """
    row = _held(promise)
    settled_on = row.done_on or row.waived_on
    if settled_on is None:
        raise StillOpen(_("It is open already."))
    note = _reason(reason)
    changes = {
        "done_on": None,
        "evidence": "",
        "waived_on": None,
        "waived_by_id": None,
        "waived_reason": "",
    }
    return _step(
        row, verb="reopened", changes=changes, note=note, since=settled_on, by=by, at=at
    )


@transaction.atomic
def waive(*, promise: Accountability, reason: str, by: User, at: datetime) -> Accountability:
    """Release whoever promised, with the reason; it then counts neither kept nor broken.

    Raises ``AlreadySettled``, and ``NotPromised`` without a reason.
    """
    row = _held(promise)
    _require_open(row)
    today = _today(at)
    changes = {
        "waived_on": today,
        "waived_by_id": by.pk,
        "waived_reason": _reason(reason),
    }
    note = changes["waived_reason"]
    return _step(row, verb="waived", changes=changes, note=str(note), since=today, by=by, at=at)


@transaction.atomic
def hand_over(
    *,
    promise: Accountability,
    owner: User | None = None,
    person: Person | None = None,
    by: User,
    at: datetime,
) -> Accountability:
    """Give an open promise to somebody else of the same side, or to nobody by name.

    A queue item about it goes along. Raises ``AlreadySettled`` and ``NotPromised``.
    """
    row = _held(promise)
    _require_open(row)
    _require_side(Side(row.side), owner=owner, person=person, plan=row.plan)
    changes = {
        "owner_id": owner.pk if owner is not None else None,
        "person_id": person.pk if person is not None else None,
    }
    if all(getattr(row, name) == value for name, value in changes.items()):
        return row
    return _step(row, verb="handed_over", changes=changes, since=_today(at), by=by, at=at)


@transaction.atomic
def move(
    *, promise: Accountability, due_on: date, reason: str, by: User, at: datetime
) -> Accountability:
    """Agree another due day before the first has passed.

    Raises ``DueDayPassed`` once it has, ``MovedIntoThePast``, ``AlreadySettled``, and
    ``NotPromised`` without a reason.
    """
    row = _held(promise)
    _require_open(row)
    if row.due_on == due_on:
        return row
    today = _today(at)
    if row.due_on < today:
        raise DueDayPassed(_("Its day has passed: mark it done late, or waive it."))
    if due_on < today:
        raise MovedIntoThePast(_("Choose a day that is still to come."))
    return _step(
        row,
        verb="moved",
        changes={"due_on": due_on},
        note=_reason(reason),
        since=today,
        by=by,
        at=at,
    )


@transaction.atomic
def say_helped(
    *, promise: Accountability, helped: bool, words: str, by: User, at: datetime
) -> Helpfulness:
    """Record whether something we did helped, as this person says it; saying it anew replaces.

    Raises ``NotPromised`` for a promise of theirs, ``StillOpen`` before it was done.
    """
    if promise.side != Side.ASSOCIATION:
        raise NotPromised(_("Only what the association did can be judged here."))
    if promise.done_on is None:
        raise StillOpen(_("It is not done yet."))
    before = Helpfulness.objects.filter(accountability=promise, by=by).first()
    said, _is_new = Helpfulness.objects.update_or_create(
        accountability=promise,
        by=by,
        defaults={"helped": helped, "words": words.strip(), "at": at},
    )
    audit.record(
        verb="promise.judged",
        subject=promise,
        member_id=promise.plan.member_id,
        summary="What we did was said to have helped, or not",
        by=by,
        at=at,
        before=None if before is None else {"helped": before.helped},
        after={"helped": helped},
    )
    return said


@transaction.atomic
def carry_on(*, from_plan: Plan, to_plan: Plan, by: User | None, at: datetime) -> int:
    """Move the open promises of a plan to the version that follows; how many went on.

    A promise keeps its point of the path where the new version has it by key. The obligation
    to agree the next goal is kept, not carried, where this is the next goal. Safe to repeat.
    Marks the member dirty.
    """
    points = dict(to_plan.milestones.values_list("key", "pk"))
    is_next = to_plan.succession in {Succession.NEXT_GOAL, Succession.GOAL_CHANGED}
    gone_on = 0
    rows = (
        Accountability.objects.select_for_update(of=("self",))
        .select_related("milestone")
        .filter(plan=from_plan, done_on=None, waived_on=None)
        .order_by("pk")
    )
    since = to_plan.counts_from
    for row in rows:
        before = {"plan_id": row.plan_id, "milestone_id": row.milestone_id}
        if row.obligation == Obligation.NEXT_GOAL and is_next:
            before = {"done_on": None}
            row.done_on = to_plan.counts_from
            row.save(update_fields=["done_on"])
            _record(row, verb="done", before=before, by=by, at=at)
            continue
        row.plan = to_plan
        row.milestone_id = points.get(row.milestone.key) if row.milestone else None
        row.save(update_fields=["plan", "milestone"])
        _record(row, verb="went_on", before=before, by=by, at=at)
        since = min(since, row.due_on)
        gone_on += 1
    audit.record(
        verb="promise.went_on",
        subject=to_plan,
        member_id=to_plan.member_id,
        summary=f"{gone_on} open promises went on with version {to_plan.version}",
        by=by,
        at=at,
        before={"version": from_plan.version},
        after={"version": to_plan.version, "promises": gone_on},
    )
    mark_dirty([(to_plan.member_id, since)])
    return gone_on


def _step(  # noqa: PLR0913  # a step has that many parts
    row: Accountability,
    *,
    verb: str,
    changes: Mapping[str, Any],
    since: date,
    by: User,
    at: datetime,
    note: str = "",
) -> Accountability:
    before = {name: getattr(row, name) for name in changes}
    for name, value in changes.items():
        setattr(row, name, value)
    row.save(update_fields=[name.removesuffix("_id") for name in changes])
    _record(row, verb=verb, before=before, note=note, by=by, at=at)
    audit.record(
        verb=f"promise.{verb}",
        subject=row,
        member_id=row.plan.member_id,
        summary=f"A promise of the {row.side}: {verb.replace('_', ' ')}",
        by=by,
        at=at,
        before=_without_words(before),
        after=_without_words(changes),
    )
    _follow_up(row, since=min(since, row.due_on), at=at)
    return row


def _record(  # noqa: PLR0913  # an event has that many parts
    row: Accountability,
    *,
    verb: str,
    before: Mapping[str, Any],
    by: User | None,
    at: datetime,
    note: str = "",
) -> None:
    AccountabilityEvent.objects.create(
        accountability=row,
        verb=verb,
        by=by,
        at=at,
        note=note,
        before={
            name: value.isoformat() if isinstance(value, date) else value
            for name, value in before.items()
        },
    )


def _without_words(values: Mapping[str, Any]) -> dict[str, Any]:
    """The audit trail outlives a person; what people wrote stays in the promise's history."""
    return {
        name: value
        for name, value in values.items()
        if name not in {"evidence", "waived_reason"}
    }


def _follow_up(row: Accountability, *, since: date, at: datetime) -> None:
    mark_dirty([(row.plan.member_id, since)])
    nights.refresh_member(member_id=row.plan.member_id, at=at)


def _held(promise: Accountability) -> Accountability:
    """Return the row, locked until the transaction ends."""
    return (
        Accountability.objects.select_for_update(of=("self",))
        .select_related("plan")
        .get(pk=promise.pk)
    )


def _require_open(row: Accountability) -> None:
    if row.done_on is not None:
        raise AlreadySettled(_("It was kept before."))
    if row.waived_on is not None:
        raise AlreadySettled(_("It was waived before."))


def _require_side(side: Side, *, owner: User | None, person: Person | None, plan: Plan) -> None:
    if side == Side.MEMBER and owner is not None:
        raise NotPromised(_("A promise of the member is kept by one of their people."))
    if side == Side.ASSOCIATION and person is not None:
        raise NotPromised(_("A promise of ours is kept by one of us."))
    if owner is not None and owner.member_id is not None:
        raise NotPromised(_("A promise of ours is kept by one of us."))
    if person is not None and not person.affiliations.filter(member=plan.member_id).exists():
        raise NotPromised(_("That person does not belong to this member."))


def _reason(reason: str) -> str:
    words = reason.strip()
    if not words:
        raise NotPromised(_("Say why."))
    return words


def _today(at: datetime) -> date:
    return local_date(at, zone=association_zone())
