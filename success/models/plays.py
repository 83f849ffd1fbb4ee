from django.conf import settings
from django.db import models
from django.db.models import Q

from communications.models import Message, MessageTemplate
from coverage.enums import Channel
from coverage.models import Segment
from members.models import Member
from members.models.fields import public_id as public_id_field
from success.enums import (
    Arm,
    Changes,
    EnrolmentEnd,
    Intent,
    InterventionStatus,
    Outcome,
    QueueClass,
    Reentry,
    StartKind,
    VersionStatus,
)
from success.models.accountability import Accountability
from success.querysets import InterventionQuerySet


class Play(models.Model):
    """A way of acting, by its name. What it does is said by its versions."""

    key = models.SlugField(unique=True)
    title = models.TextField()
    is_active = models.BooleanField(default=True, help_text="switched off, it opens nothing")
    current = models.ForeignKey(
        "PlayVersion",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        help_text="the one that is published; none before the first",
    )
    paused_because = models.TextField(
        blank=True, help_text="why it was stopped by itself, until a person has looked"
    )

    def __str__(self) -> str:
        return self.title


class PlayVersion(models.Model):
    """What a play aims at, for whom, from when and how; fixed once it is published."""

    play = models.ForeignKey(Play, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveSmallIntegerField()
    status = models.TextField(choices=VersionStatus, default=VersionStatus.DRAFT)
    aim = models.TextField(help_text="what the member will have done when it has worked")
    aim_condition = models.JSONField(
        null=True,
        blank=True,
        help_text="condition over the facts of a member that says the aim is reached; "
        "null: when what started it is gone",
    )
    aim_days = models.PositiveSmallIntegerField(
        default=30, help_text="within which the aim counts as an effect of the play"
    )
    start_kind = models.TextField(choices=StartKind)
    start = models.JSONField(
        help_text="timed: {fact, offset_days} or {every: quarter}; data: {fact} or {while: "
        "condition}; trigger: {kind, …}. May say why, and how it ended, in its own words"
    )
    audience = models.JSONField(help_text="condition over the facts of a member")
    stop = models.JSONField(
        null=True,
        blank=True,
        help_text="condition that takes a member out, beside the aim, leaving and opting out",
    )
    reentry = models.TextField(choices=Reentry, default=Reentry.NEVER)
    reentry_days = models.PositiveSmallIntegerField(
        default=0, help_text="at least so long after the last entry ended"
    )
    queue_class = models.PositiveSmallIntegerField(choices=QueueClass)
    held_percent = models.PositiveSmallIntegerField(
        default=0, help_text="of the members that enter, left alone to compare with"
    )
    salt = models.TextField(blank=True, help_text="of the draw; kept from version to version")
    never_withheld = models.BooleanField(
        default=False, help_text="promised, renewal or legal, a reply: nobody is left out"
    )
    most_a_night = models.PositiveIntegerField(
        null=True, blank=True, help_text="above it the play stops and asks a person"
    )
    effective_from = models.DateField(
        help_text="what happened before may become work for a person, never a message"
    )
    too_late_days = models.PositiveSmallIntegerField(
        default=14, help_text="after its day, a message is no longer worth sending"
    )
    change_note = models.TextField(blank=True, help_text="what is different, and why")
    revision = models.PositiveIntegerField(
        default=0, help_text="of a draft: tells two writers apart"
    )
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    made_at = models.DateTimeField(null=True)
    published_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    published_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["play", "number"], name="versions_are_numbered"),
            models.UniqueConstraint(
                fields=["play"],
                condition=Q(status="draft"),
                name="a_play_has_one_draft",
            ),
            models.UniqueConstraint(
                fields=["play"],
                condition=Q(status="published"),
                name="a_play_has_one_published_version",
            ),
            models.CheckConstraint(
                condition=Q(held_percent__lte=50), name="at_most_half_are_left_alone"
            ),
            models.CheckConstraint(
                condition=Q(never_withheld=False) | Q(held_percent=0),
                name="what_is_owed_is_withheld_from_nobody",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.play}, version {self.number}"


class PlayStep(models.Model):
    """One rung of the ladder: what is intended. How it is done follows from the segment."""

    version = models.ForeignKey(PlayVersion, on_delete=models.CASCADE, related_name="steps")
    position = models.PositiveSmallIntegerField(help_text="1 is what the play opens with")
    intent = models.TextField(choices=Intent, default=Intent.ASK)
    act = models.TextField(help_text="what to do, in a few words")
    changes = models.TextField(
        choices=Changes,
        default=Changes.CHANNEL,
        help_text="what is different from the step before, which did not help",
    )
    wait_days = models.PositiveSmallIntegerField(
        default=0, help_text="after the step before was delivered"
    )
    minutes = models.PositiveSmallIntegerField(help_text="of work for a person")
    due_days = models.PositiveSmallIntegerField(help_text="from the day it opens")
    template = models.ForeignKey(
        MessageTemplate, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["version", "position"], name="steps_are_in_order"),
            models.CheckConstraint(condition=Q(position__gte=1), name="the_first_step_is_1"),
        ]

    def __str__(self) -> str:
        return f"{self.version}, step {self.position}"


