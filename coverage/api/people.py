"""Who gives the experience, over REST: hours, skills, teams, and days away."""

from typing import TYPE_CHECKING, Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import (
    OpenApiParameter,
    extend_schema,
    extend_schema_serializer,
    extend_schema_view,
)
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.exceptions import NotFound
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from config.kernel import clock
from config.kernel.api import PageInput, problems
from config.kernel.permissions import may
from coverage.access import Permission
from coverage.enums import AbsenceKind
from coverage.filters import AbsenceFilter
from coverage.forms.people import colleagues
from coverage.models import Absence, Team
from coverage.queries.people import Giver, absences, people
from coverage.services import absences as leave
from coverage.services import people as services
from members.api.acts import ColleagueField, act, identifier, refusing, said, text
from members.api.idempotency import IDEMPOTENCY_KEY, idempotent
from members.api.serializers import UserRef
from members.models import User

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from rest_framework.request import Request

ABSENCE_ID = OpenApiParameter(
    "number",
    type=OpenApiTypes.INT,
    location=OpenApiParameter.PATH,
    description="The `id` of the absence.",
)
TEAM_ID = OpenApiParameter(
    "number",
    type=OpenApiTypes.INT,
    location=OpenApiParameter.PATH,
    description="The `id` of the team.",
)
MOST_WORDS = 50


@extend_schema_serializer(component_name="CoverageTeam")
class TeamOutput(serializers.Serializer[Team]):
    """People who stand in for each other."""

    id = serializers.IntegerField(source="pk")
    name = serializers.CharField()


@extend_schema_serializer(component_name="Absence")
class AbsenceOutput(serializers.Serializer[Absence]):
    """Days away, and who stands in. What they are for is for those who may edit coverage."""

    id = serializers.IntegerField(source="pk")
    user = UserRef()
    kind = serializers.SerializerMethodField(
        help_text="Null for a colleague's, unless you may edit coverage."
    )
    starts_on = serializers.DateField()
    ends_on = serializers.DateField(help_text="First day back.")
    cover = UserRef(allow_null=True, help_text="Null: the pool.")
    note = serializers.CharField(allow_blank=True)
    handed_over_at = serializers.DateTimeField(allow_null=True)
    handed_back_at = serializers.DateTimeField(allow_null=True)

    def get_kind(self, absence: Absence) -> str | None:
        request = self.context["request"]
        is_mine = absence.user_id == request.user.pk
        return absence.kind if is_mine or may(request, Permission.COVERAGE_EDIT) else None


@extend_schema_serializer(component_name="Contributor")
class GiverOutput(serializers.Serializer[Giver]):
    """Somebody who works here, and what they can give in a month."""

    user = UserRef()
    time_zone = serializers.CharField(source="user.time_zone", help_text="IANA name.")
    team = serializers.CharField(source="contributor.team.name", default=None, allow_null=True)
    contracted_hours = serializers.IntegerField(
        source="contributor.monthly_hours",
        default=None,
        allow_null=True,
        help_text="A month; null where nobody has said.",
    )
    leave_percent = serializers.IntegerField(
        source="contributor.leave_percent", default=None, allow_null=True
    )
    overhead_percent = serializers.IntegerField(
        source="contributor.overhead_percent", default=None, allow_null=True
    )
    hours = serializers.FloatField(
        allow_null=True, help_text="A month for members, leave and overhead taken off."
    )
    skills = serializers.ListField(
        child=serializers.CharField(), source="contributor.skills", default=list
    )
    languages = serializers.ListField(
        child=serializers.CharField(), source="contributor.languages", default=list
    )
    works_in_pool = serializers.BooleanField(source="contributor.works_in_pool", default=False)
    members = serializers.IntegerField(help_text="Whom they look after.")
    absences = AbsenceOutput(many=True, help_text="Those that are not over.")


@extend_schema_serializer(component_name="Contributors")
class GiversOutput(serializers.Serializer[Any]):
    results = GiverOutput(many=True)


@extend_schema_serializer(component_name="ContributorInput")
class ContributorInput(serializers.Serializer[Any]):
    contracted_hours = serializers.IntegerField(
        min_value=0, max_value=services.HOURS_A_MONTH, help_text="A month."
    )
    leave_percent = serializers.IntegerField(min_value=0, max_value=99, default=0)
    overhead_percent = serializers.IntegerField(min_value=0, max_value=99, default=25)
    team = serializers.CharField(
        allow_null=True,
        default=None,
        max_length=80,
        help_text="Name of a team; it is made where there is none.",
    )
    skills = serializers.ListField(
        child=serializers.CharField(max_length=80), default=list, max_length=MOST_WORDS
    )
    languages = serializers.ListField(
        child=serializers.CharField(max_length=80), default=list, max_length=MOST_WORDS
    )
    works_in_pool = serializers.BooleanField(default=False)


