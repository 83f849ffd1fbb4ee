from datetime import date, timedelta
from fractions import Fraction

import pytest

from success.engine.digest import (
    Digest,
    Line,
    as_text,
    latest_day,
    section,
    since_when,
    week_of,
)
from tests.factories import NOON, TODAY

TITLES = {"learned": "Learned", "changed": "Changed"}


def digest(*sections, **more):
    return Digest(since=TODAY, until=TODAY, is_house=False, sections=sections, **more)


def text(*sections):
    return as_text(
        digest(*sections), titles=TITLES, more="and {number} more", nothing="Nothing."
    )


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        (date(2026, 7, 29), "2026-W31"),
        (date(2027, 1, 3), "2026-W53"),  # a Sunday: of the week that has its Thursday in 2026
        (date(2024, 12, 30), "2025-W01"),
    ],
)
def test_week_belongs_to_its_thursdays_year(day, expected):
    assert week_of(day) == expected


@pytest.mark.parametrize(("weekday", "expected"), [(2, 29), (1, 28), (0, 27), (3, 23), (6, 26)])
def test_newest_weekday_is_today_at_the_latest(weekday, expected):
    assert latest_day(date(2026, 7, 29), weekday=weekday) == date(2026, 7, expected)


@pytest.mark.parametrize(
    ("last", "expected"), [(None, 7), (7, 7), (14, 14), (100, 28), (-1, 0)]
)
def test_digest_goes_on_where_the_last_one_ended(last, expected):
    last_until = None if last is None else NOON - timedelta(days=last)

    assert since_when(last_until=last_until, due_at=NOON) == NOON - timedelta(days=expected)


def test_digest_is_empty_only_without_lines_and_without_overload():
    nothing = section("learned", [])

    assert digest(nothing).is_empty
    assert not digest(section("learned", [Line(member="A", text="b")])).is_empty
    assert not digest(nothing, unserved_hours=Fraction(1), unserved_items=1).is_empty


def test_text_has_a_line_each_and_says_how_many_are_left_out():
    lines = [
        Line(member="Harbour Works", text="wants  a\ncaptain", on=TODAY),
        Line(member="", text="x"),
    ]

    assert text(section("learned", lines, total=5), section("changed", [])) == (
        "Learned (5)\n- 29 July: Harbour Works: wants a captain\n- x\n  and 3 more"
    )
    assert text(section("changed", [])) == "Nothing."
