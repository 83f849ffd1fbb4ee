"""Which stages lie ahead of a member, as far as their days say.

Steps are days that are looked at, in order, the first being today. Whatever has no day does not
change: a member at risk stays so, and everybody renews.
"""

from collections.abc import Sequence
from datetime import date
from functools import cache

from coverage.engine.capacity import RENEWAL_WINDOW, Stage


def first_step(day: date | None, *, days: Sequence[date]) -> int | None:
    """Return the first step on which ``day`` has come; null where it never does."""
    if day is None:
        return None
    return next((step for step, each in enumerate(days) if each >= day), None)


@cache
def stages_ahead(
    *,
    stage: Stage,
    value_at: int | None,
    window_at: int | None,
    renewed_at: int | None,
    steps: int,
) -> tuple[Stage, ...]:
    """Return the stage of a member on every step (DOMAIN 6.2, CAP_renewal_spike).

    ``value_at`` is the step of first value, null where no day is known or it has passed unkept;
    ``window_at`` that from which the renewal window is open, ``renewed_at`` that on which the
    next term has begun. Null is beyond the last step, or not known. After the window members
    are where they were; those who are in it already go on in adoption.
    """
    after = Stage.GROWTH if stage is Stage.GROWTH else Stage.ADOPTION
    ahead: list[Stage] = []
    for step in range(steps):
        is_open = window_at is not None and step >= window_at
        is_over = renewed_at is not None and step >= renewed_at
        waits = stage is Stage.ONBOARDING and (value_at is None or step < value_at)
        if stage is Stage.AT_RISK or waits:
            ahead.append(stage)
        else:
            ahead.append(Stage.RENEWAL if is_open and not is_over else after)
    return tuple(ahead)


def project(  # what is known of a member, all by name
    *,
    stage: Stage,
    first_value_expected_on: date | None,
    term_ends_on: date | None,
    grace_days: int,
    days: Sequence[date],
) -> tuple[Stage, ...]:
    """Return the stage on each of ``days``, the first being the day it is known of (6.2).

    A term that is over counts as renewed once its grace is over; a day of first value that has
    passed says nothing any more.
    """
    today = days[0]
    expected = first_value_expected_on
    begun_anew = term_ends_on
    if term_ends_on is not None and term_ends_on <= today:
        begun_anew = date.fromordinal(term_ends_on.toordinal() + grace_days)
    return stages_ahead(
        stage=stage,
        value_at=first_step(expected, days=days) if expected and expected > today else None,
        window_at=first_step(term_ends_on and term_ends_on - RENEWAL_WINDOW, days=days),
        renewed_at=first_step(begun_anew, days=days),
        steps=len(days),
    )
