from django.conf import settings
from django.db import models

from members.enums import RowAction
from members.models import Member
from members.models.fields import public_id as public_id_field
from success.enums import ProfileImportStatus, ProfileOutcome


class ProfileImport(models.Model):
    """What a workbook of success profiles would do, then the record of having done it."""

    public_id = public_id_field()
    file_name = models.TextField()
    sha256 = models.CharField(max_length=64)
    status = models.TextField(choices=ProfileImportStatus, default=ProfileImportStatus.PLANNED)
    counts = models.JSONField(default=dict, help_text="{sheet: {action: rows}}")
    passed_over = models.JSONField(default=list, help_text="sheets that were not read")
    planned_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    planned_at = models.DateTimeField()
    planned_on = models.DateField(help_text="the association's day on which it was judged")
    applied_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    applied_at = models.DateTimeField(null=True, help_text="when it was asked for")
    finished_at = models.DateTimeField(null=True, help_text="when the last member was done")
    undone_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    undone_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            # the page lists the newest first
            models.Index(fields=["planned_at", "id"], name="profile_import_by_time"),
        ]

    def __str__(self) -> str:
        return f"{self.file_name} {self.planned_at:%Y-%m-%d %H:%M}"


class ProfileImportMember(models.Model):
    """A member whom an import changes: the piece of work that is done or undone at once."""

    batch = models.ForeignKey(ProfileImport, on_delete=models.CASCADE, related_name="members")
    member = models.ForeignKey(Member, on_delete=models.CASCADE, related_name="+")
    outcome = models.TextField(choices=ProfileOutcome, default=ProfileOutcome.WAITING)
    reason = models.TextField(blank=True, help_text="why it was left, or kept when undone")
    made = models.JSONField(default=dict, help_text="what it made, by which it is undone")
    trail = models.BigIntegerField(
        null=True, help_text="the last audit entry of the member once it was done"
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["batch", "member"], name="a_profile_import_has_a_member_once"
            ),
        ]
        indexes = [
            models.Index(
                fields=["batch", "id"],
                condition=models.Q(outcome="waiting"),
                name="profile_import_waiting",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.member_id} {self.outcome}"


class ProfileImportRow(models.Model):
    """What one row of a sheet would do, or did, or why it is refused."""

    batch = models.ForeignKey(
        ProfileImport, on_delete=models.CASCADE, db_index=False, related_name="rows"
    )
    sheet = models.TextField(help_text="outcomes, experience, milestones, promises, asks")
    line = models.PositiveIntegerField(help_text="row of the sheet, the header being 1")
    member = models.ForeignKey(Member, null=True, on_delete=models.CASCADE, related_name="+")
    said = models.TextField(blank=True, help_text="how the sheet calls the member")
    key = models.JSONField(default=list, help_text="which row of the member it is")
    action = models.TextField(choices=RowAction)
    before = models.JSONField(null=True, help_text="the cells that differ, as they were")
    after = models.JSONField(null=True, help_text="the same cells, as the sheet says them")
    faults = models.JSONField(
        default=list, help_text="list of {cell, column, value, reason}; empty unless refused"
    )

    class Meta:
        indexes = [
            models.Index(
                fields=["batch", "action", "sheet", "line"], name="profile_row_by_action"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.sheet}!{self.line} {self.action}"
