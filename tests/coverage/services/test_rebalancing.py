from datetime import date, timedelta

import pytest

from coverage.engine.simulator import Asked, Cohort
from coverage.enums import RebalancingStatus
from coverage.models import Assignment, AssignmentChange, Rebalancing
from coverage.rollups import assignment
from coverage.services import rebalancing
from members.enums import Role
from members.models import AuditEntry, DirtyMember
from members.rollups.scope import Scope
from tests.factories import (
    NOON,
    TODAY,
    make_assignment,
    make_ax_profile,
    make_circumstance,
    make_coverage_model,
    make_effort,
    make_member,
    make_segment,
    make_term,
    make_user,
)

pytestmark = pytest.mark.django_db
EVERYBODY = Asked(most_moved_percent=None)


@pytest.fixture
def director():
    return make_user(role=Role.DIRECTOR, name="Dora")


@pytest.fixture
def sync():
    return make_segment(key="synchronous", position=1)


@pytest.fixture
def inbound(sync):
    pool = make_segment(key="inbound", is_pooled=True, position=2)
    make_coverage_model(
        hours=[
            (sync, "adoption", "sync", "1.5"),
            (sync, "adoption", "async", "2"),
            (pool, "adoption", "inbound", "0.1"),
        ],
        leverage=[(sync, "async", "4")],
    )
    return pool


def make_held(owner, segment, *, minutes=180, circumstance=None, given=0):
    member = make_member()
    make_term(member=member)
    make_ax_profile(member=member, async_minutes=minutes)
    make_assignment(member=member, owner=owner, segment=segment)
    make_circumstance(member=member, **(circumstance or {}))
    if given:
        make_effort(member=member, minutes=given, by=owner or make_user(role=Role.DIRECTOR))
    return member


def ready(asked, *, by):
    found = rebalancing.ask(asked=asked, by=by, as_of=TODAY, at=NOON)
    rebalancing.work_out(rebalancing_id=found.pk, clock=lambda: NOON)
    found.refresh_from_db()
    return found


def applied(asked, *, by, reason="Too much on one desk"):
    return rebalancing.apply(
        rebalancing=ready(asked, by=by), reason=reason, tells_members=False, by=by, at=NOON
    )


def owners(*members):
    found = Assignment.objects.in_bulk([each.pk for each in members])
    return [found[each.pk].owner for each in members]


def moves(found):
    return list(found.moves.order_by("member_id").values_list("member", "to_owner", "outcome"))


def test_a_question_is_worked_out_with_both_pictures(director, sync, inbound):
    mira, otto = (make_user(weekly_hours=30) for _ in range(2))
    held = [make_held(mira, sync) for _ in range(4)]

    found = ready(EVERYBODY, by=director)

    assert found.status == RebalancingStatus.READY
    assert found.before["people"] == [
        {"key": mira.pk, "members": 4, "needed": 800, "capacity": 13_000},
        {"key": otto.pk, "members": 0, "needed": 0, "capacity": 13_000},
    ]
    assert [each["needed"] for each in found.after["people"]] == [400, 400]
    assert found.bound == pytest.approx(400 / 13_000)
    assert moves(found) == [(each.pk, otto.pk, "") for each in held[2:]]
    assert found.moves.first().minutes == 120


def test_the_same_question_twice_is_asked_once(director, inbound):
    first, again = (
        rebalancing.ask(asked=EVERYBODY, by=director, as_of=TODAY, at=NOON) for _ in range(2)
    )
    assert first == again
    assert AuditEntry.objects.filter(verb="rebalancing.asked").count() == 1


def test_working_it_out_again_changes_nothing(director, sync, inbound):
    make_user(weekly_hours=30)
    found = ready(EVERYBODY, by=director)

    rebalancing.work_out(rebalancing_id=found.pk, clock=lambda: NOON + timedelta(days=1))

    found.refresh_from_db()
    assert found.finished_at == NOON


