"""Who is behind a figure of a period: the movements added up, their rows, and as a file."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseBadRequest,
    QueryDict,
    StreamingHttpResponse,
)
from django.shortcuts import render
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from config.kernel.permissions import requires
from config.kernel.sheets import CSV, XLSX, as_file
from members.enums import DepartureReason
from members.models import Association, User
from success.access import Permission
from success.engine.revenue import Kind, MixedCurrencies, Part
from success.forms.movements import KINDS, PARTS, MovementsForm
from success.queries.movements import (
    Asked,
    MovementRow,
    Totals,
    movements_between,
    totals,
)
from success.queries.nights import last_live_day
from success.queries.revenue import check_currency
from success.services.mailings import CannotBeMade, Sheet
from success.views.measures import EXPORT_SIZE, PAGE_SIZE, money_as_of
from success.views.views import opens_as_kept

logger = logging.getLogger(__name__)

HEADER = (
    *("member", "name", "tier", "segment", "movement", "opening", "closing", "change"),
    *("currency", "from", "to", "basis", "in_open_grace"),
    *(part.value for part in Part),
    *("transferred", "reason"),
)
KIND_WORDS = {Kind(value): label for value, label in KINDS}
PART_WORDS = {Part(value): label for value, label in PARTS}
IN_ORDER = (
    (Kind.NEW, 1),
    (Kind.REACTIVATION, 1),
    (Kind.EXPANSION, 1),
    (Kind.CONTRACTION, -1),
    (Kind.CHURN, -1),
)


@dataclass(frozen=True, kw_only=True)
class MovementLine:
    """A member's movement as the list shows it; ``change`` is signed."""

    row: MovementRow
    word: str
    change: Decimal
    parts: list[tuple[str, Decimal]]
    reason: str


@dataclass(frozen=True, kw_only=True)
class Step:
    """One line of the sum from the opening to the closing; ``amount`` is signed."""

    label: str
    amount: Decimal
    accounts: int
    url: str


@requires(Permission.REVENUE_VIEW)
@require_safe
@opens_as_kept("success:movements")
def movements(request: HttpRequest) -> HttpResponse:
    """The members behind a figure of a period, the largest change first, and their sum."""
    as_of = money_as_of()
    form = MovementsForm(request.GET, as_of=as_of)
    asked, only = _asked(form, as_of=as_of), form.narrowed()
    try:
        page = movements_between(
            asked, only=only, after=request.GET.get("after") or None, size=PAGE_SIZE
        )
        told = totals(asked, only=only)
    except MixedCurrencies as error:
        return render(request, "success/movements.html", {"form": form, "error": str(error)})
    query = request.GET.urlencode()
    return render(
        request,
        "success/movements.html",
        {
            "form": form,
            "period": form.period(),
            "lead": _asked_in_words(form),
            "rows": [_line(row) for row in page.items],
            "after": page.next,
            "told": told,
            "steps": _steps(request, told),
            "parts": _parts(request, told),
            "reasons": _reasons(request, told),
            "as_of": as_of,
            "currency": Association.current().currency,
            "export_url": f"{reverse('success:movements_export')}?{query}",
            "crumbs": [(_("Measures"), f"{reverse('success:measures')}#money")],
        },
    )


@requires(Permission.REVENUE_VIEW)
@require_safe
def movements_export(request: HttpRequest) -> HttpResponse | StreamingHttpResponse:
    """The same members as a CSV file, whole; who took it is logged."""
    return _export(request, CSV)


@requires(Permission.REVENUE_VIEW)
@require_safe
def movements_workbook(request: HttpRequest) -> HttpResponse | StreamingHttpResponse:
    """The same members as a workbook, whole; who took it is logged."""
    return _export(request, XLSX)


def _export(request: HttpRequest, kind: str) -> HttpResponse | StreamingHttpResponse:
    as_of = money_as_of()
    form = MovementsForm(request.GET, as_of=as_of)
    if not form.is_valid():
        return HttpResponseBadRequest(_("This period cannot be exported."))
    period = form.period()
    try:
        check_currency(on=period.opening_on)
    except MixedCurrencies as error:
        return HttpResponse(str(error), status=409, content_type="text/plain")
    logger.info(
        "Movements exported",
        extra={"user_id": request.user.pk, "asked": request.GET.urlencode()},
    )
    name = f"movements-{period.opening_on}-{period.closing_on}"
    return as_file(kind, name=name, header=HEADER, rows=_export_rows(form, as_of=as_of))


