"""Which members a rollup is to recompute, as SQL, and what it reports back."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Self


class Written(NamedTuple):
    """What a rollup did: rows it read, and rows it inserted, changed or deleted."""

    rows_in: int
    rows_out: int


@dataclass(frozen=True, kw_only=True)
class Scope:
    """A range of member ids, ends included, and which of them.

    With ``taken_by``, those whose facts changed and that this night has taken on; with
    ``among``, those in a table (of ours, never user input) that has a column ``member_id``;
    with ``members``, these few.
    """

    first: int
    last: int
    taken_by: int | None = None
    among: str | None = None
    members: tuple[int, ...] | None = None

    @classmethod
    def of(cls, members: Sequence[int]) -> Self:
        """Return the scope of a few members, at least one, and of nobody between them."""
        named_ones = tuple(sorted(set(members)))
        return cls(
            first=named_ones[0],
            last=named_ones[-1],
            members=named_ones if len(named_ones) > 1 else None,
        )

    @property
    def is_few(self) -> bool:
        """Whether members are looked up by their ids, rather than gone through in a range."""
        return self.members is not None or self.first == self.last

    @property
    def parameters(self) -> dict[str, Any]:
        """Values of the names that ``condition`` uses."""
        return {
            "scope_first": self.first,
            "scope_last": self.last,
            "scope_taken_by": self.taken_by,
            "scope_members": list(self.members or ()),
        }

    def condition(self, column: str) -> str:
        """SQL predicate on ``column``, a member's id; ``column`` is never user input."""
        if self.members is not None:
            return f"{column} = ANY (%(scope_members)s)"
        within = f"{column} BETWEEN %(scope_first)s AND %(scope_last)s"
        if self.among is not None:
            return f"{within} AND {column} IN (SELECT member_id FROM {self.among})"
        if self.taken_by is None:
            return within
        return (
            f"{within} AND {column} IN (SELECT member_id FROM members_dirtymember"
            " WHERE taken_by = %(scope_taken_by)s)"
        )


def named(predicate: str, values: Sequence[Any], *, prefix: str) -> tuple[str, dict[str, Any]]:
    """Return a predicate with its ``%s`` named ``prefix_0`` and so on, and the values by name.

    So that a compiled condition and the names of a scope can stand in one statement.
    """
    pieces = predicate.split("%s")
    names = [f"{prefix}_{index}" for index in range(len(values))]
    marks = [f"%({name})s" for name in names]
    parts = (part for pair in zip(pieces, [*marks, ""], strict=True) for part in pair)
    return "".join(parts), dict(zip(names, values, strict=True))
