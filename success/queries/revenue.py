"""Revenue retention: what dues did between two days, whose they are, and what was last said.

Two bases, always named. ``IN_FORCE`` is the ledger as it stands. ``MEMBERSHIP`` applies the
association's grace and gives a pair, optimistic and strict, until every window has closed.
A segment is the one a member is assigned to now; a tier is the one held on the opening day, or
on the closing day by members who paid nothing before. The figures are the association's, not
a person's portfolio: who may see them is ``Permission.REVENUE_VIEW``.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final
from uuid import UUID

from django.core.signing import BadSignature
from django.db import connection

from config.kernel.keyset import SIGNER, BadCursor, KeysetPage
from members.models import Association
from success.engine.revenue import Kind, MixedCurrencies, Status, to_places
from success.enums import Dimension, PeriodKind, RevenueBasis
from success.models import RevenuePeriod
from success.rollups import ledger

RATIO_PLACES: Final = 6
KIND_OF: Final = {
    ledger.Move.NEW: Kind.NEW,
    ledger.Move.REACTIVATION: Kind.REACTIVATION,
    ledger.Move.EXPANSION: Kind.EXPANSION,
    ledger.Move.CONTRACTION: Kind.CONTRACTION,
    ledger.Move.CHURN: Kind.CHURN,
    ledger.Move.UNCHANGED: Kind.UNCHANGED,
    ledger.Move.COMPLIMENTARY: Kind.CHURN,
}


class PeriodNotOver(ValueError):
    """The period closes after the day up to which facts are known."""


class PeriodRunsBackwards(ValueError):
    """The closing day is not after the opening day."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """One reading of a period. Amounts are a year's dues; counts are members.

    ``lost_members`` stopped paying; ``lost_logos`` are those of them without any membership.
    Ratios are null for a base of nobody.
    """

    opening: Decimal
    new: Decimal
    reactivation: Decimal
    expansion: Decimal
    contraction: Decimal
    churn: Decimal
    closing: Decimal
    base_members: int
    kept_members: int
    new_members: int
    reactivated_members: int
    lost_logos: int

    @property
    def lost_members(self) -> int:
        return self.base_members - self.kept_members

    @property
    def members_open(self) -> int:
        return self.base_members

    @property
    def members_close(self) -> int:
        return self.kept_members + self.new_members + self.reactivated_members

    @property
    def of_base(self) -> Decimal:
        """The part of the closing that members of the base pay."""
        return self.opening - self.churn - self.contraction + self.expansion

    @property
    def nrr(self) -> Decimal | None:
        return _ratio(self.of_base, self.opening)

    @property
    def grr(self) -> Decimal | None:
        return _ratio(self.opening - self.churn - self.contraction, self.opening)

    @property
    def logo_retention(self) -> Decimal | None:
        return _ratio(self.kept_members, self.base_members)

    @property
    def logo_churn(self) -> Decimal | None:
        return _ratio(self.lost_members, self.base_members)


@dataclass(frozen=True, slots=True, kw_only=True)
class RevenueFigures:
    """A period of one group. Both readings are the same once ``status`` is final.

    ``value`` is a tier, or the key of a segment (blank: assigned to none); blank for everybody.
    ``undecided`` is the part of the optimistic closing that strict leaves out.
    """

    opening_on: date
    closing_on: date
    as_of: date
    basis: RevenueBasis
    dimension: Dimension
    value: str
    optimistic: Figures
    strict: Figures
    undecided: Decimal
    undecided_members: int

    @property
    def status(self) -> Status:
        return Status.PROVISIONAL if self.undecided_members else Status.FINAL


@dataclass(frozen=True, slots=True, kw_only=True)
class MovementRow:
    """One member in a period; ``amount`` is the size of the change, never negative."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesPoint:
    """A stored period as last said; see ``RevenuePeriod`` for what each amount is."""

    starts_on: date
    ends_on: date
    is_final: bool
    restated_on: date | None
    restated_because: str
    covers_until: date
    opening: Decimal
    new: Decimal
    reactivation: Decimal
    expansion: Decimal
    contraction: Decimal
    churn: Decimal
    closing: Decimal
    closing_strict: Decimal
    base_members: int
    kept_members: int
    new_members: int
    reactivated_members: int
    undecided_members: int
    nrr: Decimal | None
    nrr_strict: Decimal | None
    grr: Decimal | None
    grr_strict: Decimal | None
    logo_retention: Decimal | None
    logo_retention_strict: Decimal | None


