"""Lists as people want to see them again, over REST."""

from typing import TYPE_CHECKING, Any

from drf_spectacular.utils import extend_schema, extend_schema_serializer, extend_schema_view
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from config.kernel import clock
from config.kernel.api import problems
from members.api.acts import act, identifier, refusing, said
from members.api.idempotency import idempotent
from members.api.serializers import UserRef
from success.access import Permission
from success.models import SavedView
from success.queries.views import OPENS_WITH, PAGES
from success.services import views

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from rest_framework.request import Request

LONGEST_QUERY = 2_000


@extend_schema_serializer(component_name="SavedView")
class SavedViewOutput(serializers.Serializer[SavedView]):
    """The filters of a list under a name."""

    id = serializers.UUIDField(source="public_id")
    page = serializers.ChoiceField(choices=tuple(PAGES))
    name = serializers.CharField()
    filters = serializers.CharField(help_text="A query string.")
    is_shared = serializers.BooleanField(help_text="With everybody on the staff.")
    owner = UserRef()
    opens = serializers.SerializerMethodField(help_text="Whether the list opens with it.")

    def get_opens(self, view: SavedView) -> bool:
        return view.position == OPENS_WITH


class SavedViewInput(serializers.Serializer[Any]):
    page = serializers.ChoiceField(choices=tuple(PAGES))
    name = serializers.CharField(max_length=views.LONGEST_NAME)
    filters = serializers.CharField(
        default="", allow_blank=True, max_length=LONGEST_QUERY, help_text="A query string."
    )
    is_shared = serializers.BooleanField(default=False)


@extend_schema(tags=["interventions"])
@extend_schema_view(
    list=extend_schema(
        operation_id="saved_views_list",
        summary="List saved views",
        description="One's own of every list. What others share is on their pages.",
        responses={200: SavedViewOutput(many=True), **problems(400)},
    ),
    retrieve=extend_schema(
        operation_id="saved_views_retrieve",
        summary="Show a saved view",
        description="One's own.",
        parameters=[identifier("view")],
        responses={200: SavedViewOutput, **problems(404)},
    ),
)
class SavedViews(ListModelMixin, RetrieveModelMixin, GenericViewSet[SavedView]):
    serializer_class = SavedViewOutput
    lookup_field = "public_id"
    keyset_order = ("page", "position", "pk")
    permission_map = {
        "list": Permission.QUEUE_VIEW,
        "retrieve": Permission.QUEUE_VIEW,
        "create": Permission.QUEUE_VIEW,
        "remove": Permission.QUEUE_VIEW,
        "open_with": Permission.QUEUE_VIEW,
    }

    def get_queryset(self) -> "QuerySet[SavedView]":
        if getattr(self, "swagger_fake_view", False):
            return SavedView.objects.none()
        user: Any = self.request.user
        return SavedView.objects.filter(owner=user).select_related("owner")

    @act(
        "saved_views_create",
        "Save a view",
        "Keep the filters of a list under a name; the same name again keeps the new ones.",
        request=SavedViewInput,
        answer=SavedViewOutput,
        status=201,
    )
    @idempotent
    def create(self, request: "Request") -> Response:
        user: Any = request.user
        with refusing(invalid={views.NotNamed: "name"}):
            view = views.save(owner=user, at=clock.now(), **said(request, SavedViewInput))
        return Response(SavedViewOutput(view).data, status=201)

    @act(
        "saved_views_open_with",
        "Open the list with a view",
        "The list opens with it when nothing else is asked.",
        answer=SavedViewOutput,
        noun="view",
    )
    @action(detail=True, methods=["post"], url_path="open-with")
    @idempotent
    def open_with(self, request: "Request", public_id: str) -> Response:
        user: Any = request.user
        view = self.get_object()
        views.open_with(owner=user, page=view.page, view=view, at=clock.now())
        return Response(SavedViewOutput(self.get_object()).data)

    @act(
        "saved_views_remove",
        "Remove a view",
        "Forget a view of one's own; it is answered with what it was.",
        answer=SavedViewOutput,
        noun="view",
    )
    @action(detail=True, methods=["post"])
    @idempotent
    def remove(self, request: "Request", public_id: str) -> Response:
        view = self.get_object()
        was = SavedViewOutput(view).data
        views.remove(view=view, at=clock.now())
        return Response(was)
