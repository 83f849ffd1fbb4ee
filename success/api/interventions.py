"""The queue over REST: what is to be done today, who has it, and what came of it."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from django.db.models import Q
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework.decorators import action
from rest_framework.exceptions import NotFound, PermissionDenied, ValidationError
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from config.kernel import clock
from config.kernel.api import FilterBackend, problems
from config.kernel.problems import Conflict
from members.api.idempotency import IDEMPOTENCY_KEY, idempotent
from members.api.serializers import UserRef
from members.models import User
from success.access import Permission
from success.api.serializers import (
    CompleteInput,
    InterventionOutput,
    ReassignInput,
    SnoozeInput,
)
from success.enums import Outcome
from success.filters import QueueFilter
from success.models import Intervention
from success.queries.queue import QUEUE_ORDER, today
from success.services import interventions

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from rest_framework.request import Request

PUBLIC_ID = OpenApiParameter(
    "public_id", type=str, location=OpenApiParameter.PATH, description="The `id` of the item."
)

# What is wrong with a day, by what the service says of it: the field, and words for it.
WRONG_DAYS: dict[type[Exception], tuple[str, str]] = {
    interventions.SnoozedIntoThePast: ("until", "Choose a day to come."),
    interventions.SnoozedTooFar: ("until", "Choose a day within a year."),
    interventions.NextStepInThePast: ("next_on", "Choose today, or a day to come."),
}


def _worked(
    verb: str, summary: str, description: str, *, request: Any = None
) -> Callable[..., Any]:
    """Return the documentation of an act upon an item."""
    return extend_schema(
        operation_id=f"interventions_{verb}",
        summary=summary,
        description=description,
        parameters=[PUBLIC_ID, IDEMPOTENCY_KEY],
        request=request,
        responses={200: InterventionOutput, **problems(400, 404, 409, 422)},
    )


class OfTheDay(FilterBackend):
    """The filters of the queue know what day it is for the caller."""

    def get_filterset_kwargs(
        self, request: "Request", queryset: "QuerySet[Any]", view: Any
    ) -> dict[str, Any]:
        user: Any = request.user
        said: dict[str, Any] = super().get_filterset_kwargs(request, queryset, view)
        return said | {"on": clock.today(zone=user.time_zone)}


@extend_schema(tags=["interventions"])
@extend_schema_view(
    list=extend_schema(
        operation_id="interventions_list",
        summary="List today's queue",
        description=(
            "What is open and awake, in the order of the queue. For a member success manager "
            "their own items, the pool's, and what they have claimed."
        ),
        responses={200: InterventionOutput(many=True), **problems(400)},
    ),
    retrieve=extend_schema(
        operation_id="interventions_retrieve",
        summary="Show an item",
        description="An item in any status, also one that sleeps or is done.",
        parameters=[PUBLIC_ID],
        responses={200: InterventionOutput, **problems(404)},
    ),
)
class Interventions(ListModelMixin, RetrieveModelMixin, GenericViewSet[Intervention]):
    serializer_class = InterventionOutput
    filterset_class = QueueFilter
    filter_backends = (OfTheDay,)
    lookup_field = "public_id"
    keyset_order = QUEUE_ORDER
    permission_map = {
        "list": Permission.QUEUE_VIEW,
        "retrieve": Permission.QUEUE_VIEW,
        "claim": Permission.QUEUE_WORK,
        "release": Permission.QUEUE_WORK,
        "snooze": Permission.QUEUE_WORK,
        "complete": Permission.QUEUE_WORK,
        "reassign": Permission.QUEUE_WORK,
        "send": Permission.QUEUE_WORK,
        "claim_next": Permission.QUEUE_WORK,
        "undo": Permission.QUEUE_WORK,
    }

    def get_queryset(self) -> "QuerySet[Intervention]":
        if getattr(self, "swagger_fake_view", False):
            return Intervention.objects.none()
        user: Any = self.request.user
        if self.action == "list":
            return today(user, as_of=clock.today(zone=user.time_zone)).select_related(
                "step__version__play"
            )
        if self.action == "undo":
            since = clock.now() - interventions.UNDO_WITHIN
            mine = Intervention.objects.just_worked_by(user, since=since)
            return Intervention.objects.filter(
                Q(pk__in=mine.values("pk"))
                | Q(pk__in=Intervention.objects.visible_to(user).values("pk"))
            )
        return Intervention.objects.visible_to(user).select_related(
            "play", "step__version__play", "member", "owner", "claimed_by"
        )

    def filter_queryset(self, queryset: Any) -> Any:
        """Narrow the list only: an item named by identifier is not to be filtered away."""
        return super().filter_queryset(queryset) if self.action == "list" else queryset

    @_worked(
        "claim",
        "Claim an item",
        "Take an item for thirty minutes. Where somebody else has it, 409 says who: `holder`. "
        "Claiming again extends the time.",
    )
    @action(detail=True, methods=["post"])
    @idempotent
    def claim(self, request: "Request", public_id: str) -> Response:
        return self._work(interventions.claim)

    @_worked("release", "Release an item", "Give back what the caller has claimed.")
    @action(detail=True, methods=["post"])
    @idempotent
    def release(self, request: "Request", public_id: str) -> Response:
        return self._work(interventions.release)

    @_worked(
        "snooze",
        "Snooze an item",
        "Put an item away until a day to come in the caller's zone, until the member's state "
        "or the milestone they wait at changes, or until whichever comes first.",
        request=SnoozeInput,
    )
    @action(detail=True, methods=["post"])
    @idempotent
    def snooze(self, request: "Request", public_id: str) -> Response:
        asked = SnoozeInput(data=request.data)
        asked.is_valid(raise_exception=True)
        return self._work(interventions.snooze, **asked.validated_data)

    @_worked(
        "complete",
        "Complete an item",
        "Finish an item with its outcome. A next step with a day becomes a promise of the "
        "caller's where the member has a plan.",
        request=CompleteInput,
    )
    @action(detail=True, methods=["post"])
    @idempotent
    def complete(self, request: "Request", public_id: str) -> Response:
        asked = CompleteInput(data=request.data)
        asked.is_valid(raise_exception=True)
        said = dict(asked.validated_data)
        return self._work(
            interventions.complete, **(said | {"outcome": Outcome(said["outcome"])})
        )

    @_worked(
        "reassign",
        "Give an item to somebody else",
        "Give an item to a colleague, or to the pool, with the reason. Who does not lead the "
        "team gives away what is theirs; else it is 403.",
        request=ReassignInput,
    )
    @action(detail=True, methods=["post"])
    @idempotent
    def reassign(self, request: "Request", public_id: str) -> Response:
        asked = ReassignInput(data=request.data)
        asked.is_valid(raise_exception=True)
        said = dict(asked.validated_data)
        to = None
        if named := said.pop("to"):
            to = User.objects.filter(public_id=named, is_active=True).first()
            if to is None:
                raise ValidationError({"to": "There is nobody of that identifier."})
        return self._work(interventions.reassign, to=to, **said)

    @_worked(
        "send",
        "Send the written message of an item",
        "It goes through the gate: what speaks against it there lets it come back as an item. "
        "`undo` takes it back for some seconds. No message, nobody to write to, or a name that "
        "is not known: 409.",
    )
    @action(detail=True, methods=["post"])
    @idempotent
    def send(self, request: "Request", public_id: str) -> Response:
        return self._work(interventions.send)

    @extend_schema(
        operation_id="interventions_claim_next",
        summary="Claim the next of the pool",
        description=(
            "Take the first item of the pool that nobody has, for thirty minutes. Many may ask "
            "at once: no item is given to two. 404 where nothing is left."
        ),
        parameters=[IDEMPOTENCY_KEY],
        request=None,
        responses={200: InterventionOutput, **problems(400, 404, 409, 422)},
    )
    @action(detail=False, methods=["post"], url_path="claim-next")
    @idempotent
    def claim_next(self, request: "Request") -> Response:
        user: Any = request.user
        item = interventions.claim_next(user=user, at=clock.now())
        if item is None:
            raise NotFound("The pool is empty.")
        return Response(InterventionOutput(item).data)

    @_worked(
        "undo",
        "Undo the last act",
        "Put back what the caller finished, snoozed or gave away a moment ago; later it is "
        "409.",
    )
    @action(detail=True, methods=["post"])
    @idempotent
    def undo(self, request: "Request", public_id: str) -> Response:
        return self._work(interventions.undo)

    def _work(self, verb: Callable[..., Intervention], **said: Any) -> Response:
        """Do it as the caller, now, and answer with the item; a refusal is 409 in words."""
        item = self.get_object()
        try:
            item = verb(intervention=item, by=self.request.user, at=clock.now(), **said)
        except interventions.AlreadyClaimed as error:
            raise Conflict(
                f"{error.holder} is working on this.",
                extra={"holder": UserRef(error.holder).data},
            ) from error
        except interventions.NotOpen as error:
            raise Conflict("This item is no longer open.") from error
        except interventions.NotHeld as error:
            raise Conflict("Only what you have claimed can be given back.") from error
        except interventions.NotYours as error:
            raise PermissionDenied("You may give away what is yours.") from error
        except interventions.NotSendable as error:
            raise Conflict(str(error)) from error
        except interventions.NotAssignable as error:
            raise ValidationError({"to": str(error)}) from error
        except interventions.NothingToUndo as error:
            raise Conflict("There is nothing of yours to undo here any more.") from error
        except tuple(WRONG_DAYS) as error:
            field, words = WRONG_DAYS[type(error)]
            raise ValidationError({field: words}) from error
        return Response(InterventionOutput(item).data)
