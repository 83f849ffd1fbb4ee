"""What members need of whom, what was given, what there is; now and in the weeks to come."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from fractions import Fraction
from typing import NamedTuple

import numpy as np
from django.db import connection
from django.db.models import Prefetch, Q, QuerySet

from coverage.engine import capacity as engine
from coverage.engine.capacity import Band, Stage
from coverage.engine.projection import stages_ahead
from coverage.models import Absence, Contributor, Segment, WeekLoad
from coverage.queries.hours import StaffHours, staff_hours
from coverage.rollups.loads import PARTS, STAFF_MINUTES, monday
from members.enums import Role
from members.models import User

WEEKS = 26
WEEKS_A_MONTH = Fraction(52, 12)
GIVEN_DAYS = 90
# A month is a third of the ninety days, as a quarter's minutes are three months'.
DAYS_A_MONTH = 30
# A record of fewer days says nothing of a month.
FEWEST_DAYS = 7
WORKING_DAYS = 5


@dataclass(frozen=True, kw_only=True)
class PersonLoad:
    """Somebody's book beside what they can give; hours of staff time a month.

    ``members`` are those they look after, ``helped`` those of others in whose task force they
    are. ``unknown`` are members, of either kind, whose hours are not known yet; ``needed`` is
    without them. ``given`` is null without a record, ``capacity`` where nobody has said it.
    ``absences`` are those of today and of the weeks that are projected, in order.
    """

    user: User
    members: int
    helped: int
    unknown: int
    needed: Fraction
    given: Fraction | None
    capacity: Fraction | None
    absences: tuple[Absence, ...]
    is_overloaded_for_weeks: bool

    @property
    def load(self) -> Fraction | None:
        """Needed over capacity; null where no capacity is known."""
        if self.capacity is None:
            return None
        return engine.load(demand=self.needed, capacity=self.capacity)

    @property
    def given_load(self) -> Fraction | None:
        """Given over capacity; null where either is not known."""
        if self.capacity is None or self.given is None:
            return None
        return engine.load(demand=self.given, capacity=self.capacity)

    @property
    def band(self) -> Band | None:
        return engine.band(self.load)

    @property
    def supportable(self) -> Fraction | None:
        """How many members like theirs they could carry; null where it cannot be said."""
        known = self.members - self.unknown
        if self.capacity is None or known <= 0 or not self.needed:
            return None
        return engine.supportable(demand_each=self.needed / known, capacity=self.capacity)

    def is_away(self, *, on: date) -> bool:
        return any(each.starts_on <= on < each.ends_on for each in self.absences)


@dataclass(frozen=True, kw_only=True)
class PoolLoad:
    """What the pools take; hours a month. ``need`` are hours and people by their requests.

    ``need`` is null where a pool's requests are not known. ``people`` is how many work there.
    """

    members: int
    unknown: int
    needed: Fraction
    capacity: Fraction
    people: int
    need: engine.PoolNeed | None

    @property
    def load(self) -> Fraction | None:
        return engine.load(demand=self.needed, capacity=self.capacity)


@dataclass(frozen=True, kw_only=True)
class TeamLoad:
    """The team as one, pools and members whom nobody holds included; hours a month.

    ``sums`` are the engine's. ``unserved`` are hours that their owners, or the pool, do not
    have, also where a colleague has some to spare. ``left_out`` are people whose capacity is
    not known, and ``left_out_hours`` what their members need: neither is in the sums.
    """

    sums: engine.TeamLoad
    people: int
    members: int
    unknown: int
    given: Fraction | None
    pool: PoolLoad
    unheld_members: int
    unheld_hours: Fraction
    unserved: Fraction
    left_out: int
    left_out_hours: Fraction
    capacity_each: Fraction | None

    @property
    def band(self) -> Band | None:
        return engine.band(self.sums.load)

    @property
    def people_missing(self) -> Fraction | None:
        """Full-time people like those there are; null where that cannot be said."""
        if not self.capacity_each:
            return None
        return self.sums.people_missing(capacity_each=self.capacity_each)


@dataclass(frozen=True, kw_only=True)
class WeekAhead:
    """A week of somebody: hours of that week; ``away`` is the part of it they are away."""

    week: date
    needed: float
    available: float | None
    away: float

    @property
    def load(self) -> float | None:
        return self.needed / self.available if self.available else None

    @property
    def band(self) -> Band | None:
        return None if self.load is None else engine.band(Fraction(self.load))


@dataclass(frozen=True, kw_only=True)
class PersonWeeks:
    """The weeks ahead of one person; ``user`` null is the pool, with those nobody holds."""

    user: User | None
    weeks: tuple[WeekAhead, ...]


@dataclass(frozen=True, kw_only=True)
class Picture:
    """Everything that the capacity page shows, from one reading of the database."""

    loads: tuple[PersonLoad, ...]
    team: TeamLoad
    projection: tuple[PersonWeeks, ...]
    without_end: int
    has_model: bool


def loads(*, as_of: date, grace_days: int) -> tuple[PersonLoad, ...]:
    """Return the load of everybody who looks after members, the most loaded first (DOMAIN 6.2).

    Active MSMs and contributors outside the pool, with or without members, and whoever else
    holds some. Members count who are in membership; given hours are of the last ninety days,
    or of as many as there is a record, scaled to a month. As many statements for many members
    as for few.
    """
    return _picture(as_of=as_of, grace_days=grace_days, weeks=1).loads


def team(*, as_of: date, grace_days: int) -> TeamLoad:
    """Return the team as one: what it lacks, and whether sharing out is enough (6.4)."""
    return _picture(as_of=as_of, grace_days=grace_days, weeks=1).team


def overloaded_for_weeks(*, as_of: date, only: User | None = None) -> list[User]:
    """Return whose last weeks were all above the limit, by name (DOMAIN 6.2).

    By the weeks that nights wrote down, as ``is_overloaded_for_weeks`` says; ``only`` narrows
    it to one person. One statement.
    """
    newest = WeekLoad.objects.filter(
        week__lte=as_of, week__gt=as_of - timedelta(weeks=engine.OVERLOAD_WEEKS + 1)
    )
    if only is not None:
        newest = newest.filter(user=only)
    weekly: dict[User, list[Fraction | None]] = defaultdict(list)
    for row in newest.select_related("user").order_by("user__name", "user_id", "week"):
        there = row.available_minutes
        weekly[row.user].append(Fraction(row.needed_minutes, there) if there else None)
    return [user for user, weeks in weekly.items() if engine.is_sustained(weeks)]


def loads_and_team(*, as_of: date, grace_days: int) -> tuple[tuple[PersonLoad, ...], TeamLoad]:
    """Return ``loads`` and ``team`` of one reading."""
    found = _picture(as_of=as_of, grace_days=grace_days, weeks=1)
    return found.loads, found.team


def projection(*, as_of: date, grace_days: int, weeks: int = WEEKS) -> tuple[PersonWeeks, ...]:
    """Return needed and available hours by person and week, from this week on (DOMAIN 6.2).

    Days of first value and ends of terms move members between stages, as if everybody renewed;
    absences take their part of a week away, and hand it to whoever covers, or to the pool,
    which is the last row.
    """
    return _picture(as_of=as_of, grace_days=grace_days, weeks=weeks).projection


def picture(*, as_of: date, grace_days: int) -> Picture:
    """Return loads, team and projection, all of the same reading."""
    return _picture(as_of=as_of, grace_days=grace_days, weeks=WEEKS)


def with_hours(hours: StaffHours | None, *, as_of: date, grace_days: int) -> Picture:
    """Return loads and team of a day if an experience took other hours; null is as it is said.

    Members, stages and people are those of the day; only this week is projected.
    """
    return _picture(as_of=as_of, grace_days=grace_days, weeks=1, hours=hours)


class _Part(NamedTuple):
    """So many alike: whose, of which segment, in which stage, and when that changes."""

    holder_id: int | None
    segment_id: int
    is_pooled: bool
    stage: str | None
    value_at: int | None
    window_at: int | None
    renewed_at: int | None
    owned: int
    rows: int
    percent: int


PARTS_ALIKE = f"""
WITH {PARTS},
dated AS (
    SELECT part.*,
           CASE WHEN first_value_expected_on > %(as_of)s THEN first_value_expected_on END
               AS value_on,
           term_ends_on - %(window)s AS window_on,
           CASE WHEN term_ends_on > %(as_of)s THEN term_ends_on
                ELSE term_ends_on + %(grace)s END AS renewed_on
      FROM part
)
SELECT dated.holder_id, dated.segment_id, segment.is_pooled, dated.stage,
       {{value}}, {{window}}, {{renewed}},
       (count(*) FILTER (WHERE dated.is_owner))::int, count(*)::int, sum(dated.percent)::int
  FROM dated
  JOIN coverage_segment segment ON segment.id = dated.segment_id
 GROUP BY 1, 2, 3, 4, 5, 6, 7
