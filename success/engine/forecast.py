"""What members who reach their milestones will take up next, and what that is worth in a year.

An account counts when it stands before the milestone at which something more was announced.
Its part is the chance that it gets there in the window, times the share of members in its state
that take what is offered, times what that is worth a year. The chance is read from one curve a
milestone, of days late when it was reached (negative: early), those still on their way being
censored; so one curve serves the not yet due, the due and the overdue.

Chances, shares and amounts are exact: give ``Fraction`` or integers and take ``Fraction`` back.
"""

import math
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction

from success.engine.survival import FEWEST_EVENTS, Curve, probability_within
from success.engine.vector import State

NORMAL_90 = 1.6448536269514722
TENTHS = 10
AX_MISMATCH = "AX_MISMATCH"


class LeftOut(StrEnum):
    """Why an offer that was announced is in no forecast, in the order in which it is told."""

    NOT_A_MEMBER = "not_a_member"
    REACHED = "reached"
    ASKED = "asked"
    FURTHER_ON = "further_on"
    OWNED = "owned"
    RETIRED = "retired"
    COOLING_OFF = "cooling_off"
    GOAL_STALE = "goal_stale"
    REGRESSING = "regressing"
    ASSOC_BLOCKED = "assoc_blocked"


class Unknown(StrEnum):
    """Why nothing can be said of an account that counts."""

    TOO_FEW = "too_few"
    BEYOND = "beyond"


@dataclass(frozen=True, slots=True)
class Prior:
    """What is assumed before anybody has answered: ``yes`` of ``yes + no`` take it."""

    yes: int
    no: int

    @property
    def mean(self) -> Fraction:
        return Fraction(self.yes, self.yes + self.no)


