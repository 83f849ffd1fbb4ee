"""When a member may be asked for more: an offer to take up, or a word on our behalf.

An ask is announced when the plan is agreed and made once its milestone has been reached for
sure, when the member is moving, and when nothing of ours stands in between. What it would cost
or bring in is not an input.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from success.engine.vector import State

COOL_OFF_DAYS = 180
NOT_WHILE = frozenset({State.NO_PLAN, State.STALLED, State.REGRESSING})


class Barrier(StrEnum):
    """Why an ask may not be made, in the order in which it is told."""

    ASKED_BEFORE = "asked_before"
    WITHDRAWN = "withdrawn"
    PLAN_REPLACED = "plan_replaced"
    NO_CONSENT = "no_consent"
    NOT_REACHED = "not_reached"
    NOT_CONFIRMED = "not_confirmed"
    STATE_UNKNOWN = "state_unknown"
    NOT_MOVING = "not_moving"
    AX_MISMATCH = "ax_mismatch"
    WE_OWE = "we_owe"
    OWNED = "owned"
    RETIRED = "retired"
    ANOTHER_OPEN = "another_open"
    COOLING_OFF = "cooling_off"
    SMALLER_FIRST = "smaller_first"


@dataclass(frozen=True, kw_only=True, slots=True)
class AskFacts:
    """What is known of an ask on a day.

    ``refused_on`` is the last refusal of any ask of this member, ``last_reached_on`` the last
    day on which any milestone of theirs was reached, each null for none.
    ``lacks_smaller`` says that a smaller request of the same plan has not been accepted.
    ``is_ax_mismatched`` is null where the experience has not been measured.
    """

    is_announced: bool = True
    is_withdrawn: bool = False
    is_plan_in_force: bool = True
    consented_on: date | None = None
    is_reached: bool = False
    is_confirmed: bool = False
    state: State | None = None
    is_ax_mismatched: bool | None = None
    we_owe_there: bool = False
    is_owned: bool = False
    is_retired: bool = False
    has_other_open: bool = False
    refused_on: date | None = None
    last_reached_on: date | None = None
    lacks_smaller: bool = False


def cools_off(*, refused_on: date | None, last_reached_on: date | None, on: date) -> bool:
    """Tell whether a refusal still silences asks: 180 days, or until the next milestone.

    Whichever comes first; a milestone reached on the day of the refusal is not the next one
    (DOMAIN 2.11).
    """
    if refused_on is None or refused_on + timedelta(days=COOL_OFF_DAYS) <= on:
        return False
    return last_reached_on is None or last_reached_on <= refused_on


def barriers(facts: AskFacts, *, on: date) -> tuple[Barrier, ...]:
    """Return all that stands against asking on a day, none if it may be done.

    The milestone stands on more than one side's word, the member is neither stalled nor
    regressing nor in an experience that does not suit them, no promise of ours at that
    milestone is late, they do not have it, and nobody asks them for two things at a time or
    again soon after a refusal (DOMAIN 2.7, 2.11).
    """
    against = (
        (Barrier.WITHDRAWN, facts.is_withdrawn),
        (Barrier.ASKED_BEFORE, not facts.is_announced and not facts.is_withdrawn),
        (Barrier.PLAN_REPLACED, not facts.is_plan_in_force),
        (Barrier.NO_CONSENT, facts.consented_on is None or facts.consented_on > on),
        (Barrier.NOT_REACHED, not facts.is_reached),
        (Barrier.NOT_CONFIRMED, facts.is_reached and not facts.is_confirmed),
        (Barrier.STATE_UNKNOWN, facts.state is None),
        (Barrier.NOT_MOVING, facts.state in NOT_WHILE),
        (Barrier.AX_MISMATCH, bool(facts.is_ax_mismatched)),
        (Barrier.WE_OWE, facts.we_owe_there),
        (Barrier.OWNED, facts.is_owned),
        (Barrier.RETIRED, facts.is_retired),
        (Barrier.ANOTHER_OPEN, facts.has_other_open),
        (
            Barrier.COOLING_OFF,
            cools_off(
                refused_on=facts.refused_on, last_reached_on=facts.last_reached_on, on=on
            ),
        ),
        (Barrier.SMALLER_FIRST, facts.lacks_smaller),
    )
    return tuple(barrier for barrier, holds in against if holds)
