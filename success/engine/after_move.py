"""How members who were given less contact fare beside members like them who were not.

Members are alike who stood in the same state of the vector and the same lifecycle stage on the
day of the move. Pace is compared by its change from that day on, in both groups; renewals by
their share. Either comparison gives as many votes to each state and stage as moved members were
in it, and leaves out members who were moved where nobody like them stayed. Whether members stay
is no experiment: a difference is a warning, and none is no proof beyond its interval.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from fractions import Fraction

from success.engine.rollup import ALARMING_FALL, SMALLEST_GROUP
from success.engine.survival import NORMAL_95

GUARD_DAYS = (30, 90, 180)
FALLING_RENEWALS = Fraction(-1, 10)
FEWEST_FREE = 4


class Verdict(StrEnum):
    """What a comparison says of a move to less contact."""

    TOO_EARLY = "too_early"
    TOO_FEW = "too_few"
    HURT = "hurt"
    NOT_PROVEN = "not_proven"
    NO_SIGN = "no_sign"


@dataclass(frozen=True, slots=True)
class Tally:
    """Members of one state and stage, who moved or who stayed, some days after the move.

    ``paced`` have a pace on both days; ``change`` and ``squares`` are the sum of its changes
    and of their squares, in thousandths of a plan-day a day. ``due`` are those whose term ended
    within these days and is decided; ``renewed`` of them renewed.
    """

    members: int = 0
    paced: int = 0
    change: int = 0
    squares: int = 0
    due: int = 0
    renewed: int = 0

    @property
    def spread(self) -> Fraction:
        """The sum of squared deviations from the mean change."""
        return self.squares - Fraction(self.change**2, self.paced)


@dataclass(frozen=True, slots=True)
class Stratum:
    """Members who stood alike on the day of the move: those who moved, and those who stayed."""

    moved: Tally
    stayed: Tally


@dataclass(frozen=True, slots=True)
class Difference:
    """The mean of those who moved, that of those like them who stayed, and what is between.

    ``low`` and ``high`` bound the difference (95 %). A fall beyond ``floor`` matters.
    """

    moved: Fraction
    stayed: Fraction
    moved_members: int
    stayed_members: int
    low: float
    high: float
    floor: Fraction

    @property
    def estimate(self) -> Fraction:
        return self.moved - self.stayed

    @property
    def verdict(self) -> Verdict:
        """Hurt where the interval is all below nought; no sign where it rules out the floor."""
        if self.high < 0:
            return Verdict.HURT
        return Verdict.NO_SIGN if self.low > self.floor else Verdict.NOT_PROVEN


@dataclass(frozen=True, slots=True)
class Look:
    """What is known ``days`` after a move; ``opens_on`` is the first day it can be asked.

    ``pace`` and ``renewal`` are null where fewer than five on either side can be compared, and
    before that day.
    """

    days: int
    opens_on: date
    is_open: bool
    pace: Difference | None = None
    renewal: Difference | None = None

    @property
    def verdict(self) -> Verdict:
        """Success is both: neither vector nor renewal suffered (DOMAIN 6.5)."""
        if not self.is_open:
            return Verdict.TOO_EARLY
        said = [each.verdict for each in (self.pace, self.renewal) if each]
        if not said:
            return Verdict.TOO_FEW
        if Verdict.HURT in said:
            return Verdict.HURT
        if said == [Verdict.NO_SIGN, Verdict.NO_SIGN]:
            return Verdict.NO_SIGN
        return Verdict.NOT_PROVEN


def look(strata: Iterable[Stratum], *, days: int, last_moved_on: date, as_of: date) -> Look:
    """Compare ``days`` after a move, once the last of its members has come that far (6.5)."""
    opens_on = last_moved_on + timedelta(days=days)
    if opens_on > as_of:
        return Look(days=days, opens_on=opens_on, is_open=False)
    group = tuple(strata)
    return Look(
        days=days,
        opens_on=opens_on,
        is_open=True,
        pace=pace_difference(group),
        renewal=renewal_difference(group),
    )


def judge(looks: Iterable[Look]) -> Verdict:
    """Return what a move's looks say together, oldest first (DOMAIN 6.5).

    The last that could tell decides: a harm that was seen is not undone by a later look that
    proves nothing. Else it is what the last open look says, or that it is too early.
    """
    verdicts = [each.verdict for each in looks if each.is_open]
    telling = [each for each in verdicts if each in {Verdict.HURT, Verdict.NO_SIGN}]
    if telling:
        return telling[-1]
    return verdicts[-1] if verdicts else Verdict.TOO_EARLY


def pace_difference(strata: Iterable[Stratum]) -> Difference | None:
    """Return the difference in differences of pace, in plan-days a day (DOMAIN 6.5).

    Null with fewer than five compared on either side, or fewer than four members more than
    states and stages on either: nothing could be said of their spread.
    """
    both = [each for each in strata if each.moved.paced and each.stayed.paced]
    moved = sum(each.moved.paced for each in both)
    stayed = sum(each.stayed.paced for each in both)
    free = min(moved, stayed) - len(both)
    if min(moved, stayed) < SMALLEST_GROUP or free < FEWEST_FREE:
        return None
    weights = [Fraction(each.moved.paced, moved) for each in both]
    mean = Fraction(sum(each.moved.change for each in both), moved * 1000)
    expected = sum(
        (
            weight * Fraction(each.stayed.change, each.stayed.paced * 1000)
            for weight, each in zip(weights, both, strict=True)
        ),
        Fraction(0),
    )
    spread_moved = _variance([each.moved for each in both]) / moved
    spread_stayed = _variance([each.stayed for each in both]) * sum(
        weight**2 / each.stayed.paced for weight, each in zip(weights, both, strict=True)
    )
    reach = student_95(free) * math.sqrt(spread_moved + spread_stayed) / 1000
    return Difference(
        moved=mean,
        stayed=expected,
        moved_members=moved,
        stayed_members=stayed,
        low=float(mean - expected) - reach,
        high=float(mean - expected) + reach,
        floor=ALARMING_FALL,
    )


def renewal_difference(strata: Iterable[Stratum]) -> Difference | None:
    """Return the difference of renewal rates, with Newcombe's interval (DOMAIN 6.5).

    Null with fewer than five decided renewals to compare on either side.
    """
    both = [each for each in strata if each.moved.due and each.stayed.due]
    moved = sum(each.moved.due for each in both)
    stayed = sum(each.stayed.due for each in both)
    if min(moved, stayed) < SMALLEST_GROUP:
        return None
    weights = [Fraction(each.moved.due, moved) for each in both]
    rate = Fraction(sum(each.moved.renewed for each in both), moved)
    expected = sum(
        (
            weight * Fraction(each.stayed.renewed, each.stayed.due)
            for weight, each in zip(weights, both, strict=True)
        ),
        Fraction(0),
    )
    # unequal votes are worth fewer members than there are
    worth = 1 / sum(
        (weight**2 / each.stayed.due for weight, each in zip(weights, both, strict=True)),
        Fraction(0),
    )
    low_moved, high_moved = wilson_95(rate, of=Fraction(moved))
    low_stayed, high_stayed = wilson_95(expected, of=worth)
    apart = float(rate - expected)
    return Difference(
        moved=rate,
        stayed=expected,
        moved_members=moved,
        stayed_members=stayed,
        low=apart - math.hypot(float(rate) - low_moved, high_stayed - float(expected)),
        high=apart + math.hypot(high_moved - float(rate), float(expected) - low_stayed),
        floor=FALLING_RENEWALS,
    )


def wilson_95(share: Fraction, *, of: Fraction) -> tuple[float, float]:
    """Return Wilson's 95 % interval of a share of ``of`` members, within 0 and 1 (8)."""
    p, n, z2 = float(share), float(of), NORMAL_95**2
    middle = (p + z2 / (2 * n)) / (1 + z2 / n)
    reach = NORMAL_95 / (1 + z2 / n) * math.sqrt(p * (1 - p) / n + z2 / (4 * n * n))
    return max(0.0, middle - reach), min(1.0, middle + reach)


def student_95(free: int) -> float:
    """Return Student's two-sided 95 % quantile for four degrees of freedom or more.

    By Cornish and Fisher's expansion about the normal one; off by less than 0.3 % (8).
    """
    z = NORMAL_95
    return (
        z
        + (z**3 + z) / (4 * free)
        + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * free**2)
        + (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * free**3)
    )


def _variance(tallies: list[Tally]) -> Fraction:
    """The variance of changes about the mean of their own state and stage."""
    free = sum(each.paced for each in tallies) - len(tallies)
    return sum((each.spread for each in tallies), Fraction(0)) / free
