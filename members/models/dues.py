"""Money. Nothing that decides about experience, progress or order may import this module."""

from typing import Final

from django.db import models
from django.db.models import F, Q

from members.enums import VoidReason
from members.models.accounts import User
from members.models.fields import public_id as public_id_field
from members.models.members import Member
from members.models.memberships import Term

BREAKDOWN: Final = ("base_amount", "seats", "seat_price", "addons_amount", "discount_amount")


class Dues(models.Model):
    """What a term costs a year; nought for a complimentary one.

    Where the source tells what the amount is made of, all five parts are given and add up to
    it: base + seats x price of a seat + add-ons - discount.
    """

    term = models.OneToOneField(
        Term, on_delete=models.CASCADE, primary_key=True, related_name="dues"
    )
    annual_amount = models.DecimalField(max_digits=14, decimal_places=2)
    currency = models.CharField(max_length=3)
    base_amount = models.DecimalField(max_digits=14, decimal_places=2, null=True, blank=True)
    seats = models.PositiveIntegerField(null=True, blank=True)
    seat_price = models.DecimalField(max_digits=14, decimal_places=2, null=True, blank=True)
    addons_amount = models.DecimalField(max_digits=14, decimal_places=2, null=True, blank=True)
    discount_amount = models.DecimalField(
        max_digits=14, decimal_places=2, null=True, blank=True
    )

    class Meta:
        verbose_name_plural = "dues"
        constraints = [
            models.CheckConstraint(
                condition=Q(annual_amount__gte=0), name="dues_are_never_negative"
            ),
            models.CheckConstraint(
                condition=Q(**{f"{name}__isnull": True for name in BREAKDOWN})
                | Q(
                    base_amount__gte=0,
                    seat_price__gte=0,
                    addons_amount__gte=0,
                    discount_amount__gte=0,
                    seats__isnull=False,
                    annual_amount=F("base_amount")
                    + F("seats") * F("seat_price")
                    + F("addons_amount")
                    - F("discount_amount"),
                ),
                name="a_breakdown_of_dues_adds_up",
            ),
        ]
        # whether there are others than the association's own, told from both its ends
        indexes = [models.Index(fields=["currency"], name="dues_by_currency")]

    def __str__(self) -> str:
        return f"{self.annual_amount} {self.currency} a year"


class VoidedTerm(models.Model):
    """A term that was never in force after all, taken out of the terms and kept here.

    ``was`` is the term and its dues as they stood, so that it can be put back.
    """

    public_id = public_id_field()
    member = models.ForeignKey(Member, on_delete=models.CASCADE, related_name="voided_terms")
    tier = models.TextField()
    starts_on = models.DateField()
    ends_on = models.DateField()
    source = models.TextField()
    external_id = models.TextField()
    was = models.JSONField()
    reason = models.TextField(choices=VoidReason)
    note = models.TextField(blank=True)
    voided_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    voided_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["source", "external_id"], name="an_external_id_names_one_voided_term"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.tier} {self.starts_on}-{self.ends_on}, {self.get_reason_display()}"


class ExchangeRate(models.Model):
    """What one unit of a currency is in the association's own, from a day on."""

    currency = models.CharField(max_length=3, help_text="ISO 4217 code")
    on = models.DateField()
    rate = models.DecimalField(max_digits=18, decimal_places=8)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(rate__gt=0), name="a_rate_is_more_than_nought"),
            models.UniqueConstraint(
                fields=["currency", "on"], name="a_currency_has_one_rate_a_day"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.currency} {self.rate} from {self.on}"
