"""What it costs to serve members, and what is left of their dues."""

import logging
import uuid
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any, cast

from django.contrib import messages
from django.http import (
    HttpRequest,
    HttpResponse,
    JsonResponse,
    QueryDict,
    StreamingHttpResponse,
)
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from config.kernel import clock
from config.kernel.permissions import requires
from config.kernel.sheets import CSV, Row, as_file
from coverage.models import Rebalancing, Segment
from members.models import Association, User
from success.access import Permission
from success.engine.revenue import MixedCurrencies
from success.forms.costs import RatesForm, initial_of
from success.queries import margin as reads
from success.queries.margin import MoveEffect, SegmentCost
from success.queries.nights import last_live_day
from success.services.costs import set_rates
from success.services.mailings import CannotBeMade, Sheet
from success.views.after_move import harmful_moves
from success.views.measures import EXPORT_SIZE, PAGE_SIZE
from success.views.views import opens_as_kept

logger = logging.getLogger(__name__)

HEADER = (
    *("member", "name", "segment", "dues", "hours", "hours_are", "labour", "enablement"),
    *("direct", "cost_to_serve", "margin", "margin_share", "currency", "as_of"),
)


@requires(Permission.REVENUE_VIEW)
@require_safe
@opens_as_kept("success:margin")
def margin(request: HttpRequest) -> HttpResponse:
    """Cost to serve and margin by segment, then member by member."""
    as_of = _as_of()
    segment = request.GET.get("segment", "")
    context: dict[str, Any] = {
        "crumbs": [(_("Measures"), reverse("success:measures"))],
        "as_of": as_of,
        "currency": Association.current().currency,
        "days": reads.RECORDED_DAYS,
        "segment": Segment.objects.filter(key=segment).first() if segment else None,
        "hurt": harmful_moves(as_of=as_of),
    }
    try:
        context["rates"] = reads.rates_on(as_of=as_of)
        everybody, segments = reads.by_segment(as_of=as_of)
        page = reads.by_member(
            as_of=as_of, segment=segment, after=request.GET.get("after"), size=PAGE_SIZE
        )
        context["effect"] = _effect(request, as_of=as_of)
    except reads.NoRates:
        return render(request, "success/margin.html", context)
    except (reads.OtherCurrency, MixedCurrencies) as error:
        return render(request, "success/margin.html", context | {"error": str(error)})
    context |= {
        "everybody": _line(everybody),
        "lines": [_line(each) for each in segments],
        "rows": [
            {"row": each, "share": _decimal(each.served.margin_share)} for each in page.items
        ],
        "after": page.next,
    }
    return render(request, "success/margin.html", context)


@requires(Permission.REVENUE_VIEW)
@require_safe
def margin_chart(_request: HttpRequest) -> JsonResponse:
    """Dues beside what it costs to serve, by segment."""
    try:
        _everybody, segments = reads.by_segment(as_of=_as_of())
    except (reads.NoRates, reads.OtherCurrency, MixedCurrencies) as error:
        return JsonResponse({"detail": str(error)}, status=409)
    links = [f"{reverse('success:margin')}?segment={each.key}" for each in segments]
    return JsonResponse(
        {
            "kind": "bar",
            "title": _("A year's dues and cost to serve"),
            "unit": Association.current().currency,
            "x": [each.name or _("in no segment") for each in segments],
            "series": [
                {
                    "name": _("Dues"),
                    "data": [float(each.served.revenue) for each in segments],
                    "links": links,
                },
                {
                    "name": _("Cost to serve"),
                    "data": [float(each.served.cost_to_serve) for each in segments],
                    "links": links,
                },
            ],
        }
    )


@requires(Permission.REVENUE_VIEW)
@require_safe
def margin_export(
    request: HttpRequest, kind: str = CSV
) -> HttpResponse | StreamingHttpResponse:
    """Every member as a line of a file, the smallest margin first; who took it is logged."""
    as_of = _as_of()
    try:
        found = sheet(cast("User", request.user), request.GET, as_of)
    except CannotBeMade as error:
        return HttpResponse(str(error), status=409, content_type="text/plain")
    logger.info(
        "Margin exported",
        extra={"user_id": request.user.pk, "asked": request.GET.urlencode()},
    )
    return as_file(kind, name=f"margin-{as_of}", header=found.header, rows=found.rows)


