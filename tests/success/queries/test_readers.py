from datetime import date

import pytest

from communications.models import TemplateVariant
from communications.services import templates
from success.queries.readers import readers
from tests.factories import (
    TODAY,
    make_member,
    make_member_facts,
    make_person,
    make_plan,
    make_play,
    make_segment,
    make_template,
)

pytestmark = pytest.mark.django_db


def known(name, **fields):
    usual = {"contact": make_person(name=f"{name}'s contact"), "anchor_on": date(2026, 7, 19)}
    return make_member_facts(member=make_member(name=name), **(usual | fields))


def test_readers_are_those_a_play_would_write_to():
    by_message, by_people = make_segment(delivery="message"), make_segment()
    template = make_template()
    audience = {"fact": "standing", "op": "eq", "value": "in_force"}
    make_play(template=template, audience=audience)
    make_play(template=make_template(), audience={"all": []})
    second = known("Bolt", segment=by_message)
    first = known("Acme", segment=by_message)
    known("Lapsed", segment=by_message, standing="lapsed")
    known("Nobody", segment=by_message, contact=None)
    known("Rung up", segment=by_people)

    found = readers(template=template, on=TODAY, limit=10)
    cut = readers(template=template, on=TODAY, limit=1)
    [one] = readers(template=template, on=TODAY, member_id=second.pk, limit=10)

    assert [each.member_id for each in found] == [first.pk, second.pk]
    assert [each.member_id for each in cut] == [first.pk]
    assert one.variables == {
        "name": "Bolt's contact",
        "member": "Bolt",
        "day": "29 July 2026",
        "days": 10,
    }


@pytest.mark.parametrize("item_count", [1, 3])
def test_readers_cost_the_same_for_any_number(item_count, django_assert_num_queries):
    segment, template = make_segment(delivery="message"), make_template()
    make_play(template=template)
    for number in range(item_count):
        known(f"M{number}", segment=segment)

    with django_assert_num_queries(4):
        assert len(readers(template=template, on=TODAY, limit=10)) == item_count


def test_a_template_is_asked_about_by_the_gates_own_page():
    template = make_template(body="{{ goal }}", subject="s")
    make_play(template=template)
    known("Acme", segment=make_segment(delivery="message"))

    found = templates.blocked(
        template, readers=templates.audiences.readers(template=template, on=TODAY)
    )

    assert (found.readers, found.by_name) == (1, {"goal": 1})


def test_gaps_that_a_night_looks_up_stop_nobody_who_has_a_value():
    template = make_template(subject="{{ends}}", body="{{ goal }}")
    TemplateVariant.objects.create(
        template=template, language="en", subject="s", body="{{ reached }}, {{ ends }}"
    )
    make_play(template=template)
    plan = make_plan(evidence=[[date(2026, 7, 1)], [date(2026, 7, 8)], []])
    segment = make_segment(delivery="message")
    known("Acme", segment=segment, plan=plan, term_ends_on=date(2026, 9, 30))
    known("Bolt", segment=segment, plan=make_plan(), term_ends_on=None)

    acme, bolt = readers(template=template, on=TODAY, limit=10)

    assert acme.variables["ends"] == "30 September 2026"
    assert acme.variables["reached"] == "“Milestone 1”, “Milestone 2”"
    assert {"ends", "reached"}.isdisjoint(bolt.variables)
    assert templates.blocked(template, readers=[acme, bolt]).by_name == {
        "reached": 1,
        "ends": 1,
    }
