"""How the members are doing, then how the association is doing, and whether the two agree."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from typing import Any, cast
from urllib.parse import urlencode

from django.http import (
    HttpRequest,
    HttpResponse,
    JsonResponse,
)
from django.shortcuts import render
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_safe

from config.kernel import clock
from config.kernel.permissions import has, requires
from config.kernel.templatetags.ui import STATES, address
from coverage.models import Segment
from members.enums import Role
from members.models import Association, Member, User
from success.access import Permission
from success.engine.doing import Bearing
from success.engine.revenue import Kind, MixedCurrencies
from success.engine.rollup import ALARMING_FALL
from success.enums import Dimension, PeriodKind, RevenueBasis, Standing
from success.forms import Period, PeriodForm, TwoDaysForm
from success.queries import measures as integrity_of
from success.queries import revenue, vector
from success.queries.movements import revenue_with_prices
from success.queries.nights import last_live_day
from success.queries.revenue import Figures, RevenueFigures, SeriesPoint
from success.queries.vector import Comparison, FewMember, GroupHealth
from success.views.views import opens_as_kept

logger = logging.getLogger(__name__)

STATE_ORDER = (
    "achieved",
    "ahead",
    "on_track",
    "slipping",
    "stalled",
    "regressing",
    "no_plan",
)
NOT_THERE = "not_there"
COMPARED_DAYS = integrity_of.INTEGRITY_DAYS
MONTHS_SHOWN = 60
PAGE_SIZE = 50
EXPORT_SIZE = 1000
OF_BASE = (Kind.EXPANSION, Kind.CONTRACTION, Kind.CHURN, Kind.UNCHANGED, Kind.TRANSFER)
AT_CLOSE = tuple(kind for kind in Kind if kind is not Kind.CHURN)
KEPT = (Kind.EXPANSION, Kind.CONTRACTION, Kind.UNCHANGED, Kind.TRANSFER)


@dataclass(frozen=True, kw_only=True)
class Amount:
    """A line of the money tables: what it is, by whom it is made, and its figure by reading."""

    name: str
    label: Any
    kinds: tuple[Kind, ...] = ()
    sign: int = 0
    is_total: bool = False
    definition: Any = ""


AMOUNTS = (
    Amount(
        name="opening",
        label=gettext_lazy("Opening"),
        kinds=OF_BASE,
        is_total=True,
        definition=gettext_lazy("A year's dues of every member who pays on the opening day."),
    ),
    Amount(
        name="new",
        label=gettext_lazy("New"),
        kinds=(Kind.NEW,),
        sign=1,
        definition=gettext_lazy("Closing dues of members who never paid before."),
    ),
    Amount(
        name="reactivation",
        label=gettext_lazy("Came back"),
        kinds=(Kind.REACTIVATION,),
        sign=1,
        definition=gettext_lazy(
            "Closing dues of members who had paid before, and not on the opening day."
        ),
    ),
    Amount(
        name="expansion",
        label=gettext_lazy("Expansion"),
        kinds=(Kind.EXPANSION,),
        sign=1,
        definition=gettext_lazy("How much more members who stayed pay at the close."),
    ),
    Amount(
        name="contraction",
        label=gettext_lazy("Contraction"),
        kinds=(Kind.CONTRACTION,),
        sign=-1,
        definition=gettext_lazy("How much less members who stayed pay at the close."),
    ),
    Amount(
        name="churn",
        label=gettext_lazy("Churn"),
        kinds=(Kind.CHURN,),
        sign=-1,
        definition=gettext_lazy("Opening dues of members who pay nothing at the close."),
    ),
    Amount(
        name="closing",
        label=gettext_lazy("Closing"),
        kinds=AT_CLOSE,
        is_total=True,
        definition=gettext_lazy("A year's dues of every member who pays on the closing day."),
    ),
)
AMOUNT = {amount.name: amount for amount in AMOUNTS}


# The page.


@requires(Permission.VECTOR_VIEW)
@require_safe
@opens_as_kept("success:measures")
def measures(request: HttpRequest) -> HttpResponse:
    """Members first, money second where the reader may see it, the alarm between them."""
    as_of = vector.last_rolled_up()
    may_see_money = has(request.user, Permission.REVENUE_VIEW)
    context: dict[str, Any] = {"as_of": as_of, "may_see_money": may_see_money}
    everybody = next(iter(vector.health(as_of=as_of)), None) if as_of else None
    if everybody is not None:
        context |= _members_band(request, everybody)
    if may_see_money:
        context |= _headline()
    return render(request, "success/measures.html", context)


def _members_band(request: HttpRequest, everybody: GroupHealth) -> dict[str, Any]:
    as_of = everybody.as_of
    earlier = as_of - timedelta(days=COMPARED_DAYS)
    form = TwoDaysForm(request.GET, earlier=earlier, later=as_of)
    days = form.days()
    same = vector.compare_days(earlier=earlier, later=as_of)
    asked = (
        same
        if (days.earlier, days.later) == (earlier, as_of)
        else vector.compare_days(earlier=days.earlier, later=days.later)
    )
    return {
        "health": everybody,
        "states": _state_rows(everybody),
        "history": _spoken_months(until=as_of),
        "state_order": STATE_ORDER,
        "same": same,
        "days": days,
        "days_form": form,
        "days_presets": _day_presets(as_of=as_of),
        "flow": _flow(asked, as_of=as_of),
        "groups_by": _dimensions(request),
        "group_rows": group_rows(
            cast("User", request.user), by=asked_dimension(request), as_of=as_of
        ),
        "we_owe_url": members_url(we_owe="true"),
        "by": asked_dimension(request).value,
        "slower_url": members_url(moved="down", was_on=earlier.isoformat()),
        "waiting_url": members_url(overlay="assoc_blocked"),
        "in_scope_url": members_url(),
        "planned_url": members_url(has_plan="true"),
    }


def _headline() -> dict[str, Any]:
    """The money of the first screen, from what the night wrote: retention, years, the alarm."""
    as_of = money_as_of()
    association = Association.current()
    basis = PeriodForm({}, as_of=as_of).period().basis
    context: dict[str, Any] = {
        "money_as_of": as_of,
        "currency": association.currency,
        "period": PeriodForm({}, as_of=as_of).period(),
        "retention": _retention(as_of=as_of),
        "years": _year_rows(basis=basis),
    }
    try:
        context["integrity"] = integrity_context(as_of=as_of, grace_days=association.grace_days)
    except MixedCurrencies as error:
        context["money_error"] = str(error)
    return context


@requires(Permission.REVENUE_VIEW)
@require_safe
@opens_as_kept("success:measures_money")
def money(request: HttpRequest) -> HttpResponse:
    """What moved dues between two days, by both rules, by tier and by segment."""
    crumbs = [(_("Measures"), reverse("success:measures"))]
    context = _money_band(request) | {"crumbs": crumbs}
    return render(request, "success/measures_money.html", context)


def _money_band(request: HttpRequest) -> dict[str, Any]:
    as_of = money_as_of()
    association = Association.current()
    form = PeriodForm(request.GET, as_of=as_of)
    period = form.period()
    context: dict[str, Any] = {
        "money_as_of": as_of,
        "currency": association.currency,
        "grace_days": association.grace_days,
        "period_form": form,
        "period": period,
        "presets": _presets(as_of=as_of),
        "query": urlencode(_query(period)),
    }
    try:
        context |= _money(period, as_of=as_of, grace_days=association.grace_days)
    except MixedCurrencies as error:
        context["money_error"] = str(error)
    return context


def _money(period: Period, *, as_of: date, grace_days: int) -> dict[str, Any]:
    asked: dict[str, Any] = {
        "opening_on": period.opening_on,
        "closing_on": period.closing_on,
        "as_of": as_of,
        "grace_days": grace_days,
    }
    (in_force, membership), *groups = revenue_with_prices(
        **asked, dimensions=[Dimension.TIER, Dimension.SEGMENT]
    )
    tiers, segments = (
        [pair for pair in groups if pair[0].dimension == of]
        for of in (Dimension.TIER, Dimension.SEGMENT)
    )
    names = dict(Segment.objects.values_list("key", "name"))
    return {
        "in_force": in_force,
        "membership": membership,
        "chosen": _chosen(in_force, membership, basis=period.basis),
        "comparison": _comparison(in_force, membership, period=period),
        "difference": _difference(in_force, membership, grace_days=grace_days),
        "groups": [
            (_("By tier"), _("Tier"), _group_rows(tiers, period=period, names={})),
            (_("By segment"), _("Segment"), _group_rows(segments, period=period, names=names)),
        ],
    }


# Members.


@dataclass(frozen=True, kw_only=True)
class StateRow:
    state: str
    members: int
    of: int
    url: str

    @property
    def share(self) -> Decimal | None:
        return Decimal(self.members) / self.of if self.of else None


def _state_rows(health: GroupHealth) -> list[StateRow]:
    return [
        StateRow(
            state=state,
            members=health.states.get(state, 0),
            of=health.in_scope,
            url=members_url(state=state),
        )
        for state in STATE_ORDER
    ]


def members_url(**query: str) -> str:
    """The list of members in force or in grace, narrowed; nothing where there is no list."""
    url = address("success:members")
    standing = [Standing.IN_FORCE.value, Standing.IN_GRACE.value]
    return f"{url}?{urlencode({'standing': standing, **query}, doseq=True)}" if url else ""


def _spoken_months(*, until: date) -> list[GroupHealth]:
    """The first night of each month that one spoke of, and the last night of all."""
    known = vector.health_over_time(
        since=date(until.year - MONTHS_SHOWN // 12, until.month, 1), until=until
    )
    first_of = {(one.as_of.year, one.as_of.month): one for one in reversed(known)}
    months = sorted(first_of.values(), key=lambda one: one.as_of)
    return months if not known or months[-1] is known[-1] else [*months, known[-1]]


@dataclass(frozen=True, kw_only=True)
class FlowRow:
    """Members by where they are now, of those who were in one state then."""

    then: str
    cells: list[tuple[int, bool, str]]
    total: int


def _flow(same: Comparison, *, as_of: date) -> dict[str, Any]:
    """Every member once, by state on both days; a cell opens its members where they are now."""
    found = dict(same.flow)
    met = {state for pair in found for state in pair}
    order = [state for state in (*STATE_ORDER, NOT_THERE) if state in met]
    rows = [
        FlowRow(
            then=then,
            cells=[
                (
                    found.get((then, now), 0),
                    then == now,
                    _flow_url(same, then=then, now=now, as_of=as_of),
                )
                for now in order
            ],
            total=sum(found.get((then, now), 0) for now in order),
        )
        for then in order
    ]
    return {
        "columns": order,
        "rows": rows,
        "totals": [sum(found.get((then, now), 0) for then in order) for now in order],
        "members": sum(found.values()),
        "comparison": same,
        "src": f"{reverse('success:measures_flow_chart')}?{urlencode(_days_query(same))}",
    }


def _days_query(same: Comparison) -> dict[str, str]:
    return {"earlier": same.earlier_on.isoformat(), "later": same.later_on.isoformat()}


def _flow_url(same: Comparison, *, then: str, now: str, as_of: date) -> str:
    """The members of a cell; nothing where they cannot be listed as they are now."""
    if same.later_on != as_of or NOT_THERE in {then, now}:
        return ""
    return members_url(state=now, was=then, was_on=same.earlier_on.isoformat())


@requires(Permission.VECTOR_VIEW)
@require_safe
def flow_chart(request: HttpRequest) -> JsonResponse:
    """How many members went from each state on one day to each state on another."""
    as_of = vector.last_rolled_up() or clock.today()
    earlier = as_of - timedelta(days=COMPARED_DAYS)
    days = TwoDaysForm(request.GET, earlier=earlier, later=as_of).days()
    same = vector.compare_days(earlier=days.earlier, later=days.later)
    order = (*STATE_ORDER, NOT_THERE)
    ways = sorted(same.flow.items(), key=lambda way: [order.index(state) for state in way[0]])
    return JsonResponse(
        {
            "kind": "flow",
            "title": _("Where they were, and where they are"),
            "unit": "",
            "x": [date_format(day, "j M Y") for day in (days.earlier, days.later)],
            "order": list(STATE_ORDER),
            "series": [
                {
                    "name": _("%(then)s to %(now)s")
                    % {"then": _state_word(then), "now": _state_word(now)},
                    "from": [then, _state_word(then)],
                    "to": [now, _state_word(now)],
                    "data": [members],
                    "links": [_flow_url(same, then=then, now=now, as_of=as_of) or None],
                }
                for (then, now), members in ways
                if NOT_THERE not in {then, now}
            ],
        }
    )


def _state_word(state: str) -> str:
    return str(STATES[state].word) if state in STATES else _("no plan, or no member")


def _day_presets(*, as_of: date) -> list[tuple[str, str]]:
    """The months gone by, each from its first day to the next one's, and the ninety days."""
    firsts = [as_of.replace(day=1)]
    for _again in range(3):
        firsts.append((firsts[-1] - timedelta(days=1)).replace(day=1))
    url = reverse("success:measures")
    found = [(_("90 days to now"), f"{url}#flow")]
    for later, earlier in pairwise(firsts):
        query = urlencode({"earlier": earlier.isoformat(), "later": later.isoformat()})
        found.append((date_format(earlier, "F"), f"{url}?{query}#flow"))
    return found


