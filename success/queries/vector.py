"""How the members are doing: groups of them on a night, and the same members on two days."""

import re
from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, fields
from datetime import date
from decimal import Decimal
from typing import Any, Final

from django.db import connection
from django.db.models import Max, Q, QuerySet
from django.db.models.expressions import RawSQL

from members.enums import Role
from members.models import Association, Member, User
from members.rollups.scope import Scope
from success.enums import Dimension, Standing
from success.models import MemberFacts, VectorComparison, VectorRollup
from success.queries.nights import member_ranges
from success.rollups.vector import vector_parameters, vector_sql

SMALLEST_GROUP = 5
THOUSAND = Decimal(1000)
PLACES: Final = Decimal("0.000001")
NAMED: Final = re.compile(r"%\((\w+)\)s")

# The vector of every member in membership on a day; the two days differ in one parameter.
ON_DAY = """
    WITH {vector}
    SELECT v.member_id, v.state, v.pace_milli
    FROM vector v
    WHERE EXISTS (
        SELECT 1 FROM members_term t
        WHERE t.member_id = v.member_id
          AND t.starts_on <= %(as_of)s AND t.ends_on + %(grace)s > %(as_of)s
    )
"""

# Materialised: before the tables have statistics (just after an import), the planner would
# work out one day's vectors anew for every member of the other day.
PACE_BETWEEN = """
WITH earlier AS MATERIALIZED ({earlier}), later AS MATERIALIZED ({later})
SELECT count(*), coalesce(sum(earlier.pace_milli), 0), coalesce(sum(later.pace_milli), 0)
FROM earlier
JOIN later USING (member_id)
WHERE earlier.pace_milli IS NOT NULL AND later.pace_milli IS NOT NULL
"""

STATES_BETWEEN = """
WITH earlier AS MATERIALIZED ({earlier}), later AS MATERIALIZED ({later})
SELECT coalesce(earlier.state, 'not_there'), coalesce(later.state, 'not_there'), count(*)
FROM earlier
FULL JOIN later USING (member_id)
GROUP BY 1, 2
ORDER BY 1, 2
"""


# One day beside the other, counted by the pair of states; sums are of those with a pace.
DAYS_COMPARED = """
WITH earlier AS MATERIALIZED ({earlier}), later AS MATERIALIZED ({later})
SELECT coalesce(earlier.state, 'not_there'), coalesce(later.state, 'not_there'), count(*),
       count(*) FILTER (WHERE earlier.pace_milli IS NOT NULL AND later.pace_milli IS NOT NULL),
       coalesce(sum(earlier.pace_milli) FILTER (WHERE later.pace_milli IS NOT NULL), 0),
       coalesce(sum(later.pace_milli) FILTER (WHERE earlier.pace_milli IS NOT NULL), 0),
       count(earlier.pace_milli), coalesce(sum(earlier.pace_milli), 0),
       count(later.pace_milli), coalesce(sum(later.pace_milli), 0)
FROM earlier
FULL JOIN later USING (member_id)
GROUP BY 1, 2
ORDER BY 1, 2
"""

IN_MEMBERSHIP: Final = (Standing.IN_FORCE.value, Standing.IN_GRACE.value)


@dataclass(frozen=True)
class GroupHealth:
    """How a group is doing as of a night (DOMAIN 3.4); null where the group is empty.

    ``mean_pace`` is in plan-days a day. Mean, alignment, median and the share that waits for us
    are null also for fewer than five members with a pace: then show the members.
    """

    as_of: date
    dimension: str
    value: str
    in_scope: int
    with_plan: int
    with_pace: int
    states: dict[str, int]
    forward: int
    backward: int
    plan_coverage: Decimal | None
    mean_pace: Decimal | None
    alignment: Decimal | None
    median_position: int | None
    we_owe: int
    waiting: int
    waiting_share: Decimal | None

    @property
    def is_small(self) -> bool:
        return self.with_pace < SMALLEST_GROUP


