"""The earlier day's vectors: kept from night to night, and what a day asked anew would say."""

from datetime import timedelta

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from members.models import Association, DirtyMember
from members.rollups.dirty import mark_dirty
from members.rollups.scope import Scope
from success.models import EarlierVector, Milestone
from success.queries.vector import ON_DAY
from success.rollups import earlier
from success.rollups.vector import vector_parameters, vector_sql
from tests.examples import example
from tests.factories import make_member, make_plan, make_term
from tests.success.rollups.test_facts import START, day, histories, live_through

EVERYBODY = Scope(first=0, last=2**62)
TAKEN = Scope(first=0, last=2**62, taken_by=1)
GRACE = 30
BACK = 90

pytestmark = pytest.mark.django_db


def refresh(on, scope=EVERYBODY, days_back=BACK):
    return earlier.refresh(
        as_of=on + timedelta(days=days_back),
        days_back=days_back,
        scope=scope,
        grace_days=GRACE,
    )


def asked_anew(on):
    """The vectors of a day as they are worked out where nothing is kept."""
    values = vector_parameters(as_of=on, scope=EVERYBODY) | {"grace": GRACE}
    with connection.cursor() as cursor:
        cursor.execute(ON_DAY.format(vector=vector_sql(scope=EVERYBODY)), values)
        return sorted(cursor.fetchall())


def kept(days_back=BACK):
    known = EarlierVector.objects.exclude(state="").filter(days_back=days_back)
    return sorted(known.values_list("member_id", "state", "pace_milli"))


terms = st.lists(st.tuples(st.integers(-60, 200), st.integers(1, 120)), max_size=3)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    past=st.lists(st.tuples(histories, terms), min_size=1, max_size=4),
    first=st.integers(-20, 150),
    steps=st.lists(st.tuples(st.integers(0, 30), st.booleans()), min_size=1, max_size=4),
)
def test_nights_over_changes_leave_what_the_day_says_when_asked_anew(past, first, steps):
    with example():
        members = []
        for history, held in past:
            member = live_through(history)
            if held:
                # membership that comes and goes, in place of one that holds throughout
                member.terms.all().delete()
            for start, length in held:
                make_term(member=member, starts_on=day(start), ends_on=day(start + length))
            members.append(member)
        refresh(day(first))

        today = first
        for number, (step, changes) in enumerate(steps):
            today += step
            if changes:
                member = members[number % len(members)]
                milestone = Milestone.objects.filter(plan__member=member).last()
                milestone.evidence_dates = [day(today - 10)]
                milestone.save()
                mark_dirty([(member.pk, day(today))])
                DirtyMember.objects.update(taken_by=1)
            refresh(day(today), scope=TAKEN)
            DirtyMember.objects.all().delete()
            assert kept() == asked_anew(day(today))

        assert refresh(day(today)).rows_out == 0


def test_member_whom_nobody_has_marked_is_looked_at_when_there_is_no_row():
    refresh(START, scope=TAKEN)
    member = make_member()
    make_term(member=member, starts_on=START, ends_on=day(300))
    make_plan(member=member, anchor_on=START)

    refresh(day(40), scope=TAKEN)

    assert [row[0] for row in kept()] == [member.pk]


def test_grace_counts_as_membership_and_ends_on_its_day():
    member = make_member()
    make_term(member=member, starts_on=START, ends_on=day(100))
    make_plan(member=member, anchor_on=START)
    refresh(day(99))

    said = []
    for number in (129, 130):
        refresh(day(number), scope=TAKEN)
        said.append(bool(kept()))

    assert said == [True, False]
    assert Association.current().grace_days == GRACE
    assert EarlierVector.objects.get().recheck_on is None


def test_second_run_writes_nothing():
    member = make_member()
    make_term(member=member, starts_on=START, ends_on=day(300))
    make_plan(member=member, anchor_on=START + timedelta(days=3))

    assert [refresh(day(60)).rows_out for _ in range(2)] == [1, 0]


def test_two_days_are_kept_beside_each_other():
    member = make_member()
    make_term(member=member, starts_on=START, ends_on=day(300))
    make_plan(member=member, anchor_on=START)

    refresh(day(5))
    refresh(day(65), days_back=30)

    assert kept() == asked_anew(day(5))
    assert kept(days_back=30) == asked_anew(day(65)) != kept()
    assert refresh(day(70), scope=TAKEN, days_back=30).rows_in == 0
    assert refresh(day(10), scope=TAKEN).rows_in == 1
