"""Terms that were never in force after all: refunded, charged back, never paid."""

from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from django.db import transaction

from members.enums import VoidReason
from members.models import Term, User
from members.models.dues import BREAKDOWN, Dues, VoidedTerm
from members.rollups.dirty import mark_dirty
from members.services import audit

FIELDS: Final = ("tier", "starts_on", "ends_on", "source", "external_id")


class CannotRestore(Exception):
    """The term cannot be put back; the words are for people."""


@transaction.atomic
def void_term(
    *, term: Term, reason: VoidReason, note: str = "", by: User | None, at: datetime
) -> VoidedTerm:
    """Take a term out of the ledger, as if it had never been in force, and keep it aside.

    No statement that reads terms needs to know of it, and an import that brings the same term
    again leaves it out. A term that is voided already is returned as it is (DOMAIN 4.3 #17).
    """
    kept = VoidedTerm.objects.filter(source=term.source, external_id=term.external_id).first()
    known = Term.objects.select_for_update().filter(pk=term.pk).first()
    if known is None and kept is not None:
        return kept
    if known is None:
        raise Term.DoesNotExist(term.pk)
    dues = Dues.objects.filter(term=known).first()
    was: dict[str, Any] = {"details": known.details, "is_provisional": known.is_provisional}
    if dues is not None:
        amounts = ("annual_amount", "currency", *BREAKDOWN)
        was["dues"] = {name: _plain(getattr(dues, name)) for name in amounts}
    made = VoidedTerm.objects.create(
        member_id=known.member_id,
        **{name: getattr(known, name) for name in FIELDS},
        was=was,
        reason=reason,
        note=note,
        voided_by=by,
        voided_at=at,
    )
    known.delete()
    mark_dirty([(made.member_id, made.starts_on)])
    audit.record(
        verb="term.voided",
        subject=made,
        member_id=made.member_id,
        summary=f"The term of {made.starts_on} was voided: {made.get_reason_display()}",
        by=by,
        at=at,
        before={name: getattr(made, name) for name in FIELDS},
    )
    return made


@transaction.atomic
def restore_term(*, voided: VoidedTerm, by: User | None, at: datetime) -> Term:
    """Put a voided term back as it was, with its dues; twice returns the one that is back.

    Raises ``CannotRestore`` where another term has taken its place in the source.
    """
    known = VoidedTerm.objects.select_for_update().filter(pk=voided.pk).first()
    there = Term.objects.filter(source=voided.source, external_id=voided.external_id).first()
    if known is None and there is not None:
        return there
    if known is None or there is not None:
        raise CannotRestore("Another term has its place by now.")
    term = Term.objects.create(
        member_id=known.member_id,
        **{name: getattr(known, name) for name in FIELDS},
        details=known.was["details"],
        is_provisional=known.was["is_provisional"],
    )
    if "dues" in known.was:
        Dues.objects.create(term=term, **known.was["dues"])
    audit.record(
        verb="term.restored",
        subject=term,
        member_id=term.member_id,
        summary=f"The voided term of {term.starts_on} was put back",
        by=by,
        at=at,
        after={name: getattr(term, name) for name in FIELDS},
    )
    known.delete()
    mark_dirty([(term.member_id, term.starts_on)])
    return Term.objects.get(pk=term.pk)


def _plain(value: object) -> object:
    return str(value) if isinstance(value, Decimal) else value
