"""Offers and requests over REST: announced with the plan, made when the time is right."""

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
from config.kernel.problems import Conflict
from members.api.acts import act, identifier, of_visible, refusing, said, text
from members.api.idempotency import idempotent
from members.api.serializers import MemberRef, UserRef
from success.access import Permission
from success.api.acts import PersonField
from success.api.milestones import MilestoneRef
from success.api.serializers import PersonRef
from success.enums import Advocacy, AskKind, AskStatus
from success.models import Ask, Offer
from success.services import asks

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.db.models import QuerySet
    from rest_framework.request import Request

ANSWER_CHOICES = [(each.value, each.label) for each in (AskStatus.ACCEPTED, AskStatus.REFUSED)]


@extend_schema_serializer(component_name="Offer")
class OfferRef(serializers.Serializer[Offer]):
    key = serializers.CharField()
    title = serializers.CharField()


@extend_schema_serializer(component_name="Ask")
class AskOutput(serializers.Serializer[Ask]):
    """An offer, or a request, that was announced when the plan was agreed."""

    id = serializers.UUIDField(source="public_id")
    member = MemberRef(source="plan.member")
    plan = serializers.UUIDField(source="plan.public_id")
    milestone = MilestoneRef()
    kind = serializers.ChoiceField(choices=AskKind.choices)
    advocacy = serializers.ChoiceField(choices=Advocacy.choices, allow_blank=True)
    offer = OfferRef(allow_null=True)
    status = serializers.ChoiceField(choices=AskStatus.choices)
    consented_on = serializers.DateField(
        allow_null=True, help_text="Day they agreed to be asked; null: they have not."
    )
    consented_by = PersonRef(allow_null=True)
    asked_on = serializers.DateField(allow_null=True)
    asked_by = UserRef(allow_null=True)
    answered_on = serializers.DateField(allow_null=True)
    answer = serializers.CharField(allow_blank=True, help_text="In their words.")
    record = serializers.CharField(allow_blank=True, help_text="What came of it.")


class EligibilityOutput(serializers.Serializer[Any]):
    is_eligible = serializers.BooleanField()
    reasons = serializers.ListField(
        child=serializers.CharField(), help_text="All that stands against it, in words."
    )


@extend_schema_serializer(component_name="AskDetail")
class AskDetailOutput(AskOutput):
    eligibility = EligibilityOutput(help_text="Whether it may be made today.", source="*")

    def to_representation(self, instance: Ask) -> dict[str, Any]:
        found = asks.eligibility(instance, as_of=clock.today())
        return {**AskOutput(instance).data, "eligibility": EligibilityOutput(found).data}


class ConsentInput(serializers.Serializer[Any]):
    person = PersonField(default=None, allow_null=True, help_text="Who of the member agreed.")
    on = serializers.DateField(help_text="The day they agreed to be asked.")


class MakeAskInput(serializers.Serializer[Any]):
    on = serializers.DateField(help_text="The day they were asked.")


class AskAnswerInput(serializers.Serializer[Any]):
    status = serializers.ChoiceField(choices=ANSWER_CHOICES)
    words = text("What they said, in their words.", required=False)
    record = text("What came of it: a quotation, an address.", required=False)
    on = serializers.DateField(help_text="The day they answered.")


class AskWithdrawInput(serializers.Serializer[Any]):
    reason = text("Why it is given up.", required=False)


class AskFilter(filters.FilterSet):
    member = filters.UUIDFilter(
        field_name="plan__member__public_id",
        label="Member",
        help_text="Identifier of a member.",
    )
    kind = filters.ChoiceFilter(choices=AskKind.choices, label="Kind", help_text="Which kind.")
    status = filters.ChoiceFilter(
        choices=AskStatus.choices, label="Status", help_text="Where it stands."
    )
    offer = filters.CharFilter(
        field_name="offer__key", label="Offer", help_text="Key of an offer."
    )

    class Meta:
        model = Ask
        fields: list[str] = []


