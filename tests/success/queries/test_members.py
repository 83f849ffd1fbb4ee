"""Members as lists and pages read them."""

from datetime import date, timedelta

import pytest

from members.enums import Role
from members.models import Affiliation, Term
from success.models import PlanPause
from success.queries.members import (
    member_detail,
    member_list,
    people,
    plan_on,
    promises,
    standing_on,
    vector_on,
)
from tests.factories import (
    TODAY,
    make_accountability,
    make_intervention,
    make_involvement,
    make_member,
    make_member_facts,
    make_person,
    make_plan,
    make_term,
    make_user,
)

pytestmark = pytest.mark.django_db


def test_list_shows_each_role_what_is_theirs_to_see():
    own, other = make_member(name="A"), make_member(name="B")
    make_intervention(member=own)
    make_intervention(member=own, owner=make_user())
    seen = {
        role: list(
            member_list(
                make_user(role=role, **({"member": own} if role == Role.MEMBER else {})),
                as_of=TODAY,
            )
            .order_by("name")
            .values_list("name", "open_items")
        )
        for role in Role
    }

    assert seen == {
        Role.DIRECTOR: [("A", 2), ("B", 0)],
        Role.MSM: [("A", 1), ("B", 0)],
        Role.OPERATIONS: [("A", 2), ("B", 0)],
        Role.MEMBER: [("A", 0)],
    }
    with pytest.raises(type(other).DoesNotExist):
        member_detail(make_user(role=Role.MEMBER), other.public_id, as_of=TODAY)


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        ({"state": "no_plan"}, None),
        ({"state": "on_track"}, 0),
        ({"state": "stalled", "held_on": date(2026, 7, 9)}, -20),
        ({"state": "ahead", "held_on": date(2026, 8, 1)}, 3),
        (None, None),
    ],
)
def test_days_ahead_are_counted_from_the_day_the_clock_is_held(known, expected):
    member = make_member()
    if known is not None:
        make_member_facts(member=member, **known)

    assert member_detail(make_user(), member.public_id, as_of=TODAY).days_ahead == expected


def test_vector_is_read_from_the_plan_in_force_on_the_day():
    member = make_member()
    old = make_plan(
        member=member, version=1, anchor_on=date(2025, 1, 1), closed_on=date(2026, 1, 1)
    )
    new = make_plan(member=member, version=2, anchor_on=date(2026, 1, 1))

    assert [
        plan_on(member, as_of=day)
        for day in (date(2024, 12, 31), date(2025, 12, 31), date(2026, 1, 1))
    ] == [None, old, new]


def test_without_a_plan_there_is_no_vector_and_it_says_so():
    reading = vector_on(make_member(), as_of=TODAY)

    assert (reading.plan, reading.vector, reading.state) == (None, None, "no_plan")
    assert reading.sentence == "no plan yet, so no vector"
    assert vector_on(make_plan(expected_days=()).member, as_of=TODAY).state == "no_plan"


@pytest.mark.parametrize(
    ("ends_on", "expected"),
    [
        (date(2026, 1, 21), [date(2026, 1, 11), date(2026, 2, 10), date(2026, 3, 12)]),
        (None, [date(2026, 1, 11), None, None]),
    ],
)
def test_expected_dates_step_over_pauses(ends_on, expected):
    plan = make_plan(expected_days=(10, 30, 60))
    PlanPause.objects.create(
        plan=plan, starts_on=date(2026, 1, 11), ends_on=ends_on, reason="leave"
    )

    reading = vector_on(plan.member, as_of=TODAY)

    assert [milestone.expected_on for milestone in reading.milestones] == expected


def test_withdrawn_evidence_reopens_a_milestone():
    plan = make_plan(
        expected_days=(30, 60),
        evidence=[[date(2026, 1, 10), date(2026, 3, 1)], [date(2026, 2, 1)]],
    )

    def achieved(day):
        return [m.achieved_on for m in vector_on(plan.member, as_of=day).milestones]

    assert achieved(date(2026, 2, 28)) == [date(2026, 1, 10), date(2026, 2, 1)]
    assert achieved(date(2026, 3, 1)) == [None, date(2026, 2, 1)]


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        (date(2025, 12, 31), "not_yet"),
        (date(2026, 6, 30), "in_force"),
        (date(2026, 7, 1), "in_grace"),
        (date(2026, 7, 30), "in_grace"),
        (date(2026, 7, 31), "lapsed"),
    ],
)
def test_standing_follows_terms_and_grace_on_any_day(day, expected):
    term = make_term(starts_on=date(2026, 1, 1), ends_on=date(2026, 7, 1))

    assert standing_on(term.member, as_of=day) == expected
    assert Term.objects.count() == 1


def test_people_are_joined_with_what_they_do_main_contact_first():
    member, ada, bea = make_member(), make_person(name="Ada"), make_person(name="Bea")
    Affiliation.objects.create(person=ada, member=member, starts_on=date(2020, 1, 1))
    Affiliation.objects.create(
        person=bea, member=member, starts_on=date(2021, 1, 1), is_primary_contact=True
    )
    Affiliation.objects.create(
        person=ada, member=make_member(), starts_on=date(2020, 1, 1), title="Elsewhere"
    )
    for person, subject in ((ada, "Envoy"), (make_person(name="Cy"), "Helm"), (ada, "Argo")):
        make_involvement(member=member, person=person, subject=subject)
    make_involvement(member=member, person=ada, subject="Past", ends_on=date(2026, 1, 1))
    make_involvement(member=member, subject="As a whole")

    assert [
        (row.person.name, row.title, row.since, [i.subject for i in row.involvements])
        for row in people(member, as_of=TODAY)
    ] == [
        ("Bea", "", date(2021, 1, 1), []),
        ("Ada", "", date(2020, 1, 1), ["Argo", "Envoy"]),
        ("Cy", "", None, ["Helm"]),
    ]


def test_promises_stand_late_ones_first_as_they_were_on_the_day():
    plan = make_plan()
    day = date(2026, 7, 10)
    make_accountability(
        plan=plan, title="done later", due_on=day, done_on=day + timedelta(days=1)
    )
    make_accountability(plan=plan, title="late", due_on=day - timedelta(days=1))
    make_accountability(
        plan=plan, title="kept", due_on=date(2026, 7, 1), done_on=date(2026, 7, 1)
    )
    make_accountability(plan=plan, title="waived", due_on=date(2026, 7, 2), waived_on=day)

    assert [(row.title, row.days_late, row.is_open) for row in promises(plan, as_of=day)] == [
        ("late", 1, True),
        ("done later", 0, True),
        ("kept", 0, False),
        ("waived", 0, False),
    ]
    assert promises(None, as_of=day) == []
