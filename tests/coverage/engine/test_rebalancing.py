from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coverage.engine.rebalancing import (
    Group,
    Impossible,
    Person,
    TooFewMoves,
    Transfer,
    propose,
)

ANYBODY = frozenset(range(4))
HOURS = 12_000
BANKERS = [
    Group(demand=200, size=180, owner=0, may_take=ANYBODY),
    Group(demand=200, size=180, owner=1, may_take=ANYBODY),
    Group(demand=192, size=15, owner=2, may_take=ANYBODY),
    Group(demand=192, size=15, owner=3, may_take=ANYBODY),
]
TEAM = [Person(capacity=HOURS)] * 4


@st.composite
def questions(draw):
    people = [
        Person(capacity=draw(st.integers(50, 200)), fixed=draw(st.integers(0, 60)))
        for _ in range(draw(st.integers(1, 3)))
    ]
    places = range(len(people))
    groups = [
        Group(
            demand=draw(st.integers(1, 40)),
            size=draw(st.integers(0, 3)),
            owner=draw(st.sampled_from([None, *places])),
            may_take=frozenset(draw(st.sets(st.sampled_from(places), min_size=1))),
        )
        for _ in range(draw(st.integers(0, 3)))
    ]
    return people, groups


def held_after(groups, proposal):
    """Who holds how many of each group: what stayed, and what came."""
    held = [{} for _ in groups]
    for transfer in proposal.transfers:
        held[transfer.group][transfer.to] = transfer.members
    for place, group in enumerate(groups):
        if group.owner is not None:
            stayed = group.size - sum(held[place].values())
            held[place][group.owner] = held[place].get(group.owner, 0) + stayed
    return held


def lowest_highest(people, groups):
    """The best that whole members allow, by trying everything."""
    members = [
        (group.demand, sorted(group.may_take)) for group in groups for _ in range(group.size)
    ]
    best = None
    for takers in product(*(may_take for _, may_take in members)):
        hours = [person.fixed for person in people]
        for (demand, _), taker in zip(members, takers, strict=True):
            hours[taker] += demand
        highest = max(h / p.capacity for h, p in zip(hours, people, strict=True))
        best = highest if best is None else min(best, highest)
    return best


def test_the_overloaded_team_can_be_evened_out_and_stays_overloaded():
    found = propose(TEAM, BANKERS)
    assert round(found.bound, 6) == 1.62
    assert found.gap <= 0.01
    assert sum(load * HOURS for load in found.loads) == pytest.approx(77_760)
    assert found.moved == 166


def test_a_limit_on_moves_is_kept_and_counts_in_the_bound():
    found = propose(TEAM, BANKERS, most_moves=50)
    assert found.moved == 50
    assert found.bound == pytest.approx((360 * 200 - 50 * 200) / 2 / HOURS)


def test_what_is_even_stays_as_it_is():
    even = [Group(demand=100, size=60, owner=place, may_take=ANYBODY) for place in range(4)]
    assert propose(TEAM, even).transfers == ()


def test_members_whom_nobody_holds_are_taken_without_being_moved():
    found = propose(
        [Person(capacity=100), Person(capacity=100, fixed=90)],
        [Group(demand=10, size=3, owner=None, may_take=frozenset({0, 1}))],
    )
    assert found.transfers == (Transfer(group=0, to=0, members=3),)
    assert found.moved == 0


def test_nobody_to_take_them_is_said():
    with pytest.raises(Impossible) as caught:
        propose(TEAM, [*BANKERS, Group(demand=1, size=1, owner=None, may_take=frozenset())])
    assert caught.value.groups == (4,)


def test_too_few_moves_allowed_is_said():
    away = Group(demand=10, size=5, owner=0, may_take=frozenset({1}))
    with pytest.raises(TooFewMoves):
        propose(TEAM, [away], most_moves=4)


def test_a_proposal_tells_how_far_it_is():
    told = []
    propose(TEAM, BANKERS, progress=told.append)
    assert told == ["bound", "moves", "whole members"]


@settings(max_examples=30, deadline=None)
@given(questions())
def test_a_proposal_holds_everybody_and_is_as_even_as_can_be(question):
    people, groups = question
    found = propose(people, groups)
    held = held_after(groups, found)
    assert [sum(each.values()) for each in held] == [group.size for group in groups]
    assert all(
        set(takers) <= group.may_take
        for group, each in zip(groups, held, strict=True)
        for takers in [[taker for taker, members in each.items() if members]]
    )
    demand = sum(g.demand * g.size for g in groups) + sum(p.fixed for p in people)
    assert found.highest >= demand / sum(p.capacity for p in people) - 1e-9
    assert found.highest >= found.bound - 1e-9
    assert found.highest <= max(lowest_highest(people, groups), found.bound * 1.005) + 1e-6
