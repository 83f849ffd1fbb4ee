"""Desired Outcomes over REST: what members want, whether it still holds, and the six fits."""

from typing import TYPE_CHECKING, Any

import django_filters as filters
from drf_spectacular.utils import (
    OpenApiExample,
    extend_schema,
    extend_schema_serializer,
    extend_schema_view,
)
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from config.kernel import clock
from config.kernel.api import problems
from members.api.acts import MemberField, act, identifier, of_visible, refusing, said, text
from members.api.idempotency import idempotent
from members.api.serializers import MemberRef, UserRef
from members.filters import YesOrNo
from success.access import Permission
from success.api.acts import PersonField
from success.api.serializers import PersonRef
from success.enums import Answer, ConfirmedIn, Fit, FitStatus
from success.models import DesiredOutcome, FitAssessment, GoalChange
from success.services import outcomes

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from rest_framework.request import Request


def _user(request: "Request") -> Any:
    """Who asks: signed in, for the permission was asked."""
    return request.user


ANSWER_CHOICES = [choice for choice in Answer.choices if choice[0] != Answer.WAITING]


@extend_schema_serializer(component_name="DesiredOutcome")
class OutcomeOutput(serializers.Serializer[DesiredOutcome]):
    """A version of what a member wants to achieve; a changed goal is the next version."""

    id = serializers.UUIDField(source="public_id")
    member = MemberRef()
    is_primary = serializers.BooleanField(help_text="The one that drives the vector.")
    version = serializers.IntegerField()
    goal = serializers.CharField(help_text="In the member's own words.")
    required_outcome = serializers.CharField(allow_blank=True)
    measure = serializers.CharField(allow_blank=True)
    said_by = PersonRef(allow_null=True)
    said_on = serializers.DateField()
    confirmed_on = serializers.DateField(help_text="Last day somebody said it still holds.")
    ended_on = serializers.DateField(
        allow_null=True, help_text="First day it no longer holds; null: it holds."
    )


class OutcomeInput(serializers.Serializer[Any]):
    member = MemberField()
    goal = text("In the member's own words.")
    required_outcome = text("What has to be true then.", required=False)
    measure = text("How both sides will know.", required=False)
    said_by = PersonField(default=None, allow_null=True, help_text="Who of the member said it.")
    on = serializers.DateField(help_text="The day they said it.")


class OutcomeConfirmInput(serializers.Serializer[Any]):
    on = serializers.DateField(help_text="The day they said so.")
    said_in = serializers.ChoiceField(
        choices=ConfirmedIn.choices, help_text="The occasion on which they said so."
    )


class OutcomeFilter(filters.FilterSet):
    member = filters.UUIDFilter(
        field_name="member__public_id", label="Member", help_text="Identifier of a member."
    )
    is_primary = YesOrNo(
        method="primary", label="Primary", help_text="The one that drives the vector."
    )
    holds = YesOrNo(method="holding", label="Holds", help_text="Whether it has not ended.")
    confirmed_before = filters.DateFilter(
        field_name="confirmed_on",
        lookup_expr="lt",
        label="Confirmed before",
        help_text="Nobody has said since that it still holds.",
    )

    class Meta:
        model = DesiredOutcome
        fields: list[str] = []

    def primary(self, queryset: Any, name: str, value: bool) -> Any:
        return queryset.filter(is_primary=value)

    def holding(self, queryset: Any, name: str, value: bool) -> Any:
        return queryset.filter(ended_on__isnull=value)


