import pytest

from members.models import AuditEntry
from success.models import Offer
from success.services import offers
from tests.factories import NOON, make_user

pytestmark = pytest.mark.django_db


def add(title, **given):
    said = {"words": "", "owned_with_tier": ""} | given
    return offers.add_offer(title=title, by=make_user(), at=NOON, **said)


def test_offers_that_say_another_thing_get_another_key():
    keys = [add("A seat").key, add("A seat", words="You decide").key, add("席").key]

    assert keys == ["a-seat", "a-seat-2", "offer"]


def test_an_offer_added_again_is_the_same_one_and_offered_again():
    offer = add("A seat")
    offers.retire_offer(offer=offer, by=make_user(), at=NOON)

    again = add("A seat")

    assert (again, again.is_retired, Offer.objects.count()) == (offer, False, 1)


def test_retiring_twice_is_once():
    offer, by = add("A seat"), make_user()

    for _ in range(2):
        retired = offers.retire_offer(offer=offer, by=by, at=NOON)

    assert retired.is_retired
    assert AuditEntry.objects.filter(verb="offer.retired").count() == 1
