"""What an offer is worth in a year."""

from datetime import date

from django import forms
from django.utils.translation import gettext_lazy as _

from success.models import Offer

LONGEST_NOTE = 300


class WorthForm(forms.Form):
    """The yearly value of one offer, from a day on."""

    offer = forms.ModelChoiceField(
        label=_("Offer"),
        queryset=Offer.objects.none(),
        to_field_name="key",
        empty_label=None,
        error_messages={"required": _("Choose an offer.")},
    )
    annual_value = forms.DecimalField(
        label=_("A member who takes it pays a year"),
        min_value=0,
        max_digits=12,
        decimal_places=2,
        help_text=_("On top of what they pay now, before tax."),
    )
    effective_from = forms.DateField(
        label=_("From"),
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        error_messages={"required": _("Choose a day."), "invalid": _("Choose a day.")},
    )
    note = forms.CharField(
        label=_("Where the number comes from"), max_length=LONGEST_NOTE, required=False
    )

    def __init__(self, *args: object, today: date, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]  # handed on as they came
        offers = self.fields["offer"]
        assert isinstance(offers, forms.ModelChoiceField)  # noqa: S101  # for the type checker
        offers.queryset = Offer.objects.order_by("is_retired", "title", "pk")
        self.fields["effective_from"].initial = today
