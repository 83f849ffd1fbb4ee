from django.conf import settings
from django.db import models

from coverage.models import Segment
from members.models.fields import public_id as public_id_field
from success.enums import BacktestStatus
from success.models.plays import Play, PlayVersion


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


class SleepingDog(models.Model):
    """A kind of member that a play made worse: it is no target of its messages any more.

    Found by the night; stays until the play draws anew, under another salt.
    """

    play = models.ForeignKey(
        Play, on_delete=models.CASCADE, db_index=False, related_name="sleeping_dogs"
    )
    salt = models.TextField()
    segment = models.ForeignKey(
        Segment, null=True, on_delete=models.CASCADE, db_index=False, related_name="+"
    )
    state = models.TextField(blank=True, help_text="of the vector, when they entered")
    outcome = models.TextField(help_text="what became worse: the aim, or staying")
    lift = models.FloatField(help_text="share of the treated less share of those left alone")
    p = models.FloatField()
    treated_n = models.PositiveIntegerField()
    held_n = models.PositiveIntegerField()
    found_on = models.DateField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["play", "salt", "segment", "state", "outcome"],
                nulls_distinct=False,
                name="a_sleeping_dog_is_flagged_once",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.play}: {self.segment} {self.state}"
