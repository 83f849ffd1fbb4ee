"""The hours that an experience takes over REST: every version, and a new one."""

from typing import TYPE_CHECKING, Any

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import (
    OpenApiParameter,
    extend_schema,
    extend_schema_serializer,
    extend_schema_view,
)
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.mixins import ListModelMixin
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from config.kernel import clock
from config.kernel.api import PageInput, problems
from coverage.access import Permission
from coverage.enums import LifecycleStage, Modality
from coverage.models import CoverageModel
from coverage.queries import hours as reads
from coverage.services import hours as acts
from members.api.acts import refusing, said, text
from members.api.idempotency import IDEMPOTENCY_KEY, idempotent

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from rest_framework.request import Request

NUMBER = OpenApiParameter(
    name="version", type=int, location=OpenApiParameter.PATH, description="Its number."
)


@extend_schema_serializer(component_name="CoverageHoursCell")
class CellData(serializers.Serializer[Any]):
    segment = serializers.SlugField(help_text="Its key.")
    stage = serializers.ChoiceField(choices=LifecycleStage.values)
    modality = serializers.ChoiceField(choices=Modality.choices)
    hours = serializers.DecimalField(
        max_digits=7, decimal_places=3, help_text="That one member gets in a month."
    )


@extend_schema_serializer(component_name="CoverageLeverage")
class FactorData(serializers.Serializer[Any]):
    segment = serializers.SlugField(help_text="Its key.")
    modality = serializers.ChoiceField(choices=Modality.choices)
    factor = serializers.DecimalField(
        max_digits=6, decimal_places=2, help_text="Member-hours for an hour of staff; else 1."
    )


@extend_schema_serializer(component_name="CoverageStaffHours")
class StaffOutput(serializers.Serializer[Any]):
    segment = serializers.CharField()
    stage = serializers.CharField()
    hours = serializers.FloatField(help_text="Of staff, a member and month; leverage applied.")


@extend_schema_serializer(component_name="CoverageHoursChange")
class ChangeOutput(serializers.Serializer[Any]):
    segment = serializers.CharField()
    stage = serializers.CharField(allow_blank=True, help_text="Blank for leverage.")
    modality = serializers.CharField()
    before = serializers.DecimalField(max_digits=7, decimal_places=3, allow_null=True)
    after = serializers.DecimalField(max_digits=7, decimal_places=3, allow_null=True)


@extend_schema_serializer(component_name="CoverageModel")
class VersionOutput(serializers.Serializer[CoverageModel]):
    version = serializers.IntegerField()
    effective_from = serializers.DateField()
    note = serializers.CharField(allow_blank=True, help_text="What is different, and why.")
    made_by = serializers.UUIDField(
        source="made_by.public_id", allow_null=True, default=None, help_text="Null: the system."
    )
    made_at = serializers.DateTimeField()
    withdrawn_at = serializers.DateTimeField(
        allow_null=True, help_text="Before its day had come; then it never counts."
    )


@extend_schema_serializer(component_name="CoverageModelDetail")
class DetailOutput(VersionOutput):
    hours = CellData(many=True, source="*")
    leverage = FactorData(many=True, source="*")
    staff_hours = StaffOutput(many=True, source="*")
    changes = ChangeOutput(
        many=True, source="*", help_text="From the version before; empty for the first."
    )

    def to_representation(self, instance: CoverageModel) -> dict[str, Any]:
        said = reads.said(instance)
        before = reads.version_before(instance)
        changes = () if before is None else reads.differences(reads.said(before), said)
        return {
            **VersionOutput(instance).data,
            "hours": CellData(
                [
                    {"segment": key, "stage": stage, "modality": modality, "hours": hours}
                    for (key, stage, modality), hours in sorted(said.hours.items())
                ],
                many=True,
            ).data,
            "leverage": FactorData(
                [
                    {"segment": key, "modality": modality, "factor": factor}
                    for (key, modality), factor in sorted(said.leverage.items())
                ],
                many=True,
            ).data,
            "staff_hours": [
                {"segment": key, "stage": stage, "hours": round(float(hours), 4)}
                for (key, stage), hours in sorted(said.staff_by_key().items())
            ],
            "changes": ChangeOutput(changes, many=True).data,
        }


