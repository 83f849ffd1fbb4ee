from datetime import timedelta

import pytest

from communications.enums import MessageChannel, MessageStatus, Purpose
from communications.models import LARGEST_ATTACHMENT, Message
from communications.services import outbox
from members.models import AuditEntry
from tests.factories import (
    MORNING,
    make_member,
    make_message,
    make_person,
    make_template,
    make_user,
)

pytestmark = pytest.mark.django_db


def new_message(member, person, template, **overrides):
    fields = {
        "member_id": member.pk,
        "person_id": person.pk if person else None,
        "template_key": template.key,
        "variables": {"name": "Zoë", "days": 3},
        "purpose": Purpose.DISCRETIONARY,
        "dedupe_key": "one",
        "due_at": MORNING,
    }
    return fields | overrides


def test_queue_message_keeps_everything_that_was_said():
    member, person, template = make_member(), make_person(), make_template()
    later = MORNING + timedelta(days=3)

    message = outbox.queue_message(**new_message(member, person, template, not_after=later))

    assert (message.member_id, message.person_id, message.template_id) == (
        member.pk,
        person.pk,
        template.pk,
    )
    assert (message.status, message.purpose, message.due_at, message.not_after) == (
        MessageStatus.QUEUED,
        Purpose.DISCRETIONARY,
        MORNING,
        later,
    )
    assert message.variables == {"name": "Zoë", "days": 3}
    assert message.public_id.version == 7


def test_queue_message_says_the_same_thing_once():
    member, template = make_member(), make_template()
    first = outbox.queue_message(**new_message(member, None, template))
    Message.objects.filter(pk=first.pk).update(status=MessageStatus.SENT)

    again = outbox.queue_message(**new_message(member, None, template, variables={}))

    assert (again.pk, again.status, again.variables) == (
        first.pk,
        MessageStatus.SENT,
        {"name": "Zoë", "days": 3},
    )
    assert Message.objects.count() == 1


def test_queue_messages_is_one_statement_and_counts_what_is_new(django_assert_num_queries):
    member, template = make_member(), make_template()
    outbox.queue_message(**new_message(member, None, template, dedupe_key="0"))
    rows = [
        outbox.NewMessage(**new_message(member, None, template, dedupe_key=str(number)))
        for number in range(5)
    ]

    with django_assert_num_queries(2):
        assert outbox.queue_messages(rows) == 4
    assert outbox.queue_messages(rows) == 0
    assert outbox.queue_messages([]) == 0


def test_unknown_template_is_refused_before_anything_is_written():
    member, template = make_member(), make_template()
    rows = [
        outbox.NewMessage(**new_message(member, None, template)),
        outbox.NewMessage(
            **new_message(member, None, template, template_key="none", dedupe_key="2")
        ),
    ]

    with pytest.raises(outbox.UnknownTemplate, match="none"):
        outbox.queue_messages(rows)

    assert Message.objects.count() == 0


def test_a_message_may_carry_an_invitation_for_a_calendar():
    member, person, template = make_member(), make_person(), make_template()
    enclosed = {
        "calendar": "BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n",
        "calendar_method": "REQUEST",
    }

    message = outbox.queue_message(**new_message(member, person, template, **enclosed))

    assert (message.calendar, message.calendar_method) == tuple(enclosed.values())


def test_withdraw_takes_back_what_waits_and_nothing_else():
    member, template = make_member(), make_template()
    for key in ("waiting", "sent", "other"):
        outbox.queue_message(**new_message(member, None, template, dedupe_key=key))
    Message.objects.filter(dedupe_key="sent").update(status=MessageStatus.SENT)
    keys = ["waiting", "sent", "never"]

    counts = [outbox.withdraw(dedupe_keys=keys, reason="Moved", at=MORNING) for _ in range(2)]

    rows = Message.objects.order_by("pk").values_list("status", "outcome", "finished_at")
    assert counts == [1, 0]
    assert list(rows) == [
        ("suppressed", "Moved", MORNING),
        ("sent", "", None),
        ("queued", "", None),
    ]


def test_a_colleague_may_be_written_to_and_nobody_of_a_member():
    user, template = make_user(), make_template()

    message = outbox.queue_message(
        user=user,
        template_key=template.key,
        variables={},
        purpose=Purpose.REPLY,
        dedupe_key="digest",
        due_at=MORNING,
        channel=MessageChannel.PORTAL,
    )

    assert (message.user, message.member, message.person) == (user, None, None)
    assert message.channel == MessageChannel.PORTAL


@pytest.mark.parametrize(("was_sent", "status"), [(True, "sent"), (False, "suppressed")])
def test_settle_keeps_what_a_person_found_out(was_sent, status):
    message, by = make_message(status=MessageStatus.UNKNOWN, outcome="timed out"), make_user()

    outbox.settle(
        message=message, was_sent=was_sent, reason="The provider's log", by=by, at=MORNING
    )

    message.refresh_from_db()
    [entry] = AuditEntry.objects.filter(verb="message.settled")
    assert (message.status, message.outcome) == (status, "The provider's log")
    assert (entry.by, entry.before["outcome"]) == (by, "timed out")
    with pytest.raises(outbox.NotUnknown):
        outbox.settle(message=message, was_sent=True, reason="x", by=by, at=MORNING)


def test_settle_asks_how_one_knows():
    message = make_message(status=MessageStatus.UNKNOWN)

    with pytest.raises(outbox.NoReason):
        outbox.settle(message=message, was_sent=True, reason=" ", by=make_user(), at=MORNING)


def test_file_goes_along_once_and_not_beyond_what_mail_takes():
    message = make_message(user=make_user())
    told = {"message": message, "name": "a.xlsx", "content_type": "application/x"}

    first = outbox.attach(**told, content=b"one")
    again = outbox.attach(**told, content=b"two")

    assert (first.pk, bytes(again.content), again.size) == (again.pk, b"one", 3)
    with pytest.raises(outbox.TooLarge):
        outbox.attach(**told | {"name": "b"}, content=b"x" * (LARGEST_ATTACHMENT + 1))
