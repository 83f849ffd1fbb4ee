"""One plan for many members over REST: asked for, worked off, undone."""

import pytest

from members.enums import Role
from success.models import PlanBatch
from success.services import batches, templates
from tests.factories import NOON, make_path, make_term, make_user

pytestmark = pytest.mark.django_db
URL = "/api/v1/plan-batches/"


@pytest.fixture
def msm():
    return make_user(role=Role.MSM, name="Ada")


@pytest.fixture
def body(msm):
    templates.save_template(
        template=None, key="export", title="Selling abroad", audience="organisation",
        persona="", segment=None, path=make_path(), by=msm, at=NOON,
    )  # fmt: skip
    members = [make_term().member for _ in range(2)]
    return {
        "template": "export",
        "members": [str(member.public_id) for member in members],
        "anchor_on": "2026-07-29",
    }


def test_batch_is_asked_for_worked_off_and_undone(api, msm, body):
    client = api(msm)
    asked = client.post(URL, body)
    assert asked.status_code == 202, asked.json()
    batch = PlanBatch.objects.get(public_id=asked.json()["id"])
    url = f"{URL}{batch.public_id}/"
    batches.work(batch_id=batch.pk, clock=lambda: NOON)
    done = client.get(url).json()
    items = client.get(f"{url}items/").json()["results"]
    undo = client.post(f"{url}undo/", {})
    again = client.post(f"{url}undo/", {})
    batches.work(batch_id=batch.pk, clock=lambda: NOON)
    undone = client.get(url).json()

    assert (asked.json()["status"], asked.json()["progress"]["waiting"]) == ("waiting", 2)
    assert (done["status"], done["progress"]["agreed"]) == ("done", 2)
    assert [item["outcome"] for item in items] == ["agreed", "agreed"]
    assert (undo.status_code, again.status_code) == (202, 409)
    assert (undone["status"], undone["progress"]["undone"]) == ("undone", 2)
    assert [row["asked_for"] for row in client.get(URL).json()["results"]] == [2]


def test_members_who_are_not_there_and_unknown_templates_are_refused(api, msm, body):
    client = api(msm)
    stranger = "0198f3c2-7a10-7c3e-9d55-0c5b8b1f6a42"
    errors = [
        client.post(URL, body | said).json()["errors"][0]["field"]
        for said in ({"members": [stranger]}, {"members": []}, {"template": "else"})
    ]

    assert errors == ["members", "members", "template"]
    assert PlanBatch.objects.count() == 0


def test_batches_are_for_staff(api, body):
    client = api(make_user(role=Role.MEMBER))

    assert client.get(URL).status_code == 403
    assert client.post(URL, body).status_code == 403


def test_batch_sent_twice_is_asked_for_once(api, msm, body):
    key = {"Idempotency-Key": "one"}
    first, again = (api(msm).post(URL, body, headers=key) for _ in range(2))

    assert first.json()["id"] == again.json()["id"]
    assert PlanBatch.objects.count() == 1
