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

ANCHOR = date(2026, 1, 1)
EVERYBODY = Scope(first=0, last=2**62)

days = st.integers(0, 150)
milestones = st.lists(
    st.tuples(st.integers(1, 120), st.lists(days, max_size=4, unique=True)),
    min_size=1,
    max_size=5,
)
pauses = st.lists(st.tuples(days, st.none() | st.integers(1, 40)), max_size=2)
plans = st.lists(st.tuples(milestones, pauses), min_size=1, max_size=6)


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
    for unordered, stops in specification:
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
            )
            for position, (expected, turns) in enumerate(points, start=1)
        ]
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
                    m.position, m.expected_day, m.weight, tuple(m.evidence_dates or ())
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
    kept = ("held_on", "pace_milli", "direction", "achieved_weight", "expected_weight", "state")
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
