"""The Success Gap: members we record as succeeding who say that they are not."""

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

from success.engine.vector import State

# Recorded as succeeding; ahead of the plan is on track and more.
SUCCEEDING = frozenset({State.ACHIEVED, State.ON_TRACK, State.AHEAD})
NO = "no"


@dataclass(frozen=True, slots=True)
class Gap:
    """How many said no, how many said anything, how many have not been heard.

    ``share`` is of those who answered, null where nobody did; ``unknown_share`` of all who are
    recorded as succeeding, null where none is.
    """

    no: int
    answered: int
    unknown: int
    share: Fraction | None

    @property
    def members(self) -> int:
        """Return how many are recorded as succeeding."""
        return self.answered + self.unknown

    @property
    def unknown_share(self) -> Fraction | None:
        """Return the share of them who have not been heard (DOMAIN 2.9)."""
        return Fraction(self.unknown, self.members) if self.members else None


def success_gap(rows: Iterable[tuple[State, str | None]]) -> Gap:
    """Return the gap between what we record and what members say (DOMAIN 2.9).

    A row is a member: the state recorded, and their own last answer to “are you getting closer
    to your goal?”: yes, no, unsure, or null where there is none. Only those recorded as
    succeeding count. Unsure is an answer, and not a no.
    """
    answers = [answer for state, answer in rows if state in SUCCEEDING]
    no = sum(answer == NO for answer in answers)
    answered = sum(answer is not None for answer in answers)
    return Gap(
        no=no,
        answered=answered,
        unknown=len(answers) - answered,
        share=Fraction(no, answered) if answered else None,
    )
