from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.kernel.clock import local_date
from success.engine.accountability import Blocker, Promise, Side, blocker, may_nudge_member
from success.engine.vector import (
    GatingMilestone,
    Pause,
    Plan,
    State,
    Vector,
    compute,
    effective_pace,
    plan_day,
    plan_promise_days_left,
    position_on_baseline,
    state_of,
    thousandths,
)
from tests.oracles import oracle

ANCHOR = date(2025, 1, 1)
EXPECTED_DAYS = (30, 60, 90, 180, 300)
WEIGHTS = (20, 15, 15, 25, 25)

Evidence = dict[int, tuple[int, ...]]


def on_day(number: int) -> date:
    return ANCHOR + timedelta(days=number)


def make_plan(
    evidence: Evidence,
    *,
    expected_days: tuple[int, ...] = EXPECTED_DAYS,
    weights: tuple[int, ...] = WEIGHTS,
    pauses: tuple[Pause, ...] = (),
) -> Plan:
    """Plan with evidence given as days since the anchor, by milestone position."""
    return Plan(
        anchor=ANCHOR,
        milestones=tuple(
            GatingMilestone(
                position=position,
                expected_day=expected_day,
                weight=weight,
                evidence_dates=tuple(on_day(n) for n in evidence.get(position, ())),
            )
            for position, (expected_day, weight) in enumerate(
                zip(expected_days, weights, strict=True), start=1
            )
        ),
        pauses=pauses,
    )


def vector_on(plan: Plan, day: int, **settings: Any) -> Vector:
    vector = compute(plan, as_of=on_day(day), **settings)
    assert vector is not None
    return vector


REBASELINED = (30, 60, 150, 180, 300)
NEW_GOAL = (20, 60, 120)

CASES: dict[str, tuple[Evidence, int, tuple[int, ...]]] = {
    "SV1_on_track": ({1: (28,), 2: (55,)}, 75, EXPECTED_DAYS),
    "SV2_stalled": ({1: (30,)}, 110, EXPECTED_DAYS),
    "SV3_slipping_recover": ({1: (30,), 2: (85,)}, 100, EXPECTED_DAYS),
    "SV3b_slipping_first": ({1: (30,)}, 75, EXPECTED_DAYS),
    "SV4_regressing": ({1: (25,), 2: (55, 140), 3: (88,)}, 150, EXPECTED_DAYS),
    "SV5_ahead": ({1: (20,), 2: (40,), 3: (65,)}, 65, EXPECTED_DAYS),
    "SV5b_ahead_waiting": ({1: (20,), 2: (40,), 3: (50,)}, 89, EXPECTED_DAYS),
    "SV7_old_plan_at_close_day190": (
        {1: (25,), 2: (50,), 3: (85,), 4: (170,)},
        190,
        EXPECTED_DAYS,
    ),
    "SV10_out_of_order": ({1: (30,), 3: (80,)}, 95, EXPECTED_DAYS),
    "SV10b_gap_closed": ({1: (30,), 2: (96,), 3: (80,)}, 96, EXPECTED_DAYS),
    "SV11_achieved": (
        {1: (25,), 2: (50,), 3: (85,), 4: (170,), 5: (280,)},
        290,
        EXPECTED_DAYS,
    ),
    "SV12_day_three": ({}, 3, EXPECTED_DAYS),
    "SV12b_day_seven": ({}, 7, EXPECTED_DAYS),
    "SV13_stall_boundary": ({1: (30,)}, 90, EXPECTED_DAYS),
    "SV14_due_day_itself": ({1: (30,)}, 60, EXPECTED_DAYS),
    "SV15_catch_up": ({1: (30,), 2: (95,), 3: (99,)}, 100, EXPECTED_DAYS),
    "SV16_rebaseline_original": ({1: (28,), 2: (55,)}, 100, EXPECTED_DAYS),
    "SV16_rebaseline_new": ({1: (28,), 2: (55,)}, 100, REBASELINED),
}


def as_oracle(vector: Vector) -> dict[str, Any]:
    return {
        "t": vector.plan_day,
        "c": vector.reached,
        "D": vector.clock,
        "S": vector.days_ahead,
        "raw": None if vector.raw is None else str(vector.raw),
        "rho": None if vector.pace is None else float(vector.pace),
        "delta": vector.direction,
        "A": vector.achieved_weight,
        "E": vector.expected_weight,
        "state": vector.state.value,
    }


