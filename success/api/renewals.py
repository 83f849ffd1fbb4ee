"""Terms that end and how members like these renewed, over REST."""

from typing import Any, cast

from drf_spectacular.utils import extend_schema, extend_schema_serializer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from config.kernel import clock
from config.kernel.api import problems
from members.models import Association, User
from success.access import Permission
from success.queries import renewals as reads
from success.queries.nights import last_live_day


def _share(help_text: str = "") -> serializers.FloatField:
    return serializers.FloatField(allow_null=True, help_text=help_text)


class RenewalWeekOutput(serializers.Serializer[Any]):
    monday = serializers.DateField()
    members = serializers.IntegerField()
    renewed_already = serializers.IntegerField(help_text="The term that follows is known.")
    expected = serializers.FloatField(help_text="Renewals of the others, as of those alike.")
    deviation = serializers.FloatField(help_text="Standard deviation of expected.")
    unknown = serializers.IntegerField(help_text="Of the others, nothing is known.")


class RenewalBandOutput(serializers.Serializer[Any]):
    low = serializers.FloatField()
    high = serializers.FloatField()
    said = _share("Mean of what was said; null where nothing was.")
    renewed = serializers.IntegerField()
    of = serializers.IntegerField()


class HitRateOutput(serializers.Serializer[Any]):
    since = serializers.DateField()
    until = serializers.DateField(help_text="Not included.")
    of = serializers.IntegerField()
    brier = _share("Of what would have been said; smaller is better.")
    base_brier = _share("Of the rate of everybody at the time.")
    bands = RenewalBandOutput(many=True)


class RenewalRateOutput(serializers.Serializer[Any]):
    since = serializers.DateField()
    until = serializers.DateField(help_text="Not included.")
    available = serializers.IntegerField(help_text="Terms that ended: decided and in grace.")
    decided = serializers.IntegerField()
    renewed = serializers.IntegerField()
    undecided = serializers.IntegerField()
    rate = _share("Renewed over decided; null where none is.")
    first_year_rate = _share()
    later_rate = _share()


@extend_schema_serializer(component_name="Renewals")
class RenewalsOutput(serializers.Serializer[Any]):
    as_of = serializers.DateField()
    evidence_since = serializers.DateField()
    evidence_until = serializers.DateField(help_text="Not included.")
    evidence_of = serializers.IntegerField(help_text="Decided terms that are looked at.")
    weeks = RenewalWeekOutput(many=True)
    rate = RenewalRateOutput(help_text="Of the last twelve months that are decided.")
    hit_rate = HitRateOutput()


class RenewalsView(APIView):
    permission_map = {"get": Permission.VECTOR_VIEW}

    @extend_schema(
        operation_id="measures_renewals",
        summary="Show the terms that end in 120 days",
        tags=["measures"],
        responses={200: RenewalsOutput, **problems()},
    )
    def get(self, request: Request) -> Response:
        """By week, of members whom the user looks after or the pool does; of all, for leads."""
        said = reads.plain(
            cast("User", request.user),
            as_of=last_live_day() or clock.today(),
            grace_days=Association.current().grace_days,
        )
        return Response(RenewalsOutput(said).data)
