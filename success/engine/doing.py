"""How we are doing, derived from how members are doing: retention by direction, and our work.

A person's own figure is the movement of accounts that they held for the whole of the time, so
that nobody is judged by what they were handed, and no account is counted for two.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction

from success.engine.rollup import (
    SMALLEST_GROUP,
    Account,
    LikeForLike,
    counts_for_manager,
    like_for_like,
)
from success.engine.vector import WINDOW_DAYS


class Bearing(StrEnum):
    """Which way a member moves on the closing day, told by the direction of the vector."""

    TOWARDS = "towards"
    STANDING = "standing"
    AWAY = "away"
    UNKNOWN = "unknown"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class Payer:
    """A member who paid on the opening day, in cents a year; 0 at the close pays no more."""

    bearing: Bearing
    opening: int
    closing: int


@dataclass(frozen=True, slots=True)
class Part:
    """What members of one bearing did to dues of the base, in cents; all zero for nobody."""

    members: int = 0
    opening: int = 0
    expansion: int = 0
    contraction: int = 0
    churn: int = 0

    @property
    def closing(self) -> int:
        return self.opening + self.expansion - self.contraction - self.churn

    @property
    def nrr(self) -> Fraction | None:
        """Return their own closing over opening dues; null for nobody (DOMAIN 4.2)."""
        return Fraction(self.closing, self.opening) if self.opening else None


def bearing(*, direction: int | None, is_member: bool) -> Bearing:
    """Return which way a member moves; unknown without a plan or too early (DOMAIN 3.2)."""
    if not is_member:
        return Bearing.GONE
    if direction is None:
        return Bearing.UNKNOWN
    return {1: Bearing.TOWARDS, 0: Bearing.STANDING, -1: Bearing.AWAY}[direction]


def split(payers: Iterable[Payer]) -> Mapping[Bearing, Part]:
    """Return the base by bearing, all of them; the parts add up to it, to the cent (2.13)."""
    found: dict[Bearing, list[int]] = {each: [0] * 5 for each in Bearing}
    for payer in payers:
        cell = found[payer.bearing]
        cell[0] += 1
        cell[1] += payer.opening
        cell[2] += max(payer.closing - payer.opening, 0) if payer.closing else 0
        cell[3] += max(payer.opening - payer.closing, 0) if payer.closing else 0
        cell[4] += payer.opening if not payer.closing else 0
    return {each: Part(*cell) for each, cell in found.items()}


@dataclass(frozen=True, slots=True)
class Held:
    """An account as its manager's work shows in it. Null paces are not measured."""

    account: Account
    held_days: int
    blocked_elsewhere: bool
    before: Fraction | None
    after: Fraction | None


@dataclass(frozen=True, slots=True)
class Work:
    """A manager's accounts. ``change`` is null below five that were measured on both days.

    ``shown`` then names these accounts. Those handed over too late and those that wait for
    another department count in neither; they are listed.
    """

    held: int
    counted: tuple[Account, ...]
    too_new: tuple[Account, ...]
    blocked: tuple[Account, ...]
    moved: LikeForLike
    change: Fraction | None
    shown: tuple[Account, ...]


def work(
    accounts: Iterable[Held], *, window: int = WINDOW_DAYS, smallest: int = SMALLEST_GROUP
) -> Work:
    """Return what the movement of a manager's accounts says of their work (DOMAIN 3.4)."""
    all_held = tuple(accounts)
    too_new = [each for each in all_held if each.held_days < window]
    blocked = [each for each in all_held if each.blocked_elsewhere and each.held_days >= window]
    counted = [
        each
        for each in all_held
        if counts_for_manager(
            assigned_days=each.held_days,
            blocked_elsewhere=each.blocked_elsewhere,
            window=window,
        )
    ]
    before = {each.account: each.before for each in counted if each.before is not None}
    after = {each.account: each.after for each in counted if each.after is not None}
    moved = like_for_like(before, after)
    enough = moved.accounts >= smallest
    return Work(
        held=len(all_held),
        counted=tuple(each.account for each in counted),
        too_new=tuple(each.account for each in too_new),
        blocked=tuple(each.account for each in blocked),
        moved=moved,
        change=moved.change if enough else None,
        shown=() if enough else tuple(sorted(before.keys() & after.keys(), key=str)),
    )
