from datetime import timedelta
from fractions import Fraction

import pytest

from coverage.engine.experience import Flag
from coverage.models import Assignment
from coverage.queries.experience import experience_of
from coverage.rollups import assignment
from coverage.services.segments import ensure_default_segments
from members.rollups.scope import Scope
from tests.factories import TODAY, make_ax_profile, make_effort, make_member

pytestmark = pytest.mark.django_db


def days_ago(days):
    return TODAY - timedelta(days=days)


def test_experience_sets_what_was_given_beside_what_is_right(django_assert_num_queries):
    ensure_default_segments()
    profile = make_ax_profile(inbound_minutes=24, async_minutes=84, sync_minutes=12)
    member = profile.member
    assignment.refresh(as_of=TODAY, scope=Scope(first=0, last=2**62))
    make_effort(on=days_ago(100))  # somebody else's: the ledger is old enough
    make_effort(member=member, modality="inbound", minutes=30, on=days_ago(0))
    make_effort(member=member, modality="sync", minutes=200, on=days_ago(89))
    make_effort(member=member, modality="group", minutes=70, on=days_ago(10))
    make_effort(member=member, minutes=500, on=days_ago(90))  # a day too old
    make_effort(member=member, minutes=500, withdrawn_at="2026-07-20T12:00Z")

    with django_assert_num_queries(6):
        found = experience_of(member, as_of=TODAY)

    # SV8 of the domain: 5 hours in another mix against 2
    assert [(s.modality.value, s.due, s.given) for s in found.shares] == [
        ("inbound", 24, 30),
        ("async", 84, 0),
        ("sync", 12, 270),
        ("taskforce", 0, 0),
    ]
    assert found.judged.fit == Fraction(1, 5)
    assert found.judged.ratio == Fraction(5, 2)
    assert found.judged.flags == {Flag.AX_MISMATCH, Flag.OVER_DELIVERY}
    assert found.agrees
    assert found.proposed.segment.key == "asynchronized"


def test_young_ledger_judges_nobody_and_says_from_when_on_it_will():
    profile = make_ax_profile()
    make_effort(on=days_ago(20))

    found = experience_of(profile.member, as_of=TODAY)

    assert (found.judged.fit, found.judged.ratio, found.judged.flags) == (
        None,
        None,
        frozenset(),
    )
    assert found.judged_from == days_ago(20) + timedelta(days=90)
    assert found.given is None


def test_member_of_whom_nothing_is_known_is_nowhere():
    found = experience_of(make_member(), as_of=TODAY)

    assert (found.profile, found.assignment, found.proposed.segment) == (None, None, None)
    assert (found.judged, found.agrees) == (None, True)


def test_rules_say_the_same_here_and_at_night():
    ensure_default_segments()
    for overrides in (
        {"expertise": "high", "resources": "sufficient", "guidance": "occasional"},
        {"sync_minutes": 40, "async_minutes": 60},
        {"sync_minutes": 39, "async_minutes": 61},
        {"async_minutes": 0},
        {"skills_needed": 3},
        {"escalation_severity": 1},
    ):
        make_ax_profile(**overrides)
    assignment.refresh(as_of=TODAY, scope=Scope(first=0, last=2**62))

    for held in Assignment.objects.select_related("member", "segment"):
        found = experience_of(held.member, as_of=TODAY)
        assert found.proposed.segment == held.segment


def test_expired_profile_has_to_be_asked_again():
    profile = make_ax_profile(expires_on=TODAY)

    assert experience_of(profile.member, as_of=TODAY).has_expired
    assert not experience_of(profile.member, as_of=days_ago(1)).has_expired
