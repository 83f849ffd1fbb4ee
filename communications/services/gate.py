"""The one way out: what is due is claimed, checked once more, and handed to its sender.

A message is claimed in a transaction of its own, so that its row says ``sending`` before
anything leaves. Whatever is left in ``sending`` by a crash becomes ``unknown`` and is never
sent again by itself: a message too few can be mended, a message twice cannot.
"""

import hashlib
import logging
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from django.db import transaction

from communications.enums import MessageStatus, Purpose
from communications.models import Message, Suppression
from communications.senders import email
from members.models import Person

logger = logging.getLogger(__name__)

FATIGUE_DAYS = 14
FATIGUE_CAP = 2
STUCK_AFTER = timedelta(minutes=10)
TRY_AGAIN_AFTER = timedelta(minutes=5)
PLACEHOLDER = re.compile(r"\{\{\s*(\w+)\s*\}\}")


class Guard(Protocol):
    """Asked in the sending transaction: why this message must not go, or None."""

    def __call__(self, *, message: Message, at: datetime) -> str | None: ...


class Guards:
    """What upper apps have to say before a message leaves, by name, the first one first."""

    def __init__(self) -> None:
        self._guards: dict[str, Guard] = {}

    def register(self, name: str, guard: Guard) -> None:
        """Have ``guard`` asked about every message; the same name again replaces it."""
        self._guards[name] = guard

    def unregister(self, name: str) -> None:
        self._guards.pop(name, None)

    def objection(self, *, message: Message, at: datetime) -> str | None:
        """Return the first objection of any guard, or None."""
        for guard in self._guards.values():
            if reason := guard(message=message, at=at):
                return reason
        return None


guards = Guards()


class _Held(Exception):
    """The message must not go, for a reason that is kept with it."""


class MissingVariable(LookupError):
    """A name in a template has no value."""


@dataclass(frozen=True, kw_only=True)
class Counts:
    """What became of the messages one sweep claimed."""

    claimed: int = 0
    sent: int = 0
    suppressed: int = 0
    postponed: int = 0
    unknown: int = 0


def address_hash(address: str) -> str:
    """Return the SHA-256 of the lower-cased address, by which suppressions know it."""
    return hashlib.sha256(address.strip().lower().encode()).hexdigest()


def render(text: str, *, variables: Mapping[str, Any]) -> str:
    """Fill ``{{ name }}`` in ``text``; raise ``MissingVariable`` for a name without a value.

    Null and blank are no value. A value is put in as it stands and is not looked at again.
    """

    def value(found: re.Match[str]) -> str:
        known = variables.get(found[1])
        if known is None or known == "":
            raise MissingVariable(found[1])
        return str(known)

    return PLACEHOLDER.sub(value, text)


def send_due(*, at: datetime, limit: int = 100) -> Counts:
    """Send up to ``limit`` messages that are due, oldest first, and say what became of them.

    Sweeps may run side by side: rows another one holds are skipped. Must not run inside a
    transaction, for the claim has to be durable before anything leaves.
    """
    claimed = _claim(at=at, limit=limit)
    outcomes = Counter(_send(message_id, at=at) for message_id in claimed)
    return Counts(
        claimed=len(claimed),
        sent=outcomes[MessageStatus.SENT],
        suppressed=outcomes[MessageStatus.SUPPRESSED],
        postponed=outcomes[MessageStatus.QUEUED],
        unknown=outcomes[MessageStatus.UNKNOWN],
    )


def release_stuck(*, at: datetime) -> int:
    """Mark what has been ``sending`` for ten minutes as unknown; return how many.

    Whether those were sent nobody can tell, so they are not sent again. Idempotent.
    """
    return Message.objects.filter(
        status=MessageStatus.SENDING, claimed_at__lte=at - STUCK_AFTER
    ).update(
        status=MessageStatus.UNKNOWN,
        finished_at=at,
        outcome="The work stopped while it was being sent",
    )


def _claim(*, at: datetime, limit: int) -> list[int]:
    with transaction.atomic(durable=True):
        due = (
            Message.objects.select_for_update(skip_locked=True)
            .filter(status=MessageStatus.QUEUED, due_at__lte=at)
            .order_by("due_at", "pk")
        )
        claimed = list(due.values_list("pk", flat=True)[:limit])
        Message.objects.filter(pk__in=claimed).update(
            status=MessageStatus.SENDING, claimed_at=at
        )
    return claimed


