"""Does stalling come before leaving, asked of the ledger and the records as they are known."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any, Final

from django.db import connection
from django.db.models import Count, Q

from members.enums import MemberKind
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
from success.queries.readings import asked_once, kept_by_night
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
A_MONTH: Final = outlook.ONE_YEAR / 12
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


@dataclass(frozen=True, slots=True, kw_only=True)
class ToldGroup:
    """A group at the landmark, how many left since, and its curve at whole years.

    ``expected`` is how many would have left had all groups been alike; null where they cannot
    be compared.
    """

    name: str
    members: int
    left: int
    expected: float | None
    points: tuple[Point, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ToldComparison:
    """Groups side by side, by name, and the log-rank test; null if they cannot be compared."""

    groups: tuple[ToldGroup, ...]
    chi_square: float | None
    degrees: int | None
    p_value: float | None

    @property
    def members(self) -> int:
        return sum(group.members for group in self.groups)

    def group(self, name: str) -> ToldGroup | None:
        """Return the group of that name; null when nobody is in it (7)."""
        return next((group for group in self.groups if group.name == name), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class ToldLook:
    """What came of asking in one way: who could be read at the landmark, and who left since."""

    name: str
    day: int
    left_before: int
    not_yet: int
    late: int
    comparison: ToldComparison
    ratio: RateRatio | None

    @property
    def stalled(self) -> ToldGroup | None:
        return self.comparison.group(outlook.STALLED)

    @property
    def moving(self) -> ToldGroup | None:
        return self.comparison.group(outlook.MOVING)


@dataclass(frozen=True, slots=True, kw_only=True)
class StalledAndLapsed:
    """The whole answer: what is looked at, the main comparison, and the others beside it.

    ``template`` and ``title`` are of the path; ``months`` are the curves of the main comparison
    by group, a point a month. ``runs`` is how many runs of membership were looked at, in one of
    ``one_in`` members.
    """

    as_of: date
    template: str
    title: str
    kind: MemberKind
    grace_days: int
    members: int
    one_in: int
    runs: int
    records_begin: date
    readable_on: date
    expected_days: tuple[int, ...]
    main: ToldLook
    by_state: ToldComparison
    looks: tuple[ToldLook, ...]
    months: Mapping[str, tuple[Point, ...]]
    tested_from: date | None
    expected_days_before: tuple[int, ...]


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


@asked_once
def sampled(*, kind: str) -> int:
    """One in how many members of a kind is looked at: every one up to 5,000 members."""
    return max(1, -(-Member.objects.filter(kind=kind).count() // MOST_MEMBERS))


@asked_once
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


@asked_once
def evidence_of_runs(
    *, template: int, kind: str, as_of: date, grace_days: int, one_in: int
) -> dict[tuple[int, int], date]:
    """When each of ``membership_runs`` would have reached each milestone of a template.

    Keyed by (index of the run, id of the template's milestone), as ``evidence_of_spells`` is.
    """
    runs = membership_runs(kind=kind, as_of=as_of, grace_days=grace_days, one_in=one_in)
    return evidence_of_spells(
        template_id=template, spells=[(run.member, run.begins_on, run.left_on) for run in runs]
    )


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


@kept_by_night
def stalled_and_lapsed(
    *, as_of: date, grace_days: int, key: str = ""
) -> StalledAndLapsed | None:
    """Whether stalling comes before leaving, of the path of ``key``, else the most used one.

    Whole days; shares as floats. Null where no path has all of its milestones in the records,
    or nothing is recorded yet that bears on it (DOMAIN 7). A part of the members is looked at
    above 5,000, so it takes no longer and no more room however many there are.
    """
    template = studied_template(key=key)
    found = template and cohort(template=template, as_of=as_of, grace_days=grace_days)
    return told(found) if found else None


def told(found: Cohort) -> StalledAndLapsed:
    """What is to be said of a cohort; all ways of asking worked out (DOMAIN 7)."""
    main = one_year_in(found)
    others = other_looks(found, main=main)
    return StalledAndLapsed(
        as_of=found.as_of,
        template=found.template.key,
        title=found.template.title,
        kind=MemberKind(found.template.audience),
        grace_days=found.grace_days,
        members=found.members,
        one_in=found.one_in,
        runs=len(found.runs),
        records_begin=found.records_begin,
        readable_on=found.readable_on,
        expected_days=tuple(stone.expected_day for stone in found.path),
        main=_told_look(main),
        by_state=_told_comparison(others.by_state, day=main.landmark.day),
        looks=tuple(_told_look(look) for look in others.looks),
        months=_by_month(main.comparison.groups),
        tested_from=others.tested_from,
        expected_days_before=tuple(stone.expected_day for stone in others.path_before),
    )


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
    looked_at: dict[str, Any] = {"as_of": as_of, "grace_days": grace_days, "one_in": one_in}
    runs = membership_runs(kind=template.audience, **looked_at)
    position = dict(template.milestones.values_list("pk", "position"))
    reached: list[dict[int, date]] = [{} for _ in runs]
    evidence = evidence_of_runs(template=template.pk, kind=template.audience, **looked_at)
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


def plain(found: StalledAndLapsed) -> dict[str, Any]:
    """The whole answer as plain values, days as ISO dates and shares as floats.

    The same for the command and the API (``docs/stalled-and-lapsed.md``).
    """
    return {
        "as_of": found.as_of.isoformat(),
        "template": found.template,
        "kind": found.kind.value,
        "grace_days": found.grace_days,
        "members": found.members,
        "one_in": found.one_in,
        "runs": found.runs,
        "records_begin": found.records_begin.isoformat(),
        "readable_on": found.readable_on.isoformat(),
        "expected_days": list(found.expected_days),
        "main": _plain_look(found.main),
        "by_state": _plain_comparison(found.by_state),
        "looks": [_plain_look(look) for look in found.looks],
        "tested_from": found.tested_from.isoformat() if found.tested_from else None,
        "expected_days_before": list(found.expected_days_before),
    }


def _plain_look(look: ToldLook) -> dict[str, Any]:
    ratio = look.ratio
    return {
        "name": look.name,
        "day": look.day,
        "left_before": look.left_before,
        "not_yet": look.not_yet,
        "read_late": look.late,
        **_plain_comparison(look.comparison),
        "rate_ratio": ratio and {"ratio": ratio.ratio, "low": ratio.low, "high": ratio.high},
    }


def _plain_comparison(comparison: ToldComparison) -> dict[str, Any]:
    return {
        "groups": [
            {
                "name": group.name,
                "members": group.members,
                "left": group.left,
                "expected_to_leave": group.expected,
                "points": [
                    {
                        "days_since_joining": point.time,
                        "at_risk": point.at_risk,
                        "stayed": point.stayed,
                        "low": point.low,
                        "high": point.high,
                    }
                    for point in group.points
                ],
            }
            for group in comparison.groups
        ],
        "chi_square": comparison.chi_square,
        "degrees": comparison.degrees,
        "p_value": comparison.p_value,
    }


def _told_look(look: Look) -> ToldLook:
    return ToldLook(
        name=look.name,
        day=look.landmark.day,
        left_before=look.landmark.left_before,
        not_yet=look.landmark.not_yet,
        late=look.landmark.late,
        comparison=_told_comparison(look.comparison, day=look.landmark.day),
        ratio=look.ratio,
    )


def _told_comparison(comparison: Comparison, *, day: int) -> ToldComparison:
    test = comparison.test
    tallies = test.tallies if test else {}
    return ToldComparison(
        groups=tuple(
            ToldGroup(
                name=group.name,
                members=group.members,
                left=group.left,
                expected=float(tallies[group.name].expected) if group.name in tallies else None,
                points=_by_year(group, day=day),
            )
            for group in comparison.groups
        ),
        chi_square=float(test.chi_square) if test else None,
        degrees=test.degrees if test else None,
        p_value=test.p_value if test else None,
    )


def _by_year(group: Group, *, day: int) -> tuple[Point, ...]:
    """A group at the landmark and at each whole year since joining, while anybody is seen."""
    years = range(day // outlook.ONE_YEAR + 1, MOST_YEARS + 1)
    first, *rest = group.at(day, *(year * outlook.ONE_YEAR for year in years))
    return (first, *(point for point in rest if point.at_risk))


def _by_month(groups: Iterable[Group]) -> dict[str, tuple[Point, ...]]:
    """The curves from a year in to the last day that anybody is seen, month by month."""
    drawn = list(groups)
    last = max((group.curve.horizon or 0 for group in drawn), default=0)
    days = [round(month * A_MONTH) for month in range(12, int(last / A_MONTH) + 1)]
    return {group.name: group.at(*days) for group in drawn}
