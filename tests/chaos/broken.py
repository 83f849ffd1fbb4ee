"""Faults of our own making, by which the trials show that they would see them.

Each stands in for one safeguard and does nothing unless it is asked for.
"""

from typing import Any

from django.db.models import F

from communications.enums import MessageStatus
from communications.models import Message
from communications.services import gate
from members.rollups.scope import Written
from success.models import Intervention, NightStep
from success.querysets import InterventionQuerySet
from success.rollups import plays
from tests.chaos.shared import Shared


def install(shared: Shared) -> None:
    _stuck(shared)
    _guard(shared)
    _step(shared)
    _claim(shared)


def _stuck(shared: Shared) -> None:
    """What a crash left half sent is sent again, instead of being left unknown."""
    as_it_is = gate.release_stuck

    def release_stuck(*, at: Any) -> int:
        if shared.broken != "stuck":
            return as_it_is(at=at)
        stuck = Message.objects.filter(
            status=MessageStatus.SENDING, claimed_at__lte=at - gate.STUCK_AFTER
        )
        return stuck.update(status=MessageStatus.QUEUED, claimed_at=None)

    gate.release_stuck = release_stuck


def _guard(shared: Shared) -> None:
    """Nobody is asked whether the reason still holds when a message is about to leave."""
    as_it_is = gate.guards.objection

    def objection(**what: Any) -> str | None:
        return None if shared.broken == "guard" else as_it_is(**what)

    gate.guards.objection = objection  # type: ignore[method-assign]


def _step(shared: Shared) -> None:
    """A step that is taken up again counts as done, as if its mark had gone before its work."""
    as_it_is = plays.refresh

    def refresh(**what: Any) -> Written:
        taken_up_again = NightStep.objects.filter(
            stage="plays", night__as_of=what["as_of"], attempts__gt=1
        )
        if shared.broken == "step" and taken_up_again.exists():
            return Written(rows_in=0, rows_out=0)
        return as_it_is(**what)

    plays.refresh = refresh


def _claim(shared: Shared) -> None:
    """A claim looks first and writes then, so that two may both find an item free."""
    as_it_is = InterventionQuerySet.claim

    def claim(self: Any, pk: int, *, by: Any, until: Any, at: Any) -> bool:
        if shared.broken != "claim":
            return as_it_is(self, pk, by=by, until=until, at=at)
        if Intervention.objects.filter(pk=pk).exclude(claimed_by=None).exists():
            return False
        taken = Intervention.objects.filter(pk=pk)
        return taken.update(claimed_by=by, claimed_until=until, minutes=F("minutes")) == 1

    InterventionQuerySet.claim = claim  # type: ignore[method-assign]
