"""Questions that lists of any app may be narrowed by."""

import uuid
from typing import Any

import django_filters as filters
from django import forms
from django.utils.translation import gettext_lazy as _
from drf_spectacular.drainage import set_override

YES_OR_NO = (("true", _("Yes")), ("false", _("No")))
ME, POOL = "me", "pool"


def _is_true(said: str) -> bool | None:
    return {"true": True, "false": False}.get(said)


class YesOrNo(filters.TypedChoiceFilter):
    """True or false; unlike Django's own field it refuses what is neither."""

    def __init__(self, **options: Any) -> None:
        super().__init__(choices=YES_OR_NO, coerce=_is_true, **options)
        set_override(
            self,
            "field",
            {"type": "boolean", "description": options.get("help_text") or options["label"]},
        )


class OwnerField(forms.CharField):
    """``me``, ``pool`` or the identifier of a person."""

    def clean(self, value: Any) -> Any:
        said = super().clean(value)
        if not said or said in {ME, POOL}:
            return said
        try:
            return uuid.UUID(said)
        except ValueError as error:
            raise forms.ValidationError(
                _("Say me, pool, or the identifier of a person.")
            ) from error


class OwnerFilter(filters.CharFilter):
    field_class = OwnerField
