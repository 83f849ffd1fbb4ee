"""Time to first value: after how long members get it, and who is still waiting."""

from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from typing import Any, cast

from django.http import (
    HttpRequest,
    HttpResponse,
    JsonResponse,
    QueryDict,
)
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe

from config.kernel import clock
from config.kernel.keyset import page_asked
from config.kernel.permissions import requires
from coverage.models import Segment
from members.enums import MemberKind
from members.models import Association, User
from success.access import Permission
from success.engine.first_value import FIRST_DAYS
from success.queries import first_value as reads
from success.queries.first_value import FirstValue, GroupOnboarding
from success.queries.nights import last_live_day
from success.services.mailings import Sheet
from success.views.views import opens_as_kept

PAGE_SIZE = 25
LAST_DAY_DRAWN = 360
STEP_DRAWN = 10
MOST_DRAWN = 5
HEADER = (
    *("member", "name", "days_waiting", "joined_on", "next_milestone", "segment"),
    "looked_after_by",
)
BY = {
    "kind": gettext_lazy("Kind of member"),
    "segment": gettext_lazy("Coverage segment"),
    "year": gettext_lazy("Year of joining"),
}


@dataclass(frozen=True, kw_only=True)
class GroupRow:
    """A group with its name, and its share on board by each of the first days."""

    name: str
    group: GroupOnboarding
    shares: list[float | None]


@requires(Permission.VECTOR_VIEW)
@require_safe
@opens_as_kept("success:first_value")
def first_value(request: HttpRequest) -> HttpResponse:
    """Share on board by day 30, 60 and 90, half by when, and everybody still waiting."""
    by = _by(request)
    found = _found()
    waiting = reads.still_waiting(cast("User", request.user))
    listed = page_asked(
        request,
        waiting,
        order=reads.WAITING_ORDER[:1],
        size=PAGE_SIZE,
    )
    everybody = found.everybody
    context = {
        "crumbs": [(_("Measures"), reverse("success:measures"))],
        "found": found,
        "everybody": everybody,
        "shares": [
            (day, _plain(everybody.on_board(day)), everybody.on_board_between(day))
            for day in FIRST_DAYS
        ],
        "days": FIRST_DAYS,
        "mean_of_arrived": _plain(everybody.naive.mean_of_arrived),
        "elapsed": _plain(everybody.naive.elapsed),
        "arrived_of_all": _plain(everybody.naive.arrived_of_all),
        "by": by,
        "by_words": BY[by],
        "choices": [(name, words, f"?by={name}#groups") for name, words in BY.items()],
        "groups": _rows(found, by=by),
        "smallest": reads.SMALLEST_GROUP,
        "since": [(MemberKind(kind).label, day) for kind, day in found.since.items()],
        "waiting": [
            (one, (found.as_of - one.joined_on).days) for one in listed.items if one.joined_on
        ],
        "listed": listed,
        "waiting_total": waiting.count(),
    }
    return render(request, "success/first_value.html", context)


@requires(Permission.VECTOR_VIEW)
@require_safe
def first_value_chart(request: HttpRequest) -> JsonResponse:
    """The share on board by days since joining, everybody's and by group; plain floats."""
    found = _found()
    days = list(range(0, LAST_DAY_DRAWN + 1, STEP_DRAWN))
    curves = [(_("Everybody"), found.everybody)]
    groups = [row for row in _rows(found, by=_by(request)) if not row.group.is_small]
    curves += [(row.name, row.group.found) for row in groups[-MOST_DRAWN:]]
    return JsonResponse(
        {
            "kind": "step",
            "title": _("On board"),
            "unit": "%",
            "percent": True,
            "zero": True,
            "x": [_("day %(day)s") % {"day": day} for day in days],
            "series": [
                {"name": name, "data": [_plain(curve.on_board(day)) for day in days]}
                for name, curve in (curves if len(curves) > 2 else curves[:1])
            ],
            "note": _(
                "Days since joining. Who still waits counts as waiting. At most five groups "
                "are drawn, the last of them; the table has all."
            ),
        }
    )


def sheet(user: User, _filters: QueryDict, as_of: date) -> Sheet:
    """Everybody still waiting for first value as a table, the longest first."""
    day = last_live_day() or as_of
    waiting = reads.still_waiting(user).order_by(*reads.WAITING_ORDER)
    return Sheet(
        header=HEADER,
        rows=(
            (
                str(each.member.public_id),
                each.member.name,
                (day - each.joined_on).days if each.joined_on else None,
                each.joined_on,
                each.next_milestone.title if each.next_milestone else "",
                each.segment.key if each.segment else "",
                each.owner.name if each.owner else "",
            )
            for each in waiting.iterator()
        ),
        passing=frozenset({"days_waiting"}),
    )


def _found() -> FirstValue:
    return reads.first_value(
        as_of=last_live_day() or clock.today(), grace_days=Association.current().grace_days
    )


def _by(request: HttpRequest) -> str:
    asked = request.GET.get("by", "")
    return asked if asked in BY else "segment"


def _rows(found: FirstValue, *, by: str) -> list[GroupRow]:
    groups = {"kind": found.by_kind, "segment": found.by_segment, "year": found.by_year}[by]
    names: dict[str, Any] = {}
    if by == "segment":
        names = dict(Segment.objects.values_list("key", "name")) | {"": _("in no segment")}
    elif by == "kind":
        names = dict(MemberKind.choices)
    return [
        GroupRow(
            name=str(names.get(group.value, group.value)),
            group=group,
            shares=[_plain(group.found.on_board(day)) for day in FIRST_DAYS],
        )
        for group in groups
    ]


def _plain(value: Fraction | None) -> float | None:
    return None if value is None else float(value)
