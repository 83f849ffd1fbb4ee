"""Working an item of the queue: who has it, and what came of it.

Callers fetch the item through ``visible_to``; a refusal here is about its state.
"""

from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.urls import reverse
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _

from communications.enums import MessageChannel, NoticeKind, Purpose
from communications.services import gate, notices
from communications.services.outbox import queue_message, withdraw
from config.kernel.clock import association_zone, local_date, local_moment
from config.kernel.permissions import has
from coverage.enums import Channel, EffortSource, Modality
from coverage.models import AxProfile
from coverage.services import effort
from members.enums import Role
from members.models import User
from members.services import audit
from success.access import Permission
from success.enums import InterventionStatus, Outcome, Side
from success.models import (
    Accountability,
    Intervention,
    InterventionEvent,
    MemberFacts,
    Plan,
)
from success.queries.prepared import prepared
from success.services import promises

LEASE = timedelta(minutes=30)
LONGEST_SLEEP = timedelta(days=366)
# Ten seconds are offered on screen; the rest is the way there and back.
UNDO_WITHIN = timedelta(seconds=15)
UNDOABLE = frozenset({"done", "snoozed", "reassigned", "sent"})
WORKERS = frozenset({Role.MSM.value, Role.DIRECTOR.value})
# Of two that ask for the same time, the one with more people in it comes first.
MODALITIES = (
    (Modality.TASKFORCE, "taskforce_minutes"),
    (Modality.SYNC, "sync_minutes"),
    (Modality.ASYNC, "async_minutes"),
    (Modality.INBOUND, "inbound_minutes"),
)


class AlreadyClaimed(Exception):
    """Somebody else is working on it; ``holder`` says who."""

    def __init__(self, holder: User) -> None:
        self.holder = holder
        super().__init__(f"{holder} has claimed this.")


class NotOpen(Exception):
    """The item is done or closed, or is with the outbox."""


class NotHeld(Exception):
    """Nobody can give back what they have not claimed."""


class SnoozedIntoThePast(ValueError):
    """An item sleeps until a day to come."""


class SnoozedTooFar(ValueError):
    """An item sleeps for a year at most: for longer it would be forgotten."""


class NextStepInThePast(ValueError):
    """What comes next is promised for today or a day to come."""


class NotYours(Exception):
    """Who does not lead the team gives away what is theirs, and nothing else."""


class NotAssignable(ValueError):
    """It cannot be given to that person, or not without a reason; the message says which."""


class NotSendable(ValueError):
    """There is no message to send, or something in it is missing; the words say which."""


class NothingToUndo(Exception):
    """The last step is not this person's to undo, or too long ago, or overtaken."""


@transaction.atomic
def claim(*, intervention: Intervention, by: User, at: datetime) -> Intervention:
    """Take an open item for thirty minutes and return it as it then is.

    One conditional update decides, so of many only one wins. Claiming again extends the lease;
    a lapsed lease may be taken over. Raises ``AlreadyClaimed`` or ``NotOpen``.
    """
    taken = Intervention.objects.claim(intervention.pk, by=by, until=at + LEASE, at=at)
    if not taken:
        # Whoever was in the way may just have left: the held row tells.
        held = _held(intervention)
        _require_free(held, by=by, at=at)
        held.claimed_by, held.claimed_until = by, at + LEASE
        held.save(update_fields=["claimed_by", "claimed_until"])
    _record(intervention, verb="claimed", by=by, at=at)
    return _fresh(intervention)


@transaction.atomic
def release(*, intervention: Intervention, by: User, at: datetime) -> Intervention:
    """Give a claimed item back, and return it; raises ``NotHeld`` or ``NotOpen``."""
    row = _held(intervention)
    if row.status != InterventionStatus.OPEN:
        raise NotOpen(row.get_status_display())
    if row.claimed_by_id != by.pk:
        raise NotHeld
    row.claimed_by, row.claimed_until = None, None
    row.save(update_fields=["claimed_by", "claimed_until"])
    _record(row, verb="released", by=by, at=at)
    return _fresh(row)


