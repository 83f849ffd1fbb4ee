"""Who moved between two days, by how much and why: the rows behind a period's figures.

The same reading of the ledger as ``success.queries.revenue``, one row an account: linked
members are one, under the member they are counted with where the period closes. An expansion
or contraction is split into its parts, signed, which add up to it.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from django.core.signing import BadSignature
from django.db import connection

from config.kernel.keyset import SIGNER, BadCursor, KeysetPage
from members.enums import DepartureReason
from success.engine.revenue import Kind, Part
from success.enums import Dimension, RevenueBasis
from success.queries.readings import kept_by_night, known, stands, written_out
from success.queries.revenue import (
    RevenueFigures,
    check_currency,
    check_period,
    money,
    ratio,
    revenue_with_groups,
)
from success.rollups import ledger
from success.rollups.ledger import Move

KIND_OF: Final = {
    Move.NEW: Kind.NEW,
    Move.REACTIVATION: Kind.REACTIVATION,
    Move.EXPANSION: Kind.EXPANSION,
    Move.CONTRACTION: Kind.CONTRACTION,
    Move.CHURN: Kind.CHURN,
    Move.UNCHANGED: Kind.UNCHANGED,
    Move.COMPLIMENTARY: Kind.CHURN,
    Move.PAUSED: Kind.CONTRACTION,
}
NOUGHT: Final = Decimal(0)
PARTS: Final = tuple(Part)
BY: Final = {part: f"by_{part}" for part in PARTS}
LEFT: Final = f"({Move.CHURN}, {Move.COMPLIMENTARY}, {Move.PAUSED})"
CHANGED: Final = f"({Move.EXPANSION}, {Move.CONTRACTION})"
# What is said of an account in a list; names of those that are shown, not of everybody.
LISTED: Final = f"""told.member_id, member.public_id, member.name, tier, segment, opening,
               closing, move, amount, undecided, transferred, reason,
               {", ".join(BY.values())}"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A period under one rule, as far as facts are known."""

    opening_on: date
    closing_on: date
    as_of: date
    basis: RevenueBasis
    grace_days: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Narrowed:
    """Which accounts are asked for; null asks for all.

    ``tier`` is that of the opening day, or of the closing day for arrivals; ``segment`` the
    key of the one assigned now (blank: none); ``owner`` who looks after them now;
    ``joined_in`` the year of their first term; ``chapter`` the one in the records (blank:
    none), of linked members that of the member they are counted with.
    """

    tier: str | None = None
    segment: str | None = None
    owner: UUID | None = None
    joined_in: int | None = None
    chapter: str | None = None
    kinds: Collection[Kind] = ()
    part: Part | None = None
    reason: DepartureReason | None = None


EVERYBODY: Final = Narrowed()
HELD: Final = "accounts_that_moved"
IN_CHAPTER: Final = """JOIN members_member AS member
              ON member.id = moved.member_id AND member.chapter = %(chapter)s"""
# A join with tiers would have the planner believe that next to nobody is left, and walk over
# all accounts for each of them further on.
TIER_OF: Final = "(SELECT array_agg(tier.tier ORDER BY tier.code) FROM tier)[moved.code]"


