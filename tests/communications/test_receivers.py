from datetime import UTC, datetime, timedelta

import pytest

from communications.enums import EventKind, MessageStatus, SuppressionKind
from communications.models import (
    Consent,
    DeliveryEvent,
    Message,
    Notice,
    Preference,
    Reply,
    Suppression,
)
from communications.services.suppression import address_hash
from members.enums import Role
from members.models import AuditEntry
from tests.communications import hooks
from tests.factories import (
    MORNING,
    make_affiliation,
    make_assignment,
    make_message,
    make_person,
    make_user,
)

pytestmark = pytest.mark.django_db
POSTMARK, MAILGUN = "postmark/tracking/", "mailgun/tracking/"
NAME = "883953f4-6105-42a2-a16a-77a8eac79483"


@pytest.fixture(autouse=True)
def provider(settings):
    settings.ANYMAIL = hooks.SETTINGS
    settings.REPLY_ADDRESS = "replies@waymark.example"


@pytest.fixture
def sent():
    person = make_person(name="Ann Lee", email="ann@example.org")
    return make_message(
        person=person, status=MessageStatus.SENT, finished_at=MORNING, provider_id=NAME
    )


def tell(client, *calls, where=POSTMARK):
    assert [hooks.call(client, where, each).status_code for each in calls] == [200] * len(calls)


def stored():
    rows = DeliveryEvent.objects.order_by("at", "pk")
    return list(rows.values_list("message_id", "provider", "kind", "code", "is_machine"))


def stopped():
    return list(Suppression.objects.values_list("address_hash", "kind"))


@pytest.mark.parametrize(
    ("secret", "expected"),
    [
        (hooks.SECRET, 200),
        ("postmark:next-secret", 200),
        ("postmark:wrong", 400),
        ("", 400),
    ],
)
def test_postmark_is_let_in_by_the_secret(client, sent, secret, expected):
    call = hooks.delivery(message_id=NAME)

    assert hooks.call(client, POSTMARK, call, secret=secret).status_code == expected
    assert stored() == (
        [(sent.pk, "Postmark", "delivered", "", False)] if expected == 200 else []
    )


@pytest.mark.parametrize(("key", "expected"), [(hooks.KEY, 200), ("wrong", 400)])
def test_mailgun_is_let_in_by_its_signature(client, sent, key, expected):
    call = hooks.mailgun("delivered", message_id=f"<{NAME}>", key=key)

    assert hooks.call(client, MAILGUN, call).status_code == expected
    assert stored() == (
        [(sent.pk, "Mailgun", "delivered", "", False)] if expected == 200 else []
    )


def test_without_a_secret_there_is_no_such_address(client, settings, sent):
    settings.ANYMAIL = {"MAILGUN_WEBHOOK_SIGNING_KEY": hooks.KEY}

    assert hooks.call(client, POSTMARK, hooks.delivery(message_id=NAME)).status_code == 404
    assert client.head("/webhooks/mail/postmark/tracking/").status_code == 404
    assert stored() == []


def test_provider_without_its_key_is_not_there(client, settings, sent):
    settings.ANYMAIL = {"WEBHOOK_SECRET": hooks.SECRET}
    call = hooks.mailgun("delivered", message_id=NAME)

    assert hooks.call(client, MAILGUN, call).status_code == 404
    assert hooks.call(client, "nobody/tracking/", call).status_code == 404
    assert client.get("/webhooks/mail/postmark/tracking/").status_code == 405


def test_event_said_again_is_kept_once(client, sent):
    call = hooks.bounce("smtp;550 5.1.1 no such user", message_id=NAME)
    tell(client, call, call, hooks.delivery(message_id=NAME), hooks.delivery(message_id=NAME))

    assert [row[2] for row in stored()] == ["bounced", "delivered"]
    assert AuditEntry.objects.filter(verb="address.suppressed").count() == 1


