from decimal import Decimal

import pytest
from django.urls import reverse

from coverage.engine.simulator import Asked, Cohort
from coverage.enums import RebalancingStatus
from coverage.models import Assignment, Rebalancing
from coverage.services import rebalancing as acts
from members.enums import Role
from tests.factories import (
    NOON,
    TODAY,
    make_assignment,
    make_ax_profile,
    make_circumstance,
    make_coverage_model,
    make_effort,
    make_member,
    make_segment,
    make_term,
    make_user,
)

pytestmark = pytest.mark.django_db
URL = "/coverage/simulator/"


@pytest.fixture(autouse=True)
def pinned(settings):
    settings.WAYMARK_TODAY = TODAY


@pytest.fixture
def director(client):
    user = make_user(role=Role.DIRECTOR, name="Dora")
    client.force_login(user)
    return user


@pytest.fixture
def team():
    sync = make_segment(key="synchronous", name="Synchronous", position=1)
    pool = make_segment(key="inbound", name="Inbound", position=2, is_pooled=True)
    make_coverage_model(
        hours=[(sync, "adoption", "sync", 2), (pool, "adoption", "inbound", "0.1")]
    )
    people = [make_user(name=name, weekly_hours=30) for name in ("Mira", "Otto")]
    for _ in range(4):
        member = make_member()
        make_term(member=member)
        make_ax_profile(member=member, async_minutes=100)
        make_assignment(member=member, owner=people[0], segment=sync)
        make_circumstance(member=member)
        make_effort(member=member, minutes=400, by=people[0])
    return people


def answered(by, asked=None):
    found = acts.ask(asked=asked or Asked(most_moved_percent=None), by=by, as_of=TODAY, at=NOON)
    acts.work_out(rebalancing_id=found.pk, clock=lambda: NOON)
    found.refresh_from_db()
    return found


@pytest.mark.parametrize("role", [Role.MSM, Role.MEMBER])
def test_the_simulator_is_for_directors_and_operations(client, role):
    client.force_login(make_user(role=role))
    assert client.get(URL).status_code == 403
    assert client.get("/coverage/over-delivery/").status_code == 403


@pytest.mark.usefixtures("team")
def test_a_question_is_asked_and_waits(client, director):
    said = {
        "most_moved_percent": "0",
        "from_segment": "synchronous",
        "to_segment": "inbound",
        "percent": "50",
        "only_over_served": "on",
    }

    response = client.post(URL, said, follow=True)

    found = Rebalancing.objects.get()
    assert response.redirect_chain == [(f"{URL}{found.public_id}/", 302)]
    assert found.asked["cohort"] == {
        "from_segment": "synchronous",
        "to_segment": "inbound",
        "percent": 50,
        "only_over_served": True,
        "until": None,
    }
    assert response.context["is_working"]
    assert response.context["words"] == (
        "50% of the over-served of Synchronous in Inbound; nobody changes hands without need"
    )


@pytest.mark.usefixtures("team", "director")
@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"from_segment": "synchronous"}, "to_segment"),
        ({"from_segment": "synchronous", "to_segment": "synchronous"}, "__all__"),
        ({"until": "2026-07-29"}, "until"),
        ({"most_moved_percent": "101"}, "most_moved_percent"),
        ({"hours_apart": "13"}, "hours_apart"),
        ({"cell_synchronous_growth": "-1"}, "cell_synchronous_growth"),
        ({"part_inbound": "1001"}, "part_inbound"),
    ],
)
def test_a_question_without_sense_comes_back_with_words(client, said, field):
    response = client.post(URL, said)
    assert response.status_code == 422
    assert list(response.context["form"].errors) == [field]


def test_people_hours_and_leverage_are_asked_about(client, director, team):
    mira, otto = team
    client.post(
        URL,
        {
            "added": "2",
            "added_hours": "100",
            "away": [str(otto.pk)],
            f"hours_{mira.pk}": "80",
            "leverage_async": "5.5",
        },
    )
    asked = Rebalancing.objects.get().asked
    assert (asked["added"], asked["added_hours"], asked["most_moved_percent"]) == (2, 100, None)
    assert (asked["away"], asked["hours"]) == ([otto.pk], {str(mira.pk): 80})
    assert asked["leverage"] == {"async": "11/2"}


