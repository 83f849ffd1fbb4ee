"""The forms of templates: whom one is for, the days taken from members, and offers."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from coverage.models import Segment
from members.enums import MemberKind

TITLE = _("Give it a title by which others find it.")


class AboutForm(forms.Form):
    """What a template is called and whom it is for; beside the editor's own forms."""

    template_title = forms.CharField(
        label=_("What the template is called"),
        max_length=200,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
        error_messages={"required": TITLE},
    )
    audience = forms.ChoiceField(label=_("For whom"), choices=MemberKind.choices)
    persona = forms.CharField(
        label=_("Persona"),
        required=False,
        max_length=200,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
        help_text=_("Such as “Engineering managers”. Blank: anybody."),
    )
    segment = forms.ModelChoiceField(
        label=_("Segment"),
        queryset=Segment.objects.none(),
        required=False,
        to_field_name="key",
        empty_label=_("Any segment"),
        error_messages={"invalid_choice": _("There is no such segment. Choose another.")},
    )

    def __init__(self, *args: Any, kept: Segment | None = None, **options: Any) -> None:
        super().__init__(*args, **options)
        chooser = self.fields["segment"]
        assert isinstance(chooser, forms.ModelChoiceField)  # noqa: S101  # narrows the type
        offered = Segment.objects.filter(is_retired=False)
        if kept is not None:
            offered |= Segment.objects.filter(pk=kept.pk)
        chooser.queryset = offered.order_by("position", "pk")


class RecordsForm(forms.Form):
    """Since when every record of the path exists; who joined before is not compared."""

    since = forms.DateField(
        label=_("Compare members who joined since"),
        widget=forms.DateInput(attrs={"type": "date"}),
        help_text=_("From that day on, every record of the path has to exist."),
        error_messages={
            "required": _("Choose a day, such as 1 August 2024."),
            "invalid": _("Choose a day, such as 1 August 2024."),
        },
    )


class OfferForm(forms.Form):
    """Something a member may take up next."""

    title = forms.CharField(
        label=_("What it is, as the member reads it"),
        max_length=200,
        error_messages={"required": _("Say what is offered.")},
    )
    words = forms.CharField(
        label=_("Why it is the next thing to need"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 2}),
    )
    owned_with_tier = forms.CharField(
        label=_("Members of this tier have it already"), required=False, max_length=100
    )