def test_one_that_lost_its_worker_is_begun_again(director, sync, inbound):
    make_user(weekly_hours=30)
    found = rebalancing.ask(asked=EVERYBODY, by=director, as_of=TODAY, at=NOON)
    Rebalancing.objects.filter(pk=found.pk).update(status=RebalancingStatus.WORKING)

    rebalancing.work_out(rebalancing_id=found.pk, clock=lambda: NOON)

    found.refresh_from_db()
    assert found.status == RebalancingStatus.READY


def test_progress_is_told_stage_by_stage(director, sync, inbound):
    mira = make_user(weekly_hours=30)
    make_held(mira, sync)
    found = rebalancing.ask(asked=EVERYBODY, by=director, as_of=TODAY, at=NOON)
    told = []

    rebalancing.work_out(rebalancing_id=found.pk, clock=lambda: NOON, progress=told.append)

    assert told == ["reading", "bound", "moves", "whole members"]


def test_without_hours_or_a_model_it_fails_in_words(director):
    found = ready(EVERYBODY, by=director)
    assert (found.status, found.error) == (
        RebalancingStatus.FAILED,
        "It is not said yet how many hours an experience takes.",
    )


@pytest.mark.parametrize(
    "asked",
    [
        Asked(most_moved_percent=101),
        Asked(leverage={"async": 0}),
        Asked(cohort=Cohort(from_segment="synchronous", to_segment="synchronous")),
        Asked(cohort=Cohort(from_segment="nowhere", to_segment="inbound")),
        Asked(cohort=Cohort(from_segment="synchronous", to_segment="old")),
        Asked(cohort=Cohort(from_segment="synchronous", to_segment="inbound", percent=0)),
    ],
)
def test_a_question_without_sense_is_refused(director, sync, inbound, asked):
    make_segment(key="old", is_retired=True)
    with pytest.raises(rebalancing.NotAskable):
        rebalancing.ask(asked=asked, by=director, as_of=TODAY, at=NOON)


def test_applying_gives_members_to_other_hands_and_remembers_why(director, sync, inbound):
    mira, otto = (make_user(weekly_hours=30) for _ in range(2))
    stays, moved = make_held(mira, sync), make_held(mira, sync)
    DirtyMember.objects.all().delete()

    found = applied(EVERYBODY, by=director)

    assert owners(stays, moved) == [mira, otto]
    assert found.status == RebalancingStatus.APPLIED
    change = AssignmentChange.objects.get()
    assert (change.member, change.from_owner, change.to_owner, change.reason) == (
        moved, mira, otto, "Too much on one desk",
    )  # fmt: skip
    assert list(DirtyMember.objects.values_list("member", "since")) == [(moved.pk, TODAY)]
    entry = AuditEntry.objects.get(verb="rebalancing.applied")
    assert (entry.by, entry.after) == (director, {"moved": 1, "left": 0})


def test_the_night_leaves_what_was_applied(director, sync, inbound):
    mira = make_user(weekly_hours=30)
    make_user(weekly_hours=30)
    held = [make_held(mira, sync, given=900) for _ in range(4)]
    cohort = Cohort(from_segment="synchronous", to_segment="inbound", only_over_served=True)
    applied(Asked(most_moved_percent=50, cohort=cohort), by=director)
    before = list(Assignment.objects.order_by("pk").values())

    assignment.refresh(as_of=TODAY + timedelta(days=1), scope=Scope(first=0, last=held[-1].pk))

    now = Assignment.objects.order_by("pk")
    kept = ["segment_id", "owner_id", "override_reason", "override_until"]
    assert [[row[key] for key in kept] for row in now.values()] == [
        [row[key] for key in kept] for row in before
    ]
    assert now.filter(segment=inbound, override_by=director).count() == 2