def test_event_of_an_unknown_message_is_kept_without_one(client, sent):
    tell(client, hooks.bounce("smtp;550 5.1.1 unknown", message_id="another", at=60))

    assert stored() == [(None, "Postmark", "bounced", "5.1.1", False)]
    assert stopped() == [(address_hash("ann@example.org"), SuppressionKind.BOUNCED)]


def test_message_is_found_by_the_identifier_that_went_along(client, sent):
    other = make_message(status=MessageStatus.SENT)
    tell(
        client,
        hooks.delivery(message_id="the provider's", our_id=other.public_id),
        hooks.delivery(message_id=f"<{other.public_id}@localhost>", at=61),
    )

    assert [row[0] for row in stored()] == [other.pk, other.pk]


@pytest.mark.parametrize(
    ("details", "is_stopped"),
    [
        ("smtp;550 5.1.1 The email account does not exist", True),
        ("smtp;552 5.2.2 The mailbox is over quota", False),
        ("smtp;550 5.7.1 Blocked for reputation", False),
        ("smtp;451 4.3.0 Try again later", False),
        ("no code at all", False),
    ],
)
def test_bounce_for_good_stops_the_address(client, sent, details, is_stopped):
    tell(client, hooks.bounce(details, message_id=NAME))

    address = (address_hash("ann@example.org"), SuppressionKind.BOUNCED)
    assert stopped() == ([address] if is_stopped else [])
    assert Preference.objects.count() == 0


def test_mailgun_tells_failures_for_good_from_passing_ones(client, sent):
    tell(
        client,
        hooks.failed(
            "4.2.2 mailbox full",
            message_id=NAME,
            severity="temporary",
            code=452,
            token="b" * 50,
        ),
        where=MAILGUN,
    )
    assert (stored()[0][2:4], stopped()) == (("deferred", "4.2.2"), [])

    tell(client, hooks.failed("5.1.1 unknown", message_id=NAME, at=90), where=MAILGUN)
    assert stored()[1][2:4] == ("bounced", "5.1.1")
    assert stopped() == [(address_hash("ann@example.org"), SuppressionKind.BOUNCED)]


def test_provider_that_does_not_try_any_more_stops_the_address(client, sent):
    tell(client, hooks.bounce("", message_id=NAME, kind="BadEmailAddress"))

    assert stored()[0][2] == EventKind.REJECTED
    assert stopped() == [(address_hash("ann@example.org"), SuppressionKind.BOUNCED)]


def test_complaint_stops_the_address_and_whatever_can_wait(client, sent):
    tell(
        client,
        hooks.bounce("smtp;550 5.1.1 unknown", message_id=NAME),
        hooks.complaint(message_id=NAME),
        hooks.bounce("smtp;550 5.1.1 unknown", message_id=NAME, number=44),
    )

    assert stopped() == [(address_hash("ann@example.org"), SuppressionKind.COMPLAINED)]
    assert Preference.objects.get().no_discretionary
    said = Consent.objects.get()
    assert (said.person, said.is_given, said.said_in) == (sent.person, False, "provider")


@pytest.mark.parametrize("has_owner", [True, False])
def test_complaint_is_told_once_to_whoever_answers_for_the_member(client, sent, has_owner):
    owner, olga = make_user(), make_user(role=Role.OPERATIONS)
    make_assignment(member=sent.member, owner=owner if has_owner else None)

    tell(client, hooks.complaint(message_id=NAME), hooks.complaint(message_id=NAME))

    notice = Notice.objects.get()
    assert (notice.user, notice.member) == (owner if has_owner else olga, sent.member)
    assert notice.title == f"{sent.member.name} calls our mail unwanted"
    assert "Ann Lee gets no more of it." in notice.body


def test_unsubscription_stops_what_can_wait_and_nothing_else(client, sent):
    make_person(email="ann@example.org")  # another one, with the same address
    call = hooks.postmark(
        "SubscriptionChange",
        message_id=NAME,
        SuppressSending=True,
        SuppressionReason="ManualSuppression",
        Origin="Recipient",
    )
    tell(client, call)

    assert [each.person for each in Preference.objects.filter(no_discretionary=True)] == [
        sent.person
    ]
    assert stopped() == []


