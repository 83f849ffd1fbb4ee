"""How likely is a renewal: how members like these have renewed, and how often that held.

No model and no weights: a share of members alike, with how many they are. Where too few are
alike, what makes them alike is given up, one thing at a time, and the answer says so.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from itertools import pairwise
from typing import NamedTuple

from success.engine.effect import wilson

FEWEST_ALIKE = 5
BANDS = (
    Fraction(0),
    Fraction(1, 2),
    Fraction(7, 10),
    Fraction(8, 10),
    Fraction(9, 10),
)


class Kind(NamedTuple):
    """What makes members alike; an empty state or tier is one that is not known."""

    state: str
    is_first_year: bool
    tier: str


class Width(StrEnum):
    """In what the members compared with are alike, the narrowest first."""

    STATE_YEAR_TIER = "state_year_tier"
    STATE_YEAR = "state_year"
    YEAR_TIER = "year_tier"
    YEAR = "year"
    EVERYBODY = "everybody"


@dataclass(frozen=True, slots=True)
class Counted:
    """Terms that ended and are decided, and how many of them were renewed."""

    renewed: int = 0
    of: int = 0

    def __add__(self, other: "Counted") -> "Counted":
        return Counted(self.renewed + other.renewed, self.of + other.of)

    @property
    def rate(self) -> Fraction | None:
        return Fraction(self.renewed, self.of) if self.of else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """Return the 95 % interval of Wilson; null of nobody."""
        return wilson(count=self.renewed, of=self.of)


@dataclass(frozen=True, slots=True)
class Likelihood:
    """The share of members alike who renewed, and in what they are alike."""

    counted: Counted
    width: Width

    @property
    def rate(self) -> Fraction:
        return Fraction(self.counted.renewed, self.counted.of)

    @property
    def interval(self) -> tuple[float, float]:
        bounds = self.counted.interval
        if bounds is None:
            raise ValueError("A likelihood of nobody")
        return bounds

    @property
    def is_widened(self) -> bool:
        return self.width is not Width.STATE_YEAR_TIER


class Evidence:
    """How members of each kind have renewed, asked for those who are alike."""

    def __init__(self, history: Mapping[Kind, Counted]) -> None:
        self._groups: dict[tuple[object, ...], Counted] = {}
        for kind, counted in history.items():
            for _, key in _ladder(kind):
                self._groups[key] = self._groups.get(key, Counted()) + counted

    @property
    def everybody(self) -> Counted:
        return self._groups.get((Width.EVERYBODY,), Counted())

    def likelihood(self, kind: Kind) -> Likelihood | None:
        """Return how members like ``kind`` have renewed; null when nothing is known.

        Alike in state, first year or later, and tier; with fewer than five decided, alike in
        less. A state or tier that is not known is no likeness. Null below five of everybody.
        """
        for width, key in _ladder(kind):
            counted = self._groups.get(key, Counted())
            if counted.of >= FEWEST_ALIKE:
                return Likelihood(counted, width)
        return None


def members_alike(kind: Kind, width: Width, other: Kind) -> bool:
    """Say whether ``other`` is one of those that ``kind`` is compared with at a width."""
    return dict(_ladder(kind)).get(width) == dict(_ladder(other)).get(width)


@dataclass(frozen=True, slots=True)
class Forecast:
    """What was said of some members alike, before it was known, and what came of them.

    ``base`` is the share of everybody that was known at the same time.
    """

    said: Fraction
    base: Fraction
    came: Counted


@dataclass(frozen=True, slots=True)
class Band:
    """Terms of which a likelihood from ``low`` up to ``high`` was said; 1 is in the last.

    ``said`` is the mean of what was said; null where nothing was.
    """

    low: Fraction
    high: Fraction
    said: Fraction | None
    came: Counted


@dataclass(frozen=True, slots=True)
class Calibration:
    """How what was said came out: by band, and as a Brier score beside that of the base rate.

    Smaller is better; both null when nothing was said. ``is_better``: the likelihood told more
    than saying the same of everybody.
    """

    bands: tuple[Band, ...]
    of: int
    brier: Fraction | None
    base_brier: Fraction | None

    @property
    def is_better(self) -> bool | None:
        if self.brier is None or self.base_brier is None:
            return None
        return self.brier < self.base_brier


def calibration(forecasts: Iterable[Forecast]) -> Calibration:
    """Hold what was said against what came (Brier, Monthly Weather Review 78, 1950).

    The score is the mean over terms of (said - came)^2, came being 1 for a renewal. Exact.
    """
    given = [forecast for forecast in forecasts if forecast.came.of]
    terms = sum(forecast.came.of for forecast in given)
    edges = [*BANDS, Fraction(1)]
    bands = []
    for low, high in pairwise(edges):
        inside = [one for one in given if band_of(one.said) == low]
        came = sum((one.came for one in inside), Counted())
        said = sum((one.said * one.came.of for one in inside), Fraction(0))
        bands.append(Band(low, high, said / came.of if came.of else None, came))
    return Calibration(
        bands=tuple(bands),
        of=terms,
        brier=_brier((one.said, one.came) for one in given) / terms if terms else None,
        base_brier=_brier((one.base, one.came) for one in given) / terms if terms else None,
    )


def band_of(said: Fraction) -> Fraction:
    """Return the lower edge of the band that a likelihood falls into."""
    return max(low for low in BANDS if said >= low)


def expected_renewals(
    members: Iterable[tuple[Likelihood | None, int]],
) -> tuple[Fraction, float, int]:
    """Return expected renewals, their standard deviation, and of how many nothing is known.

    Each pair is a likelihood and to how many it belongs. They decide on their own; how sure
    the shares themselves are is not in the deviation.
    """
    expected = variance = Fraction(0)
    unknown = 0
    for likelihood, count in members:
        if likelihood is None:
            unknown += count
            continue
        expected += count * likelihood.rate
        variance += count * likelihood.rate * (1 - likelihood.rate)
    return expected, math.sqrt(variance), unknown


def _brier(pairs: Iterable[tuple[Fraction, Counted]]) -> Fraction:
    return sum(
        (
            came.renewed * (1 - said) ** 2 + (came.of - came.renewed) * said**2
            for said, came in pairs
        ),
        Fraction(0),
    )


def _ladder(kind: Kind) -> list[tuple[Width, tuple[object, ...]]]:
    """The groups that a kind belongs to, the narrowest first; unknown things make no group."""
    rungs: list[tuple[Width, tuple[object, ...]]] = []
    if kind.state and kind.tier:
        rungs.append((Width.STATE_YEAR_TIER, (Width.STATE_YEAR_TIER, *kind)))
    if kind.state:
        year = (kind.state, kind.is_first_year)
        rungs.append((Width.STATE_YEAR, (Width.STATE_YEAR, *year)))
    if kind.tier:
        rungs.append((Width.YEAR_TIER, (Width.YEAR_TIER, kind.is_first_year, kind.tier)))
    rungs.append((Width.YEAR, (Width.YEAR, kind.is_first_year)))
    rungs.append((Width.EVERYBODY, (Width.EVERYBODY,)))
    return rungs
