"""How long members stay, over REST."""

from typing import Any

from drf_spectacular.utils import extend_schema, extend_schema_serializer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from config.kernel import clock
from config.kernel.api import asked, problems
from success.access import Permission
from success.queries import retention as reads
from success.queries.nights import last_live_day


class RetentionInput(serializers.Serializer[Any]):
    by = serializers.CharField(
        default="cohort", help_text="cohort, tier, kind, segment or state."
    )

    def validate_by(self, value: str) -> str:
        if value not in reads.DIMENSIONS:
            raise serializers.ValidationError("Say cohort, tier, kind, segment or state.")
        return value


class RetentionYearOutput(serializers.Serializer[Any]):
    year = serializers.IntegerField()
    at_risk = serializers.IntegerField(help_text="Seen to the anniversary.")
    stayed = serializers.FloatField(
        allow_null=True, help_text="Just after it, Kaplan-Meier; null where nobody was seen."
    )
    low = serializers.FloatField(allow_null=True, help_text="95 % interval.")
    high = serializers.FloatField(allow_null=True)
    is_few = serializers.BooleanField(help_text="Fewer than ten were seen.")


class RetentionGroupOutput(serializers.Serializer[Any]):
    value = serializers.CharField(allow_blank=True, help_text="Blank: everybody, or unknown.")
    members = serializers.IntegerField()
    left = serializers.IntegerField()
    median_months = serializers.IntegerField(allow_null=True)
    years = RetentionYearOutput(many=True, help_text="Empty below five members.")


@extend_schema_serializer(component_name="Retention")
class RetentionOutput(serializers.Serializer[Any]):
    as_of = serializers.DateField()
    by = serializers.CharField()
    everybody = RetentionGroupOutput(allow_null=True, help_text="First memberships.")
    groups = RetentionGroupOutput(many=True)
    second_spells = RetentionGroupOutput(allow_null=True, help_text="Of who had left before.")
    chi_square = serializers.FloatField(allow_null=True, help_text="Log-rank.")
    degrees = serializers.IntegerField(allow_null=True)
    p_value = serializers.FloatField(allow_null=True)
    groups_compared = serializers.IntegerField()


class RetentionView(APIView):
    permission_map = {"get": Permission.VECTOR_VIEW}

    @extend_schema(
        operation_id="measures_retention",
        summary="Show how long members stay",
        tags=["measures"],
        parameters=[RetentionInput],
        responses={200: RetentionOutput, **problems(400)},
    )
    def get(self, request: Request) -> Response:
        """Survival by years of membership, those who are members still censored."""
        by = asked(request, RetentionInput)["by"]
        said = reads.plain(by=by, as_of=last_live_day() or clock.today())
        return Response(RetentionOutput(said).data)
