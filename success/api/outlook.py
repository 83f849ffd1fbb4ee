"""Stalling and leaving, time to first value, promises and the success gap, over REST."""

from collections.abc import Mapping
from typing import Any

from drf_spectacular.utils import extend_schema, extend_schema_serializer
from rest_framework import serializers
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from config.kernel import clock
from config.kernel.api import asked as asked_for
from config.kernel.api import problems
from members.models import Association
from success.access import Permission
from success.engine.first_value import FIRST_DAYS, Onboarding
from success.queries import first_value, kept, outlook
from success.queries.gap import success_gap
from success.queries.nights import last_live_day

GROUPED_BY = ["kind", "segment", "year"]


def _share(help_text: str = "") -> serializers.FloatField:
    return serializers.FloatField(allow_null=True, help_text=help_text)


class CurvePointOutput(serializers.Serializer[Any]):
    days_since_joining = serializers.IntegerField()
    at_risk = serializers.IntegerField(help_text="Members seen just after that day.")
    stayed = serializers.FloatField(help_text="Kaplan-Meier, of those read at the landmark.")
    low = _share("95 % interval; null before anybody left.")
    high = _share()


class CurveGroupOutput(serializers.Serializer[Any]):
    name = serializers.CharField()
    members = serializers.IntegerField()
    left = serializers.IntegerField(help_text="Since they were read.")
    expected_to_leave = _share("Had all groups been alike.")
    points = CurvePointOutput(many=True)


class CurveComparisonOutput(serializers.Serializer[Any]):
    groups = CurveGroupOutput(many=True)
    chi_square = _share("Log-rank; null where the groups cannot be compared.")
    degrees = serializers.IntegerField(allow_null=True)
    p_value = _share()


class RateRatioOutput(serializers.Serializer[Any]):
    ratio = serializers.FloatField(help_text="1 is no difference.")
    low = serializers.FloatField(help_text="95 % interval.")
    high = serializers.FloatField()


class CurveLookOutput(CurveComparisonOutput):
    name = serializers.CharField()
    day = serializers.IntegerField(help_text="Day after joining on which the state was read.")
    left_before = serializers.IntegerField()
    not_yet = serializers.IntegerField()
    read_late = serializers.IntegerField(
        help_text="Read when the records became readable, and at risk from then on."
    )
    rate_ratio = RateRatioOutput(
        allow_null=True, help_text="How many times as often stalled members left as others."
    )


@extend_schema_serializer(component_name="StalledAndLapsed")
class StalledAndLapsedOutput(serializers.Serializer[Any]):
    as_of = serializers.DateField()
    template = serializers.CharField()
    kind = serializers.CharField()
    grace_days = serializers.IntegerField()
    members = serializers.IntegerField()
    one_in = serializers.IntegerField(help_text="One in how many members is looked at.")
    runs = serializers.IntegerField(help_text="Unbroken runs of membership.")
    records_begin = serializers.DateField()
    readable_on = serializers.DateField()
    expected_days = serializers.ListField(child=serializers.IntegerField())
    main = CurveLookOutput()
    by_state = CurveComparisonOutput()
    looks = CurveLookOutput(many=True, help_text="The same with one thing changed at a time.")
    tested_from = serializers.DateField(allow_null=True)
    expected_days_before = serializers.ListField(child=serializers.IntegerField())


class FirstValueInput(serializers.Serializer[Any]):
    by = serializers.ChoiceField(choices=GROUPED_BY, default="segment")


class OnBoardOutput(serializers.Serializer[Any]):
    day = serializers.IntegerField()
    share = _share("Null beyond the last day anybody was watched for.")
    low = _share("95 % interval.")
    high = _share()


class OnboardingOutput(serializers.Serializer[Any]):
    value = serializers.CharField(help_text="Of the group; blank: everybody, or no segment.")
    members = serializers.IntegerField()
    arrived = serializers.IntegerField()
    on_first_day = serializers.IntegerField()
    waiting = serializers.IntegerField()
    left_without = serializers.IntegerField()
    median_days = serializers.IntegerField(
        allow_null=True, help_text="Null while more than half wait, and below five members."
    )
    on_board = OnBoardOutput(many=True, help_text="Empty below five members.")


@extend_schema_serializer(component_name="FirstValue")
class FirstValueOutput(serializers.Serializer[Any]):
    as_of = serializers.DateField()
    by = serializers.ChoiceField(choices=GROUPED_BY)
    one_in = serializers.IntegerField()
    since = serializers.DictField(
        child=serializers.DateField(), help_text="From when records show it, by kind of member."
    )
    everybody = OnboardingOutput()
    groups = OnboardingOutput(many=True)
    left_out = serializers.DictField(child=serializers.IntegerField())


class PromiseSideOutput(serializers.Serializer[Any]):
    due = serializers.IntegerField()
    on_time = serializers.IntegerField()
    late = serializers.IntegerField(help_text="Done after their day.")
    undone = serializers.IntegerField()
    rate = _share("Kept on time over due; null below five promises.")
    helped = serializers.IntegerField(help_text="Of those judged, how many helped.")
    judged = serializers.IntegerField(help_text="On which the member said whether it helped.")


class PromisesOfOwnerOutput(serializers.Serializer[Any]):
    name = serializers.CharField(help_text="Who looks after the members; blank: the pool.")
    ours = PromiseSideOutput()
    theirs = PromiseSideOutput()


