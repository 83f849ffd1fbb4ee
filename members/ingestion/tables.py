"""Reading delimited text files as people export them: line by line, with the line's number."""

import csv
import hashlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TextIO

if TYPE_CHECKING:
    import _csv

DELIMITERS = ",;\t|"
LONGEST_CELL = 1_000_000


class FileUnusable(Exception):
    """A file that cannot be read as a table at all; the message says why."""


class Refusal(NamedTuple):
    """Why a line is not taken: the column and value at fault, and the reason in words."""

    column: str
    value: str
    reason: str


class Line(NamedTuple):
    """One record: the line it starts on (the header being 1), its cells, what is wrong."""

    number: int
    cells: list[str]
    fault: Refusal | None = None


@dataclass(frozen=True, kw_only=True)
class Dialect:
    """How a file is written. An empty ``delimiter`` is guessed from the header."""

    delimiter: str = ""
    encoding: str = "utf-8-sig"  # with or without a byte-order mark


@dataclass(frozen=True, kw_only=True)
class Table:
    """An opened file: its header, and its lines, which can be read once."""

    name: str
    header: tuple[str, ...]
    lines: Iterator[Line]


@contextmanager
def read(path: Path, *, dialect: Dialect) -> Iterator[Table]:
    """Open ``path`` as a table for the length of a ``with`` block.

    Blank lines are skipped. Raises ``FileUnusable`` for a file without a header, with two
    columns of one name, or in another encoding than it is said to be.
    """
    try:
        with path.open(encoding=dialect.encoding, errors="surrogateescape", newline="") as file:
            yield table_of(file, name=path.name, delimiter=dialect.delimiter)
    except (OSError, LookupError, UnicodeError, csv.Error) as error:
        raise FileUnusable(f"{path.name} cannot be read: {error}") from error


def table_of(file: TextIO, *, name: str, delimiter: str = "") -> Table:
    """Return the table that an open ``file`` holds; its lines are read as they are asked for.

    ``file`` was opened with ``newline=""``. Raises ``FileUnusable`` as ``read`` does, and
    ``csv.Error`` where the header makes no sense.
    """
    blank, first = 0, file.readline()
    while first and not first.strip():
        blank, first = blank + 1, file.readline()
    if not first:
        raise FileUnusable(f"{name} is empty.")
    said = delimiter or max(DELIMITERS, key=first.count)
    reader = csv.reader(chain([first], file), delimiter=said, strict=True)
    header = _header(next(reader), name=name)
    lines = _lines(reader, columns=len(header), above=blank)
    return Table(name=name, header=header, lines=lines)


def digest(path: Path) -> str:
    """Return the SHA-256 of the file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _header(cells: Iterable[str], *, name: str) -> tuple[str, ...]:
    header = tuple(cell.strip() for cell in cells)
    twice = sorted({column for column in header if column and header.count(column) > 1})
    if twice:
        raise FileUnusable(
            f"{name} has more than one column called {', '.join(twice)}; "
            "rename or remove all but one."
        )
    return header


def _lines(reader: "_csv.Reader", *, columns: int, above: int) -> Iterator[Line]:
    csv.field_size_limit(LONGEST_CELL)
    while True:
        number = above + reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            last = above + reader.line_num
            until = f"lines {number} to {last} were" if last > number else "the line was"
            yield Line(number, [], Refusal("", "", f"{until} not read: {error}"))
            continue
        if not any(cells) or not any(map(str.strip, cells)):
            continue
        yield Line(number, cells, _fault(cells, columns=columns))


def _fault(cells: list[str], *, columns: int) -> Refusal | None:
    for extra in cells[columns:]:
        if extra.strip():
            reason = "more cells than the header has columns; is a delimiter not quoted?"
            return Refusal("", extra, reason)
    whole = "".join(cells)
    if not whole.isascii() and any("\ud800" <= letter <= "\udfff" for letter in whole):
        return Refusal("", "", "not in the encoding that the mapping says")
    if "\0" in whole:
        return Refusal("", "", "contains a NUL character")
    return None
