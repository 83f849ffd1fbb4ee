"""Overlays: what stands beside the vector, routes work and gates what we ask for.

They never change its numbers. Each is a rule of its own over what is known on a day, and
several may hold at once (DOMAIN 3.2).
"""

from datetime import date
from enum import StrEnum
from fractions import Fraction

from coverage.engine.experience import LOWEST_FIT
from success.engine.accountability import Blocker

GOAL_HOLDS_DAYS = 180


class Overlay(StrEnum):
    """What may be said of a member beside the state, in the order in which it is said."""

    ASSOC_BLOCKED = "assoc_blocked"
    AX_MISMATCH = "ax_mismatch"
    GOAL_STALE = "goal_stale"
    REBASELINED = "rebaselined"
    EVIDENCE_THIN = "evidence_thin"


def ax_mismatch(fit: Fraction | None) -> bool:
    """Tell whether what is delivered does not suit the member; an unknown fit is no mismatch.

    ``fit`` is phi, from 0 to 1 (DOMAIN 2.3).
    """
    return fit is not None and fit < LOWEST_FIT


def assoc_blocked(blocker: Blocker | None) -> bool:
    """Tell whether the overdue milestone waits for us; null: nothing is overdue (2.8, SV9)."""
    return blocker is Blocker.ASSOCIATION


def goal_stale(confirmed_on: date | None, *, on: date) -> bool:
    """Tell whether the goal was not confirmed for more than 180 days (DOMAIN 2.2).

    The 180th day is not stale. Without a Desired Outcome, null, there is none to go stale.
    """
    return confirmed_on is not None and (on - confirmed_on).days > GOAL_HOLDS_DAYS


def evidence_thin(*, achieved_weight: int | None, declared_weight: int | None) -> bool:
    """Tell whether over half the achieved weight rests on one side's word (DOMAIN 3.2).

    Exactly half does not; null weights, without a plan, are no evidence and none that is thin.
    """
    return 2 * (declared_weight or 0) > (achieved_weight or 0)


def overlays(  # noqa: PLR0913  # what is known on a day, all by name
    *,
    on: date,
    blocker: Blocker | None,
    goal_confirmed_on: date | None,
    is_rebaselined: bool,
    achieved_weight: int | None,
    declared_weight: int | None,
    fit: Fraction | None = None,
    is_mismatched: bool = False,
) -> tuple[Overlay, ...]:
    """Return the overlays that hold on a day, in their order (DOMAIN 3.2).

    ``is_mismatched`` says that the experience was judged not to suit, by fit or by amount.
    Dues, tier and who looks after the member are no inputs.
    """
    holds = {
        Overlay.ASSOC_BLOCKED: assoc_blocked(blocker),
        Overlay.AX_MISMATCH: is_mismatched or ax_mismatch(fit),
        Overlay.GOAL_STALE: goal_stale(goal_confirmed_on, on=on),
        Overlay.REBASELINED: is_rebaselined,
        Overlay.EVIDENCE_THIN: evidence_thin(
            achieved_weight=achieved_weight, declared_weight=declared_weight
        ),
    }
    return tuple(overlay for overlay in Overlay if holds[overlay])
