from datetime import date

import pytest

from config.kernel.road import Station
from success.models import PlanPause
from success.queries.members import vector_on
from success.queries.roads import road_of, roads
from tests.factories import make_member, make_plan
from tests.success.lines import replan, ungated

pytestmark = pytest.mark.django_db
DAY = date(2026, 3, 17)  # plan-day 75


def make_late_plan(**overrides):
    return make_plan(expected_days=(30, 60, 90), evidence=([date(2026, 1, 20)],), **overrides)


def test_a_road_shows_the_clock_today_and_what_it_waits_on():
    road = road_of(vector_on(make_late_plan().member, as_of=DAY))

    assert (road.day, road.plan_clock, road.clock_30_days_ago, road.horizon) == (75, 60, 45, 90)
    assert road.stations == (
        Station("Milestone 1", 30, achieved=True),
        Station("Milestone 2", 60, blocking=True),
        Station("Milestone 3", 90),
    )


@pytest.mark.parametrize("as_of", [date(2026, 1, 3), DAY, date(2026, 7, 1)])
def test_the_roads_of_a_list_are_those_of_the_pages(as_of):
    plans = [make_late_plan() for _ in range(2)]
    PlanPause.objects.create(
        plan=plans[1], starts_on=date(2026, 2, 1), ends_on=date(2026, 2, 11), reason="Leave"
    )

    drawn = roads([(plan.pk, plan.anchor_on) for plan in plans], as_of=as_of)

    assert drawn == {plan.pk: road_of(vector_on(plan.member, as_of=as_of)) for plan in plans}


def test_without_a_plan_there_is_no_road():
    early = make_plan(anchor_on=date(2026, 5, 1))

    assert road_of(vector_on(make_member(), as_of=DAY)) is None
    assert roads([(early.pk, early.anchor_on)], as_of=DAY) == {}


@pytest.mark.parametrize("item_count", [1, 3])
def test_roads_cost_two_queries(item_count, django_assert_num_queries):
    plans = [
        (plan.pk, plan.anchor_on) for plan in (make_late_plan() for _ in range(item_count))
    ]

    with django_assert_num_queries(2):
        assert len(roads(plans, as_of=DAY)) == item_count


def test_what_does_not_gate_is_not_on_the_road():
    plan = make_late_plan()
    ungated(plan)

    road = road_of(vector_on(plan.member, as_of=DAY))

    assert [station.expected_day for station in road.stations] == [30, 60, 90]
    assert roads([(plan.pk, plan.anchor_on)], as_of=DAY) == {plan.pk: road}


def test_the_days_first_agreed_stay_as_ghosts_of_a_moved_plan():
    plan = replan(make_late_plan(), on=DAY, moved={"milestone-2": 80}, dropped=["milestone-3"])

    road = road_of(vector_on(plan.member, as_of=DAY))

    assert road.stations == (
        Station("Milestone 1", 30, achieved=True),
        Station("Milestone 2", 80, first_day=60),
    )
    assert road.baseline == (60, 90)
    assert roads([(plan.pk, plan.anchor_on)], as_of=DAY)[plan.pk].baseline == ()
