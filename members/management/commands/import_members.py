"""Bring a ledger in: plan it, look at it, apply it, undo it."""

import csv
import sys
import tomllib
from argparse import ArgumentParser
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from config.kernel import clock
from members.enums import RowEntity
from members.ingestion.mapping import MappingUnusable
from members.ingestion.tables import FileUnusable
from members.models import ImportBatch, ImportRow
from members.queries import refused_rows, rows_left_alone
from members.services.imports import (
    Ledger,
    NotApplied,
    NotPlanned,
    PlanIsStale,
    RefusalsWait,
    apply_batch,
    plan_ledger,
    undo_batch,
)

SHOWN = 20
ACTIONS = ("create", "change", "leave", "refuse")


class Command(BaseCommand):
    help = "Plan, apply or undo an import of members and their terms. See docs/imports.md."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("organisations", nargs="?", type=Path, help="CSV file of members")
        parser.add_argument("terms", nargs="?", type=Path, help="CSV file of their terms")
        parser.add_argument("--mapping", type=Path, help="TOML file: what the columns mean")
        parser.add_argument("--apply", action="store_true", help="apply what was planned")
        parser.add_argument("--apply-batch", type=int, metavar="ID", help="apply a stored plan")
        parser.add_argument(
            "--accept-refusals",
            action="store_true",
            help="apply the good rows although others are refused",
        )
        parser.add_argument("--undo", type=int, metavar="ID", help="take an applied batch back")
        parser.add_argument(
            "--refused", type=Path, metavar="FILE", help="write the refused rows as CSV"
        )

    def handle(self, **options: Any) -> None:
        planning = options["organisations"] is not None
        if planning + (options["apply_batch"] is not None) + (options["undo"] is not None) != 1:
            raise CommandError("Give two files, or --apply-batch ID, or --undo ID.")
        try:
            if options["undo"] is not None:
                self._undo(options["undo"])
            elif options["apply_batch"] is not None:
                self._apply(options["apply_batch"], options)
            else:
                self._plan(options)
        except ImportBatch.DoesNotExist as error:
            raise CommandError("There is no batch of that number.") from error
        except (
            FileUnusable, MappingUnusable, NotApplied, NotPlanned, PlanIsStale,
        ) as error:  # fmt: skip
            raise CommandError(str(error)) from error

    def _plan(self, options: dict[str, Any]) -> None:
        if options["terms"] is None:
            raise CommandError("The file of terms is missing.")
        batch = plan_ledger(
            ledger=Ledger(
                organisations=options["organisations"],
                terms=options["terms"],
                mapping=read_toml(options["mapping"]) if options["mapping"] else {},
            ),
            at=clock.now(),
            progress=self._progress,
        )
        self._end_progress()
        self._show(batch)
        if options["refused"]:
            _write_refused(refused_rows(batch=batch).iterator(), options["refused"])
        usable = sum(
            rows
            for counts in batch.counts.values()
            for action, rows in counts.items()
            if action in {"create", "change", "leave"}
        )
        if not usable:
            raise CommandError("There is nothing usable in these files.")
        if options["apply"]:
            self._apply(batch.pk, options)
        else:
            self.stdout.write(
                f"\nNothing is changed yet. Apply it: import_members --apply-batch {batch.pk}"
            )

    def _apply(self, batch_id: int, options: dict[str, Any]) -> None:
        try:
            batch = apply_batch(
                batch_id=batch_id,
                accept_refusals=options["accept_refusals"],
                at=clock.now(),
                today=clock.today(),
                progress=self._progress,
            )
        except RefusalsWait as error:
            self._end_progress()
            raise CommandError(
                f"{error} Put the refused rows right and plan again, or let the good ones in: "
                f"import_members --apply-batch {batch_id} --accept-refusals"
            ) from error
        self._end_progress()
        written = ", ".join(
            f"{batch.counts[entity][action]:,} {entity}s {done}"
            for entity in RowEntity.values
            for action, done in (("create", "created"), ("change", "changed"))
        )
        self.stdout.write(f"Batch {batch.pk} is applied: {written}.")
        self.stdout.write(f"Undo it: import_members --undo {batch.pk}")

    def _undo(self, batch_id: int) -> None:
        undone = undo_batch(batch_id=batch_id, at=clock.now(), today=clock.today())
        batch = ImportBatch.objects.get(pk=batch_id)
        self.stdout.write(
            f"Batch {batch_id} is undone: {undone.members_deleted:,} members deleted, "
            f"{undone.members_put_back:,} put back, {undone.terms_undone:,} terms taken back, "
            f"{undone.left_alone:,} rows left alone."
        )
        if undone.left_alone:
            self._list(rows_left_alone(batch=batch), total=undone.left_alone)

    def _show(self, batch: ImportBatch) -> None:
        self.stdout.write(f"Batch {batch.pk}, source {batch.source}")
        for file in batch.files:
            self.stdout.write(f"  {file['name']}: {file['rows']:,} rows")
        self.stdout.write("".join(f"{word:>12}" for word in ("", *ACTIONS, "not in file")))
        for entity in RowEntity.values:
            counts = batch.counts[entity]
            numbers = [counts[action] for action in ACTIONS] + [counts["not_in_file"]]
            self.stdout.write(f"{entity + 's':>12}" + "".join(f"{n:>12,}" for n in numbers))
        if overlapping := batch.counts["term"]["overlapping"]:
            self.stdout.write(
                f"Look: {overlapping:,} terms start before another of the same member ends."
            )
        refused = sum(batch.counts[entity]["refuse"] for entity in RowEntity.values)
        if refused:
            self.stdout.write("Refused:")
            self._list(refused_rows(batch=batch), total=refused)

    def _list(self, rows: Any, *, total: int) -> None:
        for row in rows[:SHOWN]:
            for where, why in _reasons(row):
                self.stdout.write(f"  {where} {why}")
        if total > SHOWN:
            self.stdout.write(f"  and {total - SHOWN:,} more rows")

    def _progress(self, stage: str, rows: int) -> None:
        if self.stderr.isatty():
            self.stderr.write(f"\r\033[K{stage}: {rows:,} rows", ending="")
            sys.stderr.flush()

    def _end_progress(self) -> None:
        if self.stderr.isatty():
            self.stderr.write("\r\033[K", ending="")


def read_toml(path: Path) -> dict[str, Any]:
    """Return what the mapping file says, or raise ``MappingUnusable``."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise MappingUnusable(f"{path.name} cannot be read: {error}") from error


def _reasons(row: ImportRow) -> Iterable[tuple[str, str]]:
    for refusal in row.refusals:
        column = f" {refusal['column']}" if refusal["column"] else ""
        value = f" {refusal['value']!r}" if refusal["value"] else ""
        yield f"{row.file}:{row.line}{column}{value}:", refusal["reason"]


def _write_refused(rows: Iterable[ImportRow], path: Path) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["file", "line", "column", "value", "reason"])
        for row in rows:
            for refusal in row.refusals:
                cells = [row.file, refusal["column"], refusal["value"], refusal["reason"]]
                name, column, value, reason = map(_harmless, cells)
                writer.writerow([name, row.line, column, value, reason])


def _harmless(cell: str) -> str:
    """Return the cell so that a spreadsheet takes it for text."""
    return f"'{cell}" if cell.startswith(("=", "+", "-", "@", "\t", "\r")) else cell
