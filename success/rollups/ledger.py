"""The ledger of terms and dues as SQL: what each member paid on a day, and how it moved.

Two readings of the same terms are computed side by side. *In force* takes a term from its start
to its end. *Membership* dates a renewal that began in grace back to the expiry it renews, and
keeps a member whose grace window is still open in hand ("undecided") at the last amount.

Money is added as whole cents. The tier travels in the lower bits of the same integer, so that
one maximum finds the tier of the largest line a member holds on a day (equal amounts: the
tier that sorts last).
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import date, timedelta
from enum import IntEnum
from itertools import pairwise
from typing import Any, Final, NamedTuple

from django.db import connection

from members.models import Association
from success.enums import Dimension, RevenueBasis

ONE_HUNDRED: Final = 100
UNASSIGNED: Final = ""
COLUMN: Final = {RevenueBasis.IN_FORCE: "held", RevenueBasis.MEMBERSHIP: "counted"}


class Move(IntEnum):
    """How a member's yearly dues moved between two days; numbered, because SQL says it."""

    IN_HAND = 0  # nothing paid on either day, but a complimentary membership is in grace
    NEW = 1
    REACTIVATION = 2
    EXPANSION = 3
    CONTRACTION = 4
    CHURN = 5
    UNCHANGED = 6
    COMPLIMENTARY = 7  # pays no more, and is a member still: churned dues, no lost logo
    PAUSED = 8  # pays no more, being on leave: contracted dues


OF_BASE: Final = frozenset(Move) - {Move.IN_HAND, Move.NEW, Move.REACTIVATION}
KEPT: Final = frozenset({Move.EXPANSION, Move.CONTRACTION, Move.UNCHANGED})
MOVES: Final = 16  # keys keep a move in the lowest digits of this base


class Group(NamedTuple):
    """Whom figures are about: everybody, or those of one tier or segment (blank: of none)."""

    dimension: Dimension = Dimension.ALL
    value: str = ""


EVERYBODY: Final = Group()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sums:
    """A period of one group, in cents and members."""

    opening: int
    new: int
    reactivation: int
    expansion: int
    contraction: int
    churn: int
    closing: int
    base_members: int
    kept_members: int
    new_members: int
    reactivated_members: int
    lost_logos: int


@dataclass(slots=True)
class Tally:
    """What a group's members did, by move and by whether the close is still undecided.

    Each cell is [opening cents, closing cents, members]. Undecided members stand in it as if
    they stay; ``sums(strict=True)`` counts them as gone.
    """

    cells: dict[tuple[Move, bool], list[int]] = field(default_factory=dict)

    def add(
        self, move: Move, *, undecided: bool, opening: int, closing: int, members: int
    ) -> None:
        cell = self.cells.setdefault((move, undecided), [0, 0, 0])
        cell[0] += opening
        cell[1] += closing
        cell[2] += members

    def copy(self) -> "Tally":
        return Tally({key: [*cell] for key, cell in self.cells.items() if any(cell)})

    @property
    def is_empty(self) -> bool:
        return not any(any(cell) for cell in self.cells.values())

    @property
    def undecided_members(self) -> int:
        return self._undecided(frozenset(Move))[2]

    @property
    def undecided_of_base_members(self) -> int:
        return self._undecided(KEPT)[2]

    @property
    def undecided(self) -> int:
        """Cents of the closing that are undecided."""
        return self._undecided(frozenset(Move))[1]

    @property
    def undecided_of_base(self) -> int:
        """Cents of the closing of the base that are undecided."""
        return self._undecided(OF_BASE)[1]

    @property
    def undecided_min(self) -> int:
        """Cents of the lesser of both ends, over the undecided of the base."""
        grown = self._undecided(frozenset({Move.EXPANSION}))[0]
        return grown + self._undecided(KEPT - {Move.EXPANSION})[1]

    def sums(self, *, strict: bool) -> Sums:
        """Add the cells up; with ``strict``, whoever is undecided has left."""
        by_move: dict[Move, list[int]] = {move: [0, 0, 0] for move in Move}
        for (move, undecided), (opening, closing, members) in self.cells.items():
            becomes, stays = move, closing
            if strict and undecided:
                becomes, stays = (Move.CHURN if move in OF_BASE else Move.IN_HAND), 0
            cell = by_move[becomes]
            cell[0] += opening
            cell[1] += stays
            cell[2] += members
        return Sums(
            opening=sum(cell[0] for cell in by_move.values()),
            new=by_move[Move.NEW][1],
            reactivation=by_move[Move.REACTIVATION][1],
            expansion=by_move[Move.EXPANSION][1] - by_move[Move.EXPANSION][0],
            contraction=by_move[Move.CONTRACTION][0]
            - by_move[Move.CONTRACTION][1]
            + by_move[Move.PAUSED][0],
            churn=by_move[Move.CHURN][0] + by_move[Move.COMPLIMENTARY][0],
            closing=sum(cell[1] for cell in by_move.values()),
            base_members=sum(by_move[move][2] for move in OF_BASE),
            kept_members=sum(by_move[move][2] for move in KEPT),
            new_members=by_move[Move.NEW][2],
            reactivated_members=by_move[Move.REACTIVATION][2],
            lost_logos=by_move[Move.CHURN][2],
        )

    def _undecided(self, moves: frozenset[Move]) -> list[int]:
        cells = [
            cell
            for (move, undecided), cell in self.cells.items()
            if undecided and move in moves
        ]
        return [sum(cell[part] for cell in cells) for part in range(3)]


