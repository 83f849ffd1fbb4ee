import re
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings as project
from django.urls import reverse

from members.enums import MemberKind, Role
from success.queries.portal import my_path
from tests.factories import (
    NOON,
    TODAY,
    make_accountability,
    make_assignment,
    make_fact,
    make_member,
    make_outcome,
    make_person,
    make_plan,
    make_review,
    make_term,
    make_user,
)
from tests.success.views.portal_people import (
    add_milestone,
    announced,
    declared,
    judged,
    late_plan,
    login,
    words,
)

pytestmark = pytest.mark.django_db
URL = "/path/"
LIGHT = 100 * 1024
LONG_NAME = "Association for the Advancement of Interoperable Infrastructure Software in Europe"


def page(client, member, part="lead", url=URL):
    client.force_login(login(member, part, name="Kim Adeyemi"))
    response = client.get(url)
    assert response.status_code == 200
    return response.content.decode()


def everything(member):
    """A plan with one of each thing that a path can show."""
    plan = late_plan(member)
    make_outcome(member=member, said_by=make_person(name="Kim Adeyemi"))
    make_outcome(member=member, is_primary=False, version=2, goal="A second goal")
    declared(plan.milestones.get(position=2))
    announced(plan.milestones.get(position=4))
    make_accountability(plan=plan, title="An introduction", done_on=TODAY, evidence="a mail")
    make_review(member=member)
    make_fact(member=member, kind="maintainer.added")
    member.goal_changes.create(words="We want more", at=NOON)
    return plan


@pytest.mark.parametrize("kind", MemberKind.values)
@pytest.mark.parametrize("part", ["lead", "reader"])
def test_my_path_never_judges(client, kind, part):
    member = make_member(kind=kind)
    everything(member)

    assert judged(page(client, member, part)) == []


@pytest.mark.parametrize("name", ["path_review", "path_people", "path_data", "path_goal"])
def test_no_other_page_judges(client, name):
    member = make_member()
    everything(member)

    assert judged(page(client, member, url=reverse(f"success:{name}"))) == []


def test_pages_of_a_milestone_and_a_promise_never_judge(client):
    member = make_member()
    plan = everything(member)
    urls = [
        *(reverse("success:path_milestone", args=[m.key]) for m in plan.milestones.all()),
        *(
            reverse("success:path_promise", args=[p.public_id])
            for p in plan.accountabilities.all()
        ),
    ]

    assert [found for url in urls if (found := judged(page(client, member, url=url)))] == []


def test_my_path_says_both_sides_lateness_alike(client):
    member = make_member()
    late_plan(member)

    said = words(page(client, member))

    assert "Waiting for us: The benchmark report 6 days late" in said
    assert "Waiting for you: Name a contact 1 day late" in said


def test_my_path_says_whose_words_the_goal_are_and_how_we_will_know(client):
    member = make_member()
    late_plan(member)
    make_outcome(
        member=member,
        goal="We release every week",
        measure="Four releases in a month",
        said_by=make_person(name="Kim Adeyemi"),
        said_on=TODAY - timedelta(days=90),
        confirmed_on=TODAY - timedelta(days=20),
    )

    said = words(page(client, member))

    for part in (
        "We release every week",
        "Kim Adeyemi said so on 30 April 2026. Still right on 9 July 2026.",
        "How we will know: Four releases in a month",
        "Still right",
        "Our goal has changed",
    ):
        assert part in said, part


def test_my_path_shows_a_changed_goal_waiting_with_who_answers(client):
    member = make_member()
    late_plan(member)
    make_assignment(member=member, owner=make_user(name="Mira Lindqvist"))
    member.goal_changes.create(words="We want to be certified first", at=NOON)

    said = words(page(client, member))

    assert "“We want to be certified first”" in said
    assert "Waiting for us: Mira Lindqvist answers you." in said
    assert "Our goal has changed" not in said


def test_my_path_shows_the_answer_to_a_changed_goal(client):
    member = make_member()
    late_plan(member)
    mira = make_user(name="Mira Lindqvist")
    member.goal_changes.create(
        words="Another", at=NOON, status="declined", answered_by=mira, answered_at=NOON,
        answer="Let us talk first.",
    )  # fmt: skip

    assert "Mira Lindqvist answered: Let us talk first." in words(page(client, member))


def test_the_one_next_thing_is_a_promise_that_is_due(client):
    member = make_member()
    plan = late_plan(member)
    promise = plan.accountabilities.get(side="member")

    html = page(client, member)

    assert "Next: Name a contact" in html
    assert "You promised it for yesterday. On the way to: Milestone 2" in words(html)
    assert html.count('class="p-button" href') == 1
    assert (
        f'class="p-button" href="{reverse("success:path_promise", args=[promise.public_id])}"'
        in html
    )


