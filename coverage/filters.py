"""What lists of coverage may be narrowed by: one set of questions for page and API."""

from typing import TYPE_CHECKING, Any

import django_filters as filters
from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _

from coverage.enums import EffortSource, Modality
from coverage.models import Absence, Assignment, AxProfile, Effort
from members.filters import ME, POOL, OwnerFilter, YesOrNo

if TYPE_CHECKING:
    import uuid

OWNER_HELP = _("me, pool (nobody in particular), or the identifier of a person.")
PERSON_HELP = _("me, or the identifier of a person.")


def _owned_by(user: Any, value: "str | uuid.UUID", *, path: str) -> Q:
    if value == POOL:
        return Q(**{f"{path}__isnull": True})
    return Q(**{path: user}) if value == ME else Q(**{f"{path}__public_id": value})


class AxProfileFilter(filters.FilterSet):
    """Narrows the profiles in force."""

    owner = OwnerFilter(
        method="looked_after_by", label=_("Looked after by"), help_text=OWNER_HELP
    )
    segment = filters.CharFilter(
        field_name="member__assignment__segment__key",
        label=_("Segment"),
        help_text=_("Key of the segment the member is in."),
    )
    source = filters.CharFilter(label=_("Who said so"), help_text=_("member, msm, simulated."))
    has_expired = YesOrNo(
        field_name="has_expired",
        label=_("To be asked again"),
        help_text=_("It has run out."),
    )

    class Meta:
        model = AxProfile
        fields: list[str] = []

    def looked_after_by(
        self, queryset: "QuerySet[AxProfile]", name: str, value: "str | uuid.UUID"
    ) -> "QuerySet[AxProfile]":
        asked = _owned_by(self.request.user, value, path="member__assignment__owner")
        return queryset.filter(asked)


class AssignmentFilter(filters.FilterSet):
    """Narrows who is in which segment, and with whom."""

    owner = OwnerFilter(
        method="looked_after_by", label=_("Looked after by"), help_text=OWNER_HELP
    )
    segment = filters.CharFilter(
        field_name="segment__key", label=_("Segment"), help_text=_("Key of a segment.")
    )
    is_overridden = YesOrNo(
        field_name="is_overridden",
        label=_("Placed by hand"),
        help_text=_("A person has decided against the rule, and that still counts."),
    )

    class Meta:
        model = Assignment
        fields: list[str] = []

    def looked_after_by(
        self, queryset: "QuerySet[Assignment]", name: str, value: "str | uuid.UUID"
    ) -> "QuerySet[Assignment]":
        return queryset.filter(_owned_by(self.request.user, value, path="owner"))


class EffortFilter(filters.FilterSet):
    """Narrows the ledger of time."""

    member = filters.UUIDFilter(
        field_name="member__public_id", label=_("Member"), help_text=_("Their identifier.")
    )
    by = OwnerFilter(method="spent_by", label=_("By"), help_text=PERSON_HELP)
    modality = filters.MultipleChoiceFilter(
        choices=Modality.choices, distinct=False, label=_("How"), help_text=_("Any of these.")
    )
    source = filters.ChoiceFilter(
        choices=EffortSource.choices, label=_("From"), help_text=_("What it came of.")
    )
    since = filters.DateFilter(
        field_name="on", lookup_expr="gte", label=_("Since"), help_text=_("This day and after.")
    )
    before = filters.DateFilter(
        field_name="on", lookup_expr="lt", label=_("Before"), help_text=_("Not on this day.")
    )
    is_withdrawn = YesOrNo(
        field_name="withdrawn_at",
        lookup_expr="isnull",
        exclude=True,
        label=_("Withdrawn"),
        help_text=_("Whether it counts no more."),
    )

    class Meta:
        model = Effort
        fields: list[str] = []

    def spent_by(
        self, queryset: "QuerySet[Effort]", name: str, value: "str | uuid.UUID"
    ) -> "QuerySet[Effort]":
        return queryset.filter(_owned_by(self.request.user, value, path="by"))


class AbsenceFilter(filters.FilterSet):
    """Narrows absences."""

    user = OwnerFilter(method="of_person", label=_("Of"), help_text=PERSON_HELP)
    is_over = YesOrNo(field_name="is_over", label=_("Over"), help_text=_("They are back."))

    class Meta:
        model = Absence
        fields: list[str] = []

    def of_person(
        self, queryset: "QuerySet[Absence]", name: str, value: "str | uuid.UUID"
    ) -> "QuerySet[Absence]":
        return queryset.filter(_owned_by(self.request.user, value, path="user"))
