"""Addresses that must not be written to: kept as hashes, added and lifted with a reason."""

import hashlib
from datetime import datetime

from django.db import transaction

from communications.enums import SuppressionKind
from communications.models import Suppression
from members.models import User
from members.services import audit


class NotAnAddress(ValueError):
    """What was given cannot be the address of a mailbox."""


class NoReason(ValueError):
    """Why is missing."""


def address_hash(address: str) -> str:
    """Return the SHA-256 of the lower-cased address, by which suppressions know it."""
    return hashlib.sha256(address.strip().lower().encode()).hexdigest()


def is_suppressed(address: str) -> bool:
    """Say whether ``address`` must not be written to, however it is spelled."""
    return Suppression.objects.filter(address_hash=address_hash(address)).exists()


@transaction.atomic
def add(
    *,
    address: str,
    kind: SuppressionKind = SuppressionKind.STAFF,
    reason: str,
    by: User | None,
    at: datetime,
) -> Suppression:
    """Never write to ``address`` again, whoever has it; the address itself is not kept.

    Idempotent: one that is there already stays with its first reason. Raises ``NotAnAddress``
    and ``NoReason``.
    """
    name, at_sign, domain = address.strip().rpartition("@")
    if not (name and at_sign and domain) or any(c.isspace() for c in address.strip()):
        raise NotAnAddress("This is not an e-mail address.")
    if not reason.strip():
        raise NoReason("Say why, for whoever looks at it later.")
    row, is_new = Suppression.objects.get_or_create(
        address_hash=address_hash(address),
        defaults={"kind": kind, "reason": reason.strip(), "at": at},
    )
    if is_new:
        audit.record(
            verb="suppression.added",
            subject=row,
            member_id=None,
            summary=f"An address is not written to any more: {SuppressionKind(kind).label}",
            after={"kind": kind, "reason": row.reason},
            by=by,
            at=at,
        )
    return row


@transaction.atomic
def lift(*, suppression: Suppression, reason: str, by: User, at: datetime) -> None:
    """Let the address be written to again; the audit trail keeps why. Raises ``NoReason``.

    What its owner said of topics and channels holds on: lifting is no consent. Lifting what
    is lifted already does nothing.
    """
    if not reason.strip():
        raise NoReason("Say why it may be written to again.")
    held = Suppression.objects.select_for_update().filter(pk=suppression.pk).first()
    if held is None:
        return
    audit.record(
        verb="suppression.lifted",
        subject=held,
        member_id=None,
        summary=f"An address may be written to again: {reason.strip()}",
        before={"kind": held.kind, "reason": held.reason, "at": held.at},
        by=by,
        at=at,
    )
    held.delete()
