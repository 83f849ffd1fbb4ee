"""How long until it happens, when for many it has not happened yet.

Kaplan-Meier with late entry, in exact fractions. One estimator serves tenure (months to the
expiry), time to first value (days) and milestone lateness (days, negative when early).
"""

import math
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

HALF = Fraction(1, 2)
FEWEST_EVENTS = 20
NORMAL_95 = 1.959963984540054
NOBODY = (0, 0)


@dataclass(frozen=True, slots=True)
class Observation:
    """One member: the time up to which we know, and whether it happened then.

    ``entry`` is the time at which they came under observation; null means from the start.
    """

    time: int
    happened: bool
    entry: int | None = None

    def __post_init__(self) -> None:
        if self.entry is not None and self.entry >= self.time:
            raise ValueError(f"Observed from {self.entry} to {self.time}, which is no time")


@dataclass(frozen=True, slots=True)
class Step:
    """One fall of the curve; ``survival`` is the value just after ``time``.

    ``error`` is Greenwood's standard error, null where nobody is left.
    """

    time: int
    at_risk: int
    events: int
    survival: Fraction
    error: float | None


@dataclass(frozen=True, slots=True)
class Curve:
    """A step curve. ``horizon`` is the last time observed; null when nobody was."""

    steps: tuple[Step, ...]
    observed: int
    horizon: int | None

    @property
    def events(self) -> int:
        return sum(step.events for step in self.steps)

    def survival(self, time: int) -> Fraction:
        """Return the share still waiting just after ``time``: 1 before any event (7)."""
        step = self._step(time)
        return Fraction(1) if step is None else step.survival

    def error(self, time: int) -> float | None:
        """Return Greenwood's standard error at ``time``: 0 before any event (DOMAIN 7).

        Null once the curve has fallen to zero, where the formula divides by nobody.
        """
        step = self._step(time)
        return 0.0 if step is None else step.error

    @property
    def median(self) -> int | None:
        """Return the first time at which half or fewer still wait; null if never (2.6)."""
        return next((step.time for step in self.steps if step.survival <= HALF), None)

    def _step(self, time: int) -> Step | None:
        return next((step for step in reversed(self.steps) if step.time <= time), None)


@dataclass(frozen=True, slots=True)
class Tally:
    """What happened in a group, and what would have, had it been no different from the rest."""

    observed: int
    expected: Fraction
    variance: Fraction


@dataclass(frozen=True, slots=True)
class LogRank:
    """The log-rank comparison: chi-square, degrees of freedom, two-sided p value."""

    chi_square: Fraction
    degrees: int
    p_value: float
    tallies: Mapping[str, Tally]


def kaplan_meier(observations: Iterable[Observation]) -> Curve:
    """Estimate the share still waiting at each event time (DOMAIN 7).

    At a tie events come before censorings. With late entry a member joins the risk set after
    ``entry``; a risk set that empties early takes the curve to zero for good, so look at
    ``at_risk`` before reading the tail. Order is irrelevant; all censored gives no steps.
    """
    given = _Sample(observations)
    return curve_of(
        ((time, given.at_risk(time), events) for time, events in sorted(given.events.items())),
        observed=given.size,
        horizon=given.horizon,
    )


def curve_of(
    times: Iterable[tuple[int, int, int]], *, observed: int, horizon: int | None
) -> Curve:
    """Build the curve from (time, at risk, events), in order, each with an event (DOMAIN 7)."""
    survival = Fraction(1)
    greenwood: Fraction | None = Fraction(0)
    steps: list[Step] = []
    for time, at_risk, events in times:
        survival *= Fraction(at_risk - events, at_risk)
        if greenwood is None or at_risk == events:
            greenwood = None
        else:
            greenwood += Fraction(events, at_risk * (at_risk - events))
        error = None if greenwood is None else float(survival) * math.sqrt(greenwood)
        steps.append(Step(time, at_risk, events, survival, error))
    return Curve(steps=tuple(steps), observed=observed, horizon=horizon)


def probability_within(
    curve: Curve, *, after: int, until: int, fewest_events: int = FEWEST_EVENTS
) -> Fraction | None:
    """Return P(it happens by ``until`` | it had not by ``after``): 1 - S(until) / S(after).

    Null, which reads "not forecastable", with fewer than ``fewest_events`` events, beyond the
    last time observed, or where nobody was left waiting (DOMAIN 3.5).
    """
    waiting = curve.survival(after)
    if curve.events < fewest_events or curve.horizon is None or until > curve.horizon:
        return None
    return 1 - curve.survival(until) / waiting if waiting else None


def interval(curve: Curve, time: int, *, z: float = NORMAL_95) -> tuple[float, float] | None:
    """Return the interval of the curve at ``time``, 95 % unless ``z`` says otherwise (7).

    Greenwood's error on the scale of log(-log S), which stays between nought and one. Null
    before any event and once the curve has fallen to zero, where it is not defined.
    """
    survival, error = float(curve.survival(time)), curve.error(time)
    if not error:
        return None
    reach = z * error / (survival * -math.log(survival))
    return survival ** math.exp(reach), survival ** math.exp(-reach)


