from datetime import timedelta

import pytest

from communications.enums import NoticeKind
from communications.models import Notice
from communications.queries import notices_of, unread_count
from communications.services import notices
from tests.factories import MORNING, make_member, make_notice, make_user

pytestmark = pytest.mark.django_db


def tell(*users, **overrides):
    said = {"kind": NoticeKind.WORK, "title": "Look here", "dedupe_key": "one", "at": MORNING}
    return notices.tell(users=users, **(said | overrides))


def test_each_is_told_once_however_often_it_is_said():
    amy, ben, gone = make_user(), make_user(), make_user(is_active=False)
    member = make_member()

    assert tell(amy, gone, member=member, body="Words", address="/members/") == 1
    assert tell(amy, ben, amy, title="Other words") == 1
    assert tell(amy, ben) == 0
    assert tell() == 0

    assert [(each.user, each.title) for each in Notice.objects.order_by("pk")] == [
        (amy, "Look here"),
        (ben, "Other words"),
    ]
    told = Notice.objects.get(user=amy)
    assert (told.member, told.body, told.address, told.kind, told.at, told.read_at) == (
        member,
        "Words",
        "/members/",
        NoticeKind.WORK,
        MORNING,
        None,
    )
    assert told.public_id


def test_what_was_read_is_not_told_again():
    amy = make_user()
    tell(amy)
    notices.read_all(user=amy, until=MORNING, at=MORNING)

    assert (tell(amy), unread_count(amy)) == (0, 0)


def test_everybody_reads_their_own_once():
    mine, other = make_notice(), make_notice()
    both = [mine.public_id, other.public_id]

    assert notices.read(user=mine.user, notices=both, at=MORNING) == 1
    assert notices.read(user=mine.user, notices=both, at=MORNING + timedelta(hours=1)) == 0

    mine.refresh_from_db()
    other.refresh_from_db()
    assert (mine.read_at, other.read_at) == (MORNING, None)


def test_what_came_while_the_page_was_open_stays_unread():
    amy = make_user()
    make_notice(user=amy)
    later = make_notice(user=amy, at=MORNING + timedelta(minutes=1))

    now = MORNING + timedelta(hours=1)
    assert notices.read_all(user=amy, until=MORNING, at=now) == 1
    assert list(notices_of(amy, unread=True)) == [later]


@pytest.mark.parametrize("number", [0, 1, 3, 101])
def test_unread_are_counted_by_one_query_up_to_a_hundred(number, django_assert_num_queries):
    amy = make_user()
    for _ in range(number):
        make_notice(user=amy)
    make_notice()

    with django_assert_num_queries(1):
        assert unread_count(amy) == min(number, 100)