# Groups.

GROUPED_BY = (
    *(Dimension.SEGMENT, Dimension.TIER, Dimension.OWNER, Dimension.COHORT),
    Dimension.CHAPTER,
)


@dataclass(frozen=True, kw_only=True)
class HealthRow:
    """A group in figures, and the members to show instead of a mean where they are few."""

    name: str
    url: str
    health: GroupHealth
    same: Comparison | None
    few: list[FewMember]


def asked_dimension(request: HttpRequest) -> Dimension:
    """What to group by; segments unless something known is asked for."""
    asked = request.GET.get("by", "")
    return Dimension(asked) if asked in set(GROUPED_BY) else Dimension.SEGMENT


def _dimensions(request: HttpRequest) -> list[dict[str, Any]]:
    chosen = asked_dimension(request)
    return [
        {"label": each.label, "url": f"?by={each.value}#groups", "current": each is chosen}
        for each in GROUPED_BY
        if each is not Dimension.CHAPTER or Member.objects.chapters().exists()
    ]


def group_rows(user: User, *, by: Dimension, as_of: date) -> list[HealthRow]:
    """The groups of a dimension as ``user`` may see them, in an order that ranks nobody.

    Of those who look after members, an MSM sees their own row. At most five queries.
    """
    groups = vector.health(as_of=as_of, dimension=by)
    if by is Dimension.OWNER and user.role == Role.MSM:
        groups = [group for group in groups if group.value == str(user.pk)]
    earlier = as_of - timedelta(days=COMPARED_DAYS)
    same = {
        each.value: each
        for each in vector.comparisons(as_of=as_of, earlier_on=earlier, dimension=by)
    }
    small = [group.value for group in groups if group.is_small and group.with_pace]
    few = vector.members_of_the_few(user, dimension=by, values=small)
    named = _names_of(by, [group.value for group in groups])
    rows = [
        (
            named[group.value][0],
            HealthRow(
                name=named[group.value][1],
                url=_group_url(named[group.value][2]),
                health=group,
                same=same.get(group.value),
                few=few.get(group.value, []),
            ),
        )
        for group in groups
    ]
    return [row for _place, row in sorted(rows, key=lambda each: each[0])]


