"""What is to be done to many items at once."""

from collections.abc import Iterable
from datetime import date
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from members.models import User
from success.enums import BulkVerb, Outcome
from success.forms import LONGEST_NOTE, NEEDS_WORDS, limit_sleep, no_morning


class BulkForm(forms.Form):
    """A verb, and what it needs; what the others need is passed over."""

    verb = forms.ChoiceField(
        label=_("What to do"),
        choices=BulkVerb.choices,
        widget=forms.RadioSelect,
        error_messages={"required": _("Choose what to do.")},
    )
    until = forms.DateField(
        label=_("Sleep until the morning of"),
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}),
        error_messages={"invalid": _("Choose a day.")},
    )
    until_change = forms.BooleanField(
        label=_("Or as soon as their state or milestone changes"), required=False
    )
    to = forms.ChoiceField(label=_("Give to"), required=False)
    reason = forms.CharField(
        label=_("Why"),
        max_length=LONGEST_NOTE,
        required=False,
        help_text=_("For giving to somebody, or to the pool."),
    )
    outcome = forms.ChoiceField(
        label=_("Finish as"), choices=[("", _("Choose")), *Outcome.choices], required=False
    )
    note = forms.CharField(
        label=_("What happened, in one line"), max_length=LONGEST_NOTE, required=False
    )

    def __init__(self, *args: Any, people: Iterable[User], today: date, **options: Any) -> None:
        super().__init__(*args, **options)
        self.today = today
        self.people = {str(each.public_id): each for each in people}
        limit_sleep(self.fields["until"], today=today)
        field = self.fields["to"]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101  # narrows the type
        field.choices = [
            ("", _("Choose somebody")),
            *((key, each.name) for key, each in self.people.items()),
        ]

    def clean(self) -> dict[str, Any]:
        said: dict[str, Any] = super().clean() or {}
        if self.errors:
            return said
        until, verb = said.get("until"), said["verb"]
        if verb == BulkVerb.SNOOZE:
            if until is None and not said.get("until_change"):
                self.add_error("until", _("Choose a day."))
            elif until is not None and (refused := no_morning(until, today=self.today)):
                self.add_error("until", refused)
        elif verb == BulkVerb.COMPLETE:
            if not said.get("outcome"):
                self.add_error("outcome", _("Choose how it came out."))
            elif said["outcome"] in NEEDS_WORDS and not said.get("note"):
                words = _("Say in one line what changed, or what they wait for.")
                self.add_error("note", words)
        else:
            if verb == BulkVerb.REASSIGN and not said.get("to"):
                self.add_error("to", _("Choose who takes it."))
            if not said.get("reason"):
                self.add_error("reason", _("Say why in a few words."))
        return said

    @property
    def details(self) -> dict[str, Any]:
        """What the act keeps, for its verb; ask a valid form only."""
        said = self.cleaned_data
        match BulkVerb(said["verb"]):
            case BulkVerb.SNOOZE:
                until: date | None = said["until"]
                day = until.isoformat() if until else None
                return {"until": day, "until_change": said["until_change"]}
            case BulkVerb.REASSIGN:
                return {"to": self.people[said["to"]].pk, "reason": said["reason"]}
            case BulkVerb.RELEASE:
                return {"reason": said["reason"]}
            case _:
                return {"outcome": said["outcome"], "note": said["note"]}
