"""Members as lists and pages read them."""

from datetime import date, timedelta

import pytest

from members.enums import Role
from members.models import Affiliation, Term
from success.enums import Overlay
from success.models import PlanPause
from success.queries.members import (
    WITH_OVERLAY,
    goal_confirmed_on,
    member_detail,
    member_list,
    overlays_of,
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
from tests.oracles import oracle
from tests.success.lines import evolve, outcome, replan, ungated

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


ANCHOR = date(2026, 1, 1)
PATH = (30, 60, 90, 180, 300)


def day(number):
    return ANCHOR + timedelta(days=number)


def test_what_does_not_gate_stands_apart_and_is_never_late_nor_next():
    plan = make_plan(expected_days=(30, 60), evidence=[[day(20)]])
    ungated(plan, expected_day=5)

    reading = vector_on(plan.member, as_of=day(50))

    assert [one.position for one in reading.milestones] == [1, 2]
    assert [(one.position, one.is_overdue, one.is_next) for one in reading.ungated] == [
        (3, False, False)
    ]
    assert (reading.vector.milestones, reading.vector.achieved_weight) == (2, 10)
    assert [one.is_next for one in reading.milestones] == [False, True]


def test_a_moved_plan_says_what_it_hides():
    """SV16."""
    first = make_plan(expected_days=PATH, evidence=[[day(28)], [day(55)]])
    plan = replan(first, on=day(100), moved={"milestone-3": 150})

    reading = vector_on(plan.member, as_of=day(100))

    assert reading.plan == plan
    assert reading.vector.days_ahead == oracle("SV16_rebaseline_new")["S"]
    assert reading.baseline.position == oracle("SV16_rebaseline_original")["S"]
    assert reading.baseline.words == "re-baselined once, hides 10 days"
    assert tuple(reading.baseline.first_days.values()) == PATH
    assert reading.baseline.gone == (90,)
    assert [one.first_day for one in reading.milestones] == [None, None, 90, None, None]
    assert reading.overlays == (Overlay.REBASELINED,)


def test_before_it_was_moved_a_plan_hides_nothing():
    first = make_plan(expected_days=PATH, evidence=[[day(28)], [day(55)]])
    replan(first, on=day(100), moved={"milestone-3": 150})

    reading = vector_on(first.member, as_of=day(99))

    assert (reading.plan, reading.baseline, reading.overlays) == (first, None, ())
    assert reading.vector.days_ahead == -9


def test_a_plan_moved_twice_is_still_read_against_the_first():
    first = make_plan(expected_days=(30, 60))
    second = replan(first, on=day(40), moved={"milestone-1": 50})
    replan(second, on=day(60), moved={"milestone-1": 70, "milestone-2": 90})

    found = {
        number: vector_on(first.member, as_of=day(number)).baseline.words for number in (59, 65)
    }

    assert found == {
        59: "re-baselined once, hides 20 days",
        65: "re-baselined twice, hides 35 days",
    }


def test_a_new_goal_hides_nothing_of_the_old_one():
    """SV7."""
    old = make_plan(expected_days=PATH, evidence=[[day(n)] for n in (25, 50, 85, 170)])
    evolve(old, on=day(190), expected_days=(20, 60, 120))

    before, after = (vector_on(old.member, as_of=day(n)) for n in (189, 200))

    expected = oracle("SV7_evolved_DO_new_plan_day10")
    assert before.state == "on_track"
    assert (after.vector.plan_day, after.vector.clock, after.vector.achieved_weight) == (
        expected["t"], expected["D"], expected["A"],
    )  # fmt: skip
    assert (after.state, after.baseline, after.overlays) == ("on_track", None, ())
    assert [one.key for one in after.ungated if one.is_carried_over] == [
        f"milestone-{n}" for n in (1, 2, 3, 4)
    ]


def test_a_stall_that_waits_for_us_is_ours():
    """SV9."""
    plan = make_plan(expected_days=PATH, evidence=[[day(30)]])
    second = plan.milestones.get(position=2)
    promise = make_accountability(plan=plan, milestone=second, due_on=day(50))
    make_accountability(plan=plan, milestone=second, side="member", due_on=day(50))

    ours = vector_on(plan.member, as_of=day(110))
    promise.done_on = day(105)
    promise.save()

    assert (ours.state, ours.overlays) == ("stalled", (Overlay.ASSOC_BLOCKED,))
    assert vector_on(plan.member, as_of=day(104)).overlays == (Overlay.ASSOC_BLOCKED,)
    theirs = vector_on(plan.member, as_of=day(105))
    assert (theirs.blocker.value, theirs.overlays) == ("member", ())


def test_a_goal_is_stale_with_a_plan_and_without():
    members = [make_member(), make_plan(expected_days=(300,)).member]
    for member in members:
        outcome(member=member, said_on=ANCHOR)

    found = [
        vector_on(member, as_of=day(number)).overlays
        for member in members
        for number in (180, 181)
    ]

    assert found == [(), (Overlay.GOAL_STALE,)] * 2
    assert goal_confirmed_on(members[0], as_of=day(-1)) is None


KNOWN = (
    {},
    {"blocker": "association"},
    {"blocker": "member"},
    {"goal_confirmed_on": TODAY - timedelta(days=180)},
    {"goal_confirmed_on": TODAY - timedelta(days=181)},
    {"is_rebaselined": True},
    {"achieved_weight": 40, "declared_weight": 20},
    {"achieved_weight": 40, "declared_weight": 21, "is_rebaselined": True},
)


def test_members_are_found_by_what_is_said_beside_their_state():
    for fields in KNOWN:
        make_member_facts(**fields)
    make_member()  # not seen by a night yet

    listed = member_list(make_user(), as_of=TODAY)
    found = {
        overlay: set(listed.filter(asked).values_list("pk", flat=True))
        for overlay, asked in WITH_OVERLAY.items()
    }

    said = {
        overlay: {
            each.pk
            for each in listed
            if overlay in overlays_of(getattr(each, "known", None), as_of=TODAY)
        }
        for overlay in WITH_OVERLAY
    }
    assert found == said
    assert sum(map(len, found.values())) == 5
