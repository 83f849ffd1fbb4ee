import uuid
from datetime import timedelta

import pytest
from django.urls import reverse

from communications.services.outbox import attach
from members.enums import Role
from tests.factories import (
    MORNING,
    make_delivery_event,
    make_member,
    make_message,
    make_reply,
    make_template,
    make_user,
)

pytestmark = pytest.mark.django_db
URL = "/messages/"


def test_outbox_is_newest_first_and_narrows_to_a_status(client):
    sent = make_message(status="sent", due_at=MORNING)
    queued = make_message(due_at=MORNING + timedelta(hours=1))
    client.force_login(make_user(role=Role.OPERATIONS))

    everything = client.get(URL).context
    narrowed = client.get(URL, {"status": "sent"}).context

    assert [row.pk for row in everything["rows"]] == [queued.pk, sent.pk]
    assert [row.pk for row in narrowed["rows"]] == [sent.pk]
    assert [(tab["label"], tab["count"]) for tab in everything["tabs"]] == [
        ("All", 2),
        ("Queued", 1),
        ("Sending", 0),
        ("Sent", 1),
        ("Not sent", 0),
        ("Unknown whether it was sent", 0),
    ]


def test_outbox_pages_on_and_back(client, monkeypatch):
    monkeypatch.setattr("communications.views.outbox.PAGE_SIZE", 2)
    made = [make_message(due_at=MORNING + timedelta(hours=hour)) for hour in range(3)]
    client.force_login(make_user(role=Role.OPERATIONS))

    first = client.get(URL).context
    second = client.get(URL, {"after": first["after"]}).context
    back = client.get(URL, {"before": second["before"]}).context

    assert [[row.pk for row in context["rows"]] for context in (first, second, back)] == [
        [made[2].pk, made[1].pk],
        [made[0].pk],
        [made[2].pk, made[1].pk],
    ]
    assert client.get(URL, {"after": "forged"}).headers["Location"] == URL


def test_outbox_without_messages_says_why(client):
    client.force_login(make_user(role=Role.DIRECTOR))

    assert "Nothing has been said yet" in client.get(URL).content.decode()


def test_a_message_reads_as_it_was_sent(client):
    message = make_message(
        member=make_member(name="Acme"), status="sent", subject="Hello", body="Dear <Kim>,\nyes"
    )
    client.force_login(make_user(role=Role.OPERATIONS))

    html = client.get(reverse("communications:message", args=[message.public_id]))

    said = html.content.decode()
    assert "Dear &lt;Kim&gt;,\nyes" in said
    assert "As it was sent" in said


def test_a_message_not_yet_written_shows_its_words_with_their_gaps(client):
    message = make_message(template=make_template(body="Dear {{ name }}"))
    client.force_login(make_user(role=Role.OPERATIONS))

    said = client.get(reverse("communications:message", args=[message.public_id]))

    assert "Dear {{ name }}" in said.content.decode()
    assert "Not written yet" in said.content.decode()


def test_a_message_that_is_not_there_is_not_found(client):
    client.force_login(make_user(role=Role.OPERATIONS))

    url = reverse("communications:message", args=[uuid.UUID(int=0)])
    assert client.get(url).status_code == 404


@pytest.mark.parametrize("role", [Role.MSM, Role.MEMBER])
def test_the_outbox_is_for_those_who_may_see_it(client, role):
    message = make_message()
    client.force_login(make_user(role=role))

    urls = [URL, reverse("communications:message", args=[message.public_id])]
    assert [client.get(url).status_code for url in urls] == [403, 403]


@pytest.mark.parametrize("item_count", [1, 3])
def test_outbox_costs_the_same_for_any_length(client, item_count, django_assert_num_queries):
    for _ in range(item_count):
        make_message()
    client.force_login(make_user(role=Role.OPERATIONS))

    with django_assert_num_queries(5):
        response = client.get(URL)

    assert len(response.context["rows"]) == item_count


def test_message_shows_what_became_of_it_and_what_was_answered(client):
    message = make_message(status="sent", subject="Your next step", body="Dear Ann")
    make_delivery_event(message=message, kind="bounced", code="5.1.1", detail="no such user")
    make_delivery_event(message=message, kind="opened", is_machine=True)
    make_reply(message=message, body="Yes.\n\nOn Wed, somebody wrote:\n> Dear Ann")
    make_reply()
    client.force_login(make_user(role=Role.OPERATIONS))

    response = client.get(f"{URL}{message.public_id}/")

    assert [each.kind for each in response.context["events"]] == ["bounced", "opened"]
    assert [each.words for each in response.context["answers"]] == ["Yes."]
    assert "5.1.1" in response.text
    assert response.text.count("by a program, in all likelihood") == 1


def test_what_nobody_knows_says_what_to_do_and_is_settled_by_a_person(client):
    message = make_message(status="unknown", outcome="timed out")
    client.force_login(make_user(role=Role.OPERATIONS))
    page = reverse("communications:message", args=[message.public_id])
    settle = reverse("communications:message_settle", args=[message.public_id])

    assert (
        "None is sent again by itself"
        in client.get(URL, {"status": "unknown"}).content.decode()
    )
    assert "Do you know what became of it?" in client.get(page).content.decode()
    refused = client.post(settle, {"was_sent": "yes", "reason": ""})
    client.post(settle, {"was_sent": "yes", "reason": "They have answered it"})
    again = client.post(settle, {"was_sent": "no", "reason": "x"}, follow=True)

    message.refresh_from_db()
    assert refused.status_code == 422
    assert (message.status, message.outcome) == ("sent", "They have answered it")
    assert "It is settled already" in again.content.decode()
    assert "Do you know what became of it?" not in client.get(page).content.decode()


def test_message_says_what_is_enclosed(client):
    message = make_message(user=make_user())
    attach(message=message, name="a.xlsx", content_type="application/x", content=b"x" * 2048)
    client.force_login(make_user(role=Role.OPERATIONS))

    page = client.get(f"{URL}{message.public_id}/").content.decode()

    assert "a.xlsx" in page
    assert "2.0" in page
