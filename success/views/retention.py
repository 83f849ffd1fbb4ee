"""How long members stay: survival curves, the cohorts behind them, and who is in them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest, JsonResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe

from config.kernel import clock
from config.kernel.permissions import requires
from config.kernel.sheets import KINDS, as_file
from coverage.models import Segment
from members.enums import MemberKind
from members.models import Association
from success.access import Permission
from success.engine.outlook import in_a_hundred
from success.engine.retention import FEWEST_AT_RISK, Year
from success.enums import State
from success.queries import retention as reads
from success.queries.nights import last_live_day
from success.queries.retention import Group
from success.views.views import opens_as_kept

PAGE_SIZE = 25
EXPORT_SIZE = 1000
MOST_DRAWN = 6
BY = {
    "cohort": gettext_lazy("Year of joining"),
    "tier": gettext_lazy("Tier at the beginning"),
    "kind": gettext_lazy("Kind of member"),
    "segment": gettext_lazy("Coverage segment"),
    "state": gettext_lazy("State"),
}
HEADER = ("member", "name", "begins_on", "until_on", "months", "has_left")
# Published figures, never mixed with ours (DOMAIN 9).
BENCHMARKS = (
    (
        gettext_lazy("Renewal, all members: mean 82%, median 85% of 675 associations"),
        "Marketing General, 2019",
        "https://online.flippingbook.com/view/784749/20/",
    ),
    (
        gettext_lazy("Renewal in the first year: mean 72%, median 74% of 480 associations"),
        "Marketing General, 2019",
        "https://online.flippingbook.com/view/784749/20/",
    ),
    (
        gettext_lazy("Trade associations: 89% (median 90%), in the first year 81% (84%)"),
        "Marketing General, 2019",
        "https://online.flippingbook.com/view/784749/20/",
    ),
    (
        gettext_lazy("Associations of individuals: mean 79%, median 82%"),
        "Spark, 2024",
        "https://getmespark.com/whats-normal-for-you",
    ),
)


@dataclass(frozen=True, kw_only=True)
class Row:
    """A group with its words and address, and an entry for every anniversary there is."""

    group: Group
    words: str
    url: str
    years: list[tuple[Year | None, float | None, str]]


@requires(Permission.VECTOR_VIEW)
@require_safe
@opens_as_kept("success:retention_curves")
def retention(request: HttpRequest) -> HttpResponse:
    """The curve of everybody, and of groups side by side, year by year."""
    by = _by(request)
    found, later = reads.retention(by=by), reads.retention(by=by, spell=reads.LATER)
    last = max((len(group.years) for group in found.groups), default=0)
    context: dict[str, Any] = {
        "crumbs": [(_("Measures"), reverse("success:measures"))],
        "as_of": last_live_day() or clock.today(),
        "by": by,
        "by_words": BY[by],
        "choices": [(name, words, f"?by={name}#groups") for name, words in BY.items()],
        "everybody": _row(found.everybody, by=reads.EVERYBODY, names={}, last=last)
        if found.everybody
        else None,
        "later": _row(later.everybody, by=reads.EVERYBODY, names={}, last=0, spell=reads.LATER)
        if later.everybody
        else None,
        "rows": [_row(group, by=by, names=_names(by), last=last) for group in found.groups],
        "years": range(1, last + 1),
        "compared": found.compared,
        "test": found.test,
        "chance": in_a_hundred(found.test.p_value) if found.test else None,
        "fewest": FEWEST_AT_RISK,
        "smallest": reads.SMALLEST_GROUP,
        "benchmarks": BENCHMARKS,
    }
    return render(request, "success/retention.html", context)


@requires(Permission.VECTOR_VIEW)
@require_safe
def retention_curves(request: HttpRequest) -> JsonResponse:
    """The share still a member at each anniversary, everybody's and by group; plain floats."""
    by = _by(request)
    found = reads.retention(by=by)
    names = _names(by)
    largest = sorted(
        (group for group in found.groups if group.value and not group.is_small),
        key=lambda group: -group.members,
    )[:MOST_DRAWN]
    drawn = [(_("Everybody"), found.everybody)] if found.everybody else []
    drawn += [(names.get(group.value, group.value), group) for group in largest]
    last = max((len(group.years) for _name, group in drawn if group), default=0)
    return JsonResponse(
        {
            "kind": "step",
            "title": _("Still a member"),
            "unit": "%",
            "percent": True,
            "zero": True,
            "x": [_("year %(year)s") % {"year": year} for year in range(last + 1)],
            "series": [
                {
                    "name": str(name),
                    "data": _padded([1.0, *(_plain(year) for year in group.years)], last),
                    "provisional": _padded(
                        [False, *(year.is_grey for year in group.years)], last
                    ),
                }
                for name, group in drawn
                if group
            ],
            "note": _(
                "First memberships, by years of membership. A shaded stretch has fewer than 10 "
                "members. At most six groups are drawn, the largest; the table has all."
            ),
        }
    )


