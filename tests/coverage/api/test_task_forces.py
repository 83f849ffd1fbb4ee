"""Who works together for a member, over REST."""

import pytest

from coverage.models import TaskForceShare
from members.enums import Role
from members.models import AuditEntry
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
URL = "/api/v1/coverage/task-forces/"


@pytest.fixture
def segment(db):
    found = make_segment(key="task_force", name="Task Force")
    make_coverage_model(hours=[(found, "at_risk", "taskforce", 14)])
    return found


@pytest.fixture
def mira(db):
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
    return f"{URL}{member.public_id}/{rest}"


def join(client, member, user, percent, **headers):
    said = {"user": str(user.public_id), "skill": "law", "percent": percent}
    return client.post(url_of(member, "share/"), said, format="json", headers=headers)


def told(found):
    return [(each["user"]["name"], each["percent"], each["hours"]) for each in found["parts"]]


def test_somebody_joins_gets_another_part_and_leaves(client, acme, director):
    otto = make_user(name="Otto")

    joined = join(client, acme, otto, 50)
    changed = join(client, acme, otto, 25)
    again = join(client, acme, otto, 25)
    said = {"user": str(otto.public_id)}
    left = client.post(url_of(acme, "leave/"), said, format="json")
    left_again = client.post(url_of(acme, "leave/"), said, format="json")

    assert (joined.status_code, told(joined.json())) == (200, [("Otto", 50, 7.0)])
    assert (told(changed.json()), again.json()) == ([("Otto", 25, 3.5)], changed.json())
    assert (changed.json()["left_percent"], changed.json()["left_hours"]) == (75, 10.5)
    assert (changed.json()["segment"]["key"], changed.json()["owner"]["name"]) == (
        "task_force",
        "Mira",
    )
    assert (told(left.json()), left_again.json()) == ([], left.json())
    (past,) = left.json()["past"]
    assert (past["user"]["name"], past["ends_on"]) == ("Otto", TODAY.isoformat())
    assert client.get(url_of(acme)).json() == left.json()
    entries = AuditEntry.objects.filter(by=director, member_id=acme.pk).order_by("pk")
    assert list(entries.values_list("verb", flat=True)) == [
        "task_force.shared",
        "task_force.shared",
        "task_force.left",
    ]


def test_the_same_key_gives_a_part_once(client, acme):
    otto = make_user()
    answers = [join(client, acme, otto, 40, **{"Idempotency-Key": "otto"}) for _ in range(2)]
    assert [each.status_code for each in answers] == [200, 200]
    assert (answers[1].headers["Idempotency-Replayed"], TaskForceShare.objects.count()) == (
        "true",
        1,
    )


def test_what_cannot_be_is_refused_with_words(client, acme):
    join(client, acme, make_user(), 50)
    stranger = {"user": str(make_user().public_id)}

    too_much = join(client, acme, make_user(), 60)
    nothing = join(client, acme, make_user(), 0)
    of_a_member = join(client, acme, make_user(role=Role.MEMBER, member=acme), 10)
    never_there = client.post(url_of(acme, "leave/"), stranger, format="json")

    assert (too_much.status_code, too_much.json()["detail"]) == (
        409,
        "The others have 50 percent; 50 are left.",
    )
    assert [each.status_code for each in (nothing, of_a_member, never_there)] == [400, 400, 404]
    assert TaskForceShare.objects.count() == 1


def test_the_list_has_the_segment_and_whoever_has_a_task_force(client, acme, segment):
    plain = make_segment(key="asynchronized")
    helped, _alone = (make_held(plain, None, name=name) for name in ("Helped", "Alone"))
    join(client, helped, make_user(name="Otto"), 30)

    first = client.get(URL, {"page_size": 1}).json()
    second = client.get(URL, {"page_size": 1, "cursor": first["next"]}).json()

    assert [first["results"][0]["member"]["name"], second["results"][0]["member"]["name"]] == [
        "Acme",
        "Helped",
    ]
    assert (told(second["results"][0]), second["next"]) == ([("Otto", 30, None)], None)
    assert client.get(URL, {"colour": "red"}).status_code == 400


def test_msm_reads_and_changes_nothing_and_a_member_reads_nothing(as_user, acme, mira):
    msm = as_user(mira)
    guest = as_user(make_user(role=Role.MEMBER, member=acme))

    assert [row["member"]["name"] for row in msm.get(URL).json()["results"]] == ["Acme"]
    assert join(msm, acme, mira, 10).status_code == 403
    assert msm.post(url_of(acme, "leave/"), {}, format="json").status_code == 403
    assert [guest.get(url).status_code for url in (URL, url_of(acme))] == [403, 403]


@pytest.mark.parametrize("count", [1, 3])
def test_the_list_takes_as_many_statements_for_many(
    client, segment, mira, count, django_assert_num_queries
):
    for _ in range(count):
        member = make_held(segment, mira)
        TaskForceShare.objects.create(
            member=member, user=make_user(), skill="law", percent=10, starts_on=TODAY
        )
    with django_assert_num_queries(8):
        client.get(URL)
