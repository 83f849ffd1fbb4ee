"""Another association's ledger, in files of its own manner, against sums made by hand here."""

import csv
import json
import random
from calendar import monthrange
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from members.models import Association, Member, MemberIdentity, Term
from success.engine.survival import Observation, kaplan_meier
from success.enums import Dimension, PeriodKind, RevenueBasis
from success.models import RevenuePeriod
from success.queries.outlook import membership_runs
from success.queries.revenue import revenue_between

TODAY = date(2006, 9, 14)
GRACE = 45
ODD = ["Ö-17/b", "a'b", "#3", "007", "7", "=1+1", "x;y", 'q"q', "né é", "100%", "\\N", "d,e"]
TIERS = {"Einzel": 9, "Förder; groß": 120, "Ehren": 0, "50 % Partner": 61}
LENGTHS = (1, 3, 6, 12, 18, 24)
MAPPING = """
source = "kartei-2006"
currency = "CHF"
end_is = "inclusive"
delimiter = ";"
encoding = "cp1252"
decimal_comma = true
thousands = "'"
date_formats = ["%d.%m.%Y"]

[members]
id = "Nr"
name = "Bezeichnung"
kind = "Art"
ignore = ["Bemerkung"]

[members.kind_values]
Person = "individual"
Firma = "organisation"

[terms]
id = "Beleg"
member = "Mitglied Nr"
tier = "Stufe"
start = "von"
end = "bis"
amount = "Betrag"
months = "Monate"
"""
REFUSED = [
    ["R1", "nobody", "Einzel", "01.01.2001", "31.12.2001", "9,00", "12", "unknown member"],
    ["R2", "007", "Einzel", "31.02.2001", "31.12.2001", "9,00", "12", "no such day"],
    ["R3", "007", "Einzel", "01.01.2001", "31.12.2000", "9,00", "0", "months of nought"],
    ["R4", "007", "Einzel", "01.01.2001", "31.12.1999", "9,00", "12", "ends before"],
    ["R5", "007", "", "01.01.2001", "31.12.2001", "9,00", "12", "no tier"],
    ["R6", "007", "Einzel", "01.01.2001", "31.12.2001", "-9,00", "12", "negative"],
    ["R7", "007", "Einzel", "2001-01-01", "31.12.2001", "9,00", "12", "another way of dates"],
    ["R8", "007", "Einzel", "01.01.2001", "31.12.2001", "9.00", "12", "a decimal point"],
]


@dataclass(frozen=True)
class Paid:
    member: str
    tier: str
    starts: date
    ends: date  # exclusive
    amount: Decimal
    months: int

    @property
    def a_year(self) -> Decimal:
        exact = self.amount * 12 / self.months
        return exact.quantize(Decimal("0.01"), ROUND_HALF_UP)


def later(day: date, months: int) -> date:
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def unseen(*, seed: int) -> list[Paid]:
    """Members who begin on odd days, leap days among them, renew late, upgrade, leave, return."""
    draw = random.Random(seed)  # a made-up ledger
    found = []
    for number, member in enumerate([*ODD, *(f"M{n}" for n in range(60))]):
        day = [date(1987, 7, 1), date(1996, 2, 29), date(2000, 2, 29), date(1999, 12, 31)][
            number % 4
        ] + timedelta(days=draw.choice([0, 0, 1, 31, 400]))
        tier = draw.choice(list(TIERS))
        months = draw.choice(LENGTHS)
        while day < TODAY and len(found) < 4000:
            price = Decimal(TIERS[tier] * months) * draw.choice([1, 1, 1, 2]) / 1
            paid = (price + Decimal(draw.choice([0, 0, 5, 33])) / 100).quantize(Decimal("0.01"))
            if TIERS[tier] == 0:
                paid = Decimal("0.00")
            ends = later(day, months)
            found.append(Paid(member, tier, day, ends, paid, months))
            if draw.random() < 0.1:  # a second line beside the first
                found.append(Paid(member, "Einzel", day, later(day, 12), Decimal("108.40"), 12))
            if draw.random() < 0.06:
                break
            # in time, within grace, on its last day and on the first day after it, long after
            day = ends + timedelta(days=draw.choice([0] * 9 + [1, 20, GRACE - 1, GRACE, 200]))
            if draw.random() < 0.2:
                tier = draw.choice(list(TIERS))
            if draw.random() < 0.1:
                months = draw.choice(LENGTHS)
    return found


