from datetime import UTC, date, datetime, timedelta
from itertools import product

import pytest

from coverage.engine.capacity import stage
from coverage.models import AssignmentChange, Move, Rebalancing
from success.engine.after_move import Verdict
from success.models import VectorChange
from success.queries.after_move import WHO, _asked, _batches, _rows, hurt, moved_to_less
from tests.factories import (
    make_assignment,
    make_ax_profile,
    make_coverage_model,
    make_member,
    make_member_facts,
    make_segment,
    make_term,
    make_user,
)

pytestmark = pytest.mark.django_db
MOVED_ON = date(2026, 3, 10)
TODAY = date(2026, 7, 29)


@pytest.fixture
def pod():
    return make_segment(key="pod", name="Pod", position=1)


@pytest.fixture
def pool():
    return make_segment(key="inbound", name="Inbound", position=2, is_pooled=True)


def found(**overrides):
    return moved_to_less(**({"as_of": TODAY, "grace_days": 30} | overrides))


def make_followed(segment, *, before=1000, after=1000, state="on_track", **overrides):
    """Somebody in ``segment`` whose pace changes ten days after the day of the move."""
    fields = {"starts_on": date(2025, 10, 1), "ends_on": date(2026, 10, 1)} | overrides
    member = make_member()
    make_term(member=member, **fields)
    make_assignment(member=member, segment=segment)
    make_member_facts(member=member, first_value_on=date(2026, 1, 1))
    for on, pace in ((date(2026, 3, 1), before), (MOVED_ON + timedelta(days=10), after)):
        VectorChange.objects.create(member=member, on=on, state=state, pace_milli=pace)
    return member


def move(member, *, to, on=MOVED_ON):
    held = member.assignment
    AssignmentChange.objects.create(
        member=member, on=on, from_segment=held.segment, to_segment=to, reason="test"
    )
    held.segment, held.assigned_on = to, on
    held.save()
    return member


def test_pace_after_a_move_is_compared_with_members_like_them(pod, pool):
    # as worked out in the engine's test: -0.3 beside 0
    for change in (-400, -200, -300, -300, -300):
        move(make_followed(pod, after=1000 + change), to=pool)
    for change in (100, -100, 0, 0, 0):
        make_followed(pod, after=1000 + change)
    # unlike them: in another state, in another stage, and in another segment
    make_followed(pod, after=0, state="slipping")
    late = make_followed(pod, after=0)
    late.known.first_value_on = None
    late.known.save()
    make_followed(make_segment(), after=0)

    [batch] = found()

    assert (batch.members, batch.from_segment, batch.to_segment) == (5, "pod", "inbound")
    first, second, third = (each.look for each in batch.seen)
    assert (float(first.pace.moved), float(first.pace.stayed)) == (-0.3, 0)
    assert (first.pace.moved_members, first.pace.stayed_members) == (5, 5)
    assert (first.renewal, first.verdict) == (None, Verdict.HURT)
    assert (second.verdict, third.verdict) == (Verdict.HURT, Verdict.TOO_EARLY)
    assert third.opens_on == date(2026, 9, 6)
    assert (hurt([batch]), batch.shown, batch.key) == ([batch], (), "2026-03:pod:inbound")
    assert batch.seen[0].stayed.members == 7


def test_renewals_due_are_those_decided_within_the_days(pod, pool):
    ends = date(2026, 4, 1)
    for number in range(20):
        member = make_followed(pod, ends_on=ends)
        if number < 10:
            move(member, to=pool)
        if number in range(5, 20):
            # the last day on which a renewal still counts as one
            make_term(member=member, starts_on=date(2026, 4, 30), ends_on=date(2027, 4, 1))
    too_late = move(make_followed(pod, ends_on=ends), to=pool)
    make_term(member=too_late, starts_on=date(2026, 5, 1), ends_on=date(2027, 5, 1))

    [batch] = found()
    [undecided] = found(as_of=date(2026, 4, 20))

    look = batch.seen[0].look
    assert (look.renewal.moved_members, look.renewal.stayed_members) == (11, 10)
    assert (float(look.renewal.moved), look.renewal.stayed) == (pytest.approx(5 / 11), 1)
    assert look.renewal.verdict is Verdict.HURT
    # whoever left has no pace that could be compared
    assert look.pace.moved_members == 5
    assert (undecided.seen[0].moved.due, undecided.seen[0].moved.open) == (5, 6)


def test_moves_to_more_contact_and_between_likes_are_not_followed(pod, pool):
    light = make_segment(key="light", name="Light", position=3)
    make_coverage_model(hours=[(pod, "adoption", "sync", 4), (light, "adoption", "async", 1)])
    move(make_followed(pool), to=pod)
    move(make_followed(light), to=pod)
    move(make_followed(pod), to=make_segment())
    move(make_followed(pod), to=light)

    assert [(each.from_segment, each.to_segment) for each in found()] == [("pod", "light")]


