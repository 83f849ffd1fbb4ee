"""A file's lines as facts, or as refusals; knows no database."""

import hashlib
from collections.abc import Iterator, Mapping
from datetime import date
from typing import NamedTuple

from engagement.ingestion.mapping import GUESSES, JOINED, FactMapping
from members.ingestion.ledger import Cells, RefusedRow, details_of
from members.ingestion.mapping import MappingUnusable, locate
from members.ingestion.tables import Refusal, Table
from members.ingestion.values import date_reader

BETWEEN = "\x1f"  # the unit separator: no cell of an export has it


class FactRow(NamedTuple):
    """A fact as a line says it; ``person`` is empty where the member acts as a whole."""

    line: int
    external_id: str
    kind: str
    subject: str
    person: str
    member: str
    occurred_on: date
    details: dict[str, str]


class _Columns:
    """Where the file has what a fact needs."""

    def __init__(self, table: Table, mapping: FactMapping) -> None:
        self.single = locate(
            mapping.file, table.header, GUESSES, file=table.name, required=["date", "member"]
        )
        self.kind = _places(mapping.kind, table)
        self.subject = _places(mapping.subject, table)
        self.identity = _places(mapping.id_from, table) or [
            *(place for meaning, place in self.single.items() if meaning != "id"),
            *self.kind,
            *self.subject,
        ]
        # A kind or subject made of several columns no longer says which said what, and a
        # kind that was translated not what was said: those columns stay details.
        taken = {*self.single.values(), *(self.subject if len(self.subject) == 1 else ())}
        self.details = [
            (column, place)
            for place, column in enumerate(table.header)
            if column and place not in taken and column not in mapping.file.ignore
        ]


def read_facts(
    table: Table, mapping: FactMapping, *, today: date
) -> Iterator[FactRow | RefusedRow]:
    """Yield one row a line; what is dated after ``today`` is refused, for it is not known yet.

    Raises ``MappingUnusable`` before the first row if a column is missing. An id made of
    ``id_from`` (or, without that, of date, member, person, kind and subject) is the same for
    the same values, so two lines with the same values are one fact.
    """
    columns = _Columns(table, mapping)
    read_date = date_reader(mapping.file.date_formats)
    for line in table.lines:
        cells = Cells(line, table.header, columns.single)
        cells.required("date")
        occurred_on = cells.read("date", read_date)
        if occurred_on is not None and occurred_on > today:
            cells.refuse("date", "in the future")
        if not cells.text("member") and not line.fault:
            cells.refuse("member", "not a member: no id is given")
        said = JOINED.join(_values(line.cells, columns.kind))
        kind = mapping.kind_is or mapping.kind_values.get(
            said, "" if mapping.kind_values else said
        )
        if not kind and not line.fault:
            cells.refusals.append(Refusal(JOINED.join(mapping.kind), said, "unknown kind"))
        if cells.refusals or occurred_on is None:
            yield RefusedRow(line.number, "", cells.refusals)
            continue
        yield FactRow(
            line=line.number,
            external_id=cells.text("id") or _digest(_values(line.cells, columns.identity)),
            kind=kind,
            subject=_subject(_values(line.cells, columns.subject), mapping.subject_values),
            person=cells.text("person"),
            member=cells.text("member"),
            occurred_on=occurred_on,
            details=details_of(line.cells, columns.details),
        )


def _places(names: tuple[str, ...], table: Table) -> list[int]:
    for name in names:
        if name not in table.header:
            there = ", ".join(filter(None, table.header))
            raise MappingUnusable(f"{table.name} has no column {name!r}. It has: {there}.")
    return [table.header.index(name) for name in names]


def _values(cells: list[str], places: list[int]) -> list[str]:
    return [cells[place].strip() if place < len(cells) else "" for place in places]


def _subject(said: list[str], words: Mapping[str, str]) -> str:
    """Return the first value, the others behind it in brackets."""
    first, *others = (words.get(value, value) for value in said) if said else ("",)
    behind = ", ".join(filter(None, others))
    return f"{first} ({behind})" if behind else first


def _digest(values: list[str]) -> str:
    return hashlib.sha256(BETWEEN.join(values).encode()).hexdigest()[:32]
