"""Time to first value: who got it after how long, and who is still waiting (DOMAIN 2.6)."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any, Final

from django.db import connection
from django.db.models import QuerySet

from coverage.models import Assignment
from members.enums import MemberKind
from members.models import Member
from success.engine.first_value import Journey, Onboarding, is_carried_over, onboarding
from success.enums import Standing
from success.models import MemberFacts, PlanTemplate, TemplateMilestone
from success.queries.outlook import (
    MembershipRun,
    evidence_of_runs,
    membership_runs,
    records_begin,
    sampled,
    studied_template,
)
from success.queries.readings import kept_by_night

if TYPE_CHECKING:
    from members.models import User

SMALLEST_GROUP: Final = 5
WAITING_ORDER: Final = ("joined_on", "pk")

# The first plan that was agreed in each run, and its first milestone.
PLANNED = """
SELECT p.member_id, p.anchor_on, p.goal, p.agreed_at, m.is_derived, p.has_carried, m.dates
FROM (
    SELECT p.*, EXISTS (
        SELECT 1 FROM success_milestone c WHERE c.plan_id = p.id AND c.is_carried_over
    ) AS has_carried
    FROM success_plan p
    WHERE p.member_id = ANY (%(members)s)
) AS p
CROSS JOIN LATERAL (
    SELECT m.evidence_rule <> '{}' AS is_derived, m.evidence_dates AS dates
    FROM success_milestone m
    WHERE m.plan_id = p.id AND m.is_gating
    ORDER BY m.position
    LIMIT 1
) AS m
ORDER BY p.member_id, p.version
"""


@dataclass(frozen=True, kw_only=True)
class Traveller:
    """A run of membership as first value sees it, with the groups that it is in."""

    journey: Journey
    kind: str
    segment: str
    year: int


@dataclass(frozen=True, kw_only=True)
class LeftOut:
    """Runs that are in no curve, by the reason.

    ``unknown``: nothing says when, for want of a plan or of records. ``before_records``: begun
    before the records that would show it. ``carried_over``: came back with it. ``unseen``: it
    had happened, or the run was over, when watching began.
    """

    unknown: int
    before_records: int
    carried_over: int
    unseen: int


@dataclass(frozen=True, kw_only=True)
class GroupOnboarding:
    """A group on its way; under five members it is counted and gets no curve."""

    value: str
    found: Onboarding

    @property
    def is_small(self) -> bool:
        return self.found.members < SMALLEST_GROUP


@dataclass(frozen=True, kw_only=True)
class FirstValue:
    """Time to first value of everybody and of groups, and who is in no curve.

    ``since`` says from when the records show it, by kind; a kind without is known by plans.
    One in ``one_in`` members is looked at: everybody, but in a very large association.
    """

    as_of: date
    one_in: int
    since: dict[str, date]
    everybody: Onboarding
    by_kind: tuple[GroupOnboarding, ...]
    by_segment: tuple[GroupOnboarding, ...]
    by_year: tuple[GroupOnboarding, ...]
    left_out: LeftOut


@dataclass(frozen=True, slots=True)
class _Known:
    """What is known of first value in a run; null ``day`` while waiting."""

    day: date | None
    goal: str
    watched_from: date | None = None
    is_carried: bool = False


@kept_by_night
def first_value(*, as_of: date, grace_days: int) -> FirstValue:
    """Time to first value of every run of membership of which it can be known (DOMAIN 2.6).

    First value is the first milestone of the first plan agreed in the run. Members of a kind
    whose path is seen in the records are held against it with a plan or without, so that plans
    agreed late cannot hide those who wait; others enter on the day their plan was agreed.
    Complimentary terms count like all others. Who left without it is censored on that day. Two
    passes over terms and involvements a kind, and one over plans.
    """
    travellers: list[Traveller] = []
    unknown = before = carried = 0
    since: dict[str, date] = {}
    one_in = 1
    runs_of = {}
    for kind in MemberKind.values:
        looked_at: dict[str, Any] = {
            "kind": kind,
            "as_of": as_of,
            "grace_days": grace_days,
            "one_in": sampled(kind=kind),
        }
        one_in = max(one_in, looked_at["one_in"])
        runs_of[kind] = looked_at, membership_runs(**looked_at)
    among = {run.member for _looked_at, runs in runs_of.values() for run in runs}
    placed = Assignment.objects.filter(member__in=among)
    segments = dict(placed.values_list("member_id", "segment__key"))
    for kind, (looked_at, runs) in runs_of.items():
        template = studied_template(audience=kind)
        begin = _seen_since(template) if template else None
        if begin is not None:
            since[kind] = begin
        seen = _seen(template, looked_at=looked_at) if template and begin else {}
        known = _known(runs, template=template, seen_since=begin, seen=seen, as_of=as_of)
        previous: tuple[MembershipRun, _Known] | None = None
        for run, fact in zip(runs, known, strict=True):
            is_back = previous is not None and previous[0].member == run.member
            if begin is not None and run.begins_on < begin:
                before += 1
            elif fact is None:
                unknown += 1
            elif fact.is_carried or (is_back and previous and _brings(previous, run, fact)):
                carried += 1
            else:
                travellers.append(
                    Traveller(
                        journey=Journey(
                            begins_on=run.begins_on,
                            known_until=run.known_until(as_of),
                            has_left=run.left_on is not None,
                            first_value_on=fact.day,
                            watched_from=fact.watched_from,
                        ),
                        kind=kind,
                        segment=segments.get(run.member, ""),
                        year=run.begins_on.year,
                    )
                )
            previous = (run, fact) if fact is not None else None
    everybody = onboarding(one.journey for one in travellers)
    return FirstValue(
        as_of=as_of,
        one_in=one_in,
        since=since,
        everybody=everybody,
        by_kind=_groups((one.kind, one) for one in travellers),
        by_segment=_groups((one.segment, one) for one in travellers),
        by_year=_groups((str(one.year), one) for one in travellers),
        left_out=LeftOut(
            unknown=unknown,
            before_records=before,
            carried_over=carried,
            unseen=len(travellers) - everybody.members,
        ),
    )


def still_waiting(user: "User") -> QuerySet[MemberFacts]:
    """Members in membership without first value whom ``user`` may see, to page by when joined.

    Longest first in ``WAITING_ORDER``; as of the last night (DOMAIN 2.6).
    """
    return MemberFacts.objects.filter(
        member__in=Member.objects.visible_to(user),
        standing__in=[Standing.IN_FORCE, Standing.IN_GRACE],
        first_value_on=None,
        joined_on__isnull=False,
    ).select_related("member", "segment", "owner", "plan", "next_milestone")


def _groups(pairs: Iterable[tuple[str, Traveller]]) -> tuple[GroupOnboarding, ...]:
    groups: dict[str, list[Journey]] = {}
    for value, traveller in pairs:
        groups.setdefault(value, []).append(traveller.journey)
    return tuple(
        GroupOnboarding(value=value, found=onboarding(journeys))
        for value, journeys in sorted(groups.items())
    )


def _brings(previous: tuple[MembershipRun, _Known], run: MembershipRun, fact: _Known) -> bool:
    before, known = previous
    return before.left_on is not None and is_carried_over(
        began_on=run.begins_on,
        left_before_on=before.left_on,
        had_first_value=known.day is not None and known.day <= before.left_on,
        is_same_goal=known.goal == fact.goal,
    )


def _known(
    runs: list[MembershipRun],
    *,
    template: PlanTemplate | None,
    seen_since: date | None,
    seen: Mapping[int, date],
    as_of: date,
) -> Iterator[_Known | None]:
    """For each run: what its own plan says of first value, else what the records say."""
    planned = _planned([run.member for run in runs])
    for index, run in enumerate(runs):
        own = next(
            (
                plan
                for plan in planned.get(run.member, [])
                if run.begins_on <= plan["anchor_on"]
                and (run.left_on is None or plan["anchor_on"] < run.left_on)
            ),
            None,
        )
        if own is not None:
            agreed_on = own["agreed_at"].date() if own["agreed_at"] else None
            yield _Known(
                day=_stands(own["dates"], as_of=as_of),
                goal=own["goal"],
                watched_from=None if own["is_derived"] and seen_since else agreed_on,
                is_carried=own["has_carried"],
            )
        elif template and seen_since:
            day = seen.get(index)
            yield _Known(day=day if day and day <= as_of else None, goal=template.goal)
        else:
            yield None


def _first_milestone(template: PlanTemplate) -> TemplateMilestone:
    return template.milestones.filter(is_gating=True).order_by("position")[0]


def _seen_since(template: PlanTemplate) -> date | None:
    return records_begin(template, position=_first_milestone(template).position)


def _seen(template: PlanTemplate, *, looked_at: dict[str, Any]) -> dict[int, date]:
    first = _first_milestone(template)
    evidence = evidence_of_runs(template=template.pk, **looked_at)
    return {index: on for (index, milestone), on in evidence.items() if milestone == first.pk}


def _planned(members: list[int]) -> dict[int, list[dict[str, Any]]]:
    plans: dict[int, list[dict[str, Any]]] = {}
    with connection.cursor() as cursor:
        cursor.execute(PLANNED, {"members": members})
        for member, anchor_on, goal, agreed_at, is_derived, has_carried, dates in cursor:
            plans.setdefault(member, []).append(
                {
                    "anchor_on": anchor_on,
                    "goal": goal,
                    "agreed_at": agreed_at,
                    "is_derived": is_derived,
                    "has_carried": has_carried,
                    "dates": dates or [],
                }
            )
    return plans


def _stands(dates: list[date], *, as_of: date) -> date | None:
    """The day from which evidence has stood; null where it does not, or did not yet."""
    turned = [day for day in dates if day <= as_of]
    return turned[-1] if len(turned) % 2 else None
