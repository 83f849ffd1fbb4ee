from dataclasses import replace
from datetime import timedelta

import pytest

from members.enums import Role
from members.models import AuditEntry, DirtyMember
from success.engine.accountability import Side
from success.engine.linting import lint
from success.engine.planning import Promise
from success.enums import Answer, AskStatus, DraftPurpose, EvidenceSource, Succession
from success.models import (
    Accountability,
    Ask,
    Declaration,
    DesiredOutcome,
    GoalChange,
    Milestone,
    OutcomeConfirmation,
    Plan,
)
from success.queries.plans import baseline_position
from success.services import plans
from success.services.outcomes import assess_fit
from tests.factories import (
    make_affiliation,
    make_member,
    make_offer,
    make_path,
    make_person,
    make_planned_milestone,
    make_term,
    make_user,
)
from tests.success.plans import ANCHOR, agree, at_noon, on_day, reach, vector_on, worked

pytestmark = pytest.mark.django_db

DAYS = (30, 60, 90, 180, 300)
WEIGHTS = (20, 15, 15, 25, 25)


def replan(plan, path, *, day, **given):
    given = {"reason": "The audit takes longer", "by": make_user()} | given
    return plans.replan(plan=plan, path=path, on=on_day(day), at=at_noon(day), **given)


def evolve(plan, path, *, day, **given):
    given = {"reason": "They grew", "by": make_user()} | given
    if "said_by" not in given:
        given["said_by"] = make_affiliation(member=plan.member).person
    return plans.evolve(plan=plan, path=path, on=on_day(day), at=at_noon(day), **given)


def test_agree_writes_the_plan_the_goal_the_promises_and_the_trail():
    member = make_member()
    said_by = make_affiliation(member=member).person
    by = make_user()
    path = make_path(
        required_outcome="Two partners abroad",
        promises=(Promise(side=Side.ASSOCIATION, title="Call once a month", due_day=30),),
    )

    plan = agree(member=member, path=path, by=by, said_by=said_by)

    assert plan.version == 1
    assert (plan.succession, plan.baseline) == (Succession.AGREED, None)
    assert (plan.anchor_on, plan.counts_from) == (ANCHOR, ANCHOR)
    assert list(
        plan.milestones.order_by("position").values_list("position", "key", "weight")
    ) == [
        (1, "m1", 33),
        (2, "m2", 33),
        (3, "m3", 34),
    ]
    assert plan.outcome.goal == "We sell abroad"
    assert (plan.outcome.version, plan.outcome.said_by) == (1, said_by)
    assert OutcomeConfirmation.objects.get().on == ANCHOR
    assert plan.accountabilities.count() == 7
    assert plan.accountabilities.get(title="Call once a month").milestone is None
    assert plan.accountabilities.get(title="Do our part of m1").due_on == on_day(22)
    assert AuditEntry.objects.get(verb="plan.agreed").by == by
    assert DirtyMember.objects.get(member=member).since == ANCHOR


def test_agree_again_on_the_same_day_is_the_same_plan():
    member = make_member()
    said_by = make_affiliation(member=member).person

    made = [agree(member=member, said_by=said_by) for _ in range(3)]

    assert {plan.pk for plan in made} == {made[0].pk}
    assert Accountability.objects.count() == 6
    assert OutcomeConfirmation.objects.count() == 1
    assert AuditEntry.objects.filter(verb="plan.agreed").count() == 1


def test_agree_refuses_a_second_plan_and_shows_the_first():
    plan = agree()

    with pytest.raises(plans.AlreadyPlanned) as refused:
        agree(member=plan.member, path=make_path(goal="Another"))

    assert refused.value.plan == plan


def test_agree_refuses_what_the_linter_forbids_and_writes_nothing():
    path = make_path()
    bad = replace(
        path, milestones=(replace(path.milestones[0], title="Dues paid"), *path.milestones[1:])
    )

    with pytest.raises(plans.NotAgreeable) as refused:
        agree(path=bad)

    assert [finding.code for finding in refused.value.findings] == ["association_pay"]
    assert not Plan.objects.exists()
    assert not DesiredOutcome.objects.exists()


