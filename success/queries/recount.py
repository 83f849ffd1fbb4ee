"""First value and stalling made anew, member by member, from terms, plans and records.

Shares no statement with the pages: runs of membership are made from the terms by the engine,
and so are the days on which the records show a milestone. Reads every row that bears on it.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any, Final

from django.db.models import Min, Q

from engagement.models import Fact, Involvement
from members.engine.standing import Span, spells
from members.enums import MemberKind
from members.models import Term
from success.engine import outlook as engine
from success.engine.explaining import Value
from success.engine.first_value import Journey, is_carried_over, onboarding
from success.engine.outlook import Run, Stone
from success.engine.records import Rule, Stretch, reached_on
from success.models import Plan, PlanTemplate, TemplateMilestone
from success.queries.outlook import HEADLINE_DAY, membership_runs, sampled, studied_template

FIRST: Final = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Spell:
    begins_on: date
    ends_on: date
    left_on: date | None

    def known_until(self, as_of: date) -> date:
        return self.left_on or min(self.ends_on, as_of)


@dataclass(slots=True)
class _Records:
    """What the records say of involvement: each member's own, and everybody's by subject."""

    own: dict[int, list[Stretch]] = field(default_factory=lambda: defaultdict(list))
    beside: dict[tuple[str, str], list[Stretch]] = field(
        default_factory=lambda: defaultdict(list)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fact:
    day: date | None
    goal: str
    watched_from: date | None = None
    is_carried: bool = False


def first_value_counts(*, as_of: date, grace_days: int) -> tuple[dict[str, Value], int]:
    """Return the figures of time to first value, and from how many runs of membership.

    Days are whole; the median is null while more than half wait (DOMAIN 2.6).
    """
    left_out = dict.fromkeys(("before_records", "carried_over", "unknown"), 0)
    journeys: list[Journey] = []
    runs = 0
    for kind in MemberKind.values:
        template = studied_template(audience=kind)
        stones = _stones(template)[: FIRST + 1] if template else []
        begin = _records_begin(stones)
        records = _records(stones) if begin else _Records()
        spells_of = _spells(kind, as_of=as_of, grace_days=grace_days)
        plans = _plans(spells_of)
        for member, own in spells_of.items():
            previous: tuple[_Spell, _Fact] | None = None
            for spell in own:
                runs += 1
                fact = _fact(
                    spell,
                    plans=plans.get(member, []),
                    template=template if begin else None,
                    stones=stones,
                    records=records,
                    member=member,
                    as_of=as_of,
                )
                reason = _left_out(spell, fact, previous=previous, begin=begin)
                if reason:
                    left_out[reason] += 1
                elif fact is not None:
                    journeys.append(
                        Journey(
                            begins_on=spell.begins_on,
                            known_until=spell.known_until(as_of),
                            has_left=spell.left_on is not None,
                            first_value_on=fact.day,
                            watched_from=fact.watched_from,
                        )
                    )
                previous = (spell, fact) if fact is not None else None
    found = onboarding(journeys)
    return {
        "members": found.members,
        "arrived": found.arrived,
        "waiting": found.waiting,
        "left_without": found.left_without,
        "median_days": found.median,
        **left_out,
    }, runs


def stalled_counts(
    *, template: PlanTemplate, as_of: date, grace_days: int
) -> tuple[dict[str, Value], int]:
    """Return who had stalled a year in and who left since, and from how many runs.

    Null where no record bears on the path yet (DOMAIN 7).
    """
    stones = _stones(template)
    begin = _records_begin(stones)
    if begin is None:
        return {}, 0
    records = _records(stones)
    runs = [
        Run(
            member=member,
            begins_on=spell.begins_on,
            seen_until=spell.known_until(as_of),
            left_on=spell.left_on,
            reached={
                stone.position: day
                for stone in stones
                if (day := _reached(stone, member, spell, records=records)) is not None
                and day <= as_of
            },
        )
        for member, own in _spells(
            template.audience, as_of=as_of, grace_days=grace_days
        ).items()
        for spell in own
    ]
    read = engine.landmark(
        [
            Stone(
                position=stone.position,
                expected_day=stone.expected_day,
                weight=stone.weight,
                counted_from=stone.counted_from,
            )
            for stone in stones
        ],
        runs,
        day=HEADLINE_DAY,
        readable_on=engine.readable_from(begin),
        known_on=as_of,
    )
    counted: dict[str, int] = defaultdict(int)
    for standing in read.standings:
        name = engine.stalled_or_moving(standing)
        counted[name] += 1
        counted[f"{name}_left"] += standing.seen.happened
    names = (engine.STALLED, engine.MOVING)
    figures: dict[str, Value] = {name: counted[name] for name in names}
    figures |= {f"{name}_left": counted[f"{name}_left"] for name in names}
    return figures | {"left_before": read.left_before, "not_yet": read.not_yet}, len(runs)


def _spells(kind: str, *, as_of: date, grace_days: int) -> dict[int, list[_Spell]]:
    terms = Term.objects.filter(member__kind=kind, starts_on__lte=as_of)
    one_in = sampled(kind=kind)
    if one_in > 1:
        looked_at = membership_runs(
            kind=kind, as_of=as_of, grace_days=grace_days, one_in=one_in
        )
        terms = terms.filter(member__in={run.member for run in looked_at})
    spans: dict[int, list[Span]] = defaultdict(list)
    for member, starts_on, ends_on in terms.order_by("member").values_list(
        "member", "starts_on", "ends_on"
    ):
        spans[member].append(Span(starts_on, ends_on))
    grace = timedelta(days=grace_days)
    return {
        member: [
            _Spell(
                begins_on=spell.starts_on,
                ends_on=spell.ends_on,
                left_on=spell.ends_on if spell.ends_on + grace <= as_of else None,
            )
            for spell in spells(own, grace_days=grace_days)
        ]
        for member, own in spans.items()
    }


def _stones(template: PlanTemplate) -> list[TemplateMilestone]:
    return list(template.milestones.filter(is_gating=True).order_by("position"))


def _records_begin(stones: list[TemplateMilestone]) -> date | None:
    """The day since which each of the milestones would have been seen."""
    days: list[date] = []
    for stone in stones:
        wanted = Q(pk=None)
        for area in Rule.from_data(stone.evidence_rule).areas:
            wanted |= Q(kind=f"{area}.added")
        first: date | None = Fact.objects.filter(wanted).aggregate(day=Min("occurred_on"))[
            "day"
        ]
        if first is None:
            return None
        days.append(first)
    return max(days, default=None)


def _records(stones: list[TemplateMilestone]) -> _Records:
    areas = {area for stone in stones for area in Rule.from_data(stone.evidence_rule).areas}
    found = _Records()
    rows = Involvement.objects.filter(area__in=areas)
    for row in rows.values_list("member", "area", "subject", "starts_on", "ends_on"):
        stretch = Stretch(*row)
        found.own[stretch.member].append(stretch)
        found.beside[stretch.area, stretch.subject].append(stretch)
    return found


def _reached(
    stone: TemplateMilestone, member: int, spell: _Spell, *, records: _Records
) -> date | None:
    return reached_on(
        Rule.from_data(stone.evidence_rule),
        records.own.get(member, ()),
        beside=records.beside,
        anchor_on=spell.begins_on,
        closed_on=spell.left_on,
    )


def _plans(members: Iterable[int]) -> dict[int, list[dict[str, Any]]]:
    """Plans that have a milestone to wait for, by member and version, each with its first."""
    found: dict[int, list[dict[str, Any]]] = defaultdict(list)
    plans = Plan.objects.filter(member__in=[*members])
    for plan in plans.order_by("member", "version").prefetch_related("milestones"):
        stones = sorted(plan.milestones.all(), key=lambda stone: stone.position)
        first = next((stone for stone in stones if stone.is_gating), None)
        if first is not None:
            found[plan.member_id].append(
                {
                    "plan": plan,
                    "first": first,
                    "has_carried": any(stone.is_carried_over for stone in stones),
                }
            )
    return found


def _fact(  # noqa: PLR0913  # a run, and all that may say something of it
    spell: _Spell,
    *,
    plans: list[dict[str, Any]],
    template: PlanTemplate | None,
    stones: list[TemplateMilestone],
    records: _Records,
    member: int,
    as_of: date,
) -> _Fact | None:
    for own in plans:
        plan, first = own["plan"], own["first"]
        if spell.begins_on <= plan.anchor_on and (
            spell.left_on is None or plan.anchor_on < spell.left_on
        ):
            turned = [day for day in first.evidence_dates or () if day <= as_of]
            is_seen = bool(first.evidence_rule) and template is not None
            return _Fact(
                day=turned[-1] if len(turned) % 2 else None,
                goal=plan.goal,
                watched_from=None
                if is_seen or plan.agreed_at is None
                else plan.agreed_at.date(),
                is_carried=own["has_carried"],
            )
    if template is None:
        return None
    day = _reached(stones[FIRST], member, spell, records=records)
    return _Fact(day=day if day and day <= as_of else None, goal=template.goal)


def _left_out(
    spell: _Spell,
    fact: _Fact | None,
    *,
    previous: tuple[_Spell, _Fact] | None,
    begin: date | None,
) -> str:
    """The reason for which a run is in no figure; blank where it counts."""
    if begin is not None and spell.begins_on < begin:
        return "before_records"
    if fact is None:
        return "unknown"
    if fact.is_carried:
        return "carried_over"
    if previous is None or previous[0].left_on is None:
        return ""
    left_on, before = previous[0].left_on, previous[1]
    brings = is_carried_over(
        began_on=spell.begins_on,
        left_before_on=left_on,
        had_first_value=before.day is not None and before.day <= left_on,
        is_same_goal=before.goal == fact.goal,
    )
    return "carried_over" if brings else ""
