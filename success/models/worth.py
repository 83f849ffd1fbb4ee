from django.conf import settings
from django.db import models
from django.db.models import Q

from success.models.offers import Offer


class OfferWorth(models.Model):
    """What an offer is worth in a year, from a day until the next one begins.

    Apart from the offer: what decides when to ask must not know it.
    """

    offer = models.ForeignKey(
        Offer, on_delete=models.CASCADE, db_index=False, related_name="worths"
    )
    effective_from = models.DateField()
    annual_value = models.DecimalField(max_digits=12, decimal_places=2)
    currency = models.CharField(max_length=3, help_text="ISO 4217 code")
    note = models.TextField(blank=True, help_text="where the number comes from")
    set_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    set_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["offer", "effective_from"], name="an_offer_has_one_worth_a_day"
            ),
            models.CheckConstraint(
                condition=Q(annual_value__gte=0), name="an_offer_is_worth_nothing_or_more"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.offer}: {self.annual_value} {self.currency} from {self.effective_from}"
