"""Is revenue backed by success: how members are doing, beside how the association is."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final, NamedTuple
from uuid import UUID

from django.db import connection

from members.models import Association, Member, User
from success.engine.doing import Bearing, Part
from success.engine.revenue import to_places
from success.engine.rollup import revenue_not_backed_by_success
from success.enums import RevenueBasis
from success.models import IntegrityReading
from success.queries.readings import kept_by_night, stands, written_out
from success.queries.revenue import RATIO_PLACES, check_currency
from success.queries.vector import PaceChange, compare_days
from success.rollups import ledger
from success.rollups.revenue import year_before

INTEGRITY_DAYS: Final = 90
MOST_WON: Final = 10_000

# The base of the year by the direction each member moves in on its closing day, and beside it
# the base of the year up to the earlier day. The ledger as it stands: a term counts from its
# start to its end. Cents, so that parts add up to the whole.
PARTS: Final = """
WITH paid AS (
    SELECT t.member_id,
           coalesce(sum(cents) FILTER (
               WHERE t.starts_on <= %(opening)s AND t.ends_on > %(opening)s
           ), 0)::bigint AS before,
           coalesce(sum(cents) FILTER (
               WHERE t.starts_on <= %(closing)s AND t.ends_on > %(closing)s
           ), 0)::bigint AS after,
           coalesce(sum(cents) FILTER (
               WHERE t.starts_on <= %(earlier_opening)s AND t.ends_on > %(earlier_opening)s
           ), 0)::bigint AS before_then,
           coalesce(sum(cents) FILTER (
               WHERE t.starts_on <= %(earlier)s AND t.ends_on > %(earlier)s
           ), 0)::bigint AS after_then
    FROM members_term t
    JOIN members_dues d ON d.term_id = t.id
    CROSS JOIN LATERAL (SELECT (d.annual_amount * 100)::bigint AS cents) AS whole
    WHERE t.ends_on > %(earlier_opening)s AND t.starts_on <= %(closing)s
      AND d.currency = %(own)s AND NOT t.is_provisional
    GROUP BY t.member_id
)
SELECT CASE
           WHEN f.standing IS NULL OR f.standing NOT IN ('in_force', 'in_grace') THEN 'gone'
           WHEN f.direction = 1 THEN 'towards'
           WHEN f.direction = 0 THEN 'standing'
           WHEN f.direction = -1 THEN 'away'
           ELSE 'unknown'
       END AS bearing,
       sum(before_then)::bigint,
       coalesce(sum(after_then) FILTER (WHERE before_then > 0), 0)::bigint,
       count(*) FILTER (WHERE before > 0), sum(before)::bigint,
       coalesce(sum(after - before) FILTER (WHERE before > 0 AND after > before), 0)::bigint,
       coalesce(sum(before - after) FILTER (WHERE after > 0 AND after < before), 0)::bigint,
       coalesce(sum(before) FILTER (WHERE after = 0), 0)::bigint
