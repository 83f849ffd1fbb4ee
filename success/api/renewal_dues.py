"""What was up for renewal, by count and by dues, over REST."""

from datetime import date
from typing import Any

from drf_spectacular.utils import extend_schema, extend_schema_serializer
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from config.kernel import clock
from config.kernel.api import asked as asked_for
from config.kernel.api import problems
from config.kernel.problems import Conflict
from members.models import Association
from success.access import Permission
from success.engine.revenue import MixedCurrencies, Status
from success.queries import renewal_dues, renewals
from success.queries.nights import last_live_day


class AvailableInput(serializers.Serializer[Any]):
    since = serializers.DateField(
        required=False,
        help_text="First month, by any day of it; twelve decided ones unless given.",
    )
    until = serializers.DateField(required=False, help_text="Month not included any more.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        decided = renewals.decided_until(
            as_of=last_live_day() or clock.today(), grace_days=Association.current().grace_days
        )
        until: date = attrs.setdefault("until", decided)
        since: date = attrs.setdefault("since", renewals.month_after(until, -renewals.MONTHS))
        if since.replace(day=1) >= until.replace(day=1):
            raise ValidationError({"until": "The months must end after they begin."})
        return attrs


def _amount(help_text: str = "") -> serializers.DecimalField:
    return serializers.DecimalField(max_digits=18, decimal_places=2, help_text=help_text)


def _rate(help_text: str = "") -> serializers.DecimalField:
    return serializers.DecimalField(
        max_digits=24, decimal_places=6, allow_null=True, help_text=help_text
    )


class AvailableFiguresOutput(serializers.Serializer[Any]):
    """available = renewed + less + lapsed + undecided, to the cent, in a year's dues."""

    members = serializers.IntegerField(help_text="Who paid, and whose term ended.")
    renewed_members = serializers.IntegerField()
    lapsed_members = serializers.IntegerField()
    undecided_members = serializers.IntegerField(help_text="In grace.")
    reinstated_members = serializers.IntegerField(help_text="Back after the grace: apart.")
    available = _amount("Dues of the terms that ended.")
    renewed = _amount("Of these; nobody above what they paid before.")
    less = _amount("What those who renewed pay less.")
    more = _amount("What those who renewed pay more; in no sum.")
    lapsed = _amount()
    undecided = _amount()
    reinstated = _amount("Of who came back after the grace; in no sum.")
    status = serializers.ChoiceField(choices=[status.value for status in Status])
    rate_strict = _rate("Renewed over available dues; who is in grace counts as gone.")
    rate_optimistic = _rate("The same; who is in grace counts as renewed.")
    net_rate_strict = _rate("With what renewals were larger by.")
    net_rate_optimistic = _rate()
    member_rate_strict = _rate("By count: renewed over members.")
    member_rate_optimistic = _rate()


class AvailableTierOutput(AvailableFiguresOutput):
    tier = serializers.CharField(help_text="Of the term that ended.")


@extend_schema_serializer(component_name="AvailableToRenew")
class AvailableOutput(AvailableFiguresOutput):
    since = serializers.DateField()
    until = serializers.DateField(help_text="Not included.")
    covers_until = serializers.DateField(
        allow_null=True, help_text="Terms begun by this day were known to the last count."
    )
    currency = serializers.CharField()
    tiers = AvailableTierOutput(many=True)


class AvailableView(APIView):
    permission_map = {"get": Permission.REVENUE_VIEW}

    @extend_schema(
        operation_id="measures_renewals_available",
        summary="Show what was up for renewal, by count and by dues",
        tags=["measures"],
        parameters=[AvailableInput],
        responses={200: AvailableOutput, **problems(400, 409)},
    )
    def get(self, request: Request) -> Response:
        """Of terms that ended in whole months; a term of several years when it ends."""
        asked = asked_for(request, AvailableInput)
        try:
            found = renewal_dues.available_between(since=asked["since"], until=asked["until"])
        except MixedCurrencies as error:
            raise Conflict(str(error)) from error
        return Response(AvailableOutput(renewal_dues.plain(found)).data)
