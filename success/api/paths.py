"""The one shape of a path: what templates, plans, drafts and callers of the API share."""

from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema, extend_schema_serializer
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from config.kernel import clock
from config.kernel.api import problems
from members.api.acts import MemberField, said
from members.api.idempotency import IDEMPOTENCY_KEY, idempotent
from success.access import Permission
from success.engine.linting import lint
from success.engine.planning import BadPlan, PlannedPath, from_data, to_data
from success.enums import Advocacy, EvidenceSource, ExpectedBasis, Fit, Side
from success.queries.plans import missing_fits

EXAMPLE_PATH = {
    "goal": "Our people help build what we depend on",
    "required_outcome": "Two of our engineers maintain a project we run in production",
    "measure": "Both are listed as maintainers, and their manager plans time for it",
    "first_30": "You know the project and the people, and have sent a first change.",
    "first_60": "",
    "first_90": "",
    "milestones": [
        {
            "key": "first-change",
            "title": "A first change of yours is in",
            "expected_day": 30,
            "weight": 30,
            "expected_basis": "assumed",
            "is_gating": True,
            "evidence_kind": "confirmed",
            "evidence_rule": {},
            "expectation": "Small, and reviewed within a week.",
            "upsell": "",
            "advocacy": "",
            "promises": [
                {
                    "side": "association",
                    "title": "Introduce you to the maintainers",
                    "due_day": 10,
                    "owner": "",
                    "person": "",
                    "closes_fit": "",
                },
                {
                    "side": "member",
                    "title": "Free two hours a week for two engineers",
                    "due_day": 7,
                    "owner": "",
                    "person": "",
                    "closes_fit": "",
                },
            ],
        }
    ],
    "promises": [],
}


@extend_schema_serializer(component_name="PlannedPromise")
class PlannedPromiseShape(serializers.Serializer[Any]):
    side = serializers.ChoiceField(choices=Side.choices)
    title = serializers.CharField()
    due_day = serializers.IntegerField(help_text="Plan-day; the plan begins on day 0.")
    owner = serializers.CharField(
        required=False,
        allow_blank=True,
        help_text="Identifier of the colleague who keeps a promise of ours; blank: nobody yet.",
    )
    person = serializers.CharField(
        required=False,
        allow_blank=True,
        help_text="Identifier of the member's person who keeps one of theirs.",
    )
    closes_fit = serializers.ChoiceField(
        choices=Fit.choices,
        required=False,
        allow_blank=True,
        help_text="The missing fit of success potential that keeping it closes.",
    )


@extend_schema_serializer(component_name="PlannedMilestone")
class PlannedMilestoneShape(serializers.Serializer[Any]):
    key = serializers.CharField(help_text="The same in every version of a plan.")
    title = serializers.CharField()
    expected_day = serializers.IntegerField(min_value=0, help_text="Plan-day.")
    weight = serializers.IntegerField(min_value=0, help_text="Of 100 for all that gate.")
    expected_basis = serializers.ChoiceField(choices=ExpectedBasis.choices, required=False)
    is_gating = serializers.BooleanField(
        required=False, help_text="False: it is told and not timed."
    )
    evidence_kind = serializers.ChoiceField(choices=EvidenceSource.choices, required=False)
    evidence_rule = serializers.DictField(
        required=False, help_text="For what the records say; empty for anything else."
    )
    expectation = serializers.CharField(required=False, allow_blank=True)
    upsell = serializers.CharField(
        required=False, allow_blank=True, help_text="Key of an offer; blank for none."
    )
    advocacy = serializers.ChoiceField(
        choices=Advocacy.choices, required=False, allow_blank=True
    )
    promises = PlannedPromiseShape(many=True, required=False)


@extend_schema_serializer(
    component_name="PlannedPath",
    examples=[OpenApiExample("path", value=EXAMPLE_PATH, summary="The beginning of a path")],
)
class PathShape(serializers.Serializer[PlannedPath]):
    """A whole path. Reading is strict: unknown names and other types are refused."""

    goal = serializers.CharField(help_text="In the member's own words.")
    required_outcome = serializers.CharField(required=False, allow_blank=True)
    measure = serializers.CharField(required=False, allow_blank=True)
    first_30 = serializers.CharField(
        required=False, allow_blank=True, help_text="What to expect by day 30."
    )
    first_60 = serializers.CharField(required=False, allow_blank=True)
    first_90 = serializers.CharField(required=False, allow_blank=True)
    milestones = PlannedMilestoneShape(many=True, required=False)
    promises = PlannedPromiseShape(
        many=True, required=False, help_text="Those that belong to no milestone."
    )

    def to_internal_value(self, data: Any) -> Any:
        try:
            return from_data(data)
        except BadPlan as error:
            found: dict[str, list[str]] = {}
            for where, what in error.problems:
                found.setdefault(where or "non_field_errors", []).append(what)
            raise ValidationError(found) from error

    def run_validation(self, data: Any = serializers.empty) -> Any:
        """Leave all judgement of the form to the engine, which knows it best."""
        if data is serializers.empty or data is None:
            raise ValidationError("This field is required.", code="required")
        return self.to_internal_value(data)

    def to_representation(self, instance: PlannedPath) -> dict[str, Any]:
        return to_data(instance)


class LintInput(serializers.Serializer[Any]):
    path = PathShape()
    member = MemberField(
        default=None,
        allow_null=True,
        help_text="Whose missing fits are to be closed; nobody's unless given.",
    )


@extend_schema_serializer(component_name="Finding")
class FindingOutput(serializers.Serializer[Any]):
    severity = serializers.ChoiceField(
        choices=[("error", "Error"), ("warning", "Warning")],
        help_text="An error forbids the agreement, a warning goes with it.",
    )
    code = serializers.CharField()
    where = serializers.CharField(
        help_text="Place in the path, such as `milestones.2.title`; blank for the whole."
    )
    words = serializers.CharField()
    suggestion = serializers.CharField(allow_blank=True)


class LintOutput(serializers.Serializer[Any]):
    may_be_agreed = serializers.BooleanField()
    findings = FindingOutput(many=True)


class Lint(ViewSet):
    permission_map = {"create": Permission.PLAN_VIEW}

    @extend_schema(
        tags=["plans"],
        operation_id="paths_lint",
        summary="Ask what is to be said of a path",
        description=(
            "What would forbid agreeing this path, and what is worth a second look. Nothing is "
            "written."
        ),
        parameters=[IDEMPOTENCY_KEY],
        request=LintInput,
        responses={200: LintOutput, **problems(400, 422)},
    )
    @idempotent
    def create(self, request: Request) -> Response:
        asked = said(request, LintInput)
        member = asked["member"]
        missing = missing_fits(member, as_of=clock.today()) if member else ()
        findings = lint(asked["path"], missing_fits=missing)
        answer = {
            "may_be_agreed": not any(finding.severity == "error" for finding in findings),
            "findings": findings,
        }
        return Response(LintOutput(answer).data)
