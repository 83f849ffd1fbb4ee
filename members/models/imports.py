from django.db import models

from members.enums import BatchStatus, RowAction, RowEntity
from members.models.accounts import User
from members.models.fields import public_id as public_id_field


class ImportBatch(models.Model):
    """A stored plan for files from another system, then the record of its execution."""

    public_id = public_id_field()
    source = models.TextField(help_text="name of the system the files come from")
    files = models.JSONField(help_text="list of {name, sha256, rows}")
    mapping = models.JSONField()
    status = models.TextField(choices=BatchStatus, default=BatchStatus.PLANNED)
    counts = models.JSONField(default=dict, help_text="{entity: {action: rows}}")
    planned_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    planned_at = models.DateTimeField()
    applied_at = models.DateTimeField(null=True)
    undone_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.source} {self.planned_at:%Y-%m-%d}"


class ImportRow(models.Model):
    """What one line would do, or did: the record before and after, or why it is refused."""

    batch = models.ForeignKey(ImportBatch, on_delete=models.CASCADE, related_name="rows")
    file = models.TextField()
    line = models.PositiveIntegerField(help_text="line in the file, the header being line 1")
    entity = models.TextField(choices=RowEntity)
    action = models.TextField(choices=RowAction)
    external_id = models.TextField(blank=True)
    object_id = models.BigIntegerField(
        null=True, help_text="key of the member or term it became"
    )
    before = models.JSONField(null=True)
    after = models.JSONField(null=True)
    refusals = models.JSONField(default=list, help_text="list of {column, value, reason}")

    class Meta:
        indexes = [models.Index(fields=["batch", "action"], name="import_row_by_action")]

    def __str__(self) -> str:
        return f"{self.file}:{self.line} {self.action}"
