from django.conf import settings
from django.db import models
from django.db.models import Q

from coverage.enums import LifecycleStage, Modality
from coverage.models.segments import Segment
from coverage.querysets import CoverageModelQuerySet


class CoverageModel(models.Model):
    """How many hours an experience takes, in versions; the last one begun counts.

    One that was withdrawn before its day is kept to be seen, and never counts.
    """

    version = models.PositiveSmallIntegerField(unique=True)
    effective_from = models.DateField()
    note = models.TextField(blank=True, help_text="what is different, and why")
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    made_at = models.DateTimeField()
    withdrawn_at = models.DateTimeField(null=True, help_text="before its day had come")

    objects = CoverageModelQuerySet.as_manager()

    class Meta:
        indexes = [models.Index(fields=["effective_from"], name="coverage_model_by_day")]

    def __str__(self) -> str:
        return f"version {self.version} from {self.effective_from}"


class CoverageHours(models.Model):
    """Hours that one member of a segment gets in a month of a stage, in one modality."""

    model = models.ForeignKey(
        CoverageModel, on_delete=models.CASCADE, db_index=False, related_name="hours"
    )
    segment = models.ForeignKey(Segment, on_delete=models.CASCADE, related_name="hours")
    stage = models.TextField(choices=LifecycleStage)
    modality = models.TextField(choices=Modality)
    hours = models.DecimalField(max_digits=7, decimal_places=3, help_text="a member, a month")

    class Meta:
        verbose_name_plural = "coverage hours"
        constraints = [
            models.UniqueConstraint(
                fields=["model", "segment", "stage", "modality"], name="hours_are_said_once"
            ),
            models.CheckConstraint(condition=Q(hours__gte=0), name="hours_are_not_negative"),
        ]

    def __str__(self) -> str:
        return f"{self.segment} {self.stage} {self.modality}: {self.hours} h"


class Leverage(models.Model):
    """Member-hours that an hour of staff gives in a modality: a group's size, or a factor."""

    model = models.ForeignKey(
        CoverageModel, on_delete=models.CASCADE, db_index=False, related_name="leverages"
    )
    segment = models.ForeignKey(Segment, on_delete=models.CASCADE, related_name="leverages")
    modality = models.TextField(choices=Modality)
    factor = models.DecimalField(max_digits=6, decimal_places=2)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["model", "segment", "modality"], name="leverage_is_said_once"
            ),
            models.CheckConstraint(condition=Q(factor__gt=0), name="leverage_is_positive"),
        ]

    def __str__(self) -> str:
        return f"{self.segment} {self.modality}: {self.factor}"
