"""The timeline: every source says what happened, in the association's own days."""

from datetime import UTC, date, datetime

import pytest

from config.kernel.keyset import BadCursor
from success.queries.timeline import TIMELINE_KINDS, timeline
from tests.factories import (
    MORNING,
    TODAY,
    make_fact,
    make_intervention,
    make_member,
    make_message,
    make_person,
    make_reply,
    make_user,
)

pytestmark = pytest.mark.django_db
LATE = datetime(2026, 7, 10, 23, 30, tzinfo=UTC)


def read(member, *, user=None, **asked):
    said = {"as_of": TODAY, "size": 50} | asked
    return timeline(member, user=user or make_user(), **said)


def test_moments_fall_on_the_associations_day(settings):
    settings.WAYMARK_TIME_ZONE = "Asia/Tokyo"
    member, msm = make_member(), make_user()
    make_message(member=member, due_at=LATE)
    make_intervention(member=member).events.create(verb="opened", at=LATE)

    assert [(e.on, e.kind) for e in read(member, user=msm).items] == [
        (date(2026, 7, 11), "message"),
        (date(2026, 7, 11), "work"),
    ]


def test_entry_of_a_made_up_person_is_marked_as_simulated():
    member = make_member()
    person = make_person(is_simulated=True)
    make_message(member=member, person=person, due_at=LATE)
    make_fact(member=member, person=person)
    make_fact(member=member)

    assert sorted((e.kind, e.is_simulated) for e in read(member).items) == [
        ("fact", False),
        ("fact", True),
        ("message", True),
    ]


@pytest.mark.parametrize("item_count", [1, 3])
def test_timeline_costs_the_same_number_of_queries_for_any_length(
    item_count, django_assert_num_queries
):
    member, msm = make_member(), make_user()
    for _ in range(item_count):
        make_fact(member=member, person=make_person())
        make_message(member=member)
        make_intervention(member=member, owner=msm).events.create(
            verb="claimed", by=msm, at=LATE
        )

    with django_assert_num_queries(len(TIMELINE_KINDS)):
        shown = read(member, user=msm)

    assert len(shown.items) == 3 * item_count


def test_two_cursors_at_once_are_refused():
    with pytest.raises(BadCursor):
        read(make_member(), after="a", before="b")


def test_answers_stand_without_what_they_quote():
    member = make_member()
    message = make_message(member=member, status="sent", finished_at=MORNING)
    make_reply(message=message, body="Yes.\n\nOn Wed, you wrote:\n> Hello", subject="Re: Hello")
    make_reply(message=message, person=None, is_automatic=True, body="a" * 900, subject="")
    make_reply()

    page = read(member, kinds=["reply"])

    assert [(each.title, len(each.detail)) for each in page.items] == [
        ("Automatic answer", len("Somebody with an address we do not know: ") + 401),
        ("Answer: Re: Hello", len(f"{message.person.name}: Yes.")),
    ]
