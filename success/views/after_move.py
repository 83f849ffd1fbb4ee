"""Did those who were moved to less contact suffer: the page, its chart, and its warning."""

from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe

from config.kernel import clock
from config.kernel.permissions import requires
from members.models import Association
from success.access import Permission
from success.engine.after_move import (
    FALLING_RENEWALS,
    GUARD_DAYS,
    Difference,
    Look,
    Verdict,
)
from success.engine.rollup import ALARMING_FALL, SMALLEST_GROUP
from success.queries.after_move import MovedBatch, Seen, hurt, moved_to_less
from success.queries.nights import last_live_day

WORDS = {
    Verdict.TOO_EARLY: gettext_lazy("too early to say"),
    Verdict.TOO_FEW: gettext_lazy("too few to compare"),
    Verdict.HURT: gettext_lazy("it hurt"),
    Verdict.NOT_PROVEN: gettext_lazy("not proven"),
    Verdict.NO_SIGN: gettext_lazy("no sign that it hurt"),
}


@requires(Permission.REVENUE_VIEW)
@require_safe
def after_move(request: HttpRequest) -> HttpResponse:
    """Every batch of moves to less contact, by its guard days, and those that hurt on top."""
    as_of = _as_of()
    batches = _batches(as_of=as_of)
    return render(
        request,
        "success/after_move.html",
        {
            "crumbs": [
                (_("Measures"), reverse("success:measures")),
                (_("Cost to serve and margin"), reverse("success:margin")),
            ],
            "as_of": as_of,
            "batches": [_card(each) for each in batches],
            "hurt": [_card(each) for each in hurt(batches)],
            "is_drawn": any(each.look.pace for batch in batches for each in batch.seen),
            "guard_days": GUARD_DAYS,
            "smallest": SMALLEST_GROUP,
            "pace_floor": -_decimal(ALARMING_FALL),
            "renewal_floor": -100 * _decimal(FALLING_RENEWALS),
        },
    )


@requires(Permission.REVENUE_VIEW)
@require_safe
def after_move_chart(_request: HttpRequest) -> JsonResponse:
    """How pace changed since each move, beside members like them who stayed; last look."""
    drawn = [
        (batch, seen.look.pace)
        for batch in reversed(_batches(as_of=_as_of()))
        if (seen := batch.latest) and seen.look.pace
    ]
    links = [f"{reverse('success:after_move')}#{_anchor(batch)}" for batch, _pace in drawn]
    return JsonResponse(
        {
            "kind": "bar",
            "title": _("Change of pace since the move"),
            "unit": _("plan-days a day"),
            "x": [_title(batch) for batch, _pace in drawn],
            "series": [
                {
                    "name": _("moved"),
                    "data": [_drawn(pace.moved) for _batch, pace in drawn],
                    "links": links,
                },
                {
                    "name": _("like them, not moved"),
                    "data": [_drawn(pace.stayed) for _batch, pace in drawn],
                    "state": "no_plan",
                },
            ],
        }
    )


@requires(Permission.REVENUE_VIEW)
@require_safe
def after_move_warning(request: HttpRequest) -> HttpResponse:
    """The warning that other pages show; nothing where no move hurt."""
    found = {"hurt": harmful_moves(as_of=_as_of())}
    return render(request, "success/_after_move_warning.html", found)


def harmful_moves(*, as_of: date) -> list[dict[str, Any]]:
    """The moves that hurt, as what ``_after_move_warning.html`` shows."""
    return [_card(each) for each in hurt(_batches(as_of=as_of))]


def _as_of() -> date:
    return last_live_day() or clock.today()


def _batches(*, as_of: date) -> list[MovedBatch]:
    return moved_to_less(as_of=as_of, grace_days=Association.current().grace_days)


def _card(batch: MovedBatch) -> dict[str, Any]:
    return {
        "batch": batch,
        "title": _title(batch),
        "anchor": _anchor(batch),
        "rows": [_row(each) for each in batch.seen],
        "verdict": batch.verdict.value,
        "words": _in_words(batch),
    }


def _title(batch: MovedBatch) -> str:
    names = {"first": batch.from_name, "second": batch.to_name}
    when = date_format(batch.first_on, "j F Y" if batch.rebalancing else "F Y")
    return _("%(first)s to %(second)s, %(when)s") % {**names, "when": when}


def _anchor(batch: MovedBatch) -> str:
    return "move-" + batch.key.replace(":", "-")


def _in_words(batch: MovedBatch) -> str:
    """The verdict as a sentence; where it hurt, what fell and by how much."""
    if batch.verdict is not Verdict.HURT:
        return str(WORDS[batch.verdict])
    last = next(each.look for each in reversed(batch.seen) if each.look.verdict is Verdict.HURT)
    return _("it hurt: %(what)s") % {"what": _harm(last)}


def _harm(look: Look) -> str:
    said = []
    if look.pace and look.pace.verdict is Verdict.HURT:
        said.append(
            _("pace fell %(by).2f plan-days a day behind") % {"by": -look.pace.estimate}
        )
    if look.renewal and look.renewal.verdict is Verdict.HURT:
        said.append(
            _("renewals fell %(by).0f points behind") % {"by": -100 * look.renewal.estimate}
        )
    return _("%(what)s members like them, after %(days)s days") % {
        "what": _(" and ").join(said),
        "days": look.days,
    }


def _row(seen: Seen) -> dict[str, Any]:
    look = seen.look
    return {
        "seen": seen,
        "look": look,
        "pace": _difference(look.pace, times=1),
        "renewal": _difference(look.renewal, times=100),
        "verdict": look.verdict.value,
        "words": WORDS[look.verdict],
    }


def _difference(found: Difference | None, *, times: int) -> dict[str, Any] | None:
    if found is None:
        return None
    return {
        "moved": times * _decimal(found.moved),
        "stayed": times * _decimal(found.stayed),
        "apart": times * _decimal(found.estimate),
        "low": times * found.low,
        "high": times * found.high,
        "moved_members": found.moved_members,
        "stayed_members": found.stayed_members,
        "words": WORDS[found.verdict],
    }


def _drawn(value: Fraction) -> float:
    return round(float(value), 3)


def _decimal(value: Fraction) -> Decimal:
    return Decimal(value.numerator) / Decimal(value.denominator)
