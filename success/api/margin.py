"""Cost to serve and margin over REST."""

from typing import Any

from drf_spectacular.utils import extend_schema, extend_schema_serializer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from config.kernel import clock
from config.kernel.api import PageInput, asked, page_body, paged, problems
from config.kernel.problems import Conflict
from members.models import Association
from success.access import Permission
from success.engine.margin import Served
from success.engine.revenue import MixedCurrencies
from success.queries import margin as reads
from success.queries.nights import last_live_day

REFUSALS = (reads.NoRates, reads.OtherCurrency, MixedCurrencies)
NO_RATES = "Nobody has said yet what an hour costs."


def _amount(help_text: str = "") -> serializers.DecimalField:
    return serializers.DecimalField(max_digits=16, decimal_places=2, help_text=help_text)


class ServedOutput(serializers.Serializer[Any]):
    """A year of serving somebody; amounts in the association's currency."""

    dues = _amount("In force on the day.")
    hours = _amount("Of our people.")
    labour = _amount()
    enablement = _amount()
    direct = _amount()
    cost_to_serve = _amount()
    margin = _amount()
    margin_share = serializers.FloatField(allow_null=True, help_text="Of dues.")


@extend_schema_serializer(component_name="SegmentMargin")
class SegmentMarginOutput(ServedOutput):
    segment = serializers.CharField(allow_blank=True, help_text="Key; blank for none.")
    members = serializers.IntegerField()
    assumed = serializers.IntegerField(help_text="Members without recorded time.")
    unknown = serializers.IntegerField(help_text="Left out: their hours are not known.")


@extend_schema_serializer(component_name="Margin")
class MarginOutput(serializers.Serializer[Any]):
    as_of = serializers.DateField()
    currency = serializers.CharField()
    hourly_rate = _amount()
    everybody = SegmentMarginOutput()
    segments = SegmentMarginOutput(many=True)


@extend_schema_serializer(component_name="MemberMargin")
class MemberMarginOutput(ServedOutput):
    member = serializers.UUIDField()
    name = serializers.CharField()
    is_assumed = serializers.BooleanField(help_text="Whether no time is recorded.")


@extend_schema_serializer(component_name="MemberMargins")
class MemberMarginsOutput(serializers.Serializer[Any]):
    results = MemberMarginOutput(many=True)
    next = serializers.CharField(allow_null=True)
    previous = serializers.CharField(allow_null=True)


class MembersInput(PageInput):
    segment = serializers.CharField(
        default="", allow_blank=True, help_text="Key of a segment; blank for everybody."
    )


class MarginView(APIView):
    permission_map = {"get": Permission.REVENUE_VIEW}

    @extend_schema(
        operation_id="measures_margin",
        summary="Measure cost to serve and margin",
        tags=["measures"],
        responses={200: MarginOutput, **problems(409)},
    )
    def get(self, request: Request) -> Response:
        """By segment, as assigned now. Freed hours are no cash until they are given to others.

        Without rates, or where currencies differ, it is 409.
        """
        as_of = last_live_day() or clock.today()
        try:
            rates = reads.rates_on(as_of=as_of)
            everybody, segments = reads.by_segment(as_of=as_of)
        except REFUSALS as error:
            raise Conflict(str(error) or NO_RATES) from error
        said = {
            "as_of": as_of,
            "currency": Association.current().currency,
            "hourly_rate": rates.hourly_rate,
            "everybody": _segment(everybody),
            "segments": [_segment(each) for each in segments],
        }
        return Response(MarginOutput(said).data)


class MemberMarginsView(APIView):
    permission_map = {"get": Permission.REVENUE_VIEW}

    @extend_schema(
        operation_id="measures_margin_members",
        summary="List members by margin",
        tags=["measures"],
        parameters=[MembersInput],
        responses={200: MemberMarginsOutput, **problems(400, 409)},
    )
    def get(self, request: Request) -> Response:
        """Members whose hours are known, the smallest margin first."""
        given = asked(request, MembersInput)
        as_of = last_live_day() or clock.today()
        try:
            shown = paged(
                request,
                lambda size, after=None, **_: reads.by_member(
                    as_of=as_of, segment=given["segment"], after=after, size=size
                ),
            )
        except REFUSALS as error:
            raise Conflict(str(error) or NO_RATES) from error
        rows = [
            {
                **_served(each.served),
                "member": each.public_id,
                "name": each.name,
                "is_assumed": each.is_assumed,
            }
            for each in shown.items
        ]
        return Response(page_body(shown, MemberMarginOutput(rows, many=True).data))


def _segment(cost: reads.SegmentCost) -> dict[str, Any]:
    return {
        **_served(cost.served),
        "segment": cost.key,
        "members": cost.members,
        "assumed": cost.assumed,
        "unknown": cost.unknown,
    }


def _served(served: Served) -> dict[str, Any]:
    share = served.margin_share
    return {
        "dues": served.revenue,
        "hours": served.hours,
        "labour": served.labour,
        "enablement": served.enablement,
        "direct": served.direct,
        "cost_to_serve": served.cost_to_serve,
        "margin": served.margin,
        "margin_share": None if share is None else float(share),
    }
