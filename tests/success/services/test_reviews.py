import threading
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.core import mail
from django.db import connection
from icalendar import Calendar

from communications.models import Message
from communications.services import gate
from config.kernel.clock import local_moment
from coverage.models import Effort
from members.models import AuditEntry, DirtyMember
from success.models import CalendarFeed, GapAnswer, OutcomeConfirmation, Review
from success.queries import reviews as reads
from success.services import reviews
from success.services.plays import ensure_default_plays
from success.services.reviews import (
    AlreadyScheduled,
    HeldTooSoon,
    NobodyToMeet,
    NotAgreed,
    NotAGuest,
    NotAhead,
    NotAsLong,
    NotConfirmable,
    OrganiserBusy,
    Overtaken,
    SlotTaken,
    UnknownZone,
)
from tests.factories import (
    MORNING,
    TODAY,
    make_assignment,
    make_guest,
    make_member,
    make_outcome,
    make_person,
    make_plan,
    make_review,
    make_user,
)

pytestmark = pytest.mark.django_db
LONDON = "Europe/London"
AT_TEN = datetime(2026, 8, 12, 9, tzinfo=UTC)  # ten o'clock in London
AT_ELEVEN = AT_TEN + timedelta(hours=1)
LATER = MORNING + timedelta(hours=1)


def agree(member=None, organiser=None, **overrides):
    fields = {
        "starts_at": AT_TEN,
        "minutes": 45,
        "time_zone": LONDON,
        "place": "Room 1",
        "guests": (),
        "note": "",
        "at": MORNING,
    } | overrides
    organiser = organiser or make_user(name="Olga Ortiz")
    fields.setdefault("by", organiser)
    return reviews.schedule(member=member or make_member(), organiser=organiser, **fields)


def move(review, starts_at=AT_ELEVEN, **overrides):
    fields = {"minutes": 45, "by": review.organiser, "at": LATER} | overrides
    return reviews.move(review=review, starts_at=starts_at, **fields)


def hold(review, **overrides):
    fields = {
        "on": date(2026, 8, 12),
        "outcome": "They take over the docs; we introduce them.",
        "goal_confirmed": True,
        "gap_answer": "yes",
        "gap_words": "two of our people review now",
        "next_starts_at": None,
        "by": review.organiser,
        "at": AT_ELEVEN,
    }
    return reviews.hold(review=review, **(fields | overrides))


def event_of(message):
    calendar = Calendar.from_ical(message.calendar)
    [event] = calendar.walk("VEVENT")
    return calendar, event


def queued(review):
    """Status, sequence and method of each message about a review, in the order they came."""
    return [
        (message.status, event_of(message)[1]["SEQUENCE"], message.calendar_method)
        for message in Message.objects.filter(member=review.member).order_by("pk")
    ]


def verbs(member):
    return list(
        AuditEntry.objects.filter(member=member).order_by("pk").values_list("verb", flat=True)
    )


# --- agreeing one -----------------------------------------------------------------------------


def test_schedule_invites_the_main_contact_by_a_calendar_that_can_be_read_back():
    member = make_member(name="Öko Bau")
    ann = make_guest(member=member, name="Ann Lee", email="ann@oeko.example")
    make_guest(member=member, is_primary_contact=False)
    make_guest(email="elsewhere@example.org")
    amy = make_user(name="Amy", email="amy@waymark.example")

    review = agree(member, amy)

    [message] = Message.objects.all()
    calendar, event = event_of(message)
    zone = ZoneInfo(LONDON)
    assert (message.person, message.purpose, message.due_at) == (ann, "promised", MORNING)
    assert message.dedupe_key == f"review:{review.public_id}:0:{ann.public_id}"
    assert message.not_after == AT_TEN
    assert (calendar["METHOD"], message.calendar_method) == ("REQUEST", "REQUEST")
    assert event["UID"] == f"{review.public_id}@localhost"
    assert (event["SEQUENCE"], event["STATUS"]) == (0, "CONFIRMED")
    assert event["DTSTART"].params["TZID"] == LONDON
    assert event["DTSTART"].dt == datetime(2026, 8, 12, 10, tzinfo=zone)
    assert event["DTEND"].dt == datetime(2026, 8, 12, 10, 45, tzinfo=zone)
    assert [zone["TZID"] for zone in calendar.walk("VTIMEZONE")] == [LONDON]
    assert (event["ORGANIZER"], event["ORGANIZER"].params["CN"]) == (
        "mailto:amy@waymark.example",
        "Amy",
    )
    attendee = event["ATTENDEE"]
    assert (attendee, attendee.params["RSVP"], attendee.params["PARTSTAT"]) == (
        "mailto:ann@oeko.example",
        "TRUE",
        "NEEDS-ACTION",
    )
    assert (event["LOCATION"], "Öko Bau" in event["SUMMARY"]) == ("Room 1", True)
    assert verbs(member) == ["review.scheduled"]


