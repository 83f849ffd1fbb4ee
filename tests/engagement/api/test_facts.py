"""The intake of facts over REST: once each, all or none, refused at its place, and heard."""

import pytest
from rest_framework.test import APIClient

from engagement.models import Fact
from engagement.signals import facts_recorded
from members.enums import Role
from members.models import DirtyMember
from tests.factories import TODAY, make_member, make_token, make_user

pytestmark = pytest.mark.django_db
FACTS = "/api/v1/facts/"
UNKNOWN = "0198f3c2-7a10-7c3e-9d55-0c5b8b1f6a42"


@pytest.fixture(autouse=True)
def pinned(settings):
    settings.WAYMARK_TODAY = TODAY


@pytest.fixture
def heard():
    """The members of whom others were told."""
    told = []

    def listen(*, member_ids, **_):
        told.append(sorted(member_ids))

    facts_recorded.connect(listen)
    yield told
    facts_recorded.disconnect(listen)


def client_of(role=Role.OPERATIONS):
    client = APIClient()
    client.force_login(make_user(role=role))
    return client


def fact(of, number=1, **overrides):
    said = {
        "id": f"f{number}", "member": str(of.public_id), "kind": "maintainer.removed",
        "subject": "Envoy", "occurred_on": "2026-07-29",
    }  # fmt: skip
    return said | overrides


def post(client, *facts, **overrides):
    return client.post(FACTS, {"source": "github", "facts": facts} | overrides)


def fields(response):
    assert response.status_code == 400, response.json()
    assert response["Content-Type"] == "application/problem+json"
    return [error["field"] for error in response.json()["errors"]]


@pytest.mark.parametrize("role", list(Role))
def test_directors_and_operations_record_and_nobody_else(role):
    response = post(client_of(role), fact(make_member()))

    may = role in {Role.DIRECTOR, Role.OPERATIONS}
    assert response.status_code == (201 if may else 403)
    assert Fact.objects.count() == may
    assert APIClient().post(FACTS, {}).status_code == 401


def test_a_token_records_with_its_scope_alone():
    user = make_user(role=Role.OPERATIONS)
    answers = []
    for scope in ("engagement.fact.record", "members.member.view"):
        client = APIClient()
        _, secret = make_token(user=user, scopes=[scope])
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {secret}")
        answers.append(post(client, fact(make_member())).status_code)

    assert answers == [201, 403]


def test_facts_are_recorded_once_each_and_their_members_marked():
    one, other = make_member(), make_member()
    client = client_of()

    first = post(client, fact(one), fact(other, 2, occurred_on="2026-07-01"), fact(one, 1))
    again = post(client, fact(one), fact(one, 3, subject=""))

    assert first.json() == {"recorded": 2, "known": 1}
    assert again.json() == {"recorded": 1, "known": 1}
    rows = Fact.objects.order_by("external_id")
    assert [
        (
            row.member_id,
            row.source,
            row.external_id,
            row.subject,
            str(row.occurred_on),
            row.origin,
        )
        for row in rows
    ] == [
        (one.pk, "github", "f1", "Envoy", "2026-07-29", "live"),
        (other.pk, "github", "f2", "Envoy", "2026-07-01", "live"),
        (one.pk, "github", "f3", "", "2026-07-29", "live"),
    ]
    assert {row.pk: str(row.since) for row in DirtyMember.objects.all()} == {
        one.pk: "2026-07-29",
        other.pk: "2026-07-01",
    }


def test_what_is_live_is_told_after_the_commit_and_what_is_brought_in_is_not(
    heard, django_capture_on_commit_callbacks
):
    one, other = make_member(), make_member()
    client = client_of()

    with django_capture_on_commit_callbacks(execute=True):
        post(client, fact(one), fact(other, 2))
        post(client, fact(one))  # known: nothing new to hear
        post(client, fact(one, 3), origin="import")

    assert heard == [[one.pk, other.pk]]
    assert Fact.objects.get(external_id="f3").origin == "import"


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"member": UNKNOWN}, "facts.1.member"),
        ({"member": "x"}, "facts.1.member"),
        ({"occurred_on": "2026-07-30"}, "facts.1.occurred_on"),
        ({"occurred_on": "soon"}, "facts.1.occurred_on"),
        ({"kind": "left"}, "facts.1.kind"),
        ({"id": ""}, "facts.1.id"),
    ],
)
def test_one_wrong_fact_records_none(wrong, field):
    member = make_member()

    assert fields(post(client_of(), fact(member), fact(member, 2, **wrong))) == [field]
    assert not Fact.objects.exists()


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"facts": []}, "facts"),
        ({"source": "two words"}, "source"),
        ({"origin": "rumour"}, "origin"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_a_request_that_makes_no_sense_is_refused(wrong, field):
    assert field in fields(post(client_of(), fact(make_member()), **wrong))


def test_more_than_are_taken_at_once_are_refused():
    member = make_member()

    assert fields(post(client_of(), *(fact(member, n) for n in range(1_001)))) == ["facts"]


def test_sent_twice_with_one_key_it_is_answered_as_the_first_time():
    client, member = client_of(), make_member()
    body = {"source": "github", "facts": [fact(member)]}

    first, again = (client.post(FACTS, body, HTTP_IDEMPOTENCY_KEY="k") for _ in "12")

    assert (first.json(), again.json()) == ({"recorded": 1, "known": 0},) * 2
    assert again["Idempotency-Replayed"] == "true"


@pytest.mark.parametrize("item_count", [1, 30])
def test_it_costs_the_same_number_of_queries_for_any_length(
    item_count, django_assert_max_num_queries
):
    client = client_of()
    facts = [fact(make_member(), number) for number in range(item_count)]

    with django_assert_max_num_queries(6):  # who asks, the members, the facts, a savepoint
        assert post(client, *facts).json()["recorded"] == item_count
