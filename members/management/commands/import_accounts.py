"""Bring in what another system knows of accounts: links, departures, voided terms, rates."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from config.kernel import clock
from members.ingestion.mapping import DEFAULT_SOURCE
from members.ingestion.tables import FileUnusable
from members.services.account_files import REQUIRED, FileRefused, take_file

SHOWN = 20


class Command(BaseCommand):
    help = "Bring in links, departures, voided terms or rates. See docs/imports.md."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("what", choices=sorted(REQUIRED))
        parser.add_argument("file", type=Path, help="CSV file; days are ISO")
        parser.add_argument(
            "--source", default=DEFAULT_SOURCE, help="whose identifiers they are"
        )
        parser.add_argument("--apply", action="store_true", help="do it; else only look")

    def handle(self, **options: Any) -> None:
        try:
            taken = take_file(
                what=options["what"],
                file=options["file"],
                source=options["source"],
                apply=options["apply"],
                by=None,
                at=clock.now(),
            )
        except (FileUnusable, FileRefused) as error:
            raise CommandError(str(error)) from error
        good = taken.lines - len(taken.refused)
        done = "taken" if options["apply"] else "would be taken; nothing is changed yet"
        self.stdout.write(f"{options['file'].name}: {good:,} of {taken.lines:,} lines {done}")
        for refused in taken.refused[:SHOWN]:
            self.stdout.write(f"  line {refused.line}: {refused.reason}")
        if len(taken.refused) > SHOWN:
            self.stdout.write(f"  and {len(taken.refused) - SHOWN:,} more")