def test_invitation_leaves_by_the_gate_as_an_alternative_and_as_a_file():
    member = make_member()
    make_guest(member=member)
    agree(member)

    assert gate.send_due(at=MORNING).sent == 1

    [letter] = mail.outbox
    parts = {
        part.get_content_type(): part
        for part in letter.message().walk()
        if not part.is_multipart()
    }
    assert list(parts) == ["text/plain", "text/calendar", "application/ics"]
    assert parts["text/calendar"].get_param("method") == "REQUEST"
    assert parts["application/ics"].get_filename() == "invite.ics"
    texts = {
        parts[kind].get_payload(decode=True) for kind in ("text/calendar", "application/ics")
    }
    assert len(texts) == 1
    assert "Wednesday, 12 August 2026 at 10:00 (Europe/London)" in letter.body


def test_schedule_again_in_the_same_words_returns_the_review_there_is():
    member, amy = make_member(), make_user()
    make_guest(member=member)

    first, second = agree(member, amy), agree(member, amy, at=LATER)

    assert (first, Review.objects.count(), Message.objects.count()) == (second, 1, 1)
    assert verbs(member) == ["review.scheduled"]


def test_invitation_has_words_of_its_own_beside_those_of_the_plays():
    ensure_default_plays(effective_from=TODAY)
    member = make_member()
    make_guest(member=member)
    agree(member)

    gate.send_due(at=MORNING)

    [letter] = mail.outbox
    assert "you are invited to a review" in letter.body


def test_member_without_an_address_gets_a_review_and_no_invitation():
    member = make_member()
    make_guest(member=member, email="")

    review = agree(member)

    assert (Message.objects.count(), review.guests.count()) == (0, 0)


def test_only_people_of_the_member_with_an_address_can_be_invited():
    member = make_member()
    left = make_guest(member=member, ends_on=TODAY)
    mute = make_guest(member=member, email="")

    for person in (left, mute, make_person(), make_guest()):
        with pytest.raises(NotAGuest):
            agree(member, guests=[person])

    assert Review.objects.count() == 0


def test_named_guests_are_invited_instead_of_the_main_contact():
    member = make_member()
    make_guest(member=member)
    ben = make_guest(member=member, is_primary_contact=False)

    agree(member, guests=[ben, ben])

    assert [message.person for message in Message.objects.all()] == [ben]


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        ({"starts_at": MORNING}, NotAhead),
        ({"minutes": 4}, NotAsLong),
        ({"minutes": 481}, NotAsLong),
        ({"time_zone": "Mars/Olympus"}, UnknownZone),
        ({"time_zone": "../etc/passwd"}, UnknownZone),
    ],
)
def test_review_that_makes_no_sense_is_refused(changes, refusal):
    with pytest.raises(refusal):
        agree(**changes)


def test_member_has_one_review_ahead():
    member = make_member()
    first = agree(member)

    with pytest.raises(AlreadyScheduled) as refusal:
        agree(member, starts_at=AT_ELEVEN)

    assert refusal.value.review == first


def test_nobody_holds_two_reviews_at_once_but_one_after_the_other():
    amy = make_user()
    first = agree(organiser=amy)

    for minutes in (-44, 0, 44):
        with pytest.raises(OrganiserBusy) as refusal:
            agree(organiser=amy, starts_at=AT_TEN + timedelta(minutes=minutes))
        assert refusal.value.review == first
    agree(organiser=amy, starts_at=AT_TEN + timedelta(minutes=45))
    agree(organiser=amy, starts_at=AT_TEN - timedelta(minutes=45))
    agree()

    assert Review.objects.count() == 4


@pytest.mark.django_db(transaction=True)
def test_of_many_who_book_one_hour_at_once_one_wins():
    amy = make_user()
    members = [make_member() for _ in range(4)]
    start = threading.Barrier(len(members))
    won, lost = [], []

    def work(member):
        try:
            start.wait()
            won.append(agree(member, amy))
        except OrganiserBusy:
            lost.append(member)
        finally:
            connection.close()

    run_all(work, members)

    assert (len(won), len(lost), Review.objects.count()) == (1, 3, 1)