class Enrolment(models.Model):
    """One entry of a member into a play: what for, in which arm, how far, how it ended."""

    play = models.ForeignKey(
        Play, on_delete=models.PROTECT, db_index=False, related_name="enrolments"
    )
    version = models.ForeignKey(
        PlayVersion, on_delete=models.PROTECT, db_index=False, related_name="+"
    )
    member = models.ForeignKey(
        Member, on_delete=models.CASCADE, db_index=False, related_name="enrolments"
    )
    occurrence = models.TextField(help_text="what happened, said so that it is said once")
    occurred_on = models.DateField()
    entered_on = models.DateField(help_text="the night or day")
    arm = models.TextField(choices=Arm, default=Arm.TREATED, db_default=Arm.TREATED)
    draw = models.FloatField(
        null=True, help_text="the member's number of the draw, from 0 to 1; null: none was made"
    )
    segment = models.ForeignKey(
        Segment, null=True, on_delete=models.PROTECT, db_index=False, related_name="+"
    )
    state = models.TextField(blank=True, help_text="of the vector, when they entered")
    step = models.PositiveSmallIntegerField(default=1, db_default=1)
    next_on = models.DateField(null=True, help_text="the step that follows may open from then")
    reached_on = models.DateField(null=True, help_text="the aim, whatever became of the entry")
    ended_on = models.DateField(null=True)
    gone_on = models.DateField(
        null=True, help_text="what started it was gone, and may come about again"
    )
    end = models.TextField(choices=EnrolmentEnd, blank=True, default="", db_default="")
    end_reason = models.TextField(blank=True, default="", db_default="", help_text="in words")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["play", "member", "occurrence"], name="an_occurrence_enters_once"
            ),
            models.CheckConstraint(
                condition=Q(ended_on=None, end="") | (Q(ended_on__isnull=False) & ~Q(end="")),
                name="an_entry_that_ended_says_how",
            ),
        ]
        indexes = [
            models.Index(fields=["member", "entered_on"], name="enrolment_by_member"),
            # the night goes through those that are under way
            models.Index(
                fields=["play", "member"],
                condition=Q(ended_on=None),
                name="enrolment_under_way",
            ),
            # whose next step comes on a day
            models.Index(
                fields=["next_on"],
                condition=Q(ended_on=None, next_on__isnull=False),
                name="enrolment_next_step",
            ),
            # ended, and followed for as long as the aim would count
            models.Index(
                fields=["entered_on"],
                condition=Q(reached_on=None, ended_on__isnull=False),
                name="enrolment_to_follow",
            ),
            # ended, while the condition that started it still holds
            models.Index(
                fields=["version", "member"],
                condition=Q(gone_on=None, ended_on__isnull=False),
                name="enrolment_still_so",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.member} in {self.play}"


class Intervention(models.Model):
    """One occurrence of a play for one member: a message on its way, or a queue item."""

    public_id = public_id_field()
    play = models.ForeignKey(
        Play, on_delete=models.PROTECT, db_index=False, related_name="interventions"
    )
    member = models.ForeignKey(
        Member, on_delete=models.CASCADE, db_index=False, related_name="interventions"
    )
    enrolment = models.ForeignKey(
        Enrolment, on_delete=models.CASCADE, related_name="interventions"
    )
    step = models.ForeignKey(
        PlayStep, on_delete=models.PROTECT, db_index=False, related_name="+"
    )
    channel = models.TextField(
        choices=Channel, blank=True, default="", db_default="", help_text="blank: any"
    )
    occurrence = models.TextField(help_text="what happened, and for a later step which")
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
    sleeps_until_change = models.BooleanField(
        default=False,
        db_default=False,
        help_text="asleep until the state or the milestone it waits at is another",
    )
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
    note = models.TextField(blank=True, help_text="what was said and done")
    learned = models.TextField(
        blank=True, default="", db_default="", help_text="what we know now and did not"
    )
    next_step = models.TextField(blank=True, default="", db_default="")
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
            # everybody's queue in its order, and what keeps an item from it
            models.Index(
                fields=["queue_class", "occurred_on", "term_ends_on", "id"],
                include=["owner", "minutes", "sleeps_until_change", "snoozed_until"],
                condition=Q(status="open"),
                name="open_in_order",
            ),
            # what anybody may claim next, however much is claimed already
            models.Index(
                fields=["queue_class", "occurred_on", "term_ends_on", "id"],
                condition=Q(status="open", owner=None, claimed_by=None),
                name="pool_in_order",
            ),
            models.Index(
                fields=["claimed_until"],
                condition=Q(status="open", owner=None, claimed_by__isnull=False),
                name="pool_claimed",
            ),
            # all that is counted of it, in as few pages as may be
            models.Index(
                fields=["queue_class", "owner"],
                include=["minutes", "snoozed_until"],
                condition=Q(status="open", sleeps_until_change=False),
                name="open_counted",
            ),
            models.Index(
                fields=["member"],
                condition=Q(status="open", sleeps_until_change=True),
                name="asleep_until_change",
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


class Heard(models.Model):
    """The newest fact of a member that plays have looked at between two nights."""

    member = models.OneToOneField(
        Member, on_delete=models.CASCADE, primary_key=True, related_name="+"
    )
    fact_id = models.BigIntegerField(help_text="a live fact after it has not been looked at")

    def __str__(self) -> str:
        return f"{self.member} up to {self.fact_id}"
