"""One plan for many members over REST: asked for, worked off by the workers, undone."""

from typing import TYPE_CHECKING, Any

import django_filters as filters
from drf_spectacular.utils import extend_schema, extend_schema_serializer, extend_schema_view
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from config.kernel import clock
from config.kernel.api import PageInput, page_body, paged, problems
from config.kernel.api import asked as asked_for
from config.kernel.keyset import page
from config.kernel.problems import Conflict
from members.api.acts import act, identifier, refusing, said
from members.api.idempotency import idempotent
from members.api.serializers import MemberRef, UserRef
from members.models import Member
from success.access import Permission
from success.api.acts import bad_path
from success.enums import PlanBatchStatus
from success.models import PlanBatch, PlanBatchItem, PlanTemplate
from success.queries import batches as reads
from success.services import batches, plans
from success.tasks import wake_batch

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from rest_framework.request import Request

MOST_NAMED = 10_000


class BatchProgressOutput(serializers.Serializer[Any]):
    """Members of the batch by what became of them."""

    waiting = serializers.IntegerField()
    agreed = serializers.IntegerField()
    left = serializers.IntegerField(help_text="Left without; the item says why.")
    undone = serializers.IntegerField()
    kept = serializers.IntegerField(help_text="Kept at an undo: somebody touched it since.")


@extend_schema_serializer(component_name="PlanBatch")
class BatchOutput(serializers.Serializer[PlanBatch]):
    """One action that agrees a plan with each of many members."""

    id = serializers.UUIDField(source="public_id")
    template = serializers.CharField(source="template.key")
    anchor_on = serializers.DateField(help_text="Plan-day 0.")
    status = serializers.ChoiceField(choices=PlanBatchStatus.choices)
    asked_for = serializers.IntegerField(help_text="Members, frozen when it was asked for.")
    by = UserRef(allow_null=True)
    at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)
    undone_by = UserRef(allow_null=True)
    undone_at = serializers.DateTimeField(allow_null=True)


@extend_schema_serializer(component_name="PlanBatchDetail")
class BatchDetailOutput(BatchOutput):
    progress = BatchProgressOutput(source="*")

    def to_representation(self, instance: PlanBatch) -> dict[str, Any]:
        found = BatchProgressOutput(reads.progress(instance)).data
        return {**BatchOutput(instance).data, "progress": found}


@extend_schema_serializer(component_name="PlanBatchItem")
class BatchItemOutput(serializers.Serializer[PlanBatchItem]):
    member = MemberRef()
    outcome = serializers.CharField(
        allow_blank=True, help_text="agreed, left, undone or kept; blank: it waits."
    )
    reason = serializers.CharField(allow_blank=True, help_text="Why it was left, or kept.")


@extend_schema_serializer(component_name="PlanBatchItems")
class BatchItemsOutput(serializers.Serializer[Any]):
    results = BatchItemOutput(many=True)
    next = serializers.CharField(allow_null=True)
    previous = serializers.CharField(allow_null=True)


class PlanBatchInput(serializers.Serializer[Any]):
    template = serializers.SlugRelatedField(
        slug_field="key",
        queryset=PlanTemplate.objects.all(),
        help_text="Key of the template.",
    )
    members = serializers.ListField(
        child=serializers.UUIDField(),
        allow_empty=False,
        max_length=MOST_NAMED,
        help_text="Identifiers of the members.",
    )
    anchor_on = serializers.DateField(help_text="Plan-day 0.")


class BatchFilter(filters.FilterSet):
    status = filters.ChoiceFilter(
        choices=PlanBatchStatus.choices, label="Status", help_text="Where it stands."
    )
    template = filters.CharFilter(
        field_name="template__key", label="Template", help_text="Key of a template."
    )

    class Meta:
        model = PlanBatch
        fields: list[str] = []