def test_agree_needs_the_words_of_one_of_the_members_people():
    member = make_member()

    with pytest.raises(plans.NotSaid, match="Say which"):
        agree(member=member, said_by=None)
    with pytest.raises(plans.NotSaid, match="does not belong"):
        agree(member=member, said_by=make_person())


def test_agree_by_a_members_own_log_in_is_said_by_its_person():
    member = make_member()
    person = make_affiliation(member=member).person
    lead = make_user(role=Role.MEMBER, member=member, person=person)

    plan = agree(member=member, by=lead, said_by=None)

    assert plan.outcome.said_by == person


@pytest.mark.parametrize(
    ("days_after_joining", "is_agreed"), [(-1, False), (0, True), (400, True)]
)
def test_agree_anchors_from_the_start_of_the_membership_on(days_after_joining, is_agreed):
    member = make_member()
    joined = ANCHOR - timedelta(days=50)
    make_term(
        member=member,
        starts_on=joined - timedelta(days=900),
        ends_on=joined - timedelta(days=500),
    )
    make_term(member=member, starts_on=joined, ends_on=ANCHOR + timedelta(days=20))
    anchor_on = joined + timedelta(days=days_after_joining)

    if is_agreed:
        plan = agree(member=member, anchor_on=anchor_on)
        assert plan.counts_from == anchor_on
        promise = plan.accountabilities.get(title="Do our part of m1")
        assert promise.due_on == anchor_on + timedelta(days=22)
    else:
        with pytest.raises(plans.NotSaid, match="membership began"):
            agree(member=member, anchor_on=anchor_on)


def test_agree_after_an_ended_plan_counts_from_its_end():
    plan = agree()
    by = make_user()
    plans.end(plan=plan, on=on_day(20), reason="Left", by=by, at=at_noon(20))

    back = agree(member=plan.member, anchor_on=on_day(10), day=40)

    assert (back.version, back.succession) == (2, Succession.AGREED)
    assert (back.anchor_on, back.counts_from) == (on_day(10), on_day(20))


def test_a_missing_fit_holds_the_agreement_until_we_promise_to_close_it():
    member = make_member()
    assess_fit(
        member=member,
        fit="resource",
        status="missing",
        reason="Nobody has time",
        on=ANCHOR,
        by=make_user(),
        at=at_noon(0),
    )
    closing = Promise(
        side=Side.ASSOCIATION, title="Find a student", due_day=10, closes_fit="resource"
    )

    with pytest.raises(plans.NotAgreeable, match="resource fit is missing"):
        agree(member=member)
    plan = agree(member=member, path=make_path(promises=(closing,)))

    assert plan.accountabilities.get(closes_fit="resource").title == "Find a student"


def test_agree_refuses_people_and_offers_that_are_not_there():
    stranger = make_affiliation().person
    path = make_path()
    promise = Promise(
        side=Side.MEMBER, title="Write", due_day=3, person=str(stranger.public_id)
    )
    ours = Promise(side=Side.ASSOCIATION, title="Write", due_day=3, owner="nobody")
    milestones = (replace(path.milestones[0], upsell="cake"), *path.milestones[1:])

    with pytest.raises(plans.NotAgreeable) as refused:
        agree(path=replace(path, milestones=milestones, promises=(promise, ours)))

    assert [(f.code, f.where) for f in refused.value.findings] == [
        ("person_unknown", "promises.0.person"),
        ("owner_unknown", "promises.1.owner"),
        ("offer_unknown", "milestones.0.upsell"),
    ]


def test_agree_names_owners_and_announces_what_will_be_asked():
    member = make_member()
    said_by = make_affiliation(member=member).person
    owner = make_user()
    offer = make_offer()
    path = make_path()
    path = replace(
        path,
        milestones=(
            path.milestones[0],
            replace(path.milestones[1], upsell=offer.key),
            replace(path.milestones[2], advocacy="testimonial"),
        ),
        promises=(
            Promise(side=Side.ASSOCIATION, title="A", due_day=3, owner=str(owner.public_id)),
            Promise(side=Side.MEMBER, title="B", due_day=3, person=str(said_by.public_id)),
        ),
    )

    plan = agree(member=member, path=path, said_by=said_by, consents=["m3:advocacy"])

    assert plan.accountabilities.get(title="A").owner == owner
    assert plan.accountabilities.get(title="B").person == said_by
    assert list(
        plan.asks.order_by("milestone__position").values_list(
            "milestone__key", "kind", "status", "consented_on", "consented_by"
        )
    ) == [
        ("m2", "upsell", "announced", None, None),
        ("m3", "advocacy", "announced", ANCHOR, said_by.pk),
    ]


