"""What people say of the things on a member's page: one small form for each act."""

from collections.abc import Iterable
from datetime import date
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from success.enums import AskStatus, ConfirmedIn, FitStatus, Side

DAY = _("Choose a day, such as 1 August 2026.")
SAY_WHY = _("Say why in a few words.")
TO_COME = _("Choose a day that has come.")
Choice = tuple[str, Any]


def _day(label: Any, help_text: Any = "") -> forms.DateField:
    return forms.DateField(
        label=label,
        help_text=help_text,
        widget=forms.DateInput(attrs={"type": "date"}),
        error_messages={"required": DAY, "invalid": DAY},
    )


def _words(label: Any, *, required: bool = True, help_text: Any = "") -> forms.CharField:
    return forms.CharField(
        label=label,
        required=required,
        help_text=help_text,
        widget=forms.Textarea(attrs={"rows": 2}),
        error_messages={"required": SAY_WHY},
    )


class PastDayForm(forms.Form):
    """Something happened on a day that has come."""

    on = _day(_("On"))

    def __init__(self, *args: Any, today: date, **options: Any) -> None:
        super().__init__(*args, **options)
        self.today = today
        self.fields["on"].initial = today
        self.fields["on"].widget.attrs["max"] = today.isoformat()

    def clean_on(self) -> date:
        on: date = self.cleaned_data["on"]
        if on > self.today:
            raise forms.ValidationError(TO_COME)
        return on


class KeepForm(PastDayForm):
    """A promise was kept."""

    evidence = _words(
        _("How the other side can see it"),
        required=False,
        help_text=_("A link, a name, a sentence. It is shown to the member."),
    )


class AchieveForm(PastDayForm):
    """A milestone was reached."""

    what_changed = forms.CharField(
        label=_("What changed for the member"),
        widget=forms.Textarea(attrs={"rows": 2}),
        error_messages={"required": _("Say in a few words what changed for them.")},
    )


class RevokeForm(PastDayForm):
    """A milestone does not stand any more."""

    reason = _words(_("Why it does not stand"))


class ConfirmOutcomeForm(PastDayForm):
    """Somebody said that the goal still holds."""

    said_in = forms.ChoiceField(label=_("Where it was said"), choices=ConfirmedIn.choices)


class ReasonForm(forms.Form):
    """Why."""

    reason = _words(_("Why"))


class AnswerForm(forms.Form):
    """What the other side is told."""

    answer = _words(_("Your answer, as they will read it"))


class OptionalAnswerForm(forms.Form):
    """What the other side may be told."""

    answer = _words(_("A word to them"), required=False)


class MoveForm(forms.Form):
    """Another day for a promise, while its day has not passed."""

    due_on = _day(_("New day"))
    reason = _words(_("Why it is moved"))

    def __init__(self, *args: Any, today: date, **options: Any) -> None:
        super().__init__(*args, **options)
        self.today = today
        self.fields["due_on"].widget.attrs["min"] = today.isoformat()

    def clean_due_on(self) -> date:
        due_on: date = self.cleaned_data["due_on"]
        if due_on < self.today:
            raise forms.ValidationError(_("Choose a day that has not passed."))
        return due_on


class HandOverForm(forms.Form):
    """Who keeps a promise from now on."""

    who = forms.ChoiceField(
        label=_("Who does it"), error_messages={"required": _("Choose somebody.")}
    )

    def __init__(self, *args: Any, people: Iterable[Choice], **options: Any) -> None:
        super().__init__(*args, **options)
        field = self.fields["who"]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101  # narrows the type
        field.choices = [("", _("Choose somebody")), *people]


