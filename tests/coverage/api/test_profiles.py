"""The experience of members over REST."""

import pytest

from coverage.models import AxProfile
from coverage.services.segments import ensure_default_segments
from members.enums import Role
from tests.factories import TODAY, make_assignment, make_ax_profile, make_member, make_user

pytestmark = pytest.mark.django_db
URL = "/api/v1/coverage/profiles/"
ANSWERS = {
    "expertise": "high",
    "resources": "sufficient",
    "guidance": "occasional",
    "contact": "asking",
}


def test_profiles_in_force_are_listed_by_name_and_narrowed(client):
    mira = make_user(name="Mira")
    ash, birch = make_member(name="Ash"), make_member(name="Birch")
    make_ax_profile(member=ash, superseded_on=TODAY)
    make_ax_profile(member=ash, expires_on=TODAY)
    make_ax_profile(member=birch, source="member")
    make_assignment(member=birch, owner=mira)

    def listed(query=""):
        return [row["member"]["name"] for row in client.get(URL + query).json()["results"]]

    assert listed() == ["Ash", "Birch"]
    assert listed("?has_expired=true") == ["Ash"]
    assert listed("?has_expired=false") == ["Birch"]
    assert listed(f"?owner={mira.public_id}") == ["Birch"]
    assert listed("?source=member") == ["Birch"]
    assert client.get(URL + "?paid=1").status_code == 400


@pytest.mark.parametrize("count", [1, 3])
def test_the_list_asks_as_often_for_many_as_for_few(
    count, client, django_assert_max_num_queries
):
    for _ in range(count):
        make_ax_profile()

    with django_assert_max_num_queries(6):
        assert len(client.get(URL).json()["results"]) == count


def test_answers_become_the_next_version_and_say_where_they_place(client, director):
    ensure_default_segments()
    member = make_member(name="Ash")
    make_ax_profile(member=member)
    url = f"{URL}{member.public_id}/"

    answer = client.post(
        f"{url}answers/", ANSWERS | {"reasons": "They said so."}, format="json"
    )

    said = answer.json()
    assert answer.status_code == 200
    assert (said["versions"], said["as_ax_says"]["segment"]["key"], said["as_assigned"]) == (
        2, "inbound", None,
    )  # fmt: skip
    assert said["agrees"] is False
    assert (said["profile"]["source"], said["profile"]["recorded_by"]["name"]) == (
        "msm", director.name,
    )  # fmt: skip
    versions = client.get(f"{url}versions/").json()["results"]
    assert [(row["superseded_on"], row["reasons"]) for row in versions] == [
        (None, "They said so."),
        ("2026-07-29", ""),
    ]


def test_answers_that_were_not_offered_are_refused(client):
    member = make_member()

    answer = client.post(
        f"{URL}{member.public_id}/answers/", ANSWERS | {"expertise": "huge"}, format="json"
    )

    assert answer.status_code == 400
    assert [error["field"] for error in answer.json()["errors"]] == ["expertise"]
    assert AxProfile.objects.count() == 0


def test_minutes_are_set_by_hand_where_they_are_sound(client):
    member = make_ax_profile().member
    url = f"{URL}{member.public_id}/minutes/"

    refused = client.post(url, {"sync_minutes": 60, "reasons": "Calls."}, format="json")
    kept = client.post(
        url, {"sync_minutes": 60, "async_minutes": 30, "reasons": "Calls."}, format="json"
    )

    assert (refused.status_code, kept.status_code) == (400, 200)
    assert kept.json()["profile"]["sync_minutes"] == 60
    nobody = client.post(
        f"{URL}{make_member().public_id}/minutes/", {"reasons": "Why."}, format="json"
    )
    assert nobody.status_code == 400


def test_a_member_is_placed_by_hand_and_the_rule_counts_again(client):
    ensure_default_segments()
    member = make_ax_profile().member
    url = f"{URL}{member.public_id}/"
    said = {"segment": "synchronous", "reason": "They asked.", "until": "2026-09-01"}

    placed = client.post(f"{url}override/", said, format="json").json()
    beside = client.get(f"/api/v1/coverage/assignments/{member.public_id}/").json()
    by_hand = client.get("/api/v1/coverage/assignments/?is_overridden=true").json()
    lifted = client.post(f"{url}lift/")
    again = client.post(f"{url}lift/")

    assert (placed["is_overridden"], placed["as_assigned"]["override_until"]) == (
        True, "2026-09-01",
    )  # fmt: skip
    assert (beside["as_assigned"]["segment"]["key"], beside["as_ax_says"]["segment"]["key"]) == (
        "synchronous", "asynchronized",
    )  # fmt: skip
    assert [row["override_reason"] for row in by_hand["results"]] == ["They asked."]
    assert (lifted.status_code, again.status_code) == (200, 409)
    gone = client.post(f"{url}override/", said | {"until": "2030-01-01"}, format="json")
    assert gone.status_code == 400


def test_an_msm_answers_but_does_not_decide(as_user):
    member = make_member()
    msm = as_user(make_user(role=Role.MSM))
    url = f"{URL}{member.public_id}/"

    assert msm.post(f"{url}answers/", ANSWERS, format="json").status_code == 200
    assert msm.post(f"{url}minutes/", {"reasons": "Why."}, format="json").status_code == 403
    assert msm.post(f"{url}override/", {}, format="json").status_code == 403


def test_a_member_reads_nothing_and_a_stranger_is_404(as_user, client):
    member = make_ax_profile().member
    guest = as_user(make_user(role=Role.MEMBER, member=member))

    assert guest.get(URL).status_code == 403
    assert client.get(f"{URL}0198f3c2-7a10-7c3e-9d55-0c5b8b1f6a42/").status_code == 404
    assert client.get(f"{URL}nobody/").status_code == 404


def test_the_same_answers_sent_twice_are_answered_once(client):
    url = f"{URL}{make_member().public_id}/answers/"

    first = client.post(url, ANSWERS, format="json", HTTP_IDEMPOTENCY_KEY="once")
    again = client.post(url, ANSWERS, format="json", HTTP_IDEMPOTENCY_KEY="once")

    assert (first.json(), again.headers["Idempotency-Replayed"]) == (again.json(), "true")
    assert AxProfile.objects.count() == 1
