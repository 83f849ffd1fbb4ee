"""The experience that suits members, over REST: asked, set, and where it places them."""

from typing import TYPE_CHECKING, Any

from drf_spectacular.utils import extend_schema, extend_schema_serializer, extend_schema_view
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.generics import get_object_or_404
from rest_framework.mixins import ListModelMixin
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from config.kernel import clock
from config.kernel.api import PageInput, asked, page_body, paged, problems
from config.kernel.keyset import page
from coverage.access import Permission
from coverage.api.serializers import SegmentRef
from coverage.engine.experience import Flag
from coverage.engine.questionnaire import QUESTIONS, REQUIRED, NotAnswered
from coverage.engine.segments import Misspecified
from coverage.enums import Guidance, Level, Modality, Resources
from coverage.filters import AssignmentFilter, AxProfileFilter
from coverage.forms.experience import A_QUARTER
from coverage.models import Assignment, AxProfile, Segment
from coverage.queries.experience import (
    ExperienceReading,
    assignments,
    experience_of,
    profiles_in_force,
    versions_of,
)
from coverage.services import profiles
from members.api.acts import act, identifier, refusing, said, text
from members.api.idempotency import idempotent
from members.api.serializers import MemberRef, UserRef
from members.models import Member

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from rest_framework.request import Request

# Answers that are stored as they are given, and named alike.
WORDS = {
    tuple(reversed(Level.values)): Level.choices,
    tuple(reversed(Resources.values)): Resources.choices,
    tuple(Guidance.values): Guidance.choices,
}


def _minutes(**options: Any) -> serializers.IntegerField:
    return serializers.IntegerField(min_value=0, max_value=A_QUARTER, **options)


@extend_schema_serializer(component_name="AxProfile")
class ProfileOutput(serializers.Serializer[AxProfile]):
    """A version of the experience that suits a member; minutes are a quarter's."""

    member = MemberRef()
    valid_from = serializers.DateField()
    superseded_on = serializers.DateField(
        allow_null=True, help_text="First day of the next version; null where it is in force."
    )
    inbound_minutes = serializers.IntegerField()
    async_minutes = serializers.IntegerField()
    sync_minutes = serializers.IntegerField()
    taskforce_minutes = serializers.IntegerField()
    expertise = serializers.ChoiceField(choices=Level.choices)
    resources = serializers.ChoiceField(choices=Resources.choices)
    guidance = serializers.ChoiceField(choices=Guidance.choices)
    skills_needed = serializers.IntegerField(help_text="At once.")
    escalation_severity = serializers.IntegerField(
        allow_null=True, help_text="Of the gravest open escalation, 1 being gravest."
    )
    industry_experience = serializers.ChoiceField(choices=Level.choices, allow_blank=True)
    sophistication = serializers.ChoiceField(choices=Level.choices, allow_blank=True)
    complexity = serializers.ChoiceField(choices=Level.choices, allow_blank=True)
    risk = serializers.ChoiceField(choices=Level.choices, allow_blank=True)
    confidence = serializers.ChoiceField(choices=Level.choices)
    answers = serializers.DictField(child=serializers.CharField(), help_text="By question.")
    reasons = serializers.CharField(allow_blank=True)
    expires_on = serializers.DateField(
        allow_null=True, help_text="The day from which it has to be asked again."
    )
    source = serializers.CharField(  # type: ignore[assignment]  # a field by that name
        help_text="Who said so: member, msm, simulated."
    )
    recorded_by = UserRef(allow_null=True)
    recorded_at = serializers.DateTimeField(allow_null=True)


@extend_schema_serializer(component_name="AxShare")
class ShareOutput(serializers.Serializer[Any]):
    modality = serializers.ChoiceField(choices=Modality.choices)
    due = serializers.IntegerField(help_text="Minutes a quarter.")
    given = serializers.IntegerField(
        allow_null=True, help_text="Minutes in 90 days; null is not known."
    )


@extend_schema_serializer(component_name="Assignment")
class AssignmentOutput(serializers.Serializer[Assignment]):
    """Where a member is, and why."""

    member = MemberRef()
    segment = SegmentRef()
    owner = UserRef(allow_null=True, help_text="Null: a pool, or nobody yet.")
    reason = serializers.CharField()
    assigned_on = serializers.DateField()
    override_reason = serializers.CharField(allow_blank=True)
    override_by = UserRef(allow_null=True)
    override_until = serializers.DateField(
        allow_null=True, help_text="First day on which the rule counts again."
    )


class ProposedOutput(serializers.Serializer[Any]):
    segment = SegmentRef(allow_null=True, help_text="Null where no rule takes the member.")
    reasons = serializers.ListField(child=serializers.CharField())


@extend_schema_serializer(component_name="AssignmentDetail")
class AssignmentDetailOutput(serializers.Serializer[ExperienceReading]):
    """Where a member is, beside where their profile says they belong."""

    as_assigned = AssignmentOutput(source="assignment", allow_null=True)
    as_ax_says = ProposedOutput(source="proposed")
    agrees = serializers.BooleanField()
    is_overridden = serializers.BooleanField(help_text="By a decision that still counts.")


