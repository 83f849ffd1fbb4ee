"""How long members stay: survival curves from the tables of the last night (DOMAIN 7)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from typing import Any, Final
from uuid import UUID

from django.db import connection

from members.models import Member as AnyMember
from success.engine.retention import MONTHS_A_YEAR, Month, Year, compare, curve
from success.engine.survival import Curve, LogRank, interval
from success.models import RetentionEvent
from success.rollups.retention import EVERYBODY as EVERY_MEMBER
from success.rollups.retention import SPELLS, records_begin, values

FIRST, LATER = 1, 2
EVERYBODY: Final = "all"
DIMENSIONS: Final = ("kind", "segment", "state", "tier", "cohort")
SMALLEST_GROUP: Final = 5
STRETCH: Final = 4


@dataclass(frozen=True, kw_only=True)
class Group:
    """A group: its curve, and where it stands at each anniversary while anybody is seen."""

    value: str
    members: int
    left: int
    curve: Curve
    years: tuple[Year, ...]

    @property
    def is_small(self) -> bool:
        return self.members < SMALLEST_GROUP

    @property
    def median_months(self) -> int | None:
        """Months after which half have left; null while more than half stay."""
        return self.curve.median


@dataclass(frozen=True, kw_only=True)
class Retention:
    """Groups of one dimension side by side; ``test`` is null where they cannot be compared.

    Who is in no known group (blank), and groups below five, are not in the test.
    """

    dimension: str
    everybody: Group | None
    groups: tuple[Group, ...]
    test: LogRank | None
    compared: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A membership behind a figure; ``month`` is when it ended or until when it is known."""

    member: int
    public_id: UUID
    name: str
    run: int
    begins_on: date
    until_on: date
    month: int
    has_left: bool


def retention(*, by: str, spell: int = FIRST) -> Retention:
    """Return the curves of everybody and of the groups of a dimension, and their comparison.

    In completed months of membership, from the rows of the last night alone. Shares are exact;
    ``everybody`` is null before any night (DOMAIN 7).
    """
    tables: dict[tuple[str, str], list[Month]] = {}
    rows = RetentionEvent.objects.filter(spell=spell, dimension__in=[EVERYBODY, by])
    for row in rows.order_by("dimension", "value", "month"):
        tables.setdefault((row.dimension, row.value), []).append(
            Month(row.month, row.at_risk, row.events, row.censored)
        )
    groups = {
        value: _group(value, months)
        for (dimension, value), months in tables.items()
        if dimension == by
    }
    compared = {
        value: tables[by, value]
        for value, group in groups.items()
        if value and not group.is_small
    }
    everybody = tables.get((EVERYBODY, ""))
    return Retention(
        dimension=by,
        everybody=_group("", everybody) if everybody else None,
        groups=tuple(groups[value] for value in sorted(groups)),
        test=compare(compared),
        compared=len(compared),
    )


def memberships(  # noqa: PLR0913  # what is asked for, all by name
    *,
    as_of: date,
    grace_days: int,
    spell: int,
    by: str = EVERYBODY,
    value: str = "",
    year: int | None = None,
    after: tuple[int, int] = (0, -1),
    size: int,
) -> list[Member]:
    """Return the memberships behind a group, by member; with ``year``, those seen to it.

    ``after`` is the member and run of the last row of the page before.
    """
    conditions = [
        "g.spell = %(spell)s",
        "(g.member_id, g.run) > (%(after_member)s, %(after_run)s)",
    ]
    asked: dict[str, Any] = values(
        as_of=as_of, grace_days=grace_days, records_begin=records_begin()
    ) | {"spell": spell, "after_member": after[0], "after_run": after[1], "size": size}
    if by in DIMENSIONS:
        conditions.append(f"g.{by} = %(value)s")
        asked["value"] = value
    if year is not None:
        conditions.append("g.month >= %(month)s AND coalesce(g.entry, -1) < %(month)s")
        asked["month"] = year * MONTHS_A_YEAR
    found: list[Member] = []
    first, looked_at = after[0], size
    # memberships are found member by member, so a stretch of members will mostly do
    while True:
        looked_at *= STRETCH
        last = _last_of(first, looked_at)
        asked |= {"first": first, "last": EVERY_MEMBER[1] if last is None else last}
        found += _memberships(conditions, asked | {"size": size - len(found)})
        if last is None or len(found) == size:
            return found
        first = last + 1


def _last_of(first: int, members: int) -> int | None:
    """The last of so many members, from ``first`` on; null where there are fewer."""
    later = AnyMember.objects.filter(pk__gte=first).order_by("pk").values_list("pk", flat=True)
    return next(iter(later[members : members + 1]), None)


def _memberships(conditions: Sequence[str], asked: Mapping[str, Any]) -> list[Member]:
    with connection.cursor() as cursor:
        cursor.execute(
            f"WITH {SPELLS} SELECT g.member_id, m.public_id, m.name, g.run, g.begins_on,"
            " g.until_on, g.month, g.has_left"
            " FROM grouped g JOIN members_member m ON m.id = g.member_id"
            f" WHERE {' AND '.join(conditions)}"
            " ORDER BY g.member_id, g.run LIMIT %(size)s",
            asked,
        )
        names = ("member", "public_id", "name", "run", "begins_on", "until_on", "month")
        return [Member(**dict(zip((*names, "has_left"), row, strict=True))) for row in cursor]


def plain(*, by: str, as_of: date) -> dict[str, Any]:
    """The whole answer as plain values: the same for the command and the API."""
    first, later = retention(by=by), retention(by=by, spell=LATER)
    return {
        "as_of": as_of.isoformat(),
        "by": by,
        "everybody": _plain(first.everybody),
        "groups": [_plain(group) for group in first.groups],
        "second_spells": _plain(later.everybody),
        "chi_square": float(first.test.chi_square) if first.test else None,
        "degrees": first.test.degrees if first.test else None,
        "p_value": first.test.p_value if first.test else None,
        "groups_compared": first.compared,
    }


def _group(value: str, months: list[Month]) -> Group:
    found = curve(months)
    seen = {row.month: row.at_risk for row in months}
    years = []
    for year in range(1, (found.horizon or 0) // MONTHS_A_YEAR + 1):
        month = year * MONTHS_A_YEAR
        bounds = interval(found, month)
        at_risk = seen.get(month, 0)
        years.append(
            Year(
                year=year,
                at_risk=at_risk,
                stayed=found.survival(month) if at_risk else None,
                low=bounds[0] if bounds and at_risk else None,
                high=bounds[1] if bounds and at_risk else None,
            )
        )
    return Group(
        value=value,
        members=found.observed,
        left=found.events,
        curve=found,
        years=tuple(years),
    )


def _plain(group: Group | None) -> dict[str, Any] | None:
    if group is None:
        return None
    is_small = group.is_small
    return {
        "value": group.value,
        "members": group.members,
        "left": group.left,
        "median_months": None if is_small else group.median_months,
        "years": [
            {
                "year": year.year,
                "at_risk": year.at_risk,
                "stayed": _float(year.stayed),
                "low": year.low,
                "high": year.high,
                "is_few": year.is_grey,
            }
            for year in (() if is_small else group.years)
        ],
    }


def _float(value: Fraction | None) -> float | None:
    return None if value is None else float(value)
