"""What is asked about a member's experience, and what a person may decide about it."""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from coverage.engine.questionnaire import QUESTIONS, REQUIRED
from coverage.enums import Level, Modality
from coverage.models import Segment

Words = Any  # a text, or one that is translated when it is shown
NOT_SAID = _("Cannot say yet")
OVERRIDE_FOR = timedelta(days=90)
A_QUARTER = 131_400  # minutes in a quarter; more nobody can be given

# The words of each answer, the same for both sides.
ANSWERS: Mapping[str, Mapping[str, Words]] = {
    "industry_experience": {
        "high": _("Many years"),
        "medium": _("Some"),
        "low": _("New to it"),
    },
    "expertise": {
        "high": _("Very well: they could teach it"),
        "medium": _("Well enough for everyday work"),
        "low": _("Just beginning"),
    },
    "resources": {
        "sufficient": _("Yes, people with time set aside for it"),
        "insufficient": _("No, or only beside other work"),
    },
    "guidance": {
        "occasional": _("Now and then, when something comes up"),
        "regular": _("Regularly, about once a month"),
        "continuous": _("All along, about every week"),
    },
    "contact": {
        "asking": _("By asking when something is needed"),
        "writing": _("In writing, at any hour"),
        "mixed": _("Mostly in writing, and a call now and then"),
        "talking": _("Mostly in calls and meetings"),
    },
    "sophistication": {
        "high": _("New tools are no effort"),
        "medium": _("With a short explanation"),
        "low": _("Rather with somebody at hand"),
    },
    "complexity": {
        "high": _("Many people or departments, over a long time"),
        "medium": _("A few people"),
        "low": _("One thing, one or two people"),
    },
    "skills_needed": {
        "1": _("One kind"),
        "2": _("Two kinds"),
        "3": _("Three or more, and at the same time"),
    },
    "risk": {
        "high": _("A great deal"),
        "medium": _("Something"),
        "low": _("Not much"),
    },
}
TO_THE_MEMBER: Mapping[str, Words] = {
    "industry_experience": _("How long have you been working in this field?"),
    "expertise": _("How well do you know what your goal is about?"),
    "resources": _("Do you have people with time for it?"),
    "guidance": _("How often do you want somebody beside you?"),
    "contact": _("How do you like to be in touch with us?"),
    "sophistication": _("How do you take up new tools?"),
    "complexity": _("Who has to work together so that it happens?"),
    "skills_needed": _("How many kinds of help do you need at once?"),
    "risk": _("What is at stake for you if it does not happen?"),
}
ABOUT_THE_MEMBER: Mapping[str, Words] = {
    "industry_experience": _("How long have they been working in this field?"),
    "expertise": _("How well do they know what their goal is about?"),
    "resources": _("Do they have people with time for it?"),
    "guidance": _("How often do they need somebody beside them?"),
    "contact": _("How do they like to be in touch?"),
    "sophistication": _("How do they take up new tools?"),
    "complexity": _("Who has to work together so that it happens?"),
    "skills_needed": _("How many kinds of skill do they need from us at once?"),
    "risk": _("What is at stake for them if it does not happen?"),
}
CHOOSE = _("Choose the answer that fits best.")


class QuestionsForm(forms.Form):
    """The questions about the experience that suits; ``asked`` are their words."""

    def __init__(self, *args: Any, asked: Mapping[str, Words], **options: Any) -> None:
        super().__init__(*args, **options)
        for key in QUESTIONS:
            required = key in REQUIRED
            choices: list[tuple[str, Words]] = list(ANSWERS[key].items())
            if not required:
                choices.append(("", NOT_SAID))
            self.fields[key] = forms.ChoiceField(
                label=asked[key],
                choices=choices,
                required=required,
                widget=forms.RadioSelect,
                error_messages={"required": CHOOSE, "invalid_choice": CHOOSE},
            )

    @property
    def answers(self) -> dict[str, str]:
        """What was answered, by question; blank where it was left open."""
        return {key: self.cleaned_data[key] for key in QUESTIONS}


class AboutMemberForm(QuestionsForm):
    """The questions as whoever looks after a member answers them."""

    reasons = forms.CharField(
        label=_("What makes you think so?"),
        required=False,
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=_("For whoever reads it next."),
    )

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, asked=ABOUT_THE_MEMBER, **options)
        self.order_fields([*QUESTIONS, "reasons"])


class MemberAnswersForm(QuestionsForm):
    """The questions as a member answers them."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, asked=TO_THE_MEMBER, **options)


def _minutes(label: Words) -> forms.IntegerField:
    return forms.IntegerField(
        label=label,
        min_value=0,
        max_value=A_QUARTER,
        widget=forms.NumberInput(attrs={"step": "1", "inputmode": "numeric"}),
        error_messages={"required": _("Say how many minutes, or 0.")},
    )


class MinutesForm(forms.Form):
    """Minutes a quarter of each kind, set by hand."""

    inbound = _minutes(Modality.INBOUND.label)
    in_writing = _minutes(Modality.ASYNC.label)
    sync = _minutes(Modality.SYNC.label)
    taskforce = _minutes(Modality.TASKFORCE.label)
    confidence = forms.ChoiceField(label=_("How sure are you?"), choices=Level.choices)
    expires_on = forms.DateField(
        label=_("To be asked again on"), widget=forms.DateInput(attrs={"type": "date"})
    )
    reasons = forms.CharField(
        label=_("Why not what the answers come to?"),
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 2}),
        error_messages={"required": _("Say why in a few words.")},
    )

    @property
    def minutes(self) -> dict[str, int]:
        """Minutes by modality."""
        said = self.cleaned_data
        names = {
            Modality.INBOUND: "inbound",
            Modality.ASYNC: "in_writing",
            Modality.SYNC: "sync",
            Modality.TASKFORCE: "taskforce",
        }
        return {modality.value: said[name] for modality, name in names.items()}


class OverrideForm(forms.Form):
    """A person's decision against the rule: which segment, why, and until when."""

    segment = forms.ModelChoiceField(
        label=_("Segment"),
        queryset=Segment.objects.none(),
        to_field_name="key",
        error_messages={"required": _("Choose a segment.")},
    )
    reason = forms.CharField(
        label=_("Why the rule does not suit them"),
        max_length=500,
        widget=forms.Textarea(attrs={"rows": 2}),
        error_messages={"required": _("Say why the rule does not suit this member.")},
    )
    until = forms.DateField(
        label=_("First day on which the rule counts again"),
        help_text=_("At most a year from now, so that somebody looks at it again."),
        widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"}),
        error_messages={"required": _("Choose a day.")},
    )

    def __init__(self, *args: Any, today: date, **options: Any) -> None:
        super().__init__(*args, **options)
        segments = Segment.objects.filter(is_retired=False).order_by("position")
        field = self.fields["segment"]
        assert isinstance(field, forms.ModelChoiceField)  # noqa: S101  # for the type checker
        field.queryset = segments
        self.fields["until"].initial = today + OVERRIDE_FOR
