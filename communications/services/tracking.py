"""What providers say became of our messages: kept once, whatever the order they say it in."""

import hashlib
import logging
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from communications.engine.bounces import GONE, enhanced_code, is_permanent
from communications.engine.machines import Touch, is_program, likely_machine
from communications.engine.replies import names_of_ours
from communications.enums import EventKind, MessageStatus, NoticeKind, SuppressionKind
from communications.models import DeliveryEvent, Message, Suppression
from communications.services import notices, preferences
from communications.services.suppression import address_hash
from coverage.models import Assignment
from members.enums import Role
from members.models import Person, User
from members.services import audit

logger = logging.getLogger(__name__)

SOFT_BOUNCES: Final = 5
TOUCHES: Final = (EventKind.OPENED, EventKind.CLICKED)
LONGEST_DETAIL: Final = 2_000
# A later reason takes the place of an earlier one only if it is stronger.
STRENGTH: Final = {
    SuppressionKind.BOUNCED: 0,
    SuppressionKind.STAFF: 1,
    SuppressionKind.ASKED: 2,
    SuppressionKind.COMPLAINED: 3,
}


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """What became of one thing a provider said; ``event`` is None if it had said it before."""

    event: DeliveryEvent | None
    is_suppressed: bool = False


@transaction.atomic
def record(  # noqa: PLR0913  # an event has that many parts
    *,
    provider: str,
    event_id: str,
    kind: EventKind,
    provider_id: str,
    at: datetime,
    received_at: datetime,
    our_id: str = "",
    recipient: str = "",
    reason: str = "",
    detail: str = "",
    user_agent: str = "",
) -> Recorded:
    """Keep one event and draw its conclusions; said again, it changes nothing.

    ``provider_id`` is the provider's name for the message, ``our_id`` the identifier that we
    gave along, ``reason`` why it was refused in anymail's words. A provider that gives no
    ``event_id`` is known by what it says. An event about a message that is not ours is kept
    without one, and still counts for the address it names.

    A bounce for good, or a provider that no longer tries, stops the address; a complaint stops
    the address and everything discretionary; an unsubscription stops what is discretionary.
    Openings and clicks are kept and never counted. Any event but a refusal proves that a
    message whose sending was unknown has left; a refusal proves that it has not.
    """
    message = _message(provider_id=provider_id, our_id=our_id)
    if kind in {EventKind.BOUNCED, EventKind.DEFERRED, EventKind.REJECTED}:
        code = enhanced_code(detail)
    else:
        code = ""
    event, is_new = DeliveryEvent.objects.get_or_create(
        provider=provider,
        event_id=event_id or _name(kind, provider_id, recipient, at.isoformat(), detail),
        defaults={
            "message": message,
            "kind": kind,
            "at": at,
            "received_at": received_at,
            "code": code,
            "is_machine": kind in TOUCHES and is_program(user_agent),
            "detail": detail[:LONGEST_DETAIL],
        },
    )
    if not is_new:
        return Recorded(event=None)
    if message is not None:
        _resolve(message, event, at=received_at)
        if kind in {EventKind.BOUNCED, EventKind.REJECTED}:
            came_back = Message.objects.filter(pk=message.pk, returned_at=None)
            came_back.update(returned_at=event.at)
        if kind in {*TOUCHES, EventKind.DELIVERED}:
            _judge_touches(message)
    elif kind not in TOUCHES:
        logger.warning("A provider speaks of a message that is not known", extra={"kind": kind})
    address = recipient or (message.person.email if message and message.person else "")
    suppressed = _conclude(event, message=message, address=address, reason=reason)
    return Recorded(event=event, is_suppressed=suppressed)


