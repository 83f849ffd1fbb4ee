"""What a week came to, for one reader: which words in which order, and when it is due."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from fractions import Fraction
from typing import Final

LONGEST: Final = timedelta(days=28)
USUAL: Final = timedelta(days=7)


@dataclass(frozen=True, kw_only=True)
class Line:
    """One thing that happened or is so: about whom, in words, on which day."""

    member: str
    text: str
    on: date | None = None
    address: str = ""


@dataclass(frozen=True, kw_only=True)
class Section:
    """Lines under a heading; ``total`` is how many there are, listed or not."""

    key: str
    lines: tuple[Line, ...]
    total: int

    @property
    def more(self) -> int:
        """Return how many are not listed."""
        return self.total - len(self.lines)


@dataclass(frozen=True, kw_only=True)
class Digest:
    """What there is to tell; the hours are null where nobody's week is meant."""

    since: date
    until: date
    is_house: bool
    sections: tuple[Section, ...]
    unserved_hours: Fraction | None = None
    unserved_items: int = 0

    @property
    def is_empty(self) -> bool:
        """Say whether there is nothing to tell: then nobody is written to."""
        return not any(section.total for section in self.sections) and not self.unserved_items


def section(key: str, lines: Sequence[Line], *, total: int | None = None) -> Section:
    """Return a section of ``lines``; ``total`` where more than those were found."""
    return Section(key=key, lines=tuple(lines), total=len(lines) if total is None else total)


def week_of(day: date) -> str:
    """Return the ISO week of a day, ``2026-W31``; it belongs to its Thursday's year."""
    year, week, _ = day.isocalendar()
    return f"{year}-W{week:02d}"


def latest_day(local_day: date, *, weekday: int) -> date:
    """Return the newest day not after ``local_day`` that is a ``weekday``; 0 is Monday."""
    return local_day - timedelta(days=(local_day.weekday() - weekday) % 7)


def since_when(*, last_until: datetime | None, due_at: datetime) -> datetime:
    """Return from when on a digest tells: where the last one ended, four weeks back at most.

    Without a last one it is the week before ``due_at``. So what happened while nothing ran is
    told once, in one digest.
    """
    if last_until is None:
        return due_at - USUAL
    return min(max(last_until, due_at - LONGEST), due_at)


def as_text(digest: Digest, *, titles: dict[str, str], more: str, nothing: str) -> str:
    """Return a digest as plain text; ``titles`` by section, ``more`` with one ``{number}``.

    A section without lines is left out; with none at all it is ``nothing``.
    """
    blocks = []
    for each in digest.sections:
        if not each.total:
            continue
        lines = [f"{titles[each.key]} ({each.total})"]
        lines += [_line(line) for line in each.lines]
        if each.more:
            lines.append("  " + more.format(number=each.more))
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks) or nothing


def _line(line: Line) -> str:
    day = f"{line.on.day} {line.on:%B}: " if line.on else ""
    who = f"{line.member}: " if line.member else ""
    return f"- {day}{who}{' '.join(line.text.split())}"