def _group_url(question: dict[str, str]) -> str:
    """The members of a group; nothing for those in none, whom the list cannot ask for."""
    return members_url(**question) if any(question.values()) else ""


def _names_of(
    by: Dimension, values: Sequence[str]
) -> dict[str, tuple[tuple[Any, ...], str, dict[str, str]]]:
    """The place, the name and the question of the members list, of each group."""
    if by is Dimension.SEGMENT:
        segments = {one.key: one for one in Segment.objects.all()}
        return {
            value: (
                ((0, segments[value].position), segments[value].name, {"segment": value})
                if value in segments
                else ((1, 0), value or _("in no segment"), {})
            )
            for value in values
        }
    if by is Dimension.OWNER:
        people = {
            str(key): one
            for key, one in User.objects.in_bulk([int(each) for each in values if each]).items()
        }
        return {
            value: (
                ((0, one.name), one.name, {"owner": str(one.public_id)})
                if (one := people.get(value))
                else ((1, ""), _("the pool"), {"owner": "pool"})
            )
            for value in values
        }
    if by is Dimension.COHORT:
        return {
            value: (
                ((0, -int(value)), value, {"joined_in": value})
                if value
                else ((1, 0), _("not known"), {})
            )
            for value in values
        }
    name, nothing = (
        ("chapter", _("in no chapter")) if by is Dimension.CHAPTER else ("tier", _("no tier"))
    )
    return {
        value: ((0 if value else 1, value), value or nothing, {name: value}) for value in values
    }


