"""Turning cells into dates and money; a ``ValueError`` carries the reason for people."""

import calendar
import re
from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from functools import cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

ISO = "ISO"
CENT = Decimal("0.01")
MOST_DUES = Decimal("999999999999.99")  # what the column holds
EARLIEST_YEAR = 1800
_iso_date = re.compile(r"\d{4}-\d{2}-\d{2}")
_plain_number = re.compile(r"\d+(\.\d+)?")
_currency = re.compile(r"[A-Z]{3}")


def date_reader(formats: tuple[str, ...]) -> Callable[[str], date]:
    """Return a function from text to date that tries ``formats`` in order.

    ``ISO`` is strictly ``YYYY-MM-DD``; the others are strptime formats.
    """
    known: dict[str, date] = {}

    def read_date(text: str) -> date:
        if text not in known:
            known[text] = _date(text, formats)
        return known[text]

    return read_date


def _date(text: str, formats: tuple[str, ...]) -> date:
    for form in formats:
        try:
            if form != ISO:
                day = datetime.strptime(text, form).date()  # noqa: DTZ007  # a date has no zone
            elif _iso_date.fullmatch(text):
                day = date.fromisoformat(text)
            else:
                continue
        except ValueError:
            continue
        if day.year < EARLIEST_YEAR:
            raise ValueError(f"the year is before {EARLIEST_YEAR}")
        return day
    raise ValueError(f"not a date written as {' or '.join(formats)}")


def next_day(day: date) -> date:
    """Return the day after; a ``ValueError`` at the end of the calendar."""
    try:
        return day + timedelta(days=1)
    except OverflowError as error:
        raise ValueError("the last day of the calendar; name an earlier one") from error


def add_months(day: date, months: int) -> date:
    """Return the same day ``months`` later, or the month's last day where it is shorter."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    if year > date.max.year:
        raise ValueError("the end is past the calendar")
    last = calendar.monthrange(year, month + 1)[1]
    return date(year, month + 1, min(day.day, last))


@cache
def time_zone(text: str) -> str:
    """Return the IANA name of a time zone; a ``ValueError`` where there is none so called."""
    try:
        return ZoneInfo(text).key
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError("not a time zone such as Europe/Vienna") from error


def amount(text: str, *, decimal_comma: bool, thousands: str) -> Decimal:
    """Return the amount of money, with its digits as written."""
    plain = text.replace(thousands, "") if thousands else text
    if decimal_comma:
        if "." in plain:
            raise ValueError("not an amount with a decimal comma")
        plain = plain.replace(",", ".")
    if plain.startswith("-"):
        raise ValueError("dues are never negative")
    if not _plain_number.fullmatch(plain) or not plain.isascii():
        raise ValueError("not an amount")
    return Decimal(plain)


def annual_dues(paid: Decimal, *, months: int) -> Decimal:
    """Return what ``paid`` for ``months`` is a year, to the cent, halves upwards."""
    if months == 12 and paid != paid.quantize(CENT):
        raise ValueError("more than two decimals")
    annual = (paid * 12 / months).quantize(CENT, ROUND_HALF_UP)
    if annual > MOST_DUES:
        raise ValueError("more than can be stored")
    return annual


def whole_months(text: str) -> int:
    """Return a number of months from 1 to 1,200."""
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= 1200):
        raise ValueError("not a number of months from 1 to 1200")
    return int(text)


def whole_number(text: str) -> int:
    """Return a number from 0 to 999,999,999."""
    if not (text.isascii() and text.isdigit() and len(text) <= 9):
        raise ValueError("not a whole number")
    return int(text)


def yes_or_no(text: str) -> bool:
    """Return what a cell answers: yes, true, 1 or x; no, false or 0."""
    said = text.lower()
    if said in {"yes", "y", "true", "1", "x"}:
        return True
    if said in {"no", "n", "false", "0"}:
        return False
    raise ValueError("neither yes nor no")


def currency_code(text: str) -> str:
    """Return an ISO 4217 code in capitals."""
    code = text.upper()
    if not _currency.fullmatch(code):
        raise ValueError("not a currency code of three letters")
    return code