FROM paid
LEFT JOIN success_memberfacts f USING (member_id)
WHERE before > 0 OR before_then > 0
GROUP BY 1
"""

# Terms that began in the period and go on from one before, or stand beside one that runs. What
# is no more than before is renewed, what is more is expansion. A milestone counts where it was
# reached while the term before ran; without a plan in that time, nothing can be said.
WON: Final = """
won AS (
    SELECT t.id, t.member_id, t.starts_on, p.starts_on AS since,
           CASE WHEN p.ends_on > t.starts_on THEN 0
                ELSE least(d.annual_amount, p.amount) END AS renewed,
           CASE WHEN p.ends_on > t.starts_on THEN d.annual_amount
                ELSE greatest(d.annual_amount - p.amount, 0) END AS expanded
    FROM members_term t
    JOIN members_dues d
        ON d.term_id = t.id AND d.annual_amount > 0 AND d.currency = %(own)s
    CROSS JOIN LATERAL (
        SELECT p.starts_on, p.ends_on, pd.annual_amount AS amount
        FROM members_term p
        JOIN members_dues pd
            ON pd.term_id = p.id AND pd.annual_amount > 0 AND pd.currency = %(own)s
        WHERE p.member_id = t.member_id AND p.starts_on < t.starts_on
          AND p.ends_on + %(grace)s > t.starts_on
        ORDER BY p.ends_on DESC, p.starts_on DESC, p.id
        LIMIT 1
    ) AS p
    WHERE t.starts_on > %(earlier)s AND t.starts_on <= %(later)s AND NOT t.is_provisional
),
judged AS (
    SELECT won.*,
           CASE WHEN EXISTS (
                    SELECT FROM success_plan plan
                    JOIN success_milestone m ON m.plan_id = plan.id
                    CROSS JOIN LATERAL unnest(m.evidence_dates)
                        WITH ORDINALITY AS turn (day, place)
                    WHERE plan.member_id = won.member_id AND place %% 2 = 1
                      AND day > won.since AND day <= won.starts_on
                ) THEN 'reached'
                WHEN EXISTS (
                    SELECT FROM success_plan plan
                    WHERE plan.member_id = won.member_id
                      AND plan.counts_from <= won.starts_on
                      AND (plan.closed_on IS NULL OR plan.closed_on > won.since)
                ) THEN 'none'
                ELSE 'unknown' END AS milestones
    FROM won
)
"""
WON_COUNTED: Final = """
WITH {won}
SELECT milestones, count(*) FILTER (WHERE renewed > 0), coalesce(sum(renewed), 0),
       count(*) FILTER (WHERE expanded > 0), coalesce(sum(expanded), 0),
       count(DISTINCT member_id)
FROM judged
GROUP BY milestones
"""
WON_LISTED: Final = """
WITH {won}
SELECT member_id, starts_on, renewed, expanded, milestones
FROM judged
WHERE milestones = ANY(%(wanted)s)
ORDER BY renewed + expanded DESC, member_id, starts_on
LIMIT %(most)s
"""
HELD: Final = "what_was_won"


class Base(NamedTuple):
    """Cents that the members of a year's base paid on its opening and its closing day."""

    opening: int
    closing: int

    @property
    def nrr(self) -> Fraction | None:
        return Fraction(self.closing, self.opening) if self.opening else None


@dataclass(frozen=True, slots=True, kw_only=True)
class IntegrityInputs:
    """Net revenue retention of the years up to two days; null for an empty base."""

    earlier_on: date
    later_on: date
    nrr_earlier: Fraction | None
    nrr_later: Fraction | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Won:
    """Renewals and expansions begun in a period: how many, and a year's dues of them."""

    renewals: int = 0
    renewed: Decimal = Decimal(0)
    expansions: int = 0
    expanded: Decimal = Decimal(0)
    members: int = 0

    @property
    def amount(self) -> Decimal:
        return self.renewed + self.expanded


@dataclass(frozen=True, slots=True, kw_only=True)
class WonRow:
    """A renewal or expansion and whether a milestone was reached before it.

    ``milestones``: ``reached``, ``none``, or ``unknown`` where there was no plan.
    """

    public_id: UUID
    name: str
    on: date
    renewed: Decimal
    expanded: Decimal
    milestones: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Integrity:
    """Whether revenue held while members slowed; null when a side of it is unknown.

    ``parts`` are the base of the later year by bearing, in cents; ``rest`` is what NRR has
    beyond them, of linked accounts and other currencies (opening, closing). ``won`` is of the
    time between the two days, by whether a milestone was reached before.
    """

    revenue: IntegrityInputs
    pace: PaceChange
    is_alarming: bool | None
    parts: Mapping[Bearing, Part]
    rest: tuple[int, int]
    won: Mapping[str, Won]

    @property
    def opening(self) -> int:
        """Cents that the base of the later year paid on its opening day."""
        return sum(part.opening for part in self.parts.values()) + self.rest[0]

    @property
    def hollow(self) -> Fraction | None:
        """The share of kept dues from members who stand still or move away (2.13).

        Of those whose direction is known; null for nobody.
        """
        known = [self.parts[each] for each in (Bearing.TOWARDS, Bearing.STANDING, Bearing.AWAY)]
        kept = sum(part.closing for part in known)
        return Fraction(kept - known[0].closing, kept) if kept else None


