"""Words of messages and topics over REST: read, written, tried out, and refused in words."""

import pytest

from communications.models import Message, MessageTemplate, TemplateVariant, Topic, TopicChoice
from communications.services import templates
from communications.services.templates import Reader
from members.enums import Role
from members.models import AuditEntry
from tests.factories import (
    NOON,
    make_member,
    make_message,
    make_person,
    make_template,
    make_token,
    make_topic,
    make_user,
)

pytestmark = pytest.mark.django_db
API = "/api/v1/"
TEMPLATES, TOPICS = f"{API}message-templates/", f"{API}topics/"
UNKNOWN = "0198f3c2-7a10-7c3e-9d55-0c5b8b1f6a42"
NAME = {"name": "name", "kind": "text", "label": "Who reads it", "example": "Ann"}
WORDS = {
    "title": "What comes next",
    "purpose": "discretionary",
    "topic": None,
    "subject": "Next",
    "body": "Dear {{ name }},\n\nit goes on.\n",
    "variables": [NAME],
    "variants": [
        {"persona": "", "language": "de", "subject": "Weiter", "body": "Guten Tag {{ name }}\n"}
    ],
}
EVENTS = {"title": "Events", "description": "", "position": 1, "is_retired": False}


@pytest.fixture
def olga():
    return make_user(role=Role.OPERATIONS, name="Olga")


@pytest.fixture
def api():
    """Return a client that speaks JSON, signed in as a user or carrying a token."""
    from rest_framework.test import APIClient

    def sign_in(user=None, *, secret=None):
        client = APIClient()
        if user is not None:
            client.force_login(user)
        if secret is not None:
            client.credentials(HTTP_AUTHORIZATION=f"Bearer {secret}")
        return client

    return sign_in


def problem(response, status):
    """The body of a refusal, which is always problem+json."""
    assert response.status_code == status, response.json()
    assert response["Content-Type"] == "application/problem+json"
    return response.json()


def fields(response):
    return [error["field"] for error in problem(response, 400)["errors"]]


def made(client, **overrides):
    answer = client.post(TEMPLATES, WORDS | {"key": "next"} | overrides)
    assert answer.status_code == 201, answer.json()
    return answer.json()


# Who may

WRITES = [
    ("post", TEMPLATES), ("put", f"{TEMPLATES}words/"), ("post", f"{TEMPLATES}words/retire/"),
    ("post", TOPICS), ("put", f"{TOPICS}events/"),
]  # fmt: skip
READS = [
    ("get", TEMPLATES), ("get", f"{TEMPLATES}words/"), ("post", f"{TEMPLATES}words/preview/"),
    ("get", TOPICS), ("get", f"{TOPICS}events/"),
]  # fmt: skip


@pytest.mark.parametrize(("method", "address"), READS + WRITES)
@pytest.mark.parametrize("is_there", [True, False])
def test_the_desk_is_for_those_who_may(api, method, address, is_there):
    if is_there:
        make_template(key="words", topic=make_topic(key="events"))

    problem(getattr(api(), method)(address, {}), 401)
    for role in (Role.MSM, Role.MEMBER):
        problem(getattr(api(make_user(role=role)), method)(address, {}), 403)

    assert AuditEntry.objects.filter(verb__startswith="template.").count() == 0


@pytest.mark.parametrize(("method", "address"), READS)
@pytest.mark.parametrize("role", [Role.DIRECTOR, Role.OPERATIONS])
def test_the_desk_reads(api, method, address, role):
    make_template(key="words", topic=make_topic(key="events"))

    assert getattr(api(make_user(role=role)), method)(address, {}).status_code == 200


@pytest.mark.parametrize(("method", "address"), READS[1:3] + READS[4:] + WRITES[1:3])
def test_what_is_not_there_is_404(api, olga, method, address):
    problem(getattr(api(olga), method)(address, {}), 404)


def test_a_token_that_reads_does_not_write(api, olga):
    make_template(key="words")
    _, secret = make_token(user=olga, scopes=["communications.message.view"])
    client = api(secret=secret)

    assert client.get(f"{TEMPLATES}words/").status_code == 200
    problem(client.post(f"{TEMPLATES}words/retire/", {"is_retired": True}), 403)
    problem(client.post(TOPICS, EVENTS | {"key": "events"}), 403)


# Reading


def test_templates_are_listed_and_shown_with_gaps_and_variants(api, olga):
    topic = make_topic(key="events")
    template = make_template(key="a", topic=topic, variables=[{"name": "name", "kind": "text"}])
    make_template(key="b")
    TemplateVariant.objects.create(template=template, language="de", subject="s", body="b")

    listed = api(olga).get(TEMPLATES).json()["results"]
    one = api(olga).get(f"{TEMPLATES}a/").json()

    assert [(row["key"], row["topic"]) for row in listed] == [("a", "events"), ("b", None)]
    assert one["variables"] == [{"name": "name", "kind": "text", "label": "", "example": ""}]
    assert [each["language"] for each in one["variants"]] == ["de"]


