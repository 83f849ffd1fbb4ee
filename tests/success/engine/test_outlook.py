from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from success.engine.outlook import (
    MOVING,
    STALLED,
    Run,
    Stone,
    by_state,
    compare,
    expected_days,
    in_a_hundred,
    landmark,
    readable_from,
    stalled_or_moving,
)
from success.engine.vector import State

START = date(2022, 1, 1)
KNOWN = date(2026, 1, 1)
PATH = (Stone(1, 90, 50), Stone(2, 400, 50))


def run(*, begins=START, stays=None, reached=(), member=1, known=KNOWN):
    """A run that began on a day, left after so many days (or not), and reached by days."""
    return Run(
        member=member,
        begins_on=begins,
        seen_until=known,
        left_on=None if stays is None else begins + timedelta(days=stays),
        reached={pos: begins + timedelta(days=day) for pos, day in reached},
    )


def read(*runs, day=365, readable=date.min, path=PATH):
    return landmark(path, runs, day=day, readable_on=readable, known_on=KNOWN)


def test_the_state_is_that_of_the_day():
    found = read(
        run(member=1), run(member=2, reached=[(1, 60)]), run(member=3, reached=[(1, 350)])
    )

    assert [(s.run.member, s.state, s.reached) for s in found.standings] == [
        (1, State.STALLED, 0),
        (2, State.ON_TRACK, 1),
        (3, State.ON_TRACK, 1),
    ]


@given(st.lists(st.tuples(st.integers(1, 2), st.integers(366, 1400)), max_size=2))
def test_nothing_that_came_after_the_day_moves_a_member_to_another_group(later):
    one = run(reached=later)

    assert [(s.state, s.reached) for s in read(one).standings] == [(State.STALLED, 0)]


@given(st.integers(366, 1200))
def test_when_a_member_leaves_afterwards_does_not_move_them_either(stays):
    [standing] = read(run(stays=stays, reached=[(1, 60)])).standings

    assert standing.state == State.ON_TRACK
    assert (standing.seen.time, standing.seen.happened, standing.seen.entry) == (
        stays,
        True,
        365,
    )


def test_who_left_by_the_day_or_has_not_come_to_it_is_counted_and_in_no_group():
    found = read(
        run(stays=200),
        run(stays=365),
        run(begins=KNOWN - timedelta(days=365)),
        run(begins=KNOWN - timedelta(days=366)),
    )

    assert (found.left_before, found.not_yet, len(found.standings)) == (2, 1, 1)


def test_who_joined_before_the_records_enters_late_and_is_at_risk_from_then_only():
    old = run(begins=date(2018, 1, 1), stays=3000, reached=[(1, 1000)])
    readable = date(2021, 8, 28)

    found = read(old, readable=readable)

    [standing] = found.standings
    assert (standing.read_on, standing.is_late, found.late) == (readable, True, 1)
    assert standing.seen.entry == (readable - date(2018, 1, 1)).days
    assert standing.reached == 1


def test_who_left_before_the_records_could_tell_is_not_there():
    assert read(run(begins=date(2018, 1, 1), stays=900), readable=date(2021, 8, 28)) == (
        landmark((), (), day=365, readable_on=date.min, known_on=KNOWN).__class__(
            day=365, standings=(), left_before=1, not_yet=0
        )
    )


def test_records_can_be_read_a_window_after_they_begin():
    assert readable_from(date(2021, 7, 29)) == date(2021, 8, 28)


def many(*, stalled_stay, moving_stay, begins=START):
    stalled = [run(stays=stays, begins=begins) for stays in stalled_stay]
    moving = [run(stays=s, begins=begins, reached=[(1, 60)]) for s in moving_stay]
    return [*stalled, *moving]


def test_the_rate_ratio_holds_one_just_when_the_test_finds_nothing():
    for stalled_stay, expected in ((range(400, 430), True), (range(600, 630), False)):
        runs = many(stalled_stay=stalled_stay, moving_stay=range(590, 640))
        found = compare(read(*runs).standings, by=stalled_or_moving)
        ratio = found.rate_ratio(STALLED, of=MOVING)

        assert (found.test.p_value < 0.05) is expected
        assert (ratio.low > 1 or ratio.high < 1) is expected


def test_a_group_says_how_many_are_seen_and_how_many_stayed():
    runs = many(stalled_stay=[400, 500, None, None], moving_stay=[None])
    found = compare(read(*runs).standings, by=stalled_or_moving)

    stalled = found.group(STALLED)
    points = stalled.at(365, 450, 730)
    assert [(p.at_risk, p.stayed) for p in points] == [(4, 1.0), (3, 0.75), (2, 0.5)]
    assert points[0].low is None
    assert points[1].low < 0.75 < points[1].high
    assert (stalled.members, stalled.left, found.members) == (4, 2, 5)


def test_nothing_is_compared_where_one_side_is_missing():
    found = compare(
        read(*many(stalled_stay=[400, 500], moving_stay=[])).standings, by=stalled_or_moving
    )

    assert found.test is None
    assert found.rate_ratio(STALLED, of=MOVING) is None
    assert found.group(MOVING) is None


def test_members_may_be_compared_within_their_year_only():
    early = many(stalled_stay=[400] * 20, moving_stay=[400] * 4)
    late = many(stalled_stay=[None] * 4, moving_stay=[None] * 20, begins=date(2023, 1, 1))
    standings = read(*early, *late).standings

    mixed = compare(standings, by=stalled_or_moving)
    within = compare(standings, by=stalled_or_moving, within=lambda one: one.run.begins_on.year)

    assert mixed.test.p_value < 0.001
    assert within.test is None  # in neither year is there anything to tell apart


def test_few_of_a_state_are_named_together_and_the_stalled_by_how_far_they_came():
    runs = [run(), run(reached=[(1, 60)]), run(reached=[(1, 60), (3, 200)])]
    standings = read(*runs, path=(*PATH, Stone(3, 300, 10))).standings
    name = by_state(standings)

    assert [name(standing) for standing in standings] == [
        "stalled_at_the_start",
        "stalled_on_the_way",
        "others",
    ]


def test_expected_days_are_medians_of_those_who_set_out_and_never_fall():
    path = (Stone(1, 500, 50), Stone(2, 50, 50), Stone(3, 900, 10, counted_from=1))
    runs = [run(reached=[(1, day), (3, day + 100)]) for day in range(100, 125)]

    found = expected_days(path, [*runs, run()], known_on=KNOWN)

    # the second is reached by nobody and keeps its day, but not before the one ahead of it
    assert [stone.expected_day for stone in found] == [112, 112, 212]


@pytest.mark.parametrize(
    ("p_value", "said"),
    [
        (0.152, (15, 100)),
        (1.0, (100, 100)),
        (0.006, (6, 1000)),
        (0.00044, (4, 10_000)),
        (0.00001, (0, 10_000)),
    ],
)
def test_chance_is_said_out_of_a_round_number(p_value, said):
    assert in_a_hundred(p_value) == said
