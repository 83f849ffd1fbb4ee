"""MemberFacts: standing as the engine says, written only where it differs."""

from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engagement.models import Involvement
from members.engine.standing import Span, spell_on, standing
from members.models import DirtyMember, Member
from members.rollups.dirty import mark_dirty
from members.rollups.scope import Scope, Written
from success.models import MemberFacts, Milestone, OutcomeConfirmation, PlanPause, VectorChange
from success.queries.members import overlays_of, vector_on
from success.rollups import facts
from tests.examples import example
from tests.factories import (
    NOON,
    make_accountability,
    make_affiliation,
    make_assignment,
    make_fact,
    make_member,
    make_night,
    make_person,
    make_plan,
    make_review,
    make_term,
    make_user,
)
from tests.success.lines import evolve, outcome, replan, ungated

EVERYBODY = Scope(first=0, last=2**62)
START = date(2026, 1, 1)

pytestmark = pytest.mark.django_db


def day(number):
    return START + timedelta(days=number)


def refresh(as_of, scope=EVERYBODY, grace_days=30):
    return facts.refresh(as_of=as_of, scope=scope, grace_days=grace_days)


terms = st.lists(st.tuples(st.integers(0, 300), st.integers(1, 120)), max_size=4)


@settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(ledgers=st.lists(terms, min_size=1, max_size=5), today=st.integers(-5, 420))
def test_standing_and_spell_equal_the_engine_on_random_terms(ledgers, today):
    with example():
        expected = {}
        for ledger in ledgers:
            member = make_member()
            spans = []
            for start, length in ledger:
                make_term(member=member, starts_on=day(start), ends_on=day(start + length))
                spans.append(Span(day(start), day(start + length)))
            spell = spell_on(spans, on=day(today), grace_days=30)
            expected[member.pk] = (
                standing(spans, on=day(today), grace_days=30).value,
                spell and spell.starts_on,
                spell and spell.ends_on,
            )

        refresh(day(today))

        found = {
            row.pk: (row.standing, row.joined_on, row.term_ends_on)
            for row in MemberFacts.objects.all()
        }
        assert found == expected


def test_facts_gather_what_is_known_of_a_member():
    member = make_member()
    make_term(member=member, tier="Gold", starts_on=START, ends_on=day(365))
    assignment = make_assignment(member=member)
    plan = make_plan(member=member, anchor_on=START, evidence=[[day(20)]])
    make_accountability(plan=plan, side="association", due_on=day(50))
    make_accountability(plan=plan, side="association", due_on=day(40), done_on=day(39))
    make_accountability(plan=plan, side="member", due_on=day(60))
    Involvement.objects.create(
        member=member, area="maintainer", subject="Kiln", starts_on=day(20)
    )

    refresh(day(70))

    known = MemberFacts.objects.get()
    assert (
        known.standing, known.tier, known.segment_id, known.plan_id, known.state,
        known.held_on, known.first_value_on, known.we_owe_since, known.they_owe_since,
        known.subjects_involved,
    ) == (
        "in_force", "Gold", assignment.segment_id, plan.pk, "slipping",
        day(60), day(20), day(50), day(60),
        1,
    )  # fmt: skip


def test_a_second_run_writes_nothing():
    for _ in range(3):
        make_plan(member=make_term().member, anchor_on=START)

    runs = [refresh(day(100)) for _ in range(2)]

    assert runs == [Written(rows_in=3, rows_out=6), Written(rows_in=3, rows_out=0)]


def test_a_vector_is_remembered_when_it_moves_and_only_then():
    make_plan(member=make_term().member, anchor_on=START, expected_days=(30,))

    for number in (10, 11, 29, 45, 46, 90, 91):
        refresh(day(number))

    changes = VectorChange.objects.order_by("on").values_list("on", "state", "pace_milli")
    assert list(changes) == [
        (day(10), "on_track", 1000),
        (day(45), "slipping", 500),
        (day(46), "slipping", 467),
        (day(90), "stalled", 0),
    ]