def integrity_on(*, as_of: date, grace_days: int) -> Integrity:
    """Return the alarm as the night of ``as_of`` wrote it, else as worked out now (2.13)."""
    reading = IntegrityReading.objects.filter(as_of=as_of).first()
    if reading is not None:
        return from_plain(reading.said)
    return integrity(as_of=as_of, grace_days=grace_days)


def integrity(*, as_of: date, grace_days: int) -> Integrity:
    """Hold NRR and like-for-like pace at ``as_of`` against both 90 days before.

    NRR is a ratio of trailing years, pace in plan-days a day. Computed from terms and evidence
    as they are known now, directions as of the last night; a pass over the terms or two, and
    two over the plans unless the night has compared the days. Raises ``MixedCurrencies``
    (DOMAIN 2.13).
    """
    parts, earlier, later = _split(as_of=as_of)
    whole = later
    if _has_more(as_of=as_of):
        earlier, whole = _of_the_ledger(as_of=as_of, grace_days=grace_days)
    inputs = IntegrityInputs(
        earlier_on=earlier_day(as_of),
        later_on=as_of,
        nrr_earlier=earlier.nrr,
        nrr_later=whole.nrr,
    )
    same = compare_days(earlier=inputs.earlier_on, later=inputs.later_on)
    pace = PaceChange(
        earlier_on=same.earlier_on,
        later_on=same.later_on,
        members=same.members,
        earlier=same.earlier,
        later=same.later,
    )
    return Integrity(
        revenue=inputs,
        pace=pace,
        is_alarming=is_alarming(inputs, pace),
        parts=parts,
        rest=(whole.opening - later.opening, whole.closing - later.closing),
        won=won_between(earlier=inputs.earlier_on, later=as_of, grace_days=grace_days),
    )


def earlier_day(as_of: date) -> date:
    """Return the day that the alarm holds ``as_of`` against."""
    return as_of - timedelta(days=INTEGRITY_DAYS)


def is_alarming(inputs: IntegrityInputs, pace: PaceChange) -> bool | None:
    """Judge both changes together; null where either cannot be told (DOMAIN 2.13)."""
    if inputs.nrr_earlier is None or inputs.nrr_later is None or pace.difference is None:
        return None
    return revenue_not_backed_by_success(
        nrr_before=inputs.nrr_earlier,
        nrr_after=inputs.nrr_later,
        pace_change=Fraction(pace.difference),
    )


def nrr_by_bearing(*, as_of: date) -> dict[Bearing, Part]:
    """Return the base of the year up to ``as_of`` by the way its members move now (2.13).

    Cents a year; equal to ``engine.doing.split``. Who is no member any more is ``gone``. One
    pass over the terms.
    """
    return _split(as_of=as_of)[0]


@contextmanager
def won_held(*, as_of: date, grace_days: int) -> Iterator[None]:
    """Look once at what was won in the 90 days up to a day; within, who asks reads that.

    In a transaction (DOMAIN 2.13).
    """
    asked = _of_won(earlier=earlier_day(as_of), later=as_of, grace_days=grace_days)
    rows = f"WITH {WON} SELECT * FROM judged"
    with written_out(HELD, of=asked, rows=rows, asked=asked):
        yield


def _of_won(*, earlier: date, later: date, grace_days: int) -> dict[str, Any]:
    return {"earlier": earlier, "later": later, "grace": grace_days, "own": _own_currency()}


def _won(asked: Mapping[str, Any]) -> str:
    return f"judged AS (SELECT * FROM {HELD})" if stands(HELD, of=asked) else WON


def won_between(*, earlier: date, later: date, grace_days: int) -> dict[str, Won]:
    """Return what was renewed and expanded in (earlier, later], by milestones (2.13).

    Keys ``reached``, ``none`` (a plan, and nothing reached while the term before ran) and
    ``unknown`` (no plan in that time). Amounts are a year's dues.
    """
    found = {each: Won() for each in ("reached", "none", "unknown")}
    asked = _of_won(earlier=earlier, later=later, grace_days=grace_days)
    with connection.cursor() as cursor:
        cursor.execute(WON_COUNTED.format(won=_won(asked)), asked)
        for milestones, renewals, renewed, expansions, expanded, members in cursor.fetchall():
            found[milestones] = Won(
                renewals=renewals,
                renewed=renewed,
                expansions=expansions,
                expanded=expanded,
                members=members,
            )
    return found


