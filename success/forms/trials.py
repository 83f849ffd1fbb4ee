"""What a back-test is asked."""

from datetime import date
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from success.models import PlanTemplate, Play

LONGEST_STEP = 31
LONGEST_HORIZON = 1_100

DAYS = {
    "required": _("Write a whole number, such as 7."),
    "invalid": _("Write a whole number, such as 7."),
    "min_value": _("Write a whole number, %(limit_value)s or more."),
    "max_value": _("Write a whole number, %(limit_value)s or less."),
}


def _day(label: Any) -> forms.DateField:
    return forms.DateField(
        label=label,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        error_messages={"required": _("Choose a day."), "invalid": _("Choose a day.")},
    )


class BacktestForm(forms.Form):
    """A play, the years to look back on, and how closely."""

    play = forms.ModelChoiceField(
        label=_("Play"),
        queryset=Play.objects.order_by("title", "pk"),
        to_field_name="key",
        empty_label=_("Choose a play"),
        error_messages={"required": _("Choose a play.")},
        help_text=_("As its draft says, or what is published where there is no draft."),
    )
    first_on = _day(_("From"))
    last_on = _day(_("To"))
    every_days = forms.IntegerField(
        label=_("Days between nights"),
        min_value=1,
        max_value=LONGEST_STEP,
        error_messages=DAYS,
        help_text=_("1 looks at every night, and takes longest."),
    )
    horizon_days = forms.IntegerField(
        label=_("Leaving counts within so many days"),
        min_value=1,
        max_value=LONGEST_HORIZON,
        error_messages=DAYS,
    )
    path = forms.ModelChoiceField(
        label=_("Hold everybody against a path"),
        queryset=PlanTemplate.objects.filter(retired_on=None).order_by("title", "pk"),
        to_field_name="key",
        required=False,
        empty_label=_("No: plans as they were agreed"),
        help_text=_(
            "From the day they joined, also those who left before anybody planned. Without it, "
            "a play about plans sees those only who have one."
        ),
    )


def initial_of(*, play: Play | None, first_on: date, last_on: date) -> dict[str, Any]:
    """Return what the form shows first: all years, week by week, leaving within a year."""
    return {
        "play": play.key if play else None,
        "first_on": first_on,
        "last_on": last_on,
        "every_days": 7,
        "horizon_days": 365,
    }