@transaction.atomic
def claim_next(*, user: User, at: datetime) -> Intervention | None:
    """Take the first item of the pool that is open, awake and free, and return it.

    None where nothing is left. Rows that somebody else is just taking are passed over, so many
    may ask at once, nobody waits, and no item is given to two. Items are awake on the person's
    own day (DOMAIN 2.10).
    """
    found = _next_of_pool(user, at=at)
    if found is None:
        return None
    found.claimed_by, found.claimed_until = user, at + LEASE
    found.save(update_fields=["claimed_by", "claimed_until"])
    _record(found, verb="claimed", by=user, at=at)
    return _fresh(found)


def _next_of_pool(user: User, *, at: datetime) -> Intervention | None:
    """The first item that is free, or whose claim has lapsed; locked against others."""
    pool = Intervention.objects.of_pool(user).open()
    awake = pool.awake(on=_day_of(user, at=at))
    asked = [awake.filter(claimed_by=None)]
    # each has an index of its own, and under an OR all that is claimed would be walked over
    lapsed = awake.filter(claimed_by__isnull=False, claimed_until__lte=at)
    if lapsed.exists():
        asked.append(lapsed)
    found = [
        each.in_queue_order().select_for_update(skip_locked=True, of=("self",)).first()
        for each in asked
    ]
    return min((each for each in found if each is not None), key=_place, default=None)


def _place(item: Intervention) -> tuple[Any, ...]:
    """Where an item stands in the queue's order."""
    return (item.queue_class, item.occurred_on, item.term_ends_on or date.max, item.pk)


@transaction.atomic
def snooze(
    *,
    intervention: Intervention,
    until: date | None,
    until_change: bool = False,
    by: User,
    at: datetime,
) -> Intervention:
    """Put an open item away, and return it; frees the claim.

    Until the morning of ``until`` in the zone of ``by``, or with ``until_change`` until the
    member's state or the milestone they wait at is another, or until whichever of both comes
    first. Raises ``SnoozedIntoThePast`` unless ``until`` is after the person's day of ``at``
    (and where neither is said), ``SnoozedTooFar`` beyond a year, ``AlreadyClaimed`` or
    ``NotOpen``.
    """
    if until is None and not until_change:
        raise SnoozedIntoThePast
    today = _day_of(by, at=at)
    if until is not None and until <= today:
        raise SnoozedIntoThePast(until.isoformat())
    if until is not None and until > today + LONGEST_SLEEP:
        raise SnoozedTooFar(until.isoformat())
    row = _held(intervention)
    evidence = {name: said for name, said in row.evidence.items() if name != "asleep_at"}
    if until_change:
        evidence["asleep_at"] = _situation(row.member_id)
    changes = {
        "snoozed_until": until,
        "sleeps_until_change": until_change,
        "evidence": evidence,
        "claimed_by_id": None,
        "claimed_until": None,
    }
    return _step(row, verb="snoozed", changes=changes, note="", by=by, at=at)


@transaction.atomic
def complete(  # noqa: PLR0913  # what a person says when something is done
    *,
    intervention: Intervention,
    outcome: Outcome,
    note: str,
    minutes: int | None,
    learned: str = "",
    next_step: str = "",
    next_on: date | None = None,
    by: User,
    at: datetime,
) -> Intervention:
    """Finish an open item with its outcome, and return it; it need not be claimed before.

    ``minutes`` are those really spent; null leaves what was planned. They are logged as effort
    for the member, in the modality that most of their experience asks for. ``learned`` is what
    we know now and did not. ``next_step`` with a day becomes a promise of ours, of ``by``,
    where the member has a plan; otherwise it stays as words, which the next item shows.
    Raises ``AlreadyClaimed``, ``NotOpen`` or, of a day that is over, ``NextStepInThePast``.
    """
    if next_on is not None and next_on < _day_of(by, at=at):
        raise NextStepInThePast(next_on.isoformat())
    row = _held(intervention)
    changes: dict[str, Any] = {
        "status": InterventionStatus.DONE.value,
        "outcome": Outcome(outcome).value,
        "note": note,
        "learned": learned.strip(),
        "next_step": next_step.strip(),
        "finished_by_id": by.pk,
        "finished_at": at,
        "claimed_by_id": None,
        "claimed_until": None,
        "snoozed_until": None,
        "sleeps_until_change": False,
    }
    if minutes is not None:
        changes["minutes"] = minutes
    _require_free(row, by=by, at=at)
    if changes["next_step"] and next_on is not None:
        changes["evidence"] = row.evidence | _promised(
            row, title=changes["next_step"], due_on=next_on, by=by, at=at
        )
    row = _step(row, verb="done", changes=changes, note=note, by=by, at=at)
    if row.minutes:
        effort.log(
            member=row.member,
            by=by,
            on=local_date(at, zone=association_zone()),
            minutes=min(row.minutes, effort.LONGEST),
            modality=_modality(row),
            note="",
            source=EffortSource.INTERVENTION,
            source_key=str(row.public_id),
            at=at,
        )
    return row


