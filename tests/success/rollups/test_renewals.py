from datetime import date, timedelta

import pytest

from success.models import RenewalCount, VectorChange
from success.rollups import renewals
from tests.success.ledgers import add_lines, line

pytestmark = pytest.mark.django_db
GRACE = 30


def refresh(as_of="2026-01-10", *, since=None):
    return renewals.refresh(
        as_of=date.fromisoformat(as_of),
        since=since and date.fromisoformat(since),
        grace_days=GRACE,
    )


def counted():
    return {
        (f"{row.month:%Y-%m}", row.state, row.is_first_year, row.tier): (
            row.renewed,
            row.lapsed,
            row.undecided,
        )
        for row in RenewalCount.objects.all()
    }


def test_ends_are_counted_by_month_year_and_tier():
    add_lines(
        [
            line("stays", "2024-01-01", "2025-01-01", 10, "Gold"),
            line("stays", "2025-01-01", "2026-01-01", 10, "Silver"),
            line("leaves", "2024-01-01", "2025-01-01", 10, "Gold"),
            line("in grace", "2024-01-01", "2025-01-01", 10, "Gold"),
            line("in grace", "2025-01-20", "2026-01-01", 10, "Gold"),
        ]
    )
    refresh()

    assert counted() == {
        ("2025-01", "", True, "Gold"): (2, 1, 0),
        ("2026-01", "", False, "Silver"): (0, 0, 1),
        ("2026-01", "", False, "Gold"): (0, 0, 1),
    }


@pytest.mark.parametrize(
    ("back_on", "came"), [("2025-01-30", (1, 0, 0)), ("2025-01-31", (0, 1, 0))]
)
def test_renewal_begins_before_the_grace_is_over(back_on, came):
    add_lines(
        [
            line("m", "2024-01-01", "2025-01-01", 10),
            line("m", back_on, "2027-01-01", 10),
        ]
    )
    refresh()

    assert counted() == {("2025-01", "", True, "Full"): came}


def test_who_comes_back_is_in_a_first_year_again():
    add_lines(
        [
            line("m", "2020-01-01", "2022-01-01", 10),
            line("m", "2024-01-01", "2025-01-01", 10),
        ]
    )
    refresh()

    assert counted() == {
        ("2022-01", "", False, "Full"): (0, 1, 0),
        ("2025-01", "", True, "Full"): (0, 1, 0),
    }


def test_a_term_inside_another_ends_nothing():
    add_lines(
        [
            line("m", "2024-01-01", "2025-06-01", 10),
            line("m", "2024-03-01", "2024-09-01", 5, "Extra"),
        ]
    )
    refresh()

    assert [key[0] for key in counted()] == ["2025-06"]


def test_state_is_read_60_days_before_the_end():
    (member,) = add_lines([line("m", "2024-01-01", "2025-01-01", 10)]).values()
    end = date(2025, 1, 1)
    for days, state in ((200, "on_track"), (60, "slipping"), (59, "stalled")):
        VectorChange.objects.create(member=member, on=end - timedelta(days=days), state=state)
    refresh()

    assert [key[1] for key in counted()] == ["slipping"]


def test_terms_that_begin_later_are_not_seen():
    add_lines(
        [
            line("m", "2024-01-01", "2025-01-01", 10),
            line("m", "2025-01-01", "2026-01-01", 10),
        ]
    )
    refresh("2024-12-31")
    assert counted() == {}

    refresh("2025-01-01")
    assert counted() == {("2025-01", "", True, "Full"): (1, 0, 0)}


def test_an_ordinary_night_says_what_a_full_one_would():
    add_lines(
        [
            line("a", "2024-01-01", "2025-01-01", 10),
            line("b", "2023-12-20", "2025-12-20", 10),
            line("c", "2024-02-01", "2025-02-01", 10),
        ]
    )
    refresh("2025-12-31")
    add_lines([line("a", "2025-01-15", "2026-01-05", 10)])
    refresh("2026-01-20", since="2025-01-15")
    ordinary = counted()
    RenewalCount.objects.all().delete()
    refresh("2026-01-20")

    assert ordinary == counted()
    assert ordinary["2025-01", "", True, "Full"] == (1, 0, 0)
    assert ordinary["2025-12", "", False, "Full"] == (0, 1, 0)


def test_a_month_without_ends_any_more_is_gone():
    members = add_lines([line("a", "2024-01-01", "2025-01-01", 10)])
    refresh()
    members["a"].terms.all().delete()
    refresh()

    assert counted() == {}


def test_the_second_run_writes_nothing():
    add_lines(
        [line("a", "2024-01-01", "2025-01-01", 10), line("b", "2024-01-01", "2026-01-01", 1)]
    )

    assert refresh().rows_out == 2
    assert refresh().rows_out == 0
    assert refresh(since="2026-01-10").rows_out == 0
