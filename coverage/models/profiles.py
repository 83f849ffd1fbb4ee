from django.conf import settings
from django.db import models
from django.db.models import Q

from coverage.enums import Expertise, Guidance, Level, Resources
from members.models import Member


class AxProfile(models.Model):
    """The Appropriate Experience of a member, in versions; the newest not superseded counts."""

    member = models.ForeignKey(Member, on_delete=models.CASCADE, related_name="ax_profiles")
    valid_from = models.DateField()
    superseded_on = models.DateField(null=True, blank=True)
    inbound_minutes = models.PositiveIntegerField(default=0, help_text="a quarter")
    async_minutes = models.PositiveIntegerField(default=0, help_text="a quarter")
    sync_minutes = models.PositiveIntegerField(default=0, help_text="a quarter")
    taskforce_minutes = models.PositiveIntegerField(default=0, help_text="a quarter")
    expertise = models.TextField(choices=Expertise)
    resources = models.TextField(choices=Resources)
    guidance = models.TextField(choices=Guidance)
    skills_needed = models.PositiveSmallIntegerField(
        default=1, help_text="different contributor skills needed at once"
    )
    escalation_severity = models.PositiveSmallIntegerField(
        null=True, blank=True, help_text="of the gravest open escalation, 1 being gravest"
    )
    industry_experience = models.TextField(choices=Level, blank=True)
    sophistication = models.TextField(choices=Level, blank=True, help_text="technical")
    complexity = models.TextField(choices=Level, blank=True, help_text="of what they aim at")
    risk = models.TextField(choices=Level, blank=True, help_text="at stake for the member")
    confidence = models.TextField(
        choices=Level, default=Level.MEDIUM, help_text="of whoever said so"
    )
    answers = models.JSONField(
        default=dict, blank=True, help_text="{question: answer}, as they were given"
    )
    reasons = models.TextField(blank=True, help_text="in words, for who reads it next")
    expires_on = models.DateField(
        null=True, blank=True, help_text="day from which it has to be asked again"
    )
    source = models.TextField(help_text="who said so: member, msm, simulated")
    recorded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    recorded_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["member"],
                condition=Q(superseded_on=None),
                name="a_member_has_one_current_ax_profile",
            ),
            models.CheckConstraint(
                condition=Q(sync_minutes=0) | Q(async_minutes__gt=0),
                name="synchronous_experience_has_an_asynchronous_share",
            ),
        ]

    def __str__(self) -> str:
        return f"AX of {self.member} from {self.valid_from}"
