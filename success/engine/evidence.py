"""Evidence of a milestone: what was said of it, and for which day, as dates that alternate."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime

# What rests on more than one side's word, and so carries an ask.
FIRM = frozenset({"derived", "confirmed"})


@dataclass(frozen=True, slots=True)
class Word:
    """Somebody said that a milestone was reached from a day on, or that it was not.

    ``source`` is derived, confirmed or declared.
    """

    on: date
    achieved: bool
    said_at: datetime
    source: str = "confirmed"


@dataclass(frozen=True, slots=True)
class Evidence:
    """``dates`` alternate achieved, withdrawn, achieved …; ``source`` bears the last run."""

    dates: tuple[date, ...]
    source: str

    def stands(self, *, on: date) -> bool:
        """Tell whether it is achieved at the end of that day (DOMAIN 3.1)."""
        return stands(self.dates, on=on)


def stands(dates: Iterable[date] | None, *, on: date) -> bool:
    """Tell whether an odd number of alternating dates are not after ``on`` (DOMAIN 3.1)."""
    return sum(day <= on for day in dates or ()) % 2 == 1


def evidence_of(words: Iterable[Word]) -> Evidence:
    """Return the alternating dates that these words leave, in whatever order they were said.

    Of two words about one day the one said last holds; said at the same moment, the one that
    achieves. A word that changes nothing of what stands is repetition. ``source`` is firm if
    any word of the last run is: one that has been confirmed stays so. Blank without dates
    (DOMAIN 3.1, 3.3).
    """
    last: dict[date, Word] = {}
    told = sorted(words, key=lambda word: (word.on, word.said_at, word.achieved))
    for word in told:
        last[word.on] = word
    dates: list[date] = []
    source = ""
    for day in sorted(last):
        word = last[day]
        if word.achieved != (len(dates) % 2 == 1):
            dates.append(day)
            source = word.source if word.achieved else source
        elif word.achieved and source not in FIRM and word.source in FIRM:
            source = word.source
    return Evidence(tuple(dates), source if dates else "")
