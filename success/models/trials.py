from django.conf import settings
from django.db import models

from members.models.fields import public_id as public_id_field
from success.enums import BacktestStatus
from success.models.plays import PlayVersion


class Backtest(models.Model):
    """How a version of a play would have done over past years; nothing was sent or opened."""

    public_id = public_id_field()
    version = models.ForeignKey(PlayVersion, on_delete=models.CASCADE, related_name="backtests")
    definition = models.JSONField(help_text="start, audience, aim and stop as they were asked")
    first_on = models.DateField()
    last_on = models.DateField()
    every_days = models.PositiveSmallIntegerField(default=1, help_text="between nights")
    horizon_days = models.PositiveSmallIntegerField(
        default=365, help_text="within which a lapse after an entry counts as foreseen"
    )
    status = models.TextField(choices=BacktestStatus, default=BacktestStatus.WAITING)
    done_through = models.DateField(null=True, help_text="the last night that was looked at")
    found = models.JSONField(
        default=dict, help_text="entries so far: what a restart goes on from"
    )
    result = models.JSONField(default=dict)
    error = models.TextField(blank=True)
    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    asked_at = models.DateTimeField()
    claimed_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(last_on__gte=models.F("first_on")),
                name="a_backtest_ends_after_it_begins",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.version}, {self.first_on} to {self.last_on}"
