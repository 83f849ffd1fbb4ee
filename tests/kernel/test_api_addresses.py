"""Addresses of the API that are none, or that have a slash too many or too few."""

import pytest
from django.test import Client

from tests.factories import make_user

pytestmark = pytest.mark.django_db
PERIOD = "from=2024-01-01&to=2025-01-01"


@pytest.fixture
def client(settings):
    import datetime as dt

    settings.WAYMARK_TODAY = dt.date(2026, 7, 29)
    client = Client()
    client.force_login(make_user(role="director"))
    return client


@pytest.mark.parametrize("path", ["/api/nowhere", "/api/v1/nothing/", "/api/", "/api"])
def test_an_address_that_is_none_is_a_problem(client, path):
    answer = client.get(path)

    assert (answer.status_code, answer["Content-Type"]) == (404, "application/problem+json")
    assert answer.json()["code"] == "not_found"


def test_a_last_slash_too_many_or_too_few_is_forgiven(client):
    with_slash = client.get(f"/api/v1/measures/revenue/?{PERIOD}")
    without = client.get("/api/v1/members")

    assert (with_slash.status_code, without.status_code) == (200, 200)
    assert with_slash.json() == client.get(f"/api/v1/measures/revenue?{PERIOD}").json()


def test_a_stranger_is_asked_who_they_are_there_too():
    assert Client().get("/api/v1/members").status_code == 401


def test_a_forgiven_address_still_wants_the_token_of_the_form():
    careful = Client(enforce_csrf_checks=True)
    careful.force_login(make_user(role="director"))

    answer = careful.post("/api/v1/interventions/00000000-0000-0000-0000-000000000000/claim")

    assert answer.status_code == 403


def test_an_unknown_parameter_is_refused(client):
    answer = client.get(
        "/api/v1/measures/revenue?from=2024-01-01&until=2025-01-01&to=2025-01-01"
    )

    assert answer.status_code == 400