# The strength of ten answers. Nine of ten who move as planned is the sources' own share; the
# others are those of the worked mix (DOMAIN 3.5, FC_mix).
AS_PLANNED = Prior(9, 1)
PRIORS: Mapping[str, Prior] = {
    State.AHEAD: AS_PLANNED,
    State.ON_TRACK: AS_PLANNED,
    State.ACHIEVED: AS_PLANNED,
    State.SLIPPING: Prior(7, 3),
    State.STALLED: Prior(4, 6),
    AX_MISMATCH: Prior(3, 7),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What is known on a day of an account and something that was announced to it."""

    is_member: bool
    state: State
    is_next: bool
    is_reached: bool
    is_asked: bool
    is_owned: bool
    is_retired: bool
    is_cooling_off: bool
    is_goal_stale: bool
    is_assoc_blocked: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """Accounts alike in all that the forecast asks: a cohort's, or one by itself.

    ``chance`` is null where nothing can be said, ``value`` where nobody has said it.
    """

    cohort: Hashable
    accounts: int
    chance: Fraction | None
    take: Fraction
    value: Fraction | None

    @property
    def share(self) -> Fraction | None:
        """Return how likely one of them takes it in the window; null as ``chance`` is."""
        return None if self.chance is None else self.chance * self.take


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What lines add up to. Unknown ones are counted and in no sum.

    ``takers`` and ``value`` are expectations, each with its variance; ``unpriced`` accounts are
    among the takers and not in the value. ``most`` is the value if all of them took it.
    """

    accounts: int = 0
    unknown: int = 0
    unpriced: int = 0
    takers: Fraction = Fraction(0)
    takers_variance: Fraction = Fraction(0)
    value: Fraction = Fraction(0)
    variance: Fraction = Fraction(0)
    most: Fraction = Fraction(0)

    @property
    def known(self) -> int:
        return self.accounts - self.unknown

    @property
    def deviation(self) -> float:
        return math.sqrt(self.variance)

    def plus(self, other: "Expected") -> "Expected":
        """Return both together; their accounts must be others."""
        return Expected(
            accounts=self.accounts + other.accounts,
            unknown=self.unknown + other.unknown,
            unpriced=self.unpriced + other.unpriced,
            takers=self.takers + other.takers,
            takers_variance=self.takers_variance + other.takers_variance,
            value=self.value + other.value,
            variance=self.variance + other.variance,
            most=self.most + other.most,
        )

    def between(self) -> tuple[float, float] | None:
        """Return the 90 % interval of the value; null where nothing is known (DOMAIN 3.5).

        The normal one, cut at nought and at what all of them would bring.
        """
        if not self.known:
            return None
        return _between(self.value, self.variance, most=self.most)

    def takers_between(self) -> tuple[float, float] | None:
        """Return the 90 % interval of the takers, as ``between`` does (DOMAIN 3.5)."""
        if not self.known:
            return None
        return _between(self.takers, self.takers_variance, most=Fraction(self.known))


@dataclass(frozen=True, slots=True)
class Tenth:
    """Accounts that were given a chance between ``low`` and ``high``, and how many took it."""

    low: Fraction
    high: Fraction
    accounts: int
    expected: Fraction
    took: int

    @property
    def foretold(self) -> Fraction:
        return self.expected / self.accounts

    @property
    def came(self) -> Fraction:
        return Fraction(self.took, self.accounts)


@dataclass(frozen=True, slots=True)
class Outcome:
    """Accounts that were given the same share, and how many of them took it in the end."""

    share: Fraction
    accounts: int
    took: int


def left_out(standing: Standing) -> LeftOut | None:
    """Return why an account is not in the forecast; null if it is (DOMAIN 3.5).

    It stands before that milestone, does not have what is offered, has refused nothing lately,
    its goal is not stale, it does not regress, and it waits for nothing of ours.
    """
    against = (
        (LeftOut.NOT_A_MEMBER, not standing.is_member),
        (LeftOut.REACHED, standing.is_reached and not standing.is_asked),
        (LeftOut.ASKED, standing.is_asked),
        (LeftOut.FURTHER_ON, not standing.is_next),
        (LeftOut.OWNED, standing.is_owned),
        (LeftOut.RETIRED, standing.is_retired),
        (LeftOut.COOLING_OFF, standing.is_cooling_off),
        (LeftOut.GOAL_STALE, standing.is_goal_stale),
        (LeftOut.REGRESSING, standing.state is State.REGRESSING),
        (LeftOut.ASSOC_BLOCKED, standing.is_assoc_blocked),
    )
    return next((reason for reason, holds in against if holds), None)


def chance(
    curve: Curve | None,
    *,
    late: int,
    days: int,
    after: int = 0,
    fewest_events: int = FEWEST_EVENTS,
) -> Fraction | None:
    """Return P(the milestone is reached in the window): 1 - S(T - e) / S(t - e) (DOMAIN 3.5).

    ``late`` is t - e today, negative while it is not due; the window runs for ``days``, and
    begins ``after`` days from now. Null, "not forecastable", with fewer than ``fewest_events``
    events, without a curve, and where the window reaches beyond the last lateness observed.
    """
    if curve is None:
        return None
    to_the_end = probability_within(
        curve, after=late, until=late + days, fewest_events=fewest_events
    )
    if to_the_end is None or not after:
        return to_the_end
    before = probability_within(
        curve, after=late, until=late + after, fewest_events=fewest_events
    )
    return None if before is None else to_the_end - before


def why_unknown(curve: Curve | None, *, fewest_events: int = FEWEST_EVENTS) -> Unknown:
    """Return why ``chance`` was null (DOMAIN 3.5)."""
    is_thin = curve is None or curve.events < fewest_events
    return Unknown.TOO_FEW if is_thin else Unknown.BEYOND


def take_rate(*, takers: int, asked: int, prior: Prior) -> Fraction:
    """Return the share that takes an offer: (k + a) / (n + a + b) (DOMAIN 3.5).

    Without an answer it is what is assumed. Raises ``ValueError`` for more takers than asked.
    """
    if not 0 <= takers <= asked:
        raise ValueError(f"{takers} takers of {asked} asked")
    return Fraction(takers + prior.yes, asked + prior.yes + prior.no)


def expect(lines: Iterable[Line]) -> Expected:
    """Add up what lines bring, with variance: sum of p (1 - p) v² (DOMAIN 3.5).

    Accounts decide by themselves, so that variances add; each must be in one line only.
    """
    total = Expected()
    for line in lines:
        total = total.plus(_expected(line))
    return total


def by_cohort(lines: Iterable[Line]) -> dict[Hashable, Expected]:
    """Add lines up by cohort; together they are ``expect`` of all, exactly (DOMAIN 3.5)."""
    found: dict[Hashable, Expected] = {}
    for line in lines:
        found[line.cohort] = found.get(line.cohort, Expected()).plus(_expected(line))
    return found


def calibration(outcomes: Iterable[Outcome]) -> list[Tenth]:
    """Set what was foretold beside what came, by tenths of the chance (DOMAIN 3.5).

    Tenths without an account are left out; a chance of one is in the last.
    """
    rows: dict[int, tuple[int, Fraction, int]] = {}
    for outcome in outcomes:
        tenth = min(int(outcome.share * TENTHS), TENTHS - 1)
        accounts, expected, took = rows.get(tenth, (0, Fraction(0), 0))
        rows[tenth] = (
            accounts + outcome.accounts,
            expected + outcome.accounts * outcome.share,
            took + outcome.took,
        )
    return [
        Tenth(Fraction(tenth, TENTHS), Fraction(tenth + 1, TENTHS), *row)
        for tenth, row in sorted(rows.items())
        if row[0]
    ]


def together(tenths: Iterable[Tenth]) -> list[Tenth]:
    """Add calibrations of several months up, tenth by tenth; equal to that of all (3.5)."""
    rows: dict[Fraction, Tenth] = {}
    for each in tenths:
        known = rows.get(each.low)
        rows[each.low] = (
            each
            if known is None
            else Tenth(
                each.low,
                each.high,
                known.accounts + each.accounts,
                known.expected + each.expected,
                known.took + each.took,
            )
        )
    return [rows[low] for low in sorted(rows)]


def forecast_nrr(
    *, opening: Fraction, kept: Fraction | None, expansion: Fraction
) -> Fraction | None:
    """Return (expected of the base to stay + expected expansion) / opening (DOMAIN 3.5).

    ``kept`` is the share of the opening that is expected to stay, after contraction. Null for
    an opening of nothing, and where that share is not known.
    """
    return kept + expansion / opening if opening and kept is not None else None


def leads_for_a_sale(close_rate: Fraction) -> Fraction:
    """Return how many leads a pipeline wants for one sale; five at 20 % (DOMAIN 2.14).

    Raises ``ValueError`` where none is ever closed.
    """
    if close_rate <= 0:
        raise ValueError("Nothing is ever sold")
    return 1 / close_rate


def _expected(line: Line) -> Expected:
    share = line.share
    if share is None:
        return Expected(accounts=line.accounts, unknown=line.accounts)
    spread = line.accounts * share * (1 - share)
    value = line.value or Fraction(0)
    return Expected(
        accounts=line.accounts,
        unpriced=line.accounts if line.value is None else 0,
        takers=line.accounts * share,
        takers_variance=spread,
        value=line.accounts * share * value,
        variance=spread * value**2,
        most=line.accounts * value,
    )


def _between(mean: Fraction, variance: Fraction, *, most: Fraction) -> tuple[float, float]:
    reach = NORMAL_90 * math.sqrt(variance)
    return max(0.0, float(mean) - reach), min(float(most), float(mean) + reach)
