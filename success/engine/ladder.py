"""By which way each step of a play is done: the channel, and whether a person does it.

A step says what it intends and what it changes; the coverage segment says in which order its
members are reached (DOMAIN 2.10: modality order is taken from the experience that suits them,
never from a ladder for all). What failed is not tried a third time.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal

from config.kernel.words import gettext as _

Hand = Literal["system", "person"]

# What the system can say by itself; anything else takes a person.
BY_ITSELF = ("portal", "email")
USUAL = ("email",)
ANY = ""
MOST_TRIES = 2


class ThirdTry(Exception):
    """A step would try for the third time what has failed twice; ``position`` says which."""

    def __init__(self, position: int) -> None:
        self.position = position
        super().__init__(
            _("Step %(step)s would try the same a third time.") % {"step": position}
        )


@dataclass(frozen=True, kw_only=True)
class Rung:
    """A step as it was written: ``changes`` is channel, person or ask; ``ask`` its words."""

    position: int
    intent: str
    changes: str
    has_template: bool
    ask: str


@dataclass(frozen=True, kw_only=True)
class Way:
    """How a step is done. ``channel`` is blank where none is left: any will do.

    ``is_other``: another person than the one who looks after the member.
    """

    position: int
    channel: str
    hand: Hand
    is_last: bool
    is_other: bool = False


def ways(
    rungs: Sequence[Rung],
    *,
    channels: Sequence[str],
    delivery: str,
    refused: Collection[str] = (),
) -> tuple[Way, ...]:
    """Return the way of each step for members of a segment, one after the other.

    ``channels`` are the segment's in order, ``delivery`` its *message* or *person*, ``refused``
    what the member cannot be reached by. Raises ``ThirdTry``.
    """
    taken: list[Way] = []
    for rung in rungs:
        taken.append(
            next_way(
                rungs,
                position=rung.position,
                taken=taken,
                channels=channels,
                delivery=delivery,
                refused=refused,
            )
        )
    return tuple(taken)


def next_way(  # noqa: PLR0913  # that much decides it
    rungs: Sequence[Rung],
    *,
    position: int,
    taken: Sequence[Way],
    channels: Sequence[str],
    delivery: str,
    refused: Collection[str] = (),
) -> Way:
    """Return the way of one step after those that were ``taken``, as they really were.

    The system acts over the portal or by e-mail, where the segment takes messages and the step
    has words for one; else a person does. A step that changes the channel takes the segment's
    next that the member does not refuse, and goes on from the start after the last. One that
    changes the person has a person where the system was, else another one than before. Where
    no other channel is left, and in the last step of several, it is a person. Raises
    ``ThirdTry`` where channel, hand and ask are what two steps have been before.
    """
    rung = next(rung for rung in rungs if rung.position == position)
    open_ones = [each for each in channels or _usual(delivery) if each not in refused]
    is_last = len(rungs) > 1 and position == max(rung.position for rung in rungs)
    before = taken[-1] if taken else None
    is_missing, is_new_hand = not open_ones, False
    if before is None:
        channel = open_ones[0] if open_ones else ANY
    elif rung.changes == "channel":
        channel = _after(before.channel, channels=channels, open_ones=open_ones)
        is_missing = channel in {ANY, before.channel}
        is_new_hand = is_missing
    else:
        channel = before.channel if before.channel in open_ones else next(iter(open_ones), ANY)
        is_new_hand = rung.changes == "person"
    by_system = (
        channel in BY_ITSELF
        and delivery == "message"
        and rung.has_template
        and not (is_last or is_missing or is_new_hand)
    )
    way = Way(
        position=position,
        channel=channel,
        hand="system" if by_system else "person",
        is_last=is_last,
        is_other=is_new_hand and before is not None and before.hand == "person",
    )
    kinds = [_kind(each, rungs) for each in taken]
    if kinds.count(_kind(way, rungs)) >= MOST_TRIES:
        raise ThirdTry(position)
    return way


def _usual(delivery: str) -> tuple[str, ...]:
    return USUAL if delivery == "message" else ()


def _after(last: str, *, channels: Sequence[str], open_ones: Sequence[str]) -> str:
    """Return the next channel that is open, from the start again after the last one."""
    order = list(channels)
    place = order.index(last) + 1 if last in order else 0
    others = [each for each in (*order[place:], *order[:place]) if each in open_ones]
    kept = last if last in open_ones else ANY
    return next((each for each in others if each != last), kept)


def _kind(way: Way, rungs: Sequence[Rung]) -> tuple[str, str, bool, str]:
    return way.channel, way.hand, way.is_other, _ask(rungs, position=way.position)


def _ask(rungs: Sequence[Rung], *, position: int) -> str:
    """Return what is asked in a step: what was asked before, unless it changes the ask."""
    asked = ""
    for number, rung in enumerate(rungs):
        if rung.position > position:
            break
        if number == 0 or rung.changes == "ask":
            asked = rung.ask
    return asked
