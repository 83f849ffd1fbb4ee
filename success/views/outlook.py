"""Does stalling come before leaving: the page, and its curves."""

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_safe

from config.kernel import clock
from config.kernel.permissions import requires
from members.models import Association
from success.access import Permission
from success.engine import outlook as engine
from success.queries import outlook
from success.queries.nights import last_live_day
from success.queries.outlook import (
    StalledAndLapsed,
    ToldComparison,
    ToldGroup,
    ToldLook,
)

LIKELY_CHANCE = 0.05
FEW = 50

GROUP_WORDS = {
    engine.STALLED: gettext_lazy("Stalled"),
    engine.MOVING: gettext_lazy("Not stalled"),
    engine.STALLED_AT_THE_START: gettext_lazy("Stalled, no milestone reached yet"),
    engine.STALLED_ON_THE_WAY: gettext_lazy("Stalled after a milestone"),
    engine.OTHERS: gettext_lazy("Other states, few members"),
    "achieved": gettext_lazy("Achieved"),
    "ahead": gettext_lazy("Ahead"),
    "on_track": gettext_lazy("On track"),
    "slipping": gettext_lazy("Slipping"),
    "regressing": gettext_lazy("Regressing"),
}
LOOK_WORDS = {
    "one_year": gettext_lazy("The main comparison: one year in"),
    "recorded": gettext_lazy("Only members who joined once the records began"),
    "by_joining_year": gettext_lazy("Each joining year compared by itself"),
    "set_out": gettext_lazy("Only members who had reached a milestone by then"),
    "day_180": gettext_lazy("Read half a year in"),
    "day_730": gettext_lazy("Read two years in"),
    "out_of_sample": gettext_lazy("Expected days from earlier members, tried on later ones"),
}


@dataclass(frozen=True, kw_only=True)
class GroupRow:
    """A group of a comparison with its words."""

    group: ToldGroup
    words: Any


@dataclass(frozen=True, kw_only=True)
class LookRow:
    """One way of asking, with what came out."""

    look: ToldLook
    words: Any
    chance: str


@requires(Permission.VECTOR_VIEW)
@require_safe
def stalled_and_lapsed(request: HttpRequest) -> HttpResponse:
    """What the ledger says of leaving after stalling, and how far to trust it."""
    context: dict[str, Any] = {"crumbs": [(_("Measures"), reverse("success:measures"))]}
    found = _found()
    if found is not None:
        main = found.main
        context |= {
            "found": found,
            "main": main,
            "answer": _answer(main),
            "chance": chance_in_words(main.comparison.p_value),
            "few": _few(main),
            "groups": _rows(main.comparison),
            "states": _rows(found.by_state),
            "states_chance": chance_in_words(found.by_state.p_value),
            "looks": [_look_row(look) for look in (main, *found.looks)],
            "others": len(found.looks),
            "fewest": engine.FEWEST_AT_RISK,
            "most": outlook.MOST_MEMBERS,
        }
    return render(request, "success/stalled_and_lapsed.html", context)


@requires(Permission.VECTOR_VIEW)
@require_safe
def stalled_and_lapsed_chart(_request: HttpRequest) -> JsonResponse:
    """The share that stayed, month by month since joining; a drawing, so plain floats."""
    found = _found()
    curves = found.months if found else {}
    drawn = [name for name in (engine.STALLED, engine.MOVING) if name in curves]
    months = range(12, 12 + max((len(curve) for curve in curves.values()), default=0))
    return JsonResponse(
        {
            "kind": "step",
            "title": _("Still a member"),
            "unit": "%",
            "percent": True,
            "zero": True,
            "x": [_("%(month)s months") % {"month": month} for month in months],
            "series": [
                {
                    "name": str(GROUP_WORDS[name]),
                    "state": "stalled" if name == engine.STALLED else "on_track",
                    "data": [point.stayed if point.at_risk else None for point in curves[name]],
                    "provisional": [
                        point.at_risk < engine.FEWEST_AT_RISK for point in curves[name]
                    ],
                }
                for name in drawn
            ],
            "note": _(
                "Months since joining. A curve ends where fewer than 10 of its members are "
                "seen; the table goes on."
            ),
        }
    )


def chance_in_words(p_value: float | None) -> str:
    """How easily chance alone makes such a difference; that nothing can be said, if so."""
    if p_value is None:
        return _("The groups cannot be compared: too few members, or too few who left.")
    few, of = engine.in_a_hundred(p_value)
    if not few:
        return _(
            "Chance alone would show a difference this large in fewer than 1 of 10,000 "
            "associations like this."
        )
    return ngettext(
        "Chance alone would show a difference this large in about %(few)s of %(of)s "
        "associations like this.",
        "Chance alone would show a difference this large in about %(few)s of %(of)s "
        "associations like this.",
        few,
    ) % {"few": few, "of": f"{of:,}"}


def _found() -> StalledAndLapsed | None:
    return outlook.stalled_and_lapsed(
        as_of=last_live_day() or clock.today(), grace_days=Association.current().grace_days
    )


def _answer(main: ToldLook) -> str:
    """The answer in one line; nothing is claimed that chance makes in 1 of 20 associations."""
    ratio, p_value = main.ratio, main.comparison.p_value
    if ratio is None or p_value is None:
        return _("The ledger cannot say: there is too little to compare.")
    if p_value >= LIKELY_CHANCE:
        return _("The ledger does not show it.")
    if ratio.ratio > 1:
        return _("Yes: members who had stalled left more often afterwards.")
    return _("No: members who had stalled left less often afterwards.")


def _few(main: ToldLook) -> str:
    """A warning where one side is so small that a real difference could go unseen."""
    if main.moving is None or main.stalled is None:
        return ""
    if main.moving.members < FEW:
        return ngettext(
            "Only %(count)s member had not stalled by then, so a real difference could easily "
            "go unseen.",
            "Only %(count)s members had not stalled by then, so a real difference could easily "
            "go unseen.",
            main.moving.members,
        ) % {"count": main.moving.members}
    if main.stalled.members < FEW:
        return ngettext(
            "Only %(count)s member had stalled by then, so a real difference could easily go "
            "unseen.",
            "Only %(count)s members had stalled by then, so a real difference could easily go "
            "unseen.",
            main.stalled.members,
        ) % {"count": main.stalled.members}
    return ""


def _look_row(look: ToldLook) -> LookRow:
    return LookRow(look=look, words=LOOK_WORDS[look.name], chance=_p_value(look))


def _p_value(look: ToldLook) -> str:
    if look.comparison.p_value is None:
        return _("cannot be compared")
    few, of = engine.in_a_hundred(look.comparison.p_value)
    return f"{few} / {of:,}" if few else _("under 1 / 10,000")


def _rows(comparison: ToldComparison) -> list[GroupRow]:
    return [
        GroupRow(group=group, words=GROUP_WORDS[group.name])
        for group in sorted(comparison.groups, key=lambda one: -one.members)
    ]
