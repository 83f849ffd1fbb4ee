"""The effort ledger over REST: who spent how long for whom, logged and withdrawn."""

from typing import TYPE_CHECKING, Any

from drf_spectacular.utils import extend_schema, extend_schema_serializer, extend_schema_view
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from config.kernel import clock
from config.kernel.api import problems
from config.kernel.permissions import may
from config.kernel.problems import Conflict
from coverage.access import Permission
from coverage.enums import EffortSource, Modality
from coverage.filters import EffortFilter
from coverage.models import Effort
from coverage.queries.effort import entries
from coverage.services import effort
from members.api.acts import MemberField, act, identifier, refusing, said, text
from members.api.idempotency import idempotent
from members.api.serializers import MemberRef, UserRef

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from rest_framework.request import Request


@extend_schema_serializer(component_name="Effort")
class EffortOutput(serializers.Serializer[Effort]):
    """Time of a person for a member; withdrawn, it counts no more."""

    id = serializers.UUIDField(source="public_id")
    member = MemberRef()
    by = UserRef(allow_null=True)
    on = serializers.DateField()
    modality = serializers.ChoiceField(choices=Modality.choices)
    minutes = serializers.IntegerField()
    members_present = serializers.IntegerField(
        help_text="Who shared the time; each of them got the whole of it."
    )
    note = serializers.CharField(allow_blank=True)
    source = serializers.ChoiceField(choices=EffortSource.choices)  # type: ignore[assignment]  # a field by that name
    recorded_at = serializers.DateTimeField()
    withdrawn_at = serializers.DateTimeField(allow_null=True)


@extend_schema_serializer(component_name="EffortInput")
class LogInput(serializers.Serializer[Any]):
    member = MemberField()
    on = serializers.DateField(required=False, help_text="Today unless given.")
    minutes = serializers.IntegerField(min_value=1, max_value=effort.LONGEST)
    modality = serializers.ChoiceField(choices=Modality.choices)
    members_present = serializers.IntegerField(
        min_value=1, max_value=effort.MOST_PRESENT, default=1
    )
    note = text("What it was about.", required=False, longest=500)


@extend_schema_serializer(component_name="EffortWithdrawInput")
class WithdrawInput(serializers.Serializer[Any]):
    reason = text("Why it counts no more.", longest=500)


@extend_schema(tags=["effort"])
@extend_schema_view(
    list=extend_schema(
        operation_id="effort_list",
        summary="List the time that was spent",
        description="Newest first. Those who may not see everybody's load get their own "
        "entries, and those of the members they look after.",
        responses={200: EffortOutput(many=True), **problems(400)},
    ),
    retrieve=extend_schema(
        operation_id="effort_retrieve",
        summary="Show an entry",
        description="Also one that was withdrawn.",
        parameters=[identifier("entry")],
        responses={200: EffortOutput, **problems(404)},
    ),
)
class Efforts(ListModelMixin, RetrieveModelMixin, GenericViewSet[Effort]):
    filterset_class = EffortFilter
    serializer_class = EffortOutput
    lookup_field = "public_id"
    keyset_order = ("-on", "-pk")
    permission_map = {
        "list": Permission.COVERAGE_VIEW,
        "retrieve": Permission.COVERAGE_VIEW,
        "create": Permission.EFFORT_LOG,
        "withdraw": Permission.EFFORT_LOG,
    }

    def get_queryset(self) -> "QuerySet[Effort]":
        if getattr(self, "swagger_fake_view", False):
            return Effort.objects.none()
        user: Any = self.request.user
        sees_all = may(self.request, Permission.CAPACITY_VIEW_ALL)
        return entries(user, sees_all=sees_all)

    def filter_queryset(self, queryset: Any) -> Any:
        return super().filter_queryset(queryset) if self.action == "list" else queryset

    @act(
        "effort_create",
        "Log time",
        "Time of the caller's own, on a day that has come.",
        request=LogInput,
        answer=EffortOutput,
        status=201,
    )
    @idempotent
    def create(self, request: "Request") -> Response:
        user: Any = request.user
        given = said(request, LogInput)
        with refusing(invalid={effort.NotWorked: ""}):
            made = effort.log(**{"on": clock.today(), **given}, by=user, at=clock.now())
        return Response(EffortOutput(made).data, status=201)

    @act(
        "effort_withdraw",
        "Withdraw an entry",
        "It stays to be seen and counts no more. Only one's own, unless one may edit coverage; "
        "withdrawn before, or of somebody else: 409.",
        request=WithdrawInput,
        answer=EffortOutput,
        noun="entry",
    )
    @action(detail=True, methods=["post"])
    @idempotent
    def withdraw(self, request: "Request", public_id: str) -> Response:
        given = said(request, WithdrawInput)
        row = self.get_object()
        user: Any = request.user
        if row.by_id != user.pk and not may(request, Permission.COVERAGE_EDIT):
            raise Conflict("Somebody else has logged this; they can withdraw it.")
        with refusing(effort.AlreadyWithdrawn):
            effort.withdraw(effort=row, by=user, at=clock.now(), reason=given["reason"])
        return Response(EffortOutput(self.get_object()).data)
