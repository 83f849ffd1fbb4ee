"""Hours that members need against hours that people have, and what would close the gap.

Hours are staff hours a month unless said otherwise. What members pay is not an input.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from fractions import Fraction

RENEWAL_WINDOW = timedelta(days=120)
OVERLOADED_ABOVE = Fraction(6, 5)
HEALTHY_FROM = Fraction(17, 20)
HEALTHY_TO = Fraction(11, 10)
UNDER_USED_BELOW = Fraction(1, 2)
OVERLOAD_WEEKS = 2

Hours = Fraction


class Stage(StrEnum):
    """Where a member's way stands; declared in the order in which they are tried."""

    AT_RISK = "at_risk"
    ONBOARDING = "onboarding"
    RENEWAL = "renewal"
    GROWTH = "growth"
    ADOPTION = "adoption"


class Band(StrEnum):
    """What a load means for the person who carries it."""

    OVERLOADED = "overloaded"
    FULL = "full"
    HEALTHY = "healthy"
    LIGHT = "light"
    UNDER_USED = "under_used"


def stage(
    *,
    state: str,
    has_first_value: bool,
    escalation_is_open: bool,
    term_ends_on: date | None,
    on: date,
) -> Stage:
    """Return the lifecycle stage of a member on a day; the first that fits (DOMAIN 6.2).

    ``state`` is that of the Success Vector, in lower case. ``term_ends_on`` is the first day
    after the last known term, null where none is known; a term that is over is in its window
    until the member is in membership no more, which is for the caller to know.
    """
    if state in {"stalled", "regressing"} or escalation_is_open:
        return Stage.AT_RISK
    if not has_first_value:
        return Stage.ONBOARDING
    if term_ends_on is not None and on >= term_ends_on - RENEWAL_WINDOW:
        return Stage.RENEWAL
    if state in {"achieved", "ahead"}:
        return Stage.GROWTH
    return Stage.ADOPTION


def capacity(*, contracted: Hours, leave: Fraction = Fraction(0), overhead: Fraction) -> Hours:
    """Return the hours a month that somebody has for members (DOMAIN 6.2).

    ``leave`` and ``overhead`` are shares in [0, 1). Raises ``ValueError`` for others.
    """
    if not (0 <= leave < 1 and 0 <= overhead < 1):
        raise ValueError("Leave and overhead are parts of the hours, and leave some over")
    return contracted * (1 - leave) * (1 - overhead)


def staff_hours(hours: Mapping[str, Hours], *, leverage: Mapping[str, Fraction]) -> Hours:
    """Return the staff hours behind a member's hours by modality (DOMAIN 6.2).

    ``leverage`` are member-hours for one hour of staff; a modality it does not name has 1. A
    modality that the member's experience has no hours of gains nothing. Raises ``ValueError``
    where one is not above zero.
    """
    if any(factor <= 0 for factor in leverage.values()):
        raise ValueError("An hour of staff gives something")
    one = Fraction(1)
    return sum((each / leverage.get(key, one) for key, each in hours.items()), Fraction(0))


def load(*, demand: Hours, capacity: Hours) -> Fraction | None:
    """Return demand over capacity; null where there is no capacity to compare with."""
    return demand / capacity if capacity else None


def supportable(*, demand_each: Hours, capacity: Hours) -> Fraction | None:
    """Return how many members of a mean demand somebody can carry; null where it is zero."""
    return capacity / demand_each if demand_each else None


def band(load: Fraction | None) -> Band | None:
    """Return what a load means; null where it is not known (DOMAIN 6.2)."""
    if load is None:
        return None
    if load > OVERLOADED_ABOVE:
        return Band.OVERLOADED
    if load > HEALTHY_TO:
        return Band.FULL
    if load >= HEALTHY_FROM:
        return Band.HEALTHY
    return Band.LIGHT if load >= UNDER_USED_BELOW else Band.UNDER_USED


def is_sustained(weekly: Iterable[Fraction | None]) -> bool:
    """Tell whether the newest weeks, the last one last, were all above the limit (6.2)."""
    newest = list(weekly)[-OVERLOAD_WEEKS:]
    return len(newest) == OVERLOAD_WEEKS and all(
        band(each) is Band.OVERLOADED for each in newest
    )


@dataclass(frozen=True, slots=True)
class Carrier:
    """Somebody with hours, and what their members need of them."""

    key: str
    demand: Hours
    capacity: Hours

    @property
    def load(self) -> Fraction | None:
        return load(demand=self.demand, capacity=self.capacity)


@dataclass(frozen=True, slots=True)
class TeamLoad:
    """A team as one: its load, the extremes, and what it lacks.

    ``highest`` and ``lowest`` are those of its people; null without anybody who has hours.
    ``hours_missing`` is zero where the team has enough.
    """

    demand: Hours
    capacity: Hours
    load: Fraction | None
    highest: Fraction | None
    lowest: Fraction | None
    hours_missing: Hours

    @property
    def leverage_needed(self) -> Fraction | None:
        """The factor by which an hour has to reach further; null where none is needed."""
        return self.load if self.load is not None and self.load > 1 else None

    @property
    def can_be_balanced(self) -> bool:
        """Whether sharing the work out evenly would be enough, with nobody above capacity."""
        return self.load is not None and self.load <= 1

    def people_missing(self, *, capacity_each: Hours) -> Fraction:
        """Return the full-time people who would make up for it (DOMAIN 6.4)."""
        return self.hours_missing / capacity_each


def team_load(carriers: Iterable[Carrier]) -> TeamLoad:
    """Add a team up. Moving members around changes nothing here (DOMAIN 6.4)."""
    people = list(carriers)
    demand = sum((each.demand for each in people), Fraction(0))
    capacity = sum((each.capacity for each in people), Fraction(0))
    loads = [each.load for each in people if each.load is not None]
    return TeamLoad(
        demand=demand,
        capacity=capacity,
        load=load(demand=demand, capacity=capacity),
        highest=max(loads, default=None),
        lowest=min(loads, default=None),
        hours_missing=max(demand - capacity, Fraction(0)),
    )


@dataclass(frozen=True, slots=True)
class PoolNeed:
    """What a pool takes: hours a month, and people at the capacity of one."""

    hours: Hours
    people: Fraction


def pool_need(
    *,
    members: int,
    requests: Fraction,
    handling: Hours,
    occupancy: Fraction,
    capacity_each: Hours,
) -> PoolNeed:
    """Return what it takes to answer ``requests`` a member and month in time (DOMAIN 6.2).

    ``handling`` are hours a request, ``occupancy`` the part of their hours that people of a
    pool can be busy without keeping members waiting, in (0, 1].
    """
    hours = members * requests * handling / occupancy
    return PoolNeed(hours=hours, people=hours / capacity_each)
