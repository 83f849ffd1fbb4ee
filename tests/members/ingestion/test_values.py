from datetime import date
from decimal import Decimal

import pytest

from members.ingestion import values


def test_iso_date_is_strict():
    read = values.date_reader(("ISO",))
    assert read("2025-08-01") == date(2025, 8, 1)
    for text in ["2025-8-01", "20250801", "2025-W31-5", "2025-02-30", "1.8.2025"]:
        with pytest.raises(ValueError, match="not a date written as ISO"):
            read(text)


def test_listed_formats_are_tried_in_order():
    read = values.date_reader(("ISO", "%Y-%m-%d", "%d.%m.%Y"))
    assert [read("2025-8-01"), read("1.8.2025")] == [date(2025, 8, 1)] * 2


def test_year_of_two_digits_too_many_is_refused():
    with pytest.raises(ValueError, match="before 1800"):
        values.date_reader(("ISO",))("0202-08-01")


@pytest.mark.parametrize(
    ("day", "months", "end"),
    [
        (date(2024, 2, 29), 12, date(2025, 2, 28)),
        (date(2024, 1, 31), 1, date(2024, 2, 29)),
        (date(2024, 12, 15), 1, date(2025, 1, 15)),
        (date(2024, 12, 1), 24, date(2026, 12, 1)),
    ],
)
def test_months_later_keeps_the_day_or_takes_the_last(day, months, end):
    assert values.add_months(day, months) == end


def test_calendar_has_an_end():
    with pytest.raises(ValueError, match="past the calendar"):
        values.add_months(date(9999, 6, 1), 12)
    with pytest.raises(ValueError, match="last day of the calendar"):
        values.next_day(date.max)


@pytest.mark.parametrize(
    ("text", "comma", "thousands", "amount"),
    [
        ("7000", False, "", "7000"),
        ("7000.50", False, "", "7000.50"),
        ("1.234,50", True, ".", "1234.50"),
        ("1,234.50", False, ",", "1234.50"),
        ("0", False, "", "0"),
    ],
)
def test_amounts_are_read_as_they_are_written(text, comma, thousands, amount):
    found = values.amount(text, decimal_comma=comma, thousands=thousands)
    assert found == Decimal(amount)


@pytest.mark.parametrize("text", ["7,000", "7000 USD", "NaN", "1e9", "٣", "", "Infinity"])
def test_what_is_no_amount_is_refused(text):
    with pytest.raises(ValueError, match="not an amount"):
        values.amount(text, decimal_comma=False, thousands="")


def test_point_in_a_decimal_comma_file_is_refused():
    with pytest.raises(ValueError, match="decimal comma"):
        values.amount("1.234", decimal_comma=True, thousands="")


def test_negative_dues_are_refused():
    with pytest.raises(ValueError, match="never negative"):
        values.amount("-5", decimal_comma=False, thousands="")


@pytest.mark.parametrize(
    ("paid", "months", "annual"),
    [("100", 3, "400.00"), ("100", 7, "171.43"), ("250", 24, "125.00"), ("0.01", 24, "0.01")],
)
def test_amount_of_a_term_is_annualised_to_the_cent(paid, months, annual):
    assert str(values.annual_dues(Decimal(paid), months=months)) == annual


def test_annual_dues_have_no_third_decimal():
    with pytest.raises(ValueError, match="more than two decimals"):
        values.annual_dues(Decimal("1.001"), months=12)


def test_dues_too_large_to_store_are_refused():
    with pytest.raises(ValueError, match="more than can be stored"):
        values.annual_dues(Decimal(1000000000000), months=12)