def revenue_between(  # noqa: PLR0913  # a question about a period, in full
    *,
    opening_on: date,
    closing_on: date,
    as_of: date,
    basis: RevenueBasis,
    grace_days: int,
    dimension: Dimension | None = None,
) -> list[RevenueFigures]:
    """Measure one period: a single row for everybody, or a row a group, by value.

    Amounts are yearly dues in the association's currency, exact to the cent; ratios are rounded
    half to even to six places and null for an empty base. Only terms begun by ``as_of`` are
    known. In-force figures are final, with both readings alike. One pass over the terms.

    Raises ``PeriodRunsBackwards``, ``PeriodNotOver``, ``MixedCurrencies``, and ``ValueError``
    for a dimension that dues are not grouped by (DOMAIN 4.2, 4.3).
    """
    of = dimension or Dimension.ALL
    compared = _compared(
        opening_on=opening_on,
        closing_on=closing_on,
        as_of=as_of,
        bases=[basis],
        grace_days=grace_days,
    )
    found = compared.of(basis, of)
    return [found[value] for value in sorted(found)]


def revenue_with_groups(
    *,
    opening_on: date,
    closing_on: date,
    as_of: date,
    grace_days: int,
    dimension: Dimension | None = None,
) -> list[tuple[RevenueFigures, RevenueFigures]]:
    """Measure one period on both bases, (in force, membership), in one pass over the terms.

    The first pair is everybody's; with ``dimension`` a pair for each group follows, by value,
    where either basis knows the group. Raises as ``revenue_between`` does (DOMAIN 4.2, 4.3).
    """
    compared = _compared(
        opening_on=opening_on,
        closing_on=closing_on,
        as_of=as_of,
        bases=list(RevenueBasis),
        grace_days=grace_days,
    )
    pairs = []
    for of in [Dimension.ALL, *([dimension] if dimension else [])]:
        in_force = compared.of(RevenueBasis.IN_FORCE, of)
        membership = compared.of(RevenueBasis.MEMBERSHIP, of)
        pairs += [
            (
                in_force.get(value) or compared.nobody(RevenueBasis.IN_FORCE, of, value),
                membership.get(value) or compared.nobody(RevenueBasis.MEMBERSHIP, of, value),
            )
            for value in sorted({*in_force, *membership})
        ]
    return pairs


