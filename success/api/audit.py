"""The audit trail of members over REST: who changed what, when, from what to what."""

from typing import TYPE_CHECKING, Any

import django_filters as filters
from drf_spectacular.utils import extend_schema, extend_schema_serializer, extend_schema_view
from rest_framework import serializers
from rest_framework.mixins import ListModelMixin
from rest_framework.viewsets import GenericViewSet

from config.kernel.api import problems
from members.access import Permission
from members.api.acts import of_visible
from members.api.serializers import MemberRef, UserRef
from members.models import AuditEntry

if TYPE_CHECKING:
    from django.db.models import QuerySet


@extend_schema_serializer(component_name="AuditEntry")
class AuditOutput(serializers.Serializer[AuditEntry]):
    """One change. Entries are added, and never changed or taken away."""

    at = serializers.DateTimeField()
    by = UserRef(allow_null=True, help_text="Null: a worker, or an account that is erased.")
    member = MemberRef()
    verb = serializers.CharField(help_text="What was done, such as plan.agreed.")
    subject_type = serializers.CharField(help_text="To what kind of thing.")
    subject_id = serializers.CharField()
    summary = serializers.CharField()
    before = serializers.JSONField(allow_null=True)
    after = serializers.JSONField(allow_null=True)


class AuditFilter(filters.FilterSet):
    member = filters.UUIDFilter(
        field_name="member__public_id", label="Member", help_text="Identifier of a member."
    )
    verb = filters.CharFilter(label="Verb", help_text="Such as plan.agreed.")
    subject = filters.CharFilter(
        field_name="subject_id", label="Subject", help_text="Identifier of what was changed."
    )
    by = filters.UUIDFilter(
        field_name="by__public_id", label="By", help_text="Identifier of who did it."
    )
    since = filters.IsoDateTimeFilter(
        field_name="at", lookup_expr="gte", label="Since", help_text="At that moment or later."
    )
    until = filters.IsoDateTimeFilter(
        field_name="at", lookup_expr="lt", label="Until", help_text="Before that moment."
    )

    class Meta:
        model = AuditEntry
        fields: list[str] = []


@extend_schema(tags=["audit"])
@extend_schema_view(
    list=extend_schema(
        operation_id="audit_list",
        summary="Show the audit trail",
        description=(
            "Every change to the plans, promises, outcomes, asks and reviews of the members "
            "the caller may see, newest first."
        ),
        responses={200: AuditOutput(many=True), **problems(400)},
    ),
)
class AuditTrail(ListModelMixin, GenericViewSet[AuditEntry]):
    serializer_class = AuditOutput
    filterset_class = AuditFilter
    keyset_order = ("-at",)
    permission_map = {"list": Permission.AUDIT_VIEW}

    def get_queryset(self) -> "QuerySet[AuditEntry]":
        return of_visible(AuditEntry, self.request.user).select_related("by", "member")

    def filter_queryset(self, queryset: Any) -> Any:
        return super().filter_queryset(queryset)
