"""What people said of how they want to hear from us, obeyed in the sending transaction."""

import threading
from datetime import UTC, datetime, time, timedelta

import pytest
from django.core import mail
from django.db import connection, transaction

from communications.enums import MessageChannel, MessageStatus, Purpose
from communications.models import Consent, Notice, Preference, TemplateVariant
from communications.services import gate, outbox, preferences, suppression
from communications.services.gate import Counts
from members.enums import Role
from tests.factories import (
    MORNING,
    make_message,
    make_person,
    make_template,
    make_topic,
    make_user,
)

pytestmark = pytest.mark.django_db
NIGHT = datetime(2026, 7, 29, 22, tzinfo=UTC)
TOMORROW = datetime(2026, 7, 30, 8, tzinfo=UTC)
OWED = [Purpose.PROMISED, Purpose.RENEWAL, Purpose.REPLY]


def fate(message):
    message.refresh_from_db()
    return message.status, message.outcome


def about(topic, **fields):
    template = make_template(subject="A word", body="Good morning.", topic=topic)
    return make_message(template=template, **fields)


def like(person, **fields):
    return Preference.objects.create(person=person, updated_at=MORNING, **fields)


def test_only_topics_that_somebody_wants_reach_them():
    person, wanted, unwanted = make_person(), make_topic(), make_topic(title="Events")
    preferences.save(person=person, topics={unwanted.key: False}, said_in="portal", at=MORNING)
    yes = about(wanted, person=person)
    no = about(unwanted, person=person)
    other = about(unwanted)

    assert gate.send_due(at=MORNING) == Counts(claimed=3, sent=2, suppressed=1)
    assert fate(no) == ("suppressed", "They do not want to hear of this: Events")
    assert (fate(yes)[0], fate(other)[0]) == ("sent", "sent")


def test_nobody_gets_what_can_wait_who_wants_none_of_it_but_what_is_owed():
    person = make_person()
    like(person, no_discretionary=True)
    nudge = make_message(person=person)
    owed = [make_message(person=person, purpose=purpose) for purpose in OWED]

    gate.send_due(at=MORNING)

    assert fate(nudge) == (
        "suppressed",
        "They want nothing but what is promised or owed",
    )
    assert [fate(message)[0] for message in owed] == ["sent"] * 3


def test_a_refused_way_is_not_taken_but_for_what_is_owed():
    person = make_person()
    like(person, refused_channels=["email"])
    nudge = make_message(person=person)
    owed = make_message(person=person, purpose=Purpose.PROMISED)

    gate.send_due(at=MORNING)

    assert fate(nudge) == (
        "suppressed",
        "They do not want to hear from us this way: E-mail",
    )
    assert fate(owed)[0] == "sent"


@pytest.mark.parametrize("about_all", [True, False])
def test_a_consent_taken_back_holds_whatever_the_preference_says(about_all):
    person, topic = make_person(), make_topic()
    like(person, no_discretionary=False)
    for is_given, at in [(True, MORNING - timedelta(days=2)), (False, MORNING)]:
        Consent.objects.create(
            person=person,
            topic=None if about_all else topic,
            is_given=is_given,
            said_in="import",
            at=at,
        )
    message = about(topic, person=person)

    gate.send_due(at=MORNING)

    assert fate(message)[0] == "suppressed"


@pytest.mark.parametrize("purpose", [Purpose.DISCRETIONARY, Purpose.PROMISED, Purpose.RENEWAL])
def test_nobody_is_written_to_at_night(purpose):
    message = make_message(purpose=purpose)

    assert gate.send_due(at=NIGHT) == Counts(claimed=1, postponed=1)
    assert fate(message) == ("queued", "Waits: quiet hours")
    assert (message.due_at, message.subject) == (TOMORROW, "")
    assert gate.send_due(at=TOMORROW - timedelta(seconds=1)) == Counts()
    assert gate.send_due(at=TOMORROW) == Counts(claimed=1, sent=1)


