"""The queue over REST: order, claims, and requests that are sent twice."""

from datetime import date

import pytest

from members.enums import Role
from members.models import IdempotencyRecord
from success.enums import InterventionStatus, QueueClass
from tests.factories import (
    make_intervention,
    make_member,
    make_member_facts,
    make_person,
    make_play,
    make_template,
    make_user,
)

URL = "/api/v1/interventions/"
VERBS = ["claim", "release", "snooze", "complete", "reassign", "send", "undo"]


@pytest.fixture
def msm(db):
    return make_user(role=Role.MSM, name="Ada")


def whys(response):
    return [row["why"] for row in response.json()["results"]]


@pytest.mark.parametrize("item_count", [1, 3])
def test_list_costs_the_same_number_of_queries_for_any_length(
    api, msm, item_count, django_assert_num_queries
):
    for _ in range(item_count):
        make_intervention(owner=msm)
    client = api(msm)

    with django_assert_num_queries(3):  # session, user, items
        response = client.get(URL)

    assert len(response.json()["results"]) == item_count


@pytest.fixture
def queue(msm):
    """Return the whys of Ada's queue in order; some of it is not hers to see."""
    other = make_user(name="Bob")
    play = make_play(key="quiet")
    make_intervention(why="4", owner=msm, queue_class=QueueClass.SLIPPING, play=play)
    make_intervention(why="1", queue_class=QueueClass.ASSOCIATION_PROMISE_OVERDUE)
    make_intervention(why="3", owner=msm, occurred_on=date(2026, 7, 11))
    make_intervention(why="2", owner=msm, occurred_on=date(2026, 7, 1))
    make_intervention(why="Bob's", owner=other)
    make_intervention(why="asleep", owner=msm, snoozed_until=date(2026, 7, 30))
    make_intervention(why="message", owner=msm, status=InterventionStatus.MESSAGE)
    return ["1", "2", "3", "4"]


@pytest.mark.parametrize("size", [1, 2, 3, 50])
def test_list_is_in_queue_order_and_pages_through_it_once(api, msm, queue, size):
    client, walked, cursor = api(msm), [], None
    while True:
        page = client.get(URL, {"page_size": size, **({"cursor": cursor} if cursor else {})})
        walked += whys(page)
        cursor = page.json()["next"]
        if cursor is None:
            break

    assert walked == queue


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("owner=me", ["2", "3", "4"]),
        ("owner=pool", ["1"]),
        ("queue_class=5", ["4"]),
        ("play=quiet", ["4"]),
    ],
)
def test_list_is_narrowed_as_asked(api, msm, queue, query, expected):
    assert whys(api(msm).get(f"{URL}?{query}")) == expected


@pytest.mark.parametrize("query", ["owner=x", "queue_class=99", "member=x", "clas=1"])
def test_list_refuses_what_makes_no_sense(api, msm, query):
    assert api(msm).get(f"{URL}?{query}").status_code == 400


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("role", "reading", "working"),
    [
        (Role.DIRECTOR, 200, 200),
        (Role.MSM, 200, 200),
        (Role.OPERATIONS, 200, 403),
        (Role.MEMBER, 403, 403),
    ],
)
def test_each_role_may_do_what_access_says(api, role, reading, working):
    item = make_intervention()
    client = api(make_user(role=role))

    statuses = [
        client.get(URL).status_code,
        client.get(f"{URL}{item.public_id}/").status_code,
        client.post(f"{URL}{item.public_id}/claim/").status_code,
    ]

    assert statuses == [reading, reading, working]


@pytest.mark.parametrize("verb", VERBS)
def test_item_of_somebody_else_is_404(api, msm, verb):
    item = make_intervention(owner=make_user())
    said = {"until": "2026-08-01", "outcome": "reached", "to": None, "reason": "Away"}

    assert api(msm).get(f"{URL}{item.public_id}/").status_code == 404
    assert api(msm).post(f"{URL}{item.public_id}/{verb}/", said).status_code == 404


def test_second_claim_is_409_with_the_holders_name(api, msm):
    item = make_intervention()
    bob = make_user(name="Bob")

    first = api(msm).post(f"{URL}{item.public_id}/claim/")
    second = api(bob).post(f"{URL}{item.public_id}/claim/")

    assert first.json()["claimed_by"] == {"id": str(msm.public_id), "name": "Ada"}
    assert second.status_code == 409
    assert second["Content-Type"] == "application/problem+json"
    assert second.json()["detail"] == "Ada is working on this."
    assert second.json()["holder"] == {"id": str(msm.public_id), "name": "Ada"}


def test_item_is_worked_from_claim_to_completion(api, msm):
    item = make_intervention(owner=msm)
    client = api(msm)

    def do(verb, said=None):
        return client.post(f"{URL}{item.public_id}/{verb}/", said)

    claimed, released, again = do("claim"), do("release"), do("release")
    snoozed = do("snooze", {"until": "2026-08-03"})
    undone = do("undo")
    done = do("complete", {"outcome": "reached", "note": "Rang them.", "minutes": 12})
    late = do("claim")

    assert [r.status_code for r in (claimed, released, again)] == [200, 200, 409]
    assert (snoozed.json()["snoozed_until"], undone.json()["snoozed_until"]) == (
        "2026-08-03",
        None,
    )
    assert [done.json()[key] for key in ("status", "outcome", "note", "minutes")] == [
        "done",
        "reached",
        "Rang them.",
        12,
    ]
    assert (late.status_code, late.json()["detail"]) == (409, "This item is no longer open.")


