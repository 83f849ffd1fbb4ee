"""Over REST: our work as members' movement tells it, and whether revenue is backed by it."""

from typing import Any, cast

from drf_spectacular.utils import extend_schema, extend_schema_serializer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from config.kernel import clock
from config.kernel.api import problems
from config.kernel.problems import Conflict
from members.models import Association, User
from success.access import Permission
from success.engine.doing import Bearing
from success.engine.revenue import MixedCurrencies
from success.queries import doing
from success.queries import measures as integrity_of
from success.queries.nights import last_live_day


def _ratio(help_text: str = "") -> serializers.DecimalField:
    return serializers.DecimalField(
        max_digits=24, decimal_places=6, allow_null=True, help_text=help_text
    )


class WorkOutput(serializers.Serializer[Any]):
    held = serializers.IntegerField(help_text="Members in membership looked after now.")
    counted = serializers.IntegerField()
    too_new = serializers.ListField(
        child=serializers.UUIDField(), help_text="Members handed over since; left out."
    )
    blocked = serializers.ListField(
        child=serializers.UUIDField(),
        help_text="Members who wait for another department; left out.",
    )
    measured = serializers.IntegerField(help_text="Counted, with a pace on both days.")
    earlier = _ratio("Their mean pace then; null below five.")
    later = _ratio("Their mean pace now.")
    change = _ratio("Like for like.")
    shown = serializers.ListField(
        child=serializers.UUIDField(), help_text="Those measured, where fewer than five."
    )


class BesideWorkOutput(serializers.Serializer[Any]):
    promises_due = serializers.IntegerField(help_text="Of ours, in a year.")
    promises_on_time = serializers.IntegerField()
    gap_answered = serializers.IntegerField(
        help_text="Of members recorded as succeeding, those who answered."
    )
    gap_no = serializers.IntegerField(help_text="Of these, those who said no.")
    gap_unknown = serializers.IntegerField(help_text="Those who have not answered.")


class PersonWorkOutput(BesideWorkOutput):
    person = serializers.UUIDField()
    name = serializers.CharField()
    work = WorkOutput()


@extend_schema_serializer(component_name="OurWork")
class OurWorkOutput(BesideWorkOutput):
    as_of = serializers.DateField()
    earlier_on = serializers.DateField()
    held_days = serializers.IntegerField(help_text="How long an account is held to count.")
    team = WorkOutput()
    people = PersonWorkOutput(many=True, help_text="By name; an MSM gets their own.")


class IntegrityPartOutput(serializers.Serializer[Any]):
    bearing = serializers.ChoiceField(choices=[each.value for each in Bearing])
    members = serializers.IntegerField()
    opening = serializers.DecimalField(max_digits=18, decimal_places=2)
    expansion = serializers.DecimalField(max_digits=18, decimal_places=2)
    contraction = serializers.DecimalField(max_digits=18, decimal_places=2)
    churn = serializers.DecimalField(max_digits=18, decimal_places=2)
    closing = serializers.DecimalField(max_digits=18, decimal_places=2)
    nrr = _ratio("Of these members alone; null for nobody.")
    of_nrr = _ratio("Their part of the whole NRR.")


class WonOutput(serializers.Serializer[Any]):
    milestones = serializers.ChoiceField(choices=["none", "reached", "unknown"])
    renewals = serializers.IntegerField()
    renewed = serializers.DecimalField(max_digits=18, decimal_places=2)
    expansions = serializers.IntegerField()
    expanded = serializers.DecimalField(max_digits=18, decimal_places=2)
    members = serializers.IntegerField()


@extend_schema_serializer(component_name="Integrity")
class IntegrityOutput(serializers.Serializer[Any]):
    as_of = serializers.DateField()
    earlier_on = serializers.DateField()
    currency = serializers.CharField()
    is_alarming = serializers.BooleanField(
        allow_null=True, help_text="Null where a side of it is not known."
    )
    nrr_earlier = _ratio("Of the year up to `earlier_on`.")
    nrr_later = _ratio("Of the year up to `as_of`.")
    pace_members = serializers.IntegerField(help_text="With a pace on both days.")
    pace_earlier = _ratio()
    pace_later = _ratio()
    hollow = _ratio("Of kept dues with a known direction, those that do not move forwards.")
    parts = IntegrityPartOutput(many=True)
    won = WonOutput(many=True)


class OurWorkView(APIView):
    permission_map = {"get": Permission.VECTOR_VIEW}

    @extend_schema(
        operation_id="measures_our_work",
        summary="Show our work as members' movement tells it",
        tags=["measures"],
        responses={200: OurWorkOutput, **problems()},
    )
    def get(self, request: Request) -> Response:
        """The movement of accounts held long enough, of the team and of each."""
        found = doing.our_work(
            cast("User", request.user),
            as_of=last_live_day() or clock.today(),
            grace_days=Association.current().grace_days,
        )
        return Response(OurWorkOutput(doing.plain(found)).data)


class IntegrityView(APIView):
    permission_map = {"get": Permission.REVENUE_VIEW}

    @extend_schema(
        operation_id="measures_integrity",
        summary="Say whether revenue is backed by success",
        tags=["measures"],
        responses={200: IntegrityOutput, **problems(409)},
    )
    def get(self, request: Request) -> Response:
        """NRR beside like-for-like pace, whose dues they are, and what was won."""
        as_of = last_live_day() or clock.today()
        try:
            found = integrity_of.integrity_on(
                as_of=as_of, grace_days=Association.current().grace_days
            )
        except MixedCurrencies as error:
            raise Conflict(str(error)) from error
        return Response(IntegrityOutput(integrity_of.plain(found, as_of=as_of)).data)
