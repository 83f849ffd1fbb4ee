from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from coverage.enums import Channel, Delivery
from members.models import Member


class Segment(models.Model):
    """Members who share an Appropriate Experience. The list is the association's own."""

    key = models.SlugField(unique=True)
    name = models.TextField()
    position = models.PositiveSmallIntegerField(help_text="rules are tried in this order")
    rule = models.JSONField(help_text="condition over the facts of the AX profile")
    reason = models.TextField(help_text="why a member that meets the rule belongs here")
    is_pooled = models.BooleanField(
        default=False, help_text="served by a pool, without a named MSM"
    )
    delivery = models.TextField(
        choices=Delivery, help_text="how an intervention reaches a member of this segment first"
    )
    channels = ArrayField(
        models.TextField(choices=Channel),
        default=list,
        blank=True,
        help_text="how its members are reached, in the order in which it is tried",
    )
    skills = ArrayField(
        models.TextField(),
        default=list,
        blank=True,
        help_text="what whoever looks after such a member has to know",
    )
    requests_a_month = models.DecimalField(
        max_digits=6,
        decimal_places=3,
        null=True,
        blank=True,
        help_text="of a pool: requests of one member",
    )
    handling_hours = models.DecimalField(
        max_digits=6,
        decimal_places=3,
        null=True,
        blank=True,
        help_text="of a pool: hours that one request takes",
    )
    occupancy_percent = models.PositiveSmallIntegerField(
        default=80, help_text="of a pool: the share of its hours that requests may fill"
    )
    is_retired = models.BooleanField(default=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["position"],
                condition=Q(is_retired=False),
                name="segments_are_tried_in_one_order",
            ),
            models.CheckConstraint(
                condition=Q(occupancy_percent__gte=1, occupancy_percent__lte=100),
                name="a_pool_is_occupied_in_part",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Assignment(models.Model):
    """The segment a member is in, why, and who looks after them; nobody while a pool does."""

    member = models.OneToOneField(
        Member, on_delete=models.CASCADE, primary_key=True, related_name="assignment"
    )
    segment = models.ForeignKey(Segment, on_delete=models.PROTECT, related_name="assignments")
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="assignments",
    )
    reason = models.TextField()
    assigned_on = models.DateField()
    override_reason = models.TextField(blank=True)
    override_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
    )
    override_until = models.DateField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(override_until=None) | ~Q(override_reason=""),
                name="an_override_has_a_reason",
            ),
        ]
        indexes = [models.Index(fields=["owner", "segment"], name="assignment_by_owner")]

    def __str__(self) -> str:
        return f"{self.member}: {self.segment}"


class AssignmentChange(models.Model):
    """One move between segments or hands, kept for good."""

    member = models.ForeignKey(
        Member, on_delete=models.CASCADE, related_name="assignment_changes"
    )
    on = models.DateField()
    from_segment = models.ForeignKey(
        Segment, null=True, on_delete=models.PROTECT, related_name="+"
    )
    to_segment = models.ForeignKey(Segment, on_delete=models.PROTECT, related_name="+")
    from_owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    to_owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    reason = models.TextField()

    class Meta:
        indexes = [models.Index(fields=["member", "on"], name="assignment_change_by_member")]

    def __str__(self) -> str:
        return f"{self.member} to {self.to_segment} on {self.on}"