"""
# The first step on which a day has come: today, else the Monday on or after it; null beyond
# the last. Equals engine.projection.first_step.
STEP = """
CASE WHEN {day} <= %(as_of)s THEN 0
     WHEN {day} <= %(monday)s + 7 * (%(weeks)s - 1)
         THEN ({day} - %(monday)s + 6) / 7 END
"""


def _parts(*, as_of: date, grace_days: int, weeks: int) -> list[_Part]:
    statement = PARTS_ALIKE.format(
        value=STEP.format(day="dated.value_on"),
        window=STEP.format(day="dated.window_on"),
        renewed=STEP.format(day="dated.renewed_on"),
    )
    with connection.cursor() as cursor:
        cursor.execute(
            statement,
            {
                "as_of": as_of,
                "grace": grace_days,
                "monday": monday(as_of),
                "weeks": weeks,
                "window": engine.RENEWAL_WINDOW.days,
            },
        )
        return [_Part(*row) for row in cursor.fetchall()]


@dataclass
class _Sum:
    """A book as it is added up; ``percents`` are of members' hours, by what they take each."""

    members: int = 0
    helped: int = 0
    unknown: int = 0
    percents: dict[Fraction, int] = field(default_factory=dict)

    def add(self, part: _Part, *, each: Fraction | None) -> None:
        self.members += part.owned
        self.helped += part.rows - part.owned
        if each is None:
            self.unknown += part.rows
        else:
            self.percents[each] = self.percents.get(each, 0) + part.percent

    @property
    def needed(self) -> Fraction:
        zero = Fraction(0)
        return sum((each * sum_ / 100 for each, sum_ in self.percents.items()), zero)


