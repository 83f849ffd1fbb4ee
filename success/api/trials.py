"""Effects of plays and back-tests over REST."""

from typing import TYPE_CHECKING, Any

import django_filters as filters
from drf_spectacular.utils import (
    extend_schema,
    extend_schema_field,
    extend_schema_serializer,
    extend_schema_view,
)
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework.viewsets import GenericViewSet

from config.kernel import clock
from config.kernel.api import problems
from config.kernel.conditions import BadCondition
from members.api.acts import act, identifier, refusing, said
from members.api.idempotency import idempotent
from members.api.serializers import UserRef
from members.models import Association
from success.access import Permission
from success.engine.effect import Verdict
from success.enums import BacktestStatus
from success.models import Backtest, PlanTemplate, Play
from success.queries import backtests as reads
from success.queries import effects
from success.queries.effects import OfAKind, OutcomeEffect, PlayEffect
from success.queries.nights import last_live_day
from success.services import trials
from success.tasks import wake_backtest

if TYPE_CHECKING:
    from django.db.models import QuerySet

VERDICTS = [verdict.value for verdict in Verdict]


def _figure(help_text: str = "") -> serializers.FloatField:
    return serializers.FloatField(allow_null=True, help_text=help_text)


@extend_schema_serializer(component_name="EffectDifference")
class DifferenceOutput(serializers.Serializer[Any]):
    """Two shares beside each other; null where a group is empty."""

    treated = serializers.IntegerField(help_text="It happened to.")
    treated_of = serializers.IntegerField()
    held = serializers.IntegerField(help_text="It happened to.")
    held_of = serializers.IntegerField()
    treated_share = _figure()
    held_share = _figure()
    lift = _figure("Difference of the shares; over kinds of member, weighted.")
    relative = _figure()
    low = _figure("95 % interval of the lift.")
    high = _figure()
    z = _figure()
    p = _figure()
    incremental = _figure("Accounts it would not have happened to.")
    verdict = serializers.CharField(help_text=", ".join(VERDICTS))

    def to_representation(self, instance: Any) -> dict[str, Any]:
        low, high = instance.ci or (None, None)
        return {
            "treated": instance.arms.treated,
            "treated_of": instance.arms.treated_n,
            "held": instance.arms.held,
            "held_of": instance.arms.held_n,
            "treated_share": instance.pt,
            "held_share": instance.pc,
            "lift": instance.lift,
            "relative": instance.relative,
            "low": low,
            "high": high,
            "z": instance.z,
            "p": instance.p,
            "incremental": instance.incremental,
            "verdict": instance.verdict.value,
        }


@extend_schema_serializer(component_name="EffectOfAKind")
class KindOutput(serializers.Serializer[OfAKind]):
    segment = serializers.CharField(source="segment.key", allow_null=True, default=None)
    state = serializers.CharField(allow_blank=True, help_text="On entry.")
    effect = DifferenceOutput()
    is_sleeping_dog = serializers.BooleanField(
        help_text="The play makes it worse for them: no target of its messages any more."
    )


class OutcomeEffectOutput(serializers.Serializer[OutcomeEffect]):
    outcome = serializers.CharField(help_text="aim (reached in time) or staying (a year).")
    effect = DifferenceOutput()
    needed = serializers.IntegerField(
        allow_null=True, help_text="Accounts in each group that would show five points."
    )
    missing = serializers.IntegerField(allow_null=True, help_text="To that, in the smaller.")
    kinds = KindOutput(many=True)


class SampleRatioOutput(serializers.Serializer[Any]):
    treated = serializers.IntegerField()
    held = serializers.IntegerField()
    share = serializers.FloatField(help_text="That should be left alone.")
    chi_square = _figure()
    p = _figure()
    is_ok = serializers.BooleanField(help_text="If not, no result is to be read.")


@extend_schema_serializer(component_name="PlayEffect")
class PlayEffectOutput(serializers.Serializer[PlayEffect]):
    play = serializers.CharField(help_text="Key of the play.")
    title = serializers.CharField()
    as_of = serializers.DateField()
    drawn = SampleRatioOutput()
    outcomes = OutcomeEffectOutput(many=True)

    def to_representation(self, instance: PlayEffect) -> dict[str, Any]:
        drawn = instance.drawn
        return {
            "play": instance.play.key if instance.play else "",
            "title": instance.play.title if instance.play else "",
            "as_of": self.context["as_of"].isoformat(),
            "drawn": {
                "treated": drawn.treated,
                "held": drawn.held,
                "share": drawn.share,
                "chi_square": drawn.ratio.chi2,
                "p": drawn.ratio.p,
                "is_ok": drawn.ratio.is_ok,
            },
            "outcomes": OutcomeEffectOutput(list(instance.outcomes), many=True).data,  # type: ignore[arg-type]  # of many,
        }


class EffectView(APIView):
    permission_map = {"get": Permission.VECTOR_VIEW}

    @extend_schema(
        operation_id="measures_play_effect",
        summary="Show what a play has changed",
        description="Those acted upon beside those the draw left alone, as they were drawn.",
        responses={200: PlayEffectOutput, **problems(404)},
    )
    def get(self, _request: Request, key: str) -> Response:
        play = Play.objects.select_related("current").filter(key=key).first()
        if play is None:
            raise NotFound
        as_of = last_live_day() or clock.today()
        found = effects.of_play(play, as_of=as_of, grace_days=Association.current().grace_days)
        return Response(PlayEffectOutput(found, context={"as_of": as_of}).data)


