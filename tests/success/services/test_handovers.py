from datetime import timedelta

import pytest

from communications.models import Message
from communications.services import gate
from coverage.models import Assignment, Move, Rebalancing
from success.services.handovers import tell_moved
from tests.factories import (
    NOON,
    TODAY,
    make_assignment,
    make_guest,
    make_member,
    make_segment,
    make_user,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def applied():
    def make(*, tells_members=True, status="applied", outcome="applied", to_pool=False):
        first, second = make_user(name="Mira"), make_user(name="Otto")
        found = Rebalancing.objects.create(
            as_of=TODAY,
            asked={},
            asked_at=NOON,
            status=status,
            reason="Too much on one desk",
            tells_members=tells_members,
            applied_at=NOON,
        )
        member = make_member(name="Envoy Ltd")
        make_guest(member=member, name="Ada")
        segment = make_segment()
        for whose in (member, make_member()):
            Move.objects.create(
                rebalancing=found,
                member=whose,
                from_owner=first,
                to_owner=None if to_pool else second,
                from_segment=segment,
                to_segment=segment,
                minutes=60,
                outcome=outcome,
            )
        return found

    return make


def test_main_contacts_are_told_once_an_hour_has_passed(applied):
    applied()

    assert tell_moved(at=NOON + timedelta(minutes=59)) == 0
    assert tell_moved(at=NOON + timedelta(minutes=60)) == 1
    assert tell_moved(at=NOON + timedelta(minutes=61)) == 0

    message = Message.objects.select_related("template").get()
    assert message.template.key == "coverage-new-person"
    assert message.variables == {"name": "Ada", "member": "Envoy Ltd", "owner": "Otto"}


def test_who_has_a_pool_now_is_told_so(applied):
    applied(to_pool=True)
    assert tell_moved(at=NOON + timedelta(hours=2)) == 1
    assert Message.objects.get().template.key == "coverage-pool"


@pytest.mark.parametrize(
    "said", [{"tells_members": False}, {"status": "undone"}, {"outcome": "left"}]
)
def test_nothing_is_said_that_was_not_asked_for_or_did_not_happen(applied, said):
    applied(**said)
    assert tell_moved(at=NOON + timedelta(hours=2)) == 0


def test_nothing_is_said_a_week_later(applied):
    applied()
    assert tell_moved(at=NOON + timedelta(days=7)) == 0


@pytest.mark.parametrize(
    ("change", "fate"),
    [
        ("nothing", ("sent", None)),
        ("undone", ("suppressed", "It was undone")),
        ("others", ("suppressed", "Somebody else looks after them by now")),
    ],
)
def test_what_is_true_no_more_in_the_morning_is_not_said(applied, change, fate):
    found = applied()
    for move in found.moves.all():
        make_assignment(member=move.member, owner=move.to_owner)
    tell_moved(at=NOON + timedelta(hours=2))
    if change == "undone":
        Rebalancing.objects.update(status="undone")
    elif change == "others":
        Assignment.objects.update(owner=make_user())

    gate.send_due(at=NOON + timedelta(hours=3))

    message = Message.objects.get()
    assert message.status == fate[0]
    assert fate[1] in (None, message.outcome)