@extend_schema_serializer(component_name="CoverageTeamInput")
class TeamInput(serializers.Serializer[Any]):
    name = text("What it is called.", longest=80)


@extend_schema_serializer(component_name="AbsenceInput")
class AbsenceInput(serializers.Serializer[Any]):
    user = ColleagueField(required=False, help_text="The caller unless given.")
    kind = serializers.ChoiceField(choices=AbsenceKind.choices, default=AbsenceKind.LEAVE)
    starts_on = serializers.DateField(help_text="First day away.")
    ends_on = serializers.DateField(help_text="First day back.")
    cover = ColleagueField(default=None, allow_null=True, help_text="Null: the pool.")
    note = text("A note.", required=False, longest=500)


@extend_schema_serializer(component_name="AbsenceChangeInput")
class AbsenceChangeInput(serializers.Serializer[Any]):
    """What is left out stays."""

    starts_on = serializers.DateField(required=False)
    ends_on = serializers.DateField(required=False)
    cover = ColleagueField(required=False, allow_null=True, help_text="Null: the pool.")
    note = serializers.CharField(required=False, allow_blank=True, max_length=500)


@extend_schema(tags=["people"])
class People(GenericViewSet[User]):
    """What everybody can give; who may not edit coverage sees themselves."""

    pagination_class = None
    lookup_field = "public_id"
    permission_map = {
        "list": Permission.COVERAGE_VIEW,
        "retrieve": Permission.COVERAGE_VIEW,
        "hours": Permission.COVERAGE_EDIT,
    }

    def get_queryset(self) -> "QuerySet[User]":
        return colleagues()

    def _givers(self, *, only: User | None = None) -> list[Giver]:
        user: Any = self.request.user
        if not may(self.request, Permission.COVERAGE_EDIT):
            if only is not None and only != user:
                raise NotFound
            only = user
        return people(on=clock.today(), only=only)

    def _shown(self, giver: Giver) -> dict[str, Any]:
        shown: dict[str, Any] = GiverOutput(giver, context={"request": self.request}).data
        return shown

    @extend_schema(
        operation_id="people_list",
        summary="List who gives the experience",
        description="Hours, skills, zone and days away, by name. An MSM gets themselves.",
        responses={200: GiversOutput, **problems()},
        filters=False,
    )
    def list(self, request: "Request") -> Response:
        return Response({"results": [self._shown(each) for each in self._givers()]})

    @extend_schema(
        operation_id="people_retrieve",
        summary="Show what somebody can give",
        description="With their days away.",
        parameters=[identifier("person")],
        responses={200: GiverOutput, **problems(404)},
    )
    def retrieve(self, request: "Request", public_id: str) -> Response:
        found = self._givers(only=self.get_object())
        if not found:
            raise NotFound
        return Response(self._shown(found[0]))

    @act(
        "people_hours",
        "Say what somebody can give",
        "The whole of it anew; the same again changes nothing.",
        request=ContributorInput,
        answer=GiverOutput,
        noun="person",
    )
    @action(detail=True, methods=["post"])
    @idempotent
    def hours(self, request: "Request", public_id: str) -> Response:
        given = said(request, ContributorInput)
        person = self.get_object()
        by: Any = request.user
        name = (given.pop("team") or "").strip()
        team = Team.objects.filter(name=name).first() if name else None
        with refusing(invalid={services.NotAContributor: "", services.AlreadyNamed: "team"}):
            services.save_with_team(
                user=person,
                team=team,
                new_team="" if team else name,
                monthly_hours=given.pop("contracted_hours"),
                by=by,
                at=clock.now(),
                **given,
            )
        return Response(self._shown(self._givers(only=person)[0]))


@extend_schema(tags=["people"])
@extend_schema_view(
    list=extend_schema(
        operation_id="teams_list",
        summary="List teams",
        description="By name.",
        responses={200: TeamOutput(many=True), **problems(400)},
        filters=False,
        parameters=[PageInput],
    ),
)
class Teams(ListModelMixin, GenericViewSet[Team]):
    serializer_class = TeamOutput
    lookup_url_kwarg = "number"
    keyset_order = ("name",)
    permission_map = {
        "list": Permission.COVERAGE_VIEW,
        "create": Permission.COVERAGE_EDIT,
        "rename": Permission.COVERAGE_EDIT,
    }

    def get_queryset(self) -> "QuerySet[Team]":
        return Team.objects.all()

    @act(
        "teams_create", "Make a team", "A name that is taken is 409.",
        request=TeamInput, answer=TeamOutput, status=201,
    )  # fmt: skip
    @idempotent
    def create(self, request: "Request") -> Response:
        return Response(TeamOutput(self._save(request, None)).data, status=201)

    @extend_schema(
        operation_id="teams_rename",
        summary="Name a team anew",
        description="A name that is taken is 409.",
        parameters=[TEAM_ID, IDEMPOTENCY_KEY],
        request=TeamInput,
        responses={200: TeamOutput, **problems(400, 404, 409, 422)},
        filters=False,
    )
    @action(detail=True, methods=["post"])
    @idempotent
    def rename(self, request: "Request", number: str) -> Response:
        return Response(TeamOutput(self._save(request, self.get_object())).data)

    def _save(self, request: "Request", team: Team | None) -> Team:
        given = said(request, TeamInput)
        user: Any = request.user
        with refusing(services.AlreadyNamed):
            return services.save_team(team=team, by=user, at=clock.now(), **given)


