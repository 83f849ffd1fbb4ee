import pytest

from communications.models import Preference, Suppression
from communications.services import suppression
from members.enums import Role
from tests.factories import (
    MORNING,
    TODAY,
    make_affiliation,
    make_person,
    make_suppression,
    make_user,
)

pytestmark = pytest.mark.django_db
API = "/api/v1/"


@pytest.fixture
def desk(client):
    client.force_login(make_user(role=Role.OPERATIONS))
    return client


def test_preferences_of_a_person_are_what_holds(desk):
    person, stranger = make_person(), make_person()
    make_affiliation(person=person, starts_on=TODAY)
    Preference.objects.create(
        person=person, cadence="weekly", refused_channels=["call"], updated_at=MORNING
    )

    said = desk.get(f"{API}preferences/{person.public_id}/").json()

    assert said == {
        "no_discretionary": False,
        "unwanted_topics": [],
        "refused_channels": ["call"],
        "format": "plain",
        "cadence": "weekly",
        "hour": None,
        "time_zone": "UTC",
        "language": "en",
        "persona": "",
    }
    assert desk.get(f"{API}preferences/{stranger.public_id}/").status_code == 404
    assert desk.post(f"{API}preferences/{person.public_id}/").status_code == 405


def test_addresses_are_suppressed_and_lifted(desk):
    url = f"{API}suppressions/"
    body = {"address": "Ann@example.org", "reason": "She rang"}

    made = desk.post(url, body, content_type="application/json")
    listed = desk.get(url).json()["results"]
    lift = f"{url}{made.json()['id']}/lift/"
    refused = desk.post(lift, {}, content_type="application/json")
    held = suppression.is_suppressed("ann@example.org")
    lifted = desk.post(lift, {"reason": "She rang again"}, content_type="application/json")

    assert (made.status_code, refused.status_code, lifted.status_code) == (201, 400, 204)
    assert listed == [made.json()]
    assert "address" not in made.json()
    assert held
    assert not Suppression.objects.exists()


@pytest.mark.parametrize("role", [Role.MSM, Role.MEMBER])
def test_the_desk_is_for_those_who_may(client, role):
    client.force_login(make_user(role=role))
    make_suppression()

    assert client.get(f"{API}suppressions/").status_code == 403


@pytest.mark.parametrize("item_count", [1, 3])
def test_the_list_costs_the_same_for_any_length(desk, item_count, django_assert_num_queries):
    for _ in range(item_count):
        make_suppression()

    with django_assert_num_queries(3):
        assert len(desk.get(f"{API}suppressions/").json()["results"]) == item_count