@dataclass(frozen=True)
class PaceChange:
    """Mean pace of the members present on both days, and the difference; null for nobody."""

    earlier_on: date
    later_on: date
    members: int
    earlier: Decimal | None
    later: Decimal | None

    @property
    def difference(self) -> Decimal | None:
        if self.earlier is None or self.later is None:
            return None
        return self.later - self.earlier


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """A group on two days (DOMAIN 3.4): ``members`` with a pace on both, and everybody else.

    Means are plan-days a day, null for fewer than five. ``change`` is of the same members;
    ``mix`` is what is left of the change of the group's mean: who came, and who went. ``flow``
    counts members by their states (then, now); ``not_there`` is without a plan or membership.
    """

    earlier_on: date
    later_on: date
    dimension: str
    value: str
    members: int
    earlier: Decimal | None
    later: Decimal | None
    earlier_members: int
    earlier_all: Decimal | None
    later_members: int
    later_all: Decimal | None
    flow: Mapping[tuple[str, str], int] = field(default_factory=dict)

    @property
    def change(self) -> Decimal | None:
        if self.earlier is None or self.later is None:
            return None
        return self.later - self.earlier

    @property
    def mix(self) -> Decimal | None:
        if self.change is None or self.earlier_all is None or self.later_all is None:
            return None
        return self.later_all - self.earlier_all - self.change


@dataclass(frozen=True, kw_only=True)
class FewMember:
    """A member of a group too small for a mean, shown instead of it."""

    member: Member
    state: str
    pace: Decimal


def health(*, as_of: date, dimension: str = Dimension.ALL) -> list[GroupHealth]:
    """The groups of a dimension as of a night, by their key; empty where no night was run."""
    rollups = VectorRollup.objects.filter(as_of=as_of, dimension=dimension).order_by("value")
    return [_health(rollup) for rollup in rollups]


def health_over_time(*, since: date, until: date) -> list[GroupHealth]:
    """The association on each day in [since, until] that a night spoke of, oldest first."""
    rollups = VectorRollup.objects.filter(
        dimension=Dimension.ALL, as_of__gte=since, as_of__lte=until
    )
    return [_health(rollup) for rollup in rollups.order_by("as_of")]


def last_rolled_up() -> date | None:
    """The latest day whose groups are known; null before the first night."""
    day: date | None = VectorRollup.objects.aggregate(day=Max("as_of"))["day"]
    return day


def comparisons(
    *, as_of: date, earlier_on: date, dimension: str = Dimension.ALL
) -> list[Comparison]:
    """The groups of a dimension on two days, by key, as the night of ``as_of`` wrote them.

    Empty where that night compared no such days (DOMAIN 3.4).
    """
    stored = VectorComparison.objects.filter(
        as_of=as_of, earlier_on=earlier_on, dimension=dimension
    )
    return [
        _comparison(
            earlier_on=each.earlier_on,
            later_on=each.as_of,
            group=(each.dimension, each.value),
            same=(each.members, each.earlier_sum_milli, each.later_sum_milli),
            then=(each.earlier_members, each.earlier_all_milli),
            now=(each.later_members, each.later_all_milli),
            flow={_way(way): members for way, members in each.flow.items()},
        )
        for each in stored.order_by("value")
    ]


def compare_days(*, earlier: date, later: date) -> Comparison:
    """The association on any two days: as the night wrote it, else worked out now.

    Worked out, it rests on the evidence as it is known now, and takes one pass over the plans
    for each of the days; the night's own is one row (DOMAIN 3.4).
    """
    stored = comparisons(as_of=later, earlier_on=earlier)
    if stored:
        return stored[0]
    with connection.cursor() as cursor:
        cursor.execute(*_two_days(DAYS_COMPARED, earlier=earlier, later=later))
        rows = cursor.fetchall()
    sums = [sum(column) for column in zip(*(row[3:] for row in rows), strict=True)] or [0] * 7
    same, same_then, same_now, then, then_sum, now, now_sum = map(int, sums)
    return _comparison(
        earlier_on=earlier,
        later_on=later,
        group=(Dimension.ALL, ""),
        same=(same, same_then, same_now),
        then=(then, then_sum),
        now=(now, now_sum),
        flow={(row[0], row[1]): row[2] for row in rows},
    )