@pytest.mark.django_db(transaction=True)
def test_of_many_who_agree_one_with_a_member_at_once_one_wins():
    member = make_member()
    people = [make_user() for _ in range(4)]
    start = threading.Barrier(len(people))
    won, lost = [], []

    def work(person):
        try:
            start.wait()
            won.append(agree(member, person))
        except AlreadyScheduled:
            lost.append(person)
        finally:
            connection.close()

    run_all(work, people)

    assert (len(won), len(lost), Review.objects.count()) == (1, 3, 1)


def run_all(work, arguments):
    threads = [threading.Thread(target=work, args=[one]) for one in arguments]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


# --- moving and cancelling --------------------------------------------------------------------


def test_move_updates_the_same_event_with_a_higher_sequence():
    member = make_member()
    make_guest(member=member)
    review = agree(member)
    gate.send_due(at=MORNING)

    moved = move(review, place="Room 2")
    gate.send_due(at=LATER)

    first, second = Message.objects.order_by("pk")
    (_, before), (calendar, after) = event_of(first), event_of(second)
    assert (moved.sequence, moved.starts_at, moved.place) == (1, AT_ELEVEN, "Room 2")
    assert after["UID"] == before["UID"]
    assert (calendar["METHOD"], after["SEQUENCE"], after["STATUS"]) == (
        "REQUEST",
        1,
        "CONFIRMED",
    )
    assert after["DTSTART"].dt == AT_ELEVEN
    assert [letter.subject.split(":")[0] for letter in mail.outbox] == [
        "Your review with Your association",
        "Your review with Your association has changed",
    ]
    assert verbs(member) == ["review.scheduled", "review.moved"]


def test_move_before_the_first_invitation_left_sends_one_only():
    member = make_member()
    make_guest(member=member)
    review = agree(member)

    move(review)
    gate.send_due(at=LATER)

    assert queued(review) == [("suppressed", 0, "REQUEST"), ("sent", 1, "REQUEST")]
    [letter] = mail.outbox
    assert letter.subject.startswith("Your review with Your association: ")


def test_invitation_that_comes_back_after_the_move_does_not_go():
    member = make_member()
    make_guest(member=member)
    review = agree(member)
    Message.objects.update(status="sending", claimed_at=MORNING)
    move(review)
    Message.objects.filter(status="sending").update(status="queued")

    gate.send_due(at=LATER)

    assert queued(review) == [("suppressed", 0, "REQUEST"), ("sent", 1, "REQUEST")]


def test_move_to_where_it_is_changes_nothing():
    member = make_member()
    make_guest(member=member)
    review = agree(member)
    moved = move(review)

    again = move(review)

    assert (again.sequence, moved.sequence, len(queued(review))) == (1, 1, 2)
    assert verbs(member) == ["review.scheduled", "review.moved"]


def test_who_moves_what_somebody_else_has_moved_is_told():
    review = agree()
    mine, theirs = Review.objects.get(), Review.objects.get()
    move(theirs)

    with pytest.raises(Overtaken) as refusal:
        move(mine, AT_TEN + timedelta(hours=3))
    with pytest.raises(Overtaken):
        reviews.cancel(review=mine, reason="", by=review.organiser, at=LATER)

    assert refusal.value.review.starts_at == AT_ELEVEN
    assert Review.objects.get().starts_at == AT_ELEVEN


@pytest.mark.django_db(transaction=True)
def test_of_many_who_move_a_review_at_once_one_wins():
    agree()
    hours = [1, 2, 3, 4]
    start = threading.Barrier(len(hours))
    won, lost = [], []

    def work(hour):
        try:
            mine = Review.objects.select_related("organiser").get()
            start.wait()
            won.append(move(mine, AT_TEN + timedelta(hours=hour)).starts_at)
        except Overtaken as refusal:
            lost.append(refusal.review.starts_at)
        finally:
            connection.close()

    run_all(work, hours)

    assert (len(won), len(lost)) == (1, 3)
    assert set(lost) == set(won) == {Review.objects.get().starts_at}


