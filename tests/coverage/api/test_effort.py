"""The effort ledger over REST."""

import pytest

from coverage.models import Effort
from members.enums import Role
from members.models import AuditEntry
from tests.factories import make_assignment, make_effort, make_member, make_user

pytestmark = pytest.mark.django_db
URL = "/api/v1/coverage/effort/"


def test_time_is_logged_listed_and_withdrawn_with_a_reason(client, director):
    member = make_member(name="Ash")
    said = {"member": str(member.public_id), "minutes": 20, "modality": "async"}

    made = client.post(URL, said, format="json")
    entry = made.json()
    url = f"{URL}{entry['id']}/withdraw/"
    without = client.post(url, {}, format="json")
    gone = client.post(url, {"reason": "Twice by mistake."}, format="json")
    again = client.post(url, {"reason": "Once more."}, format="json")

    assert (made.status_code, entry["on"], entry["by"]["name"], entry["source"]) == (
        201, "2026-07-29", director.name, "log",
    )  # fmt: skip
    assert (without.status_code, gone.status_code, again.status_code) == (400, 200, 409)
    assert gone.json()["withdrawn_at"] is not None
    assert (
        AuditEntry.objects.get(verb="effort.withdrawn").after["reason"] == "Twice by mistake."
    )


def test_a_day_to_come_is_refused(client):
    said = {"member": str(make_member().public_id), "minutes": 20, "modality": "async"}

    assert client.post(URL, said | {"on": "2026-07-30"}, format="json").status_code == 400
    assert Effort.objects.count() == 0


def test_the_ledger_is_narrowed(client):
    member = make_member()
    make_effort(member=member, modality="sync")
    make_effort(on="2026-07-01", note="second")
    withdrawn = make_effort(withdrawn_at="2026-07-02T00:00Z")

    def count(query):
        return len(client.get(f"{URL}?{query}").json()["results"])

    assert (count(""), count("modality=sync"), count(f"member={member.public_id}")) == (3, 1, 1)
    assert (count("since=2026-07-01"), count("before=2026-07-01")) == (1, 2)
    assert (count("is_withdrawn=true"), count("is_withdrawn=false")) == (1, 2)
    assert count(f"by={withdrawn.by.public_id}") == 1


def test_an_msm_sees_their_own_time_and_that_of_their_members(as_user):
    mira, otto = make_user(name="Mira"), make_user(name="Otto")
    own = make_assignment(owner=mira).member
    make_effort(member=own, by=otto, note="for hers")
    make_effort(by=mira, note="by her")
    hidden = make_effort(by=otto, note="of his")
    client = as_user(mira)

    notes = sorted(row["note"] for row in client.get(URL).json()["results"])

    assert notes == ["by her", "for hers"]
    assert client.get(f"{URL}{hidden.public_id}/").status_code == 404
    of_others = Effort.objects.get(note="for hers")
    refused = client.post(
        f"{URL}{of_others.public_id}/withdraw/", {"reason": "Not mine."}, format="json"
    )
    assert refused.status_code == 409


@pytest.mark.parametrize("count", [1, 3])
def test_the_ledger_asks_as_often_for_many_as_for_few(
    count, client, django_assert_max_num_queries
):
    for _ in range(count):
        make_effort()

    with django_assert_max_num_queries(5):
        assert len(client.get(URL).json()["results"]) == count


def test_a_member_reads_nothing(as_user):
    guest = as_user(make_user(role=Role.MEMBER, member=make_member()))

    assert guest.get(URL).status_code == 403
