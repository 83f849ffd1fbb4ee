"""What a rebalancing starts from: who carries whom today, and what each takes."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from fractions import Fraction
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.db import connection
from django.db.models import Q, QuerySet

from config.kernel.clock import association_zone
from coverage.engine import capacity as engine
from coverage.engine.simulator import (
    HUNDREDTHS,
    NEAR_END_DAYS,
    Carried,
    Colleague,
    Demand,
    Place,
)
from coverage.enums import RebalancingStatus
from coverage.models import (
    Absence,
    Contributor,
    Rebalancing,
    Segment,
    TaskForceShare,
)
from coverage.queries.hours import staff_hours
from members.enums import Role
from members.models import User

QUARTER = timedelta(days=90)
MONTH = timedelta(days=30)
NOON = time(12)
WEEKS_A_MONTH = Fraction(52, 12)
WHOLE = 100
UNSAID_ZONE = "UTC"


class NoCoverageModel(Exception):
    """Nobody has said yet how many hours an experience takes."""


@dataclass(frozen=True, kw_only=True)
class OverServed:
    """A member who got more than suits them; minutes are of the last 90 days.

    ``due`` is what the AX profile asks for in a quarter, ``given`` what they were given,
    ``staff`` the time it took of people, ``freed`` the part of it above what was due. ``ratio``
    is null where nothing was due.
    """

    member_id: int
    public_id: Any
    name: str
    segment: str
    segment_key: str
    owner: str
    due: int
    given: int
    staff: int
    freed: int
    ratio: Fraction | None


@dataclass(frozen=True, kw_only=True)
class Lacking:
    """Members of one segment who got less than half of what suits them, and what they lack."""

    segment: str
    segment_key: str
    members: int
    minutes: int


@dataclass(frozen=True, kw_only=True)
class OverDelivery:
    """Who got too much, what that would free, and where it is missing; minutes of 90 days."""

    rows: list[OverServed]
    members: int
    freed: int
    by_segment: dict[str, int]
    lacking: list[Lacking]
    measured: int


def places() -> dict[int, Place]:
    """Return every segment by its id, as the simulator knows it."""
    return {
        segment.pk: Place(
            key=segment.key,
            is_pooled=segment.is_pooled,
            skills=frozenset(segment.skills),
        )
        for segment in Segment.objects.all()
    }


def demand(
    *,
    as_of: date,
    leverage: Mapping[str, Fraction] | None = None,
    cells: Mapping[tuple[str, str], Fraction] | None = None,
    parts: Mapping[str, int] | None = None,
) -> Demand:
    """Return what a member takes by segment and stage, in hundredths of a staff hour a month.

    ``leverage`` replaces the factors of the coverage model by modality; ``parts`` are percents
    of what then comes out, by the key of a segment; ``cells`` are staff hours that take the
    place of it all, by key and stage. Rounded half up; a stage that nobody names takes
    nothing. Raises ``NoCoverageModel`` (DOMAIN 6.2).
    """
    said = staff_hours(as_of=as_of, what_if=leverage)
    if not said:
        raise NoCoverageModel
    if cells or parts:
        ids = dict(Segment.objects.values_list("key", "pk"))
        percents = {ids[key]: percent for key, percent in (parts or {}).items() if key in ids}
        said = {
            (segment, stage): hours * percents.get(segment, WHOLE) / WHOLE
            for (segment, stage), hours in said.items()
        }
        said |= {
            (ids[key], stage): hours
            for (key, stage), hours in (cells or {}).items()
            if key in ids
        }
    table = {key: int(hours * HUNDREDTHS + Fraction(1, 2)) for key, hours in said.items()}
    return lambda segment, stage: table.get((segment, stage), 0)


def colleagues(*, as_of: date) -> list[Colleague]:
    """Return everybody who looks after members or could, by key, with their hours of a month.

    Contracted hours less leave and overhead, where they are known; else the weekly hours for
    members over 52 weeks. Who is away for half of the next 30 days or more ``is_away``. A
    log-in that says UTC says nothing: its clock is the association's (DOMAIN 6.2).
    """
    at_home = str(association_zone())
    known = {each.user_id: each for each in Contributor.objects.all()}
    people = User.objects.filter(
        Q(role=Role.MSM, is_active=True) | Q(assignments__isnull=False) | Q(pk__in=known)
    ).distinct()
    away: dict[int, int] = defaultdict(int)
    for absence in Absence.objects.filter(ends_on__gt=as_of, starts_on__lt=as_of + MONTH):
        first, last = max(absence.starts_on, as_of), min(absence.ends_on, as_of + MONTH)
        away[absence.user_id] += (last - first).days
    found = []
    for person in people.order_by("pk"):
        each = known.get(person.pk)
        hours = (
            engine.capacity(
                contracted=Fraction(each.monthly_hours),
                leave=Fraction(each.leave_percent, 100),
                overhead=Fraction(each.overhead_percent, 100),
            )
            if each
            else person.weekly_hours * WEEKS_A_MONTH
        )
        is_here = person.is_active and person.role != Role.MEMBER
        found.append(
            Colleague(
                key=person.pk,
                capacity=int(hours * HUNDREDTHS) if is_here else 0,
                skills=frozenset(each.skills) if each else frozenset(),
                languages=frozenset(word.lower() for word in each.languages)
                if each
                else frozenset(),
                works_in_pool=each.works_in_pool if each else False,
                is_away=2 * away[person.pk] >= MONTH.days,
                zone=_minutes_ahead(
                    at_home if person.time_zone == UNSAID_ZONE else person.time_zone, on=as_of
                ),
            )
        )
    return found


GIVEN = """
    SELECT e.member_id,
           sum(e.minutes) AS given,
           sum(e.minutes::numeric / e.members_present) AS staff
      FROM coverage_effort e
     WHERE e.withdrawn_at IS NULL AND e."on" > %(since)s AND e."on" <= %(as_of)s
     GROUP BY e.member_id
