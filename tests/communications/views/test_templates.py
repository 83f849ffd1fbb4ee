import pytest
from django.urls import reverse

from communications.models import Message, MessageTemplate, Suppression, TopicChoice
from communications.services import suppression, templates
from communications.services.templates import Reader
from members.enums import Role
from members.models import AuditEntry
from tests.factories import (
    MORNING,
    make_member,
    make_person,
    make_suppression,
    make_template,
    make_topic,
    make_user,
)

pytestmark = pytest.mark.django_db


def at(name, *args):
    return reverse(f"communications:{name}", args=args)


@pytest.fixture
def desk(client):
    client.user = make_user(role=Role.OPERATIONS, email="ops@waymark.example")
    client.force_login(client.user)
    return client


@pytest.fixture
def readers():
    found = []

    def ask(*, template, on, member_id, limit):  # as the gate's audiences are asked
        return [each for each in found if member_id in {None, each.member_id}]

    templates.audiences.register("test", ask)
    yield found
    templates.audiences.unregister("test")


def written(**overrides):
    fields = {
        "title": "Welcome",
        "purpose": "discretionary",
        "subject": "For {{ name }}",
        "body": "Good morning.",
        "gaps-TOTAL_FORMS": "2",
        "gaps-INITIAL_FORMS": "0",
        "gaps-0-name": "name",
        "gaps-0-kind": "text",
        "gaps-0-label": "Who reads it",
        "gaps-0-example": "Ann",
        "gaps-1-name": "",
        "gaps-1-kind": "text",
        "variants-TOTAL_FORMS": "1",
        "variants-INITIAL_FORMS": "0",
        "variants-0-language": "de",
        "variants-0-subject": "Für {{ name }}",
        "variants-0-body": "Guten Morgen.",
    }
    return fields | overrides


def test_a_template_is_written_and_changed(desk):
    topic = make_topic()

    desk.post(at("template_add"), written(key="welcome", topic=topic.key))
    row = MessageTemplate.objects.get(key="welcome")
    assert (row.title, row.topic, row.variables[0]["example"]) == ("Welcome", topic, "Ann")
    assert row.variants.get().language == "de"

    form = desk.get(at("template_edit", "welcome")).context["editor"]
    assert [each.initial.get("name") for each in form.gaps][:1] == ["name"]
    answer = desk.post(
        at("template_edit", "welcome"),
        written(
            seen=form.words.initial["seen"],
            **{"gaps-INITIAL_FORMS": "1", "variants-INITIAL_FORMS": "1"},
            **{"variants-0-language": "", "variants-0-subject": "", "variants-0-body": ""},
        ),
    )

    assert answer.status_code == 302
    assert row.variants.count() == 0
    said = desk.get(at("template", "welcome")).content.decode()
    assert "The words of “Welcome” were written" in said
    assert AuditEntry.objects.filter(verb="template.saved", by=desk.user).count() == 1


def test_an_older_page_does_not_overwrite_newer_words(desk):
    row = make_template(subject="s", body="b")
    seen = templates.fingerprint(row)
    MessageTemplate.objects.filter(pk=row.pk).update(body="newer")

    answer = desk.post(at("template_edit", row.key), written(seen=seen))

    assert answer.status_code == 422
    assert "Somebody else has changed these words" in answer.content.decode()
    row.refresh_from_db()
    assert row.body == "newer"


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"gaps-0-name": ""}, "a gap “name” that is not declared"),
        ({"key": "has spaces"}, "Write letters, digits and hyphens"),
        ({"variants-0-language": "?"}, "Write a language such as de"),
        ({"purpose": "fun"}, "Select a valid choice"),
    ],
)
def test_words_that_could_not_be_sent_are_not_kept(desk, wrong, reason):
    answer = desk.post(at("template_add"), written(key="welcome") | wrong)

    assert answer.status_code == 422
    assert reason in answer.content.decode()
    assert not MessageTemplate.objects.exists()