def sheet(_user: User, filters: QueryDict, as_of: date) -> Sheet:
    """Members with their margin as a table, those of ``segment`` only where it is said."""
    day = last_live_day() or as_of
    try:
        reads.rates_on(as_of=day)
    except reads.NoRates as error:
        raise CannotBeMade(_("It is not said yet what an hour costs.")) from error
    except (reads.OtherCurrency, MixedCurrencies) as error:
        raise CannotBeMade(str(error)) from error
    rows = _rows(segment=filters.get("segment", ""), as_of=day)
    return Sheet(header=HEADER, rows=rows, passing=frozenset({"as_of"}))


@requires(Permission.COST_EDIT)
@require_http_methods(["GET", "HEAD", "POST"])
def rates(request: HttpRequest) -> HttpResponse:
    """Say what an hour, enablement and benefits cost."""
    today = clock.today()
    if request.method == "POST":
        form = RatesForm(request.POST)
        if form.is_valid():
            said = form.cleaned_data
            set_rates(
                effective_from=said["effective_from"],
                hourly_rate=said["hourly_rate"],
                enablement_a_year=said["enablement_a_year"] or Decimal(0),
                direct_a_year=said["direct_a_year"] or Decimal(0),
                note=said["note"],
                by=cast("User", request.user),
                at=clock.now(),
            )
            messages.success(request, _("The rates are set."))
            return redirect("success:margin")
    else:
        try:
            known = reads.rates_on(as_of=today)
        except (reads.NoRates, reads.OtherCurrency, MixedCurrencies):
            known = None
        form = RatesForm(initial=initial_of(known, today=today))
    return render(
        request,
        "success/cost_rates.html",
        {
            "form": form,
            "currency": Association.current().currency,
            "crumbs": [
                (_("Measures"), reverse("success:measures")),
                (_("Cost to serve and margin"), reverse("success:margin")),
            ],
        },
        status=422 if form.is_bound else 200,
    )


def _as_of() -> date:
    return last_live_day() or clock.today()


def _line(cost: SegmentCost) -> dict[str, Any]:
    served = cost.served
    return {
        "cost": cost,
        "name": cost.name or _("in no segment"),
        "url": f"{reverse('success:margin')}?segment={cost.key}#members" if cost.key else "",
        "share": _decimal(served.margin_share),
        "assumed_share": cost.assumed_hours / served.hours if served.hours else None,
    }


def _effect(request: HttpRequest, *, as_of: date) -> dict[str, Any] | None:
    """What a rebalancing would do, or did, to the margin of those it moves."""
    asked = request.GET.get("rebalancing")
    if not asked:
        return None
    try:
        found = get_object_or_404(Rebalancing, public_id=uuid.UUID(asked))
    except ValueError:
        return None
    effect = reads.effect_of(found, as_of=as_of)
    if effect is None:
        return None
    return {
        "effect": effect,
        "found": found,
        "share_before": _decimal(effect.before.margin_share),
        "share_after": _decimal(effect.after.margin_share),
        "relative": _relative(effect),
        "points": _points(effect),
    }


def _relative(effect: MoveEffect) -> Decimal | None:
    """Of the money, in percent; null where there was no margin that could grow."""
    relative = _decimal(effect.change.relative)
    return None if relative is None or effect.before.margin < 0 else 100 * relative


def _points(effect: MoveEffect) -> Decimal | None:
    points = _decimal(effect.change.points)
    return None if points is None else 100 * points


def _rows(*, segment: str, as_of: date) -> Iterator[Row]:
    currency = Association.current().currency
    after: str | None = None
    while True:
        page = reads.by_member(as_of=as_of, segment=segment, after=after, size=EXPORT_SIZE)
        for row in page.items:
            served = row.served
            share = _decimal(served.margin_share)
            who = (str(row.public_id), row.name, row.segment, served.revenue, served.hours)
            costs = (served.labour, served.enablement, served.direct, served.cost_to_serve)
            hours = "assumed" if row.is_assumed else "recorded"
            left = (served.margin, None if share is None else round(share, 4))
            yield (*who, hours, *costs, *left, currency, as_of)
        after = page.next
        if not after:
            return


def _decimal(value: Fraction | None) -> Decimal | None:
    return None if value is None else Decimal(value.numerator) / Decimal(value.denominator)
