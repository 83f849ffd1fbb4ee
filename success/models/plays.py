from django.conf import settings
from django.db import models
from django.db.models import Q

from communications.models import Message, MessageTemplate
from members.models import Member
from members.models.fields import public_id as public_id_field
from success.enums import InterventionStatus, Outcome, QueueClass, StartKind
from success.models.accountability import Accountability
from success.querysets import InterventionQuerySet


class Play(models.Model):
    """What starts an intervention, for whom, and what is to be done; fixed once published."""

    key = models.SlugField(unique=True)
    title = models.TextField()
    aim = models.TextField(help_text="what the member will have done when it has worked")
    start_kind = models.TextField(choices=StartKind)
    start = models.JSONField(
        help_text="timed: {fact, offset_days}; data: {fact}; trigger: {kind, …}. May say why, "
        "and how it ended, in its own words"
    )
    audience = models.JSONField(help_text="condition over the facts of a member")
    queue_class = models.PositiveSmallIntegerField(choices=QueueClass)
    act = models.TextField(help_text="what to do, in a few words")
    minutes = models.PositiveSmallIntegerField(help_text="of work for a person")
    due_days = models.PositiveSmallIntegerField(help_text="from the day it opens")
    template = models.ForeignKey(
        MessageTemplate, null=True, on_delete=models.PROTECT, related_name="+"
    )
    effective_from = models.DateField(
        help_text="what happened before may become work for a person, never a message"
    )
    too_late_days = models.PositiveSmallIntegerField(
        default=14, help_text="after its day, a message is no longer worth sending"
    )
    is_active = models.BooleanField(default=True)

    def __str__(self) -> str:
        return self.title


class Intervention(models.Model):
    """One occurrence of a play for one member: a message on its way, or a queue item."""

    public_id = public_id_field()
    play = models.ForeignKey(
        Play, on_delete=models.PROTECT, db_index=False, related_name="interventions"
    )
    member = models.ForeignKey(
        Member, on_delete=models.CASCADE, db_index=False, related_name="interventions"
    )
    occurrence = models.TextField(help_text="what happened, said so that it is said once")
    occurred_on = models.DateField(
        help_text="the day of the evidence; queue order is oldest first"
    )
    opened_on = models.DateField(help_text="the night or day it was opened")
    why = models.TextField(help_text="why now, in words with the day")
    evidence = models.JSONField(default=dict)
    status = models.TextField(choices=InterventionStatus, default=InterventionStatus.OPEN)
    queue_class = models.PositiveSmallIntegerField(choices=QueueClass)
    term_ends_on = models.DateField(null=True, help_text="breaks ties inside a class")
    due_on = models.DateField()
    minutes = models.PositiveSmallIntegerField()
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        on_delete=models.SET_NULL,
        related_name="interventions",
        help_text="nobody: any MSM may take it from the pool",
    )
    claimed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    claimed_until = models.DateTimeField(null=True)
    snoozed_until = models.DateField(null=True)
    message = models.OneToOneField(
        Message, null=True, on_delete=models.SET_NULL, related_name="intervention"
    )
    promise = models.ForeignKey(
        Accountability,
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="interventions",
        help_text="the promise of ours that it is about, and whose owner keeps it",
    )
    outcome = models.TextField(choices=Outcome, blank=True)
    note = models.TextField(blank=True)
    finished_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    finished_at = models.DateTimeField(null=True)

    objects = InterventionQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["play", "member", "occurrence"],
                name="an_occurrence_opens_one_intervention",
            ),
            # of several late promises each has its own, for each has its own owner
            models.UniqueConstraint(
                fields=["play", "member", "promise"],
                condition=Q(status="open"),
                nulls_distinct=False,
                name="a_play_has_one_open_item_a_member",
            ),
            models.CheckConstraint(
                condition=Q(claimed_by=None) | Q(claimed_until__isnull=False),
                name="every_claim_lapses",
            ),
            models.CheckConstraint(
                condition=~Q(status="done") | Q(finished_at__isnull=False),
                name="what_is_done_says_when",
            ),
        ]
        indexes = [
            # the queue of one person, or of the pool, in its order, at any depth
            models.Index(
                fields=["owner", "queue_class", "occurred_on", "term_ends_on", "id"],
                condition=Q(status="open"),
                name="queue_in_order",
            ),
            models.Index(fields=["member", "opened_on"], name="intervention_by_member"),
        ]

    def __str__(self) -> str:
        return f"{self.play} for {self.member}"


class InterventionEvent(models.Model):
    """What became of an intervention, step by step; kept for good."""

    intervention = models.ForeignKey(
        Intervention, on_delete=models.CASCADE, db_index=False, related_name="events"
    )
    verb = models.TextField(
        help_text="opened, claimed, released, snoozed, done, undone, closed"
    )
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    at = models.DateTimeField()
    note = models.TextField(blank=True)
    before = models.JSONField(default=dict, help_text="what undo puts back")

    class Meta:
        indexes = [models.Index(fields=["intervention", "at"], name="event_by_intervention")]

    def __str__(self) -> str:
        return f"{self.verb} {self.at:%Y-%m-%d %H:%M}"
