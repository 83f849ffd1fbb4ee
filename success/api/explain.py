"""How a figure was made, over REST."""

from typing import Any, cast

from drf_spectacular.utils import extend_schema, extend_schema_serializer
from rest_framework import serializers
from rest_framework.exceptions import NotFound, PermissionDenied, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from config.kernel import clock
from config.kernel.api import asked as asked_for
from config.kernel.api import problems
from config.kernel.keyset import BadCursor
from config.kernel.permissions import has
from config.kernel.problems import Conflict
from members.models import Member, User
from success.access import Permission
from success.engine.explaining import Verdict
from success.engine.revenue import MixedCurrencies
from success.enums import Dimension, RevenueBasis
from success.queries.explain import RevenueAsked, TooMany, explain_revenue
from success.queries.explain_live import LIVE, Explained, NothingToSay, explain_live, plain
from success.queries.explain_vector import explain_group, explain_vector
from success.queries.nights import last_live_day
from success.queries.revenue import PeriodNotOver, PeriodRunsBackwards

MEASURES = ["revenue", "vector", "group", *LIVE]
MONEY = frozenset({"revenue", "margin"})
NEEDED = {"revenue": ("from", "to"), "vector": ("member", "on"), "group": ("on",)}


class ExplainInput(serializers.Serializer[Any]):
    measure = serializers.ChoiceField(choices=MEASURES)
    from_ = serializers.DateField(required=False, help_text="Revenue: opening day.")
    to = serializers.DateField(required=False, help_text="Revenue: closing day.")
    basis = serializers.ChoiceField(
        choices=RevenueBasis.choices, default=RevenueBasis.IN_FORCE.value
    )
    by = serializers.ChoiceField(
        choices=[each.value for each in Dimension],
        default=Dimension.ALL.value,
        help_text="Revenue: tier or segment. Group: segment or owner.",
    )
    value = serializers.CharField(
        default="", allow_blank=True, help_text="Tier, key of a segment or number of an owner."
    )
    revision = serializers.IntegerField(
        required=False, min_value=0, help_text="Of a stored period; the last unless given."
    )
    member = serializers.UUIDField(required=False, help_text="Vector: whose.")
    on = serializers.DateField(required=False, help_text="Vector and group: the day.")
    cursor = serializers.CharField(required=False, help_text="`next` of the page before.")

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        return {name.rstrip("_"): field for name, field in super().get_fields().items()}

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        lacking = [name for name in NEEDED.get(attrs["measure"], ()) if name not in attrs]
        if lacking:
            raise ValidationError(dict.fromkeys(lacking, "This measure asks for it."))
        today = clock.today()
        if any(attrs[name] > today for name in ("to", "on") if name in attrs):
            raise ValidationError("Nothing is known yet of a day to come.")
        return attrs


class ExplainDefinitionOutput(serializers.Serializer[Any]):
    measure = serializers.CharField()
    version = serializers.CharField()
    since = serializers.DateField()
    section = serializers.CharField(help_text="Heading in docs/measures.md.")


class ExplainFigureOutput(serializers.Serializer[Any]):
    name = serializers.CharField()
    stored = serializers.JSONField(help_text="As it was stored; money and ratios as text.")
    then = serializers.JSONField(help_text="By the facts known when it was stored.")
    now = serializers.JSONField(help_text="By the facts known now.")
    agrees = serializers.BooleanField(allow_null=True)


@extend_schema_serializer(component_name="Explanation")
class ExplainOutput(serializers.Serializer[Any]):
    """What was said of a figure, its facts, and it made anew; more fields by measure."""

    measure = serializers.ChoiceField(choices=MEASURES)
    definition = ExplainDefinitionOutput()
    verdict = serializers.CharField(
        help_text=f"One of {', '.join(each.value for each in Verdict)}."
    )
    figures = ExplainFigureOutput(many=True)
    said = serializers.JSONField(required=False, help_text="When it was stored, and how.")
    then_known = serializers.BooleanField(required=False)
    later = serializers.JSONField(required=False, help_text="What has come since.")
    facts = serializers.JSONField(required=False, help_text="A page of the rows behind it.")
    next = serializers.CharField(required=False, allow_null=True)


class ExplainView(APIView):
    permission_map = {"get": Permission.VECTOR_VIEW}

    @extend_schema(
        operation_id="measures_explain",
        summary="Explain how a figure was made",
        tags=["measures"],
        parameters=[ExplainInput],
        responses={200: ExplainOutput, **problems(400, 404, 409)},
    )
    def get(self, request: Request) -> Response:
        """What was said, the facts behind it, and the same made anew.

        By the facts known now, and by those known then where that is recorded. `revenue` and
        `margin` ask for `success.revenue.view` too.
        """
        asked = asked_for(request, ExplainInput)
        if asked["measure"] in MONEY and not has(request.user, Permission.REVENUE_VIEW):
            raise PermissionDenied
        try:
            found = _explained(request, asked)
        except Member.DoesNotExist as error:
            raise NotFound from error
        except (MixedCurrencies, TooMany) as error:
            raise Conflict(str(error)) from error
        except BadCursor as error:
            raise ValidationError({"cursor": str(error)}) from error
        except (PeriodNotOver, PeriodRunsBackwards) as error:
            raise ValidationError({"to": str(error)}) from error
        except ValueError as error:
            raise ValidationError({"by": str(error)}) from error
        except NothingToSay as error:
            raise NotFound("There is nothing yet that this could be made of.") from error
        return Response(plain(found))


def _explained(request: Request, asked: dict[str, Any]) -> Explained:
    as_of = last_live_day() or clock.today()
    measure, after = asked["measure"], asked.get("cursor")
    if measure == "revenue":
        return explain_revenue(
            RevenueAsked(
                opening_on=asked["from"],
                closing_on=asked["to"],
                basis=RevenueBasis(asked["basis"]),
                dimension=Dimension(asked["by"]),
                value=asked["value"],
                revision=asked.get("revision"),
            ),
            as_of=as_of,
            after=after,
        )
    if measure == "vector":
        visible = Member.objects.visible_to(cast("User", request.user))
        return explain_vector(visible.get(public_id=asked["member"]), on=asked["on"])
    if measure == "group":
        return explain_group(
            on=asked["on"],
            dimension=Dimension(asked["by"]),
            value=asked["value"],
            after=after,
        )
    return explain_live(measure, as_of=as_of)