@extend_schema(tags=["plans"])
@extend_schema_view(
    list=extend_schema(
        operation_id="plan_batches_list",
        summary="List batches of plans",
        description="Newest first.",
        responses={200: BatchOutput(many=True), **problems(400)},
    ),
    retrieve=extend_schema(
        operation_id="plan_batches_retrieve",
        summary="Show a batch of plans",
        description="With its progress.",
        parameters=[identifier("batch")],
        responses={200: BatchDetailOutput, **problems(404)},
    ),
)
class PlanBatches(ListModelMixin, RetrieveModelMixin, GenericViewSet[PlanBatch]):
    filterset_class = BatchFilter
    lookup_field = "public_id"
    keyset_order = ("-at",)
    permission_map = {
        "list": Permission.PLAN_VIEW,
        "retrieve": Permission.PLAN_VIEW,
        "items": Permission.PLAN_VIEW,
        "create": Permission.PLAN_EDIT,
        "undo": Permission.PLAN_EDIT,
    }

    def get_queryset(self) -> "QuerySet[PlanBatch]":
        return PlanBatch.objects.select_related("template", "by", "undone_by")

    def filter_queryset(self, queryset: Any) -> Any:
        return super().filter_queryset(queryset) if self.action == "list" else queryset

    def get_serializer_class(self) -> Any:
        return BatchOutput if self.action == "list" else BatchDetailOutput

    @act(
        "plan_batches_create",
        "Agree a plan with many members",
        "From one template. Whom it is for is frozen now; the workers do it, and whoever "
        "cannot be agreed with is left, with the reason.",
        request=PlanBatchInput,
        answer=BatchDetailOutput,
        status=202,
    )
    @idempotent
    def create(self, request: "Request") -> Response:
        user: Any = request.user
        given = said(request, PlanBatchInput)
        named = set(given["members"])
        seen = Member.objects.visible_to(user).filter(public_id__in=named)
        keys = list(seen.values_list("pk", flat=True))
        if len(keys) != len(named):
            raise ValidationError({"members": "There is none with one of these identifiers."})
        try:
            batch = batches.ask(
                template=given["template"],
                member_ids=keys,
                anchor_on=given["anchor_on"],
                expected_count=len(named),
                by=user,
                at=clock.now(),
            )
        except batches.CountChanged as error:
            raise Conflict(str(error), extra={"count": error.count}) from error
        except plans.NotAgreeable as error:
            raise bad_path(error.findings) from error
        wake_batch(batch_id=batch.pk)
        return Response(BatchDetailOutput(batch).data, status=202)

    @extend_schema(
        operation_id="plan_batches_items",
        summary="Show what became of each member",
        description="In the order in which they are worked off.",
        parameters=[identifier("batch"), PageInput],
        responses={200: BatchItemsOutput, **problems(400, 404)},
        filters=False,
    )
    @action(detail=True, pagination_class=None)
    def items(self, request: "Request", public_id: str) -> Response:
        asked_for(request, PageInput)
        rows = (
            self.get_object()
            .items.filter(member__in=Member.objects.visible_to(request.user))  # type: ignore[arg-type]  # signed in
            .select_related("member")
        )
        shown = paged(
            request, lambda size, **edges: page(rows, order=("pk",), size=size, **edges)
        )
        return Response(page_body(shown, [BatchItemOutput(row).data for row in shown.items]))

    @act(
        "plan_batches_undo",
        "Undo a batch of plans",
        "It stops where it is, and its plans are taken back; one that somebody has touched "
        "since is kept. Undone before is 409.",
        answer=BatchDetailOutput,
        noun="batch",
        status=202,
    )
    @action(detail=True, methods=["post"])
    @idempotent
    def undo(self, request: "Request", public_id: str) -> Response:
        user: Any = request.user
        batch = self.get_object()
        with refusing(batches.NotUndoable):
            batches.undo(batch=batch, by=user, at=clock.now())
        wake_batch(batch_id=batch.pk)
        return Response(BatchDetailOutput(self.get_object()).data, status=202)
