"""Revenue retention: what dues did between two days, whose they are, and what was last said.

Two bases, always named. ``IN_FORCE`` is the ledger as it stands. ``MEMBERSHIP`` applies the
association's grace and gives a pair, optimistic and strict, until every window has closed.
A segment is the one a member is assigned to now; a tier is the one held on the opening day, or
on the closing day by members who paid nothing before. The figures are the association's, not
a person's portfolio: who may see them is ``Permission.REVENUE_VIEW``.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Final

from django.db import connection

from success.engine.revenue import Kind, MixedCurrencies, Status, to_places
from success.enums import Dimension, PeriodKind, RevenueBasis
from success.models import RevenuePeriod
from success.queries import readings
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
    ``price`` is by how much dues of the base rose by price alone, signed; null where it was not
    asked for. Ratios are null for a base of nobody.
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
    price: Decimal | None = None

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
        return ratio(self.of_base, self.opening)

    @property
    def nrr_ex_price(self) -> Decimal | None:
        return None if self.price is None else ratio(self.of_base - self.price, self.opening)

    @property
    def grr(self) -> Decimal | None:
        return ratio(self.opening - self.churn - self.contraction, self.opening)

    @property
    def logo_retention(self) -> Decimal | None:
        return ratio(self.kept_members, self.base_members)

    @property
    def logo_churn(self) -> Decimal | None:
        return ratio(self.lost_members, self.base_members)


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
    dimensions: Sequence[Dimension] = (),
) -> list[tuple[RevenueFigures, RevenueFigures]]:
    """Measure one period on both bases, (in force, membership), in one pass over the terms.

    The first pair is everybody's; for each of ``dimensions`` a pair for each group follows, by
    value, where either basis knows the group. Raises as ``revenue_between`` does (DOMAIN 4.2).
    """
    compared = _compared(
        opening_on=opening_on,
        closing_on=closing_on,
        as_of=as_of,
        bases=list(RevenueBasis),
        grace_days=grace_days,
    )
    pairs = []
    for of in [Dimension.ALL, *dimensions]:
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


def every_series(
    *, kind: PeriodKind, basis: RevenueBasis, dimensions: Sequence[Dimension]
) -> dict[tuple[Dimension, str], list[SeriesPoint]]:
    """Return the series of every group of some dimensions, as ``revenue_series`` does each.

    By dimension and value; one statement for all of them (DOMAIN 4.2, 4.3).
    """
    latest = (
        RevenuePeriod.objects.filter(kind=kind, basis=basis, dimension__in=dimensions)
        .order_by("dimension", "value", "ends_on", "-revision")
        .distinct("dimension", "value", "ends_on")
    )
    found: dict[tuple[Dimension, str], list[SeriesPoint]] = {}
    for period in latest:
        group = Dimension(period.dimension), period.value
        found.setdefault(group, []).append(_point(period))
    return found


def check_period(*, opening_on: date, closing_on: date, as_of: date) -> None:
    """Raise ``PeriodRunsBackwards`` or ``PeriodNotOver`` where nothing can be measured."""
    if closing_on <= opening_on:
        raise PeriodRunsBackwards(
            f"The period must close after it opens: {opening_on} to {closing_on}."
        )
    if as_of < closing_on:
        raise PeriodNotOver(f"The period closes on {closing_on}, and facts end on {as_of}.")


def check_currency(*, on: date | None = None) -> ledger.Traits:
    """Return what the ledger has of rare things, having looked at its currencies.

    Raises ``MixedCurrencies`` where dues cannot be told in the association's own. Dues in
    another one count at the rate of ``on``, the opening day (DOMAIN 4.3 #18); without a day
    there must be none.
    """
    of = ledger.traits()
    if other := ledger.foreign_currency(of=of, without_rate_on=on):
        why = f": no rate of exchange is known for {on} or before" if on else ""
        raise MixedCurrencies(f"Dues in {other} cannot be added to dues in {of.own}{why}.")
    return of


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
            undecided=money(tally.undecided),
            undecided_members=tally.undecided_members,
        )


ENDING: Final = """
SELECT date_trunc('week', known.term_ends_on)::date, sum(dues.annual_amount)
FROM success_memberfacts known
JOIN members_term term
  ON term.member_id = known.member_id AND term.ends_on = known.term_ends_on
JOIN members_dues dues ON dues.term_id = term.id
WHERE known.standing = 'in_force'
  AND known.term_ends_on >= %(since)s AND known.term_ends_on < %(until)s
GROUP BY 1
"""


@readings.kept_by_night
def dues_of_ending(*, since: date, until: date) -> dict[date, Decimal]:
    """Return a year's dues of all whose term ends by the Monday of the week (DOMAIN 4.3).

    As ``renewal_dues.dues_by_week`` does for those that somebody looks at. Raises
    ``MixedCurrencies``.
    """
    check_currency()
    with connection.cursor() as cursor:
        cursor.execute(ENDING, {"since": since, "until": until})
        return dict(cursor.fetchall())


@readings.kept_by_night
def both_bases(
    *, opening_on: date, closing_on: date, as_of: date, grace_days: int
) -> ledger.Comparison:
    """Compare two days on both bases, for the night to keep (DOMAIN 4.2, 4.3)."""
    return ledger.compare(
        openings=[opening_on], closing=closing_on, as_of=as_of, grace_days=grace_days
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
    check_currency(on=opening_on)
    # the night keeps both bases together, and one of them is among them
    both = readings.known(
        both_bases,
        opening_on=opening_on,
        closing_on=closing_on,
        as_of=as_of,
        grace_days=grace_days,
    )
    if both is not None:
        return _Compared(
            opening_on=opening_on, closing_on=closing_on, as_of=as_of, comparison=both
        )
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
        opening=money(sums.opening),
        new=money(sums.new),
        reactivation=money(sums.reactivation),
        expansion=money(sums.expansion),
        contraction=money(sums.contraction),
        churn=money(sums.churn),
        closing=money(sums.closing),
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
        nrr=ratio(kept, period.opening),
        nrr_strict=ratio(kept - period.undecided_of_base, period.opening),
        grr=ratio(period.kept_min, period.opening),
        grr_strict=ratio(period.kept_min - period.undecided_min, period.opening),
        logo_retention=ratio(stays, base),
        logo_retention_strict=ratio(stays - period.undecided_members, base),
    )


def ratio(part: Decimal | int, whole: Decimal | int) -> Decimal | None:
    """Return part / whole, half to even to six places; null for a whole of nought."""
    return to_places(Fraction(part) / Fraction(whole), RATIO_PLACES) if whole else None


def money(cents: int) -> Decimal:
    """Return whole cents as an amount."""
    return Decimal(cents).scaleb(-2)
