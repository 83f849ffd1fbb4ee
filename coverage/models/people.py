from django.conf import settings
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import ArrayField, RangeOperators
from django.db import models
from django.db.models import F, Func, Q

from coverage.enums import AbsenceKind
from coverage.querysets import AbsenceQuerySet
from members.models import Member


class Team(models.Model):
    """People who stand in for each other."""

    name = models.TextField(unique=True)

    def __str__(self) -> str:
        return self.name


class Contributor(models.Model):
    """What somebody who looks after members can give: hours, skills and languages."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        primary_key=True,
        related_name="contributor",
    )
    team = models.ForeignKey(
        Team, null=True, blank=True, on_delete=models.SET_NULL, related_name="contributors"
    )
    monthly_hours = models.PositiveSmallIntegerField(
        default=160, help_text="contracted, before leave and overhead"
    )
    leave_percent = models.PositiveSmallIntegerField(default=0)
    overhead_percent = models.PositiveSmallIntegerField(
        default=25, help_text="of the hours, for what is not work with members"
    )
    skills = ArrayField(models.TextField(), default=list, blank=True)
    languages = ArrayField(models.TextField(), default=list, blank=True)
    works_in_pool = models.BooleanField(
        default=False, help_text="gives their hours to the pool, not to a book of members"
    )

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(leave_percent__lt=100) & Q(overhead_percent__lt=100),
                name="some_hours_are_left",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user}: {self.monthly_hours} h"


class Absence(models.Model):
    """Days on which somebody is away, and who has their members then."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="absences"
    )
    kind = models.TextField(choices=AbsenceKind, default=AbsenceKind.LEAVE)
    starts_on = models.DateField()
    ends_on = models.DateField(help_text="first day back")
    cover = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
        help_text="who stands in; blank: the pool",
    )
    note = models.TextField(blank=True)
    handed_over_at = models.DateTimeField(null=True)
    handed_back_at = models.DateTimeField(null=True)
    recorded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    recorded_at = models.DateTimeField()

    objects = AbsenceQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(ends_on__gt=F("starts_on")), name="an_absence_ends_after_it_starts"
            ),
            models.CheckConstraint(
                condition=~Q(cover=F("user")), name="nobody_stands_in_for_themselves"
            ),
            ExclusionConstraint(
                name="nobody_is_away_twice_at_once",
                expressions=[
                    ("user", RangeOperators.EQUAL),
                    (
                        Func("starts_on", "ends_on", function="daterange"),
                        RangeOperators.OVERLAPS,
                    ),
                ],
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user} from {self.starts_on} to {self.ends_on}"


class TaskForceShare(models.Model):
    """A contributor's part in a member's task force; each one's hours count for themselves."""

    member = models.ForeignKey(
        Member, on_delete=models.CASCADE, db_index=False, related_name="task_force"
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="task_forces"
    )
    skill = models.TextField(help_text="what they bring")
    percent = models.PositiveSmallIntegerField(help_text="of the member's hours")
    starts_on = models.DateField()
    ends_on = models.DateField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["member", "user"],
                condition=Q(ends_on=None),
                name="a_task_force_has_a_person_once",
            ),
            models.CheckConstraint(
                condition=Q(percent__gte=1, percent__lte=100), name="a_share_is_a_part"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user} for {self.member}: {self.percent}%"
