"""Plans over REST: every version, and what both sides agree next. A version is never edited."""

from typing import TYPE_CHECKING, Any

import django_filters as filters
from drf_spectacular.utils import (
    OpenApiExample,
    extend_schema,
    extend_schema_serializer,
    extend_schema_view,
)
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from config.kernel import clock
from config.kernel.api import problems
from members.api.acts import MemberField, act, identifier, of_visible, refusing, said, text
from members.api.idempotency import idempotent
from members.api.serializers import MemberRef, UserRef
from members.filters import YesOrNo
from success.access import Permission
from success.api.acts import PersonField, bad_path
from success.api.paths import EXAMPLE_PATH, PathShape
from success.enums import EvidenceSource, ExpectedBasis, Succession
from success.models import Milestone, Plan, PlanPause, PlanTemplate
from success.services import milestones, plans

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.db.models import QuerySet
    from rest_framework.request import Request

CONSENTS = "What they agreed to be asked, such as `first-change:advocacy`."


@extend_schema_serializer(component_name="PlanPause")
class PauseOutput(serializers.Serializer[PlanPause]):
    starts_on = serializers.DateField()
    ends_on = serializers.DateField(
        allow_null=True, help_text="First day that counts again; null: not known yet."
    )
    reason = serializers.CharField()


@extend_schema_serializer(component_name="PlanMilestone")
class PointOutput(serializers.Serializer[Milestone]):
    """A milestone of this version, and whether it is reached."""

    key = serializers.CharField(help_text="The same in every version.")
    position = serializers.IntegerField()
    title = serializers.CharField()
    expected_day = serializers.IntegerField(help_text="Plan-day; the plan begins on day 0.")
    expected_basis = serializers.ChoiceField(choices=ExpectedBasis.choices)
    weight = serializers.IntegerField()
    is_gating = serializers.BooleanField()
    evidence_kind = serializers.ChoiceField(choices=EvidenceSource.choices)
    is_carried_over = serializers.BooleanField(help_text="Reached in the version before.")
    evidence_dates = serializers.ListField(
        child=serializers.DateField(),
        allow_null=True,
        help_text="Achieved, revoked, achieved … in turn.",
    )
    evidence_source = serializers.ChoiceField(choices=EvidenceSource.choices, allow_blank=True)


@extend_schema_serializer(component_name="PlanVersion")
class PlanVersionOutput(serializers.Serializer[Plan]):
    """One version of a member's plan."""

    id = serializers.UUIDField(source="public_id")
    member = MemberRef()
    version = serializers.IntegerField()
    succession = serializers.ChoiceField(
        choices=Succession.choices, help_text="How it followed the one before."
    )
    reason = serializers.CharField(
        allow_blank=True, help_text="Why the one before was not kept."
    )
    goal = serializers.CharField()
    anchor_on = serializers.DateField(help_text="Plan-day 0.")
    counts_from = serializers.DateField(help_text="First day on which this version counts.")
    closed_on = serializers.DateField(
        allow_null=True,
        help_text="First day it no longer counts; null: it is the one in force.",
    )
    baseline = serializers.UUIDField(
        source="baseline.public_id",
        allow_null=True,
        default=None,
        help_text="The first agreed version that this one re-plans; null: it re-plans none.",
    )
    template = serializers.CharField(
        source="template.key", allow_null=True, default=None, help_text="Key of its template."
    )
    agreed_by = UserRef(allow_null=True)
    agreed_at = serializers.DateTimeField(allow_null=True)
    is_simulated = serializers.BooleanField(help_text="Made for a demonstration.")


@extend_schema_serializer(component_name="PlanVersionDetail")
class PlanVersionDetailOutput(PlanVersionOutput):
    milestones = PointOutput(many=True)
    pauses = PauseOutput(many=True)
    path = PathShape(
        source="*", help_text="What it says, as it may be given back to re-plan or evolve it."
    )

    def to_representation(self, instance: Plan) -> dict[str, Any]:
        return {
            **PlanVersionOutput(instance).data,
            "milestones": [
                PointOutput(point).data for point in instance.milestones.order_by("position")
            ],
            "pauses": [
                PauseOutput(pause).data for pause in instance.pauses.order_by("starts_on", "pk")
            ],
            "path": PathShape(plans.path_of_plan(instance)).data,
        }


class PlanInput(serializers.Serializer[Any]):
    member = MemberField()
    path = PathShape()
    anchor_on = serializers.DateField(help_text="Plan-day 0.")
    said_by = PersonField(
        default=None, allow_null=True, help_text="Who of the member said the goal."
    )
    consents = serializers.ListField(
        child=serializers.CharField(), default=list, help_text=CONSENTS
    )
    template = serializers.SlugRelatedField(
        slug_field="key",
        queryset=PlanTemplate.objects.all(),
        default=None,
        allow_null=True,
        help_text="Key of the template it was written from.",
    )