def test_path_of_a_plan_is_the_path_it_was_agreed_from():
    member = make_member()
    said_by = make_affiliation(member=member).person
    offer = make_offer()
    path = make_path(
        required_outcome="Two partners",
        promises=(
            Promise(side=Side.MEMBER, title="B", due_day=3, person=str(said_by.public_id)),
        ),
    )
    first = replace(path.milestones[0], upsell=offer.key, expectation="Slow at first")
    derived = replace(
        path.milestones[1],
        evidence_kind="derived",
        evidence_rule={"rule": "first", "areas": ["maintainer"]},
    )
    beside = make_planned_milestone(key="x", is_gating=False, promises=())
    path = replace(path, milestones=(first, derived, path.milestones[2], beside))

    plan = agree(member=member, path=path, said_by=said_by)

    by_day = [
        replace(
            each, promises=tuple(sorted(each.promises, key=lambda promise: promise.due_day))
        )
        for each in path.milestones
    ]
    assert plans.path_of_plan(plan) == replace(path, milestones=tuple(by_day))


def test_a_plan_as_it_stands_may_be_agreed_again_however_far_it_is():
    plan = agree()
    Accountability.objects.filter(title__contains="m1").update(done_on=on_day(20))
    Accountability.objects.filter(title="Do our part of m2").update(waived_on=on_day(20))
    reach(plan, "m1", 25)
    reach(plan, "m2", 26)
    path = plans.path_of_plan(plan)

    findings = plans.findings_for(
        member=plan.member, path=path, purpose=DraftPurpose.REPLAN, on=on_day(40)
    )

    assert [f.code for f in lint(path) if f.is_error] == ["no_association_promise"]
    assert [f for f in findings if f.is_error] == []


def test_who_has_left_us_and_what_is_offered_no_more_hold_no_new_version_up():
    owner, offer = make_user(), make_offer()
    path = make_path()
    ours = Promise(side=Side.ASSOCIATION, title="A", due_day=90, owner=str(owner.public_id))
    first = replace(path.milestones[0], upsell=offer.key)
    plan = agree(path=replace(path, milestones=(first, *path.milestones[1:]), promises=(ours,)))
    owner.is_active = False
    owner.save()
    offer.is_retired = True
    offer.save()
    path = replace(plans.path_of_plan(plan), first_90="Slower")

    new = replan(plan, path, day=10)

    assert new.accountabilities.get(title="A").owner == owner
    assert new.asks.get().offer == offer


@pytest.mark.parametrize("milestones", [3, 6])
def test_reading_a_plan_costs_the_same_number_of_queries(milestones, django_assert_num_queries):
    plan = agree(path=make_path(expected_days=tuple(range(20, 20 * milestones + 1, 20))))
    plan = Plan.objects.get(pk=plan.pk)

    with django_assert_num_queries(5):
        plans.path_of_plan(plan)


@pytest.mark.parametrize("milestones", [3, 6])
def test_agreeing_costs_the_same_number_of_queries(milestones, django_assert_max_num_queries):
    member = make_member()
    said_by = make_affiliation(member=member).person
    path = make_path(expected_days=tuple(range(20, 20 * milestones + 1, 20)))

    with django_assert_max_num_queries(40):
        agree(member=member, said_by=said_by, path=path)


# Re-planning.


