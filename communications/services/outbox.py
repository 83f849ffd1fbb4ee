"""Putting messages into the outbox. Nothing is sent here; the gate does that."""

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db import connection

from communications.enums import CalendarMethod, MessageChannel, MessageStatus, Purpose
from communications.models import Message, MessageTemplate


class UnknownTemplate(LookupError):
    """There is no message template by this key."""


@dataclass(frozen=True, kw_only=True)
class NewMessage:
    """A message to be queued; ``dedupe_key`` says what it is, so that it is said once."""

    member_id: int
    person_id: int | None
    template_key: str
    variables: Mapping[str, Any]
    purpose: Purpose
    dedupe_key: str
    due_at: datetime
    not_after: datetime | None = None
    calendar: str = ""
    calendar_method: CalendarMethod | str = ""
    channel: MessageChannel = MessageChannel.EMAIL


def queue_message(  # noqa: PLR0913  # a message has that many parts
    *,
    member_id: int,
    person_id: int | None,
    template_key: str,
    variables: Mapping[str, Any],
    purpose: Purpose,
    dedupe_key: str,
    due_at: datetime,
    not_after: datetime | None = None,
    calendar: str = "",
    calendar_method: CalendarMethod | str = "",
) -> Message:
    """Put one message into the outbox and return its row; call it in your own transaction.

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
            )
        ]
    )
    return Message.objects.get(dedupe_key=dedupe_key)


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
                (member_id, person_id, template_id, purpose, dedupe_key, variables, due_at,
                 not_after, calendar, calendar_method, channel, status, outcome, subject, body)
            SELECT member_id, person_id, template_id, purpose, dedupe_key, variables, due_at,
                   not_after, calendar, calendar_method, channel, %s, '', '', ''
              FROM jsonb_to_recordset(%s::jsonb) AS new (
                   member_id bigint, person_id bigint, template_id bigint, purpose text,
                   dedupe_key text, variables jsonb, due_at timestamptz,
                   not_after timestamptz, calendar text, calendar_method text, channel text)
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
