from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from icalendar import Calendar

from members.enums import Role
from success.models import Ask, Milestone, Review
from success.queries import reviews as reads
from success.services import reviews as acts
from tests.factories import (
    MORNING,
    NOON,
    TODAY,
    make_accountability,
    make_assignment,
    make_guest,
    make_member,
    make_member_facts,
    make_outcome,
    make_plan,
    make_review,
    make_user,
)

pytestmark = pytest.mark.django_db
WEDNESDAY = date(2026, 8, 12)


def said(member, topic, as_of=TODAY):
    [item] = [item for item in reads.agenda(member, as_of=as_of) if item.topic == topic]
    return item


# --- the agenda -------------------------------------------------------------------------------


def test_agenda_of_a_member_without_anything_asks_for_the_goal():
    assert [item.topic for item in reads.agenda(make_member(), as_of=TODAY)] == [
        "no_goal",
        "way",
    ]


def test_agenda_asks_for_the_goal_in_their_words_and_how_both_sides_will_know():
    member = make_member()
    make_outcome(member=member, goal="Ship 100% in the open", confirmed_on=date(2026, 1, 1))

    goal = said(member, "goal")

    assert (goal.words, goal.lines) == (
        "“Ship 100% in the open”",
        ("We will both know by this: two maintainers of ours",),
    )
    assert goal.is_urgent
    assert goal.note == "Last confirmed on 1 January 2026, 209 days ago."


def test_agenda_tells_what_was_reached_since_the_last_review():
    member = make_member()
    make_plan(member=member, evidence=[[date(2026, 2, 1)], [date(2026, 6, 1)]])
    assert len(said(member, "reached").lines) == 2

    make_review(member=member, status="held", held_on=date(2026, 5, 1))

    assert said(member, "reached").lines == ("Milestone 2, on 1 June 2026",)


def test_agenda_tells_what_the_next_milestone_waits_for():
    member = make_member()
    plan = make_plan(member=member, evidence=[[date(2026, 2, 1)]])
    second = plan.milestones.get(position=2)
    other = plan.milestones.get(position=3)
    make_accountability(plan=plan, milestone=second, title="Introduce them")
    make_accountability(
        plan=plan, milestone=second, title="Name somebody", side="member", due_on=TODAY
    )
    make_accountability(plan=plan, milestone=second, title="Kept", done_on=TODAY)
    make_accountability(plan=plan, milestone=other, title="Elsewhere", due_on=date(2026, 9, 1))

    item = said(member, "next")

    assert (item.title, item.words) == ("Next: Milestone 2", "It waits for:")
    assert item.lines == (
        "from us: Introduce them, by 1 July 2026",
        "from you: Name somebody, by 29 July 2026",
    )
    assert item.note == "It was expected by 2 March 2026."
    assert said(member, "ours_late").lines == ("Introduce them, due 1 July 2026",)
    assert not any(item.topic == "theirs_late" for item in reads.agenda(member, as_of=TODAY))


def test_agenda_begins_with_what_the_member_wants_to_talk_about():
    member = make_member()
    make_review(member=member, note="Our new team; 50% of us")

    first = reads.agenda(member, as_of=TODAY)[0]

    assert (first.topic, first.words) == ("wish", "Our new team; 50% of us")


def test_agenda_names_an_ask_once_its_milestone_is_confirmed():
    member = make_member()
    plan = make_plan(member=member, anchor_on=date(2026, 7, 1), evidence=[[date(2026, 7, 20)]])
    make_member_facts(member=member, state="on_track", plan=plan)
    first = plan.milestones.get(position=1)
    Ask.objects.create(
        plan=plan,
        milestone=first,
        kind="advocacy",
        advocacy="case_study",
        consented_on=date(2026, 7, 1),
    )

    def asks():
        items = reads.agenda(member, as_of=TODAY)
        return [item.words for item in items if item.topic == "ask"]

    Milestone.objects.filter(pk=first.pk).update(evidence_source="declared")
    on_their_word = asks()
    Milestone.objects.filter(pk=first.pk).update(evidence_source="confirmed")

    assert (on_their_word, asks()) == ([], ["A case study"])


