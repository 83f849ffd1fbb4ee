"""How members who were moved to less contact have fared since, over REST."""

from typing import Any

from drf_spectacular.utils import extend_schema, extend_schema_serializer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from config.kernel import clock
from config.kernel.api import problems
from members.models import Association
from success.access import Permission
from success.engine.after_move import Difference, Verdict
from success.queries.after_move import Fared, MovedBatch, Seen, moved_to_less
from success.queries.nights import last_live_day

VERDICTS = [each.value for each in Verdict]


class DifferenceOutput(serializers.Serializer[Any]):
    moved = serializers.FloatField()
    alike = serializers.FloatField(help_text="Those like them who were not moved.")
    difference = serializers.FloatField()
    low = serializers.FloatField(help_text="95 % interval of the difference.")
    high = serializers.FloatField()
    moved_members = serializers.IntegerField()
    alike_members = serializers.IntegerField()
    verdict = serializers.ChoiceField(choices=VERDICTS)


class FaredOutput(serializers.Serializer[Any]):
    members = serializers.IntegerField()
    held_before = serializers.IntegerField(help_text="Stalled, slipping or regressing.")
    held_after = serializers.IntegerField()
    due = serializers.IntegerField(help_text="Terms that ended and are decided.")
    renewed = serializers.IntegerField()
    open = serializers.IntegerField(help_text="Terms that ended and are not decided.")


class MoveLookOutput(serializers.Serializer[Any]):
    days = serializers.IntegerField(help_text="Since the move.")
    opens_on = serializers.DateField()
    verdict = serializers.ChoiceField(choices=VERDICTS)
    pace = DifferenceOutput(
        allow_null=True, help_text="Change of pace, plan-days a day; null below five members."
    )
    renewal = DifferenceOutput(
        allow_null=True, help_text="Share renewed; null below five renewals."
    )
    moved = FaredOutput(allow_null=True, help_text="Null while it is too early.")
    stayed = FaredOutput(allow_null=True)


class MovedMemberOutput(serializers.Serializer[Any]):
    member = serializers.UUIDField()
    name = serializers.CharField()
    moved_on = serializers.DateField()
    state_before = serializers.CharField(allow_null=True)
    state_after = serializers.CharField(allow_null=True)
    has_renewed = serializers.BooleanField(allow_null=True)


class MovedBatchOutput(serializers.Serializer[Any]):
    rebalancing = serializers.UUIDField(allow_null=True)
    first_on = serializers.DateField()
    last_on = serializers.DateField()
    from_segment = serializers.CharField()
    to_segment = serializers.CharField()
    members = serializers.IntegerField()
    back = serializers.IntegerField(help_text="Gone back since; followed all the same.")
    unknown = serializers.IntegerField(help_text="Not compared: nothing known on the day.")
    verdict = serializers.ChoiceField(choices=VERDICTS)
    looks = MoveLookOutput(many=True)
    shown = MovedMemberOutput(many=True, help_text="Where too few can be compared.")


@extend_schema_serializer(component_name="AfterMove")
class AfterMoveOutput(serializers.Serializer[Any]):
    as_of = serializers.DateField()
    batches = MovedBatchOutput(many=True)


class AfterMoveView(APIView):
    permission_map = {"get": Permission.REVENUE_VIEW}

    @extend_schema(
        operation_id="measures_after_a_move",
        summary="Follow members who were moved to less contact",
        tags=["measures"],
        responses={200: AfterMoveOutput, **problems()},
    )
    def get(self, request: Request) -> Response:
        """Pace and renewals 30, 90 and 180 days on, beside members like them who stayed."""
        as_of = last_live_day() or clock.today()
        found = moved_to_less(as_of=as_of, grace_days=Association.current().grace_days)
        said = {"as_of": as_of, "batches": [_batch(each) for each in found]}
        return Response(AfterMoveOutput(said).data)


def _batch(batch: MovedBatch) -> dict[str, Any]:
    names = ("rebalancing", "first_on", "last_on", "from_segment", "to_segment", "members")
    return {
        **{name: getattr(batch, name) for name in (*names, "back", "unknown")},
        "verdict": batch.verdict.value,
        "looks": [_look(each) for each in batch.seen],
        "shown": [
            {
                "member": each.public_id,
                "name": each.name,
                "moved_on": each.moved_on,
                "state_before": each.state_before,
                "state_after": each.state_after,
                "has_renewed": each.has_renewed,
            }
            for each in batch.shown
        ],
    }


def _look(seen: Seen) -> dict[str, Any]:
    look = seen.look
    return {
        "days": look.days,
        "opens_on": look.opens_on,
        "verdict": look.verdict.value,
        "pace": _difference(look.pace),
        "renewal": _difference(look.renewal),
        "moved": _fared(seen.moved) if look.is_open else None,
        "stayed": _fared(seen.stayed) if look.is_open else None,
    }


def _difference(found: Difference | None) -> dict[str, Any] | None:
    if found is None:
        return None
    return {
        "moved": float(found.moved),
        "alike": float(found.stayed),
        "difference": float(found.estimate),
        "low": found.low,
        "high": found.high,
        "moved_members": found.moved_members,
        "alike_members": found.stayed_members,
        "verdict": found.verdict.value,
    }


def _fared(fared: Fared) -> dict[str, Any]:
    names = ("members", "held_before", "held_after", "due", "renewed", "open")
    return {name: getattr(fared, name) for name in names}