class BacktestProgressOutput(serializers.Serializer[Any]):
    done = serializers.IntegerField()
    total = serializers.IntegerField()


@extend_schema_serializer(component_name="Backtest")
class BacktestOutput(serializers.Serializer[Backtest]):
    """A play walked through past nights; nothing was sent and nobody entered."""

    id = serializers.UUIDField(source="public_id")
    play = serializers.CharField(source="version.play.key")
    version = serializers.IntegerField(source="version.number")
    definition = serializers.JSONField(help_text="As it was when it was asked.")
    first_on = serializers.DateField()
    last_on = serializers.DateField()
    every_days = serializers.IntegerField()
    horizon_days = serializers.IntegerField()
    status = serializers.ChoiceField(choices=BacktestStatus.choices)
    progress = serializers.SerializerMethodField(help_text="Nights looked at.")
    error = serializers.CharField(allow_blank=True)
    asked_by = UserRef(allow_null=True)
    asked_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)
    result = serializers.JSONField(help_text="Empty until it is done.")

    @extend_schema_field(BacktestProgressOutput)
    def get_progress(self, instance: Backtest) -> dict[str, int]:
        found = reads.progress(instance)
        return {"done": found.done, "total": found.total}


class BacktestInput(serializers.Serializer[Any]):
    play = serializers.SlugRelatedField(
        slug_field="key", queryset=Play.objects.all(), help_text="Its draft, else as published."
    )
    first_on = serializers.DateField()
    last_on = serializers.DateField()
    every_days = serializers.IntegerField(default=1, min_value=1, max_value=31)
    horizon_days = serializers.IntegerField(default=365, min_value=1, max_value=1100)
    path = serializers.SlugRelatedField(
        slug_field="key",
        queryset=PlanTemplate.objects.all(),
        required=False,
        allow_null=True,
        default=None,
        help_text="Hold everybody against this path from the day they joined.",
    )


class BacktestFilter(filters.FilterSet):
    status = filters.ChoiceFilter(
        choices=BacktestStatus.choices, label="Status", help_text="Where it stands."
    )
    play = filters.CharFilter(
        field_name="version__play__key", label="Play", help_text="Key of a play."
    )

    class Meta:
        model = Backtest
        fields: tuple[str, ...] = ()


@extend_schema_view(
    list=extend_schema(
        operation_id="backtests_list",
        summary="List back-tests",
        description="Newest first.",
        responses={200: BacktestOutput(many=True), **problems(400)},
    ),
    retrieve=extend_schema(
        operation_id="backtests_retrieve",
        summary="Show a back-test",
        description="With its progress, and what came out.",
        parameters=[identifier("back-test")],
        responses={200: BacktestOutput, **problems(404)},
    ),
)
class Backtests(ListModelMixin, RetrieveModelMixin, GenericViewSet[Backtest]):
    serializer_class = BacktestOutput
    filterset_class = BacktestFilter
    lookup_field = "public_id"
    keyset_order = ("-asked_at",)
    permission_map = {
        "list": Permission.VECTOR_VIEW,
        "retrieve": Permission.VECTOR_VIEW,
        "create": Permission.TRIAL_ASK,
        "cancel": Permission.TRIAL_ASK,
    }

    def get_queryset(self) -> "QuerySet[Backtest]":
        return Backtest.objects.select_related("version__play", "asked_by")

    def filter_queryset(self, queryset: Any) -> Any:
        return super().filter_queryset(queryset) if self.action == "list" else queryset

    @act(
        "backtests_create",
        "Ask for a back-test",
        "The workers walk the play through the nights; ask again for the result.",
        request=BacktestInput,
        answer=BacktestOutput,
        status=202,
    )
    @idempotent
    def create(self, request: Request) -> Response:
        user: Any = request.user
        given = said(request, BacktestInput)
        version = reads.version_to_test(given["play"])
        if version is None:
            raise ValidationError({"play": "It has no version yet."})
        try:
            asked = trials.ask(
                version=version,
                first_on=given["first_on"],
                last_on=given["last_on"],
                every_days=given["every_days"],
                horizon_days=given["horizon_days"],
                path=given["path"],
                by=user,
                at=clock.now(),
            )
        except trials.BadQuestion as error:
            raise ValidationError({"last_on": str(error)}) from error
        except (trials.NotTestable, BadCondition) as error:
            raise ValidationError({"play": str(error)}) from error
        wake_backtest(backtest_id=asked.pk)
        return Response(BacktestOutput(asked).data, status=202)

    @act(
        "backtests_cancel",
        "Cancel a back-test",
        "It ends where it is, without a result. Ended before is 409.",
        answer=BacktestOutput,
        noun="back-test",
    )
    @action(detail=True, methods=["post"])
    @idempotent
    def cancel(self, request: Request, public_id: str) -> Response:
        user: Any = request.user
        asked = self.get_object()
        with refusing(trials.Finished):
            trials.cancel(backtest=asked, by=user, at=clock.now())
        return Response(BacktestOutput(self.get_object()).data)
