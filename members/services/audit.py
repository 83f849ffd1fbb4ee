"""The audit trail: each write says what it did, in its own transaction."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import Model

from members.models import AuditEntry, User


def record(  # noqa: PLR0913  # an entry has that many parts
    *,
    verb: str,
    subject: Model,
    member_id: int | None,
    summary: str,
    by: User | None,
    at: datetime,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> AuditEntry:
    """Add one entry about ``subject``, which is saved; call it inside the write's transaction.

    ``verb`` is ``noun.done``. ``before`` and ``after`` hold the fields that changed; dates,
    decimals and identifiers are stored as text. ``by`` is null for what a worker did.
    """
    return AuditEntry.objects.create(
        at=at,
        by=by,
        member_id=member_id,
        verb=verb,
        subject_type=subject._meta.label_lower,  # noqa: SLF001  # Django's documented name
        subject_id=str(getattr(subject, "public_id", None) or subject.pk),
        summary=summary,
        before=_plain(before),
        after=_plain(after),
    )


def _plain(values: Mapping[str, Any] | None) -> Any:
    if values is None:
        return None
    return json.loads(json.dumps(dict(values), cls=DjangoJSONEncoder))
