"""The words of messages, as the desk writes them; topics, and addresses not to write to."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from communications.enums import Purpose, VariableKind
from communications.models import MessageTemplate, Topic
from communications.services.templates import (
    LANGUAGE_TAG,
    Variable,
    Words,
    fingerprint,
    variables_of,
)

MORE_GAPS, MORE_VARIANTS = 3, 1
LONGEST_SUBJECT = 200
LONGEST_REASON = 300
KEY = _("Write letters, digits and hyphens, such as first-value.")
SAY_WHY = _("Say why in a few words.")
body_area = forms.Textarea(attrs={"rows": 14})


class TemplateForm(forms.Form):
    """The words for everybody, what they are for, and what they are about."""

    key = forms.SlugField(
        label=_("Short name"),
        max_length=50,
        error_messages={"required": KEY, "invalid": KEY},
        help_text=_("Letters, digits and hyphens. Plays and other systems know it by this."),
    )
    title = forms.CharField(
        label=_("Title, for us"),
        max_length=200,
        error_messages={"required": _("Give it a title.")},
    )
    purpose = forms.ChoiceField(
        label=_("What it is for"),
        choices=Purpose.choices,
        help_text=_("Only discretionary messages can be stopped, and are capped."),
    )
    topic = forms.ModelChoiceField(
        label=_("Topic"),
        queryset=Topic.objects.none(),
        required=False,
        to_field_name="key",
        empty_label=_("None in particular"),
    )
    subject = forms.CharField(
        label=_("Subject"),
        max_length=LONGEST_SUBJECT,
        error_messages={"required": _("Write what stands above the message.")},
    )
    body = forms.CharField(
        label=_("What it says"),
        widget=body_area,
        error_messages={"required": _("Write what the message says.")},
        help_text=_(
            "Plain text. A gap is written {{ name }}, and declared below. Blank lines part "
            "paragraphs, and addresses become links for those who like formatted mail."
        ),
    )
    seen = forms.CharField(widget=forms.HiddenInput, required=False)

    def __init__(
        self, *args: Any, template: MessageTemplate | None = None, **options: Any
    ) -> None:
        if template is not None:
            options["initial"] = {
                "title": template.title or template.key,
                "purpose": template.purpose,
                "topic": template.topic.key if template.topic else None,
                "subject": template.subject,
                "body": template.body,
                "seen": fingerprint(template),
            }
        super().__init__(*args, **options)
        if template is not None:
            del self.fields["key"]
        topic = self.fields["topic"]
        assert isinstance(topic, forms.ModelChoiceField)  # noqa: S101  # for the type checker
        topic.queryset = Topic.objects.order_by("position", "title")


class GapForm(forms.Form):
    """A gap of the words."""

    name = forms.CharField(label=_("Name"), max_length=50, required=False)
    kind = forms.ChoiceField(label=_("Sort"), choices=VariableKind.choices)
    label = forms.CharField(label=_("What it is"), max_length=200, required=False)
    example = forms.CharField(label=_("Example"), max_length=200, required=False)


class VariantForm(forms.Form):
    """The words for another sort of reader, or in another language."""

    persona = forms.CharField(label=_("Sort of reader"), max_length=100, required=False)
    language = forms.RegexField(
        rf"\A{LANGUAGE_TAG}\Z",
        label=_("Language, such as de"),
        required=False,
        error_messages={"invalid": _("Write a language such as de or pt-BR.")},
    )
    subject = forms.CharField(label=_("Subject"), max_length=LONGEST_SUBJECT, required=False)
    body = forms.CharField(
        label=_("What it says"), widget=forms.Textarea(attrs={"rows": 8}), required=False
    )


Gaps = forms.formset_factory(GapForm, extra=MORE_GAPS, max_num=30)
Variants = forms.formset_factory(VariantForm, extra=MORE_VARIANTS, max_num=30)


class TemplateEditor:
    """The three forms of one page: words, gaps, variants. An emptied row is taken out."""

    def __init__(self, data: Any = None, *, template: MessageTemplate | None = None) -> None:
        gaps = variables_of(template) if template else ()
        variants = (
            template.variants.order_by("persona", "language").values(
                "persona", "language", "subject", "body"
            )
            if template
            else ()
        )
        self.words = TemplateForm(data, template=template)
        self.gaps = Gaps(
            data,
            prefix="gaps",
            initial=[
                {"name": g.name, "kind": g.kind, "label": g.label, "example": g.example}
                for g in gaps
            ],
        )
        self.variants = Variants(data, prefix="variants", initial=list(variants))

    def is_valid(self) -> bool:
        """Whether all three are; each is asked, so that each says what is wrong."""
        return all([self.words.is_valid(), self.gaps.is_valid(), self.variants.is_valid()])

    @property
    def given(self) -> dict[str, Any]:
        """What was written, as the service takes it."""
        return {
            **self.words.cleaned_data,
            "variables": [
                Variable(
                    name=row["name"],
                    kind=VariableKind(row["kind"]),
                    label=row["label"],
                    example=row["example"],
                )
                for row in self.gaps.cleaned_data
                if row.get("name")
            ],
            "variants": [
                Words(**row)
                for row in self.variants.cleaned_data
                if any(str(value).strip() for value in row.values())
            ],
        }


class TopicForm(forms.Form):
    """Something we write about."""

    key = forms.SlugField(
        label=_("Short name"),
        max_length=50,
        error_messages={"required": KEY, "invalid": KEY},
    )
    title = forms.CharField(
        label=_("Title, as people read it"),
        max_length=100,
        error_messages={"required": _("Give it a title.")},
    )
    description = forms.CharField(label=_("What it is about"), max_length=300, required=False)
    position = forms.IntegerField(
        label=_("Place in the list"),
        min_value=0,
        max_value=999,
        initial=0,
        error_messages=dict.fromkeys(
            ("required", "invalid", "min_value", "max_value"),
            _("Write a whole number from 0 to 999."),
        ),
    )
    is_retired = forms.BooleanField(label=_("Offered no more"), required=False)


class SuppressionForm(forms.Form):
    """An address that nobody writes to any more."""

    address = forms.EmailField(
        label=_("Address"),
        help_text=_("It is kept as a hash only, and cannot be read back."),
        error_messages=dict.fromkeys(
            ("required", "invalid"), _("Write an address such as name@example.org.")
        ),
    )
    reason = forms.CharField(
        label=_("Why"), max_length=LONGEST_REASON, error_messages={"required": SAY_WHY}
    )


class LiftForm(forms.Form):
    """Why an address may be written to again."""

    reason = forms.CharField(
        label=_("Why it may be written to again"),
        max_length=LONGEST_REASON,
        error_messages={"required": SAY_WHY},
    )


class SettleForm(forms.Form):
    """What became of a message of which nobody knew."""

    was_sent = forms.TypedChoiceField(
        label=_("What became of it"),
        choices=[("yes", _("It arrived, or was sent")), ("no", _("It was not sent"))],
        coerce=lambda said: said == "yes",
        widget=forms.RadioSelect,
        error_messages={"required": _("Choose what became of it.")},
    )
    reason = forms.CharField(
        label=_("How you know"),
        max_length=LONGEST_REASON,
        error_messages={"required": _("Say how you know, in a few words.")},
    )
