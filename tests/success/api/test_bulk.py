import pytest

from config.kernel import clock
from success.models import BulkAct, Intervention
from success.services import bulk
from tests.factories import MORNING, make_intervention, make_user

pytestmark = pytest.mark.django_db
URL = "/api/v1/bulk-acts/"


@pytest.fixture
def ada():
    return make_user(name="Ada")


def work():
    for pk in bulk.unfinished_ids():
        bulk.work(bulk_id=pk, clock=clock.now)


def test_items_are_frozen_done_and_put_back(api, ada):
    items = [str(make_intervention(owner=ada).public_id) for _ in range(2)]
    said = {"verb": "snooze", "items": items, "until": "2026-08-03"}
    client = api(ada)

    asked = client.post(URL, said)
    work()
    done = client.get(f"{URL}{asked.json()['id']}/").json()
    undone = client.post(f"{URL}{asked.json()['id']}/undo/")
    again = client.post(f"{URL}{asked.json()['id']}/undo/")

    assert (asked.status_code, asked.json()["items"]) == (202, 2)
    assert (done["done"], done["refused"]) == (2, {})
    assert (undone.status_code, again.status_code) == (202, 409)
    assert len(client.get(URL).json()["results"]) == 1


def test_items_that_are_not_there_are_409_with_the_count(api, ada):
    items = [make_intervention(owner=each) for each in (ada, make_user())]
    named = [str(each.public_id) for each in items]

    said = {"verb": "release", "items": named, "reason": "Away"}
    response = api(ada).post(URL, said)

    assert (response.status_code, response.json()["count"]) == (409, 1)
    assert Intervention.objects.filter(owner=ada).exists()


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"verb": "snooze"}, "until"),
        ({"verb": "snooze", "until": "2026-07-29"}, "until"),
        ({"verb": "reassign", "reason": "x"}, "to"),
        ({"verb": "reassign", "to": "6ba7b810-9dad-11d1-80b4-00c04fd430c8"}, "reason"),
        ({"verb": "release"}, "reason"),
        ({"verb": "complete"}, "outcome"),
    ],
)
def test_what_a_verb_wants_is_said(api, ada, said, field):
    item = make_intervention(owner=ada)

    response = api(ada).post(URL, said | {"items": [str(item.public_id)]})

    assert response.status_code == 400
    assert [error["field"] for error in response.json()["errors"]] == [field]


def test_acts_of_others_are_404(api, ada):
    act = BulkAct.objects.create(verb="snooze", ids=[1], by=make_user(), at=MORNING)

    assert api(ada).get(f"{URL}{act.public_id}/").status_code == 404
    assert api(ada).post(f"{URL}{act.public_id}/undo/").status_code == 404
