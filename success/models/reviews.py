from django.conf import settings
from django.db import models
from django.db.models import Q

from members.models import Member, Person
from members.models.fields import public_id as public_id_field
from success.enums import ConfirmedIn, GapAnswerChoice, ReviewStatus
from success.models.plans import Plan
from success.querysets import ReviewQuerySet


class Review(models.Model):
    """A meeting of a member and their MSM about the plan, as calendars and both sides know it.

    ``public_id`` names it in calendars; ``sequence`` counts the invitations' versions.
    """

    public_id = public_id_field()
    member = models.ForeignKey(Member, on_delete=models.CASCADE, related_name="reviews")
    plan = models.ForeignKey(
        Plan, null=True, blank=True, on_delete=models.SET_NULL, related_name="reviews"
    )
    organiser = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="reviews"
    )
    starts_at = models.DateTimeField()
    minutes = models.PositiveSmallIntegerField(default=45)
    time_zone = models.TextField(help_text="IANA zone in which it was agreed")
    place = models.TextField(blank=True, help_text="a room, a number or an address to click")
    status = models.TextField(choices=ReviewStatus, default=ReviewStatus.SCHEDULED)
    sequence = models.PositiveSmallIntegerField(default=0)
    note = models.TextField(blank=True, help_text="what the member wants to talk about")
    agenda = models.JSONField(default=list, help_text="as it stood when it was held")
    outcome = models.TextField(blank=True, help_text="what was agreed")
    goal_confirmed = models.BooleanField(null=True, help_text="null: not spoken about")
    held_on = models.DateField(null=True, blank=True)
    held_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    cancelled_reason = models.TextField(blank=True)
    created_at = models.DateTimeField()
    changed_at = models.DateTimeField()

    objects = ReviewQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["member"],
                condition=Q(status="scheduled"),
                name="a_member_has_one_review_ahead",
            ),
            models.CheckConstraint(
                condition=~Q(status="held") | Q(held_on__isnull=False),
                name="a_held_review_says_when",
            ),
        ]
        indexes = [models.Index(fields=["organiser", "starts_at"], name="review_by_organiser")]

    def __str__(self) -> str:
        return f"Review of {self.member} at {self.starts_at:%Y-%m-%d %H:%M}"


class ReviewGuest(models.Model):
    """Somebody of the member who is invited."""

    review = models.ForeignKey(Review, on_delete=models.CASCADE, related_name="guests")
    person = models.ForeignKey(Person, on_delete=models.CASCADE, related_name="+")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["review", "person"], name="a_person_is_invited_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.person} at {self.review}"


class CalendarFeed(models.Model):
    """The secret address under which a person's calendar reads their reviews.

    Only its hash is kept; a new secret ends the old one.
    """

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="calendar_feed"
    )
    secret_hash = models.CharField(max_length=64, unique=True)
    made_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"Calendar of {self.user}"


class GapAnswer(models.Model):
    """What a member answered to “are you getting closer to your goal?”; the newest counts."""

    member = models.ForeignKey(Member, on_delete=models.CASCADE, related_name="gap_answers")
    plan = models.ForeignKey(Plan, null=True, on_delete=models.SET_NULL, related_name="+")
    review = models.ForeignKey(
        Review, null=True, blank=True, on_delete=models.SET_NULL, related_name="gap_answers"
    )
    on = models.DateField()
    answer = models.TextField(choices=GapAnswerChoice)
    words = models.TextField(blank=True)
    said_in = models.TextField(choices=ConfirmedIn)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    recorded_at = models.DateTimeField()

    class Meta:
        indexes = [
            models.Index(fields=["member", "on"], name="gap_answer_by_member"),
            # who says otherwise than we record, the latest first
            models.Index(
                fields=["-on", "member"],
                name="gap_answer_no_in_order",
                condition=models.Q(answer=GapAnswerChoice.NO),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.member}: {self.answer} on {self.on}"
