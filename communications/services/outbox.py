"""Putting messages into the outbox. Nothing is sent here; the gate does that."""

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db import connection, transaction

from communications.enums import CalendarMethod, MessageChannel, MessageStatus, Purpose
from communications.models import (
    LARGEST_ATTACHMENT,
    Message,
    MessageAttachment,
    MessageTemplate,
)
from members.models import User
from members.services import audit


class NotUnknown(Exception):
    """Somebody has said already what became of the message, or it was never in doubt."""


class NoReason(ValueError):
    """How one knows is missing."""


class TooLarge(ValueError):
    """A file is larger than what can be mailed."""


class UnknownTemplate(LookupError):
    """There is no message template by this key."""


@dataclass(frozen=True, kw_only=True)
class NewMessage:
    """A message to be queued; ``dedupe_key`` says what it is, so that it is said once."""

    member_id: int | None
    person_id: int | None
    template_key: str
    variables: Mapping[str, Any]
    purpose: Purpose
    dedupe_key: str
    due_at: datetime
    not_after: datetime | None = None
    calendar: str = ""
    calendar_method: CalendarMethod | str = ""
    user_id: int | None = None
    channel: MessageChannel = MessageChannel.EMAIL


def queue_message(  # noqa: PLR0913  # a message has that many parts
    *,
    member_id: int | None = None,
    person_id: int | None = None,
    user: User | None = None,
    template_key: str,
    variables: Mapping[str, Any],
    purpose: Purpose,
    dedupe_key: str,
    due_at: datetime,
    not_after: datetime | None = None,
    channel: MessageChannel = MessageChannel.EMAIL,
    calendar: str = "",
    calendar_method: CalendarMethod | str = "",
) -> Message:
    """Put one message into the outbox and return its row; call it in your own transaction.

    It is for a person of a member, or for a colleague (``user``), who is told at any hour and
    as often as they ask to be. ``channel`` says which way it takes.

    ``dedupe_key`` makes it idempotent: a message already queued by that key, sent or not, is
    returned as it stands. ``calendar`` is an iCalendar object that goes along, and
    ``calendar_method`` the METHOD it bears; both or neither. Raises ``UnknownTemplate``.
    """
    queue_messages(
        [
            NewMessage(
                member_id=member_id,
                person_id=person_id,
                template_key=template_key,
                variables=variables,
                purpose=purpose,
                dedupe_key=dedupe_key,
                due_at=due_at,
                not_after=not_after,
                calendar=calendar,
                calendar_method=calendar_method,
                user_id=user.pk if user else None,
                channel=channel,
            )
        ]
    )
    return Message.objects.get(dedupe_key=dedupe_key)


def attach(
    *, message: Message, name: str, content_type: str, content: bytes
) -> MessageAttachment:
    """Enclose a file with a message that is yet to be sent, in the transaction that queues it.

    The same name again is the same file: what is there stays. Only mail takes files along; on
    a page nothing is enclosed. Raises ``TooLarge`` beyond ``LARGEST_ATTACHMENT`` bytes.
    """
    if len(content) > LARGEST_ATTACHMENT:
        raise TooLarge(name)
    enclosed, _is_new = MessageAttachment.objects.get_or_create(
        message=message,
        name=name,
        defaults={"content_type": content_type, "content": content, "size": len(content)},
    )
    return enclosed


def queue_messages(messages: Iterable[NewMessage]) -> int:
    """Put many messages into the outbox in one statement; return how many were not there yet.

    The unique ``dedupe_key`` decides, so running it again, or beside itself, adds nothing.
    Raises ``UnknownTemplate`` before anything is written.
    """
    rows = [asdict(message) for message in messages]
    wanted = {row["template_key"] for row in rows}
    known = dict(
        MessageTemplate.objects.filter(key__in=wanted).order_by().values_list("key", "pk")
    )
    if missing := sorted(wanted - known.keys()):
        raise UnknownTemplate(", ".join(missing))
    if not rows:
        return 0
    for row in rows:
        row["template_id"] = known[row.pop("template_key")]
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO communications_message
                (member_id, person_id, user_id, channel, template_id, purpose, dedupe_key,
                 variables, due_at, not_after, calendar, calendar_method, status, outcome,
                 subject, body)
            SELECT member_id, person_id, user_id, channel, template_id, purpose, dedupe_key,
                   variables, due_at, not_after, calendar, calendar_method, %s, '', '', ''
              FROM jsonb_to_recordset(%s::jsonb) AS new (
                   member_id bigint, person_id bigint, user_id bigint, channel text,
                   template_id bigint, purpose text,
                   dedupe_key text, variables jsonb, due_at timestamptz,
                   not_after timestamptz, calendar text, calendar_method text)
                ON CONFLICT (dedupe_key) DO NOTHING
            """,
            [MessageStatus.QUEUED.value, json.dumps(rows, cls=DjangoJSONEncoder)],
        )
        written: int = cursor.rowcount
    return written


def withdraw(*, dedupe_keys: Collection[str], reason: str, at: datetime) -> int:
    """Take back those of the messages that still wait to be sent; return how many.

    Each stays as *not sent*, with ``reason``. What has been sent, is being sent, or was never
    queued is left alone. Idempotent; call it in your own transaction.
    """
    return Message.objects.filter(
        dedupe_key__in=dedupe_keys, status=MessageStatus.QUEUED
    ).update(status=MessageStatus.SUPPRESSED, outcome=reason, finished_at=at)


@transaction.atomic
def settle(*, message: Message, was_sent: bool, reason: str, by: User, at: datetime) -> Message:
    """Keep what a person found out about a message of which nobody knew whether it was sent.

    It is not sent again, whatever they say: to send it, somebody writes anew. Raises
    ``NotUnknown`` where that is settled, and ``NoReason``.
    """
    if not reason.strip():
        raise NoReason("Say how you know.")
    row = Message.objects.select_for_update().get(pk=message.pk)
    if row.status != MessageStatus.UNKNOWN:
        raise NotUnknown(f"It is settled already: {row.get_status_display()}.")
    before = {"status": row.status, "outcome": row.outcome}
    row.status = MessageStatus.SENT if was_sent else MessageStatus.SUPPRESSED
    row.outcome = reason.strip()
    row.save(update_fields=["status", "outcome"])
    audit.record(
        verb="message.settled",
        subject=row,
        member_id=row.member_id,
        summary="It was found out that a message "
        + ("was sent" if was_sent else "was not sent"),
        before=before,
        after={"status": row.status, "outcome": row.outcome},
        by=by,
        at=at,
    )
    return row