def test_words_for_members_hold_no_judgement_of_ours():
    member = make_member()
    plan = make_plan(member=member, evidence=[[date(2026, 2, 1)]])
    make_accountability(plan=plan, side="member")
    make_accountability(plan=plan)
    make_outcome(member=member)

    read = " ".join(
        " ".join([item.title, item.words, *item.lines])
        for item in reads.agenda(member, as_of=TODAY)
    ).lower()

    for word in ("score", "tier", "risk", "stalled", "slipping", "vector", "pace", "behind"):
        assert word not in read


def test_agenda_costs_the_same_for_any_plan(django_assert_max_num_queries):
    member = make_member()
    plan = make_plan(member=member, expected_days=(10, 20, 30, 40, 50))
    for number in range(5):
        make_accountability(plan=plan, due_on=TODAY - timedelta(days=number + 1))

    with django_assert_max_num_queries(11):
        reads.agenda(member, as_of=TODAY)


# --- room -------------------------------------------------------------------------------------


def hours(slots):
    return [f"{slot:%a %d %H:%M}" for slot in slots]


def test_slots_are_whole_hours_of_working_days_on_the_organisers_clock():
    amy = make_user(time_zone="Europe/London")

    free = reads.free_slots(amy, from_day=date(2026, 8, 14), days=4, zone="America/New_York")

    assert len(free) == 16
    assert hours([free[0], free[7], free[8]]) == [
        "Fri 14 04:00",
        "Fri 14 11:00",
        "Mon 17 04:00",
    ]
    assert {slot.tzinfo for slot in free} == {ZoneInfo("America/New_York")}


@pytest.mark.parametrize("change", [date(2026, 10, 25), date(2027, 3, 28)])
def test_slots_stay_at_their_hour_when_the_clocks_change(change):
    amy = make_user(time_zone="Europe/London")

    free = reads.free_slots(
        amy, from_day=change - timedelta(days=2), days=4, zone="Europe/London"
    )

    assert {slot.time() for slot in free} == {time(hour) for hour in range(9, 17)}
    assert len(free) == 16


def test_slots_leave_out_what_is_taken_in_part():
    amy = make_user(time_zone="UTC")
    taken = make_review(organiser=amy, starts_at=datetime(2026, 8, 12, 9, 30, tzinfo=UTC))
    make_review(
        organiser=amy, starts_at=datetime(2026, 8, 12, 14, tzinfo=UTC), status="cancelled"
    )
    make_review(starts_at=datetime(2026, 8, 12, 15, tzinfo=UTC))
    make_review(organiser=amy, starts_at=datetime(2026, 8, 11, 23, tzinfo=UTC), minutes=8 * 60)

    def free(**options):
        found = reads.free_slots(amy, from_day=WEDNESDAY, days=1, zone="UTC", **options)
        return [slot.hour for slot in found]

    assert free() == [11, 12, 13, 14, 15, 16]
    assert free(besides=taken) == list(range(9, 17))


# --- who sees what ----------------------------------------------------------------------------


def test_reviews_are_seen_by_role():
    amy, ben = make_user(), make_user()
    own, other = make_member(), make_member()
    make_assignment(member=own, owner=amy)
    make_assignment(member=other, owner=ben)
    of_own = make_review(member=own, organiser=ben)
    of_other = make_review(member=other, organiser=ben)
    of_pool = make_review(organiser=ben)
    held_by_amy = make_review(
        member=other, organiser=amy, status="held", held_on=date(2026, 7, 1)
    )
    login = make_user(role=Role.MEMBER, member=other)
    gone = make_user(role=Role.DIRECTOR, is_active=False)

    def seen(user):
        return set(Review.objects.visible_to(user))

    everything = {of_own, of_other, of_pool, held_by_amy}
    assert seen(amy) == {of_own, of_pool, held_by_amy}
    assert set(reads.mine(amy)) == {of_own, held_by_amy}
    assert seen(login) == {of_other, held_by_amy}
    assert seen(make_user(role=Role.DIRECTOR)) == everything
    assert seen(gone) == set()


