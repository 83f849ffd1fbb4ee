"""What the caller was told, and what of it they have read."""

from typing import TYPE_CHECKING, Any

import django_filters as filters
from drf_spectacular.utils import extend_schema, extend_schema_serializer, extend_schema_view
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from communications.access import Permission
from communications.enums import NoticeKind
from communications.models import Notice
from communications.queries import notices_of
from communications.services import notices
from config.kernel import clock
from config.kernel.api import problems
from members.api.acts import act
from members.api.idempotency import idempotent
from members.api.serializers import MemberRef

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from rest_framework.request import Request


@extend_schema_serializer(component_name="Notice")
class NoticeOutput(serializers.Serializer[Notice]):
    id = serializers.UUIDField(source="public_id")
    kind = serializers.ChoiceField(choices=NoticeKind.choices)
    title = serializers.CharField()
    body = serializers.CharField(help_text="Blank: the title says it all.")
    address = serializers.CharField(help_text="Path of the page it is about; blank: none.")
    member = MemberRef(allow_null=True)
    at = serializers.DateTimeField()
    read_at = serializers.DateTimeField(allow_null=True, help_text="Null: not read yet.")


class ReadOutput(serializers.Serializer[Any]):
    read = serializers.IntegerField(help_text="How many had not been read.")


class NoticeFilter(filters.FilterSet):
    kind = filters.ChoiceFilter(
        choices=NoticeKind.choices, label="Kind", help_text="What they are about."
    )
    is_unread = filters.BooleanFilter(
        field_name="read_at",
        lookup_expr="isnull",
        label="Unread",
        help_text="Those not read yet, or those read.",
    )

    class Meta:
        model = Notice
        fields: list[str] = []


@extend_schema(tags=["notices"])
@extend_schema_view(
    list=extend_schema(
        operation_id="notices_list",
        summary="List the caller's notices",
        description="What the caller was told, newest first; nobody sees another's.",
        responses={200: NoticeOutput(many=True), **problems(400)},
    ),
)
class Notices(ListModelMixin, GenericViewSet[Notice]):
    serializer_class = NoticeOutput
    filterset_class = NoticeFilter
    lookup_field = "public_id"
    keyset_order = ("-at",)
    permission_map = {
        "list": Permission.NOTICE_VIEW,
        "read": Permission.NOTICE_VIEW,
        "read_all": Permission.NOTICE_VIEW,
    }

    def get_queryset(self) -> "QuerySet[Notice]":
        if getattr(self, "swagger_fake_view", False):
            return Notice.objects.none()
        user: Any = self.request.user
        return notices_of(user)

    def filter_queryset(self, queryset: Any) -> Any:
        """Narrow the list only: one named by identifier is not to be filtered away."""
        return super().filter_queryset(queryset) if self.action == "list" else queryset

    @act(
        "notices_read",
        "Mark a notice as read",
        "One that was read before stays as it is.",
        answer=NoticeOutput,
        noun="notice",
    )
    @action(detail=True, methods=["post"])
    @idempotent
    def read(self, request: "Request", public_id: str) -> Response:
        notice = self.get_object()
        notices.read(user=notice.user, notices=[notice.public_id], at=clock.now())
        return Response(NoticeOutput(self.get_object()).data)

    @act(
        "notices_read_all",
        "Mark all notices as read",
        "All of the caller's, as of this moment.",
        answer=ReadOutput,
    )
    @action(detail=False, methods=["post"], url_path="read-all")
    @idempotent
    def read_all(self, request: "Request") -> Response:
        user: Any = request.user
        now = clock.now()
        return Response({"read": notices.read_all(user=user, until=now, at=now)})
