"""Measures over REST: revenue between two days, the members behind it, and vectors."""

from collections.abc import Mapping
from datetime import date
from typing import Any, cast

from drf_spectacular.utils import extend_schema, extend_schema_serializer
from rest_framework import serializers
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from config.kernel import clock
from config.kernel.api import asked as asked_for
from config.kernel.api import problems
from config.kernel.keyset import BadCursor
from config.kernel.problems import Conflict
from members.enums import DepartureReason
from members.models import Association, User
from success.access import Permission
from success.engine.revenue import Kind, MixedCurrencies, Part, Status
from success.enums import Dimension, RevenueBasis
from success.queries import movements as reads
from success.queries import revenue, vector
from success.queries.measures import earlier_day

VECTOR_BY = list(Dimension)
GROUPED_BY = [Dimension.TIER.value, Dimension.SEGMENT.value]


class WithReservedNames(serializers.Serializer[Any]):
    """A field whose name is a word of Python is declared with an underscore after it."""

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        return {name.rstrip("_"): field for name, field in super().get_fields().items()}


class PeriodInput(WithReservedNames):
    from_ = serializers.DateField(help_text="Opening day.")
    to = serializers.DateField(help_text="Closing day; the comparison is point to point.")
    as_of = serializers.DateField(
        required=False, help_text="Day up to which terms are known; today unless given."
    )
    by = serializers.ChoiceField(
        choices=GROUPED_BY, required=False, help_text="Also give the figures of each group."
    )

    def validate_as_of(self, value: date) -> date:
        if value > clock.today():
            raise ValidationError("Nothing is known yet of a day to come.")
        return value

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        attrs.setdefault("as_of", clock.today())
        try:
            revenue.check_period(
                opening_on=attrs["from"], closing_on=attrs["to"], as_of=attrs["as_of"]
            )
        except (revenue.PeriodNotOver, revenue.PeriodRunsBackwards) as error:
            raise ValidationError({"to": str(error)}) from error
        return attrs


class MovementsInput(PeriodInput):
    basis = serializers.ChoiceField(
        choices=RevenueBasis.choices, default=RevenueBasis.IN_FORCE.value
    )
    kind = serializers.MultipleChoiceField(
        choices=[kind.value for kind in Kind],
        required=False,
        help_text="Repeat for several; all unless given.",
    )
    value = serializers.CharField(
        required=False,
        allow_blank=True,
        help_text="With `by`: a tier, or the key of a segment (blank: none).",
    )
    owner = serializers.UUIDField(required=False, help_text="Who looks after them now.")
    joined = serializers.IntegerField(
        required=False, min_value=1800, max_value=9999, help_text="Year of the first term."
    )
    chapter = serializers.CharField(
        required=False, allow_blank=True, help_text="As in the records; blank: none."
    )
    part = serializers.ChoiceField(
        choices=[part.value for part in Part],
        required=False,
        help_text="Rows whose change has this part; the totals keep all.",
    )
    reason = serializers.ChoiceField(
        choices=DepartureReason.choices,
        required=False,
        help_text="Rows that left for it; the totals keep all.",
    )
    cursor = serializers.CharField(required=False, help_text="`next` of the page before.")
    limit = serializers.IntegerField(default=50, min_value=1, max_value=200)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if ("by" in attrs) != ("value" in attrs):
            raise ValidationError({"value": "`by` and `value` name a group together."})
        return super().validate(attrs)


def _amount(help_text: str = "") -> serializers.DecimalField:
    return serializers.DecimalField(max_digits=18, decimal_places=2, help_text=help_text)


def _ratio(help_text: str = "") -> serializers.DecimalField:
    return serializers.DecimalField(
        max_digits=24, decimal_places=6, allow_null=True, help_text=help_text
    )