def test_move_may_overlap_itself_and_not_another():
    amy = make_user()
    review = agree(organiser=amy)
    agree(organiser=amy, starts_at=AT_ELEVEN)

    moved = move(review, AT_TEN + timedelta(minutes=15))
    with pytest.raises(OrganiserBusy):
        move(moved, AT_TEN + timedelta(minutes=16))

    assert moved.starts_at == AT_TEN + timedelta(minutes=15)


def test_cancel_withdraws_the_event_from_those_who_have_it():
    member = make_member()
    ann = make_guest(member=member)
    review = agree(member)
    gate.send_due(at=MORNING)

    gone = reviews.cancel(review=review, reason="Amy is ill", by=review.organiser, at=LATER)
    again = reviews.cancel(review=review, reason="", by=review.organiser, at=LATER)
    gate.send_due(at=LATER)

    message = Message.objects.order_by("pk").last()
    calendar, event = event_of(message)
    assert (gone.status, gone.sequence, again.cancelled_reason) == (
        "cancelled",
        1,
        "Amy is ill",
    )
    assert (message.person, message.status) == (ann, "sent")
    assert (calendar["METHOD"], event["STATUS"], event["SEQUENCE"]) == (
        "CANCEL",
        "CANCELLED",
        1,
    )
    assert event["UID"] == f"{review.public_id}@localhost"
    assert "Amy is ill" in mail.outbox[-1].body
    assert verbs(member) == ["review.scheduled", "review.cancelled"]


def test_cancel_before_the_invitation_left_sends_nothing():
    member = make_member()
    make_guest(member=member)
    review = agree(member)

    reviews.cancel(review=review, reason="", by=review.organiser, at=LATER)
    gate.send_due(at=LATER)

    assert queued(review) == [("suppressed", 0, "REQUEST")]
    assert mail.outbox == []


def test_what_is_cancelled_is_neither_moved_nor_held():
    review = agree()
    reviews.cancel(review=review, reason="", by=review.organiser, at=LATER)

    with pytest.raises(NotAgreed):
        move(review)
    with pytest.raises(NotAgreed):
        hold(review)


# --- the clocks change ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("day", "next_day", "utc_hours"),
    [
        (date(2026, 9, 2), date(2026, 12, 2), (9, 10)),  # out of summer time
        (date(2027, 1, 13), date(2027, 4, 14), (10, 9)),  # into it
    ],
)
def test_next_review_is_at_the_same_hour_of_the_same_weekday(day, next_day, utc_hours):
    review = make_review(starts_at=local_moment(day, time(10), zone=LONDON), time_zone=LONDON)

    following = reads.proposed_next(review)

    assert following.astimezone(ZoneInfo(LONDON)).date() == next_day
    assert following.astimezone(ZoneInfo(LONDON)).time() == time(10)
    assert next_day.weekday() == day.weekday()
    assert (review.starts_at.hour, following.hour) == utc_hours


@pytest.mark.parametrize(
    ("starts_at", "start", "end"),
    [
        # 01:30 is skipped in spring: an hour before two, 45 minutes go by
        (datetime(2027, 3, 28, 0, 30, tzinfo=UTC), "20270328T003000", "20270328T021500"),
        # and 01:30 happens twice in autumn
        (datetime(2026, 10, 25, 0, 30, tzinfo=UTC), "20261025T013000", "20261025T011500"),
    ],
)
def test_calendar_tells_the_clock_on_the_wall_on_the_days_it_changes(starts_at, start, end):
    member = make_member()
    make_guest(member=member)

    agree(member, starts_at=starts_at)

    _, event = event_of(Message.objects.get())
    shown = [event[name].to_ical().decode() for name in ("DTSTART", "DTEND")]
    assert shown == [start, end]


# --- booking on a member's own page -----------------------------------------------------------


def test_book_takes_a_free_hour_of_whoever_looks_after_them():
    amy = make_user(time_zone="Europe/Berlin")
    member = make_member()
    make_assignment(member=member, owner=amy)
    ann = make_guest(member=member)
    bea = make_guest(member=member, is_primary_contact=False)
    make_guest(member=member, is_primary_contact=False)
    login = make_user(role="member", member=member, person=bea, time_zone="America/New_York")
    free = reads.free_slots(amy, from_day=date(2026, 8, 12), days=1, zone=login.time_zone)

    review = reviews.book(
        member=member, starts_at=free[-1], note="the docs", by=login, at=MORNING
    )

    assert (review.organiser, review.minutes, review.note) == (amy, 45, "the docs")
    assert (review.time_zone, review.starts_at) == ("America/New_York", free[-1])
    assert {message.person for message in Message.objects.all()} == {ann, bea}