@extend_schema_serializer(component_name="KeptPromises")
class KeptOutput(serializers.Serializer[Any]):
    since = serializers.DateField()
    as_of = serializers.DateField()
    everybody = PromisesOfOwnerOutput()
    by_owner = PromisesOfOwnerOutput(many=True, help_text="In the order of names.")


@extend_schema_serializer(component_name="SuccessGap")
class GapOutput(serializers.Serializer[Any]):
    as_of = serializers.DateField()
    on_the_way = serializers.IntegerField(help_text="Recorded as achieved, ahead or on track.")
    answered = serializers.IntegerField()
    said_no = serializers.IntegerField()
    gap = _share("Who said no over who answered.")
    unknown = _share("Share of those on the way who have not answered.")


class StalledAndLapsedView(APIView):
    permission_map = {"get": Permission.VECTOR_VIEW}

    @extend_schema(
        operation_id="measures_stalled_and_lapsed",
        summary="Ask whether stalling comes before leaving",
        tags=["measures"],
        responses={200: StalledAndLapsedOutput, **problems(404)},
    )
    def get(self, request: Request) -> Response:
        """Members stalled a year after joining against all others, and who left since."""
        found = outlook.stalled_and_lapsed(
            as_of=last_live_day() or clock.today(), grace_days=Association.current().grace_days
        )
        if found is None:
            raise NotFound("No path has all of its milestones in the records.")
        return Response(StalledAndLapsedOutput(outlook.plain(found)).data)


class FirstValueView(APIView):
    permission_map = {"get": Permission.VECTOR_VIEW}

    @extend_schema(
        operation_id="measures_first_value",
        summary="Show time to first value",
        tags=["measures"],
        parameters=[FirstValueInput],
        responses={200: FirstValueOutput, **problems(400)},
    )
    def get(self, request: Request) -> Response:
        """After how long members get first value, those who still wait censored."""
        by = asked_for(request, FirstValueInput)["by"]
        found = first_value.first_value(
            as_of=last_live_day() or clock.today(), grace_days=Association.current().grace_days
        )
        groups = {"kind": found.by_kind, "segment": found.by_segment, "year": found.by_year}
        said = {
            "as_of": found.as_of,
            "by": by,
            "one_in": found.one_in,
            "since": found.since,
            "everybody": _onboarding("", found.everybody, is_small=False),
            "groups": [
                _onboarding(group.value, group.found, is_small=group.is_small)
                for group in groups[by]
            ],
            "left_out": {
                name: getattr(found.left_out, name)
                for name in ("unknown", "before_records", "carried_over", "unseen")
            },
        }
        return Response(FirstValueOutput(said).data)


class KeptView(APIView):
    permission_map = {"get": Permission.VECTOR_VIEW}

    @extend_schema(
        operation_id="measures_promises",
        summary="Show how both sides keep their promises",
        tags=["measures"],
        responses={200: KeptOutput, **problems()},
    )
    def get(self, request: Request) -> Response:
        """Promises of the last year that fell due, kept on time, late or not at all."""
        found = kept.promises_kept(as_of=last_live_day() or clock.today())
        said = {
            "since": found.since,
            "as_of": found.as_of,
            "everybody": _kept_by(found.everybody),
            "by_owner": [_kept_by(group) for group in found.by_owner],
        }
        return Response(KeptOutput(said).data)


class GapView(APIView):
    permission_map = {"get": Permission.VECTOR_VIEW}

    @extend_schema(
        operation_id="measures_success_gap",
        summary="Show the success gap",
        tags=["measures"],
        responses={200: GapOutput, **problems()},
    )
    def get(self, request: Request) -> Response:
        """Members we record as on the way who say that they are getting no closer."""
        as_of = last_live_day() or clock.today()
        found = success_gap(as_of=as_of)
        said = {
            "as_of": as_of,
            "on_the_way": found.members,
            "answered": found.answered,
            "said_no": found.no,
            "gap": None if found.share is None else float(found.share),
            "unknown": None if found.unknown_share is None else float(found.unknown_share),
        }
        return Response(GapOutput(said).data)


def _onboarding(value: str, found: Onboarding, *, is_small: bool) -> Mapping[str, Any]:
    shares = []
    for day in () if is_small else FIRST_DAYS:
        share, bounds = found.on_board(day), found.on_board_between(day)
        low, high = bounds or (None, None)
        shares.append(
            {
                "day": day,
                "share": None if share is None else float(share),
                "low": low,
                "high": high,
            }
        )
    counts = ("members", "arrived", "on_first_day", "waiting", "left_without")
    return {
        "value": value,
        "median_days": None if is_small else found.median,
        "on_board": shares,
        **{name: getattr(found, name) for name in counts},
    }


def _kept_by(group: kept.KeptBy) -> Mapping[str, Any]:
    return {"name": group.name, "ours": _side(group.ours), "theirs": _side(group.theirs)}


def _side(side: kept.Kept) -> Mapping[str, Any]:
    counts = ("due", "on_time", "late", "undone", "helped", "judged")
    rate = None if side.is_small or side.rate is None else float(side.rate)
    return {"rate": rate, **{name: getattr(side, name) for name in counts}}
