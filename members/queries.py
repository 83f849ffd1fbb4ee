"""What pages and commands read about imports."""

from django.db.models import QuerySet

from members.enums import RowAction
from members.models import ImportBatch, ImportRow


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