@requires(Permission.VECTOR_VIEW)
@require_safe
def retention_members(request: HttpRequest) -> HttpResponseBase:
    """The memberships behind a figure, by member, as a page or as a file."""
    try:
        spell = int(request.GET.get("spell", reads.FIRST))
        year = int(request.GET["year"]) if request.GET.get("year") else None
        member, run = (int(part) for part in request.GET.get("after", "0_-1").split("_"))
    except ValueError:
        return HttpResponseBadRequest(_("This is no list."))
    as_of = last_live_day() or clock.today()
    by = request.GET.get("by", reads.EVERYBODY)
    value = request.GET.get("value", "")
    asked: dict[str, Any] = {
        "as_of": as_of,
        "grace_days": Association.current().grace_days,
        "spell": spell,
        "by": by,
        "value": value,
        "year": year,
    }
    kind = request.GET.get("as", "")
    if kind in KINDS:
        return as_file(kind, name=f"retention-{as_of}", header=HEADER, rows=_lines(asked))
    found = reads.memberships(**asked, after=(member, run), size=PAGE_SIZE + 1)
    shown = found[:PAGE_SIZE]
    context = {
        "crumbs": [
            (_("Measures"), reverse("success:measures")),
            (_("Retention"), reverse("success:retention_curves")),
        ],
        "as_of": as_of,
        "rows": shown,
        "year": year,
        "later": spell == reads.LATER,
        "group": _names(by).get(value, value) if by in BY else "",
        "by_words": BY.get(by, ""),
        "next": _with(request, after=f"{shown[-1].member}_{shown[-1].run}")
        if len(found) > PAGE_SIZE
        else "",
        "export": {each: _with(request, **{"as": each}) for each in KINDS},
    }
    return render(request, "success/retention_members.html", context)


def _by(request: HttpRequest) -> str:
    asked = request.GET.get("by", "")
    return asked if asked in BY else "cohort"


def _names(by: str) -> dict[str, str]:
    names: dict[str, str] = {"": _("not known")}
    if by == "segment":
        names = dict(Segment.objects.values_list("key", "name")) | {"": _("in no segment")}
    elif by == "kind":
        names |= {kind.value: str(kind.label) for kind in MemberKind}
    elif by == "state":
        names |= {state.value: str(state.label) for state in State}
    return names


def _row(
    group: Group, *, by: str, names: dict[str, str], last: int, spell: int = reads.FIRST
) -> Row:
    years: list[Year | None] = [*group.years, *([None] * (last - len(group.years)))]
    return Row(
        group=group,
        words=names.get(group.value, group.value),
        url=_url(by=by, value=group.value, spell=spell),
        years=[
            (
                year,
                _plain(year) if year else None,
                _url(by=by, value=group.value, spell=spell, year=year.year) if year else "",
            )
            for year in years
        ],
    )


def _url(*, by: str, value: str, spell: int, year: int | None = None) -> str:
    query = {"spell": str(spell), "by": by, "value": value}
    if year is not None:
        query["year"] = str(year)
    return reverse("success:retention_members", query=query)


def _with(request: HttpRequest, **changed: str) -> str:
    kept = request.GET.copy()
    kept.pop("after", None)
    for name, value in changed.items():
        kept[name] = value
    return f"?{kept.urlencode()}"


def _plain(year: Year) -> float | None:
    return None if year.stayed is None else float(year.stayed)


def _padded(values: list[Any], last: int) -> list[Any]:
    return [*values, *([None] * (last + 1 - len(values)))]


def _lines(asked: dict[str, Any]) -> Iterator[tuple[object, ...]]:
    after = (0, -1)
    while found := reads.memberships(**asked, after=after, size=EXPORT_SIZE):
        for row in found:
            yield (
                *(str(row.public_id), row.name, row.begins_on, row.until_on),
                *(row.month, row.has_left),
            )
        after = (found[-1].member, found[-1].run)