@extend_schema_serializer(component_name="AxProfileDetail")
class ProfileDetailOutput(AssignmentDetailOutput):
    """What suits a member, what they were given, and where that places them."""

    member = MemberRef()
    profile = ProfileOutput(allow_null=True, help_text="Null where nothing is known yet.")
    has_expired = serializers.BooleanField()
    versions = serializers.IntegerField(help_text="How many there are.")
    shares = ShareOutput(many=True)
    fit = serializers.FloatField(allow_null=True, help_text="Of the mix, from 0 to 1.")
    ratio = serializers.FloatField(allow_null=True, help_text="Given over due.")
    flags = serializers.ListField(child=serializers.ChoiceField(choices=[*Flag]))
    judged_from = serializers.DateField(
        allow_null=True,
        help_text="From when on these can be known; null: now, or never.",
    )


def _detail(member: Member) -> dict[str, Any]:
    reading = experience_of(member, as_of=clock.today())
    judged = reading.judged
    return {
        **AssignmentDetailOutput(reading).data,
        "member": MemberRef(member).data,
        "profile": ProfileOutput(reading.profile).data if reading.profile else None,
        "has_expired": reading.has_expired,
        "versions": reading.versions,
        "shares": ShareOutput(reading.shares, many=True).data,
        "fit": _rounded(judged.fit if judged else None),
        "ratio": _rounded(judged.ratio if judged else None),
        "flags": sorted(judged.flags) if judged else [],
        "judged_from": reading.judged_from,
    }


def _rounded(value: Any) -> float | None:
    return None if value is None else round(float(value), 4)


@extend_schema_serializer(component_name="AxProfilePage")
class VersionsOutput(serializers.Serializer[Any]):
    results = ProfileOutput(many=True)
    next = serializers.CharField(allow_null=True)
    previous = serializers.CharField(allow_null=True)


@extend_schema_serializer(component_name="AxAnswersInput")
class AnswersInput(serializers.Serializer[Any]):
    """The nine questions; what a member pays is not among them."""

    reasons = text("For whoever reads it next.", required=False)

    def get_fields(self) -> dict[str, Any]:
        """A field for each question, with the answers it takes."""
        fields: dict[str, Any] = {}
        for key, offered in QUESTIONS.items():
            choices: Any = WORDS.get(offered) or [(each, each) for each in offered]
            left_open: dict[str, Any] = {"default": "", "allow_blank": True}
            fields[key] = serializers.ChoiceField(
                choices=choices, **({} if key in REQUIRED else left_open)
            )
        return fields | super().get_fields()


@extend_schema_serializer(component_name="AxMinutesInput")
class MinutesInput(serializers.Serializer[Any]):
    """Minutes a quarter, set by hand; real time needs a written part beside it."""

    inbound_minutes = _minutes(default=0)
    async_minutes = _minutes(default=0)
    sync_minutes = _minutes(default=0)
    taskforce_minutes = _minutes(default=0)
    reasons = text("Why not what the answers come to.")
    confidence = serializers.ChoiceField(choices=Level.choices, default=Level.MEDIUM)
    expires_on = serializers.DateField(
        allow_null=True, default=None, help_text="A year from now unless given."
    )


@extend_schema_serializer(component_name="AxOverrideInput")
class OverrideInput(serializers.Serializer[Any]):
    segment = serializers.SlugRelatedField(
        slug_field="key", queryset=Segment.objects.all(), help_text="Key of a segment in use."
    )
    reason = text("Why the rule does not suit them.", longest=500)
    until = serializers.DateField(
        help_text="First day on which the rule counts again, within a year."
    )


class _OfMembers:
    """Finds the member in the address, if the caller may see them."""

    request: Any
    kwargs: dict[str, Any]

    def member(self) -> Member:
        user: Any = self.request.user
        seen = Member.objects.visible_to(user)
        return get_object_or_404(seen, public_id=self.kwargs["public_id"])


