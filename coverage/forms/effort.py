"""The log of a touch: who, how long, how, and a line about it."""

from datetime import date
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from coverage.enums import Modality
from coverage.services.effort import LONGEST, MOST_PRESENT


class WithdrawForm(forms.Form):
    """Why logged time counts no more."""

    reason = forms.CharField(
        label=_("Why does it count no more?"),
        max_length=500,
        widget=forms.Textarea(attrs={"rows": 2}),
        error_messages={"required": _("Say why in a few words.")},
    )


class EffortForm(forms.Form):
    """Minutes with a member; the member is chosen beside it."""

    minutes = forms.IntegerField(
        label=_("Minutes"),
        min_value=1,
        max_value=LONGEST,
        widget=forms.NumberInput(
            attrs={"inputmode": "numeric", "list": "usual-minutes", "autocomplete": "off"}
        ),
        error_messages={
            "required": _("Say how many minutes it took."),
            "max_value": _("A day has 1,440 minutes."),
            "min_value": _("At least one minute."),
        },
    )
    modality = forms.ChoiceField(
        label=_("How"),
        choices=Modality.choices,
        initial=Modality.SYNC,
        widget=forms.RadioSelect,
    )
    note = forms.CharField(
        label=_("What it was about"),
        required=False,
        max_length=500,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    on = forms.DateField(
        label=_("On"), widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"})
    )
    members_present = forms.IntegerField(
        label=_("Members who shared the time"),
        min_value=1,
        max_value=MOST_PRESENT,
        initial=1,
        widget=forms.NumberInput(attrs={"inputmode": "numeric"}),
        help_text=_("More than one for a group. Each of them got the whole of it."),
    )

    def __init__(self, *args: Any, today: date, **options: Any) -> None:
        super().__init__(*args, **options)
        self.today = today
        self.fields["on"].initial = today
        self.fields["on"].widget.attrs["max"] = today.isoformat()

    def clean_on(self) -> date:
        on: date = self.cleaned_data["on"]
        if on > self.today:
            raise forms.ValidationError(_("This day is still to come."))
        return on
