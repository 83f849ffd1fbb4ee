import random
from datetime import timedelta
from fractions import Fraction

import pytest

from members.enums import Role
from success.engine.accountability import Promise, kept_rate
from success.engine.accountability import Side as EngineSide
from success.models import Accountability
from success.queries import promises as reads
from success.queries.promises import BothSides, Kept
from tests.factories import (
    TODAY,
    make_accountability,
    make_member_facts,
    make_plan,
    make_user,
)

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
SINCE = TODAY - 30 * DAY


def between(**more):
    return reads.kept_between(since=SINCE, until=TODAY, **more)


def test_rates_of_both_sides_stand_beside_each_other(django_assert_num_queries):
    plan = make_plan()
    for side, kept, broken in (("association", 18, 2), ("member", 31, 9)):
        for number in range(kept + broken):
            make_accountability(
                plan=plan,
                side=side,
                due_on=TODAY - 5 * DAY,
                done_on=TODAY - 5 * DAY if number < kept else None,
            )

    with django_assert_num_queries(1):
        both = between()

    assert both == BothSides(ours=Kept(due=20, kept=18), theirs=Kept(due=40, kept=31))
    assert (both.ours.rate, both.theirs.rate) == (Fraction(9, 10), Fraction(31, 40))
    assert (float(both.ours.rate), float(both.theirs.rate)) == (0.9, 0.775)


def test_nothing_due_has_no_rate():
    assert between() == BothSides()
    assert between().ours.rate is None


@pytest.mark.parametrize("seed", range(5))
def test_rates_equal_the_engine_on_random_promises(seed):
    draw = random.Random(seed)
    plans = [make_plan() for _ in range(3)]
    for _ in range(80):
        make_accountability(
            plan=draw.choice(plans),
            side=draw.choice(["association", "member"]),
            due_on=TODAY - draw.randrange(-3, 40) * DAY,
            done_on=draw.choice([None, TODAY - draw.randrange(-3, 45) * DAY]),
            waived_on=draw.choice([None, None, None, TODAY - draw.randrange(-3, 5) * DAY]),
        )

    rates = reads.kept_by_member(
        member_ids=[plan.member_id for plan in plans], since=SINCE, until=TODAY
    )

    for plan in plans:
        both = rates.get(plan.member_id, BothSides())
        engine = [
            Promise(
                EngineSide(row.side),
                due_on=row.due_on,
                done_on=row.done_on,
                waived=row.waived_on is not None and row.waived_on <= TODAY,
            )
            for row in Accountability.objects.filter(plan=plan, due_on__gte=SINCE)
        ]
        for side, kept in (
            (EngineSide.ASSOCIATION, both.ours),
            (EngineSide.MEMBER, both.theirs),
        ):
            assert kept.rate == kept_rate(engine, side=side, on=TODAY)
        assert between(member=plan.member) == both


def test_rates_are_of_whoever_keeps_or_looks_after_them(django_assert_num_queries):
    amy, ben = make_user(), make_user()
    plan = make_plan()
    make_member_facts(member=plan.member, owner=amy)
    make_accountability(plan=plan, due_on=TODAY - DAY, done_on=TODAY - DAY)
    make_accountability(plan=plan, due_on=TODAY - DAY, owner=ben)
    make_accountability(plan=plan, due_on=TODAY - DAY, side="member")
    make_accountability(due_on=TODAY - DAY)

    with django_assert_num_queries(1):
        rates = reads.kept_by_owner(since=SINCE, until=TODAY)

    assert rates == {
        amy.pk: BothSides(ours=Kept(due=1, kept=1), theirs=Kept(due=1, kept=0)),
        ben.pk: BothSides(ours=Kept(due=1, kept=0)),
        None: BothSides(ours=Kept(due=1, kept=0)),
    }


def test_promise_that_ended_with_its_plan_before_its_day_binds_nobody():
    over = make_plan(closed_on=TODAY - 9 * DAY)
    make_accountability(plan=over, due_on=TODAY - 5 * DAY)
    make_accountability(plan=over, due_on=TODAY - 10 * DAY)
    make_accountability(plan=over, due_on=TODAY - 5 * DAY, done_on=TODAY - 9 * DAY)

    assert between().ours == Kept(due=2, kept=1)


@pytest.mark.parametrize("count", [1, 3])
def test_late_ones_of_ours_are_those_one_may_see_oldest_first(count, django_assert_num_queries):
    amy, ben = make_user(), make_user()
    mine = []
    for number in range(count):
        plan = make_plan()
        make_member_facts(member=plan.member, owner=amy)
        due_on = TODAY - (number + 1) * DAY
        mine.insert(0, make_accountability(plan=plan, due_on=due_on))
        make_accountability(plan=plan, due_on=due_on, owner=ben)
        make_accountability(plan=plan, due_on=due_on, side="member")
        make_accountability(plan=plan, due_on=due_on, done_on=TODAY)
        make_accountability(plan=plan, due_on=TODAY)

    with django_assert_num_queries(1):
        seen = [
            (row, row.plan.member.name, row.owner)
            for row in reads.late_of_ours(amy, as_of=TODAY)
        ]

    assert [row for row, _, _ in seen] == mine
    assert reads.late_of_ours(ben, as_of=TODAY).count() == count
    director = make_user(role=Role.DIRECTOR)
    assert reads.late_of_ours(director, as_of=TODAY).count() == 2 * count
    member = make_user(role=Role.MEMBER)
    assert reads.late_of_ours(member, as_of=TODAY).count() == 0


@pytest.mark.parametrize("count", [1, 3])
def test_promises_of_a_member_come_with_their_history(count, django_assert_num_queries):
    plan = make_plan()
    for number in range(count):
        promise = make_accountability(plan=plan, due_on=TODAY + number * DAY)
        promise.events.create(verb="made", at="2026-07-01T12:00Z")
    make_accountability(due_on=TODAY)

    with django_assert_num_queries(3):
        rows = [
            (row.due_on, [step.verb for step in row.steps], list(row.helpfulness.all()))
            for row in reads.of_member(plan.member, as_of=TODAY)
        ]

    assert rows == [(TODAY + number * DAY, ["made"], []) for number in range(count)]
