"""Putting messages into the outbox. Nothing is sent here; the gate does that."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db import connection

from communications.enums import MessageStatus, Purpose
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
) -> Message:
    """Put one message into the outbox and return its row; call it in your own transaction.

    ``dedupe_key`` makes it idempotent: a message already queued by that key, sent or not, is
    returned as it stands. Raises ``UnknownTemplate``.
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
                 not_after, status, outcome, subject, body)
            SELECT member_id, person_id, template_id, purpose, dedupe_key, variables, due_at,
                   not_after, %s, '', '', ''
              FROM jsonb_to_recordset(%s::jsonb) AS new (
                   member_id bigint, person_id bigint, template_id bigint, purpose text,
                   dedupe_key text, variables jsonb, due_at timestamptz,
                   not_after timestamptz)
                ON CONFLICT (dedupe_key) DO NOTHING
            """,
            [MessageStatus.QUEUED.value, json.dumps(rows, cls=DjangoJSONEncoder)],
        )
        written: int = cursor.rowcount
    return written