@dataclass(frozen=True, slots=True, kw_only=True)
class MovementRow:
    """One account in a period; ``amount`` is the size of the change, never negative.

    ``parts`` are signed and add up to ``closing - opening`` where the kind is expansion or
    contraction, but for a leave of absence; parts of nought are left out. ``transferred`` is
    what moved between linked members inside the row. ``reason`` is why a member stopped
    paying, as somebody told; blank: nobody did, or they did not stop.
    """

    member_id: int
    public_id: UUID
    name: str
    tier: str
    segment: str
    opening: Decimal
    closing: Decimal
    kind: Kind
    amount: Decimal
    is_undecided: bool
    transferred: Decimal = Decimal(0)
    reason: str = ""
    parts: dict[Part, Decimal] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReasonTotal:
    """Dues of members who stopped paying for one reason; blank: nobody has told."""

    reason: str
    amount: Decimal
    members: int

    @property
    def is_avoidable(self) -> bool | None:
        return DepartureReason(self.reason).is_avoidable if self.reason else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """A period's movements added up: opening + … = closing, to the cent.

    ``by_kind`` holds (amount, accounts) of the optimistic reading; ``by_part`` the signed sum
    of a part over a kind. ``paused`` is what the contraction has of leaves of absence, and
    ``transferred`` is in no other sum. Ratios are null for an empty base (DOMAIN 4.3 #10).
    """

    opening: Decimal
    closing: Decimal
    by_kind: Mapping[Kind, tuple[Decimal, int]]
    by_part: Mapping[tuple[Kind, Part], Decimal]
    paused: Decimal
    transferred: Decimal
    transferred_accounts: int
    reasons: list[ReasonTotal]

    def amount(self, kind: Kind) -> Decimal:
        """Return the sum of a kind, never negative."""
        return self.by_kind.get(kind, (NOUGHT, 0))[0]

    def accounts(self, kind: Kind) -> int:
        """Return how many accounts moved in that way."""
        return self.by_kind.get(kind, (NOUGHT, 0))[1]

    def part(self, part: Part, *, kind: Kind | None = None) -> Decimal:
        """Return the signed sum of a part over one kind, or over both that have parts."""
        kinds = (kind,) if kind else (Kind.EXPANSION, Kind.CONTRACTION)
        return sum((self.by_part.get((each, part), NOUGHT) for each in kinds), NOUGHT)

    @property
    def of_base(self) -> Decimal:
        """The part of the closing that the base pays."""
        return self.closing - self.amount(Kind.NEW) - self.amount(Kind.REACTIVATION)

    @property
    def nrr(self) -> Decimal | None:
        return ratio(self.of_base, self.opening)

    @property
    def nrr_ex_price(self) -> Decimal | None:
        return ratio(self.of_base - self.part(Part.PRICE), self.opening)

    @property
    def grr(self) -> Decimal | None:
        return ratio(self.of_base - self.amount(Kind.EXPANSION), self.opening)


def movements_between(
    asked: Asked,
    *,
    only: Narrowed = EVERYBODY,
    after: str | None = None,
    size: int = 50,
) -> KeysetPage[MovementRow]:
    """Return a page of the accounts behind the figures, largest change first.

    Without ``only.kinds``: every account that paid on either day. The optimistic reading, with
    ``is_undecided`` for accounts whom strict leaves out. Reads forwards only, so ``previous``
    is always null. Raises as ``revenue_between`` does, and ``BadCursor`` (DOMAIN 4.2, 4.3).
    """
    if after is None and only == replace(EVERYBODY, kinds=only.kinds):
        first = known(first_of_moves, asked, size=size)
        if first is not None:
            return _page(_of_moves(first, only.kinds), size=size)
    of = _checked(asked)
    parameters = _parameters(asked, only, of=of) | {"limit": size + 1}
    wanted = [_of_kinds(only.kinds)]
    if only.part:
        wanted.append(f"{BY[only.part]} <> 0")
    if only.reason:
        wanted.append("reason = %(reason)s")
        parameters["reason"] = only.reason.value
    if after:
        wanted.append("(-amount, member_id) > (%(after_amount)s, %(after_member)s)")
        parameters["after_amount"], parameters["after_member"] = _place(after)
    statement = f"""
        {_told(asked, only, of=of)}
        SELECT {LISTED}
        FROM (
            SELECT * FROM told WHERE {" AND ".join(wanted)}
            ORDER BY -amount, member_id LIMIT %(limit)s
        ) AS told JOIN members_member AS member ON member.id = told.member_id
        ORDER BY -amount, member_id
    """
    return _page([_row(row) for row in _rows(statement, parameters)], size=size)


@kept_by_night
def first_of_moves(asked: Asked, *, size: int) -> dict[Kind, list[MovementRow]]:
    """Return what opens the list of each kind, one more than ``size``; one pass (4.2, 4.3)."""
    of = _checked(asked)
    statement = f"""
        {_told(asked, EVERYBODY, of=of)},
        placed AS (
            SELECT told.*, row_number() OVER (
                PARTITION BY move ORDER BY -amount, member_id
            ) AS place
            FROM told WHERE move NOT IN ({Move.IN_HAND}, {Move.UNCHANGED})
            UNION ALL
            -- most accounts are unchanged, and so are not put in order
            (SELECT told.*, 1 FROM told WHERE {_of_kinds([Kind.UNCHANGED])}
             ORDER BY member_id LIMIT %(limit)s)
            UNION ALL
            (SELECT told.*, 1 FROM told WHERE {_of_kinds([Kind.TRANSFER])}
             ORDER BY member_id LIMIT %(limit)s)
        )
        SELECT {LISTED}
        FROM placed AS told JOIN members_member AS member ON member.id = told.member_id
        WHERE place <= %(limit)s ORDER BY -amount, member_id
    """
    found: dict[Kind, list[MovementRow]] = {}
    for row in _rows(statement, _parameters(asked, EVERYBODY, of=of) | {"limit": size + 1}):
        told = _row(row)
        of_kind = found.setdefault(told.kind, [])
        if len(of_kind) <= size:
            of_kind.append(told)
    return found