def members_of_the_few(
    user: User, *, dimension: str, values: Collection[str]
) -> dict[str, list[FewMember]]:
    """The members with a pace of groups too small for a mean, by group and name.

    Those ``user`` may see, as of the last night; meant for groups below five. One query.
    """
    column = GROUP_COLUMN[dimension]
    found: dict[str, list[FewMember]] = defaultdict(list)
    if not values:
        return found
    for known in (
        in_group(dimension=dimension, values=values)
        .filter(pace_milli__isnull=False, member__in=Member.objects.visible_to(user))
        .select_related("member", "segment")
        .order_by("member__name", "member_id")
    ):
        found[column(known)].append(
            FewMember(
                member=known.member,
                state=known.state,
                pace=Decimal(known.pace_milli or 0) / THOUSAND,
            )
        )
    return found


GROUP_COLUMN: Final[dict[str, Any]] = {
    Dimension.ALL: lambda _known: "",
    Dimension.SEGMENT: lambda known: known.segment.key if known.segment else "",
    Dimension.OWNER: lambda known: str(known.owner_id or ""),
    Dimension.TIER: lambda known: known.tier,
    Dimension.COHORT: lambda known: str(known.joined_on.year) if known.joined_on else "",
    Dimension.CHAPTER: lambda known: known.member.chapter,
}


def in_group(*, dimension: str, values: Collection[str]) -> "QuerySet[MemberFacts]":
    """Members in membership who are in one of these groups of a dimension, as of the night."""
    known = MemberFacts.objects.filter(standing__in=IN_MEMBERSHIP)
    given = [value for value in values if value]
    column = {
        Dimension.SEGMENT: "segment__key",
        Dimension.OWNER: "owner_id",
        Dimension.TIER: "tier",
        Dimension.COHORT: "joined_on__year",
        Dimension.CHAPTER: "member__chapter",
    }.get(Dimension(dimension))
    if column is None:
        return known
    wanted = Q(**{f"{column}__in": given})
    if "" in values:
        wanted |= (
            Q(**{column: ""})
            if column in {"tier", "member__chapter"}
            else Q(**{f"{column}__isnull": True})
        )
    return known.filter(wanted)


def were_on(day: date, *, states: Collection[str] = (), moved: int = 0) -> RawSQL:
    """The members in one of ``states`` on a day, or whose pace has risen or fallen since.

    A subquery of member ids. ``moved`` is 1 or -1, measured against the last night; only who
    had a pace on both days can have moved. One pass over the plans (DOMAIN 3.4).
    """
    [(first, last)] = member_ranges(size=2**62)
    scope = Scope(first=first, last=last)
    values = vector_parameters(as_of=day, scope=scope)
    values |= {"grace": Association.current().grace_days, "states": list(states)}
    wanted = ["one.state = ANY(%(states)s)"] if states else []
    if moved:
        wanted.append(f"f.pace_milli {'>' if moved > 0 else '<'} one.pace_milli")
    one_day = ON_DAY.format(vector=vector_sql(scope=scope))
    return _positional(
        f"""SELECT one.member_id FROM ({one_day}) AS one
            JOIN success_memberfacts f ON f.member_id = one.member_id
            WHERE {" AND ".join(wanted) or "TRUE"}""",
        values,
    )


def _positional(sql: str, values: Mapping[str, Any]) -> RawSQL:
    """The same statement with its values in order, as expressions want them."""
    names = NAMED.findall(sql)
    return RawSQL(NAMED.sub("%s", sql), [values[name] for name in names])  # noqa: S611  # ours


def plain_groups(
    user: User, *, as_of: date, dimension: str, compared_with: date
) -> list[dict[str, Any]] | None:
    """The groups of a dimension, each with what it was, as plain rows; ratios to six places.

    Null where no night spoke. Of those who look after members, an MSM gets their own.
    """
    groups = health(as_of=as_of, dimension=dimension)
    if not groups:
        return None
    if dimension == Dimension.OWNER and user.role == Role.MSM:
        groups = [group for group in groups if group.value == str(user.pk)]
    same = {
        each.value: plain(each)
        for each in comparisons(as_of=as_of, earlier_on=compared_with, dimension=dimension)
    }
    left_out = {"as_of", "dimension"}
    return [
        {
            each.name: _to_places(getattr(group, each.name))
            for each in fields(group)
            if each.name not in left_out
        }
        | {"compared": same.get(group.value)}
        for group in groups
    ]