def test_openings_and_clicks_of_programs_are_kept_apart_in_any_order(client, sent):
    tell(
        client,
        hooks.opening(message_id=NAME, at=62),
        hooks.click("https://a.example", message_id=NAME, at=300.1),
        hooks.click("https://b.example", message_id=NAME, at=300.2),
        hooks.opening(message_id=NAME, at=400, user_agent="Mozilla/5.0"),
        hooks.click("https://a.example", message_id=NAME, at=500),
    )
    assert [row[4] for row in stored()] == [False, False, False, True, False]

    tell(
        client,
        hooks.click("https://c.example", message_id=NAME, at=300.3),
        hooks.delivery(message_id=NAME, at=60),
    )
    assert [(row[2], row[4]) for row in stored()] == [
        ("delivered", False),
        ("opened", True),
        ("clicked", True),
        ("clicked", True),
        ("clicked", True),
        ("opened", True),
        ("clicked", False),
    ]


def test_opening_changes_nothing_but_its_own_row(client, sent):
    before = Message.objects.values().get()
    tell(client, hooks.opening(message_id=NAME))

    assert Message.objects.values().get() == before
    assert not AuditEntry.objects.exists()


@pytest.mark.parametrize(
    ("call", "status"),
    [
        (hooks.delivery(message_id="x", at=90), MessageStatus.SENT),
        (hooks.bounce("smtp;550 5.1.1 unknown", message_id="x", at=90), MessageStatus.SENT),
        (
            hooks.bounce("", kind="ManuallyDeactivated", message_id="x", at=90),
            MessageStatus.SUPPRESSED,
        ),
    ],
)
@pytest.mark.parametrize("left", [MessageStatus.UNKNOWN, MessageStatus.SENDING])
def test_provider_says_what_became_of_a_message_left_unknown(client, call, status, left):
    message = make_message(status=left, claimed_at=MORNING, finished_at=None)
    tell(client, call | {"Metadata": {"waymark_id": str(message.public_id)}})

    message.refresh_from_db()
    assert (message.status, message.finished_at) == (status, MORNING + timedelta(seconds=90))
    assert AuditEntry.objects.filter(verb="message.resolved").count() == 1


@pytest.mark.parametrize("status", [MessageStatus.QUEUED, MessageStatus.SUPPRESSED])
def test_message_whose_fate_is_known_keeps_it(client, status):
    message = make_message(status=status)
    call = hooks.delivery(message_id="x", our_id=message.public_id)
    tell(client, call)

    message.refresh_from_db()
    assert message.status == status


def soft(day, number):
    return hooks.bounce(
        "smtp;452 4.2.2 full",
        message_id=NAME,
        kind="SoftBounce",
        number=number,
        at=day * 24 * 60 * 60,
    )


def test_five_days_of_bounces_are_noted_and_stop_nothing(client, sent):
    owner = make_user()
    make_assignment(member=sent.member, owner=owner)
    tell(client, *(soft(day, day) for day in (1, 2, 3, 4)), soft(4, 40))
    assert Notice.objects.count() == 0

    tell(client, soft(5, 5), soft(6, 6))

    notice = Notice.objects.get()
    assert (notice.user, notice.member) == (owner, sent.member)
    assert notice.title == f"Mail to {sent.member.name} keeps bouncing"
    assert stopped() == []


def test_bounces_are_counted_anew_once_something_arrived(client, sent):
    make_assignment(member=sent.member, owner=make_user())
    arrived = hooks.delivery(message_id=NAME, at=3 * 24 * 60 * 60 + 1)
    tell(client, *(soft(day, day) for day in (1, 2, 3)), arrived, soft(4, 4), soft(5, 5))

    assert Notice.objects.count() == 0


def receive(client, **more):
    tell(client, hooks.inbound(**more), where="postmark/inbound/")
    return Reply.objects.get()