def _picture(
    *, as_of: date, grace_days: int, weeks: int, hours: StaffHours | None = None
) -> Picture:
    parts = _parts(as_of=as_of, grace_days=grace_days, weeks=weeks)
    if hours is None:
        hours = staff_hours(as_of=as_of)
    books: dict[int, _Sum] = defaultdict(_Sum)
    pool, unheld = _Sum(), _Sum()
    pooled: dict[int, int] = defaultdict(int)
    for part in parts:
        each = hours.get((part.segment_id, part.stage)) if part.stage else None
        if part.holder_id is not None:
            books[part.holder_id].add(part, each=each)
        elif part.is_pooled:
            pool.add(part, each=each)
            pooled[part.segment_id] += part.owned
        else:
            unheld.add(part, each=each)
    people = list(_people(as_of=as_of, holding=books.keys()))
    given = _given(people, as_of=as_of)
    in_books = [user for user in people if user.pk in books or not _is_in_pool(user)]
    found = sorted(
        (
            _person_load(user, books.get(user.pk, _Sum()), given=given.get(user.pk))
            for user in in_books
        ),
        key=lambda each: (each.load is None, -(each.load or 0), each.user.name, each.user.pk),
    )
    in_pool = [user for user in people if _is_in_pool(user)]
    pool_load = PoolLoad(
        members=pool.members,
        unknown=pool.unknown,
        needed=pool.needed,
        capacity=sum((_capacity(user) or Fraction(0) for user in in_pool), Fraction(0)),
        people=len(in_pool),
        need=_pool_need(pooled, capacity_each=_mean_capacity(people)),
    )
    return Picture(
        loads=tuple(found),
        team=_team(
            found,
            pool=pool_load,
            unheld=unheld,
            given=list(given.values()),
            capacity_each=_mean_capacity(people),
        ),
        projection=_projection(
            parts, hours=hours, loads=found, pool=pool_load, as_of=as_of, weeks=weeks
        ),
        without_end=sum(
            part.owned
            for part in parts
            if part.stage == Stage.ONBOARDING and part.value_at is None
        ),
        has_model=bool(hours),
    )


# People


def _people(*, as_of: date, holding: Iterable[int]) -> QuerySet[User]:
    """Everybody who looks after members or could, with what ``_person_load`` reads."""
    horizon = monday(as_of) + timedelta(weeks=WEEKS)
    absences = Absence.objects.filter(ends_on__gt=monday(as_of), starts_on__lt=horizon)
    newest = WeekLoad.objects.filter(
        week__lte=as_of, week__gt=as_of - timedelta(weeks=engine.OVERLOAD_WEEKS + 1)
    )
    return (
        User.objects.filter(
            Q(pk__in=list(holding))
            | Q(is_active=True, role=Role.MSM)
            | Q(is_active=True, contributor__isnull=False)
        )
        .select_related("contributor")
        .prefetch_related(
            Prefetch("absences", absences.order_by("starts_on"), to_attr="away"),
            Prefetch("week_loads", newest.order_by("week"), to_attr="newest_weeks"),
        )
        .order_by("name", "pk")
    )


