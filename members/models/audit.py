from django.conf import settings
from django.db import models

from members.models.members import Member


class AuditEntry(models.Model):
    """Who changed what, when, from what to what. Rows are added and never changed or deleted.

    The database refuses anything else, save that who and whose become blank when an account or
    a member is erased.
    """

    at = models.DateTimeField()
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    member = models.ForeignKey(
        Member, null=True, on_delete=models.SET_NULL, db_index=False, related_name="+"
    )
    verb = models.TextField(help_text="what was done, such as plan.agreed")
    subject_type = models.TextField(help_text="the model, such as success.plan")
    subject_id = models.TextField(help_text="its public identifier, or its key inside")
    summary = models.TextField(help_text="in words, without personal data")
    before = models.JSONField(null=True, help_text="the fields that changed, as they were")
    after = models.JSONField(null=True, help_text="the same fields, as they became")

    class Meta:
        verbose_name_plural = "audit entries"
        indexes = [models.Index(fields=["member", "at", "id"], name="audit_by_member")]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M} {self.verb}"
