"""What coverage is told: the engine's stage, of members in membership, only where it differs."""

from datetime import date, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from coverage.engine import capacity as engine
from coverage.models import Circumstance
from members.rollups.scope import Scope, Written
from success.enums import Standing, State
from success.models import MemberFacts
from success.rollups import circumstances
from tests.examples import example
from tests.factories import (
    TODAY,
    make_ax_profile,
    make_member,
    make_member_facts,
    make_plan,
)

EVERYBODY = Scope(first=0, last=2**62)

pytestmark = pytest.mark.django_db


def refresh(as_of=TODAY, scope=EVERYBODY):
    return circumstances.refresh(as_of=as_of, scope=scope)


members = st.lists(
    st.tuples(
        st.sampled_from(State.values),
        st.sampled_from(Standing.values),
        st.booleans(),
        st.sampled_from([None, 1, 3]),
        st.none() | st.integers(-40, 400),
    ),
    min_size=1,
    max_size=6,
)


@settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(known=members)
def test_stages_equal_the_engine_on_random_members(known):
    with example():
        expected = {}
        for state, standing, has_value, severity, ends_in in known:
            ends_on = None if ends_in is None else TODAY + timedelta(days=ends_in)
            facts = make_member_facts(
                state=state,
                standing=standing,
                first_value_on=TODAY - timedelta(days=9) if has_value else None,
                term_ends_on=ends_on,
            )
            make_ax_profile(member=facts.member, escalation_severity=severity)
            if standing in {"in_force", "in_grace"}:
                stage = engine.stage(
                    state=state,
                    has_first_value=has_value,
                    escalation_is_open=severity is not None,
                    term_ends_on=ends_on,
                    on=TODAY,
                )
                expected[facts.pk] = (stage.value, ends_on, state == "regressing")

        refresh()

        assert {
            row.pk: (row.stage, row.term_ends_on, row.is_protected)
            for row in Circumstance.objects.all()
        } == expected


def test_an_escalation_counts_while_the_profile_of_the_day_says_so():
    before = make_ax_profile(escalation_severity=2, superseded_on=TODAY)
    after = make_ax_profile(escalation_severity=2, valid_from=TODAY + timedelta(days=1))
    for profile in (before, after):
        make_member_facts(member=profile.member, state="on_track", first_value_on=TODAY)

    refresh()

    assert set(Circumstance.objects.values_list("stage", flat=True)) == {"adoption"}


def test_the_day_of_first_value_is_that_of_the_first_gating_milestone():
    plan = make_plan(anchor_on=date(2026, 7, 1), expected_days=(40, 80))
    make_member_facts(member=plan.member, plan=plan, anchor_on=plan.anchor_on, state="on_track")
    make_member_facts(member=make_member(), state="no_plan")

    refresh()

    days = Circumstance.objects.order_by("pk").values_list("first_value_expected_on", flat=True)
    assert list(days) == [date(2026, 8, 10), None]


def test_a_second_run_writes_nothing_and_a_stage_keeps_its_first_day():
    facts = make_member_facts(state="on_track", first_value_on=TODAY)
    make_member_facts()
    later = TODAY + timedelta(days=1)

    runs = [refresh(), refresh(), refresh(as_of=later)]
    MemberFacts.objects.filter(pk=facts.pk).update(term_ends_on=TODAY + timedelta(days=300))
    refresh(as_of=later)

    found = Circumstance.objects.get(pk=facts.pk)
    assert runs == [Written(2, 2), Written(2, 0), Written(2, 0)]
    assert (found.stage_since, found.written_on) == (TODAY, later)


def test_who_is_in_membership_no_more_is_not_planned_for():
    facts = make_member_facts()
    other = make_member_facts()
    refresh()
    MemberFacts.objects.filter(pk__in=[facts.pk, other.pk]).update(standing="lapsed")

    refresh(scope=Scope(first=facts.pk, last=facts.pk))

    assert list(Circumstance.objects.values_list("pk", flat=True)) == [other.pk]
