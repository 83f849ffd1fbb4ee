"""What plays have changed: those acted upon beside those left alone, early and late."""

import math
from collections.abc import Container, Mapping
from dataclasses import dataclass, replace
from datetime import date

from coverage.models import Segment
from success.engine.effect import (
    FEWEST_IN_AN_ARM,
    Arms,
    Effect,
    SampleRatio,
    needed_per_arm,
    stratified,
    two_proportions,
    verdict_of,
)
from success.models import Enrolment, Play, SleepingDog
from success.queries.readings import kept_by_night
from success.rollups import effects
from success.rollups.effects import OUTCOMES, Drawn, Stratum

LEAST_LIFT = 0.05
NOBODY = Drawn(treated=0, held=0, share=0.0, ratio=SampleRatio(chi2=None, p=None, is_ok=True))


@dataclass(frozen=True, kw_only=True)
class OfAKind:
    """The effect on one kind of member: the segment and the state in which they entered."""

    segment: Segment | None
    state: str
    effect: Effect
    is_sleeping_dog: bool


@dataclass(frozen=True, kw_only=True)
class OutcomeEffect:
    """One outcome of a play. ``needed`` accounts in each arm would show a lift of 5 points.

    ``missing`` is how many the smaller arm still lacks of them; both are null where nobody was
    left alone yet.
    """

    outcome: str
    effect: Effect
    needed: int | None
    missing: int | None
    kinds: tuple[OfAKind, ...]


@dataclass(frozen=True, kw_only=True)
class PlayEffect:
    """What a play has changed, with the draw behind it. ``play`` is null for all together."""

    play: Play | None
    drawn: Drawn
    outcomes: tuple[OutcomeEffect, ...]


def of_play(play: Play, *, as_of: date, grace_days: int) -> PlayEffect:
    """Return the effect of a play by outcome, weighted over kinds of member (DOMAIN 8)."""
    found = effects.arms(as_of=as_of, grace_days=grace_days, play_id=play.pk)
    known = effects.drawn(as_of=as_of, play_id=play.pk).get(play.pk, NOBODY)
    return _Reading(found).of(play, drawn=known)


def overview(*, as_of: date, grace_days: int) -> tuple[PlayEffect, list[PlayEffect]]:
    """Return the effect of all plays together, and of each that leaves somebody alone.

    Together, each play's kinds of member are compared among themselves; plays whose arms are
    off are left out of it. A member of several plays is in it once for each.
    """
    reading = _Reading(arms(as_of=as_of, grace_days=grace_days))
    known = drawn(as_of=as_of)
    plays = Play.objects.filter(pk__in=known).select_related("current").order_by("title", "pk")
    each = [reading.of(play, drawn=known[play.pk]) for play in plays]
    sound = {play for play, drawn in known.items() if drawn.ratio.is_ok}
    together = replace(
        NOBODY,
        treated=sum(known[play].treated for play in sound),
        held=sum(known[play].held for play in sound),
    )
    return reading.together(sound, drawn=together), each


@kept_by_night
def arms(*, as_of: date, grace_days: int) -> dict[str, dict[Stratum, Arms]]:
    """Return the arms of all plays, for the night to keep (DOMAIN 8)."""
    return effects.arms(as_of=as_of, grace_days=grace_days)


@kept_by_night
def drawn(*, as_of: date) -> dict[int, Drawn]:
    """Return how many were drawn by all plays, for the night to keep (DOMAIN 8)."""
    return effects.drawn(as_of=as_of)


def is_sleeping_dog(*, enrolment: Enrolment) -> bool:
    """Whether a member entered as of a kind that the play makes worse; one look-up."""
    return SleepingDog.objects.filter(
        play=enrolment.play_id, segment=enrolment.segment_id, state=enrolment.state
    ).exists()


class _Reading:
    """Counted arms with the segments and flags they are told by, fetched once."""

    def __init__(self, found: Mapping[str, Mapping[Stratum, Arms]]) -> None:
        self.found = found
        kinds = [kind for by_kind in found.values() for kind in by_kind]
        self.segments = Segment.objects.in_bulk(
            {kind.segment_id for kind in kinds if kind.segment_id is not None}
        )
        dogs = SleepingDog.objects.filter(play__in={kind.play_id for kind in kinds})
        self.flagged = set(dogs.values_list("play_id", "outcome", "segment_id", "state"))

    def of(self, play: Play, *, drawn: Drawn) -> PlayEffect:
        return self._effect(play, {play.pk}, drawn=drawn)

    def together(self, plays: Container[int], *, drawn: Drawn) -> PlayEffect:
        return self._effect(None, plays, drawn=drawn)

    def _effect(self, play: Play | None, plays: Container[int], *, drawn: Drawn) -> PlayEffect:
        outcomes = []
        for name in OUTCOMES:
            by_kind = {
                kind: arms for kind, arms in self.found[name].items() if kind.play_id in plays
            }
            kinds = self._kinds(name, by_kind, drawn=drawn) if play is not None else ()
            outcomes.append(_outcome(name, by_kind, drawn=drawn, kinds=kinds))
        return PlayEffect(play=play, drawn=drawn, outcomes=tuple(outcomes))

    def _kinds(
        self, name: str, by_kind: Mapping[Stratum, Arms], *, drawn: Drawn
    ) -> tuple[OfAKind, ...]:
        kinds = []
        for kind, arms in by_kind.items():
            if not arms.treated_n and not arms.held_n:
                continue
            effect = two_proportions(
                treated=arms.treated,
                treated_n=arms.treated_n,
                held=arms.held,
                held_n=arms.held_n,
            )
            kinds.append(
                OfAKind(
                    segment=self.segments.get(kind.segment_id or 0),
                    state=kind.state,
                    effect=replace(effect, verdict=verdict_of(effect, ratio=drawn.ratio)),
                    is_sleeping_dog=(kind.play_id, name, kind.segment_id, kind.state)
                    in self.flagged,
                )
            )
        kinds.sort(key=lambda one: -(one.effect.arms.treated_n + one.effect.arms.held_n))
        return tuple(kinds)


def _outcome(
    name: str,
    by_kind: Mapping[Stratum, Arms],
    *,
    drawn: Drawn,
    kinds: tuple[OfAKind, ...],
) -> OutcomeEffect:
    effect = stratified(by_kind.values())
    effect = replace(effect, verdict=verdict_of(effect, ratio=drawn.ratio))
    needed = missing = None
    if effect.pc is not None:
        # where nearly all do it alone, five points up is more than there is
        other = effect.pc + LEAST_LIFT if effect.pc + LEAST_LIFT < 1 else effect.pc - LEAST_LIFT
        number = needed_per_arm(p1=effect.pc, p2=other)
        needed = max(math.ceil(number or 0), FEWEST_IN_AN_ARM)
        missing = max(0, needed - min(effect.arms.treated_n, effect.arms.held_n))
    return OutcomeEffect(
        outcome=name, effect=effect, needed=needed, missing=missing, kinds=kinds
    )
