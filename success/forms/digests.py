"""Whether and when a colleague wants the weekly digest."""

from django import forms
from django.utils.dates import WEEKDAYS
from django.utils.translation import gettext_lazy as _


class DigestForm(forms.Form):
    """By the reader's own clock."""

    is_wanted = forms.BooleanField(
        label=_("Send me the digest by mail"),
        required=False,
        help_text=_("Once a week, and only if there is something to tell."),
    )
    weekday = forms.TypedChoiceField(label=_("Day"), choices=list(WEEKDAYS.items()), coerce=int)
    hour = forms.TypedChoiceField(
        label=_("Hour"),
        choices=[(hour, f"{hour:02d}:00") for hour in range(24)],
        coerce=int,
    )
