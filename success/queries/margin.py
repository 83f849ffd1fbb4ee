"""What it costs to serve each member and segment, and what is left of their dues.

A place of its own: dues are read here, and nothing that decides about coverage may ask it.
Amounts are a year's, in the association's currency. Dues are those in force on the day. Hours
are our people's: those recorded in the last 90 days as if a year went on like it, or, of
members for whom nothing is recorded, those that their experience takes; these are assumed. Who
may see it is ``Permission.REVENUE_VIEW``.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from django.core.signing import BadSignature
from django.db import connection

from config.kernel.keyset import SIGNER, BadCursor, KeysetPage
from coverage.models import Rebalancing
from coverage.queries.hours import staff_hours
from members.models import Association
from success.engine.margin import FirstDay, MarginChange, Served, change, first_day
from success.models import CostRate
from success.queries.readings import kept_by_night, stands, written_out
from success.queries.revenue import check_currency

RECORDED_DAYS: Final = 90
DAYS_A_YEAR: Final = 365
MONTHS_A_YEAR: Final = 12
CENT: Final = Decimal("0.01")


class NoRates(Exception):
    """Nobody has said yet what an hour costs."""


class OtherCurrency(Exception):
    """The rates are in another currency than dues."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentCost:
    """A segment, or everybody; key and name are blank for members of none.

    ``members`` are those with dues or a complimentary term in force whose hours are known;
    ``assumed`` of them have no recorded time. ``unknown`` are the others: they are in no sum.
    """

    key: str
    name: str
    members: int
    assumed: int
    assumed_hours: Decimal
    unknown: int
    served: Served

    @property
    def cost_share(self) -> Decimal | None:
        """Cost to serve over dues; null where nothing is paid."""
        paid = self.served.revenue
        return self.served.cost_to_serve / paid if paid else None


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberCost:
    member_id: int
    public_id: UUID
    name: str
    segment: str
    is_assumed: bool
    served: Served


@dataclass(frozen=True, slots=True, kw_only=True)
class MoveEffect:
    """What members who change segments in a rebalancing cost before and after, all together.

    ``members`` are those whose hours are known on both sides. ``hours`` are freed in a year;
    ``first_day`` sets what is spent at once beside what the time is worth.
    """

    members: int
    unknown: int
    before: Served
    after: Served
    change: MarginChange
    first_day: FirstDay

    @property
    def hours(self) -> Decimal:
        return self.before.hours - self.after.hours


def rates_on(*, as_of: date) -> CostRate:
    """Return the rates in force on a day, the last ones begun.

    Raises ``NoRates``, ``OtherCurrency``, and ``MixedCurrencies`` where dues are not in one.
    """
    found = (
        CostRate.objects.filter(effective_from__lte=as_of).order_by("-effective_from").first()
    )
    if found is None:
        raise NoRates
    check_currency()
    own = Association.current().currency
    if found.currency != own:
        raise OtherCurrency(f"Rates in {found.currency} cannot be taken off dues in {own}.")
    return found


# A row a member with a term in force. The hours that an experience takes come as a table, so
# that coverage's own reading of its model is the only one.
COSTS: Final = """
    takes (segment_id, stage, hours) AS (
        SELECT * FROM unnest(%(segments)s::bigint[], %(stages)s::text[], %(hours)s::numeric[])
    ),
    paid AS (
        SELECT term.member_id, coalesce(sum(dues.annual_amount), 0) AS revenue
          FROM members_term term
          LEFT JOIN members_dues dues ON dues.term_id = term.id
         -- "+ 0": as in the ledger, so many are sooner read as they stand
         WHERE term.starts_on <= %(as_of)s AND term.ends_on + 0 > %(as_of)s
         GROUP BY term.member_id
    ),
    given AS (
        -- few are shared, and only those are divided
        SELECT effort.member_id,
               coalesce(sum(effort.minutes) FILTER (WHERE effort.members_present = 1), 0)
               + coalesce(sum(effort.minutes::numeric / effort.members_present)
                          FILTER (WHERE effort.members_present > 1), 0) AS staff
          FROM coverage_effort effort
         WHERE effort.withdrawn_at IS NULL
           AND effort."on" > %(since)s AND effort."on" <= %(as_of)s
         GROUP BY effort.member_id
    ),
    timed AS (
        SELECT paid.member_id, paid.revenue, held.segment_id,
               coalesce(segment.is_pooled, FALSE) AS is_pooled,
               given.staff IS NULL AS is_assumed,
               round(coalesce(given.staff / 60 * %(recorded_as_year)s,
                              takes.hours * %(months)s), 2) AS hours
          FROM paid
          LEFT JOIN coverage_assignment held ON held.member_id = paid.member_id
          LEFT JOIN coverage_segment segment ON segment.id = held.segment_id
          LEFT JOIN coverage_circumstance way ON way.member_id = paid.member_id
          LEFT JOIN takes ON takes.segment_id = held.segment_id AND takes.stage = way.stage
          LEFT JOIN given ON given.member_id = paid.member_id
    ),
    pool AS (
        SELECT sum(hours) AS hours FROM timed WHERE is_pooled
    ),
    cost AS (
        SELECT timed.*,
               CASE WHEN is_pooled AND pool.hours > 0
                    THEN %(enablement)s * timed.hours / pool.hours ELSE 0 END AS enablement
          FROM timed CROSS JOIN pool
    )
"""