"""
DUE = "(p.inbound_minutes + p.async_minutes + p.sync_minutes + p.taskforce_minutes)"
IN_MEMBERSHIP = """EXISTS (SELECT FROM members_term t
     WHERE t.member_id = held.member_id
       AND t.starts_on <= %(as_of)s AND t.ends_on > %(grace_from)s)"""
CARRIED = f"""
    WITH given AS ({GIVEN})
    SELECT held.member_id, held.segment_id, held.owner_id,
           coalesce(way.stage, ''), held.assigned_on,
           coalesce(way.is_protected, FALSE),
           coalesce(way.term_ends_on - %(as_of)s <= %(near)s, FALSE),
           coalesce(held.override_until > %(as_of)s, FALSE),
           coalesce(given.given > {DUE} * 1.5, FALSE),
           given.given::float / nullif({DUE}, 0),
           lower(member.language), member.time_zone
      FROM coverage_assignment held
      JOIN coverage_segment segment ON segment.id = held.segment_id
      JOIN members_member member ON member.id = held.member_id
      LEFT JOIN coverage_circumstance way ON way.member_id = held.member_id
      LEFT JOIN coverage_axprofile p
        ON p.member_id = held.member_id AND p.superseded_on IS NULL
      LEFT JOIN given ON given.member_id = held.member_id
     WHERE (NOT segment.is_pooled OR segment.key = %(one_by_one)s) AND {IN_MEMBERSHIP}
     ORDER BY held.member_id
"""
POOLED = f"""
    SELECT held.segment_id, coalesce(way.stage, ''), count(*)
      FROM coverage_assignment held
      JOIN coverage_segment segment ON segment.id = held.segment_id
      LEFT JOIN coverage_circumstance way ON way.member_id = held.member_id
     WHERE segment.is_pooled AND segment.key <> %(one_by_one)s AND {IN_MEMBERSHIP}
     GROUP BY 1, 2
"""


def carried(*, as_of: date, grace_days: int, one_by_one: str = "") -> list[Carried]:
    """Return the members of ``as_of`` that people hold or ought to, in the order of their ids.

    Pools are left out, except the segment with the key ``one_by_one``. A member whom no night
    has looked at yet has no stage. Near the end are terms with at most 60 days to go.
    Delivered time is that of the last 90 days. Two statements (DOMAIN 6.4).
    """
    shares: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for share in TaskForceShare.objects.filter(
        Q(ends_on=None) | Q(ends_on__gt=as_of), starts_on__lte=as_of
    ).order_by("pk"):
        shares[share.member_id].append((share.user_id, share.percent))
    rows = _rows(
        CARRIED, _asked(as_of=as_of, grace_days=grace_days) | {"one_by_one": one_by_one}
    )
    return [
        Carried(
            member=member,
            segment=segment,
            owner=owner,
            stage=stage,
            since=since,
            is_protected=is_protected,
            is_near_end=is_near_end,
            is_decided=is_decided,
            is_over_served=is_over_served,
            given=given,
            language=language,
            zone=_minutes_ahead(zone, on=as_of),
            shares=tuple(shares.get(member, ())),
        )
        for (
            member, segment, owner, stage, since, is_protected, is_near_end, is_decided,
            is_over_served, given, language, zone,
        ) in rows
    ]  # fmt: skip


@cache
def _minutes_ahead(zone: str, *, on: date) -> int | None:
    """How far a zone's clock is ahead of Greenwich at noon of a day; null where unknown."""
    try:
        offset = datetime.combine(on, NOON, tzinfo=ZoneInfo(zone)).utcoffset()
    except (ZoneInfoNotFoundError, ValueError):
        return None
    return None if offset is None else round(offset.total_seconds() / 60)