@extend_schema(tags=["outcomes"])
@extend_schema_view(
    list=extend_schema(
        operation_id="outcomes_list",
        summary="List Desired Outcomes",
        description="Every version of the members the caller may see, newest first.",
        responses={200: OutcomeOutput(many=True), **problems(400)},
    ),
    retrieve=extend_schema(
        operation_id="outcomes_retrieve",
        summary="Show a Desired Outcome",
        description="One version, whether it still holds or not.",
        parameters=[identifier("outcome")],
        responses={200: OutcomeOutput, **problems(404)},
    ),
)
class Outcomes(ListModelMixin, RetrieveModelMixin, GenericViewSet[DesiredOutcome]):
    serializer_class = OutcomeOutput
    filterset_class = OutcomeFilter
    lookup_field = "public_id"
    keyset_order = ("-recorded_at",)
    permission_map = {
        "list": Permission.PLAN_VIEW,
        "retrieve": Permission.PLAN_VIEW,
        "create": Permission.PLAN_EDIT,
        "confirm": Permission.PLAN_EDIT,
    }

    def get_queryset(self) -> "QuerySet[DesiredOutcome]":
        rows = of_visible(DesiredOutcome, self.request.user)
        return rows.select_related("member", "said_by")

    def filter_queryset(self, queryset: Any) -> Any:
        return super().filter_queryset(queryset) if self.action == "list" else queryset

    @act(
        "outcomes_create",
        "Write down a further goal",
        "A goal beside the primary one: tracked, and never averaged into the vector. The "
        "primary one comes with the plan that is agreed for it.",
        request=OutcomeInput,
        answer=OutcomeOutput,
        status=201,
    )
    @idempotent
    def create(self, request: "Request") -> Response:
        asked = said(request, OutcomeInput)
        with refusing(invalid={outcomes.NotSaid: ""}):
            made = outcomes.add_secondary(by=_user(request), at=clock.now(), **asked)
        return Response(OutcomeOutput(made).data, status=201)

    @act(
        "outcomes_confirm",
        "Confirm that a goal still holds",
        "Once a day is enough: said again for a day it is what was said first. A version that "
        "has ended is 409.",
        request=OutcomeConfirmInput,
        answer=OutcomeOutput,
        noun="outcome",
    )
    @action(detail=True, methods=["post"])
    @idempotent
    def confirm(self, request: "Request", public_id: str) -> Response:
        outcome = self.get_object()
        asked = said(request, OutcomeConfirmInput)
        with refusing(outcomes.OutcomeEnded, invalid={outcomes.NotSaid: "on"}):
            outcomes.confirm_outcome(
                outcome=outcome, by=_user(request), at=clock.now(), **asked
            )
        return Response(OutcomeOutput(self.get_object()).data)


@extend_schema_serializer(component_name="GoalChange")
class GoalChangeOutput(serializers.Serializer[GoalChange]):
    """“My goal has changed”, as the member said it, and what was answered."""

    id = serializers.UUIDField(source="public_id")
    member = MemberRef()
    words = serializers.CharField(help_text="The new goal, in the member's own words.")
    status = serializers.ChoiceField(choices=Answer.choices)
    by = UserRef(allow_null=True)
    at = serializers.DateTimeField()
    answered_by = UserRef(allow_null=True)
    answered_at = serializers.DateTimeField(allow_null=True)
    answer = serializers.CharField(allow_blank=True)


class GoalChangeInput(serializers.Serializer[Any]):
    member = MemberField()
    words = text("The new goal, in the member's own words.")


class GoalAnswerInput(serializers.Serializer[Any]):
    status = serializers.ChoiceField(
        choices=ANSWER_CHOICES,
        help_text="Confirmed: a new version of the plan answers it.",
    )
    answer = text("What to say to it; needed where it is declined.", required=False)


class GoalChangeFilter(filters.FilterSet):
    member = filters.UUIDFilter(
        field_name="member__public_id", label="Member", help_text="Identifier of a member."
    )
    status = filters.ChoiceFilter(
        choices=Answer.choices, label="Status", help_text="Where it stands."
    )

    class Meta:
        model = GoalChange
        fields: list[str] = []


