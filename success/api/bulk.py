"""One act on many items of the queue over REST: frozen, worked off by the workers, undone."""

from typing import TYPE_CHECKING, Any

from drf_spectacular.utils import extend_schema, extend_schema_serializer, extend_schema_view
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from config.kernel import clock
from config.kernel.api import problems
from config.kernel.problems import Conflict
from members.api.acts import act, identifier, refusing, said
from members.api.idempotency import idempotent
from members.models import User
from success.access import Permission
from success.enums import BulkVerb, Outcome
from success.forms import LONGEST_NOTE
from success.models import BulkAct
from success.queries import queue
from success.services import bulk
from success.tasks import wake_bulk

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from rest_framework.request import Request

MOST_NAMED = 10_000


@extend_schema_serializer(component_name="BulkAct")
class BulkActOutput(serializers.Serializer[BulkAct]):
    """One act on many items of the queue."""

    id = serializers.UUIDField(source="public_id")
    verb = serializers.ChoiceField(choices=BulkVerb.choices)
    items = serializers.SerializerMethodField(help_text="Items, frozen when it was asked for.")
    done = serializers.SerializerMethodField(help_text="Items it was done to.")
    refused = serializers.SerializerMethodField(help_text="Items by the reason, in words.")
    undone = serializers.SerializerMethodField(help_text="Items that were put back.")
    at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)
    undone_at = serializers.DateTimeField(allow_null=True)

    def get_items(self, row: BulkAct) -> int:
        return len(row.ids)

    def get_done(self, row: BulkAct) -> int:
        return len(row.done)

    def get_refused(self, row: BulkAct) -> dict[str, int]:
        counted: dict[str, int] = {}
        for reason in row.refused.values():
            counted[reason] = counted.get(reason, 0) + 1
        return counted

    def get_undone(self, row: BulkAct) -> int:
        return len(row.details.get("undone", ()))


class BulkActInput(serializers.Serializer[Any]):
    verb = serializers.ChoiceField(choices=BulkVerb.choices)
    items = serializers.ListField(
        child=serializers.UUIDField(), min_length=1, max_length=MOST_NAMED
    )
    until = serializers.DateField(default=None, allow_null=True, help_text="For a snooze.")
    until_change = serializers.BooleanField(
        default=False, help_text="For a snooze: until the state or the milestone is another."
    )
    to = serializers.UUIDField(
        default=None, allow_null=True, help_text="Identifier of a person, to reassign."
    )
    reason = serializers.CharField(
        default="",
        allow_blank=True,
        max_length=LONGEST_NOTE,
        help_text="To reassign, or to give back to the pool.",
    )
    outcome = serializers.ChoiceField(
        choices=Outcome.choices, default=None, allow_null=True, help_text="To complete."
    )
    note = serializers.CharField(default="", allow_blank=True, max_length=LONGEST_NOTE)

    def validate(self, given: dict[str, Any]) -> dict[str, Any]:
        verb = BulkVerb(given["verb"])
        missing = {
            BulkVerb.SNOOZE: given["until"] is None and not given["until_change"] and "until",
            BulkVerb.REASSIGN: (given["to"] is None and "to")
            or (not given["reason"] and "reason"),
            BulkVerb.RELEASE: not given["reason"] and "reason",
            BulkVerb.COMPLETE: not given["outcome"] and "outcome",
        }[verb]
        if missing:
            raise serializers.ValidationError({missing: "This verb wants it."})
        return given


@extend_schema(tags=["interventions"])
@extend_schema_view(
    list=extend_schema(
        operation_id="bulk_acts_list",
        summary="List one's acts on many items",
        description="Newest first.",
        responses={200: BulkActOutput(many=True), **problems(400)},
    ),
    retrieve=extend_schema(
        operation_id="bulk_acts_retrieve",
        summary="Show an act on many items",
        description="How far it is, and why items were refused. One's own only.",
        parameters=[identifier("act")],
        responses={200: BulkActOutput, **problems(404)},
    ),
)
class BulkActs(ListModelMixin, RetrieveModelMixin, GenericViewSet[BulkAct]):
    serializer_class = BulkActOutput
    lookup_field = "public_id"
    keyset_order = ("-at",)
    permission_map = {
        "list": Permission.QUEUE_WORK,
        "retrieve": Permission.QUEUE_WORK,
        "create": Permission.QUEUE_WORK,
        "undo": Permission.QUEUE_WORK,
    }

    def get_queryset(self) -> "QuerySet[BulkAct]":
        if getattr(self, "swagger_fake_view", False):
            return BulkAct.objects.none()
        user: Any = self.request.user
        return BulkAct.objects.filter(by=user)

    @act(
        "bulk_acts_create",
        "Do something to many items",
        "The items named are frozen now; the workers do it, by the rules for a single item, "
        "and what is refused says why. Items that are not in the caller's queue any more are "
        "409 with their `count`.",
        request=BulkActInput,
        answer=BulkActOutput,
        status=202,
    )
    @idempotent
    def create(self, request: "Request") -> Response:
        user: Any = request.user
        given = said(request, BulkActInput)
        named = set(given["items"])
        on = clock.today(zone=user.time_zone)
        details = _details(given)
        if given["until"] is not None and given["until"] <= on:
            raise ValidationError({"until": "Choose a day to come."})
        try:
            row = bulk.freeze(
                items=queue.today(user, as_of=on).filter(public_id__in=named),
                verb=BulkVerb(given["verb"]),
                details=details,
                expected_count=len(named),
                by=user,
                at=clock.now(),
            )
        except bulk.CountChanged as error:
            raise Conflict(str(error), extra={"count": error.count}) from error
        wake_bulk(bulk_id=row.pk)
        return Response(BulkActOutput(row).data, status=202)

    @act(
        "bulk_acts_undo",
        "Undo an act on many items",
        "It stops where it is, and puts back what it did; an item that somebody has touched "
        "since is kept. For an hour, once; else 409.",
        answer=BulkActOutput,
        noun="act",
        status=202,
    )
    @action(detail=True, methods=["post"])
    @idempotent
    def undo(self, request: "Request", public_id: str) -> Response:
        user: Any = request.user
        with refusing(bulk.NotUndoable):
            row = bulk.undo(act=self.get_object(), by=user, at=clock.now())
        wake_bulk(bulk_id=row.pk)
        return Response(BulkActOutput(row).data, status=202)


def _details(given: dict[str, Any]) -> dict[str, Any]:
    """What the act keeps for its verb."""
    match BulkVerb(given["verb"]):
        case BulkVerb.SNOOZE:
            until = given["until"]
            day = until.isoformat() if until else None
            return {"until": day, "until_change": given["until_change"]}
        case BulkVerb.REASSIGN:
            to = User.objects.filter(public_id=given["to"], is_active=True).first()
            if to is None:
                raise ValidationError({"to": "There is nobody of that identifier."})
            return {"to": to.pk, "reason": given["reason"]}
        case BulkVerb.RELEASE:
            return {"reason": given["reason"]}
        case _:
            return {"outcome": given["outcome"], "note": given["note"]}
