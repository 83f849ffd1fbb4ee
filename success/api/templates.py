"""Templates over REST: the paths that many members share."""

from typing import TYPE_CHECKING, Any

import django_filters as filters
from drf_spectacular.utils import (
    OpenApiExample,
    OpenApiParameter,
    extend_schema,
    extend_schema_serializer,
    extend_schema_view,
)
from rest_framework import serializers
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from config.kernel import clock
from config.kernel.api import problems
from coverage.api.serializers import SegmentRef
from coverage.models import Segment
from members.api.acts import refusing, said
from members.api.idempotency import IDEMPOTENCY_KEY, idempotent
from members.enums import MemberKind
from members.filters import YesOrNo
from success.access import Permission
from success.api.acts import bad_path
from success.api.paths import EXAMPLE_PATH, PathShape
from success.models import PlanTemplate
from success.services import templates

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from rest_framework.request import Request

KEY = OpenApiParameter(
    "key", type=str, location=OpenApiParameter.PATH, description="The `key` of the template."
)


@extend_schema_serializer(component_name="PlanTemplate")
class TemplateOutput(serializers.Serializer[PlanTemplate]):
    key = serializers.CharField()
    title = serializers.CharField()
    audience = serializers.ChoiceField(choices=MemberKind.choices)
    persona = serializers.CharField(allow_blank=True, help_text="Blank: anybody.")
    segment = SegmentRef(allow_null=True)
    goal = serializers.CharField(help_text="To start the conversation with.")
    retired_on = serializers.DateField(
        allow_null=True, help_text="Offered no more from that day."
    )
    is_simulated = serializers.BooleanField(help_text="Made for a demonstration.")


@extend_schema_serializer(component_name="PlanTemplateDetail")
class TemplateDetailOutput(TemplateOutput):
    path = PathShape(source="*")

    def to_representation(self, instance: PlanTemplate) -> dict[str, Any]:
        row = TemplateOutput(instance).data
        return {**row, "path": PathShape(templates.path_of(instance)).data}


class TemplateInput(serializers.Serializer[Any]):
    title = serializers.CharField(max_length=200)
    audience = serializers.ChoiceField(choices=MemberKind.choices)
    persona = serializers.CharField(default="", allow_blank=True, max_length=200)
    segment = serializers.SlugRelatedField(
        slug_field="key",
        queryset=Segment.objects.filter(is_retired=False),
        default=None,
        allow_null=True,
        help_text="Key of a coverage segment; null for any.",
    )
    path = PathShape()


class NewTemplateInput(TemplateInput):
    key = serializers.SlugField(help_text="Letters, digits, hyphens and underscores.")


class TemplateFilter(filters.FilterSet):
    audience = filters.ChoiceFilter(
        choices=MemberKind.choices, label="Audience", help_text="For whom it is."
    )
    is_retired = YesOrNo(
        method="retired", label="Retired", help_text="Whether it is offered no more."
    )

    class Meta:
        model = PlanTemplate
        fields: list[str] = []

    def retired(
        self, queryset: "QuerySet[PlanTemplate]", name: str, value: bool
    ) -> "QuerySet[PlanTemplate]":
        return queryset.filter(retired_on__isnull=not value)


EXAMPLE = {
    "key": "maintainers",
    "title": "Becoming maintainers",
    "audience": "organisation",
    "persona": "Engineering managers",
    "segment": None,
    "path": EXAMPLE_PATH,
}


@extend_schema(tags=["templates"])
@extend_schema_view(
    list=extend_schema(
        operation_id="templates_list",
        summary="List templates",
        description="The templates there are, those that are retired included, by title.",
        responses={200: TemplateOutput(many=True), **problems(400)},
    ),
    retrieve=extend_schema(
        operation_id="templates_retrieve",
        summary="Show a template",
        description="A template with its whole path, as it may be given back to change it.",
        parameters=[KEY],
        responses={200: TemplateDetailOutput, **problems(404)},
    ),
)
class Templates(ListModelMixin, RetrieveModelMixin, GenericViewSet[PlanTemplate]):
    serializer_class = TemplateOutput
    filterset_class = TemplateFilter
    lookup_field = "key"
    lookup_value_regex = "[-a-zA-Z0-9_]+"
    keyset_order = ("title",)
    permission_map = {
        "list": Permission.TEMPLATE_VIEW,
        "retrieve": Permission.TEMPLATE_VIEW,
        "create": Permission.TEMPLATE_EDIT,
        "update": Permission.TEMPLATE_EDIT,
    }

    def get_queryset(self) -> "QuerySet[PlanTemplate]":
        return PlanTemplate.objects.select_related("segment")

    def filter_queryset(self, queryset: Any) -> Any:
        return super().filter_queryset(queryset) if self.action == "list" else queryset

    def get_serializer_class(self) -> Any:
        return TemplateOutput if self.action == "list" else TemplateDetailOutput

    @extend_schema(
        operation_id="templates_create",
        summary="Make a template",
        description=(
            "A path that could not be agreed makes no template: `errors` say what is the "
            "matter, each at its place in `path`. A key that is taken is 409."
        ),
        parameters=[IDEMPOTENCY_KEY],
        request=NewTemplateInput,
        examples=[OpenApiExample("template", value=EXAMPLE, request_only=True)],
        responses={201: TemplateDetailOutput, **problems(400, 409, 422)},
    )
    @idempotent
    def create(self, request: "Request") -> Response:
        return self._save(request, None, said(request, NewTemplateInput), status=201)

    @extend_schema(
        operation_id="templates_update",
        summary="Write a template anew",
        description=(
            "What it says from now on, all of it. Plans agreed from it keep their own copy. "
            "The key stays."
        ),
        parameters=[KEY],
        request=TemplateInput,
        responses={200: TemplateDetailOutput, **problems(400, 404, 409)},
    )
    def update(self, request: "Request", key: str) -> Response:
        template = self.get_object()
        asked = said(request, TemplateInput) | {"key": template.key}
        return self._save(request, template, asked, status=200)

    def _save(
        self,
        request: "Request",
        template: PlanTemplate | None,
        asked: dict[str, Any],
        *,
        status: int,
    ) -> Response:
        user: Any = request.user
        try:
            with refusing(templates.KeyTaken):
                saved = templates.save_template(
                    template=template, by=user, at=clock.now(), **asked
                )
        except templates.BadTemplate as error:
            raise bad_path(error.findings) from error
        return Response(TemplateDetailOutput(saved).data, status=status)
