"""The association's years from its own figures: dues by tier, first years, and the vector.

Calendar years of terms in force, as the last night stored them. A fixed number of statements.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from itertools import pairwise
from typing import Any, Final

from django.db import connection

from members.models import Association
from success.engine import story as engine
from success.engine.revenue import to_places
from success.engine.story import Bad, Loss, Tally, Usual
from success.enums import Dimension, PeriodKind, RevenueBasis, State
from success.queries import vector
from success.queries.readings import kept_by_night
from success.queries.revenue import RATIO_PLACES, SeriesPoint, every_series
from success.queries.vector import GroupHealth
from success.rollups import ledger

BASIS: Final = RevenueBasis.IN_FORCE
QUARTER_MONTH: Final = 10  # a quarter before a year opens
LATE_BY: Final = timedelta(days=31)
POINT: Final = (
    *("opening", "new", "reactivation", "expansion", "contraction", "churn", "closing"),
    *("base_members", "kept_members", "new_members", "reactivated_members"),
)


class What(StrEnum):
    """What is looked at in the year before."""

    CHURN = "churn"
    CONTRACTION = "contraction"
    NEWCOMERS = "newcomers"
    FIRST_YEAR = "first_year"
    AWAY = "away"
    STALLED = "stalled"
    NO_PLAN = "no_plan"


OF_THE_VECTOR: Final = (What.AWAY, What.STALLED, What.NO_PLAN)


@dataclass(frozen=True, kw_only=True)
class YearOf:
    """A year of one group; ``closing_on`` is where it stands, for a year that is not over.

    Ratios are null for a base of fewer than five members, and for one of nothing.
    """

    year: int
    point: SeriesPoint
    closing_on: date
    is_over: bool

    @property
    def is_small(self) -> bool:
        return self.point.base_members < engine.SMALLEST_GROUP

    @property
    def nrr(self) -> Decimal | None:
        return None if self.is_small else self.point.nrr

    @property
    def grr(self) -> Decimal | None:
        return None if self.is_small else self.point.grr

    @property
    def members_close(self) -> int:
        return self.point.kept_members + self.point.new_members + self.point.reactivated_members

    @property
    def lost(self) -> Decimal:
        return self.point.churn + self.point.contraction


@dataclass(frozen=True, kw_only=True)
class Sign:
    """One thing looked at, by year; ``tier`` is blank where it is everybody's.

    Shares of dues or of members; null where not known, or of fewer than five members. ``read``
    are the days on which a night looked, for what the vector says.
    """

    what: What
    tier: str
    values: Mapping[int, Decimal | None]
    usual: Usual | None
    tally: Tally | None
    read: Mapping[int, date]

    def stood_out(self, year: int) -> bool:
        """Whether it was higher than usual by more than its spread in that year."""
        return self.usual is not None and self.usual.is_above(self.values.get(year))


@dataclass(frozen=True, kw_only=True)
class BadYear:
    """A bad year with what was lost in it by tier, largest first."""

    bad: Bad
    of: YearOf
    losses: list[Loss]


@dataclass(frozen=True, kw_only=True)
class Story:
    """The years of everybody and of each tier; ``bad`` is null where too few have closed."""

    as_of: date
    years: list[YearOf]
    tiers: Mapping[str, list[YearOf]]
    judged: list[YearOf]
    usual: Usual | None
    bad: list[BadYear] | None
    signs: list[Sign]


@kept_by_night
def story(*, as_of: date) -> Story:
    """Return the years known up to a day, judged by their own median and spread.

    Six statements, however many years and tiers. Nothing is judged of a year that is not over
    or opened on fewer than five members (DOMAIN 3.4, 4.2).
    """
    series = every_series(
        kind=PeriodKind.CALENDAR_YEAR, basis=BASIS, dimensions=[Dimension.ALL, Dimension.TIER]
    )
    years = _years(series.get((Dimension.ALL, ""), []), as_of=as_of)
    tiers = {
        value: _years(points, as_of=as_of)
        for (dimension, value), points in series.items()
        if dimension == Dimension.TIER
    }
    judged = [each for each in years if each.is_over and each.nrr is not None]
    bad = engine.bad_years({each.year: (each.nrr, each.grr) for each in judged})
    return Story(
        as_of=as_of,
        years=years,
        tiers=tiers,
        judged=judged,
        usual=engine.usual(each.nrr for each in judged),
        bad=None if bad is None else [_bad(each, judged=judged, tiers=tiers) for each in bad],
        signs=_signs(
            years,
            tiers=tiers,
            bad={each.year for each in bad or ()},
            judged={each.year for each in judged},
            as_of=as_of,
        ),
    )


def _years(points: list[SeriesPoint], *, as_of: date) -> list[YearOf]:
    return [
        YearOf(
            year=point.starts_on.year,
            point=point,
            closing_on=min(point.ends_on, max(point.covers_until, point.starts_on), as_of),
            is_over=point.is_final and point.ends_on <= as_of,
        )
        for point in points
        if point.starts_on < as_of
    ]


def _bad(bad: Bad, *, judged: list[YearOf], tiers: Mapping[str, list[YearOf]]) -> BadYear:
    lost = {
        tier: each.lost for tier, years in tiers.items() for each in years
        if each.year == bad.year
    }  # fmt: skip
    [of] = [each for each in judged if each.year == bad.year]
    return BadYear(bad=bad, of=of, losses=engine.losses(lost))


def _signs(
    years: list[YearOf],
    *,
    tiers: Mapping[str, list[YearOf]],
    bad: set[int],
    judged: set[int],
    as_of: date,
) -> list[Sign]:
    over = [each for each in years if each.is_over]
    found: dict[tuple[What, str], dict[int, Decimal | None]] = {}
    # blank is everybody here; of members without a tier nothing is looked at by itself
    for tier, of_tier in sorted({**tiers, "": years}.items()):
        for each in of_tier:
            if each.is_over:
                point, base = each.point, each.point.base_members
                churn = engine.share(point.churn, point.opening, members=base)
                found.setdefault((What.CHURN, tier), {})[each.year] = churn
                less = engine.share(point.contraction, point.opening, members=base)
                found.setdefault((What.CONTRACTION, tier), {})[each.year] = less
    found[What.NEWCOMERS, ""] = {
        each.year: engine.share(
            each.point.new_members, each.members_close, members=each.members_close
        )
        for each in over
        if each.point.base_members
    }
    found[What.FIRST_YEAR, ""] = {
        year: engine.share(left, joined, members=joined)
        for year, (joined, left) in first_years(over, as_of=as_of).items()
    }
    health = _a_quarter_before(over, as_of=as_of)
    for what in OF_THE_VECTOR:
        found[what, ""] = {year: _share(what, each) for year, each in health.items()}
    read = {year: each.as_of for year, each in health.items()}
    return [
        Sign(
            what=what,
            tier=tier,
            values=values,
            usual=engine.usual(values.values()),
            tally=engine.tally(values, bad=bad, judged=judged),
            read=read if what in OF_THE_VECTOR else {},
        )
        for (what, tier), values in found.items()
        if any(value is not None for value in values.values()) or what in OF_THE_VECTOR
    ]


def first_years(years: list[YearOf], *, as_of: date) -> dict[int, tuple[int, int]]:
    """Count those in their first full year, by that year: (who paid as it opened, who left).

    They are the accounts whose first term began in the year before and who pay on the opening
    day; those left who pay nothing as it closes and are not on leave. The same accounts as the
    list of movements shows for a churn of members who joined then.
    """
    if not years:
        return {}
    days = sorted({day for each in years for day in (each.point.starts_on, each.closing_on)})
    place = {day: index for index, day in enumerate(days)}
    pairs = [(place[before], place[after]) for before, after in pairwise(days)]
    of = ledger.traits()
    rule: dict[str, Any] = {"as_of": as_of, "grace_days": Association.current().grace_days}
    paid = ledger.COLUMN[BASIS]
    is_apart = of.linked and len({closing for _opening, closing in pairs}) > 1

    def when(closing: int) -> str:
        # a linked account is there once for each stretch of closing days
        day = f"%(day_{closing})s"
        return (
            f""" AND (account_from IS NULL
                OR account_from <= {day} AND {day} < account_until)"""
            if is_apart
            else ""
        )

    columns = ", ".join(
        f"""count(*) FILTER (WHERE {mine}),
            count(*) FILTER (WHERE {mine} AND coalesce({paid}_{closing}, 0) = 0
                             AND NOT coalesce({_on_leave(closing, of=of)}, FALSE))"""
        for opening, closing in pairs
        for mine in [
            f"""{paid}_{opening} > 0{when(closing)}
                AND first.year = extract(year FROM %(day_{opening})s::date) - 1"""
        ]
    )
    statement = f"""
        WITH {ledger.seen_on_days(days=days, pairs=pairs, bases=[BASIS], of=of, **rule)},
        first AS (
            SELECT member_id, extract(year FROM min(starts_on)) AS year
            FROM members_term GROUP BY member_id
        )
        SELECT {columns}
        FROM seen JOIN first ON first.member_id = seen.account_id
    """
    with connection.cursor() as cursor:
        cursor.execute(statement, ledger.asked(days=days, of=of, **rule))
        [counts] = cursor.fetchall()
    return {
        days[opening].year: (counts[2 * index], counts[2 * index + 1])
        for index, (opening, _closing) in enumerate(pairs)
    }


def _on_leave(day: int, *, of: ledger.Traits) -> str:
    return ledger.on_leave(f"%(day_{day})s") if of.paused else "FALSE"


def _a_quarter_before(years: list[YearOf], *, as_of: date) -> dict[int, GroupHealth]:
    """How everybody was doing a quarter before the next year opened, by the year it was."""
    if not years:
        return {}
    nights = vector.health_over_time(since=years[0].point.starts_on, until=as_of)
    found = {}
    for each in years:
        day = date(each.year, QUARTER_MONTH, 1)
        near = [one for one in nights if day - LATE_BY < one.as_of <= day]
        if near:
            found[each.year] = near[-1]
    return found


def _share(what: What, health: GroupHealth) -> Decimal | None:
    if what is What.AWAY:
        return engine.share(health.backward, health.with_pace, members=health.with_pace)
    if what is What.STALLED:
        stalled = health.states.get(State.STALLED.value, 0)
        return engine.share(stalled, health.with_plan, members=health.with_plan)
    without = health.in_scope - health.with_plan
    return engine.share(without, health.in_scope, members=health.in_scope)


def plain(told: Story) -> dict[str, Any]:
    """Return the story as plain values: amounts to the cent, shares to six places.

    ``bad`` is null where too few years have closed to judge any (DOMAIN 3.4, 4.2).
    """
    return {
        "as_of": told.as_of,
        "basis": BASIS.value,
        "currency": Association.current().currency,
        "judged": [each.year for each in told.judged],
        "usual": _plain_usual(told.usual),
        "bad": None
        if told.bad is None
        else [
            {
                "year": each.bad.year,
                "by_nrr": each.bad.by_nrr,
                "by_grr": each.bad.by_grr,
                "below": _places(each.bad.below),
                "losses": [
                    {"tier": loss.group, "amount": loss.amount, "share": _places(loss.share)}
                    for loss in each.losses
                ],
            }
            for each in told.bad
        ],
        "years": [_plain_year(each) for each in told.years],
        "tiers": [
            {"tier": tier, "years": [_plain_year(each) for each in years]}
            for tier, years in told.tiers.items()
        ],
        "signs": [
            {
                "what": sign.what.value,
                "tier": sign.tier,
                "usual": _plain_usual(sign.usual),
                "years": [
                    {
                        "year": year,
                        "value": _places(value),
                        "is_high": sign.stood_out(year),
                        "read_on": sign.read.get(year),
                    }
                    for year, value in sorted(sign.values.items())
                ],
                "before_bad": sign.tally.before_bad if sign.tally else None,
                "bad": sign.tally.bad if sign.tally else None,
                "before_others": sign.tally.before_others if sign.tally else None,
                "others": sign.tally.others if sign.tally else None,
            }
            for sign in told.signs
        ],
    }


def lines(told: Story) -> Iterator[tuple[YearOf, str]]:
    """Yield each year with its tier, those of everybody (blank) first: the rows of a sheet."""
    for each in told.years:
        yield each, ""
    for tier, years in told.tiers.items():
        for each in years:
            yield each, tier


def _plain_year(of: YearOf) -> dict[str, Any]:
    point = of.point
    return {name: getattr(point, name) for name in POINT} | {
        "year": of.year,
        "closing_on": of.closing_on,
        "is_over": of.is_over,
        "members_close": of.members_close,
        "nrr": of.nrr,
        "grr": of.grr,
        "restated_on": point.restated_on,
    }


def _plain_usual(usual: Usual | None) -> dict[str, Any] | None:
    if usual is None:
        return None
    return {
        "middle": _places(usual.middle),
        "spread": _places(usual.spread),
        "years": usual.years,
    }


def _places(value: Decimal | None) -> Decimal | None:
    return None if value is None else to_places(Fraction(value), RATIO_PLACES)
