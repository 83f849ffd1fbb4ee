"""Three worked cases of coverage, worked out by the engines that the pages use.

Written into docs/coverage.md, where a test holds the page to them.
"""

import re
from argparse import ArgumentParser
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from coverage.engine.capacity import (
    Carrier,
    capacity,
    staff_hours,
    supportable,
    team_load,
)
from success.engine.margin import Served, change, first_day
from success.engine.revenue import expansion_needed

PAGE = Path(settings.BASE_DIR) / "docs" / "coverage.md"
START, END = "<!-- cases -->\n", "<!-- /cases -->\n"
CONTRACTED, OVERHEAD = Fraction(160), Fraction(25, 100)
# (what they are called, members each, staff hours a member and month); two people of each
PEOPLE = (("low-touch", 180, Fraction(2)), ("high-touch", 15, Fraction("1.92")))
LEVERAGE = {"group": Fraction(8), "async": Fraction(4)}
MIXES = (
    {"sync": Fraction("0.40"), "group": Fraction("0.80"), "async": Fraction("0.80")},
    {"sync": Fraction("0.72"), "async": Fraction("1.20")},
)
POD = Served(Decimal(6000), hours=Decimal(50), rate=Decimal(60), direct=Decimal(600))
INBOUND = replace(POD, hours=Decimal(24), enablement=Decimal(300))
MOVED, MEMBERS = 100, 200
CHURN = Fraction(15, 100)
BEFORE, AFTER = Fraction(98, 100), Fraction(105, 100)


class Command(BaseCommand):
    help = "Work the three cases of docs/coverage.md out again, and print them."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--write", action="store_true", help="into docs/coverage.md")

    def handle(self, **options: Any) -> None:
        cases = worked()
        self.stdout.write(cases)
        if options["write"]:
            pattern = re.escape(START) + ".*?" + re.escape(END)
            text = PAGE.read_text(encoding="utf-8")
            PAGE.write_text(
                re.sub(pattern, lambda _: START + cases + END, text, flags=re.DOTALL),
                encoding="utf-8",
            )


def worked() -> str:
    """The three cases as they stand in the page."""
    return "\n".join([*_team(), *_margin(), *_expansion()]) + "\n"


def _team() -> list[str]:
    month = capacity(contracted=CONTRACTED, overhead=OVERHEAD)
    carriers = [
        Carrier(name, members * each, month) for name, members, each in PEOPLE for _ in range(2)
    ]
    team = team_load(carriers)
    lines = [
        "### Two people at three times what they can give, two at a quarter",
        "",
        f"Four people with {_plain(month)} hours a month each.",
        "",
        "| | members each | hours a member | needed | load | could carry |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for name, members, each in PEOPLE:
        carrier = Carrier(name, members * each, month)
        can = supportable(demand_each=each, capacity=month)
        lines.append(
            f"| two {name} | {members} | {_plain(each, 2)} | {_plain(carrier.demand, 1)} "
            f"| **{_plain(carrier.load, 2)}** | {_plain(can, 1)} |"
        )
    missing = team.people_missing(capacity_each=month)
    led = [staff_hours(mix, leverage=LEVERAGE) for mix in MIXES]
    total = sum(
        (2 * members * each for (_, members, _), each in zip(PEOPLE, led, strict=True)),
        Fraction(0),
    )
    with_leverage = team_load([Carrier("all", total, 4 * month)])
    said = (
        f"Together they need {_plain(team.demand, 1)} hours of {_plain(team.capacity)}: a "
        f"team load of **{_plain(team.load, 2)}**. Sharing out leaves everybody "
        f"overloaded. What helps is **{_plain(missing, 2)}** more people, or "
        f"**{_plain(team.leverage_needed, 2)}** times the leverage. With groups of eight and "
        "what is written or recorded "
        f"reaching four at a time, where it suits, the same members take {_plain(led[0], 2)} "
        f"and {_plain(led[1], 2)} hours each: {_plain(total, 1)} hours, a load of "
        f"**{_plain(with_leverage.load, 2)}**."
    )
    return [
        *lines,
        "",
        said,
        "",
    ]


def _margin() -> list[str]:
    moved = change(POD, INBOUND)
    cash = first_day(members=MOVED, before=POD, after=INBOUND)
    lines = [
        "### Half of the members go to a pool, and keep their success",
        "",
        "| | hours a year | labour | enablement | cost to serve | margin | of dues |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    for name, served in (("named people", POD), ("pool", INBOUND)):
        lines.append(
            f"| {name} | {served.hours} | {served.labour:,} | {served.enablement:,} "
            f"| {served.cost_to_serve:,} | {served.margin:,} "
            f"| **{_percent(served.margin_share)}** |"
        )
    before = MEMBERS * POD.margin
    after = (MEMBERS - MOVED) * POD.margin + MOVED * INBOUND.margin
    said = (
        f"Dues of {POD.revenue:,}, {POD.rate} an hour, benefits of {POD.direct}. The margin "
        f"of those who move grows by {_percent(moved.relative, 1)}, or by "
        f"{_plain(100 * (moved.points or 0))} points of dues. Of {MEMBERS} members {MOVED} "
        f"move: {before:,} becomes {after:,}, "
        f"{_percent(Fraction(after - before) / Fraction(before), 2)} more. On the first day "
        f"it costs {cash.enablement_spent:,}; the {cash.value_of_hours:,} that the freed "
        "hours are worth become money only where they are given to others, or not hired again. "
        "And it is a success only where those who moved do as well as those who did not."
    )
    return [
        *lines,
        "",
        said,
        "",
    ]


def _expansion() -> list[str]:
    none = Fraction(0)
    before = expansion_needed(nrr=BEFORE, churn=CHURN, contraction=none)
    after = expansion_needed(nrr=AFTER, churn=CHURN, contraction=none)
    said = (
        f"Nothing but expansion does it: {_percent((after - before) / before, 1)} more of "
        f"it, {_percent(after / (1 - CHURN), 1)} of what those who stayed pay."
    )
    return [
        "### From 98% to 105% of revenue kept",
        "",
        "| revenue retention, net | lost with those who left | expansion it takes |",
        "|---:|---:|---:|",
        *(
            f"| {_percent(nrr)} | {_percent(CHURN)} | **{_percent(needed)}** of opening dues |"
            for nrr, needed in ((BEFORE, before), (AFTER, after))
        ),
        "",
        said,
    ]


def _plain(value: Fraction | int | None, places: int = 0) -> str:
    return "not known" if value is None else f"{float(value):,.{places}f}"


def _percent(value: Fraction | None, places: int = 0) -> str:
    return "not known" if value is None else f"{100 * float(value):.{places}f}%"