def test_a_promise_due_today_is_not_late():
    plan = make_plan(member=make_term().member, anchor_on=START)
    make_accountability(plan=plan, due_on=day(50))

    found = []
    for number in (50, 51):
        refresh(day(number))
        found.append(MemberFacts.objects.get().we_owe_since)

    assert found == [None, day(50)]


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    people=st.lists(
        st.tuples(terms, st.lists(st.integers(1, 200), max_size=3), st.integers(0, 250)),
        min_size=1,
        max_size=6,
    ),
    first=st.integers(0, 150),
    steps=st.lists(st.integers(1, 40), min_size=1, max_size=4),
)
def test_nights_over_changes_leave_what_a_night_over_everybody_leaves(people, first, steps):
    with example():
        for ledger, turns, due in people:
            member = make_member()
            for start, length in ledger:
                make_term(member=member, starts_on=day(start), ends_on=day(start + length))
            plan = make_plan(
                member=member, anchor_on=START, evidence=[[day(turn)] for turn in sorted(turns)]
            )
            make_accountability(plan=plan, due_on=day(due))
        refresh(day(first))

        today = first
        for step in steps:
            today += step
            due = MemberFacts.objects.filter(recheck_on__lte=day(today))
            mark_dirty([(member, day(today)) for member in due.values_list("pk", flat=True)])
            DirtyMember.objects.update(taken_by=1)
            refresh(day(today), scope=Scope(first=0, last=2**62, taken_by=1))
            DirtyMember.objects.all().delete()

        assert refresh(day(today)).rows_out == 0


def test_members_outside_the_range_are_left_alone():
    first, second = make_member(), make_member()

    refresh(START, scope=Scope(first=second.pk, last=second.pk))

    assert list(MemberFacts.objects.values_list("pk", flat=True)) == [second.pk]
    assert Member.objects.filter(pk=first.pk, known=None).exists()


# Whole histories: late evidence, withdrawals, pauses, moved plans, new goals, promises, goals.

day_numbers = st.integers(0, 150)
some_turns = st.lists(day_numbers, max_size=3, unique=True)
histories = st.fixed_dictionaries(
    {
        "milestones": st.lists(
            st.tuples(
                st.integers(5, 120), some_turns, st.sampled_from(["confirmed", "declared"])
            ),
            min_size=1,
            max_size=4,
        ),
        "beside": st.lists(some_turns, max_size=1),
        "pauses": st.lists(st.tuples(day_numbers, st.none() | st.integers(1, 40)), max_size=2),
        "next": st.lists(
            st.tuples(
                st.sampled_from(["replan", "replan", "evolve"]),
                st.integers(1, 60),
                st.integers(-20, 60),
                st.booleans(),
            ),
            max_size=3,
        ),
        "late": some_turns,
        "promises": st.lists(
            st.tuples(
                st.sampled_from(["member", "association"]),
                st.none() | st.integers(0, 3),
                day_numbers,
                st.none() | day_numbers,
                st.none() | day_numbers,
            ),
            max_size=5,
        ),
        "said": st.lists(st.integers(-200, 150), max_size=2, unique=True),
        "confirmed": st.lists(st.integers(-200, 150), max_size=2, unique=True),
    }
)


def live_through(history):
    """Make a member with such a history, and return it."""
    member = make_member()
    make_term(member=member, starts_on=day(-30), ends_on=day(400))
    plan = make_plan(member=member, anchor_on=START, expected_days=())
    points = sorted(history["milestones"], key=lambda point: point[0])
    for position, (expected_day, turns, source) in enumerate(points, start=1):
        Milestone.objects.create(
            plan=plan,
            key=f"m{position}",
            position=position,
            title=f"M{position}",
            expected_day=expected_day,
            weight=5 * position,
            evidence_dates=sorted(map(day, turns)) or None,
            evidence_source=source,
        )
    for turns in history["beside"]:
        ungated(plan, evidence_dates=sorted(map(day, turns)) or None)
    for start, length in history["pauses"]:
        ends_on = None if length is None else day(start + length)
        PlanPause.objects.create(
            plan=plan, starts_on=day(start), ends_on=ends_on, reason="away"
        )
    on = 0
    for kind, later, shift, drops in history["next"]:
        on += later
        if kind == "replan":
            gating = plan.milestones.filter(is_gating=True).order_by("position")
            moved = {m.key: max(1, m.expected_day + shift) for m in gating[1:]}
            dropped = {gating[0].key} if drops and len(gating) > 1 else ()
            plan = replan(plan, on=day(on), moved=moved, dropped=dropped)
        else:
            plan = evolve(plan, on=day(on), expected_days=(20, 40 + max(shift, 0)))
    # evidence that comes to be known after the fact, on the version in force
    Milestone.objects.filter(plan=plan, position=1).update(
        evidence_dates=sorted(map(day, history["late"])) or None
    )
    own = list(plan.milestones.order_by("position"))
    for side, about, due, done, waived in history["promises"]:
        make_accountability(
            plan=plan,
            milestone=None if about is None else own[about % len(own)],
            side=side,
            due_on=day(due),
            done_on=None if done is None else day(done),
            waived_on=None if waived is None else day(waived),
        )
    said = sorted(history["said"])
    for version, since in enumerate(said, start=1):
        ends = said[version] if version < len(said) else None
        confirmed = [
            n for n in history["confirmed"] if n >= since and (ends is None or n < ends)
        ]
        one = outcome(
            member=member,
            version=version,
            said_on=day(since),
            ended_on=None if ends is None else day(ends),
            confirmed_on=day(max([since, *confirmed])),
        )
        for number in confirmed:
            OutcomeConfirmation.objects.create(
                outcome=one, on=day(number), said_in="call", recorded_at=NOON
            )
    return member


