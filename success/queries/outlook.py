"""Does stalling come before leaving, asked of the ledger and the records as they are known."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any, Final

from django.db import connection
from django.db.models import Count, Q

from members.models import Member
from success.engine import outlook
from success.engine.outlook import (
    Comparison,
    Group,
    Landmark,
    Point,
    RateRatio,
    Run,
    Standing,
    Stone,
)
from success.models import Plan, PlanTemplate
from success.rollups.milestones import evidence_of_spells

MOST_MEMBERS: Final = 5000

RUNS = """
WITH chosen AS (
    SELECT id FROM members_member
    WHERE kind = %(kind)s AND mod(abs(hashint8(id)::bigint), %(one_in)s) = 0
),
known AS (
    SELECT t.member_id, t.starts_on, t.ends_on,
           max(t.ends_on) OVER (
               PARTITION BY t.member_id ORDER BY t.starts_on, t.ends_on, t.id
               ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
           ) AS covered_until
    FROM members_term t
    JOIN chosen ON chosen.id = t.member_id
    WHERE t.starts_on <= %(as_of)s
),
numbered AS (
    SELECT known.*, count(*) FILTER (WHERE starts_on >= covered_until + %(grace)s)
               OVER (PARTITION BY member_id ORDER BY starts_on, ends_on) AS run
    FROM known
)
SELECT member_id, min(starts_on), max(ends_on)
FROM numbered
GROUP BY member_id, run
ORDER BY member_id, run
"""

# The records of a rule begin with the first fact in any of its areas; those of a path when
# those of its last rule do.
RECORDS_BEGIN = """
SELECT CASE WHEN bool_and(first_on IS NOT NULL) THEN max(first_on) END
FROM (
    SELECT (
        SELECT min(day) FROM (
            SELECT (
                SELECT min(f.occurred_on) FROM engagement_fact f WHERE f.kind = area || '.added'
            ) AS day
            FROM jsonb_array_elements_text(m.evidence_rule -> 'areas') AS area
        ) AS seen
    ) AS first_on
    FROM success_templatemilestone m
    WHERE m.template_id = %(template)s AND m.is_gating
      AND (%(position)s IS NULL OR m.position = %(position)s)
) AS rules
"""


HEADLINE_DAY: Final = outlook.ONE_YEAR
OTHER_DAYS: Final = (180, 730)
MOST_YEARS: Final = 10


@dataclass(frozen=True, kw_only=True)
class Cohort:
    """Everybody who is looked at, the path they are held against, and what is known of them.

    ``members`` are all of the template's audience; one in ``one_in`` of them is looked at,
    which is everybody unless the association is very large.
    """

    template: PlanTemplate
    as_of: date
    grace_days: int
    members: int
    one_in: int
    records_begin: date
    path: tuple[Stone, ...]
    runs: tuple[Run, ...]

    @property
    def readable_on(self) -> date:
        return outlook.readable_from(self.records_begin)

    @property
    def recorded(self) -> tuple[Run, ...]:
        """The runs that began once the records had: all of their evidence was seen."""
        return tuple(run for run in self.runs if run.begins_on >= self.records_begin)


@dataclass(frozen=True, kw_only=True)
class Look:
    """The question put in one way: where everybody stood on a day, and who left since.

    ``landmark`` also counts those who could not be read; ``members`` are compared.
    """

    name: str
    landmark: Landmark
    comparison: Comparison

    @property
    def stalled(self) -> Group | None:
        return self.comparison.group(outlook.STALLED)

    @property
    def moving(self) -> Group | None:
        return self.comparison.group(outlook.MOVING)

    @property
    def ratio(self) -> RateRatio | None:
        return self.comparison.rate_ratio(outlook.STALLED, of=outlook.MOVING)


@dataclass(frozen=True, kw_only=True)
class OtherLooks:
    """The same question put otherwise, to see whether the answer hangs on how it is put.

    ``tested_from``: the day that parts those from whom the expected days of ``path_before``
    were taken from those on whom they were tried; null where nobody joined since the records.
    """

    by_state: Comparison
    looks: tuple[Look, ...]
    tested_from: date | None
    path_before: tuple[Stone, ...]


@dataclass(frozen=True, slots=True)
class MembershipRun:
    """One unbroken run of membership; ``left_on`` is null until it is over, grace and all."""

    member: int
    begins_on: date
    ends_on: date
    left_on: date | None

    def known_until(self, as_of: date) -> date:
        """The day of leaving; else the last day up to which they are known to have stayed."""
        return self.left_on or min(self.ends_on, as_of)


def sampled(*, kind: str) -> int:
    """One in how many members of a kind is looked at: every one up to 5,000 members."""
    return max(1, -(-Member.objects.filter(kind=kind).count() // MOST_MEMBERS))


def membership_runs(
    *, kind: str, as_of: date, grace_days: int, one_in: int = 1
) -> list[MembershipRun]:
    """The unbroken runs of membership of a kind of member, by member and first day.

    A renewal inside the grace window does not break a run (DOMAIN 4.3 #5). With ``one_in`` a
    part of the members, always the same. One pass over the terms.
    """
    grace = timedelta(days=grace_days)
    asked: dict[str, str | int | date] = {
        "kind": kind,
        "as_of": as_of,
        # without grace, what follows without a gap goes on still
        "grace": max(grace_days, 1),
        "one_in": one_in,
    }
    with connection.cursor() as cursor:
        cursor.execute(RUNS, asked)
        return [
            MembershipRun(
                member=member,
                begins_on=begins_on,
                ends_on=ends_on,
                left_on=ends_on if ends_on + grace <= as_of else None,
            )
            for member, begins_on, ends_on in cursor
        ]


def records_begin(template: PlanTemplate, *, position: int | None = None) -> date | None:
    """The day since which every gating milestone of a path would have been seen, or one.

    The records of a milestone begin with the first fact in any of its areas; those of a path
    when the last of these do. Null where a milestone has no record yet.
    """
    with connection.cursor() as cursor:
        cursor.execute(RECORDS_BEGIN, {"template": template.pk, "position": position})
        begin: date | None = cursor.fetchone()[0]
    return begin


def studied_template(*, key: str = "", audience: str = "") -> PlanTemplate | None:
    """The path that the question is asked of: the one of ``key``, else the most used.

    Only a path whose every gating milestone is seen in the records will do, because only then
    is it known of all members where they stood, with a plan or without. Null if there is none.
    """
    found = (
        PlanTemplate.objects.filter(retired_on=None)
        .annotate(
            gating=Count("milestones", filter=Q(milestones__is_gating=True), distinct=True),
            told=Count(
                "milestones",
                filter=Q(milestones__is_gating=True, milestones__evidence_rule={}),
                distinct=True,
            ),
        )
        .filter(gating__gt=0, told=0)
        .order_by("key")
    )
    if key:
        found = found.filter(key=key)
    if audience:
        found = found.filter(audience=audience)
    several = list(found)
    if len(several) < 2:
        return next(iter(several), None)
    # plans are counted only where they decide, for they may be very many
    used = dict(
        Plan.objects.filter(template__in=several)
        .values_list("template")
        .annotate(Count("pk"))
        .order_by()
    )
    return min(several, key=lambda each: (-used.get(each.pk, 0), each.key))


def cohort(*, template: PlanTemplate, as_of: date, grace_days: int) -> Cohort | None:
    """Every run of membership of the template's audience, with the day of each milestone.

    A run is over once its grace is; one in grace is known up to the end of its term. Terms
    begun and evidence dated by ``as_of`` count. Null where no record bears on the path yet.
    Above 5,000 members a part of them is looked at, always the same (``one_in``). Two passes,
    over the terms and over the involvements, whatever the number of members.
    """
    begin = records_begin(template)
    if begin is None:
        return None
    members = Member.objects.filter(kind=template.audience).count()
    one_in = sampled(kind=template.audience)
    stones = list(template.milestones.filter(is_gating=True).order_by("position"))
    return Cohort(
        template=template,
        as_of=as_of,
        grace_days=grace_days,
        members=members,
        one_in=one_in,
        records_begin=begin,
        path=tuple(
            Stone(
                position=stone.position,
                expected_day=stone.expected_day,
                weight=stone.weight,
                counted_from=stone.counted_from,
            )
            for stone in stones
        ),
        runs=tuple(_runs(template, as_of=as_of, grace_days=grace_days, one_in=one_in)),
    )


def one_year_in(found: Cohort) -> Look:
    """The main comparison: stalled against all others, one year after joining (DOMAIN 7)."""
    return _look("one_year", found, day=HEADLINE_DAY)


def other_looks(found: Cohort, *, main: Look) -> OtherLooks:
    """The same with one thing changed at a time, and the states one by one (DOMAIN 7).

    Earlier and later landmarks; only members whose whole run is in the records; each joining
    year by itself; only those who had set out; and with the expected days taken from the
    earlier half of the recorded runs, tried on the later half.
    """
    standings = main.landmark.standings
    recorded = found.recorded
    begun = sorted(run.begins_on for run in recorded)
    tested_from = begun[len(begun) // 2] if begun else None
    looks = [
        _narrowed("recorded", main, lambda one: one.run.begins_on >= found.records_begin),
        Look(
            name="by_joining_year",
            landmark=main.landmark,
            comparison=outlook.compare(
                standings,
                by=outlook.stalled_or_moving,
                within=lambda one: one.run.begins_on.year,
            ),
        ),
        _narrowed("set_out", main, lambda one: one.reached > 0),
    ]
    looks += [_look(f"day_{day}", found, day=day) for day in OTHER_DAYS]
    path_before: tuple[Stone, ...] = ()
    if tested_from is not None:
        path_before = outlook.expected_days(
            found.path,
            (run for run in recorded if run.begins_on < tested_from),
            known_on=found.as_of,
        )
        later = [run for run in recorded if run.begins_on >= tested_from]
        looks.append(
            _look("out_of_sample", found, day=HEADLINE_DAY, path=path_before, runs=later)
        )
    return OtherLooks(
        by_state=outlook.compare(standings, by=outlook.by_state(standings)),
        looks=tuple(looks),
        tested_from=tested_from,
        path_before=path_before,
    )


def _look(
    name: str,
    found: Cohort,
    *,
    day: int,
    path: tuple[Stone, ...] = (),
    runs: Iterable[Run] | None = None,
) -> Look:
    read = outlook.landmark(
        path or found.path,
        found.runs if runs is None else runs,
        day=day,
        readable_on=found.readable_on,
        known_on=found.as_of,
    )
    return Look(
        name=name,
        landmark=read,
        comparison=outlook.compare(read.standings, by=outlook.stalled_or_moving),
    )


def _narrowed(name: str, main: Look, to: Callable[[Standing], bool]) -> Look:
    kept = tuple(standing for standing in main.landmark.standings if to(standing))
    return Look(
        name=name,
        landmark=replace(main.landmark, standings=kept),
        comparison=outlook.compare(kept, by=outlook.stalled_or_moving),
    )


def _runs(
    template: PlanTemplate, *, as_of: date, grace_days: int, one_in: int
) -> Iterator[Run]:
    runs = membership_runs(
        kind=template.audience, as_of=as_of, grace_days=grace_days, one_in=one_in
    )
    position = dict(template.milestones.values_list("pk", "position"))
    reached: list[dict[int, date]] = [{} for _ in runs]
    evidence = evidence_of_spells(
        template_id=template.pk,
        spells=[(run.member, run.begins_on, run.left_on) for run in runs],
    )
    for (index, milestone), on in evidence.items():
        if on <= as_of:
            reached[index][position[milestone]] = on
    for run, days in zip(runs, reached, strict=True):
        yield Run(
            member=run.member,
            begins_on=run.begins_on,
            seen_until=run.known_until(as_of),
            left_on=run.left_on,
            reached=days,
        )


def plain(found: Cohort, *, main: Look, others: OtherLooks) -> dict[str, Any]:
    """The whole answer as plain values, days as ISO dates and shares as floats.

    The same for the command and the API (``docs/stalled-and-lapsed.md``).
    """
    return {
        "as_of": found.as_of.isoformat(),
        "template": found.template.key,
        "kind": found.template.audience,
        "grace_days": found.grace_days,
        "members": found.members,
        "one_in": found.one_in,
        "runs": len(found.runs),
        "records_begin": found.records_begin.isoformat(),
        "readable_on": found.readable_on.isoformat(),
        "expected_days": [stone.expected_day for stone in found.path],
        "main": _plain_look(main),
        "by_state": _plain_comparison(others.by_state, day=main.landmark.day),
        "looks": [_plain_look(look) for look in others.looks],
        "tested_from": others.tested_from.isoformat() if others.tested_from else None,
        "expected_days_before": [stone.expected_day for stone in others.path_before],
    }


def _plain_look(look: Look) -> dict[str, Any]:
    ratio = look.ratio
    return {
        "name": look.name,
        "day": look.landmark.day,
        "left_before": look.landmark.left_before,
        "not_yet": look.landmark.not_yet,
        "read_late": look.landmark.late,
        **_plain_comparison(look.comparison, day=look.landmark.day),
        "rate_ratio": ratio and {"ratio": ratio.ratio, "low": ratio.low, "high": ratio.high},
    }


def _plain_comparison(comparison: Comparison, *, day: int) -> dict[str, Any]:
    test = comparison.test
    return {
        "groups": [
            {
                "name": group.name,
                "members": group.members,
                "left": group.left,
                "expected_to_leave": (
                    float(test.tallies[group.name].expected)
                    if test and group.name in test.tallies
                    else None
                ),
                "points": [
                    {
                        "days_since_joining": point.time,
                        "at_risk": point.at_risk,
                        "stayed": point.stayed,
                        "low": point.low,
                        "high": point.high,
                    }
                    for point in points_of(group, day=day)
                ],
            }
            for group in comparison.groups
        ],
        "chi_square": float(test.chi_square) if test else None,
        "degrees": test.degrees if test else None,
        "p_value": test.p_value if test else None,
    }


def points_of(group: Group, *, day: int) -> list[Point]:
    """A group at the landmark and at each whole year since joining, while anybody is seen."""
    years = range(day // outlook.ONE_YEAR + 1, MOST_YEARS + 1)
    points = [group.at(time) for time in (day, *(year * outlook.ONE_YEAR for year in years))]
    return [points[0], *(point for point in points[1:] if point.at_risk)]