def _of_moves(
    first: Mapping[Kind, list[MovementRow]], kinds: Collection[Kind]
) -> list[MovementRow]:
    rows = (row for kind, rows in first.items() if kind in (kinds or Kind) for row in rows)
    return sorted(rows, key=lambda row: (-row.amount, row.member_id))


def _page(rows: list[MovementRow], *, size: int) -> KeysetPage[MovementRow]:
    edge = None
    if len(rows) > size:
        last = rows[size - 1]
        edge = SIGNER.sign_object([-int(last.amount.scaleb(2)), last.member_id])
    return KeysetPage(items=rows[:size], next=edge, previous=None)


def totals(asked: Asked, *, only: Narrowed = EVERYBODY) -> Totals:
    """Add up all movements of the accounts asked for; kinds, part and reason do not narrow it.

    Raises as ``revenue_between`` does (DOMAIN 4.2, 4.3).
    """
    return of_all_kinds(asked, only=replace(only, kinds=(), part=None, reason=None))


@kept_by_night
def of_all_kinds(asked: Asked, *, only: Narrowed) -> Totals:
    """Return ``totals`` of accounts that no kind, part and reason narrows.

    Optimistic: who is undecided stays. Equal to ``revenue_between``, and to the engine's
    parts and transfers. One pass over the terms. Raises as ``revenue_between`` does
    (DOMAIN 4.2, 4.3).
    """
    of = _checked(asked)
    parts = ", ".join(f"sum({column})" for column in BY.values())
    statement = f"""
        {_told(asked, only, of=of)}
        SELECT move, reason, transferred > 0 AS moved, count(*), sum(opening), sum(closing),
               sum(transferred), {parts}
        FROM told WHERE move <> {Move.IN_HAND} GROUP BY 1, 2, 3
    """
    by_kind: dict[Kind, tuple[Decimal, int]] = {}
    by_part: dict[tuple[Kind, Part], Decimal] = {}
    reasons: dict[str, tuple[int, int]] = {}
    sums = [0, 0, 0, 0]
    paused = 0
    for code, reason, moved, count, opening, closing, between, *made_of in _rows(
        statement, _parameters(asked, only, of=of)
    ):
        move = Move(code)
        kind = _kind(move, transferred=moved)
        known, so_many = by_kind.get(kind, (NOUGHT, 0))
        by_kind[kind] = known + money(abs(closing - opening)), so_many + count
        for part, cents in zip(PARTS, made_of, strict=True):
            if cents:
                by_part[kind, part] = by_part.get((kind, part), NOUGHT) + money(cents)
        if kind is Kind.CHURN or move is Move.PAUSED:
            lost, members = reasons.get(reason, (0, 0))
            reasons[reason] = lost + int(opening), members + count
        paused += int(opening) if move is Move.PAUSED else 0
        own = (int(opening), int(closing), int(between), count if moved else 0)
        sums = [before + more for before, more in zip(sums, own, strict=True)]
    return Totals(
        opening=money(sums[0]),
        closing=money(sums[1]),
        by_kind=by_kind,
        by_part=by_part,
        paused=money(paused),
        transferred=money(sums[2]),
        transferred_accounts=sums[3],
        reasons=[
            ReasonTotal(reason=reason, amount=money(lost), members=members)
            for reason, (lost, members) in sorted(
                reasons.items(), key=lambda item: (-item[1][0], item[0])
            )
        ],
    )


