from datetime import date, timedelta

import pytest

from success.engine.agenda import Due, Known, Station, Topic, points

TODAY = date(2026, 7, 29)
GOAL = "Our people help build what we depend on"


def topics(known):
    return [point.topic for point in points(known, as_of=TODAY)]


def test_member_without_a_goal_is_asked_for_one_first_of_all():
    found = points(Known(), as_of=TODAY)

    assert [(point.topic, point.is_urgent) for point in found] == [
        (Topic.NO_GOAL, True),
        (Topic.WAY, False),
    ]


def test_points_stand_in_the_order_in_which_they_are_spoken_about():
    known = Known(
        wish="the docs",
        goal=GOAL,
        has_plan=True,
        reached=(Station("First value", TODAY),),
        next=Station("A maintainer", None),
        late=(Due("Theirs", TODAY, False), Due("Ours", TODAY, True)),
        ask="A case study",
    )

    assert topics(known) == [
        Topic.WISH,
        Topic.GOAL,
        Topic.REACHED,
        Topic.NEXT,
        Topic.OURS_LATE,
        Topic.THEIRS_LATE,
        Topic.WAY,
        Topic.GAP,
        Topic.ASK,
    ]


def test_late_promises_are_ours_first_and_the_longest_late_before_the_others():
    old, new = TODAY - timedelta(days=9), TODAY - timedelta(days=1)
    known = Known(
        goal=GOAL, late=(Due("a", new, True), Due("b", new, False), Due("c", old, True))
    )

    late = [
        (point.is_urgent, [promise.title for promise in point.promises])
        for point in points(known, as_of=TODAY)
        if point.promises
    ]

    assert late == [(True, ["c", "a"]), (False, ["b"])]


def test_plan_that_is_finished_asks_for_the_next_goal():
    assert Topic.FINISHED in topics(Known(goal=GOAL, has_plan=True))
    assert Topic.FINISHED not in topics(Known(goal=GOAL))
    assert Topic.FINISHED not in topics(
        Known(goal=GOAL, has_plan=True, next=Station("A maintainer", None))
    )


@pytest.mark.parametrize(
    ("days", "stale"), [(0, False), (180, False), (181, True), (400, True)]
)
def test_goal_is_stale_after_180_days(days, stale):
    confirmed_on = TODAY - timedelta(days=days)
    [goal] = [
        point
        for point in points(Known(goal=GOAL, confirmed_on=confirmed_on), as_of=TODAY)
        if point.topic == Topic.GOAL
    ]

    assert goal.is_urgent == stale
