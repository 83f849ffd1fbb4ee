"""Streaming rows into a temporary table with COPY."""

import io
from collections.abc import Callable, Iterable
from typing import Any

from django.db import connection

CHUNK = 20_000


def copy_rows(
    table: str,
    rows: Iterable[tuple[Any, ...]],
    *,
    progress: Callable[[int], None] | None = None,
) -> int:
    """Copy ``rows`` into ``table``, in order of its columns, and return how many there were.

    ``progress`` is told the rows so far after each chunk; one chunk is held in memory.
    """
    count = 0
    lines: list[str] = []
    for row in rows:
        lines.append("\t".join(map(_cell, row)))
        count += 1
        if len(lines) == CHUNK:
            _send(table, lines)
            lines.clear()
            if progress:
                progress(count)
    if lines:
        _send(table, lines)
    if progress:
        progress(count)
    return count


def _send(table: str, lines: list[str]) -> None:
    buffer = io.StringIO("\n".join(lines) + "\n")
    with connection.cursor() as cursor:
        cursor.copy_expert(f"COPY {table} FROM STDIN", buffer)


def _cell(value: Any) -> str:
    if value is None:
        return r"\N"
    text = str(value)
    if "\\" in text:
        text = text.replace("\\", r"\\")
    if text.isprintable():
        return text
    return text.replace("\t", r"\t").replace("\n", r"\n").replace("\r", r"\r")
