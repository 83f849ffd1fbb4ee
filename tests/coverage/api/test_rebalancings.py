"""Rebalancings over REST: asked for, answered, applied, undone."""

import pytest
from rest_framework.test import APIClient

from coverage.models import Assignment, Rebalancing
from coverage.services import rebalancing as acts
from members.enums import Role
from tests.factories import (
    NOON,
    TODAY,
    make_assignment,
    make_ax_profile,
    make_circumstance,
    make_coverage_model,
    make_member,
    make_segment,
    make_term,
    make_user,
)

pytestmark = pytest.mark.django_db
URL = "/api/v1/coverage/rebalancings/"
STRANGER = "0198f3c2-7a10-7c3e-9d55-0c5b8b1f6a42"


@pytest.fixture(autouse=True)
def pinned(settings):
    from django.core.cache import cache

    cache.clear()
    settings.WAYMARK_TODAY = TODAY


@pytest.fixture
def client():
    found = APIClient()
    found.force_login(make_user(role=Role.DIRECTOR))
    return found


@pytest.fixture
def team():
    sync = make_segment(key="synchronous", position=1)
    pool = make_segment(key="inbound", position=2, is_pooled=True)
    make_coverage_model(
        hours=[(sync, "adoption", "sync", 2), (pool, "adoption", "inbound", "0.1")]
    )
    people = [make_user(name=name, weekly_hours=30) for name in ("Mira", "Otto")]
    for _ in range(4):
        member = make_member()
        make_term(member=member)
        make_ax_profile(member=member)
        make_assignment(member=member, owner=people[0], segment=sync)
        make_circumstance(member=member)
    return people


def test_a_rebalancing_is_asked_for_answered_applied_and_undone(client, team):
    mira, otto = team
    cohort = {"from_segment": "synchronous", "to_segment": "inbound", "percent": 50}
    said = {
        "most_moved_percent": None,
        "away": [str(mira.public_id)],
        "hours": [{"user": str(otto.public_id), "hours": 100}],
        "leverage": [{"modality": "async", "factor": "4"}],
        "cohort": cohort,
    }

    asked = client.post(URL, said, format="json")

    assert (asked.status_code, asked.json()["status"]) == (202, "waiting")
    url = f"{URL}{asked.json()['id']}/"
    acts.work_out(rebalancing_id=Rebalancing.objects.get().pk, clock=lambda: NOON)
    ready = client.get(url).json()
    moves = client.get(f"{url}moves/").json()["results"]
    assert (ready["status"], ready["moves"], ready["freed"]) == ("ready", 4, 4)
    assert [(each["name"], each["members"]) for each in ready["before"]] == [
        ("Mira", 4),
        ("Otto", 0),
    ]
    assert [each["capacity"] for each in ready["after"]] == [0, 100]
    assert {each["to_owner"] for each in moves} == {None, str(otto.public_id)}

    applied = client.post(f"{url}apply/", {"reason": "She leaves"}, format="json")
    again = client.post(f"{url}apply/", {"reason": "She leaves"}, format="json")
    assert (applied.json()["status"], again.status_code) == ("applied", 409)
    assert Assignment.objects.filter(owner=otto).count() == 2
    undone = client.post(f"{url}undo/", format="json")
    assert (undone.json()["status"], client.post(f"{url}undo/").status_code) == ("undone", 409)
    assert Assignment.objects.filter(owner=mira).count() == 4
    assert [row["status"] for row in client.get(URL).json()["results"]] == ["undone"]


@pytest.mark.usefixtures("team")
@pytest.mark.parametrize(
    "said",
    [
        {"away": [STRANGER]},
        {"most_moved_percent": 101},
        {"cohort": {"from_segment": "synchronous", "to_segment": "synchronous"}},
        {"leverage": [{"modality": "async", "factor": "0"}]},
    ],
)
def test_a_question_without_sense_is_refused(client, said):
    assert client.post(URL, said, format="json").status_code == 400


def test_rebalancings_are_for_those_who_change_coverage():
    client = APIClient()
    client.force_login(make_user())
    assert client.get(URL).status_code == 403
    assert client.post(URL, {}, format="json").status_code == 403


@pytest.mark.usefixtures("team")
def test_other_hours_of_an_experience_are_asked_about(client):
    asked = {
        "cells": [{"segment": "synchronous", "stage": "adoption", "hours": "1.5"}],
        "parts": [{"segment": "inbound", "percent": 50}],
        "hours_apart": 4,
    }
    answer = client.post(URL, asked, format="json")
    found = Rebalancing.objects.get()
    acts.work_out(rebalancing_id=found.pk, clock=lambda: NOON)

    detail = client.get(f"{URL}{found.public_id}/").json()

    assert (answer.status_code, found.asked["hours_apart"]) == (202, 4)
    assert [sum(each["needed"] for each in detail[when]) for when in ("before", "after")] == [
        8.0,
        6.0,
    ]
    unknown = asked | {"cells": [asked["cells"][0] | {"segment": "golden"}]}
    refused = client.post(URL, unknown, format="json")
    assert (refused.status_code, "no such segment" in refused.content.decode()) == (400, True)
