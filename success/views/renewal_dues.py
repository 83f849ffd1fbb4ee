"""What was up for renewal in dues: the figures, and the members behind them."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django.http import HttpRequest, HttpResponseBadRequest, QueryDict
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe

from config.kernel import clock
from config.kernel.permissions import requires
from config.kernel.sheets import KINDS, as_file
from members.models import Association, User
from success.access import Permission
from success.engine.available import AvailableToRenew, Outcome
from success.engine.revenue import MixedCurrencies
from success.queries import renewal_dues as reads
from success.queries import renewals
from success.queries.nights import last_live_day
from success.services.mailings import CannotBeMade, Sheet
from success.views.views import opens_as_kept

PAGE_SIZE = 25
EXPORT_SIZE = 1000
OUTCOME_WORDS = {
    Outcome.RENEWED: gettext_lazy("Renewed"),
    Outcome.LAPSED: gettext_lazy("Not renewed"),
    Outcome.UNDECIDED: gettext_lazy("In grace"),
    Outcome.REINSTATED: gettext_lazy("Came back after the grace"),
}
HEADER = ("member", "name", "ended_on", "tier", "dues_before", "dues_after", "outcome")


@dataclass(frozen=True, kw_only=True)
class RenewableRow:
    """What was up for renewal of everybody (no name) or of a tier, and where its rows are."""

    name: str
    figures: AvailableToRenew
    urls: dict[str, str]

    @property
    def rates(self) -> dict[str, Any]:
        return reads.plain_figures(self.figures)


def renewable_context(*, since: date, until: date) -> dict[str, Any]:
    """The figures of whole months as the renewals page shows them; words where none can be."""
    try:
        found = reads.available_between(since=since, until=until)
    except MixedCurrencies as error:
        return {"renewable_error": str(error)}
    return {
        "renewable": found,
        "renewable_currency": Association.current().currency,
        "renewable_rows": [
            _row(found, name=name, tier=tier, figures=figures)
            for name, tier, figures in [
                ("", None, found.everybody),
                *((tier or _("No tier"), tier, each) for tier, each in found.tiers.items()),
            ]
        ],
    }


@requires(Permission.REVENUE_VIEW)
@require_safe
@opens_as_kept("success:renewable")
def renewable(request: HttpRequest) -> HttpResponseBase:
    """Whose dues were up for renewal in some months, and what came of them."""
    try:
        since, until, outcome = _asked(request.GET)
        after = _after(request.GET.get("after", ""))
    except ValueError:
        return HttpResponseBadRequest(_("This is no list."))
    context: dict[str, Any] = {
        "crumbs": [
            (_("Measures"), reverse("success:measures")),
            (_("Renewals"), reverse("success:renewals")),
        ],
        "since": since,
        "last": until - timedelta(days=1),
        "currency": Association.current().currency,
        "tier": request.GET.get("tier"),
        "words": OUTCOME_WORDS[outcome] if outcome else "",
        "is_back": outcome is Outcome.REINSTATED,
    }
    try:
        counted = reads.available_between(since=since, until=until)
        context["as_of"] = counted.covers_until
        kind = request.GET.get("as", "")
        if kind in KINDS:
            name, listed = f"available-to-renew-{since}-{until}", sheet_of(request.GET)
            return as_file(kind, name=name, header=listed.header, rows=listed.rows)
        found = reads.ended_between(
            **_listed(request.GET, until_known=counted.covers_until),
            after=after,
            size=PAGE_SIZE + 1,
        )
    except MixedCurrencies as error:
        context["money_error"] = str(error)
        return render(request, "success/renewable.html", context)
    shown, more = found[:PAGE_SIZE], len(found) > PAGE_SIZE
    context |= {
        "rows": [(row, OUTCOME_WORDS[row.outcome]) for row in shown],
        "next": _with(request, after=f"{shown[-1].on}_{shown[-1].member_id}") if more else "",
        "export": {kind: _with(request, **{"as": kind, "after": ""}) for kind in KINDS},
    }
    return render(request, "success/renewable.html", context)


def sheet(_user: User, filters: QueryDict, _as_of: date) -> Sheet:
    """Dues that were up for renewal as a table; months that are not said move along."""
    try:
        return sheet_of(filters)
    except ValueError as error:
        raise CannotBeMade(_("This is no list.")) from error
    except MixedCurrencies as error:
        raise CannotBeMade(str(error)) from error


def sheet_of(filters: QueryDict) -> Sheet:
    """The members behind the figures, whole; raises ``ValueError`` and ``MixedCurrencies``."""
    since, until, _outcome = _asked(filters)
    counted = reads.available_between(since=since, until=until)
    rows = _lines(_listed(filters, until_known=counted.covers_until))
    return Sheet(header=HEADER, rows=rows)


def _listed(filters: QueryDict, *, until_known: date | None) -> dict[str, Any]:
    since, until, outcome = _asked(filters)
    return {
        "since": since,
        "until": until,
        "as_of": until_known or since,
        "tier": filters.get("tier"),
        "outcome": outcome or "",
    }


def _row(
    found: reads.Renewable, *, name: str, tier: str | None, figures: AvailableToRenew
) -> RenewableRow:
    query = {"since": found.since.isoformat(), "until": found.until.isoformat()}
    if tier is not None:
        query["tier"] = tier
    return RenewableRow(
        name=name,
        figures=figures,
        urls={
            outcome or "all": reverse(
                "success:renewable", query=query | ({"outcome": outcome} if outcome else {})
            )
            for outcome in ("", *(each.value for each in Outcome))
        },
    )


def _lines(asked: dict[str, Any]) -> Iterator[tuple[object, ...]]:
    after: tuple[date, int] | None = None
    while found := reads.ended_between(**asked, after=after, size=EXPORT_SIZE):
        for row in found:
            yield (
                *(str(row.public_id), row.name, row.on, row.tier),
                *(row.before, row.after, row.outcome.value),
            )
        after = (found[-1].on, found[-1].member_id)


def _asked(filters: QueryDict) -> tuple[date, date, Outcome | None]:
    """The months asked for, and what came of them; else the last twelve that are decided.

    Raises ``ValueError`` for what is no day, no outcome, or months that run backwards.
    """
    if said := filters.get("until"):
        until = date.fromisoformat(said)
    else:
        as_of, grace_days = last_live_day() or clock.today(), Association.current().grace_days
        until = renewals.decided_until(as_of=as_of, grace_days=grace_days)
    begins = filters.get("since")
    since = (
        date.fromisoformat(begins) if begins else renewals.month_after(until, -renewals.MONTHS)
    )
    if until.replace(day=1) <= since.replace(day=1):
        raise ValueError(begins)
    outcome = filters.get("outcome")
    return since, until, Outcome(outcome) if outcome else None


def _after(said: str) -> tuple[date, int] | None:
    if not said:
        return None
    day, _sign, member = said.partition("_")
    return date.fromisoformat(day), int(member)


def _with(request: HttpRequest, **changed: str) -> str:
    kept = request.GET.copy()
    for name, value in changed.items():
        kept[name] = value
    return f"?{kept.urlencode()}"