@extend_schema(tags=["people"])
@extend_schema_view(
    list=extend_schema(
        operation_id="absences_list",
        summary="List days away",
        description="Newest first. An MSM gets their own.",
        responses={200: AbsenceOutput(many=True), **problems(400)},
    ),
    retrieve=extend_schema(
        operation_id="absences_retrieve",
        summary="Show days away",
        description="With who stands in, and whether the work was handed over.",
        parameters=[ABSENCE_ID],
        responses={200: AbsenceOutput, **problems(404)},
    ),
)
class Absences(ListModelMixin, RetrieveModelMixin, GenericViewSet[Absence]):
    filterset_class = AbsenceFilter
    serializer_class = AbsenceOutput
    lookup_url_kwarg = "number"
    keyset_order = ("-starts_on", "-pk")
    permission_map = {
        "list": Permission.COVERAGE_VIEW,
        "retrieve": Permission.COVERAGE_VIEW,
        "create": Permission.COVERAGE_VIEW,
        "change": Permission.COVERAGE_VIEW,
        "end": Permission.COVERAGE_VIEW,
    }

    def get_queryset(self) -> "QuerySet[Absence]":
        if getattr(self, "swagger_fake_view", False):
            return Absence.objects.none()
        user: Any = self.request.user
        sees_all = may(self.request, Permission.COVERAGE_EDIT)
        return absences(user, sees_all=sees_all, on=clock.today())

    def filter_queryset(self, queryset: Any) -> Any:
        return super().filter_queryset(queryset) if self.action == "list" else queryset

    def _answer(self, row: Absence, *, status: int = 200) -> Response:
        shown = AbsenceOutput(row, context=self.get_serializer_context())
        return Response(shown.data, status=status)

    @act(
        "absences_create",
        "Say that somebody is away",
        "Work is handed over on the first day, and back on the first day back. An MSM enters "
        "their own days.",
        request=AbsenceInput,
        answer=AbsenceOutput,
        refusals=[404],
        status=201,
    )
    @idempotent
    def create(self, request: "Request") -> Response:
        given = said(request, AbsenceInput)
        by: Any = request.user
        person = given.pop("user", by)
        if person != by and not may(request, Permission.COVERAGE_EDIT):
            raise NotFound
        with refusing(invalid={leave.NotAway: ""}):
            row = leave.plan(user=person, by=by, at=clock.now(), **given)
        return self._answer(row, status=201)

    @extend_schema(
        operation_id="absences_change",
        summary="Change days away",
        description="The days, or who stands in.",
        parameters=[ABSENCE_ID, IDEMPOTENCY_KEY],
        request=AbsenceChangeInput,
        responses={200: AbsenceOutput, **problems(400, 404, 409, 422)},
        filters=False,
    )
    @action(detail=True, methods=["post"])
    @idempotent
    def change(self, request: "Request", number: str) -> Response:
        given = said(request, AbsenceChangeInput)
        row = self.get_object()
        by: Any = request.user
        kept = {name: getattr(row, name) for name in ("starts_on", "ends_on", "cover", "note")}
        with refusing(invalid={leave.NotAway: ""}):
            leave.change(absence=row, by=by, at=clock.now(), **(kept | given))
        return self._answer(self.get_object())

    @extend_schema(
        operation_id="absences_end",
        summary="End days away",
        description="Begun, they end today and the work goes back; not begun, they are taken "
        "back as if they had not been. Over before: nothing changes.",
        parameters=[ABSENCE_ID, IDEMPOTENCY_KEY],
        request=None,
        responses={204: None, **problems(400, 404, 409, 422)},
        filters=False,
    )
    @action(detail=True, methods=["post"])
    @idempotent
    def end(self, request: "Request", number: str) -> Response:
        by: Any = request.user
        leave.cancel(absence=self.get_object(), by=by, at=clock.now())
        return Response(status=204)
