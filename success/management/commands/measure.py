import json
from argparse import ArgumentParser
from collections.abc import Iterator
from dataclasses import fields
from datetime import date
from decimal import Decimal
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from config.kernel import clock
from members.enums import Role
from members.models import Association, User
from success.engine.revenue import MixedCurrencies, Status
from success.enums import Dimension
from success.queries import (
    doing,
    forecast,
    measures,
    outlook,
    renewals,
    retention,
    vector,
)
from success.queries.nights import last_live_day
from success.queries.outlook import Look
from success.queries.revenue import (
    Figures,
    PeriodNotOver,
    PeriodRunsBackwards,
    RevenueFigures,
    revenue_with_groups,
)

AMOUNTS = ["opening", "new", "reactivation", "expansion", "contraction", "churn", "closing"]
RATIOS = ["nrr", "grr", "logo_retention", "logo_churn"]
COUNTED = {
    "renewals": "terms that end in 120 days, and how members like these renewed",
    "retention": "how long members stay, by a group",
}


class Command(BaseCommand):
    help = "Print what a measure says of the days between two dates."

    def add_arguments(self, parser: ArgumentParser) -> None:
        kinds = parser.add_subparsers(dest="measure", required=True)
        revenue = kinds.add_parser("revenue", help="what dues did between two days")
        revenue.add_argument(
            "--from", dest="opening_on", type=date.fromisoformat, required=True
        )
        revenue.add_argument("--to", dest="closing_on", type=date.fromisoformat, required=True)
        revenue.add_argument(
            "--as-of",
            type=date.fromisoformat,
            help="terms begun by this day; today if not given",
        )
        revenue.add_argument("--by", choices=[Dimension.TIER.value, Dimension.SEGMENT.value])
        revenue.add_argument("--json", action="store_true")
        stalled = kinds.add_parser(
            "stalled-and-lapsed",
            help="did members that had stalled leave more often afterwards",
        )
        stalled.add_argument(
            "--template", default="", help="key of the path; the most used one"
        )
        stalled.add_argument(
            "--as-of", type=date.fromisoformat, help="day up to which is known; the last night"
        )
        stalled.add_argument("--json", action="store_true")

        health = kinds.add_parser("vector", help="how members are doing")
        health.add_argument("--as-of", type=date.fromisoformat, help="day of a night")
        health.add_argument("--by", choices=list(Dimension.values), default="all")
        for name, said in (
            ("our-work", "what moved at accounts that people held long enough"),
            ("integrity", "is revenue backed by success"),
        ):
            one = kinds.add_parser(name, help=said)
            one.add_argument("--json", action="store_true")
        health.add_argument("--json", action="store_true")

        for name, words in COUNTED.items():
            counted = kinds.add_parser(name, help=words)
            counted.add_argument("--json", action="store_true")
            if name == "retention":
                counted.add_argument("--by", choices=retention.DIMENSIONS, default="cohort")

        expansion = kinds.add_parser("forecast", help="what members will take up next")
        expansion.add_argument(
            "--months",
            type=int,
            choices=forecast.WINDOWS,
            default=3,
            help="how far to look from the last night",
        )
        expansion.add_argument("--json", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        asked = {
            "forecast": self._forecast,
            "stalled-and-lapsed": self._stalled_and_lapsed,
            "vector": self._vector,
            "our-work": self._our_work,
            "integrity": self._integrity,
            **dict.fromkeys(COUNTED, self._counted),
        }
        asked.get(options["measure"], self._revenue)(options)

    def _vector(self, options: dict[str, Any]) -> None:
        as_of = options["as_of"] or vector.last_rolled_up()
        groups = (
            vector.plain_groups(
                everybody_seen(),
                as_of=as_of,
                dimension=options["by"],
                compared_with=measures.earlier_day(as_of),
            )
            if as_of
            else None
        )
        if groups is None:
            raise CommandError("No night has spoken of that day.")
        said = {"as_of": as_of, "by": options["by"], "groups": groups}
        self._say(said, options)

    def _our_work(self, options: dict[str, Any]) -> None:
        found = doing.our_work(
            everybody_seen(),
            as_of=last_live_day() or clock.today(),
            grace_days=Association.current().grace_days,
        )
        self._say(doing.plain(found), options)

    def _integrity(self, options: dict[str, Any]) -> None:
        as_of = last_live_day() or clock.today()
        try:
            found = measures.integrity_on(
                as_of=as_of, grace_days=Association.current().grace_days
            )
        except MixedCurrencies as error:
            raise CommandError(str(error)) from error
        self._say(measures.plain(found, as_of=as_of), options)

    def _say(self, said: Any, options: dict[str, Any]) -> None:
        if options["json"]:
            self.stdout.write(json.dumps(said, indent=2, default=str))
            return
        for line in _lines(json.loads(json.dumps(said, default=str))):
            self.stdout.write(line)

    def _counted(self, options: dict[str, Any]) -> None:
        """Figures that the night has counted; as of the last one."""
        as_of = last_live_day() or clock.today()
        if options["measure"] == "retention":
            self._retention(options, as_of=as_of)
            return
        grace_days = Association.current().grace_days
        said = renewals.plain(None, as_of=as_of, grace_days=grace_days)
        if options["json"]:
            self.stdout.write(json.dumps(said, indent=2))
            return
        rate, hit = said["rate"], said["hit_rate"]
        self.stdout.write(
            f"as of {as_of}: {rate['renewed']:,} of {rate['decided']:,} terms renewed from "
            f"{rate['since']} to {rate['until']}; Brier {_places(hit['brier'])} "
            f"beside {_places(hit['base_brier'])}"
        )
        for week in said["weeks"]:
            self.stdout.write(
                f"  {week['monday']}{week['members']:>8,} terms"
                f"{week['expected']:>10.1f} expected"
            )

    def _retention(self, options: dict[str, Any], *, as_of: date) -> None:
        said = retention.plain(by=options["by"], as_of=as_of)
        if options["json"]:
            self.stdout.write(json.dumps(said, indent=2))
            return
        self.stdout.write(f"as of {as_of}, by {options['by']}: still a member, by year")
        for group in filter(None, [said["everybody"], *said["groups"]]):
            shares = "".join(
                f"{'-' if year['stayed'] is None else format(year['stayed'], '.0%'):>6}"
                for year in group["years"]
            )
            self.stdout.write(f"  {group['value']:20}{group['members']:>8,}{shares}")

    def _stalled_and_lapsed(self, options: dict[str, Any]) -> None:
        template = outlook.studied_template(key=options["template"])
        if template is None:
            raise CommandError("No path has all of its milestones in the records.")
        found = outlook.cohort(
            template=template,
            as_of=options["as_of"] or last_live_day() or clock.today(),
            grace_days=Association.current().grace_days,
        )
        if found is None:
            raise CommandError("Nothing is recorded yet that bears on the path.")
        main = outlook.one_year_in(found)
        others = outlook.other_looks(found, main=main)
        if options["json"]:
            said = outlook.plain(found, main=main, others=others)
            self.stdout.write(json.dumps(said, indent=2))
            return
        self.stdout.write(
            f"{template.key}, as of {found.as_of}: {len(found.runs):,} runs of membership of "
            f"{found.members:,} members; records readable from {found.readable_on}"
        )
        for look in (main, *others.looks):
            self._print_look(look)

    def _forecast(self, options: dict[str, Any]) -> None:
        as_of = last_live_day() or clock.today()
        found = forecast.forecast(as_of=as_of, months=options["months"])
        if options["json"]:
            self.stdout.write(json.dumps(forecast.plain(found), indent=2))
            return
        self.stdout.write(f"{found.as_of} to {found.until}, {found.currency}")
        sums = [(f"{each.milestone}: {each.offer}", each.expected) for each in found.cohorts]
        for title, expected in [*sums, ("together", found.total)]:
            said = forecast.plain_expected(expected)
            self.stdout.write(
                f"{title:70.70}{expected.accounts:>8,} accounts"
                f"{expected.unknown:>8,} unknown{said['expected'] or '-':>16}"
                f"  ({said['low'] or '-'} to {said['high'] or '-'})"
            )
        for reason, count in found.left_out.items():
            self.stdout.write(f"left out, {reason.value.replace('_', ' '):40}{count:>8,}")

    def _print_look(self, look: Look) -> None:
        test, ratio = look.comparison.test, look.ratio
        shown = f"p = {test.p_value:.4f}" if test else "cannot be compared"
        if ratio:
            shown += f", {ratio.ratio:.2f} times ({ratio.low:.2f} to {ratio.high:.2f})"
        landmark = look.landmark
        self.stdout.write(
            f"\n{look.name}, day {landmark.day}: {look.comparison.members:,} members, "
            f"{landmark.late:,} read late; {shown}"
        )
        for group in look.comparison.groups:
            expected = test.tallies.get(group.name) if test else None
            self.stdout.write(
                f"  {group.name:10}{group.members:>8,} members{group.left:>8,} left"
                + (f"{float(expected.expected):>10.1f} expected" if expected else "")
            )

    def _revenue(self, options: dict[str, Any]) -> None:
        association = Association.current()
        by = Dimension(options["by"]) if options["by"] else None
        try:
            pairs = revenue_with_groups(
                opening_on=options["opening_on"],
                closing_on=options["closing_on"],
                as_of=options["as_of"] or clock.today(),
                grace_days=association.grace_days,
                dimension=by,
            )
        except (PeriodNotOver, PeriodRunsBackwards, MixedCurrencies) as error:
            raise CommandError(str(error)) from error
        if options["json"]:
            self.stdout.write(json.dumps([_as_json(*pair) for pair in pairs], indent=2))
            return
        for in_force, membership in pairs:
            self._print(in_force, membership, currency=association.currency)

    def _print(
        self, in_force: RevenueFigures, membership: RevenueFigures, *, currency: str
    ) -> None:
        of = in_force.dimension
        whom = "everybody" if of == Dimension.ALL else f"{of} {in_force.value or '(none)'}"
        self.stdout.write(f"{in_force.opening_on} to {in_force.closing_on}, {whom}, {currency}")
        columns = {"in force": in_force.strict}
        if membership.status == Status.FINAL:
            columns["membership, final"] = membership.strict
        else:
            columns["membership, strict"] = membership.strict
            columns["membership, optimistic"] = membership.optimistic
        self.stdout.write(f"{'':22}" + "".join(f"{title:>24}" for title in columns))
        counts = [field.name for field in fields(Figures) if field.type is int]
        for name in [*AMOUNTS, *RATIOS, *counts]:
            values = "".join(f"{_shown(figures, name):>24}" for figures in columns.values())
            self.stdout.write(f"{name.replace('_', ' '):22}{values}")
        self.stdout.write("")


def _places(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def everybody_seen() -> User:
    """Who asks in a terminal: one who sees the whole association; kept nowhere."""
    return User(role=Role.DIRECTOR, is_active=True)


def _lines(said: Any, *, indent: int = 0) -> Iterator[str]:
    """A nested answer as indented lines to read; null is a dash."""
    pad = "  " * indent
    rows = (
        said.items()
        if isinstance(said, dict)
        else ((f"{n + 1}", v) for n, v in enumerate(said))
    )
    for name, value in rows:
        if isinstance(value, (dict, list)) and value:
            yield f"{pad}{name.replace('_', ' ')}"
            yield from _lines(value, indent=indent + 1)
        else:
            shown = "-" if value in (None, [], {}) else value
            yield f"{pad}{name.replace('_', ' '):24}{shown}"


def _shown(figures: Figures, name: str) -> str:
    value = getattr(figures, name)
    if value is None:
        return "-"
    return f"{value:,}" if name not in RATIOS else f"{value}"


def _as_json(in_force: RevenueFigures, membership: RevenueFigures) -> dict[str, Any]:
    return {
        "from": in_force.opening_on.isoformat(),
        "to": in_force.closing_on.isoformat(),
        "as_of": in_force.as_of.isoformat(),
        "dimension": in_force.dimension.value,
        "value": in_force.value,
        "in_force": _figures(in_force.strict),
        "membership": {
            "status": membership.status.value,
            "undecided": str(membership.undecided),
            "undecided_members": membership.undecided_members,
            "strict": _figures(membership.strict),
            "optimistic": _figures(membership.optimistic),
        },
    }


def _figures(figures: Figures) -> dict[str, Any]:
    names = [*AMOUNTS, *RATIOS, *(f.name for f in fields(Figures) if f.name not in AMOUNTS)]
    values = {name: getattr(figures, name) for name in names}
    return {
        name: str(value) if isinstance(value, Decimal) else value
        for name, value in values.items()
    }
