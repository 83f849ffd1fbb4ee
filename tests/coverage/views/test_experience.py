from datetime import timedelta

import pytest
from django.urls import reverse

from coverage.models import Assignment, AxProfile
from coverage.services.segments import ensure_default_segments
from members.enums import Role
from tests.factories import (
    TODAY,
    make_assignment,
    make_ax_profile,
    make_effort,
    make_member,
    make_segment,
    make_user,
)

pytestmark = pytest.mark.django_db

ANSWERS = {
    "expertise": "high",
    "resources": "sufficient",
    "guidance": "occasional",
    "contact": "asking",
}


@pytest.fixture(autouse=True)
def pinned(settings):
    settings.WAYMARK_TODAY = TODAY


def url(name, member):
    return reverse(f"coverage:{name}", args=[member.public_id])


def text(response):
    return " ".join(response.content.decode().split())


def test_panel_says_as_assigned_and_as_the_rules_say(client):
    ensure_default_segments()
    profile = make_ax_profile(sync_minutes=60, async_minutes=40)
    other = make_segment(name="Elsewhere")
    make_assignment(member=profile.member, segment=other, reason="As it was")
    make_effort(on=TODAY - timedelta(days=100))
    make_effort(member=profile.member, minutes=200)
    client.force_login(make_user())

    page = text(client.get(url("member_experience", profile.member)))

    for words in (
        "Elsewhere",
        "As it was",
        "Synchronous",
        "It takes effect at the next night.",
        "They got 200% of the time that suits them.",
        "over-delivery",
    ):
        assert words in page


def test_panel_of_a_member_without_a_profile_asks_the_questions(client):
    client.force_login(make_user())

    page = text(client.get(url("member_experience", make_member())))

    assert "Answer nine questions" in page
    assert "Place by hand" not in page


@pytest.mark.parametrize("versions", [1, 3])
def test_panel_costs_the_same_for_any_history(client, versions, django_assert_max_num_queries):
    member = make_member()
    for number in range(1, versions):
        make_ax_profile(member=member, superseded_on=TODAY - timedelta(days=number))
    make_ax_profile(member=member)
    for _ in range(versions):
        make_effort(member=member)
    client.force_login(make_user())

    with django_assert_max_num_queries(9):
        client.get(url("member_experience", member), headers={"HX-Request": "true"})


def test_msm_answers_the_questions_in_the_review(client):
    member, msm = make_member(), make_user()
    client.force_login(msm)

    response = client.post(
        url("questions", member), ANSWERS | {"reasons": "Said in the review"}
    )

    assert response.status_code == 302
    made = AxProfile.objects.get()
    assert (made.member, made.source, made.recorded_by) == (member, "msm", msm)
    assert made.reasons == "Said in the review"


def test_questions_left_open_are_said_and_nothing_is_lost(client):
    client.force_login(make_user())

    response = client.post(url("questions", make_member()), ANSWERS | {"guidance": ""})

    assert response.status_code == 422
    assert list(response.context["form"].errors) == ["guidance"]
    assert 'value="asking" ' in response.content.decode()
    assert not AxProfile.objects.exists()


def test_director_places_by_hand_and_back(client):
    held, segment = make_assignment(), make_segment()
    client.force_login(make_user(role=Role.DIRECTOR))
    sent = {"segment": segment.key, "reason": "The board asked", "until": "2026-10-01"}

    client.post(url("override", held.member), sent)
    assert Assignment.objects.get().segment == segment
    assert "The board asked" in text(client.get(url("member_experience", held.member)))
    client.post(url("lift", held.member))

    assert Assignment.objects.get().override_until is None


def test_place_by_hand_for_too_long_is_refused_in_words(client):
    held, segment = make_assignment(), make_segment()
    client.force_login(make_user(role=Role.DIRECTOR))

    response = client.post(
        url("override", held.member),
        {"segment": segment.key, "reason": "For ever", "until": "2030-01-01"},
    )

    assert response.status_code == 422
    assert "within a year" in text(response)


def test_msm_decides_nothing_against_the_rule(client):
    held = make_assignment()
    client.force_login(make_user())

    assert [
        client.post(url(name, held.member)).status_code
        for name in ("override", "lift", "minutes")
    ] == [403] * 3


def test_minutes_without_a_written_part_are_refused_in_words(client):
    profile = make_ax_profile()
    client.force_login(make_user(role=Role.DIRECTOR))
    sent = {"inbound": 0, "in_writing": 0, "sync": 60, "taskforce": 0}
    sent |= {"confidence": "high", "expires_on": "2027-01-01", "reasons": "They say so"}

    refused = client.post(url("minutes", profile.member), sent)
    kept = client.post(url("minutes", profile.member), sent | {"in_writing": 30})

    assert (refused.status_code, kept.status_code) == (422, 302)
    assert "in writing" in text(refused)
    made = AxProfile.objects.get(superseded_on=None)
    assert (made.async_minutes, made.sync_minutes) == (30, 60)


def test_minutes_before_any_answer_lead_to_the_questions(client):
    member = make_member()
    client.force_login(make_user(role=Role.DIRECTOR))

    assert client.get(url("minutes", member)).url == url("questions", member)