def won_rows(  # noqa: PLR0913  # a question about a period, in full
    user: User,
    *,
    earlier: date,
    later: date,
    grace_days: int,
    milestones: tuple[str, ...] = ("none",),
    most: int = MOST_WON,
) -> list[WonRow]:
    """Return the renewals and expansions behind ``won_between``, the largest first.

    Those of members that ``user`` may see, at most ``most`` (DOMAIN 2.13).
    """
    rows = won_by_members(
        earlier=earlier, later=later, grace_days=grace_days, milestones=milestones, most=most
    )
    seen = Member.objects.visible_to(user).in_bulk([row[0] for row in rows])
    return [
        WonRow(
            public_id=seen[member].public_id,
            name=seen[member].name,
            on=on,
            renewed=renewed,
            expanded=expanded,
            milestones=said,
        )
        for member, on, renewed, expanded, said in rows
        if member in seen
    ]


@kept_by_night
def won_by_members(
    *,
    earlier: date,
    later: date,
    grace_days: int,
    milestones: tuple[str, ...] = ("none",),
    most: int = MOST_WON,
) -> list[tuple[int, date, Decimal, Decimal, str]]:
    """Return member, day, renewed, expanded and milestones of ``won_rows``, of everybody."""
    asked = _of_won(earlier=earlier, later=later, grace_days=grace_days)
    with connection.cursor() as cursor:
        listed = WON_LISTED.format(won=_won(asked))
        cursor.execute(listed, asked | {"wanted": list(milestones), "most": most})
        rows: list[tuple[int, date, Decimal, Decimal, str]] = cursor.fetchall()
    return rows


# As a night keeps it.


def as_plain(found: Integrity) -> dict[str, Any]:
    """Return a reading as plain JSON, every ratio exact; ``from_plain`` is the way back."""
    return {
        "earlier_on": found.revenue.earlier_on.isoformat(),
        "later_on": found.revenue.later_on.isoformat(),
        "nrr": [_said(found.revenue.nrr_earlier), _said(found.revenue.nrr_later)],
        "pace": [_said(found.pace.earlier), _said(found.pace.later)],
        "members": found.pace.members,
        "is_alarming": found.is_alarming,
        "parts": {
            bearing.value: [
                part.members,
                part.opening,
                part.expansion,
                part.contraction,
                part.churn,
            ]
            for bearing, part in found.parts.items()
        },
        "rest": list(found.rest),
        "won": {
            name: [
                won.renewals,
                str(won.renewed),
                won.expansions,
                str(won.expanded),
                won.members,
            ]
            for name, won in found.won.items()
        },
    }


def from_plain(said: Mapping[str, Any]) -> Integrity:
    """Return the reading that ``as_plain`` wrote."""
    earlier, later = (date.fromisoformat(said[name]) for name in ("earlier_on", "later_on"))
    return Integrity(
        revenue=IntegrityInputs(
            earlier_on=earlier,
            later_on=later,
            nrr_earlier=_fraction(said["nrr"][0]),
            nrr_later=_fraction(said["nrr"][1]),
        ),
        pace=PaceChange(
            earlier_on=earlier,
            later_on=later,
            members=said["members"],
            earlier=_decimal(said["pace"][0]),
            later=_decimal(said["pace"][1]),
        ),
        is_alarming=said["is_alarming"],
        parts={Bearing(name): Part(*cells) for name, cells in said["parts"].items()},
        rest=(said["rest"][0], said["rest"][1]),
        won={
            name: Won(
                renewals=cells[0],
                renewed=Decimal(cells[1]),
                expansions=cells[2],
                expanded=Decimal(cells[3]),
                members=cells[4],
            )
            for name, cells in said["won"].items()
        },
    )


def _own_currency() -> str:
    """Return the association's currency; dues in others are in the rest (DOMAIN 4.3)."""
    return Association.current().currency