class MakePromiseForm(forms.Form):
    """A promise that comes to a plan which is agreed."""

    side = forms.ChoiceField(
        label=_("Who promises"),
        choices=[(Side.ASSOCIATION.value, _("We do")), (Side.MEMBER.value, _("They do"))],
        initial=Side.ASSOCIATION.value,
    )
    title = forms.CharField(
        label=_("What will be done"),
        error_messages={"required": _("Say what will be done.")},
    )
    due_on = _day(_("By"))
    owner = forms.ChoiceField(label=_("Who does it, if we do"), required=False)
    person = forms.ChoiceField(label=_("Who does it, if they do"), required=False)
    milestone = forms.ChoiceField(label=_("Leads to"), required=False)
    closes_fit = forms.ChoiceField(label=_("Closes what is missing"), required=False)

    def __init__(  # what may be chosen, all by name
        self,
        *args: Any,
        team: Iterable[Choice],
        people: Iterable[Choice],
        milestones: Iterable[Choice],
        missing_fits: Iterable[Choice],
        **options: Any,
    ) -> None:
        super().__init__(*args, **options)
        fits = list(missing_fits)
        for name, nobody, choices in (
            ("owner", _("Nobody named yet"), team),
            ("person", _("Nobody named yet"), people),
            ("milestone", _("The whole plan"), milestones),
            ("closes_fit", _("None of the fits"), fits),
        ):
            field = self.fields[name]
            assert isinstance(field, forms.ChoiceField)  # noqa: S101  # narrows the type
            field.choices = [("", nobody), *choices]
        if not fits:
            del self.fields["closes_fit"]


class AssessForm(forms.Form):
    """How a fit stands, and why."""

    status = forms.ChoiceField(
        label=_("It is"), choices=FitStatus.choices, widget=forms.RadioSelect
    )
    reason = _words(_("Why"), required=False, help_text=_("What is missing, where it is."))

    def clean(self) -> dict[str, Any]:
        said: dict[str, Any] = super().clean() or {}
        if said.get("status") == FitStatus.MISSING and not said.get("reason"):
            self.add_error("reason", _("Say what is missing."))
        return said


class SecondaryForm(forms.Form):
    """Another goal beside the one of the plan."""

    goal = forms.CharField(
        label=_("The goal, in the member's words"),
        widget=forms.Textarea(attrs={"rows": 2}),
        error_messages={"required": _("Write it as they said it.")},
    )
    required_outcome = _words(_("What has to be true then"), required=False)
    measure = _words(_("How both sides will know"), required=False)


class PauseForm(forms.Form):
    """Days that do not count."""

    starts_on = _day(_("From"))
    ends_on = forms.DateField(
        label=_("First day that counts again"),
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}),
        help_text=_("Left empty, it lasts until you say that it is over."),
        error_messages={"invalid": DAY},
    )
    reason = _words(_("Why"))

    def __init__(self, *args: Any, today: date, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["starts_on"].initial = today

    def clean(self) -> dict[str, Any]:
        said: dict[str, Any] = super().clean() or {}
        starts, ends = said.get("starts_on"), said.get("ends_on")
        if starts and ends and ends <= starts:
            self.add_error("ends_on", _("Choose a day after the first one."))
        return said


class ConsentForm(PastDayForm):
    """Who agreed to be asked, and when."""

    person = forms.ChoiceField(
        label=_("Who agreed"),
        error_messages={"required": _("Choose who agreed.")},
    )

    def __init__(self, *args: Any, people: Iterable[Choice], **options: Any) -> None:
        super().__init__(*args, **options)
        field = self.fields["person"]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101  # narrows the type
        field.choices = [("", _("Choose somebody")), *people]


class AskAnswerForm(PastDayForm):
    """What they said to an offer or a request."""

    status = forms.ChoiceField(
        label=_("They"),
        choices=[
            (AskStatus.ACCEPTED.value, _("said yes")),
            (AskStatus.REFUSED.value, _("said no")),
        ],
        widget=forms.RadioSelect,
        error_messages={"required": _("Choose what they said.")},
    )
    words = _words(_("In their words"), required=False)
    record = _words(
        _("What came of it"),
        required=False,
        help_text=_("The words we may quote, the address of the case study."),
    )
