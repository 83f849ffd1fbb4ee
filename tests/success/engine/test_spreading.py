from collections import Counter
from datetime import date

import pytest

from success.engine.spreading import begin_of, place, working_days


@pytest.mark.parametrize(
    ("every", "on", "begins"),
    [
        ("month", date(2026, 8, 31), date(2026, 8, 1)),
        ("quarter", date(2026, 9, 30), date(2026, 7, 1)),
        ("quarter", date(2026, 10, 1), date(2026, 10, 1)),
    ],
)
def test_a_period_begins_on_its_first_day(every, on, begins):
    assert begin_of(every, on=on) == begins


def test_working_days_leave_out_the_end_of_the_week():
    assert working_days(date(2026, 8, 1), count=6) == (
        date(2026, 8, 3),
        date(2026, 8, 4),
        date(2026, 8, 5),
        date(2026, 8, 6),
        date(2026, 8, 7),
        date(2026, 8, 10),
    )


def test_a_place_is_always_the_same_and_places_are_filled_alike():
    places = [place(salt="review:day", account=account, among=20) for account in range(20_000)]
    counted = Counter(places)

    assert places == [
        place(salt="review:day", account=account, among=20) for account in range(20_000)
    ]
    assert sorted(counted) == list(range(20))
    assert 900 < min(counted.values()) <= max(counted.values()) < 1_100
    assert places != [place(salt="other:day", account=n, among=20) for n in range(20_000)]