def test_the_night_is_that_of_the_reader():
    away, here = make_person(), make_person()
    like(away, time_zone="Asia/Tokyo")
    like(here, time_zone="Europe/Berlin")
    theirs, ours = make_message(person=away), make_message(person=here)
    evening = datetime(2026, 7, 29, 11, tzinfo=UTC)  # eight in the evening in Tokyo

    gate.send_due(at=evening)

    assert (fate(theirs)[0], fate(ours)[0]) == ("queued", "sent")
    assert theirs.due_at == datetime(2026, 7, 29, 23, tzinfo=UTC)


def test_quiet_hours_are_the_associations_to_set(settings):
    settings.WAYMARK_QUIET_HOURS = (time(8), time(9))
    message = make_message()

    gate.send_due(at=MORNING)

    assert (fate(message)[0], message.due_at.hour) == ("queued", 9)


def test_an_answer_and_an_invitation_do_not_wait_for_the_morning():
    answer = make_message(purpose=Purpose.REPLY)
    invitation = make_message(
        purpose=Purpose.PROMISED, calendar="BEGIN:VCALENDAR", calendar_method="REQUEST"
    )

    gate.send_due(at=NIGHT)

    assert (fate(answer)[0], fate(invitation)[0]) == ("sent", "sent")


def test_what_would_be_too_late_in_the_morning_is_not_sent():
    message = make_message(not_after=TOMORROW)

    gate.send_due(at=NIGHT)

    assert fate(message) == (
        "suppressed",
        "It would be too late by the time it may go: quiet hours",
    )


def test_the_hour_somebody_likes_is_kept_for_what_can_wait():
    person = make_person()
    like(person, hour=14)
    nudge = make_message(person=person)
    owed = make_message(person=person, purpose=Purpose.PROMISED)

    gate.send_due(at=MORNING)

    assert (fate(nudge), fate(owed)[0]) == (
        ("queued", "Waits: the hour they chose"),
        "sent",
    )
    assert nudge.due_at.hour == 14


def test_once_a_week_is_at_most_once_and_the_others_follow_week_by_week():
    person = make_person()
    like(person, cadence="weekly")
    messages = [make_message(person=person) for _ in range(2)]
    late = make_message(person=person, not_after=MORNING + timedelta(days=3))
    owed = make_message(person=person, purpose=Purpose.PROMISED)

    gate.send_due(at=MORNING)

    assert [fate(each)[0] for each in [*messages, owed]] == ["sent", "queued", "sent"]
    assert fate(messages[1])[1] == "Waits: they want to hear once a week at most"
    assert fate(late)[0] == "suppressed"
    assert messages[1].due_at == datetime(2026, 8, 5, 8, tzinfo=UTC)
    assert gate.send_due(at=messages[1].due_at) == Counts(claimed=1, sent=1)


def test_mail_that_can_be_stopped_says_how_and_what_is_owed_does_not(settings):
    settings.WAYMARK_SITE_URL = "https://waymark.example/"
    settings.WAYMARK_CONTACT = "1 Long Road, Townsville"
    person, topic = make_person(), make_topic(key="events")
    about(topic, person=person)
    make_message(person=person, purpose=Purpose.PROMISED, due_at=MORNING)

    gate.send_due(at=MORNING)

    nudge, owed = mail.outbox
    page = f"https://waymark.example/messages/to/{preferences.token(person)}/"
    assert nudge.extra_headers["List-Unsubscribe"] == f"<{page}unsubscribe/events/>"
    assert nudge.extra_headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert nudge.body.splitlines()[-3:] == [
        "You get this because you are with Your association.",
        f"Choose what you hear from us, or stop it: {page}",
        "1 Long Road, Townsville",
    ]
    assert owed.body == "Good morning."
    assert owed.extra_headers.keys() == {"Message-ID"}


def test_the_way_in_is_not_kept_with_the_message():
    message = make_message()

    gate.send_due(at=MORNING)

    message.refresh_from_db()
    assert preferences.token(message.person) in mail.outbox[0].body
    assert message.body == "Good morning."


def test_formatted_mail_says_the_same_in_both_parts():
    person = make_person()
    like(person, format="rich")
    template = make_template(subject="S", body="One <b>\n\nhttps://a.example/x")
    make_message(person=person, template=template)

    gate.send_due(at=MORNING)

    [letter] = mail.outbox
    [(html, kind)] = letter.alternatives
    assert (letter.message().get_content_type(), kind) == (
        "multipart/alternative",
        "text/html",
    )
    assert "<p>One &lt;b&gt;</p>" in html
    assert '<a href="https://a.example/x">' in html
    assert preferences.token(person) in html


