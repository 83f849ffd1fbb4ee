"""Somebody's part in a member's task force."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from coverage.forms.people import colleagues
from members.models import User


class PartForm(forms.Form):
    """Who, what they bring, and which part of the member's hours is theirs."""

    user = forms.ModelChoiceField(
        label=_("Who"),
        queryset=User.objects.none(),
        to_field_name="public_id",
        empty_label=_("choose somebody"),
        error_messages={
            "required": _("Choose somebody."),
            "invalid_choice": _("Choose somebody who works here."),
        },
    )
    skill = forms.CharField(
        label=_("What they bring"),
        max_length=120,
        error_messages={"required": _("Say what they bring.")},
    )
    percent = forms.IntegerField(
        label=_("Their part of the member's hours, in percent"),
        min_value=1,
        max_value=100,
        help_text=_("All parts come to at most 100; the owner has what is left."),
    )

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        field = self.fields["user"]
        assert isinstance(field, forms.ModelChoiceField)  # noqa: S101  # for the type checker
        field.queryset = colleagues()
