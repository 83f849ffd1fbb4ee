from datetime import date

import pytest

from config.kernel.conditions import parse
from coverage.engine.facts import FACTS
from coverage.models import Assignment
from coverage.queries.segments import reach
from coverage.rollups import assignment
from coverage.services.segments import ensure_default_segments
from members.rollups.scope import Scope
from tests.factories import TODAY, make_ax_profile, make_segment, make_term

pytestmark = pytest.mark.django_db


def profile(**overrides):
    made = make_ax_profile(**overrides)
    make_term(member=made.member)
    return made


def test_reach_says_whom_a_rule_fits_and_whom_it_takes(django_assert_num_queries):
    *_, synchronous, _last = ensure_default_segments()
    profile(sync_minutes=60, async_minutes=40)
    profile(sync_minutes=60, async_minutes=40, skills_needed=3)  # the task force is first
    profile(sync_minutes=0)
    over = make_ax_profile(sync_minutes=60, async_minutes=40)
    make_term(member=over.member, starts_on=date(2024, 1, 1), ends_on=date(2025, 1, 1))
    rule = parse(synchronous.rule, registry=FACTS)

    with django_assert_num_queries(2):
        found = reach(rule, segment=synchronous, as_of=TODAY, grace_days=30)

    assert (found.asked, found.fits, found.takes, found.taken_before) == (3, 2, 1, 1)


def test_reach_agrees_with_the_night():
    segments = ensure_default_segments()
    for expertise in ("low", "high"):
        for sync in (0, 30, 70):
            profile(
                expertise=expertise,
                resources="sufficient",
                guidance="occasional",
                sync_minutes=sync,
            )
    assignment.refresh(as_of=TODAY, scope=Scope(first=0, last=2**62))

    for segment in segments:
        rule = parse(segment.rule, registry=FACTS)
        takes = reach(rule, segment=segment, as_of=TODAY, grace_days=30).takes
        assert takes == Assignment.objects.filter(segment=segment).count()


def test_reach_of_a_new_segment_comes_before_the_one_that_takes_everybody_left():
    ensure_default_segments()
    make_segment(rule={"fact": "gone", "op": "eq", "value": 1})  # cannot be used: takes nobody
    profile()
    profile(expertise="high")

    rule = parse({"fact": "expertise", "op": "eq", "value": "low"}, registry=FACTS)

    assert reach(rule, segment=None, as_of=TODAY, grace_days=30).takes == 1
