"""Money. Nothing that decides about experience, progress or order may import this module."""

from django.db import models
from django.db.models import Q

from members.models.memberships import Term


class Dues(models.Model):
    """What a term costs a year; nought for a complimentary one."""

    term = models.OneToOneField(
        Term, on_delete=models.CASCADE, primary_key=True, related_name="dues"
    )
    annual_amount = models.DecimalField(max_digits=14, decimal_places=2)
    currency = models.CharField(max_length=3)

    class Meta:
        verbose_name_plural = "dues"
        constraints = [
            models.CheckConstraint(
                condition=Q(annual_amount__gte=0), name="dues_are_never_negative"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.annual_amount} {self.currency} a year"
