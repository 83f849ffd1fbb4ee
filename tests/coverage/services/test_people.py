import pytest

from coverage.models import Contributor, TaskForceShare
from coverage.services import people
from members.enums import Role
from members.models import AuditEntry
from tests.factories import NOON, TODAY, make_member, make_user

pytestmark = pytest.mark.django_db


def save(user=None, **overrides):
    fields = {
        "team": None,
        "monthly_hours": 120,
        "leave_percent": 10,
        "overhead_percent": 25,
        "skills": ["events", " ", "policy", "events"],
        "languages": ["en"],
        "works_in_pool": False,
        "by": make_user(role=Role.DIRECTOR),
        "at": NOON,
    }
    return people.save_contributor(user=user or make_user(), **(fields | overrides))


def test_contributor_is_saved_once_with_skills_kept_once():
    user = make_user()

    save(user)
    row = save(user)

    assert (row.skills, row.monthly_hours) == (["events", "policy"], 120)
    assert AuditEntry.objects.filter(verb="contributor.saved").count() == 1


def test_change_of_hours_is_audited_with_what_was_before():
    user = make_user()
    save(user)

    save(user, monthly_hours=80)

    entry = AuditEntry.objects.order_by("-pk")[0]
    assert (entry.before["monthly_hours"], entry.after["monthly_hours"]) == (120, 80)


@pytest.mark.parametrize(
    "wrong",
    [{"monthly_hours": 745}, {"leave_percent": 100}, {"overhead_percent": -1}],
    ids=["more than a month", "all leave", "negative"],
)
def test_hours_that_nobody_has_are_refused(wrong):
    with pytest.raises(people.NotAContributor):
        save(**wrong)


def test_somebody_of_a_member_gives_no_hours():
    with pytest.raises(people.NotAContributor):
        save(make_user(role=Role.MEMBER))


def test_every_active_msm_is_given_the_usual_hours_once():
    msm, known = make_user(), make_user()
    make_user(role=Role.DIRECTOR)
    make_user(is_active=False)
    save(known, monthly_hours=80)

    assert [people.ensure_contributors(at=NOON) for _ in range(2)] == [1, 0]
    hours = dict(Contributor.objects.values_list("user", "monthly_hours"))
    assert hours == {msm.pk: 160, known.pk: 80}


def test_teams_have_names_of_their_own():
    director = make_user(role=Role.DIRECTOR)
    team = people.save_team(team=None, name=" North ", by=director, at=NOON)

    with pytest.raises(people.AlreadyNamed):
        people.save_team(team=None, name="North", by=director, at=NOON)

    assert people.save_team(team=team, name="South", by=director, at=NOON).name == "South"


def share(member, user, percent, **overrides):
    fields = {"skill": "policy", "on": TODAY, "by": make_user(), "at": NOON}
    return people.share_task_force(
        member=member, user=user, percent=percent, **(fields | overrides)
    )


def test_parts_of_a_task_force_come_to_the_whole_at_most():
    member, first, second = make_member(), make_user(), make_user()
    share(member, first, 60)

    with pytest.raises(people.TooMuchShared, match="40 are left"):
        share(member, second, 50)

    share(member, second, 40)
    share(member, first, 50)
    parts = TaskForceShare.objects.order_by("pk").values_list("user", "percent")
    assert list(parts) == [(first.pk, 50), (second.pk, 40)]


def test_part_that_ended_makes_room():
    member = make_member()
    mine = share(member, make_user(), 100)

    for _ in range(2):
        people.leave_task_force(share=mine, on=TODAY, by=make_user(), at=NOON)
    share(member, make_user(), 100)

    mine.refresh_from_db()
    assert mine.ends_on == TODAY
    assert AuditEntry.objects.filter(verb="task_force.left").count() == 1