def told(member, as_of):
    """What the engine says of a member on a day, as a row of MemberFacts has it."""
    reading = vector_on(member, as_of=as_of)
    vector, baseline = reading.vector, reading.baseline
    held = vector and vector.days_ahead
    first_held = baseline and baseline.position
    return {
        "plan_id": reading.plan and reading.plan.pk,
        "state": reading.state.value,
        "held_on": as_of + timedelta(days=held) if held else None,
        "pace_milli": vector and vector.pace_milli,
        "direction": vector and vector.direction,
        "achieved_weight": vector and vector.achieved_weight,
        "declared_weight": vector and vector.declared_weight,
        "expected_weight": vector and vector.expected_weight,
        "blocked_since": vector and vector.blocked_since,
        "behind_since": vector and vector.behind_since,
        "is_rebaselined": baseline is not None,
        "baseline_held_on": as_of + timedelta(days=first_held) if first_held else None,
        "blocker": reading.blocker.value if reading.blocker else "",
        "next": next((m.milestone_id for m in reading.milestones if m.is_next), None),
        "overlays": reading.overlays,
    }


def kept(known, as_of):
    row = {name: getattr(known, name) for name in told(known.member, as_of)
           if name not in {"next", "overlays"}}  # fmt: skip
    return row | {
        "next": known.next_milestone_id,
        "overlays": overlays_of(known, as_of=as_of),
    }


@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(past=st.lists(histories, min_size=1, max_size=4), today=st.integers(0, 200))
def test_facts_equal_the_engine_on_random_histories(past, today):
    with example():
        members = [live_through(history) for history in past]

        refresh(day(today))

        for member in members:
            known = MemberFacts.objects.select_related("member").get(member=member)
            assert kept(known, day(today)) == told(member, day(today))


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    past=st.lists(histories, min_size=1, max_size=4),
    first=st.integers(0, 150),
    steps=st.lists(st.integers(1, 30), min_size=1, max_size=4),
)
def test_nights_over_whole_histories_leave_what_a_night_over_everybody_leaves(
    past, first, steps
):
    with example():
        for history in past:
            live_through(history)
        refresh(day(first))

        today = first
        for step in steps:
            today += step
            refresh(day(today), scope=Scope(first=0, last=2**62, taken_by=1))

        assert refresh(day(today)).rows_out == 0


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(history=histories, today=st.integers(0, 150), later=st.integers(1, 60))
def test_a_past_day_is_told_again_as_it_was_told(history, today, later):
    """Nothing that comes after a day changes what is said of it, and nights do not add up."""
    with example():
        member = live_through(history)
        refresh(day(today))
        then = kept(MemberFacts.objects.get(member=member), day(today))

        refresh(day(today + later))
        refresh(day(today))

        assert kept(MemberFacts.objects.get(member=member), day(today)) == then


@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(history=histories, today=st.integers(0, 150), random=st.randoms(use_true_random=False))
def test_dues_tier_and_owner_never_enter(history, today, random):
    with example():
        worths = [(100, "Silver"), (50_000, "Platinum"), (2_500, "Gold")]
        random.shuffle(worths)
        people = []
        for dues, tier in worths:
            member = live_through(history)
            make_term(member=member, dues=dues, tier=tier, starts_on=day(-30), ends_on=day(400))
            make_assignment(member=member, owner=make_user())
            people.append(member)

        refresh(day(today))

        own = {"plan_id", "next"}  # each has rows of its own
        rows = [
            {name: value for name, value in kept(known, day(today)).items() if name not in own}
            for known in MemberFacts.objects.order_by("pk")
        ]
        assert rows == rows[:1] * 3