@pytest.mark.parametrize("case", CASES)
def test_vector_gives_the_worked_example(case: str) -> None:
    evidence, day, expected_days = CASES[case]

    vector = vector_on(make_plan(evidence, expected_days=expected_days), day)

    assert as_oracle(vector) == oracle(case)


@pytest.mark.parametrize("case", ["SV7_evolved_DO_new_plan_day10"])
def test_a_new_goal_starts_clean_and_is_no_regress(case: str) -> None:
    new_version = make_plan({}, expected_days=NEW_GOAL, weights=(30, 30, 40))

    assert as_oracle(vector_on(new_version, 10)) == oracle(case)


@pytest.mark.parametrize(
    ("day", "days_left"),
    [pytest.param(10, 4, id="SV6"), pytest.param(15, -1, id="SV6b_overdue")],
)
def test_without_a_plan_there_is_no_vector_and_a_promise_runs(day: int, days_left: int) -> None:
    vector = compute(None, as_of=on_day(day))

    assert vector is None
    assert state_of(vector) is State.NO_PLAN
    assert plan_promise_days_left(since=ANCHOR, on=on_day(day)) == days_left


def test_what_a_new_day_hides_is_known_by_the_first_one() -> None:
    """SV16."""
    story: Evidence = {1: (28,), 2: (55,)}
    now, first = (
        replace(
            plan, milestones=tuple(replace(m, key=f"m{m.position}") for m in plan.milestones)
        )
        for plan in (make_plan(story, expected_days=REBASELINED), make_plan({}))
    )

    on_first_days = position_on_baseline(
        now,
        first_agreed=first.milestones,
        evidence={m.key: m.evidence_dates for m in now.milestones},
        as_of=on_day(100),
    )

    assert on_first_days == oracle("SV16_rebaseline_original")["S"]
    assert vector_on(now, 100).days_ahead - (on_first_days or 0) == 10


def test_a_milestone_that_was_dropped_keeps_its_own_evidence_on_the_first_days() -> None:
    first = (
        GatingMilestone(1, 30, 50, (on_day(20),), key="dropped"),
        GatingMilestone(2, 60, 50, key="kept"),
    )
    now = Plan(ANCHOR, (GatingMilestone(1, 90, 100, key="kept"),))

    def on_first_days(evidence: dict[str, tuple[date, ...]], day: int) -> int | None:
        return position_on_baseline(
            now, first_agreed=first, evidence=evidence, as_of=on_day(day)
        )

    assert on_first_days({"kept": ()}, 70) == -10
    assert on_first_days({"kept": (on_day(65),)}, 70) == 0
    assert on_first_days({"kept": (), "dropped": ()}, 70) == -40
    assert on_first_days({}, -1) is None
    assert position_on_baseline(now, first_agreed=(), evidence={}, as_of=on_day(9)) is None


@pytest.mark.parametrize("case", ["SV8_AX_fit_phi"])
def test_experience_discounts_progress(case: str) -> None:
    fit = Fraction(str(oracle(case)))

    vector = vector_on(make_plan({1: (28,), 2: (55,)}), 75, fit=fit)

    assert (vector.pace, vector.effective_pace) == (Fraction(1), Fraction(1, 5))
    assert vector.state is State.ON_TRACK


@pytest.mark.parametrize(
    ("side", "expected", "nudge"),
    [
        pytest.param(Side.ASSOCIATION, Blocker.ASSOCIATION, False, id="SV9_association"),
        pytest.param(Side.MEMBER, Blocker.MEMBER, True, id="SV9_contrast_member"),
    ],
)
def test_a_stall_of_our_making_sends_no_nudge(
    side: Side, expected: Blocker, nudge: bool
) -> None:
    vector = vector_on(make_plan({1: (30,)}), 110)
    promises = [Promise(side=side, due_on=on_day(50))]

    blocked_by = blocker(promises, on=vector.as_of)

    assert vector.state is State.STALLED
    assert blocked_by is expected
    assert may_nudge_member(blocked_by) is nudge


def test_effective_pace_is_unknown_without_fit_and_does_not_soften_regress() -> None:
    fit = Fraction(1, 5)

    assert effective_pace(Fraction(1), fit=None) is None
    assert effective_pace(None, fit=fit) is None
    assert effective_pace(Fraction(-2), fit=fit) == -2
    assert effective_pace(Fraction(0), fit=fit) == 0


