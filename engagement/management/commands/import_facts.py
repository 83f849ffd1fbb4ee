"""Bring facts in from a file."""

import tomllib
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from config.kernel import clock
from engagement.services.facts import FactsImport, record_file
from members.ingestion.mapping import MappingUnusable
from members.ingestion.tables import FileUnusable


class Command(BaseCommand):
    help = "Record what members did from a CSV file. See docs/imports.md."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, help="CSV file of facts")
        parser.add_argument(
            "--mapping", type=Path, required=True, help="TOML file: what the columns mean"
        )
        parser.add_argument("--apply", action="store_true", help="record the facts")

    def handle(self, **options: Any) -> None:
        try:
            done = record_file(
                file=options["file"],
                mapping=tomllib.loads(options["mapping"].read_text(encoding="utf-8-sig")),
                at=clock.now(),
                today=clock.today(),
                apply=options["apply"],
            )
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise CommandError(f"The mapping cannot be read: {error}") from error
        except (FileUnusable, MappingUnusable) as error:
            raise CommandError(str(error)) from error
        self._show(done, file=options["file"].name, applied=options["apply"])
        if not done.created + done.known + done.repeated:
            raise CommandError("There is nothing usable in this file.")

    def _show(self, done: FactsImport, *, file: str, applied: bool) -> None:
        verb = "recorded" if applied else "would be recorded"
        self.stdout.write(f"{file}: {done.created:,} facts {verb}")
        self.stdout.write(f"  known already: {done.known:,}")
        self.stdout.write(f"  the same again in this file: {done.repeated:,}")
        self.stdout.write(f"  refused: {done.refused.total():,}")
        for reason, rows in done.refused.most_common():
            line, refusal = done.examples[reason]
            value = f" {refusal.value!r}" if refusal.value else ""
            column = f" {refusal.column}" if refusal.column else ""
            self.stdout.write(f"    {rows:,} {reason} (first: {file}:{line}{column}{value})")
        if not applied:
            self.stdout.write("Nothing is changed yet; add --apply to record them.")