@requires(Permission.VECTOR_VIEW)
@require_safe
def states_chart(_request: HttpRequest) -> JsonResponse:
    """How many members were in each state, month by month."""
    until = vector.last_rolled_up()
    months = _spoken_months(until=until) if until else []
    return JsonResponse(
        {
            "kind": "stacked",
            "title": _("Members by state"),
            "unit": "",
            "x": [_short(month.as_of) for month in months],
            "series": [
                {
                    "name": str(STATES[state].word),
                    "state": state,
                    "data": [month.states.get(state, 0) for month in months],
                    "links": [
                        members_url(state=state) if month.as_of == until else None
                        for month in months
                    ],
                }
                for state in STATE_ORDER
                if any(month.states.get(state) for month in months)
            ],
        }
    )


# The alarm.


def integrity_context(*, as_of: date, grace_days: int) -> dict[str, Any]:
    """What the alarm says and rests on, as pages show it."""
    found = integrity_of.integrity_on(as_of=as_of, grace_days=grace_days)
    earlier = _decimal(found.revenue.nrr_earlier)
    later = _decimal(found.revenue.nrr_later)
    return {
        "is_alarming": found.is_alarming,
        "earlier_on": found.revenue.earlier_on,
        "later_on": found.revenue.later_on,
        "nrr_earlier": earlier,
        "nrr_later": later,
        "nrr_points": None if earlier is None or later is None else 100 * (later - earlier),
        "pace": found.pace,
        "days": COMPARED_DAYS,
        "fall": -_decimal_of(ALARMING_FALL),
        "hollow": _decimal(found.hollow),
        "parts": _part_rows(found),
        "won": found.won,
    }