class FiguresOutput(serializers.Serializer[revenue.Figures]):
    """Amounts are a year's dues; opening + new + reactivation + expansion - contraction -
    churn = closing, to the cent. Ratios are null for an empty base.
    """  # noqa: D205  # the text is the description in the API's document

    opening = _amount("Of members who pay on the opening day.")
    new = _amount("Closing dues of members who never paid before.")
    reactivation = _amount(
        "Closing dues of members who had paid before, and not at the opening."
    )
    expansion = _amount()
    contraction = _amount()
    churn = _amount("Opening dues of members who pay nothing at the close.")
    closing = _amount()
    nrr = _ratio("Closing dues of the base over its opening dues.")
    price = _amount("By how much dues of the base rose by price alone; signed.")
    nrr_ex_price = _ratio("NRR without what dues rose or fell by price alone.")
    grr = _ratio("The same as NRR, counting nobody above their opening dues.")
    logo_retention = _ratio()
    logo_churn = _ratio()
    base_members = serializers.IntegerField()
    kept_members = serializers.IntegerField()
    lost_members = serializers.IntegerField()
    lost_logos = serializers.IntegerField(
        help_text="Those of the lost who hold no membership at all, not even a free one."
    )
    new_members = serializers.IntegerField()
    reactivated_members = serializers.IntegerField()
    members_open = serializers.IntegerField()
    members_close = serializers.IntegerField()


class MembershipOutput(serializers.Serializer[Any]):
    grace_days = serializers.IntegerField()
    status = serializers.ChoiceField(
        choices=[status.value for status in Status],
        help_text="Provisional while a grace window is open that bears on the period.",
    )
    undecided = _amount("The part of the optimistic closing that strict leaves out.")
    undecided_members = serializers.IntegerField()
    strict = FiguresOutput(help_text="Members in an open grace window count as gone.")
    optimistic = FiguresOutput(help_text="They count as staying, at their last dues.")


class GroupOutput(FiguresOutput):
    value = serializers.CharField(
        help_text="A tier, or the key of a segment; blank: in no segment."
    )
    membership = MembershipOutput()


@extend_schema_serializer(component_name="Revenue")
class RevenueOutput(WithReservedNames, FiguresOutput):
    from_ = serializers.DateField()
    to = serializers.DateField()
    as_of = serializers.DateField()
    currency = serializers.CharField()
    membership = MembershipOutput(help_text="The same period by membership rules, with grace.")
    groups = GroupOutput(many=True, required=False, help_text="Only where `by` was given.")


@extend_schema_serializer(component_name="RevenueMovement")
class MovementOutput(serializers.Serializer[reads.MovementRow]):
    member = serializers.UUIDField(source="public_id")
    name = serializers.CharField()
    tier = serializers.CharField(help_text="On the opening day; for arrivals, at the close.")
    segment = serializers.CharField(help_text="The one assigned now; blank: none.")
    kind = serializers.ChoiceField(choices=[kind.value for kind in Kind])
    opening = _amount()
    closing = _amount()
    amount = _amount("Size of the change, never negative.")
    is_undecided = serializers.BooleanField()
    parts = serializers.DictField(
        child=_amount(),
        help_text="Signed parts of an expansion or contraction, by name; those of nought are "
        "left out.",
    )
    transferred = _amount("What moved between linked members; it changes nothing.")
    reason = serializers.CharField(help_text="Why they stopped paying; blank: nobody told.")


class ReasonOutput(serializers.Serializer[reads.ReasonTotal]):
    reason = serializers.CharField(help_text="Blank: nobody told.")
    is_avoidable = serializers.BooleanField(allow_null=True)
    amount = _amount("Opening dues of those who left for it.")
    members = serializers.IntegerField()


@extend_schema_serializer(component_name="RevenueMovementTotals")
class TotalsOutput(serializers.Serializer[reads.Totals]):
    """All movements of the question added up, optimistic; `kind`, `part` and `reason` do not
    narrow it. opening + new + reactivation + expansion - contraction - churn = closing.
    """  # noqa: D205  # the text is the description in the API's document

    opening = _amount()
    closing = _amount()
    kinds = serializers.SerializerMethodField()
    parts = serializers.SerializerMethodField()
    paused = _amount("The part of the contraction that is leave of absence.")
    transferred = _amount("What moved between linked members; in no other sum.")
    nrr = _ratio()
    nrr_ex_price = _ratio("NRR without what dues rose or fell by price alone.")
    grr = _ratio()
    reasons = ReasonOutput(many=True)

    def get_kinds(self, told: reads.Totals) -> dict[str, str]:
        """Sums by kind, none negative."""
        return {kind.value: str(told.amount(kind)) for kind in Kind if kind in told.by_kind}

    def get_parts(self, told: reads.Totals) -> dict[str, dict[str, str]]:
        """Signed sums of the parts, of expansions and of contractions."""
        return {
            kind.value: {part.value: str(told.part(part, kind=kind)) for part in Part}
            for kind in (Kind.EXPANSION, Kind.CONTRACTION)
        }


