from django.conf import settings
from django.db import models
from django.db.models import F, Q

from members.models import Member, Person
from members.models.fields import public_id as public_id_field
from success.enums import Answer, ConfirmedIn, Fit, FitStatus


class DesiredOutcome(models.Model):
    """What a member wants to achieve, in versions; with the Appropriate Experience it is whole.

    The primary one drives the vector; a secondary one is tracked beside it. A version is never
    edited: a changed goal ends it and the next begins.
    """

    public_id = public_id_field()
    member = models.ForeignKey(
        Member, on_delete=models.CASCADE, db_index=False, related_name="outcomes"
    )
    is_primary = models.BooleanField(default=True)
    version = models.PositiveSmallIntegerField(default=1)
    goal = models.TextField(help_text="in the member's own words")
    required_outcome = models.TextField(blank=True, help_text="what has to be true then")
    measure = models.TextField(blank=True, help_text="how both sides will know")
    said_by = models.ForeignKey(
        Person, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    said_on = models.DateField()
    recorded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    recorded_at = models.DateTimeField()
    ended_on = models.DateField(null=True, blank=True, help_text="first day it no longer holds")
    confirmed_on = models.DateField(help_text="last day somebody said that it still holds")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["member", "version"], name="outcome_versions_count_up"
            ),
            models.UniqueConstraint(
                fields=["member"],
                condition=Q(is_primary=True, ended_on=None),
                name="a_member_has_one_primary_outcome",
            ),
            models.CheckConstraint(condition=~Q(goal=""), name="an_outcome_has_a_goal"),
            models.CheckConstraint(
                condition=Q(ended_on=None) | Q(ended_on__gte=F("said_on")),
                name="an_outcome_ends_after_it_was_said",
            ),
        ]

    def __str__(self) -> str:
        return self.goal


class OutcomeConfirmation(models.Model):
    """Somebody said that a Desired Outcome still holds; kept for good."""

    outcome = models.ForeignKey(
        DesiredOutcome, on_delete=models.CASCADE, related_name="confirmations"
    )
    on = models.DateField()
    said_in = models.TextField(choices=ConfirmedIn)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    recorded_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["outcome", "on"], name="an_outcome_is_confirmed_once_a_day"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.outcome} on {self.on}"


class FitAssessment(models.Model):
    """One of the six fits of success potential, as assessed on a day; the newest counts."""

    member = models.ForeignKey(Member, on_delete=models.CASCADE, related_name="fits")
    fit = models.TextField(choices=Fit)
    status = models.TextField(choices=FitStatus)
    reason = models.TextField(blank=True)
    on = models.DateField()
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    recorded_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["member", "fit", "on"], name="a_fit_is_assessed_once_a_day"
            ),
            models.CheckConstraint(
                condition=~Q(status="missing") | ~Q(reason=""),
                name="a_missing_fit_says_what_is_missing",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.member}: {self.fit} {self.status}"


class GoalChange(models.Model):
    """“My goal has changed”, as the member said it; answered by a new version, or by words."""

    public_id = public_id_field()
    member = models.ForeignKey(Member, on_delete=models.CASCADE, related_name="goal_changes")
    words = models.TextField(help_text="the new goal, in the member's own words")
    status = models.TextField(choices=Answer, default=Answer.WAITING)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    at = models.DateTimeField()
    answered_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    answered_at = models.DateTimeField(null=True)
    answer = models.TextField(blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["member"],
                condition=Q(status="waiting"),
                name="a_member_has_one_goal_change_waiting",
            ),
        ]

    def __str__(self) -> str:
        return self.words
