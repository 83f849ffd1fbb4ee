"""A real association's ledger through the rollup: published years, and the engine elsewhere."""

import csv
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from members.models import Association
from success.engine.revenue import in_force_measure, membership_measure
from success.enums import Dimension, PeriodKind, RevenueBasis
from success.models import RevenuePeriod
from success.queries.revenue import revenue_series
from success.rollups import revenue
from tests.success.ledgers import MORNING, Line, add_lines, as_engine

HISTORY = Path(__file__).resolve().parents[3] / "data" / "cncf"
SNAPSHOT = date(2026, 7, 29)

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(
        not (HISTORY / "memberships.csv").exists(),
        reason="the association's history is not in this checkout",
    ),
]


def rows(name: str) -> list[dict[str, str]]:
    path = HISTORY / name
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def ledger() -> list[Line]:
    return [
        Line(
            row["org_id"],
            date.fromisoformat(row["start_date"]),
            date.fromisoformat(row["end_date"]),
            Decimal(row["annual_dues"]),
            row["tier"],
        )
        for row in rows("memberships.csv")
    ]


def test_refresh_gives_the_published_years_and_the_engines_months():
    lines = ledger()
    add_lines(lines)
    revenue.refresh(as_of=SNAPSHOT, since=None, at=MORNING)

    years = {
        point.ends_on: point
        for point in revenue_series(kind=PeriodKind.CALENDAR_YEAR, basis=RevenueBasis.IN_FORCE)
    }
    published = rows("expected_nrr_by_calendar_year.csv")
    assert [year(years[date.fromisoformat(row["period_end"])]) for row in published] == [
        [row["opening_arr"], row["new"], row["reactivation"], row["expansion"], row["contraction"],
         row["churn"], row["closing_arr"], row["nrr"], row["grr"], row["members_open"],
         row["members_lost"], row["members_gained"], row["members_close"]]
        for row in published
    ]  # fmt: skip

    everybody = RevenuePeriod.objects.filter(
        dimension=Dimension.ALL, kind__in=[PeriodKind.MONTH, PeriodKind.TRAILING_YEAR]
    ).order_by("basis", "kind", "ends_on")
    sample = list(everybody)[::23]
    known = as_engine(lines, as_of=SNAPSHOT)
    assert [amounts(row) for row in sample] == [by_engine(row, known) for row in sample]


def test_monthly_series_joins_up():
    add_lines(ledger())
    revenue.refresh(as_of=SNAPSHOT, since=None, at=MORNING)

    for basis in RevenueBasis:
        months = revenue_series(kind=PeriodKind.MONTH, basis=basis)
        assert [month.closing for month in months[:-1]] == [m.opening for m in months[1:]]


def year(point) -> list[str]:
    figures = [point.opening, point.new, point.reactivation, point.expansion]
    figures += [point.contraction, point.churn, point.closing]
    lost = point.base_members - point.kept_members
    gained = point.new_members + point.reactivated_members
    members = [point.base_members, lost, gained, point.base_members - lost + gained]
    return [
        *(f"{figure:.0f}" for figure in figures),
        str(point.nrr),
        str(point.grr),
        *(str(count) for count in members),
    ]


def amounts(row: RevenuePeriod) -> list[Decimal | int]:
    return [getattr(row, name) for name in (*revenue.AMOUNTS[:7], *revenue.COUNTS[:4])]


def by_engine(row: RevenuePeriod, known) -> list[Decimal | int]:
    days = {"opening_day": row.starts_on, "closing_day": min(row.ends_on, SNAPSHOT)}
    if row.basis == RevenueBasis.IN_FORCE:
        measure = in_force_measure(known, **days)
    else:
        measure = membership_measure(
            known, as_of=SNAPSHOT, grace_days=Association.current().grace_days, **days
        ).optimistic
    return [
        *(getattr(measure, name) for name in revenue.AMOUNTS[:7]),
        measure.base_accounts,
        measure.base_accounts - measure.churned_accounts,
        measure.new_accounts,
        measure.reactivated_accounts,
    ]
