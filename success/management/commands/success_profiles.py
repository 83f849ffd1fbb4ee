"""Success profiles as a sheet: write one, read one, apply it, undo it."""

import io
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError

from config.kernel import clock
from members.enums import RowAction
from members.models import Member, User
from success.ingestion.profiles import SHEET, WorkbookUnusable, write
from success.models import ProfileImport
from success.queries.profiles import (
    ROW_ORDER,
    about,
    action_counts,
    import_progress,
    import_rows,
    profile_rows,
)
from success.services import profiles

SHOWN = 20


class Command(BaseCommand):
    help = (
        "Write, read, apply or undo a sheet of success profiles. See docs/success-profiles.md."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--by", required=True, metavar="ADDRESS", help="whose act it is")
        act = parser.add_mutually_exclusive_group(required=True)
        act.add_argument("--write", type=Path, metavar="FILE", help="write all profiles")
        act.add_argument("--read", type=Path, metavar="FILE", help="say what a file would do")
        act.add_argument("--apply", metavar="ID", help="apply a sheet that was read")
        act.add_argument("--undo", metavar="ID", help="take an applied sheet back")
        parser.add_argument(
            "--accept-refusals",
            action="store_true",
            help="apply the good rows although others are refused",
        )

    def handle(self, **options: Any) -> None:
        by = User.objects.filter(email__iexact=options["by"], is_active=True).first()
        if by is None or by.member_id is not None:
            raise CommandError("Nobody of the association has this address.")
        try:
            if options["write"]:
                self._write(options["write"], by=by)
            elif options["read"]:
                self._read(options["read"], by=by)
            elif options["apply"]:
                batch = self._batch(options["apply"])
                accept = options["accept_refusals"]
                profiles.ask_to_apply(
                    batch=batch, accept_refusals=accept, by=by, at=clock.now()
                )
                self._work(batch)
            else:
                batch = self._batch(options["undo"])
                profiles.ask_to_undo(batch=batch, by=by, at=clock.now())
                self._work(batch)
        except OSError as error:
            raise CommandError(str(error)) from error
        except (
            WorkbookUnusable, profiles.NotPlanned, profiles.NotApplied, profiles.RefusalsWait,
        ) as error:  # fmt: skip
            raise CommandError(str(error)) from error

    def _write(self, path: Path, *, by: User) -> None:
        members = Member.objects.visible_to(by)
        file = io.BytesIO()
        counts = write(
            file,
            rows=profile_rows(members),
            about=about(members=members.count(), on=clock.today(), by=by),
        )
        path.write_bytes(file.getvalue())
        for sheet, rows in counts.items():
            self.stdout.write(f"{SHEET[sheet].title}: {rows:,} rows")

    def _read(self, path: Path, *, by: User) -> None:
        with path.open("rb") as file:
            batch = profiles.plan_import(
                file=file,
                name=path.name,
                members=Member.objects.visible_to(by),
                by=by,
                at=clock.now(),
                on=clock.today(),
            )
        for action, rows in action_counts(batch).items():
            self.stdout.write(f"{RowAction(action).label}: {rows:,} rows")
        refused = import_rows(batch, action=RowAction.REFUSE).order_by(*ROW_ORDER)
        for row in refused[:SHOWN]:
            for fault in row.faults:
                where = f"{SHEET[row.sheet].title}!{fault['cell']}"
                self.stdout.write(f"  {where} {fault['column']}: {fault['reason']}")
        self.stdout.write(
            f"\nNothing is changed yet. Apply it: success_profiles --apply {batch.public_id}"
        )

    def _batch(self, said: str) -> ProfileImport:
        try:
            found = ProfileImport.objects.filter(public_id=UUID(said)).first()
        except ValueError:
            found = None
        if found is None:
            raise CommandError("There is no such sheet.")
        return found

    def _work(self, batch: ProfileImport) -> None:
        profiles.work_import(batch_id=batch.pk, now=clock.now, on=clock.today())
        progress = import_progress(batch)
        self.stdout.write(
            f"{progress.total:,} members: {progress.done:,} done, {progress.left:,} left, "
            f"{progress.undone:,} undone, {progress.kept:,} kept"
        )
        for each in batch.members.exclude(reason="").select_related("member")[:SHOWN]:
            sys.stderr.write(f"  {each.member.name}: {each.reason}\n")