def written(folder: Path, lines: list[Paid]) -> tuple[Path, Path, Path]:
    """The ledger as the association's own programme exports it."""
    members, terms, mapping = (folder / n for n in ("Kartei.csv", "Belege.csv", "kartei.toml"))
    with members.open("w", encoding="cp1252", newline="") as file:
        out = csv.writer(file, delimiter=";")
        out.writerow(["Nr", "Bezeichnung", "Art", "Bemerkung", "Kanton"])
        for number, member in enumerate(dict.fromkeys(line.member for line in lines)):
            kind = "Person" if number % 3 else "Firma"
            out.writerow([member, f"Name von {member}", kind, "nicht für uns", "ZH"])
    with terms.open("w", encoding="cp1252", newline="") as file:
        out = csv.writer(file, delimiter=";")
        out.writerow(
            ["Beleg", "Mitglied Nr", "Stufe", "von", "bis", "Betrag", "Monate", "Notiz"]
        )
        for number, line in enumerate(lines):
            last = line.ends - timedelta(days=1)
            amount = f"{line.amount:,.2f}".replace(",", "'").replace(".", ",")
            days = [f"{day:%d.%m.}{day.year:04}" for day in (line.starts, last)]
            cells = [line.member, line.tier, *days, amount, str(line.months), ""]
            out.writerow([f"B/{number}", *cells])
        out.writerows(REFUSED)
    mapping.write_text(MAPPING, encoding="utf-8")
    return members, terms, mapping


# By hand: what each member pays on a day, and what became of it. None of it is the product's.


def on_day(lines: list[Paid], day: date) -> dict[str, Decimal]:
    pays: dict[str, Decimal] = {}
    for line in lines:
        if line.starts <= day < line.ends and line.a_year:
            pays[line.member] = pays.get(line.member, Decimal(0)) + line.a_year
    return pays


def bridged(lines: list[Paid]) -> list[Paid]:
    """The same lines, where a renewal within grace counts from the end it renews."""
    found = []
    for member in {line.member for line in lines}:
        reach = None
        own = sorted((x for x in lines if x.member == member), key=lambda x: x.starts)
        for start in sorted({line.starts for line in own}):
            together = [line for line in own if line.starts == start]
            since = start
            if reach and reach < start < reach + timedelta(days=GRACE):
                since = reach
            found += [
                Paid(x.member, x.tier, since, x.ends, x.amount, x.months) for x in together
            ]
            ends = max(line.ends for line in together)
            reach = max(reach, ends) if reach else ends
    return found


def by_hand(lines: list[Paid], opening: date, closing: date) -> dict[str, object]:
    before, after = on_day(lines, opening), on_day(lines, closing)
    base = sum(before.values(), Decimal(0))
    stays = [min(paid, after.get(member, Decimal(0))) for member, paid in before.items()]
    now = sum((after.get(member, Decimal(0)) for member in before), Decimal(0))
    kept = sum(member in after for member in before)
    return {
        "opening": base,
        "closing": sum(after.values(), Decimal(0)),
        "base": len(before),
        "nrr": places(now, base),
        "grr": places(sum(stays, Decimal(0)), base),
        "logo": places(kept, len(before)),
    }


def places(part: Decimal | int, whole: Decimal | int) -> Decimal | None:
    if not whole:
        return None
    return Decimal(round(Fraction(part) / Fraction(whole) * 10**6)) / 10**6


def as_stored(row: RevenuePeriod) -> dict[str, object]:
    kept = row.opening + row.expansion - row.contraction - row.churn
    return {
        "opening": row.opening,
        "closing": row.closing,
        "base": row.base_members,
        "nrr": places(kept, row.opening),
        "grr": places(row.kept_min, row.opening),
        "logo": places(row.kept_members, row.base_members),
    }


@pytest.fixture
def brought_in(tmp_path, settings, db):
    """Through the same commands as anybody: plan, look at the refusals, apply, run the night."""
    settings.WAYMARK_TODAY = TODAY
    Association.objects.create(pk=1, grace_days=GRACE, currency="CHF")
    lines = unseen(seed=6)
    members, terms, mapping = map(str, written(tmp_path, lines))
    refused = tmp_path / "refused.csv"
    with pytest.raises(CommandError, match="accept-refusals"):
        call_command(
            "import_members", members, terms, mapping=Path(mapping), apply=True,
            refused=refused, stdout=StringIO(),
        )  # fmt: skip
    assert not Term.objects.exists(), "nothing is taken before somebody has looked"
    call_command(
        "import_members", members, terms, mapping=Path(mapping), apply=True,
        accept_refusals=True, stdout=StringIO(),
    )  # fmt: skip
    call_command("nightly", json=True, stdout=StringIO())
    return lines, refused.read_text(encoding="utf-8")


