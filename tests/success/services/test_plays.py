from datetime import timedelta

import pytest
from django.core import mail

from communications.models import Message, MessageTemplate
from communications.services import gate
from coverage.enums import Delivery
from members.rollups.scope import Scope
from success.models import Enrolment, Intervention, MemberFacts, Milestone, Play, SleepingDog
from success.rollups import plays
from success.services.plays import ensure_default_plays
from tests.factories import (
    MORNING,
    TODAY,
    make_accountability,
    make_member,
    make_member_facts,
    make_message,
    make_person,
    make_plan,
    make_segment,
)

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


@pytest.fixture
def queued():
    """The message of a member who is behind, with the facts that it came from."""
    ensure_default_plays(effective_from=TODAY - 30 * DAY)
    plan = make_plan(anchor_on=TODAY - 20 * DAY)
    first = plan.milestones.get(position=1)
    facts = make_member_facts(
        member=plan.member,
        plan=plan,
        anchor_on=plan.anchor_on,
        state="stalled",
        blocking=first,
        next_milestone=first,
        blocked_since=TODAY - 10 * DAY,
        behind_since=TODAY - 2 * DAY,
        contact=make_person(name="Ann"),
        segment=make_segment(delivery=Delivery.MESSAGE),
    )
    plays.refresh(as_of=TODAY, scope=Scope(first=0, last=2**62), at=MORNING)
    return facts


def outcome():
    gate.send_due(at=MORNING)
    return Message.objects.values_list("status", "outcome").get()


def test_default_plays_are_made_once():
    made = ensure_default_plays(effective_from=TODAY)
    Play.objects.filter(key="milestone-overdue").update(title="Ours")

    again = ensure_default_plays(effective_from=TODAY + DAY)

    assert [(p.key, p.current.start_kind, p.current.queue_class) for p in made] == [
        ("day-30-without-first-value", "timed", 5),
        ("milestone-overdue", "data", 5),
        ("last-maintainer-left", "trigger", 2),
        ("promise-of-ours-late", "data", 1),
        ("declaration-waiting", "trigger", 1),
        ("no-plan-by-day-14", "timed", 6),
        ("next-goal", "data", 7),
        ("goal-stale", "timed", 7),
        ("ask-eligible", "trigger", 8),
    ]
    assert [play.pk for play in again] == [play.pk for play in made]
    assert set(Play.objects.values_list("current__effective_from", flat=True)) == {TODAY}
    assert Play.objects.filter(title="Ours").count() == 1
    assert MessageTemplate.objects.count() == 2


def test_message_of_a_play_goes_out_while_its_reason_holds(queued):
    assert outcome()[0] == "sent"
    [letter] = mail.outbox
    assert letter.subject == "What would help with “Milestone 1”?"
    assert letter.body.startswith(f"Dear Ann,\n\nthe point that {queued.member.name} wanted")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"standing": "lapsed"}, "The membership is not in force"),
        ({"state": "on_track"}, "They have moved: the state is on track"),
        ({"behind_since": None}, "It is no longer so: the state is stalled"),
        ({"plan": None, "behind_since": None}, "The plan has been replaced"),
    ],
)
def test_message_is_stopped_when_its_reason_is_gone(queued, change, reason):
    MemberFacts.objects.filter(pk=queued.pk).update(**change)

    assert outcome() == ("suppressed", reason)
    assert mail.outbox == []


@pytest.mark.parametrize(
    ("promise", "sent"),
    [
        ({"due_on": TODAY - DAY}, False),
        ({"due_on": TODAY}, True),
        ({"due_on": TODAY - DAY, "done_on": TODAY}, True),
        ({"due_on": TODAY - DAY, "waived_on": TODAY}, True),
        ({"due_on": TODAY - DAY, "side": "member"}, True),
    ],
)
def test_message_waits_for_what_we_promised_since_the_night(queued, promise, sent):
    make_accountability(plan=queued.plan, **promise)
    make_accountability(due_on=TODAY - 9 * DAY)  # to another member

    kept_back = ("suppressed", "A promise of ours to them is late")

    assert (outcome() == kept_back) is not sent


def test_message_goes_once_the_promise_late_at_night_was_kept(queued):
    MemberFacts.objects.filter(pk=queued.pk).update(we_owe_since=TODAY - 3 * DAY)

    assert outcome()[0] == "sent"


def test_message_waits_where_our_promise_is_due_today_at_the_overdue_milestone(queued):
    make_accountability(plan=queued.plan, milestone=queued.blocking, due_on=TODAY)

    assert outcome()[0] == "suppressed"


def test_discretionary_message_of_no_play_waits_for_our_promise_too():
    promise = make_accountability(due_on=TODAY - DAY)
    make_message(member=promise.plan.member)

    assert outcome()[0] == "suppressed"


def test_message_is_stopped_by_a_milestone_reached_since_the_night(queued):
    Milestone.objects.filter(pk=queued.blocking_id).update(evidence_dates=[TODAY])

    assert outcome() == ("suppressed", "Milestone 1 has been reached")


@pytest.mark.parametrize("dates", [[TODAY + DAY], [TODAY - DAY, TODAY]])
def test_milestone_not_yet_reached_or_revoked_stops_nothing(queued, dates):
    Milestone.objects.filter(pk=queued.blocking_id).update(evidence_dates=dates)

    assert outcome()[0] == "sent"


def test_message_of_a_play_switched_off_is_stopped(queued):
    Play.objects.update(is_active=False)

    assert outcome() == ("suppressed", "The play was switched off")


def test_message_to_a_kind_of_member_that_the_play_makes_worse_is_stopped(queued):
    entry = Enrolment.objects.get()
    SleepingDog.objects.create(
        play=entry.play,
        salt=entry.version.salt,
        segment=entry.segment,
        state=entry.state,
        outcome="aim",
        lift=-0.1,
        p=0.001,
        treated_n=400,
        held_n=400,
        found_on=TODAY,
    )

    assert outcome() == (
        "suppressed",
        "Members of this kind did worse where they were written to",
    )


def test_message_without_an_intervention_is_none_of_our_business():
    make_message(member=make_member())

    assert outcome()[0] == "sent"


def test_stopped_message_closes_its_intervention_the_next_night(queued):
    MemberFacts.objects.filter(pk=queued.pk).update(standing="lapsed")
    outcome()

    plays.refresh(as_of=TODAY + DAY, scope=Scope(first=0, last=2**62), at=MORNING + DAY)

    item = Intervention.objects.get()
    assert item.status == "closed"
    assert list(item.events.order_by("pk").values_list("verb", flat=True)) == [
        "opened",
        "closed",
    ]
