"""The roads of members: what the vector says, ready to be drawn."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import date

from config.kernel.road import Road, Station
from success.engine import vector as engine
from success.engine.vector import Vector
from success.models import Milestone, PlanPause
from success.queries.members import VectorReading
from success.queries.plans import gating_milestone


def road_of(reading: VectorReading) -> Road | None:
    """Return the road of one member on a day; null without a plan in force (DOMAIN 3).

    Milestones that do not gate are not on it. Where the plan was re-planned, the days first
    agreed that are no longer expected are there as a ghost (3.3, SV16).
    """
    vector = reading.vector
    if vector is None:
        return None
    return _road(
        vector,
        [
            Station(
                title=milestone.title,
                expected_day=milestone.expected_day,
                achieved=milestone.achieved_on is not None,
                evidence=milestone.evidence_source or "derived",
                blocking=_blocks(vector, milestone.position),
                first_day=milestone.first_day,
            )
            for milestone in reading.milestones
        ],
        ghosts=reading.baseline.gone if reading.baseline else (),
    )


def roads(plans: Iterable[tuple[int, date]], *, as_of: date) -> dict[int, Road]:
    """Return the roads of many plans, given as (plan id, anchor), by plan id.

    Two queries, however many plans. A plan without gating milestones, or not begun by
    ``as_of``, has no road. Roads in lists show no ghosts of days first agreed.
    """
    anchors = dict(plans)
    milestones: dict[int, list[Milestone]] = defaultdict(list)
    for milestone in Milestone.objects.filter(plan__in=anchors, is_gating=True).order_by(
        "plan", "position"
    ):
        milestones[milestone.plan_id].append(milestone)
    pauses: dict[int, list[engine.Pause]] = defaultdict(list)
    for pause in PlanPause.objects.filter(plan__in=anchors):
        pauses[pause.plan_id].append(engine.Pause(pause.starts_on, pause.ends_on))
    drawn = {}
    for plan_id, path in milestones.items():
        plan = engine.Plan(
            anchor=anchors[plan_id],
            milestones=tuple(gating_milestone(milestone) for milestone in path),
            pauses=tuple(pauses[plan_id]),
        )
        vector = engine.compute(plan, as_of=as_of)
        if vector is not None:
            drawn[plan_id] = _road(
                vector, [_station(milestone, vector, as_of=as_of) for milestone in path]
            )
    return drawn


def _station(milestone: Milestone, vector: Vector, *, as_of: date) -> Station:
    turns = sum(day <= as_of for day in milestone.evidence_dates or ())
    return Station(
        title=milestone.title,
        expected_day=milestone.expected_day,
        achieved=turns % 2 == 1,
        evidence=milestone.evidence_source or "derived",
        blocking=_blocks(vector, milestone.position),
    )


def _blocks(vector: Vector, position: int) -> bool:
    return vector.blocking is not None and vector.blocking.position == position


def _road(vector: Vector, stations: list[Station], *, ghosts: tuple[int, ...] = ()) -> Road:
    moved = None if vector.raw is None else int(vector.raw * vector.window)
    return Road(
        stations=tuple(stations),
        day=vector.plan_day,
        plan_clock=vector.clock,
        clock_30_days_ago=None if moved is None else vector.clock - moved,
        horizon=max(station.expected_day for station in stations),
        baseline=ghosts,
    )
