import pytest

from communications.models import Suppression
from communications.services import suppression
from communications.services.suppression import NoReason, NotAnAddress
from members.models import AuditEntry
from tests.factories import MORNING, make_user

pytestmark = pytest.mark.django_db


def test_an_address_is_kept_as_a_hash_and_once():
    by = make_user()

    rows = [
        suppression.add(address=each, reason="They rang", by=by, at=MORNING)
        for each in [" Ann@Example.org ", "ann@example.org"]
    ]

    assert rows[0] == rows[1]
    assert suppression.is_suppressed("ANN@example.ORG")
    assert not suppression.is_suppressed("ben@example.org")
    [entry] = AuditEntry.objects.all()
    assert entry.verb == "suppression.added"
    assert "ann@" not in f"{entry.summary}{entry.after}{rows[0].address_hash}".lower()


@pytest.mark.parametrize("wrong", ["", "ann", "@example.org", "ann@", "a b@example.org"])
def test_what_is_no_address_is_refused(wrong):
    with pytest.raises(NotAnAddress):
        suppression.add(address=wrong, reason="They rang", by=None, at=MORNING)


def test_why_is_asked_for_both_ways():
    by = make_user()
    row = suppression.add(address="ann@example.org", reason="They rang", by=by, at=MORNING)

    with pytest.raises(NoReason):
        suppression.add(address="ben@example.org", reason=" ", by=by, at=MORNING)
    with pytest.raises(NoReason):
        suppression.lift(suppression=row, reason="", by=by, at=MORNING)

    assert Suppression.objects.count() == 1


def test_lifted_is_written_to_again_and_the_trail_keeps_why():
    by = make_user()
    row = suppression.add(address="ann@example.org", reason="They rang", by=by, at=MORNING)

    for _ in range(2):
        suppression.lift(suppression=row, reason="They rang again", by=by, at=MORNING)

    assert not suppression.is_suppressed("ann@example.org")
    [entry] = AuditEntry.objects.filter(verb="suppression.lifted")
    assert (entry.by, entry.before["reason"]) == (by, "They rang")
    assert "They rang again" in entry.summary