def test_before_its_anchor_a_plan_has_no_vector() -> None:
    assert compute(make_plan({}), as_of=on_day(-1)) is None


def test_a_plan_needs_a_milestone() -> None:
    with pytest.raises(ValueError, match="at least one"):
        Plan(anchor=ANCHOR, milestones=())


def test_carried_over_milestones_count_from_the_first_day() -> None:
    vector = vector_on(make_plan({1: (-40,)}), 3)

    assert (vector.reached, vector.clock, vector.days_ahead) == (1, 30, 27)
    assert vector.state is State.AHEAD


@pytest.mark.parametrize(
    ("evidence", "day", "blocked_since", "behind_since"),
    [
        pytest.param({1: (30,)}, 60, None, None, id="due day is not late"),
        pytest.param({1: (30,)}, 61, 61, None, id="late within tolerance"),
        pytest.param({1: (30,)}, 67, 61, None, id="tolerance is inclusive"),
        pytest.param({1: (30,)}, 110, 61, 68, id="late"),
        pytest.param({1: (25,), 2: (55, 140), 3: (88,)}, 150, 140, 140, id="withdrawn late"),
        pytest.param({1: (25,), 2: (55, 58)}, 80, 61, 68, id="withdrawn before due"),
        pytest.param({1: (70,)}, 80, 61, 68, id="an earlier blocker hid it"),
        pytest.param({1: (28,), 2: (55,)}, 75, None, None, id="nothing overdue"),
    ],
)
def test_blockade_is_dated(
    evidence: Evidence, day: int, blocked_since: int | None, behind_since: int | None
) -> None:
    vector = vector_on(make_plan(evidence), day)

    assert vector.blocked_since == (None if blocked_since is None else on_day(blocked_since))
    assert vector.behind_since == (None if behind_since is None else on_day(behind_since))


def test_a_pause_stops_the_plan_day_and_nothing_else() -> None:
    ten_days = Pause(on_day(20), on_day(30))
    plan = make_plan({}, pauses=(ten_days,))

    assert [plan_day(plan, on=on_day(n)) for n in (19, 20, 25, 30, 31, 50)] == [
        19,
        20,
        20,
        20,
        21,
        40,
    ]
    vector = vector_on(plan, 50)
    assert (vector.plan_day, vector.paused_days) == (40, 10)
    assert vector.blocked_since == on_day(41)
    assert vector.behind_since == on_day(48)


def test_a_pause_that_begins_on_the_first_late_day_does_not_move_it() -> None:
    plan = make_plan({}, pauses=(Pause(on_day(31), on_day(41)),))

    assert vector_on(plan, 31).blocked_since == on_day(31)
    assert vector_on(plan, 60).blocked_since == on_day(31)


def test_overlapping_pauses_count_once_and_an_open_one_runs_on() -> None:
    plan = make_plan(
        {},
        pauses=(
            Pause(on_day(12), on_day(15)),
            Pause(on_day(10), on_day(20)),
            Pause(on_day(18), on_day(22)),
            Pause(on_day(40)),
        ),
    )

    assert [plan_day(plan, on=on_day(n)) for n in (10, 22, 40, 400)] == [10, 10, 28, 28]


def test_evidence_in_a_pause_is_seen_when_it_comes_and_not_before() -> None:
    plan = make_plan({1: (36,)}, pauses=(Pause(on_day(32), on_day(42)),))

    assert [vector_on(plan, n).reached for n in (35, 36, 41, 50)] == [0, 1, 1, 1]


def test_the_window_looks_back_over_plan_days() -> None:
    paused = make_plan({1: (30,)}, pauses=(Pause(on_day(70), on_day(170)),))
    straight = make_plan({1: (30,)})

    assert vector_on(paused, 175).raw == vector_on(straight, 75).raw == Fraction(1, 2)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (Fraction(11, 6), 1833),
        (Fraction(2, 3), 667),
        (Fraction(1, 2000), 1),
        (Fraction(-1, 2000), -1),
        (Fraction(1, 2001), 0),
        (Fraction(-2), -2000),
        (Fraction(0), 0),
    ],
)
def test_thousandths_round_halves_away_from_zero(value: Fraction, expected: int) -> None:
    assert thousandths(value) == expected


