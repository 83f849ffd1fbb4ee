import threading
from datetime import timedelta

import pytest
from django.core import mail
from django.core.mail.backends.base import BaseEmailBackend
from django.db import connection, transaction

from communications.enums import MessageStatus, Purpose
from communications.models import Message, Suppression
from communications.services import gate
from communications.services.gate import Counts
from communications.services.suppression import address_hash
from tests.factories import (
    MORNING,
    TODAY,
    make_guest,
    make_member,
    make_message,
    make_person,
    make_template,
)

pytestmark = pytest.mark.django_db


class Unreachable(BaseEmailBackend):
    def send_messages(self, email_messages):
        raise ConnectionRefusedError("nobody listens")


class Vanishing(BaseEmailBackend):
    def send_messages(self, email_messages):
        raise TimeoutError("no answer")


class Dying(BaseEmailBackend):
    def send_messages(self, email_messages):
        raise SystemExit("killed")


@pytest.fixture
def guard():
    """A guard that objects to members named in ``objections``."""
    objections = {}
    gate.guards.register("test", lambda *, message, **_: objections.get(message.member_id))
    yield objections
    gate.guards.unregister("test")


def said(letter):
    """What a mail says above its footer."""
    return letter.body.partition("\n\n-- \n")[0]


def fate(message):
    message.refresh_from_db()
    return message.status, message.outcome


def test_due_message_is_sent_once_as_plain_text():
    person = make_person(name="Ann Lee", email="Ann@Example.org")
    template = make_template(subject="For {{name}}", body="Dear {{ name }}, {{ days }} days.")
    message = make_message(
        person=person, template=template, variables={"name": "Ann", "days": 0}
    )

    assert gate.send_due(at=MORNING) == Counts(claimed=1, sent=1)
    assert gate.send_due(at=MORNING + timedelta(hours=1)) == Counts()

    [letter] = mail.outbox
    assert (letter.to, letter.subject) == (["Ann Lee <Ann@Example.org>"], "For Ann")
    assert said(letter) == "Dear Ann, 0 days."
    assert letter.message()["Message-ID"] == f"<{message.public_id}@localhost>"
    assert letter.message().get_content_type() == "text/plain"
    assert fate(message) == (MessageStatus.SENT, f"<{message.public_id}@localhost>")
    assert (message.subject, message.body, message.finished_at) == (
        "For Ann",
        "Dear Ann, 0 days.",
        MORNING,
    )


@pytest.mark.parametrize(
    ("ends_on", "fields", "is_held"),
    [
        pytest.param(None, {}, False, id="there"),
        pytest.param(TODAY, {}, True, id="left today"),
        pytest.param(TODAY, {"purpose": Purpose.PROMISED}, True, id="what is promised, too"),
        pytest.param(TODAY + timedelta(days=1), {}, False, id="leaves tomorrow"),
        pytest.param(TODAY, {"purpose": Purpose.REPLY}, False, id="an answer to them"),
        pytest.param(
            TODAY,
            {"calendar": "BEGIN:VCALENDAR", "calendar_method": "CANCEL"},
            False,
            id="a meeting is off",
        ),
    ],
)
def test_who_has_left_the_member_hears_nothing_of_it(ends_on, fields, is_held):
    member = make_member(name="Envoy Ltd")
    person = make_guest(member=member, ends_on=ends_on)
    message = make_message(member=member, person=person, **fields)

    gate.send_due(at=MORNING)

    held = (MessageStatus.SUPPRESSED, "They are not with Envoy Ltd any more")
    assert (fate(message) == held) == is_held
    assert len(mail.outbox) == (0 if is_held else 1)


def test_mail_to_a_folder_keeps_the_name_of_its_file(settings, tmp_path):
    settings.EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
    settings.EMAIL_FILE_PATH = str(tmp_path)
    message = make_message()

    gate.send_due(at=MORNING)

    assert [file.name for file in tmp_path.iterdir()] == [fate(message)[1]]


def test_what_is_not_due_stays():
    message = make_message(due_at=MORNING + timedelta(seconds=1))

    assert gate.send_due(at=MORNING) == Counts()
    assert fate(message) == (MessageStatus.QUEUED, "")


def test_limit_takes_the_oldest_first():
    late = make_message(due_at=MORNING - timedelta(hours=1))
    early = make_message(due_at=MORNING - timedelta(hours=2))

    assert gate.send_due(at=MORNING, limit=1) == Counts(claimed=1, sent=1)
    assert (fate(early)[0], fate(late)[0]) == (MessageStatus.SENT, MessageStatus.QUEUED)


