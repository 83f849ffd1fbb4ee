"""What became of messages, as their providers say it."""

from typing import TYPE_CHECKING, Any

from drf_spectacular.utils import extend_schema, extend_schema_serializer
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from communications.access import Permission
from communications.enums import EventKind
from communications.models import DeliveryEvent, Message
from communications.queries import events_of
from config.kernel.api import problems
from members.api.acts import identifier

if TYPE_CHECKING:
    from rest_framework.request import Request


@extend_schema_serializer(component_name="DeliveryEvent")
class EventOutput(serializers.Serializer[DeliveryEvent]):
    kind = serializers.ChoiceField(choices=EventKind.choices)
    at = serializers.DateTimeField(help_text="When it happened, as the provider says.")
    received_at = serializers.DateTimeField()
    provider = serializers.CharField()
    code = serializers.CharField(help_text="Enhanced status code of a bounce; blank: none.")
    is_machine = serializers.BooleanField(
        help_text="An opening or a click that a program made, in all likelihood."
    )
    detail = serializers.CharField(help_text="The link followed, or why it bounced.")


@extend_schema(tags=["messages"])
class Messages(GenericViewSet[Any]):
    queryset = Message.objects.all()
    serializer_class = EventOutput
    pagination_class = None
    filter_backends = ()
    lookup_field = "public_id"
    permission_map = {"events": Permission.MESSAGE_VIEW}

    @extend_schema(
        operation_id="messages_events",
        summary="Show what became of a message",
        description=(
            "Everything its provider said of a message, oldest first. Openings and clicks "
            "are shown, and counted nowhere."
        ),
        parameters=[identifier("message")],
        responses={200: EventOutput(many=True), **problems(404)},
    )
    @action(detail=True, methods=["get"])
    def events(self, request: "Request", public_id: str) -> Response:
        rows: Any = events_of(self.get_object())
        return Response(EventOutput(rows, many=True).data)