def plain(found: Comparison) -> dict[str, Any]:
    """A comparison as a plain row, its flow as a list; ratios to six places."""
    names = [each.name for each in fields(found) if each.name != "flow"]
    flow = [
        {"from": then, "to": now, "members": members}
        for (then, now), members in sorted(found.flow.items())
    ]
    said = {name: _to_places(getattr(found, name)) for name in (*names, "change", "mix")}
    return said | {"flow": flow}


def _to_places(value: Any) -> Any:
    return value.quantize(PLACES) if isinstance(value, Decimal) else value


def pace_between(*, earlier: date, later: date) -> PaceChange:
    """Like-for-like pace: the members with a pace on both days (DOMAIN 3.4).

    Computed from the evidence as it is known now, for any two past days.
    """
    with connection.cursor() as cursor:
        cursor.execute(*_two_days(PACE_BETWEEN, earlier=earlier, later=later))
        members, before, after = cursor.fetchone()
    return PaceChange(
        earlier_on=earlier,
        later_on=later,
        members=members,
        earlier=_mean(before, members),
        later=_mean(after, members),
    )


def states_between(*, earlier: date, later: date) -> list[tuple[str, str, int]]:
    """Members by state on two days: (then, now, members); 'not_there' where out of plan."""
    with connection.cursor() as cursor:
        cursor.execute(*_two_days(STATES_BETWEEN, earlier=earlier, later=later))
        flows: list[tuple[str, str, int]] = cursor.fetchall()
    return flows


def _two_days(sql: str, *, earlier: date, later: date) -> tuple[str, dict[str, Any]]:
    [(first, last)] = member_ranges(size=2**62)
    scope = Scope(first=first, last=last)
    one_day = ON_DAY.format(vector=vector_sql(scope=scope))
    other_day = one_day.replace("%(as_of)s", "%(earlier)s")
    parameters = vector_parameters(as_of=later, scope=scope)
    parameters |= {"earlier": earlier, "grace": Association.current().grace_days}
    return sql.format(earlier=other_day, later=one_day), parameters


def _health(rollup: VectorRollup) -> GroupHealth:
    small = rollup.with_pace < SMALLEST_GROUP
    return GroupHealth(
        as_of=rollup.as_of,
        dimension=rollup.dimension,
        value=rollup.value,
        in_scope=rollup.in_scope,
        with_plan=rollup.with_plan,
        with_pace=rollup.with_pace,
        states=rollup.states,
        forward=rollup.forward,
        backward=rollup.backward,
        plan_coverage=_share(rollup.with_plan, rollup.in_scope),
        mean_pace=None if small else _mean(rollup.pace_sum_milli, rollup.with_pace),
        alignment=(
            None if small else _share(rollup.forward - rollup.backward, rollup.with_pace)
        ),
        median_position=None if small else rollup.median_position,
        we_owe=rollup.we_owe,
        waiting=rollup.waiting,
        waiting_share=None if small else _share(rollup.waiting, rollup.with_pace),
    )


def _comparison(  # noqa: PLR0913  # a row of sums, in full
    *,
    earlier_on: date,
    later_on: date,
    group: tuple[str, str],
    same: tuple[int, int, int],
    then: tuple[int, int],
    now: tuple[int, int],
    flow: Mapping[tuple[str, str], int],
) -> Comparison:
    members, same_then, same_now = same
    return Comparison(
        earlier_on=earlier_on,
        later_on=later_on,
        dimension=group[0],
        value=group[1],
        members=members,
        earlier=_mean_of_many(same_then, members),
        later=_mean_of_many(same_now, members),
        earlier_members=then[0],
        earlier_all=_mean_of_many(then[1], then[0]),
        later_members=now[0],
        later_all=_mean_of_many(now[1], now[0]),
        flow=flow,
    )


def _way(said: str) -> tuple[str, str]:
    then, _arrow, now = said.partition(">")
    return then, now


def _mean_of_many(sum_milli: int, members: int) -> Decimal | None:
    return _mean(sum_milli, members) if members >= SMALLEST_GROUP else None


def _mean(sum_milli: int, members: int) -> Decimal | None:
    return Decimal(sum_milli) / members / THOUSAND if members else None


def _share(part: int, whole: int) -> Decimal | None:
    return Decimal(part) / whole if whole else None
