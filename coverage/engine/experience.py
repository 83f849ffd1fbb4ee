"""Whether a member got the experience that is right for them, in mix and in amount.

Quantities are minutes by modality over one quarter, on both sides. Over-delivery is an error
too, but it does not hurt the member, so it is a flag of its own.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction

LOWEST_FIT = Fraction(7, 10)
UNDER_DELIVERY = Fraction(1, 2)
OVER_DELIVERY = Fraction(3, 2)

Minutes = Mapping[str, int | Fraction]


class Flag(StrEnum):
    AX_MISMATCH = "AX_MISMATCH"
    OVER_DELIVERY = "OVER_DELIVERY"


@dataclass(frozen=True, slots=True)
class Experience:
    """The judgement on one quarter. Null ``fit`` or ``ratio`` is unknown, never zero."""

    fit: Fraction | None
    ratio: Fraction | None
    flags: frozenset[Flag]


def shares(minutes: Minutes) -> dict[str, Fraction] | None:
    """Return each modality's share of the total; null when the total is zero (DOMAIN 2.3).

    Raises ``ValueError`` on negative minutes.
    """
    if any(amount < 0 for amount in minutes.values()):
        raise ValueError("Nobody spends negative minutes")
    total = Fraction(sum(minutes.values()))
    return {key: Fraction(amount) / total for key, amount in minutes.items()} if total else None


def total_variation(target: Minutes, delivered: Minutes) -> Fraction | None:
    """Return half the sum of the differences of shares, in [0, 1] (DOMAIN 2.3).

    A modality missing on one side is a share of zero there. Null when either total is zero.
    """
    due, given = shares(target), shares(delivered)
    if due is None or given is None:
        return None
    modalities = due.keys() | given.keys()
    zero = Fraction(0)
    return sum((abs(due.get(m, zero) - given.get(m, zero)) for m in modalities), zero) / 2


def fit(target: Minutes, delivered: Minutes | None) -> Fraction | None:
    """Return phi = 1 - total variation: 1 the exact mix, 0 a disjoint one (DOMAIN 2.3).

    Null when the delivered minutes are unknown, and when something was given although nothing
    was due, for then there is no mix to compare with. Nothing due and nothing given is 1;
    something due and nothing given is 0.
    """
    if delivered is None:
        return None
    distance = total_variation(target, delivered)
    if distance is not None:
        return 1 - distance
    if sum(delivered.values()):
        return None
    return Fraction(0) if sum(target.values()) else Fraction(1)


def delivery_ratio(target: Minutes, delivered: Minutes | None) -> Fraction | None:
    """Return delivered over due time; null when unknown or when nothing was due (2.3)."""
    if delivered is None:
        return None
    due = Fraction(sum(target.values()))
    return Fraction(sum(delivered.values())) / due if due else None


def assess(target: Minutes, delivered: Minutes | None) -> Experience:
    """Return fit, ratio and flags of one account's last quarter (DOMAIN 2.3, SV8).

    AX_MISMATCH: fit below 0.70 or less than half delivered. OVER_DELIVERY: more than one and a
    half times, or anything where nothing was due. Unknown delivery raises no flag.
    """
    phi = fit(target, delivered)
    ratio = delivery_ratio(target, delivered)
    flags: set[Flag] = set()
    if (phi is not None and phi < LOWEST_FIT) or (ratio is not None and ratio < UNDER_DELIVERY):
        flags.add(Flag.AX_MISMATCH)
    unasked = ratio is None and delivered is not None and sum(delivered.values()) > 0
    if unasked or (ratio is not None and ratio > OVER_DELIVERY):
        flags.add(Flag.OVER_DELIVERY)
    return Experience(phi, ratio, frozenset(flags))
