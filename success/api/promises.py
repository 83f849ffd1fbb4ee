"""Joint accountability over REST: what either side promised, by when, and what became of it."""

from typing import TYPE_CHECKING, Any

import django_filters as filters
from django.db.models import Q
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
from config.kernel.api import PageInput, asked, page_body, paged, problems
from config.kernel.keyset import page
from members.api.acts import (
    ColleagueField,
    ReasonInput,
    act,
    identifier,
    of_visible,
    refusing,
    said,
    text,
)
from members.api.idempotency import idempotent
from members.api.serializers import MemberRef, UserRef
from members.filters import ME, OwnerFilter, YesOrNo
from success.access import Permission
from success.api.acts import PersonField
from success.api.milestones import MilestoneRef
from success.api.plans import point_of
from success.api.serializers import PersonRef
from success.enums import Fit, Obligation, Side
from success.models import Accountability, AccountabilityEvent, Plan
from success.services import promises

if TYPE_CHECKING:
    import uuid
    from collections.abc import Callable

    from django.db.models import QuerySet
    from rest_framework.request import Request

NOBODY = "nobody"
PROMISE_STATUS = [("open", "Open"), ("kept", "Kept"), ("waived", "Waived")]


@extend_schema_serializer(component_name="JointAccountability")
class PromiseDetailOutput(serializers.Serializer[Accountability]):
    """A promise of one side, with its day."""

    id = serializers.UUIDField(source="public_id")
    member = MemberRef(source="plan.member")
    plan = serializers.UUIDField(source="plan.public_id")
    milestone = MilestoneRef(allow_null=True)
    side = serializers.ChoiceField(choices=Side.choices)
    title = serializers.CharField()
    owner = UserRef(
        allow_null=True, help_text="Who of us keeps it; null: nobody in particular."
    )
    person = PersonRef(allow_null=True, help_text="Who of the member keeps it.")
    closes_fit = serializers.ChoiceField(choices=Fit.choices, allow_blank=True)
    obligation = serializers.ChoiceField(
        choices=Obligation.choices, allow_blank=True, help_text="Made by a rule of ours."
    )
    due_on = serializers.DateField()
    done_on = serializers.DateField(allow_null=True)
    evidence = serializers.CharField(allow_blank=True)
    waived_on = serializers.DateField(allow_null=True)
    waived_reason = serializers.CharField(allow_blank=True)
    status = serializers.SerializerMethodField()
    is_late = serializers.SerializerMethodField(help_text="Open, and its day has passed.")
    is_simulated = serializers.BooleanField(help_text="Made for a demonstration.")

    def get_status(self, promise: Accountability) -> str:
        if promise.waived_on is not None:
            return "waived"
        return "kept" if promise.done_on is not None else "open"

    def get_is_late(self, promise: Accountability) -> bool:
        return self.get_status(promise) == "open" and promise.due_on < clock.today()


@extend_schema_serializer(component_name="PromiseStep")
class StepOutput(serializers.Serializer[AccountabilityEvent]):
    verb = serializers.CharField(
        help_text="made, done, reopened, waived, handed_over, moved, reworded, went_on."
    )
    by = UserRef(allow_null=True)
    at = serializers.DateTimeField()
    note = serializers.CharField(allow_blank=True)
    before = serializers.DictField(help_text="What changed, as it was.")


@extend_schema_serializer(component_name="PromiseHistory")
class HistoryOutput(serializers.Serializer[Any]):
    results = StepOutput(many=True)
    next = serializers.CharField(allow_null=True)
    previous = serializers.CharField(allow_null=True)


class PromiseInput(serializers.Serializer[Any]):
    plan = serializers.UUIDField(help_text="Identifier of the plan version in force.")
    milestone = serializers.CharField(
        default="", allow_blank=True, help_text="Key of the milestone it leads to; blank: none."
    )
    side = serializers.ChoiceField(choices=Side.choices)
    title = text("What is promised.", longest=500)
    due_on = serializers.DateField(help_text="The last day on which it is kept in time.")
    owner = ColleagueField(default=None, allow_null=True, help_text="Who of us keeps ours.")
    person = PersonField(default=None, allow_null=True, help_text="Who keeps theirs.")
    closes_fit = serializers.ChoiceField(
        choices=Fit.choices, default="", allow_blank=True, help_text="The fit that it closes."
    )


