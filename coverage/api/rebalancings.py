"""Who should look after whom over REST: asked for, answered by a worker, applied, undone."""

from collections.abc import Mapping
from contextlib import suppress
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from drf_spectacular.utils import (
    OpenApiParameter,
    extend_schema,
    extend_schema_serializer,
    extend_schema_view,
)
from kombu.exceptions import OperationalError
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from config.kernel import clock
from config.kernel.api import PageInput, asked, page_body, paged, problems
from config.kernel.keyset import page
from config.kernel.problems import Conflict
from coverage.access import Permission
from coverage.engine import simulator
from coverage.engine.simulator import Asked, Cohort
from coverage.enums import LifecycleStage, Modality, RebalancingStatus
from coverage.models import Move, Rebalancing
from coverage.queries import rebalancing as reads
from coverage.services import rebalancing as acts
from coverage.tasks import work_out_rebalancing
from members.api.idempotency import IDEMPOTENCY_KEY, idempotent
from members.models import User

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from rest_framework.request import Request

IDENTIFIER = OpenApiParameter(
    "public_id",
    type=str,
    location=OpenApiParameter.PATH,
    description="The `id` of the rebalancing.",
)


class CohortInput(serializers.Serializer[Any]):
    """Members of one segment who would be in another."""

    from_segment = serializers.CharField(help_text="Key of a segment.")
    to_segment = serializers.CharField(help_text="Key of a segment that is given.")
    percent = serializers.IntegerField(
        min_value=1, max_value=100, default=simulator.COHORT_PERCENT
    )
    only_over_served = serializers.BooleanField(
        default=False, help_text="Only members given more than one and a half times their AX."
    )
    until = serializers.DateField(
        allow_null=True, default=None, help_text="First day on which the rules decide again."
    )


class HoursInput(serializers.Serializer[Any]):
    user = serializers.UUIDField()
    hours = serializers.IntegerField(min_value=0, max_value=400, help_text="A month.")


class LeverageInput(serializers.Serializer[Any]):
    modality = serializers.ChoiceField(choices=Modality.choices)
    factor = serializers.DecimalField(
        max_digits=6, decimal_places=2, help_text="Member-hours for an hour of staff."
    )


class CellInput(serializers.Serializer[Any]):
    segment = serializers.SlugField()
    stage = serializers.ChoiceField(choices=LifecycleStage.values)
    hours = serializers.DecimalField(
        max_digits=7, decimal_places=3, min_value=0, help_text="Of staff, a member and month."
    )


class PartInput(serializers.Serializer[Any]):
    segment = serializers.SlugField()
    percent = serializers.IntegerField(
        min_value=0, max_value=1000, help_text="Of the hours it takes today, in every stage."
    )


@extend_schema_serializer(component_name="RebalancingInput")
class AskInput(serializers.Serializer[Any]):
    """The limits and the what-ifs."""

    most_moved_percent = serializers.IntegerField(
        min_value=0,
        max_value=100,
        allow_null=True,
        default=simulator.MOST_MOVED_PERCENT,
        help_text="Of relationships; null sets no limit.",
    )
    added = serializers.IntegerField(min_value=0, max_value=50, default=0)
    added_hours = serializers.IntegerField(
        min_value=1, max_value=400, default=simulator.ADDED_HOURS, help_text="Each, a month."
    )
    away = serializers.ListField(child=serializers.UUIDField(), default=list, max_length=500)
    hours = HoursInput(many=True, default=list)
    leverage = LeverageInput(many=True, default=list)
    cells = CellInput(many=True, default=list, help_text="These win over parts.")
    parts = PartInput(many=True, default=list)
    hours_apart = serializers.IntegerField(
        min_value=0,
        max_value=12,
        allow_null=True,
        default=None,
        help_text="Between the clocks of a member and who gets them; null sets no limit.",
    )
    cohort = CohortInput(allow_null=True, default=None)


@extend_schema_serializer(component_name="RebalancingApplyInput")
class ApplyInput(serializers.Serializer[Any]):
    reason = serializers.CharField(max_length=500, help_text="Kept with each member who moves.")
    tells_members = serializers.BooleanField(
        default=False, help_text="Whether main contacts are told, an hour later."
    )


class LoadOutput(serializers.Serializer[Any]):
    user = serializers.UUIDField(allow_null=True, help_text="Null for people not there yet.")
    name = serializers.CharField(allow_blank=True)
    members = serializers.IntegerField()
    needed = serializers.FloatField(help_text="Hours a month.")
    capacity = serializers.FloatField(help_text="Hours a month.")


