from datetime import date

import pytest

from members.enums import Role
from success.rollups import revenue
from tests.factories import make_member, make_user
from tests.success.queries.test_explain import AS_OF, AT, a_year

pytestmark = pytest.mark.django_db
URL = "/measures/explain/"
YEAR = {"measure": "revenue", "from": "2025-01-01", "to": "2026-01-01", "basis": "in_force"}


@pytest.fixture(autouse=True)
def pinned(settings):
    settings.WAYMARK_TODAY = AS_OF


def as_role(client, role):
    client.force_login(make_user(role=role))
    return client


def test_money_is_explained_to_those_who_see_it(client):
    a_year()
    assert as_role(client, Role.MSM).get(URL, YEAR).status_code == 403
    page = client.get(URL).content.decode()
    assert "A member&#x27;s Success Vector on a day" in page
    assert "Dues of a period" not in page
    assert as_role(client, Role.DIRECTOR).get(URL, YEAR).status_code == 200
    assert "Dues of a period" in client.get(URL).content.decode()


def test_page_shows_what_was_said_and_the_terms_behind_it(client):
    a_year()
    revenue.refresh(as_of=AS_OF, since=None, at=AT)
    page = as_role(client, Role.DIRECTOR).get(URL, YEAR).content.decode()
    assert "It agrees" in page
    assert "75.25%" in page
    assert "Nothing that bears on it has been recorded since." in page
    assert page.count("<details>") >= 5


def test_vector_of_a_member_out_of_reach_is_not_found(client):
    member = make_member()
    asked = {"measure": "vector", "member": str(member.public_id), "on": "2026-01-09"}
    assert as_role(client, Role.DIRECTOR).get(URL, asked).status_code == 200
    asked["member"] = "00000000-0000-7000-8000-000000000000"
    assert client.get(URL, asked).status_code == 404


@pytest.mark.parametrize(
    "asked",
    [
        {"measure": "revenue"},
        {"measure": "vector", "member": "x", "on": "2026-01-01"},
        {"measure": "group", "on": "2099-01-01"},
        {"measure": "nonsense"},
        YEAR | {"to": "2024-01-01"},
    ],
)
def test_a_question_that_makes_no_sense_is_asked_again(client, asked):
    answer = as_role(client, Role.DIRECTOR).get(URL, asked)
    assert answer.status_code == 200
    assert "The figures" not in answer.content.decode()


@pytest.mark.parametrize("measure", ["first-value", "promises", "margin", "stalled-and-lapsed"])
def test_what_is_stored_nowhere_is_explained_too(client, measure):
    answer = as_role(client, Role.DIRECTOR).get(URL, {"measure": measure})
    assert answer.status_code == 200


def test_a_group_of_nobody_is_explained(client):
    asked = {"measure": "group", "on": date(2026, 1, 9).isoformat()}
    page = as_role(client, Role.DIRECTOR).get(URL, asked).content.decode()
    assert "Nobody was in this group." in page