def sheet(_user: User, filters: QueryDict, as_of: date) -> Sheet:
    """The members behind a figure as a table; a period that is not said moves along."""
    form = MovementsForm(filters, as_of=last_live_day() or as_of)
    if not form.is_valid():
        raise CannotBeMade(_("This period cannot be exported."))
    try:
        check_currency(on=form.period().opening_on)
    except MixedCurrencies as error:
        raise CannotBeMade(str(error)) from error
    rows = _export_rows(form, as_of=form.as_of)
    return Sheet(header=HEADER, rows=rows, passing=frozenset({"from", "to"}))


def _export_rows(form: MovementsForm, *, as_of: date) -> Iterator[tuple[object, ...]]:
    asked, only = _asked(form, as_of=as_of), form.narrowed()
    currency = Association.current().currency
    after: str | None = None
    while True:
        page = movements_between(asked, only=only, after=after, size=EXPORT_SIZE)
        for row in page.items:
            yield (
                *(str(row.public_id), row.name, row.tier, row.segment, row.kind.value),
                *(row.opening, row.closing, row.closing - row.opening, currency),
                *(asked.opening_on, asked.closing_on, asked.basis.value),
                "yes" if row.is_undecided else "no",
                *(row.parts.get(part, Decimal(0)) for part in Part),
                *(row.transferred, row.reason),
            )
        after = page.next
        if not after:
            return


def _asked(form: MovementsForm, *, as_of: date) -> Asked:
    period = form.period()
    return Asked(
        opening_on=period.opening_on,
        closing_on=period.closing_on,
        as_of=as_of,
        basis=period.basis,
        grace_days=Association.current().grace_days,
    )


def _line(row: MovementRow) -> MovementLine:
    return MovementLine(
        row=row,
        word=str(KIND_WORDS[row.kind]),
        change=row.closing - row.opening,
        parts=[(str(PART_WORDS[part]), amount) for part, amount in row.parts.items()],
        reason=str(DepartureReason(row.reason).label) if row.reason else "",
    )


def _asked_in_words(form: MovementsForm) -> str:
    period = form.period()
    said = _("%(opening)s to %(closing)s. %(rule)s: %(kinds)s.") % {
        "opening": date_format(period.opening_on, "j F Y"),
        "closing": date_format(period.closing_on, "j F Y"),
        "rule": period.basis.label,
        "kinds": ", ".join(str(KIND_WORDS[kind]).lower() for kind in form.narrowed().kinds)
        or _("all who paid on either day"),
    }
    return " ".join([said, *(f"{words}." for words in form.in_words())])


def _steps(request: HttpRequest, told: Totals) -> list[Step]:
    """The movements between the opening and the closing, each with its rows."""
    return [
        Step(
            label=str(KIND_WORDS[kind]),
            amount=sign * told.amount(kind),
            accounts=told.accounts(kind),
            url=_narrower(request, kind=kind.value),
        )
        for kind, sign in IN_ORDER
    ]


def _parts(request: HttpRequest, told: Totals) -> list[dict[str, Any]]:
    """What expansion and contraction are made of; a leave of absence has no part."""
    rows = [
        {
            "label": str(PART_WORDS[part]),
            "expansion": told.part(part, kind=Kind.EXPANSION),
            "contraction": told.part(part, kind=Kind.CONTRACTION),
            "url": _narrower(request, part=part.value),
        }
        for part in Part
    ]
    if told.paused:
        rows.append(
            {
                "label": _("Leave of absence"),
                "expansion": Decimal(0),
                "contraction": -told.paused,
                "url": _narrower(request, reason=DepartureReason.PAUSE.value),
            }
        )
    return [row for row in rows if row["expansion"] or row["contraction"]]


def _reasons(request: HttpRequest, told: Totals) -> list[dict[str, Any]]:
    words = {True: _("avoidable"), False: _("unavoidable"), None: ""}
    return [
        {
            "label": str(DepartureReason(row.reason).label) if row.reason else _("Not told"),
            "judged": words[row.is_avoidable],
            "amount": row.amount,
            "members": row.members,
            "url": _narrower(request, reason=row.reason) if row.reason else "",
        }
        for row in told.reasons
    ]


def _narrower(request: HttpRequest, **only: str) -> str:
    """The same question, narrowed further."""
    query = request.GET.copy()
    for name in ("after", "kind", "part", "reason"):
        query.pop(name, None)
    for name, value in only.items():
        query[name] = value
    return f"{reverse('success:movements')}?{query.urlencode()}#rows"