@extend_schema_serializer(component_name="CoverageModelInput")
class NewInput(serializers.Serializer[Any]):
    """A whole version: what it does not name is not known from its day on."""

    effective_from = serializers.DateField(help_text="Today or later.")
    note = serializers.CharField(max_length=2000, help_text="What is different, and why.")
    hours = CellData(many=True, allow_empty=False)
    leverage = FactorData(many=True, default=list)


@extend_schema_serializer(component_name="CoverageModelWithdrawInput")
class WithdrawInput(serializers.Serializer[Any]):
    reason = text("Why it is not to count.", longest=500)


@extend_schema(tags=["coverage"])
@extend_schema_view(
    list=extend_schema(
        operation_id="coverage_hours_list",
        summary="List versions of the hours",
        description="Newest first.",
        responses={200: VersionOutput(many=True), **problems(400)},
        filters=False,
        parameters=[PageInput],
    )
)
class HoursVersions(ListModelMixin, GenericViewSet[CoverageModel]):
    lookup_field = "version"
    lookup_value_regex = r"\d{1,9}"
    keyset_order = ("-version",)
    serializer_class = VersionOutput
    permission_map = {
        "list": Permission.COVERAGE_VIEW,
        "retrieve": Permission.COVERAGE_VIEW,
        "create": Permission.COVERAGE_EDIT,
        "withdraw": Permission.COVERAGE_EDIT,
    }

    def get_queryset(self) -> "QuerySet[CoverageModel]":
        return reads.versions()

    @extend_schema(
        operation_id="coverage_hours_retrieve",
        summary="Show a version of the hours",
        description="With what follows from it, and what it changed.",
        parameters=[NUMBER],
        responses={200: DetailOutput, **problems(404)},
    )
    def retrieve(self, request: "Request", version: str) -> Response:
        found = get_object_or_404(self.get_queryset(), version=int(version))
        return Response(DetailOutput(found).data)

    @extend_schema(
        operation_id="coverage_hours_create",
        summary="Say the hours anew",
        description="A version that counts from a day on; none is ever changed.",
        parameters=[IDEMPOTENCY_KEY],
        request=NewInput,
        responses={201: DetailOutput, **problems(400, 409, 422)},
        filters=False,
    )
    @idempotent
    def create(self, request: "Request") -> Response:
        user: Any = request.user
        given = NewInput(data=request.data)
        given.is_valid(raise_exception=True)
        said = given.validated_data
        hours = {
            (each["segment"], each["stage"], each["modality"]): each["hours"]
            for each in said["hours"]
        }
        leverage = {
            (each["segment"], each["modality"]): each["factor"] for each in said["leverage"]
        }
        if len(hours) < len(said["hours"]) or len(leverage) < len(said["leverage"]):
            raise ValidationError({"non_field_errors": ["One of these is said twice."]})
        try:
            made = acts.new_version(
                hours=hours,
                leverage=leverage,
                effective_from=said["effective_from"],
                note=said["note"],
                by=user,
                at=clock.now(),
            )
        except acts.NotAModel as refusal:
            raise ValidationError({"non_field_errors": [str(refusal)]}) from refusal
        return Response(DetailOutput(made).data, status=201)

    @extend_schema(
        operation_id="coverage_hours_withdraw",
        summary="Withdraw a version that does not count yet",
        description="It stays to be seen and never counts. Its day has come, or it was "
        "withdrawn before: 409.",
        parameters=[NUMBER, IDEMPOTENCY_KEY],
        request=WithdrawInput,
        responses={200: DetailOutput, **problems(400, 404, 409, 422)},
        filters=False,
    )
    @action(detail=True, methods=["post"])
    @idempotent
    def withdraw(self, request: "Request", version: str) -> Response:
        user: Any = request.user
        given = said(request, WithdrawInput)
        found = get_object_or_404(self.get_queryset(), version=int(version))
        with refusing(acts.NotWithdrawable):
            acts.withdraw(model=found, by=user, at=clock.now(), reason=given["reason"])
        return Response(DetailOutput(self.get_queryset().get(pk=found.pk)).data)
