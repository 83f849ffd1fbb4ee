"""The association's years: which were bad, what was lost in them, and what came before."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final
from urllib.parse import urlencode

from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.text import get_text_list
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_safe

from config.kernel.permissions import requires
from config.kernel.sheets import KINDS, as_file
from members.models import Association
from success.access import Permission
from success.engine.revenue import Kind, MixedCurrencies
from success.engine.story import FEWEST_YEARS, SMALLEST_GROUP
from success.enums import Dimension
from success.forms import Period
from success.queries import story as reads
from success.queries.revenue import check_currency
from success.queries.story import BASIS, OF_THE_VECTOR, BadYear, Sign, Story, What, YearOf
from success.views.measures import OF_BASE, money_as_of, movements_url

MOST_LOSSES: Final = 3
HEADER: Final = (
    *("year", "tier", "opens_on", "closes_on", "is_over"),
    *reads.POINT,
    *("members_close", "nrr", "grr"),
)
YEARS_SHOWN: Final = 3  # the year itself, and two before it
WHAT_WORDS: Final = {
    What.CHURN: gettext_lazy("Churn, of opening dues"),
    What.CONTRACTION: gettext_lazy("Contraction, of opening dues"),
    What.NEWCOMERS: gettext_lazy("New members, of all as the year closed"),
    What.FIRST_YEAR: gettext_lazy("First-year leavers, of who joined the year before"),
    What.AWAY: gettext_lazy("Moving away, of members with a pace"),
    What.STALLED: gettext_lazy("Stalled, of members with a plan"),
    What.NO_PLAN: gettext_lazy("Without a plan, of members"),
}
VECTOR_WORDS: Final = {
    What.AWAY: gettext_lazy("%(value)s of those with a pace moved away"),
    What.STALLED: gettext_lazy("%(value)s of those with a plan had stalled"),
    What.NO_PLAN: gettext_lazy("%(value)s of all had no plan"),
}


@dataclass(frozen=True, kw_only=True)
class Cell:
    """A ratio with the rows behind it; blank address where there are none to open."""

    value: Decimal | None
    url: str = ""
    is_high: bool = False


@dataclass(frozen=True, kw_only=True)
class YearRow:
    """A year of a group, each figure with the address of its rows."""

    of: YearOf
    urls: dict[str, str]


@dataclass(frozen=True, kw_only=True)
class SignRow:
    """Something looked at: around a bad year, or over all of them."""

    label: str
    sign: Sign
    cells: list[Cell]

    @property
    def usual(self) -> Decimal | None:
        return self.sign.usual.middle if self.sign.usual else None


@dataclass(frozen=True, kw_only=True)
class Chapter:
    """A bad year in sentences, with what was lost by tier and what the years before showed."""

    found: BadYear
    heading: str
    sentences: list[str]
    before: list[str]
    losses: list[tuple[str, Decimal, Decimal, str]]
    columns: list[int]
    signs: list[SignRow]
    waterfall: str
    row: YearRow


@requires(Permission.REVENUE_VIEW)
@require_safe
def story(request: HttpRequest) -> HttpResponse:
    """Tell the years: what is usual, which were worse, and what stood out before them."""
    as_of = money_as_of()
    context: dict[str, Any] = {
        "as_of": as_of,
        "crumbs": [(_("Measures"), f"{reverse('success:measures')}#money")],
    }
    try:
        check_currency(on=as_of)
    except MixedCurrencies as error:
        return render(request, "success/story.html", context | {"money_error": str(error)})
    told = reads.story(as_of=as_of)
    currency = Association.current().currency
    return render(
        request,
        "success/story.html",
        context
        | {
            "told": told,
            "currency": currency,
            "basis": BASIS.label,
            "answer": answer(told),
            "opening": opening_words(told),
            "chapters": [
                chapter(each, told=told, currency=currency) for each in told.bad or ()
            ],
            "signs": _tallied(told),
            "quiet": _quiet(told),
            "names": list(told.tiers),
            "table": _table(told),
            "groups": [
                (name or _("No tier"), [_row(each, tier=name) for each in reversed(years)])
                for name, years in told.tiers.items()
            ],
            "everybody": [_row(each) for each in reversed(told.years)],
            "fewest": FEWEST_YEARS,
            "smallest": SMALLEST_GROUP,
            "export": {kind: reverse("success:story_export", args=[kind]) for kind in KINDS},
        },
    )


@requires(Permission.REVENUE_VIEW)
@require_safe
def story_export(_request: HttpRequest, kind: str) -> HttpResponseBase:
    """Every year of everybody and of each tier as a file; ratios to six places."""
    if kind not in KINDS:
        raise Http404
    as_of = money_as_of()
    try:
        check_currency(on=as_of)
    except MixedCurrencies as error:
        return HttpResponse(str(error), status=409, content_type="text/plain")
    told = reads.story(as_of=as_of)
    return as_file(
        kind,
        name=f"years-{as_of}",
        header=HEADER,
        rows=(
            (
                *(of.year, tier or _("Everybody"), of.point.starts_on, of.closing_on),
                *(of.is_over, *(getattr(of.point, name) for name in reads.POINT)),
                *(of.members_close, of.nrr, of.grr),
            )
            for of, tier in reads.lines(told)
        ),
    )


@requires(Permission.REVENUE_VIEW)
@require_safe
def story_chart(_request: HttpRequest) -> JsonResponse:
    """NRR of each year, everybody and each tier; a drawing, so plain floats."""
    told = reads.story(as_of=money_as_of())
    lines = {"": told.years, **told.tiers}
    years = [each.year for each in told.years]
    series = []
    for name, of in lines.items():
        by_year = {each.year: each for each in of}
        found = [by_year.get(year) for year in years]
        series.append(
            {
                "name": name or _("Everybody"),
                "data": [_plain(each.nrr if each else None) for each in found],
                "provisional": [not (each.is_over if each else True) for each in found],
                "links": [_url(each, OF_BASE, tier=name) if each else None for each in found],
            }
        )
    return JsonResponse(
        {
            "kind": "line",
            "title": _("NRR by calendar year and tier"),
            "unit": "%",
            "percent": True,
            "x": [str(year) for year in years],
            "series": series,
        }
    )


# Sentences. Each holds for any ledger: what is not known is said to be so.


def answer(told: Story) -> str:
    """Return which years were bad, in one sentence."""
    closed = len(told.judged)
    if told.bad is None:
        return ngettext(
            "There is not enough to say which years were bad: %(closed)s year can be judged.",
            "There is not enough to say which years were bad: %(closed)s years can be judged.",
            closed,
        ) % {"closed": closed}
    if not told.bad:
        return ngettext(
            "No year was worse than usual.",
            "None of the %(closed)s years was worse than usual.",
            closed,
        ) % {"closed": closed}
    return ngettext(
        "%(years)s was worse than usual.",
        "%(years)s were worse than usual.",
        len(told.bad),
    ) % {"years": _listed([str(each.bad.year) for each in told.bad])}


def opening_words(told: Story) -> list[str]:
    """Return how the association grew, and what is usual in it."""
    said = []
    if told.years:
        first, last = told.years[0], told.years[-1]
        began = first.point.base_members
        said.append(
            ngettext(
                "%(members)s member paid as %(year)s opened.",
                "%(members)s members paid as %(year)s opened.",
                began,
            )
            % {"members": f"{began:,}", "year": first.year}
        )
        ended = last.members_close
        said.append(
            ngettext(
                "%(members)s member paid on %(day)s.",
                "%(members)s members paid on %(day)s.",
                ended,
            )
            % {"members": f"{ended:,}", "day": date_format(last.closing_on, "j F Y")}
        )
    if told.usual:
        said.append(
            _(
                "In the middle one of %(years)s years NRR was %(middle)s, and half of the "
                "years are within %(spread)s of it."
            )
            % {
                "years": told.usual.years,
                "middle": _percent(told.usual.middle),
                "spread": _points(told.usual.spread),
            }
        )
    return said


def heading(found: BadYear) -> str:
    """Return a bad year with the rule by which it is one."""
    bad, of = found.bad, found.of
    words = {
        "year": bad.year,
        "nrr": _percent(of.nrr),
        "below": _points(bad.below),
        "grr": _percent(of.grr),
    }
    if bad.by_nrr and bad.by_grr:
        return (
            _(
                "%(year)s: NRR was %(nrr)s, %(below)s below the middle year, and GRR the "
                "lowest of all, %(grr)s"
            )
            % words
        )
    if bad.by_nrr:
        return _("%(year)s: NRR was %(nrr)s, %(below)s below the middle year") % words
    return _("%(year)s: GRR was the lowest of all, %(grr)s") % words


def chapter(found: BadYear, *, told: Story, currency: str) -> Chapter:
    """Return a bad year as the page tells it."""
    year, of = found.bad.year, found.of
    first = told.years[0].year
    columns = [each for each in range(year - YEARS_SHOWN + 1, year + 1) if each >= first]
    kinds = (Kind.CHURN, Kind.CONTRACTION)
    rows = [
        SignRow(
            label=_label(sign),
            sign=sign,
            cells=[
                Cell(
                    value=sign.values.get(each),
                    url=_behind(sign, each, told=told),
                    is_high=sign.stood_out(each),
                )
                for each in columns
            ],
        )
        for sign in told.signs
        if not sign.tier or any(sign.stood_out(each) for each in columns)
    ]
    query = {
        "from": of.point.starts_on.isoformat(),
        "to": of.closing_on.isoformat(),
        "basis": BASIS.value,
    }
    return Chapter(
        found=found,
        heading=heading(found),
        sentences=in_the_year(found, currency=currency),
        before=before(year, signs=told.signs),
        losses=[
            (
                loss.group or _("No tier"),
                loss.amount,
                loss.share,
                _url(of, kinds, tier=loss.group),
            )
            for loss in found.losses
        ],
        columns=columns,
        signs=rows,
        waterfall=f"{reverse('success:measures_waterfall_chart')}?{urlencode(query)}",
        row=_row(of),
    )


def in_the_year(found: BadYear, *, currency: str) -> list[str]:
    """Return what happened in a bad year: its members, and who made up what was lost."""
    of = found.of
    opened, closed = of.point.base_members, of.members_close
    said = [
        ngettext(
            "It opened with %(opened)s member who paid and closed with %(closed)s.",
            "It opened with %(opened)s members who paid and closed with %(closed)s.",
            opened,
        )
        % {"opened": f"{opened:,}", "closed": f"{closed:,}"}
    ]
    if found.losses:
        parts = [
            _("%(share)s in %(tier)s")
            % {"share": _percent(loss.share, places=0), "tier": loss.group or _("no tier")}
            for loss in found.losses[:MOST_LOSSES]
        ]
        said.append(
            _("Churn and contraction took %(amount)s a year: %(parts)s.")
            % {"amount": f"{currency} {of.lost:,.0f}", "parts": _listed(parts)}
        )
    return said


def before(year: int, *, signs: Sequence[Sign]) -> list[str]:
    """Return what stood out in the year before, and what is not known of it."""
    prior = year - 1
    said = [
        _("%(what)s: %(value)s in %(year)s, where %(usual)s is usual.")
        % {
            "what": _label(sign),
            "year": prior,
            "value": _percent(sign.values[prior]),
            "usual": _percent(sign.usual.middle),
        }
        for sign in signs
        if sign.usual and sign.stood_out(prior)
    ]
    of_dues = [sign for sign in signs if sign.what not in OF_THE_VECTOR]
    if not any(sign.values.get(prior) is not None for sign in of_dues):
        said.append(_("Of %(year)s there is not enough to say.") % {"year": prior})
    elif not said:
        said.append(
            _("Nothing that is looked at in dues and members stood out in %(year)s.")
            % {"year": prior}
        )
    seen = [sign for sign in signs if sign.what in OF_THE_VECTOR]
    looked = [sign for sign in seen if sign.values.get(prior) is not None]
    if looked:
        parts = [
            str(VECTOR_WORDS[sign.what]) % {"value": _percent(sign.values[prior])}
            for sign in looked
        ]
        said.append(
            _("A quarter before the year opened, as of %(day)s: %(parts)s.")
            % {"day": date_format(looked[0].read[prior], "j F Y"), "parts": _listed(parts)}
        )
    else:
        said.append(
            _("How members moved a quarter before is not known: no night looked at that day.")
        )
    return said


def _tallied(told: Story) -> list[SignRow]:
    """What stood out before any year, bad or not; what is looked at by nights always."""
    return [
        SignRow(label=_label(sign), sign=sign, cells=[])
        for sign in told.signs
        if sign.what in OF_THE_VECTOR
        or (sign.tally and sign.tally.before_bad + sign.tally.before_others)
    ]


def _quiet(told: Story) -> str:
    shown = len(_tallied(told))
    rest = len(told.signs) - shown
    return (
        ngettext(
            "%(rest)s more figure was looked at, and stood out before no year or is known of "
            "too few.",
            "%(rest)s more figures were looked at, and stood out before no year or are known "
            "of too few.",
            rest,
        )
        % {"rest": rest}
        if rest
        else ""
    )


def _table(told: Story) -> list[tuple[YearOf, list[Cell]]]:
    """NRR by year, everybody first and then each tier; null where a tier has no such year."""
    by_tier = {name: {each.year: each for each in of} for name, of in told.tiers.items()}
    rows = []
    for each in reversed(told.years):
        cells = [Cell(value=each.nrr, url=_url(each, OF_BASE))]
        for name, of in by_tier.items():
            one = of.get(each.year)
            cells.append(
                Cell(
                    value=one.nrr if one else None,
                    url=_url(one, OF_BASE, tier=name) if one and one.point.base_members else "",
                )
            )
        rows.append((each, cells))
    return rows


def _row(of: YearOf, *, tier: str = "") -> YearRow:
    return YearRow(
        of=of,
        urls={
            "opening": _url(of, OF_BASE, tier=tier),
            "new": _url(of, (Kind.NEW,), tier=tier),
            "reactivation": _url(of, (Kind.REACTIVATION,), tier=tier),
            "expansion": _url(of, (Kind.EXPANSION,), tier=tier),
            "contraction": _url(of, (Kind.CONTRACTION,), tier=tier),
            "churn": _url(of, (Kind.CHURN,), tier=tier),
        },
    )


def _behind(sign: Sign, year: int, *, told: Story) -> str:
    """The rows behind a figure of a year; blank for what a night added up."""
    of = next((each for each in told.years if each.year == year), None)
    kind = {
        What.CHURN: Kind.CHURN,
        What.CONTRACTION: Kind.CONTRACTION,
        What.NEWCOMERS: Kind.NEW,
        What.FIRST_YEAR: Kind.CHURN,
    }.get(sign.what)
    if of is None or kind is None or sign.values.get(year) is None:
        return ""
    url = _url(of, (kind,), tier=sign.tier)
    return f"{url}&joined={year - 1}" if sign.what is What.FIRST_YEAR else url


def _url(of: YearOf, kinds: Sequence[Kind], *, tier: str = "") -> str:
    period = Period(opening_on=of.point.starts_on, closing_on=of.closing_on, basis=BASIS)
    by = Dimension.TIER if tier else None
    return movements_url(period, kinds=kinds, by=by, value=tier)


def _label(sign: Sign) -> str:
    words = str(WHAT_WORDS[sign.what])
    return f"{words}, {sign.tier}" if sign.tier else words


def _listed(parts: list[str]) -> str:
    return str(get_text_list(parts, _("and")))


def _percent(value: Decimal | None, *, places: int = 1) -> str:
    return _("not known") if value is None else f"{100 * value:.{places}f}%"


def _points(value: Decimal) -> str:
    said = f"{100 * value:.1f}"
    return ngettext("%(points)s point", "%(points)s points", 1 if said == "1.0" else 2) % {
        "points": said
    }


def _plain(value: Decimal | None) -> float | None:
    return None if value is None else float(value)
