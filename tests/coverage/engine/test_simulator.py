"""What would be, in hundredths of an hour: the loads, and the members that would move."""

from dataclasses import replace
from datetime import date
from fractions import Fraction
from random import Random
from time import perf_counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coverage.engine.rebalancing import TooFewMoves
from coverage.engine.simulator import (
    Asked,
    Carried,
    Cohort,
    Colleague,
    NobodyHasHours,
    Place,
    from_data,
    minutes_apart,
    simulate,
    to_data,
)

SYNC, INBOUND, EXPERT = 1, 2, 3
PLACES = {
    SYNC: Place(key="synchronous"),
    INBOUND: Place(key="inbound", is_pooled=True),
    EXPERT: Place(key="expert", skills=frozenset({"law"})),
}
HOURS = {SYNC: 200, INBOUND: 10, EXPERT: 300}
MIRA, OTTO = Colleague(key=1, capacity=12_000), Colleague(key=2, capacity=12_000)
EVERYBODY = Asked(most_moved_percent=None)


def demand(segment, stage):
    return HOURS[segment] * (2 if stage == "renewal" else 1)


def book(owner, count, *, first=1, segment=SYNC, **about):
    fields = {"stage": "adoption", "since": date(2026, 1, 1)} | about
    return [
        Carried(member=first + number, segment=segment, owner=owner, **fields)
        for number in range(count)
    ]


def answer(asked, carried, *, people=(MIRA, OTTO), pooled=None, demand_then=demand):
    return simulate(
        asked=asked,
        people=people,
        places=PLACES,
        carried=carried,
        pooled=pooled or {},
        demand=demand,
        demand_then=demand_then,
    )


def members(picture):
    return {each.key: each.members for each in picture.people}


def hands(found):
    return [(each.member, each.from_owner, each.to_owner) for each in found.shifts]


def test_the_load_is_shared_and_the_shortest_relationships_move():
    carried = [*book(1, 2), *book(1, 2, first=3, since=date(2026, 6, 1))]

    found = answer(EVERYBODY, carried)

    assert hands(found) == [(3, 1, 2), (4, 1, 2)]
    assert (members(found.before), members(found.after)) == ({1: 4, 2: 0}, {1: 2, 2: 2})
    assert (found.before.needed, found.after.needed) == (800, 800)
    assert (found.changed_hands, found.relationships, found.highest) == (2, 4, found.bound)


def test_no_more_relationships_move_than_are_allowed():
    found = answer(Asked(most_moved_percent=25), book(1, 8))
    assert found.changed_hands == 2


def test_nobody_moves_who_regresses_or_is_near_the_end_or_has_a_task_force():
    carried = [
        *book(1, 2, is_protected=True),
        *book(1, 1, first=3, is_near_end=True),
        *book(1, 1, first=4, shares=((2, 25),)),
    ]

    found = answer(EVERYBODY, carried)

    assert found.shifts == ()
    assert found.fixed == {"regressing": 2, "near_end": 1, "task_force": 1}
    assert {each.key: each.needed for each in found.after.people} == {1: 750, 2: 50}


def test_members_of_somebody_who_goes_away_get_other_hands_whatever_keeps_them():
    carried = [*book(1, 1, is_protected=True), *book(1, 1, first=2)]

    found = answer(Asked(most_moved_percent=0, away=frozenset({1})), carried)

    assert hands(found) == [(1, 1, 2), (2, 1, 2)]
    assert found.after.people[0].capacity == 0


def test_whoever_is_away_for_now_keeps_their_members():
    found = answer(EVERYBODY, book(1, 2), people=(replace(MIRA, is_away=True), OTTO))
    assert (found.shifts, found.fixed) == ((), {"owner_is_away": 2})


def test_members_whom_no_night_has_looked_at_stay():
    found = answer(EVERYBODY, book(1, 2, stage=""))
    assert (found.shifts, found.fixed) == ((), {"unknown": 2})


def test_members_go_only_to_people_who_know_what_is_needed_and_speak_their_language():
    speaks = frozenset({"german"})
    people = (
        MIRA,
        replace(OTTO, skills=frozenset({"law"}), languages=speaks),
        Colleague(key=3, capacity=12_000),
    )
    carried = [
        *book(1, 3, segment=EXPERT),
        *book(1, 3, first=4, language="french"),
    ]

    found = answer(EVERYBODY, carried, people=people)

    assert {each.to_owner for each in found.shifts if each.member <= 3} == {2}
    assert {each.to_owner for each in found.shifts if each.member > 3} <= {3}