@extend_schema(tags=["experience"])
@extend_schema_view(
    list=extend_schema(
        operation_id="ax_profiles_list",
        summary="List the profiles in force",
        description="The experience that suits each member, by the member's name.",
        responses={200: ProfileOutput(many=True), **problems(400)},
    ),
)
class AxProfiles(_OfMembers, ListModelMixin, GenericViewSet[AxProfile]):
    filterset_class = AxProfileFilter
    serializer_class = ProfileOutput
    lookup_field = "public_id"
    keyset_order = ("member__name", "member_id")
    permission_map = {
        "list": Permission.COVERAGE_VIEW,
        "retrieve": Permission.COVERAGE_VIEW,
        "versions": Permission.COVERAGE_VIEW,
        "answers": Permission.EFFORT_LOG,
        "minutes": Permission.COVERAGE_EDIT,
        "override": Permission.COVERAGE_EDIT,
        "lift": Permission.COVERAGE_EDIT,
    }

    def get_queryset(self) -> "QuerySet[AxProfile]":
        if getattr(self, "swagger_fake_view", False):
            return AxProfile.objects.none()
        user: Any = self.request.user
        return profiles_in_force(user, as_of=clock.today())

    @extend_schema(
        operation_id="ax_profiles_retrieve",
        summary="Show the experience of a member",
        description="What suits them, what they were given, and where that places them.",
        parameters=[identifier("member")],
        responses={200: ProfileDetailOutput, **problems(404)},
    )
    def retrieve(self, request: "Request", public_id: str) -> Response:
        return Response(_detail(self.member()))

    @extend_schema(
        operation_id="ax_profiles_versions",
        summary="List the versions of a member's profile",
        description="Newest first; none is ever edited.",
        parameters=[identifier("member"), PageInput],
        responses={200: VersionsOutput, **problems(400, 404)},
        filters=False,
    )
    @action(detail=True, pagination_class=None)
    def versions(self, request: "Request", public_id: str) -> Response:
        asked(request, PageInput)
        rows = versions_of(self.member())
        shown = paged(
            request,
            lambda size, **edges: page(rows, order=("-valid_from", "-pk"), size=size, **edges),
        )
        return Response(page_body(shown, [ProfileOutput(row).data for row in shown.items]))

    @act(
        "ax_profiles_answers",
        "Answer the questions about a member",
        "The answers become the next version, which counts for a year; the segment follows at "
        "the next night. The same answers again on the same day change nothing.",
        request=AnswersInput,
        answer=ProfileDetailOutput,
        noun="member",
    )
    @action(detail=True, methods=["post"])
    @idempotent
    def answers(self, request: "Request", public_id: str) -> Response:
        given = said(request, AnswersInput)
        reasons = given.pop("reasons")
        member = self.member()
        user: Any = request.user
        with refusing(invalid={NotAnswered: "", Misspecified: ""}):
            profiles.answer(
                member=member,
                answers=given,
                reasons=reasons,
                source=profiles.SAID_BY_MSM,
                by=user,
                at=clock.now(),
            )
        return Response(_detail(member))

    @act(
        "ax_profiles_minutes",
        "Set the minutes of a member by hand",
        "They become the next version; what was answered stays. Nothing answered yet: 400.",
        request=MinutesInput,
        answer=ProfileDetailOutput,
        noun="member",
    )
    @action(detail=True, methods=["post"])
    @idempotent
    def minutes(self, request: "Request", public_id: str) -> Response:
        given = said(request, MinutesInput)
        minutes = {key: given.pop(f"{key}_minutes") for key in profiles.MINUTES}
        member = self.member()
        user: Any = request.user
        with refusing(invalid={ValueError: ""}):
            profiles.revise(
                member=member,
                minutes=minutes,
                by=user,
                at=clock.now(),
                **given,
            )
        return Response(_detail(member))

    @act(
        "ax_profiles_override",
        "Place a member by hand",
        "Against the rule, with a reason and a last day; their owner follows at night.",
        request=OverrideInput,
        answer=ProfileDetailOutput,
        noun="member",
    )
    @action(detail=True, methods=["post"])
    @idempotent
    def override(self, request: "Request", public_id: str) -> Response:
        given = said(request, OverrideInput)
        member = self.member()
        user: Any = request.user
        with refusing(invalid={profiles.NotOverridable: ""}):
            profiles.override(
                member=member,
                by=user,
                at=clock.now(),
                **given,
            )
        return Response(_detail(member))

    @act(
        "ax_profiles_lift",
        "Let the rule place a member again",
        "From the next night on. Nobody has placed them by hand: 409.",
        answer=ProfileDetailOutput,
        noun="member",
    )
    @action(detail=True, methods=["post"])
    @idempotent
    def lift(self, request: "Request", public_id: str) -> Response:
        member = self.member()
        user: Any = request.user
        with refusing(profiles.NotOverridden):
            profiles.lift(member=member, by=user, at=clock.now())
        return Response(_detail(member))


@extend_schema(tags=["experience"])
@extend_schema_view(
    list=extend_schema(
        operation_id="assignments_list",
        summary="List who is in which segment",
        description="With the reason of each, by the member's name.",
        responses={200: AssignmentOutput(many=True), **problems(400)},
    ),
)
class Assignments(_OfMembers, ListModelMixin, GenericViewSet[Assignment]):
    filterset_class = AssignmentFilter
    serializer_class = AssignmentOutput
    lookup_field = "public_id"
    keyset_order = ("member__name", "member_id")
    permission_map = {"list": Permission.COVERAGE_VIEW, "retrieve": Permission.COVERAGE_VIEW}

    def get_queryset(self) -> "QuerySet[Assignment]":
        if getattr(self, "swagger_fake_view", False):
            return Assignment.objects.none()
        user: Any = self.request.user
        return assignments(user, as_of=clock.today())

    @extend_schema(
        operation_id="assignments_retrieve",
        summary="Show where a member is placed, and where they belong",
        description="As assigned beside as the profile says, each with its reason.",
        parameters=[identifier("member")],
        responses={200: AssignmentDetailOutput, **problems(404)},
    )
    def retrieve(self, request: "Request", public_id: str) -> Response:
        reading = experience_of(self.member(), as_of=clock.today())
        return Response(AssignmentDetailOutput(reading).data)
