from decimal import Decimal

import pytest

from coverage.models import TaskForceShare
from members.enums import Role
from members.models import AuditEntry, DirtyMember
from tests.factories import (
    TODAY,
    make_assignment,
    make_circumstance,
    make_coverage_model,
    make_member,
    make_segment,
    make_term,
    make_user,
)

pytestmark = pytest.mark.django_db
LIST = "/coverage/task-forces/"


@pytest.fixture(autouse=True)
def pinned(settings):
    settings.WAYMARK_TODAY = TODAY


@pytest.fixture
def segment():
    found = make_segment(key="task_force", name="Task Force")
    make_coverage_model(hours=[(found, "at_risk", "taskforce", 14)])
    return found


@pytest.fixture
def mira():
    return make_user(name="Mira")


def make_held(segment, owner, **overrides):
    member = make_member(**overrides)
    make_term(member=member)
    make_assignment(member=member, segment=segment, owner=owner)
    make_circumstance(member=member, stage="at_risk")
    return member


@pytest.fixture
def acme(segment, mira):
    return make_held(segment, mira, name="Acme")


def url_of(member, rest=""):
    return f"/coverage/members/{member.public_id}/task-force/{rest}"


def login(client, role, **fields):
    user = make_user(role=role, **fields)
    client.force_login(user)
    return user


def join(client, member, user, percent, skill="law"):
    said = {"user": str(user.public_id), "skill": skill, "percent": str(percent)}
    return client.post(url_of(member, "share/"), said)


def told(client, member):
    context = client.get(url_of(member)).context
    return [(each["user"].name, each["hours"]) for each in context["parts"]] + [
        ("left", context["left_hours"])
    ]


def test_somebody_joins_gets_another_part_and_leaves(client, acme):
    director = login(client, Role.DIRECTOR)
    otto = make_user(name="Otto")

    assert join(client, acme, otto, 50).status_code == 302
    assert told(client, acme) == [("Otto", Decimal(7)), ("left", Decimal(7))]

    form = client.get(url_of(acme), {"change": str(otto.public_id)}).context["form"]
    assert (form["skill"].value(), form["percent"].value()) == ("law", 50)
    join(client, acme, otto, 25)
    assert told(client, acme) == [("Otto", Decimal("3.5")), ("left", Decimal("10.5"))]

    row = TaskForceShare.objects.get()
    client.post(url_of(acme, f"{row.pk}/leave/"))
    context = client.get(url_of(acme)).context
    assert (context["parts"], list(context["found"].past)) == ([], [row])
    assert context["left_hours"] == Decimal(14)
    entries = AuditEntry.objects.filter(by=director, member_id=acme.pk).order_by("pk")
    assert list(entries.values_list("verb", flat=True)) == [
        "task_force.shared",
        "task_force.shared",
        "task_force.left",
    ]
    assert DirtyMember.objects.filter(member=acme).exists()


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"percent": "60"}, "The others have 50 percent; 50 are left."),
        ({"percent": "0"}, "Write 1 or more"),
        ({"skill": ""}, "Say what they bring."),
        ({"user": ""}, "Choose somebody."),
    ],
)
def test_a_part_that_cannot_be_comes_back_with_words(client, acme, said, words):
    login(client, Role.OPERATIONS)
    join(client, acme, make_user(), 50)
    fields = {"user": str(make_user().public_id), "skill": "law", "percent": "10"} | said

    response = client.post(url_of(acme, "share/"), fields)

    assert (response.status_code, TaskForceShare.objects.count()) == (422, 1)
    assert words in response.content.decode()


def test_somebody_of_a_member_is_not_to_be_chosen(client, acme):
    login(client, Role.DIRECTOR)
    assert join(client, acme, make_user(role=Role.MEMBER), 10).status_code == 422


def test_msm_reads_and_changes_nothing(client, acme, mira):
    client.force_login(mira)

    assert [each["member"].name for each in client.get(LIST).context["rows"]] == ["Acme"]
    assert not client.get(url_of(acme)).context["may_edit"]
    assert join(client, acme, mira, 10).status_code == 403
    assert client.post(url_of(acme, "1/leave/")).status_code == 403


def test_nobody_of_a_member_gets_here(client, acme):
    login(client, Role.MEMBER)
    assert [client.get(url).status_code for url in (LIST, url_of(acme))] == [403, 403]


def test_a_part_in_another_members_task_force_is_not_ended_here(client, acme, segment):
    login(client, Role.DIRECTOR)
    other = make_held(segment, None)
    join(client, other, make_user(), 10)
    row = TaskForceShare.objects.get()
    assert client.post(url_of(acme, f"{row.pk}/leave/")).status_code == 404
    row.refresh_from_db()
    assert row.ends_on is None


def test_the_list_has_the_segment_and_whoever_has_a_task_force(client, acme):
    login(client, Role.DIRECTOR)
    plain = make_segment(key="asynchronized")
    helped, alone = (make_held(plain, None, name=name) for name in ("Helped", "Alone"))
    join(client, helped, make_user(name="Otto"), 30)

    rows = client.get(LIST).context["rows"]

    assert [each["member"] for each in rows] == [acme, helped]
    assert [len(each["parts"]) for each in rows] == [0, 1]
    assert alone not in [each["member"] for each in rows]


def test_hours_that_nobody_said_are_not_known(client):
    login(client, Role.DIRECTOR)
    member = make_member()
    assert "is not known" in client.get(url_of(member)).content.decode()
    assert client.get(url_of(member)).context["hours"] is None


def test_the_experience_panel_leads_to_it(client, acme):
    login(client, Role.DIRECTOR)
    panel = client.get(f"/coverage/members/{acme.public_id}/experience/").content.decode()
    assert f'href="{url_of(acme)}"' in panel
    assert f'href="{LIST}"' in client.get("/coverage/segments/").content.decode()


@pytest.mark.parametrize("count", [1, 3])
def test_the_list_takes_as_many_statements_for_many(
    client, segment, mira, count, django_assert_max_num_queries
):
    login(client, Role.DIRECTOR)
    for _ in range(count):
        member = make_held(segment, mira)
        for _ in range(count):
            TaskForceShare.objects.create(
                member=member, user=make_user(), skill="law", percent=10, starts_on=TODAY
            )
    with django_assert_max_num_queries(14):
        client.get(LIST)
