"""What people say about a member's account: linked members, why they left, voided terms."""

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any
from zoneinfo import available_timezones

from django import forms
from django.utils.translation import gettext_lazy as _

from coverage.services.details import languages
from members.enums import DepartureReason, LinkKind, VoidReason
from members.models import Member

LONGEST = 200


def _day(label: Any, **options: Any) -> forms.DateField:
    return forms.DateField(
        label=label,
        widget=forms.DateInput(attrs={"type": "date"}),
        error_messages={"invalid": _("Choose a day, such as 2026-01-01.")},
        **options,
    )


class DetailsForm(forms.Form):
    """In which language a member is spoken to, and by which clock they live."""

    language = forms.ChoiceField(
        label=_("Language they like to be spoken to in"),
        required=False,
        help_text=_("Rebalancing keeps them with colleagues who speak it."),
    )
    time_zone = forms.ChoiceField(
        label=_("Time zone"),
        required=False,
        help_text=_("Rebalancing can keep colleagues within so many hours of it."),
    )

    def __init__(self, *args: Any, member: Member, **options: Any) -> None:
        super().__init__(*args, **options)
        self.initial = {"language": member.language, "time_zone": member.time_zone}
        self._offer("language", _languages(member.language))
        self._offer(
            "time_zone", [(zone, zone.replace("_", " ")) for zone in _zones(member.time_zone)]
        )

    def _offer(self, name: str, choices: Iterable[tuple[str, str]]) -> None:
        field = self.fields[name]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101  # for the type checker
        field.choices = [("", _("not known")), *choices]


def _languages(current: str) -> list[tuple[str, str]]:
    """Every language by its own name; also what an import called otherwise."""
    said = {current: current} if current else {}
    return sorted((said | languages()).items(), key=lambda choice: choice[1])


def _zones(current: str) -> list[str]:
    """Zones that are called after places, and the one that was said."""
    places = {zone for zone in available_timezones() if "/" in zone and zone[:3] != "Etc"}
    return sorted({*places, current} - {""})


class LinkForm(forms.Form):
    """With whom a member's dues are counted, and from when."""

    survivor = forms.CharField(
        label=_("Counted with"),
        max_length=LONGEST,
        help_text=_("The exact name of the other member, or their identifier."),
    )
    kind = forms.ChoiceField(label=_("Why"), choices=LinkKind.choices)
    since = _day(_("From"))
    note = forms.CharField(label=_("Note"), max_length=LONGEST, required=False)


class EndLinkForm(forms.Form):
    """From when two members count apart again."""

    until = _day(_("Counted apart from"))


class DepartureForm(forms.Form):
    """Why a member stopped paying."""

    reason = forms.ChoiceField(label=_("Reason"), choices=DepartureReason.choices)
    left_on = _day(_("First day without membership"))
    back_on = _day(
        _("End of the leave"),
        required=False,
        help_text=_("Only for a leave of absence, once it is known."),
    )
    note = forms.CharField(label=_("Note"), max_length=LONGEST, required=False)


class VoidForm(forms.Form):
    """A term that was never in force after all."""

    reason = forms.ChoiceField(label=_("Why"), choices=VoidReason.choices)
    note = forms.CharField(label=_("Note"), max_length=LONGEST, required=False)

    def __init__(
        self, *args: Any, terms: Sequence[tuple[str, str, date]], **options: Any
    ) -> None:
        super().__init__(*args, **options)
        self.fields["term"] = forms.ChoiceField(
            label=_("Term"), choices=[(key, f"{tier}, {day}") for key, tier, day in terms]
        )
        self.order_fields(["term"])


class ChooseForm(forms.Form):
    """One of the things that were said before."""

    def __init__(
        self, *args: Any, choices: Sequence[tuple[str, str]], label: Any, **options: Any
    ) -> None:
        super().__init__(*args, **options)
        self.fields["which"] = forms.ChoiceField(label=label, choices=choices)
