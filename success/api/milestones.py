"""Declarations over REST: somebody says that a milestone is reached, and what changed."""

from typing import TYPE_CHECKING, Any

import django_filters as filters
from drf_spectacular.utils import extend_schema, extend_schema_serializer, extend_schema_view
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from config.kernel import clock
from config.kernel.api import problems
from members.api.acts import act, identifier, of_visible, refusing, said, text
from members.api.idempotency import idempotent
from members.api.serializers import MemberRef, UserRef
from success.access import Permission
from success.api.plans import point_of
from success.enums import Answer
from success.models import Declaration, Milestone, Plan
from success.services import milestones

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.db.models import QuerySet
    from rest_framework.request import Request


class MilestoneRef(serializers.Serializer[Milestone]):
    key = serializers.CharField()
    title = serializers.CharField()


@extend_schema_serializer(component_name="Declaration")
class DeclarationOutput(serializers.Serializer[Declaration]):
    """Somebody says that a milestone is reached; it waits for the other side where it must."""

    id = serializers.UUIDField(source="public_id")
    member = MemberRef(source="milestone.plan.member")
    plan = serializers.UUIDField(source="milestone.plan.public_id")
    milestone = MilestoneRef()
    on = serializers.DateField(help_text="The day it is true from.")
    what_changed = serializers.CharField()
    has_attachment = serializers.SerializerMethodField()
    status = serializers.ChoiceField(choices=Answer.choices)
    by = UserRef(allow_null=True)
    at = serializers.DateTimeField()
    answered_by = UserRef(allow_null=True)
    answered_at = serializers.DateTimeField(allow_null=True)
    answer = serializers.CharField(allow_blank=True)

    def get_has_attachment(self, declaration: Declaration) -> bool:
        return bool(declaration.attachment)


class DeclareInput(serializers.Serializer[Any]):
    plan = serializers.UUIDField(help_text="Identifier of the plan version in force.")
    milestone = serializers.CharField(help_text="Key of one of its milestones.")
    on = serializers.DateField(help_text="The day it is true from.")
    what_changed = text("What changed for the member.")


class DeclarationConfirmInput(serializers.Serializer[Any]):
    answer = text("What to say to it.", required=False)


class DeclarationDeclineInput(serializers.Serializer[Any]):
    answer = text("What is missing yet.")


class DeclarationFilter(filters.FilterSet):
    member = filters.UUIDFilter(
        field_name="milestone__plan__member__public_id",
        label="Member",
        help_text="Identifier of a member.",
    )
    status = filters.ChoiceFilter(
        choices=Answer.choices, label="Status", help_text="Where it stands."
    )

    class Meta:
        model = Declaration
        fields: list[str] = []


@extend_schema(tags=["milestones"])
@extend_schema_view(
    list=extend_schema(
        operation_id="declarations_list",
        summary="List declarations",
        description="Newest first; `status=waiting` for those to be answered.",
        responses={200: DeclarationOutput(many=True), **problems(400)},
    ),
    retrieve=extend_schema(
        operation_id="declarations_retrieve",
        summary="Show a declaration",
        description="What was said, and what was answered.",
        parameters=[identifier("declaration")],
        responses={200: DeclarationOutput, **problems(404)},
    ),
)
class Declarations(ListModelMixin, RetrieveModelMixin, GenericViewSet[Declaration]):
    serializer_class = DeclarationOutput
    filterset_class = DeclarationFilter
    lookup_field = "public_id"
    keyset_order = ("-at",)
    permission_map = {
        "list": Permission.PLAN_VIEW,
        "retrieve": Permission.PLAN_VIEW,
        "create": Permission.PLAN_EDIT,
        "confirm": Permission.PLAN_EDIT,
        "decline": Permission.PLAN_EDIT,
        "withdraw": Permission.PLAN_EDIT,
    }

    def get_queryset(self) -> "QuerySet[Declaration]":
        rows = of_visible(Declaration, self.request.user, "milestone__plan__member")
        return rows.select_related("milestone__plan__member", "by", "answered_by")

    def filter_queryset(self, queryset: Any) -> Any:
        return super().filter_queryset(queryset) if self.action == "list" else queryset

    @act(
        "declarations_create",
        "Declare that a milestone is reached",
        "Where one side's word suffices it is reached at once; else it waits for the other "
        "side. One that is reached, or that waits already, is 409.",
        request=DeclareInput,
        answer=DeclarationOutput,
        status=201,
    )
    @idempotent
    def create(self, request: "Request") -> Response:
        asked = said(request, DeclareInput)
        plan = of_visible(Plan, request.user).filter(public_id=asked.pop("plan")).first()
        if plan is None:
            raise serializers.ValidationError({"plan": "There is none with this identifier."})
        milestone = point_of(plan, asked.pop("milestone"))
        return self._answer(
            lambda **who: milestones.declare(milestone=milestone, **asked, **who), status=201
        )

    @act(
        "declarations_confirm",
        "Confirm a declaration",
        "The milestone is reached from the day that was said, also in the past. One that was "
        "answered is 409, and so is one's own side's.",
        request=DeclarationConfirmInput,
        answer=DeclarationOutput,
        noun="declaration",
    )
    @action(detail=True, methods=["post"])
    @idempotent
    def confirm(self, request: "Request", public_id: str) -> Response:
        return self._upon(milestones.confirm, said(request, DeclarationConfirmInput))

    @act(
        "declarations_decline",
        "Decline a declaration",
        "With words that the other side reads. One that was answered is 409.",
        request=DeclarationDeclineInput,
        answer=DeclarationOutput,
        noun="declaration",
    )
    @action(detail=True, methods=["post"])
    @idempotent
    def decline(self, request: "Request", public_id: str) -> Response:
        return self._upon(milestones.decline, said(request, DeclarationDeclineInput))

    @act(
        "declarations_withdraw",
        "Withdraw a declaration",
        "By the side that said it, while nobody has answered.",
        answer=DeclarationOutput,
        noun="declaration",
    )
    @action(detail=True, methods=["post"])
    @idempotent
    def withdraw(self, request: "Request", public_id: str) -> Response:
        return self._upon(milestones.withdraw, {})

    def _upon(self, verb: "Callable[..., Declaration]", asked: dict[str, Any]) -> Response:
        declaration = self.get_object()
        return self._answer(lambda **who: verb(declaration=declaration, **asked, **who))

    def _answer(self, verb: "Callable[..., Declaration]", *, status: int = 200) -> Response:
        with refusing(
            milestones.AlreadyAnswered,
            milestones.AlreadyDeclared,
            milestones.AlreadyReached,
            milestones.OwnWord,
            milestones.PlanOver,
            invalid={milestones.NotSaid: ""},
        ):
            made = verb(by=self.request.user, at=clock.now())
        row = self.get_queryset().get(pk=made.pk)
        return Response(DeclarationOutput(row).data, status=status)
