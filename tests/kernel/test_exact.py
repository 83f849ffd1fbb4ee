from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from typing import Generic, NamedTuple, TypeVar
from uuid import UUID

import pytest

from config.kernel import exact

T = TypeVar("T")


class Colour(StrEnum):
    RED = "red"


class Place(NamedTuple):
    colour: Colour
    on: date | None


@dataclass(frozen=True)
class Page(Generic[T]):
    items: list[T]


@dataclass(frozen=True, slots=True, kw_only=True)
class Everything:
    share: Fraction
    amount: Decimal | None
    who: UUID
    places: tuple[Place, ...]
    by_place: Mapping[tuple[Colour, bool], int]
    pages: Page[Place]
    names: frozenset[str]
    ratio: float


def test_what_was_written_is_read_as_it_was():
    place = Place(Colour.RED, date(2026, 7, 29))
    whole = Everything(
        share=Fraction(1, 3),
        amount=Decimal("10.10"),
        who=UUID(int=7),
        places=(place, Place(Colour.RED, None)),
        by_place={(Colour.RED, True): 4},
        pages=Page(items=[place]),
        names=frozenset({"b", "a"}),
        ratio=0.1,
    )

    assert exact.read(Everything, exact.write(whole)) == whole
    assert exact.read(tuple[int, str] | None, None) is None


def test_what_nobody_can_read_again_is_not_written():
    with pytest.raises(TypeError):
        exact.write(object())
