"""Whether plays help, and whom they would have seen leaving: effects and back-tests."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, cast

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_POST, require_safe

from config.kernel import clock
from config.kernel.conditions import BadCondition
from config.kernel.fragments import render_page_or_fragment
from config.kernel.permissions import has, requires
from members.models import Association, User
from success.access import Permission
from success.engine.backtest import BIN_DAYS, Conclusion
from success.engine.effect import FEWEST_IN_AN_ARM, Effect, Verdict
from success.enums import BacktestStatus
from success.forms.trials import BacktestForm, initial_of
from success.models import Backtest, Play
from success.queries import backtests as reads
from success.queries import effects
from success.queries.effects import OfAKind, OutcomeEffect, PlayEffect
from success.queries.nights import last_live_day
from success.services import trials as services
from success.tasks import wake_backtest

MOST_LISTED = 50
WIDTH, EDGE = 400, 12

VERDICT_WORDS = {
    Verdict.NOBODY: gettext_lazy("Nobody to compare yet"),
    Verdict.UNREADABLE: gettext_lazy("Not readable: the groups are not as the draw makes them"),
    Verdict.TOO_FEW: gettext_lazy("Too few to say"),
    Verdict.NOT_PROVEN: gettext_lazy("Not proven"),
    Verdict.HELPS: gettext_lazy("It helps"),
    Verdict.HARMS: gettext_lazy("It does harm"),
}
OUTCOME_WORDS = {
    "aim": gettext_lazy("Reached the aim in time"),
    "staying": gettext_lazy("Still a member a year later"),
}
CONCLUSION_WORDS = {
    Conclusion.NOBODY: gettext_lazy("It would have named nobody whose year is over."),
    Conclusion.TOO_FEW: gettext_lazy("Too few to say whether it sees anything coming."),
    Conclusion.BETTER: gettext_lazy("It sees more coming than chance."),
    Conclusion.NO_BETTER: gettext_lazy("It sees no more coming than naming anybody would."),
    Conclusion.WORSE: gettext_lazy("Those it names leave less often than the others."),
}


@dataclass(frozen=True, kw_only=True)
class Interval:
    """Where an effect and its interval lie in a drawing that is 400 wide."""

    zero: float
    low: float
    high: float
    length: float
    at: float
    tone: str


@dataclass(frozen=True, kw_only=True)
class EffectRow:
    """An effect with its words and its drawing."""

    words: Any
    verdict: Any
    effect: Effect
    interval: Interval | None
    needed: int | None = None
    missing: int | None = None
    note: Any = ""
    kinds: Sequence["EffectRow"] = ()


@requires(Permission.VECTOR_VIEW)
@require_safe
def effects_overview(request: HttpRequest) -> HttpResponse:
    """What all plays have changed together, and each of them."""
    as_of = _as_of()
    together, each = effects.overview(as_of=as_of, grace_days=Association.current().grace_days)
    return render(
        request,
        "success/trials/effects.html",
        {
            "as_of": as_of,
            "together": _rows(together),
            "plays": [(one, _rows(one)) for one in each],
            "fewest": FEWEST_IN_AN_ARM,
            "crumbs": [(_("Measures"), reverse("success:measures"))],
        },
    )


@requires(Permission.VECTOR_VIEW)
@require_safe
def effect(request: HttpRequest, key: str) -> HttpResponse:
    """What one play has changed, by outcome and by kind of member."""
    play = get_object_or_404(Play.objects.select_related("current"), key=key)
    as_of = _as_of()
    found = effects.of_play(play, as_of=as_of, grace_days=Association.current().grace_days)
    return render(
        request,
        "success/trials/effect.html",
        {
            "as_of": as_of,
            "play": play,
            "found": found,
            "rows": _rows(found),
            "aim_days": play.current.aim_days if play.current else None,
            "fewest": FEWEST_IN_AN_ARM,
            "crumbs": [
                (_("Measures"), reverse("success:measures")),
                (_("Do plays help?"), reverse("success:effects")),
            ],
        },
    )


@requires(Permission.VECTOR_VIEW)
@require_safe
def backtests(request: HttpRequest) -> HttpResponse:
    """The latest back-tests, and the question for another."""
    play = Play.objects.filter(key=request.GET.get("play", "")).first()
    first_on = max(reads.first_day() or date(2019, 1, 1), date(2000, 1, 1))
    initial = initial_of(play=play, first_on=first_on, last_on=clock.today())
    return _list(request, BacktestForm(initial=initial), play=play)


@requires(Permission.TRIAL_ASK)
@require_POST
def backtest_ask(request: HttpRequest) -> HttpResponse:
    """Keep the question, and leave the walking to a worker."""
    form = BacktestForm(request.POST)
    if not form.is_valid():
        return _list(request, form, status=422)
    said = form.cleaned_data
    version = reads.version_to_test(said["play"])
    if version is None:
        form.add_error("play", _("It has no version yet."))
        return _list(request, form, status=422)
    try:
        asked = services.ask(
            version=version,
            first_on=said["first_on"],
            last_on=said["last_on"],
            every_days=said["every_days"],
            horizon_days=said["horizon_days"],
            path=said["path"],
            by=cast("User", request.user),
            at=clock.now(),
        )
    except (services.BadQuestion, services.NotTestable, BadCondition) as refusal:
        form.add_error(None, str(refusal))
        return _list(request, form, status=422)
    wake_backtest(backtest_id=asked.pk)
    return redirect("success:backtest", public_id=asked.public_id)


@requires(Permission.VECTOR_VIEW)
@require_safe
def backtest(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    """A back-test as it goes, and what came out; it may be left and found again."""
    asked = get_object_or_404(reads.recent(), public_id=public_id)
    is_running = asked.status in reads.UNFINISHED
    context: dict[str, Any] = {
        "backtest": asked,
        "is_running": is_running,
        "found": reads.progress(asked),
        "may_cancel": is_running and has(request.user, Permission.TRIAL_ASK),
        "crumbs": [
            (_("Measures"), reverse("success:measures")),
            (_("Back-tests"), reverse("success:backtests")),
        ],
    }
    if asked.status == BacktestStatus.DONE:
        context |= _came_out(asked)
    return render_page_or_fragment(
        request, "success/trials/backtest.html", "success/trials/_backtest.html", context
    )


@requires(Permission.TRIAL_ASK)
@require_POST
def backtest_cancel(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    """End a back-test that is under way."""
    asked = get_object_or_404(Backtest, public_id=public_id)
    try:
        services.cancel(backtest=asked, by=cast("User", request.user), at=clock.now())
    except services.Finished:
        messages.info(request, _("It has ended already."))
    return redirect("success:backtest", public_id=asked.public_id)


@requires(Permission.VECTOR_VIEW)
@require_safe
def backtest_lead_chart(_request: HttpRequest, public_id: uuid.UUID) -> JsonResponse:
    """How long before they left those were named who left."""
    asked = get_object_or_404(Backtest, public_id=public_id)
    spans = _spans(asked)
    return JsonResponse(
        {
            "kind": "bar",
            "title": _("Days between being named and leaving"),
            "unit": _("members"),
            "x": [label for label, _count in spans],
            "series": [{"name": _("Left"), "data": [count for _label, count in spans]}],
            "note": _("From the first time a member was named in the year before leaving."),
        }
    )


@requires(Permission.VECTOR_VIEW)
@require_safe
def backtest_years_chart(_request: HttpRequest, public_id: uuid.UUID) -> JsonResponse:
    """Entries, and those who left, year by year."""
    asked = get_object_or_404(Backtest, public_id=public_id)
    years = asked.result.get("years", [])
    named = [
        (_("Entries"), "entries"),
        (_("Left"), "lapses"),
        (_("Left, and had been named"), "foreseen"),
    ]
    return JsonResponse(
        {
            "kind": "bar",
            "title": _("Entries and members who left, by year"),
            "unit": "",
            "x": [str(year["year"]) for year in years],
            "series": [
                {"name": label, "data": [year[key] for year in years]} for label, key in named
            ],
            "note": "",
        }
    )


def in_words(result: dict[str, Any], *, horizon_days: int) -> str:
    """What a back-test comes to, of a hundred members it would have named."""
    precision, base = result["precision"]["value"], result["base"]
    if precision is None or base is None:
        return ""
    return _(
        "Of 100 members it would have named, %(left)s left within %(days)s days; of 100 taken "
        "at random on the same nights, %(anyway)s did."
    ) % {
        "left": round(100 * precision),
        "days": horizon_days,
        "anyway": round(100 * base),
    }


def _came_out(asked: Backtest) -> dict[str, Any]:
    result = asked.result
    return {
        "result": result,
        "words": in_words(result, horizon_days=asked.horizon_days),
        "conclusion": CONCLUSION_WORDS[Conclusion(result["conclusion"])],
        "spans": _spans(asked),
    }


def _spans(asked: Backtest) -> list[tuple[str, int]]:
    histogram = asked.result.get("lead", {}).get("histogram", [])
    return [(f"{first}–{first + BIN_DAYS - 1}", count) for first, count in histogram]  # noqa: RUF001


def _list(
    request: HttpRequest, form: BacktestForm, *, play: Play | None = None, status: int = 200
) -> HttpResponse:
    return render(
        request,
        "success/trials/backtests.html",
        {
            "form": form,
            "play": play,
            "may_ask": has(request.user, Permission.TRIAL_ASK),
            "backtests": [
                (asked, _in_short(asked)) for asked in reads.recent(play=play)[:MOST_LISTED]
            ],
            "crumbs": [(_("Measures"), reverse("success:measures"))],
        },
        status=status,
    )


def _in_short(asked: Backtest) -> str:
    if asked.status == BacktestStatus.DONE:
        return in_words(asked.result, horizon_days=asked.horizon_days) or str(
            CONCLUSION_WORDS[Conclusion.NOBODY]
        )
    return asked.error


def _rows(found: PlayEffect) -> list[EffectRow]:
    reach = _reach([outcome.effect for outcome in found.outcomes])
    return [_row(outcome, reach=reach) for outcome in found.outcomes]


def _row(outcome: OutcomeEffect, *, reach: float) -> EffectRow:
    among_kinds = _reach([kind.effect for kind in outcome.kinds])
    note = ""
    if outcome.missing:
        note = ngettext(
            "%(count)s more in the smaller group would show a difference of five points.",
            "%(count)s more in the smaller group would show a difference of five points.",
            outcome.missing,
        ) % {"count": f"{outcome.missing:,}"}
    return EffectRow(
        words=OUTCOME_WORDS[outcome.outcome],
        verdict=VERDICT_WORDS[outcome.effect.verdict],
        effect=outcome.effect,
        interval=_interval(outcome.effect, reach=reach),
        needed=outcome.needed,
        missing=outcome.missing,
        note=note,
        kinds=[_kind(kind, reach=among_kinds) for kind in outcome.kinds],
    )


def _kind(kind: OfAKind, *, reach: float) -> EffectRow:
    segment = kind.segment.name if kind.segment else _("No segment")
    state = kind.state.replace("_", " ") or _("state not known")
    return EffectRow(
        words=f"{segment}, {state}",
        verdict=VERDICT_WORDS[kind.effect.verdict],
        effect=kind.effect,
        interval=_interval(kind.effect, reach=reach),
        note=_("No target of its messages any more.") if kind.is_sleeping_dog else "",
    )


def _reach(found: Sequence[Effect]) -> float:
    """How far from nought the widest of the intervals goes; they share one scale."""
    return max((abs(edge) for one in found for edge in one.ci or ()), default=0.0) or 1.0


def _interval(effect: Effect, *, reach: float) -> Interval | None:
    if effect.ci is None or effect.lift is None:
        return None
    half = WIDTH / 2 - EDGE

    def at(value: float) -> float:
        return round(WIDTH / 2 + half * max(-1.0, min(1.0, value / reach)), 1)

    low, high = at(effect.ci[0]), at(effect.ci[1])
    return Interval(
        zero=WIDTH / 2,
        low=low,
        high=high,
        length=max(round(high - low, 1), 1.0),
        at=at(effect.lift),
        tone={Verdict.HELPS: "helps", Verdict.HARMS: "harms"}.get(effect.verdict, "open"),
    )


def _as_of() -> date:
    return last_live_day() or clock.today()