def test_words_and_days_are_those_of_the_reader():
    person = make_person()
    like(person, language="de-AT", persona="lead")
    template = make_template(
        subject="On {{ day }}",
        body="{{ count }}",
        variables=[{"name": "day", "kind": "date"}, {"name": "count", "kind": "number"}],
    )
    TemplateVariant.objects.create(
        template=template, language="de", subject="Am {{ day }}", body="{{ count }} Mal"
    )
    values = {"day": "2026-03-01", "count": 1234.5}
    theirs = make_message(person=person, template=template, variables=values)
    others = make_message(template=template, variables=values)

    gate.send_due(at=MORNING)

    theirs.refresh_from_db()
    others.refresh_from_db()
    assert (theirs.subject, theirs.body) == ("Am 1. März 2026", "1.234,5 Mal")
    assert (others.subject, others.body) == ("On March 1, 2026", "1,234.5")


def test_a_notice_stands_on_their_own_page_by_night_as_well():
    person = make_person(email="")
    user = make_user(role=Role.MEMBER, person=person)
    message = make_message(person=person, channel=MessageChannel.PORTAL)
    nobody = make_message(channel=MessageChannel.PORTAL)

    gate.send_due(at=NIGHT)

    assert fate(message) == ("sent", "Shown on their own page")
    assert fate(nobody) == ("suppressed", "They have no log-in to show it to")
    assert [(each.user, each.title, each.body) for each in Notice.objects.all()] == [
        (user, "A word", "Good morning.")
    ]
    assert mail.outbox == []


def to(user, **fields):
    return outbox.queue_message(
        user=user,
        template_key=make_template(subject="A word", body="Good morning.").key,
        variables={},
        purpose=Purpose.DISCRETIONARY,
        dedupe_key=f"to {user.pk} {fields}",
        due_at=MORNING,
    )


def test_a_colleague_is_told_at_any_hour_and_as_often_as_they_ask():
    user = make_user(name="Kim Doe", email="kim@waymark.example")
    messages = [to(user, number=number) for number in range(4)]

    assert gate.send_due(at=NIGHT) == Counts(claimed=4, sent=4)
    assert {fate(message)[0] for message in messages} == {"sent"}
    assert mail.outbox[0].to == ["Kim Doe <kim@waymark.example>"]
    assert "List-Unsubscribe" not in mail.outbox[0].extra_headers


def test_a_colleagues_address_is_suppressed_like_any_other():
    user, gone = make_user(), make_user(is_active=False)
    suppression.add(address=user.email, reason="bounced", by=None, at=MORNING)
    messages = [to(user), to(gone)]

    gate.send_due(at=MORNING)

    assert [fate(message) for message in messages] == [
        ("suppressed", "This address must not be written to"),
        ("suppressed", "Their log-in is closed"),
    ]


def test_the_providers_name_for_the_message_is_kept():
    message = make_message()

    gate.send_due(at=MORNING)

    message.refresh_from_db()
    assert message.provider_id == f"<{message.public_id}@localhost>"


@pytest.mark.django_db(transaction=True)
def test_somebody_who_unsubscribes_while_it_is_checked_is_waited_for():
    """The gate waits for the opt-out that has begun, and then obeys it."""
    person = make_person()
    message = make_message(person=person)
    unsubscribed, swept = threading.Event(), []

    def sweep():
        unsubscribed.wait(10)
        try:
            swept.append(gate.send_due(at=MORNING))
        finally:
            connection.close()

    thread = threading.Thread(target=sweep)
    thread.start()
    with transaction.atomic():
        preferences.unsubscribe(person=person, said_in="one-click", at=MORNING)
        unsubscribed.set()
        thread.join(0.5)
        assert thread.is_alive()
    thread.join(10)

    assert swept == [Counts(claimed=1, suppressed=1)]
    assert fate(message)[0] == MessageStatus.SUPPRESSED
