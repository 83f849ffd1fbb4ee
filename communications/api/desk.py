"""How somebody wants to hear from us, and suppressed addresses, over REST."""

from typing import TYPE_CHECKING, Any

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

from communications.access import Permission
from communications.enums import Cadence, Format, SuppressionKind
from communications.models import Suppression
from communications.services import preferences, suppression
from config.kernel import clock
from config.kernel.api import PageInput, problems
from coverage.enums import Channel
from members.api.idempotency import IDEMPOTENCY_KEY, idempotent
from members.models import Member, Person

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from rest_framework.request import Request


@extend_schema_serializer(component_name="Preferences")
class WishOutput(serializers.Serializer[Any]):
    """What holds for a person, the usual where they said nothing."""

    no_discretionary = serializers.BooleanField(
        help_text="Nothing but what is promised, owed, or an answer."
    )
    unwanted_topics = serializers.ListField(
        source="unwanted", child=serializers.CharField(), help_text="Keys."
    )
    refused_channels = serializers.ListField(
        child=serializers.ChoiceField(choices=Channel.choices)
    )
    format = serializers.ChoiceField(choices=Format.choices)
    cadence = serializers.ChoiceField(choices=Cadence.choices)
    hour = serializers.IntegerField(allow_null=True, help_text="From which to write.")
    time_zone = serializers.CharField(source="zone", help_text="IANA zone.")
    language = serializers.CharField(help_text="IETF tag.")
    persona = serializers.CharField(allow_blank=True)


@extend_schema_serializer(component_name="Suppression")
class SuppressionOutput(serializers.Serializer[Suppression]):
    """An address that nobody writes to, known by its hash alone."""

    id = serializers.IntegerField(source="pk")
    address_hash = serializers.CharField(help_text="SHA-256 of the address in small letters.")
    kind = serializers.ChoiceField(choices=SuppressionKind.choices)
    reason = serializers.CharField()
    at = serializers.DateTimeField()


class SuppressionInput(serializers.Serializer[Any]):
    address = serializers.EmailField(write_only=True, help_text="It is not kept.")
    reason = serializers.CharField(max_length=300)


class LiftInput(serializers.Serializer[Any]):
    reason = serializers.CharField(max_length=300)


class Preferences(GenericViewSet[Person]):
    """How a person wants to hear from us; they say it themselves, so it is only read here."""

    lookup_field = "public_id"
    serializer_class = WishOutput
    permission_map = {"retrieve": Permission.MESSAGE_VIEW}

    def get_queryset(self) -> "QuerySet[Person]":
        user: Any = self.request.user
        visible = Member.objects.visible_to(user)
        return Person.objects.filter(affiliations__member__in=visible).distinct()

    @extend_schema(
        tags=["messages"],
        operation_id="preferences_retrieve",
        summary="Show how a person wants to hear from us",
        description="What holds: where preferences and consents disagree, the stricter.",
        parameters=[
            OpenApiParameter(
                "public_id",
                type=str,
                location=OpenApiParameter.PATH,
                description="The `id` of the person.",
            )
        ],
        responses={200: WishOutput, **problems(404)},
        filters=False,
    )
    def retrieve(self, request: "Request", public_id: str) -> Response:
        wish = preferences.of(self.get_object())
        lists = {
            "unwanted_topics": sorted(wish.unwanted),
            "refused_channels": sorted(wish.refused_channels),
        }
        return Response({**WishOutput(wish).data, **lists})


@extend_schema(tags=["messages"])
@extend_schema_view(
    list=extend_schema(
        operation_id="suppressions_list",
        summary="List suppressed addresses",
        description="The newest first, known by their hashes.",
        responses={200: SuppressionOutput(many=True), **problems(400)},
        filters=False,
        parameters=[PageInput],
    ),
)
class Suppressions(ListModelMixin, GenericViewSet[Suppression]):
    serializer_class = SuppressionOutput
    lookup_url_kwarg = "suppression_id"
    keyset_order = ("-at",)
    permission_map = {
        "list": Permission.MESSAGE_VIEW,
        "create": Permission.SUPPRESSION_EDIT,
        "lift": Permission.SUPPRESSION_EDIT,
    }

    def get_queryset(self) -> "QuerySet[Suppression]":
        return Suppression.objects.all()

    @extend_schema(
        operation_id="suppressions_create",
        summary="Suppress an address",
        description="Nobody writes to it from then on; one that is there stays as it is.",
        parameters=[IDEMPOTENCY_KEY],
        request=SuppressionInput,
        responses={201: SuppressionOutput, **problems(400, 422)},
        filters=False,
    )
    @idempotent
    def create(self, request: "Request") -> Response:
        user: Any = request.user
        given = SuppressionInput(data=request.data)
        given.is_valid(raise_exception=True)
        try:
            row = suppression.add(by=user, at=clock.now(), **given.validated_data)
        except suppression.NotAnAddress as refused:
            raise ValidationError({"address": str(refused)}) from refused
        return Response(SuppressionOutput(row).data, status=201)

    @extend_schema(
        operation_id="suppressions_lift",
        summary="Lift a suppression",
        description="The address may be written to again; the audit trail keeps why.",
        parameters=[
            OpenApiParameter(
                "suppression_id",
                type=int,
                location=OpenApiParameter.PATH,
                description="Its `id`.",
            ),
            IDEMPOTENCY_KEY,
        ],
        request=LiftInput,
        responses={204: None, **problems(400, 404, 422)},
        filters=False,
    )
    @action(detail=True, methods=["post"])
    @idempotent
    def lift(self, request: "Request", suppression_id: str) -> Response:
        user: Any = request.user
        given = LiftInput(data=request.data)
        given.is_valid(raise_exception=True)
        suppression.lift(
            suppression=self.get_object(), by=user, at=clock.now(), **given.validated_data
        )
        return Response(status=204)