def test_replan_closes_the_version_and_keeps_the_first_as_baseline():
    plan = agree()
    second = replan(plan, make_path(expected_days=(30, 70, 100)), day=40)
    third = replan(second, make_path(expected_days=(30, 80, 110)), day=50)
    plan.refresh_from_db()
    second.refresh_from_db()

    assert [
        (p.version, p.anchor_on, p.counts_from, p.closed_on) for p in (plan, second, third)
    ] == [
        (1, ANCHOR, ANCHOR, on_day(40)),
        (2, ANCHOR, on_day(40), on_day(50)),
        (3, ANCHOR, on_day(50), None),
    ]
    assert (second.baseline, third.baseline) == (plan, plan)
    assert {second.outcome, third.outcome} == {plan.outcome}
    assert third.reason == "The audit takes longer"


def test_replan_again_is_the_same_version_and_another_is_too_late():
    plan = agree()
    path = make_path(expected_days=(30, 70, 100))

    made = [replan(plan, path, day=40) for _ in range(3)]

    assert {version.pk for version in made} == {made[0].pk}
    with pytest.raises(plans.PlanOver) as refused:
        replan(plan, make_path(expected_days=(30, 75, 100)), day=40)
    assert refused.value.newest == made[0]


def test_replan_gives_the_worked_example_of_a_moved_milestone():
    plan = agree(path=make_path(expected_days=DAYS, weights=WEIGHTS))
    reach(plan, "m1", 28)
    reach(plan, "m2", 55)
    moved = make_path(expected_days=(30, 60, 150, 180, 300), weights=WEIGHTS)
    as_planned = vector_on(plan.member, 100)

    new = replan(plan, moved, day=100)

    assert as_planned == worked("SV16_rebaseline_original")
    assert vector_on(plan.member, 100) == worked("SV16_rebaseline_new")
    baseline = baseline_position(new, as_of=on_day(100))
    assert (baseline.times, baseline.hides_days, baseline.position) == (1, 10, -10)
    assert vector_on(plan.member, 99)["S"] == -9


def test_replan_takes_pauses_along_so_that_the_plan_day_goes_on():
    plan = agree()
    by = make_user()
    plans.pause(
        plan=plan, starts_on=on_day(5), ends_on=on_day(12), reason="Leave", by=by, at=at_noon(5)
    )
    plans.pause(
        plan=plan, starts_on=on_day(35), ends_on=None, reason="Flood", by=by, at=at_noon(35)
    )

    new = replan(plan, make_path(expected_days=(30, 70, 100)), day=40)

    assert vector_on(plan.member, 39)["t"] == 28
    assert vector_on(plan.member, 41)["t"] == 28
    plans.resume(plan=new, on=on_day(45), by=by, at=at_noon(45))
    assert vector_on(plan.member, 50)["t"] == 33
    assert vector_on(plan.member, 39)["t"] == 28


def test_replan_carries_open_promises_on_once_and_moves_those_still_ahead():
    plan = agree()
    kept = plan.accountabilities.get(title="Do our part of m1")
    kept.done_on = on_day(20)
    kept.save()
    late = plan.accountabilities.get(title="Do your part of m1")  # due on day 25

    new = replan(plan, make_path(expected_days=(50, 80, 110)), day=40)

    rows = Accountability.objects.filter(plan__member=plan.member)
    assert rows.count() == 6
    late.refresh_from_db()
    assert (late.plan, late.due_on) == (new, on_day(25))
    assert late.milestone.plan == new
    kept.refresh_from_db()
    assert kept.plan == plan
    assert new.accountabilities.get(title="Do our part of m2").due_on == on_day(72)
    assert list(late.events.values_list("verb", flat=True)) == ["made", "went_on"]


def test_replan_hands_a_promise_over_and_lets_it_close_a_fit():
    plan = agree()
    owner = make_user()
    path = plans.path_of_plan(plan)
    first = path.milestones[0]
    changed = tuple(
        replace(each, owner=str(owner.public_id), closes_fit="resource")
        if each.side is Side.ASSOCIATION
        else each
        for each in first.promises
    )
    first = replace(first, promises=changed, expectation="It takes a while")

    new = replan(plan, replace(path, milestones=(first, *path.milestones[1:])), day=5)

    row = new.accountabilities.get(title="Do our part of m1")
    assert (row.owner, row.closes_fit) == (owner, "resource")
    assert new.accountabilities.count() == 6