def _is_in_pool(user: User) -> bool:
    contributor = _contributor(user)
    return contributor is not None and contributor.works_in_pool


def _contributor(user: User) -> Contributor | None:
    return getattr(user, "contributor", None)


def _capacity(user: User) -> Fraction | None:
    """Hours a month: the contract's, else the log-in's weekly ones; null where not said."""
    contributor = _contributor(user)
    if contributor is None:
        return user.weekly_hours * WEEKS_A_MONTH if user.weekly_hours else None
    hours = engine.capacity(
        contracted=Fraction(contributor.monthly_hours),
        leave=Fraction(contributor.leave_percent, 100),
        overhead=Fraction(contributor.overhead_percent, 100),
    )
    return hours or None


def _mean_capacity(people: Sequence[User]) -> Fraction | None:
    known = [hours for hours in map(_capacity, people) if hours]
    return sum(known, Fraction(0)) / len(known) if known else None


GIVEN = f"""
SELECT who.id, first.day, coalesce(recent.minutes, 0)
  FROM unnest(%(people)s::bigint[]) AS who (id)
 CROSS JOIN LATERAL (
     SELECT min(e."on") AS day FROM coverage_effort e
      WHERE e.by_id = who.id AND e.withdrawn_at IS NULL AND e."on" <= %(as_of)s
 ) AS first
 CROSS JOIN LATERAL (
     SELECT sum({STAFF_MINUTES}) AS minutes FROM coverage_effort e
      WHERE e.by_id = who.id AND e.withdrawn_at IS NULL
        AND e."on" <= %(as_of)s AND e."on" > %(as_of)s - {GIVEN_DAYS}
 ) AS recent
"""


def _given(people: Sequence[User], *, as_of: date) -> dict[int, Fraction]:
    """Hours a month that were recorded, by person; who has no record yet is not in it."""
    with connection.cursor() as cursor:
        cursor.execute(GIVEN, {"people": [user.pk for user in people], "as_of": as_of})
        rows = cursor.fetchall()
    given = {}
    for user, first_on, minutes in rows:
        days = min((as_of - first_on).days + 1, GIVEN_DAYS) if first_on else 0
        if days >= FEWEST_DAYS:
            given[user] = Fraction(minutes) / 60 * DAYS_A_MONTH / days
    return given


def _person_load(user: User, book: _Sum, *, given: Fraction | None) -> PersonLoad:
    weeks: list[WeekLoad] = user.newest_weeks  # type: ignore[attr-defined]  # prefetched
    loads_by_week = [
        Fraction(week.needed_minutes, week.available_minutes)
        if week.available_minutes
        else None
        for week in weeks
    ]
    return PersonLoad(
        user=user,
        members=book.members,
        helped=book.helped,
        unknown=book.unknown,
        needed=book.needed,
        given=given,
        # the hours of the pool are not those of a book
        capacity=None if _is_in_pool(user) else _capacity(user),
        absences=tuple(user.away),  # type: ignore[attr-defined]  # prefetched
        is_overloaded_for_weeks=engine.is_sustained(loads_by_week),
    )


# The team


def _team(
    people: Sequence[PersonLoad],
    *,
    pool: PoolLoad,
    unheld: _Sum,
    given: Sequence[Fraction],
    capacity_each: Fraction | None,
) -> TeamLoad:
    zero = Fraction(0)
    known = [each for each in people if each.capacity is not None]
    left_out = [each for each in people if each.capacity is None]
    carriers = [
        engine.Carrier(str(each.user.pk), each.needed, each.capacity or zero) for each in known
    ]
    # the pool and those nobody holds have no load of their own among the extremes
    sums = engine.team_load(carriers)
    whole = engine.team_load(
        [
            *carriers,
            engine.Carrier("pool", pool.needed, pool.capacity),
            engine.Carrier("nobody", unheld.needed, zero),
        ]
    )
    sums = replace(whole, highest=sums.highest, lowest=sums.lowest)
    unserved = sum((max(each.demand - each.capacity, zero) for each in carriers), zero)
    return TeamLoad(
        sums=sums,
        people=len(known) + pool.people,
        members=sum(each.members for each in people) + pool.members + unheld.members,
        unknown=sum(each.unknown for each in people) + pool.unknown + unheld.unknown,
        given=sum(given, zero) if given else None,
        pool=pool,
        unheld_members=unheld.members,
        unheld_hours=unheld.needed,
        unserved=unserved + max(pool.needed - pool.capacity, zero) + unheld.needed,
        left_out=len(left_out),
        left_out_hours=sum((each.needed for each in left_out), zero),
        capacity_each=capacity_each,
    )


