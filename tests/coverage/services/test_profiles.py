from datetime import date, timedelta

import pytest

from coverage.engine.questionnaire import NotAnswered
from coverage.engine.segments import Misspecified
from coverage.models import Assignment, AssignmentChange, AxProfile
from coverage.rollups import assignment
from coverage.services import profiles
from coverage.services.segments import ensure_default_segments
from members.models import AuditEntry, DirtyMember
from members.rollups.scope import Scope
from tests.factories import (
    NOON,
    TODAY,
    make_assignment,
    make_ax_profile,
    make_member,
    make_segment,
    make_user,
)

pytestmark = pytest.mark.django_db

EVERYBODY = Scope(first=0, last=2**62)
EXPERT = {
    "expertise": "high",
    "resources": "sufficient",
    "guidance": "occasional",
    "contact": "asking",
}
UNTIL = date(2026, 12, 1)


def answer(member, answers=EXPERT, **overrides):
    options = {"source": "msm", "by": make_user(), "at": NOON}
    return profiles.answer(member=member, answers=answers, **(options | overrides))


def test_answers_become_the_next_version_for_a_year_and_the_night_is_told():
    first = make_ax_profile(escalation_severity=2)

    made = answer(first.member, reasons=" They told us in the review ")

    first.refresh_from_db()
    assert (first.superseded_on, made.valid_from, made.superseded_on) == (TODAY, TODAY, None)
    assert made.expires_on == TODAY + timedelta(days=365)
    assert (made.inbound_minutes, made.async_minutes, made.sync_minutes) == (25, 20, 0)
    assert (made.answers, made.source, made.reasons) == (
        EXPERT,
        "msm",
        "They told us in the review",
    )
    assert made.escalation_severity == 2
    assert list(DirtyMember.objects.values_list("member_id", "since")) == [
        (first.member_id, TODAY)
    ]


def test_answers_given_twice_make_one_version():
    member = make_member()

    first, second = answer(member), answer(member)

    assert first == second
    assert AxProfile.objects.count() == 1
    assert AuditEntry.objects.filter(verb="experience.recorded").count() == 1


def test_answers_on_the_same_day_correct_those_before():
    member = make_member()
    answer(member)

    corrected = answer(member, EXPERT | {"contact": "writing"})

    assert AxProfile.objects.get(member=member, superseded_on=None) == corrected
    assert AxProfile.objects.count() == 2


def test_answers_left_open_write_nothing():
    member = make_member()

    with pytest.raises(NotAnswered):
        answer(member, {"expertise": "high"})

    assert AxProfile.objects.count() == 0


def test_experience_recorded_is_audited_with_both_versions():
    profile = make_ax_profile(expertise="low")

    answer(profile.member)

    entry = AuditEntry.objects.get(verb="experience.recorded")
    assert (entry.before["expertise"], entry.after["expertise"]) == ("low", "high")
    assert entry.member == profile.member


def test_revise_sets_minutes_by_hand_and_keeps_what_was_answered():
    member = make_member()
    answer(member)

    made = profiles.revise(
        member=member,
        minutes={"async": 60, "sync": 40},
        reasons="They have grown",
        confidence="high",
        expires_on=UNTIL,
        by=make_user(),
        at=NOON,
    )

    assert (made.async_minutes, made.sync_minutes, made.inbound_minutes) == (60, 40, 0)
    assert (made.answers, made.expertise, made.expires_on) == (EXPERT, "high", UNTIL)


def test_revise_refuses_real_time_without_a_written_part():
    member = make_member()
    held = answer(member)

    with pytest.raises(Misspecified):
        profiles.revise(
            member=member,
            minutes={"sync": 90},
            reasons="",
            confidence="high",
            expires_on=None,
            by=make_user(),
            at=NOON,
        )

    assert AxProfile.objects.get(superseded_on=None) == held


def override(member, segment, **overrides):
    options = {"reason": "The board asked for a named person", "until": UNTIL}
    options |= {"by": make_user(name="Dana Okafor"), "at": NOON}
    return profiles.override(member=member, segment=segment, **(options | overrides))


def test_override_places_a_member_with_author_reason_and_last_day_and_is_logged():
    held = make_assignment(owner=make_user())
    pool = make_segment(is_pooled=True)

    row = override(held.member, pool)

    assert (row.segment, row.owner, row.override_until) == (pool, None, UNTIL)
    assert row.reason == "Decided by Dana Okafor: The board asked for a named person"
    change = AssignmentChange.objects.get()
    assert (change.from_segment, change.to_segment) == (held.segment, pool)
    assert (change.from_owner, change.to_owner) == (held.owner, None)
    entry = AuditEntry.objects.get(verb="assignment.overridden")
    assert (entry.before["segment"], entry.after["segment"]) == (held.segment.key, pool.key)


def test_override_again_writes_nothing():
    held, by = make_assignment(), make_user()
    segment = make_segment()
    override(held.member, segment, by=by)

    override(held.member, segment, by=by)

    assert AssignmentChange.objects.count() == 1
    assert AuditEntry.objects.filter(verb="assignment.overridden").count() == 1


def test_override_places_a_member_whom_no_rule_placed():
    segment = make_segment()

    row = override(make_member(), segment)

    assert Assignment.objects.get() == row
    assert AssignmentChange.objects.get().from_segment is None


@pytest.mark.parametrize(
    "wrong",
    [{"reason": "  "}, {"until": TODAY}, {"until": date(2028, 1, 1)}],
    ids=["no reason", "no day", "too long"],
)
def test_override_needs_a_reason_and_a_last_day_within_a_year(wrong):
    held = make_assignment()

    with pytest.raises(profiles.NotOverridable):
        override(held.member, make_segment(), **wrong)

    assert AssignmentChange.objects.count() == 0


def test_override_into_a_retired_segment_is_refused():
    with pytest.raises(profiles.NotOverridable):
        override(make_member(), make_segment(is_retired=True))


def test_night_keeps_an_override_until_it_expires():
    ensure_default_segments()
    task_force = make_segment(name="By hand")
    member = make_member()
    answer(member)
    assignment.refresh(as_of=TODAY, scope=EVERYBODY)
    override(member, task_force)

    placed = []
    for day in (TODAY, UNTIL - timedelta(days=1), UNTIL):
        assignment.refresh(as_of=day, scope=EVERYBODY)
        placed.append(Assignment.objects.get().segment.key)

    assert placed == [task_force.key, task_force.key, "inbound"]


def test_lift_lets_the_rule_place_the_member_at_the_next_night():
    ensure_default_segments()
    member = make_member()
    answer(member)
    override(member, make_segment())

    profiles.lift(member=member, by=make_user(), at=NOON)
    assignment.refresh(as_of=TODAY, scope=EVERYBODY)

    assert Assignment.objects.get().segment.key == "inbound"
    assert AuditEntry.objects.filter(verb="assignment.override_lifted").count() == 1
    with pytest.raises(profiles.NotOverridden):
        profiles.lift(member=member, by=make_user(), at=NOON)
