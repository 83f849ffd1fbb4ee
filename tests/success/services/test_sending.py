"""The written message of an item, sent by hand through the one gate."""

from datetime import timedelta

import pytest

from communications.models import Message, Preference
from communications.services import gate, suppression
from coverage.enums import Delivery
from members.models import AuditEntry
from members.rollups.scope import Scope
from success.models import Intervention, Play
from success.rollups import plays
from success.services import interventions
from success.services.interventions import AlreadyClaimed, NotOpen, NotSendable
from tests.factories import (
    MORNING,
    TODAY,
    make_accountability,
    make_intervention,
    make_member,
    make_member_facts,
    make_person,
    make_plan,
    make_play,
    make_segment,
    make_template,
    make_user,
)

pytestmark = pytest.mark.django_db
SOON = MORNING + interventions.UNDO_WITHIN
EVERYBODY = Scope(first=0, last=2**62)


def written(*, contact=True, **overrides):
    """An item whose step has a message, of a member who is behind."""
    template = make_template(topic=None, purpose="discretionary")
    play = make_play(template=template, effective_from=TODAY - timedelta(days=30))
    member = make_member(name="Acme")
    make_member_facts(
        member=member,
        state="stalled",
        behind_since=TODAY - timedelta(days=19),
        contact=make_person(name="Ann") if contact else None,
        segment=make_segment(delivery=Delivery.MESSAGE, channels=["email", "call"]),
    )
    fields = {
        "occurrence": f"behind on milestone unknown since {TODAY - timedelta(days=19)}",
        "occurred_on": TODAY - timedelta(days=19),
    }
    return make_intervention(play=play, member=member, **(fields | overrides))


def send(item, by, at=MORNING):
    return interventions.send(intervention=item, by=by, at=at)


def test_a_message_is_queued_in_their_words_and_leaves_through_the_gate():
    item, amy = written(), make_user()
    interventions.claim(intervention=item, by=amy, at=MORNING)

    sent = send(item, amy)

    message = Message.objects.get()
    assert (sent.status, sent.claimed_by, sent.message, sent.channel) == (
        "message", None, message, "email",
    )  # fmt: skip
    assert (message.status, message.due_at) == ("queued", SOON)
    assert gate.send_due(at=MORNING).claimed == 0  # it can still be undone
    gate.send_due(at=SOON)
    message.refresh_from_db()
    assert (message.status, message.subject) == ("sent", "About Acme")
    assert message.body.startswith("Dear Ann,\n\nhow is Acme doing?")
    assert AuditEntry.objects.get(verb="item.sent").by == amy


def test_in_quiet_hours_it_is_due_when_they_are_over():
    item, amy = written(), make_user()
    evening = MORNING.replace(hour=21, minute=0)

    sent = send(item, amy, at=evening)

    assert sent.message.due_at == evening.replace(hour=8) + timedelta(days=1)
    assert gate.send_due(at=evening + timedelta(minutes=5)).claimed == 0
    assert gate.send_due(at=sent.message.due_at).sent == 1


def test_undone_at_once_it_is_taken_back_and_can_be_sent_again():
    item, amy = written(), make_user()
    send(item, amy)

    back = interventions.undo(intervention=item, by=amy, at=MORNING + timedelta(seconds=5))

    assert (back.status, back.message) == ("open", None)
    assert list(Message.objects.values_list("status", "outcome")) == [
        ("suppressed", "Undone at once")
    ]
    send(item, amy, at=MORNING + timedelta(seconds=9))
    assert Message.objects.filter(status="queued").count() == 1


def test_what_has_left_is_not_undone():
    item, amy = written(), make_user()
    send(item, amy)
    gate.send_due(at=SOON)

    with pytest.raises(interventions.NothingToUndo):
        interventions.undo(intervention=item, by=amy, at=SOON)
    item.refresh_from_db()
    assert item.status == "message"


def test_against_their_wish_it_is_not_sent_and_comes_back_saying_so():
    item, amy = written(), make_user()
    person = item.member.known.contact
    send(item, amy)
    Preference.objects.create(person=person, refused_channels=["email"], updated_at=MORNING)

    gate.send_due(at=SOON)
    plays.refresh(as_of=TODAY, scope=EVERYBODY, at=SOON)

    item.refresh_from_db()
    assert Message.objects.get().status == "suppressed"
    assert item.status == "open"
    assert "The message was not sent: They do not want to hear from us this way" in item.why


@pytest.mark.parametrize(
    ("stop", "words"),
    [
        pytest.param(
            lambda _: Play.objects.update(is_active=False, paused_because="900 in a night"),
            "The play was switched off",
            id="a play that stopped by itself",
        ),
        pytest.param(
            lambda item: Preference.objects.create(
                person=item.member.known.contact, no_discretionary=True, updated_at=MORNING
            ),
            "They want nothing but what is promised or owed",
            id="their wish",
        ),
        pytest.param(
            lambda item: suppression.add(
                address=item.member.known.contact.email, reason="x", by=None, at=MORNING
            ),
            "This address must not be written to",
            id="their address",
        ),
        pytest.param(
            lambda item: make_accountability(
                plan=make_plan(member=item.member), due_on=TODAY - timedelta(days=2)
            ),
            "A promise of ours to them is late",
            id="we owe them",
        ),
    ],
)
def test_what_the_gate_would_hold_is_refused_while_somebody_looks_at_it(stop, words):
    item = written()
    stop(item)

    with pytest.raises(NotSendable, match=words):
        send(item, make_user())

    item.refresh_from_db()
    assert (item.status, item.message, Message.objects.count()) == ("open", None, 0)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: written(contact=False), "Nobody of theirs is known"),
        (lambda: written(channel="call"), "no message here"),
        (make_intervention, "no message here"),
    ],
)
def test_what_cannot_be_sent_is_refused_with_words(make, words):
    with pytest.raises(NotSendable, match=words):
        send(make(), make_user())
    assert Message.objects.count() == 0


def test_a_gap_is_named_and_nothing_is_queued():
    item = written()
    template = item.step.template
    template.body = "Your goal is {{ goal }}."
    template.variables = [{"name": "goal", "kind": "text", "label": "Their goal"}]
    template.save()

    with pytest.raises(NotSendable, match="Not known of them: Their goal"):
        send(item, make_user())
    assert Message.objects.count() == 0


def test_it_is_sent_once_and_not_while_somebody_else_has_it():
    item, amy, ben = written(), make_user(), make_user()
    interventions.claim(intervention=item, by=ben, at=MORNING)
    with pytest.raises(AlreadyClaimed):
        send(item, amy)
    send(item, ben)
    with pytest.raises(NotOpen):
        send(item, ben)
    assert (Message.objects.count(), Intervention.objects.get().status) == (1, "message")
