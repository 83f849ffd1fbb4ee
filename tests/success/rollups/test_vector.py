"""The set-based vector must be the engine's, on any plan and any day."""

from datetime import date, timedelta

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from members.rollups.scope import Scope
from success.engine import vector as engine
from success.models import Milestone, PlanPause
from success.rollups.vector import vector_parameters, vector_sql
from tests.examples import example
from tests.factories import make_member, make_plan
from tests.oracles import oracle
from tests.success.lines import evolve, replan, ungated

ANCHOR = date(2026, 1, 1)
EVERYBODY = Scope(first=0, last=2**62)

days = st.integers(0, 150)
turns = st.lists(days, max_size=4, unique=True)
milestones = st.lists(
    st.tuples(st.integers(1, 120), turns, st.sampled_from(["confirmed", "declared"])),
    min_size=1,
    max_size=5,
)
pauses = st.lists(st.tuples(days, st.none() | st.integers(1, 40)), max_size=2)
plans = st.lists(
    st.tuples(milestones, pauses, st.lists(turns, max_size=2)), min_size=1, max_size=6
)


def rows(as_of):
    with connection.cursor() as cursor:
        cursor.execute(
            f"WITH {vector_sql(scope=EVERYBODY)} SELECT * FROM vector ORDER BY plan_id",
            vector_parameters(as_of=as_of, scope=EVERYBODY),
        )
        names = [column.name for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def on_day(number):
    return ANCHOR + timedelta(days=number)


def store(specification):
    made = []
    for unordered, stops, beside in specification:
        points = sorted(unordered, key=lambda point: point[0])
        plan = make_plan(anchor_on=ANCHOR, expected_days=())
        stored = [
            Milestone.objects.create(
                plan=plan,
                key=f"m{position}",
                position=position,
                title=f"M{position}",
                expected_day=expected,
                weight=7 * position,
                evidence_dates=sorted(on_day(day) for day in turns) or None,
                evidence_source=source,
            )
            for position, (expected, turns, source) in enumerate(points, start=1)
        ]
        for number, turns_beside in enumerate(beside):
            # neither weight nor day of what does not gate may show anywhere
            ungated(
                plan,
                key=f"beside-{number}",
                evidence_dates=sorted(on_day(day) for day in turns_beside) or None,
                evidence_source="declared",
            )
        for start, length in stops:
            PlanPause.objects.create(
                plan=plan,
                starts_on=on_day(start),
                ends_on=None if length is None else on_day(start + length),
                reason="away",
            )
        made.append((plan, stored))
    return made


def engine_vector(plan, stored, as_of):
    return engine.compute(
        engine.Plan(
            anchor=plan.anchor_on,
            milestones=tuple(
                engine.GatingMilestone(
                    m.position,
                    m.expected_day,
                    m.weight,
                    tuple(m.evidence_dates or ()),
                    is_declared=m.evidence_source == "declared",
                )
                for m in stored
            ),
            pauses=tuple(engine.Pause(p.starts_on, p.ends_on) for p in plan.pauses.all()),
        ),
        as_of=as_of,
    )


def expected_row(vector, stored):
    by_position = {m.position: m for m in stored}
    blocking = vector.blocking and by_position[vector.blocking.position].pk
    return {
        "plan_day": vector.plan_day,
        "ahead": vector.days_ahead,
        "pace_milli": vector.pace_milli,
        "direction": vector.direction,
        "achieved_weight": vector.achieved_weight,
        "declared_weight": vector.declared_weight,
        "expected_weight": vector.expected_weight,
        "state": vector.state.lower(),
        "blocking_id": blocking,
        "blocked_since": vector.blocked_since,
        "behind_since": vector.behind_since,
    }


@pytest.mark.django_db(transaction=False)
@settings(
    max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(specification=plans, today=st.integers(0, 170))
def test_vector_sql_equals_the_engine_on_random_plans(specification, today):
    as_of = on_day(today)
    with example():
        made = store(specification)

        found = rows(as_of)

        expected = [
            expected_row(engine_vector(plan, stored, as_of), stored) for plan, stored in made
        ]
    assert [{key: row[key] for key in expected[0]} for row in found] == expected


@pytest.mark.django_db(transaction=False)
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(specification=plans, today=st.integers(0, 150))
def test_vector_does_not_change_before_its_recheck_day(specification, today):
    kept = ("held_on", "pace_milli", "direction", "achieved_weight", "declared_weight")
    kept += ("expected_weight", "state")
    kept += ("blocking_id", "blocked_since", "behind_since", "first_value_on", "achieved_on")
    with example():
        store(specification)
        now = {row["plan_id"]: row for row in rows(on_day(today))}

        for later in range(today + 1, today + 45):
            for row in rows(on_day(later)):
                before = now[row["plan_id"]]
                if before["recheck_on"] is None or on_day(later) < before["recheck_on"]:
                    assert {k: row[k] for k in kept} == {k: before[k] for k in kept}


@pytest.mark.django_db
def test_vector_is_not_there_before_the_anchor_nor_after_the_end():
    plan = make_plan(member=make_member(), anchor_on=ANCHOR, closed_on=on_day(100))

    there = [bool(rows(on_day(day))) for day in (-1, 0, 99, 100)]

    assert there == [False, True, True, False]
    assert rows(on_day(0))[0]["plan_id"] == plan.pk


@pytest.mark.django_db
def test_each_version_counts_from_its_own_day_and_a_replanned_one_keeps_the_anchor():
    first = make_plan(anchor_on=ANCHOR, expected_days=(30, 60, 90))
    second = replan(first, on=on_day(50), moved={"milestone-1": 60})
    third = evolve(second, on=on_day(80), expected_days=(20,))

    found = [
        (row["plan_id"], row["plan_day"], row["baseline_id"])
        for day in (49, 50, 79, 80)
        for row in rows(on_day(day))
    ]

    assert found == [
        (first.pk, 49, None),
        (second.pk, 50, first.pk),
        (second.pk, 79, first.pk),
        (third.pk, 0, None),
    ]


@pytest.mark.django_db
def test_a_new_goal_starts_clean_and_is_no_regress():
    """SV7: the old version closes on track at 75; the new one begins at nothing."""
    old = make_plan(anchor_on=ANCHOR, expected_days=())
    story = ((30, 20, 25), (60, 15, 50), (90, 15, 85), (180, 25, 170), (300, 25, None))
    for position, (expected_day, weight, reached) in enumerate(story, start=1):
        Milestone.objects.create(
            plan=old,
            key=f"m{position}",
            position=position,
            title=f"M{position}",
            expected_day=expected_day,
            weight=weight,
            evidence_dates=reached and [on_day(reached)],
        )
    evolve(old, on=on_day(190), expected_days=(20, 60, 120))

    found = {
        case: (row["plan_day"], row["ahead"], row["direction"], row["achieved_weight"],
               row["expected_weight"], row["state"])
        for case, day in (("before", 189), ("SV7_evolved_DO_new_plan_day10", 200))
        for row in rows(on_day(day))
    }  # fmt: skip

    new = oracle("SV7_evolved_DO_new_plan_day10")
    assert found == {
        "before": (189, 0, 1, 75, 75, "on_track"),
        "SV7_evolved_DO_new_plan_day10": (
            new["t"], new["S"], new["delta"], new["A"], new["E"], new["state"].lower(),
        ),
    }  # fmt: skip