BEARING_WORDS = {
    Bearing.TOWARDS: gettext_lazy("moving towards their goal"),
    Bearing.STANDING: gettext_lazy("standing still"),
    Bearing.AWAY: gettext_lazy("moving away"),
    Bearing.UNKNOWN: gettext_lazy("not known: no plan, or too early"),
    Bearing.GONE: gettext_lazy("members no more"),
}


@dataclass(frozen=True, kw_only=True)
class PartRow:
    """The base of the year as far as its members move one way; amounts in whole currency."""

    word: Any
    members: int | None
    opening: Decimal
    expansion: Decimal | None
    contraction: Decimal | None
    churn: Decimal | None
    closing: Decimal
    nrr: Decimal | None
    of_nrr: Decimal | None


def _part_rows(found: integrity_of.Integrity) -> list[PartRow]:
    """A row a bearing, and one for what the ledger counts otherwise, where there is any."""
    rows = [
        PartRow(
            word=BEARING_WORDS[bearing],
            members=part.members,
            opening=Decimal(part.opening) / 100,
            expansion=Decimal(part.expansion) / 100,
            contraction=Decimal(part.contraction) / 100,
            churn=Decimal(part.churn) / 100,
            closing=Decimal(part.closing) / 100,
            nrr=_decimal(part.nrr),
            of_nrr=Decimal(part.closing) / found.opening if found.opening else None,
        )
        for bearing, part in found.parts.items()
    ]
    opening, closing = found.rest
    if opening or closing:
        rows.append(
            PartRow(
                word=_("counted together with others, or in another currency"),
                members=None,
                opening=Decimal(opening) / 100,
                expansion=None,
                contraction=None,
                churn=None,
                closing=Decimal(closing) / 100,
                nrr=None,
                of_nrr=Decimal(closing) / found.opening if found.opening else None,
            )
        )
    return rows