@pytest.mark.parametrize("variables", [{}, {"goal": None}, {"goal": ""}])
def test_variable_without_a_value_blocks_the_message_by_name(variables):
    template = make_template(subject="Hello", body="Your goal: {{ goal }}")
    message = make_message(template=template, variables=variables)

    assert gate.send_due(at=MORNING) == Counts(claimed=1, suppressed=1)
    assert fate(message) == (MessageStatus.SUPPRESSED, "No value for goal")
    assert mail.outbox == []


def test_value_is_put_in_as_it_stands():
    template = make_template(subject="Hello", body="{{ name }}")
    make_message(template=template, variables={"name": r"{{ goal }} \1 <b>", "goal": "secret"})

    gate.send_due(at=MORNING)

    assert [said(letter) for letter in mail.outbox] == [r"{{ goal }} \1 <b>"]


def test_line_break_in_a_name_or_subject_adds_no_header():
    template = make_template(subject="Hello {{ name }}", body="x")
    person = make_person(name="Eve\r\nBcc: all@example.org", email="eve@example.org")
    make_message(template=template, person=person, variables={"name": "a\nBcc: b@example.org"})

    assert gate.send_due(at=MORNING) == Counts(claimed=1, sent=1)
    [letter] = mail.outbox
    assert letter.recipients() == ['"Eve Bcc: all@example.org" <eve@example.org>']
    assert letter.subject == "Hello a Bcc: b@example.org"
    assert letter.message()["Bcc"] is None


def test_person_without_an_address_is_not_written_to():
    nameless = make_message(person=make_person(email=""))
    nobody = make_message()
    Message.objects.filter(pk=nobody.pk).update(person=None)

    assert gate.send_due(at=MORNING) == Counts(claimed=2, suppressed=2)
    assert fate(nameless) == (MessageStatus.SUPPRESSED, "No address is known")
    assert fate(nobody) == (MessageStatus.SUPPRESSED, "Nobody to write to")


def test_suppressed_address_is_not_written_to_however_it_is_spelled():
    Suppression.objects.create(
        address_hash=address_hash("ann@example.org"), reason="asked us", at=MORNING
    )
    message = make_message(person=make_person(email="Ann@Example.ORG"))
    other = make_message(person=make_person(email="ben@example.org"))

    assert gate.send_due(at=MORNING) == Counts(claimed=2, sent=1, suppressed=1)
    assert fate(message) == (MessageStatus.SUPPRESSED, "This address must not be written to")
    assert fate(other)[0] == MessageStatus.SENT


def test_message_too_late_is_not_sent():
    message = make_message(not_after=MORNING)
    in_time = make_message(not_after=MORNING + timedelta(seconds=1))

    gate.send_due(at=MORNING)

    assert fate(message) == (MessageStatus.SUPPRESSED, "It is too late for this message")
    assert fate(in_time)[0] == MessageStatus.SENT


def test_third_discretionary_message_in_fourteen_days_is_held_back():
    person = make_person()
    messages = [make_message(person=person) for _ in range(3)]
    promised = make_message(person=person, purpose=Purpose.PROMISED)
    other = make_message()

    assert gate.send_due(at=MORNING) == Counts(claimed=5, sent=4, suppressed=1)
    assert [fate(message)[0] for message in messages] == ["sent", "sent", "suppressed"]
    assert (fate(promised)[0], fate(other)[0]) == ("sent", "sent")

    soon = make_message(person=person)
    gate.send_due(at=MORNING + timedelta(days=13, hours=23, minutes=59))
    assert fate(soon)[0] == "suppressed"
    later = make_message(person=person)
    gate.send_due(at=MORNING + timedelta(days=14))
    assert fate(later)[0] == "sent"


def test_promised_messages_do_not_count_towards_the_cap():
    person = make_person()
    for _ in range(2):
        make_message(person=person, purpose=Purpose.PROMISED)
    message = make_message(person=person)

    gate.send_due(at=MORNING)

    assert fate(message)[0] == "sent"


def test_guard_is_asked_and_its_reason_kept(guard):
    message, other = make_message(), make_message()
    guard[message.member_id] = "They have renewed"

    assert gate.send_due(at=MORNING) == Counts(claimed=2, sent=1, suppressed=1)
    assert fate(message) == (MessageStatus.SUPPRESSED, "They have renewed")
    assert fate(other)[0] == "sent"


