"""A ledger's lines as members and terms, or as refusals; knows no database."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import NamedTuple, TypeVar

from members.enums import MemberKind
from members.ingestion import values
from members.ingestion.mapping import (
    MEMBER_GUESSES,
    TERM_GUESSES,
    FileMapping,
    LedgerMapping,
    MappingUnusable,
    locate,
)
from members.ingestion.tables import Line, Refusal, Table

Value = TypeVar("Value")
# What dues are made of: the meaning of a column, and the column of the dues it becomes.
PARTS = {
    "base": "base_amount",
    "seats": "seats",
    "seat_price": "seat_price",
    "add_ons": "addons_amount",
    "discount": "discount_amount",
}


class MemberRow(NamedTuple):
    """A member as a line says it; ``None`` is a blank cell or an absent column."""

    line: int
    external_id: str
    name: str | None
    kind: str | None
    homepage: str | None
    details: dict[str, str]
    language: str | None = None
    zone: str | None = None


class TermRow(NamedTuple):
    """A term as a line says it; ``ends_on`` is the first day no longer covered.

    ``parts`` is what the dues are made of, by column of the dues, a year; ``None`` where the
    line does not tell.
    """

    line: int
    external_id: str
    member: str
    tier: str
    starts_on: date
    ends_on: date
    annual_amount: Decimal
    currency: str
    details: dict[str, str]
    parts: dict[str, str | int] | None = None
    is_provisional: bool | None = None


class RefusedRow(NamedTuple):
    """A line that is not taken, and why."""

    line: int
    external_id: str
    refusals: list[Refusal]


class Cells:
    """One line's cells by meaning; gathers what is wrong with them."""

    def __init__(self, line: Line, header: tuple[str, ...], places: dict[str, int]) -> None:
        self.line = line
        self.refusals: list[Refusal] = [line.fault] if line.fault else []
        self._header = header
        self._places = places

    def text(self, meaning: str) -> str:
        place = self._places.get(meaning)
        if place is None or place >= len(self.line.cells):
            return ""
        return self.line.cells[place].strip()

    def required(self, meaning: str) -> str:
        value = self.text(meaning)
        if not value and not self.line.fault:
            self.refuse(meaning, "blank, but needed")
        return value

    def refuse(self, meaning: str, reason: str) -> None:
        place = self._places.get(meaning)
        column = meaning if place is None else self._header[place]
        self.refusals.append(Refusal(column, self.text(meaning), reason))

    def read(self, meaning: str, reader: Callable[[str], Value]) -> Value | None:
        """Return the cell's value; ``None`` when blank, or refused by the reader."""
        value = self.text(meaning)
        if not value:
            return None
        try:
            return reader(value)
        except ValueError as error:
            self.refuse(meaning, str(error))
            return None


def other_columns(
    mapping: FileMapping, header: tuple[str, ...], places: dict[str, int]
) -> list[tuple[str, int]]:
    """Return the columns that mean nothing to us: kept as they were written."""
    taken = set(places.values())
    return [
        (column, place)
        for place, column in enumerate(header)
        if column and place not in taken and column not in mapping.ignore
    ]


def details_of(cells: list[str], others: list[tuple[str, int]]) -> dict[str, str]:
    """Return the cells of the other columns that are not blank, by header."""
    found = {}
    for column, place in others:
        if place < len(cells) and (value := cells[place].strip()):
            found[column] = value
    return found


def read_members(table: Table, mapping: LedgerMapping) -> Iterator[MemberRow | RefusedRow]:
    """Yield one row a line; raises ``MappingUnusable`` before the first if columns lack."""
    places = locate(
        mapping.members, table.header, MEMBER_GUESSES, file=table.name, required=["id"]
    )
    others = other_columns(mapping.members, table.header, places)
    kinds = {kind: kind for kind in MemberKind.values} | {
        said.lower(): meant for said, meant in mapping.kind_values.items()
    }

    def read_kind(text: str) -> str:
        if text.lower() not in kinds:
            raise ValueError(f"not one of: {', '.join(kinds)}")
        return kinds[text.lower()]

    for line in table.lines:
        cells = Cells(line, table.header, places)
        external_id = cells.required("id")
        kind = mapping.kind or cells.read("kind", read_kind)
        zone = cells.read("zone", values.time_zone)
        if cells.refusals:
            yield RefusedRow(line.number, external_id, cells.refusals)
            continue
        yield MemberRow(
            line=line.number,
            external_id=external_id,
            name=cells.text("name") or None,
            kind=kind,
            homepage=cells.text("homepage") or None,
            details=details_of(line.cells, others),
            language=cells.text("language") or None,
            zone=zone,
        )