@transaction.atomic
def _send(message_id: int, *, at: datetime) -> MessageStatus | None:
    """Check one claimed message again and hand it over; None if it is no longer ours."""
    message = (
        Message.objects.select_for_update(of=("self",))
        .select_related("template", "member")
        .filter(pk=message_id, status=MessageStatus.SENDING, claimed_at=at)
        .first()
    )
    if message is None:
        return None
    try:
        with transaction.atomic():
            person = _check(message, at=at)
    except _Held as held:
        return _suppress(message, reason=str(held), at=at)
    except Exception as error:
        # Nothing has left yet, so trying again is safe, and the rest of the sweep goes on.
        logger.exception("A message could not be checked", extra={"message_id": message_id})
        return _postpone(message, because=f"It could not be checked: {error}", at=at)
    return _hand_over(message, person=person, at=at)


def _check(message: Message, *, at: datetime) -> Person:
    """Return the person to write to, the words filled in; raise ``_Held`` to say why not."""
    if message.not_after is not None and at >= message.not_after:
        raise _Held("It is too late for this message")
    # The person's row is held, so that two sweeps cannot both be under the cap.
    if message.person_id is None:
        raise _Held("Nobody to write to")
    person = Person.objects.select_for_update(no_key=True).get(pk=message.person_id)
    if not person.email.strip():
        raise _Held("No address is known")
    if Suppression.objects.filter(address_hash=address_hash(person.email)).exists():
        raise _Held("This address must not be written to")
    if reason := guards.objection(message=message, at=at):
        raise _Held(reason)
    if message.purpose == Purpose.DISCRETIONARY and _is_tired(person, at=at):
        raise _Held(f"Written to {FATIGUE_CAP} times in the last {FATIGUE_DAYS} days")
    try:
        message.subject = render(message.template.subject, variables=message.variables)
        message.body = render(message.template.body, variables=message.variables)
    except MissingVariable as error:
        message.subject = message.body = ""
        raise _Held(f"No value for {error}") from error
    return person


def _is_tired(person: Person, *, at: datetime) -> bool:
    """Say whether the person has had as many discretionary messages as they may.

    One of which nobody knows whether it was sent counts as sent.
    """
    lately = Message.objects.filter(
        person=person,
        purpose=Purpose.DISCRETIONARY,
        status__in=[MessageStatus.SENT, MessageStatus.UNKNOWN],
        finished_at__gt=at - timedelta(days=FATIGUE_DAYS),
    )
    return lately.count() >= FATIGUE_CAP


def _hand_over(message: Message, *, person: Person, at: datetime) -> MessageStatus:
    try:
        outcome = email.send(
            public_id=message.public_id,
            name=person.name,
            address=person.email.strip(),
            subject=message.subject,
            body=message.body,
            calendar=message.calendar,
            calendar_method=message.calendar_method,
        )
    except email.Refused as error:
        return _suppress(message, reason=f"Refused: {error}", at=at)
    except email.NotAccepted as error:
        return _postpone(message, because=f"Not accepted: {error}", at=at)
    except Exception as error:
        logger.exception("Nobody knows whether this was sent", extra={"message_id": message.pk})
        return _finish(message, MessageStatus.UNKNOWN, outcome=str(error), at=at)
    return _finish(message, MessageStatus.SENT, outcome=outcome, at=at)


def _suppress(message: Message, *, reason: str, at: datetime) -> MessageStatus:
    return _finish(message, MessageStatus.SUPPRESSED, outcome=reason, at=at)


def _postpone(message: Message, *, because: str, at: datetime) -> MessageStatus:
    message.status = MessageStatus.QUEUED
    message.due_at = at + TRY_AGAIN_AFTER
    message.claimed_at = None
    message.outcome = because
    message.subject = message.body = ""
    message.save(update_fields=["status", "due_at", "claimed_at", "outcome", "subject", "body"])
    return MessageStatus.QUEUED


def _finish(
    message: Message, status: MessageStatus, *, outcome: str, at: datetime
) -> MessageStatus:
    message.status = status
    message.finished_at = at
    message.outcome = outcome
    message.save(update_fields=["status", "finished_at", "outcome", "subject", "body"])
    return status