def test_members_without_a_review_are_those_with_a_plan_in_membership():
    amy, ben = make_user(), make_user()

    def make(*, owner=amy, standing="in_force", plan=True):
        member = make_member()
        make_member_facts(member=member, standing=standing)
        if plan:
            make_plan(member=member)
        if owner:
            make_assignment(member=member, owner=owner)
        return member

    wanted, pool, others = make(), make(owner=None), make(owner=ben)
    booked = make()
    make_review(member=booked)
    make(standing="lapsed")
    make(plan=False)
    make_review(member=wanted, status="held", held_on=date(2026, 3, 1))

    mine = list(reads.without_review(amy, is_team=False))

    assert [(member, member.last_held_on, member.plan_counts_from) for member in mine] == [
        (wanted, date(2026, 3, 1), date(2026, 1, 1))
    ]
    due = {"last_held_on": date(2026, 3, 1), "plan_counts_from": date(2026, 1, 1)}
    assert reads.review_due_on(**due) == date(2026, 5, 31)
    assert reads.review_due_on(**due | {"last_held_on": None}) == date(2026, 4, 2)
    assert set(reads.without_review(amy, is_team=True)) == {wanted, pool}
    director = make_user(role=Role.DIRECTOR)
    assert set(reads.without_review(director, is_team=True)) == {wanted, pool, others}


def test_lists_tell_apart_what_is_ahead_and_what_waits_to_be_closed():
    ahead = make_review(starts_at=NOON + timedelta(minutes=1))
    begun = make_review(starts_at=NOON)
    make_review(starts_at=NOON + timedelta(days=120, seconds=1))
    make_review(starts_at=NOON, status="cancelled")
    everything = Review.objects.all()

    assert list(reads.ahead(everything, at=NOON)) == [ahead]
    assert list(reads.to_hold(everything, at=NOON)) == [begun]


# --- guests -----------------------------------------------------------------------------------


def test_guests_are_those_of_the_day_with_an_address_the_main_contact_first():
    member = make_member()
    zoe = make_guest(member=member, name="Zoe", is_primary_contact=True)
    ann = make_guest(member=member, name="Ann", is_primary_contact=False)
    make_guest(member=member, name="Mute", is_primary_contact=False, email="")
    make_guest(member=member, name="Left", is_primary_contact=False, ends_on=TODAY)
    make_guest(
        member=member,
        name="Later",
        is_primary_contact=False,
        starts_on=TODAY + timedelta(days=1),
    )
    make_guest(name="Elsewhere")

    assert list(reads.possible_guests(member, as_of=TODAY)) == [zoe, ann]
    assert list(reads.main_contacts(member, as_of=TODAY)) == [zoe]


# --- feeds ------------------------------------------------------------------------------------


def uids(user):
    secret = acts.feed_secret(user=user, at=MORNING)
    calendar = Calendar.from_ical(reads.feed_of(secret, at=MORNING).text)
    return [event["UID"].partition("@")[0] for event in calendar.walk("VEVENT")]


def test_feed_holds_the_reviews_one_holds_and_of_a_members_log_in_the_members():
    amy, member = make_user(), make_member()
    make_assignment(member=member, owner=amy)
    first = make_review(member=member, organiser=make_user())
    second = make_review(
        organiser=amy, starts_at=MORNING - timedelta(days=30), status="held", held_on=TODAY
    )
    make_review(organiser=amy, status="cancelled")
    make_review(
        organiser=amy, starts_at=MORNING - timedelta(days=400), status="held", held_on=TODAY
    )
    login = make_user(role=Role.MEMBER, member=member)

    assert uids(amy) == [str(second.public_id)]
    assert uids(login) == [str(first.public_id)]


def test_feed_of_somebody_who_has_left_is_gone():
    amy = make_user()
    secret = acts.feed_secret(user=amy, at=MORNING)
    amy.is_active = False
    amy.save()

    assert reads.feed_of(secret, at=MORNING) is None