Tallies = dict[Group, Tally]


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What a closing day says against each of several opening days, by basis."""

    terms: int
    tallies: dict[tuple[RevenueBasis, int], Tallies]


# A tier's number is its rank by name within the statement, so no table has to keep it.
TIERS_OF: Final = """
    tier AS MATERIALIZED (
        SELECT tier, rank() OVER (ORDER BY tier COLLATE "C") AS code
        FROM (SELECT DISTINCT tier FROM members_term AS term WHERE true{only}) AS distinct_tier
    )"""
TIERS: Final = TIERS_OF.format(only="")


@dataclass(frozen=True, slots=True, kw_only=True)
class Traits:
    """What is rare in ledgers and asked for only where there is any; ``own``: the currency."""

    own: str
    linked: bool
    paused: bool
    foreign: bool


def traits() -> Traits:
    """Say what the ledger has: linked accounts, leaves of absence, dues in other currencies."""
    ((own, linked, paused, foreign),) = _rows(
        """SELECT own.currency, EXISTS (SELECT FROM members_accountunit),
                  EXISTS (SELECT FROM members_departure WHERE reason = 'pause'),
                  (SELECT min(currency) <> own.currency OR max(currency) <> own.currency
                   FROM members_dues) IS TRUE
           FROM (SELECT coalesce((SELECT currency FROM members_association WHERE id = 1),
                                 %(unsaid)s) AS currency) AS own""",
        {"unsaid": Association().currency},
    )
    return Traits(own=own, linked=linked, paused=paused, foreign=foreign)


# The last rate of each currency up to the opening day; one statement has one opening day then.
RATES: Final = """
    rate AS MATERIALIZED (
        SELECT DISTINCT ON (currency) currency, rate FROM members_exchangerate
        WHERE "on" <= %(day_0)s ORDER BY currency, "on" DESC
    ),"""
# Half to even, as the engine rounds; a currency without a rate is refused before.
CONVERTED: Final = """CASE
                   WHEN rate.currency IS NULL THEN dues.annual_amount * 100
                   WHEN dues.annual_amount * rate.rate * 100 %% 2 = 0.5
                   THEN trunc(dues.annual_amount * rate.rate * 100)
                   ELSE round(dues.annual_amount * rate.rate * 100) END"""


MADE_OF: Final = ", ".join(
    f"dues.{column}"
    for column in (
        "currency",
        "base_amount",
        "seats",
        "seat_price",
        "addons_amount",
        "discount_amount",
    )
)


def lines_of(*, of: Traits, closing: str = "", only: str = "") -> str:
    """SQL of ``line``: terms begun by as_of, on the account they count for.

    A term without dues counts as complimentary, and so does a provisional one. ``closing``
    is the one closing day, a parameter; blank for several of them: keys below nought then.
    """
    account, links, amount, rates = "term.member_id", "", "dues.annual_amount * 100", ""
    if of.linked and closing:
        account = "coalesce(unit.account_id, term.member_id)"
        links = f"""
        LEFT JOIN members_accountunit AS unit
          ON unit.member_id = term.member_id
         AND unit.counts_from <= {closing} AND {closing} < unit.counts_until"""
    elif of.linked:
        account = "coalesce(-unit.unit, term.member_id)"
        links = "\n        LEFT JOIN members_accountunit AS unit USING (member_id)"
    if of.foreign:
        amount = CONVERTED
        rates = """
        LEFT JOIN rate ON rate.currency = dues.currency AND dues.currency <> %(own)s"""
    return f"""
    {RATES if of.foreign else ""}line AS (
        SELECT {account} AS member_id, term.member_id AS holder, term.id AS term_id,
               term.starts_on, term.ends_on, {MADE_OF},
               (CASE WHEN term.is_provisional THEN 0
                     ELSE coalesce({amount}, 0) END::bigint << 16) | tier.code AS worth
        FROM members_term AS term
        JOIN tier ON tier.tier = term.tier
        LEFT JOIN members_dues AS dues ON dues.term_id = term.id{rates}{links}
        WHERE term.starts_on <= %(as_of)s{only}
    )"""


# Of a linked account: whose it is, and between which closing days it is counted so.
EPOCHS: Final = """
    epoch AS MATERIALIZED (
        SELECT DISTINCT -unit AS member_id, account_id, counts_from, counts_until
        FROM members_accountunit
    )"""

# reach: how far the lines that began earlier go. A line that begins after it, but inside the
# grace that follows it, renews it and counts from there. Lines of one start move together.
BEGUN: Final = """
    begun AS (
        SELECT {source}.*,
               max(ends_on) OVER (
                   in_order GROUPS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
               ) AS reach,
               max(ends_on) OVER (PARTITION BY member_id) AS expiry{more}
        FROM {source}
        WINDOW in_order AS (PARTITION BY member_id ORDER BY starts_on)
    )"""
COUNTS_FROM: Final = """CASE
                   WHEN reach < starts_on AND starts_on < reach + %(grace_days)s THEN reach
                   ELSE starts_on
               END"""
IS_UNDECIDED: Final = "(expiry <= %(as_of)s AND %(as_of)s < expiry + %(grace_days)s)"


def compare(
    *,
    openings: Sequence[date],
    closing: date,
    as_of: date,
    grace_days: int,
    bases: Sequence[RevenueBasis] = tuple(RevenueBasis),
) -> Comparison:
    """Compare ``closing`` with each opening day, as ``compare_pairs`` does."""
    return compare_pairs(
        pairs=[(opening, closing) for opening in openings],
        as_of=as_of,
        grace_days=grace_days,
        bases=bases,
    )


def compare_pairs(
    *,
    pairs: Sequence[tuple[date, date]],
    as_of: date,
    grace_days: int,
    bases: Sequence[RevenueBasis] = tuple(RevenueBasis),
) -> Comparison:
    """Compare each (opening, closing) pair, for everybody, each tier and each segment.

    One pass over the terms that can matter, whatever the number of pairs. A member stands
    under their tier on the opening day, or on the closing day if they paid nothing before; and
    under the segment they are assigned to now. Reads only (DOMAIN 4.2, 4.3).
    """
    found = traits()
    rule: dict[str, Any] = {"as_of": as_of, "grace_days": grace_days}
    if found.foreign and len({opening for opening, _ in pairs}) > 1:
        return _opening_by_opening(pairs=pairs, as_of=as_of, grace_days=grace_days, bases=bases)
    days = sorted({day for pair in pairs for day in pair})
    places = [(days.index(opening), days.index(closing)) for opening, closing in pairs]
    slots = [(basis, index) for basis in bases for index in range(len(pairs))]
    columns = [f"{COLUMN[basis]}_{day}" for basis in bases for day in range(len(days))]
    closings = sorted({closing for _, closing in places})
    sums = ", ".join(f"sum({column})" for column in columns)
    keys = ", ".join(f"key_{COLUMN[basis]}_{index}" for basis, index in slots)
    marks = ", ".join(f"undecided_{closing}" for closing in closings)
    # a linked account has no part in a period that closes outside its stretch of time
    within = [
        f"WHEN account_from > %(day_{closing})s OR account_until <= %(day_{closing})s THEN 0"
        if found.linked and len(closings) > 1
        else ""
        for _, closing in places
    ]
    moves = ", ".join(
        f"""CASE {within[index]} ELSE
            ({_move(COLUMN[basis], *places[index], of=found)})::int + {MOVES} * CASE
            WHEN {COLUMN[basis]}_{places[index][0]} > 0
                THEN {COLUMN[basis]}_{places[index][0]}_tier
            ELSE coalesce({COLUMN[basis]}_{places[index][1]}_tier, 0) END END
            AS key_{COLUMN[basis]}_{index}"""
        for basis, index in slots
    ).replace("CASE  ELSE", "CASE WHEN FALSE THEN 0 ELSE")
    statement = f"""
        WITH {seen_on_days(days=days, pairs=places, bases=bases, of=found, **rule)}
        SELECT assignment.segment_id, {marks}, {keys}, count(*), sum(lines),
               (SELECT array_agg(tier ORDER BY code) FROM tier), {sums}
        -- OFFSET 0: each move is worked out once, not wherever it is named
        FROM (SELECT seen.*, {moves} FROM seen OFFSET 0) AS moved
        LEFT JOIN coverage_assignment AS assignment
               ON assignment.member_id = moved.account_id
        GROUP BY assignment.segment_id, {marks}, {keys}
    """
    parameters = asked(days=days, of=found, **rule)
    tallies: dict[tuple[RevenueBasis, int], Tallies] = {slot: {} for slot in slots}
    terms = 0
    names = segment_keys()
    for segment, *rest in _rows(statement, parameters):
        cells = iter(rest)
        undecided = dict(zip(closings, cells, strict=False))
        codes = dict(zip(slots, cells, strict=False))
        count, lines, tiers = next(cells), next(cells), next(cells)
        cents = dict(zip(columns, cells, strict=True))
        terms += int(lines)
        for (basis, index), mark in codes.items():
            opening, closing = places[index]
            code, move = divmod(mark, MOVES)
            is_undecided = undecided[closing] and basis == RevenueBasis.MEMBERSHIP
            before, after = (cents[f"{COLUMN[basis]}_{day}"] for day in (opening, closing))
            if not code or (move == Move.IN_HAND and not is_undecided):
                continue
            _spread(
                tallies[basis, index],
                tier=tiers[code - 1],
                segment=names.get(segment, UNASSIGNED),
                move=Move(move),
                undecided=is_undecided,
                cell=(int(before or 0), int(after or 0), count),
            )
    return Comparison(terms=terms, tallies=tallies)


def _opening_by_opening(
    *,
    pairs: Sequence[tuple[date, date]],
    as_of: date,
    grace_days: int,
    bases: Sequence[RevenueBasis],
) -> Comparison:
    """Compare where the rates of exchange differ by opening day, with a pass for each."""
    terms = 0
    tallies: dict[tuple[RevenueBasis, int], Tallies] = {}
    for opening in sorted({opening for opening, _ in pairs}):
        own = [index for index, pair in enumerate(pairs) if pair[0] == opening]
        part = compare_pairs(
            pairs=[pairs[index] for index in own],
            as_of=as_of,
            grace_days=grace_days,
            bases=bases,
        )
        terms = max(terms, part.terms)
        tallies |= {(basis, own[at]): found for (basis, at), found in part.tallies.items()}
    return Comparison(terms=terms, tallies=tallies)


def asked(*, days: Sequence[date], as_of: date, grace_days: int, of: Traits) -> dict[str, Any]:
    """Return the parameters of ``seen_on_days``: its days, and what bounds the terms."""
    return {f"day_{index}": day for index, day in enumerate(days)} | {
        "as_of": as_of,
        "earliest": min(days),
        "latest": max(days),
        "grace_days": grace_days,
        "own": of.own,
    }


class _Held(NamedTuple):
    """What stands in tables of its own for a while, and under which rule it was read."""

    days: list[date]
    pairs: set[tuple[date, date]]
    as_of: date
    grace_days: int


_held: ContextVar[_Held | None] = ContextVar("held", default=None)
HELD: Final = "what_everybody_paid"
HELD_LINES: Final = "lines_that_differ"
HELD_TIERS: Final = "tiers_of_everybody"


@contextmanager
def held(*, pairs: Sequence[tuple[date, date]], as_of: date, grace_days: int) -> Iterator[None]:
    """Read the terms once for some pairs of days; within, whoever asks for them reads that.

    In a transaction: the rows stand in temporary tables; of ``line`` only those of accounts
    that paid another amount on another day, or have linked members. Where the rates of
    exchange differ by opening day, nothing is held, and the terms are read for each.
    """
    found = traits()
    days = sorted({day for pair in pairs for day in pair})
    if found.foreign and len({opening for opening, _ in pairs}) > 1:
        yield
        return
    rule: dict[str, Any] = {"as_of": as_of, "grace_days": grace_days}
    places = [(days.index(opening), days.index(closing)) for opening, closing in pairs]
    read = held_on_days(days=len(days), pairs=places, bases=tuple(RevenueBasis), of=found)
    differs = " OR ".join(
        f"{column}_{before} <> {column}_{after}"
        for column in COLUMN.values()
        for before, after in pairwise(range(len(days)))
    )
    if found.linked:
        differs += " OR member_id IN (SELECT account_id FROM members_accountunit)"
    lines = _lines(sorted({closing for _, closing in places}), of=found)
    told = {
        HELD_TIERS: f"WITH {TIERS} SELECT * FROM tier",
        HELD: f"WITH {read} SELECT * FROM seen",
        HELD_LINES: f"""WITH tier AS (SELECT * FROM {HELD_TIERS}),{lines}
            SELECT line.* FROM line JOIN {HELD} USING (member_id) WHERE {differs}""",
    }
    with connection.cursor() as cursor:
        for table, rows in told.items():
            cursor.execute(
                f"CREATE TEMPORARY TABLE {table} ON COMMIT DROP AS {rows}",
                asked(days=days, of=found, **rule),
            )
        token = _held.set(_Held(days=days, pairs={*pairs}, **rule))
        try:
            yield
        finally:
            _held.reset(token)
        cursor.execute(f"DROP TABLE {', '.join(told)}")


def seen_on_days(  # noqa: PLR0913  # a question about days, in full
    *,
    days: Sequence[date],
    pairs: Sequence[tuple[int, int]],
    bases: Sequence[RevenueBasis],
    as_of: date,
    grace_days: int,
    of: Traits,
) -> str:
    """SQL of ``held_on_days``, up to ``tier``, ``line`` and ``seen``; read once where held."""
    held = _held.get()
    closings = sorted({closing for _, closing in pairs})
    if (
        held is None
        or (held.as_of, held.grace_days) != (as_of, grace_days)
        or not {(days[opening], days[closing]) for opening, closing in pairs} <= held.pairs
        # accounts are those of the closing days
        or (of.linked and {days[each] for each in closings} != {day for _, day in held.pairs})
    ):
        return held_on_days(days=len(days), pairs=pairs, bases=bases, of=of)
    columns = [
        f"{COLUMN[basis]}_{held.days.index(day)}{end} AS {COLUMN[basis]}_{index}{end}"
        for basis in bases
        for index, day in enumerate(days)
        for end in ("", "_tier")
    ] + [f"undecided_{held.days.index(days[each])} AS undecided_{each}" for each in closings]
    if of.linked and len(closings) > 1:
        columns += ["account_from", "account_until"]
    return f"""
    tier AS (SELECT * FROM {HELD_TIERS}),
    line AS NOT MATERIALIZED (SELECT * FROM {HELD_LINES}),
    seen AS (
        SELECT member_id, lines, account_id, paid_from, {", ".join(columns)} FROM {HELD}
    )"""


def held_on_days(
    *,
    days: int,
    pairs: Sequence[tuple[int, int]],
    bases: Sequence[RevenueBasis],
    of: Traits,
) -> str:
    """SQL of common tables up to ``seen``: a row a member, with what they paid on each day.

    ``pairs`` are the places of opening and closing among the days, which ascend. ``account_id``
    is the member; of linked ones, the one they are counted with. Columns
    ``held_N`` and ``counted_N`` are cents on ``day_N`` (null: no membership that day), with
    ``…_N_tier``. ``paid_from`` is the first day of the first paid term, looked up only for
    members who paid nothing on some opening day and pay at its close. ``undecided_N``: in
    open grace on the closing day of that place.
    """
    arrives = " OR ".join(
        f"({COLUMN[basis]}_{closing} > 0 AND coalesce({COLUMN[basis]}_{opening}, 0) = 0)"
        for basis in bases
        for opening, closing in pairs
    )
    # Most members hold one line on a day, and its worth is all there is to know. The terms of
    # the others are added up one by one: those who hold several, and those without a term in
    # force on a day that have one which ended within grace before it.
    worths = ", ".join(f"worth_{day}" for day in range(days))
    # said as a range, because the planner takes "> 0" for a third of the members
    several = f"covering - num_nonnulls({worths}) BETWEEN 1 AND 1000000"
    near = " OR ".join(
        f"(worth_{day} IS NULL AND get_bit(ended, {day}) = 1)" for day in range(days)
    )
    with_grace = RevenueBasis.MEMBERSHIP in bases
    ended = " || ".join(
        f"""(%(day_{day})s - %(grace_days)s < ends_on AND ends_on <= %(day_{day})s)::int::bit"""
        for day in range(days if with_grace else 0)
    )
    on_day = ", ".join(
        f"CASE WHEN {_covers(RevenueBasis.IN_FORCE, day)} THEN worth END AS worth_{day}"
        for day in range(days)
    )
    greatest = ", ".join(f"max(worth_{day}) AS worth_{day}" for day in range(days))
    both = ", ".join(
        f"""CASE WHEN exact.member_id IS NULL THEN worth_{day} >> 16
                 ELSE exact.{COLUMN[basis]}_{day} END AS {COLUMN[basis]}_{day},
            CASE WHEN exact.member_id IS NULL THEN worth_{day} & 65535
                 ELSE exact.{COLUMN[basis]}_{day}_tier END AS {COLUMN[basis]}_{day}_tier"""
        for basis in RevenueBasis
        if with_grace or basis == RevenueBasis.IN_FORCE
        for day in range(days)
    )
    sums = ", ".join(
        _sums(basis, range(days))
        for basis in RevenueBasis
        if with_grace or basis == RevenueBasis.IN_FORCE
    )
    closings = sorted({closing for _, closing in pairs})
    in_grace = IS_UNDECIDED if with_grace else "FALSE"
    marks = ", ".join(
        f"bool_or({in_grace} AND expiry <= %(day_{day})s) AS undecided_{day}"
        for day in closings
    )
    known = ", ".join(
        f"coalesce(exact.undecided_{day}, FALSE) AS undecided_{day}" for day in closings
    )
    several_closings = len(closings) > 1
    tables = f"""{TIERS},{_lines(closings, of=of)},
    per_member AS MATERIALIZED (
        SELECT member_id, count(*) AS lines, sum(num_nonnulls({worths})) AS covering,
               bit_or(ended) AS ended, {greatest}
        -- OFFSET 0: a day is held against a line once
        FROM (
            SELECT member_id, {ended or "NULL::bit"} AS ended, {on_day} FROM line OFFSET 0
        ) AS on_each
        GROUP BY member_id
    ),
    apart AS (
        SELECT line.* FROM line
        JOIN per_member ON per_member.member_id = line.member_id
         AND ({several}{f" OR {near}" if with_grace else ""})
    ),
    {BEGUN.format(source="apart", more="")},
    dated AS (
        SELECT member_id, worth, starts_on, ends_on, expiry, {COUNTS_FROM} AS counts_from,
               CASE WHEN {IS_UNDECIDED} AND ends_on = expiry THEN %(as_of)s + 1
                    ELSE ends_on END AS counts_until
        FROM begun
    ),
    exact AS MATERIALIZED (
        SELECT member_id, {marks}, {sums} FROM dated GROUP BY member_id
    ),
    on_days AS (
        SELECT per_member.member_id, lines, {known}, {both}
        FROM per_member LEFT JOIN exact USING (member_id)
    )"""
    whose, accounts, epochs = "term.member_id = on_days.member_id", "", ""
    account = "on_days.member_id AS account_id"
    if of.linked and several_closings:
        whose = """term.member_id IN (SELECT on_days.member_id UNION ALL
                SELECT member_id FROM members_accountunit WHERE unit = -on_days.member_id)"""
        account = """coalesce(epoch.account_id, on_days.member_id) AS account_id,
               epoch.counts_from AS account_from, epoch.counts_until AS account_until"""
        accounts, epochs = "LEFT JOIN epoch USING (member_id)", f",{EPOCHS}"
    elif of.linked:
        day = f"%(day_{closings[0]})s"
        whose = f"""term.member_id IN (SELECT on_days.member_id UNION ALL
                SELECT member_id FROM members_accountunit WHERE account_id = on_days.member_id
                   AND counts_from <= {day} AND {day} < counts_until)"""
    return f"""{tables}{epochs},
    seen AS (
        SELECT on_days.*, {account}, CASE WHEN {arrives} THEN (
            SELECT min(term.starts_on) FROM members_term AS term
            JOIN members_dues AS dues ON dues.term_id = term.id
            WHERE {whose} AND dues.annual_amount > 0 AND NOT term.is_provisional
        ) END AS paid_from
        FROM on_days {accounts}
        OFFSET 0  -- looked up once a member, not wherever it is named
    )"""


def _lines(closings: Sequence[int], *, of: Traits) -> str:
    # What ended by earliest - grace can neither be in force nor be renewed in grace later; a
    # term that begins after latest + grace can close no gap on the closing day. "+ 0" keeps the
    # planner from the index by end, for so many terms are sooner read as they stand.
    only = """
          AND term.ends_on + 0 > %(earliest)s - %(grace_days)s::int
          AND term.starts_on <= %(latest)s + %(grace_days)s::int"""
    # NOT MATERIALIZED: the few are looked up by member, instead of keeping all lines for them
    return lines_of(
        of=of, closing="" if len(closings) > 1 else f"%(day_{closings[0]})s", only=only
    ).replace("line AS (", "line AS NOT MATERIALIZED (", 1)


def _sums(basis: RevenueBasis, days: Iterable[int]) -> str:
    return ", ".join(
        f"""sum(worth >> 16) FILTER (WHERE {covers})::bigint AS {COLUMN[basis]}_{day},
            max(worth) FILTER (WHERE {covers}) & 65535 AS {COLUMN[basis]}_{day}_tier"""
        for day in days
        for covers in [_covers(basis, day)]
    )


def dated_as(basis: RevenueBasis, source: str) -> str:
    """SQL of ``dated_line``: the lines of ``source``, and whether they count on ``day_0/1``."""
    on_days = ", ".join(f"({_covers(basis, day)}) AS on_{day}" for day in (0, 1))
    if basis == RevenueBasis.IN_FORCE:
        return f"dated_line AS (SELECT {source}.*, {on_days} FROM {source})"
    begun = BEGUN.format(source=source, more="").replace("begun AS", "begun_line AS", 1)
    return f"""{begun},
    dated_line AS (
        SELECT *, {on_days} FROM (
            SELECT begun_line.*, {COUNTS_FROM} AS counts_from,
                   CASE WHEN {IS_UNDECIDED} AND ends_on = expiry THEN %(as_of)s + 1
                        ELSE ends_on END AS counts_until
            FROM begun_line
        ) AS counted
    )"""


def move_of(basis: RevenueBasis, *, of: Traits) -> str:
    """SQL of the move between the first and the second of the days of ``held_on_days``."""
    return _move(COLUMN[basis], 0, 1, of=of)


def _covers(basis: RevenueBasis, day: int) -> str:
    if basis == RevenueBasis.IN_FORCE:
        return f"starts_on <= %(day_{day})s AND %(day_{day})s < ends_on"
    return f"counts_from <= %(day_{day})s AND %(day_{day})s < counts_until"


def _move(column: str, opening: int, closing: int, *, of: Traits) -> str:
    before, after = f"{column}_{opening}", f"{column}_{closing}"
    paused = f"WHEN {on_leave(f'%(day_{closing})s')} THEN {Move.PAUSED}" if of.paused else ""
    return f"""CASE
        WHEN {before} > 0 THEN CASE
            WHEN {after} > {before} THEN {Move.EXPANSION}
            WHEN {after} = {before} THEN {Move.UNCHANGED}
            WHEN {after} > 0 THEN {Move.CONTRACTION}
            WHEN {after} = 0 THEN {Move.COMPLIMENTARY}
            {paused}
            ELSE {Move.CHURN} END
        WHEN {after} > 0 THEN CASE
            WHEN paid_from < %(day_{opening})s THEN {Move.REACTIVATION}
            ELSE {Move.NEW} END
        ELSE {Move.IN_HAND} END"""


def on_leave(day: str) -> str:
    """SQL of whether the account of the row is on leave of absence on ``day``."""
    return f"""EXISTS (
                SELECT FROM members_departure AS departure
                WHERE departure.member_id = account_id AND departure.reason = 'pause'
                  AND departure.left_on <= {day}
                  AND (departure.back_on IS NULL OR departure.back_on > {day}))"""


def along(
    *,
    days: Sequence[date],
    lags: Sequence[int],
    as_of: date,
    grace_days: int,
    basis: RevenueBasis,
) -> Iterator[tuple[date, date, Tallies]]:
    """Yield (opening, closing, tallies) for all ``days`` that are one of ``lags`` places apart.

    ``days`` ascend, none after ``as_of``. The work grows with the number of terms and not with
    members times days: each member's dues are a step function, its steps are matched with the
    same steps some places earlier, and each stretch over which the pair stays the same is
    added where it begins and taken off where it ends. Equal to ``compare``, but for members
    who go on for free: here they are lost with the others (DOMAIN 4.2, 4.3).
    """
    grace = grace_days if basis == RevenueBasis.MEMBERSHIP else 0
    found = traits()
    if found.foreign:
        yield from _pair_by_pair(
            days=days, lags=lags, as_of=as_of, grace_days=grace_days, basis=basis
        )
        return
    rows = _rows(
        _along(found),
        {
            "days": list(days),
            "count": len(days),
            "lags": list(lags),
            "widest": max((b - a for a, b in pairwise(days)), default=timedelta()).days,
            "as_of": as_of,
            "grace_days": grace,
            "own": found.own,
        },
    )
    changes: defaultdict[tuple[int, int], list[tuple[Any, ...]]] = defaultdict(list)
    for lag, at, *change in rows:
        changes[lag, at].append(tuple(change))
    names = segment_keys()
    for lag in lags:
        running: Tallies = {EVERYBODY: Tally()}
        for at in range(len(days) - lag):
            for tier, segment, move, undecided, opening, closing, members in changes[lag, at]:
                _spread(
                    running,
                    tier=tier,
                    segment=names.get(segment, UNASSIGNED),
                    move=Move(move),
                    undecided=undecided,
                    cell=(int(opening), int(closing), int(members)),
                )
            yield (
                days[at],
                days[at + lag],
                {group: tally.copy() for group, tally in running.items() if not tally.is_empty},
            )


def _pair_by_pair(
    *,
    days: Sequence[date],
    lags: Sequence[int],
    as_of: date,
    grace_days: int,
    basis: RevenueBasis,
) -> Iterator[tuple[date, date, Tallies]]:
    """Do what ``along`` does where each opening has its own rates of exchange."""
    for lag in lags:
        for opening, closing in zip(days, days[lag:], strict=False):
            compared = compare(
                openings=[opening],
                closing=closing,
                as_of=as_of,
                grace_days=grace_days,
                bases=[basis],
            )
            yield opening, closing, {EVERYBODY: Tally()} | compared.tallies[basis, 0]


# Members with lines that overlap are cut at every edge and their lines added up; all others,
# and they are nearly all, go through as they are. A span says its change against what it
# follows without a gap, so a renewal at the same dues and tier is no step at all. Positions are
# places in the list of days: the first of them on or after a date. A stretch that contains none
# of the days vanishes. A member whom no day meets on their first paid term turns from new to
# returning the day after it began. One integer carries cents, the mark of the undecided
# (32768), that of a leave of absence (16384) and the tier.
def _along(of: Traits) -> str:
    epochs, state, account = "", "state", "state.member_id"
    if of.linked:
        # a linked account takes part in the pairs that close within its stretch of time
        epochs = f"""{EPOCHS.lstrip()},
    clipped AS (
        SELECT lag, paid_at, opens, closes, coalesce(account_id, member_id) AS account_id,
               greatest(from_day, width_bucket(counts_from - 1, %(days)s::date[]) - lag)
                   AS from_day,
               least(until_day, width_bucket(counts_until - 1, %(days)s::date[]) - lag)
                   AS until_day
        FROM state LEFT JOIN epoch USING (member_id)
    ),"""
        state, account = "clipped", "clipped.account_id"
    leaves = _leaves(of) if of.paused else ""
    return f"""
    WITH {TIERS},{lines_of(of=of)},
    {
        BEGUN.format(
            source="line",
            more=''',
               starts_on = lag(starts_on) OVER in_order AS is_beside,
               min(starts_on) FILTER (WHERE worth >= 65536) OVER (
                   PARTITION BY member_id
               ) AS paid_from''',
        )
    },
    dated AS MATERIALIZED (
        SELECT member_id, {COUNTS_FROM} AS counts_from, ends_on, worth, expiry, paid_from,
               bool_or(reach > starts_on OR is_beside) OVER (
                   PARTITION BY member_id
               ) IS TRUE AS crosses
        FROM begun
    ),
    edge AS (
        SELECT member_id, counts_from AS starts_on FROM dated WHERE crosses
        UNION SELECT member_id, ends_on FROM dated WHERE crosses
    ),
    cut AS (
        SELECT member_id, starts_on,
               lead(starts_on) OVER (PARTITION BY member_id ORDER BY starts_on) AS ends_on
        FROM edge
    ),
    span AS (
        SELECT member_id, counts_from AS starts_on, ends_on, worth, expiry, paid_from
        FROM dated WHERE NOT crosses
        UNION ALL
        SELECT cut.member_id, cut.starts_on, cut.ends_on,
               (sum(worth >> 16)::bigint << 16) | (max(worth) & 65535), expiry, paid_from
        FROM cut JOIN dated
          ON dated.member_id = cut.member_id AND crosses
         AND counts_from <= cut.starts_on AND dated.ends_on >= cut.ends_on
        GROUP BY cut.member_id, cut.starts_on, cut.ends_on, expiry, paid_from
    ),
    neighbour AS (
        SELECT span.*,
               lag(ends_on) OVER in_order = starts_on AS follows,
               lag(worth) OVER in_order AS worth_before,
               lead(starts_on) OVER in_order = ends_on AS goes_on
        FROM span
        WINDOW in_order AS (PARTITION BY member_id ORDER BY starts_on)
    ),
    turn AS (
        SELECT member_id, paid_from, starts_on AS day,
               CASE WHEN follows THEN worth - worth_before ELSE worth END AS by
        FROM neighbour WHERE follows IS NOT TRUE OR worth <> worth_before
        UNION ALL
        SELECT member_id, paid_from, ends_on,
               CASE WHEN {IS_UNDECIDED} AND ends_on = expiry THEN 32768 ELSE -worth END
        FROM neighbour WHERE goes_on IS NOT TRUE
        UNION ALL
        SELECT member_id, paid_from, %(as_of)s + 1, -worth - 32768
        FROM neighbour WHERE {IS_UNDECIDED} AND ends_on = expiry
        UNION ALL
        SELECT member_id, paid_from, paid_from + 1, 0
        FROM neighbour
        WHERE starts_on <= paid_from AND paid_from < ends_on
          AND ends_on <= paid_from + %(widest)s{leaves}
    ),
    placed AS MATERIALIZED (
        SELECT member_id, width_bucket(day - 1, %(days)s::date[]) AS at, by,
               width_bucket(paid_from, %(days)s::date[]) AS paid_at
        FROM turn
    ),
    state AS (
        SELECT lag, member_id, paid_at, greatest(at, 0) AS from_day,
               least(lead(at, 1, %(count)s - lag) OVER so_far, %(count)s - lag) AS until_day,
               (sum(opens) OVER so_far)::bigint AS opens,
               (sum(closes) OVER so_far)::bigint AS closes
        FROM (
            SELECT lag, member_id, paid_at, at, by AS opens, 0 AS closes
            FROM placed CROSS JOIN unnest(%(lags)s::int[]) AS lag
            UNION ALL
            SELECT lag, member_id, paid_at, at - lag, 0, by
            FROM placed CROSS JOIN unnest(%(lags)s::int[]) AS lag
        ) AS step
        WINDOW so_far AS (PARTITION BY lag, member_id ORDER BY at)
    ),
    {epochs}
    stretch AS (
        SELECT lag, from_day, until_day, assignment.segment_id,
               (CASE WHEN opens > 65535 THEN opens ELSE closes END & 16383)::int AS code,
               CASE
                   WHEN opens > 65535 THEN CASE
                       WHEN closes >> 16 > opens >> 16 THEN {Move.EXPANSION}
                       WHEN closes >> 16 = opens >> 16 THEN {Move.UNCHANGED}
                       WHEN closes > 65535 THEN {Move.CONTRACTION}
                       WHEN closes & 32767 = 16384 THEN {Move.PAUSED}
                       ELSE {Move.CHURN} END
                   WHEN closes > 65535 THEN CASE
                       WHEN from_day < paid_at THEN {Move.NEW} ELSE {Move.REACTIVATION} END
                   ELSE {Move.IN_HAND} END AS move,
               closes & 32768 > 0 AS undecided,
               sum(opens >> 16) AS opens, sum(closes >> 16) AS closes, count(*) AS members
        FROM {state} LEFT JOIN coverage_assignment AS assignment
          ON assignment.member_id = {account}
        WHERE from_day < until_day
          AND (opens > 65535 OR closes > 65535 OR closes & 32768 > 0)
        GROUP BY 1, 2, 3, 4, 5, 6, 7
    ),
    change AS (
        SELECT lag, at, segment_id, code, move, undecided,
               sum(sign * opens) AS opens, sum(sign * closes) AS closes,
               sum(sign * members) AS members
        FROM stretch
        CROSS JOIN LATERAL (VALUES (from_day, 1), (until_day, -1)) AS turn (at, sign)
        GROUP BY lag, at, segment_id, code, move, undecided
    )
    SELECT lag, at, tier.tier, segment_id, move, undecided, opens, closes, members
    FROM change JOIN tier ON tier.code = change.code