def test_item_is_given_away_and_taken_back(api, msm):
    item, bob = make_intervention(owner=msm), make_user(name="Bob")
    client, address = api(msm), f"{URL}{item.public_id}/"
    said = {"to": str(bob.public_id), "reason": "Away"}

    given = client.post(f"{address}reassign/", said)
    gone = client.get(address)
    back = client.post(f"{address}undo/")
    pool = client.post(f"{address}reassign/", said | {"to": None})
    again = client.post(f"{address}reassign/", said)

    assert (given.json()["owner"]["name"], gone.status_code) == ("Bob", 404)
    assert back.json()["owner"]["name"] == "Ada"
    assert (pool.json()["owner"], again.status_code) == (None, 403)


def test_next_of_the_pool_is_claimed(api, msm):
    make_intervention(owner=make_user())
    make_intervention(why="First")

    first = api(msm).post(f"{URL}claim-next/")
    second = api(msm).post(f"{URL}claim-next/")

    assert (first.json()["why"], first.json()["claimed_by"]["name"]) == ("First", "Ada")
    assert second.status_code == 404


@pytest.mark.parametrize(
    ("verb", "said", "field"),
    [
        ("snooze", {}, "until"),
        ("snooze", {"until": "2026-07-29"}, "until"),
        ("snooze", {"until": "9999-12-31"}, "until"),
        (
            "complete",
            {"outcome": "reached", "next_step": "Call", "next_on": "2026-07-28"},
            "next_on",
        ),
        ("complete", {}, "outcome"),
        ("reassign", {"to": None}, "reason"),
        ("reassign", {"to": "6ba7b810-9dad-11d1-80b4-00c04fd430c8", "reason": "x"}, "to"),
        ("complete", {"outcome": "fine"}, "outcome"),
        ("complete", {"outcome": "reached", "minutes": -1}, "minutes"),
    ],
)
def test_what_makes_no_sense_is_refused_in_words(api, msm, verb, said, field):
    item = make_intervention(owner=msm)

    response = api(msm).post(f"{URL}{item.public_id}/{verb}/", said)

    assert response.status_code == 400
    assert [error["field"] for error in response.json()["errors"]] == [field]


def test_request_sent_twice_is_done_once(api, msm):
    item = make_intervention(owner=msm)
    client, address = api(msm), f"{URL}{item.public_id}/complete/"
    key = {"Idempotency-Key": "one"}

    first = client.post(address, {"outcome": "reached", "note": "a"}, headers=key)
    second = client.post(address, {"note": "a", "outcome": "reached"}, headers=key)
    other = client.post(address, {"outcome": "no_answer"}, headers=key)
    fresh = client.post(address, {"outcome": "reached"}, headers={"Idempotency-Key": "two"})
    fresh_again = client.post(
        address, {"outcome": "reached"}, headers={"Idempotency-Key": "two"}
    )

    assert (first.status_code, second.status_code) == (200, 200)
    assert second.json() == first.json()
    assert [r.get("Idempotency-Replayed") for r in (first, second)] == [None, "true"]
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert (fresh.status_code, fresh_again.status_code) == (409, 409)
    assert fresh_again["Idempotency-Replayed"] == "true"
    assert fresh_again["Content-Type"] == "application/problem+json"
    assert fresh_again.json() == fresh.json()
    assert item.events.count() == 1


def test_key_names_a_request_of_one_user_only(api, msm):
    item = make_intervention()
    key = {"Idempotency-Key": "same"}

    mine = api(msm).post(f"{URL}{item.public_id}/claim/", headers=key)
    theirs = api(make_user()).post(f"{URL}{item.public_id}/claim/", headers=key)

    assert (mine.status_code, theirs.status_code) == (200, 409)
    assert IdempotencyRecord.objects.count() == 2


@pytest.mark.parametrize("key", ["", "k" * 256])
def test_key_of_no_use_is_refused(api, msm, key):
    item = make_intervention()

    response = api(msm).post(f"{URL}{item.public_id}/claim/", headers={"Idempotency-Key": key})

    assert response.status_code == 400


@pytest.mark.django_db
def test_the_message_of_an_item_is_sent_and_one_without_is_refused(api, msm):
    member = make_member()
    make_member_facts(member=member, contact=make_person(), behind_since=date(2026, 7, 29))
    item = make_intervention(
        member=member,
        play=make_play(template=make_template()),
        owner=msm,
        occurrence="behind on milestone unknown since 2026-07-29",
    )
    plain = make_intervention(owner=msm)
    client = api(msm)

    sent = client.post(f"{URL}{item.public_id}/send/")
    again = client.post(f"{URL}{item.public_id}/send/")
    refused = client.post(f"{URL}{plain.public_id}/send/")

    assert (sent.status_code, sent.json()["status"]) == (200, "message")
    assert [again.status_code, refused.status_code] == [409, 409]
    assert refused.json()["detail"] == "There is no message here that can be sent."
