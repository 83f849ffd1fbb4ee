import json
import sys
from argparse import ArgumentParser
from collections.abc import Iterator
from dataclasses import fields
from datetime import date
from decimal import Decimal
from http import HTTPStatus
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError
from django.urls import NoReverseMatch, resolve, reverse
from rest_framework.test import APIRequestFactory, force_authenticate

from config.kernel import clock
from members.enums import Role
from members.models import Association, Member, User
from success.engine.revenue import MixedCurrencies, Status
from success.enums import Dimension, RevenueBasis
from success.queries import forecast, outlook, renewals, retention
from success.queries.explain import RevenueAsked, explain_revenue
from success.queries.explain_live import LIVE, Explained, NothingToSay, explain_live, plain
from success.queries.explain_vector import explain_group, explain_vector
from success.queries.movements import revenue_with_prices
from success.queries.nights import last_live_day
from success.queries.outlook import ToldLook
from success.queries.revenue import (
    Figures,
    PeriodNotOver,
    PeriodRunsBackwards,
    RevenueFigures,
)

AMOUNTS = ["opening", "new", "reactivation", "expansion", "contraction", "churn", "closing"]
RATIOS = ["nrr", "nrr_ex_price", "grr", "logo_retention", "logo_churn"]
COUNTED = {
    "renewals": "terms that end in 120 days, and how members like these renewed",
    "retention": "how long members stay, by a group",
}
FLAG = {"opening_on": "from", "closing_on": "to"}
# These stand in the address, and not in its question.
IN_ADDRESS = frozenset({"key"})
# What the API answers is what the command prints: its address, its parameters, its help.
ASKED = {
    "vector": ("api:measures-vector", ("as-of", "by"), "how members are doing"),
    "first-value": ("api:measures-first-value", ("by",), "time to first value"),
    "promises": ("api:measures-promises", (), "kept promises of both sides"),
    "success-gap": ("api:measures-success-gap", (), "where members say otherwise"),
    "margin": ("api:measures-margin", (), "cost to serve and margin by segment"),
    "margin-members": (
        "api:measures-margin-members",
        ("segment", "cursor", "limit"),
        "cost to serve and margin of members, the smallest margin first",
    ),
    "forecast-accounts": (
        "api:measures-forecast-accounts",
        ("months", "cohort", "reason", "cursor", "limit"),
        "the accounts behind the forecast, or left out of it",
    ),
    "forecast-back-test": (
        "api:measures-forecast-back-test",
        (),
        "what was to be expected of closed months, and what came",
    ),
    "effect": ("api:measures-effect", ("key",), "what a play has changed"),
    "our-work": ("api:measures-our-work", (), "what moved at accounts held long enough"),
    "integrity": ("api:measures-integrity", (), "is revenue backed by success"),
    "after-a-move": ("api:measures-after-a-move", (), "those moved to less contact"),
    "story": ("api:measures-story", (), "the years, which were bad, and what came before"),
    "available-to-renew": (
        "api:measures-renewals-available",
        ("since", "until"),
        "what was up for renewal, by count and by dues",
    ),
    "movements": (
        "api:measures-revenue-movements",
        (
            *("from", "to", "as-of", "kind", "basis", "by", "value", "owner", "joined"),
            *("chapter", "cursor", "limit"),
        ),
        "the members behind the figures of a period",
    ),
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
        for name, (_address, flags, help_text) in ASKED.items():
            one = kinds.add_parser(name, help=help_text)
            for flag in flags:
                one.add_argument(f"--{flag}", default="", required=flag in IN_ADDRESS)
            one.add_argument("--json", action="store_true")
        self._add_explain(kinds.add_parser("explain", help="how a figure was made"))

    def _add_explain(self, explain: ArgumentParser) -> None:
        explain.add_argument("of", choices=["revenue", "vector", "group", *LIVE])
        for flag in ("from", "to", "on", "as-of"):
            explain.add_argument(
                f"--{flag}",
                dest={"from": "opening_on", "to": "closing_on"}.get(flag),
                type=date.fromisoformat,
            )
        explain.add_argument(
            "--basis", choices=RevenueBasis.values, default=RevenueBasis.IN_FORCE.value
        )
        explain.add_argument("--by", choices=Dimension.values, default=Dimension.ALL.value)
        explain.add_argument("--value", default="", help="tier, key of a segment, owner")
        explain.add_argument("--revision", type=int, help="of a stored period; the last")
        explain.add_argument("--member", help="public identifier")
        explain.add_argument("--json", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        measure = options["measure"]
        if measure in COUNTED:
            self._counted(options)
        elif measure == "forecast":
            self._forecast(options)
        elif measure == "stalled-and-lapsed":
            self._stalled_and_lapsed(options)
        elif measure == "explain":
            self._explain(options)
        elif measure == "revenue":
            self._revenue(options)
        else:
            self._ask(measure, options)

    def _ask(self, measure: str, options: dict[str, Any]) -> None:
        """Print what the API answers: the same question, the same answer."""
        address, flags, _help = ASKED[measure]
        said = {flag.replace("-", "_"): options[flag.replace("-", "_")] for flag in flags}
        place = {name: said.pop(name) for name in IN_ADDRESS & said.keys()}
        try:
            path = reverse(address, kwargs=place)
        except NoReverseMatch as error:
            raise CommandError(" ".join(place.values())) from error
        request = APIRequestFactory().get(
            path, {name: value for name, value in said.items() if value}
        )
        force_authenticate(request, user=User(role=Role.DIRECTOR, email="shell"))
        answer = resolve(path).func(request, **place).render()
        body = json.loads(answer.content)
        if answer.status_code != HTTPStatus.OK:
            detail = body.get("errors") or body.get("detail") or body
            raise CommandError(detail if isinstance(detail, str) else json.dumps(detail))
        self._say(body, as_json=options["json"])

    def _say(self, body: Any, *, as_json: bool) -> None:
        if as_json:
            self.stdout.write(json.dumps(body, indent=2))
            return
        for name, value in _flat(body):
            self.stdout.write(f"{name:44}{'-' if value is None else value}")

    def _explain(self, options: dict[str, Any]) -> None:
        try:
            found = _explained(options)
        except Member.DoesNotExist as error:
            raise CommandError("There is no such member.") from error
        except NothingToSay as error:
            raise CommandError("There is nothing yet that this could be made of.") from error
        except ValueError as error:
            raise CommandError(str(error)) from error
        if options["json"]:
            self.stdout.write(json.dumps(plain(found), indent=2))
            return
        self.stdout.write(f"{options['of']}: {found.verdict.value.replace('_', ' ')}")
        self.stdout.write(f"{'':24}{'stored':>18}{'then':>18}{'now':>18}")
        for each in found.figures:
            values = (each.stored, each.then, each.now)
            shown = "".join(f"{'-' if value is None else value!s:>18}" for value in values)
            self.stdout.write(f"{each.name.replace('_', ' '):24}{shown}")

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
        found = outlook.stalled_and_lapsed(
            as_of=options["as_of"] or last_live_day() or clock.today(),
            grace_days=Association.current().grace_days,
            key=options["template"],
        )
        if found is None:
            if outlook.studied_template(key=options["template"]) is None:
                raise CommandError("No path has all of its milestones in the records.")
            raise CommandError("Nothing is recorded yet that bears on the path.")
        if options["json"]:
            self.stdout.write(json.dumps(outlook.plain(found), indent=2))
            return
        self.stdout.write(
            f"{found.template}, as of {found.as_of}: {found.runs:,} runs of membership of "
            f"{found.members:,} members; records readable from {found.readable_on}"
        )
        for look in (found.main, *found.looks):
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

    def _print_look(self, look: ToldLook) -> None:
        p_value, ratio = look.comparison.p_value, look.ratio
        shown = "cannot be compared" if p_value is None else f"p = {p_value:.4f}"
        if ratio:
            shown += f", {ratio.ratio:.2f} times ({ratio.low:.2f} to {ratio.high:.2f})"
        self.stdout.write(
            f"\n{look.name}, day {look.day}: {look.comparison.members:,} members, "
            f"{look.late:,} read late; {shown}"
        )
        for group in look.comparison.groups:
            self.stdout.write(
                f"  {group.name:10}{group.members:>8,} members{group.left:>8,} left"
                + ("" if group.expected is None else f"{group.expected:>10.1f} expected")
            )

    def _revenue(self, options: dict[str, Any]) -> None:
        association = Association.current()
        by = Dimension(options["by"]) if options["by"] else None
        try:
            pairs = revenue_with_prices(
                opening_on=options["opening_on"],
                closing_on=options["closing_on"],
                as_of=options["as_of"] or clock.today(),
                grace_days=association.grace_days,
                dimensions=[by] if by else [],
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


def _explained(options: dict[str, Any]) -> Explained:
    """Ask for an explanation; unlike a page, of however many facts it takes."""
    of, as_of = options["of"], options["as_of"] or last_live_day() or clock.today()
    needed = {"revenue": ("opening_on", "closing_on"), "vector": ("member", "on")}
    for name in needed.get(of, ("on",) if of == "group" else ()):
        if options[name] is None:
            raise CommandError(f"This measure asks for --{FLAG.get(name, name)}.")
    by = Dimension(options["by"])
    if of == "revenue":
        asked = RevenueAsked(
            opening_on=options["opening_on"],
            closing_on=options["closing_on"],
            basis=RevenueBasis(options["basis"]),
            dimension=by,
            value=options["value"],
            revision=options["revision"],
        )
        return explain_revenue(asked, as_of=as_of, size=sys.maxsize, most=None)
    if of == "vector":
        member = Member.objects.get(public_id=UUID(options["member"]))
        return explain_vector(member, on=options["on"])
    if of == "group":
        return explain_group(
            on=options["on"],
            dimension=by,
            value=options["value"],
            size=sys.maxsize,
            most=None,
        )
    return explain_live(of, as_of=as_of)


def _flat(body: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """The values of a JSON answer, each with the way to it."""
    if isinstance(body, dict):
        for key, value in body.items():
            yield from _flat(value, f"{name}.{key}" if name else key)
    elif isinstance(body, list):
        for place, value in enumerate(body):
            yield from _flat(value, f"{name}[{place}]")
    else:
        yield name, body


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