def revenue_with_prices(
    *,
    opening_on: date,
    closing_on: date,
    as_of: date,
    grace_days: int,
    dimensions: Sequence[Dimension] = (),
) -> list[tuple[RevenueFigures, RevenueFigures]]:
    """Measure a period as ``revenue_with_groups`` does, and how much of it is price alone.

    A further pass over the terms for each basis. Who is undecided has part in the optimistic
    reading only, so NRR ex-price is strict and optimistic as NRR is (DOMAIN 4.3 #4, #10).
    """
    pairs = revenue_with_groups(
        opening_on=opening_on,
        closing_on=closing_on,
        as_of=as_of,
        grace_days=grace_days,
        dimensions=dimensions,
    )
    prices = {
        basis: prices_of(
            Asked(
                opening_on=opening_on,
                closing_on=closing_on,
                as_of=as_of,
                basis=basis,
                grace_days=grace_days,
            )
        )
        for basis in RevenueBasis
    }

    def priced(figures: RevenueFigures) -> RevenueFigures:
        by_reading = prices[figures.basis].get((figures.dimension, figures.value), {})
        return replace(
            figures,
            optimistic=replace(figures.optimistic, price=money(sum(by_reading.values(), 0))),
            strict=replace(figures.strict, price=money(by_reading.get(False, 0))),
        )

    return [(priced(in_force), priced(membership)) for in_force, membership in pairs]


@kept_by_night
def prices_of(asked: Asked) -> dict[tuple[Dimension, str], dict[bool, int]]:
    """The signed cents of price in a period, by group, and by whether they are undecided."""
    of = _checked(asked)
    statement = f"""
        {_told(asked, EVERYBODY, of=of)}
        SELECT tier, segment, undecided, sum({BY[Part.PRICE]})::bigint
        FROM told WHERE move IN {CHANGED} GROUP BY 1, 2, 3
    """
    found: dict[tuple[Dimension, str], dict[bool, int]] = {}
    for tier, segment, undecided, cents in _rows(
        statement, _parameters(asked, EVERYBODY, of=of)
    ):
        for group in (
            (Dimension.ALL, ""),
            (Dimension.TIER, tier),
            (Dimension.SEGMENT, segment),
        ):
            of_group = found.setdefault(group, {})
            of_group[undecided] = of_group.get(undecided, 0) + cents
    return found


@contextmanager
def held(asked: Asked) -> Iterator[None]:
    """Work a period out once; within, what is asked of all its accounts is read from that.

    In a transaction. Raises as ``revenue_between`` does.
    """
    of = _checked(asked)
    told = f"{_told(asked, EVERYBODY, of=of)} SELECT * FROM told"
    with connection.cursor() as cursor:
        # of everybody, the terms of whoever changed are too many to be looked up one by one
        cursor.execute("SET LOCAL enable_nestloop = off")
        with written_out(HELD, of=asked, rows=told, asked=_parameters(asked, EVERYBODY, of=of)):
            cursor.execute("SET LOCAL enable_nestloop = on")
            yield