def test_what_new_days_hide_is_kept_from_the_first_agreed_ones():
    """SV16."""
    plan = make_plan(
        member=make_term().member,
        anchor_on=START,
        expected_days=(30, 60, 90, 180, 300),
        evidence=[[day(28)], [day(55)]],
    )

    found = []
    for number in (99, 100):
        if number == 100:
            replan(plan, on=day(100), moved={"milestone-3": 150})
        refresh(day(number))
        known = MemberFacts.objects.get()
        found.append((known.state, known.held_on, known.is_rebaselined, known.baseline_held_on))

    assert found == [
        ("slipping", day(90), False, None),
        ("on_track", None, True, day(90)),
    ]


def test_a_milestone_that_waits_for_us_says_so_from_the_due_day_on():
    """SV9: the association wins ties, and a promise about something else holds up nothing."""
    plan = make_plan(member=make_term().member, anchor_on=START, evidence=[[day(30)]])
    second = plan.milestones.get(position=2)
    make_accountability(plan=plan, side="association", due_on=day(40))
    make_accountability(plan=plan, side="member", milestone=second, due_on=day(50))
    make_accountability(plan=plan, side="association", milestone=second, due_on=day(80))

    found = {}
    for number in (60, 61, 79, 80, 110):
        refresh(day(number))
        found[number] = MemberFacts.objects.get().blocker

    assert found == {60: "", 61: "member", 79: "member", 80: "association", 110: "association"}


def test_a_milestone_that_nobody_promised_anything_for_has_no_known_blocker():
    make_plan(member=make_term().member, anchor_on=START)

    refresh(day(31))

    assert MemberFacts.objects.get().blocker == "unknown"


def test_a_goal_is_known_by_the_day_it_was_last_confirmed():
    member = make_term().member
    ended = outcome(member=member, version=1, said_on=day(0), ended_on=day(40))
    second = outcome(
        member=member, version=2, said_on=day(40), confirmed_on=day(90), is_primary=True
    )
    outcome(member=member, version=3, said_on=day(95), is_primary=False)
    for one, number in ((ended, 30), (second, 60), (second, 90)):
        OutcomeConfirmation.objects.create(
            outcome=one, on=day(number), said_in="review", recorded_at=NOON
        )

    found = {}
    for number in (-1, 5, 45, 70, 100):
        refresh(day(number))
        found[number] = MemberFacts.objects.get().goal_confirmed_on

    assert found == {-1: None, 5: day(0), 45: day(40), 70: day(60), 100: day(90)}


def test_a_goal_is_looked_at_again_on_the_day_it_goes_stale():
    member = make_member()
    outcome(member=member, said_on=START)

    refresh(day(10))

    assert MemberFacts.objects.get().recheck_on == day(181)


def behind_for_long():
    """Held for a whole window: of itself, nothing about this vector changes any more."""
    return make_plan(anchor_on=START, expected_days=(30, 300), evidence=[])


def recheck_on(as_of):
    refresh(as_of)
    return MemberFacts.objects.get().recheck_on


def test_facts_are_looked_at_again_when_a_promise_about_the_blockade_falls_due():
    plan = behind_for_long()
    first, second = plan.milestones.order_by("position")
    make_accountability(plan=plan, milestone=first, side="association", due_on=day(130))
    make_accountability(plan=plan, milestone=second, side="association", due_on=day(120))

    # the one about something else is late on the day after, the other holds it up from its day
    assert [recheck_on(day(n)) for n in (100, 121, 130)] == [day(121), day(130), day(131)]


def test_facts_are_looked_at_again_when_a_promise_was_done_or_waived():
    plan = behind_for_long()
    make_accountability(plan=plan, due_on=day(40), done_on=day(120))
    make_accountability(plan=plan, due_on=day(40), waived_on=day(125))

    assert [recheck_on(day(n)) for n in (100, 120, 125)] == [day(120), day(125), day(301)]


def test_facts_are_looked_at_again_when_a_first_agreed_day_has_passed():
    plan = make_plan(
        anchor_on=START, expected_days=(30, 60, 90), evidence=[[day(28)], [day(55)]]
    )
    replan(plan, on=day(60), moved={"milestone-3": 150})

    assert [recheck_on(day(n)) for n in (89, 90, 91)] == [day(91), day(91), day(151)]