def test_an_unseen_ledger_is_measured_right_without_a_change_of_code(brought_in):
    lines, refused = brought_in
    told = {tuple(row[:2]) for row in list(csv.reader(StringIO(refused)))[1:]}
    first = len(lines) + 2
    assert told == {("Belege.csv", str(first + at)) for at in range(len(REFUSED))}
    assert Term.objects.count() == len(lines)
    assert set(MemberIdentity.objects.values_list("external_id", flat=True)) == {
        line.member for line in lines
    }
    assert Member.objects.get(identities__external_id="=1+1").name == "Name von =1+1"

    graced = bridged(lines)
    seen = set()
    for basis, known in ((RevenueBasis.IN_FORCE, lines), (RevenueBasis.MEMBERSHIP, graced)):
        # years of this association begin in July; the night stores calendar ones and months
        for year in range(1988, 2006):
            opening, closing = date(year, 7, 1), date(year + 1, 7, 1)
            (found,) = revenue_between(
                opening_on=opening, closing_on=closing, as_of=TODAY, basis=basis,
                grace_days=GRACE,
            )  # fmt: skip
            said = found.strict
            assert {
                "opening": said.opening,
                "closing": said.closing,
                "base": said.base_members,
                "nrr": said.nrr,
                "grr": said.grr,
                "logo": said.logo_retention,
            } == by_hand(known, opening, closing), (basis, opening)
        stored = RevenuePeriod.objects.filter(
            basis=basis, dimension=Dimension.ALL, is_final=True, ends_on__lte=TODAY
        )
        for row in stored:
            assert as_stored(row) == by_hand(known, row.starts_on, row.ends_on), row
            seen.add((basis, row.kind, row.ends_on))
    for kind, most in ((PeriodKind.CALENDAR_YEAR, 19), (PeriodKind.MONTH, 225)):
        for basis in RevenueBasis:
            assert sum(one[:2] == (basis, kind) for one in seen) >= most


def test_tiers_add_up_to_everybody(brought_in):
    rows = RevenuePeriod.objects.filter(kind=PeriodKind.CALENDAR_YEAR, is_final=True)
    for whole in rows.filter(dimension=Dimension.ALL):
        parts = rows.filter(ends_on=whole.ends_on, basis=whole.basis, dimension=Dimension.TIER)
        assert {row.value for row in parts} <= TIERS.keys()
        for name in ("opening", "closing", "new", "churn", "expansion", "contraction"):
            total = sum((getattr(row, name) for row in parts), Decimal(0))
            assert total == getattr(whole, name), (whole, name)


def test_retention_by_tenure_is_that_of_a_plain_product(brought_in):
    lines, _refused = brought_in
    runs = [
        run
        for kind in ("individual", "organisation")
        for run in membership_runs(kind=kind, as_of=TODAY, grace_days=GRACE)
    ]
    assert len(runs) > len(ODD)
    curve = kaplan_meier(
        Observation(
            time=(run.known_until(TODAY) - run.begins_on).days,
            happened=run.left_on is not None,
        )
        for run in runs
    )

    lived = []
    for member in {line.member for line in lines}:
        own = sorted((x for x in lines if x.member == member), key=lambda x: x.starts)
        begin, reach = own[0].starts, own[0].ends
        for line in own[1:]:
            if line.starts >= reach + timedelta(days=GRACE):
                lived.append(((reach - begin).days, True))
                begin, reach = line.starts, line.ends
            reach = max(reach, line.ends)
        if reach + timedelta(days=GRACE) <= TODAY:
            lived.append(((reach - begin).days, True))
        else:
            lived.append(((min(reach, TODAY) - begin).days, False))
    share = Fraction(1)
    expected = {}
    for time in sorted({days for days, left in lived if left}):
        at_risk = sum(days >= time for days, _left in lived)
        gone = sum(days == time and left for days, left in lived)
        share *= 1 - Fraction(gone, at_risk)
        expected[time] = share
    assert {step.time: step.survival for step in curve.steps} == expected


def test_the_command_says_the_same_for_scripts(brought_in):
    lines, _refused = brought_in
    out = StringIO()
    call_command(
        "measure", "revenue", "--from", "2004-07-01", "--to", "2005-07-01", "--json", stdout=out
    )
    (said,) = json.loads(out.getvalue())
    hand = by_hand(lines, date(2004, 7, 1), date(2005, 7, 1))
    assert Decimal(said["in_force"]["nrr"]) == hand["nrr"]
    assert Decimal(said["in_force"]["opening"]) == hand["opening"]
