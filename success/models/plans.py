from django.conf import settings
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import ArrayField, RangeOperators
from django.db import models
from django.db.models import F, Func, Q

from coverage.models import Segment
from engagement.models import Fact
from members.enums import MemberKind
from members.models import Member
from members.models.fields import public_id as public_id_field
from success.enums import (
    Advocacy,
    Answer,
    EvidenceSource,
    ExpectedBasis,
    Side,
    Succession,
)
from success.models.batches import PlanBatch
from success.models.offers import Offer
from success.models.outcomes import DesiredOutcome


class Expectations(models.Model):
    """What the first ninety days will bring, in words written at the start."""

    first_30 = models.TextField(blank=True, help_text="what to expect by day 30")
    first_60 = models.TextField(blank=True, help_text="what to expect by day 60")
    first_90 = models.TextField(blank=True, help_text="what to expect by day 90")

    class Meta:
        abstract = True


class PlanTemplate(Expectations):
    """A path that many members share, from which a member's own plan is agreed.

    A plan takes a copy; changing a template changes no plan.
    """

    key = models.SlugField(unique=True)
    title = models.TextField()
    audience = models.TextField(choices=MemberKind)
    persona = models.TextField(blank=True, help_text="whom it is for; blank: anybody")
    segment = models.ForeignKey(
        Segment, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    goal = models.TextField(help_text="the goal to start the conversation with")
    required_outcome = models.TextField(blank=True, help_text="what has to be true then")
    measure = models.TextField(blank=True, help_text="how both sides will know")
    retired_on = models.DateField(null=True, blank=True, help_text="offered no more from then")
    is_simulated = models.BooleanField(default=False, help_text="made for a demonstration")

    def __str__(self) -> str:
        return self.title


class MilestoneFields(models.Model):
    """What a milestone says, in a template and in a plan alike."""

    key = models.SlugField(help_text="the same milestone in every version of a plan")
    position = models.PositiveSmallIntegerField(
        help_text="1, 2, 3 … in the order of the path; those that do not gate come last"
    )
    title = models.TextField(help_text="as the member reads it")
    expected_day = models.PositiveIntegerField(help_text="plan-day, the anchor being day 0")
    expected_basis = models.TextField(choices=ExpectedBasis, default=ExpectedBasis.ASSUMED)
    weight = models.PositiveSmallIntegerField()
    is_gating = models.BooleanField(
        default=True, help_text="the plan clock waits for it; others are told, not timed"
    )
    evidence_kind = models.TextField(
        choices=EvidenceSource,
        default=EvidenceSource.CONFIRMED,
        help_text="whose word reaches it: the records, the other side, or one side alone",
    )
    evidence_rule = models.JSONField(
        default=dict,
        blank=True,
        help_text="{rule, …parameters} over the member's facts; empty where people must say so",
    )
    expectation = models.TextField(blank=True, help_text="what it will be like, said before")

    class Meta:
        abstract = True
        constraints = [
            models.CheckConstraint(
                condition=~Q(evidence_rule={}) | ~Q(evidence_kind="derived"),
                name="%(class)s_derived_has_a_rule",
            ),
        ]


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

    upsell = models.ForeignKey(
        Offer, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    advocacy = models.TextField(
        choices=Advocacy, blank=True, help_text="what we will ask for once it is reached"
    )

    class Meta(MilestoneFields.Meta):
        constraints = [
            *MilestoneFields.Meta.constraints,
            models.UniqueConstraint(
                fields=["template", "position"], name="a_template_has_one_milestone_a_position"
            ),
            models.UniqueConstraint(
                fields=["template", "key"], name="a_template_has_one_milestone_a_key"
            ),
        ]

    def __str__(self) -> str:
        return self.title


class TemplateAccountability(models.Model):
    """A promise that comes with a template, due on a plan-day."""

    template = models.ForeignKey(
        PlanTemplate, on_delete=models.CASCADE, related_name="accountabilities"
    )
    milestone = models.ForeignKey(
        TemplateMilestone,
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="accountabilities",
    )
    side = models.TextField(choices=Side)
    title = models.TextField()
    due_day = models.PositiveIntegerField(help_text="plan-day, the anchor being day 0")

    class Meta:
        verbose_name_plural = "template accountabilities"

    def __str__(self) -> str:
        return self.title


class Plan(Expectations):
    """One version of a member's path to the Desired Outcome.

    Versions are immutable but for their end: a changed goal closes this one and opens the next.
    A re-planned version keeps the anchor and the first agreed ``baseline``, so that what the
    new days hide stays known.
    """

    public_id = public_id_field()
    member = models.ForeignKey(
        Member, on_delete=models.CASCADE, db_index=False, related_name="plans"
    )
    template = models.ForeignKey(
        PlanTemplate, null=True, on_delete=models.PROTECT, related_name="plans"
    )
    outcome = models.ForeignKey(
        DesiredOutcome, null=True, blank=True, on_delete=models.SET_NULL, related_name="plans"
    )
    version = models.PositiveSmallIntegerField(default=1)
    succession = models.TextField(choices=Succession, default=Succession.AGREED)
    reason = models.TextField(blank=True, help_text="why the version before was not kept")
    baseline = models.ForeignKey(
        "self",
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
        help_text="the first agreed version that this one re-plans; blank: this is the first",
    )
    goal = models.TextField(help_text="in the member's own words where they gave them")
    anchor_on = models.DateField(help_text="plan-day 0, an association-local date")
    counts_from = models.DateField(
        help_text="first day on which this version counts; the anchor unless re-planned"
    )
    agreed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    agreed_at = models.DateTimeField(null=True)
    batch = models.ForeignKey(
        PlanBatch, null=True, blank=True, on_delete=models.SET_NULL, related_name="plans"
    )
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
                        Func("counts_from", "closed_on", function="daterange"),
                        RangeOperators.OVERLAPS,
                    ),
                ],
            ),
            models.CheckConstraint(
                condition=Q(closed_on=None) | Q(closed_on__gte=F("counts_from")),
                name="a_plan_closes_after_it_counts",
            ),
            models.CheckConstraint(
                condition=Q(counts_from__gte=F("anchor_on")),
                name="a_plan_counts_from_its_anchor_at_the_earliest",
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
    is_carried_over = models.BooleanField(
        default=False, help_text="reached in the version before, and not to be reached again"
    )
    evidence_dates = ArrayField(models.DateField(), null=True, blank=True)
    evidence_source = models.TextField(choices=EvidenceSource, blank=True)

    class Meta(MilestoneFields.Meta):
        constraints = [
            *MilestoneFields.Meta.constraints,
            models.UniqueConstraint(
                fields=["plan", "key"], name="a_plan_has_one_milestone_a_key"
            ),
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


class Declaration(models.Model):
    """A member, or an MSM for them, says that a milestone is reached and what changed.

    It waits for the other side where the milestone asks for that; nothing said is lost.
    """

    public_id = public_id_field()
    milestone = models.ForeignKey(
        Milestone, on_delete=models.CASCADE, related_name="declarations"
    )
    on = models.DateField(help_text="the day it is true from")
    what_changed = models.TextField()
    attachment = models.FileField(upload_to="declarations/%Y/%m/", blank=True)
    attachment_name = models.TextField(blank=True, help_text="as its owner called the file")
    status = models.TextField(choices=Answer, default=Answer.WAITING)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    at = models.DateTimeField()
    answered_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    answered_at = models.DateTimeField(null=True)
    answer = models.TextField(blank=True, help_text="what the other side said to it")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["milestone"],
                condition=Q(status="waiting"),
                name="a_milestone_has_one_declaration_waiting",
            ),
            models.CheckConstraint(
                condition=~Q(what_changed=""), name="a_declaration_says_what_changed"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.milestone} on {self.on}: {self.status}"


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