def test_facts_are_looked_at_again_when_the_clock_has_been_caught_up_with_on_first_days():
    plan = make_plan(anchor_on=START, expected_days=(60, 200), evidence=[[day(20)]])
    replan(plan, on=day(30), moved={"milestone-1": 25})  # ahead on the first days only

    refresh(day(55))

    known = MemberFacts.objects.get()
    assert (known.held_on, known.baseline_held_on, known.recheck_on) == (None, day(60), day(60))


def test_what_was_reached_in_between_and_dropped_since_counts_on_the_first_days():
    first = make_plan(anchor_on=START, expected_days=(30, 60))
    second = replan(first, on=day(20), moved={"milestone-1": 40})
    reached = second.milestones.get(key="milestone-1")
    Milestone.objects.filter(pk=reached.pk).update(evidence_dates=[day(25)])
    replan(second, on=day(50), dropped=["milestone-1"])

    refresh(day(55))

    known = MemberFacts.objects.get()
    assert (known.held_on, known.baseline_held_on) == (None, None)
    assert vector_on(first.member, as_of=day(55)).baseline.position == 0


# What plays ask beside the plan


def test_a_term_to_come_is_known_tonight_and_not_in_a_past_night():
    member = make_member()
    make_term(member=member, starts_on=day(-300), ends_on=day(60))
    make_term(member=member, starts_on=day(60), ends_on=day(425))

    refresh(day(0))
    assert MemberFacts.objects.get().next_term_on == day(60)
    make_night(as_of=day(1))
    refresh(day(0))
    assert MemberFacts.objects.get().next_term_on is None
    refresh(day(60))
    assert MemberFacts.objects.get().next_term_on is None


def test_decider_is_the_main_contact_or_has_the_title_for_as_long_as_they_hold_it():
    titles = ["CTO", "Chief Architect", "Vice President", "Head of Platform", "Director, IT"]
    others = ["Engineer", "Directory editor", "Section header", ""]
    seen = {}
    for title in (*titles, *others):
        member = make_member()
        person = make_person()
        make_affiliation(
            member=member, person=person, title=title, starts_on=day(-50),
            is_primary_contact=False,
        )  # fmt: skip
        make_fact(member=member, person=person, occurred_on=day(-9))
        make_fact(member=member, person=person, occurred_on=day(3))
        make_fact(member=member, occurred_on=day(-1))
        seen[title] = member.pk
    main, gone = make_member(), make_member()
    for member, fields in (
        (main, {"is_primary_contact": True}),
        (gone, {"title": "CEO", "is_primary_contact": False, "ends_on": day(0)}),
    ):
        person = make_person()
        make_affiliation(member=member, person=person, starts_on=day(-50), **fields)
        make_fact(member=member, person=person, occurred_on=day(-9))

    refresh(day(0))

    found = set(
        MemberFacts.objects.filter(decider_last_on=day(-9)).values_list("pk", flat=True)
    )
    assert found == {seen[title] for title in titles} | {main.pk}
    assert MemberFacts.objects.filter(decider_last_on__isnull=False).count() == len(found)


def test_a_place_that_begins_or_ends_is_looked_at_on_its_day():
    member = make_member()
    make_affiliation(member=member, title="CEO", starts_on=day(4), ends_on=day(9))

    refresh(day(0))
    assert MemberFacts.objects.get().recheck_on == day(4)
    refresh(day(4))
    assert MemberFacts.objects.get().recheck_on == day(9)


def test_newest_review_is_the_one_held_or_agreed_by_then():
    member = make_member()

    def review(number, status, agreed, **fields):
        at = datetime.combine(day(number), time(12), tzinfo=UTC)
        make_review(
            member=member, starts_at=at, status=status,
            created_at=datetime.combine(day(agreed), time(12), tzinfo=UTC), **fields,
        )  # fmt: skip

    review(-40, "held", -60, held_on=day(-39))
    review(20, "cancelled", -30)
    review(10, "scheduled", -5)

    told = {}
    for number in (-61, -50, -39, -6, -5, 30):
        refresh(day(number))
        told[number] = MemberFacts.objects.get().review_on
    assert told == {
        -61: None,
        -50: day(-40),
        -39: day(-39),
        -6: day(-39),
        -5: day(10),
        30: day(10),
    }