@transaction.atomic
def send(*, intervention: Intervention, by: User, at: datetime) -> Intervention:
    """Hand the written message of an open item to the outbox, and return the item.

    It goes to the member's contact in their words, once the seconds in which it can be undone
    are over, and through the one gate: wishes, suppression, quiet hours, the cap, and all that
    stops a play's message are asked there. They are asked here already, so that what would be
    held is refused with the reason while somebody looks at it, and what has to wait is due when
    it may go. Gone out, the step is delivered;
    not sent after all, the item is opened again by the night and says why, as with a message
    of the system. Time spent is not guessed: it is logged by hand. Raises ``NotSendable``,
    ``AlreadyClaimed`` or ``NotOpen`` (DOMAIN 2.10).
    """
    row = _held(intervention)
    _require_free(row, by=by, at=at)
    today = local_date(at, zone=association_zone())
    found = prepared(row, as_of=today)
    if found is None or not found.leaves_here:
        raise NotSendable(_("There is no message here that can be sent."))
    if found.to is None:
        raise NotSendable(_("Nobody of theirs is known who could be written to."))
    if found.missing:
        names = ", ".join(found.missing)
        raise NotSendable(_("Not known of them: %(names)s.") % {"names": names})
    before_this = row.events.filter(verb="sent").count()
    is_notice = row.channel == Channel.PORTAL
    too_late = today + timedelta(days=row.step.version.too_late_days + 1)
    message = queue_message(
        member_id=row.member_id,
        person_id=found.to.pk,
        template_key=found.template.key,
        variables=found.variables,
        purpose=Purpose(found.template.purpose),
        dedupe_key=f"item {row.public_id}, sent by hand {before_this + 1}",
        due_at=at + UNDO_WITHIN,
        not_after=local_moment(too_late, time(0), zone=association_zone()),
        channel=MessageChannel.PORTAL if is_notice else MessageChannel.EMAIL,
    )
    changes: dict[str, Any] = {
        "status": InterventionStatus.MESSAGE.value,
        "message_id": message.pk,
        "channel": row.channel or Channel.EMAIL.value,
        "claimed_by_id": None,
        "claimed_until": None,
        "snoozed_until": None,
        "sleeps_until_change": False,
    }
    row = _step(row, verb="sent", changes=changes, note="", by=by, at=at)
    foreseen = gate.foresee(message=message, at=message.due_at)
    if foreseen.held:
        raise NotSendable(_("It would not be sent: %(reason)s.") % {"reason": foreseen.held})
    if foreseen.goes_at > message.due_at:
        message.due_at = foreseen.goes_at
        message.save(update_fields=["due_at"])
    audit.record(
        verb="item.sent",
        subject=row,
        member_id=row.member_id,
        summary=_("The message of an item was sent by hand"),
        by=by,
        at=at,
        after={"template": found.template.key, "message": message.public_id},
    )
    return row