class PlanReplanInput(serializers.Serializer[Any]):
    path = PathShape()
    on = serializers.DateField(help_text="First day on which the new version counts.")
    reason = text("Why the version before is not kept.")


class PlanEvolveInput(PlanReplanInput):
    said_by = PersonField(
        default=None, allow_null=True, help_text="Who of the member said the new goal."
    )
    consents = serializers.ListField(
        child=serializers.CharField(), default=list, help_text=CONSENTS
    )


class PlanPauseInput(serializers.Serializer[Any]):
    starts_on = serializers.DateField()
    ends_on = serializers.DateField(
        default=None, allow_null=True, help_text="First day that counts again; null: not known."
    )
    reason = text("Why these days do not count.")


class PlanResumeInput(serializers.Serializer[Any]):
    on = serializers.DateField(help_text="First day that counts again.")


class MilestoneAchieveInput(serializers.Serializer[Any]):
    milestone = serializers.CharField(help_text="Key of a milestone of this version.")
    on = serializers.DateField(help_text="The day it was reached.")
    what_changed = text("What changed for the member.")


class MilestoneRevokeInput(serializers.Serializer[Any]):
    milestone = serializers.CharField(help_text="Key of a milestone of this version.")
    on = serializers.DateField(help_text="First day on which it does not hold.")
    reason = text("Why it does not hold.")


class PlanFilter(filters.FilterSet):
    member = filters.UUIDFilter(
        field_name="member__public_id", label="Member", help_text="Identifier of a member."
    )
    is_open = YesOrNo(
        method="in_force", label="In force", help_text="Whether it is the version in force."
    )
    succession = filters.ChoiceFilter(
        choices=Succession.choices, label="Succession", help_text="How it came to be."
    )
    template = filters.CharFilter(
        field_name="template__key", label="Template", help_text="Key of its template."
    )

    class Meta:
        model = Plan
        fields: list[str] = []

    def in_force(self, queryset: Any, name: str, value: bool) -> Any:
        return queryset.filter(closed_on__isnull=value)


AGREE = OpenApiExample(
    "agree",
    value={
        "member": "0198f3c2-7a10-7c3e-9d55-0c5b8b1f6a42",
        "anchor_on": "2026-07-29",
        "said_by": "0198f3c2-9c33-7b11-8a77-2e7dadd18c64",
        "consents": [],
        "path": EXAMPLE_PATH,
    },
    request_only=True,
)