"""


def _leaves(of: Traits) -> str:
    """SQL of the turns into and out of leaves of absence; overlapping ones are one."""
    key, units = "departure.member_id", ""
    if of.linked:
        key = "CASE WHEN unit.id IS NULL THEN departure.member_id ELSE -unit.unit END"
        units = """
            LEFT JOIN members_accountunit AS unit
              ON unit.member_id = departure.member_id AND unit.account_id = unit.member_id"""
    return f"""
        UNION ALL
        SELECT member_id, paid_from, turn.day, turn.by
        FROM (
            SELECT {key} AS member_id,
                   unnest(range_agg(daterange(left_on, back_on))) AS away
            FROM members_departure AS departure{units}
            WHERE reason = 'pause' GROUP BY 1
        ) AS leave
        JOIN (SELECT DISTINCT member_id, paid_from FROM dated) AS held USING (member_id)
        CROSS JOIN LATERAL (VALUES (lower(away), 16384), (upper(away), -16384))
              AS turn (day, by)
        WHERE turn.day IS NOT NULL"""


def first_term_starts_on() -> date | None:
    """Return the day the ledger begins; null when there is no term."""
    ((first,),) = _rows("SELECT min(starts_on) FROM members_term", {})
    return first if isinstance(first, date) else None


def foreign_currency(*, of: Traits, without_rate_on: date | None = None) -> str | None:
    """Return a currency of dues other than the association's own; null without one.

    With a day: one that has no rate of exchange on that day or before.
    """
    if not of.foreign:
        return None
    found = _rows(
        """SELECT currency FROM members_dues
           WHERE currency <> %(own)s AND (%(on)s::date IS NULL OR NOT EXISTS (
               SELECT FROM members_exchangerate AS rate
               WHERE rate.currency = members_dues.currency AND rate."on" <= %(on)s))
           LIMIT 1""",
        {"own": of.own, "on": without_rate_on},
    )
    return str(found[0][0]) if found else None


def segment_keys() -> dict[int, str]:
    """Map the id of each coverage segment to its key."""
    return dict(_rows("SELECT id, key FROM coverage_segment", {}))


def _spread(  # noqa: PLR0913  # a cell, and where it belongs
    tallies: Tallies,
    *,
    tier: str,
    segment: str,
    move: Move,
    undecided: bool,
    cell: tuple[int, int, int],
) -> None:
    for group in (EVERYBODY, Group(Dimension.TIER, tier), Group(Dimension.SEGMENT, segment)):
        tallies.setdefault(group, Tally()).add(
            move, undecided=undecided, opening=cell[0], closing=cell[1], members=cell[2]
        )


def _rows(statement: str, parameters: dict[str, Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows
