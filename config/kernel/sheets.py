"""Tables as files for programs of sheets: CSV, line by line, and XLSX."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from django.http import HttpResponse, StreamingHttpResponse
from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
from openpyxl.styles import Font

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
CSV, XLSX = "csv", "xlsx"
KINDS = (CSV, XLSX)
WORKBOOK = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
LONGEST_CELL = 32_767
WIDTH = 18

Row = Sequence[object]


class Echo:
    """What the CSV writer writes to: hands each line on."""

    def write(self, line: str) -> str:
        return line


def safe_cells(cells: Row) -> list[object]:
    """The cells with every text that a spreadsheet would run as a formula quoted."""
    return [
        f"'{cell}" if isinstance(cell, str) and cell.startswith(FORMULA_STARTS) else cell
        for cell in cells
    ]


def csv_lines(header: Sequence[str], rows: Iterable[Row]) -> Iterator[str]:
    """Yield the lines of a CSV file; null is an empty cell."""
    writer = csv.writer(Echo())
    yield writer.writerow(header)
    for row in rows:
        yield writer.writerow(safe_cells(row))


def as_file(
    kind: str, *, name: str, header: Sequence[str], rows: Iterable[Row]
) -> HttpResponse | StreamingHttpResponse:
    """Answer with a table as a file of ``kind``, one of ``KINDS``, called ``name`` in front.

    A text that a program would run as a formula gets an apostrophe before it, in both.
    """
    headers = {
        "Content-Disposition": f'attachment; filename="{name}.{kind}"',
        "Cache-Control": "no-store",
    }
    if kind == CSV:
        return StreamingHttpResponse(
            csv_lines(header, rows), content_type="text/csv; charset=utf-8", headers=headers
        )
    if kind == XLSX:
        return HttpResponse(
            workbook(name=name, header=header, rows=rows),
            content_type=WORKBOOK,
            headers=headers,
        )
    raise ValueError(kind)


def workbook(*, name: str, header: Sequence[str], rows: Iterable[Row]) -> bytes:
    """Return a workbook of one sheet; texts stay texts, whatever they begin with."""
    book = Workbook(write_only=True)
    page = book.create_sheet(name[:31])
    page.freeze_panes = "A2"
    page.sheet_format.defaultColWidth = WIDTH
    titles = []
    for title in header:
        cell = WriteOnlyCell(page, value=title)
        cell.font = Font(bold=True)
        titles.append(cell)
    page.append(titles)
    for row in rows:
        page.append([_cell(page, value) for value in safe_cells(row)])
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def _cell(page: Any, value: object) -> object:
    if not isinstance(value, str):
        return value
    cell = WriteOnlyCell(page, value=ILLEGAL_CHARACTERS_RE.sub("", value)[:LONGEST_CELL])
    cell.data_type = "s"
    return cell