def test_book_refuses_what_is_not_offered():
    amy = make_user()
    member, other = make_member(), make_member()
    make_assignment(member=member, owner=amy)
    make_assignment(member=other, owner=amy)
    login = make_user(role="member", member=member)
    agree(other, amy, starts_at=datetime(2026, 8, 12, 9, 30, tzinfo=UTC))

    def book(*moment):
        starts_at = datetime(*moment, tzinfo=UTC)
        reviews.book(member=member, starts_at=starts_at, note="", by=login, at=MORNING)

    for moment in (
        (2026, 8, 12, 9),  # taken in part
        (2026, 8, 12, 10),  # the other part
        (2026, 8, 12, 11, 30),  # not on the hour
        (2026, 8, 12, 17),  # after work
        (2026, 8, 15, 11),  # a Saturday
        (2026, 7, 28, 11),  # gone by
    ):
        with pytest.raises(SlotTaken):
            book(*moment)
    book(2026, 8, 12, 11)

    assert Review.objects.get(member=member).starts_at.hour == 11


def test_book_without_anybody_in_particular_is_refused():
    login = make_user(role="member")

    with pytest.raises(NobodyToMeet):
        reviews.book(member=login.member, starts_at=AT_TEN, note="", by=login, at=MORNING)


def test_rebook_moves_to_another_free_hour_and_to_no_other():
    amy = make_user()
    member = make_member()
    make_assignment(member=member, owner=amy)
    login = make_user(role="member", member=member)
    review = agree(member, amy)
    agree(organiser=amy, starts_at=AT_ELEVEN)

    def rebook(starts_at):
        return reviews.rebook(review=review, starts_at=starts_at, by=login, at=LATER)

    with pytest.raises(SlotTaken):
        rebook(AT_ELEVEN)

    assert rebook(AT_TEN + timedelta(hours=2)).sequence == 1


def test_whoever_holds_it_hears_what_a_member_did_with_it_and_not_what_they_did_themselves():
    amy = make_user(time_zone="Europe/Berlin")
    member = make_member(name="Envoy Ltd")
    make_assignment(member=member, owner=amy)
    login = make_user(name="Kim", role="member", member=member)
    starts_at = datetime(2026, 8, 12, 11, tzinfo=UTC)

    review = reviews.book(member=member, starts_at=starts_at, note="", by=login, at=MORNING)
    reviews.book(member=member, starts_at=starts_at, note="", by=login, at=MORNING)
    review = move(review)
    review = reviews.rebook(review=review, starts_at=starts_at, by=login, at=LATER)
    reviews.cancel(review=review, reason="Away", by=login, at=LATER)

    told = amy.notices.order_by("pk")
    assert [(each.title, each.kind) for each in told] == [
        ("A review with you was agreed: Envoy Ltd", "review"),
        ("A review with you has changed: Envoy Ltd", "review"),
        ("A review with you is off: Envoy Ltd", "review"),
    ]
    when = "Wednesday, 12 August 2026 at 13:00 (Europe/Berlin)"
    assert told[0].body == f"{when}\nIt was Kim who did it."
    assert told[2].body == f"{when}\nAway\nIt was Kim who did it."
    assert {each.address for each in told} == {f"/reviews/{review.public_id}/"}


# --- holding one ------------------------------------------------------------------------------


def test_hold_keeps_what_came_of_it_and_sets_the_next_one():
    member = make_member()
    plan = make_plan(member=member)
    ann = make_guest(member=member)
    goal = make_outcome(member=member)
    review = agree(member)
    gate.send_due(at=MORNING)
    following = reads.proposed_next(review)

    held = hold(review, next_starts_at=following)

    ahead = reads.next_review(member)
    goal.refresh_from_db()
    answer = GapAnswer.objects.get()
    assert (held.status, held.held_on, held.goal_confirmed, held.sequence) == (
        "held", date(2026, 8, 12), True, 0,
    )  # fmt: skip
    assert [item["topic"] for item in held.agenda] == ["goal", "next", "way", "gap"]
    assert goal.confirmed_on == date(2026, 8, 12)
    assert OutcomeConfirmation.objects.get().said_in == "review"
    assert (answer.answer, answer.review, answer.plan) == ("yes", held, plan)
    assert (ahead.starts_at, ahead.time_zone, ahead.place) == (following, LONDON, "Room 1")
    assert [guest.person for guest in ahead.guests.all()] == [ann]
    assert queued(review) == [("sent", 0, "REQUEST"), ("queued", 0, "REQUEST")]
    assert DirtyMember.objects.filter(member=member).exists()
    assert verbs(member) == [
        "review.scheduled",
        "effort.logged",
        "outcome.confirmed",
        "gap.answered",
        "review.held",
        "review.scheduled",
    ]


