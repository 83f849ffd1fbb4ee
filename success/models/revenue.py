from django.db import models

from success.enums import Dimension, PeriodKind, RevenueBasis


class RevenuePeriod(models.Model):
    """Revenue retention of one period, one rule and one group, as it was last said.

    A closed period changes only by a further revision, which says why; both are kept.
    Amounts are a year's dues in the association's currency. ``ends_on`` is the closing day.
    """

    kind = models.TextField(choices=PeriodKind)
    starts_on = models.DateField()
    ends_on = models.DateField()
    basis = models.TextField(choices=RevenueBasis)
    dimension = models.TextField(choices=Dimension)
    value = models.TextField(blank=True)
    revision = models.PositiveSmallIntegerField(default=0)
    is_final = models.BooleanField(help_text="no grace window bears on it any more")
    restated_on = models.DateField(
        null=True, help_text="the night that restated a closed period"
    )
    restated_because = models.TextField(blank=True)
    opening = models.DecimalField(max_digits=16, decimal_places=2)
    new = models.DecimalField(max_digits=16, decimal_places=2)
    reactivation = models.DecimalField(max_digits=16, decimal_places=2)
    expansion = models.DecimalField(max_digits=16, decimal_places=2)
    contraction = models.DecimalField(max_digits=16, decimal_places=2)
    churn = models.DecimalField(max_digits=16, decimal_places=2)
    closing = models.DecimalField(max_digits=16, decimal_places=2)
    undecided = models.DecimalField(
        max_digits=16,
        decimal_places=2,
        help_text="part of closing that is in grace with its window open; nought when final",
    )
    undecided_of_base = models.DecimalField(max_digits=16, decimal_places=2)
    kept_min = models.DecimalField(
        max_digits=16,
        decimal_places=2,
        help_text="sum over the base of the lesser of both ends",
    )
    undecided_min = models.DecimalField(max_digits=16, decimal_places=2)
    base_members = models.PositiveIntegerField()
    kept_members = models.PositiveIntegerField()
    new_members = models.PositiveIntegerField()
    reactivated_members = models.PositiveIntegerField()
    undecided_members = models.PositiveIntegerField()
    computed_at = models.DateTimeField()
    covers_until = models.DateField(help_text="facts up to this day were known")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "ends_on", "basis", "dimension", "value", "revision"],
                name="a_period_is_said_once_a_revision",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} to {self.ends_on} {self.basis} {self.value}"


class RenewableMonth(models.Model):
    """Dues that ended in a month, of one tier, and how much of them was renewed.

    Rewritten by the night when a month closes, and on full ones. A year's dues in the
    association's currency; available = renewed + less + lapsed + undecided. What renewals were
    larger by, and who came back after the grace, are in none of these.
    """

    month = models.DateField(help_text="first day of the month in which the terms ended")
    tier = models.TextField(blank=True, help_text="of the term that ended")
    renewed_members = models.PositiveIntegerField()
    lapsed_members = models.PositiveIntegerField()
    undecided_members = models.PositiveIntegerField(help_text="in grace")
    reinstated_members = models.PositiveIntegerField(help_text="back after the grace")
    available = models.DecimalField(max_digits=16, decimal_places=2)
    renewed = models.DecimalField(
        max_digits=16, decimal_places=2, help_text="nobody above what they paid before"
    )
    less = models.DecimalField(max_digits=16, decimal_places=2)
    more = models.DecimalField(max_digits=16, decimal_places=2)
    lapsed = models.DecimalField(max_digits=16, decimal_places=2)
    undecided = models.DecimalField(max_digits=16, decimal_places=2)
    reinstated = models.DecimalField(max_digits=16, decimal_places=2)
    covers_until = models.DateField(
        help_text="terms begun by this day were known; later counts found the same"
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["month", "tier"], name="renewable_dues_are_counted_once_a_tier"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.month} {self.tier}"
