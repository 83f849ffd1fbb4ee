"""Which movements of a period are asked for."""

from collections.abc import Mapping
from datetime import date
from typing import Any
from uuid import UUID

from django import forms
from django.utils.translation import gettext_lazy as _

from coverage.models import Segment
from members.enums import DepartureReason, Role
from members.models import Member, User
from success.engine.revenue import Kind, Part
from success.enums import Dimension
from success.forms import PeriodForm
from success.queries.movements import Narrowed

KINDS = (
    (Kind.NEW.value, _("New")),
    (Kind.REACTIVATION.value, _("Came back")),
    (Kind.EXPANSION.value, _("Expansion")),
    (Kind.CONTRACTION.value, _("Contraction")),
    (Kind.CHURN.value, _("Churn")),
    (Kind.UNCHANGED.value, _("Unchanged")),
    (Kind.TRANSFER.value, _("Transfer between linked members")),
)
PARTS = (
    (Part.PRICE.value, _("Price")),
    (Part.TIER.value, _("Tier")),
    (Part.SEATS.value, _("Seats")),
    (Part.ADD_ON.value, _("Add-ons")),
    (Part.DISCOUNT.value, _("Discount that ended or began")),
)
NO_SEGMENT = "-"  # no key of a segment is so short
ANY = ("", _("Any"))


class MovementsForm(PeriodForm):
    """The members behind one figure of a period."""

    kind = forms.MultipleChoiceField(
        label=_("Movement"),
        choices=KINDS,
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )
    tier = forms.CharField(
        label=_("Tier"),
        required=False,
        help_text=_("On the opening day; for arrivals, on the closing day."),
    )
    joined = forms.IntegerField(
        label=_("Joined in the year"), required=False, min_value=1800, max_value=9999
    )
    part = forms.ChoiceField(
        label=_("Part of the change"), choices=[ANY, *PARTS], required=False
    )
    reason = forms.ChoiceField(
        label=_("Reason for leaving"),
        choices=[ANY, *DepartureReason.choices],
        required=False,
    )

    def __init__(self, data: Mapping[str, Any], *, as_of: date) -> None:
        super().__init__(data, as_of=as_of)
        segments = Segment.objects.order_by("position").values_list("key", "name")
        self.fields["segment"] = forms.ChoiceField(
            label=Dimension.SEGMENT.label,
            choices=[ANY, *segments, (NO_SEGMENT, _("In no segment"))],
            required=False,
        )
        team = User.objects.filter(role=Role.MSM, is_active=True).order_by("name")
        self.fields["owner"] = forms.ChoiceField(
            label=_("Looked after by"),
            choices=[
                ("", _("Anybody")),
                *((str(key), name) for key, name in team.values_list("public_id", "name")),
            ],
            required=False,
        )
        known = Member.objects.chapters().order_by("chapter").values_list("chapter", flat=True)
        chapters = [(each, each) for each in known.distinct()]
        self.fields["chapter"] = forms.ChoiceField(
            label=Dimension.CHAPTER.label,
            choices=[ANY, *chapters],
            required=False,
            widget=forms.Select if chapters else forms.HiddenInput,
        )
        self.order_fields(
            ["from", "to", "basis", "kind", "tier", "segment", "chapter", "owner"]
        )

    def _shown(self, data: Mapping[str, Any]) -> dict[str, Any]:
        kinds = data.getlist("kind") if hasattr(data, "getlist") else data.get("kind", [])
        shown = super()._shown(data) | {"kind": kinds}
        by, value = shown.pop("by", ""), shown.pop("value", "")
        if by == Dimension.TIER:
            shown["tier"] = value
        elif by == Dimension.SEGMENT:
            shown["segment"] = value or NO_SEGMENT
        elif by == Dimension.CHAPTER:
            shown["chapter"] = value
        return shown

    def narrowed(self) -> Narrowed:
        """Which accounts are asked for; everybody where the question makes no sense."""
        if not self.is_valid():
            return Narrowed()
        said = self.cleaned_data
        segment = "" if said["segment"] == NO_SEGMENT else said["segment"] or None
        return Narrowed(
            tier=said["tier"] or None,
            segment=segment,
            owner=UUID(said["owner"]) if said["owner"] else None,
            joined_in=said["joined"],
            chapter=said["chapter"] or None,
            kinds=[Kind(kind) for kind in said["kind"]],
            part=Part(said["part"]) if said["part"] else None,
            reason=DepartureReason(said["reason"]) if said["reason"] else None,
        )

    def in_words(self) -> list[str]:
        """What narrows the question, as ``Label: choice``; empty for everybody."""
        if not self.is_valid():
            return []
        found = []
        for name in ("tier", "segment", "chapter", "owner", "joined", "part", "reason"):
            field, said = self.fields[name], self.cleaned_data[name]
            if said:
                words = dict(getattr(field, "choices", ())).get(said, said)
                found.append(f"{field.label}: {words}")
        return found