def test_topics_are_listed_in_their_order_with_who_does_not_want_them(api, olga):
    make_topic(key="later", position=2)
    first = make_topic(key="first", position=1)
    TopicChoice.objects.create(person=make_person(), topic=first, is_wanted=False, at=NOON)
    TopicChoice.objects.create(person=make_person(), topic=first, is_wanted=True, at=NOON)

    rows = api(olga).get(TOPICS).json()["results"]

    assert [(row["key"], row["refused"]) for row in rows] == [("first", 1), ("later", 0)]
    assert api(olga).get(f"{TOPICS}first/").json() == rows[0]


@pytest.mark.parametrize("item_count", [1, 3])
@pytest.mark.parametrize("address", [TEMPLATES, TOPICS])
def test_lists_cost_the_same_for_any_length(
    api, olga, item_count, address, django_assert_num_queries
):
    for _ in range(item_count):
        make_template(topic=make_topic())
    client = api(olga)

    with django_assert_num_queries(3):
        assert len(client.get(address).json()["results"]) == item_count


# Writing


def test_words_come_back_as_they_were_sent(api, olga):
    topic = make_topic(key="events")
    one = made(api(olga), topic="events")

    assert {name: one[name] for name in WORDS} == WORDS | {"topic": "events"}
    assert api(olga).get(f"{TEMPLATES}next/").json() == one
    row = MessageTemplate.objects.get(key="next")
    assert (row.topic, row.is_retired, one["is_retired"]) == (topic, False, False)
    assert AuditEntry.objects.filter(verb="template.added", by=olga).count() == 1


def test_words_are_written_anew_and_the_key_stays(api, olga):
    client = api(olga)
    one = made(client)
    anew = WORDS | {"body": "Dear {{ name }}", "variants": [], "revision": one["revision"]}

    changed = client.put(f"{TEMPLATES}next/", anew)

    assert changed.status_code == 200
    assert (changed.json()["body"], changed.json()["variants"]) == ("Dear {{ name }}", [])
    assert changed.json()["revision"] != one["revision"]
    assert fields(client.put(f"{TEMPLATES}next/", anew | {"key": "other"})) == ["key"]


def test_of_two_writers_the_second_is_409_and_writes_nothing(api, olga):
    client = api(olga)
    revision = made(client)["revision"]
    theirs, mine = (WORDS | {"title": who, "revision": revision} for who in ("Theirs", "Mine"))

    assert client.put(f"{TEMPLATES}next/", theirs).status_code == 200
    refused = client.put(f"{TEMPLATES}next/", mine)

    assert "anew since you read them" in problem(refused, 409)["detail"]
    assert MessageTemplate.objects.get().title == "Theirs"


def test_the_same_words_again_write_nothing(api, olga):
    client = api(olga)
    revision = made(client)["revision"]

    answers = [client.put(f"{TEMPLATES}next/", WORDS | {"revision": revision}) for _ in "12"]

    assert [answer.status_code for answer in answers] == [200, 200]
    assert AuditEntry.objects.filter(verb__startswith="template.").count() == 1


def test_what_was_sent_stays_as_it_was(api, olga):
    client = api(olga)
    revision = made(client)["revision"]
    message = make_message(
        template=MessageTemplate.objects.get(), status="sent", subject="Next", body="As said"
    )

    client.put(f"{TEMPLATES}next/", WORDS | {"subject": "Other", "revision": revision})

    message.refresh_from_db()
    assert (message.subject, message.body) == ("Next", "As said")


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"purpose": "fun"}, "purpose"),
        ({"topic": "none"}, "topic"),
        ({"subject": ""}, "subject"),
        ({"body": ""}, "body"),
        ({"title": "x" * 201}, "title"),
        ({"variables": [NAME | {"kind": "sound"}]}, "variables.0.kind"),
        ({"variants": [WORDS["variants"][0] | {"language": "d"}]}, "variants.0.language"),
        ({"variables": [NAME] * 31}, "variables"),
        ({"colour": "red"}, "colour"),
        # what only the whole of it says
        ({"body": " "}, ""),
        ({"variables": []}, ""),
        ({"variables": [NAME, NAME]}, ""),
        ({"variables": [NAME | {"name": "Name"}]}, ""),
        ({"variants": WORDS["variants"] * 2}, ""),
        ({"variants": [WORDS["variants"][0] | {"language": ""}]}, ""),
    ],
)
def test_words_that_cannot_be_kept_are_refused(api, olga, wrong, field):
    assert field in fields(api(olga).post(TEMPLATES, WORDS | {"key": "next"} | wrong))
    assert MessageTemplate.objects.count() == 0


