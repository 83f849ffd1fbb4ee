from django.conf import settings
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import ArrayField, RangeOperators
from django.db import models
from django.db.models import F, Func, Q

from engagement.models import Fact
from members.enums import MemberKind
from members.models import Member, Person
from members.models.fields import public_id as public_id_field
from success.enums import EvidenceSource, ExpectedBasis, Side


class PlanTemplate(models.Model):
    """A path that many members share, from which a member's own plan is agreed."""

    key = models.SlugField(unique=True)
    title = models.TextField()
    audience = models.TextField(choices=MemberKind)
    goal = models.TextField(help_text="the goal to start the conversation with")
    is_simulated = models.BooleanField(default=False, help_text="made for a demonstration")

    def __str__(self) -> str:
        return self.title


class MilestoneFields(models.Model):
    """What a milestone says, in a template and in a plan alike."""

    position = models.PositiveSmallIntegerField(help_text="1, 2, 3 … in the order of the path")
    title = models.TextField(help_text="as the member reads it")
    expected_day = models.PositiveIntegerField(help_text="plan-day, the anchor being day 0")
    expected_basis = models.TextField(choices=ExpectedBasis, default=ExpectedBasis.ASSUMED)
    weight = models.PositiveSmallIntegerField()
    evidence_rule = models.JSONField(
        default=dict,
        blank=True,
        help_text="{rule, …parameters} over the member's facts; empty where people must say so",
    )

    class Meta:
        abstract = True


class TemplateMilestone(MilestoneFields):
    template = models.ForeignKey(
        PlanTemplate, on_delete=models.CASCADE, related_name="milestones"
    )
    counted_from = models.PositiveSmallIntegerField(
        null=True,
        blank=True,
        help_text="position of the milestone that the members compared with had reached; "
        "blank: those who have set out on the path, counted from its start",
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["template", "position"], name="a_template_has_one_milestone_a_position"
            ),
        ]

    def __str__(self) -> str:
        return self.title


class Plan(models.Model):
    """One version of a member's path to the Desired Outcome.

    Versions are immutable but for their end: a changed goal closes this one and opens the next.
    """

    public_id = public_id_field()
    member = models.ForeignKey(
        Member, on_delete=models.CASCADE, db_index=False, related_name="plans"
    )
    template = models.ForeignKey(
        PlanTemplate, null=True, on_delete=models.PROTECT, related_name="plans"
    )
    version = models.PositiveSmallIntegerField(default=1)
    goal = models.TextField(help_text="in the member's own words where they gave them")
    anchor_on = models.DateField(help_text="plan-day 0, an association-local date")
    closed_on = models.DateField(
        null=True, blank=True, help_text="first day it no longer counts"
    )
    is_simulated = models.BooleanField(default=False, help_text="made for a demonstration")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["member", "version"], name="plan_versions_count_up"
            ),
            models.UniqueConstraint(
                fields=["member"],
                condition=Q(closed_on=None),
                name="a_member_has_one_open_plan",
            ),
            # one vector a member: on any day at most one version counts
            ExclusionConstraint(
                name="plan_versions_do_not_overlap",
                expressions=[
                    ("member", RangeOperators.EQUAL),
                    (
                        Func("anchor_on", "closed_on", function="daterange"),
                        RangeOperators.OVERLAPS,
                    ),
                ],
            ),
            models.CheckConstraint(
                condition=Q(closed_on=None) | Q(closed_on__gte=F("anchor_on")),
                name="a_plan_closes_after_its_anchor",
            ),
        ]
        indexes = [models.Index(fields=["member", "anchor_on"], name="plan_by_member")]

    def __str__(self) -> str:
        return f"{self.member}: {self.goal}"


class Milestone(MilestoneFields):
    """A point on the way that the member must reach.

    ``evidence_dates`` alternate achieved, revoked, achieved …, ascending: on a day it is
    achieved if an odd number of them are not after that day. They are made from the events.
    """

    plan = models.ForeignKey(
        Plan, on_delete=models.CASCADE, db_index=False, related_name="milestones"
    )
    evidence_dates = ArrayField(models.DateField(), null=True, blank=True)
    evidence_source = models.TextField(choices=EvidenceSource, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["plan", "position"], name="a_plan_has_one_milestone_a_position"
            ),
            models.CheckConstraint(condition=Q(weight__gt=0), name="a_milestone_has_weight"),
        ]

    def __str__(self) -> str:
        return self.title


class MilestoneEvent(models.Model):
    """A milestone was achieved, or its evidence was withdrawn; kept for good."""

    milestone = models.ForeignKey(Milestone, on_delete=models.CASCADE, related_name="events")
    achieved = models.BooleanField(help_text="false: the evidence was withdrawn")
    on = models.DateField(help_text="the day it is true from")
    source = models.TextField(choices=EvidenceSource)
    fact = models.ForeignKey(Fact, null=True, on_delete=models.SET_NULL, related_name="+")
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    what_changed = models.TextField(
        blank=True, help_text="what changed for the member, or why not"
    )
    recorded_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["milestone", "on", "achieved"], name="a_milestone_turns_once_a_day"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.milestone} {'achieved' if self.achieved else 'revoked'} {self.on}"


class PlanPause(models.Model):
    """Days that do not count: a leave, a force majeure."""

    plan = models.ForeignKey(Plan, on_delete=models.CASCADE, related_name="pauses")
    starts_on = models.DateField()
    ends_on = models.DateField(null=True, blank=True, help_text="first day that counts again")
    reason = models.TextField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(ends_on=None) | Q(ends_on__gt=F("starts_on")),
                name="a_pause_ends_after_it_starts",
            ),
        ]

    def __str__(self) -> str:
        return self.reason


class Accountability(models.Model):
    """A promise, theirs or ours, with its day."""

    plan = models.ForeignKey(Plan, on_delete=models.CASCADE, related_name="accountabilities")
    milestone = models.ForeignKey(
        Milestone,
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="accountabilities",
    )
    side = models.TextField(choices=Side)
    title = models.TextField()
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
    )
    person = models.ForeignKey(
        Person, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    due_on = models.DateField()
    done_on = models.DateField(null=True, blank=True)
    waived_on = models.DateField(null=True, blank=True)
    is_simulated = models.BooleanField(default=False, help_text="made for a demonstration")

    class Meta:
        verbose_name_plural = "accountabilities"
        indexes = [
            # who owes what: the promises still open on a plan
            models.Index(
                fields=["plan", "side", "due_on"],
                condition=Q(done_on=None, waived_on=None),
                name="accountability_open",
            ),
        ]

    def __str__(self) -> str:
        return self.title