def test_answer_is_matched_by_the_address_it_was_sent_to(client, sent):
    to = f"replies+{sent.public_id.hex}@waymark.example"
    reply = receive(client, text="Yes.\n\nOn Wed, Ann wrote:\n> Hello", to=to)

    assert (reply.message, reply.member, reply.person) == (sent, sent.member, sent.person)
    assert (reply.subject, reply.body) == (
        "Re: Your next step",
        "Yes.\n\nOn Wed, Ann wrote:\n> Hello",
    )
    assert (reply.is_automatic, reply.handled_at) == (False, None)


@pytest.mark.parametrize("header", ["In-Reply-To", "References"])
@pytest.mark.parametrize("ours", [True, False])
def test_answer_is_matched_by_what_it_cites(client, sent, header, ours):
    cited = f"<{sent.public_id}@localhost>" if ours else f"<{NAME}>"
    headers = [(header, f"<first@else.example> {cited}")]
    reply = receive(
        client, text="Yes.", headers=headers if header == "References" else [(header, cited)]
    )

    assert (reply.message, reply.member, reply.person) == (sent, sent.member, sent.person)


def test_answer_from_another_address_is_of_the_member_but_not_of_the_person(client, sent):
    to = f"replies+{sent.public_id.hex}@waymark.example"
    colleague = make_person(email="Bo@example.org")
    make_affiliation(member=sent.member, person=colleague)
    stranger = make_person(email="eve@elsewhere.example")
    make_affiliation(person=stranger)

    tell(
        client,
        hooks.inbound(text="Yes.", to=to, sender="bo@example.org", MessageID="1"),
        hooks.inbound(text="Yes.", to=to, sender=stranger.email, MessageID="2"),
        where="postmark/inbound/",
    )

    replies = Reply.objects.order_by("pk")
    assert [(each.member, each.person) for each in replies] == [
        (sent.member, colleague),
        (sent.member, None),
    ]


def test_letter_out_of_the_blue_is_of_whoever_has_the_address(client):
    person = make_person(email="ann@example.org")
    place = make_affiliation(person=person)
    reply = receive(client, text="Hello.", sender="Ann@Example.org")

    assert (reply.message, reply.member, reply.person) == (None, place.member, person)


def test_letter_of_a_stranger_is_not_lost(client):
    reply = receive(client, text="Hello.")

    assert (reply.message, reply.member, reply.person, reply.body) == (
        None,
        None,
        None,
        "Hello.",
    )


def test_answer_handed_in_again_is_kept_once(client, sent):
    call = hooks.inbound(text="Yes.")
    tell(client, call, call, where="postmark/inbound/")

    assert Reply.objects.count() == 1
    assert AuditEntry.objects.filter(verb="reply.received").count() == 1


def test_answer_of_a_program_is_marked(client, sent):
    reply = receive(client, text="I am away.", headers=[("Auto-Submitted", "auto-replied")])

    assert reply.is_automatic


def test_long_words_are_cut_and_formatting_and_attachments_left_out(client, sent):
    attachment = {"Name": "a.txt", "Content": "aGVsbG8=", "ContentType": "text/plain"}
    tell(
        client,
        hooks.inbound(text="a\x00" + "b" * 30_000, MessageID="1", Attachments=[attachment]),
        hooks.inbound(text="", HtmlBody="<p>Yes, <b>please</b>.</p>", MessageID="2"),
        where="postmark/inbound/",
    )

    bodies = list(Reply.objects.order_by("pk").values_list("body", flat=True))
    assert (len(bodies[0]), bodies[0][:3], bodies[1]) == (20_000, "abb", "Yes, please.")


def test_wrong_secret_hands_in_nothing(client, sent):
    call = hooks.inbound(text="Yes.")

    assert hooks.call(client, "postmark/inbound/", call, secret="x:y").status_code == 400
    assert not Reply.objects.exists()


def test_events_without_a_moment_happened_when_they_came(client, sent):
    call = hooks.delivery(message_id=NAME)
    del call["DeliveredAt"]
    tell(client, call)

    assert DeliveryEvent.objects.get().at > datetime(2026, 1, 1, tzinfo=UTC)
