from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from members.models import Association, DirtyMember, Dues, Term
from success.enums import Dimension, PeriodKind, RevenueBasis
from success.models import RevenuePeriod
from success.queries.revenue import revenue_between, revenue_series
from success.rollups import revenue
from tests.examples import example
from tests.success.ledgers import MORNING, Line, add_lines, assign, line

pytestmark = pytest.mark.django_db


@dataclass(frozen=True)
class Said:
    opening: int
    closing: int
    is_final: bool
    revision: int = 0
    because: str = ""


def refresh(as_of: str, *, since: str | None = "2099-01-01") -> int:
    return revenue.refresh(
        as_of=date.fromisoformat(as_of),
        since=date.fromisoformat(since) if since else None,
        at=MORNING,
    ).rows_out


def said(kind: PeriodKind, ends_on: str, **about: Any) -> list[Said]:
    fields = {"basis": RevenueBasis.IN_FORCE, "dimension": Dimension.ALL, "value": ""} | about
    rows = RevenuePeriod.objects.filter(kind=kind, ends_on=ends_on, **fields)
    return [
        Said(
            int(row.opening), int(row.closing), row.is_final, row.revision, row.restated_because
        )
        for row in rows.order_by("revision")
    ]


def periods(kind: PeriodKind) -> list[tuple[str, str]]:
    rows = RevenuePeriod.objects.filter(
        kind=kind, basis=RevenueBasis.IN_FORCE, dimension=Dimension.ALL
    ).order_by("ends_on")
    return [(row.starts_on.isoformat(), row.ends_on.isoformat()) for row in rows]


def test_refresh_of_an_empty_ledger_says_nothing():
    assert (refresh("2025-03-10"), RevenuePeriod.objects.count()) == (0, 0)


def test_refresh_says_months_and_years_from_the_first_term_on():
    add_lines([line("A", "2024-11-20", "2025-11-20", 100)])
    refresh("2025-02-10")

    assert periods(PeriodKind.MONTH) == [
        ("2024-11-01", "2024-12-01"),
        ("2024-12-01", "2025-01-01"),
        ("2025-01-01", "2025-02-01"),
        ("2025-02-01", "2025-03-01"),
    ]
    assert periods(PeriodKind.CALENDAR_YEAR) == [
        ("2024-01-01", "2025-01-01"),
        ("2025-01-01", "2026-01-01"),
    ]
    assert periods(PeriodKind.TRAILING_YEAR) == [("2024-02-10", "2025-02-10")]


def test_refresh_counts_trailing_years_once_the_ledger_is_a_year_old():
    add_lines([line("A", "2024-01-20", "2026-01-20", 100)])
    refresh("2025-03-01")

    assert periods(PeriodKind.TRAILING_YEAR) == [
        ("2024-01-01", "2025-01-01"),
        ("2024-02-01", "2025-02-01"),
        ("2024-03-01", "2025-03-01"),
    ]


def test_trailing_year_up_to_the_night_replaces_the_one_before():
    add_lines([line("A", "2024-01-20", "2026-01-20", 100)])
    refresh("2025-01-10")
    refresh("2025-01-11")

    assert periods(PeriodKind.TRAILING_YEAR) == [
        ("2024-01-01", "2025-01-01"),
        ("2024-01-11", "2025-01-11"),
    ]


def test_open_month_is_measured_as_at_the_night():
    add_lines(
        [line("A", "2025-01-01", "2026-01-01", 100), line("B", "2025-03-05", "2026-03-05", 50)]
    )
    refresh("2025-03-04")
    before = said(PeriodKind.MONTH, "2025-04-01")
    refresh("2025-03-05")

    assert before == [Said(100, 100, is_final=False)]
    assert said(PeriodKind.MONTH, "2025-04-01") == [Said(100, 150, is_final=False)]


def test_the_same_night_again_writes_nothing():
    add_lines([line("A", "2024-01-20", "2025-01-20", 100)])
    first = refresh("2025-02-10")

    again = [refresh("2025-02-10", since=since) for since in ["2025-02-10", "2024-01-01", None]]
    assert (first > 0, again) == (True, [0, 0, 0])