def _told(asked: Asked, only: Narrowed, *, of: ledger.Traits) -> str:
    """SQL of ``told``: a row an account asked for, with its parts, transfer and reason."""
    if only == EVERYBODY and stands(HELD, of=asked):
        return f"WITH told AS NOT MATERIALIZED (SELECT * FROM {HELD})"
    seen = ledger.seen_on_days(
        days=[asked.opening_on, asked.closing_on],
        pairs=[(0, 1)],
        bases=[asked.basis],
        as_of=asked.as_of,
        grace_days=asked.grace_days,
        of=of,
    )
    column = ledger.COLUMN[asked.basis]
    undecided = "undecided_1" if asked.basis == RevenueBasis.MEMBERSHIP else "FALSE"
    linked = """OR EXISTS (
            SELECT FROM members_accountunit AS unit
            WHERE unit.account_id = scoped.member_id AND unit.member_id <> unit.account_id
              AND unit.counts_from <= %(day_1)s AND %(day_1)s < unit.counts_until)"""
    transferred, between = "0::numeric", ""
    if of.linked:
        transferred = "coalesce(between.transferred, 0)"
        between = "LEFT JOIN between_linked AS between USING (member_id)"
    return f"""
        WITH {seen},
        moved AS (
            SELECT member_id, coalesce({column}_0, 0) AS opening,
                   coalesce({column}_1, 0) AS closing, {undecided} AS undecided,
                   abs(coalesce({column}_1, 0) - coalesce({column}_0, 0)) AS amount,
                   CASE WHEN {column}_0 > 0 THEN {column}_0_tier ELSE {column}_1_tier END
                       AS code,
                   {column}_0_tier = {column}_1_tier AS same_tier,
                   {ledger.move_of(asked.basis, of=of)} AS move
            FROM seen
        ),
        scoped AS MATERIALIZED (
            SELECT moved.*, {TIER_OF} AS tier, coalesce(segment.key, '') AS segment
            FROM moved
            {IN_CHAPTER if only.chapter is not None else ""}
            LEFT JOIN coverage_assignment AS assignment
                   ON assignment.member_id = moved.member_id
            LEFT JOIN coverage_segment AS segment ON segment.id = assignment.segment_id
            WHERE moved.code IS NOT NULL AND {_narrowing(only)}
        ),
        of_changed AS (
            SELECT line.* FROM line JOIN scoped USING (member_id)
            WHERE scoped.move IN {CHANGED} {linked if of.linked else ""}
        ),
        {ledger.dated_as(asked.basis, "of_changed")},
        {MADE_OF},
        {PARTED},
        told AS (
            SELECT scoped.*, {transferred} AS transferred,
                   CASE WHEN scoped.move IN {LEFT} THEN coalesce((
                       SELECT reason FROM members_departure AS departure
                       WHERE departure.member_id = scoped.member_id
                         AND departure.left_on <= %(day_1)s
                         AND (departure.left_on > %(day_0)s OR scoped.move = {Move.PAUSED})
                       ORDER BY left_on DESC LIMIT 1
                   ), '') ELSE '' END AS reason,
                   {", ".join(f"coalesce({part}, 0) AS {part}" for part in BY.values())}
            FROM scoped
            {between}
            LEFT JOIN parted
                   ON parted.member_id = scoped.member_id AND scoped.move IN {CHANGED}
        )"""


# What the lines of an account are made of on the two days, in cents, and whose they are. A line
# of no cost needs no breakdown; one in another currency has none that adds up.
_EACH_DAY: Final = ", ".join(
    f"""sum(base_amount * 100) FILTER (WHERE on_{day}) AS base_{day},
        sum(seats) FILTER (WHERE on_{day}) AS seats_{day},
        sum(seats * seat_price * 100) FILTER (WHERE on_{day}) AS seated_{day},
        sum(addons_amount * 100) FILTER (WHERE on_{day}) AS add_ons_{day},
        sum(discount_amount * 100) FILTER (WHERE on_{day}) AS discount_{day}"""
    for day in (0, 1)
)
MADE_OF: Final = f"""
        made_of AS MATERIALIZED (
            SELECT member_id, {_EACH_DAY},
                   bool_and(base_amount IS NOT NULL AND currency = %(own)s) AS told
            FROM dated_line
            WHERE (on_0 OR on_1) AND worth >= 65536
            GROUP BY member_id
        ),
        between_linked AS MATERIALIZED (
            SELECT member_id, least(sum(opening), sum(closing)) - sum(least(opening, closing))
                       AS transferred
            FROM (
                SELECT member_id, holder,
                       coalesce(sum(worth >> 16) FILTER (WHERE on_0), 0) AS opening,
                       coalesce(sum(worth >> 16) FILTER (WHERE on_1), 0) AS closing
                FROM dated_line GROUP BY member_id, holder
            ) AS held GROUP BY member_id
        )"""