@transaction.atomic
def reassign(  # noqa: PLR0913  # what is to be said when work changes hands
    *,
    intervention: Intervention,
    to: User | None,
    reason: str,
    by: User,
    at: datetime,
    tells: bool = True,
) -> Intervention:
    """Give an open item to a colleague, or to the pool (``to`` null), and return it.

    Who leads the team may give away any item, others what is theirs: owned, claimed, or of
    somebody they stand in for. The claim is freed, and the new owner is told once unless they
    did it themselves (``tells``: bulk acts tell once for all). It stays given whoever looks
    after the member. Raises ``NotYours``, ``NotAssignable``, ``AlreadyClaimed`` or ``NotOpen``.
    """
    row = _held(intervention)
    _require_free(row, by=by, at=at)
    is_mine = row.owner_id is not None or row.claimed_by_id == by.pk
    seen = Intervention.objects.visible_to(by).filter(pk=row.pk)
    if not has(by, Permission.QUEUE_LEAD) and not (is_mine and seen.exists()):
        raise NotYours
    words = reason.strip()
    if not words:
        raise NotAssignable(_("Say why in a few words."))
    if to is not None and not (to.is_active and to.role in WORKERS):
        raise NotAssignable(_("Choose somebody who works the queue."))
    if to is None and row.owner_id is None and row.claimed_by_id is None:
        raise NotAssignable(_("It is in the pool already."))
    if to is not None and to.pk == row.owner_id:
        raise NotAssignable(_("It is theirs already."))
    owner_id = to.pk if to else None
    before = {"owner": row.owner_id}
    changes: dict[str, Any] = {
        "owner_id": owner_id,
        "claimed_by_id": None,
        "claimed_until": None,
        "evidence": row.evidence | {"given": True},
    }
    row = _step(row, verb="reassigned", changes=changes, note=words, by=by, at=at)
    audit.record(
        verb="item.reassigned",
        subject=row,
        member_id=row.member_id,
        summary=_("An item was given to somebody else")
        if to
        else _("An item went to the pool"),
        by=by,
        at=at,
        before=before,
        after={"owner": owner_id},
    )
    if tells and to is not None and to.pk != by.pk:
        notices.tell(
            users=[to],
            kind=NoticeKind.WORK,
            title=_("%(who)s gave you work: %(member)s")
            % {"who": by.name, "member": row.member.name},
            body=words,
            address=reverse("success:item", args=[row.public_id]),
            dedupe_key=f"item {row.public_id} given {at.isoformat()}",
            member=row.member,
            at=at,
        )
    return row


@transaction.atomic
def undo(*, intervention: Intervention, by: User, at: datetime) -> Intervention:
    """Put back what ``by`` did just now: finishing, snoozing or giving away; return the item.

    Ten seconds are offered and fifteen are honoured. Raises ``NothingToUndo`` otherwise, and
    where the play has opened another item for the member in between.
    """
    return put_back(intervention=intervention, since=at - UNDO_WITHIN, by=by, at=at)


@transaction.atomic
def put_back(
    *,
    intervention: Intervention,
    since: datetime,
    until: datetime | None = None,
    by: User,
    at: datetime,
) -> Intervention:
    """Put back the last step of an item if ``by`` took it from ``since`` on; return it.

    ``until`` leaves alone what was done after it.

    What the step brought with it goes too: the time logged, and a promise that was made.
    Raises ``NothingToUndo``.
    """
    row = _held(intervention)
    last = row.events.order_by("-at", "-pk").first()
    if last is None or last.verb not in UNDOABLE or last.by_id != by.pk:
        raise NothingToUndo
    if not since <= last.at <= (until or at):
        raise NothingToUndo
    if last.verb == "sent" and not _took_back(row, at=at):
        raise NothingToUndo
    promised = row.evidence.get("next_promise")
    for name, value in last.before.items():
        setattr(row, name, READERS.get(name, _as_it_is)(value))
    try:
        with transaction.atomic():
            row.save(update_fields=[name.removesuffix("_id") for name in last.before])
    except IntegrityError as error:
        raise NothingToUndo from error
    if last.verb == "done":
        effort.withdraw_source(
            source=EffortSource.INTERVENTION, source_key=str(row.public_id), by=by, at=at
        )
        made = Accountability.objects.filter(pk=promised, done_on=None, waived_on=None).first()
        if made is not None and promised != row.evidence.get("next_promise"):
            promises.waive(promise=made, reason=_("Undone at once"), by=by, at=at)
    _record(row, verb="undone", by=by, at=at)
    return _fresh(row)