def test_other_hours_of_an_experience_and_clocks_are_asked_about(client, director, team):
    said = {
        "cell_synchronous_adoption": "1.5",
        "part_inbound": "80",
        "hours_apart": "3",
        "most_moved_percent": "0",
    }
    client.post(URL, said)

    found = Rebalancing.objects.get()
    assert found.asked["cells"] == [
        {"segment": "synchronous", "stage": "adoption", "hours": "3/2"}
    ]
    assert (found.asked["parts"], found.asked["hours_apart"]) == ({"inbound": 80}, 3)
    acts.work_out(rebalancing_id=found.pk, clock=lambda: NOON)
    context = client.get(f"{URL}{found.public_id}/").context
    assert context["words"] == (
        "Synchronous, adoption: 1.5 h of staff; Inbound at 80% of its hours; "
        "clocks at most 3 hours apart; nobody changes hands without need"
    )
    assert (context["before_sums"].needed, context["after_sums"].needed) == (8, 6)
    assert (context["without_zone"], context["asked_of"]) == (4, 4)
    assert context["is_assumption"]
    form = client.get(URL, {"again": found.public_id}).context["form"]
    assert (form["cell_synchronous_adoption"].value(), form["hours_apart"].value()) == (1.5, 3)


def test_the_answer_is_the_same_picture_twice_with_the_moves_between(client, director, team):
    found = answered(director)

    context = client.get(f"{URL}{found.public_id}/").context

    assert [(row.name, row.members, row.members_then) for row in context["rows"]] == [
        ("Mira", 4, 2),
        ("Otto", 0, 2),
    ]
    assert [(each["from"], each["to"]) for each in context["moves"]] == [("Mira", "Otto")] * 2
    before, after = (
        client.get(f"{URL}{found.public_id}/{when}.json").json() for when in ("before", "after")
    )
    assert [before["series"][0]["data"], after["series"][0]["data"]] == [[8, 0], [4, 4]]
    assert (before["max"], after["max"]) == (150, 150)


def test_the_answer_asks_for_itself_only_while_it_is_worked_out(client, director, team):
    found = acts.ask(asked=Asked(), by=director, as_of=TODAY, at=NOON)
    url = f"{URL}{found.public_id}/"
    waiting = client.get(url, headers={"HX-Request": "true"}).content.decode()
    acts.work_out(rebalancing_id=found.pk, clock=lambda: NOON)
    ready = client.get(url, headers={"HX-Request": "true"}).content.decode()
    assert ("hx-trigger" in waiting, "hx-trigger" in ready) == (True, False)
    assert "<html" not in ready


def test_a_question_without_an_answer_says_why(client, director):
    found = answered(director)
    assert (
        "It is not said yet how many hours"
        in client.get(f"{URL}{found.public_id}/").content.decode()
    )


def test_applying_and_undoing_move_members_there_and_back(client, director, team):
    cohort = Cohort(from_segment="synchronous", to_segment="inbound", only_over_served=True)
    found = answered(director, Asked(most_moved_percent=0, cohort=cohort))
    url = f"{URL}{found.public_id}/"

    assert client.post(f"{url}apply/", {"reason": ""}).status_code == 422
    response = client.post(f"{url}apply/", {"reason": "They need less"}, follow=True)

    assert Assignment.objects.filter(segment__key="inbound").count() == 2
    assert "2 members moved." in response.content.decode()
    client.post(f"{url}undo/")
    assert Assignment.objects.filter(segment__key="inbound").count() == 0
    found.refresh_from_db()
    assert found.status == RebalancingStatus.UNDONE
    assert "It is undone already" in client.post(f"{url}undo/", follow=True).content.decode()


def test_the_same_can_be_asked_again_from_what_was_asked(client, director, team):
    found = answered(director, Asked(most_moved_percent=35, away=frozenset({team[1].pk})))
    form = client.get(URL, {"again": found.public_id}).context["form"]
    assert (form["most_moved_percent"].value(), form["away"].value()) == (35, [team[1].pk])
    assert client.get(URL, {"again": "nothing"}).status_code == 200


def test_over_delivery_leads_to_the_simulator(client, director, team):
    context = client.get("/coverage/over-delivery/").context
    assert [each["row"].given for each in context["rows"]] == [400] * 4
    assert round(context["freed_hours"], 2) == Decimal("6.67")
    form = client.get(context["groups"][0]["url"]).context["form"]
    assert [form[name].value() for name in ("from_segment", "to_segment")] == [
        "synchronous",
        "inbound",
    ]
    assert form["only_over_served"].value()


@pytest.mark.usefixtures("director")
def test_over_delivery_without_records_says_so(client):
    assert "No time is recorded yet" in client.get("/coverage/over-delivery/").content.decode()


@pytest.mark.parametrize("count", [1, 3])
def test_the_answer_takes_as_many_statements_for_many_moves(
    client, director, team, count, django_assert_max_num_queries
):
    cohort = Cohort(from_segment="synchronous", to_segment="inbound", percent=25 * count)
    found = answered(director, Asked(most_moved_percent=0, cohort=cohort))
    assert found.moves.count() == count
    with django_assert_max_num_queries(14):
        client.get(reverse("coverage:rebalancing", args=[found.public_id]))
