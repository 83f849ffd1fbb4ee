"""The hours that an experience takes over REST."""

from datetime import timedelta

import pytest
from rest_framework.test import APIClient

from coverage.models import CoverageModel
from coverage.services.hours import ensure_beginning
from members.enums import Role
from tests.factories import NOON, TODAY, make_user

pytestmark = pytest.mark.django_db
URL = "/api/v1/coverage/hours/"


@pytest.fixture(autouse=True)
def pinned(settings):
    from django.core.cache import cache

    cache.clear()
    settings.WAYMARK_TODAY = TODAY
    ensure_beginning(on=TODAY - timedelta(days=30), at=NOON - timedelta(days=30))


def client_of(role):
    found = APIClient()
    found.force_login(make_user(role=role))
    return found


def said(**overrides):
    return {
        "effective_from": TODAY.isoformat(),
        "note": "Measured in spring",
        "hours": [
            {"segment": "synchronous", "stage": "at_risk", "modality": "sync", "hours": "2.5"},
            {"segment": "synchronous", "stage": "at_risk", "modality": "async", "hours": "6"},
        ],
        "leverage": [{"segment": "synchronous", "modality": "async", "factor": "4"}],
    } | overrides


def test_versions_are_listed_and_shown_with_what_follows():
    client = client_of(Role.MSM)

    (listed,) = client.get(URL).json()["results"]
    shown = client.get(f"{URL}1/").json()

    assert (listed["version"], listed["made_by"]) == (1, None)
    assert {
        "segment": "synchronous",
        "stage": "at_risk",
        "hours": 6.0,
    } in shown["staff_hours"]
    assert (len(shown["hours"]), shown["changes"]) == (35, [])
    assert client.get(f"{URL}9/").status_code == 404


def test_a_new_version_is_made_once_with_the_same_key():
    client = client_of(Role.DIRECTOR)

    answers = [
        client.post(URL, said(), format="json", headers={"Idempotency-Key": "spring"})
        for _ in range(2)
    ]

    assert [each.status_code for each in answers] == [201, 201]
    assert answers[0].json() == answers[1].json()
    assert answers[0].json()["staff_hours"] == [
        {"segment": "synchronous", "stage": "at_risk", "hours": 4.0}
    ]
    assert {
        "segment": "synchronous",
        "stage": "at_risk",
        "modality": "sync",
        "before": "4.500",
        "after": "2.500",
    } in answers[0].json()["changes"]
    assert CoverageModel.objects.count() == 2


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        ({"effective_from": (TODAY - timedelta(days=1)).isoformat()}, "That day is over"),
        ({"hours": [said()["hours"][0]]}, "asynchronous share"),
        ({"hours": [said()["hours"][1]] * 2}, "said twice"),
        ({"hours": [said()["hours"][1] | {"segment": "golden"}]}, "no segment golden"),
        ({"hours": [said()["hours"][1] | {"hours": "-1"}]}, "not negative"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_words(overrides, words):
    answer = client_of(Role.DIRECTOR).post(URL, said(**overrides), format="json")
    assert (answer.status_code, words in answer.content.decode()) == (400, True)
    assert CoverageModel.objects.count() == 1


def test_only_those_who_may_edit_coverage_say_them_anew():
    assert client_of(Role.MSM).post(URL, said(), format="json").status_code == 403
    assert client_of(Role.MEMBER).get(URL).status_code == 403


def test_a_planned_version_is_withdrawn_and_one_that_counts_is_not():
    client = client_of(Role.DIRECTOR)
    later = (TODAY + timedelta(days=9)).isoformat()
    client.post(URL, said(effective_from=later), format="json")
    reason = {"reason": "Too early"}

    done = client.post(f"{URL}2/withdraw/", reason, format="json")
    again = client.post(f"{URL}2/withdraw/", reason, format="json")
    counting = client.post(f"{URL}1/withdraw/", reason, format="json")
    unsaid = client.post(f"{URL}2/withdraw/", {}, format="json")

    assert (done.status_code, done.json()["withdrawn_at"] is None) == (200, False)
    assert [each.status_code for each in (again, counting, unsaid)] == [409, 409, 400]
    assert "counts already" in counting.json()["detail"]
    assert [row["withdrawn_at"] is None for row in client.get(URL).json()["results"]] == [
        False,
        True,
    ]
    assert client_of(Role.MSM).post(f"{URL}2/withdraw/", reason).status_code == 403
