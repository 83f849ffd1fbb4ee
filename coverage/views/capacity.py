"""Can we give it: hours that members need, were given, and could be; now and half a year on."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils.formats import date_format
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe

from config.kernel import clock
from config.kernel.permissions import has, requires
from config.kernel.templatetags.ui import address, grouped
from coverage.access import Permission
from coverage.engine import capacity as engine
from coverage.engine.capacity import Band
from coverage.models import Absence, CoverageModel
from coverage.queries.capacity import PersonLoad, Picture, WeekAhead, loads, picture
from coverage.queries.hours import current_model
from coverage.views.pages import user_of
from members.models import Association, User

BANDS = {
    Band.OVERLOADED: gettext_lazy("Overloaded"),
    Band.FULL: gettext_lazy("Full"),
    Band.HEALTHY: gettext_lazy("Healthy"),
    Band.LIGHT: gettext_lazy("Room to spare"),
    Band.UNDER_USED: gettext_lazy("Under-used"),
}
# Tables of this page that can be taken as files.
EXPORTS = (
    ("people", gettext_lazy("Person by person")),
    ("weeks", gettext_lazy("The half year ahead")),
    ("pools", gettext_lazy("The pool")),
    ("segments", gettext_lazy("Segments")),
)
# From which load on a band counts, for the key of the heat map; highest first.
BAND_LIMITS = (
    (Band.OVERLOADED, engine.OVERLOADED_ABOVE),
    (Band.FULL, engine.HEALTHY_TO),
    (Band.HEALTHY, engine.HEALTHY_FROM),
    (Band.LIGHT, engine.UNDER_USED_BELOW),
    (Band.UNDER_USED, Fraction(0)),
)


@dataclass(frozen=True, kw_only=True)
class Row:
    """A person as this viewer may see them; null is not known."""

    name: str
    is_named: bool
    is_mine: bool
    members: int
    helped: int
    unknown: int
    needed: Decimal
    given: Decimal | None
    available: Decimal | None
    load: Decimal | None
    given_load: Decimal | None
    supportable: Decimal | None
    band: Band | None
    away: tuple[Absence, ...]
    is_overloaded_for_weeks: bool

    @property
    def word(self) -> Any:
        return BANDS[self.band] if self.band else None


@dataclass(frozen=True, kw_only=True)
class Cell:
    """A week in the heat map; ``load`` null is away for the whole of it, or not known."""

    load: Decimal | None
    band: Band | None
    is_away: bool
    needed: float
    available: float | None

    @property
    def text(self) -> str:
        if self.load is not None:
            return f"{grouped(100 * self.load)}%"
        return _("away") if self.is_away else _("not known")

    @property
    def word(self) -> str:
        return str(BANDS[self.band]) if self.band else ""


@dataclass(frozen=True, kw_only=True)
class HeatRow:
    name: str
    is_team: bool
    cells: tuple[Cell, ...]

    @property
    def markup(self) -> SafeString:
        """The cells of the table, put together here: there are many of them."""
        return format_html_join(
            "",
            '<td class="c-cell{}" title="{}">{}</td>',
            (
                (f" c-cell-{cell.band}" if cell.band else "", cell.word, cell.text)
                for cell in self.cells
            ),
        )


@dataclass(frozen=True, kw_only=True)
class Page:
    """What the page, its charts and its tables say."""

    rows: tuple[Row, ...]
    heat: tuple[HeatRow, ...]
    weeks: tuple[date, ...]
    peak: date | None
    picture: Picture


@requires(Permission.COVERAGE_VIEW)
@require_safe
def capacity(request: HttpRequest) -> HttpResponse:
    """The team's load, each person's, and the weeks ahead, for whoever may see them."""
    as_of = clock.today()
    page = shown_to(user_of(request), as_of=as_of)
    team = page.picture.team
    sums = team.sums
    need = team.pool.need
    model: CoverageModel | None = current_model(as_of=as_of)
    return render(
        request,
        "coverage/capacity.html",
        {
            "page": page,
            "team": team,
            "band": team.band,
            "band_word": BANDS[team.band] if team.band else None,
            "load": _decimal(sums.load),
            "needed": _decimal(sums.demand),
            "available": _decimal(sums.capacity),
            "given": _decimal(team.given),
            "highest": _decimal(sums.highest),
            "lowest": _decimal(sums.lowest),
            "missing": _decimal(sums.hours_missing),
            "people_missing": _decimal(team.people_missing),
            "leverage": _decimal(sums.leverage_needed),
            "unserved": _decimal(team.unserved),
            "pool": {
                "needed": _decimal(team.pool.needed),
                "capacity": _decimal(team.pool.capacity) if team.pool.people else None,
                "load": _decimal(team.pool.load),
                "need_hours": _decimal(need.hours if need else None),
                "need_people": _decimal(need.people if need else None),
            },
            "left_out_hours": _decimal(team.left_out_hours),
            "unheld_hours": _decimal(team.unheld_hours),
            "tired": [row for row in page.rows if row.is_overloaded_for_weeks],
            "bands": [
                {"key": band, "word": BANDS[band], "above": _known(limit) or None}
                for band, limit in BAND_LIMITS
            ],
            "model": model,
            "simulator": address("coverage:simulator")
            if has(request.user, Permission.COVERAGE_EDIT)
            else "",
            "hours_page": address("coverage:hours"),
            "exports": EXPORTS,
            "today": as_of,
        },
    )


@requires(Permission.COVERAGE_VIEW)
@require_safe
def loads_chart(request: HttpRequest) -> JsonResponse:
    """Hours a month by person: needed and given as bars, available as a line."""
    grace_days = Association.current().grace_days
    found = loads(as_of=clock.today(), grace_days=grace_days)
    rows = _rows(found, names=_Names(user_of(request)))
    return JsonResponse(
        {
            "kind": "bar",
            "title": _("Hours a month by person"),
            "unit": _("h"),
            "x": [row.name for row in rows],
            "series": [
                {"name": _("needed"), "data": [_tenth(row.needed) for row in rows]},
                {
                    "name": _("given"),
                    "data": [_tenth(row.given) for row in rows],
                    "state": "ahead",
                },
                {
                    "name": _("available"),
                    "data": [_tenth(row.available) for row in rows],
                    "state": "no_plan",
                    "as": "line",
                },
            ],
        }
    )


@requires(Permission.COVERAGE_VIEW)
@require_safe
def weeks_chart(request: HttpRequest) -> JsonResponse:
    """The load of every week ahead, by person and of the team."""
    page = shown_to(user_of(request), as_of=clock.today())
    return JsonResponse(
        {
            "kind": "heat",
            "title": _("Load by week"),
            "percent": True,
            "x": [date_format(week, "j M") for week in page.weeks],
            "y": [row.name for row in page.heat],
            "bands": [
                {"key": band.value, "name": str(BANDS[band]), "from": float(limit)}
                for band, limit in BAND_LIMITS
            ],
            "series": [
                {
                    "name": row.name,
                    "data": [
                        None if cell.load is None else float(round(cell.load, 3))
                        for cell in row.cells
                    ],
                    "bands": [cell.band.value if cell.band else None for cell in row.cells],
                    "away": [cell.is_away for cell in row.cells],
                    "needed": [round(cell.needed, 1) for cell in row.cells],
                    "available": [
                        None if cell.available is None else round(cell.available, 1)
                        for cell in row.cells
                    ],
                }
                for row in page.heat
            ],
        }
    )


def shown_to(viewer: User, *, as_of: date) -> Page:
    """Return what ``viewer`` may see of the team, of one reading of the database."""
    found = picture(as_of=as_of, grace_days=Association.current().grace_days)
    names = _Names(viewer)
    heat = [_team_weeks(found)]
    for ahead in found.projection:
        if ahead.user is None:
            if any(week.needed for week in ahead.weeks):
                heat.append(_heat_row(_("The pool"), ahead.weeks))
        elif names.may_see(ahead.user):
            heat.append(_heat_row(ahead.user.name, ahead.weeks))
    weeks = tuple(week.week for week in found.projection[-1].weeks)
    team_loads = [cell.load or Decimal(0) for cell in heat[0].cells]
    highest = max(team_loads)
    return Page(
        rows=_rows(found.loads, names=names),
        heat=tuple(heat),
        weeks=weeks,
        # nothing to point at where the weeks are all alike
        peak=weeks[team_loads.index(highest)]
        if highest > team_loads[0] * Decimal("1.05")
        else None,
        picture=found,
    )


class _Names:
    """Whose names this viewer may read: everybody's, or their own."""

    def __init__(self, viewer: User) -> None:
        self._viewer = viewer
        self.is_narrow = not has(viewer, Permission.CAPACITY_VIEW_ALL)

    def is_mine(self, user: User) -> bool:
        return user.pk == self._viewer.pk

    def may_see(self, user: User) -> bool:
        return not self.is_narrow or self.is_mine(user)

    def of(self, user: User) -> str:
        return user.name if self.may_see(user) else _("A colleague")


