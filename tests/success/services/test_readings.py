from datetime import date

import pytest

from success.models import MeasureReading
from success.queries import gap, kept, readings, revenue
from success.services.readings import forget, write_down
from tests.factories import make_term

pytestmark = pytest.mark.django_db
DAY = date(2026, 7, 29)


def test_the_same_day_again_writes_nothing():
    make_term(starts_on=date(2025, 1, 1), ends_on=date(2027, 1, 1))

    assert write_down(as_of=DAY, grace_days=30) > 0
    assert write_down(as_of=DAY, grace_days=30) == 0


def test_an_answer_that_is_kept_equals_the_one_worked_out_now():
    make_term(starts_on=date(2025, 1, 1), ends_on=date(2027, 1, 1))
    year = {
        "opening_on": date(2025, 7, 29),
        "closing_on": DAY,
        "as_of": DAY,
        "grace_days": 30,
    }
    write_down(as_of=DAY, grace_days=30)

    for ask, asked in (
        (kept.promises_kept, {"as_of": DAY}),
        (gap.gap_of, {"as_of": DAY}),
        (revenue.both_bases, year),
    ):
        found = readings.known(ask, **asked)
        assert found is not None
        assert found == ask.__wrapped__(**asked)


def test_another_question_is_worked_out_and_another_night_replaces_the_last():
    write_down(as_of=DAY, grace_days=30)

    assert readings.known(kept.promises_kept, as_of=date(2026, 7, 28)) is None
    write_down(as_of=date(2026, 7, 30), grace_days=30)
    assert {*MeasureReading.objects.values_list("as_of", flat=True)} == {date(2026, 7, 30)}


def test_what_was_said_anew_is_forgotten():
    write_down(as_of=DAY, grace_days=30)

    forget(kept.promises_kept)

    assert readings.known(kept.promises_kept, as_of=DAY) is None
    assert readings.known(gap.gap_of, as_of=DAY) is not None
