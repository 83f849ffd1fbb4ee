import json

import pytest
from django.urls import reverse

from coverage.models import Effort
from members.enums import Role
from members.models import AuditEntry
from tests.factories import TODAY, make_assignment, make_effort, make_member, make_user

pytestmark = pytest.mark.django_db

URL = "/coverage/effort/log/"
SENT = {"minutes": 15, "modality": "sync", "note": "", "on": "2026-07-29", "members_present": 1}


@pytest.fixture(autouse=True)
def pinned(settings):
    settings.WAYMARK_TODAY = TODAY


@pytest.fixture
def msm(client):
    user = make_user()
    client.force_login(user)
    return user


def test_time_is_logged_from_the_page_and_leads_to_the_member(client, msm):
    member = make_member()

    response = client.post(URL, SENT | {"member": member.public_id})

    assert response.url == reverse("success:member", args=[member.public_id]) + "#experience"
    row = Effort.objects.get()
    assert (row.member, row.by, row.minutes, row.modality) == (member, msm, 15, "sync")


def test_time_is_logged_from_the_dialog_and_the_page_is_told(client, msm):
    member = make_member()

    response = client.post(
        URL, SENT | {"member": member.public_id}, headers={"HX-Request": "true"}
    )

    assert response.status_code == 204
    assert sorted(json.loads(response["HX-Trigger"])) == [
        "effort-logged",
        "member-changed",
        "toast",
    ]


def test_name_that_fits_several_comes_back_with_those_to_choose_from(client, msm):
    north, south = make_member(name="Acme North"), make_member(name="Acme South")
    make_member(name="Something else")

    response = client.post(URL, SENT | {"q": "acme", "minutes": 25})

    assert response.status_code == 422
    assert set(response.context["found"]) == {north, south}
    assert response.context["form"]["minutes"].value() == "25"
    assert 'id="log-q-error">Choose the member you mean.' in response.content.decode()
    assert not Effort.objects.exists()


def test_whole_name_is_choice_enough(client, msm):
    member = make_member(name="Acme North")

    client.post(URL, SENT | {"q": "acme north"})

    assert Effort.objects.get().member == member


def test_on_a_members_page_the_log_is_about_them(client, msm):
    member = make_member()
    page = f"https://testserver/members/{member.public_id}/"

    by_script = client.get(URL, headers={"HX-Request": "true", "HX-Current-URL": page})
    without = client.get(URL, headers={"Referer": page})
    elsewhere = client.get(URL)

    seen = [each.context["member"] for each in (by_script, without, elsewhere)]
    assert seen == [member, member, None]


def test_what_cannot_be_is_said_beside_the_field(client, msm):
    member = make_member()

    for wrong in (
        {"minutes": 0},
        {"minutes": ""},
        {"on": "2026-07-30"},
        {"modality": "shouting"},
    ):
        response = client.post(URL, SENT | {"member": member.public_id} | wrong)
        assert response.status_code == 422
        assert list(response.context["form"].errors) == list(wrong)

    assert not Effort.objects.exists()


def test_members_are_found_while_typing(client, msm):
    member = make_member(name="Ökotec Werke")
    make_member(name="Another")

    found = client.get("/coverage/effort/members/", {"q": "okotec"})

    assert list(found.context["found"]) == [member]


def test_member_logins_log_nothing(client):
    client.force_login(make_user(role=Role.MEMBER))

    assert client.get(URL).status_code == 403


def test_logged_time_is_withdrawn_with_a_reason_and_stays_in_sight(client):
    amy = make_user(name="Amy")
    entry = make_effort(by=amy, note="A call")
    client.force_login(amy)
    listed = reverse("coverage:member_time", args=[entry.member.public_id])
    url = reverse("coverage:effort_withdraw", args=[entry.public_id])
    assert url in client.get(listed).content.decode()
    assert client.get(url).status_code == 200

    without = client.post(url, {"reason": " "})
    done = client.post(url, {"reason": "Logged twice"})

    assert (without.status_code, done.status_code, done.url) == (422, 302, listed)
    entry.refresh_from_db()
    assert entry.withdrawn_at is not None
    assert AuditEntry.objects.get(verb="effort.withdrawn").after["reason"] == "Logged twice"
    page = client.get(listed).content.decode()
    assert "withdrawn" in page
    assert url not in page


def test_time_of_others_is_withdrawn_by_who_decides(client):
    amy, ben = make_user(name="Amy"), make_user(name="Ben")
    member = make_assignment(owner=ben).member
    entry = make_effort(by=amy, member=member)
    url = reverse("coverage:effort_withdraw", args=[entry.public_id])

    client.force_login(ben)
    assert client.post(url, {"reason": "No"}).status_code == 404
    client.force_login(make_user(role=Role.DIRECTOR))
    assert client.post(url, {"reason": "Yes"}).status_code == 302


@pytest.mark.parametrize("count", [1, 3])
def test_time_of_a_member_asks_as_often_for_many_as_for_few(
    count, client, django_assert_max_num_queries
):
    director = make_user(role=Role.DIRECTOR)
    member = make_member()
    for _ in range(count):
        make_effort(member=member)
    client.force_login(director)

    with django_assert_max_num_queries(8):
        client.get(reverse("coverage:member_time", args=[member.public_id]))
