"""What the demonstration makes up: log-ins, and time spent."""

from datetime import date

import pytest

from coverage.models import Effort
from members.models import User
from success.services import demonstration as made_up
from success.services.demonstration import make_logins
from tests.factories import (
    NOON,
    TODAY,
    make_assignment,
    make_ax_profile,
    make_member,
    make_person,
    make_term,
    make_user,
)

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


def test_made_up_effort_is_marked_made_once_and_never_of_a_day_to_come():
    profile = make_ax_profile(sync_minutes=60, async_minutes=90)
    make_term(member=profile.member)
    owner = make_user()
    make_assignment(member=profile.member, owner=owner)
    make_assignment()  # of whom nothing is known

    made = [made_up.ensure_effort(on=TODAY, at=NOON) for _ in range(2)]

    rows = Effort.objects.filter(member=profile.member, by=owner)
    assert made == [rows.count(), 0]
    assert Effort.objects.count() == rows.count()
    assert all(row.source_key.startswith("simulated:") and row.on <= TODAY for row in rows)