def _rows(found: Iterable[PersonLoad], *, names: _Names) -> tuple[Row, ...]:
    """The most loaded first; one's own first where the others have no names."""
    rows = [_row(load, names=names) for load in found]
    if names.is_narrow:
        rows.sort(key=lambda row: not row.is_mine)
    return tuple(rows)


def _row(load: PersonLoad, *, names: _Names) -> Row:
    may_see = names.may_see(load.user)
    return Row(
        name=names.of(load.user),
        is_named=may_see,
        is_mine=names.is_mine(load.user),
        members=load.members,
        helped=load.helped,
        unknown=load.unknown,
        needed=_known(load.needed),
        given=_decimal(load.given),
        available=_decimal(load.capacity),
        load=_decimal(load.load),
        given_load=_decimal(load.given_load),
        supportable=_decimal(load.supportable),
        band=load.band,
        away=load.absences if may_see else (),
        is_overloaded_for_weeks=load.is_overloaded_for_weeks and may_see,
    )


def _heat_row(name: str, weeks: Iterable[WeekAhead], *, is_team: bool = False) -> HeatRow:
    return HeatRow(
        name=name,
        is_team=is_team,
        cells=tuple(
            Cell(
                load=None if week.load is None else Decimal(str(round(week.load, 4))),
                band=week.band,
                is_away=week.away >= 1,
                needed=week.needed,
                available=week.available,
            )
            for week in weeks
        ),
    )


def _team_weeks(found: Picture) -> HeatRow:
    """Everybody's weeks as one, of those whose hours are known and of the pool."""
    known = [
        ahead
        for ahead in found.projection
        if ahead.user is None or any(week.available is not None for week in ahead.weeks)
    ]
    weeks = [
        WeekAhead(
            week=together[0].week,
            needed=sum(each.needed for each in together),
            available=sum(each.available or 0.0 for each in together),
            away=0.0,
        )
        for together in zip(*(ahead.weeks for ahead in known), strict=True)
    ]
    return _heat_row(_("The team"), weeks, is_team=True)


def _known(value: Fraction) -> Decimal:
    return Decimal(value.numerator) / Decimal(value.denominator)


def _decimal(value: Fraction | None) -> Decimal | None:
    return None if value is None else _known(value)


def _tenth(value: Decimal | None) -> float | None:
    return None if value is None else round(float(value), 1)
