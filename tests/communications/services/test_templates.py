from datetime import date

import pytest
from django.core import mail

from communications.enums import VariableKind
from communications.models import MessageTemplate, Preference, TemplateVariant
from communications.services import gate, templates
from communications.services.templates import NotPossible, Overtaken, Reader, Variable, Words
from members.models import AuditEntry
from tests.factories import (
    MORNING,
    TODAY,
    make_member,
    make_message,
    make_person,
    make_template,
    make_topic,
    make_user,
)

pytestmark = pytest.mark.django_db

DAY = Variable("day", VariableKind.DATE, "When it is", "2026-07-29")


def variant(template, **fields):
    words = {
        "subject": "{persona} {language}".format(**({"persona": "", "language": ""} | fields))
    }
    return TemplateVariant.objects.create(template=template, body="b", **(words | fields))


def save(**overrides):
    fields = {
        "template": None,
        "key": "welcome",
        "title": "Welcome",
        "subject": "On {{ day }}",
        "body": "Good morning.",
        "purpose": "discretionary",
        "topic": None,
        "variables": [DAY],
        "by": make_user(),
        "at": MORNING,
    }
    return templates.save(**(fields | overrides))


@pytest.mark.parametrize(
    ("persona", "language", "expected"),
    [
        ("lead", "de", "lead de"),
        ("lead", "de-AT", "lead de"),
        ("lead", "de-CH", " de-CH"),
        ("other", "DE", " de"),
        ("lead", "fr", "lead "),
        ("", "fr", "base"),
        ("other", "", "base"),
    ],
)
def test_words_are_of_both_then_language_then_sort_of_reader(persona, language, expected):
    template = make_template(subject="base")
    for fields in [
        {"persona": "lead", "language": "de"},
        {"language": "de"},
        {"language": "de-CH"},
        {"persona": "lead"},
    ]:
        variant(template, **fields)
    if language == "de-CH":
        template.variants.filter(persona="lead", language="de").delete()

    words = templates.variant_for(template, persona=persona, language=language)

    assert words.subject == expected


def test_missing_looks_into_every_variant():
    template = make_template(subject="{{ a }}", body="{{ b }}")
    TemplateVariant.objects.create(
        template=template, language="de", subject="s", body="{{ c }}"
    )

    assert templates.missing(template, {"a": 1, "b": " "}) == ("b", "c")
    assert templates.missing(template, {"a": 0, "b": "x", "c": "y"}) == ()


@pytest.mark.parametrize(
    ("value", "kind", "language", "expected"),
    [
        ("2026-03-01", VariableKind.DATE, "en", "March 1, 2026"),
        ("2026-03-01", VariableKind.DATE, "de", "1. März 2026"),
        ("2026-03-01T08:00:00Z", VariableKind.DATE, "fr", "1 mars 2026"),
        ("soon", VariableKind.DATE, "en", "soon"),
        (1234567, VariableKind.NUMBER, "en", "1,234,567"),
        ("1234.5", VariableKind.NUMBER, "de", "1.234,5"),
        ("many", VariableKind.NUMBER, "de", "many"),
        ("2026-03-01", VariableKind.TEXT, "de", "2026-03-01"),
    ],
)
def test_days_and_numbers_are_said_in_the_readers_language(value, kind, language, expected):
    assert templates.in_words(value, kind=kind, language=language) == expected


def test_save_keeps_words_and_variants_and_says_so_once():
    topic = make_topic()
    german = Words("Am {{ day }}", "Guten Morgen.", language="de")

    row = save(topic=topic, variants=[german])
    again = save(template=row, topic=topic, variants=[german])
    save(template=row, topic=topic, subject="Today")

    row.refresh_from_db()
    assert row == again
    assert (row.subject, row.topic, row.variants.count()) == ("Today", topic, 0)
    assert row.variables == [
        {"name": "day", "kind": "date", "label": "When it is", "example": "2026-07-29"}
    ]
    verbs = AuditEntry.objects.order_by("pk").values_list("verb", flat=True)
    assert list(verbs) == ["template.added", "template.saved"]
    assert AuditEntry.objects.last().before["variants"][0]["language"] == "de"


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"body": "{{ name }}"}, "a gap “name” that is not declared"),
        ({"variables": [DAY, DAY]}, "declared twice"),
        ({"variables": [DAY, Variable("My name")]}, "cannot be the name of a gap"),
        ({"subject": " "}, "has a subject and says something"),
        ({"variants": [Words("s", "b")]}, "for a sort of reader, or in a language"),
        ({"variants": [Words("s", "b", language="de")] * 2}, "for the same readers"),
        ({"variants": [Words("s", "", language="de")]}, "Each variant has a subject"),
        ({"variants": [Words("s", "{{ x }}", language="de")]}, "a gap “x”"),
    ],
)
def test_save_refuses_words_that_could_not_be_sent(wrong, reason):
    with pytest.raises(NotPossible, match=reason):
        save(**wrong)

    assert not MessageTemplate.objects.exists()