def test_the_one_next_thing_is_else_the_milestone(client):
    member = make_member()
    plan = late_plan(member)
    plan.accountabilities.all().delete()

    html = page(client, member)

    assert "Next: Milestone 2" in html
    assert "Take the time you need." in words(html)
    assert html.count('class="p-button" href') == 1
    assert 'class="p-button" href="/path/milestones/milestone-2/"' in html


def test_a_milestone_said_to_be_done_lets_the_following_be_next(client):
    member = make_member()
    plan = late_plan(member)
    plan.accountabilities.all().delete()
    declared(plan.milestones.get(position=2))

    html = page(client, member)

    assert "Next: Milestone 3" in html
    assert "Milestone 2 waiting for our team to confirm" in words(html)


def test_my_path_shows_what_was_reached_and_what_changed(client):
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
        "You have reached 1 of 4 milestones.",
        "Milestone 1 30 January 2026 Releases take a day now.",
    ):
        assert part in said, part


def test_my_path_shows_each_milestone_of_one_day():
    member = make_member()
    plan = make_plan(member=member, expected_days=(60, 60, 60))

    stations = my_path(member, reader=login(member), as_of=TODAY).road.stations

    assert [station.expected_day for station in stations] == [60, 61, 62]
    assert [station.title for station in stations] == [
        milestone.title for milestone in plan.milestones.order_by("position")
    ]


def test_milestones_beside_the_path_are_not_on_the_road_and_never_next():
    member = make_member()
    plan = make_plan(member=member, expected_days=())
    add_milestone(plan, 1)
    add_milestone(plan, 2, is_gating=False)
    add_milestone(plan, 3, is_gating=False)

    mine = my_path(member, reader=login(member), as_of=TODAY)

    assert [station.title for station in mine.road.stations] == ["Milestone 1"]
    assert mine.next.milestone.title == "Milestone 1"
    assert [one.title for one in mine.milestones] == [
        "Milestone 1",
        "Milestone 2",
        "Milestone 3",
    ]


def test_my_path_of_a_young_plan_tells_what_to_expect(client):
    member = make_member()
    make_plan(
        member=member,
        anchor_on=TODAY - timedelta(days=10),
        expected_days=(30, 60, 300),
        first_30="You meet two maintainers.",
    )

    said = words(page(client, member))

    assert "By day 30 18 August 2026 You meet two maintainers." in said
    assert "On the way: Milestone 2" in said
    assert "Nothing is due. Getting to know each other is enough." in said


def test_my_path_of_an_old_plan_leaves_the_first_days_out(client):
    member = make_member()
    late_plan(member)

    assert "first ninety days" not in words(page(client, member))


def test_a_finished_plan_is_celebrated_and_the_next_talk_is_owed(client):
    member = make_member()
    make_plan(member=member, expected_days=(30,), evidence=([TODAY - timedelta(days=4)],))

    said = words(page(client, member))

    assert "You are there On 25 July 2026 you reached the last milestone" in said
    assert "We owe you that talk by 8 August 2026." in said
    assert "Next:" not in said


def test_a_next_talk_that_is_late_is_said_as_plainly(client):
    member = make_member()
    make_plan(member=member, expected_days=(30,), evidence=([TODAY - timedelta(days=20)],))

    said = words(page(client, member))

    assert "Waiting for us: the talk about your next goal, 6 days late." in said


@pytest.mark.parametrize(
    ("ends_on", "expected"),
    [
        (TODAY + timedelta(days=9), "It goes on from 7 August 2026."),
        (None, "It goes on when you tell us."),
    ],
)
def test_a_paused_plan_says_so_and_has_no_dates(client, ends_on, expected):
    member = make_member()
    plan = make_plan(
        member=member, anchor_on=TODAY - timedelta(days=10), expected_days=(30, 60)
    )
    plan.pauses.create(
        starts_on=TODAY - timedelta(days=2), ends_on=ends_on, reason="Parental leave"
    )

    said = words(page(client, member))

    assert f"Your plan is paused {expected}" in said
    assert "Then comes: Milestone 1" in said
    assert "Usually by" not in said


@pytest.mark.parametrize("kind", MemberKind.values)
def test_my_path_without_a_plan_is_still_of_use(client, kind):
    member = make_member(kind=kind)
    owner = make_user(name="Mira Lindqvist")
    make_assignment(member=member, owner=owner)
    make_fact(member=member, kind="maintainer.added", subject="Envoy")
    make_term(member=member, starts_on=TODAY - timedelta(days=3))

    said = words(page(client, member))

    for part in (
        "First, we agree on your goal",
        "We owe you that talk by 9 August 2026.",
        "Mira Lindqvist",
        "Maintains Envoy",
        "Choose a time",
    ):
        assert part in said, part