# Money.


def money_as_of() -> date:
    """The day up to which terms are asked: that of the last night, before any that of today."""
    return last_live_day() or clock.today()


def _query(period: Period) -> dict[str, str]:
    return {
        "from": period.opening_on.isoformat(),
        "to": period.closing_on.isoformat(),
        "basis": period.basis.value,
    }


def movements_url(
    period: Period,
    *,
    kinds: Sequence[Kind] = (),
    by: Dimension | None = None,
    value: str = "",
) -> str:
    """The rows behind a figure."""
    query: dict[str, Any] = {**_query(period), "kind": [kind.value for kind in kinds]}
    if by:
        query |= {"by": by.value, "value": value}
    return f"{reverse('success:movements')}?{urlencode(query, doseq=True)}"


def _presets(*, as_of: date) -> list[tuple[str, str]]:
    years = [as_of.year, *range(as_of.year - 1, as_of.year - 4, -1)]
    found = [(_("Twelve months to now"), reverse("success:measures_money"))]
    for year in years:
        closing = min(date(year + 1, 1, 1), as_of)
        opening = date(year, 1, 1)
        if opening < closing:
            query = urlencode({"from": opening.isoformat(), "to": closing.isoformat()})
            label = str(year) if closing < as_of else _("%(year)s so far") % {"year": year}
            found.append((label, f"{reverse('success:measures_money')}?{query}"))
    return found


def _chosen(
    in_force: RevenueFigures, membership: RevenueFigures, *, basis: RevenueBasis
) -> RevenueFigures:
    return membership if basis == RevenueBasis.MEMBERSHIP else in_force


@dataclass(frozen=True, kw_only=True)
class ComparedAmount:
    """One amount under each reading, with the address of its rows."""

    line: Amount
    cells: list[tuple[Decimal, str]]


def _comparison(
    in_force: RevenueFigures, membership: RevenueFigures, *, period: Period
) -> dict[str, Any]:
    """The same period under the ledger as it stands and under both membership readings."""
    readings: list[tuple[RevenueBasis, Figures]] = [
        (RevenueBasis.IN_FORCE, in_force.strict),
        (RevenueBasis.MEMBERSHIP, membership.strict),
        (RevenueBasis.MEMBERSHIP, membership.optimistic),
    ]
    figures = [reading for _basis, reading in readings]
    return {
        "amounts": [
            ComparedAmount(
                line=line,
                cells=[
                    (
                        getattr(reading, line.name),
                        movements_url(
                            Period(
                                opening_on=period.opening_on,
                                closing_on=period.closing_on,
                                basis=basis,
                            ),
                            kinds=line.kinds,
                        ),
                    )
                    for basis, reading in readings
                ],
            )
            for line in AMOUNTS
        ],
        "ratios": [
            (_("NRR"), NRR_MEANS, [reading.nrr for reading in figures]),
            (
                _("NRR ex-price"),
                EX_PRICE_MEANS,
                [reading.nrr_ex_price for reading in figures],
            ),
            (_("GRR"), GRR_MEANS, [reading.grr for reading in figures]),
            (
                _("Logo retention"),
                LOGO_MEANS,
                [reading.logo_retention for reading in figures],
            ),
        ],
        "members": [
            (_("Members at the opening"), [reading.members_open for reading in figures]),
            (_("of them still paying"), [reading.kept_members for reading in figures]),
            (_("Members at the close"), [reading.members_close for reading in figures]),
        ],
    }


