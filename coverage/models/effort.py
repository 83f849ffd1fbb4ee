from django.conf import settings
from django.db import models
from django.db.models import Q

from coverage.enums import EffortSource, Modality
from members.models import Member
from members.models.fields import public_id as public_id_field


class Effort(models.Model):
    """Minutes that somebody spent for a member; a withdrawn entry stays and counts no more."""

    public_id = public_id_field()
    member = models.ForeignKey(
        Member, on_delete=models.CASCADE, db_index=False, related_name="efforts"
    )
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="efforts"
    )
    on = models.DateField()
    modality = models.TextField(choices=Modality)
    minutes = models.PositiveSmallIntegerField(help_text="of the person's time")
    members_present = models.PositiveSmallIntegerField(
        default=1, help_text="members who shared it; each got the whole, the cost is shared"
    )
    note = models.TextField(blank=True)
    source = models.TextField(choices=EffortSource)
    source_key = models.TextField(blank=True, help_text="what it came of, so it counts once")
    recorded_at = models.DateTimeField()
    withdrawn_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["source", "source_key", "member"],
                condition=~Q(source_key=""),
                name="an_effort_counts_once",
            ),
            models.CheckConstraint(
                condition=Q(members_present__gte=1), name="an_effort_is_for_somebody"
            ),
        ]
        indexes = [
            models.Index(fields=["member", "on"], name="effort_by_member"),
            models.Index(fields=["by", "on"], name="effort_by_person"),
        ]

    def __str__(self) -> str:
        return f"{self.minutes} min for {self.member} on {self.on}"


class WeekLoad(models.Model):
    """A person's week: hours needed by their members, given, and there; one row a week."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        db_index=False,
        related_name="week_loads",
    )
    week = models.DateField(help_text="its Monday")
    members = models.PositiveIntegerField()
    needed_minutes = models.PositiveIntegerField(help_text="staff time that the AX asks for")
    given_minutes = models.PositiveIntegerField(help_text="staff time recorded")
    available_minutes = models.PositiveIntegerField()
    written_on = models.DateField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "week"], name="a_week_is_counted_once"),
        ]

    def __str__(self) -> str:
        return f"{self.user} in the week of {self.week}"
