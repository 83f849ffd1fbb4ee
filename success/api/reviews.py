"""Reviews over REST: agreed, moved, called off and held, with their agenda and invitation."""

from typing import TYPE_CHECKING, Any

import django_filters as filters
from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import (
    OpenApiExample,
    OpenApiResponse,
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
from config.kernel.api import problems
from config.kernel.problems import Conflict
from members.api.acts import ColleagueField, MemberField, act, identifier, said, text
from members.api.idempotency import idempotent
from members.api.serializers import MemberRef, UserRef
from members.filters import ME, OwnerFilter
from members.models import Person
from success.access import Permission
from success.api.serializers import PersonRef
from success.enums import GapAnswerChoice, ReviewStatus
from success.models import Review
from success.queries import reviews as reads
from success.senders.calendars import Method, invitation
from success.services import reviews

if TYPE_CHECKING:
    import uuid
    from collections.abc import Callable

    from django.db.models import QuerySet
    from rest_framework.request import Request

CALENDAR = "text/calendar"


@extend_schema_serializer(component_name="Review")
class ReviewOutput(serializers.Serializer[Review]):
    """A meeting of a member and their success manager about the plan."""

    id = serializers.UUIDField(source="public_id")
    member = MemberRef()
    organiser = UserRef(allow_null=True)
    starts_at = serializers.DateTimeField()
    minutes = serializers.IntegerField()
    time_zone = serializers.CharField(help_text="IANA zone in which it was agreed.")
    place = serializers.CharField(allow_blank=True)
    note = serializers.CharField(
        allow_blank=True, help_text="What the member wants to talk about."
    )
    status = serializers.ChoiceField(choices=ReviewStatus.choices)
    sequence = serializers.IntegerField(
        help_text="Counts its versions; say the one you saw when you change it."
    )
    outcome = serializers.CharField(allow_blank=True, help_text="What was agreed.")
    goal_confirmed = serializers.BooleanField(
        allow_null=True, help_text="Null: not spoken about."
    )
    held_on = serializers.DateField(allow_null=True)
    cancelled_reason = serializers.CharField(allow_blank=True)


@extend_schema_serializer(component_name="AgendaItem")
class AgendaOutput(serializers.Serializer[Any]):
    topic = serializers.CharField()
    title = serializers.CharField()
    words = serializers.CharField(allow_blank=True)
    lines = serializers.ListField(child=serializers.CharField())
    note = serializers.CharField(allow_blank=True, help_text="For staff only.")
    is_urgent = serializers.BooleanField()


@extend_schema_serializer(component_name="ReviewDetail")
class ReviewDetailOutput(ReviewOutput):
    guests = PersonRef(many=True, source="*")
    agenda = AgendaOutput(many=True, help_text="As it stood when it was held; else of today.")

    def to_representation(self, instance: Review) -> dict[str, Any]:
        return {
            **ReviewOutput(instance).data,
            "guests": [PersonRef(guest).data for guest in reads.guests_of(instance)],
            "agenda": AgendaOutput(agenda_of(instance), many=True).data,
        }


class ReviewInput(serializers.Serializer[Any]):
    member = MemberField()
    organiser = ColleagueField(
        default=None, allow_null=True, help_text="Who holds it; the caller unless given."
    )
    starts_at = serializers.DateTimeField()
    minutes = serializers.IntegerField(default=45, min_value=1, max_value=24 * 60)
    time_zone = serializers.CharField(
        default=clock.association_zone, help_text="IANA zone in whose clock it is agreed."
    )
    place = serializers.CharField(default="", allow_blank=True, max_length=500)
    guests = serializers.ListField(
        child=serializers.UUIDField(),
        default=list,
        help_text="People of the member; their main contact unless given.",
    )
    note = text("What the member wants to talk about.", required=False)


class SeenInput(serializers.Serializer[Any]):
    sequence = serializers.IntegerField(
        default=None,
        allow_null=True,
        help_text="The version you saw; where it has been passed, 409. Left out: the newest.",
    )


class ReviewMoveInput(SeenInput):
    starts_at = serializers.DateTimeField()
    minutes = serializers.IntegerField(
        default=None, allow_null=True, min_value=1, max_value=24 * 60
    )
    place = serializers.CharField(
        default=None, allow_null=True, allow_blank=True, max_length=500
    )


class ReviewCancelInput(SeenInput):
    reason = text("Why; the guests read it.", required=False)


class ReviewHoldInput(SeenInput):
    on = serializers.DateField(help_text="The day it was held.")
    outcome = text("What was agreed.")
    goal_confirmed = serializers.BooleanField(
        default=None, allow_null=True, help_text="Null: not spoken about."
    )
    gap_answer = serializers.ChoiceField(
        choices=GapAnswerChoice.choices,
        default=None,
        allow_null=True,
        help_text="Whether they say they are getting closer; null: not asked.",
    )
    gap_words = text("What they said to it.", required=False)
    next_starts_at = serializers.DateTimeField(
        default=None, allow_null=True, help_text="When the next one is; null: none is agreed."
    )


class ReviewFilter(filters.FilterSet):
    member = filters.UUIDFilter(
        field_name="member__public_id", label="Member", help_text="Identifier of a member."
    )
    status = filters.ChoiceFilter(
        choices=ReviewStatus.choices, label="Status", help_text="Where it stands."
    )
    organiser = OwnerFilter(
        method="held_by",
        label="Organiser",
        help_text="me, pool (nobody any more), or the identifier of a colleague.",
    )
    starts_after = filters.IsoDateTimeFilter(
        field_name="starts_at",
        lookup_expr="gte",
        label="Starts after",
        help_text="At that moment or later.",
    )
    starts_before = filters.IsoDateTimeFilter(
        field_name="starts_at",
        lookup_expr="lt",
        label="Starts before",
        help_text="Before that moment.",
    )

    class Meta:
        model = Review
        fields: list[str] = []

    def held_by(self, queryset: Any, name: str, value: "str | uuid.UUID") -> Any:
        if value == ME:
            return queryset.filter(organiser=self.request.user)
        if value == "pool":
            return queryset.filter(organiser=None)
        return queryset.filter(organiser__public_id=value)


def agenda_of(review: Review) -> tuple[reads.AgendaItem, ...]:
    """Return the agenda as it was kept, else as it is made from the plan today."""
    if review.status == ReviewStatus.HELD:
        return reads.kept_agenda(review)
    return reads.agenda(review.member, as_of=clock.today())


@extend_schema(tags=["reviews"])
@extend_schema_view(
    list=extend_schema(
        operation_id="reviews_list",
        summary="List reviews",
        description="Those the caller may see, the latest first.",
        responses={200: ReviewOutput(many=True), **problems(400)},
    ),
    retrieve=extend_schema(
        operation_id="reviews_retrieve",
        summary="Show a review",
        description="With its guests and its agenda.",
        parameters=[identifier("review")],
        responses={200: ReviewDetailOutput, **problems(404)},
    ),
)
class Reviews(ListModelMixin, RetrieveModelMixin, GenericViewSet[Review]):
    filterset_class = ReviewFilter
    lookup_field = "public_id"
    keyset_order = ("-starts_at",)
    permission_map = {
        "list": Permission.REVIEW_VIEW,
        "retrieve": Permission.REVIEW_VIEW,
        "agenda": Permission.REVIEW_VIEW,
        "calendar": Permission.REVIEW_VIEW,
        "create": Permission.REVIEW_WORK,
        "move": Permission.REVIEW_WORK,
        "cancel": Permission.REVIEW_WORK,
        "hold": Permission.REVIEW_WORK,
    }

    def get_queryset(self) -> "QuerySet[Review]":
        if getattr(self, "swagger_fake_view", False):
            return Review.objects.none()
        user: Any = self.request.user
        return Review.objects.visible_to(user).select_related("member", "organiser")

    def filter_queryset(self, queryset: Any) -> Any:
        return super().filter_queryset(queryset) if self.action == "list" else queryset

    def get_serializer_class(self) -> Any:
        return ReviewOutput if self.action == "list" else ReviewDetailOutput

    @act(
        "reviews_create",
        "Agree a review",
        "The guests are invited by mail. A member has one review ahead at a time, and so has "
        "whoever holds it at any moment: else it is 409.",
        request=ReviewInput,
        answer=ReviewDetailOutput,
        status=201,
        examples=[
            OpenApiExample(
                "review",
                value={
                    "member": "0198f3c2-7a10-7c3e-9d55-0c5b8b1f6a42",
                    "starts_at": "2026-09-01T10:00:00+02:00",
                    "time_zone": "Europe/Zurich",
                    "place": "https://meet.example.org/review",
                },
                request_only=True,
            )
        ],
    )
    @idempotent
    def create(self, request: "Request") -> Response:
        given = said(request, ReviewInput)
        given["organiser"] = given["organiser"] or request.user
        asked_for = set(given["guests"])
        given["guests"] = list(Person.objects.filter(public_id__in=asked_for))
        if len(given["guests"]) != len(asked_for):
            raise ValidationError({"guests": "There is none with one of these identifiers."})
        return self._answer(lambda **who: reviews.schedule(**given, **who), status=201)

    @act(
        "reviews_move",
        "Move a review",
        "Another time, length or place; what is left out stays. The guests are told.",
        request=ReviewMoveInput,
        answer=ReviewDetailOutput,
        noun="review",
    )
    @action(detail=True, methods=["post"])
    @idempotent
    def move(self, request: "Request", public_id: str) -> Response:
        review, given = self._seen(said(request, ReviewMoveInput))
        given["minutes"] = given["minutes"] or review.minutes
        return self._answer(lambda **who: reviews.move(review=review, **given, **who))

    @act(
        "reviews_cancel",
        "Call a review off",
        "Those who were invited are told. Calling it off again changes nothing.",
        request=ReviewCancelInput,
        answer=ReviewDetailOutput,
        noun="review",
    )
    @action(detail=True, methods=["post"])
    @idempotent
    def cancel(self, request: "Request", public_id: str) -> Response:
        review, given = self._seen(said(request, ReviewCancelInput))
        return self._answer(lambda **who: reviews.cancel(review=review, **given, **who))

    @act(
        "reviews_hold",
        "Close a review with what came of it",
        "In one act: what was agreed, whether the goal still holds, whether they get closer, "
        "and when the next one is.",
        request=ReviewHoldInput,
        answer=ReviewDetailOutput,
        noun="review",
    )
    @action(detail=True, methods=["post"])
    @idempotent
    def hold(self, request: "Request", public_id: str) -> Response:
        review, given = self._seen(said(request, ReviewHoldInput))
        return self._answer(lambda **who: reviews.hold(review=review, **given, **who))

    @extend_schema(
        operation_id="reviews_agenda",
        summary="Show the agenda",
        description="Made from the plan of today; of a review that was held, as it was then.",
        parameters=[identifier("review")],
        responses={200: AgendaOutput(many=True), **problems(404)},
        filters=False,
    )
    @action(detail=True, pagination_class=None)
    def agenda(self, request: "Request", public_id: str) -> Response:
        return Response(AgendaOutput(agenda_of(self.get_object()), many=True).data)

    @extend_schema(
        operation_id="reviews_calendar",
        summary="Take a review into a calendar",
        description="An iCalendar file; of a review that was called off, its withdrawal.",
        parameters=[identifier("review")],
        responses={
            (200, CALENDAR): OpenApiResponse(OpenApiTypes.STR, "The event as iCalendar."),
            **problems(404),
        },
        filters=False,
    )
    @action(detail=True, url_path="calendar.ics", pagination_class=None)
    def calendar(self, request: "Request", public_id: str) -> HttpResponse:
        review = self.get_object()
        cancelled = review.status == ReviewStatus.CANCELLED
        meeting = reads.meeting(review, at=review.changed_at, guests=reads.guests_of(review))
        text = invitation(meeting, method=Method.CANCEL if cancelled else Method.REQUEST)
        return HttpResponse(
            text,
            content_type=f"{CALENDAR}; charset=utf-8",
            headers={
                "Content-Disposition": f'attachment; filename="review-{review.public_id}.ics"'
            },
        )

    def _seen(self, given: dict[str, Any]) -> tuple[Review, dict[str, Any]]:
        """Return the review as the caller says they saw it."""
        review = self.get_object()
        sequence = given.pop("sequence")
        if sequence is not None:
            review.sequence = sequence
        return review, given

    def _answer(self, verb: "Callable[..., Review]", *, status: int = 200) -> Response:
        try:
            made = verb(by=self.request.user, at=clock.now())
        except (reviews.AlreadyScheduled, reviews.OrganiserBusy, reviews.Overtaken) as error:
            # whose review stands in the way is told only where the caller may see it
            there = (
                self.get_queryset().filter(pk=error.review.pk).first() if error.review else None
            )
            extra = {"review": ReviewOutput(there).data} if there else {}
            raise Conflict(str(error), extra=extra) from error
        except reviews.ReviewRefused as error:
            if isinstance(error, ValueError):
                raise ValidationError(str(error)) from error
            raise Conflict(str(error)) from error
        row = self.get_queryset().filter(pk=made.pk).first() or made
        return Response(ReviewDetailOutput(row).data, status=status)
