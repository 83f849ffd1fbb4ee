"""What pages, the API and commands read about members: their terms, and imports."""

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from django.db.models import QuerySet

from members.enums import RowAction
from members.models import ImportBatch, ImportRow, Member, Term


@dataclass(frozen=True, kw_only=True)
class TermRow:
    """A term as people read it; ``last_day`` is its last covered day.

    ``annual_amount`` and ``currency`` are null where dues are not known, or not to be shown.
    """

    tier: str
    starts_on: date
    last_day: date
    source: str
    external_id: str
    annual_amount: Decimal | None = None
    currency: str | None = None


def terms(member: Member, *, as_of: date) -> list[TermRow]:
    """The terms of a member begun by ``as_of``, newest first, without what they cost."""
    return [_row(term) for term in _begun(member, as_of=as_of)]


def terms_with_dues(member: Member, *, as_of: date) -> list[TermRow]:
    """The same terms with the dues of a year, for those who may see dues."""
    return [
        _row(
            term,
            annual_amount=dues.annual_amount if dues else None,
            currency=dues.currency if dues else None,
        )
        for term in _begun(member, as_of=as_of).select_related("dues")
        for dues in [getattr(term, "dues", None)]
    ]


def _begun(member: Member, *, as_of: date) -> "QuerySet[Term]":
    return member.terms.filter(starts_on__lte=as_of).order_by("-starts_on", "-pk")


def _row(
    term: Term, *, annual_amount: Decimal | None = None, currency: str | None = None
) -> TermRow:
    return TermRow(
        tier=term.tier,
        starts_on=term.starts_on,
        last_day=term.ends_on - timedelta(days=1),
        source=term.source,
        external_id=term.external_id,
        annual_amount=annual_amount,
        currency=currency,
    )


def import_batches() -> "QuerySet[ImportBatch]":
    """Return all batches, the newest first, each with who planned it."""
    return ImportBatch.objects.select_related("planned_by").order_by("-planned_at", "-pk")


def refused_rows(*, batch: ImportBatch) -> "QuerySet[ImportRow]":
    """Return the batch's refused rows in the order of the files."""
    return batch.rows.filter(action=RowAction.REFUSE).order_by("entity", "line", "pk")


def rows_left_alone(*, batch: ImportBatch) -> "QuerySet[ImportRow]":
    """Return what an undo did not take back; ``refusals`` says why. Empty before an undo."""
    return (
        batch.rows.exclude(action=RowAction.REFUSE)
        .exclude(refusals=[])
        .order_by("entity", "line", "pk")
    )
