"""Terms that end in the next 120 days, how likely they are renewed, and what could be done."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, cast

from django import forms
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseBadRequest,
    JsonResponse,
    QueryDict,
)
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe

from config.kernel import clock
from config.kernel.keyset import page, page_asked
from config.kernel.permissions import may, requires
from config.kernel.sheets import KINDS, as_file
from coverage.models import Segment
from members.enums import Role
from members.filters import ME, POOL
from members.models import Association, User
from success.access import Permission
from success.engine.likelihood import Kind, Likelihood, Width
from success.engine.revenue import MixedCurrencies
from success.enums import State
from success.filters import Reader, RenewalFilter
from success.models import MemberFacts
from success.queries import renewal_dues
from success.queries import renewals as reads
from success.queries.members import known_tiers
from success.queries.nights import last_live_day
from success.queries.renewals import Ending, Known, Play
from success.queries.revenue import dues_of_ending
from success.services.mailings import CannotBeMade, Sheet
from success.views.renewal_dues import renewable_context
from success.views.views import opens_as_kept

PAGE_SIZE = 25
EXPORT_SIZE = 1000
MOST_PLAYS = 2
WIDTH_WORDS = {
    Width.STATE_YEAR_TIER: gettext_lazy("same state, year and tier"),
    Width.STATE_YEAR: gettext_lazy("same state and year, any tier"),
    Width.YEAR_TIER: gettext_lazy("same year and tier, any state"),
    Width.YEAR: gettext_lazy("same year, any state and tier"),
    Width.EVERYBODY: gettext_lazy("everybody"),
}
OUTCOME_WORDS = {
    "renewed": gettext_lazy("Renewed"),
    "lapsed": gettext_lazy("Not renewed"),
    "undecided": gettext_lazy("In grace"),
}
HEADER = (
    *("member", "name", "term_ends_on", "first_year", "tier", "segment", "state"),
    *("looked_after_by", "likelihood", "low", "high", "members_alike", "alike_in"),
    *("renewed_already", "overdue_milestone", "we_owe_since", "plays", "as_of"),
)


@dataclass(frozen=True, kw_only=True)
class Row:
    """A term that ends, with the words and addresses that stand beside it."""

    ending: Ending
    last_day: date | None
    alike: Any
    evidence_url: str
    levers: list[str]
    dues: Decimal | None
    plays: tuple[Play, ...]
    more_plays: int


@requires(Permission.VECTOR_VIEW)
@require_safe
@opens_as_kept("success:renewals")
def renewals(request: HttpRequest) -> HttpResponse:
    """The calendar of 120 days, week by week, and its members one by one."""
    user = cast("User", request.user)
    as_of = _as_of()
    grace_days = Association.current().grace_days
    everybody = reads.ending(user, as_of=as_of)
    asked = RenewalFilter(request.GET, queryset=everybody, request=request)
    found = asked.qs if asked.is_valid() else everybody.none()
    known = reads.known(as_of=as_of, grace_days=grace_days)
    listed = page_asked(
        request,
        found.select_related("member", "segment", "owner", "blocking", "contact"),
        order=reads.ORDER,
        size=PAGE_SIZE,
    )
    dues, of_week, currency = _money(request, everybody=everybody, rows=listed.items)
    weeks = _weeks(request, everybody, known=known, as_of=as_of)
    since, until, hit = reads.hit_rate(as_of=as_of, grace_days=grace_days)
    first, last = _months(request, known=known)
    context: dict[str, Any] = {
        "crumbs": [(_("Measures"), reverse("success:measures"))],
        "as_of": as_of,
        "form": _simplified(asked.form),
        "weeks": [
            {
                "week": week,
                "share": float(week.expected / (week.open - week.unknown))
                if week.open > week.unknown
                else None,
                "expected": float(week.expected),
                "sunday": week.sunday,
                "dues": of_week.get(week.monday) if of_week is not None else None,
                "url": _with(request, week=week.monday.isoformat()) + "#members",
            }
            for week in weeks
        ],
        "total": sum(week.members for week in weeks),
        "open": sum(week.open for week in weeks),
        "expected": float(sum(week.expected for week in weeks)),
        "unknown": sum(week.unknown for week in weeks),
        "shown": (
            sum(week.members for week in weeks)
            if _is_all(request) and not request.GET.get("week")
            else found.count()
        ),
        "known": known,
        "known_last": known.until - timedelta(days=1),
        "rows": _rows(listed.items, known=known, as_of=as_of, dues=dues),
        "listed": listed,
        "currency": currency,
        "export": {kind: _export_url(request, kind) for kind in KINDS},
        "hit": hit,
        "hit_since": since,
        "hit_last": until - timedelta(days=1),
        "hit_url": _decisions_url(since=since, until=until),
        "brier": _plain(hit.brier),
        "base_brier": _plain(hit.base_brier),
        "bands": [
            {
                "low": float(band.low),
                "high": float(band.high),
                "said": _plain(band.said),
                "came": _plain(band.came.rate),
                "counted": band.came,
                "interval": band.came.interval,
                "is_small": band.came.of < reads.SMALLEST_GROUP,
            }
            for band in reversed(hit.bands)
        ],
        "rate": reads.renewed_between(since=first, until=last),
        "rate_last": last - timedelta(days=1),
        "rate_urls": {
            outcome: _decisions_url(since=first, until=last, outcome=outcome)
            for outcome in ("", *OUTCOME_WORDS)
        },
        "smallest": reads.SMALLEST_GROUP,
    }
    if may(request, Permission.REVENUE_VIEW):
        context |= renewable_context(since=first, until=last)
    return render(request, "success/renewals.html", context)


@requires(Permission.VECTOR_VIEW)
@require_safe
def renewals_chart(request: HttpRequest) -> JsonResponse:
    """Terms that end by week: expected to be renewed, and the others; plain floats."""
    user = cast("User", request.user)
    as_of = _as_of()
    known = reads.known(as_of=as_of, grace_days=Association.current().grace_days)
    everybody = reads.ending(user, as_of=as_of)
    weeks = _weeks(request, everybody, known=known, as_of=as_of)
    links = [
        f"{reverse('success:renewals')}{_with(request, week=week.monday.isoformat())}#members"
        for week in weeks
    ]
    kept = [float(week.expected) + week.renewed for week in weeks]
    return JsonResponse(
        {
            "kind": "stacked",
            "title": _("Terms that end"),
            "unit": "",
            "x": [f"{week.monday:%d %b}" for week in weeks],
            "series": [
                {
                    "name": _("Renewed already, or expected to be"),
                    "state": "on_track",
                    "data": [round(value, 1) for value in kept],
                    "links": links,
                },
                {
                    "name": _("Not expected to be"),
                    "state": "stalled",
                    "data": [
                        round(week.members - week.unknown - value, 1)
                        for week, value in zip(weeks, kept, strict=True)
                    ],
                    "links": links,
                },
                {
                    "name": _("Not known"),
                    "state": "no_plan",
                    "data": [week.unknown for week in weeks],
                    "links": links,
                },
            ],
            "note": _("Weeks by their Monday. Expected is how members like these renewed."),
        }
    )


@requires(Permission.VECTOR_VIEW)
@require_safe
def renewals_export(request: HttpRequest, kind: str) -> HttpResponseBase:
    """The members of the list, with what is known of each, as a file."""
    if kind not in KINDS:
        raise Http404
    as_of = _as_of()
    try:
        found = sheet(cast("User", request.user), request.GET, as_of)
    except CannotBeMade as error:
        return HttpResponseBadRequest(str(error))
    return as_file(kind, name=f"renewals-{as_of}", header=found.header, rows=found.rows)


def sheet(user: User, filters: QueryDict, as_of: date) -> Sheet:
    """The terms that end in 120 days as a table, those that ``user`` may see."""
    day = last_live_day() or as_of
    everybody = reads.ending(user, as_of=day)
    asked = RenewalFilter(filters, queryset=everybody, request=Reader(user=user))
    if not asked.is_valid():
        raise CannotBeMade(_("These filters make no sense any more."))
    known = reads.known(as_of=day, grace_days=Association.current().grace_days)
    return Sheet(
        header=HEADER,
        rows=_lines(asked.qs, known=known, as_of=day),
        passing=frozenset({"as_of"}),
    )


@requires(Permission.VECTOR_VIEW)
@require_safe
def renewal_decisions(request: HttpRequest) -> HttpResponseBase:
    """Whose terms ended, and what came of them: the members behind a figure."""
    as_of = _as_of()
    try:
        since = date.fromisoformat(request.GET.get("since", ""))
        until = date.fromisoformat(request.GET.get("until", ""))
        width = Width(request.GET.get("width", Width.EVERYBODY))
        after = _after(request.GET.get("after", ""))
    except ValueError:
        return HttpResponseBadRequest(_("This is no list."))
    like = Kind(
        state=request.GET.get("state", ""),
        is_first_year=request.GET.get("first_year") == "1",
        tier=request.GET.get("tier", ""),
    )
    outcome = request.GET.get("outcome", "")
    asked: dict[str, Any] = {
        "since": since,
        "until": until,
        "as_of": as_of,
        "grace_days": Association.current().grace_days,
        "like": like,
        "width": width,
        "outcome": outcome if outcome in OUTCOME_WORDS else "",
    }
    kind = request.GET.get("as", "")
    if kind in KINDS:
        return as_file(
            kind,
            name=f"renewals-{since}-{until}",
            header=("member", "name", "ended_on", "state", "first_year", "tier", "outcome"),
            rows=_decision_lines(asked),
        )
    found = reads.decisions(**asked, after=after, size=PAGE_SIZE + 1)
    shown, more = found[:PAGE_SIZE], len(found) > PAGE_SIZE
    context = {
        "crumbs": [
            (_("Measures"), reverse("success:measures")),
            (_("Renewals"), reverse("success:renewals")),
        ],
        "as_of": as_of,
        "since": since,
        "last": until - timedelta(days=1),
        "like": like,
        "state": State(like.state).label if like.state in State.values else "",
        "width": width,
        "alike": WIDTH_WORDS[width],
        "rows": [
            {"row": row, "words": OUTCOME_WORDS[row.outcome], "known": row.kind.state}
            for row in shown
        ],
        "next": _with(request, after=f"{shown[-1].ended_on}_{shown[-1].member}")
        if more
        else "",
        "export": {kind: _with(request, **{"as": kind, "after": ""}) for kind in KINDS},
    }
    return render(request, "success/renewal_decisions.html", context)


def levers_of(ending: Ending) -> list[str]:
    """What could be changed before the term ends, in words; nothing of it is a score."""
    known = ending.known
    said = []
    if known.we_owe_since:
        said.append(_("A promise of ours is late"))
    if known.blocking is not None:
        said.append(_("Overdue: %(milestone)s") % {"milestone": known.blocking.title})
    if known.plan_id is None:
        said.append(_("No plan"))
    elif known.first_value_on is None:
        said.append(_("No first value yet"))
    if known.contact_id is None:
        said.append(_("Nobody to speak with is known"))
    return said


def _as_of() -> date:
    return last_live_day() or clock.today()


def _rows(
    items: list[MemberFacts], *, known: Known, as_of: date, dues: dict[int, Decimal]
) -> list[Row]:
    return [
        Row(
            ending=each,
            last_day=each.known.term_ends_on - timedelta(days=1)
            if each.known.term_ends_on
            else None,
            alike=WIDTH_WORDS[each.likelihood.width] if each.likelihood else "",
            evidence_url=_evidence_url(each, each.likelihood, known=known)
            if each.likelihood
            else "",
            levers=levers_of(each),
            dues=dues.get(each.known.pk),
            plays=each.plays[:MOST_PLAYS],
            more_plays=max(len(each.plays) - MOST_PLAYS, 0),
        )
        for each in reads.endings(items, evidence=known.evidence, as_of=as_of)
    ]


def _evidence_url(ending: Ending, likelihood: Likelihood, *, known: Known) -> str:
    return _decisions_url(
        since=known.since,
        until=known.until,
        width=likelihood.width.value,
        state=ending.known.state,
        tier=ending.known.tier,
        first_year="1" if ending.is_first_year else "",
    )


def _decisions_url(*, since: date, until: date, **more: str) -> str:
    return reverse(
        "success:renewal_decisions",
        query={"since": since.isoformat(), "until": until.isoformat()}
        | {name: value for name, value in more.items() if value},
    )


def _simplified(form: forms.Form) -> forms.Form:
    """Make the questions of the API fit for a page: drop-downs, and a day to pick."""
    team = User.objects.filter(role=Role.MSM, is_active=True).order_by("name")
    choices: dict[str, list[tuple[str, Any]]] = {
        "owner": [
            (ME, _("Me")),
            (POOL, _("The pool")),
            *((str(each.public_id), each.name) for each in team),
        ],
        "segment": list(Segment.objects.order_by("position").values_list("key", "name")),
        "tier": [(tier, tier) for tier in known_tiers()],
    }
    for name, offered in choices.items():
        form.fields[name].widget = forms.Select(choices=[("", _("Any")), *offered])
    form.fields["week"].widget = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    for bound in form:
        bound.help_text = ""
    return form


def _export_url(request: HttpRequest, kind: str) -> str:
    return reverse("success:renewals_export", args=[kind]) + _with(request)


def _with(request: HttpRequest, **changed: str) -> str:
    kept = request.GET.copy()
    for name in ("after", "before"):
        kept.pop(name, None)
    for name, value in changed.items():
        kept[name] = value
    return f"?{kept.urlencode()}"


def _but_for_week(request: HttpRequest, everybody: Any) -> Any:
    """The rows that the other filters leave: the calendar shows all of its weeks."""
    kept = request.GET.copy()
    kept.pop("week", None)
    asked = RenewalFilter(kept, queryset=everybody, request=request)
    return asked.qs if asked.is_valid() else everybody.none()


def _is_all(request: HttpRequest) -> bool:
    """Whether the calendar is that of everybody, which the night keeps."""
    narrowed = any(request.GET.get(name) for name in ("owner", "state", "tier", "segment"))
    return not narrowed and cast("User", request.user).role != Role.MSM


def _weeks(
    request: HttpRequest, everybody: Any, *, known: Known, as_of: date
) -> list[reads.Week]:
    if _is_all(request):
        return reads.all_weeks(as_of=as_of, grace_days=Association.current().grace_days)
    rows = _but_for_week(request, everybody)
    return reads.weeks(rows, evidence=known.evidence, as_of=as_of)


def _money(
    request: HttpRequest, *, everybody: Any, rows: list[MemberFacts]
) -> tuple[dict[int, Decimal], dict[date, Decimal] | None, str]:
    """Dues of the rows and weeks, for those who may see money; else nothing of it."""
    if not may(request, Permission.REVENUE_VIEW):
        return {}, None, ""
    try:
        by_week = (
            dues_of_ending(since=(as_of := _as_of()), until=as_of + reads.AHEAD)
            if _is_all(request)
            else renewal_dues.dues_by_week(_but_for_week(request, everybody))
        )
        return (
            renewal_dues.dues_of([row.pk for row in rows]),
            by_week,
            Association.current().currency,
        )
    except MixedCurrencies:
        return {}, None, ""


def _months(request: HttpRequest, *, known: Known) -> tuple[date, date]:
    """The months asked for, the last not included; else the last twelve that are decided."""
    try:
        first = date.fromisoformat(f"{request.GET.get('from', '')}-01")
        last = date.fromisoformat(f"{request.GET.get('to', '')}-01")
    except ValueError:
        return reads.month_after(known.until, -reads.MONTHS), known.until
    return first, reads.month_after(max(first, last), 1)


def _after(said: str) -> tuple[date, int] | None:
    if not said:
        return None
    day, _sign, member = said.partition("_")
    return date.fromisoformat(day), int(member)


def _plain(value: Any) -> float | None:
    return None if value is None else float(value)


def _lines(rows: Any, *, known: Known, as_of: date) -> Iterator[tuple[object, ...]]:
    after: str | None = None
    while True:
        listed = page(
            rows.select_related("member", "segment", "owner", "blocking"),
            order=reads.ORDER,
            size=EXPORT_SIZE,
            after=after,
        )
        for each in reads.endings(listed.items, evidence=known.evidence, as_of=as_of):
            facts, said = each.known, each.likelihood
            low, high = said.interval if said else ("", "")
            yield (
                *(str(facts.member.public_id), facts.member.name, facts.term_ends_on),
                *(each.is_first_year, facts.tier),
                *(facts.segment.key if facts.segment else "", facts.state),
                facts.owner.name if facts.owner else "",
                *(round(float(said.rate), 4) if said else "", low, high),
                *(said.counted.of if said else "", said.width.value if said else ""),
                each.is_renewed,
                facts.blocking.title if facts.blocking else "",
                facts.we_owe_since,
                "; ".join(play.title for play in each.plays),
                as_of,
            )
        after = listed.next
        if not after:
            return


def _decision_lines(asked: dict[str, Any]) -> Iterator[tuple[object, ...]]:
    after: tuple[date, int] | None = None
    while found := reads.decisions(**asked, after=after, size=EXPORT_SIZE):
        for row in found:
            yield (str(row.public_id), row.name, row.ended_on, *row.kind, row.outcome)
        after = (found[-1].ended_on, found[-1].member)
