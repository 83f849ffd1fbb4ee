"""Members over REST: the list as the page filters it, a member on any day, their timeline."""

from typing import TYPE_CHECKING, Any

from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from config.kernel import clock
from config.kernel.api import PageInput, page_body, paged, problems
from config.kernel.api import asked as asked_for
from config.kernel.permissions import may
from coverage.services import details
from members.access import Permission
from members.api.acts import act, refusing, said
from members.api.idempotency import idempotent
from members.models import Member
from members.queries import terms, terms_with_dues
from success.api.serializers import (
    AsOfInput,
    DetailsInput,
    MemberDetailFields,
    MemberDetailOutput,
    MemberOutput,
    TimelineInput,
    TimelineOutput,
    TimelinePageOutput,
)
from success.filters import MemberFilter
from success.queries.members import (
    involvements_of_the_whole,
    member_list,
    people,
    promises,
    standing_on,
    vector_on,
)
from success.queries.nights import last_live_day
from success.queries.timeline import timeline

if TYPE_CHECKING:
    from datetime import date

    from django.db.models import QuerySet
    from rest_framework.request import Request

PUBLIC_ID = OpenApiParameter(
    "public_id", type=str, location=OpenApiParameter.PATH, description="The `id` of the member."
)


@extend_schema(tags=["members"])
@extend_schema_view(
    list=extend_schema(
        operation_id="members_list",
        summary="List members",
        description=(
            "The members the caller may see, a page at a time, narrowed by the same filters "
            "as the page. A filter that does not exist, or a value that makes no sense, is "
            "refused."
        ),
        responses={200: MemberOutput(many=True), **problems(400)},
    ),
)
class Members(ListModelMixin, RetrieveModelMixin, GenericViewSet[Member]):
    serializer_class = MemberOutput
    filterset_class = MemberFilter
    lookup_field = "public_id"
    permission_map = {
        "list": Permission.MEMBER_VIEW,
        "retrieve": Permission.MEMBER_VIEW,
        "timeline": Permission.MEMBER_VIEW,
        "details": Permission.DETAILS_EDIT,
    }
    asked: MemberFilter

    def get_queryset(self) -> "QuerySet[Member]":
        if getattr(self, "swagger_fake_view", False):
            return Member.objects.none()
        return member_list(self.request.user, as_of=self._facts_as_of())  # type: ignore[arg-type]  # signed in: HasPermission asked

    def filter_queryset(self, queryset: Any) -> Any:
        """Narrow the list only: a member named by identifier is not to be filtered away."""
        return super().filter_queryset(queryset) if self.action == "list" else queryset

    @property
    def keyset_order(self) -> tuple[str, ...]:
        return self.asked.ordering

    @extend_schema(
        operation_id="members_retrieve",
        summary="Show a member as of a day",
        description=(
            "Plan, vector, promises, people and terms as of a day. Dues only for those who may "
            "see them. The row's own figures (as in the list) are of the last finished night, "
            "`facts_as_of`."
        ),
        parameters=[PUBLIC_ID, AsOfInput],
        responses={200: MemberDetailOutput, **problems(400, 404)},
    )
    def retrieve(self, request: "Request", *args: Any, **kwargs: Any) -> Response:
        asked = asked_for(request, AsOfInput)
        return self._shown(self.get_object(), as_of=asked.get("as_of") or clock.today())

    @act(
        "members_details",
        "Say a member's language and time zone",
        "By which rebalancing chooses who looks after them. An unknown one is 400.",
        request=DetailsInput,
        answer=MemberDetailOutput,
        noun="member",
    )
    @action(detail=True, methods=["post"], pagination_class=None)
    @idempotent
    def details(self, request: "Request", public_id: str) -> Response:
        given = said(request, DetailsInput)
        member = self.get_object()
        user: Any = request.user
        kept = {"language": member.language, "time_zone": member.time_zone}
        with refusing(
            invalid={details.UnknownLanguage: "language", details.UnknownZone: "time_zone"}
        ):
            details.set_clock_and_language(
                member=member, by=user, at=clock.now(), **(kept | given)
            )
        return self._shown(self.get_object(), as_of=clock.today())

    def _shown(self, member: Member, *, as_of: "date") -> Response:
        request = self.request
        reading = vector_on(member, as_of=as_of)
        terms_of = terms_with_dues if may(request, Permission.DUES_VIEW) else terms
        added = MemberDetailFields(
            {
                "as_of": as_of,
                "facts_as_of": self._facts_as_of(),
                "standing_on_day": standing_on(member, as_of=as_of),
                "language": member.language,
                "time_zone": member.time_zone,
                "identities": member.identities.order_by("source", "external_id"),
                "plan": reading.plan,
                "vector": reading,
                "milestones": reading.milestones,
                "promises": promises(reading.plan, as_of=as_of),
                "people": people(member, as_of=as_of),
                "involvements": involvements_of_the_whole(member, as_of=as_of),
                "terms": terms_of(member, as_of=as_of),
            }
        )
        return Response({**MemberOutput(member).data, **added.data})

    @extend_schema(
        operation_id="members_timeline",
        summary="Show what happened to a member",
        description="Everything that happened up to a day, newest first, a page at a time.",
        parameters=[PUBLIC_ID, TimelineInput, PageInput],
        responses={200: TimelinePageOutput, **problems(400, 404)},
        filters=False,
    )
    @action(detail=True, pagination_class=None)
    def timeline(self, request: "Request", public_id: str) -> Response:
        asked = asked_for(request, TimelineInput, *PageInput().fields)
        member = self.get_object()
        shown = paged(
            request,
            lambda size, **edges: timeline(
                member,
                user=request.user,  # type: ignore[arg-type]  # signed in
                as_of=asked.get("as_of") or clock.today(),
                kinds=asked.get("kind", ()),
                size=size,
                **edges,
            ),
        )
        return Response(page_body(shown, [TimelineOutput(entry).data for entry in shown.items]))

    def _facts_as_of(self) -> "date":
        """The day MemberFacts speak of."""
        return last_live_day() or clock.today()
