import re
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings as project
from django.urls import reverse

from members.enums import MemberKind, Role
from success.queries.portal import my_path
from tests.factories import (
    TODAY,
    make_accountability,
    make_assignment,
    make_fact,
    make_member,
    make_plan,
    make_user,
)

pytestmark = pytest.mark.django_db
URL = "/path/"
LIGHT = 100 * 1024
FORBIDDEN = (
    *("stalled", "slipping", "regressing", "regress", "achieved", "on track", "off track"),
    *("score", "tier", "risk", "health", "vector", "behind", "ahead", "pace", "overdue"),
    *("segment", "churn", "nudge", "intervention", "alignment", "assoc_blocked", "milli"),
)


@pytest.fixture(autouse=True)
def _held_day(settings):
    settings.WAYMARK_TODAY = TODAY


def late_plan(member, **overrides):
    """Day 200 of a plan with one milestone reached out of four, two of them long expected."""
    plan = make_plan(
        member=member,
        expected_days=(30, 60, 90, 300),
        evidence=([TODAY - timedelta(days=180)],),
        anchor_on=TODAY - timedelta(days=200),
        **overrides,
    )
    make_accountability(
        plan=plan, title="The benchmark report", due_on=TODAY - timedelta(days=6)
    )
    make_accountability(
        plan=plan, side="member", title="Name a contact", due_on=TODAY - timedelta(days=1)
    )
    return plan


def words(html):
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


def page(client, member):
    client.force_login(make_user(role=Role.MEMBER, member=member, name="Kim Adeyemi"))
    response = client.get(URL)
    assert response.status_code == 200
    return response.content.decode()


@pytest.mark.parametrize("kind", MemberKind.values)
def test_my_path_never_judges(client, kind):
    member = make_member(kind=kind)
    late_plan(member)
    make_fact(member=member, kind="maintainer.added")

    # the shapes of the road share names with the staff's; what is read are words and labels
    html = re.sub(r'\sclass="[^"]*"', "", page(client, member)).lower()

    assert [word for word in FORBIDDEN if re.search(rf"\b{word}\b", html)] == []


def test_my_path_says_both_sides_lateness_alike(client):
    member = make_member()
    late_plan(member)

    said = words(page(client, member))

    assert "Waiting for us: The benchmark report 6 days late" in said
    assert "Waiting for you: Name a contact 1 day late" in said


def test_my_path_shows_goal_next_step_and_what_was_reached(client):
    member = make_member()
    plan = late_plan(member)
    plan.milestones.get(position=1).events.create(
        achieved=True,
        on=TODAY - timedelta(days=180),
        source="confirmed",
        what_changed="Releases take a day now.",
        recorded_at="2026-02-01T12:00Z",
    )

    said = words(page(client, member))

    for part in (
        "Our people help build what we depend on",
        "Next: Milestone 2",
        "You have reached 1 of 4 milestones.",
        "Take the time you need.",
        "Releases take a day now.",
    ):
        assert part in said, part


def test_my_path_shows_each_milestone_of_one_day():
    member = make_member()
    plan = make_plan(member=member, expected_days=(60, 60, 60))

    stations = my_path(member, as_of=TODAY).road.stations

    assert [station.expected_day for station in stations] == [60, 61, 62]
    assert [station.title for station in stations] == [
        milestone.title for milestone in plan.milestones.order_by("position")
    ]


def test_my_path_of_a_young_plan_tells_what_to_expect(client):
    member = make_member()
    make_plan(member=member, anchor_on=TODAY - timedelta(days=10), expected_days=(30, 60, 300))

    said = words(page(client, member))

    assert "By day 30" in said
    assert "On the way: Milestone 2" in said
    assert "By day 90 28 October 2026 Nothing is due." not in said
    assert "Nothing is due. Getting to know each other is enough." in said


def test_my_path_of_an_old_plan_leaves_the_first_days_out(client):
    member = make_member()
    late_plan(member)

    assert "first ninety days" not in words(page(client, member))


@pytest.mark.parametrize("kind", MemberKind.values)
def test_my_path_without_a_plan_is_still_of_use(client, kind):
    member = make_member(kind=kind)
    owner = make_user(name="Mira Lindqvist")
    make_assignment(member=member, owner=owner)
    make_fact(member=member, kind="maintainer.added", subject="Envoy")

    said = words(page(client, member))

    for part in ("First, we agree on your goal", "Mira Lindqvist", "Maintains Envoy"):
        assert part in said, part


def test_my_path_says_the_pool_when_nobody_in_particular_looks_after_me(client):
    assert "whoever is free answers you" in words(page(client, make_member()))


def test_a_member_sees_only_themselves(client):
    other = make_member(name="Somebody Else")
    late_plan(other, goal="Their secret goal")
    make_fact(member=other, kind="maintainer.added", subject="Their project")
    mine = make_member(name="Mine")

    html = page(client, mine)
    asked = client.get(URL, {"member": str(other.public_id)}).content.decode()

    leaks = ("Somebody Else", "Their secret goal", "Their project")
    assert [leak for leak in leaks if leak in html + asked] == []


@pytest.mark.parametrize("role", [Role.DIRECTOR, Role.MSM, Role.OPERATIONS])
def test_staff_have_no_path(client, role):
    client.force_login(make_user(role=role))

    assert client.get(URL).status_code == 403


@pytest.mark.parametrize("item_count", [1, 3])
def test_my_path_costs_the_same_for_any_length(client, item_count, django_assert_num_queries):
    member = make_member()
    plan = make_plan(member=member, expected_days=range(100, 100 + item_count))
    for _ in range(item_count):
        make_accountability(plan=plan)
        make_fact(member=member, kind="maintainer.added")
    client.force_login(make_user(role=Role.MEMBER, member=member))

    with django_assert_num_queries(14):
        client.get(URL)


def test_my_path_is_light(client):
    """The first view: the page, its style sheets, its scripts and its picture."""
    member = make_member()
    late_plan(member)
    html = page(client, member)

    linked = set(re.findall(r'(?:href|src)="/static/([^"#?]+)', html))
    sizes = {name: (Path(project.BASE_DIR) / "static" / name) for name in linked}
    total = len(html.encode()) + sum(
        path.stat().st_size for path in sizes.values() if path.exists()
    )

    assert total <= LIGHT
    assert "htmx" not in html


@pytest.mark.parametrize(("role", "url"), [(Role.MEMBER, URL), (Role.MSM, "/measures/")])
def test_sign_out_works_from_both_shells(client, role, url):
    client.force_login(make_user(role=role))
    html = client.get(url).content.decode()
    action = reverse("account_logout")

    assert f'<form method="post" action="{action}">' in html
    assert client.post(action).status_code == 302
    assert client.get(url).status_code == 302
