"""What people say about an item, and the days and periods they want to look at."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from members.models import User
from success.enums import Outcome, RevenueBasis
from success.rollups.revenue import year_before
from success.services.interventions import LONGEST_SLEEP

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
        error_messages={
            "invalid": _("Write whole minutes, such as 25."),
            "min_value": _("Write whole minutes, such as 25."),
            "max_value": _("That is more than eight hours. Write whole minutes, such as 25."),
        },
    )
    learned = forms.CharField(
        label=_("What we know now and did not"), max_length=LONGEST_NOTE, required=False
    )
    next_step = forms.CharField(
        label=_("What we do next"),
        max_length=LONGEST_NOTE,
        required=False,
        help_text=_("With a day it becomes a promise of yours, where there is a plan."),
    )
    next_on = forms.DateField(
        label=_("By"),
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}),
        error_messages={"invalid": _("Choose a day.")},
    )

    def __init__(self, *args: Any, today: date, **options: Any) -> None:
        super().__init__(*args, **options)
        self.today = today
        self.fields["next_on"].widget.attrs["min"] = today.isoformat()

    def clean(self) -> dict[str, Any]:
        said: dict[str, Any] = super().clean() or {}
        if said.get("outcome") in NEEDS_WORDS and not said.get("note"):
            self.add_error("note", _("Say in one line what changed, or what they wait for."))
        if said.get("next_on") and not said.get("next_step"):
            self.add_error("next_step", _("Say what is to be done by then."))
        return said

    def clean_next_on(self) -> date | None:
        """Refuse a day that is over: the promise made of it would be late as it is made."""
        day: date | None = self.cleaned_data["next_on"]
        if day is not None and day < self.today:
            raise forms.ValidationError(_("Choose today, or a day to come."))
        return day


def limit_sleep(field: forms.Field, *, today: date) -> None:
    """Offer the mornings from tomorrow on, for as long as an item may sleep."""
    field.widget.attrs["min"] = (today + timedelta(days=1)).isoformat()
    field.widget.attrs["max"] = (today + LONGEST_SLEEP).isoformat()


def no_morning(until: date, *, today: date) -> Any:
    """What is wrong with a morning until which an item is to sleep; empty where it may."""
    if until <= today:
        return _("Choose a day after today.")
    if until > today + LONGEST_SLEEP:
        return _("Choose a day within a year: what sleeps for longer is forgotten.")
    return ""


class SnoozeForm(forms.Form):
    """Until which morning an item is put away, or that it sleeps until something changes."""

    until = forms.DateField(
        label=_("Until the morning of"),
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}),
        error_messages={"invalid": _("Choose a day.")},
    )
    until_change = forms.BooleanField(
        label=_("Or as soon as their state or milestone changes"), required=False
    )

    def __init__(self, *args: Any, today: date, **options: Any) -> None:
        super().__init__(*args, **options)
        self.today = today
        limit_sleep(self.fields["until"], today=today)

    def clean_until(self) -> date | None:
        until: date | None = self.cleaned_data["until"]
        if until is not None and (refused := no_morning(until, today=self.today)):
            raise forms.ValidationError(refused)
        return until

    def clean(self) -> dict[str, Any]:
        said: dict[str, Any] = super().clean() or {}
        if not self.errors and said.get("until") is None and not said.get("until_change"):
            self.add_error("until", _("Choose a day."))
        return said


class GiveForm(forms.Form):
    """Who has an item from now on, and why."""

    POOL = "pool"

    to = forms.ChoiceField(
        label=_("To whom"), error_messages={"required": _("Choose who takes it.")}
    )
    reason = forms.CharField(
        label=_("Why"),
        max_length=LONGEST_NOTE,
        error_messages={"required": _("Say why in a few words.")},
    )

    def __init__(self, *args: Any, people: Iterable[User], **options: Any) -> None:
        super().__init__(*args, **options)
        self.people = {str(each.public_id): each for each in people}
        field = self.fields["to"]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101  # narrows the type
        field.choices = [
            ("", _("Choose somebody")),
            *((key, each.name) for key, each in self.people.items()),
            (self.POOL, _("The pool")),
        ]

    @property
    def chosen(self) -> User | None:
        """Who was chosen; null: the pool."""
        return self.people.get(self.cleaned_data["to"])


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


@dataclass(frozen=True, kw_only=True)
class TwoDays:
    """Two days that members are compared between."""

    earlier: date
    later: date


class TwoDaysForm(forms.Form):
    """Any two days up to the last night; what is left empty are the days given."""

    def __init__(self, data: Mapping[str, Any], *, earlier: date, later: date) -> None:
        self.default = TwoDays(earlier=earlier, later=later)
        super().__init__(
            {
                "earlier": data.get("earlier") or earlier.isoformat(),
                "later": data.get("later") or later.isoformat(),
            }
        )
        for name, label in (("earlier", _("Then")), ("later", _("Now"))):
            self.fields[name] = forms.DateField(
                label=label,
                widget=forms.DateInput(attrs={"type": "date", "max": later.isoformat()}),
                error_messages={"invalid": _("Choose a day, such as 2026-01-01.")},
            )

    def clean(self) -> dict[str, Any]:
        said: dict[str, Any] = super().clean() or {}
        earlier, later = said.get("earlier"), said.get("later")
        if later and later > self.default.later:
            self.add_error("later", _("Nothing is known of that day yet."))
        elif earlier and later and later <= earlier:
            self.add_error("later", _("Choose a second day after the first."))
        return said

    def days(self) -> TwoDays:
        """What was asked for; the given days where it makes no sense, with errors shown."""
        if not self.is_valid():
            return self.default
        return TwoDays(earlier=self.cleaned_data["earlier"], later=self.cleaned_data["later"])


@dataclass(frozen=True, kw_only=True)
class Period:
    """Two days that dues are compared between, and the rule by which members count."""

    opening_on: date
    closing_on: date
    basis: RevenueBasis


class PeriodForm(forms.Form):
    """A period of the money measures; what is left empty is the twelve months to ``as_of``."""

    basis = forms.ChoiceField(
        label=_("Who counts"), choices=RevenueBasis.choices, required=False
    )

    def __init__(self, data: Mapping[str, Any], *, as_of: date) -> None:
        super().__init__(data)
        self.as_of = as_of
        for name, label in (("to", _("Closing day")), ("from", _("Opening day"))):
            self.fields[name] = forms.DateField(
                label=label,
                required=False,
                widget=forms.DateInput(attrs={"type": "date", "max": as_of.isoformat()}),
                error_messages={"invalid": _("Choose a day, such as 2026-01-01.")},
            )
        self.order_fields(["from", "to"])
        self.data = self._shown(data)

    def clean(self) -> dict[str, Any]:
        said: dict[str, Any] = super().clean() or {}
        opening, closing = said.get("from"), said.get("to")
        if opening and closing and closing <= opening:
            self.add_error("to", _("Choose a closing day after the opening day."))
        elif closing and closing > self.as_of:
            self.add_error("to", _("Nothing is known of that day yet."))
        return said

    def period(self) -> Period:
        """What was asked for; the default where it makes no sense, whose errors are shown."""
        if not self.is_valid():
            return _default(as_of=self.as_of)
        said = self.cleaned_data
        return Period(
            opening_on=said["from"],
            closing_on=said["to"],
            basis=RevenueBasis(said["basis"]),
        )

    def _shown(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """The data with every gap filled, so that the form shows what it is answered with."""
        default = _default(as_of=self.as_of)
        return {name: data.get(name) for name in data} | {
            "from": data.get("from") or default.opening_on.isoformat(),
            "to": data.get("to") or default.closing_on.isoformat(),
            "basis": data.get("basis") or default.basis.value,
        }


def _default(*, as_of: date) -> Period:
    return Period(opening_on=year_before(as_of), closing_on=as_of, basis=RevenueBasis.IN_FORCE)
