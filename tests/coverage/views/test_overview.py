import pytest
from django.urls import reverse

from coverage.services.segments import ensure_default_segments
from members.enums import Role
from tests.factories import (
    TODAY,
    make_assignment,
    make_ax_profile,
    make_member,
    make_term,
    make_user,
)

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def pinned(settings):
    settings.WAYMARK_TODAY = TODAY


URL = "/coverage/"


def make_book(*, owner, members=1, minutes=180, segment=None):
    for _ in range(members):
        member = make_member()
        make_term(member=member)
        make_ax_profile(member=member, async_minutes=minutes, source="simulated")
        make_assignment(member=member, owner=owner, **({"segment": segment} if segment else {}))


def test_coverage_shows_the_four_segments_with_their_rules_in_words(client):
    ensure_default_segments()
    client.force_login(make_user())

    cards = client.get(URL).context["segments"]

    assert {card.segment.name: card.rule for card in cards} == {
        "Task Force": "Severity of the gravest open escalation is 1 or skills needed at once"
        " is at least 3",
        "Inbound": "Expertise in the field is high and resources of their own is sufficient"
        " and guidance needed is occasional guidance only",
        "Synchronous": "Share of the time in real time is at least 40",
        "Asynchronized": "Everybody whom no earlier rule takes",
    }


def test_coverage_weighs_what_is_asked_for_against_the_hours_there_are(client):
    owner = make_user(name="Mira", weekly_hours=30)
    make_book(owner=owner, members=2)
    client.force_login(owner)

    response = client.get(URL)
    mine, pool = response.context["books"]

    assert (mine.name, mine.members, mine.minutes, mine.needed) == ("Mira", 2, 120, 2)
    assert (mine.available, round(1 / mine.load)) == (130, 65)
    assert (pool.members, pool.load) == (0, None)
    assert "2 of 2 experience profiles" in " ".join(
        response.content.decode().replace('<span class="wm-num">', "").split()
    ).replace("</span>", "")


def test_coverage_leaves_hours_unknown_that_nobody_said(client):
    make_book(owner=make_user(name="Mira"))
    client.force_login(make_user(role=Role.DIRECTOR))

    response = client.get(URL)

    assert response.context["books"][0].load is None
    assert "not known yet" in response.content.decode()


def test_coverage_without_anything_says_what_would_be_here(client):
    client.force_login(make_user(role=Role.DIRECTOR))

    assert "No segments yet" in client.get(URL).content.decode()


def test_hours_chart_leaves_the_pool_out(client):
    owner = make_user(name="Mira", weekly_hours=30)
    make_book(owner=owner)
    make_book(owner=None)
    client.force_login(owner)

    chart = client.get(reverse("coverage:hours_chart")).json()

    assert chart["x"] == ["Mira"]
    assert [series["data"] for series in chart["series"]] == [[1.0], [130.0]]


def test_members_may_not_see_coverage(client):
    client.force_login(make_user(role=Role.MEMBER))

    assert client.get(URL).status_code == 403


@pytest.mark.parametrize("item_count", [1, 3])
def test_coverage_costs_the_same_for_any_length(client, item_count, django_assert_num_queries):
    for _ in range(item_count):
        make_book(owner=make_user(weekly_hours=10))
    client.force_login(make_user(role=Role.DIRECTOR))

    with django_assert_num_queries(9):
        response = client.get(URL)

    assert response.context["people"] == item_count