def test_what_was_undone_on_the_day_is_no_move_and_later_it_is_a_return(pod, pool):
    undone = move(make_followed(pod), to=pool)
    move(undone, to=pod)
    assert found() == []

    back = move(make_followed(pod), to=pool)
    move(back, to=pod, on=MOVED_ON + timedelta(days=20))
    [batch] = found()

    assert (batch.members, batch.back) == (1, 1)


def test_a_rebalancing_is_a_batch_of_its_own(pod, pool):
    by_rule, by_hand = make_followed(pod), make_followed(pod)
    rebalancing = Rebalancing.objects.create(
        as_of=MOVED_ON,
        asked={},
        asked_at=datetime(2026, 3, 9, tzinfo=UTC),
        status="applied",
        reason="They ask",
        applied_by=make_user(),
        applied_at=datetime(2026, 3, 10, 9, tzinfo=UTC),
    )
    Move.objects.create(
        rebalancing=rebalancing, member=by_hand, from_segment=pod, to_segment=pool,
        minutes=0, outcome="applied",
    )  # fmt: skip
    move(by_rule, to=pool)
    move(by_hand, to=pool)

    assert {(each.rebalancing, each.members) for each in found()} == {
        (None, 1),
        (rebalancing.public_id, 1),
    }


def test_few_members_are_shown_and_no_mean(pod, pool):
    moved = move(make_followed(pod, after=0), to=pool)
    for _ in range(9):
        make_followed(pod)

    [batch] = found()

    [shown] = batch.shown
    assert (batch.verdict, batch.latest.look.pace) == (Verdict.TOO_FEW, None)
    assert (shown.public_id, shown.state_before, shown.state_after, shown.moved_on) == (
        moved.public_id,
        "on_track",
        "on_track",
        MOVED_ON,
    )


def test_who_is_moved_later_or_came_later_is_no_comparison(pod, pool):
    for _ in range(5):
        move(make_followed(pod), to=pool)
    for _ in range(5):
        make_followed(pod)
    leaving = make_followed(pod)
    move(leaving, to=make_segment(), on=MOVED_ON + timedelta(days=60))
    other = make_segment()
    move(make_followed(other), to=pod, on=MOVED_ON + timedelta(days=1))
    lapsed = make_followed(pod, ends_on=date(2026, 1, 1))
    assert lapsed.assignment.segment == pod

    move(make_followed(pod, ends_on=date(2026, 1, 1)), to=pool)

    [batch] = [each for each in found() if each.from_segment == "pod"]

    assert batch.members == 5
    assert [each.stayed.members for each in batch.seen[:2]] == [6, 5]


def test_an_escalation_open_on_the_day_makes_somebody_another_stage(pod, pool):
    for _ in range(5):
        move(make_followed(pod), to=pool)
    for _ in range(5):
        make_followed(pod)
    escalated = make_followed(pod, after=0)
    make_ax_profile(member=escalated, valid_from=date(2026, 1, 1), escalation_severity=1)

    [batch] = found()

    assert batch.seen[0].look.pace.stayed_members == 5


def test_members_of_whom_nothing_was_known_are_counted(pod, pool):
    member = move(make_followed(pod), to=pool)
    member.vector_changes.all().delete()

    [batch] = found()

    assert (batch.unknown, batch.shown[0].state_before) == (1, None)


@pytest.mark.parametrize("count", [1, 3])
def test_following_takes_as_many_statements_for_many_batches(
    pod, pool, count, django_assert_num_queries
):
    for number in range(count):
        move(make_followed(pod), to=pool, on=MOVED_ON + timedelta(days=31 * number))

    with django_assert_num_queries(8):
        assert len(found()) == count


def test_the_stage_on_the_day_is_the_one_coverage_would_say(pod, pool):
    expected = {}
    for state, has_value, is_escalated, ends_on in product(
        ("no_plan", "achieved", "regressing", "stalled", "slipping", "ahead", "on_track"),
        (True, False),
        (True, False),
        # the first day of the renewal window, the last before it, and a term in grace
        (MOVED_ON + timedelta(days=120), MOVED_ON + timedelta(days=121), MOVED_ON),
    ):
        member = move(make_followed(pod, state=state, ends_on=ends_on), to=pool)
        if not has_value:
            type(member.known).objects.filter(member=member).update(
                first_value_on=MOVED_ON + timedelta(days=1)
            )
        if is_escalated:
            make_ax_profile(member=member, valid_from=MOVED_ON, escalation_severity=1)
        expected[member.pk] = stage(
            state=state,
            has_first_value=has_value,
            escalation_is_open=is_escalated,
            term_ends_on=ends_on,
            on=MOVED_ON,
        )
    asked = _asked(_batches(as_of=TODAY, grace_days=30), as_of=TODAY, grace_days=30)

    said = dict(_rows(f"WITH {WHO} SELECT member_id, stage FROM known WHERE has_moved", asked))

    assert said == expected
