"""The team's load and each person's, now and in the weeks ahead, over REST."""

from typing import Any

from drf_spectacular.utils import extend_schema, extend_schema_serializer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from config.kernel import clock
from config.kernel.api import problems
from config.kernel.permissions import may
from coverage.access import Permission
from coverage.engine.capacity import Band
from coverage.queries.capacity import PersonLoad, PersonWeeks, TeamLoad, picture
from members.models import Association

BAND_NAMES = [band.value for band in Band]


def _hours(help_text: str = "", *, is_null: bool = False) -> serializers.FloatField:
    return serializers.FloatField(allow_null=is_null, help_text=help_text)


def _band() -> serializers.ChoiceField:
    return serializers.ChoiceField(
        choices=BAND_NAMES, allow_null=True, help_text="Null where the load is not known."
    )


class AbsenceOutput(serializers.Serializer[Any]):
    starts_on = serializers.DateField()
    ends_on = serializers.DateField(help_text="First day back.")


class WeekAheadOutput(serializers.Serializer[Any]):
    week = serializers.DateField(help_text="Its Monday.")
    needed = _hours("In that week.")
    available = _hours("In that week.", is_null=True)
    load = _hours(is_null=True)
    band = _band()
    away = serializers.FloatField(help_text="The part of the week they are away.")


@extend_schema_serializer(component_name="PersonLoad")
class PersonLoadOutput(serializers.Serializer[Any]):
    user = serializers.UUIDField(
        allow_null=True, help_text="Null for a colleague whose name you may not see."
    )
    name = serializers.CharField(allow_null=True)
    members = serializers.IntegerField()
    helped = serializers.IntegerField(help_text="Members of others, shared in a task force.")
    unknown = serializers.IntegerField(help_text="Members whose hours are not known.")
    needed = _hours("A month.")
    given = _hours("A month; null without a record.", is_null=True)
    capacity = _hours("A month; null where nobody has said it.", is_null=True)
    load = _hours("Needed over capacity.", is_null=True)
    band = _band()
    is_overloaded_for_weeks = serializers.BooleanField()
    absences = AbsenceOutput(many=True)
    weeks = WeekAheadOutput(many=True, help_text="Empty for a colleague without a name.")


class PoolOutput(serializers.Serializer[Any]):
    members = serializers.IntegerField()
    unknown = serializers.IntegerField()
    needed = _hours()
    capacity = _hours("Of the people who work in it.")
    people = serializers.IntegerField()
    needed_people = _hours("By its requests; null while they are not known.", is_null=True)
    weeks = WeekAheadOutput(many=True)


class TeamOutput(serializers.Serializer[Any]):
    needed = _hours()
    capacity = _hours()
    load = _hours(is_null=True)
    band = _band()
    highest = _hours("Load of the most loaded.", is_null=True)
    lowest = _hours(is_null=True)
    hours_missing = _hours()
    people_missing = _hours(is_null=True)
    leverage_needed = _hours("Null where none is needed.", is_null=True)
    unserved = _hours("Beyond what each person, and the pool, has.")
    members = serializers.IntegerField()
    unknown = serializers.IntegerField()
    unheld_members = serializers.IntegerField(help_text="Whom nobody holds, and no pool.")
    unheld_hours = _hours()
    left_out = serializers.IntegerField(help_text="People whose capacity is not known.")


@extend_schema_serializer(component_name="Capacity")
class CapacityOutput(serializers.Serializer[Any]):
    as_of = serializers.DateField()
    team = TeamOutput()
    pool = PoolOutput()
    people = PersonLoadOutput(many=True)


class CapacityView(APIView):
    permission_map = {"get": Permission.COVERAGE_VIEW}

    @extend_schema(
        operation_id="coverage_capacity",
        summary="Compare hours needed with hours there are",
        tags=["coverage"],
        responses={200: CapacityOutput, **problems()},
    )
    def get(self, request: Request) -> Response:
        """Hours of staff time a month, and the load of each of the 26 weeks ahead.

        Names and weeks of colleagues are for those who may see all of them.
        """
        as_of = clock.today()
        found = picture(as_of=as_of, grace_days=Association.current().grace_days)
        sees_all = may(request, Permission.CAPACITY_VIEW_ALL)
        weeks = {row.user.pk if row.user else None: row for row in found.projection}
        people = []
        for load in found.loads:
            is_named = sees_all or load.user.pk == request.user.pk
            people.append(_person(load, weeks[load.user.pk], is_named=is_named))
        pool = found.team.pool
        said = {
            "as_of": as_of,
            "team": _team(found.team),
            "pool": {
                "members": pool.members,
                "unknown": pool.unknown,
                "needed": float(pool.needed),
                "capacity": float(pool.capacity),
                "people": pool.people,
                "needed_people": None if pool.need is None else float(pool.need.people),
                "weeks": _weeks(weeks[None]),
            },
            "people": people,
        }
        return Response(CapacityOutput(said).data)


def _number(value: Any) -> float | None:
    return None if value is None else round(float(value), 4)


def _team(team: TeamLoad) -> dict[str, Any]:
    return {
        "needed": _number(team.sums.demand),
        "capacity": _number(team.sums.capacity),
        "load": _number(team.sums.load),
        "band": team.band,
        "highest": _number(team.sums.highest),
        "lowest": _number(team.sums.lowest),
        "hours_missing": _number(team.sums.hours_missing),
        "people_missing": _number(team.people_missing),
        "leverage_needed": _number(team.sums.leverage_needed),
        "unserved": _number(team.unserved),
        "members": team.members,
        "unknown": team.unknown,
        "unheld_members": team.unheld_members,
        "unheld_hours": _number(team.unheld_hours),
        "left_out": team.left_out,
    }


def _person(load: PersonLoad, ahead: PersonWeeks, *, is_named: bool) -> dict[str, Any]:
    return {
        "user": load.user.public_id if is_named else None,
        "name": load.user.name if is_named else None,
        "members": load.members,
        "helped": load.helped,
        "unknown": load.unknown,
        "needed": _number(load.needed),
        "given": _number(load.given),
        "capacity": _number(load.capacity),
        "load": _number(load.load),
        "band": load.band,
        "is_overloaded_for_weeks": load.is_overloaded_for_weeks and is_named,
        "absences": list(load.absences) if is_named else [],
        "weeks": _weeks(ahead) if is_named else [],
    }


def _weeks(ahead: PersonWeeks) -> list[dict[str, Any]]:
    return [
        {
            "week": week.week,
            "needed": week.needed,
            "available": week.available,
            "load": _number(week.load),
            "band": week.band,
            "away": week.away,
        }
        for week in ahead.weeks
    ]
