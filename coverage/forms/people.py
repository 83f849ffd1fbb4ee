"""What somebody can give, and the days on which they are away."""

from typing import Any

from django import forms
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from coverage.enums import AbsenceKind
from coverage.models import Team
from members.enums import Role
from members.models import User


def colleagues() -> QuerySet[User]:
    """Everybody who works here, by name."""
    return User.objects.filter(is_active=True).exclude(role=Role.MEMBER).order_by("name", "pk")


class ContributorForm(forms.Form):
    """Hours, skills and languages."""

    monthly_hours = forms.IntegerField(
        label=_("Hours a month, as contracted"), min_value=0, max_value=744
    )
    leave_percent = forms.IntegerField(
        label=_("Of these, for leave, in percent"), min_value=0, max_value=99
    )
    overhead_percent = forms.IntegerField(
        label=_("Of what is left, for what is not work with members, in percent"),
        min_value=0,
        max_value=99,
    )
    team = forms.ModelChoiceField(label=_("Team"), queryset=Team.objects.none(), required=False)
    new_team = forms.CharField(label=_("Or a new team"), required=False, max_length=80)
    skills = forms.CharField(
        label=_("Skills"), required=False, help_text=_("Several with commas between.")
    )
    languages = forms.CharField(
        label=_("Languages"), required=False, help_text=_("Several with commas between.")
    )
    time_zone = forms.CharField(
        label=_("Time zone in which they work"),
        required=False,
        max_length=64,
        help_text=_("Such as Europe/Vienna. UTC says nothing: then it is the association's."),
    )
    works_in_pool = forms.BooleanField(
        label=_("Gives these hours to the pool, not to members of their own"), required=False
    )

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        field = self.fields["team"]
        assert isinstance(field, forms.ModelChoiceField)  # noqa: S101  # for the type checker
        field.queryset = Team.objects.order_by("name")

    @property
    def given(self) -> dict[str, Any]:
        """What was said, as the service takes it, but for the team."""
        said = self.cleaned_data
        names = ("monthly_hours", "leave_percent", "overhead_percent", "works_in_pool")
        return {name: said[name] for name in names} | {
            "skills": said["skills"].split(","),
            "languages": said["languages"].split(","),
            "time_zone": said["time_zone"],
        }


class AbsenceForm(forms.Form):
    """Days away, and who stands in."""

    kind = forms.ChoiceField(label=_("What for"), choices=AbsenceKind.choices)
    starts_on = forms.DateField(
        label=_("First day away"), widget=forms.DateInput(attrs={"type": "date"})
    )
    ends_on = forms.DateField(
        label=_("First day back"), widget=forms.DateInput(attrs={"type": "date"})
    )
    cover = forms.ModelChoiceField(
        label=_("Who stands in"),
        queryset=User.objects.none(),
        required=False,
        empty_label=_("The pool: whoever is free"),
        to_field_name="public_id",
        help_text=_(
            "They see the open items of the one who is away, and these count in their week."
        ),
    )
    note = forms.CharField(label=_("A note"), required=False, max_length=500)

    def __init__(self, *args: Any, user: User, **options: Any) -> None:
        super().__init__(*args, **options)
        field = self.fields["cover"]
        assert isinstance(field, forms.ModelChoiceField)  # noqa: S101  # for the type checker
        field.queryset = colleagues().exclude(pk=user.pk)