def test_hold_again_is_the_same_review_held_once():
    member = make_member()
    make_outcome(member=member)
    review = agree(member)
    following = reads.proposed_next(review)
    hold(review, next_starts_at=following)

    again = hold(review, next_starts_at=following)
    with pytest.raises(NotAgreed):
        hold(review, outcome="Something else")

    assert again.outcome == "They take over the docs; we introduce them."
    assert (GapAnswer.objects.count(), OutcomeConfirmation.objects.count()) == (1, 1)
    assert Review.objects.count() == 2


def test_hold_logs_its_minutes_once_as_effort_of_whoever_holds_it():
    member = make_member()
    review = agree(member)

    for _ in range(2):
        hold(review)

    logged = Effort.objects.get()
    assert (logged.member, logged.by, logged.on) == (
        member,
        review.organiser,
        date(2026, 8, 12),
    )
    assert (logged.minutes, logged.modality, logged.source) == (45, "sync", "review")


def test_hold_without_a_next_that_can_be_keeps_nothing():
    amy = make_user()
    review = agree(organiser=amy)
    agree(organiser=amy, starts_at=AT_TEN + timedelta(days=91))

    with pytest.raises(OrganiserBusy):
        hold(review, next_starts_at=AT_TEN + timedelta(days=91))

    assert Review.objects.get(pk=review.pk).status == "scheduled"
    assert GapAnswer.objects.count() == 0


def test_hold_on_a_day_to_come_is_refused():
    review = agree()

    with pytest.raises(HeldTooSoon):
        hold(review, on=date(2026, 8, 13))


def test_goal_that_was_said_later_is_not_confirmed_before():
    member = make_member()
    make_outcome(member=member, said_on=date(2026, 8, 12), confirmed_on=date(2026, 8, 12))
    review = agree(member)

    with pytest.raises(NotConfirmable):
        hold(review, on=date(2026, 8, 11))

    assert Review.objects.get().status == "scheduled"


def test_what_was_not_spoken_about_is_not_recorded():
    member = make_member()
    goal = make_outcome(member=member)
    review = agree(member)

    held = hold(review, goal_confirmed=None, gap_answer=None)

    goal.refresh_from_db()
    assert (held.goal_confirmed, goal.confirmed_on) == (None, date(2026, 1, 1))
    assert GapAnswer.objects.count() == 0


def test_review_held_early_leaves_the_calendars_it_is_in():
    member = make_member()
    make_guest(member=member)
    review = agree(member)
    gate.send_due(at=MORNING)

    held = hold(review, on=TODAY, at=LATER)
    gate.send_due(at=LATER)

    assert held.status == "held"
    assert queued(review) == [("sent", 0, "REQUEST"), ("sent", 1, "CANCEL")]


# --- the gap question -------------------------------------------------------------------------


def test_every_answer_is_kept_and_the_same_one_once():
    member, by = make_member(), make_user()

    def answer(said, words):
        return reviews.answer_gap(
            member=member,
            answer=said,
            words=words,
            said_in="portal",
            on=TODAY,
            by=by,
            at=MORNING,
        )

    first, again, second = answer("no", "stuck"), answer("no", "stuck"), answer("yes", "")

    assert (first, first != second) == (again, True)
    assert list(GapAnswer.objects.order_by("pk").values_list("answer", flat=True)) == [
        "no",
        "yes",
    ]


# --- the feed ---------------------------------------------------------------------------------


def test_new_secret_ends_the_old_one_and_revoking_ends_both():
    amy = make_user()
    first = reviews.feed_secret(user=amy, at=MORNING)
    assert reads.feed_of(first, at=MORNING).user == amy

    second = reviews.feed_secret(user=amy, at=LATER)

    assert (reads.feed_of(first, at=LATER), reads.feed_of(second, at=LATER).user) == (None, amy)
    assert second not in str(CalendarFeed.objects.values().get())
    assert [reviews.revoke_feed(user=amy, at=LATER) for _ in range(2)] == [True, False]
    assert reads.feed_of(second, at=LATER) is None
