"""The association's years over REST: which were bad, and what came before them."""

from typing import Any

from drf_spectacular.utils import extend_schema, extend_schema_serializer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from config.kernel import clock
from config.kernel.api import problems
from config.kernel.problems import Conflict
from success.access import Permission
from success.engine.revenue import MixedCurrencies
from success.enums import RevenueBasis
from success.queries import story as reads
from success.queries.nights import last_live_day
from success.queries.revenue import check_currency


def _amount(help_text: str = "") -> serializers.DecimalField:
    return serializers.DecimalField(max_digits=18, decimal_places=2, help_text=help_text)


def _ratio(help_text: str = "") -> serializers.DecimalField:
    return serializers.DecimalField(
        max_digits=24, decimal_places=6, allow_null=True, help_text=help_text
    )


class StoryUsualOutput(serializers.Serializer[Any]):
    middle = _ratio("Median of the years.")
    spread = _ratio("Median of their distances from it.")
    years = serializers.IntegerField()


class StoryYearOutput(serializers.Serializer[Any]):
    year = serializers.IntegerField()
    closing_on = serializers.DateField(help_text="As far as the year has come.")
    is_over = serializers.BooleanField()
    opening = _amount()
    new = _amount()
    reactivation = _amount()
    expansion = _amount()
    contraction = _amount()
    churn = _amount()
    closing = _amount()
    base_members = serializers.IntegerField()
    kept_members = serializers.IntegerField()
    new_members = serializers.IntegerField()
    reactivated_members = serializers.IntegerField()
    members_close = serializers.IntegerField()
    nrr = _ratio("Null for fewer than five members.")
    grr = _ratio()
    restated_on = serializers.DateField(allow_null=True)


class StoryTierOutput(serializers.Serializer[Any]):
    tier = serializers.CharField(allow_blank=True, help_text="Held as the year opened.")
    years = StoryYearOutput(many=True)


class StoryLossOutput(serializers.Serializer[Any]):
    tier = serializers.CharField(allow_blank=True)
    amount = _amount("Churn and contraction.")
    share = _ratio("Of all that was lost.")


class StoryBadOutput(serializers.Serializer[Any]):
    year = serializers.IntegerField()
    by_nrr = serializers.BooleanField()
    by_grr = serializers.BooleanField()
    below = _ratio("By how much NRR was below the median of the years; signed.")
    losses = StoryLossOutput(many=True)


class StorySignYearOutput(serializers.Serializer[Any]):
    year = serializers.IntegerField()
    value = _ratio("Null where not known, and for fewer than five members.")
    is_high = serializers.BooleanField(help_text="Above what is usual by more than its spread.")
    read_on = serializers.DateField(allow_null=True, help_text="Night, for what one saw.")


class StorySignOutput(serializers.Serializer[Any]):
    what = serializers.ChoiceField(choices=[what.value for what in reads.What])
    tier = serializers.CharField(allow_blank=True, help_text="Blank: everybody.")
    usual = StoryUsualOutput(allow_null=True)
    years = StorySignYearOutput(many=True)
    before_bad = serializers.IntegerField(allow_null=True, help_text="High before, of `bad`.")
    bad = serializers.IntegerField(allow_null=True)
    before_others = serializers.IntegerField(allow_null=True, help_text="Of `others`.")
    others = serializers.IntegerField(allow_null=True)


@extend_schema_serializer(component_name="Story")
class StoryOutput(serializers.Serializer[Any]):
    as_of = serializers.DateField()
    basis = serializers.ChoiceField(choices=[basis.value for basis in RevenueBasis])
    currency = serializers.CharField()
    judged = serializers.ListField(child=serializers.IntegerField())
    usual = StoryUsualOutput(allow_null=True)
    bad = StoryBadOutput(many=True, allow_null=True, help_text="Null: too few to judge.")
    years = StoryYearOutput(many=True, help_text="Of everybody.")
    tiers = StoryTierOutput(many=True)
    signs = StorySignOutput(many=True)


class StoryView(APIView):
    permission_map = {"get": Permission.REVENUE_VIEW}

    @extend_schema(
        operation_id="measures_story",
        summary="Tell the association's years",
        tags=["measures"],
        responses={200: StoryOutput, **problems(409)},
    )
    def get(self, request: Request) -> Response:
        """Calendar years by terms in force, judged by their own median and spread."""
        as_of = last_live_day() or clock.today()
        try:
            check_currency(on=as_of)
        except MixedCurrencies as error:
            raise Conflict(str(error)) from error
        return Response(StoryOutput(reads.plain(reads.story(as_of=as_of))).data)