def test_a_promise_that_comes_to_another_milestone_is_the_same_one():
    plan = agree()
    path = plans.path_of_plan(plan)
    first, second, third = path.milestones
    second = replace(second, promises=(*second.promises, *first.promises[1:]))
    new_first = make_planned_milestone(key="new", expected_day=30, weight=33)

    new = replan(plan, replace(path, milestones=(new_first, second, third)), day=5)

    moved = new.accountabilities.get(title=first.promises[1].title)
    assert moved.milestone.key == "m2"
    assert new.accountabilities.count() == 8


def test_replan_adds_what_is_new_and_keeps_what_has_lost_its_milestone():
    plan = agree()
    path = make_path()
    new_point = make_planned_milestone(key="new", expected_day=120, weight=34)

    new = replan(plan, replace(path, milestones=(*path.milestones[:2], new_point)), day=10)

    left_over = new.accountabilities.filter(milestone=None)
    assert {row.title for row in left_over} == {"Do our part of m3", "Do your part of m3"}
    assert new.accountabilities.filter(milestone__key="new").count() == 2
    assert new.accountabilities.count() == 8


def test_a_plan_that_lies_ahead_is_replanned_from_its_first_day_or_never_begins():
    plan = agree(anchor_on=on_day(20))
    by = make_user()

    new = replan(plan, make_path(expected_days=(35, 70, 100)), day=3)

    plan.refresh_from_db()
    assert (plan.closed_on, new.counts_from, new.anchor_on) == (on_day(20),) * 3
    assert vector_on(plan.member, 19) is None
    assert vector_on(plan.member, 25)["t"] == 5
    ended = plans.end(plan=new, on=on_day(4), reason="Left", by=by, at=at_noon(4))
    assert ended.closed_on == on_day(20)
    assert vector_on(plan.member, 25) is None


def test_replan_refuses_another_goal_no_reason_and_wrong_days():
    plan = agree()

    with pytest.raises(plans.NotAgreeable, match="more than new days"):
        replan(plan, make_path(goal="Another"), day=10)
    with pytest.raises(plans.NotSaid, match="Say why"):
        replan(plan, make_path(expected_days=(1, 2, 3)), day=10, reason=" ")
    for day, words in ((-1, "did not count yet"), (3, "still to come")):
        with pytest.raises(plans.NotSaid, match=words):
            plans.replan(
                plan=plan,
                path=make_path(),
                on=on_day(day),
                reason="x",
                by=make_user(),
                at=at_noon(2),
            )


def test_replan_takes_along_a_declaration_that_waits_and_what_was_announced():
    offer = make_offer()
    path = make_path()
    path = replace(
        path,
        milestones=(
            path.milestones[0],
            replace(path.milestones[1], upsell=offer.key),
            replace(path.milestones[2], advocacy="testimonial"),
        ),
    )
    plan = agree(path=path, consents=["m2:upsell"])
    by = make_user()
    declaration = Declaration.objects.create(
        milestone=plan.milestones.get(key="m1"),
        on=on_day(20),
        what_changed="An order",
        by=by,
        at=at_noon(20),
    )
    days = make_path(expected_days=(40, 70, 100)).milestones
    moved = replace(
        path,
        milestones=(days[0], replace(days[1], upsell=offer.key), days[2]),
    )

    new = replan(plan, moved, day=30)

    declaration.refresh_from_db()
    assert declaration.milestone == new.milestones.get(key="m1")
    asks = {(ask.kind, ask.status, ask.plan_id) for ask in Ask.objects.all()}
    assert asks == {("upsell", "announced", new.pk), ("advocacy", "withdrawn", plan.pk)}
    assert new.asks.get().consented_on == ANCHOR


def test_what_was_asked_before_is_not_announced_again():
    path = make_path()
    path = replace(
        path,
        milestones=(replace(path.milestones[0], advocacy="testimonial"), *path.milestones[1:]),
    )
    plan = agree(path=path, consents=["m1:advocacy"])
    reach(plan, "m1", 20)
    Ask.objects.update(status=AskStatus.REFUSED, asked_on=on_day(25), answered_on=on_day(26))

    replan(plan, plans.path_of_plan(plan), day=30)

    assert Ask.objects.count() == 1