def test_a_past_night_writes_nothing():
    add_lines([line("A", "2024-01-20", "2025-01-20", 100)])
    refresh("2025-02-10")

    assert refresh("2024-12-10") == 0


def test_an_open_grace_window_keeps_a_closed_month_provisional_until_it_closes():
    add_lines(
        [line("A", "2024-03-20", "2025-02-20", 100), line("B", "2024-03-20", "2026-03-20", 10)]
    )
    about = {"basis": RevenueBasis.MEMBERSHIP}
    refresh("2025-03-10")
    (provisional,) = said(PeriodKind.MONTH, "2025-03-01", **about)
    refresh("2025-03-21")
    still = said(PeriodKind.MONTH, "2025-03-01", **about)
    refresh("2025-03-22")
    closed = said(PeriodKind.MONTH, "2025-03-01", **about)

    assert provisional == Said(110, 110, is_final=False)
    assert still == [Said(110, 110, is_final=False)]
    assert closed == [Said(110, 10, is_final=True)]


def test_provisional_series_tells_both_readings():
    add_lines(
        [line("A", "2024-03-20", "2025-02-20", 90), line("B", "2024-03-20", "2026-03-20", 10)]
    )
    refresh("2025-03-10")
    point = revenue_series(kind=PeriodKind.MONTH, basis=RevenueBasis.MEMBERSHIP)[-2]

    assert (point.nrr, point.nrr_strict) == (Decimal("1.000000"), Decimal("0.100000"))
    assert (point.grr, point.grr_strict) == (Decimal("1.000000"), Decimal("0.100000"))
    assert (point.logo_retention, point.logo_retention_strict) == (
        Decimal("1.000000"),
        Decimal("0.500000"),
    )
    assert (point.closing, point.closing_strict) == (Decimal(100), Decimal(10))


def test_a_renewal_in_grace_settles_the_month_without_a_restatement():
    add_lines([line("A", "2024-03-20", "2025-02-20", 100)])
    refresh("2025-03-10")
    add_lines([line("A", "2025-03-11", "2026-03-11", 120)])
    refresh("2025-03-12", since="2025-03-11")

    assert said(PeriodKind.MONTH, "2025-03-01", basis=RevenueBasis.MEMBERSHIP) == [
        Said(100, 120, is_final=True)
    ]


def test_a_late_fact_restates_a_final_month_and_keeps_both_values():
    members = add_lines([line("A", "2024-01-20", "2026-01-20", 100)])
    refresh("2025-03-10")
    add_lines([line("A", "2024-06-15", "2026-01-20", 7)])
    DirtyMember.objects.create(member=members["A"], since=date(2024, 6, 15))
    refresh("2025-03-11", since="2024-06-15")

    assert said(PeriodKind.MONTH, "2024-07-01") == [
        Said(100, 100, is_final=True),
        Said(100, 107, is_final=True, revision=1, because="late facts about 1 member"),
    ]
    assert said(PeriodKind.MONTH, "2024-06-01") == [Said(100, 100, is_final=True)]
    point = revenue_series(
        kind=PeriodKind.MONTH, basis=RevenueBasis.IN_FORCE, until=date(2024, 7, 1)
    )[-1]
    assert (point.closing, point.restated_on) == (Decimal(107), date(2025, 3, 11))


def test_a_tier_that_late_facts_leave_empty_is_restated_to_nought():
    members = add_lines([line("A", "2024-01-20", "2026-01-20", 100, "Gold")])
    refresh("2025-03-10")
    Term.objects.update(tier="Silver")
    DirtyMember.objects.create(member=members["A"], since=date(2024, 1, 20))
    refresh("2025-03-11", since="2024-01-20")
    about = {"dimension": Dimension.TIER}
    because = "late facts about 1 member"

    assert said(PeriodKind.MONTH, "2024-07-01", value="Gold", **about) == [
        Said(100, 100, is_final=True),
        Said(0, 0, is_final=True, revision=1, because=because),
    ]
    assert said(PeriodKind.MONTH, "2024-07-01", value="Silver", **about) == [
        Said(100, 100, is_final=True)
    ]
    assert said(PeriodKind.MONTH, "2025-04-01", value="Gold", **about) == []
    assert refresh("2025-03-11", since="2024-01-20") == 0


