"""What members say on their own pages, in their own words."""

from collections.abc import Sequence
from datetime import date
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from success.enums import GapAnswerChoice

LONGEST_WORDS = 2000
LONGEST_LINE = 300
# a phone then offers its camera, too, and hands over a format that everybody can open
ACCEPTED = "image/jpeg,image/png,image/webp,.pdf,.txt,.docx,.xlsx"
YES, NO = "yes", "no"
YES_OR_NO = ((YES, _("Yes")), (NO, _("No")))


def _words(rows: int) -> forms.Textarea:
    return forms.Textarea(attrs={"rows": rows})


class DayForm(forms.Form):
    """The day something is true from: today unless said, and never a day to come."""

    on = forms.DateField(
        label=_("On which day"),
        widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"}),
        error_messages={
            "required": _("Choose the day."),
            "invalid": _("Choose a day, such as 2026-01-31."),
        },
    )

    def __init__(self, *args: Any, today: date, **options: Any) -> None:
        super().__init__(*args, **options)
        self.today = today
        self.fields["on"].initial = today
        self.fields["on"].widget.attrs["max"] = today.isoformat()

    def clean_on(self) -> date:
        on: date = self.cleaned_data["on"]
        if on > self.today:
            raise forms.ValidationError(_("That day is still to come. Choose today or before."))
        return on


class DeclareForm(DayForm):
    """A milestone is reached, and this is what changed."""

    what_changed = forms.CharField(
        label=_("What changed for you?"),
        max_length=LONGEST_WORDS,
        widget=_words(4),
        help_text=_("One sentence is enough. It stays on your path."),
        error_messages={
            "required": _("Say in a sentence what is different now."),
            "max_length": _("Please say it in %(limit_value)d characters or fewer."),
        },
    )
    attachment = forms.FileField(
        label=_("A picture or a document"),
        required=False,
        widget=forms.FileInput(attrs={"accept": ACCEPTED}),
        help_text=_("If it helps to see it. Up to 10 MB."),
        error_messages={"empty": _("This file is empty. Choose another, or send without.")},
    )
    field_order = ("what_changed", "on", "attachment")


class KeptForm(DayForm):
    """A promise is kept, and this is how the other side can see it."""

    evidence = forms.CharField(
        label=_("How can we see it?"),
        required=False,
        max_length=LONGEST_WORDS,
        widget=_words(3),
        help_text=_("A link, a name, or a sentence."),
    )
    field_order = ("evidence", "on")


class HelpedForm(forms.Form):
    """Whether something that was done for the member helped them."""

    helped = forms.ChoiceField(
        label=_("Did it help you?"),
        choices=((YES, _("It helped")), (NO, _("It did not help"))),
        widget=forms.RadioSelect,
        error_messages={"required": _("Choose one of the two.")},
    )
    words = forms.CharField(
        label=_("In one line: what was good, or what was missing?"),
        required=False,
        max_length=LONGEST_LINE,
    )


class GoalForm(forms.Form):
    """The goal as it is now, in the member's own words."""

    words = forms.CharField(
        label=_("What do you want to achieve now?"),
        max_length=LONGEST_WORDS,
        widget=_words(5),
        help_text=_("Your own words are the right ones."),
        error_messages={"required": _("Say in your own words what the goal is now.")},
    )


class CloserForm(forms.Form):
    """Whether the goal comes closer, as the member sees it."""

    answer = forms.ChoiceField(
        label=_("Are you getting closer to your goal?"),
        choices=[
            (choice.value, choice.label)
            for choice in (GapAnswerChoice.YES, GapAnswerChoice.UNSURE, GapAnswerChoice.NO)
        ],
        widget=forms.RadioSelect,
        error_messages={"required": _("Choose one of the three.")},
    )
    words = forms.CharField(
        label=_("What makes you say so?"),
        required=False,
        max_length=LONGEST_WORDS,
        widget=_words(3),
    )


class AskAnswerForm(forms.Form):
    """Yes or no to what we asked, with a word about it."""

    answer = forms.ChoiceField(
        label=_("Your answer"),
        choices=((YES, _("Yes, gladly")), (NO, _("No, thank you"))),
        widget=forms.RadioSelect,
        error_messages={"required": _("Choose one of the two.")},
    )
    words = forms.CharField(
        label=_("Anything we should know?"),
        required=False,
        max_length=LONGEST_WORDS,
        widget=_words(3),
    )


class SlotForm(forms.Form):
    """A time for the review, out of those that are free; ``slots`` are grouped by day."""

    slot = forms.ChoiceField(
        label=_("When does it suit you?"),
        error_messages={
            "required": _("Choose a time."),
            "invalid_choice": _("That time is taken by now. Choose another one."),
        },
    )
    note = forms.CharField(
        label=_("What do you want to talk about?"),
        required=False,
        max_length=LONGEST_WORDS,
        widget=_words(3),
    )

    def __init__(
        self, *args: Any, slots: Sequence[Any], takes_note: bool, **options: Any
    ) -> None:
        super().__init__(*args, **options)
        self.fields["slot"].choices = [("", _("Choose a time")), *slots]  # type: ignore[attr-defined]  # a ChoiceField
        if not takes_note:
            del self.fields["note"]


class CancelForm(forms.Form):
    """The review does not take place, and why."""

    reason = forms.CharField(
        label=_("Do you want to tell us why?"), required=False, max_length=LONGEST_LINE
    )