def _took_back(row: Intervention, *, at: datetime) -> bool:
    """Take the message of an item out of the outbox; False where it has left, or is leaving."""
    message = row.message
    if message is None:
        return False
    reason = "Undone at once"
    return withdraw(dedupe_keys=[message.dedupe_key], reason=reason, at=at) == 1


def _promised(
    row: Intervention, *, title: str, due_on: date, by: User, at: datetime
) -> dict[str, Any]:
    """Promise the next step where there is a plan; what the item then keeps of it."""
    plan = Plan.objects.filter(member=row.member_id, closed_on=None).first()
    if plan is None:
        return {"next_on": due_on.isoformat()}
    made = promises.make(
        plan=plan, side=Side.ASSOCIATION, title=title, due_on=due_on, owner=by, by=by, at=at
    )
    return {"next_on": due_on.isoformat(), "next_promise": made.pk}


def _situation(member_id: int) -> str:
    """The state of a member and the milestone they wait at, as ``awake`` compares them."""
    known = MemberFacts.objects.filter(member=member_id).first()
    return "" if known is None else f"{known.state} {known.blocking_id or ''}"


def _day_of(user: User, *, at: datetime) -> date:
    """The day it is for a person: items sleep until a morning in their own zone."""
    return local_date(at, zone=user.time_zone or association_zone())


def _step(  # noqa: PLR0913  # a step has that many parts
    intervention: Intervention,
    *,
    verb: str,
    changes: Mapping[str, Any],
    note: str,
    by: User,
    at: datetime,
) -> Intervention:
    """Write ``changes`` to an item that is open and free for ``by``, with what was before."""
    row = _held(intervention)
    _require_free(row, by=by, at=at)
    before = {name: getattr(row, name) for name in changes}
    for name, value in changes.items():
        setattr(row, name, value)
    row.save(update_fields=[name.removesuffix("_id") for name in changes])
    _record(row, verb=verb, by=by, at=at, note=note, before=before)
    return _fresh(row)


def _held(intervention: Intervention) -> Intervention:
    """Return the row, locked until the transaction ends."""
    return Intervention.objects.select_for_update().get(pk=intervention.pk)


def _modality(row: Intervention) -> Modality:
    """How most of the member's time is to be spent; in writing where that is not known."""
    profile = AxProfile.objects.filter(member=row.member_id, superseded_on=None).first()
    minutes = {} if profile is None else {m: getattr(profile, f) for m, f in MODALITIES}
    return max(minutes, key=lambda modality: minutes[modality], default=Modality.ASYNC)


def _fresh(intervention: Intervention) -> Intervention:
    return Intervention.objects.select_related("play", "step", "member", "claimed_by").get(
        pk=intervention.pk
    )


def _require_free(row: Intervention, *, by: User, at: datetime) -> None:
    if row.status != InterventionStatus.OPEN:
        raise NotOpen(row.get_status_display())
    lapsed = row.claimed_until is not None and row.claimed_until <= at
    if row.claimed_by is not None and row.claimed_by != by and not lapsed:
        raise AlreadyClaimed(row.claimed_by)


def _record(  # noqa: PLR0913  # an event has that many parts
    row: Intervention,
    *,
    verb: str,
    by: User,
    at: datetime,
    note: str = "",
    before: Mapping[str, Any] | None = None,
) -> None:
    InterventionEvent.objects.create(
        intervention_id=row.pk,
        verb=verb,
        by=by,
        at=at,
        note=note,
        before={name: _to_json(value) for name, value in (before or {}).items()},
    )


def _to_json(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) else value


def _as_it_is(value: Any) -> Any:
    return value


def _day(value: str | None) -> date | None:
    return None if value is None else date.fromisoformat(value)


def _moment(value: str | None) -> datetime | None:
    return None if value is None else parse_datetime(value)


READERS: Mapping[str, Callable[[Any], Any]] = {
    "snoozed_until": _day,
    "claimed_until": _moment,
    "finished_at": _moment,
}
