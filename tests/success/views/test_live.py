import pytest

from config.kernel import clock
from members.enums import Role
from success.services import interventions
from tests.factories import make_intervention, make_member, make_user

pytestmark = pytest.mark.django_db
URL = "/today/live/"


@pytest.fixture
def amy():
    return make_user(name="Amy")


def test_what_is_listed_held_and_counted_is_told(sign_in, amy):
    ben = make_user(name="Ben")
    mine = make_intervention(owner=amy, queue_class=1)
    held = make_intervention(queue_class=4)
    make_intervention(owner=ben)
    interventions.claim(intervention=held, by=ben, at=clock.now())
    interventions.claim(intervention=mine, by=amy, at=clock.now())

    said = sign_in(amy).get(URL).json()

    assert said == {
        "ids": [str(mine.public_id), str(held.public_id)],
        "held": {str(mine.public_id): "", str(held.public_id): "Ben"},
        "classes": {"1": 1, "4": 1},
        "everything": 2,
        "pool": 1,
    }


@pytest.mark.parametrize("address", [URL, "/today/count/"])
def test_nothing_new_is_304_and_costs_one_statement(
    sign_in, amy, address, django_assert_num_queries
):
    item = make_intervention(owner=amy)
    client = sign_in(amy)
    first = client.get(address)
    known = {"If-None-Match": first["ETag"]}

    with django_assert_num_queries(3):  # session, user, version
        again = client.get(address, headers=known)
    interventions.claim(intervention=item, by=amy, at=clock.now())
    changed = client.get(address, headers=known)

    assert (again.status_code, again.content, changed.status_code) == (304, b"", 200)


def test_the_rail_counts_ones_own_or_the_teams(sign_in, amy):
    make_intervention(owner=amy)
    make_intervention()
    make_intervention(owner=make_user())

    counts = [
        sign_in(user).get("/today/count/").json()["count"]
        for user in (amy, make_user(role=Role.DIRECTOR))
    ]

    assert counts == [1, 3]


def test_members_are_told_nothing(sign_in):
    member = sign_in(make_user(role=Role.MEMBER, member=make_member()))

    assert (member.get(URL).status_code, member.get("/today/count/").status_code) == (403, 403)
