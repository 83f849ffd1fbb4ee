from datetime import timedelta

import pytest
from rest_framework.test import APIClient

from members.enums import Role
from tests.factories import MORNING, make_delivery_event, make_message, make_notice, make_user

pytestmark = pytest.mark.django_db
URL = "/api/v1/notices/"


@pytest.fixture
def amy():
    return make_user(role=Role.MSM)


@pytest.fixture
def api(amy):
    client = APIClient()
    client.force_login(amy)
    return client


def titles(response):
    assert response.status_code == 200, response.json()
    return [each["title"] for each in response.json()["results"]]


def test_list_is_my_own_newest_first_and_narrows(api, amy):
    make_notice(user=amy, title="Old", read_at=MORNING, kind="reply")
    make_notice(user=amy, title="New", at=MORNING + timedelta(hours=1))
    make_notice(title="Another's")

    assert titles(api.get(URL)) == ["New", "Old"]
    assert titles(api.get(URL, {"is_unread": "true"})) == ["New"]
    assert titles(api.get(URL, {"is_unread": "false"})) == ["Old"]
    assert titles(api.get(URL, {"kind": "reply"})) == ["Old"]


def test_one_is_read_once(api, amy):
    notice, other = make_notice(user=amy), make_notice()

    first = api.post(f"{URL}{notice.public_id}/read/").json()
    assert first["read_at"]
    assert api.post(f"{URL}{notice.public_id}/read/").json() == first
    assert api.post(f"{URL}{other.public_id}/read/").status_code == 404


def test_all_are_read(api, amy):
    make_notice(user=amy)
    make_notice(user=amy)
    other = make_notice()

    assert api.post(f"{URL}read-all/").json() == {"read": 2}
    assert api.post(f"{URL}read-all/").json() == {"read": 0}
    other.refresh_from_db()
    assert other.read_at is None


def test_events_of_a_message_are_for_those_who_see_messages(api):
    message = make_message(status="sent")
    make_delivery_event(message=message, kind="opened", at=MORNING + timedelta(minutes=1))
    make_delivery_event(message=message, code="", detail="250 OK")
    make_delivery_event()
    url = f"/api/v1/messages/{message.public_id}/events/"

    assert api.get(url).status_code == 403

    api.force_login(make_user(role=Role.OPERATIONS))
    events = api.get(url).json()
    assert [(each["kind"], each["detail"], each["is_machine"]) for each in events] == [
        ("delivered", "250 OK", False),
        ("opened", "", False),
    ]
    assert api.get("/api/v1/messages/unknown/events/").status_code == 404
