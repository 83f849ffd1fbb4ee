from django.conf import settings
from django.db import models
from django.db.models import Q

from members.models import Member
from members.models.fields import public_id as public_id_field
from success.enums import DraftPurpose, PlanBatchStatus


class PlanDraft(models.Model):
    """A plan that is being written; ``content`` is the shape of ``engine.planning``.

    One open draft a member. It is kept when it is agreed, so that nothing typed is lost.
    """

    public_id = public_id_field()
    member = models.ForeignKey(Member, on_delete=models.CASCADE, related_name="plan_drafts")
    purpose = models.TextField(choices=DraftPurpose)
    content = models.JSONField()
    reason = models.TextField(blank=True, help_text="why the version before is not kept")
    anchor_on = models.DateField(help_text="plan-day 0")
    template_key = models.TextField(blank=True, help_text="where it was started from")
    revision = models.PositiveIntegerField(
        default=1, help_text="counts up; a save of an older one is refused, not overwritten"
    )
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    started_at = models.DateTimeField()
    saved_at = models.DateTimeField()
    agreed_at = models.DateTimeField(null=True)
    dropped_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["member"],
                condition=Q(agreed_at=None, dropped_at=None),
                name="a_member_has_one_draft_open",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.purpose} for {self.member}"


class PlanBatch(models.Model):
    """One action that agrees a plan with each of many members, from one template.

    Whom it is for is frozen when it is asked for; what became of each is a row.
    """

    public_id = public_id_field()
    template = models.ForeignKey(
        "success.PlanTemplate", on_delete=models.PROTECT, related_name="+"
    )
    anchor_on = models.DateField()
    status = models.TextField(choices=PlanBatchStatus, default=PlanBatchStatus.WAITING)
    asked_for = models.PositiveIntegerField(help_text="members, frozen")
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)
    undone_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    undone_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name_plural = "plan batches"

    def __str__(self) -> str:
        return f"{self.template_id} for {self.asked_for} on {self.anchor_on}"


class PlanBatchItem(models.Model):
    """A member of a batch, and what became of them; ``outcome`` is blank while they wait."""

    batch = models.ForeignKey(PlanBatch, on_delete=models.CASCADE, related_name="items")
    member = models.ForeignKey(Member, on_delete=models.CASCADE, related_name="+")
    outcome = models.TextField(blank=True, help_text="agreed, left, undone, kept")
    reason = models.TextField(blank=True, help_text="why it was left, or kept when undone")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["batch", "member"], name="a_batch_has_a_member_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.member_id} {self.outcome}"