@pytest.mark.parametrize(
    "zone", ["UTC", "Europe/Berlin", "America/New_York", "Pacific/Apia", "Australia/Lord_Howe"]
)
def test_a_night_at_half_past_midnight_neither_skips_nor_doubles_a_plan_day(zone: str) -> None:
    """A night sees one local date after the other, through both changes of the clocks."""
    plan = Plan(anchor=date(2025, 1, 10), milestones=(GatingMilestone(1, 200, 100),))
    first = datetime(2025, 1, 11, 0, 30, tzinfo=UTC)
    nights = [first + timedelta(days=n) for n in range(800)]

    seen = [plan_day(plan, on=local_date(at, zone=zone)) for at in nights]

    assert {later - earlier for earlier, later in pairwise(seen)} == {1}


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "Atlantic/Azores"])
def test_plan_day_rises_by_one_a_local_date_whatever_the_hour(zone: str) -> None:
    plan = Plan(anchor=date(2025, 1, 10), milestones=(GatingMilestone(1, 200, 100),))
    hours = [datetime(2025, 1, 11, tzinfo=UTC) + timedelta(hours=n) for n in range(24 * 400)]

    days = {local_date(at, zone=zone): None for at in hours}

    read = [plan_day(plan, on=day) for day in days]
    assert read == list(range(read[0], read[0] + len(read)))


# Random plans: late evidence, withdrawals, pauses, ties.

evidence_days = st.lists(st.integers(-20, 220), max_size=4).map(lambda d: tuple(sorted(d)))
random_pauses = st.lists(
    st.builds(
        lambda start, length: Pause(
            on_day(start), None if not length else on_day(start + length)
        ),
        st.integers(-10, 200),
        st.integers(0, 60),
    ),
    max_size=3,
).map(tuple)


@st.composite
def plans(draw: st.DrawFn, *, withdrawals: bool = True) -> Plan:
    expected_days = tuple(sorted(draw(st.lists(st.integers(0, 200), min_size=1, max_size=5))))
    weights = tuple(draw(st.integers(1, 40)) for _ in expected_days)
    evidence = {
        position: draw(evidence_days)[: None if withdrawals else 1]
        for position in range(1, len(expected_days) + 1)
    }
    return make_plan(
        evidence,
        expected_days=expected_days,
        weights=weights,
        pauses=draw(random_pauses),
    )


as_of_days = st.integers(0, 260)


@given(plans(), as_of_days, as_of_days)
def test_clock_falls_only_where_evidence_was_withdrawn_in_between(
    plan: Plan, first: int, second: int
) -> None:
    earlier, later = sorted((first, second))
    withdrawn = any(
        on_day(earlier) < turn <= on_day(later)
        for milestone in plan.milestones
        for turn in sorted(milestone.evidence_dates)[1::2]
    )

    assert withdrawn or vector_on(plan, earlier).clock <= vector_on(plan, later).clock


@given(plans(), as_of_days)
def test_the_days_first_agreed_are_read_as_the_days_of_any_plan(plan: Plan, day: int) -> None:
    first = position_on_baseline(
        plan, first_agreed=plan.milestones, evidence={}, as_of=on_day(day)
    )

    assert first == vector_on(plan, day).days_ahead


@given(plans(), as_of_days, st.sets(st.integers(1, 5)))
def test_declared_weight_is_a_part_of_the_achieved_and_moves_nothing(
    plan: Plan, day: int, declared: set[int]
) -> None:
    told = replace(
        plan,
        milestones=tuple(
            replace(m, is_declared=m.position in declared) for m in plan.milestones
        ),
    )

    vector = vector_on(told, day)

    assert 0 <= vector.declared_weight <= vector.achieved_weight
    assert as_oracle(vector) == as_oracle(vector_on(plan, day))


@given(plans(withdrawals=False), as_of_days, as_of_days)
def test_clock_never_falls_without_a_withdrawal(plan: Plan, first: int, second: int) -> None:
    earlier, later = sorted((first, second))

    assert vector_on(plan, earlier).clock <= vector_on(plan, later).clock


@given(plans(withdrawals=False), as_of_days)
def test_regressing_takes_a_withdrawal(plan: Plan, day: int) -> None:
    vector = vector_on(plan, day)

    assert vector.raw is None or vector.raw >= 0
    assert vector.state is not State.REGRESSING


