"""Who should look after whom, so that the most loaded person carries as little as possible.

Members who are alike (same demand, same hands, the same people who could take them) are one
group, and a proposal says how many of a group go to whom. Hours are whole hundredths of a
staff hour a month, so that what is counted is exact. What members pay is not an input.

HiGHS solves it in two steps. The first finds the lowest highest load with members that could be
cut in pieces: a bound that nobody can beat. The second stays within ``gap`` of it and makes as
few moves as possible; it, too, cuts members, but only a handful, and those few are then given
whole to whom they load least. A small question is solved with whole members from the start.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import coo_array

GAP = 0.01
# Up to so many (group, person) pairs, whole members are solved for directly.
SMALL = 2_000
SECONDS_FOR_SMALL = 5.0
WHOLE = 1e-6

Held = NDArray[np.float64]


class Impossible(Exception):
    """Some members may be carried by nobody; ``groups`` are their places in the question."""

    def __init__(self, groups: tuple[int, ...]) -> None:
        self.groups = groups
        super().__init__("Nobody may take the members of some groups")


class TooFewMoves(Exception):
    """Members who have to find new hands are more than may be moved, or it cannot be solved."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody who can carry members.

    ``capacity`` is above zero. ``fixed`` are the hours of what is not moved: members that
    stay, task forces.
    """

    capacity: int
    fixed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Members alike: ``size`` of them, each taking ``demand``, now held by ``owner``.

    ``owner`` and ``may_take`` are places in the list of people. ``owner`` is null for members
    whom nobody holds: somebody has to take them, which is no move.
    """

    demand: int
    size: int
    owner: int | None
    may_take: frozenset[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """So many members of a group go to a person, who did not hold them."""

    group: int
    to: int
    members: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """What to move, and what the loads then are.

    ``bound`` is what the highest load cannot go below, ``highest`` what it is; ``loads`` are
    in the order of the people. ``moved`` counts members who change hands.
    """

    transfers: tuple[Transfer, ...]
    bound: float
    highest: float
    loads: tuple[float, ...]
    moved: int

    @property
    def gap(self) -> float:
        """How far the highest load is above its bound, as a share of the bound."""
        return (self.highest - self.bound) / self.bound if self.bound else 0.0


def propose(
    people: Sequence[Person],
    groups: Sequence[Group],
    *,
    most_moves: int | None = None,
    gap: float = GAP,
    progress: Callable[[str], None] = lambda _: None,
) -> Proposal:
    """Return who should take how many of each group (DOMAIN 6.4).

    Every member is held by exactly one person who may take them, so the demand in all is
    unchanged, and the highest load is never below the team's. At most ``most_moves`` members
    change hands; null sets no limit, and ``bound`` keeps to it. Where nothing is gained by more
    than ``gap`` (a share of the bound), members stay where they are. ``progress`` is told in a
    word what is being worked out. Raises ``Impossible`` and ``TooFewMoves``.
    """
    homeless = tuple(n for n, each in enumerate(groups) if each.size and not each.may_take)
    if homeless:
        raise Impossible(homeless)
    question = _Question(people, groups, most_moves=most_moves)
    progress("bound")
    bound = question.lowest_highest()
    progress("moves")
    held = question.fewest_moves(highest=bound * (1 + gap / 2))
    progress("whole members")
    held = question.made_whole(held, highest=bound * (1 + gap))
    return Proposal(
        transfers=question.transfers(held),
        bound=bound,
        highest=max(question.loads(held), default=0.0),
        loads=question.loads(held),
        moved=question.moves(held),
    )


class _Question:
    """A variable for each pair of a group and a person who may take it: members held.

    The last variable is the highest load.
    """

    def __init__(
        self, people: Sequence[Person], groups: Sequence[Group], *, most_moves: int | None
    ) -> None:
        self.people, self.groups, self.most_moves = people, groups, most_moves
        self.pairs = [
            (place, taker)
            for place, group in enumerate(groups)
            for taker in sorted(group.may_take)
        ]
        self.places = np.array([place for place, _ in self.pairs], dtype=np.int64)
        self.takers = np.array([taker for _, taker in self.pairs], dtype=np.int64)
        self.sizes = np.array([group.size for group in groups], dtype=float)
        self.demands = np.array([float(groups[place].demand) for place, _ in self.pairs])
        self.is_move = np.array(
            [groups[place].owner not in (None, taker) for place, taker in self.pairs],
            dtype=float,
        )
        self.room = np.array([[float(each.capacity), float(each.fixed)] for each in people])

    def lowest_highest(self) -> float:
        """Return the highest load at its lowest, members cut as one likes."""
        cost = np.append(np.zeros(len(self.pairs)), 1.0)
        found = self._solve(cost, whole=False, highest=np.inf)
        return float(found[-1])

    def fewest_moves(self, *, highest: float) -> Held:
        """Return who holds how many with the fewest moves, nobody being above ``highest``.

        Members are whole where the question is small, else a few of them are cut.
        """
        cost = np.append(self.is_move, 0.0)
        is_small = len(self.pairs) <= SMALL
        if is_small:
            # whole members may not come that near to the bound: as near as they can
            balance = np.append(np.zeros(len(self.pairs)), 1.0)
            nearest = self._solve(balance, whole=True, highest=np.inf)
            highest = max(highest, float(nearest[-1]))
        return self._solve(cost, whole=is_small, highest=highest)[:-1]

    def made_whole(self, held: Held, *, highest: float) -> Held:
        """Give the few members who were cut whole to somebody, loading the most as little."""
        near = np.round(held)
        is_cut = np.abs(held - near) > WHOLE
        certain = np.where(is_cut, np.floor(held), near)
        if not is_cut.any():
            return certain
        left = self.sizes - np.bincount(
            self.places, weights=certain, minlength=len(self.groups)
        )
        of_cut_groups = left[self.places] > 0
        cost = np.append(self.is_move / (1 + self.sizes.sum()), 1.0)
        rest = self._solve(
            cost, whole=True, highest=np.inf, certain=certain, only=of_cut_groups
        )
        return certain + np.round(rest[:-1])

    def loads(self, held: Held) -> tuple[float, ...]:
        hours = np.bincount(
            self.takers, weights=held * self.demands, minlength=len(self.people)
        )
        return tuple(float(each) for each in (hours + self.room[:, 1]) / self.room[:, 0])

    def moves(self, held: Held) -> int:
        return round(float(held @ self.is_move))

    def transfers(self, held: Held) -> tuple[Transfer, ...]:
        return tuple(
            Transfer(group=place, to=taker, members=round(members))
            for (place, taker), members in zip(self.pairs, held, strict=True)
            if round(members) and self.groups[place].owner != taker
        )

    def _solve(
        self,
        cost: Held,
        *,
        whole: bool,
        highest: float,
        certain: Held | None = None,
        only: NDArray[np.bool_] | None = None,
    ) -> Held:
        """Solve for the members beyond the ``certain`` ones, in the pairs of ``only`` alone."""
        count, given = (
            len(self.pairs),
            np.zeros(len(self.pairs)) if certain is None else certain,
        )
        places, takers = self.places, self.takers
        pairs = np.arange(count)
        in_group = coo_array(
            (np.ones(count), (places, pairs)), shape=(len(self.groups), count + 1)
        ).tocsr()
        left = self.sizes - np.bincount(places, weights=given, minlength=len(self.groups))
        load = coo_array(
            (
                np.concatenate([self.demands, -self.room[:, 0]]),
                (
                    np.concatenate([takers, np.arange(len(self.people))]),
                    np.concatenate([pairs, np.full(len(self.people), count)]),
                ),
            ),
            shape=(len(self.people), count + 1),
        ).tocsr()
        taken = np.bincount(takers, weights=given * self.demands, minlength=len(self.people))
        constraints = [
            LinearConstraint(in_group, left, left),
            LinearConstraint(load, -np.inf, -self.room[:, 1] - taken),
        ]
        if self.most_moves is not None:
            moves = coo_array(np.append(self.is_move, 0.0)[np.newaxis, :]).tocsr()
            allowed = self.most_moves - float(given @ self.is_move)
            constraints.append(LinearConstraint(moves, -np.inf, allowed))
        upper = np.append(
            left[places] if only is None else np.where(only, left[places], 0.0), 0
        )
        upper[-1] = highest * (1 + WHOLE)
        found = milp(
            cost,
            integrality=np.append(np.full(count, int(whole)), 0),
            bounds=Bounds(np.zeros(count + 1), upper),
            constraints=constraints,
            options={"time_limit": SECONDS_FOR_SMALL} if whole else {},
        )
        if found.x is None:
            raise TooFewMoves
        return np.asarray(found.x, dtype=float)
