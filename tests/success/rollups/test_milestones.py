"""Evidence from involvement, dated as the facts are."""

from datetime import date, timedelta

import pytest

from engagement.models import Involvement
from members.rollups.scope import Scope, Written
from success.models import Milestone, MilestoneEvent
from success.rollups import milestones
from tests.factories import NOON, make_member, make_plan
from tests.success.lines import evolve, replan, ungated

EVERYBODY = Scope(first=0, last=2**62)
START = date(2026, 1, 1)

pytestmark = pytest.mark.django_db


def day(number):
    return START + timedelta(days=number)


def involve(member, subject, starts, ends=None, area="maintainer"):
    return Involvement.objects.create(
        member=member,
        area=area,
        subject=subject,
        starts_on=day(starts),
        ends_on=None if ends is None else day(ends),
    )


def evidence(rule, *, member, anchor=0, closed=None):
    plan = make_plan(
        member=member,
        anchor_on=day(anchor),
        closed_on=None if closed is None else day(closed),
        expected_days=(30,),
        rules=[{"areas": ["maintainer"], **rule}],
    )
    milestones.refresh(scope=EVERYBODY)
    [dates] = plan.milestones.values_list("evidence_dates", flat=True)
    return dates


def test_first_involvement_is_achieved_on_its_own_day():
    member = make_member()
    involve(member, "Kiln", 40)
    involve(member, "Loom", 25)
    involve(member, "Report", 5, area="certification")
    involve(make_member(), "Kiln", 1)

    assert evidence({"rule": "first"}, member=member) == [day(25)]


def test_involvement_that_was_there_already_counts_from_the_anchor():
    member = make_member()
    involve(member, "Kiln", 5)

    assert evidence({"rule": "first"}, member=member, anchor=30) == [day(30)]


def test_involvement_that_ended_before_the_plan_is_another_story():
    member = make_member()
    involve(member, "Kiln", 5, 30)

    assert evidence({"rule": "first"}, member=member, anchor=30) is None


def test_involvement_after_the_plan_closed_is_not_evidence():
    member = make_member()
    involve(member, "Kiln", 50)

    assert evidence({"rule": "first"}, member=member, closed=50) is None


def test_the_second_subject_counts_when_it_is_another_one():
    member = make_member()
    involve(member, "Kiln", 10, 20)
    involve(member, "Kiln", 30)

    assert evidence({"rule": "subjects", "count": 2}, member=member) is None

    involve(member, "Loom", 44)
    milestones.refresh(scope=EVERYBODY)
    assert Milestone.objects.get().evidence_dates == [day(44)]


def test_peers_are_other_members_in_the_same_subject_at_the_same_time():
    member = make_member()
    involve(member, "Kiln", 10, 100)
    for start, end in ((0, 9), (5, 60), (30, None), (100, None), (70, 80)):
        involve(make_member(), "Kiln", start, end)
    involve(make_member(), "Loom", 0)

    assert evidence({"rule": "peers", "count": 3}, member=member) == [day(70)]


def test_kept_wants_a_stretch_without_a_gap():
    member = make_member()
    involve(member, "Kiln", 0, 50)
    involve(member, "Loom", 60, 100)
    involve(member, "Mill", 100)

    assert evidence({"rule": "kept", "days": 90}, member=member) == [day(150)]


def test_evidence_is_taken_back_with_the_involvement():
    member = make_member()
    stretch = involve(member, "Kiln", 10)
    assert evidence({"rule": "first"}, member=member) == [day(10)]

    stretch.delete()

    assert milestones.refresh(scope=EVERYBODY) == Written(rows_in=1, rows_out=1)
    assert Milestone.objects.get().evidence_dates is None
    assert milestones.refresh(scope=EVERYBODY) == Written(rows_in=1, rows_out=0)


def test_what_people_have_said_of_a_milestone_stands():
    member = make_member()
    first = {"rule": "first", "areas": ["maintainer"]}
    plan = make_plan(member=member, expected_days=(30,), evidence=[[day(3)]], rules=[first])
    MilestoneEvent.objects.create(
        milestone=plan.milestones.get(), achieved=True, on=day(3), source="confirmed",
        recorded_at=NOON,
    )  # fmt: skip

    assert milestones.refresh(scope=EVERYBODY) == Written(rows_in=0, rows_out=0)


def test_evidence_of_spells_needs_no_plan():
    from success.models import PlanTemplate, TemplateMilestone

    template = PlanTemplate.objects.create(
        key="t", title="T", audience="organisation", goal="g"
    )
    wanted = TemplateMilestone.objects.create(
        template=template, position=1, title="First", expected_day=30, weight=10,
        evidence_rule={"rule": "first", "areas": ["maintainer"]},
    )  # fmt: skip
    member = make_member()
    involve(member, "Kiln", 12)

    found = milestones.evidence_of_spells(
        template_id=template.pk,
        spells=[(make_member().pk, START, None), (member.pk, START, day(90))],
    )

    assert found == {(1, wanted.pk): day(12)}


FIRST = {"rule": "first", "areas": ["maintainer"]}


def dates(plan, key="milestone-1"):
    return plan.milestones.get(key=key).evidence_dates


def test_what_does_not_gate_is_evidenced_all_the_same():
    member = make_member()
    plan = make_plan(member=member, anchor_on=START, expected_days=(30,))
    ungated(plan, evidence_rule=FIRST, evidence_kind="derived")
    involve(member, "Kiln", 12)

    milestones.refresh(scope=EVERYBODY)

    assert dates(plan, "beside") == [day(12)]


def test_what_was_carried_over_stays_as_it_was():
    member = make_member()
    stretch = involve(member, "Kiln", 12)
    old = make_plan(member=member, anchor_on=START, expected_days=(30,), rules=[FIRST])
    milestones.refresh(scope=EVERYBODY)
    new = evolve(old, on=day(50), expected_days=(20,))

    stretch.delete()
    milestones.refresh(scope=EVERYBODY)

    assert dates(old) is None
    assert dates(new) == [day(12)]


def test_the_first_agreed_version_is_watched_while_its_line_is_open():
    member = make_member()
    rules = [FIRST, FIRST | {"areas": ["certification"]}]
    first = make_plan(member=member, anchor_on=START, expected_days=(30, 60), rules=rules)
    second = replan(first, on=day(40), dropped=["milestone-1"])
    third = replan(second, on=day(70))
    involve(member, "Kiln", 80)
    involve(member, "Report", 90, area="certification")

    milestones.refresh(scope=EVERYBODY)

    assert [dates(first), dates(first, "milestone-2")] == [[day(80)], [day(90)]]
    # a version in between is done with, and the one in force has what is left
    assert [dates(second, "milestone-2"), dates(third, "milestone-2")] == [None, [day(90)]]


def test_neither_line_nor_version_is_watched_after_its_end():
    member = make_member()
    first = make_plan(member=member, anchor_on=START, expected_days=(30,), rules=[FIRST])
    second = replan(first, on=day(40))
    evolve(second, on=day(70), expected_days=(20,))
    evolved = make_plan(anchor_on=START, expected_days=(30,), rules=[FIRST])
    evolve(evolved, on=day(70), expected_days=(20,))
    for one in (member, evolved.member):
        involve(one, "Kiln", 70)

    milestones.refresh(scope=EVERYBODY)

    assert [dates(plan) for plan in (first, second, evolved)] == [None, None, None]
