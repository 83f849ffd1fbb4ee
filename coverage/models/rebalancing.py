from django.conf import settings
from django.db import models
from django.db.models import Q

from coverage.enums import RebalancingStatus
from coverage.models.segments import Segment
from members.models import Member
from members.models.fields import public_id as public_id_field


class Rebalancing(models.Model):
    """A proposal of who should look after whom: asked for, worked out, applied, undone.

    ``asked`` are the what-ifs and limits it was asked with, ``before`` and ``after`` the
    loads by person, ``bound`` the lowest highest load that anybody could reach.
    """

    public_id = public_id_field()
    status = models.TextField(choices=RebalancingStatus, default=RebalancingStatus.WAITING)
    as_of = models.DateField()
    asked = models.JSONField(help_text="the what-ifs and limits")
    before = models.JSONField(default=dict)
    after = models.JSONField(default=dict)
    bound = models.FloatField(null=True)
    highest = models.FloatField(null=True)
    stage = models.TextField(blank=True, help_text="what is being worked out just now")
    error = models.TextField(blank=True)
    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    asked_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)
    reason = models.TextField(blank=True, help_text="said when it was applied")
    tells_members = models.BooleanField(default=False)
    applied_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    applied_at = models.DateTimeField(null=True)
    undone_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    undone_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(applied_at=None) | ~Q(reason=""), name="a_rebalancing_has_a_reason"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.status} {self.asked_at:%Y-%m-%d %H:%M}"


class Move(models.Model):
    """One member in other hands, or in another segment, as a rebalancing proposes it."""

    rebalancing = models.ForeignKey(
        Rebalancing, on_delete=models.CASCADE, db_index=False, related_name="moves"
    )
    member = models.ForeignKey(Member, on_delete=models.CASCADE, related_name="+")
    from_owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    to_owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    from_segment = models.ForeignKey(Segment, on_delete=models.PROTECT, related_name="+")
    to_segment = models.ForeignKey(Segment, on_delete=models.PROTECT, related_name="+")
    minutes = models.PositiveIntegerField(help_text="staff time a month that goes with it")
    outcome = models.TextField(blank=True, help_text="applied, left, undone, kept; and why")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["rebalancing", "member"], name="a_rebalancing_moves_a_member_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.member} to {self.to_owner}"
