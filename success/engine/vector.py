"""The Success Vector: where a member is on the plan, how fast and which way they move.

The plan is a clock. ``clock`` is the plan day the member has really reached; it runs with the
calendar while nothing is overdue, stops at the first overdue milestone, jumps forward on early
achievement and falls only when evidence is withdrawn. Everything is recomputed from dated
evidence, so late evidence repairs history. Who pays what is not an input.

Letters of DOMAIN section 3 and the names here: t ``plan_day``, c ``reached``, D ``clock``,
S ``days_ahead``, rho ``pace``, delta ``direction``, A ``achieved_weight``,
E ``expected_weight``, phi ``fit``, rho_eff ``effective_pace``.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from enum import StrEnum
from fractions import Fraction

WINDOW_DAYS = 30
TOLERANCE_DAYS = 7
SHORTEST_WINDOW = 7
FASTEST = Fraction(2)
PLAN_SLA_DAYS = 14


class State(StrEnum):
    """What the vector says, first match wins in this order (DOMAIN 3.2)."""

    NO_PLAN = "NO_PLAN"
    ACHIEVED = "ACHIEVED"
    REGRESSING = "REGRESSING"
    STALLED = "STALLED"
    SLIPPING = "SLIPPING"
    AHEAD = "AHEAD"
    ON_TRACK = "ON_TRACK"


@dataclass(frozen=True, slots=True)
class GatingMilestone:
    """A point the member must reach: expected on a plan day, worth a weight of 100.

    ``evidence_dates`` alternate achieved, withdrawn, achieved and so on: the milestone stands
    on a day iff an odd number of them fall on or before it. ``key`` names the same milestone in
    every version of a plan; ``is_declared`` tells that its evidence is one side's word.
    """

    position: int
    expected_day: int
    weight: int
    evidence_dates: tuple[date, ...] = ()
    key: str = ""
    is_declared: bool = False


@dataclass(frozen=True, slots=True)
class Pause:
    """Days on which the plan stands still; ``ends_on`` is the first day back, null if open."""

    starts_on: date
    ends_on: date | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """One version of a plan: plan day 0 is the anchor date."""

    anchor: date
    milestones: tuple[GatingMilestone, ...]
    pauses: tuple[Pause, ...] = ()

    def __post_init__(self) -> None:
        if not self.milestones:
            raise ValueError("A plan has at least one gating milestone")

    @property
    def ordered(self) -> tuple[GatingMilestone, ...]:
        return tuple(sorted(self.milestones, key=lambda m: (m.expected_day, m.position)))


@dataclass(frozen=True, slots=True)
class Vector:
    """The vector on a day. Null ``raw``, ``pace`` and ``direction`` mean too early to tell.

    ``pace`` is ``raw`` after the floor for those who owe nothing and the clip to [-2, 2].
    ``fit`` is null when the delivered experience is unknown, and then so is
    ``effective_pace``. ``declared_weight`` is the part of ``achieved_weight`` that rests on one
    side's word. ``blocking`` is the first milestone not achieved, once overdue;
    ``blocked_since`` and ``behind_since`` are the first days, in the present blockade, on which
    it was overdue and on which the member was behind by more than the tolerance.
    """

    as_of: date
    plan_day: int
    paused_days: int
    milestones: int
    reached: int
    clock: int
    days_ahead: int
    window: int
    raw: Fraction | None
    pace: Fraction | None
    direction: int | None
    achieved_weight: int
    declared_weight: int
    expected_weight: int
    fit: Fraction | None
    effective_pace: Fraction | None
    state: State
    blocking: GatingMilestone | None
    blocked_since: date | None
    behind_since: date | None

    @property
    def raw_milli(self) -> int | None:
        """Return ``raw`` in thousandths, halves away from zero; null as ``raw`` is (3.2)."""
        return None if self.raw is None else thousandths(self.raw)

    @property
    def pace_milli(self) -> int | None:
        """Return ``pace`` in thousandths, halves away from zero; null as ``pace`` is (3.2).

        Flooring and clipping ``raw_milli`` at 1000 and 2000 gives the same number.
        """
        return None if self.pace is None else thousandths(self.pace)


@dataclass(frozen=True, slots=True)
class _Reading:
    """The plan on one plan day: the unbroken prefix, the clock, the weight that stands."""

    reached: int
    clock: int
    achieved_weight: int
    declared_weight: int


def thousandths(value: Fraction) -> int:
    """Return ``value`` * 1000 as an integer, halves away from zero.

    The same as ``sign(n) * ((2000 * abs(n) + d) / (2 * d))`` on integers n/d, d > 0, with a
    division that truncates, so a database agrees to the last digit (DOMAIN 3.2).
    """
    size = (2000 * abs(value.numerator) + value.denominator) // (2 * value.denominator)
    return size if value >= 0 else -size


def plan_day(plan: Plan, *, on: date) -> int:
    """Return t: days since the anchor, paused days left out; negative before the anchor.

    Rises by exactly one a local date, and stands still from the first paused day to the first
    day back (DOMAIN 3.1).
    """
    return (on - plan.anchor).days - _paused_days(plan, until=on)


def compute(
    plan: Plan | None,
    *,
    as_of: date,
    window: int = WINDOW_DAYS,
    tolerance: int = TOLERANCE_DAYS,
    fit: Fraction | None = None,
) -> Vector | None:
    """Return the vector of ``plan`` on ``as_of``; null without a plan or before its anchor.

    ``window`` and ``tolerance`` are in plan days. Evidence after ``as_of`` is not seen, and
    evidence dated in a pause counts on the plan day at which the plan stood still. The due day
    itself is not late (DOMAIN 3.1, 3.2).
    """
    if plan is None or as_of < plan.anchor:
        return None
    today = plan_day(plan, on=as_of)
    observed = min(window, today)
    now = _read(plan, at=today, as_of=as_of)
    before = _read(plan, at=today - observed, as_of=as_of)

    days_ahead = now.clock - today
    gained_weight = now.achieved_weight > before.achieved_weight
    raw: Fraction | None = None
    if observed >= SHORTEST_WINDOW:
        raw = Fraction(now.clock - before.clock, observed)
    pace = _pace(raw, days_ahead=days_ahead)
    blocking = _blocking(plan, reached=now.reached, today=today)
    return Vector(
        as_of=as_of,
        plan_day=today,
        paused_days=_paused_days(plan, until=as_of),
        milestones=len(plan.milestones),
        reached=now.reached,
        clock=now.clock,
        days_ahead=days_ahead,
        window=observed,
        raw=raw,
        pace=pace,
        direction=_direction(raw, days_ahead=days_ahead, gained_weight=gained_weight),
        achieved_weight=now.achieved_weight,
        declared_weight=now.declared_weight,
        expected_weight=sum(m.weight for m in plan.milestones if m.expected_day < today),
        fit=fit,
        effective_pace=effective_pace(pace, fit=fit),
        state=_state(
            all_reached=now.reached == len(plan.milestones),
            raw=raw,
            days_ahead=days_ahead,
            gained_weight=gained_weight,
            tolerance=tolerance,
        ),
        blocking=blocking,
        blocked_since=_overdue_since(plan, blocking, by_more_than=0, as_of=as_of),
        behind_since=(
            _overdue_since(plan, blocking, by_more_than=tolerance, as_of=as_of)
            if days_ahead < -tolerance
            else None
        ),
    )


def position_on_baseline(
    plan: Plan,
    *,
    first_agreed: Sequence[GatingMilestone],
    evidence: Mapping[str, tuple[date, ...]],
    as_of: date,
) -> int | None:
    """Return S on the days first agreed: what re-planning hides is S minus this (3.3 SV16).

    Anchor and pauses are those of the version in force, ``plan``. ``first_agreed`` are the
    gating milestones of the baseline; each takes its dates from ``evidence``, which the version
    in force holds by ``key``, and keeps its own where that version has no such milestone. Null
    before the anchor and without milestones.
    """
    if not first_agreed:
        return None
    milestones = tuple(
        replace(each, evidence_dates=evidence.get(each.key, each.evidence_dates))
        for each in first_agreed
    )
    vector = compute(replace(plan, milestones=milestones), as_of=as_of)
    return None if vector is None else vector.days_ahead


def state_of(vector: Vector | None) -> State:
    """Return the vector's state; without a vector the account has no plan (DOMAIN 3.2)."""
    return State.NO_PLAN if vector is None else vector.state


