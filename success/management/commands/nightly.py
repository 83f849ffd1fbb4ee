"""Bring the association to a day, or say what a past night would have said."""

import json
from argparse import ArgumentParser
from datetime import date
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from config.kernel import clock
from success.enums import NightKind, StepStatus
from success.models import Night, NightStep
from success.queries import nights as reads
from success.services.nights import FutureNight, NightFailed, run_night


class Command(BaseCommand):
    help = "Run the night of a day; safe to repeat, to kill and to share. See docs/nightly.md."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--as-of",
            type=date.fromisoformat,
            metavar="DATE",
            help="the day to bring everything to; today without it. A day before the last "
            "night is looked back upon and changes nothing but its own figures",
        )
        parser.add_argument("--full", action="store_true", help="everybody, not only changes")
        parser.add_argument(
            "--workers", type=int, default=1, metavar="N", help="work on N connections at once"
        )
        parser.add_argument("--json", action="store_true", help="print the result as JSON")

    def handle(self, **options: Any) -> None:
        today = clock.today()
        as_of = options["as_of"] or today
        try:
            night = run_night(
                as_of=as_of,
                today=today,
                clock=clock.now,
                full=options["full"],
                workers=max(options["workers"], 1),
                on_step=None if options["json"] else self._step,
            )
        except FutureNight as error:
            raise CommandError(f"{error} Nothing was changed.") from error
        except NightFailed as error:
            reason = str(error.__cause__).strip().splitlines()[:1] or [""]
            raise CommandError(
                f"{error} failed: {reason[0]} What was done is kept. Run the command again and "
                "the night goes on from there."
            ) from error
        if options["json"]:
            self.stdout.write(json.dumps(_described(night), indent=2))
        else:
            self._summary(night)

    def _step(self, step: NightStep) -> None:
        if self.stdout.isatty():
            self.stdout.write(
                f"\r{step.stage:<12} to member {step.range_to:,}\033[K", ending=""
            )

    def _summary(self, night: Night) -> None:
        if self.stdout.isatty():
            self.stdout.write("\r\033[K", ending="")
        scope = "everybody" if night.is_full else "what changed"
        title = f"Night of {night.as_of}, {scope}"
        if night.kind == NightKind.PAST:
            title = f"Looking back on the night of {night.as_of}; nothing is changed by it"
        self.stdout.write(self.style.SUCCESS(title))
        for stage in reads.progress(night):
            seconds = stage.duration.total_seconds() if stage.duration else 0.0
            self.stdout.write(
                f"  {stage.name:<12}{stage.rows_in or 0:>10,} read{stage.rows_out or 0:>10,}"
                f" written{seconds:>8.2f} s"
            )
        for name, value in night.result.items():
            self.stdout.write(f"  {name.replace('_', ' ')}: {_in_words(value)}")


def _described(night: Night) -> dict[str, Any]:
    steps = night.steps.filter(status=StepStatus.DONE)
    return {
        "as_of": night.as_of.isoformat(),
        "kind": night.kind,
        "status": night.status,
        "is_full": night.is_full,
        "rows_written": sum(step.rows_out or 0 for step in steps),
        "stages": [
            {"name": stage.name, "rows_in": stage.rows_in, "rows_out": stage.rows_out}
            for stage in reads.progress(night)
        ],
        "result": night.result,
    }


def _in_words(value: Any) -> str:
    if isinstance(value, dict):
        parts = (f"{name.replace('_', ' ')} {count}" for name, count in value.items() if count)
        return ", ".join(parts) or "none"
    return "not known" if value is None else f"{value}"
