"""Coverage segments over REST: in which order they are tried, whom each takes, and why."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _
from drf_spectacular.utils import (
    OpenApiExample,
    OpenApiParameter,
    extend_schema,
    extend_schema_serializer,
    extend_schema_view,
)
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from config.kernel import clock
from config.kernel.api import PageInput, problems
from config.kernel.conditions import BadCondition, in_words, parse
from coverage.access import Permission
from coverage.engine.facts import FACTS
from coverage.enums import Delivery
from coverage.models import Segment
from coverage.queries.segments import reach
from coverage.services import segments
from members.api.acts import act, refusing, said, text
from members.api.idempotency import IDEMPOTENCY_KEY, idempotent
from members.models import Association

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from rest_framework.request import Request

KEY = OpenApiParameter(
    "key", type=str, location=OpenApiParameter.PATH, description="The key of the segment."
)
RULE = "A condition over the facts of the experience profile; money is refused."
EXAMPLE = OpenApiExample(
    "Beginners",
    value={
        "name": "Beginners",
        "rule": {"all": [{"fact": "expertise", "op": "eq", "value": "low"}]},
        "reason": "Just beginning: {expertise}",
        "is_pooled": False,
        "delivery": "person",
        "skills": [],
    },
    request_only=True,
)


@extend_schema_serializer(component_name="CoverageSegment")
class SegmentOutput(serializers.Serializer[Segment]):
    """Members who share an experience, and the rule by which they do."""

    key = serializers.CharField()
    name = serializers.CharField()
    position = serializers.IntegerField(help_text="Rules are tried in this order.")
    rule = serializers.JSONField()
    in_words = serializers.SerializerMethodField()
    reason = serializers.CharField(help_text="Why a member who meets the rule belongs here.")
    is_pooled = serializers.BooleanField()
    delivery = serializers.ChoiceField(choices=Delivery.choices)
    skills = serializers.ListField(child=serializers.CharField())
    is_retired = serializers.BooleanField()

    def get_in_words(self, segment: Segment) -> str:
        try:
            return in_words(parse(segment.rule, registry=FACTS))
        except BadCondition as error:
            return _("This rule cannot be used: %(reason)s") % {"reason": error}


class ReachOutput(serializers.Serializer[Any]):
    """Members with a profile whom the rule would take today."""

    asked = serializers.IntegerField(help_text="Members in membership with a profile.")
    fits = serializers.IntegerField()
    takes = serializers.IntegerField(help_text="Whom no earlier rule takes.")


@extend_schema_serializer(component_name="CoverageSegmentDetail")
class SegmentDetailOutput(SegmentOutput):
    reach = ReachOutput(source="*", allow_null=True, help_text="Null: the rule cannot be used.")

    def to_representation(self, instance: Segment) -> dict[str, Any]:
        found = None
        try:
            rule = parse(instance.rule, registry=FACTS)
        except BadCondition:
            pass
        else:
            found = ReachOutput(
                reach(
                    rule,
                    segment=instance,
                    as_of=clock.today(),
                    grace_days=Association.current().grace_days,
                )
            ).data
        return {**SegmentOutput(instance).data, "reach": found}


@extend_schema_serializer(component_name="CoverageSegmentInput")
class SegmentInput(serializers.Serializer[Any]):
    name = text("What it is called.", longest=segments.LONGEST_NAME)
    rule = serializers.JSONField(help_text=RULE)
    reason = text("Why a member who meets the rule belongs here; facts in braces.", longest=500)
    is_pooled = serializers.BooleanField(default=False, help_text="Served by a pool.")
    delivery = serializers.ChoiceField(choices=Delivery.choices)
    skills = serializers.ListField(
        child=serializers.CharField(max_length=80), default=list, max_length=50
    )


@extend_schema_serializer(component_name="CoverageSegmentChangeInput")
class SegmentChangeInput(serializers.Serializer[Any]):
    """What is left out stays."""

    name = serializers.CharField(required=False, max_length=segments.LONGEST_NAME)
    rule = serializers.JSONField(required=False, help_text=RULE)
    reason = serializers.CharField(required=False, max_length=500)
    is_pooled = serializers.BooleanField(required=False)
    delivery = serializers.ChoiceField(required=False, choices=Delivery.choices)
    skills = serializers.ListField(
        required=False, child=serializers.CharField(max_length=80), max_length=50
    )


@extend_schema_serializer(component_name="CoverageSegmentMoveInput")
class MoveInput(serializers.Serializer[Any]):
    way = serializers.ChoiceField(choices=[("earlier", "Earlier"), ("later", "Later")])


def _upon(
    operation: str, summary: str, description: str, *, request: Any = None
) -> Callable[..., Any]:
    return extend_schema(
        operation_id=operation,
        summary=summary,
        description=description,
        parameters=[KEY, IDEMPOTENCY_KEY],
        request=request,
        responses={200: SegmentDetailOutput, **problems(400, 404, 409, 422)},
        filters=False,
    )


@extend_schema(tags=["segments"])
@extend_schema_view(
    list=extend_schema(
        operation_id="segments_list",
        summary="List coverage segments",
        description="In the order in which their rules are tried; retired ones are among them.",
        responses={200: SegmentOutput(many=True), **problems(400)},
        filters=False,
        parameters=[PageInput],
    ),
    retrieve=extend_schema(
        operation_id="segments_retrieve",
        summary="Show a coverage segment",
        description="With its rule, and whom that would take today.",
        parameters=[KEY],
        responses={200: SegmentDetailOutput, **problems(404)},
    ),
)
class Segments(ListModelMixin, RetrieveModelMixin, GenericViewSet[Segment]):
    serializer_class = SegmentOutput
    lookup_field = "key"
    lookup_value_regex = "[-a-zA-Z0-9_]+"
    keyset_order = ("is_retired", "position")
    permission_map = {
        "list": Permission.COVERAGE_VIEW,
        "retrieve": Permission.COVERAGE_VIEW,
        "create": Permission.COVERAGE_EDIT,
        "revise": Permission.COVERAGE_EDIT,
        "move": Permission.COVERAGE_EDIT,
        "retire": Permission.COVERAGE_EDIT,
        "reinstate": Permission.COVERAGE_EDIT,
    }

    def get_queryset(self) -> "QuerySet[Segment]":
        return Segment.objects.all()

    def get_serializer_class(self) -> Any:
        return SegmentOutput if self.action == "list" else SegmentDetailOutput

    @act(
        "segments_create",
        "Add a coverage segment",
        "Tried last, yet before the one that takes everybody left. Members move at night. A "
        "rule about money is refused, and why.",
        request=SegmentInput,
        answer=SegmentDetailOutput,
        status=201,
        examples=[EXAMPLE],
    )
    @idempotent
    def create(self, request: "Request") -> Response:
        given = said(request, SegmentInput)
        user: Any = request.user
        with refusing(invalid={segments.BadSegment: "", segments.BadRule: "rule"}):
            made = segments.add(by=user, at=clock.now(), **given)
        return Response(SegmentDetailOutput(made).data, status=201)

    @_upon(
        "segments_revise",
        "Change a coverage segment",
        "What is given; its key stays. Members move at the next night.",
        request=SegmentChangeInput,
    )
    @action(detail=True, methods=["post"])
    @idempotent
    def revise(self, request: "Request", key: str) -> Response:
        given = said(request, SegmentChangeInput)
        row = self.get_object()
        user: Any = request.user
        kept = {name: getattr(row, name) for name in segments.CHANGEABLE}
        with refusing(invalid={segments.BadSegment: "", segments.BadRule: "rule"}):
            segments.revise(segment=row, by=user, at=clock.now(), **(kept | given))
        return self._answer()

    @_upon(
        "segments_move",
        "Try a rule earlier or later",
        "By one place; at the end already, or retired: 400.",
        request=MoveInput,
    )
    @action(detail=True, methods=["post"])
    @idempotent
    def move(self, request: "Request", key: str) -> Response:
        given = said(request, MoveInput)
        is_up = given["way"] == "earlier"
        user: Any = request.user
        if not segments.move(segment=self.get_object(), up=is_up, by=user, at=clock.now()):
            raise ValidationError({"way": "There is no place further in this direction."})
        return self._answer()

    @_upon("segments_retire", "Use a coverage segment no more", "The last one stays: 409.")
    @action(detail=True, methods=["post"])
    @idempotent
    def retire(self, request: "Request", key: str) -> Response:
        user: Any = request.user
        with refusing(segments.NotRetirable):
            segments.retire(segment=self.get_object(), by=user, at=clock.now())
        return self._answer()

    @_upon("segments_reinstate", "Use a coverage segment again", "It is tried last.")
    @action(detail=True, methods=["post"])
    @idempotent
    def reinstate(self, request: "Request", key: str) -> Response:
        user: Any = request.user
        segments.reinstate(segment=self.get_object(), by=user, at=clock.now())
        return self._answer()

    def _answer(self) -> Response:
        return Response(SegmentDetailOutput(self.get_object()).data)