# More or fewer seats at the price of before, half to even: n / d is the exact quotient.
PARTED: Final = f"""
        seated AS (
            SELECT made_of.member_id, scoped.same_tier, made_of.told,
                   scoped.closing - scoped.opening AS change,
                   coalesce(base_1, 0) - coalesce(base_0, 0) AS base,
                   coalesce(seated_1, 0) - coalesce(seated_0, 0) AS seated,
                   coalesce(add_ons_1, 0) - coalesce(add_ons_0, 0) AS add_on,
                   coalesce(discount_0, 0) - coalesce(discount_1, 0) AS discount,
                   coalesce(seats_0, 0) AS seats_0, coalesce(seats_1, 0) AS seats_1,
                   2 * coalesce(seated_0, 0) * (coalesce(seats_1, 0) - coalesce(seats_0, 0))
                       + coalesce(seats_0, 0) AS n,
                   2 * coalesce(seats_0, 0) AS d
            -- a left join, for of an inner one the planner would believe that it leaves a
            -- single row, and walk over all of them for each account
            FROM made_of LEFT JOIN scoped USING (member_id)
        ),
        by_seat AS (
            SELECT *, CASE
                WHEN NOT told THEN 0
                WHEN seats_0 > 0 THEN floor(n / d)
                    - CASE WHEN n %% d = 0 AND floor(n / d) %% 2 <> 0 THEN 1 ELSE 0 END
                WHEN seats_1 > 0 THEN seated
                ELSE 0 END AS seats
            FROM seated
        ),
        rested AS (
            SELECT *, CASE WHEN told THEN base + seated - seats ELSE change END AS rest
            FROM by_seat
        ),
        parted AS MATERIALIZED (
            SELECT member_id,
                   CASE WHEN same_tier THEN rest ELSE 0 END AS {BY[Part.PRICE]},
                   CASE WHEN same_tier THEN 0 ELSE rest END AS {BY[Part.TIER]},
                   seats AS {BY[Part.SEATS]},
                   CASE WHEN told THEN add_on ELSE 0 END AS {BY[Part.ADD_ON]},
                   CASE WHEN told THEN discount ELSE 0 END AS {BY[Part.DISCOUNT]}
            FROM rested
        )"""


def _narrowing(only: Narrowed) -> str:
    conditions = {
        f"{TIER_OF} = %(tier)s": only.tier is not None,
        "coalesce(segment.key, '') = %(segment)s": only.segment is not None,
        """assignment.owner_id = (
            SELECT id FROM members_user WHERE public_id = %(owner)s)""": only.owner is not None,
        """%(joined_in)s = (
            SELECT extract(year FROM min(term.starts_on)) FROM members_term AS term
            WHERE term.member_id = moved.member_id)""": only.joined_in is not None,
    }
    return " AND ".join(["TRUE", *(said for said, is_asked in conditions.items() if is_asked)])


def _checked(asked: Asked) -> ledger.Traits:
    check_period(opening_on=asked.opening_on, closing_on=asked.closing_on, as_of=asked.as_of)
    return check_currency(on=asked.opening_on)


def _parameters(asked: Asked, only: Narrowed, *, of: ledger.Traits) -> dict[str, Any]:
    return ledger.asked(
        days=[asked.opening_on, asked.closing_on],
        as_of=asked.as_of,
        grace_days=asked.grace_days,
        of=of,
    ) | {
        "tier": only.tier,
        "segment": only.segment,
        "owner": only.owner,
        "joined_in": only.joined_in,
        "chapter": only.chapter,
    }


def _of_kinds(kinds: Collection[Kind]) -> str:
    """SQL of the kinds; linked members who kept the same between them moved it."""
    wanted = set(kinds or Kind)
    codes = [move for move, kind in KIND_OF.items() if kind in wanted - {Kind.UNCHANGED}]
    said = [f"move IN ({', '.join(str(int(code)) for code in codes)})"] if codes else []
    if Kind.UNCHANGED in wanted:
        said.append(f"(move = {Move.UNCHANGED} AND transferred = 0)")
    if Kind.TRANSFER in wanted:
        said.append(f"(move = {Move.UNCHANGED} AND transferred > 0)")
    return f"({' OR '.join(said)})"


def _kind(move: Move, *, transferred: bool) -> Kind:
    return Kind.TRANSFER if move is Move.UNCHANGED and transferred else KIND_OF[move]


def _row(row: tuple[Any, ...]) -> MovementRow:
    (
        member_id, public_id, name, tier, segment, opening, closing, move, amount,
        undecided, transferred, reason, *made_of,
    ) = row  # fmt: skip
    return MovementRow(
        member_id=member_id,
        public_id=public_id,
        name=name,
        tier=tier,
        segment=segment,
        opening=money(opening),
        closing=money(closing),
        kind=_kind(Move(move), transferred=transferred > 0),
        amount=money(amount),
        is_undecided=undecided,
        transferred=money(transferred),
        reason=reason,
        parts={part: money(cents) for part, cents in zip(PARTS, made_of, strict=True) if cents},
    )


def _place(cursor: str) -> tuple[int, int]:
    try:
        amount, member = SIGNER.unsign_object(cursor)
        return int(amount), int(member)
    except (BadSignature, TypeError, ValueError) as error:
        raise BadCursor("This cursor cannot be read.") from error


def _rows(statement: str, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows
