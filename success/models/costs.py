from django.conf import settings
from django.db import models
from django.db.models import Q


class CostRate(models.Model):
    """What serving members costs, from a day until the next one begins."""

    effective_from = models.DateField(unique=True)
    currency = models.CharField(max_length=3, help_text="ISO 4217 code")
    hourly_rate = models.DecimalField(
        max_digits=8,
        decimal_places=2,
        help_text="of an hour of staff, with all that goes on it",
    )
    enablement_a_year = models.DecimalField(
        max_digits=14,
        decimal_places=2,
        default=0,
        help_text="what pools, material and tools cost; members of pools share it by hours",
    )
    direct_a_year = models.DecimalField(
        max_digits=12, decimal_places=2, default=0, help_text="what benefits cost, a member"
    )
    note = models.TextField(blank=True)
    set_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    set_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(hourly_rate__gte=0, enablement_a_year__gte=0, direct_a_year__gte=0),
                name="serving_costs_nothing_or_more",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.hourly_rate} {self.currency} an hour from {self.effective_from}"