class PromiseKeepInput(serializers.Serializer[Any]):
    on = serializers.DateField(help_text="The day it was done.")
    evidence = text("How the other side can see it.", required=False)


class PromiseMoveInput(serializers.Serializer[Any]):
    due_on = serializers.DateField()
    reason = text("Why it gets another day.")


class PromiseHandOverInput(serializers.Serializer[Any]):
    owner = ColleagueField(default=None, allow_null=True, help_text="Who of us keeps ours.")
    person = PersonField(default=None, allow_null=True, help_text="Who keeps theirs.")


class PromiseFilter(filters.FilterSet):
    member = filters.UUIDFilter(
        field_name="plan__member__public_id",
        label="Member",
        help_text="Identifier of a member.",
    )
    side = filters.ChoiceFilter(
        choices=Side.choices, label="Side", help_text="Who made the promise."
    )
    status = filters.ChoiceFilter(
        choices=PROMISE_STATUS, method="standing", label="Status", help_text="Where it stands."
    )
    late = YesOrNo(method="is_late", label="Late", help_text="Open, and its day has passed.")
    owner = OwnerFilter(
        method="kept_by",
        label="Owner",
        help_text="me, pool (nobody in particular), or the identifier of a colleague.",
    )
    due_before = filters.DateFilter(
        field_name="due_on", lookup_expr="lt", label="Due before", help_text="Due before a day."
    )
    plan_in_force = YesOrNo(
        method="in_force",
        label="Plan in force",
        help_text="Whether it belongs to the version that counts now.",
    )

    class Meta:
        model = Accountability
        fields: list[str] = []

    def standing(self, queryset: Any, name: str, value: str) -> Any:
        match value:
            case "waived":
                return queryset.filter(waived_on__isnull=False)
            case "kept":
                return queryset.filter(waived_on=None, done_on__isnull=False)
        return queryset.filter(waived_on=None, done_on=None)

    def is_late(self, queryset: Any, name: str, value: bool) -> Any:
        late = Q(waived_on=None, done_on=None, due_on__lt=clock.today())
        return queryset.filter(late if value else ~late)

    def kept_by(self, queryset: Any, name: str, value: "str | uuid.UUID") -> Any:
        if value == ME:
            return queryset.filter(owner=self.request.user)
        if value == "pool":
            return queryset.filter(side=Side.ASSOCIATION, owner=None)
        return queryset.filter(owner__public_id=value)

    def in_force(self, queryset: Any, name: str, value: bool) -> Any:
        return queryset.filter(plan__closed_on__isnull=value)


