"""What serving members costs."""

from datetime import date
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from success.models import CostRate

LONGEST_NOTE = 300


class RatesForm(forms.Form):
    """Rates, from a day on."""

    hourly_rate = forms.DecimalField(
        label=_("An hour of ours costs"),
        min_value=0,
        max_digits=8,
        decimal_places=2,
        help_text=_("Pay with all that goes on it: taxes, room, tools."),
    )
    enablement_a_year = forms.DecimalField(
        label=_("Enablement of pools costs a year"),
        min_value=0,
        max_digits=14,
        decimal_places=2,
        required=False,
        help_text=_("Material, tools and people behind a pool; its members share it by hours."),
    )
    direct_a_year = forms.DecimalField(
        label=_("Benefits of a member cost a year"),
        min_value=0,
        max_digits=12,
        decimal_places=2,
        required=False,
        help_text=_("What each member costs apart from time."),
    )
    effective_from = forms.DateField(
        label=_("From"),
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        error_messages={"required": _("Choose a day."), "invalid": _("Choose a day.")},
    )
    note = forms.CharField(
        label=_("Where the numbers come from"), max_length=LONGEST_NOTE, required=False
    )


def initial_of(known: CostRate | None, *, today: date) -> dict[str, Any]:
    """Return what the form shows first: the rates in force, from today on."""
    if known is None:
        return {"effective_from": today}
    return {
        "hourly_rate": known.hourly_rate,
        "enablement_a_year": known.enablement_a_year,
        "direct_a_year": known.direct_a_year,
        "effective_from": today,
        "note": known.note,
    }
