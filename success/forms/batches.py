"""Which plan many members get, and from which day."""

from datetime import date
from typing import Any, cast

from django import forms
from django.db.models import Count, QuerySet
from django.utils.translation import gettext_lazy as _

from success.models import PlanTemplate


class BatchForm(forms.Form):
    """A template and the day 0 of every plan made from it."""

    template = forms.ModelChoiceField(
        label=_("Plan"),
        queryset=PlanTemplate.objects.none(),
        to_field_name="key",
        empty_label=None,
        error_messages={
            "required": _("Choose a plan."),
            "invalid_choice": _("There is no such plan."),
        },
    )
    anchor_on = forms.DateField(
        label=_("Day 0"),
        widget=forms.DateInput(attrs={"type": "date"}),
        help_text=_("The plan's days are counted from it."),
        error_messages={"required": _("Choose a day."), "invalid": _("Choose a day.")},
    )

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        field = cast("forms.ModelChoiceField[PlanTemplate]", self.fields["template"])
        field.queryset = _offered()

    @classmethod
    def first_offered(cls, *, on: date) -> dict[str, str]:
        """What the form is shown with first: the plan used most, from that day."""
        template = _offered().first()
        return {"template": template.key if template else "", "anchor_on": on.isoformat()}


def _offered() -> QuerySet[PlanTemplate]:
    return (
        PlanTemplate.objects.filter(retired_on=None)
        .annotate(used=Count("plans"))
        .order_by("-used", "title")
    )
