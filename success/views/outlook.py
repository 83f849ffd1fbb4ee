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
from success.engine.outlook import Comparison, Group, Point
from success.queries import outlook
from success.queries.nights import last_live_day
from success.queries.outlook import Cohort, Look

LIKELY_CHANCE = 0.05
FEW = 50
A_MONTH = engine.ONE_YEAR / 12

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
    """A group of a comparison with its words, and how many of it were expected to leave."""

    group: Group
    words: Any
    expected: float | None
    points: list[Point]


@dataclass(frozen=True, kw_only=True)
class LookRow:
    """One way of asking, with what came out."""

    look: Look
    words: Any
    chance: str


@requires(Permission.VECTOR_VIEW)
@require_safe
def stalled_and_lapsed(request: HttpRequest) -> HttpResponse:
    """What the ledger says of leaving after stalling, and how far to trust it."""
    context: dict[str, Any] = {"crumbs": [(_("Measures"), reverse("success:measures"))]}
    found = _cohort()
    if found is not None:
        main = outlook.one_year_in(found)
        others = outlook.other_looks(found, main=main)
        context |= {
            "found": found,
            "main": main,
            "answer": _answer(main),
            "chance": chance_in_words(main.comparison),
            "few": _few(main),
            "groups": _rows(main.comparison, day=main.landmark.day),
            "states": _rows(others.by_state, day=main.landmark.day),
            "states_chance": chance_in_words(others.by_state),
            "looks": [_look_row(look) for look in (main, *others.looks)],
            "others": len(others.looks),
            "tested_from": others.tested_from,
            "days_now": [stone.expected_day for stone in found.path],
            "days_before": [stone.expected_day for stone in others.path_before],
            "fewest": engine.FEWEST_AT_RISK,
            "most": outlook.MOST_MEMBERS,
        }
    return render(request, "success/stalled_and_lapsed.html", context)


@requires(Permission.VECTOR_VIEW)
@require_safe
def stalled_and_lapsed_chart(_request: HttpRequest) -> JsonResponse:
    """The share that stayed, month by month since joining; a drawing, so plain floats."""
    found = _cohort()
    main = outlook.one_year_in(found) if found else None
    groups = [group for group in (main.stalled, main.moving) if group] if main else []
    last = max((group.curve.horizon or 0 for group in groups), default=0)
    months = range(12, int(last / A_MONTH) + 1)
    days = [round(month * A_MONTH) for month in months]
    points = {group.name: [group.at(day) for day in days] for group in groups}
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
                    "name": str(GROUP_WORDS[group.name]),
                    "state": "stalled" if group.name == engine.STALLED else "on_track",
                    "data": [
                        point.stayed if point.at_risk else None for point in points[group.name]
                    ],
                    "provisional": [
                        point.at_risk < engine.FEWEST_AT_RISK for point in points[group.name]
                    ],
                }
                for group in groups
            ],
            "note": _(
                "Months since joining. A curve ends where fewer than 10 of its members are "
                "seen; the table goes on."
            ),
        }
    )


def chance_in_words(comparison: Comparison) -> str:
    """How easily chance alone makes such a difference; that nothing can be said, if so."""
    if comparison.test is None:
        return _("The groups cannot be compared: too few members, or too few who left.")
    few, of = engine.in_a_hundred(comparison.test.p_value)
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


def _cohort() -> Cohort | None:
    template = outlook.studied_template()
    if template is None:
        return None
    return outlook.cohort(
        template=template,
        as_of=last_live_day() or clock.today(),
        grace_days=Association.current().grace_days,
    )


def _answer(main: Look) -> str:
    """The answer in one line; nothing is claimed that chance makes in 1 of 20 associations."""
    ratio, test = main.ratio, main.comparison.test
    if ratio is None or test is None:
        return _("The ledger cannot say: there is too little to compare.")
    if test.p_value >= LIKELY_CHANCE:
        return _("The ledger does not show it.")
    if ratio.ratio > 1:
        return _("Yes: members who had stalled left more often afterwards.")
    return _("No: members who had stalled left less often afterwards.")


def _few(main: Look) -> str:
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


def _drawn(points: list[Point]) -> list[float | None]:
    """What is drawn of a curve: up to where too few are seen for it to be believed."""
    drawn: list[float | None] = []
    for point in points:
        is_over = bool(drawn) and drawn[-1] is None
        drawn.append(None if is_over or point.at_risk < engine.FEWEST_AT_RISK else point.stayed)
    return drawn


def _look_row(look: Look) -> LookRow:
    return LookRow(look=look, words=LOOK_WORDS[look.name], chance=_p_value(look))


def _p_value(look: Look) -> str:
    test = look.comparison.test
    if test is None:
        return _("cannot be compared")
    few, of = engine.in_a_hundred(test.p_value)
    return f"{few} / {of:,}" if few else _("under 1 / 10,000")


def _rows(comparison: Comparison, *, day: int) -> list[GroupRow]:
    tallies = comparison.test.tallies if comparison.test else {}
    return [
        GroupRow(
            group=group,
            words=GROUP_WORDS[group.name],
            expected=float(tallies[group.name].expected) if group.name in tallies else None,
            points=outlook.points_of(group, day=day),
        )
        for group in sorted(comparison.groups, key=lambda one: -one.members)
    ]
