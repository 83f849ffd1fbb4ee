"""The association's years: which were bad by its own measure, and what stood out before them.

Told in hindsight: what is usual is taken from all of its years, later ones too. So it says what
came before what, and how often the same came before a year that was not bad; never why.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from statistics import median
from typing import Final

FEWEST_YEARS: Final = 4
SMALLEST_GROUP: Final = 5
MARGIN: Final = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class Usual:
    """The median of a run of years, and how far half of them are from it at most."""

    middle: Decimal
    spread: Decimal
    years: int

    def is_above(self, value: Decimal | None) -> bool:
        """Whether a value is above by more than the spread, and by more than a point."""
        return value is not None and value - self.middle > max(self.spread, MARGIN)

    def is_below(self, value: Decimal | None) -> bool:
        """Whether a value is below by more than the spread, and by more than a point."""
        return value is not None and self.middle - value > max(self.spread, MARGIN)


@dataclass(frozen=True, slots=True)
class Bad:
    """A year that was worse than usual, and by which rule; ``below`` is in NRR, signed."""

    year: int
    by_nrr: bool
    by_grr: bool
    below: Decimal


@dataclass(frozen=True, slots=True)
class Loss:
    """What a group lost in a year by churn and contraction, and its share of all that."""

    group: str
    amount: Decimal
    share: Decimal


@dataclass(frozen=True, slots=True)
class Tally:
    """How often something stood out the year before: bad years, and the others.

    Only years whose year before is known are counted.
    """

    before_bad: int
    bad: int
    before_others: int
    others: int


def usual(values: Iterable[Decimal | None]) -> Usual | None:
    """Return what is usual in a run of years; null where fewer than four are known.

    The spread is the median of the distances from the median. Ratios in, ratios out.
    """
    known = [value for value in values if value is not None]
    if len(known) < FEWEST_YEARS:
        return None
    middle = median(known)
    return Usual(middle, median(abs(value - middle) for value in known), len(known))


def share(part: Decimal | int, whole: Decimal | int, *, members: int) -> Decimal | None:
    """Return part of whole; null for nothing, and for fewer than five members."""
    if members < SMALLEST_GROUP or not whole:
        return None
    return Decimal(part) / Decimal(whole)


def bad_years(years: Mapping[int, tuple[Decimal | None, Decimal | None]]) -> list[Bad] | None:
    """Return the bad among closed years of (NRR, GRR), in order; null for fewer than four.

    Bad is a year whose NRR is below the median by more than the spread, or whose GRR is the
    lowest and below its own median likewise.
    """
    of_net = usual(net for net, _gross in years.values())
    of_gross = usual(gross for _net, gross in years.values())
    if of_net is None or of_gross is None:
        return None
    lowest = min(gross for _net, gross in years.values() if gross is not None)
    found = []
    for year, (net, gross) in sorted(years.items()):
        by_nrr = of_net.is_below(net)
        by_grr = gross == lowest and of_gross.is_below(gross)
        if net is not None and (by_nrr or by_grr):
            found.append(Bad(year, by_nrr, by_grr, of_net.middle - net))
    return found


def losses(lost: Mapping[str, Decimal]) -> list[Loss]:
    """Return the groups that lost anything, the largest loss first; shares add up to one."""
    whole = sum(lost.values(), Decimal(0))
    found = [Loss(group, amount, amount / whole) for group, amount in lost.items() if amount]
    return sorted(found, key=lambda loss: (-loss.amount, loss.group))


def tally(
    values: Mapping[int, Decimal | None], *, bad: Collection[int], judged: Collection[int]
) -> Tally | None:
    """Count in how many judged years' year before a value stood out upwards.

    ``values`` are by year. Null where what is usual is not known.
    """
    level = usual(values.values())
    if level is None:
        return None
    known = [year for year in judged if values.get(year - 1) is not None]
    raised = {year for year in known if level.is_above(values[year - 1])}
    worse = {year for year in known if year in bad}
    others = set(known) - worse
    return Tally(len(raised & worse), len(worse), len(raised & others), len(others))
