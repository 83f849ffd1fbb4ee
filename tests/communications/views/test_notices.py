import re
from datetime import timedelta

import pytest

from members.enums import Role
from tests.factories import MORNING, make_member, make_notice, make_user

pytestmark = pytest.mark.django_db
URL = "/notices/"


@pytest.fixture
def amy(client):
    user = make_user(role=Role.MSM)
    client.force_login(user)
    return user


def shown(response):
    return [each.title for each in response.context["notices"]]


def bell(response):
    return re.search(r'<a class="wm-bell" [^>]*aria-label="([^"]*)"', response.text)[1]


def test_notices_are_newest_first_and_my_own(client, amy):
    make_notice(user=amy, title="Old", read_at=MORNING)
    make_notice(user=amy, title="New", at=MORNING + timedelta(hours=1))
    make_notice(title="Another's")

    everything, unread = client.get(URL), client.get(URL, {"unread": "1"})

    assert (shown(everything), shown(unread)) == (["New", "Old"], ["New"])
    assert bell(everything) == "Notices: 1 not read"
    assert everything.text.count("Not read:") == 1


def test_bell_says_when_all_is_read_and_when_there_is_too_much(client, amy):
    assert bell(client.get(URL)) == "Notices: all read"

    for _ in range(100):
        make_notice(user=amy)

    assert bell(client.get(URL)) == "Notices: more than 99 not read"


def test_list_goes_on_after_a_page(client, amy):
    for number in range(31):
        make_notice(user=amy, title=f"{number}", at=MORNING + timedelta(minutes=number))
    first = client.get(URL)
    second = client.get(URL, {"after": first.context["after"]})

    assert (len(shown(first)), shown(second)) == (30, ["0"])
    assert client.get(URL, {"after": "nonsense"}).headers["Location"] == URL


@pytest.mark.parametrize("item_count", [1, 3])
def test_list_takes_the_same_queries_for_one_and_three(
    client, amy, item_count, django_assert_num_queries
):
    for _ in range(item_count):
        make_notice(user=amy, member=make_member())

    with django_assert_num_queries(4):  # session, user, notices, the bell
        client.get(URL)


def test_opening_one_marks_it_and_goes_where_it_leads(client, amy):
    notice = make_notice(user=amy, address="/members/?q=x")

    assert client.get(f"{URL}{notice.public_id}/open/").status_code == 405
    response = client.post(f"{URL}{notice.public_id}/open/")

    assert (response.status_code, response["Location"]) == (302, "/members/?q=x")
    notice.refresh_from_db()
    assert notice.read_at


@pytest.mark.parametrize("address", ["", "https://evil.example/", "//evil.example/", "x"])
def test_nothing_leads_out_of_the_product(client, amy, address):
    notice = make_notice(user=amy, address=address)

    assert client.post(f"{URL}{notice.public_id}/open/")["Location"] == URL


def test_one_is_read_and_the_list_stays(client, amy):
    notice, other = make_notice(user=amy), make_notice()

    assert client.post(f"{URL}{notice.public_id}/read/", {"unread": "1"})["Location"] == (
        f"{URL}?unread=1"
    )
    assert client.post(f"{URL}{other.public_id}/read/").status_code == 404
    other.refresh_from_db()
    assert other.read_at is None


@pytest.mark.parametrize("until", ["", "nonsense", "2026-13-45T00:00:00", "2026-07-29"])
def test_all_are_read_up_to_what_was_shown(client, amy, until):
    make_notice(user=amy)
    later = make_notice(user=amy, at=MORNING + timedelta(hours=1))

    client.post(f"{URL}read/", {"until": MORNING.isoformat()})
    later.refresh_from_db()
    assert later.read_at is None

    assert client.post(f"{URL}read/", {"until": until})["Location"] == URL
    later.refresh_from_db()
    assert later.read_at


def test_words_of_others_are_shown_as_words(client, amy):
    make_notice(user=amy, title="<script>x</script>", body="<b>bold</b>\nline")
    text = client.get(URL).text

    assert "<script>x" not in text
    assert "&lt;b&gt;bold&lt;/b&gt;<br>line" in text


def test_members_have_a_page_of_their_own(client):
    client.force_login(make_user(role=Role.MEMBER))

    assert client.get(URL).status_code == 403


def test_strangers_are_asked_to_log_in(client):
    assert client.get(URL).status_code == 302