def _pool_need(
    members: Mapping[int, int], *, capacity_each: Fraction | None
) -> engine.PoolNeed | None:
    """What all pools take by their requests; null where those of one are not known."""
    needs = []
    for segment in Segment.objects.filter(pk__in=members.keys()):
        if segment.requests_a_month is None or segment.handling_hours is None:
            return None
        if not capacity_each:
            return None
        needs.append(
            engine.pool_need(
                members=members[segment.pk],
                requests=Fraction(segment.requests_a_month),
                handling=Fraction(segment.handling_hours),
                occupancy=Fraction(segment.occupancy_percent, 100),
                capacity_each=capacity_each,
            )
        )
    if not needs:
        return None
    return engine.PoolNeed(
        hours=sum((each.hours for each in needs), Fraction(0)),
        people=sum((each.people for each in needs), Fraction(0)),
    )


# The weeks ahead


_Kind = tuple[int, str, int | None, int | None, int | None]


def _projection(  # noqa: PLR0913  # what a projection rests on, all by name
    parts: Iterable[_Part],
    *,
    hours: StaffHours,
    loads: Sequence[PersonLoad],
    pool: PoolLoad,
    as_of: date,
    weeks: int,
) -> tuple[PersonWeeks, ...]:
    mondays = [monday(as_of) + timedelta(weeks=step) for step in range(weeks)]
    needed: dict[int | None, np.ndarray] = defaultdict(lambda: np.zeros(weeks))
    of_kind: dict[_Kind, np.ndarray] = {}
    for part in parts:
        if part.stage is None:
            continue
        kind = part.segment_id, part.stage, part.value_at, part.window_at, part.renewed_at
        if kind not in of_kind:
            of_kind[kind] = _hours_ahead(kind, hours=hours, weeks=weeks)
        needed[part.holder_id] += of_kind[kind] * part.percent
    people = {each.user.pk: each for each in loads}
    away = {owner: _away(each.absences, mondays) for owner, each in people.items()}
    handed = dict(needed)
    for owner, each in people.items():
        for absence in each.absences:
            part_away = _away([absence], mondays)
            moved = needed[owner] * part_away
            cover = absence.cover_id if absence.cover_id in people else None
            handed[owner] = handed.get(owner, np.zeros(weeks)) - moved
            handed[cover] = handed.get(cover, np.zeros(weeks)) + moved
    a_week = float(1 / WEEKS_A_MONTH)
    rows = [
        PersonWeeks(
            user=each.user,
            weeks=_weeks(
                mondays,
                needed=handed.get(owner, np.zeros(weeks)) * a_week,
                capacity=None if each.capacity is None else float(each.capacity) * a_week,
                away=away[owner],
            ),
        )
        for owner, each in people.items()
    ]
    in_pool = PersonWeeks(
        user=None,
        weeks=_weeks(
            mondays,
            needed=handed.get(None, np.zeros(weeks)) * a_week,
            capacity=float(pool.capacity) * a_week if pool.capacity else None,
            away=np.zeros(weeks),
        ),
    )
    return (*rows, in_pool)


def _hours_ahead(kind: _Kind, *, hours: StaffHours, weeks: int) -> np.ndarray:
    """The hours a month of one such member in every week, for a hundredth of the member."""
    segment, stage, value_at, window_at, renewed_at = kind
    path = stages_ahead(
        stage=Stage(stage),
        value_at=value_at,
        window_at=window_at,
        renewed_at=renewed_at,
        steps=weeks,
    )
    return np.array([float(hours.get((segment, each), 0)) / 100 for each in path])


def _away(absences: Iterable[Absence], mondays: Sequence[date]) -> np.ndarray:
    """The part of each week's five working days that absences take."""
    spans = [(each.starts_on, each.ends_on) for each in absences]
    return np.array(
        [
            sum(
                any(starts_on <= day < ends_on for starts_on, ends_on in spans)
                for day in (first + timedelta(days=number) for number in range(WORKING_DAYS))
            )
            / WORKING_DAYS
            for first in mondays
        ]
    )


def _weeks(
    mondays: Sequence[date], *, needed: np.ndarray, capacity: float | None, away: np.ndarray
) -> tuple[WeekAhead, ...]:
    return tuple(
        WeekAhead(
            week=week,
            needed=round(max(float(needed[step]), 0.0), 4),
            available=None if capacity is None else round(capacity * (1 - away[step]), 4),
            away=float(away[step]),
        )
        for step, week in enumerate(mondays)
    )