HELD: Final = "what_members_cost"


@contextmanager
def held(*, as_of: date) -> Iterator[None]:
    """Work out once what each member costs; within, whoever asks of that day reads it.

    In a transaction. Raises as ``rates_on`` does.
    """
    asked = _asked(rates_on(as_of=as_of), as_of=as_of)
    with written_out(HELD, of=as_of, rows=f"WITH {COSTS} SELECT * FROM cost", asked=asked):
        yield


def _costs(*, as_of: date) -> str:
    return f"cost AS (SELECT * FROM {HELD})" if stands(HELD, of=as_of) else COSTS


@kept_by_night
def by_segment(*, as_of: date) -> tuple[SegmentCost, list[SegmentCost]]:
    """Return everybody, then each segment in the order of its rules, members of none last.

    Raises as ``rates_on`` does (DOMAIN 6.5).
    """
    rates = rates_on(as_of=as_of)
    statement = f"""
        WITH {_costs(as_of=as_of)}
        SELECT coalesce(segment.key, ''), coalesce(segment.name, ''),
               count(*) FILTER (WHERE known), count(*) FILTER (WHERE known AND is_assumed),
               coalesce(sum(hours) FILTER (WHERE is_assumed), 0),
               count(*) FILTER (WHERE NOT known),
               coalesce(sum(revenue) FILTER (WHERE known), 0), coalesce(sum(hours), 0),
               coalesce(sum(enablement) FILTER (WHERE known), 0)
          FROM (SELECT cost.*, hours IS NOT NULL AS known FROM cost) AS cost
          LEFT JOIN coverage_segment segment ON segment.id = cost.segment_id
         GROUP BY segment.id, segment.key, segment.name, segment.is_retired, segment.position
         ORDER BY segment.id IS NULL, segment.is_retired, segment.position
    """
    found = [
        SegmentCost(
            key=key,
            name=name,
            members=members,
            assumed=assumed,
            assumed_hours=assumed_hours,
            unknown=unknown,
            served=_served(
                rates, revenue=revenue, hours=hours, enablement=enablement, members=members
            ),
        )
        for (
            key, name, members, assumed, assumed_hours, unknown, revenue, hours, enablement,
        ) in _rows(statement, _asked(rates, as_of=as_of))
    ]  # fmt: skip
    members = sum(each.members for each in found)
    everybody = SegmentCost(
        key="",
        name="",
        members=members,
        assumed=sum(each.assumed for each in found),
        assumed_hours=sum((each.assumed_hours for each in found), Decimal(0)),
        unknown=sum(each.unknown for each in found),
        served=_sum([each.served for each in found], rates),
    )
    return everybody, found


@kept_by_night
def by_member(
    *, as_of: date, segment: str = "", after: str | None = None, size: int = 50
) -> KeysetPage[MemberCost]:
    """Return a page of members whose hours are known, the smallest margin first.

    ``segment`` is a key; blank is everybody. Reads forwards only. Raises as ``rates_on`` does,
    and ``BadCursor`` (DOMAIN 6.5).
    """
    rates = rates_on(as_of=as_of)
    asked = _asked(rates, as_of=as_of) | {"segment": segment, "limit": size + 1}
    if after:
        asked["after_margin"], asked["after_member"] = _place(after)
    beyond = "AND (margin, member_id) > (%(after_margin)s, %(after_member)s)" if after else ""
    within = "AND segment_key = %(segment)s" if segment else ""
    statement = f"""
        WITH {_costs(as_of=as_of)},
        margin AS (
            SELECT cost.*, coalesce(segment.key, '') AS segment_key,
                   coalesce(segment.name, '') AS segment_name,
                   revenue - hours * %(rate)s - round(enablement, 2) - %(direct)s AS margin
              FROM cost
              LEFT JOIN coverage_segment segment ON segment.id = cost.segment_id
             WHERE hours IS NOT NULL
        )
        SELECT margin.member_id, member.public_id, member.name, segment_name, is_assumed,
               revenue, hours, enablement, margin
          FROM margin
          JOIN members_member member ON member.id = margin.member_id
         WHERE TRUE {within} {beyond}
         ORDER BY margin, member_id
         LIMIT %(limit)s
    """
    rows = _rows(statement, asked)
    items = [
        MemberCost(
            member_id=member,
            public_id=public_id,
            name=name,
            segment=segment_name,
            is_assumed=is_assumed,
            served=_served(
                rates, revenue=revenue, hours=hours, enablement=enablement, members=1
            ),
        )
        for (
            member, public_id, name, segment_name, is_assumed, revenue, hours, enablement, _,
        ) in rows[:size]
    ]  # fmt: skip
    last = rows[size - 1] if len(rows) > size else None
    edge = SIGNER.sign_object([str(last[8]), last[0]]) if last else None
    return KeysetPage(items=items, next=edge, previous=None)


