"""Asking how a figure was made."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from success.enums import Dimension, RevenueBasis


class ExplainForm(forms.Form):
    """The day, or the two days, of one figure; ``measure`` says which form it is."""

    of = ""
    measure = forms.CharField(widget=forms.HiddenInput)

    def __init__(self, data: Mapping[str, Any] | None = None, *, as_of: date) -> None:
        super().__init__(data, initial={"measure": self.of})
        self.as_of = as_of

    def day(self, name: str, label: Any) -> None:
        self.fields[name] = forms.DateField(
            label=label,
            widget=forms.DateInput(attrs={"type": "date", "max": self.as_of.isoformat()}),
            error_messages={"invalid": _("Choose a day, such as 2026-01-01.")},
        )

    def clean(self) -> dict[str, Any]:
        said: dict[str, Any] = super().clean() or {}
        for name in ("on", "to"):
            if (day := said.get(name)) and day > self.as_of:
                self.add_error(name, _("Nothing is known of that day yet."))
        return said


class ExplainRevenueForm(ExplainForm):
    """A period of dues, one rule and one group."""

    of = "revenue"
    basis = forms.ChoiceField(label=_("Who counts"), choices=RevenueBasis.choices)
    by = forms.ChoiceField(
        label=_("Whose"),
        choices=[
            (Dimension.ALL.value, Dimension.ALL.label),
            (Dimension.TIER.value, Dimension.TIER.label),
            (Dimension.SEGMENT.value, Dimension.SEGMENT.label),
        ],
        required=False,
    )
    value = forms.CharField(label=_("Which tier or segment"), required=False)
    revision = forms.IntegerField(required=False, min_value=0, widget=forms.HiddenInput)

    def __init__(self, data: Mapping[str, Any] | None = None, *, as_of: date) -> None:
        super().__init__(data, as_of=as_of)
        self.day("from", _("Opening day"))
        self.day("to", _("Closing day"))
        self.order_fields(["measure", "from", "to", "basis", "by", "value"])

    def clean(self) -> dict[str, Any]:
        said = super().clean()
        opening, closing = said.get("from"), said.get("to")
        if opening and closing and closing <= opening:
            self.add_error("to", _("Choose a closing day after the opening day."))
        return said


class ExplainVectorForm(ExplainForm):
    """A member on a day."""

    of = "vector"
    member = forms.UUIDField(
        label=_("Member"),
        help_text=_("The member's identifier, from the address of their page."),
    )

    def __init__(self, data: Mapping[str, Any] | None = None, *, as_of: date) -> None:
        super().__init__(data, as_of=as_of)
        self.day("on", _("Day"))


class ExplainGroupForm(ExplainForm):
    """A group of members on a day."""

    of = "group"
    by = forms.ChoiceField(
        label=_("Whose"),
        choices=[
            (each.value, each.label)
            for each in (Dimension.ALL, Dimension.SEGMENT, Dimension.OWNER)
        ],
        required=False,
    )
    value = forms.CharField(label=_("Which segment or person"), required=False)

    def __init__(self, data: Mapping[str, Any] | None = None, *, as_of: date) -> None:
        super().__init__(data, as_of=as_of)
        self.day("on", _("Day"))
        self.order_fields(["measure", "on", "by", "value"])


FORMS: dict[str, type[ExplainForm]] = {
    "revenue": ExplainRevenueForm,
    "vector": ExplainVectorForm,
    "group": ExplainGroupForm,
}