def test_evidence_said_of_a_replanned_version_can_be_taken_back():
    plan = agree()
    reach(plan, "m1", 20)

    new = replan(plan, make_path(expected_days=(40, 70, 100)), day=30)

    milestone = new.milestones.get(key="m1")
    assert milestone.evidence_dates == [on_day(20)]
    assert milestone.evidence_source == EvidenceSource.CONFIRMED
    assert list(milestone.events.values_list("on", "achieved")) == [(on_day(20), True)]


# A new goal.


def test_evolve_gives_the_worked_example_of_an_evolved_goal():
    plan = agree(path=make_path(expected_days=DAYS, weights=WEIGHTS))
    for key, day in (("m1", 25), ("m2", 50), ("m3", 85), ("m4", 170)):
        reach(plan, key, day)
    at_close = vector_on(plan.member, 190)
    path = make_path(goal="We lead abroad", expected_days=(20, 60, 120), weights=(30, 30, 40))
    path = replace(
        path,
        milestones=tuple(replace(m, key=f"n{i}") for i, m in enumerate(path.milestones)),
    )

    new = evolve(plan, path, day=190)

    assert at_close == worked("SV7_old_plan_at_close_day190")
    assert vector_on(plan.member, 200) == worked("SV7_evolved_DO_new_plan_day10")
    states = {vector_on(plan.member, day)["state"] for day in range(150, 205)}
    assert states == {"AHEAD", "ON_TRACK"}  # and no regress
    assert (new.succession, new.baseline) == (Succession.GOAL_CHANGED, None)
    assert (new.anchor_on, new.counts_from) == (on_day(190), on_day(190))
    assert baseline_position(new, as_of=on_day(200)).times == 0


def test_evolve_carries_over_what_was_reached_and_starts_the_clock_clean():
    plan = agree()
    reach(plan, "m1", 20)
    old = make_path(goal="We lead abroad", expected_days=(30, 60, 90))
    more = tuple(
        make_planned_milestone(key=key, expected_day=day, weight=weight)
        for key, day, weight in (("n1", 100, 20), ("n2", 120, 13))
    )
    path = replace(old, milestones=(*old.milestones, *more))

    new = evolve(plan, path, day=40)

    rows = {row.key: row for row in new.milestones.all()}
    assert (rows["m1"].is_carried_over, rows["m1"].is_gating, rows["m1"].position) == (
        True,
        False,
        5,
    )
    assert rows["m1"].evidence_dates == [on_day(20)]
    assert [rows[key].position for key in ("m2", "m3", "n1", "n2")] == [1, 2, 3, 4]
    assert [rows[key].is_carried_over for key in ("m2", "m3")] == [False, False]
    assert vector_on(plan.member, 40)["A"] == 0
    assert evolve(plan, path, day=40) == new


def test_evolve_says_a_new_goal_and_answers_the_change_that_waited():
    plan = agree()
    change = GoalChange.objects.create(
        member=plan.member, words="Lead", by=make_user(), at=at_noon(30)
    )

    new = evolve(plan, make_path(goal="We lead abroad"), day=40)

    old = DesiredOutcome.objects.get(pk=plan.outcome_id)
    assert (old.goal, old.ended_on) == ("We sell abroad", on_day(40))
    assert (new.outcome.version, new.outcome.goal) == (2, "We lead abroad")
    change.refresh_from_db()
    assert change.status == Answer.CONFIRMED


def test_evolve_after_the_goal_is_achieved_is_the_next_goal_and_keeps_our_promise():
    plan = agree()
    for key, day in (("m1", 20), ("m2", 30), ("m3", 40)):
        reach(plan, key, day)
    owed = Accountability.objects.create(
        plan=plan,
        side="association",
        title="Agree the next goal",
        obligation="next_goal",
        due_on=on_day(54),
    )
    assert vector_on(plan.member, 45)["state"] == "ACHIEVED"
    path = make_path(goal="We lead abroad")
    path = replace(path, milestones=tuple(replace(m, key=f"n{m.key}") for m in path.milestones))

    new = evolve(plan, path, day=50)

    assert new.succession == Succession.NEXT_GOAL
    owed.refresh_from_db()
    assert (owed.plan, owed.done_on) == (plan, on_day(50))


