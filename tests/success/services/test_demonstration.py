"""The made-up log-ins of the demonstration."""

from datetime import date

import pytest

from members.models import User
from success.services.demonstration import make_logins
from tests.factories import make_member, make_person

pytestmark = pytest.mark.django_db


def test_make_logins_gives_a_member_two_who_may_different_things():
    member, individual = make_member(), make_member(kind="individual", name="Robin")
    contact = make_person(name="Contact", is_simulated=True)
    contact.affiliations.create(
        member=member, is_primary_contact=True, starts_on=date(2026, 1, 1)
    )

    for _ in range(2):
        make_logins(member=member, individual=individual)

    made = User.objects.filter(role="member").order_by("email")
    assert [(one.name, one.portal_role, one.person.name) for one in made] == [
        ("Jo Brandt", "contributor", "Jo Brandt"),
        ("Robin", "lead", "Robin"),
        ("Kim Adeyemi", "lead", "Kim Adeyemi"),
    ]
    assert made.get(name="Kim Adeyemi").person == contact
