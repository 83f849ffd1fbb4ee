from datetime import date

import pytest

from success.engine.mailing import fingerprint, latest_day, next_day

HEADER = ("name", "days")


@pytest.mark.parametrize(
    ("today", "cadence", "day", "latest", "following"),
    [
        (date(2026, 7, 29), "weekly", 0, date(2026, 7, 27), date(2026, 8, 3)),
        (date(2026, 7, 29), "weekly", 2, date(2026, 7, 29), date(2026, 8, 5)),
        (date(2026, 7, 29), "weekly", 3, date(2026, 7, 23), date(2026, 7, 30)),
        (date(2026, 7, 29), "monthly", 28, date(2026, 7, 28), date(2026, 8, 28)),
        (date(2026, 1, 1), "monthly", 2, date(2025, 12, 2), date(2026, 1, 2)),
        (date(2024, 2, 29), "monthly", 1, date(2024, 2, 1), date(2024, 3, 1)),
        (date(2026, 12, 31), "monthly", 1, date(2026, 12, 1), date(2027, 1, 1)),
    ],
)
def test_days_of_a_mailing_on_either_side(today, cadence, day, latest, following):
    assert latest_day(today, cadence=cadence, day=day) == latest
    assert next_day(today, cadence=cadence, day=day) == following


def test_fingerprint_passes_over_what_changes_by_the_day_alone():
    def of(*rows):
        return fingerprint(header=HEADER, rows=rows, passing={"days"})

    assert of(("A", 1)) == of(("A", 2))
    assert of(("A", 1)) != of(("B", 1))
    assert of(("A", 1), ("B", 1)) != of(("B", 1), ("A", 1))
    assert of() != of(("A", 1))


def test_fingerprint_tells_cells_apart_that_read_alike_together():
    def of(*rows):
        return fingerprint(header=("a", "b"), rows=rows)

    assert of(("ab", "")) != of(("a", "b"))
    assert of((None, 1)) == of(("", "1"))