@extend_schema(tags=["asks"])
@extend_schema_view(
    list=extend_schema(
        operation_id="asks_list",
        summary="List offers and requests",
        description="What was announced to the members the caller may see, newest first.",
        responses={200: AskOutput(many=True), **problems(400)},
    ),
    retrieve=extend_schema(
        operation_id="asks_retrieve",
        summary="Show an offer or a request",
        description="With `eligibility`: whether it may be made today, and what is against it.",
        parameters=[identifier("ask")],
        responses={200: AskDetailOutput, **problems(404)},
    ),
)
class Asks(ListModelMixin, RetrieveModelMixin, GenericViewSet[Ask]):
    filterset_class = AskFilter
    lookup_field = "public_id"
    keyset_order = ("-pk",)
    permission_map = {
        "list": Permission.PLAN_VIEW,
        "retrieve": Permission.PLAN_VIEW,
        "consent": Permission.PLAN_EDIT,
        "make": Permission.PLAN_EDIT,
        "answer": Permission.PLAN_EDIT,
        "withdraw": Permission.PLAN_EDIT,
    }

    def get_queryset(self) -> "QuerySet[Ask]":
        rows = of_visible(Ask, self.request.user, "plan__member")
        return rows.select_related(
            "plan__member", "milestone", "offer", "consented_by", "asked_by"
        )

    def filter_queryset(self, queryset: Any) -> Any:
        return super().filter_queryset(queryset) if self.action == "list" else queryset

    def get_serializer_class(self) -> Any:
        return AskOutput if self.action == "list" else AskDetailOutput

    @act(
        "asks_consent",
        "Record that they agree to be asked",
        "Nobody is asked who has not. Once it was asked, that is 409.",
        request=ConsentInput,
        answer=AskDetailOutput,
        noun="ask",
    )
    @action(detail=True, methods=["post"])
    @idempotent
    def consent(self, request: "Request", public_id: str) -> Response:
        return self._upon(asks.consent, said(request, ConsentInput))

    @act(
        "asks_make",
        "Record that they were asked",
        "Once, and only when the milestone stands on more than one side's word. What stands "
        "against it is 409, with `reasons`.",
        request=MakeAskInput,
        answer=AskDetailOutput,
        noun="ask",
    )
    @action(detail=True, methods=["post"])
    @idempotent
    def make(self, request: "Request", public_id: str) -> Response:
        return self._upon(asks.make_ask, said(request, MakeAskInput))

    @act(
        "asks_answer",
        "Record their answer",
        "Accepted or refused, in their words. Where nothing was asked, that is 409.",
        request=AskAnswerInput,
        answer=AskDetailOutput,
        noun="ask",
    )
    @action(detail=True, methods=["post"])
    @idempotent
    def answer(self, request: "Request", public_id: str) -> Response:
        given = said(request, AskAnswerInput)
        return self._upon(asks.answer, given | {"status": AskStatus(given["status"])})

    @act(
        "asks_withdraw",
        "Give an ask up",
        "For good; one that was answered or withdrawn is 409.",
        request=AskWithdrawInput,
        answer=AskDetailOutput,
        noun="ask",
    )
    @action(detail=True, methods=["post"])
    @idempotent
    def withdraw(self, request: "Request", public_id: str) -> Response:
        return self._upon(asks.withdraw, said(request, AskWithdrawInput))

    def _upon(self, verb: "Callable[..., Ask]", given: dict[str, Any]) -> Response:
        ask = self.get_object()
        try:
            with refusing(asks.NotAnnounced, asks.NotAsked, invalid={asks.BadAnswer: "on"}):
                verb(ask=ask, by=self.request.user, at=clock.now(), **given)
        except asks.NotEligible as error:
            raise Conflict(str(error), extra={"reasons": list(error.reasons)}) from error
        return Response(AskDetailOutput(self.get_queryset().get(pk=ask.pk)).data)
