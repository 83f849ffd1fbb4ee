"""How was this made: any figure of any past day, its facts, and it made anew."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, cast
from urllib.parse import urlencode

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe

from config.kernel import clock
from config.kernel.permissions import has, requires
from members.models import Association, Member, User
from success.access import Permission
from success.engine.explaining import Figure, Verdict
from success.engine.revenue import MixedCurrencies
from success.enums import Dimension, RevenueBasis, State
from success.forms.explain import FORMS, ExplainForm
from success.queries.explain import (
    Later,
    RevenueAsked,
    TooMany,
    explain_revenue,
)
from success.queries.explain_live import LIVE, Explained, NothingToSay, explain_live
from success.queries.explain_vector import explain_group, explain_vector
from success.queries.nights import last_live_day
from success.queries.revenue import PeriodNotOver, PeriodRunsBackwards
from success.views.views import opens_as_kept

MONEY = frozenset({"revenue", "margin"})
KINDS = {
    "revenue": gettext_lazy("Dues of a period: NRR, GRR and what they are made of"),
    "vector": gettext_lazy("A member's Success Vector on a day"),
    "group": gettext_lazy("How a group of members was doing on a day"),
    "first-value": gettext_lazy("Time to first value"),
    "margin": gettext_lazy("Cost to serve and margin"),
    "promises": gettext_lazy("Kept promises"),
    "stalled-and-lapsed": gettext_lazy("Stalling and leaving"),
}
PAGES = {
    "first-value": "success:first_value",
    "margin": "success:margin",
    "promises": "success:kept",
    "stalled-and-lapsed": "success:stalled_and_lapsed",
}
LABELS = {
    "opening": gettext_lazy("Opening"),
    "new": gettext_lazy("New"),
    "reactivation": gettext_lazy("Came back"),
    "expansion": gettext_lazy("Expansion"),
    "contraction": gettext_lazy("Contraction"),
    "churn": gettext_lazy("Churn"),
    "closing": gettext_lazy("Closing"),
    "closing_strict": gettext_lazy("Closing, strict"),
    "base_members": gettext_lazy("Members at the opening"),
    "kept_members": gettext_lazy("of them still paying"),
    "kept_members_strict": gettext_lazy("of them still paying, strict"),
    "new_members": gettext_lazy("New members"),
    "reactivated_members": gettext_lazy("Members who came back"),
    "nrr": gettext_lazy("NRR"),
    "nrr_strict": gettext_lazy("NRR, strict"),
    "grr": gettext_lazy("GRR"),
    "grr_strict": gettext_lazy("GRR, strict"),
    "logo_retention": gettext_lazy("Logo retention"),
    "state": gettext_lazy("State"),
    "ahead": gettext_lazy("Position, days ahead of the plan"),
    "pace_milli": gettext_lazy("Pace, plan-days in a thousand days"),
    "direction": gettext_lazy("Direction"),
    "achieved_weight": gettext_lazy("Achieved weight, of 100"),
    "in_scope": gettext_lazy("Members in scope"),
    "with_plan": gettext_lazy("with a plan"),
    "with_pace": gettext_lazy("with a pace"),
    "plan_coverage": gettext_lazy("Plan coverage"),
    "mean_pace": gettext_lazy("Mean pace"),
    "forward": gettext_lazy("moving forward"),
    "backward": gettext_lazy("moving back"),
    "median_position": gettext_lazy("Median position, days"),
    "association_due": gettext_lazy("Ours, due"),
    "association_on_time": gettext_lazy("Ours, kept on time"),
    "association_late": gettext_lazy("Ours, done late"),
    "member_due": gettext_lazy("Theirs, due"),
    "member_on_time": gettext_lazy("Theirs, kept on time"),
    "member_late": gettext_lazy("Theirs, done late"),
    "revenue": gettext_lazy("Dues"),
    "hours": gettext_lazy("Hours a year"),
    "cost_to_serve": gettext_lazy("Cost to serve a year"),
    "margin": gettext_lazy("Margin a year"),
    "members": gettext_lazy("Members"),
    "arrived": gettext_lazy("with first value"),
    "waiting": gettext_lazy("still waiting"),
    "left_without": gettext_lazy("left without"),
    "median_days": gettext_lazy("Median, days"),
    "before_records": gettext_lazy("Begun before the records"),
    "carried_over": gettext_lazy("Brought it along"),
    "unknown": gettext_lazy("Nothing known"),
    "stalled_left": gettext_lazy("Stalled, left since"),
    "moving": gettext_lazy("All others, a year in"),
    "moving_left": gettext_lazy("All others, left since"),
    "left_before": gettext_lazy("Left before a year"),
    "not_yet": gettext_lazy("Not a year in yet"),
} | {state.value: state.label for state in State}
AMOUNTS = frozenset(
    {"opening", "new", "reactivation", "expansion", "contraction", "churn", "closing"}
    | {"closing_strict", "revenue", "cost_to_serve", "margin"}
)
SHARES = frozenset(
    {"nrr", "nrr_strict", "grr", "grr_strict", "logo_retention", "plan_coverage"}
)
VERDICTS = {
    Verdict.NOT_STORED: (
        "info",
        gettext_lazy("Nothing is stored of this. It was made just now, from the facts below."),
    ),
    Verdict.AGREES: (
        "success",
        gettext_lazy("It agrees: the facts as they are known now make the same figures."),
    ),
    Verdict.LATER_FACTS: (
        "warning",
        gettext_lazy(
            "It was right by what was known then. Facts that came later make it different now."
        ),
    ),
    Verdict.DEFINITION: (
        "warning",
        gettext_lazy("The definition has changed since. By today's the figures are different."),
    ),
    Verdict.UNEXPLAINED: (
        "danger",
        gettext_lazy("It does not agree, and nothing that is recorded accounts for it."),
    ),
}
LATER = {
    "restated": gettext_lazy("The period was restated"),
    "imported": gettext_lazy("An import was applied"),
    "undone": gettext_lazy("An import was taken back"),
    "linked": gettext_lazy("Members were counted as one"),
    "voided": gettext_lazy("Terms were voided"),
    "told": gettext_lazy("A leave of absence was told"),
    "recorded": gettext_lazy("Evidence was recorded"),
    "agreed": gettext_lazy("A plan was agreed"),
}


@dataclass(frozen=True, kw_only=True)
class FigureRow:
    """A figure with its words, and how its values are shown."""

    label: Any
    shown_as: str
    figure: Figure


@dataclass(frozen=True, kw_only=True)
class LaterRow:
    label: Any
    later: Later


@requires(Permission.VECTOR_VIEW)
@require_safe
@opens_as_kept("success:explain")
def explain(request: HttpRequest) -> HttpResponse:
    """Say how a figure was made, or ask which."""
    as_of = last_live_day() or clock.today()
    measure = request.GET.get("measure", "")
    may_see_money = has(request.user, Permission.REVENUE_VIEW)
    if measure in MONEY and not may_see_money:
        raise PermissionDenied
    context: dict[str, Any] = {
        "crumbs": [(_("Measures"), reverse("success:measures"))],
        "as_of": as_of,
        "measure": measure if measure in KINDS else "",
        "what": KINDS.get(measure, ""),
        "choices": _choices(as_of=as_of, may_see_money=may_see_money),
    }
    if not context["measure"]:
        return render(request, "success/explain.html", context)
    form = FORMS[measure](request.GET, as_of=as_of) if measure in FORMS else None
    context["form"] = form
    if form is not None and not form.is_valid():
        return render(request, "success/explain.html", context)
    said = form.cleaned_data if form is not None else {}
    try:
        found = _explained(request, measure, said, as_of=as_of)
    except TooMany as error:
        context |= {"too_many": error, "command": _command(measure, said)}
    except NothingToSay:
        context["error"] = _("There is nothing yet that this could be made of.")
    except (MixedCurrencies, PeriodNotOver, PeriodRunsBackwards) as error:
        context["error"] = str(error)
    else:
        context |= _shown(found, measure=measure)
    return render(request, "success/explain.html", context)


def _explained(
    request: HttpRequest, measure: str, said: Mapping[str, Any], *, as_of: date
) -> Explained:
    after = request.GET.get("after") or None
    if measure == "revenue":
        asked = RevenueAsked(
            opening_on=said["from"],
            closing_on=said["to"],
            basis=RevenueBasis(said["basis"]),
            dimension=Dimension(said["by"] or Dimension.ALL),
            value=said["value"],
            revision=said["revision"],
        )
        return explain_revenue(asked, as_of=as_of, after=after)
    if measure == "vector":
        visible = Member.objects.visible_to(cast("User", request.user))
        return explain_vector(
            get_object_or_404(visible, public_id=said["member"]), on=said["on"]
        )
    if measure == "group":
        return explain_group(
            on=said["on"],
            dimension=Dimension(said["by"] or Dimension.ALL),
            value=said["value"],
            after=after,
        )
    return explain_live(measure, as_of=as_of)


def _shown(found: Explained, *, measure: str) -> dict[str, Any]:
    tone, words = VERDICTS[found.verdict]
    later = getattr(found, "later", ())
    return {
        "found": found,
        "is_live": measure in LIVE,
        "page_url": reverse(PAGES[measure]) if measure in PAGES else "",
        "currency": Association.current().currency,
        "tone": tone,
        "verdict": words,
        "figures": [_row(figure) for figure in found.figures],
        "later": [LaterRow(label=LATER[each.what], later=each) for each in later],
        "after": getattr(found, "next", None),
    }


def _row(figure: Figure) -> FigureRow:
    shown_as = "number"
    if figure.name in AMOUNTS:
        shown_as = "money"
    elif figure.name in SHARES:
        shown_as = "share"
    elif figure.name == "state":
        shown_as = "state"
    elif figure.name in {"mean_pace", "hours"}:
        shown_as = "decimal"
    return FigureRow(label=LABELS[figure.name], shown_as=shown_as, figure=figure)


def _choices(*, as_of: date, may_see_money: bool) -> list[tuple[str, Any, ExplainForm | None]]:
    """Every measure one may ask about, with its empty form; those without need no telling."""
    return [
        (
            f"{reverse('success:explain')}?{urlencode({'measure': measure})}",
            label,
            FORMS[measure](as_of=as_of) if measure in FORMS else None,
        )
        for measure, label in KINDS.items()
        if may_see_money or measure not in MONEY
    ]


def _command(measure: str, said: Mapping[str, Any]) -> str:
    """What to type where a page would have to read too much."""
    given = " ".join(
        f"--{name} {value}"
        for name, value in said.items()
        if name != "measure" and value not in {None, ""}
    )
    return f"python manage.py measure explain {measure} {given}".strip()
