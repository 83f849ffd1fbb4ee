"""The hours that nobody has time for, member by member.

Whoever is in trouble comes first, then those on their way in, then those with the most that
suits them: the hours of a person go to them in this order until there are none left. Those
after that are unserved, and so add up to what the team's load says.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any
from uuid import UUID

from django.db import connection

from coverage.engine.capacity import Stage
from coverage.queries.capacity import PersonLoad, TeamLoad, loads_and_team
from coverage.rollups.loads import HOURS, PARTS
from members.models import User

POOL, NOBODY = -1, -2  # holders who are no person
SMALLEST = Decimal("0.0001")

UNSERVED = f"""
WITH {PARTS}, {HOURS},
there (holder, hours) AS (
    SELECT * FROM unnest(%(holders)s::bigint[], %(capacities)s::numeric[])
),
need AS (
    SELECT part.member_id, part.segment_id, part.stage,
           CASE WHEN part.holder_id IS NOT NULL THEN part.holder_id
                WHEN segment.is_pooled THEN {POOL} ELSE {NOBODY} END AS holder,
           hours.hours * part.percent / 100 AS needed
      FROM part
      JOIN coverage_segment segment ON segment.id = part.segment_id
      JOIN hours ON hours.segment_id = part.segment_id AND hours.stage = part.stage
),
queued AS (
    SELECT need.*, there.hours AS there,
           sum(need.needed) OVER (
               PARTITION BY need.holder
               ORDER BY array_position(%(stages)s::text[], need.stage),
                        coalesce(p.inbound_minutes + p.async_minutes + p.sync_minutes
                                 + p.taskforce_minutes, 0) DESC,
                        need.member_id
               ROWS UNBOUNDED PRECEDING
           ) AS up_to
      FROM need
      JOIN there ON there.holder = need.holder
      LEFT JOIN coverage_axprofile p
        ON p.member_id = need.member_id AND p.superseded_on IS NULL
),
left_over AS (
    SELECT queued.*, least(needed, up_to - there) AS lacking
      FROM queued WHERE up_to - there > {SMALLEST} AND needed > {SMALLEST}
)
"""
ROWS = """
SELECT member.public_id, member.name, segment.name, segment.key, stage, holder,
       coalesce(owner.name, ''), needed, lacking
  FROM left_over
  JOIN members_member member ON member.id = left_over.member_id
  JOIN coverage_segment segment ON segment.id = left_over.segment_id
  LEFT JOIN members_user owner ON owner.id = left_over.holder
 ORDER BY array_position(%(stages)s::text[], stage), lacking DESC, left_over.member_id
 LIMIT %(most)s
"""
SUMS = """
SELECT holder, count(*), sum(lacking) FROM left_over GROUP BY holder ORDER BY 3 DESC, 1
"""


@dataclass(frozen=True, kw_only=True)
class Unserved:
    """A member, or the part of one that somebody holds; hours of staff time a month.

    ``lacking`` is the part of ``needed`` that nobody has time for. ``holder`` is blank for the
    pool and for members whom nobody holds; then ``is_pooled`` tells the two apart.
    """

    public_id: UUID
    name: str
    segment: str
    segment_key: str
    stage: str
    holder: str
    is_pooled: bool
    needed: Decimal
    lacking: Decimal

    @property
    def is_whole(self) -> bool:
        """Whether nothing of it is served."""
        return self.needed - self.lacking < SMALLEST


@dataclass(frozen=True, kw_only=True)
class HolderSum:
    """What one person, the pool or nobody leaves unserved; ``user`` null is the latter two."""

    user: User | None
    is_pooled: bool
    members: int
    hours: Decimal


@dataclass(frozen=True, kw_only=True)
class UnservedWork:
    """The list, and what it adds up to; ``team`` is the reading it was made of."""

    rows: tuple[Unserved, ...]
    by_holder: tuple[HolderSum, ...]
    members: int
    hours: Decimal
    team: TeamLoad


def unserved(
    *, as_of: date, grace_days: int, holder: User | None = None, most: int | None = None
) -> UnservedWork:
    """Return whose needed hours do not fit into those that their holder has (DOMAIN 6.2).

    At risk first, then onboarding, renewal, growth and adoption; among these, what suits them
    most first. Whoever stands at the edge is served in part. ``hours`` equal the ``unserved``
    of the team, within a ten-thousandth a member; with ``holder``, those of one person.
    ``rows`` are at most ``most``, counts are of all. People whose hours are not known, and
    members whose hours are not, are left out there and here. As many statements for many
    members as for few.
    """
    found, team = loads_and_team(as_of=as_of, grace_days=grace_days)
    people = {each.user.pk: each.user for each in found}
    there = dict(_hours_there(found, team=team))
    if holder is not None:
        there = {key: hours for key, hours in there.items() if key == holder.pk}
    asked: dict[str, Any] = {
        "as_of": as_of,
        "grace": grace_days,
        "holders": list(there),
        "capacities": [_plain(hours) for hours in there.values()],
        "stages": [each.value for each in Stage],
        "most": most,
    }
    with connection.cursor() as cursor:
        cursor.execute(UNSERVED + ROWS, asked)
        rows = tuple(
            Unserved(
                public_id=public_id,
                name=name,
                segment=segment,
                segment_key=key,
                stage=stage,
                holder=owner,
                is_pooled=held == POOL,
                needed=needed,
                lacking=lacking,
            )
            for public_id, name, segment, key, stage, held, owner, needed, lacking in cursor
        )
        cursor.execute(UNSERVED + SUMS, asked)
        sums = tuple(
            HolderSum(
                user=people.get(held), is_pooled=held == POOL, members=members, hours=hours
            )
            for held, members, hours in cursor
        )
    return UnservedWork(
        rows=rows,
        by_holder=sums,
        members=sum(each.members for each in sums),
        hours=sum((each.hours for each in sums), Decimal(0)),
        team=team,
    )


def _hours_there(
    found: Iterable[PersonLoad], *, team: TeamLoad
) -> Iterator[tuple[int, Fraction]]:
    """Yield whose hours are known, and how many they have; nobody has none."""
    for each in found:
        if each.capacity is not None:
            yield each.user.pk, each.capacity
    yield POOL, team.pool.capacity
    yield NOBODY, Fraction(0)


def _plain(hours: Fraction) -> Decimal:
    return Decimal(hours.numerator) / Decimal(hours.denominator)