def _name(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _message(*, provider_id: str, our_id: str) -> Message | None:
    """Find the message by the identifier we gave along, or by the provider's name for it."""
    named = list(names_of_ours([f"{our_id}@", provider_id]))
    found = Q(public_id__in=named)
    if provider_id:
        found |= Q(provider_id__in=_spellings(provider_id))
    messages = Message.objects.select_related("person", "member").filter(found)
    return messages.order_by("pk").first()


def _spellings(provider_id: str) -> tuple[str, ...]:
    """Some providers put their name for a message between angle brackets in one place only."""
    bare = provider_id.strip("<>")
    return bare, f"<{bare}>"


def _resolve(message: Message, event: DeliveryEvent, *, at: datetime) -> None:
    """Say of a message left half sent what the provider proves.

    Whoever sends it just now holds its row, so this waits until they have said how it went.
    """
    left = event.kind != EventKind.REJECTED
    status = MessageStatus.SENT if left else MessageStatus.SUPPRESSED
    outcome = f"{event.provider}: {EventKind(event.kind).label}"
    changed = Message.objects.filter(
        pk=message.pk, status__in=[MessageStatus.UNKNOWN, MessageStatus.SENDING]
    ).update(status=status, outcome=outcome, finished_at=event.at)
    if changed:
        audit.record(
            verb="message.resolved",
            subject=message,
            member_id=message.member_id,
            summary=f"The provider proves what became of it: {EventKind(event.kind).label}",
            by=None,
            at=at,
            before={"status": message.status},
            after={"status": status},
        )


def _judge_touches(message: Message) -> None:
    """Mark those openings and clicks of a message that a program made, by their moments."""
    touches = list(
        DeliveryEvent.objects.filter(message=message, kind__in=TOUCHES).order_by("at", "pk")
    )
    delivered_at = (
        DeliveryEvent.objects.filter(message=message, kind=EventKind.DELIVERED)
        .order_by("at")
        .values_list("at", flat=True)
        .first()
    )
    judged = likely_machine(
        [
            Touch(at=each.at, link=each.detail if each.kind == EventKind.CLICKED else "")
            for each in touches
        ],
        delivered_at=delivered_at,
    )
    machines = [each.pk for each, machine in zip(touches, judged, strict=True) if machine]
    DeliveryEvent.objects.filter(pk__in=machines, is_machine=False).update(is_machine=True)


def _conclude(
    event: DeliveryEvent, *, message: Message | None, address: str, reason: str
) -> bool:
    match event.kind:
        case EventKind.BOUNCED if is_permanent(code=event.code, reason=reason):
            return _suppress(
                address, SuppressionKind.BOUNCED, event, message, words=event.code or reason
            )
        case EventKind.BOUNCED if message is not None:
            _note_soft_bounces(message, at=event.received_at)
        case EventKind.REJECTED if reason in GONE:
            return _suppress(address, SuppressionKind.BOUNCED, event, message, words=reason)
        case EventKind.REJECTED if reason == "unsubscribed":
            _nothing_discretionary(event, message=message, address=address)
        case EventKind.UNSUBSCRIBED:
            _nothing_discretionary(event, message=message, address=address)
        case EventKind.COMPLAINED:
            _nothing_discretionary(event, message=message, address=address)
            return _suppress(
                address, SuppressionKind.COMPLAINED, event, message, words="complaint"
            )
        case EventKind.REJECTED if reason == "spam":
            return _suppress(address, SuppressionKind.COMPLAINED, event, message, words=reason)
    return False


def _suppress(
    address: str,
    kind: SuppressionKind,
    event: DeliveryEvent,
    message: Message | None,
    *,
    words: str,
) -> bool:
    if not address.strip():
        return False
    reason = f"{event.provider}: {words}"
    suppression, is_new = Suppression.objects.get_or_create(
        address_hash=address_hash(address),
        defaults={"kind": kind, "reason": reason, "at": event.at},
    )
    before = suppression.kind
    if not is_new:
        if STRENGTH[SuppressionKind(before)] >= STRENGTH[kind]:
            return False
        suppression.kind, suppression.reason, suppression.at = kind, reason, event.at
        suppression.save(update_fields=["kind", "reason", "at"])
    audit.record(
        verb="address.suppressed",
        subject=suppression,
        member_id=message.member_id if message else None,
        summary=f"An address is written to no more: {kind.label}",
        by=None,
        at=event.received_at,
        before=None if is_new else {"kind": before},
        after={"kind": kind, "reason": reason},
    )
    if kind == SuppressionKind.COMPLAINED:
        _note_complaint(message, at=event.received_at)
    return True


def _nothing_discretionary(
    event: DeliveryEvent, *, message: Message | None, address: str
) -> None:
    """Stop everything that is not promised, owed or an answer, for whoever has the address."""
    if message is not None and message.person_id is not None:
        people = Person.objects.filter(pk=message.person_id)
    elif address.strip():
        people = Person.objects.filter(email__iexact=address.strip()).order_by("pk")
    else:
        return
    for person in people:
        preferences.unsubscribe(
            person=person,
            said_in="provider",
            words=str(EventKind(event.kind).label),
            at=event.received_at,
        )


def _note_complaint(message: Message | None, *, at: datetime) -> None:
    """Tell the owner, or operations where there is none, that our mail was called unwanted."""
    if message is None or message.person is None or message.member is None:
        return
    owner = _owner(message)
    notices.tell(
        users=[owner]
        if owner is not None
        else User.objects.filter(role=Role.OPERATIONS, is_active=True).order_by("pk"),
        kind=NoticeKind.WORK,
        title=_("%(member)s calls our mail unwanted") % {"member": message.member.name},
        body=_("%(person)s gets no more of it. Speak with them before anything else is sent.")
        % {"person": message.person.name},
        address=f"/members/{message.member.public_id}/",
        dedupe_key=f"complaint {message.person_id}",
        member=message.member,
        at=at,
    )


def _owner(message: Message) -> User | None:
    assignment = (
        Assignment.objects.filter(member=message.member).select_related("owner").first()
    )
    return assignment.owner if assignment is not None else None


def _note_soft_bounces(message: Message, *, at: datetime) -> None:
    """Tell the owner where mail bounced on five different days and none arrived between."""
    if message.person_id is None or message.member is None:
        return
    about = DeliveryEvent.objects.filter(message__person_id=message.person_id)
    arrived = about.filter(kind=EventKind.DELIVERED).order_by("-at").values("at").first()
    bounces = about.filter(kind=EventKind.BOUNCED)
    if arrived:
        bounces = bounces.filter(at__gt=arrived["at"])
    days = sorted({moment.date() for moment in bounces.values_list("at", flat=True)})
    if len(days) < SOFT_BOUNCES:
        return
    owner = _owner(message)
    if owner is None:
        return
    notices.tell(
        users=[owner],
        kind=NoticeKind.WORK,
        title=_("Mail to %(member)s keeps bouncing") % {"member": message.member.name},
        body=_("On %(days)d days, and nothing arrived in between. Ask for another address.")
        % {"days": len(days)},
        address=f"/members/{message.member.public_id}/",
        dedupe_key=f"soft bounces {message.person_id} {days[0].isoformat()}",
        member=message.member,
        at=at,
    )