NRR_MEANS = gettext_lazy(
    "Net revenue retention: what members who paid on the opening day pay at the close, over "
    "what they paid then. New members and those who came back are not in it."
)
EX_PRICE_MEANS = gettext_lazy(
    "NRR without what dues rose or fell by price alone, in the same tier with the same seats "
    "and add-ons: growth that members chose. Where dues do not say what they are made of, all "
    "of a change in the same tier counts as price."
)
GRR_MEANS = gettext_lazy(
    "Gross revenue retention: the same, counting nobody above their opening dues. Never more "
    "than 100%."
)
LOGO_MEANS = gettext_lazy(
    "Members of the opening day who still pay at the close, whatever they pay."
)


def _difference(
    in_force: RevenueFigures, membership: RevenueFigures, *, grace_days: int
) -> dict[str, Any]:
    """By how much the two bases part, and what makes them."""
    apart = membership.optimistic.closing - in_force.strict.closing
    return {
        "apart": apart,
        "undecided": membership.undecided,
        "undecided_members": membership.undecided_members,
        "grace_days": grace_days,
        "rest": apart - membership.undecided,
        "is_same": not apart and in_force.strict == membership.strict,
        "nrr_in_force": in_force.strict.nrr,
        "nrr_membership": membership.optimistic.nrr,
    }


@dataclass(frozen=True, kw_only=True)
class GroupRow:
    """A tier or segment in a period, and where its rows are."""

    name: str
    figures: Figures
    urls: dict[str, str]


def _group_rows(
    pairs: Sequence[tuple[RevenueFigures, RevenueFigures]],
    *,
    period: Period,
    names: dict[str, str],
) -> list[GroupRow]:
    found = []
    for in_force, membership in pairs:
        chosen = _chosen(in_force, membership, basis=period.basis)
        figures = chosen.optimistic
        if not (figures.opening or figures.closing):
            continue
        found.append(
            GroupRow(
                name=names.get(chosen.value, chosen.value) or _("in no segment"),
                figures=figures,
                urls={
                    line.name: movements_url(
                        period, kinds=line.kinds, by=chosen.dimension, value=chosen.value
                    )
                    for line in AMOUNTS
                },
            )
        )
    return sorted(found, key=lambda row: -row.figures.opening)


@dataclass(frozen=True, kw_only=True)
class YearRow:
    """A calendar year; an open one is shown as far as it is known."""

    year: int
    is_open: bool
    is_provisional: bool
    closing_on: date
    point: SeriesPoint
    urls: dict[str, str]

    @property
    def logo_churn(self) -> Decimal | None:
        kept = self.point.logo_retention
        return None if kept is None else 1 - kept


def _year_rows(*, basis: RevenueBasis) -> list[YearRow]:
    rows = []
    for point in revenue.revenue_series(kind=PeriodKind.CALENDAR_YEAR, basis=basis):
        if not point.base_members:
            continue  # the ledger's first year opens on nobody, so nothing could be retained
        closing = min(point.ends_on, point.covers_until)
        period = Period(opening_on=point.starts_on, closing_on=closing, basis=basis)
        rows.append(
            YearRow(
                year=point.starts_on.year,
                is_open=closing < point.ends_on,
                is_provisional=bool(point.undecided_members),
                closing_on=closing,
                point=point,
                urls={line.name: movements_url(period, kinds=line.kinds) for line in AMOUNTS},
            )
        )
    return rows