@given(plans(), as_of_days)
def test_vector_stays_in_its_bounds(plan: Plan, day: int) -> None:
    vector = vector_on(plan, day)

    assert vector.clock >= 0
    assert vector.clock == vector.plan_day + vector.days_ahead
    assert (vector.pace is None) == (vector.plan_day < 7)
    assert vector.pace is None or abs(vector.pace) <= 2
    assert (vector.direction is None) == (vector.pace is None)
    assert (vector.days_ahead < 0) == (vector.blocking is not None)
    assert (vector.blocked_since is None) == (vector.blocking is None)
    assert (vector.behind_since is None) == (vector.days_ahead >= -7)


@given(plans(), as_of_days, st.data())
def test_an_achievement_never_lowers_clock_or_weight(
    plan: Plan, day: int, data: st.DataObject
) -> None:
    before = vector_on(plan, day)
    index = data.draw(st.integers(0, len(plan.milestones) - 1))
    milestone = plan.milestones[index]
    open_ended = len([d for d in milestone.evidence_dates if d <= before.as_of]) % 2 == 0
    last = max([ANCHOR, *(d for d in milestone.evidence_dates if d <= before.as_of)])
    achieved = data.draw(st.dates(last, before.as_of))
    extra = (achieved,) if open_ended else ()
    milestones = list(plan.milestones)
    milestones[index] = GatingMilestone(
        milestone.position,
        milestone.expected_day,
        milestone.weight,
        tuple(d for d in milestone.evidence_dates if d <= before.as_of) + extra,
    )

    after = vector_on(Plan(ANCHOR, tuple(milestones), plan.pauses), day)

    assert after.clock >= before.clock
    assert after.achieved_weight >= before.achieved_weight


@given(plans(), as_of_days, st.randoms())
def test_order_of_milestones_events_and_pauses_is_irrelevant(
    plan: Plan, day: int, random: Any
) -> None:
    milestones = [
        GatingMilestone(
            m.position,
            m.expected_day,
            m.weight,
            tuple(random.sample(m.evidence_dates, len(m.evidence_dates))),
        )
        for m in plan.milestones
    ]
    random.shuffle(milestones)
    pauses = tuple(random.sample(plan.pauses, len(plan.pauses)))

    shuffled = vector_on(Plan(ANCHOR, tuple(milestones), pauses), day)

    assert as_oracle(shuffled) == as_oracle(vector_on(plan, day))
    assert shuffled.blocked_since == vector_on(plan, day).blocked_since


@given(plans(), as_of_days)
def test_later_evidence_does_not_change_an_earlier_day(plan: Plan, day: int) -> None:
    seen = tuple(
        GatingMilestone(
            m.position,
            m.expected_day,
            m.weight,
            tuple(d for d in m.evidence_dates if d <= on_day(day)),
        )
        for m in plan.milestones
    )

    assert as_oracle(vector_on(Plan(ANCHOR, seen, plan.pauses), day)) == as_oracle(
        vector_on(plan, day)
    )


@given(plans(), as_of_days)
def test_blockade_dates_hold_on_the_day_they_name(plan: Plan, day: int) -> None:
    vector = vector_on(plan, day)

    if vector.blocked_since is not None:
        assert vector.blocked_since <= vector.as_of
        then = compute(plan, as_of=max(vector.blocked_since, ANCHOR))
        assert then is not None
        assert then.days_ahead < 0
    if vector.behind_since is not None:
        assert vector.blocked_since is not None
        assert vector.blocked_since <= vector.behind_since <= vector.as_of
        then = compute(plan, as_of=vector.behind_since)
        assert then is not None
        assert then.days_ahead < -7


@given(plans(), as_of_days)
def test_milli_pace_is_raw_milli_floored_and_clipped(plan: Plan, day: int) -> None:
    vector = vector_on(plan, day)
    raw = vector.raw_milli

    if raw is not None and raw >= 0 and vector.days_ahead >= 0:
        raw = max(raw, 1000)
    assert vector.pace_milli == (None if raw is None else max(-2000, min(2000, raw)))


@given(plans(), as_of_days)
def test_plan_day_rises_by_one_or_stands_still(plan: Plan, day: int) -> None:
    step = plan_day(plan, on=on_day(day + 1)) - plan_day(plan, on=on_day(day))
    paused = any(
        p.starts_on <= on_day(day) and (p.ends_on is None or on_day(day) < p.ends_on)
        for p in plan.pauses
    )

    assert step == (0 if paused else 1)
