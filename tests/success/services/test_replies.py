import threading
from datetime import timedelta

import pytest
from django.db import connection

from communications.enums import MessageStatus
from communications.models import Notice, Reply
from members.enums import Role
from members.models import AuditEntry
from success.enums import EnrolmentEnd
from success.models import Enrolment
from success.services.replies import handle_due
from tests.factories import (
    MORNING,
    NOON,
    make_absence,
    make_assignment,
    make_enrolment,
    make_intervention,
    make_message,
    make_person,
    make_reply,
    make_user,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def said():
    """A play wrote to Ann, whose member Amy looks after."""
    message = make_message(
        person=make_person(name="Ann Lee"), status=MessageStatus.SENT, finished_at=MORNING
    )
    enrolment = make_enrolment(member=message.member)
    make_intervention(
        play=enrolment.play, member=message.member, enrolment=enrolment, message=message
    )
    make_assignment(member=message.member, owner=make_user(name="Amy"))
    return message


def entry():
    row = Enrolment.objects.get()
    return row.ended_on, row.end, row.end_reason


def told():
    return list(Notice.objects.order_by("pk").values_list("user__name", "title", "body"))


UNDER_WAY = (None, "", "")
ENDED = (NOON.date(), EnrolmentEnd.REPLIED, "They replied on 29 July 2026")


def test_answer_stops_the_ladder_and_is_told_once(said):
    reply = make_reply(message=said, body="Yes.\n\nOn Wed, you wrote:\n> Hello")

    assert (handle_due(at=NOON), handle_due(at=NOON)) == (1, 0)

    reply.refresh_from_db()
    assert (reply.handled_at, entry()) == (NOON, ENDED)
    assert told() == [("Amy", "Ann Lee answered: Re: Your next step", "Yes.")]
    notice = Notice.objects.get()
    assert notice.address == f"/members/{said.member.public_id}/"
    assert AuditEntry.objects.filter(verb="enrolment.ended").count() == 1


def test_answer_of_a_program_stops_nothing_and_is_told_nobody(said):
    make_reply(message=said, is_automatic=True)

    assert (handle_due(at=NOON), entry(), told()) == (1, UNDER_WAY, [])


def test_letter_without_a_message_stops_what_had_written_to_the_person(said):
    make_reply(message=said, person=said.person)
    Reply.objects.update(message=None)

    handle_due(at=NOON)

    assert entry() == ENDED


@pytest.mark.parametrize(
    "changes",
    [
        {"status": MessageStatus.QUEUED, "finished_at": None},
        {"status": MessageStatus.SUPPRESSED},
        {"finished_at": NOON + timedelta(minutes=1)},
    ],
)
def test_what_had_not_written_to_them_goes_on(said, changes):
    make_reply(message=said)
    Reply.objects.update(message=None)
    type(said).objects.filter(pk=said.pk).update(**changes)

    handle_due(at=NOON)

    assert entry() == UNDER_WAY


def test_colleague_at_the_member_stops_only_what_they_answer(said):
    other = make_message(member=said.member, status=MessageStatus.SENT, finished_at=MORNING)
    make_reply(message=other, person=None)

    handle_due(at=NOON)

    assert entry() == UNDER_WAY
    assert told()[0][1].startswith(f"Somebody at {said.member.name} answered")


def test_whoever_stands_in_is_told_as_well(said):
    amy = said.member.assignment.owner
    make_absence(user=amy, cover=make_user(name="Ben"), handed_over_at=MORNING)
    make_reply(message=said)

    handle_due(at=NOON)

    assert sorted(who for who, _, _ in told()) == ["Amy", "Ben"]


def test_pool_is_told_where_nobody_has_the_member():
    make_user(name="Amy")
    make_user(name="Dora", role=Role.DIRECTOR)
    make_reply()

    handle_due(at=NOON)

    assert [who for who, _, _ in told()] == ["Amy"]


def test_house_is_told_of_strangers():
    make_user(name="Amy")
    make_user(name="Dora", role=Role.DIRECTOR)
    make_user(name="Olga", role=Role.OPERATIONS)
    reply = make_reply()
    Reply.objects.filter(pk=reply.pk).update(message=None, member=None, person=None)

    handle_due(at=NOON)

    assert sorted(who for who, _, _ in told()) == ["Dora", "Olga"]


def test_long_words_are_cut_in_the_notice_only(said):
    reply = make_reply(message=said, body="a" * 5000)

    handle_due(at=NOON)

    assert (len(told()[0][2]), len(Reply.objects.get(pk=reply.pk).body)) == (601, 5000)


@pytest.mark.django_db(transaction=True)
def test_sweeps_side_by_side_handle_each_once():
    make_user(name="Amy")
    for _ in range(8):
        make_reply()
    handled = []

    def sweep():
        handled.append(handle_due(at=NOON))
        connection.close()

    threads = [threading.Thread(target=sweep) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert (sum(handled), Notice.objects.count()) == (8, 8)
