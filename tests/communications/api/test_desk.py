import pytest

from communications.models import Preference, Suppression, TemplateVariant
from communications.services import suppression
from members.enums import Role
from tests.factories import (
    MORNING,
    TODAY,
    make_affiliation,
    make_person,
    make_suppression,
    make_template,
    make_topic,
    make_user,
)

pytestmark = pytest.mark.django_db
API = "/api/v1/"


@pytest.fixture
def desk(client):
    client.force_login(make_user(role=Role.OPERATIONS))
    return client


def test_templates_are_listed_and_shown_with_gaps_and_variants(desk):
    topic = make_topic(key="events")
    template = make_template(
        key="a", topic=topic, variables=[{"name": "name", "kind": "text", "label": "Who"}]
    )
    make_template(key="b")
    TemplateVariant.objects.create(template=template, language="de", subject="s", body="b")

    listed = desk.get(f"{API}message-templates/").json()["results"]
    one = desk.get(f"{API}message-templates/a/").json()

    assert [(row["key"], row["topic"]) for row in listed] == [("a", "events"), ("b", None)]
    assert one["variables"] == [{"name": "name", "kind": "text", "label": "Who", "example": ""}]
    assert [each["language"] for each in one["variants"]] == ["de"]
    assert desk.get(f"{API}message-templates/none/").status_code == 404


def test_topics_are_listed_in_their_order(desk):
    make_topic(key="later", position=2)
    make_topic(key="first", position=1)

    rows = desk.get(f"{API}topics/").json()["results"]

    assert [(row["key"], row["refused"]) for row in rows] == [("first", 0), ("later", 0)]


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
    paths = ["message-templates/", "topics/", "suppressions/"]

    assert {client.get(f"{API}{path}").status_code for path in paths} == {403}


@pytest.mark.parametrize("item_count", [1, 3])
@pytest.mark.parametrize("path", ["message-templates/", "topics/", "suppressions/"])
def test_lists_cost_the_same_for_any_length(desk, item_count, path, django_assert_num_queries):
    for _ in range(item_count):
        make_template(topic=make_topic())
        make_suppression()

    with django_assert_num_queries(3):
        assert len(desk.get(f"{API}{path}").json()["results"]) == item_count
