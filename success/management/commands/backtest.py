import json
from argparse import ArgumentParser
from datetime import date, timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from config.kernel import clock
from config.kernel.conditions import BadCondition
from success.enums import BacktestStatus
from success.models import Backtest, PlanTemplate, Play
from success.queries import backtests
from success.services import trials

A_YEAR = timedelta(days=365)


class Command(BaseCommand):
    help = (
        "Walk a play through the nights of past years: whom it would have named, and who left."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("play", help="key of the play; its draft, else what is published")
        parser.add_argument("--from", dest="first_on", type=date.fromisoformat)
        parser.add_argument("--to", dest="last_on", type=date.fromisoformat)
        parser.add_argument("--every-days", type=int, default=1, help="between nights")
        parser.add_argument(
            "--horizon-days", type=int, default=365, help="within which leaving counts"
        )
        parser.add_argument(
            "--path",
            default="",
            help="key of a path that everybody is held against, from the day they joined",
        )
        parser.add_argument("--json", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        play = Play.objects.filter(key=options["play"]).first()
        version = backtests.version_to_test(play) if play else None
        if version is None:
            raise CommandError(f"There is no play “{options['play']}”.")
        path = None
        if options["path"]:
            path = PlanTemplate.objects.filter(key=options["path"]).first()
            if path is None:
                raise CommandError(f"There is no path “{options['path']}”.")
        last_on = options["last_on"] or clock.today()
        try:
            asked = trials.ask(
                version=version,
                first_on=options["first_on"] or last_on - A_YEAR,
                last_on=last_on,
                every_days=options["every_days"],
                horizon_days=options["horizon_days"],
                path=path,
                by=None,
                at=clock.now(),
            )
        except (trials.BadQuestion, trials.NotTestable, BadCondition) as error:
            raise CommandError(str(error)) from error
        while trials.work(backtest_id=asked.pk, clock=clock.now, on_chunk=self._tell):
            pass
        asked.refresh_from_db()
        if asked.status != BacktestStatus.DONE:
            raise CommandError(
                asked.error or "Another worker is at it; find it among the plays."
            )
        if options["json"]:
            self.stdout.write(json.dumps(asked.result, indent=2))
        else:
            self._write(asked)

    def _tell(self, asked: Backtest) -> None:
        known = Backtest.objects.get(pk=asked.pk)
        found = backtests.progress(known)
        self.stderr.write(f"{found.done} of {found.total} nights")

    def _write(self, asked: Backtest) -> None:
        said = asked.result
        lead = said["lead"]
        middle = f"half of them {lead['lower_quartile']} to {lead['upper_quartile']}"
        led = "-" if lead["median"] is None else f"{lead['median']} ({middle})"
        rows = [
            ("entries", f"{said['entries']:,} of {said['members']:,} members"),
            ("left within the horizon", _share(said["precision"])),
            ("everybody, same nights", _percent(said["base"])),
            ("times as often", "-" if said["lift"] is None else f"{said['lift']:.2f}"),
            ("named, of those who left", _share(said["recall"])),
            ("reached the aim", _share(said["reached"])),
            ("lead in days", led),
            ("entered when already over", f"{said['too_late']:,}"),
            ("too recent to judge", f"{said['unfollowed']:,}"),
            ("conclusion", said["conclusion"].replace("_", " ")),
        ]
        title = f"{asked.version.play.key}, {asked.first_on} to {asked.last_on}"
        self.stdout.write(f"{title}, every {asked.every_days} days\n")
        for name, value in rows:
            self.stdout.write(f"{name:<28}{value}")
        self.stdout.write(f"\n{'year':<8}{'entries':>8}{'lapses':>8}{'named':>8}")
        for year in said["years"]:
            self.stdout.write(
                f"{year['year']:<8}{year['entries']:>8}{year['lapses']:>8}{year['foreseen']:>8}"
            )


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{value:.1%}"


def _share(said: dict[str, Any]) -> str:
    if said["interval"] is None:
        return f"{said['count']:,} of {said['of']:,}"
    low, high = said["interval"]
    return f"{said['value']:.1%} ({low:.1%} to {high:.1%}): {said['count']:,} of {said['of']:,}"