@extend_schema(tags=["promises"])
@extend_schema_view(
    list=extend_schema(
        operation_id="promises_list",
        summary="List promises",
        description=(
            "Of both sides, the one due first first. `late=true&side=association` is what we "
            "owe."
        ),
        responses={200: PromiseDetailOutput(many=True), **problems(400)},
    ),
    retrieve=extend_schema(
        operation_id="promises_retrieve",
        summary="Show a promise",
        description="A promise as it stands.",
        parameters=[identifier("promise")],
        responses={200: PromiseDetailOutput, **problems(404)},
    ),
)
class Promises(ListModelMixin, RetrieveModelMixin, GenericViewSet[Accountability]):
    serializer_class = PromiseDetailOutput
    filterset_class = PromiseFilter
    lookup_field = "public_id"
    keyset_order = ("due_on",)
    permission_map = {
        "list": Permission.PLAN_VIEW,
        "retrieve": Permission.PLAN_VIEW,
        "history": Permission.PLAN_VIEW,
        "create": Permission.PLAN_EDIT,
        "keep": Permission.PLAN_EDIT,
        "reopen": Permission.PLAN_EDIT,
        "waive": Permission.PLAN_EDIT,
        "move": Permission.PLAN_EDIT,
        "hand_over": Permission.PLAN_EDIT,
    }

    def get_queryset(self) -> "QuerySet[Accountability]":
        rows = of_visible(Accountability, self.request.user, "plan__member")
        return rows.select_related("plan__member", "milestone", "owner", "person")

    def filter_queryset(self, queryset: Any) -> Any:
        return super().filter_queryset(queryset) if self.action == "list" else queryset

    @act(
        "promises_create",
        "Make a promise",
        "Ours may name a colleague, theirs one of their people. A closed plan is refused.",
        request=PromiseInput,
        answer=PromiseDetailOutput,
        status=201,
        examples=[
            OpenApiExample(
                "ours",
                value={
                    "plan": "0198f3c2-aa10-7c3e-9d55-0c5b8b1f6a42",
                    "milestone": "first-change",
                    "side": "association",
                    "title": "Introduce you to the maintainers",
                    "due_on": "2026-08-14",
                },
                request_only=True,
            )
        ],
    )
    @idempotent
    def create(self, request: "Request") -> Response:
        given = said(request, PromiseInput)
        plan = of_visible(Plan, request.user).filter(public_id=given.pop("plan")).first()
        if plan is None:
            raise serializers.ValidationError({"plan": "There is none with this identifier."})
        key = given.pop("milestone")
        milestone = point_of(plan, key) if key else None
        return self._answer(
            lambda **who: promises.make(plan=plan, milestone=milestone, **given, **who),
            status=201,
        )

    @act(
        "promises_keep",
        "Keep a promise",
        "It is done, on a day; late counts as late. One that is settled is 409.",
        request=PromiseKeepInput,
        answer=PromiseDetailOutput,
        noun="promise",
    )
    @action(detail=True, methods=["post"])
    @idempotent
    def keep(self, request: "Request", public_id: str) -> Response:
        return self._upon(promises.keep, said(request, PromiseKeepInput))

    @act(
        "promises_reopen",
        "Open a promise again",
        "It is to be done after all, by the day it had. One that is open is 409.",
        request=ReasonInput,
        answer=PromiseDetailOutput,
        noun="promise",
    )
    @action(detail=True, methods=["post"])
    @idempotent
    def reopen(self, request: "Request", public_id: str) -> Response:
        return self._upon(promises.reopen, said(request, ReasonInput))

    @act(
        "promises_waive",
        "Waive a promise",
        "It counts neither as kept nor as broken. One that is settled is 409.",
        request=ReasonInput,
        answer=PromiseDetailOutput,
        noun="promise",
    )
    @action(detail=True, methods=["post"])
    @idempotent
    def waive(self, request: "Request", public_id: str) -> Response:
        return self._upon(promises.waive, said(request, ReasonInput))

    @act(
        "promises_move",
        "Move a promise",
        "Another day, before the first has passed: after it, that is 409, and the promise is "
        "done late or waived.",
        request=PromiseMoveInput,
        answer=PromiseDetailOutput,
        noun="promise",
    )
    @action(detail=True, methods=["post"])
    @idempotent
    def move(self, request: "Request", public_id: str) -> Response:
        return self._upon(promises.move, said(request, PromiseMoveInput))

    @act(
        "promises_hand_over",
        "Hand a promise over",
        "To somebody else of the same side, or to nobody by name.",
        request=PromiseHandOverInput,
        answer=PromiseDetailOutput,
        noun="promise",
    )
    @action(detail=True, methods=["post"], url_path="hand-over")
    @idempotent
    def hand_over(self, request: "Request", public_id: str) -> Response:
        return self._upon(promises.hand_over, said(request, PromiseHandOverInput))

    @extend_schema(
        operation_id="promises_history",
        summary="Show what became of a promise",
        description="Every step, newest first; none is ever taken away.",
        parameters=[identifier("promise"), PageInput],
        responses={200: HistoryOutput, **problems(400, 404)},
        filters=False,
    )
    @action(detail=True, pagination_class=None)
    def history(self, request: "Request", public_id: str) -> Response:
        asked(request, PageInput)
        steps = self.get_object().events.select_related("by")
        shown = paged(
            request,
            lambda size, **edges: page(steps, order=("-at",), size=size, **edges),
        )
        return Response(page_body(shown, [StepOutput(step).data for step in shown.items]))

    def _upon(self, verb: "Callable[..., Accountability]", given: dict[str, Any]) -> Response:
        promise = self.get_object()
        return self._answer(lambda **who: verb(promise=promise, **given, **who))

    def _answer(self, verb: "Callable[..., Accountability]", *, status: int = 200) -> Response:
        with refusing(
            promises.AlreadySettled,
            promises.StillOpen,
            promises.DueDayPassed,
            invalid={promises.NotPromised: "", promises.MovedIntoThePast: "due_on"},
        ):
            made = verb(by=self.request.user, at=clock.now())
        row = self.get_queryset().get(pk=made.pk)
        return Response(PromiseDetailOutput(row).data, status=status)
