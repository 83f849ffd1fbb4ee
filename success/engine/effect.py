"""Did a play help: those acted upon beside those left alone by the draw.

Accounts are compared as they were drawn, whatever was done for them afterwards (intention to
treat, DOMAIN 8). Below 200 accounts in an arm there is an interval and never a verdict, and
where the arms are not as large as the draw makes them, no result is read at all.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from statistics import NormalDist

NORMAL_95 = 1.959963984540054
FEWEST_IN_AN_ARM = 200
FEWEST_IN_A_CELL = 10
LIKELY_CHANCE = 0.05
# an imbalance that chance makes in one of a hundred draws is not read away
UNLIKELY_RATIO = 0.01


class Verdict(StrEnum):
    """What may be said of a comparison, in the order in which it is decided."""

    NOBODY = "nobody"
    UNREADABLE = "unreadable"
    TOO_FEW = "too_few"
    NOT_PROVEN = "not_proven"
    HELPS = "helps"
    HARMS = "harms"


@dataclass(frozen=True, slots=True, kw_only=True)
class Arms:
    """Accounts of each arm, and how many of them it happened to."""

    treated: int
    treated_n: int
    held: int
    held_n: int

    def __post_init__(self) -> None:
        if not (0 <= self.treated <= self.treated_n and 0 <= self.held <= self.held_n):
            raise ValueError(f"More of them than there are: {self}")

    @property
    def is_empty(self) -> bool:
        """Whether an arm has nobody, so that nothing can be compared."""
        return not self.treated_n or not self.held_n


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """Two shares beside each other. All but the counts are null where an arm is empty.

    ``lift`` and ``ci`` are shares (0.06 is six points); ``relative`` is null where it happened
    to nobody who was left alone; ``incremental`` counts accounts of the treated arm that it
    would not have happened to; ``z`` and ``p`` are null where both shares are 0 or both 1.
    """

    arms: Arms
    pt: float | None = None
    pc: float | None = None
    lift: float | None = None
    relative: float | None = None
    se: float | None = None
    ci: tuple[float, float] | None = None
    z: float | None = None
    p: float | None = None
    incremental: float | None = None
    verdict: Verdict = Verdict.NOBODY

    @property
    def is_proven(self) -> bool:
        """Whether chance alone makes so large a difference in fewer than 1 of 20 draws."""
        return self.p is not None and self.p < LIKELY_CHANCE and self._interval_agrees

    @property
    def _interval_agrees(self) -> bool:
        return self.ci is not None and (self.ci[0] > 0 or self.ci[1] < 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleRatio:
    """Whether the arms are as large as the draw makes them; no test where one is impossible."""

    chi2: float | None
    p: float | None
    is_ok: bool


def two_proportions(*, treated: int, treated_n: int, held: int, held_n: int) -> Effect:
    """Compare two shares, with the z of the pooled share and a 95 % interval (DOMAIN 8).

    The interval is that of the unpooled difference; where one of the four counts is below 10
    that one is too narrow, and Newcombe's is taken (Statistics in Medicine 17, 1998, 873-890,
    method 10). Raises ``ValueError`` for counts that cannot be.
    """
    arms = Arms(treated=treated, treated_n=treated_n, held=held, held_n=held_n)
    if arms.is_empty:
        return Effect(arms=arms)
    pt, pc = treated / treated_n, held / held_n
    lift = pt - pc
    error = math.sqrt(pt * (1 - pt) / treated_n + pc * (1 - pc) / held_n)
    pooled = (treated + held) / (treated_n + held_n)
    spread = math.sqrt(pooled * (1 - pooled) * (1 / treated_n + 1 / held_n))
    z = lift / spread if spread else None
    cells = (treated, treated_n - treated, held, held_n - held)
    interval = (
        (lift - NORMAL_95 * error, lift + NORMAL_95 * error)
        if min(cells) >= FEWEST_IN_A_CELL
        else _newcombe(arms)
    )
    effect = Effect(
        arms=arms,
        pt=pt,
        pc=pc,
        lift=lift,
        relative=lift / pc if pc else None,
        se=error,
        ci=interval,
        z=z,
        p=None if z is None else two_sided(z),
        incremental=lift * treated_n,
    )
    return replace(effect, verdict=verdict_of(effect))


def stratified(strata: Iterable[Arms]) -> Effect:
    """Compare like with like: the difference of shares over strata, weighted.

    Mantel-Haenszel weights with Sato's variance, which holds for few large strata and for many
    small ones (Sato, Biometrics 45, 1989, 1323-1324); z is that of Cochran, Mantel and Haenszel
    without correction. ``pt`` and ``pc`` are the plain shares, so their difference is not the
    ``lift`` where the arms are mixed differently. Strata with an empty arm compare nobody and
    are left out of the difference. One stratum gives what ``two_proportions`` gives, but for
    the last digit of z.
    """
    compared = [arms for arms in strata if not arms.is_empty]
    total = Arms(
        treated=sum(arms.treated for arms in compared),
        treated_n=sum(arms.treated_n for arms in compared),
        held=sum(arms.held for arms in compared),
        held_n=sum(arms.held_n for arms in compared),
    )
    if not compared:
        return Effect(arms=total)
    weight = gained = p_sum = q_sum = excess = variance = 0.0
    for arms in compared:
        n1, n0, a, c = arms.treated_n, arms.held_n, arms.treated, arms.held
        n, happened = n1 + n0, a + c
        weight += n1 * n0 / n
        gained += (a * n0 - c * n1) / n
        p_sum += (n1 * n1 * c - n0 * n0 * a + n1 * n0 * (n0 - n1) / 2) / n**2
        q_sum += (a * (n0 - c) + c * (n1 - a)) / (2 * n)
        excess += a - n1 * happened / n
        variance += n1 * n0 * happened * (n - happened) / (n**2 * (n - 1))
    lift = gained / weight
    error = math.sqrt(max(lift * p_sum + q_sum, 0.0)) / weight
    z = excess / math.sqrt(variance) if variance else None
    pc = total.held / total.held_n
    effect = Effect(
        arms=total,
        pt=total.treated / total.treated_n,
        pc=pc,
        lift=lift,
        relative=lift / pc if pc else None,
        se=error,
        ci=(max(lift - NORMAL_95 * error, -1.0), min(lift + NORMAL_95 * error, 1.0)),
        z=z,
        p=None if z is None else two_sided(z),
        incremental=lift * total.treated_n,
    )
    return replace(effect, verdict=verdict_of(effect))


def verdict_of(effect: Effect, *, ratio: SampleRatio | None = None) -> Verdict:
    """Return what may be said of an effect, arms that are off and small ones first (DOMAIN 8).

    A verdict needs both: a chance below 5 %, and an interval that leaves nought out.
    """
    if effect.arms.is_empty or effect.lift is None:
        return Verdict.NOBODY
    if ratio is not None and not ratio.is_ok:
        return Verdict.UNREADABLE
    if min(effect.arms.treated_n, effect.arms.held_n) < FEWEST_IN_AN_ARM:
        return Verdict.TOO_FEW
    if not effect.is_proven:
        return Verdict.NOT_PROVEN
    return Verdict.HELPS if effect.lift > 0 else Verdict.HARMS


def harms_in_a_stratum(effect: Effect, *, looked_at: int) -> bool:
    """Whether a stratum is one of sleeping dogs: significantly worse for being acted upon.

    Of many strata one looks bad by chance, so the chance allowed is shared out among those that
    were ``looked_at`` (Bonferroni). Below 200 accounts in an arm the answer is no (DOMAIN 8).
    """
    return (
        effect.verdict == Verdict.HARMS
        and effect.p is not None
        and effect.p < LIKELY_CHANCE / max(looked_at, 1)
    )


def sample_ratio(*, n_treated: int, n_held: int, share: float) -> SampleRatio:
    """Test by chi-square whether arms are as large as a held share makes them (DOMAIN 8).

    ``share`` is that of the held arm, from 0 to 1. Nothing is tested, and nothing wrong, where
    nobody was drawn; where a share of 0 or 1 is contradicted, the arms are off.
    """
    total = n_treated + n_held
    expected = total * share
    if not total:
        return SampleRatio(chi2=None, p=None, is_ok=True)
    if expected in (0, total):
        return SampleRatio(chi2=None, p=None, is_ok=n_held == expected)
    off = (n_held - expected) ** 2
    chi2 = off / expected + off / (total - expected)
    p = math.erfc(math.sqrt(chi2 / 2))
    return SampleRatio(chi2=chi2, p=p, is_ok=p >= UNLIKELY_RATIO)


def needed_per_arm(
    *, p1: float, p2: float, alpha: float = 0.05, power: float = 0.8
) -> float | None:
    """Return the accounts needed in each arm to see ``p2`` instead of ``p1`` (DOMAIN 8).

    A number to be rounded up; null where the two are the same, which no number can show.
    """
    if p1 == p2:
        return None
    normal = NormalDist()
    mean = (p1 + p2) / 2
    by_chance = normal.inv_cdf(1 - alpha / 2) * math.sqrt(2 * mean * (1 - mean))
    by_power = normal.inv_cdf(power) * math.sqrt(p1 * (1 - p1) + p2 * (1 - p2))
    return (by_chance + by_power) ** 2 / (p1 - p2) ** 2


def two_sided(z: float) -> float:
    """Return how often chance alone gives a z as far from nought as this."""
    return math.erfc(abs(z) / math.sqrt(2))


def wilson(*, count: float, of: float) -> tuple[float, float] | None:
    """Return the 95 % score interval of a share; null of nobody (Wilson, JASA 22, 1927)."""
    if not of:
        return None
    share, square = count / of, NORMAL_95**2
    middle = (share + square / (2 * of)) / (1 + square / of)
    half = (
        NORMAL_95
        / (1 + square / of)
        * math.sqrt(share * (1 - share) / of + square / (4 * of * of))
    )
    return max(0.0, middle - half), min(1.0, middle + half)


def pooled(effects: Sequence[Arms]) -> Arms:
    """Return the accounts of several arms together."""
    return Arms(
        treated=sum(arms.treated for arms in effects),
        treated_n=sum(arms.treated_n for arms in effects),
        held=sum(arms.held for arms in effects),
        held_n=sum(arms.held_n for arms in effects),
    )


def _newcombe(arms: Arms) -> tuple[float, float]:
    pt, pc = arms.treated / arms.treated_n, arms.held / arms.held_n
    treated = wilson(count=arms.treated, of=arms.treated_n)
    held = wilson(count=arms.held, of=arms.held_n)
    if treated is None or held is None:
        raise ValueError("An interval of nobody")
    below = math.hypot(pt - treated[0], held[1] - pc)
    above = math.hypot(treated[1] - pt, pc - held[0])
    return pt - pc - below, pt - pc + above