def _said(value: Fraction | Decimal | None) -> str | None:
    return None if value is None else str(value)


def _fraction(said: str | None) -> Fraction | None:
    return None if said is None else Fraction(said)


def _decimal(said: str | None) -> Decimal | None:
    return None if said is None else Decimal(said)


def _split(*, as_of: date) -> tuple[dict[Bearing, Part], Base, Base]:
    """Return the base of the year up to ``as_of`` by bearing, and of both years as a whole.

    Dues in the association's own currency, each member for themselves.
    """
    earlier = earlier_day(as_of)
    found = {each: Part() for each in Bearing}
    then = [0, 0]
    asked: dict[str, Any] = {"opening": year_before(as_of), "closing": as_of}
    asked["own"] = _own_currency()
    asked |= {"earlier_opening": year_before(earlier), "earlier": earlier}
    with connection.cursor() as cursor:
        cursor.execute(PARTS, asked)
        for said, opening, closing, *cells in cursor.fetchall():
            found[Bearing(said)] = Part(*(int(cell) for cell in cells))
            then = [then[0] + opening, then[1] + closing]
    now = Base(
        sum(part.opening for part in found.values()),
        sum(part.closing for part in found.values()),
    )
    return found, Base(*then), now


def _has_more(*, as_of: date) -> bool:
    """Say whether the ledger has what ``_split`` leaves out: linked accounts, other currencies.

    Raises ``MixedCurrencies`` where those cannot be told in the association's own.
    """
    # a rate that is known on the earlier opening day is known on the later one
    of = check_currency(on=year_before(earlier_day(as_of)))
    return of.linked or of.foreign


def _of_the_ledger(*, as_of: date, grace_days: int) -> list[Base]:
    """Return the base of both years with all that the ledger has; one pass over the terms."""
    pairs = [(year_before(closing), closing) for closing in (earlier_day(as_of), as_of)]
    compared = ledger.compare_pairs(
        pairs=pairs, as_of=as_of, grace_days=grace_days, bases=[RevenueBasis.IN_FORCE]
    )
    bases = []
    for at in range(len(pairs)):
        year = compared.tallies[RevenueBasis.IN_FORCE, at].get(ledger.EVERYBODY)
        sums = (year or ledger.Tally()).sums(strict=True)
        kept = sums.opening - sums.churn - sums.contraction + sums.expansion
        bases.append(Base(sums.opening, kept))
    return bases


# For programs.


def plain(found: Integrity, *, as_of: date) -> dict[str, Any]:
    """Return the alarm as plain rows, for programs; ratios to six places, amounts of a year."""
    return {
        "as_of": as_of,
        "earlier_on": found.revenue.earlier_on,
        "currency": Association.current().currency,
        "is_alarming": found.is_alarming,
        "nrr_earlier": _ratio(found.revenue.nrr_earlier),
        "nrr_later": _ratio(found.revenue.nrr_later),
        "pace_members": found.pace.members,
        "pace_earlier": _ratio(_exact(found.pace.earlier)),
        "pace_later": _ratio(_exact(found.pace.later)),
        "hollow": _ratio(found.hollow),
        "parts": [
            {
                "bearing": bearing.value,
                "members": part.members,
                "opening": Decimal(part.opening) / 100,
                "expansion": Decimal(part.expansion) / 100,
                "contraction": Decimal(part.contraction) / 100,
                "churn": Decimal(part.churn) / 100,
                "closing": Decimal(part.closing) / 100,
                "nrr": _ratio(part.nrr),
                "of_nrr": _ratio(
                    Fraction(part.closing, found.opening) if found.opening else None
                ),
            }
            for bearing, part in found.parts.items()
        ],
        "won": [
            {
                "milestones": name,
                "renewals": won.renewals,
                "renewed": won.renewed,
                "expansions": won.expansions,
                "expanded": won.expanded,
                "members": won.members,
            }
            for name, won in found.won.items()
        ],
    }


def _ratio(value: Fraction | None) -> Decimal | None:
    return None if value is None else to_places(value, RATIO_PLACES)


def _exact(value: Decimal | None) -> Fraction | None:
    return None if value is None else Fraction(value)
