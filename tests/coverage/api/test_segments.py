"""Coverage segments over REST."""

import pytest

from coverage.models import Segment
from coverage.services.segments import ensure_default_segments
from members.enums import Role
from tests.factories import make_ax_profile, make_term, make_user

pytestmark = pytest.mark.django_db
URL = "/api/v1/coverage/segments/"
SAID = {
    "name": "Beginners",
    "rule": {"all": [{"fact": "expertise", "op": "eq", "value": "low"}]},
    "reason": "Just beginning",
    "delivery": "person",
}


@pytest.fixture(autouse=True)
def _segments():
    ensure_default_segments()


def keys(client):
    return [row["key"] for row in client.get(URL).json()["results"] if not row["is_retired"]]


def test_a_segment_is_added_changed_moved_retired_and_used_again(client):
    make_ax_profile(member=make_term().member)

    made = client.post(URL, SAID, format="json")
    url = f"{URL}beginners/"
    changed = client.post(f"{url}revise/", {"name": "New ones"}, format="json").json()
    client.post(f"{url}move/", {"way": "earlier"}, format="json")
    order = keys(client)
    gone = client.post(f"{url}retire/").json()
    back = client.post(f"{url}reinstate/").json()

    assert (made.status_code, made.json()["key"], made.json()["reach"]) == (
        201, "beginners", {"asked": 1, "fits": 1, "takes": 1},
    )  # fmt: skip
    assert (changed["name"], changed["rule"]) == ("New ones", made.json()["rule"])
    assert order == ["task_force", "inbound", "beginners", "synchronous", "asynchronized"]
    assert (gone["is_retired"], back["is_retired"], keys(client)[-1]) == (
        True, False, "beginners",
    )  # fmt: skip


def test_a_rule_about_money_is_refused_and_told_why(client):
    rule = {"all": [{"fact": "paid_a_year", "op": "ge", "value": 10_000}]}

    answer = client.post(URL, SAID | {"rule": rule}, format="json")

    (error,) = answer.json()["errors"]
    assert (answer.status_code, error["field"]) == (400, "rule")
    assert Segment.objects.count() == 4


def test_there_is_no_place_before_the_first(client):
    answer = client.post(f"{URL}task_force/move/", {"way": "earlier"}, format="json")

    assert answer.status_code == 400


def test_the_last_segment_stays(client):
    for key in ("task_force", "inbound", "synchronous"):
        assert client.post(f"{URL}{key}/retire/").status_code == 200

    assert client.post(f"{URL}asynchronized/retire/").status_code == 409


def test_an_msm_reads_and_a_member_does_not(as_user):
    msm = as_user(make_user())
    guest = as_user(make_user(role=Role.MEMBER, member=make_term().member))

    assert len(keys(msm)) == 4
    assert msm.get(f"{URL}inbound/").json()["in_words"]
    assert msm.post(f"{URL}inbound/retire/").status_code == 403
    assert guest.get(URL).status_code == 403