@extend_schema_serializer(component_name="Rebalancing")
class RebalancingOutput(serializers.Serializer[Rebalancing]):
    """A question about who should look after whom."""

    id = serializers.UUIDField(source="public_id")
    status = serializers.ChoiceField(choices=RebalancingStatus.choices)
    as_of = serializers.DateField()
    asked_by = serializers.UUIDField(source="asked_by.public_id", allow_null=True, default=None)
    asked_at = serializers.DateTimeField()
    stage = serializers.CharField(allow_blank=True, help_text="What is worked out just now.")
    error = serializers.CharField(allow_blank=True)
    bound = serializers.FloatField(
        allow_null=True, help_text="What the highest load cannot go below."
    )
    highest = serializers.FloatField(allow_null=True, help_text="The highest load then.")
    reason = serializers.CharField(allow_blank=True)
    applied_at = serializers.DateTimeField(allow_null=True)
    undone_at = serializers.DateTimeField(allow_null=True)


@extend_schema_serializer(component_name="RebalancingDetail")
class DetailOutput(RebalancingOutput):
    moves = serializers.IntegerField(source="*")
    freed = serializers.FloatField(
        source="*", allow_null=True, help_text="Hours a month that the cohort gives back."
    )
    before = LoadOutput(many=True, source="*")
    after = LoadOutput(many=True, source="*")

    def to_representation(self, instance: Rebalancing) -> dict[str, Any]:
        people = User.objects.in_bulk(
            [
                each["key"]
                for picture in (instance.before, instance.after)
                for each in picture.get("people", ())
                if each["key"] > 0
            ]
        )
        freed = instance.after.get("freed")
        return {
            **RebalancingOutput(instance).data,
            "moves": instance.moves.count(),
            "freed": None if freed is None else freed / simulator.HUNDREDTHS,
            "before": _loads(instance.before, people),
            "after": _loads(instance.after, people),
        }


def _loads(picture: Mapping[str, Any], people: Mapping[int, User]) -> list[dict[str, Any]]:
    return [
        {
            "user": str(people[each["key"]].public_id) if each["key"] in people else None,
            "name": people[each["key"]].name if each["key"] in people else "",
            "members": each["members"],
            "needed": each["needed"] / simulator.HUNDREDTHS,
            "capacity": each["capacity"] / simulator.HUNDREDTHS,
        }
        for each in picture.get("people", ())
    ]


@extend_schema_serializer(component_name="RebalancingMove")
class MoveOutput(serializers.Serializer[Move]):
    member = serializers.UUIDField(source="member.public_id")
    from_owner = serializers.UUIDField(
        source="from_owner.public_id", allow_null=True, default=None
    )
    to_owner = serializers.UUIDField(
        source="to_owner.public_id", allow_null=True, default=None, help_text="Null: the pool."
    )
    from_segment = serializers.CharField(source="from_segment.key")
    to_segment = serializers.CharField(source="to_segment.key")
    minutes = serializers.IntegerField(help_text="Of staff, a month.")
    outcome = serializers.CharField(
        allow_blank=True, help_text="applied, left, undone or kept; blank: proposed."
    )


@extend_schema_serializer(component_name="RebalancingMoves")
class MovesOutput(serializers.Serializer[Any]):
    results = MoveOutput(many=True)
    next = serializers.CharField(allow_null=True)
    previous = serializers.CharField(allow_null=True)