class MovementsOutput(serializers.Serializer[Any]):
    results = MovementOutput(many=True)
    totals = TotalsOutput()
    next = serializers.CharField(allow_null=True, help_text="`cursor` of the next page.")


class VectorInput(serializers.Serializer[Any]):
    as_of = serializers.DateField(
        required=False, help_text="Day of a night; the last one unless given."
    )
    by = serializers.ChoiceField(
        choices=[of.value for of in VECTOR_BY], default=Dimension.ALL.value
    )
    earlier = serializers.DateField(
        required=False, help_text="Also compare everybody on this day and `as_of`."
    )


class WayOutput(WithReservedNames):
    from_ = serializers.CharField(help_text="State then; `not_there`: without a plan.")
    to = serializers.CharField()
    members = serializers.IntegerField()


@extend_schema_serializer(component_name="VectorComparison")
class ComparedOutput(serializers.Serializer[Any]):
    earlier_on = serializers.DateField()
    later_on = serializers.DateField()
    members = serializers.IntegerField(help_text="With a pace on both days.")
    earlier = _ratio("Mean pace of these then; null below five.")
    later = _ratio("Mean pace of these now.")
    change = _ratio("Like for like.")
    mix = _ratio("The rest of the change of the group's mean: who came and who went.")
    earlier_members = serializers.IntegerField()
    earlier_all = _ratio("Mean pace of all who had one then.")
    later_members = serializers.IntegerField()
    later_all = _ratio("Mean pace of all who have one now.")
    flow = WayOutput(many=True, help_text="Members by state on both days.")


@extend_schema_serializer(component_name="VectorGroup")
class VectorGroupOutput(serializers.Serializer[vector.GroupHealth]):
    value = serializers.CharField(
        help_text="Tier, year of joining, or key of the segment or owner; blank: everybody."
    )
    in_scope = serializers.IntegerField()
    with_plan = serializers.IntegerField()
    with_pace = serializers.IntegerField()
    plan_coverage = _ratio()
    mean_pace = _ratio("Plan-days a day; null below five members with a pace.")
    alignment = _ratio("Mean direction, -1 to 1.")
    median_position = serializers.IntegerField(
        allow_null=True, help_text="Days, ahead positive."
    )
    forward = serializers.IntegerField()
    backward = serializers.IntegerField()
    we_owe = serializers.IntegerField()
    waiting = serializers.IntegerField(
        help_text="Of those with a pace, held up by a promise of ours that is due."
    )
    waiting_share = _ratio("Of those with a pace; null below five.")
    states = serializers.DictField(child=serializers.IntegerField())
    compared = ComparedOutput(
        allow_null=True, help_text="With 90 days before; null where no night compared."
    )


@extend_schema_serializer(component_name="Vectors")
class VectorOutput(serializers.Serializer[Any]):
    as_of = serializers.DateField(help_text="The night these figures are of.")
    by = serializers.ChoiceField(choices=[of.value for of in VECTOR_BY])
    groups = VectorGroupOutput(many=True)
    between = ComparedOutput(
        required=False, help_text="Everybody on two days, where `earlier` was given."
    )


class RevenueView(APIView):
    permission_map = {"get": Permission.REVENUE_VIEW}

    @extend_schema(
        operation_id="measures_revenue",
        summary="Compare dues between two days",
        tags=["measures"],
        parameters=[PeriodInput],
        responses={200: RevenueOutput, **problems(400, 409)},
    )
    def get(self, request: Request) -> Response:
        """What dues did between two days.

        The figures on top take the ledger as it stands: a term counts from its start to its
        end. `membership` holds the same period under the association's grace.
        """
        asked = asked_for(request, PeriodInput)
        return Response(RevenueOutput(_revenue(asked)).data)


