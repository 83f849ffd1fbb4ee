"""When a page is to come by mail."""

from typing import Any

from django import forms
from django.utils.dates import WEEKDAYS
from django.utils.translation import gettext_lazy as _

from success.enums import MailingCadence
from success.models import PageMailing
from success.services.mailings import LONGEST_NAME, Wish

LAST_DAY = 28


class MailingForm(forms.Form):
    """By the reader's own clock."""

    name = forms.CharField(
        label=_("Name"),
        max_length=LONGEST_NAME,
        help_text=_("It is the subject of the mail."),
        error_messages={"required": _("Give it a name.")},
    )
    cadence = forms.ChoiceField(
        label=_("How often"), choices=MailingCadence.choices, widget=forms.RadioSelect
    )
    weekday = forms.TypedChoiceField(
        label=_("Day of the week"),
        choices=list(WEEKDAYS.items()),
        coerce=int,
        help_text=_("For what comes every week."),
    )
    month_day = forms.TypedChoiceField(
        label=_("Day of the month"),
        choices=[(day, str(day)) for day in range(1, LAST_DAY + 1)],
        coerce=int,
        help_text=_("For what comes every month."),
    )
    hour = forms.TypedChoiceField(
        label=_("Hour"),
        choices=[(hour, f"{hour:02d}:00") for hour in range(24)],
        coerce=int,
    )

    def wish(self) -> Wish:
        """What was said; ask a valid form only."""
        said: dict[str, Any] = self.cleaned_data
        cadence = MailingCadence(said["cadence"])
        day = said["weekday"] if cadence == MailingCadence.WEEKLY else said["month_day"]
        return Wish(name=said["name"], cadence=cadence, day=day, hour=said["hour"])


def initial_of(mailing: PageMailing) -> dict[str, Any]:
    """What the form shows of a mailing; what does not matter to it is the usual."""
    is_weekly = mailing.cadence == MailingCadence.WEEKLY
    return {
        "name": mailing.name,
        "cadence": mailing.cadence,
        "weekday": mailing.day if is_weekly else 0,
        "month_day": 1 if is_weekly else mailing.day,
        "hour": mailing.hour,
    }