def effective_pace(pace: Fraction | None, *, fit: Fraction | None) -> Fraction | None:
    """Return pace times AX fit; null when either is unknown.

    A bad experience discounts progress and does not soften regress (DOMAIN 3.2 #4).
    """
    if pace is None or fit is None:
        return None
    return pace * fit if pace > 0 else pace


def plan_promise_days_left(*, since: date, on: date, sla_days: int = PLAN_SLA_DAYS) -> int:
    """Return the days left to agree a plan with a member who has none.

    Zero on the last day; negative is an association promise overdue (DOMAIN 3.3 SV6, SV6b).
    """
    return sla_days - (on - since).days


def _pace(raw: Fraction | None, *, days_ahead: int) -> Fraction | None:
    if raw is None:
        return None
    floored = max(raw, Fraction(1)) if raw >= 0 and days_ahead >= 0 else raw
    return max(-FASTEST, min(FASTEST, floored))


def _direction(raw: Fraction | None, *, days_ahead: int, gained_weight: bool) -> int | None:
    if raw is None:
        return None
    if raw < 0:
        return -1
    return 1 if raw > 0 or days_ahead >= 0 or gained_weight else 0


def _state(
    *,
    all_reached: bool,
    raw: Fraction | None,
    days_ahead: int,
    gained_weight: bool,
    tolerance: int,
) -> State:
    behind = days_ahead < -tolerance
    rules = (
        (State.ACHIEVED, all_reached),
        (State.REGRESSING, raw is not None and raw < 0),
        (State.STALLED, behind and raw == 0 and not gained_weight),
        (State.SLIPPING, behind),
        (State.AHEAD, days_ahead > 0),
    )
    return next((state for state, holds in rules if holds), State.ON_TRACK)


