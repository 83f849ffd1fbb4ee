from django.conf import settings
from django.db import models
from django.db.models import Q

from coverage.models import Segment
from members.models import Member, Person
from success.enums import Blocker, Dimension, Standing, State
from success.models.plans import Milestone, Plan


class MemberFacts(models.Model):
    """The one projection that plays, queue, lists and dashboards ask: one row a member.

    It keeps dates and integers, not day counts, so that the calendar alone rewrites few rows.
    The day it speaks of is that of the last finished live night.
    """

    member = models.OneToOneField(
        Member, on_delete=models.CASCADE, primary_key=True, related_name="known"
    )
    standing = models.TextField(choices=Standing)
    joined_on = models.DateField(null=True, help_text="start of the unbroken run of terms")
    term_ends_on = models.DateField(null=True, help_text="first day after the last known term")
    tier = models.TextField(blank=True)
    segment = models.ForeignKey(
        Segment, null=True, on_delete=models.SET_NULL, db_index=False, related_name="+"
    )
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        on_delete=models.SET_NULL,
        db_index=False,
        related_name="+",
    )
    contact = models.ForeignKey(Person, null=True, on_delete=models.SET_NULL, related_name="+")
    plan = models.ForeignKey(Plan, null=True, on_delete=models.SET_NULL, related_name="+")
    anchor_on = models.DateField(null=True, help_text="plan-day 0")
    state = models.TextField(choices=State, default=State.NO_PLAN)
    held_on = models.DateField(
        null=True,
        help_text="day at which the plan clock is held, behind or ahead; null while it runs. "
        "Position in days is held_on minus the day of the night",
    )
    pace_milli = models.IntegerField(
        null=True, help_text="thousandths of a plan-day a day; null where not known"
    )
    direction = models.SmallIntegerField(null=True)
    achieved_weight = models.PositiveSmallIntegerField(null=True)
    expected_weight = models.PositiveSmallIntegerField(null=True)
    blocking = models.ForeignKey(
        Milestone,
        null=True,
        on_delete=models.SET_NULL,
        related_name="+",
        help_text="first gating milestone that is overdue",
    )
    blocked_since = models.DateField(
        null=True, help_text="first day that milestone was overdue"
    )
    behind_since = models.DateField(
        null=True, help_text="first day behind by more than tolerance"
    )
    baseline_held_on = models.DateField(
        null=True,
        help_text="as held_on, on the days first agreed; null unless the plan was re-planned, "
        "or where that clock runs with the calendar",
    )
    is_rebaselined = models.BooleanField(db_default=False)
    declared_weight = models.PositiveSmallIntegerField(
        null=True, help_text="of the achieved weight, what rests on one side's word"
    )
    blocker = models.TextField(
        choices=Blocker,
        blank=True,
        db_default="",
        help_text="who holds up the overdue milestone; or nobody",
    )
    goal_confirmed_on = models.DateField(
        null=True, help_text="last day the Desired Outcome was said or confirmed"
    )
    next_milestone = models.ForeignKey(
        Milestone, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    first_value_on = models.DateField(
        null=True, help_text="day the first milestone was reached"
    )
    achieved_on = models.DateField(null=True, help_text="day the whole plan was achieved")
    we_owe_since = models.DateField(null=True, help_text="earliest overdue promise of ours")
    they_owe_since = models.DateField(null=True, help_text="earliest overdue promise of theirs")
    people_involved = models.PositiveIntegerField(default=0)
    subjects_involved = models.PositiveIntegerField(default=0)
    last_fact_on = models.DateField(null=True)
    next_term_on = models.DateField(
        null=True, help_text="a term that is known already begins; null in a past night"
    )
    decider_last_on = models.DateField(
        null=True, help_text="last fact of the primary contact or of somebody who decides"
    )
    review_on = models.DateField(
        null=True, help_text="of the newest review that was held or is agreed"
    )
    recheck_on = models.DateField(
        null=True, help_text="first day on which the calendar alone may change this row"
    )
    changed_on = models.DateField(
        help_text="night that last changed more of it than the calendar alone moves"
    )

    class Meta:
        verbose_name_plural = "member facts"
        indexes = [
            models.Index(fields=["owner", "state"], name="facts_by_owner_state"),
            models.Index(fields=["segment", "state"], name="facts_by_segment_state"),
            # plays fire by crossing a range of dates, among the active only
            models.Index(
                fields=["behind_since"],
                condition=Q(behind_since__isnull=False),
                name="facts_behind_since",
            ),
            models.Index(
                fields=["anchor_on"],
                condition=Q(first_value_on=None),
                name="facts_no_first_value",
            ),
            # lists in their order, of which a page is read
            models.Index(
                fields=["joined_on", "member"],
                condition=Q(first_value_on=None),
                name="facts_waiting_longest",
            ),
            models.Index(
                fields=["term_ends_on", "member"],
                condition=Q(standing="in_force"),
                name="facts_by_term_end",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.member_id} {self.state}"


class VectorChange(models.Model):
    """The vector of a member from this day on, until the next change. One row a change."""

    member = models.ForeignKey(
        Member, on_delete=models.CASCADE, db_index=False, related_name="vector_changes"
    )
    on = models.DateField()
    plan = models.ForeignKey(Plan, null=True, on_delete=models.SET_NULL, related_name="+")
    state = models.TextField(choices=State)
    held_on = models.DateField(null=True)
    pace_milli = models.IntegerField(null=True)
    direction = models.SmallIntegerField(null=True)
    achieved_weight = models.PositiveSmallIntegerField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["member", "on"], name="a_vector_changes_once_a_night"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.member_id} {self.on} {self.state}"


class EarlierVector(models.Model):
    """The vector of a member so many days before the last night. One row a member and number.

    As the evidence told it in that night, not as it was told on the day itself.
    """

    pk = models.CompositePrimaryKey("member_id", "days_back")
    member = models.ForeignKey(
        # the key begins with it
        Member,
        on_delete=models.CASCADE,
        db_index=False,
        related_name="+",
    )
    days_back = models.PositiveSmallIntegerField(help_text="days before that of the night")
    state = models.TextField(
        choices=State, blank=True, help_text="blank: no plan, or no membership that day"
    )
    pace_milli = models.IntegerField(null=True, help_text="as in MemberFacts")
    recheck_on = models.DateField(
        null=True, help_text="first later day on which the calendar alone may change this row"
    )

    def __str__(self) -> str:
        return f"{self.member_id} {self.days_back} {self.state}"


class VectorRollup(models.Model):
    """How a group of members is doing as of one night."""

    as_of = models.DateField()
    dimension = models.TextField(choices=Dimension)
    value = models.TextField(
        blank=True,
        help_text="tier, year of joining, or key of the segment or owner; blank: everybody",
    )
    in_scope = models.PositiveIntegerField(help_text="members in force or in grace")
    with_plan = models.PositiveIntegerField()
    with_pace = models.PositiveIntegerField(help_text="plans with at least 7 observed days")
    states = models.JSONField(help_text="{state: members}")
    pace_sum_milli = models.BigIntegerField(help_text="of those with a pace")
    forward = models.PositiveIntegerField(help_text="members whose direction is +1")
    backward = models.PositiveIntegerField(help_text="members whose direction is -1")
    median_position = models.IntegerField(null=True, help_text="days; null for an empty group")
    we_owe = models.PositiveIntegerField(help_text="members to whom a promise of ours is late")
    waiting = models.PositiveIntegerField(
        default=0,
        db_default=0,
        help_text="of those with a pace, held up by a promise of ours that is due",
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["as_of", "dimension", "value"], name="a_group_is_rolled_up_once_a_night"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.as_of} {self.dimension} {self.value}"


class VectorComparison(models.Model):
    """The same members of a group on two days, as the night of the later one found them.

    Groups are those of the later day. Sums are thousandths of plan-days a day.
    """

    as_of = models.DateField()
    earlier_on = models.DateField()
    dimension = models.TextField(choices=Dimension)
    value = models.TextField(blank=True, help_text="as in VectorRollup")
    members = models.PositiveIntegerField(help_text="with a pace on both days")
    earlier_sum_milli = models.BigIntegerField(help_text="of these, on the earlier day")
    later_sum_milli = models.BigIntegerField(help_text="of these, on the later day")
    earlier_members = models.PositiveIntegerField(help_text="with a pace on the earlier day")
    earlier_all_milli = models.BigIntegerField(help_text="of all of those")
    later_members = models.PositiveIntegerField(help_text="with a pace on the later day")
    later_all_milli = models.BigIntegerField(help_text="of all of those")
    flow = models.JSONField(help_text="{then>now: members}, by state; not_there: without plan")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["as_of", "earlier_on", "dimension", "value"],
                name="a_group_is_compared_once_a_night",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.earlier_on} {self.as_of} {self.dimension} {self.value}"


class IntegrityReading(models.Model):
    """Whether revenue was backed by success, as a night found it (DOMAIN 2.13)."""

    as_of = models.DateField(unique=True)
    said = models.JSONField(help_text="as queries.measures writes and reads it")

    def __str__(self) -> str:
        return f"{self.as_of}"


class MeasureReading(models.Model):
    """The answer to a question that pages open with, as the last night worked it out."""

    question = models.TextField(unique=True, help_text="as queries.readings names it")
    as_of = models.DateField(help_text="the night's day")
    said = models.JSONField(help_text="{answer}, as config.kernel.exact writes it")

    def __str__(self) -> str:
        return self.question
