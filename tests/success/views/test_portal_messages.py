from datetime import timedelta

import pytest

from members.enums import Role
from tests.factories import MORNING, make_member, make_notice, make_user
from tests.success.views.portal_people import FORBIDDEN

pytestmark = pytest.mark.django_db
URL = "/path/messages/"


@pytest.fixture
def kim(client):
    user = make_user(role=Role.MEMBER, member=make_member())
    client.force_login(user)
    return user


def shown(response):
    return [each.title for each in response.context["told"]]


def test_messages_are_of_this_log_in_newest_first(client, kim):
    make_notice(user=kim, title="First", body="Dear Kim,\n\nhello.", kind="message")
    make_notice(user=kim, title="Second", at=MORNING + timedelta(hours=1), address="/path/")
    make_notice(user=make_user(role=Role.MEMBER, member=kim.member), title="For a colleague")
    response = client.get(URL)

    assert shown(response) == ["Second", "First"]
    assert "<p>Dear Kim,</p>\n\n<p>hello.</p>" in response.text
    assert '<a href="/path/">Go there' in response.text
    assert "2 not read" in response.text
    assert [word for word in FORBIDDEN if word in response.text.lower()] == []


def test_nothing_yet_says_what_will_be_there(client, kim):
    assert "There are none yet" in client.get(URL).text


@pytest.mark.usefixtures("at_noon")
def test_one_is_read_and_then_all(client, kim):
    first, second, third = (make_notice(user=kim) for _ in range(3))
    other = make_notice()

    assert client.post(f"{URL}{first.public_id}/read/")["Location"] == URL
    assert client.post(f"{URL}{other.public_id}/read/").status_code == 404
    for notice in (first, second, third, other):
        notice.refresh_from_db()
    assert [bool(each.read_at) for each in (first, second, third, other)] == [
        True,
        False,
        False,
        False,
    ]

    client.post(f"{URL}read/", {"until": (MORNING - timedelta(days=1)).isoformat()})
    second.refresh_from_db()
    assert second.read_at is None

    client.post(f"{URL}read/", {"until": "nonsense"})
    second.refresh_from_db()
    assert second.read_at


@pytest.mark.parametrize("item_count", [1, 3])
def test_page_takes_the_same_queries_for_one_and_three(
    client, kim, item_count, django_assert_num_queries
):
    for _ in range(item_count):
        make_notice(user=kim, member=kim.member)

    with django_assert_num_queries(5):  # session, user, their member, notices, how many
        client.get(URL)


def test_pages_go_on(client, kim):
    for number in range(21):
        make_notice(user=kim, title=f"{number}", at=MORNING + timedelta(minutes=number))
    first = client.get(URL)

    assert shown(client.get(URL, {"after": first.context["after"]})) == ["0"]
    assert client.get(URL, {"before": "nonsense"}).headers["Location"] == URL


def test_staff_have_another_page(client):
    client.force_login(make_user(role=Role.MSM))

    assert client.get(URL).status_code == 403