def _read(plan: Plan, *, at: int, as_of: date) -> _Reading:
    """Read the plan on plan day ``at``, with the evidence dated up to ``as_of``."""
    ordered = plan.ordered
    stands = [_stands(plan, milestone, at=at, as_of=as_of) for milestone in ordered]
    reached = stands.index(False) if False in stands else len(stands)
    floor = ordered[reached - 1].expected_day if reached else 0
    clock = max(at, floor)
    if reached < len(ordered):
        clock = min(clock, ordered[reached].expected_day)
    standing = [m for m, holds in zip(ordered, stands, strict=True) if holds]
    return _Reading(
        reached=reached,
        clock=clock,
        achieved_weight=sum(m.weight for m in standing),
        declared_weight=sum(m.weight for m in standing if m.is_declared),
    )


def _stands(plan: Plan, milestone: GatingMilestone, *, at: int, as_of: date) -> bool:
    counted = sum(
        dated <= as_of and plan_day(plan, on=dated) <= at for dated in milestone.evidence_dates
    )
    return counted % 2 == 1


def _blocking(plan: Plan, *, reached: int, today: int) -> GatingMilestone | None:
    if reached == len(plan.milestones):
        return None
    following = plan.ordered[reached]
    return following if today > following.expected_day else None


def _overdue_since(
    plan: Plan, milestone: GatingMilestone | None, *, by_more_than: int, as_of: date
) -> date | None:
    """First day of the present blockade on which the milestone was late by more than that."""
    if milestone is None:
        return None
    late = _first_date(plan, day=milestone.expected_day + by_more_than + 1)
    withdrawn = [dated for dated in milestone.evidence_dates if dated <= as_of]
    return max([late, *withdrawn])


def _first_date(plan: Plan, *, day: int) -> date:
    """Return the first date on which the plan reads ``day``, one it has already reached."""
    first = plan.anchor + timedelta(days=day)
    for starts_on, ends_on in _stops(plan, until=date.max):
        if starts_on >= first:
            break
        first += ends_on - starts_on
    return first


def _paused_days(plan: Plan, *, until: date) -> int:
    return sum((end - start).days for start, end in _stops(plan, until=until))


def _stops(plan: Plan, *, until: date) -> Iterable[tuple[date, date]]:
    """Yield the paused runs between the anchor and ``until``, in order, without overlap."""
    cursor = plan.anchor
    for pause in sorted(plan.pauses, key=lambda pause: pause.starts_on):
        start = max(pause.starts_on, cursor)
        end = until if pause.ends_on is None else min(pause.ends_on, until)
        if start < end:
            yield start, end
            cursor = end