def test_members_whom_nobody_may_take_stay_and_are_counted():
    found = answer(EVERYBODY, book(None, 2, segment=EXPERT))
    assert (found.stranded, found.shifts, found.after.unheld.members) == (2, (), 2)


def test_members_whom_nobody_holds_are_taken_which_is_no_move():
    found = answer(Asked(most_moved_percent=0), book(None, 2))
    assert {each.to_owner for each in found.shifts} == {1, 2}
    assert (found.changed_hands, found.after.unheld.members) == (0, 0)


def test_half_of_an_over_served_cohort_goes_to_the_pool_and_frees_its_hours():
    carried = [
        *book(1, 1, given=1.0),
        *book(1, 1, first=2, given=3.0, is_over_served=True),
        *book(1, 1, first=3, given=2.0, is_over_served=True),
        *book(1, 1, first=4, given=4.0, is_over_served=True, is_decided=True),
    ]
    cohort = Cohort(
        from_segment="synchronous", to_segment="inbound", percent=50, only_over_served=True
    )

    found = answer(Asked(most_moved_percent=0, cohort=cohort), carried, pooled={})

    assert hands(found) == [(2, 1, None)]
    assert (found.cohort, found.freed, found.pooled) == (1, 200, 10)
    assert (found.before.pool.members, found.after.pool.members) == (0, 1)
    assert found.changed_hands == 0


def test_members_of_a_pool_who_get_a_person_are_dealt():
    cohort = Cohort(from_segment="inbound", to_segment="synchronous", percent=100)
    found = answer(Asked(most_moved_percent=0, cohort=cohort), book(None, 2, segment=INBOUND))
    assert {each.to_owner for each in found.shifts} == {1, 2}
    assert (found.freed, found.pooled) == (-400, 0)


def test_people_who_are_not_there_yet_carry_and_stand_in_no_move():
    found = answer(Asked(most_moved_percent=None, added=1, added_hours=120), book(1, 9))
    assert members(found.after) == {1: 3, 2: 3, -1: 3}
    assert (found.to_added, {each.to_owner for each in found.shifts}) == ({-1: 3}, {2})


def test_hours_and_leverage_are_asked_about_without_changing_what_is():
    found = answer(
        Asked(most_moved_percent=0, hours={1: 60}, leverage={"sync": Fraction(2)}),
        book(1, 4),
        demand_then=lambda segment, stage: demand(segment, stage) // 2,
    )
    assert next((each.needed, each.capacity) for each in found.before.people) == (800, 12_000)
    assert next((each.needed, each.capacity) for each in found.after.people) == (400, 6_000)


def test_nobody_with_hours_has_no_answer():
    with pytest.raises(NobodyHasHours):
        answer(EVERYBODY, book(1, 1), people=(replace(MIRA, capacity=0),))


def test_a_question_comes_back_from_json_as_it_was():
    asked = Asked(
        most_moved_percent=None,
        added=2,
        away=frozenset({7, 3}),
        hours={3: 80},
        leverage={"async": Fraction(5, 2)},
        cells={("synchronous", "at_risk"): Fraction(9, 2)},
        parts={"inbound": 80},
        hours_apart=3,
        cohort=Cohort(from_segment="a", to_segment="b", percent=30, until=date(2027, 1, 1)),
    )
    assert from_data(to_data(asked)) == asked
    assert from_data(to_data(Asked())) == Asked()


def test_a_question_from_before_there_was_more_to_ask_is_still_understood():
    data = to_data(Asked(added=1))
    for name in ("cells", "parts", "hours_apart"):
        del data[name]
    assert from_data(data) == Asked(added=1)


def test_members_go_only_to_people_whose_clock_is_near_enough_where_it_is_asked():
    people = (
        replace(MIRA, zone=0),
        replace(OTTO, zone=11 * 60),
        Colleague(key=3, capacity=12_000, zone=-9 * 60),
        Colleague(key=4, capacity=12_000),
    )
    carried = book(None, 12, zone=10 * 60)

    near = answer(replace(EVERYBODY, hours_apart=3), carried, people=people)
    far = answer(replace(EVERYBODY, hours_apart=6), carried, people=people)
    free = answer(EVERYBODY, carried, people=people)

    # eleven hours ahead and nine behind are four apart, the short way round
    assert {each.to_owner for each in near.shifts} == {2, 4}
    assert {each.to_owner for each in far.shifts} == {2, 3, 4}
    assert {each.to_owner for each in free.shifts} == {1, 2, 3, 4}