class MovementsView(APIView):
    permission_map = {"get": Permission.REVENUE_VIEW}

    @extend_schema(
        operation_id="measures_revenue_movements",
        summary="List the members behind the figures",
        tags=["measures"],
        parameters=[MovementsInput],
        responses={200: MovementsOutput, **problems(400, 409)},
    )
    def get(self, request: Request) -> Response:
        """The members behind the figures, largest change first."""
        asked = asked_for(request, MovementsInput)
        question = reads.Asked(
            opening_on=asked["from"],
            closing_on=asked["to"],
            as_of=asked["as_of"],
            basis=RevenueBasis(asked["basis"]),
            grace_days=Association.current().grace_days,
        )
        only = _narrowed(asked)
        try:
            page = reads.movements_between(
                question, only=only, after=asked.get("cursor"), size=asked["limit"]
            )
            totals = reads.totals(question, only=only)
        except BadCursor as error:
            raise ValidationError({"cursor": str(error)}) from error
        except MixedCurrencies as error:
            raise Conflict(str(error)) from error
        answer = {"results": page.items, "totals": totals, "next": page.next}
        return Response(MovementsOutput(answer).data)


class VectorView(APIView):
    permission_map = {"get": Permission.VECTOR_VIEW}

    @extend_schema(
        operation_id="measures_vector",
        summary="Show how members are doing",
        tags=["measures"],
        parameters=[VectorInput],
        responses={200: VectorOutput, **problems(400, 404)},
    )
    def get(self, request: Request) -> Response:
        """How members are doing, as of a night."""
        asked = asked_for(request, VectorInput)
        as_of = asked.get("as_of") or vector.last_rolled_up()
        groups = (
            vector.plain_groups(
                cast("User", request.user),
                as_of=as_of,
                dimension=asked["by"],
                compared_with=earlier_day(as_of),
            )
            if as_of
            else None
        )
        if as_of is None or groups is None:
            raise NotFound("No night has spoken of that day.")
        found: dict[str, Any] = {"as_of": as_of, "by": asked["by"], "groups": groups}
        if earlier := asked.get("earlier"):
            if earlier >= as_of:
                raise ValidationError({"earlier": "This day must be before `as_of`."})
            found["between"] = vector.plain(vector.compare_days(earlier=earlier, later=as_of))
        return Response(VectorOutput(found).data)


def _narrowed(asked: Mapping[str, Any]) -> reads.Narrowed:
    by, value = asked.get("by"), asked.get("value", "")
    return reads.Narrowed(
        tier=value if by == Dimension.TIER else None,
        segment=value if by == Dimension.SEGMENT else None,
        owner=asked.get("owner"),
        joined_in=asked.get("joined"),
        chapter=asked.get("chapter"),
        kinds=[Kind(kind) for kind in asked.get("kind") or ()],
        part=Part(asked["part"]) if "part" in asked else None,
        reason=DepartureReason(asked["reason"]) if "reason" in asked else None,
    )


def _revenue(asked: Mapping[str, Any]) -> dict[str, Any]:
    association = Association.current()
    period = {
        "opening_on": asked["from"],
        "closing_on": asked["to"],
        "as_of": asked["as_of"],
        "grace_days": association.grace_days,
    }
    try:
        reports = reads.revenue_with_prices(
            **period, dimensions=[Dimension(asked["by"])] if "by" in asked else []
        )
    except MixedCurrencies as error:
        raise Conflict(str(error)) from error
    (in_force, membership), *groups = reports
    found = _readings(in_force, membership, grace_days=association.grace_days) | {
        "from": asked["from"],
        "to": asked["to"],
        "as_of": asked["as_of"],
        "currency": association.currency,
    }
    if "by" in asked:
        found["groups"] = [
            _readings(one, other, grace_days=association.grace_days) | {"value": one.value}
            for one, other in groups
        ]
    return found


def _readings(
    in_force: revenue.RevenueFigures, membership: revenue.RevenueFigures, *, grace_days: int
) -> dict[str, Any]:
    names = list(FiguresOutput().get_fields())
    return {name: getattr(in_force.strict, name) for name in names} | {
        "membership": {
            "grace_days": grace_days,
            "status": membership.status,
            "undecided": membership.undecided,
            "undecided_members": membership.undecided_members,
            "strict": membership.strict,
            "optimistic": membership.optimistic,
        }
    }