def test_my_path_says_the_pool_when_nobody_in_particular_looks_after_me(client):
    assert "whoever is free answers you" in words(page(client, make_member()))


def test_further_goals_are_shown_beside_the_one(client):
    member = make_member()
    late_plan(member)
    make_outcome(member=member, is_primary=False, goal="Win the award", measure="The award")

    said = words(page(client, member))

    assert "Further goals Win the award How we will know: The award" in said


def test_my_path_announces_what_will_be_asked(client):
    member = make_member()
    plan = late_plan(member)
    announced(plan.milestones.get(position=4))

    said = words(page(client, member))

    assert "For a few words that we may quote After: Milestone 4" in said
    assert "We do not ask unless you agree." in said


def test_what_was_done_in_an_earlier_version_stays_to_be_seen():
    member = make_member()
    old = make_plan(member=member, closed_on=TODAY - timedelta(days=30))
    make_accountability(plan=old, title="Done then", done_on=TODAY - timedelta(days=40))
    make_accountability(plan=old, title="Left open then")
    new = make_plan(member=member, version=2, anchor_on=TODAY - timedelta(days=30))
    make_accountability(plan=new, title="Open now")

    mine = my_path(member, reader=login(member), as_of=TODAY)

    assert [row.title for row in mine.ours] == ["Open now", "Done then"]


def test_a_member_sees_only_themselves(client):
    other = make_member(name="Somebody Else")
    plan = late_plan(other, goal="Their secret goal")
    declared(plan.milestones.get(position=2), what_changed="Their secret change")
    announced(plan.milestones.get(position=3))
    make_fact(member=other, kind="maintainer.added", subject="Their project")
    make_outcome(member=other, goal="Their secret outcome")
    make_review(member=other, note="Their secret note")
    login(other, name="Their colleague")
    mine = make_member(name="Mine")

    html = page(client, mine)
    asked = client.get(URL, {"member": str(other.public_id)}).content.decode()
    others = "".join(
        client.get(reverse(f"success:{name}")).content.decode()
        for name in ("path_review", "path_people", "path_data", "path_data_export")
    )

    leaks = (
        *("Somebody Else", "Their secret goal", "Their project", "Their secret change"),
        *("Their secret outcome", "Their secret note", "Their colleague"),
    )
    assert [leak for leak in leaks if leak in html + asked + others] == []


@pytest.mark.parametrize("role", [Role.DIRECTOR, Role.MSM, Role.OPERATIONS])
@pytest.mark.parametrize("name", ["path", "path_review", "path_people", "path_data"])
def test_staff_have_no_path(client, role, name):
    client.force_login(make_user(role=role))

    assert client.get(reverse(f"success:{name}")).status_code == 403


@pytest.mark.parametrize("item_count", [1, 3])
def test_my_path_costs_the_same_for_any_length(client, item_count, django_assert_num_queries):
    member = make_member()
    plan = make_plan(member=member, expected_days=range(100, 100 + item_count))
    for milestone in plan.milestones.all():
        make_accountability(plan=plan)
        make_accountability(plan=plan, done_on=TODAY, milestone=milestone)
        make_fact(member=member, kind="maintainer.added")
        declared(milestone)
        announced(milestone)
        login(member)
    client.force_login(login(member))

    with django_assert_num_queries(24):
        client.get(URL)


def test_the_first_view_is_light(client):
    """The page with one of each thing, its style sheets, its scripts and its picture."""
    member = make_member(name=LONG_NAME)
    everything(member)
    html = page(client, member)

    linked = set(re.findall(r'(?:href|src)="/static/([^"#?]+)', html))
    sizes = {name: (Path(project.BASE_DIR) / "static" / name) for name in linked}
    total = len(html.encode()) + sum(
        path.stat().st_size for path in sizes.values() if path.exists()
    )

    assert total <= LIGHT
    assert "htmx" not in html
    assert "tabler" not in html


@pytest.mark.parametrize(("role", "url"), [(Role.MEMBER, URL), (Role.MSM, "/measures/")])
def test_sign_out_works_from_both_shells(client, role, url):
    client.force_login(make_user(role=role))
    html = client.get(url).content.decode()
    action = reverse("account_logout")

    assert f'<form method="post" action="{action}">' in html
    assert client.post(action).status_code == 302
    assert client.get(url).status_code == 302
