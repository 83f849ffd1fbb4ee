from datetime import date

import pytest

from community.queries import works_alongside
from members.enums import Role
from tests.factories import TODAY, make_involvement, make_member, make_person, make_user

pytestmark = pytest.mark.django_db


def asked(member, user=None):
    return [
        (each.member.name, each.subjects, each.people)
        for each in works_alongside(member, user=user or make_user(), as_of=TODAY)
    ]


def test_members_who_share_more_come_first():
    acme, ben, cara, dan = (make_member(name=name) for name in ("Acme", "Ben", "Cara", "Dan"))
    one, other = make_person(), make_person()
    for subject in ("Envoy", "Vitess"):
        make_involvement(member=acme, person=make_person(), subject=subject)
        make_involvement(member=cara, person=one, subject=subject)
    make_involvement(member=cara, person=other, subject="Envoy")
    make_involvement(member=ben, person=make_person(), subject="Vitess")
    make_involvement(member=dan, person=make_person(), subject="Harbor")

    assert asked(acme) == [("Cara", ("Envoy", "Vitess"), 2), ("Ben", ("Vitess",), 1)]


def test_only_what_lasts_that_day_and_is_work_together_counts():
    acme = make_member()
    make_involvement(member=acme, subject="Envoy")
    make_involvement(member=acme, subject="Kubernetes", area="certification")
    make_involvement(member=acme, subject="Vitess", ends_on=TODAY)
    make_involvement(member=make_member(), subject="Envoy", ends_on=TODAY)
    make_involvement(member=make_member(), subject="Envoy", starts_on=date(2026, 7, 30))
    make_involvement(member=make_member(), subject="Kubernetes", area="certification")
    make_involvement(member=make_member(), subject="Vitess")

    assert asked(acme) == []


def test_nobody_hears_of_members_they_may_not_see():
    acme = make_member()
    make_involvement(member=acme)
    make_involvement(member=make_member())

    assert asked(acme, make_user(role=Role.MEMBER, member=acme)) == []


@pytest.mark.parametrize("item_count", [1, 3])
def test_peers_cost_the_same_number_of_queries(item_count, django_assert_num_queries):
    acme, user = make_member(), make_user()
    make_involvement(member=acme)
    for _ in range(item_count):
        make_involvement(member=make_member())

    with django_assert_num_queries(3):
        assert len(works_alongside(acme, user=user, as_of=TODAY)) == item_count