def test_evolve_needs_somebodys_words():
    plan = agree()

    with pytest.raises(plans.NotSaid, match="Say which"):
        evolve(plan, make_path(goal="We lead"), day=3, said_by=None)


def test_a_carried_over_milestone_keeps_what_the_records_had_found():
    from members.rollups.scope import Scope
    from success.rollups import milestones

    plan = agree()
    milestone = plan.milestones.get(key="m1")
    Milestone.objects.filter(pk=milestone.pk).update(
        evidence_dates=[on_day(20)], evidence_source="derived"
    )
    path = make_path(goal="We lead abroad", expected_days=(20, 30, 60, 90))
    derived = replace(
        path.milestones[0],
        evidence_kind="derived",
        evidence_rule={"rule": "first", "areas": ["maintainer"]},
    )
    shares = (33, 33, 34)
    rest = tuple(
        replace(m, weight=weight) for m, weight in zip(path.milestones[1:], shares, strict=True)
    )

    new = evolve(plan, replace(path, milestones=(derived, *rest)), day=40)
    milestones.refresh(scope=Scope(first=0, last=2**62))

    assert new.milestones.get(key="m1").evidence_dates == [on_day(20)]


# Pauses and the end.


def test_pause_stops_the_clock_and_resume_starts_it():
    plan = agree()
    by = make_user()

    made = [
        plans.pause(
            plan=plan, starts_on=on_day(10), ends_on=None, reason="Leave", by=by, at=at_noon(10)
        )
        for _ in range(2)
    ]
    assert made[0] == made[1]
    assert vector_on(plan.member, 15)["t"] == 10
    ended = [plans.resume(plan=plan, on=on_day(20), by=by, at=at_noon(18)) for _ in range(2)]

    assert ended[0] == ended[1]
    assert vector_on(plan.member, 25)["t"] == 15
    with pytest.raises(plans.NotPaused):
        plans.resume(plan=plan, on=on_day(30), by=by, at=at_noon(30))


def test_resume_before_a_pause_began_takes_it_back():
    plan = agree()
    by = make_user()
    plans.pause(
        plan=plan,
        starts_on=on_day(10),
        ends_on=on_day(20),
        reason="Leave",
        by=by,
        at=at_noon(5),
    )

    assert plans.resume(plan=plan, on=on_day(8), by=by, at=at_noon(8)) is None

    assert not plan.pauses.exists()
    assert AuditEntry.objects.filter(verb="plan.resumed").count() == 1


@pytest.mark.parametrize(
    ("starts", "ends", "refusal"),
    [
        (12, 30, plans.AlreadyPaused),
        (5, None, plans.AlreadyPaused),
        (30, 30, plans.NotSaid),
        (-1, 3, plans.NotSaid),
    ],
)
def test_pause_refuses_days_it_cannot_have(starts, ends, refusal):
    plan = agree()
    by = make_user()
    plans.pause(
        plan=plan, starts_on=on_day(10), ends_on=on_day(20), reason="A", by=by, at=at_noon(5)
    )

    with pytest.raises(refusal):
        plans.pause(
            plan=plan,
            starts_on=on_day(starts),
            ends_on=None if ends is None else on_day(ends),
            reason="B",
            by=by,
            at=at_noon(5),
        )


def test_end_closes_the_plan_and_withdraws_what_was_announced():
    path = make_path()
    path = replace(
        path,
        milestones=(replace(path.milestones[0], advocacy="testimonial"), *path.milestones[1:]),
    )
    plan = agree(path=path)
    by = make_user()

    ended = [
        plans.end(plan=plan, on=on_day(20), reason="Left us", by=by, at=at_noon(20))
        for _ in range(2)
    ]

    assert [plan.closed_on for plan in ended] == [on_day(20), on_day(20)]
    assert vector_on(plan.member, 19) is not None
    assert vector_on(plan.member, 20) is None
    assert Ask.objects.get().status == AskStatus.WITHDRAWN
    assert AuditEntry.objects.get(verb="plan.ended").after["reason"] == "Left us"
    with pytest.raises(plans.PlanOver):
        replan(plan, make_path(), day=30)
