from datetime import date, timedelta

import pytest
from django.urls import reverse

from members.enums import Role
from success.models import Night, NightStep
from success.views.runs import result_in_words, took
from tests.factories import NOON, TODAY, make_member, make_night, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _held_day(settings):
    settings.WAYMARK_TODAY = TODAY


def make_step(night, **overrides):
    fields = {
        "stage": "facts",
        "position": 0,
        "range_from": 1,
        "range_to": 10,
        "status": "done",
        "rows_in": 1632,
        "rows_out": 222,
        "started_at": NOON,
        "finished_at": NOON + timedelta(seconds=3),
    }
    return NightStep.objects.create(night=night, **(fields | overrides))


def as_role(client, role):
    client.force_login(make_user(role=role))
    return client


def test_runs_are_newest_first_with_what_they_wrote(client):
    old = make_night(as_of=date(2026, 7, 28), started_at=NOON - timedelta(days=1))
    new = make_night()
    make_step(new)
    as_role(client, Role.OPERATIONS)

    rows = client.get(reverse("success:runs")).context["nights"]

    assert [(row["night"].pk, row["night"].written) for row in rows] == [
        (new.pk, 222),
        (old.pk, None),
    ]


def test_runs_without_any_night_say_how_to_get_one(client):
    as_role(client, Role.OPERATIONS)

    assert "No night has run yet" in client.get(reverse("success:runs")).content.decode()


@pytest.mark.parametrize("item_count", [1, 3])
def test_runs_cost_the_same_for_any_length(client, item_count, django_assert_num_queries):
    for number in range(item_count):
        make_step(make_night(as_of=TODAY - timedelta(days=number)))
    as_role(client, Role.OPERATIONS)

    with django_assert_num_queries(6):
        response = client.get(reverse("success:runs"))

    assert len(response.context["nights"]) == item_count


@pytest.mark.parametrize(("status", "polls"), [("running", True), ("done", False)])
def test_a_night_asks_for_itself_only_while_it_runs(client, status, polls):
    night = make_night(status=status)
    make_step(night)
    as_role(client, Role.OPERATIONS)
    url = reverse("success:night", args=[night.pk])

    page = client.get(url).content.decode()
    fragment = client.get(url, headers={"HX-Request": "true"}).content.decode()

    assert ("hx-trigger" in page, "hx-trigger" in fragment) == (polls, polls)
    assert fragment.strip() in page
    assert "<html" not in fragment


def test_a_night_that_failed_shows_the_stage_and_why(client):
    night = make_night(status="failed", finished_at=None)
    make_step(night)
    make_step(night, stage="plays", position=1, status="failed", error="ValueError: no such")
    as_role(client, Role.OPERATIONS)

    response = client.get(reverse("success:night", args=[night.pk]))

    assert [(stage.label, stage.status) for stage in response.context["stages"]] == [
        ("Member facts", "done"),
        ("Plays", "failed"),
    ]
    assert "ValueError: no such" in response.content.decode()


def test_starting_a_night_twice_starts_one(client):
    make_member()
    as_role(client, Role.OPERATIONS)

    answers = [client.post(reverse("success:night_start")) for _ in range(2)]

    night = Night.objects.get()
    assert night.as_of == TODAY
    assert [answer.url for answer in answers] == [reverse("success:night", args=[night.pk])] * 2


@pytest.mark.parametrize("role", [Role.DIRECTOR, Role.MSM, Role.MEMBER])
def test_only_operations_start_a_night(client, role):
    as_role(client, role)

    assert client.post(reverse("success:night_start")).status_code == 403
    assert Night.objects.count() == 0


def test_looking_at_the_start_starts_nothing(client):
    as_role(client, Role.OPERATIONS)

    assert client.get(reverse("success:night_start")).status_code == 405
    assert Night.objects.count() == 0


def test_only_operations_see_the_button(client):
    seen = {}
    for role in (Role.DIRECTOR, Role.OPERATIONS):
        as_role(client, role)
        page = client.get(reverse("success:runs")).content.decode()
        seen[role] = reverse("success:night_start") in page

    assert seen == {Role.DIRECTOR: False, Role.OPERATIONS: True}


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.94, "0.9 s"), (59, "59.0 s"), (61, "1 min 1 s"), (3720, "1 h 2 min")],
)
def test_took_is_said_as_people_say_it(seconds, said):
    assert took(make_night(finished_at=NOON + timedelta(seconds=seconds))) == said


def test_the_result_of_a_night_is_said_in_words():
    said = {"in_scope": 1736, "with_plan": 726, "with_pace": 726, "mean_pace_milli": 77}
    live = make_night(result=said | {"opened": 1})
    plays = {"a": {"messages": 2, "items": 3}, "b": {"messages": 0, "items": 4}}
    past = make_night(kind="past", result=said | {"would_open": plays})

    assert result_in_words(live) == [
        "1,736 members in force or in grace, 726 of them with a plan.",
        "Mean pace 0.08 plan-days a day, of 726 members.",
        "1 intervention was opened.",
    ]
    assert result_in_words(past)[-1] == (
        "It would have sent 2 messages and opened 7 queue items."
    )
    assert result_in_words(make_night(result={})) == []


def test_every_stage_of_a_night_has_a_name_and_a_meaning():
    from success.enums import NightKind
    from success.services.nights import STAGES as WORKED
    from success.views.runs import STAGES

    names = {stage.name for kind in NightKind for stage in WORKED[kind]}

    assert set(STAGES) == names