@extend_schema(tags=["coverage"])
@extend_schema_view(
    list=extend_schema(
        operation_id="rebalancings_list",
        summary="List rebalancings",
        description="Newest first.",
        responses={200: RebalancingOutput(many=True), **problems(400)},
        filters=False,
        parameters=[PageInput],
    ),
    retrieve=extend_schema(
        operation_id="rebalancings_retrieve",
        summary="Show a rebalancing",
        description="With both pictures, once it is worked out.",
        parameters=[IDENTIFIER],
        responses={200: DetailOutput, **problems(404)},
    ),
)
class Rebalancings(ListModelMixin, RetrieveModelMixin, GenericViewSet[Rebalancing]):
    lookup_field = "public_id"
    keyset_order = ("-asked_at",)
    permission_map = {
        "list": Permission.COVERAGE_EDIT,
        "retrieve": Permission.COVERAGE_EDIT,
        "moves": Permission.COVERAGE_EDIT,
        "create": Permission.COVERAGE_EDIT,
        "apply": Permission.COVERAGE_EDIT,
        "undo": Permission.COVERAGE_EDIT,
    }

    def get_queryset(self) -> "QuerySet[Rebalancing]":
        return reads.recent_rebalancings()

    def get_serializer_class(self) -> Any:
        return RebalancingOutput if self.action == "list" else DetailOutput

    @extend_schema(
        operation_id="rebalancings_create",
        summary="Ask who should look after whom",
        description="A worker answers; nothing changes until it is applied.",
        parameters=[IDEMPOTENCY_KEY],
        request=AskInput,
        responses={202: DetailOutput, **problems(400, 409, 422)},
        filters=False,
    )
    @idempotent
    def create(self, request: "Request") -> Response:
        user: Any = request.user
        given = AskInput(data=request.data)
        given.is_valid(raise_exception=True)
        try:
            found = acts.ask(
                asked=_question(given.validated_data),
                by=user,
                as_of=clock.today(),
                at=clock.now(),
            )
        except acts.NotAskable as refusal:
            raise ValidationError({"non_field_errors": [str(refusal)]}) from refusal
        with suppress(OperationalError):  # each minute's tick looks for the row
            work_out_rebalancing.delay(rebalancing_id=found.pk)
        return Response(DetailOutput(found).data, status=202)

    @extend_schema(
        operation_id="rebalancings_moves",
        summary="Show the moves",
        description="The largest first.",
        parameters=[IDENTIFIER, PageInput],
        responses={200: MovesOutput, **problems(400, 404)},
        filters=False,
    )
    @action(detail=True, pagination_class=None)
    def moves(self, request: "Request", public_id: str) -> Response:
        asked(request, PageInput)
        rows = self.get_object().moves.select_related(
            "member", "from_owner", "to_owner", "from_segment", "to_segment"
        )
        shown = paged(
            request,
            lambda size, **edges: page(rows, order=("-minutes", "pk"), size=size, **edges),
        )
        return Response(page_body(shown, [MoveOutput(row).data for row in shown.items]))

    @extend_schema(
        operation_id="rebalancings_apply",
        summary="Apply a rebalancing",
        description="Members whom somebody has moved meanwhile are left. Not ready is 409.",
        parameters=[IDENTIFIER, IDEMPOTENCY_KEY],
        request=ApplyInput,
        responses={200: DetailOutput, **problems(400, 404, 409, 422)},
        filters=False,
    )
    @action(detail=True, methods=["post"])
    @idempotent
    def apply(self, request: "Request", public_id: str) -> Response:
        user: Any = request.user
        given = ApplyInput(data=request.data)
        given.is_valid(raise_exception=True)
        try:
            acts.apply(
                rebalancing=self.get_object(), by=user, at=clock.now(), **given.validated_data
            )
        except acts.NotApplicable as refusal:
            raise Conflict(str(refusal)) from refusal
        return Response(DetailOutput(self.get_object()).data)

    @extend_schema(
        operation_id="rebalancings_undo",
        summary="Undo a rebalancing",
        description="Members whom somebody has moved since are kept. Undone before is 409.",
        parameters=[IDENTIFIER, IDEMPOTENCY_KEY],
        request=None,
        responses={200: DetailOutput, **problems(400, 404, 409, 422)},
        filters=False,
    )
    @action(detail=True, methods=["post"])
    @idempotent
    def undo(self, request: "Request", public_id: str) -> Response:
        user: Any = request.user
        try:
            acts.undo(rebalancing=self.get_object(), by=user, at=clock.now())
        except acts.NotUndoable as refusal:
            raise Conflict("It is undone already, or was never applied.") from refusal
        return Response(DetailOutput(self.get_object()).data)


def _question(said: Mapping[str, Any]) -> Asked:
    """Return the question; a person whom nobody knows is a slip."""
    named = {*said["away"], *(each["user"] for each in said["hours"])}
    keys = dict(User.objects.filter(public_id__in=named).values_list("public_id", "pk"))
    if len(keys) != len(named):
        raise ValidationError({"away": "There is nobody with one of these identifiers."})
    cohort = said["cohort"]
    return Asked(
        most_moved_percent=said["most_moved_percent"],
        added=said["added"],
        added_hours=said["added_hours"],
        away=frozenset(keys[each] for each in said["away"]),
        hours={keys[each["user"]]: each["hours"] for each in said["hours"]},
        leverage={
            each["modality"]: Fraction(Decimal(each["factor"])) for each in said["leverage"]
        },
        cells={
            (each["segment"], each["stage"]): Fraction(each["hours"]) for each in said["cells"]
        },
        parts={each["segment"]: each["percent"] for each in said["parts"]},
        hours_apart=said["hours_apart"],
        cohort=None if cohort is None else Cohort(**cohort),
    )