def test_a_move_to_another_segment_restates_no_final_period():
    members = add_lines([line("A", "2024-01-20", "2026-01-20", 100)])
    assign([members["A"]], key="north")
    refresh("2025-03-10")
    members["A"].assignment.delete()
    assign([members["A"]], key="south")
    refresh("2025-03-11", since="2024-01-20")
    about = {"dimension": Dimension.SEGMENT}

    assert said(PeriodKind.MONTH, "2024-07-01", value="north", **about) == [
        Said(100, 100, is_final=True)
    ]
    assert said(PeriodKind.MONTH, "2024-07-01", value="south", **about) == []
    assert said(PeriodKind.MONTH, "2025-04-01", value="north", **about) == []
    assert said(PeriodKind.MONTH, "2025-04-01", value="south", **about) == [
        Said(100, 100, is_final=False)
    ]


def test_leap_day_trails_to_the_28th():
    assert revenue.year_before(date(2024, 2, 29)) == date(2023, 2, 28)


@st.composite
def histories(draw: st.DrawFn) -> list[Line]:
    drawn = []
    for member in "ABC":
        for _ in range(draw(st.integers(0, 3))):
            starts = date(2023, 6, 1) + timedelta(days=draw(st.integers(0, 700)))
            drawn.append(
                Line(
                    member,
                    starts,
                    starts + timedelta(days=draw(st.integers(20, 400))),
                    Decimal(draw(st.sampled_from([0, 100, 250]))),
                    draw(st.sampled_from(["Silver", "Gold"])),
                )
            )
    return drawn


@given(
    drawn=histories(),
    nights=st.lists(st.integers(0, 500), min_size=1, max_size=4, unique=True),
)
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
def test_nights_in_order_say_what_one_night_says_and_what_the_days_say(drawn, nights):
    days = [date(2024, 1, 1) + timedelta(days=number) for number in sorted(nights)]
    with example():
        add_lines(drawn)
        for as_of in days:
            revenue.refresh(as_of=as_of, since=as_of, at=MORNING)
        in_order = everything()
        RevenuePeriod.objects.all().delete()
        revenue.refresh(as_of=days[-1], since=None, at=MORNING)
        at_once = everything()
        directly = {
            (row.kind, row.ends_on, row.basis): between(row, as_of=days[-1])
            for row in RevenuePeriod.objects.filter(dimension=Dimension.ALL)
        }

    assert in_order == at_once
    assert directly == {
        (key.kind, key.ends_on, key.basis): tuple(values[name] for name in revenue.AMOUNTS[:8])
        for key, values in at_once.items()
        if key.dimension == Dimension.ALL
    }


def everything() -> dict[revenue.Key, dict[str, object]]:
    return {
        revenue.Key(row.kind, row.ends_on, row.basis, row.dimension, row.value): {
            name: getattr(row, name) for name in (*revenue.SAID, "revision")
        }
        for row in RevenuePeriod.objects.all()
    }


def between(row: RevenuePeriod, *, as_of: date) -> tuple[Decimal, ...]:
    (figures,) = revenue_between(
        opening_on=row.starts_on,
        closing_on=min(row.ends_on, as_of),
        as_of=as_of,
        basis=RevenueBasis(row.basis),
        grace_days=Association.current().grace_days,
    )
    amounts = [getattr(figures.optimistic, name) for name in revenue.AMOUNTS[:7]]
    return (*amounts, figures.undecided)


def test_terms_without_dues_count_as_complimentary():
    add_lines(
        [line("A", "2024-01-20", "2026-01-20", 100), line("B", "2024-01-20", "2026-01-20", 50)]
    )
    Dues.objects.filter(annual_amount=50).delete()
    refresh("2024-07-01")

    assert said(PeriodKind.MONTH, "2024-07-01") == [Said(100, 100, is_final=True)]
