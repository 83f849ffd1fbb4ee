"""MemberFacts: standing as the engine says, written only where it differs."""

from datetime import date, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engagement.models import Involvement
from members.engine.standing import Span, spell_on, standing
from members.models import DirtyMember, Member
from members.rollups.dirty import mark_dirty
from members.rollups.scope import Scope, Written
from success.models import MemberFacts, VectorChange
from success.rollups import facts
from tests.examples import example
from tests.factories import (
    make_accountability,
    make_assignment,
    make_member,
    make_plan,
    make_term,
)

EVERYBODY = Scope(first=0, last=2**62)
START = date(2026, 1, 1)

pytestmark = pytest.mark.django_db


def day(number):
    return START + timedelta(days=number)


def refresh(as_of, scope=EVERYBODY, grace_days=30):
    return facts.refresh(as_of=as_of, scope=scope, grace_days=grace_days)


terms = st.lists(st.tuples(st.integers(0, 300), st.integers(1, 120)), max_size=4)


@settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(ledgers=st.lists(terms, min_size=1, max_size=5), today=st.integers(-5, 420))
def test_standing_and_spell_equal_the_engine_on_random_terms(ledgers, today):
    with example():
        expected = {}
        for ledger in ledgers:
            member = make_member()
            spans = []
            for start, length in ledger:
                make_term(member=member, starts_on=day(start), ends_on=day(start + length))
                spans.append(Span(day(start), day(start + length)))
            spell = spell_on(spans, on=day(today), grace_days=30)
            expected[member.pk] = (
                standing(spans, on=day(today), grace_days=30).value,
                spell and spell.starts_on,
                spell and spell.ends_on,
            )

        refresh(day(today))

        found = {
            row.pk: (row.standing, row.joined_on, row.term_ends_on)
            for row in MemberFacts.objects.all()
        }
        assert found == expected


def test_facts_gather_what_is_known_of_a_member():
    member = make_member()
    make_term(member=member, tier="Gold", starts_on=START, ends_on=day(365))
    assignment = make_assignment(member=member)
    plan = make_plan(member=member, anchor_on=START, evidence=[[day(20)]])
    make_accountability(plan=plan, side="association", due_on=day(50))
    make_accountability(plan=plan, side="association", due_on=day(40), done_on=day(39))
    make_accountability(plan=plan, side="member", due_on=day(60))
    Involvement.objects.create(
        member=member, area="maintainer", subject="Kiln", starts_on=day(20)
    )

    refresh(day(70))

    known = MemberFacts.objects.get()
    assert (
        known.standing, known.tier, known.segment_id, known.plan_id, known.state,
        known.held_on, known.first_value_on, known.we_owe_since, known.they_owe_since,
        known.subjects_involved,
    ) == (
        "in_force", "Gold", assignment.segment_id, plan.pk, "slipping",
        day(60), day(20), day(50), day(60),
        1,
    )  # fmt: skip


def test_a_second_run_writes_nothing():
    for _ in range(3):
        make_plan(member=make_term().member, anchor_on=START)

    runs = [refresh(day(100)) for _ in range(2)]

    assert runs == [Written(rows_in=3, rows_out=6), Written(rows_in=3, rows_out=0)]


def test_a_vector_is_remembered_when_it_moves_and_only_then():
    make_plan(member=make_term().member, anchor_on=START, expected_days=(30,))

    for number in (10, 11, 29, 45, 46, 90, 91):
        refresh(day(number))

    changes = VectorChange.objects.order_by("on").values_list("on", "state", "pace_milli")
    assert list(changes) == [
        (day(10), "on_track", 1000),
        (day(45), "slipping", 500),
        (day(46), "slipping", 467),
        (day(90), "stalled", 0),
    ]


def test_a_promise_due_today_is_not_late():
    plan = make_plan(member=make_term().member, anchor_on=START)
    make_accountability(plan=plan, due_on=day(50))

    found = []
    for number in (50, 51):
        refresh(day(number))
        found.append(MemberFacts.objects.get().we_owe_since)

    assert found == [None, day(50)]


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    people=st.lists(
        st.tuples(terms, st.lists(st.integers(1, 200), max_size=3), st.integers(0, 250)),
        min_size=1,
        max_size=6,
    ),
    first=st.integers(0, 150),
    steps=st.lists(st.integers(1, 40), min_size=1, max_size=4),
)
def test_nights_over_changes_leave_what_a_night_over_everybody_leaves(people, first, steps):
    with example():
        for ledger, turns, due in people:
            member = make_member()
            for start, length in ledger:
                make_term(member=member, starts_on=day(start), ends_on=day(start + length))
            plan = make_plan(
                member=member, anchor_on=START, evidence=[[day(turn)] for turn in sorted(turns)]
            )
            make_accountability(plan=plan, due_on=day(due))
        refresh(day(first))

        today = first
        for step in steps:
            today += step
            due = MemberFacts.objects.filter(recheck_on__lte=day(today))
            mark_dirty([(member, day(today)) for member in due.values_list("pk", flat=True)])
            DirtyMember.objects.update(taken_by=1)
            refresh(day(today), scope=Scope(first=0, last=2**62, taken_by=1))
            DirtyMember.objects.all().delete()

        assert refresh(day(today)).rows_out == 0


def test_members_outside_the_range_are_left_alone():
    first, second = make_member(), make_member()

    refresh(START, scope=Scope(first=second.pk, last=second.pk))

    assert list(MemberFacts.objects.values_list("pk", flat=True)) == [second.pk]
    assert Member.objects.filter(pk=first.pk, known=None).exists()