@extend_schema(tags=["outcomes"])
@extend_schema_view(
    list=extend_schema(
        operation_id="goal_changes_list",
        summary="List changed goals",
        description="What members have said of a changed goal, newest first.",
        responses={200: GoalChangeOutput(many=True), **problems(400)},
    ),
    retrieve=extend_schema(
        operation_id="goal_changes_retrieve",
        summary="Show a changed goal",
        description="What was said, and what was answered.",
        parameters=[identifier("change")],
        responses={200: GoalChangeOutput, **problems(404)},
    ),
)
class GoalChanges(ListModelMixin, RetrieveModelMixin, GenericViewSet[GoalChange]):
    serializer_class = GoalChangeOutput
    filterset_class = GoalChangeFilter
    lookup_field = "public_id"
    keyset_order = ("-at",)
    permission_map = {
        "list": Permission.PLAN_VIEW,
        "retrieve": Permission.PLAN_VIEW,
        "create": Permission.PLAN_EDIT,
        "answer": Permission.PLAN_EDIT,
    }

    def get_queryset(self) -> "QuerySet[GoalChange]":
        rows = of_visible(GoalChange, self.request.user)
        return rows.select_related("member", "by", "answered_by")

    def filter_queryset(self, queryset: Any) -> Any:
        return super().filter_queryset(queryset) if self.action == "list" else queryset

    @act(
        "goal_changes_create",
        "Record that a goal has changed",
        "As the member said it. It waits for an answer; while it does, another one is 409.",
        request=GoalChangeInput,
        answer=GoalChangeOutput,
        status=201,
    )
    @idempotent
    def create(self, request: "Request") -> Response:
        asked = said(request, GoalChangeInput)
        with refusing(outcomes.AlreadyWaiting, invalid={outcomes.NotSaid: "words"}):
            made = outcomes.ask_goal_change(by=_user(request), at=clock.now(), **asked)
        return Response(GoalChangeOutput(made).data, status=201)

    @act(
        "goal_changes_answer",
        "Answer a changed goal",
        "Answered before, and otherwise, it is 409.",
        request=GoalAnswerInput,
        answer=GoalChangeOutput,
        noun="change",
    )
    @action(detail=True, methods=["post"])
    @idempotent
    def answer(self, request: "Request", public_id: str) -> Response:
        change = self.get_object()
        asked = said(request, GoalAnswerInput)
        with refusing(outcomes.AlreadyAnswered, invalid={outcomes.NotSaid: "answer"}):
            outcomes.answer_goal_change(
                change=change,
                by=_user(request),
                at=clock.now(),
                **asked,
            )
        return Response(GoalChangeOutput(self.get_object()).data)


@extend_schema_serializer(component_name="FitAssessment")
class FitOutput(serializers.Serializer[FitAssessment]):
    """One of the six fits of success potential, as assessed on a day."""

    member = MemberRef()
    fit = serializers.ChoiceField(choices=Fit.choices)
    status = serializers.ChoiceField(choices=FitStatus.choices)
    reason = serializers.CharField(allow_blank=True)
    on = serializers.DateField()
    by = UserRef(allow_null=True)


class FitInput(serializers.Serializer[Any]):
    member = MemberField()
    fit = serializers.ChoiceField(choices=Fit.choices)
    status = serializers.ChoiceField(choices=FitStatus.choices)
    reason = text("Why; needed where it is missing.", required=False)
    on = serializers.DateField(help_text="The day it was assessed.")


class FitFilter(filters.FilterSet):
    member = filters.UUIDFilter(
        field_name="member__public_id", label="Member", help_text="Identifier of a member."
    )
    fit = filters.ChoiceFilter(choices=Fit.choices, label="Fit", help_text="Which fit.")
    status = filters.ChoiceFilter(
        choices=FitStatus.choices, label="Status", help_text="How it stood."
    )

    class Meta:
        model = FitAssessment
        fields: list[str] = []


@extend_schema(tags=["outcomes"])
@extend_schema_view(
    list=extend_schema(
        operation_id="fits_list",
        summary="List assessments of fits",
        description="Newest first; of a member's fit the newest counts.",
        responses={200: FitOutput(many=True), **problems(400)},
    ),
)
class Fits(ListModelMixin, GenericViewSet[FitAssessment]):
    serializer_class = FitOutput
    filterset_class = FitFilter
    keyset_order = ("-on",)
    permission_map = {"list": Permission.PLAN_VIEW, "create": Permission.PLAN_EDIT}

    def get_queryset(self) -> "QuerySet[FitAssessment]":
        return of_visible(FitAssessment, self.request.user).select_related("member", "by")

    @act(
        "fits_create",
        "Assess a fit",
        "Said again for the same day, it replaces. While a fit is missing, no plan is agreed "
        "without a promise of ours that closes it.",
        request=FitInput,
        answer=FitOutput,
        status=201,
        examples=[
            OpenApiExample(
                "missing",
                value={
                    "member": "0198f3c2-7a10-7c3e-9d55-0c5b8b1f6a42",
                    "fit": "resource",
                    "status": "missing",
                    "reason": "Nobody has time before autumn",
                    "on": "2026-07-29",
                },
                request_only=True,
            )
        ],
    )
    @idempotent
    def create(self, request: "Request") -> Response:
        asked = said(request, FitInput)
        with refusing(invalid={outcomes.NotSaid: "reason"}):
            made = outcomes.assess_fit(by=_user(request), at=clock.now(), **asked)
        return Response(FitOutput(made).data, status=201)
