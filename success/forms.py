"""What people say about an item of the queue, and to which day they want to look back."""

from datetime import date, timedelta
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from success.enums import Outcome

LONGEST_NOTE = 300
LONGEST_WORK = 8 * 60
MONDAY = 7
NEEDS_WORDS = frozenset({Outcome.GOAL_CHANGED.value, Outcome.WAITING_FOR_US.value})


class CompleteForm(forms.Form):
    """How it came out, one line about it, and the minutes it really took."""

    outcome = forms.ChoiceField(
        label=_("How it came out"),
        choices=Outcome.choices,
        widget=forms.RadioSelect,
        error_messages={"required": _("Choose how it came out.")},
    )
    note = forms.CharField(
        label=_("What happened, in one line"), max_length=LONGEST_NOTE, required=False
    )
    minutes = forms.IntegerField(
        label=_("Minutes it took"),
        min_value=0,
        max_value=LONGEST_WORK,
        required=False,
        help_text=_("Left empty, the planned minutes count."),
    )

    def clean(self) -> dict[str, Any]:
        said: dict[str, Any] = super().clean() or {}
        if said.get("outcome") in NEEDS_WORDS and not said.get("note"):
            self.add_error("note", _("Say in one line what changed, or what they wait for."))
        return said


class SnoozeForm(forms.Form):
    """Until which morning an item is put away."""

    until = forms.DateField(
        label=_("Until the morning of"),
        widget=forms.DateInput(attrs={"type": "date"}),
        error_messages={"required": _("Choose a day."), "invalid": _("Choose a day.")},
    )

    def __init__(self, *args: Any, today: date, **options: Any) -> None:
        super().__init__(*args, **options)
        self.today = today
        self.fields["until"].widget.attrs["min"] = (today + timedelta(days=1)).isoformat()

    def clean_until(self) -> date:
        until: date = self.cleaned_data["until"]
        if until <= self.today:
            raise forms.ValidationError(_("Choose a day after today."))
        return until


class LookBackForm(forms.Form):
    """The day as of which a member is looked at."""

    as_of = forms.DateField(
        label=_("As of"),
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}),
        error_messages={"invalid": _("This is no day. Shown is the last one known.")},
    )

    def __init__(self, *args: Any, latest: date, **options: Any) -> None:
        super().__init__(*args, **options)
        self.latest = latest
        self.fields["as_of"].widget.attrs["max"] = latest.isoformat()

    def clean_as_of(self) -> date | None:
        asked: date | None = self.cleaned_data["as_of"]
        if asked is not None and asked > self.latest:
            raise forms.ValidationError(_("Nothing is known of later days yet."))
        return asked


def snooze_days(*, today: date) -> tuple[date, date]:
    """The two days that are offered first: tomorrow, and Monday of next week."""
    return today + timedelta(days=1), today + timedelta(days=MONDAY - today.weekday())