def test_a_template_reads_with_its_examples_or_as_a_member(desk, readers):
    template = make_template(
        subject="For {{ name }}",
        body="{{ goal }}",
        variables=[{"name": "name", "kind": "text", "example": "Ann"}],
    )
    member, other = make_member(name="Acme"), make_member(name="Bolt")
    readers += [
        Reader(
            member_id=each.pk,
            public_id=each.public_id,
            name=each.name,
            person=None,
            variables={"name": "Zoë", "goal": goal},
        )
        for each, goal in [(member, "to grow"), (other, "")]
    ]

    plain = desk.get(at("template", template.key)).context
    theirs = desk.get(at("template", template.key), {"member": str(member.public_id)}).context
    strange = desk.get(at("template", template.key), {"member": "no such"}).context

    assert (plain["preview"].subject, plain["preview"].missing) == ("For Ann", ("goal",))
    assert (theirs["preview"].subject, theirs["preview"].body) == ("For Zoë", "to grow")
    assert (plain["blocked"].blocked, plain["blocked"].readers) == (1, 2)
    assert strange["member"] is None
    said = desk.get(at("template", template.key)).content.decode()
    assert "1 of 2 readers of today would get nothing" in said
    assert "Bolt" in said


def test_a_test_goes_to_whoever_asks_for_it(desk):
    template = make_template(
        subject="For {{ name }}",
        body="b",
        variables=[{"name": "name", "kind": "text", "example": "Ann"}],
    )

    desk.post(at("template_try", template.key))

    message = Message.objects.get()
    assert (message.user, message.member, message.variables) == (
        desk.user,
        None,
        {"name": "Ann"},
    )
    said = desk.get(at("outbox")).content.decode()
    assert "a colleague" in said
    assert "ops@waymark.example" in desk.get(at("message", message.public_id)).content.decode()


def test_a_test_that_has_a_gap_is_not_sent(desk):
    template = make_template(subject="For {{ name }}", body="b")

    answer = desk.post(at("template_try", template.key), follow=True)

    assert "Not sent: no value for name." in answer.content.decode()
    assert not Message.objects.exists()


def test_a_gap_without_an_example_is_no_message_that_stops(desk):
    template = make_template(key="bare", subject="For {{ member }}", body="Dear {{ name }}")

    page = desk.get(reverse("communications:template", args=[template.key])).content.decode()

    assert "There is no example of member, name" in page
    assert "It would not be sent" not in page


def test_a_template_is_offered_no_more_and_again(desk):
    template = make_template()

    retired = []
    for _ in range(2):
        desk.post(at("template_retire", template.key))
        template.refresh_from_db()
        retired.append(template.is_retired)

    assert retired == [True, False]


def test_topics_are_written_and_counted(desk):
    desk.post(at("topic_add"), {"key": "events", "title": "Events", "position": "1"})
    topic = make_topic(title="News")
    TopicChoice.objects.create(person=make_person(), topic=topic, is_wanted=False, at=MORNING)
    TopicChoice.objects.create(person=make_person(), topic=topic, is_wanted=True, at=MORNING)
    make_template(topic=topic)
    desk.post(at("topic", topic.key), {"title": "Our news", "position": "0"})

    rows = desk.get(at("topics")).context["topics"]

    assert [(row.title, row.refused, row.written) for row in rows] == [
        ("Our news", 1, 1),
        ("Events", 0, 0),
    ]
    twice = desk.post(at("topic_add"), {"key": "events", "title": "E", "position": "1"})
    assert twice.status_code == 422


def test_addresses_are_suppressed_and_lifted_without_showing_them(desk):
    desk.post(at("suppression_add"), {"address": "Ann@example.org", "reason": "She rang"})
    row = Suppression.objects.get()

    listed = desk.get(at("suppressions")).content.decode()
    refused = desk.post(at("suppression_lift", row.pk), {"reason": ""})
    held = suppression.is_suppressed("ann@example.org")
    desk.post(at("suppression_lift", row.pk), {"reason": "She rang again"})

    assert "She rang" in listed
    assert "ann@example.org" not in listed.lower()
    assert (refused.status_code, held) == (422, True)
    assert not Suppression.objects.exists()


@pytest.mark.parametrize("role", [Role.MSM, Role.MEMBER])
def test_the_desk_is_for_those_who_may(client, role):
    template, topic, row = make_template(), make_topic(), make_suppression()
    client.force_login(make_user(role=role))
    urls = [
        *(at(n) for n in ("templates", "template_add", "topics", "suppressions")),
        at("template", template.key),
        at("topic", topic.key),
        at("suppression_lift", row.pk),
    ]

    assert {client.get(url).status_code for url in urls} == {403}


@pytest.mark.parametrize("item_count", [1, 3])
@pytest.mark.parametrize("name", ["templates", "topics", "suppressions"])
def test_lists_cost_the_same_for_any_length(desk, item_count, name, django_assert_num_queries):
    for _ in range(item_count):
        make_template(topic=make_topic())
        make_suppression()

    with django_assert_num_queries(5 if name == "suppressions" else 4):
        assert desk.get(at(name)).status_code == 200