def movements_between(  # noqa: PLR0913  # the same question, and where to read on
    *,
    opening_on: date,
    closing_on: date,
    as_of: date,
    basis: RevenueBasis,
    grace_days: int,
    kinds: Collection[Kind] | None = None,
    dimension: Dimension | None = None,
    value: str = "",
    after: str | None = None,
    size: int = 50,
) -> KeysetPage[MovementRow]:
    """Return a page of the members behind the figures, largest change first.

    ``kinds`` defaults to every member who paid on either day; ``dimension`` and ``value``
    narrow to one group of ``revenue_between``. The optimistic reading, with ``is_undecided``
    for members whom strict leaves out. Reads forwards only, so ``previous`` is always null.

    Raises as ``revenue_between`` does, and ``BadCursor`` (DOMAIN 4.2, 4.3).
    """
    check_period(opening_on=opening_on, closing_on=closing_on, as_of=as_of)
    check_currency()
    column = ledger.COLUMN[basis]
    moves = [int(move) for move, kind in KIND_OF.items() if kinds is None or kind in kinds]
    group = {
        Dimension.TIER: "AND tier.tier = %(value)s",
        Dimension.SEGMENT: "AND coalesce(segment.key, '') = %(value)s",
    }.get(dimension or Dimension.ALL, "")
    beyond = "AND (-amount, moved.member_id) > (%(after_amount)s, %(after_member)s)"
    undecided = "undecided_1" if basis == RevenueBasis.MEMBERSHIP else "FALSE"
    statement = f"""
        WITH {ledger.held_on_days(days=2, pairs=[(0, 1)], bases=[basis])},
        moved AS (
            SELECT member_id, coalesce({column}_0, 0) AS opening,
                   coalesce({column}_1, 0) AS closing, {undecided} AS undecided,
                   abs(coalesce({column}_1, 0) - coalesce({column}_0, 0)) AS amount,
                   CASE WHEN {column}_0 > 0 THEN {column}_0_tier ELSE {column}_1_tier END
                       AS code,
                   {ledger.move_of(basis)} AS move
            FROM seen
        )
        SELECT moved.member_id, member.public_id, member.name, tier.tier,
               coalesce(segment.key, ''), opening, closing, move, amount, undecided
        FROM moved
        JOIN tier USING (code)
        JOIN members_member AS member ON member.id = moved.member_id
        LEFT JOIN coverage_assignment AS assignment ON assignment.member_id = moved.member_id
        LEFT JOIN coverage_segment AS segment ON segment.id = assignment.segment_id
        WHERE move = ANY(%(moves)s) {group} {beyond if after else ""}
        ORDER BY -amount, moved.member_id
        LIMIT %(limit)s
    """
    parameters: dict[str, Any] = {
        "day_0": opening_on,
        "day_1": closing_on,
        "as_of": as_of,
        "moves": moves,
        "value": value,
        "limit": size + 1,
        **ledger.window(days=[opening_on, closing_on], grace_days=grace_days),
    }
    if after:
        parameters["after_amount"], parameters["after_member"] = _place(after)
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        rows = cursor.fetchall()
    more = len(rows) > size
    items = [
        MovementRow(
            member_id=member_id,
            public_id=public_id,
            name=name,
            tier=tier,
            segment=segment,
            opening=_money(opening),
            closing=_money(closing),
            kind=KIND_OF[ledger.Move(move)],
            amount=_money(amount),
            is_undecided=is_undecided,
        )
        for (
            member_id, public_id, name, tier, segment, opening, closing, move, amount,
            is_undecided,
        ) in rows[:size]
    ]  # fmt: skip
    edge = SIGNER.sign_object([-rows[size - 1][8], rows[size - 1][0]]) if more else None
    return KeysetPage(items=items, next=edge, previous=None)


def revenue_series(  # noqa: PLR0913  # the name of a series, and its bounds
    *,
    kind: PeriodKind,
    basis: RevenueBasis,
    dimension: Dimension = Dimension.ALL,
    value: str = "",
    since: date | None = None,
    until: date | None = None,
) -> list[SeriesPoint]:
    """Return the stored periods of one group in order, each in its latest revision.

    ``since`` and ``until`` bound the closing day, both included. An open period is last, as it
    stood on ``covers_until``. Strict figures leave out the undecided (DOMAIN 4.2, 4.3).
    """
    periods = RevenuePeriod.objects.filter(
        kind=kind, basis=basis, dimension=dimension, value=value
    )
    if since:
        periods = periods.filter(ends_on__gte=since)
    if until:
        periods = periods.filter(ends_on__lte=until)
    latest = periods.order_by("ends_on", "-revision").distinct("ends_on")
    return [_point(period) for period in latest]


def check_period(*, opening_on: date, closing_on: date, as_of: date) -> None:
    """Raise ``PeriodRunsBackwards`` or ``PeriodNotOver`` where nothing can be measured."""
    if closing_on <= opening_on:
        raise PeriodRunsBackwards(
            f"The period must close after it opens: {opening_on} to {closing_on}."
        )
    if as_of < closing_on:
        raise PeriodNotOver(f"The period closes on {closing_on}, and facts end on {as_of}.")


