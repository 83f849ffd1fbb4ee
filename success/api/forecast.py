"""Expected expansion over REST: the forecast, the accounts behind it, and its back-test."""

from typing import Any

from drf_spectacular.utils import extend_schema, extend_schema_serializer
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from config.kernel import clock
from config.kernel.api import PageInput, asked, page_body, paged, problems
from members.models import Association
from success.access import Permission
from success.api.measures import WithReservedNames
from success.engine.forecast import LeftOut, Unknown
from success.queries import forecast as reads
from success.queries.nights import last_live_day

MONTHS = 3


def _amount(help_text: str = "") -> serializers.DecimalField:
    return serializers.DecimalField(
        max_digits=18, decimal_places=2, allow_null=True, help_text=help_text
    )


def _share(help_text: str = "") -> serializers.FloatField:
    return serializers.FloatField(allow_null=True, help_text=help_text)


class WindowInput(serializers.Serializer[Any]):
    months = serializers.ChoiceField(
        choices=reads.WINDOWS, default=MONTHS, help_text="How far to look from the last night."
    )


class AccountsInput(PageInput):
    months = serializers.ChoiceField(choices=reads.WINDOWS, default=MONTHS)
    cohort = serializers.CharField(
        default="", allow_blank=True, help_text="`cohort` of the forecast; blank for all."
    )
    reason = serializers.ChoiceField(
        choices=[reason.value for reason in LeftOut],
        required=False,
        help_text="Those left out for this reason, instead of those that count.",
    )

    def validate_cohort(self, value: str) -> str:
        if value and reads.key_of(value) is None:
            raise ValidationError("This is no cohort.")
        return value


class ExpectedOutput(WithReservedNames):
    """Sums over accounts that can be foretold; null where there are none."""

    accounts = serializers.IntegerField()
    unknown = serializers.IntegerField(help_text="Not forecastable: in no sum.")
    unpriced = serializers.IntegerField(help_text="Nobody said what it is worth.")
    takers = _share("Expected number of accounts that take it.")
    takers_low = _share("90 % interval.")
    takers_high = _share()
    expected = _amount("A year's value that is expected.")
    low = _amount("90 % interval.")
    high = _amount()


class CohortOutput(ExpectedOutput):
    cohort = serializers.CharField()
    milestone = serializers.CharField()
    path = serializers.CharField(allow_blank=True)
    offer = serializers.CharField()
    value = _amount("Of the offer, a year; null where nobody said it.")
    events = serializers.IntegerField(help_text="How many ever reached the milestone.")
    chance = _share("To reach it in the window, on average.")
    take = _share("To take the offer then, on average.")
    too_few = serializers.IntegerField(help_text="Unknown: fewer than 20 have reached it.")
    beyond = serializers.IntegerField(help_text="Unknown: later than anybody observed.")


class TakeOutput(serializers.Serializer[Any]):
    state = serializers.CharField()
    takers = serializers.IntegerField()
    asked = serializers.IntegerField()
    prior = _share("What is assumed, with the strength of ten answers.")
    rate = _share()


class MonthAheadOutput(ExpectedOutput):
    from_ = serializers.DateField()
    to = serializers.DateField()


class ForecastNrrOutput(WithReservedNames):
    basis = serializers.CharField()
    from_ = serializers.DateField()
    to = serializers.DateField()
    opening = _amount("Dues on the opening day.")
    kept = _share("GRR of the year before: what of it is expected to stay.")
    expansion = _amount("Expected in twelve months; rather too low.")
    rate = _share("(Expected to stay + expected expansion) / opening.")
    last_rate = _share("NRR of the year before, on the same basis.")


@extend_schema_serializer(component_name="Forecast")
class ForecastOutput(serializers.Serializer[Any]):
    as_of = serializers.DateField()
    until = serializers.DateField()
    months = serializers.IntegerField()
    currency = serializers.CharField()
    total = ExpectedOutput()
    cohorts = CohortOutput(many=True, help_text="No account is in two.")
    left_out = serializers.DictField(child=serializers.IntegerField())
    takes = TakeOutput(many=True)
    takes_are_assumed = serializers.BooleanField(help_text="Fewer than ten have answered.")
    ahead = MonthAheadOutput(many=True, help_text="Each of the next twelve months by itself.")
    nrr = ForecastNrrOutput(allow_null=True)


@extend_schema_serializer(component_name="ForecastAccount")
class ForecastAccountOutput(serializers.Serializer[Any]):
    member = serializers.UUIDField()
    name = serializers.CharField()
    state = serializers.CharField()
    milestone = serializers.CharField()
    offer = serializers.CharField()
    plan_days_to_go = serializers.IntegerField(help_text="To the expected day; late negative.")
    reason = serializers.ChoiceField(
        choices=[reason.value for reason in LeftOut], allow_null=True
    )
    unknown = serializers.ChoiceField(choices=[why.value for why in Unknown], allow_null=True)
    chance = _share()
    take = _share()
    value = _amount()
    expected = _amount()


@extend_schema_serializer(component_name="ForecastAccounts")
class ForecastAccountsOutput(serializers.Serializer[Any]):
    results = ForecastAccountOutput(many=True)
    next = serializers.CharField(allow_null=True)
    previous = serializers.CharField(allow_null=True)


class MonthPastOutput(ExpectedOutput):
    from_ = serializers.DateField(help_text="The day before the month.")
    to = serializers.DateField()
    came = serializers.IntegerField(help_text="Of those foretold, how many took it.")
    came_value = _amount()
    pending = serializers.IntegerField(help_text="Reached it, and may still answer.")
    inside = serializers.BooleanField(
        allow_null=True, help_text="Whether what came lies in the interval."
    )


class TenthOutput(serializers.Serializer[Any]):
    low = serializers.FloatField()
    high = serializers.FloatField()
    accounts = serializers.IntegerField()
    foretold = serializers.FloatField()
    came = serializers.FloatField()


@extend_schema_serializer(component_name="ForecastBackTest")
class BackTestOutput(serializers.Serializer[Any]):
    as_of = serializers.DateField()
    months = MonthPastOutput(many=True, help_text="The oldest first.")
    calibration = TenthOutput(many=True, help_text="By tenths of the chance that was told.")


class ForecastView(APIView):
    permission_map = {"get": Permission.REVENUE_VIEW}

    @extend_schema(
        operation_id="measures_forecast",
        summary="Forecast expansion",
        tags=["measures"],
        parameters=[WindowInput],
        responses={200: ForecastOutput, **problems(400)},
    )
    def get(self, request: Request) -> Response:
        """What members will take up at their next milestone, cohort by cohort."""
        months = int(asked(request, WindowInput)["months"])
        found = reads.forecast(as_of=last_live_day() or clock.today(), months=months)
        return Response(ForecastOutput(reads.plain(found)).data)


class ForecastAccountsView(APIView):
    permission_map = {"get": Permission.REVENUE_VIEW}

    @extend_schema(
        operation_id="measures_forecast_accounts",
        summary="List the accounts of the forecast",
        tags=["measures"],
        parameters=[AccountsInput],
        responses={200: ForecastAccountsOutput, **problems(400)},
    )
    def get(self, request: Request) -> Response:
        """Those that count, of one cohort or of all; or those left out, the latest first."""
        given = asked(request, AccountsInput)
        as_of = last_live_day() or clock.today()
        reason = given.get("reason")
        shown = paged(
            request,
            lambda size, after=None, **_: reads.accounts(
                as_of=as_of,
                months=int(given["months"]),
                cohort=reads.key_of(given["cohort"]),
                reason=LeftOut(reason) if reason else None,
                after=after,
                size=size,
            ),
        )
        rows = [
            {
                "member": row.public_id,
                "name": row.name,
                "state": row.state,
                "milestone": row.milestone,
                "offer": row.offer,
                "plan_days_to_go": row.days_to_go,
                "reason": row.reason,
                "unknown": row.unknown,
                "chance": None if row.chance is None else float(row.chance),
                "take": None if row.take is None else float(row.take),
                "value": row.value,
                "expected": None if row.expected is None else reads.money(row.expected),
            }
            for row in shown.items
        ]
        return Response(page_body(shown, ForecastAccountOutput(rows, many=True).data))


class ForecastBackTestView(APIView):
    permission_map = {"get": Permission.REVENUE_VIEW}

    @extend_schema(
        operation_id="measures_forecast_back_test",
        summary="Test the forecast on closed months",
        tags=["measures"],
        responses={200: BackTestOutput, **problems()},
    )
    def get(self, request: Request) -> Response:
        """What was to be expected of each of the last twelve months, and what came of it."""
        found = reads.back_test(
            as_of=last_live_day() or clock.today(),
            grace_days=Association.current().grace_days,
        )
        return Response(BackTestOutput(reads.plain_back_test(found)).data)