def effect_of(rebalancing: Rebalancing, *, as_of: date) -> MoveEffect | None:
    """Return what a rebalancing's moves between segments do to cost and margin; null for none.

    Before, a member takes what they take now in the segment they come from, recorded or
    assumed; after, what the experience of the other takes, in their stage. In a pool they share
    enablement as members there do for the same hours, or among themselves where it is empty.
    Raises as ``rates_on`` does (DOMAIN 6.5).
    """
    rates = rates_on(as_of=as_of)
    statement = f"""
        WITH {COSTS},
        moved AS (
            SELECT cost.revenue,
                   -- an applied move is in its new segment already, a proposed one is not
                   round(coalesce(given.staff / 60 * %(recorded_as_year)s,
                                  was.hours * %(months)s), 2) AS hours,
                   round(becomes.hours * %(months)s, 2) AS hours_then,
                   first.is_pooled AS was_pooled, second.is_pooled AS is_pooled
              FROM coverage_move move
              JOIN cost ON cost.member_id = move.member_id
              JOIN coverage_segment first ON first.id = move.from_segment_id
              JOIN coverage_segment second ON second.id = move.to_segment_id
              LEFT JOIN coverage_circumstance way ON way.member_id = move.member_id
              LEFT JOIN given ON given.member_id = move.member_id
              LEFT JOIN takes was
                ON was.segment_id = move.from_segment_id AND was.stage = way.stage
              LEFT JOIN takes becomes
                ON becomes.segment_id = move.to_segment_id AND becomes.stage = way.stage
             WHERE move.rebalancing_id = %(rebalancing)s
               AND move.from_segment_id <> move.to_segment_id
        )
        SELECT count(*) FILTER (WHERE known), count(*) FILTER (WHERE NOT known),
               coalesce(sum(revenue) FILTER (WHERE known), 0),
               coalesce(sum(hours) FILTER (WHERE known), 0),
               coalesce(sum(hours_then) FILTER (WHERE known), 0),
               coalesce(sum(hours) FILTER (WHERE known AND was_pooled), 0),
               coalesce(sum(hours_then) FILTER (WHERE known AND is_pooled), 0),
               (SELECT hours FROM pool)
          FROM (SELECT moved.*, hours IS NOT NULL AND hours_then IS NOT NULL AS known
                  FROM moved) AS moved
    """
    asked = _asked(rates, as_of=as_of) | {"rebalancing": rebalancing.pk}
    ((members, unknown, revenue, hours, hours_then, pooled, pooled_then, in_pool),) = _rows(
        statement, asked
    )
    if not members and not unknown:
        return None
    shared_by = in_pool or pooled_then
    an_hour = rates.enablement_a_year / shared_by if shared_by else Decimal(0)
    whose: dict[str, Any] = {"revenue": revenue, "members": members}
    before = _served(rates, hours=hours, enablement=pooled * an_hour, **whose)
    after = _served(rates, hours=hours_then, enablement=pooled_then * an_hour, **whose)
    return MoveEffect(
        members=members,
        unknown=unknown,
        before=before,
        after=after,
        change=change(before, after),
        first_day=first_day(members=1, before=before, after=after),
    )


def _served(
    rates: CostRate, *, revenue: Decimal, hours: Decimal, enablement: Decimal, members: int
) -> Served:
    return Served(
        revenue=Decimal(revenue),
        hours=Decimal(hours),
        rate=rates.hourly_rate,
        enablement=Decimal(enablement).quantize(CENT),
        direct=rates.direct_a_year * members,
    )


def _sum(parts: list[Served], rates: CostRate) -> Served:
    nothing = Decimal(0)
    return Served(
        revenue=sum((each.revenue for each in parts), nothing),
        hours=sum((each.hours for each in parts), nothing),
        rate=rates.hourly_rate,
        enablement=sum((each.enablement for each in parts), nothing),
        direct=sum((each.direct for each in parts), nothing),
    )


def _asked(rates: CostRate, *, as_of: date) -> dict[str, Any]:
    takes = staff_hours(as_of=as_of)
    return {
        "as_of": as_of,
        "since": as_of - timedelta(days=RECORDED_DAYS),
        "recorded_as_year": Decimal(DAYS_A_YEAR) / RECORDED_DAYS,
        "months": MONTHS_A_YEAR,
        "segments": [segment for segment, _stage in takes],
        "stages": [str(stage) for _segment, stage in takes],
        "hours": [
            Decimal(hours.numerator) / Decimal(hours.denominator) for hours in takes.values()
        ],
        "rate": rates.hourly_rate,
        "enablement": rates.enablement_a_year,
        "direct": rates.direct_a_year,
    }


def _place(cursor: str) -> tuple[Decimal, int]:
    try:
        margin, member = SIGNER.unsign_object(cursor)
        return Decimal(margin), int(member)
    except (BadSignature, TypeError, ValueError, ArithmeticError) as error:
        raise BadCursor("This cursor cannot be read.") from error


def _rows(statement: str, parameters: dict[str, Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows
