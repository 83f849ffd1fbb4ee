"""How a figure was made: which definition it follows, and whether it still comes out.

A figure that was stored once is held against the same computation on the facts of now and,
where it is recorded when facts became known, on the facts of then.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Final

Value = Decimal | int | str | None


class Verdict(StrEnum):
    """What recomputing says of a stored figure; the first that holds, in this order.

    ``unexplained`` is for a person to look at: nothing that is recorded accounts for it.
    """

    NOT_STORED = "not_stored"
    AGREES = "agrees"
    LATER_FACTS = "later_facts"
    DEFINITION = "definition"
    UNEXPLAINED = "unexplained"


@dataclass(frozen=True, slots=True)
class Definition:
    """A wording of a measure's rules: its number, the day it came in, where it is written."""

    measure: str
    version: str
    since: date
    section: str


# Newest last. A change of the rules adds a line here; past figures keep the line of their day.
DEFINITIONS: Final = (
    Definition("revenue", "1", date(2026, 1, 1), "revenue-retention"),
    Definition("vector", "1", date(2026, 1, 1), "vectors"),
    Definition("group", "1", date(2026, 1, 1), "vectors"),
    Definition("first-value", "1", date(2026, 1, 1), "time-to-first-value"),
    Definition("promises", "1", date(2026, 1, 1), "promises-and-the-success-gap"),
    Definition("stalled-and-lapsed", "1", date(2026, 1, 1), "promises-and-the-success-gap"),
    Definition("margin", "1", date(2026, 1, 1), "asking"),
)


@dataclass(frozen=True, slots=True)
class Figure:
    """One value as stored, as the facts known then make it, and as those of now do.

    Null means not known: a ratio of nobody, nothing stored, or no record of what was known.
    """

    name: str
    stored: Value
    then: Value
    now: Value

    @property
    def agrees(self) -> bool:
        """Tell whether the facts of now still make the stored value (DOMAIN 4.3 #20)."""
        return self.stored == self.now


def definition_of(measure: str, *, on: date | None = None) -> Definition:
    """Return the definition of ``measure`` in force on a day, the newest unless given.

    The first one for a day before all of them. Raises ``KeyError`` for an unknown measure.
    """
    own = [each for each in DEFINITIONS if each.measure == measure]
    if not own:
        raise KeyError(measure)
    begun = [each for each in own if on is None or each.since <= on]
    return begun[-1] if begun else own[0]


def compared(
    *,
    stored: Mapping[str, Value] | None,
    then: Mapping[str, Value] | None,
    now: Mapping[str, Value],
) -> tuple[Figure, ...]:
    """Return the figures side by side, in the order of ``now``; null for what is not known."""
    return tuple(
        Figure(
            name=name,
            stored=None if stored is None else stored.get(name),
            then=None if then is None else then.get(name),
            now=value,
        )
        for name, value in now.items()
    )


def judge(
    *,
    stored: Mapping[str, Value] | None,
    then: Mapping[str, Value] | None,
    now: Mapping[str, Value],
    same_definition: bool = True,
) -> Verdict:
    """Say whether stored figures still come out, and if not, what accounts for it (4.3 #20).

    Only names that were stored are compared. ``then`` is null where no record tells what was
    known when the figures were stored.
    """
    if stored is None:
        return Verdict.NOT_STORED
    if all(now.get(name) == value for name, value in stored.items()):
        return Verdict.AGREES
    if then is not None and all(then.get(name) == value for name, value in stored.items()):
        return Verdict.LATER_FACTS
    return Verdict.UNEXPLAINED if same_definition else Verdict.DEFINITION