@extend_schema(tags=["plans"])
@extend_schema_view(
    list=extend_schema(
        operation_id="plans_list",
        summary="List plan versions",
        description=(
            "Every version of the members the caller may see, a member's newest first; "
            "`is_open=true` for those in force."
        ),
        responses={200: PlanVersionOutput(many=True), **problems(400)},
    ),
    retrieve=extend_schema(
        operation_id="plans_retrieve",
        summary="Show a plan version",
        description="One version with its milestones, pauses, and the path it says.",
        parameters=[identifier("plan version")],
        responses={200: PlanVersionDetailOutput, **problems(404)},
    ),
)
class Plans(ListModelMixin, RetrieveModelMixin, GenericViewSet[Plan]):
    filterset_class = PlanFilter
    lookup_field = "public_id"
    keyset_order = ("member_id", "-version")
    permission_map = {
        "list": Permission.PLAN_VIEW,
        "retrieve": Permission.PLAN_VIEW,
        "create": Permission.PLAN_EDIT,
        "replan": Permission.PLAN_EDIT,
        "evolve": Permission.PLAN_EDIT,
        "pause": Permission.PLAN_EDIT,
        "resume": Permission.PLAN_EDIT,
        "achieve": Permission.PLAN_EDIT,
        "revoke": Permission.PLAN_EDIT,
    }

    def get_queryset(self) -> "QuerySet[Plan]":
        rows = of_visible(Plan, self.request.user)
        return rows.select_related("member", "baseline", "template", "agreed_by", "outcome")

    def filter_queryset(self, queryset: Any) -> Any:
        return super().filter_queryset(queryset) if self.action == "list" else queryset

    def get_serializer_class(self) -> Any:
        return PlanVersionOutput if self.action == "list" else PlanVersionDetailOutput

    @act(
        "plans_create",
        "Agree a plan",
        "A first plan, or one for a member who has none in force. What forbids it is 400, each "
        "finding at its place in `path`; a plan in force is 409.",
        request=PlanInput,
        answer=PlanVersionDetailOutput,
        status=201,
        examples=[AGREE],
    )
    @idempotent
    def create(self, request: "Request") -> Response:
        asked = said(request, PlanInput)
        return self._write(lambda **who: plans.agree(**asked, **who), status=201)

    @act(
        "plans_replan",
        "Re-plan: new days, same goal",
        "The next version towards the same goal. The anchor and the first agreed version stay, "
        "so that what the new days hide stays known; open promises go on. Answers with the new "
        "version. A version that is closed is 409.",
        request=PlanReplanInput,
        answer=PlanVersionDetailOutput,
        noun="plan version",
        status=201,
    )
    @action(detail=True, methods=["post"])
    @idempotent
    def replan(self, request: "Request", public_id: str) -> Response:
        plan, asked = self.get_object(), said(request, PlanReplanInput)
        return self._write(lambda **who: plans.replan(plan=plan, **asked, **who), status=201)

    @act(
        "plans_evolve",
        "Evolve: a new goal",
        "The goal has changed, or is reached: the next version begins anew on `on`, and what "
        "is reached is carried over. Answers with the new version. A closed version is 409.",
        request=PlanEvolveInput,
        answer=PlanVersionDetailOutput,
        noun="plan version",
        status=201,
    )
    @action(detail=True, methods=["post"])
    @idempotent
    def evolve(self, request: "Request", public_id: str) -> Response:
        plan, asked = self.get_object(), said(request, PlanEvolveInput)
        return self._write(lambda **who: plans.evolve(plan=plan, **asked, **who), status=201)

    @act(
        "plans_pause",
        "Pause a plan",
        "Days that do not count, such as a leave. Days that another pause covers are 409.",
        request=PlanPauseInput,
        answer=PlanVersionDetailOutput,
        noun="plan version",
    )
    @action(detail=True, methods=["post"])
    @idempotent
    def pause(self, request: "Request", public_id: str) -> Response:
        plan, asked = self.get_object(), said(request, PlanPauseInput)
        return self._write(lambda **who: plans.pause(plan=plan, **asked, **who), show=plan)

    @act(
        "plans_resume",
        "Resume a plan",
        "The days count again from `on`. A plan that is not paused is 409.",
        request=PlanResumeInput,
        answer=PlanVersionDetailOutput,
        noun="plan version",
    )
    @action(detail=True, methods=["post"])
    @idempotent
    def resume(self, request: "Request", public_id: str) -> Response:
        plan, asked = self.get_object(), said(request, PlanResumeInput)
        return self._write(lambda **who: plans.resume(plan=plan, **asked, **who), show=plan)

    @act(
        "plans_achieve",
        "Record that a milestone is reached",
        "On the association's word: it counts as confirmed from `on`, also in the past. Safe "
        "to repeat for a day.",
        request=MilestoneAchieveInput,
        answer=PlanVersionDetailOutput,
        noun="plan version",
    )
    @action(detail=True, methods=["post"])
    @idempotent
    def achieve(self, request: "Request", public_id: str) -> Response:
        plan, asked = self.get_object(), said(request, MilestoneAchieveInput)
        milestone = point_of(plan, asked.pop("milestone"))
        return self._write(
            lambda **who: milestones.achieve(
                milestone=milestone, source=EvidenceSource.CONFIRMED, **asked, **who
            ),
            show=plan,
        )

    @act(
        "plans_revoke",
        "Withdraw a milestone's evidence",
        "It does not hold from `on`. A milestone that is not reached then is 409.",
        request=MilestoneRevokeInput,
        answer=PlanVersionDetailOutput,
        noun="plan version",
    )
    @action(detail=True, methods=["post"])
    @idempotent
    def revoke(self, request: "Request", public_id: str) -> Response:
        plan, asked = self.get_object(), said(request, MilestoneRevokeInput)
        milestone = point_of(plan, asked.pop("milestone"))
        return self._write(
            lambda **who: milestones.revoke(milestone=milestone, **asked, **who), show=plan
        )

    def _write(
        self, verb: "Callable[..., Any]", *, show: Plan | None = None, status: int = 200
    ) -> Response:
        """Do it as the caller, now, and answer with ``show``, or with the new version."""
        try:
            with refusing(
                plans.AlreadyPlanned,
                plans.PlanOver,
                plans.AlreadyPaused,
                plans.NotPaused,
                milestones.NotReached,
                milestones.PlanOver,
                invalid={plans.NotSaid: "", milestones.NotSaid: ""},
            ):
                made = verb(by=self.request.user, at=clock.now())
        except plans.NotAgreeable as error:
            raise bad_path(error.findings) from error
        plan = self.get_queryset().get(pk=(show or made).pk)
        return Response(PlanVersionDetailOutput(plan).data, status=status)


def point_of(plan: Plan, key: str) -> Milestone:
    """Return a milestone of ``plan`` by its key; raises ``ValidationError`` for none."""
    found = plan.milestones.select_related("plan").filter(key=key).first()
    if found is None:
        raise serializers.ValidationError({"milestone": "This plan has no such milestone."})
    return found