def test_save_refuses_a_name_that_is_taken():
    save()

    with pytest.raises(NotPossible, match="by this name"):
        save()


def test_save_is_refused_to_whoever_read_older_words():
    row = save()
    seen = templates.fingerprint(row)
    save(template=row, subject="Newer")

    with pytest.raises(Overtaken):
        save(template=row, subject="Older", seen=seen)

    row.refresh_from_db()
    assert row.subject == "Newer"


def test_retired_and_back_is_said_each_time_once():
    row, by = save(), make_user()

    for is_retired in [True, True, False]:
        templates.retire(template=row, is_retired=is_retired, by=by, at=MORNING)

    row.refresh_from_db()
    assert not row.is_retired
    assert (
        AuditEntry.objects.filter(verb__in=["template.retired", "template.reinstated"]).count()
        == 2
    )


def test_preview_shows_gaps_in_brackets_and_names_them():
    template = make_template(
        subject="{{ name }}", body="{{ day }}", variables=[{"name": "day", "kind": "date"}]
    )

    shown = templates.preview(template, variables={"day": "2026-03-01"}, language="de")

    assert (shown.subject, shown.body, shown.missing) == ("[name]", "1. März 2026", ("name",))
    assert "<p>1. März 2026</p>" in shown.html


@pytest.fixture
def audience():
    """Readers that an upper app would write to."""
    readers = []

    def ask(*, template, on, member_id, limit):
        assert (template.pk, on, limit) == (ask.template.pk, TODAY, 1000)
        return [each for each in readers if member_id in {None, each.member_id}]

    ask.template = make_template(subject="{{ name }}", body="{{ goal }}")
    templates.audiences.register("test", ask)
    yield ask.template, readers
    templates.audiences.unregister("test")


def reader(*, person=None, **variables):
    member = make_member()
    return Reader(
        member_id=member.pk,
        public_id=member.public_id,
        name=member.name,
        person=person,
        variables=variables,
    )


def test_blocked_counts_and_names_whom_a_gap_stops(audience, django_assert_num_queries):
    template, readers = audience
    german = make_person()
    Preference.objects.create(person=german, language="de", updated_at=MORNING)
    TemplateVariant.objects.create(template=template, language="de", subject="x", body="y")
    readers += [
        reader(name="Ann", goal="g"),
        reader(name="Ben", goal=None),
        reader(goal=""),
        reader(person=german),
    ]

    asked = templates.audiences.readers(template=template, on=TODAY)
    with django_assert_num_queries(2):
        found = templates.blocked(template, readers=asked)

    assert not found.is_cut
    assert (found.readers, found.blocked, found.by_name) == (4, 2, {"goal": 2, "name": 1})
    assert [(each.member_id, gaps) for each, gaps in found.first] == [
        (readers[1].member_id, ("goal",)),
        (readers[2].member_id, ("name", "goal")),
    ]


def test_audiences_answer_for_one_member(audience):
    template, readers = audience
    readers += [reader(name="Ann"), reader(name="Ben")]

    [one] = templates.audiences.readers(
        template=template, on=date(2026, 7, 29), member_id=readers[1].member_id
    )

    assert one.variables == {"name": "Ben"}


def test_send_test_reaches_a_colleague_and_counts_for_nobody():
    to, by = make_user(email="kim@waymark.example"), make_user()
    template = make_template(subject="For {{ name }}", body="b")

    for _ in range(3):
        templates.send_test(
            template=template, variables={"name": "Ann"}, to=to, by=by, at=MORNING
        )
    gate.send_due(at=MORNING)

    assert [letter.subject for letter in mail.outbox] == ["For Ann"] * 3
    assert {address for letter in mail.outbox for address in letter.recipients()} == {
        f"{to.name} <kim@waymark.example>"
    }
    assert AuditEntry.objects.filter(verb="template.tried", by=by).count() == 3


def test_send_test_names_the_gap_that_stops_it():
    template = make_template(subject="For {{ name }}", body="{{ day }}")

    with pytest.raises(templates.MissingVariable, match="name, day"):
        templates.send_test(
            template=template, variables={}, to=make_user(), by=make_user(), at=MORNING
        )


def test_gate_says_every_gap_that_stopped_a_message():
    template = make_template(subject="{{ name }}", body="{{ day }} {{ name }}")
    message = make_message(template=template)

    gate.send_due(at=MORNING)

    message.refresh_from_db()
    assert message.outcome == "No value for name, day"


def test_topics_are_kept_and_said():
    by = make_user()

    row = templates.save_topic(topic=None, key="events", title="Events", by=by, at=MORNING)
    for _ in range(2):
        templates.save_topic(topic=row, title="Our events", position=2, by=by, at=MORNING)
    with pytest.raises(NotPossible):
        templates.save_topic(topic=None, key="events", title="Again", by=by, at=MORNING)

    row.refresh_from_db()
    assert (row.title, row.position) == ("Our events", 2)
    assert AuditEntry.objects.count() == 2