def test_members_without_a_zone_may_go_to_anybody_and_are_counted():
    people = (replace(MIRA, zone=0), replace(OTTO, zone=9 * 60))
    carried = [*book(1, 4), *book(1, 1, first=9, zone=0, language="french")]
    found = answer(replace(EVERYBODY, hours_apart=0), carried, people=people)
    assert {each.member for each in found.shifts if each.to_owner == 2} <= {1, 2, 3, 4}
    assert len(found.shifts) > 0
    assert (found.asked_of, found.without_zone, found.without_language) == (5, 4, 4)


def test_members_for_whom_no_clock_is_near_stay_where_they_are():
    people = (replace(MIRA, zone=0), replace(OTTO, zone=9 * 60))
    found = answer(replace(EVERYBODY, hours_apart=2), book(1, 6, zone=0), people=people)
    assert (found.shifts, found.stranded) == ((), 0)
    alone = answer(replace(EVERYBODY, hours_apart=2), book(None, 1, zone=-360), people=people)
    assert (alone.shifts, alone.stranded) == ((), 1)


@pytest.mark.parametrize(
    ("one", "other", "apart"),
    [(0, 0, 0), (60, -60, 120), (720, -720, 0), (780, -600, 60), (330, 345, 15)],
)
def test_clocks_are_apart_the_short_way_round(one, other, apart):
    assert (minutes_apart(one, other), minutes_apart(other, one)) == (apart, apart)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from([1, 2, 3, None]),
            st.sampled_from([SYNC, EXPERT]),
            st.sampled_from(["adoption", "renewal"]),
            st.booleans(),
        ),
        max_size=25,
    ),
    st.sampled_from([None, 0, 20]),
)
def test_what_is_needed_in_all_stays_and_the_highest_load_is_at_least_the_teams(rows, percent):
    people = (
        MIRA,
        replace(OTTO, capacity=6_000, skills=frozenset({"law"})),
        Colleague(key=3, capacity=9_000),
    )
    carried = [
        Carried(
            member=number,
            owner=owner,
            segment=segment,
            stage=stage,
            is_protected=protected,
            since=date(2026, 1, 1),
        )
        for number, (owner, segment, stage, protected) in enumerate(rows, 1)
    ]

    try:
        found = answer(Asked(most_moved_percent=percent), carried, people=people)
    except TooFewMoves:
        pytest.fail("nobody is away, so staying is always allowed")

    assert found.after.needed == found.before.needed
    assert found.highest >= float(found.after.team) - 1e-9
    assert max(each.share for each in found.after.people) == pytest.approx(found.highest)
    if percent is not None:
        assert found.changed_hands <= found.relationships * percent // 100
    assert not any(
        row[3] and row[0] for row in (rows[each.member - 1] for each in found.shifts)
    )


@pytest.mark.parametrize("percent", [None, 20])
def test_twenty_thousand_members_of_sixty_people_are_answered_near_the_bound(percent):
    chance = Random(4)
    stages = ("adoption", "renewal")
    people = [Colleague(key=key, capacity=12_000) for key in range(1, 61)]
    carried = [
        Carried(
            member=number,
            # some have ten times what others have
            owner=min(int(chance.expovariate(0.08)) + 1, 60),
            segment=chance.choice([SYNC, EXPERT]),
            stage=chance.choice(stages),
            since=date(2026, 1, 1),
            is_protected=chance.random() < 0.05,
            is_near_end=chance.random() < 0.1,
        )
        for number in range(1, 20_001)
    ]
    able = [replace(each, skills=frozenset({"law"})) for each in people[::2]]
    began = perf_counter()

    found = answer(Asked(most_moved_percent=percent), carried, people=[*able, *people[1::2]])

    assert perf_counter() - began < 30
    assert found.bound <= found.highest <= found.bound * 1.01
    assert found.after.needed == found.before.needed
    assert found.changed_hands == len(found.shifts)
