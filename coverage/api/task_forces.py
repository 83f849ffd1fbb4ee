"""Task forces over REST: who works together for a member, joins, and leaves."""

from typing import TYPE_CHECKING, Any

from drf_spectacular.utils import extend_schema, extend_schema_serializer
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.exceptions import NotFound
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from config.kernel import clock
from config.kernel.api import PageInput, asked, page_body, paged, problems
from config.kernel.keyset import page
from coverage.access import Permission
from coverage.api.serializers import SegmentRef
from coverage.models import TaskForceShare
from coverage.queries import task_forces as reads
from coverage.services import people as services
from members.api.acts import ColleagueField, act, identifier, refusing, said, text
from members.api.idempotency import idempotent
from members.api.serializers import MemberRef, UserRef
from members.models import Member

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from rest_framework.request import Request

HOURS = "Of staff, a month; null where they are not known."


@extend_schema_serializer(component_name="TaskForceShare")
class ShareOutput(serializers.Serializer[TaskForceShare]):
    """Somebody's part of a member's hours, from a day until another."""

    user = UserRef()
    skill = serializers.CharField(help_text="What they bring.")
    percent = serializers.IntegerField(help_text="Of the member's hours.")
    starts_on = serializers.DateField()
    ends_on = serializers.DateField(allow_null=True, help_text="First day without it.")


@extend_schema_serializer(component_name="TaskForcePart")
class PartOutput(serializers.Serializer[reads.Part]):
    """A part that somebody has now, and what it comes to."""

    user = UserRef(source="share.user")
    skill = serializers.CharField(source="share.skill", help_text="What they bring.")
    percent = serializers.IntegerField(
        source="share.percent", help_text="Of the member's hours."
    )
    starts_on = serializers.DateField(source="share.starts_on")
    hours = serializers.FloatField(allow_null=True, help_text=HOURS)


@extend_schema_serializer(component_name="TaskForce")
class TaskForceOutput(serializers.Serializer[reads.TaskForce]):
    """Everybody who works for a member; what nobody has a part of is the owner's."""

    member = MemberRef()
    segment = SegmentRef(source="assignment.segment", allow_null=True, default=None)
    owner = UserRef(source="assignment.owner", allow_null=True, default=None)
    hours = serializers.FloatField(allow_null=True, help_text=HOURS)
    parts = PartOutput(many=True, help_text="The largest first.")
    left_percent = serializers.IntegerField(help_text="Of which nobody has a part.")
    left_hours = serializers.FloatField(allow_null=True, help_text=HOURS)


@extend_schema_serializer(component_name="TaskForceDetail")
class TaskForceDetailOutput(TaskForceOutput):
    past = ShareOutput(many=True, help_text="Parts that ended, the last first.")


@extend_schema_serializer(component_name="TaskForces")
class TaskForcesOutput(serializers.Serializer[Any]):
    results = TaskForceOutput(many=True)
    next = serializers.CharField(allow_null=True)
    previous = serializers.CharField(allow_null=True)


@extend_schema_serializer(component_name="TaskForceShareInput")
class ShareInput(serializers.Serializer[Any]):
    user = ColleagueField()
    skill = text("What they bring.", longest=120)
    percent = serializers.IntegerField(
        min_value=1, max_value=services.WHOLE, help_text="All parts come to at most 100."
    )


@extend_schema_serializer(component_name="TaskForceLeaveInput")
class LeaveInput(serializers.Serializer[Any]):
    user = serializers.UUIDField(help_text="Who leaves; also somebody who works here no more.")


@extend_schema(tags=["coverage"])
class TaskForces(GenericViewSet[Member]):
    """By member; one whom the caller may not see has none."""

    lookup_field = "public_id"
    pagination_class = None
    permission_map = {
        "list": Permission.COVERAGE_VIEW,
        "retrieve": Permission.COVERAGE_VIEW,
        "share": Permission.COVERAGE_EDIT,
        "leave": Permission.COVERAGE_EDIT,
    }

    def get_queryset(self) -> "QuerySet[Member]":
        if getattr(self, "swagger_fake_view", False):
            return Member.objects.none()
        user: Any = self.request.user
        return Member.objects.visible_to(user)

    @extend_schema(
        operation_id="task_forces_list",
        summary="List task forces",
        description="Of members who have one, or whose segment asks for one, by their name.",
        parameters=[PageInput],
        responses={200: TaskForcesOutput, **problems(400)},
        filters=False,
    )
    def list(self, request: "Request") -> Response:
        asked(request, PageInput)
        today = clock.today()
        user: Any = request.user
        rows = reads.with_task_force(user, on=today)
        shown = paged(
            request, lambda size, **edges: page(rows, order=("name", "pk"), size=size, **edges)
        )
        found = reads.task_forces(list(shown.items), on=today)
        return Response(page_body(shown, [TaskForceOutput(each).data for each in found]))

    @extend_schema(
        operation_id="task_forces_retrieve",
        summary="Show who works for a member",
        description="With their parts, what is left for the owner, and who left.",
        parameters=[identifier("member")],
        responses={200: TaskForceDetailOutput, **problems(404)},
    )
    def retrieve(self, request: "Request", public_id: str) -> Response:
        return self._answer(self.get_object())

    @act(
        "task_forces_share",
        "Give somebody a part",
        "From today, or another part than they have. More than the others leave: 409. The "
        "same again changes nothing.",
        request=ShareInput,
        answer=TaskForceDetailOutput,
        noun="member",
    )
    @action(detail=True, methods=["post"])
    @idempotent
    def share(self, request: "Request", public_id: str) -> Response:
        given = said(request, ShareInput)
        member = self.get_object()
        by: Any = request.user
        with refusing(services.TooMuchShared, invalid={services.NotAContributor: "user"}):
            services.share_task_force(
                member=member, on=clock.today(), by=by, at=clock.now(), **given
            )
        return self._answer(member)

    @act(
        "task_forces_leave",
        "End somebody's part",
        "Today. Somebody who never had one here: 404; whose part has ended: nothing changes.",
        request=LeaveInput,
        answer=TaskForceDetailOutput,
        noun="member",
    )
    @action(detail=True, methods=["post"])
    @idempotent
    def leave(self, request: "Request", public_id: str) -> Response:
        given = said(request, LeaveInput)
        member = self.get_object()
        by: Any = request.user
        shares = TaskForceShare.objects.filter(member=member, user__public_id=given["user"])
        row = shares.filter(ends_on=None).first() or shares.order_by("pk").last()
        if row is None:
            raise NotFound
        services.leave_task_force(share=row, on=clock.today(), by=by, at=clock.now())
        return self._answer(member)

    def _answer(self, member: Member) -> Response:
        (found,) = reads.task_forces([member], on=clock.today())
        return Response(TaskForceDetailOutput(found).data)