def check_currency() -> None:
    """Raise ``MixedCurrencies`` where dues are in another currency than the association's."""
    own = Association.current().currency
    if other := ledger.foreign_currency(own=own):
        raise MixedCurrencies(f"Dues in {other} cannot be added to dues in {own}.")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Compared:
    opening_on: date
    closing_on: date
    as_of: date
    comparison: ledger.Comparison

    def of(self, basis: RevenueBasis, dimension: Dimension) -> dict[str, RevenueFigures]:
        """Figures by value of the dimension; everybody is there even in an empty period."""
        if dimension not in {Dimension.ALL, Dimension.TIER, Dimension.SEGMENT}:
            raise ValueError(f"Dues are not grouped by {dimension}.")
        tallies = {ledger.EVERYBODY: ledger.Tally()} | self.comparison.tallies[basis, 0]
        return {
            group.value: self._figures(basis, dimension, group.value, tally)
            for group, tally in tallies.items()
            if group.dimension == dimension
        }

    def nobody(self, basis: RevenueBasis, dimension: Dimension, value: str) -> RevenueFigures:
        return self._figures(basis, dimension, value, ledger.Tally())

    def _figures(
        self, basis: RevenueBasis, dimension: Dimension, value: str, tally: ledger.Tally
    ) -> RevenueFigures:
        return RevenueFigures(
            opening_on=self.opening_on,
            closing_on=self.closing_on,
            as_of=self.as_of,
            basis=basis,
            dimension=dimension,
            value=value,
            optimistic=_figures(tally.sums(strict=False)),
            strict=_figures(tally.sums(strict=True)),
            undecided=_money(tally.undecided),
            undecided_members=tally.undecided_members,
        )


def _compared(
    *,
    opening_on: date,
    closing_on: date,
    as_of: date,
    bases: Sequence[RevenueBasis],
    grace_days: int,
) -> _Compared:
    check_period(opening_on=opening_on, closing_on=closing_on, as_of=as_of)
    check_currency()
    return _Compared(
        opening_on=opening_on,
        closing_on=closing_on,
        as_of=as_of,
        comparison=ledger.compare(
            openings=[opening_on],
            closing=closing_on,
            as_of=as_of,
            grace_days=grace_days,
            bases=bases,
        ),
    )


def _figures(sums: ledger.Sums) -> Figures:
    return Figures(
        opening=_money(sums.opening),
        new=_money(sums.new),
        reactivation=_money(sums.reactivation),
        expansion=_money(sums.expansion),
        contraction=_money(sums.contraction),
        churn=_money(sums.churn),
        closing=_money(sums.closing),
        base_members=sums.base_members,
        kept_members=sums.kept_members,
        new_members=sums.new_members,
        reactivated_members=sums.reactivated_members,
        lost_logos=sums.lost_logos,
    )


def _point(period: RevenuePeriod) -> SeriesPoint:
    kept = period.opening - period.churn - period.contraction + period.expansion
    base, stays = period.base_members, period.kept_members
    return SeriesPoint(
        starts_on=period.starts_on,
        ends_on=period.ends_on,
        is_final=period.is_final,
        restated_on=period.restated_on,
        restated_because=period.restated_because,
        covers_until=period.covers_until,
        opening=period.opening,
        new=period.new,
        reactivation=period.reactivation,
        expansion=period.expansion,
        contraction=period.contraction,
        churn=period.churn,
        closing=period.closing,
        closing_strict=period.closing - period.undecided,
        base_members=base,
        kept_members=stays,
        new_members=period.new_members,
        reactivated_members=period.reactivated_members,
        undecided_members=period.undecided_members,
        nrr=_ratio(kept, period.opening),
        nrr_strict=_ratio(kept - period.undecided_of_base, period.opening),
        grr=_ratio(period.kept_min, period.opening),
        grr_strict=_ratio(period.kept_min - period.undecided_min, period.opening),
        logo_retention=_ratio(stays, base),
        logo_retention_strict=_ratio(stays - period.undecided_members, base),
    )


def _place(cursor: str) -> tuple[int, int]:
    try:
        amount, member = SIGNER.unsign_object(cursor)
        return int(amount), int(member)
    except (BadSignature, TypeError, ValueError) as error:
        raise BadCursor("This cursor cannot be read.") from error


def _ratio(part: Decimal | int, whole: Decimal | int) -> Decimal | None:
    return to_places(Fraction(part) / Fraction(whole), RATIO_PLACES) if whole else None


def _money(cents: int) -> Decimal:
    return Decimal(cents).scaleb(-2)