def _retention(*, as_of: date) -> list[SeriesPoint]:
    """Trailing years by month, by membership rules, oldest first; those that have a base."""
    since = date(as_of.year - MONTHS_SHOWN // 12, as_of.month, 1)
    points = revenue.revenue_series(
        kind=PeriodKind.TRAILING_YEAR, basis=RevenueBasis.MEMBERSHIP, since=since, until=as_of
    )
    return [point for point in points if point.nrr is not None]


@requires(Permission.REVENUE_VIEW)
@require_safe
def retention_chart(_request: HttpRequest) -> JsonResponse:
    """NRR and GRR of the twelve months up to each month; a drawing, so plain floats."""
    points = _retention(as_of=money_as_of())
    doubtful = [not point.is_final for point in points]
    return JsonResponse(
        {
            "kind": "line",
            "title": _("Retention over twelve months"),
            "unit": "%",
            "percent": True,
            "x": [_short(point.ends_on) for point in points],
            "series": [
                {
                    "name": _("NRR"),
                    "data": [_plain(point.nrr) for point in points],
                    "provisional": doubtful,
                },
                {
                    "name": _("GRR"),
                    "data": [_plain(point.grr) for point in points],
                    "provisional": doubtful,
                },
            ],
            "note": _provisional_note(points),
        }
    )


def _provisional_note(points: Sequence[SeriesPoint]) -> str:
    last = points[-1] if points else None
    if last is None or last.is_final or last.nrr is None or last.nrr_strict is None:
        return ""
    return ngettext(
        "Provisional: %(members)s member is still in their grace. NRR is %(strict)s if none "
        "renews, and %(optimistic)s if all do at the same dues.",
        "Provisional: %(members)s members are still in their grace. NRR is %(strict)s if none "
        "renews, and %(optimistic)s if all do at the same dues.",
        last.undecided_members,
    ) % {
        "members": f"{last.undecided_members:,}",
        "strict": f"{100 * last.nrr_strict:.1f}%",
        "optimistic": f"{100 * last.nrr:.1f}%",
    }


@requires(Permission.REVENUE_VIEW)
@require_safe
def waterfall_chart(request: HttpRequest) -> HttpResponse:
    """The movements of a period, from its opening to its closing."""
    as_of = money_as_of()
    period = PeriodForm(request.GET, as_of=as_of).period()
    association = Association.current()
    try:
        [found] = revenue.revenue_between(
            opening_on=period.opening_on,
            closing_on=period.closing_on,
            as_of=as_of,
            basis=period.basis,
            grace_days=association.grace_days,
        )
    except MixedCurrencies as error:
        return JsonResponse({"detail": str(error)}, status=409)
    figures = found.optimistic
    data = [float(figures.opening)]
    data += [float(line.sign * getattr(figures, line.name)) for line in AMOUNTS if line.sign]
    return JsonResponse(
        {
            "kind": "waterfall",
            "title": _("Dues a year, from opening to closing"),
            "unit": association.currency,
            "x": [str(line.label) for line in AMOUNTS],
            "series": [
                {
                    "name": _("Dues a year"),
                    "data": [*data, None],
                    "provisional": [
                        bool(found.undecided_members) and line.name == "closing"
                        for line in AMOUNTS
                    ],
                    "links": [movements_url(period, kinds=line.kinds) for line in AMOUNTS],
                }
            ],
        }
    )


# Words and numbers.


def _short(day: date) -> str:
    """`Jul 2026` for a first of the month, which stands for it; else the day, `29 Jul`."""
    return date_format(day, "M Y" if day.day == 1 else "j M")


def _plain(value: Decimal | None) -> float | None:
    return None if value is None else float(value)


def _decimal(value: Fraction | None) -> Decimal | None:
    return None if value is None else _decimal_of(value)


def _decimal_of(value: Fraction) -> Decimal:
    return Decimal(value.numerator) / Decimal(value.denominator)
