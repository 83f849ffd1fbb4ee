"""Seven years of a real association's terms, measured and compared to the cent."""

import csv
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest

from success.engine.revenue import TermLine, in_force_measure, to_places

HISTORY = Path(__file__).resolve().parents[3] / "data" / "cncf"
MEMBERSHIPS = HISTORY / "memberships.csv"
EXPECTED = HISTORY / "expected_nrr_by_calendar_year.csv"


def rows(path: Path) -> Iterator[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        yield from csv.DictReader(file)


def expected_years() -> list[dict[str, str]]:
    return list(rows(EXPECTED))


@pytest.fixture(scope="module")
def lines() -> list[TermLine]:
    return [
        TermLine(
            account=row["org_id"],
            starts_on=date.fromisoformat(row["start_date"]),
            ends_on=date.fromisoformat(row["end_date"]),
            annual_amount=Decimal(row["annual_dues"]),
            tier=row["tier"],
        )
        for row in rows(MEMBERSHIPS)
    ]


def six_places(ratio: Fraction | None) -> str:
    assert ratio is not None
    return str(to_places(ratio, 6))


@pytest.mark.parametrize("year", expected_years(), ids=lambda year: year["period_start"][:4])
def test_in_force_measure_gives_the_published_year(
    lines: list[TermLine], year: dict[str, str]
) -> None:
    measure = in_force_measure(
        lines,
        opening_day=date.fromisoformat(year["period_start"]),
        closing_day=date.fromisoformat(year["period_end"]),
    )

    assert {
        "period_start": year["period_start"],
        "period_end": year["period_end"],
        "opening_arr": str(measure.opening),
        "new": str(measure.new),
        "reactivation": str(measure.reactivation),
        "expansion": str(measure.expansion),
        "contraction": str(measure.contraction),
        "churn": str(measure.churn),
        "closing_arr": str(measure.closing),
        "nrr": six_places(measure.nrr),
        "grr": six_places(measure.grr),
        "base_orgs": str(measure.base_accounts),
        "lost_orgs": str(measure.churned_accounts),
        "logo_churn": six_places(measure.logo_churn),
        "gained_orgs": str(measure.gained_accounts),
        "members_open": str(measure.members_open),
        "members_lost": str(measure.churned_accounts),
        "members_gained": str(measure.gained_accounts),
        "members_close": str(measure.members_close),
    } == year
