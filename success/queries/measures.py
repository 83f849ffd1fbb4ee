"""Is revenue backed by success: how members are doing, beside how the association is."""

from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction
from typing import Final

from success.engine.rollup import revenue_not_backed_by_success
from success.enums import RevenueBasis
from success.queries.revenue import revenue_between
from success.queries.vector import PaceChange, pace_between
from success.rollups.revenue import year_before

INTEGRITY_DAYS: Final = 90


@dataclass(frozen=True, slots=True, kw_only=True)
class IntegrityInputs:
    """Net revenue retention of the years up to two days; null for an empty base."""

    earlier_on: date
    later_on: date
    nrr_earlier: Fraction | None
    nrr_later: Fraction | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Integrity:
    """Whether revenue held while members slowed; null when a side of it is unknown."""

    revenue: IntegrityInputs
    pace: PaceChange
    is_alarming: bool | None


def integrity(*, as_of: date, grace_days: int) -> Integrity:
    """Hold NRR and like-for-like pace at ``as_of`` against both 90 days before.

    NRR is a ratio of trailing years, pace in plan-days a day. Computed from terms and evidence
    as they are known now; two passes over the terms and one over the vectors (DOMAIN 2.13).
    """
    inputs = integrity_inputs(as_of=as_of, grace_days=grace_days)
    pace = pace_between(earlier=inputs.earlier_on, later=inputs.later_on)
    return Integrity(revenue=inputs, pace=pace, is_alarming=is_alarming(inputs, pace))


def integrity_inputs(*, as_of: date, grace_days: int) -> IntegrityInputs:
    """Return trailing-year NRR at ``as_of`` and 90 days earlier, straight from the terms.

    In force, so that an open grace window cannot move it; both as known ``as_of``; exact; null
    where nobody paid a year before. Two passes over the terms (DOMAIN 2.13).
    """
    earlier = as_of - timedelta(days=INTEGRITY_DAYS)
    return IntegrityInputs(
        earlier_on=earlier,
        later_on=as_of,
        nrr_earlier=_trailing_nrr(closing_on=earlier, as_of=as_of, grace_days=grace_days),
        nrr_later=_trailing_nrr(closing_on=as_of, as_of=as_of, grace_days=grace_days),
    )


def is_alarming(inputs: IntegrityInputs, pace: PaceChange) -> bool | None:
    """Judge both changes together; null where either cannot be told (DOMAIN 2.13)."""
    if inputs.nrr_earlier is None or inputs.nrr_later is None or pace.difference is None:
        return None
    return revenue_not_backed_by_success(
        nrr_before=inputs.nrr_earlier,
        nrr_after=inputs.nrr_later,
        pace_change=Fraction(pace.difference),
    )


def _trailing_nrr(*, closing_on: date, as_of: date, grace_days: int) -> Fraction | None:
    (everybody,) = revenue_between(
        opening_on=year_before(closing_on),
        closing_on=closing_on,
        as_of=as_of,
        basis=RevenueBasis.IN_FORCE,
        grace_days=grace_days,
    )
    figures = everybody.strict
    return Fraction(figures.of_base) / Fraction(figures.opening) if figures.opening else None