def test_members_whom_somebody_has_moved_meanwhile_are_left(director, sync, inbound):
    mira, _otto, other = (make_user(weekly_hours=30) for _ in range(3))
    held = [make_held(mira, sync) for _ in range(2)]
    found = ready(Asked(most_moved_percent=None, away=frozenset({mira.pk})), by=director)
    Assignment.objects.filter(member=held[0]).update(owner=other)

    found = rebalancing.apply(
        rebalancing=found, reason="x", tells_members=False, by=director, at=NOON
    )

    assert [outcome for _, _, outcome in moves(found)] == ["left", "applied"]
    assert owners(held[0]) == [other]


def test_a_cohort_moves_to_the_pool_for_a_time_and_frees_hours(director, sync, inbound):
    mira = make_user(weekly_hours=30)
    over = [make_held(mira, sync, given=900) for _ in range(4)]
    make_held(mira, sync, given=180)
    cohort = Cohort(
        from_segment="synchronous",
        to_segment="inbound",
        only_over_served=True,
        until=date(2027, 1, 1),
    )

    found = applied(Asked(most_moved_percent=0, cohort=cohort), by=director, reason="Enough")

    assert (found.after["cohort"], found.after["freed"], found.after["pooled"]) == (2, 400, 20)
    gone = Assignment.objects.filter(segment=inbound)
    assert {each.member_id for each in gone} == {over[0].pk, over[1].pk}
    assert {(each.owner, each.override_reason, each.override_until) for each in gone} == {
        (None, "Enough", date(2027, 1, 1))
    }


def test_undoing_puts_back_who_was_not_touched_since(director, sync, inbound):
    mira = make_user(weekly_hours=30)
    held = [make_held(mira, sync, given=900) for _ in range(4)]
    cohort = Cohort(from_segment="synchronous", to_segment="inbound")
    before = list(Assignment.objects.order_by("pk").values())
    found = applied(Asked(most_moved_percent=0, cohort=cohort), by=director)
    Assignment.objects.filter(member=held[0]).update(owner=mira)

    found = rebalancing.undo(rebalancing=found, by=director, at=NOON)

    assert found.status == RebalancingStatus.UNDONE
    assert [outcome for _, _, outcome in moves(found)] == ["kept", "undone"]
    back = Assignment.objects.get(member=held[1])
    told = ["segment_id", "owner_id", "override_reason", "override_by_id", "override_until"]
    was = next(row for row in before if row["member_id"] == held[1].pk)
    assert [getattr(back, name) for name in told] == [was[name] for name in told]
    last = AssignmentChange.objects.order_by("pk").last()
    assert (last.member, last.to_segment, last.reason) == (
        held[1], sync, "Undone: Too much on one desk",
    )  # fmt: skip


def test_it_is_applied_and_undone_once(director, sync, inbound):
    make_held(make_user(weekly_hours=30), sync)
    found = applied(EVERYBODY, by=director)
    with pytest.raises(rebalancing.NotApplicable):
        rebalancing.apply(
            rebalancing=found, reason="x", tells_members=False, by=director, at=NOON
        )
    rebalancing.undo(rebalancing=found, by=director, at=NOON)
    with pytest.raises(rebalancing.NotUndoable):
        rebalancing.undo(rebalancing=found, by=director, at=NOON)


def test_what_counts_on_people_to_come_is_not_applied(director, sync, inbound):
    make_held(make_user(weekly_hours=30), sync)
    found = ready(Asked(added=1), by=director)
    with pytest.raises(rebalancing.NotApplicable):
        rebalancing.apply(
            rebalancing=found, reason="x", tells_members=False, by=director, at=NOON
        )


def test_nothing_is_applied_without_a_reason(director, sync, inbound):
    make_held(make_user(weekly_hours=30), sync)
    found = ready(EVERYBODY, by=director)
    with pytest.raises(rebalancing.NotApplicable):
        rebalancing.apply(
            rebalancing=found, reason=" ", tells_members=False, by=director, at=NOON
        )