def test_guard_that_fails_sends_nothing_and_stops_nobody_else(guard):
    guard.clear()
    message, other = make_message(), make_message()

    def failing(*, message, **_):
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1 / %s", [0 if message.member_id == broken else 1])

    broken = message.member_id
    gate.guards.register("test", failing)

    assert gate.send_due(at=MORNING) == Counts(claimed=2, sent=1, postponed=1)
    status, outcome = fate(message)
    assert (status, outcome.splitlines()[0]) == (
        "queued",
        "It could not be checked: division by zero",
    )
    assert fate(other)[0] == "sent"


def test_provider_that_cannot_be_reached_is_tried_again(settings):
    settings.EMAIL_BACKEND = f"{__name__}.Unreachable"
    message = make_message()

    assert gate.send_due(at=MORNING) == Counts(claimed=1, postponed=1)
    assert fate(message) == (MessageStatus.QUEUED, "Not accepted: nobody listens")
    assert message.due_at == MORNING + timedelta(minutes=5)
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"

    assert gate.send_due(at=message.due_at) == Counts(claimed=1, sent=1)


def test_doubtful_failure_is_unknown_and_never_sent_again(settings):
    settings.EMAIL_BACKEND = f"{__name__}.Vanishing"
    message = make_message()

    assert gate.send_due(at=MORNING) == Counts(claimed=1, unknown=1)
    assert fate(message) == (MessageStatus.UNKNOWN, "no answer")
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"

    assert gate.send_due(at=MORNING + timedelta(days=1)) == Counts()
    assert mail.outbox == []


def test_message_left_half_sent_becomes_unknown_after_ten_minutes():
    message = make_message(status=MessageStatus.SENDING, claimed_at=MORNING)
    other = make_message(
        status=MessageStatus.SENDING, claimed_at=MORNING + timedelta(seconds=1)
    )
    later = MORNING + timedelta(minutes=10)

    assert (gate.release_stuck(at=later), gate.release_stuck(at=later)) == (1, 0)
    assert gate.send_due(at=later) == Counts()
    assert fate(message) == ("unknown", "The work stopped while it was being sent")
    assert fate(other)[0] == "sending"


@pytest.mark.django_db(transaction=True)
@pytest.mark.django_db(transaction=True)
def test_sweep_that_dies_leaves_one_message_in_doubt_and_the_others_in_the_queue(settings):
    messages = [make_message() for _ in range(3)]
    settings.EMAIL_BACKEND = f"{__name__}.Dying"
    with pytest.raises(SystemExit):
        gate.send_due(at=MORNING)
    assert [fate(message)[0] for message in messages] == ["sending", "queued", "queued"]

    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    gate.release_stuck(at=MORNING + gate.STUCK_AFTER)
    assert gate.send_due(at=MORNING + gate.STUCK_AFTER) == Counts(claimed=2, sent=2)
    assert [fate(message)[0] for message in messages] == ["unknown", "sent", "sent"]


@pytest.mark.django_db(transaction=True)
def test_message_that_a_sweep_still_holds_is_not_given_up():
    message = make_message(status=MessageStatus.SENDING, claimed_at=MORNING)
    given_up = []

    def give_up():
        given_up.append(gate.release_stuck(at=MORNING + gate.STUCK_AFTER))
        connection.close()

    with transaction.atomic():
        Message.objects.select_for_update().get(pk=message.pk)
        other = threading.Thread(target=give_up)
        other.start()
        other.join()

    assert given_up == [0]
    assert gate.release_stuck(at=MORNING + gate.STUCK_AFTER) == 1


def test_claim_commits_before_anything_leaves():
    with transaction.atomic(), pytest.raises(RuntimeError, match="durable"):
        gate.send_due(at=MORNING)


@pytest.mark.django_db(transaction=True)
def test_sweeps_side_by_side_send_each_message_once_and_keep_the_cap():
    person = make_person()
    for _ in range(8):
        make_message(person=person)
    for _ in range(24):
        make_message()
    start = threading.Barrier(4)

    def sweep():
        start.wait()
        try:
            while gate.send_due(at=MORNING, limit=3).claimed:
                pass
        finally:
            connection.close()

    threads = [threading.Thread(target=sweep) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    statuses = list(Message.objects.values_list("status", flat=True))
    assert (statuses.count("sent"), statuses.count("suppressed")) == (26, 6)
    assert len({letter.message()["Message-ID"] for letter in mail.outbox}) == 26
    assert len(mail.outbox) == 26
