from django.db import models
from django.db.models import F, Q

from members.enums import DepartureReason
from members.models.accounts import User
from members.models.fields import public_id as public_id_field
from members.models.members import Member


class Departure(models.Model):
    """Why a member stopped paying on a day; a leave of absence may say when it ended.

    A reason explains a figure and never changes NRR or GRR.
    """

    public_id = public_id_field()
    member = models.ForeignKey(Member, on_delete=models.CASCADE, related_name="departures")
    left_on = models.DateField(help_text="first day without membership")
    back_on = models.DateField(null=True, blank=True, help_text="day a leave of absence ended")
    reason = models.TextField(choices=DepartureReason)
    note = models.TextField(blank=True)
    source = models.TextField(blank=True)
    told_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    told_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["member", "left_on"], name="a_departure_has_one_reason"
            ),
            models.CheckConstraint(
                condition=Q(back_on=None) | Q(back_on__gt=F("left_on"), reason="pause"),
                name="only_a_leave_of_absence_ends",
            ),
        ]
        indexes = [models.Index(fields=["left_on"], name="departure_by_day")]

    def __str__(self) -> str:
        return f"{self.get_reason_display()} {self.left_on}"
