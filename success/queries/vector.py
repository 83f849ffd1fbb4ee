"""How the members are doing: groups of them on a night, and the same members on two days."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from django.db import connection
from django.db.models import Max

from members.models import Association
from members.rollups.scope import Scope
from success.enums import Dimension
from success.models import VectorRollup
from success.queries.nights import member_ranges
from success.rollups.vector import vector_parameters, vector_sql

SMALLEST_GROUP = 5
THOUSAND = Decimal(1000)

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


@dataclass(frozen=True)
class GroupHealth:
    """How a group is doing as of a night (DOMAIN 3.4); null where the group is empty.

    ``mean_pace`` is in plan-days a day, null also for fewer than five members with a pace:
    then show the members, not a mean.
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
        alignment=_share(rollup.forward - rollup.backward, rollup.with_pace),
        median_position=rollup.median_position,
        we_owe=rollup.we_owe,
    )


def _mean(sum_milli: int, members: int) -> Decimal | None:
    return Decimal(sum_milli) / members / THOUSAND if members else None


def _share(part: int, whole: int) -> Decimal | None:
    return Decimal(part) / whole if whole else None
