from datetime import timedelta

import pytest

from communications import queries
from communications.enums import MessageStatus
from tests.factories import MORNING, make_member, make_message

pytestmark = pytest.mark.django_db


def test_messages_of_a_member_are_the_newest_first(django_assert_num_queries):
    member = make_member()
    older = make_message(member=member, due_at=MORNING - timedelta(days=1))
    newer = make_message(member=member)
    make_message()

    with django_assert_num_queries(1):
        found = list(queries.messages_of(member_id=member.pk))
        assert [str(each.person) and str(each.template) for each in found] != []

    assert found == [newer, older]


def test_recent_outbox_shows_everybody(django_assert_num_queries):
    older = make_message(due_at=MORNING - timedelta(days=1))
    newer = make_message()

    with django_assert_num_queries(1):
        found = list(queries.recent_outbox())
        names = [each.member.name for each in found]

    assert found == [newer, older]
    assert names == [newer.member.name, older.member.name]


def test_outbox_counts_have_every_state():
    make_message()
    make_message(status=MessageStatus.SENT)
    make_message(status=MessageStatus.SENT)

    assert queries.outbox_counts() == {
        MessageStatus.QUEUED: 1,
        MessageStatus.SENDING: 0,
        MessageStatus.SENT: 2,
        MessageStatus.SUPPRESSED: 0,
        MessageStatus.UNKNOWN: 0,
    }