@pytest.mark.parametrize("key", ["", "two words", "x" * 51])
def test_a_key_is_a_short_word(api, olga, key):
    assert fields(api(olga).post(TEMPLATES, WORDS | {"key": key})) == ["key"]
    assert fields(api(olga).post(TOPICS, EVENTS | {"key": key})) == ["key"]


def test_a_key_is_taken_once(api, olga):
    client = api(olga)
    made(client)
    make_topic(key="events")

    assert problem(client.post(TEMPLATES, WORDS | {"key": "next"}), 409)["code"] == "conflict"
    assert problem(client.post(TOPICS, EVENTS | {"key": "events"}), 409)["code"] == "conflict"


def test_written_twice_with_one_key_of_idempotency_is_written_once(api, olga):
    client = api(olga)
    body = WORDS | {"key": "next"}

    first, again = (client.post(TEMPLATES, body, HTTP_IDEMPOTENCY_KEY="w") for _ in "12")

    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json() == first.json()
    assert again["Idempotency-Replayed"] == "true"


def test_retired_and_offered_again(api, olga):
    client = api(olga)
    make_template(key="words")
    address = f"{TEMPLATES}words/retire/"

    answers = [client.post(address, {"is_retired": said}) for said in (True, True, False)]

    assert [answer.json()["is_retired"] for answer in answers] == [True, True, False]
    assert AuditEntry.objects.filter(verb="template.retired").count() == 1
    assert fields(client.post(address, {})) == ["is_retired"]


def test_a_topic_is_added_and_written_anew(api, olga):
    client = api(olga)
    added = client.post(TOPICS, EVENTS | {"key": "events"})
    changed = client.put(f"{TOPICS}events/", EVENTS | {"is_retired": True})

    assert (added.status_code, changed.status_code) == (201, 200)
    assert added.json() == EVENTS | {"key": "events", "refused": 0}
    assert changed.json()["is_retired"] is True
    assert Topic.objects.get().key == "events"
    assert fields(client.put(f"{TOPICS}events/", EVENTS | {"position": -1})) == ["position"]


# Trying out


@pytest.fixture
def reader():
    """A member whom an upper app would write to, by what is true of them."""
    member, person = make_member(name="Acme"), make_person(name="Cleo")

    def readers(*, template, on, member_id, limit):
        found = Reader(
            member_id=member.pk, public_id=member.public_id, name=member.name, person=person,
            variables={"name": person.name},
        )  # fmt: skip
        return [found] if member_id in {None, member.pk} else []

    templates.audiences.register("test of the API", readers)
    yield member
    templates.audiences.unregister("test of the API")


def test_preview_reads_as_the_examples_say(api, olga):
    made(api(olga))

    shown = api(olga).post(f"{TEMPLATES}next/preview/", {}).json()

    assert (shown["subject"], shown["body"]) == ("Next", "Dear Ann,\n\nit goes on.\n")
    assert "Dear Ann" in shown["html"]
    assert (shown["persona"], shown["language"], shown["missing"]) == ("", "", [])


def test_preview_reads_as_is_asked_and_shows_the_gaps(api, olga):
    made(api(olga))

    shown = (
        api(olga)
        .post(f"{TEMPLATES}next/preview/", {"language": "de-AT", "variables": {"name": ""}})
        .json()
    )

    assert (shown["subject"], shown["body"]) == ("Weiter", "Guten Tag [name]\n")
    assert (shown["language"], shown["missing"]) == ("de", ["name"])


def test_preview_reads_as_a_member_would_have_it_and_nothing_is_sent(api, olga, reader):
    made(api(olga))
    entries = AuditEntry.objects.count()
    address = f"{TEMPLATES}next/preview/"

    shown = api(olga).post(address, {"member": str(reader.public_id)}).json()

    assert shown["body"].startswith("Dear Cleo,")
    assert (Message.objects.count(), AuditEntry.objects.count()) == (0, entries)


def test_preview_of_a_member_whom_nobody_would_write_to_or_who_is_not_there(api, olga, reader):
    made(api(olga))
    address = f"{TEMPLATES}next/preview/"
    other = str(make_member().public_id)
    both = {"member": str(reader.public_id), "variables": {"name": "Dan"}}

    assert fields(api(olga).post(address, {"member": other})) == ["member"]
    assert fields(api(olga).post(address, {"member": UNKNOWN})) == ["member"]
    assert fields(api(olga).post(address, both)) == ["variables"]
