from django.db import models
from django.db.models import Q

from success.enums import NightKind, NightStatus, StepStatus


class Night(models.Model):
    """One run over the association for one day: its stages, how far it is, what came of it."""

    as_of = models.DateField()
    kind = models.TextField(choices=NightKind)
    status = models.TextField(choices=NightStatus, default=NightStatus.RUNNING)
    is_full = models.BooleanField(
        help_text="every member, rather than those whose facts changed"
    )
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)
    definition = models.TextField(help_text="version of the definitions it was computed with")
    result = models.JSONField(default=dict, help_text="{figure: value}, what that night says")
    inputs = models.JSONField(
        default=dict, help_text="{table: version}, of what its stages are then to read"
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["as_of", "kind"],
                condition=Q(status="running"),
                name="one_run_at_a_time_for_a_day",
            ),
        ]
        indexes = [models.Index(fields=["-started_at"], name="night_newest_first")]

    def __str__(self) -> str:
        return f"Night of {self.as_of}"


class NightStep(models.Model):
    """A stage of a night over a range of members: the checkpoint it goes on from."""

    night = models.ForeignKey(Night, on_delete=models.CASCADE, related_name="steps")
    stage = models.TextField()
    position = models.PositiveSmallIntegerField(help_text="a stage waits for those before it")
    range_from = models.BigIntegerField(help_text="first member id")
    range_to = models.BigIntegerField(help_text="last member id")
    status = models.TextField(choices=StepStatus, default=StepStatus.PENDING)
    attempts = models.PositiveSmallIntegerField(default=0)
    rows_in = models.BigIntegerField(null=True)
    rows_out = models.BigIntegerField(null=True, help_text="rows written")
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    error = models.TextField(blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["night", "stage", "range_from"], name="a_stage_takes_a_range_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.stage} {self.range_from}-{self.range_to}"