def pooled(*, as_of: date, grace_days: int, one_by_one: str = "") -> dict[tuple[int, str], int]:
    """Count the members of pools by segment and stage, save those of ``one_by_one``."""
    rows = _rows(
        POOLED, _asked(as_of=as_of, grace_days=grace_days) | {"one_by_one": one_by_one}
    )
    return {(segment, stage): count for segment, stage, count in rows}


OVER = f"""
    WITH given AS ({GIVEN}),
    judged AS (
        SELECT held.member_id, held.segment_id, held.owner_id, {DUE} AS due,
               given.given, given.staff
          FROM given
          JOIN coverage_assignment held ON held.member_id = given.member_id
          JOIN coverage_axprofile p
            ON p.member_id = held.member_id AND p.superseded_on IS NULL
         WHERE {IN_MEMBERSHIP}
    )
    SELECT judged.member_id, member.public_id, member.name, segment.name, segment.key,
           coalesce(owner.name, ''), due, given, round(staff)::bigint,
           round(CASE WHEN due = 0 THEN staff
                      ELSE staff * (given - due) / given END)::bigint AS freed
      FROM judged
      JOIN members_member member ON member.id = judged.member_id
      JOIN coverage_segment segment ON segment.id = judged.segment_id
      LEFT JOIN members_user owner ON owner.id = judged.owner_id
     WHERE given > due * 1.5
     ORDER BY freed DESC, judged.member_id
"""
LACKING = f"""
    WITH given AS ({GIVEN})
    SELECT segment.name, segment.key, count(*), sum({DUE} - given.given)::bigint
      FROM given
      JOIN coverage_assignment held ON held.member_id = given.member_id
      JOIN coverage_segment segment ON segment.id = held.segment_id
      JOIN coverage_axprofile p
        ON p.member_id = held.member_id AND p.superseded_on IS NULL
     WHERE {IN_MEMBERSHIP} AND given.given * 2 < {DUE}
     GROUP BY segment.id, segment.name, segment.key
     ORDER BY 4 DESC
"""
MEASURED = f"""
    WITH given AS ({GIVEN})
    SELECT count(*) FROM given JOIN coverage_assignment held USING (member_id)
     WHERE {IN_MEMBERSHIP}
"""


def over_delivery(*, as_of: date, grace_days: int, most: int = 200) -> OverDelivery:
    """Find who was given more than one and a half times their AX in the last 90 days.

    ``rows`` are at most ``most``, most hours first; the counts are of all. Where nothing was
    due, all of it was too much. Only members for whom time was recorded are judged, so those
    who lack something are those who got something, but less than half. Three statements
    (DOMAIN 2.3).
    """
    asked = _asked(as_of=as_of, grace_days=grace_days)
    found = [
        OverServed(
            member_id=member,
            public_id=public_id,
            name=name,
            segment=segment,
            segment_key=key,
            owner=owner,
            due=due,
            given=given,
            staff=staff,
            freed=freed,
            ratio=Fraction(given, due) if due else None,
        )
        for (
            member, public_id, name, segment, key, owner, due, given, staff, freed,
        ) in _rows(OVER, asked)
    ]  # fmt: skip
    by_segment: dict[str, int] = defaultdict(int)
    for each in found:
        by_segment[each.segment_key] += 1
    ((measured,),) = _rows(MEASURED, asked)
    return OverDelivery(
        rows=found[:most],
        members=len(found),
        freed=sum(each.freed for each in found),
        by_segment=dict(by_segment),
        lacking=[
            Lacking(segment=name, segment_key=key, members=count, minutes=minutes)
            for name, key, count, minutes in _rows(LACKING, asked)
        ],
        measured=measured,
    )


def unfinished_rebalancing_ids() -> list[int]:
    """Return the rebalancings that wait for a worker or lost the one they had, oldest first."""
    return list(
        Rebalancing.objects.filter(
            status__in=[RebalancingStatus.WAITING, RebalancingStatus.WORKING]
        )
        .order_by("pk")
        .values_list("pk", flat=True)
    )


def recent_rebalancings() -> QuerySet[Rebalancing]:
    """Return the rebalancings with who asked for and applied them; order is the caller's."""
    return Rebalancing.objects.select_related("asked_by", "applied_by", "undone_by")


def _asked(*, as_of: date, grace_days: int) -> dict[str, Any]:
    return {
        "as_of": as_of,
        "grace_from": as_of - timedelta(days=grace_days),
        "since": as_of - QUARTER,
        "near": NEAR_END_DAYS,
    }


def _rows(statement: str, parameters: dict[str, Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows
