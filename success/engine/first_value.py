"""When members get value for the first time: an event, waited for, and not a date (DOMAIN 2.6).

Thirty days gone by put nobody on board. Those who still wait are censored, not left out: a mean
of those who arrived would be the mean of the quick.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction

from success.engine.survival import Curve, Observation, interval, kaplan_meier

FIRST_DAYS = (30, 60, 90)
CARRIED_WITHIN = timedelta(days=730)


@dataclass(frozen=True, slots=True)
class Journey:
    """One unbroken run of membership, from its first day to the first value or to today.

    ``known_until`` is the last day seen, that of leaving if ``has_left``. ``watched_from`` is
    the day from which the event could be seen to happen, null for the first day.
    """

    begins_on: date
    known_until: date
    has_left: bool
    first_value_on: date | None
    watched_from: date | None = None

    @property
    def is_on_board(self) -> bool:
        return self.first_value_on is not None and self.first_value_on <= self.known_until

    def observe(self) -> Observation | None:
        """Return the days to first value, or those waited so far (DOMAIN 2.6).

        Null where nothing could be seen: watched for no time, or only after it had happened.
        """
        entry = None
        if self.watched_from is not None and self.watched_from > self.begins_on:
            entry = (self.watched_from - self.begins_on).days
        if self.is_on_board and self.first_value_on is not None:
            time, happened = max((self.first_value_on - self.begins_on).days, 0), True
        else:
            time, happened = (self.known_until - self.begins_on).days, False
        if time <= (entry or 0) and not (happened and entry is None):
            return None
        return Observation(time=time, happened=happened, entry=entry)


@dataclass(frozen=True, slots=True)
class Naive:
    """The answers that are easier to get, and wrong; null for nobody.

    ``mean_of_arrived`` leaves out all who wait; ``elapsed`` calls everybody on board whose
    first 30 days are over; ``arrived_of_all`` takes those who joined yesterday for failures.
    """

    mean_of_arrived: Fraction | None
    elapsed: Fraction | None
    arrived_of_all: Fraction | None


@dataclass(frozen=True, slots=True)
class Onboarding:
    """A group on its way to first value: how many, and the curve of those still waiting."""

    members: int
    arrived: int
    on_first_day: int
    waiting: int
    left_without: int
    curve: Curve
    naive: Naive

    @property
    def median(self) -> int | None:
        """Return the days within which half get first value; null while more than half wait."""
        return self.curve.median

    def on_board(self, day: int) -> Fraction | None:
        """Return the share with first value by ``day``: 1 - S(day) (DOMAIN 2.6).

        Null beyond the last day anybody was watched for, while some still waited then.
        """
        waiting = self.curve.survival(day)
        if self.curve.horizon is None or (waiting and day > self.curve.horizon):
            return None
        return 1 - waiting

    def on_board_between(self, day: int) -> tuple[float, float] | None:
        """Return the 95 % interval of ``on_board``; null where it is not defined (7)."""
        bounds = interval(self.curve, day)
        if bounds is None or self.on_board(day) is None:
            return None
        return 1 - bounds[1], 1 - bounds[0]


def onboarding(journeys: Iterable[Journey]) -> Onboarding:
    """Estimate time to first value, those who wait and those who left without it censored.

    Counted are the journeys of which anything could be seen (DOMAIN 2.6).
    """
    seen = [(one, found) for one in journeys if (found := one.observe()) is not None]
    arrived = [found.time for _, found in seen if found.happened]
    days = [(one.known_until - one.begins_on).days for one, _ in seen]
    return Onboarding(
        members=len(seen),
        arrived=len(arrived),
        on_first_day=arrived.count(0),
        waiting=sum(not found.happened and not one.has_left for one, found in seen),
        left_without=sum(not found.happened and one.has_left for one, found in seen),
        curve=kaplan_meier(found for _, found in seen),
        naive=Naive(
            mean_of_arrived=Fraction(sum(arrived), len(arrived)) if arrived else None,
            elapsed=Fraction(sum(day >= FIRST_DAYS[0] for day in days), len(days))
            if days
            else None,
            arrived_of_all=Fraction(len(arrived), len(seen)) if seen else None,
        ),
    )


def is_carried_over(
    *, began_on: date, left_before_on: date, had_first_value: bool, is_same_goal: bool
) -> bool:
    """Tell whether who came back brings first value along and does not wait for it (2.6).

    Within 24 months of leaving, for the same goal; else the new membership starts anew.
    """
    return had_first_value and is_same_goal and began_on - left_before_on < CARRIED_WITHIN
