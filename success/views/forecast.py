"""What members will take up next: the forecast, the accounts behind it, and was it right."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any, cast
from urllib.parse import urlencode

from django.contrib import messages
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    JsonResponse,
    QueryDict,
    StreamingHttpResponse,
)
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_safe

from config.kernel import clock
from config.kernel.fragments import render_page_or_fragment
from config.kernel.permissions import requires
from config.kernel.sheets import KINDS, as_file
from members.models import Association, User
from success.access import Permission
from success.engine.forecast import AX_MISMATCH, Expected, LeftOut, Unknown
from success.engine.survival import FEWEST_EVENTS
from success.forms.worth import WorthForm
from success.models import OfferWorth
from success.queries import forecast as reads
from success.queries.forecast import AccountRow, CohortKey, Take
from success.queries.nights import last_live_day
from success.services.mailings import CannotBeMade, Sheet
from success.services.worth import set_worth
from success.views.measures import EXPORT_SIZE, PAGE_SIZE
from success.views.views import opens_as_kept

MONTHS = 3
HEADER = (
    *("member", "name", "segment", "state", "milestone", "offer", "plan_days_to_go", "chance"),
    *("take", "value", "expected", "why_not", "currency", "as_of", "until"),
)
SHEET_HEADER = (
    *("row", "milestone", "path", "offer", "reached_so_far", "value", "chance", "take"),
    *("accounts", "unknown", "unpriced", "takers", "expected", "low", "high"),
    *("currency", "as_of", "until"),
)
REASONS = {
    LeftOut.NOT_A_MEMBER: gettext_lazy("not a member any more"),
    LeftOut.REACHED: gettext_lazy("reached it already, and to be asked"),
    LeftOut.ASKED: gettext_lazy("asked already, and yet to answer"),
    LeftOut.FURTHER_ON: gettext_lazy("another milestone comes first"),
    LeftOut.OWNED: gettext_lazy("have it already"),
    LeftOut.RETIRED: gettext_lazy("it is not offered any more"),
    LeftOut.COOLING_OFF: gettext_lazy("refused something lately"),
    LeftOut.GOAL_STALE: gettext_lazy("their goal has not been confirmed for 180 days"),
    LeftOut.REGRESSING: gettext_lazy("going backwards"),
    LeftOut.ASSOC_BLOCKED: gettext_lazy("waiting for a promise of ours"),
}
UNKNOWN = {
    Unknown.TOO_FEW: gettext_lazy("fewer than 20 have reached it: not forecastable"),
    Unknown.BEYOND: gettext_lazy("later than anybody seen: not forecastable"),
}


@dataclass(frozen=True, kw_only=True)
class _Asked:
    """What a list of accounts was asked for."""

    months: int
    cohort: CohortKey | None
    reason: LeftOut | None

    @property
    def query(self) -> str:
        return urlencode(
            {
                "months": self.months,
                **({"cohort": reads.slug_of(self.cohort)} if self.cohort else {}),
                **({"reason": self.reason.value} if self.reason else {}),
            }
        )


@requires(Permission.REVENUE_VIEW)
@require_safe
@opens_as_kept("success:forecast")
def forecast(request: HttpRequest) -> HttpResponse:
    """Expected expansion by cohort, the months ahead, and who is left out."""
    months = _months(request.GET)
    found = reads.forecast(as_of=_as_of(), months=months)
    return render(
        request,
        "success/forecast.html",
        {
            "crumbs": [(_("Measures"), reverse("success:measures"))],
            "as_of": found.as_of,
            "found": found,
            "total": _sums(found.total),
            "windows": reads.WINDOWS,
            "cohorts": [_cohort(each) for each in found.cohorts],
            "ahead": [{"month": each, **_sums(each.expected)} for each in found.ahead],
            "left_out": [
                {
                    "words": REASONS[reason],
                    "count": count,
                    "url": _accounts_url(months=months, reason=reason),
                }
                for reason, count in found.left_out.items()
            ],
            "takes": [_take(each) for each in found.takes],
            "all_url": _accounts_url(months=months),
            "unpriced": found.total.unpriced,
            "fewest": FEWEST_EVENTS,
        },
    )


@requires(Permission.REVENUE_VIEW)
@require_safe
def forecast_chart(_request: HttpRequest) -> JsonResponse:
    """What each of the next twelve months is expected to bring, with its 90 % interval."""
    found = reads.forecast(as_of=_as_of())
    rows = [_sums(month.expected) for month in found.ahead]
    return JsonResponse(
        {
            "kind": "line",
            "zero": True,
            "title": _("Expected expansion of each month"),
            "unit": found.currency,
            "x": [date_format(month.ends_on, "j M Y") for month in found.ahead],
            "series": [
                {"name": _("expected"), "data": [_drawn(row["expected"]) for row in rows]},
                {
                    "name": _("90% high"),
                    "state": "no_plan",
                    "data": [_drawn(row["high"]) for row in rows],
                },
                {
                    "name": _("90% low"),
                    "state": "no_plan",
                    "data": [_drawn(row["low"]) for row in rows],
                },
            ],
            "band": {"low": 2, "high": 1},
        }
    )


@requires(Permission.REVENUE_VIEW)
@require_safe
@opens_as_kept("success:forecast_accounts")
def forecast_accounts(request: HttpRequest) -> HttpResponse:
    """The accounts behind a cohort, behind all, or left out for one reason."""
    asked, as_of = _asked(request.GET), _as_of()
    page = reads.accounts(
        as_of=as_of,
        months=asked.months,
        cohort=asked.cohort,
        reason=asked.reason,
        after=request.GET.get("after"),
        size=PAGE_SIZE,
    )
    export = reverse("success:forecast_export", args=["xlsx"])
    return render(
        request,
        "success/forecast_accounts.html",
        {
            "crumbs": [
                (_("Measures"), reverse("success:measures")),
                (_("Expected expansion"), reverse("success:forecast")),
            ],
            "as_of": as_of,
            "until": reads.months_after(as_of, asked.months),
            "currency": Association.current().currency,
            "reason": REASONS[asked.reason] if asked.reason else "",
            "rows": [_row(each) for each in page.items],
            "after": page.next,
            "cohort": page.items[0] if page.items and asked.cohort else None,
            "export_url": f"{export}?{asked.query}",
        },
    )


@requires(Permission.REVENUE_VIEW)
@require_safe
def forecast_export(request: HttpRequest, kind: str) -> HttpResponse | StreamingHttpResponse:
    """The same accounts as a file, one a line."""
    if kind not in KINDS:
        raise Http404
    try:
        found = accounts_sheet(cast("User", request.user), request.GET, clock.today())
    except CannotBeMade as error:
        raise Http404 from error
    return as_file(kind, name=f"forecast-{_as_of()}", header=found.header, rows=found.rows)


def accounts_sheet(_user: User, filters: QueryDict, as_of: date) -> Sheet:
    """The accounts of a list as a table; that a chance falls by the day is no news."""
    try:
        asked = _asked(filters)
    except Http404 as error:
        raise CannotBeMade(_("These filters make no sense any more.")) from error
    day = last_live_day() or as_of
    return Sheet(
        header=HEADER,
        rows=_file_rows(asked, as_of=day),
        passing=frozenset({"plan_days_to_go", "chance", "expected", "as_of", "until"}),
    )


def sheet(_user: User, filters: QueryDict, as_of: date) -> Sheet:
    """The forecast as a table: its cohorts, all together, and who is left out.

    What follows from the chances changes by the day alone, and is no news by itself.
    """
    found = reads.forecast(as_of=last_live_day() or as_of, months=_months(filters))
    days = (found.currency, found.as_of, found.until)
    rows = [
        (
            *("cohort", each.milestone, each.path, each.offer, each.events, each.value),
            *(_rounded(each.chance), _rounded(each.take)),
            *_sheet_cells(each.expected),
            *days,
        )
        for each in found.cohorts
    ]
    blanks = (None,) * 7  # of the milestone and the offer
    rows.append(("together", *blanks, *_sheet_cells(found.total), *days))
    rows += [
        (f"left_out: {reason.value}", *blanks, count, *(None,) * 6, *days)
        for reason, count in found.left_out.items()
    ]
    return Sheet(
        header=SHEET_HEADER,
        rows=rows,
        passing=frozenset({"chance", "takers", "expected", "low", "high", "as_of", "until"}),
    )


def _sheet_cells(expected: Expected) -> tuple[object, ...]:
    said = reads.plain_expected(expected)
    money = (said[name] for name in ("expected", "low", "high"))
    return (
        *(said[name] for name in ("accounts", "unknown", "unpriced", "takers")),
        *(None if amount is None else Decimal(amount) for amount in money),
    )


@requires(Permission.REVENUE_VIEW)
@require_safe
def forecast_then(request: HttpRequest) -> HttpResponse:
    """What was to be expected of each closed month, beside what came of it."""
    found = reads.back_test(as_of=_as_of(), grace_days=Association.current().grace_days)
    return render_page_or_fragment(
        request,
        "success/forecast_then.html",
        "success/_forecast_then.html",
        {
            "crumbs": [
                (_("Measures"), reverse("success:measures")),
                (_("Expected expansion"), reverse("success:forecast")),
            ],
            "as_of": found.as_of,
            "currency": Association.current().currency,
            "back": found,
            "months": [
                {
                    "month": each,
                    "first": date.fromordinal(each.starts_on.toordinal() + 1),
                    "takers": _decimal(each.expected.takers),
                    "takers_between": each.expected.takers_between(),
                    **_sums(each.expected),
                }
                for each in reversed(found.months)
            ],
            "tenths": [
                {
                    "tenth": each,
                    "low": int(100 * each.low),
                    "high": int(100 * each.high),
                    "foretold": _decimal(each.foretold),
                    "came": _decimal(each.came),
                }
                for each in found.tenths
            ],
            "answer_days": reads.ANSWER_DAYS,
        },
    )


@requires(Permission.COST_EDIT)
@require_http_methods(["GET", "HEAD", "POST"])
def worth(request: HttpRequest) -> HttpResponse:
    """Say what each offer is worth in a year."""
    today = clock.today()
    if request.method == "POST":
        form = WorthForm(request.POST, today=today)
        if form.is_valid():
            said = form.cleaned_data
            set_worth(
                offer=said["offer"],
                effective_from=said["effective_from"],
                annual_value=said["annual_value"],
                note=said["note"],
                by=cast("User", request.user),
                at=clock.now(),
            )
            messages.success(request, _("The value is set."))
            return redirect("success:offer_worth")
    else:
        form = WorthForm(today=today)
    return render(
        request,
        "success/offer_worth.html",
        {
            "form": form,
            "said": OfferWorth.objects.select_related("offer").order_by(
                "offer__title", "offer", "-effective_from"
            ),
            "currency": Association.current().currency,
            "crumbs": [
                (_("Measures"), reverse("success:measures")),
                (_("Expected expansion"), reverse("success:forecast")),
            ],
        },
        status=422 if form.is_bound else 200,
    )


def _as_of() -> date:
    return last_live_day() or clock.today()


def _months(filters: QueryDict) -> int:
    said = filters.get("months", "")
    return int(said) if said in {str(each) for each in reads.WINDOWS} else MONTHS


def _asked(filters: QueryDict) -> _Asked:
    """Read what a list is asked for; 404 for a cohort or a reason that cannot be one."""
    slug, reason = filters.get("cohort", ""), filters.get("reason", "")
    cohort = reads.key_of(slug) if slug else None
    if (slug and cohort is None) or (reason and reason not in {*LeftOut}):
        raise Http404
    return _Asked(
        months=_months(filters), cohort=cohort, reason=LeftOut(reason) if reason else None
    )


def _accounts_url(
    *, months: int, cohort: CohortKey | None = None, reason: LeftOut | None = None
) -> str:
    asked = _Asked(months=months, cohort=cohort, reason=reason)
    return f"{reverse('success:forecast_accounts')}?{asked.query}"


def _sums(expected: Expected) -> dict[str, Any]:
    """Money as shown; null where nothing is known, or nobody said what it is worth."""
    bounds = expected.between() if expected.known > expected.unpriced else None
    return {
        "expected": None if bounds is None else reads.money(expected.value),
        "low": None if bounds is None else Decimal(str(round(bounds[0], 2))),
        "high": None if bounds is None else Decimal(str(round(bounds[1], 2))),
    }


def _cohort(cohort: reads.Cohort) -> dict[str, Any]:
    return {
        "cohort": cohort,
        "chance": _decimal(cohort.chance),
        "take": _decimal(cohort.take),
        "takers": _decimal(cohort.expected.takers) if cohort.expected.known else None,
        "unknown": [(UNKNOWN[why], count) for why, count in cohort.unknown.items()],
        "name": cohort.milestone,
        **_sums(cohort.expected),
    }


def _take(take: Take) -> dict[str, Any]:
    return {
        "take": take,
        "is_mismatch": take.state == AX_MISMATCH,
        "state": take.state.lower(),
        "rate": _decimal(take.rate),
        "prior": _decimal(take.prior.mean),
    }


def _row(row: AccountRow) -> dict[str, Any]:
    why: Any = ""
    if row.reason is not None:
        why = REASONS[row.reason]
    elif row.unknown is not None:
        why = UNKNOWN[row.unknown]
    return {
        "row": row,
        "chance": _decimal(row.chance),
        "take": _decimal(row.take),
        "expected": None if row.expected is None else reads.money(row.expected),
        "late": -row.days_to_go if row.days_to_go < 0 else None,
        "why": why,
    }


def _file_rows(asked: _Asked, *, as_of: date) -> Iterator[tuple[object, ...]]:
    currency = Association.current().currency
    until = reads.months_after(as_of, asked.months)
    after: str | None = None
    while True:
        page = reads.accounts(
            as_of=as_of,
            months=asked.months,
            cohort=asked.cohort,
            reason=asked.reason,
            after=after,
            size=EXPORT_SIZE,
        )
        for row in page.items:
            why = row.reason or row.unknown
            yield (
                str(row.public_id), row.name, row.segment, row.state, row.milestone, row.offer,
                row.days_to_go, _rounded(row.chance), _rounded(row.take), row.value,
                None if row.expected is None else reads.money(row.expected),
                why.value if why else "", currency, as_of, until,
            )  # fmt: skip
        after = page.next
        if not after:
            return


def _decimal(value: Fraction | None) -> Decimal | None:
    return None if value is None else Decimal(value.numerator) / Decimal(value.denominator)


def _rounded(value: Fraction | None) -> float | None:
    return None if value is None else round(float(value), reads.PLACES)


def _drawn(value: Decimal | None) -> float | None:
    return None if value is None else float(value)