@dataclass(kw_only=True)
class TermReader:
    """Reads terms. ``kept_in`` is the currency the association's dues are kept in.

    While it is empty the first good row decides, because one ledger has one currency.
    ``exchangeable`` are others that have a rate of exchange, which may stand beside it.
    """

    mapping: LedgerMapping
    kept_in: str
    default_currency: str
    exchangeable: frozenset[str] = frozenset()

    def read(self, table: Table) -> Iterator[TermRow | RefusedRow]:
        """Yield one row a line; raises ``MappingUnusable`` before the first if columns lack."""
        mapping = self.mapping.terms
        required = ["member", "tier", "start"]
        places = locate(mapping, table.header, TERM_GUESSES, file=table.name, required=required)
        if "dues" not in places and "amount" not in places:
            raise MappingUnusable(
                f"{table.name}: no column is known to be the dues (a year) or the amount "
                "(of the term); name one in the mapping."
            )
        others = other_columns(mapping, table.header, places)
        read_date = values.date_reader(mapping.date_formats)
        for line in table.lines:
            cells = Cells(line, table.header, places)
            row = self._term(cells, read_date, others)
            if row is None:
                yield RefusedRow(line.number, cells.text("id"), cells.refusals)
            else:
                yield row

    def _term(
        self,
        cells: Cells,
        read_date: Callable[[str], date],
        others: list[tuple[str, int]],
    ) -> TermRow | None:
        member = cells.required("member")
        tier = cells.required("tier")
        cells.required("start")
        starts_on = cells.read("start", read_date)
        ends_on = self._end(cells, starts_on, read_date)
        amount = self._annual_amount(cells)
        currency = self._currency(cells)
        parts = self._parts(cells, amount)
        is_provisional = cells.read("provisional", values.yes_or_no)
        if cells.refusals or starts_on is None or ends_on is None or amount is None:
            return None
        self.kept_in = self.kept_in or currency
        return TermRow(
            line=cells.line.number,
            external_id=cells.text("id") or f"{member}@{starts_on}",
            member=member,
            tier=tier,
            starts_on=starts_on,
            ends_on=ends_on,
            annual_amount=amount,
            currency=currency,
            details=details_of(cells.line.cells, others),
            parts=parts,
            is_provisional=is_provisional,
        )

    def _parts(self, cells: Cells, amount: Decimal | None) -> dict[str, str | int] | None:
        """Return what the dues are made of, where any of its cells says something.

        A part that is blank beside others is nought; the base is what the others leave.
        """
        if not any(cells.text(meaning) for meaning in PARTS):
            return None
        found = {
            column: cells.read(meaning, self._money)
            for meaning, column in PARTS.items()
            if meaning != "seats"
        }
        seats = cells.read("seats", values.whole_number) or 0
        if cells.refusals or amount is None:
            return None
        parts = {column: part or Decimal(0) for column, part in found.items()}
        others = seats * parts["seat_price"] + parts["addons_amount"]
        base = amount - others + parts["discount_amount"]
        if not cells.text("base"):
            parts["base_amount"] = base
        if base != parts["base_amount"] or base < 0:
            cells.refuse(
                "base",
                f"base, seats and add-ons less the discount are not the dues a year ({amount})",
            )
            return None
        said = {column: str(part.quantize(values.CENT)) for column, part in parts.items()}
        return {**said, "seats": seats}

    def _money(self, text: str) -> Decimal:
        mapping = self.mapping.terms
        found = values.amount(
            text, decimal_comma=mapping.decimal_comma, thousands=mapping.thousands
        )
        if found != found.quantize(values.CENT):
            raise ValueError("more than two decimals")
        return found

    def _end(
        self, cells: Cells, starts_on: date | None, read_date: Callable[[str], date]
    ) -> date | None:
        """Return the first day no longer covered; ``None`` when refused or unknown."""
        meaning = "end" if cells.text("end") else "start"
        try:
            if meaning == "start":
                return starts_on and values.add_months(starts_on, self.mapping.term_months)
            day = cells.read("end", read_date)
            if day is not None and self.mapping.end_is_inclusive:
                day = values.next_day(day)
        except ValueError as error:
            cells.refuse(meaning, str(error))
            return None
        if day is not None and starts_on is not None and day <= starts_on:
            cells.refuse("end", f"a term ends after it starts ({starts_on})")
        return day

    def _annual_amount(self, cells: Cells) -> Decimal | None:
        mapping = self.mapping.terms

        def read_amount(text: str) -> Decimal:
            return values.amount(
                text, decimal_comma=mapping.decimal_comma, thousands=mapping.thousands
            )

        meaning = "dues" if cells.text("dues") or not cells.text("amount") else "amount"
        cells.required(meaning)
        paid = cells.read(meaning, read_amount)
        months = 12
        if meaning == "amount":
            said = cells.read("months", values.whole_months)
            if said is None and cells.text("months"):
                return None
            months = said or self.mapping.term_months
        if paid is None:
            return None
        try:
            return values.annual_dues(paid, months=months)
        except ValueError as error:
            cells.refuse(meaning, str(error))
            return None

    def _currency(self, cells: Cells) -> str:
        said = cells.read("currency", values.currency_code)
        currency = said or self.mapping.currency or self.default_currency
        if self.kept_in and currency not in {self.kept_in, *self.exchangeable}:
            cells.refuse(
                "currency",
                f"dues are kept in {self.kept_in}, this row is in {currency}",
            )
        return currency