def log_rank(groups: Mapping[str, Iterable[Observation]]) -> LogRank | None:
    """Compare the curves of two or more groups (DOMAIN 7).

    Null when they cannot be compared: fewer than two groups with anybody ever at risk, or no
    event while two groups were. Exact up to the p value.
    """
    return stratified_log_rank([groups])


def stratified_log_rank(
    strata: Iterable[Mapping[str, Iterable[Observation]]],
) -> LogRank | None:
    """Compare groups only with those of their own stratum, and add up the comparisons (7).

    Members who joined in one year are compared with each other, say, so that a year in which
    many left cannot pass for a difference between the groups. Null as in ``log_rank``.
    """
    tables = [
        _event_table({name: _Sample(group) for name, group in groups.items()})
        for groups in strata
    ]
    return log_rank_of([row for table in tables for row in table])


def log_rank_of(rows: Sequence[Mapping[str, tuple[int, int]]]) -> LogRank | None:
    """Compare groups by (at risk, events) of each at every time of an event (DOMAIN 7).

    A group that is absent from a row had nobody at risk. Null as in ``log_rank``.
    """
    names = sorted({name for row in rows for name, (at_risk, _) in row.items() if at_risk})
    if len(names) < 2:
        return None
    free = len(names) - 1
    observed = dict.fromkeys(names, 0)
    expected = dict.fromkeys(names, Fraction(0))
    variance = dict.fromkeys(names, Fraction(0))
    covariance = [[Fraction(0)] * free for _ in range(free)]
    for row in rows:
        at_risk = [row.get(name, NOBODY)[0] for name in names]
        everyone, happened = sum(at_risk), sum(events for _, events in row.values())
        for name, group_at_risk in zip(names, at_risk, strict=True):
            observed[name] += row.get(name, NOBODY)[1]
            expected[name] += Fraction(happened * group_at_risk, everyone)
        if everyone < 2:
            continue
        spread = Fraction(happened * (everyone - happened), everyone**2 * (everyone - 1))
        for name, group_at_risk in zip(names, at_risk, strict=True):
            variance[name] += spread * group_at_risk * (everyone - group_at_risk)
        for i in range(free):
            for j in range(free):
                own = everyone if i == j else 0
                covariance[i][j] += spread * at_risk[i] * (own - at_risk[j])
    excess = [observed[name] - expected[name] for name in names[:free]]
    weights = _solve(covariance, excess)
    if weights is None:
        return None
    chi_square = sum((w * e for w, e in zip(weights, excess, strict=True)), Fraction(0))
    return LogRank(
        chi_square,
        free,
        chi_square_tail(float(chi_square), degrees=free),
        {name: Tally(observed[name], expected[name], variance[name]) for name in names},
    )


def chi_square_tail(value: float, *, degrees: int) -> float:
    """Return P(X > ``value``) for chi-square with whole ``degrees``, in closed form (7)."""
    half = value / 2
    if degrees % 2:
        tail, term, start = math.erfc(math.sqrt(half)), math.sqrt(half / math.pi) * 2, 1.5
    else:
        tail, term, start = 0.0, 1.0, 1.0
    series = 0.0
    for step in range(degrees // 2):
        series += term
        term *= half / (start + step)
    return tail + math.exp(-half) * series


class _Sample:
    """The times of a group in order, so that those at risk are looked up and not counted."""

    def __init__(self, observations: Iterable[Observation]) -> None:
        given = tuple(observations)
        self.size = len(given)
        self.events = Counter(seen.time for seen in given if seen.happened)
        self._ends = sorted(seen.time for seen in given)
        self._entries = sorted(seen.entry for seen in given if seen.entry is not None)

    @property
    def horizon(self) -> int | None:
        return self._ends[-1] if self._ends else None

    def at_risk(self, time: int) -> int:
        """Count those who have come and not gone; who comes at ``time`` is not at risk yet."""
        still_there = len(self._ends) - bisect_left(self._ends, time)
        yet_to_come = len(self._entries) - bisect_left(self._entries, time)
        return still_there - yet_to_come


def _event_table(samples: Mapping[str, _Sample]) -> list[dict[str, tuple[int, int]]]:
    """For each time at which it happened: by group, how many were at risk and how many did."""
    times = sorted({time for sample in samples.values() for time in sample.events})
    return [
        {name: (sample.at_risk(time), sample.events[time]) for name, sample in samples.items()}
        for time in times
    ]


def _solve(
    matrix: Sequence[Sequence[Fraction]], right: Sequence[Fraction]
) -> list[Fraction] | None:
    """Solve a small linear system exactly by elimination; null when it is singular."""
    size = len(right)
    rows = [[*row, value] for row, value in zip(matrix, right, strict=True)]
    for pivot in range(size):
        swap = next((i for i in range(pivot, size) if rows[i][pivot]), None)
        if swap is None:
            return None
        rows[pivot], rows[swap] = rows[swap], rows[pivot]
        head = rows[pivot][pivot]
        rows[pivot] = [value / head for value in rows[pivot]]
        for i in range(size):
            factor = rows[i][pivot]
            if i != pivot and factor:
                rows[i] = [
                    value - factor * lead
                    for value, lead in zip(rows[i], rows[pivot], strict=True)
                ]
    return [row[-1] for row in rows]
