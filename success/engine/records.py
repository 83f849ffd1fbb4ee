"""When the records show a milestone: the rules of evidence on plain values.

What ``rollups.milestones`` does set by set, for one member at a time.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta


@dataclass(frozen=True, slots=True)
class Stretch:
    """A member's involvement in a subject of an area; ``ends_on`` is null while it lasts."""

    member: int
    area: str
    subject: str
    starts_on: date
    ends_on: date | None = None

    def lasts_after(self, day: date) -> bool:
        return self.ends_on is None or self.ends_on > day


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule of evidence as data: its name, the areas it looks at, how many, how long."""

    name: str
    areas: frozenset[str]
    count: int = 1
    days: int = 0

    @classmethod
    def from_data(cls, said: Mapping[str, object]) -> "Rule":
        """Read a rule as a milestone keeps it: ``{"rule": …, "areas": […], …}``."""
        areas = said.get("areas")
        return cls(
            name=str(said["rule"]),
            areas=frozenset(map(str, areas)) if isinstance(areas, list) else frozenset(),
            count=int(str(said.get("count") or 1)),
            days=int(str(said.get("days") or 0)),
        )


def reached_on(
    rule: Rule,
    own: Iterable[Stretch],
    *,
    beside: Mapping[tuple[str, str], Collection[Stretch]],
    anchor_on: date,
    closed_on: date | None,
) -> date | None:
    """Return the day on which a path from ``anchor_on`` reached a milestone; null if never.

    ``own`` are the member's stretches, ``beside`` everybody's by area and subject. The day may
    lie ahead. What ended before the anchor, or began when the path was over, is another story.
    """
    counted = [
        each
        for each in own
        if each.area in rule.areas
        and each.lasts_after(anchor_on)
        and (closed_on is None or each.starts_on < closed_on)
    ]
    if rule.name == "kept":
        return _kept(counted, anchor_on=anchor_on, days=rule.days)
    since: dict[object, date] = {}
    for each in counted:
        if rule.name == "peers":
            for other in beside.get((each.area, each.subject), ()):
                if (
                    other.member != each.member
                    and other.lasts_after(max(each.starts_on, anchor_on))
                    and each.lasts_after(other.starts_on)
                ):
                    day = max(each.starts_on, other.starts_on)
                    since[other.member] = min(day, since.get(other.member, day))
        else:
            since[each.subject] = min(each.starts_on, since.get(each.subject, each.starts_on))
    found = sorted(since.values())
    return max(found[rule.count - 1], anchor_on) if len(found) >= rule.count else None


def _kept(stretches: Sequence[Stretch], *, anchor_on: date, days: int) -> date | None:
    runs: list[tuple[date, date | None]] = []
    for each in sorted(stretches, key=lambda one: (one.starts_on, one.ends_on or date.max)):
        if runs and (runs[-1][1] is None or each.starts_on <= runs[-1][1]):
            ends = (runs[-1][1], each.ends_on)
            until = None if None in ends else max(end for end in ends if end)
            runs[-1] = (runs[-1][0], until)
        else:
            runs.append((each.starts_on, each.ends_on))
    wanted = timedelta(days=days)
    kept = [
        max(starts_on, anchor_on) + wanted
        for starts_on, ends_on in runs
        if ends_on is None or ends_on >= max(starts_on, anchor_on) + wanted
    ]
    return min(kept, default=None)
