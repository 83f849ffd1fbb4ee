import math
from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from success.engine.forecast import (
    AS_PLANNED,
    PRIORS,
    Expected,
    LeftOut,
    Line,
    Outcome,
    Prior,
    Standing,
    Tenth,
    Unknown,
    by_cohort,
    calibration,
    chance,
    expect,
    forecast_nrr,
    leads_for_a_sale,
    left_out,
    take_rate,
    why_unknown,
)
from success.engine.survival import Observation, kaplan_meier
from success.engine.vector import State
from tests.oracles import oracle

LATENESS = kaplan_meier(
    Observation(time=time, happened=happened)
    for time, happened in [
        (-10, True), (0, True), (5, True), (5, True), (12, False), (20, True), (30, False),
        (45, True), (60, False), (90, True),
    ]
)  # fmt: skip
MIX = [(60, "0.95", "0.9"), (25, "0.6", "0.7"), (10, "0.2", "0.4"), (5, "0.95", "0.3")]
SURE = Fraction(1)
FINE = Standing(
    is_member=True,
    state=State.ON_TRACK,
    is_next=True,
    is_reached=False,
    is_asked=False,
    is_owned=False,
    is_retired=False,
    is_cooling_off=False,
    is_goal_stale=False,
    is_assoc_blocked=False,
)


def line(
    accounts: int,
    take: str,
    value: int | None,
    *,
    chance: str | None = "1",
    cohort: str = "M4",
) -> Line:
    return Line(
        cohort=cohort,
        accounts=accounts,
        chance=None if chance is None else Fraction(chance),
        take=Fraction(take),
        value=None if value is None else Fraction(value),
    )


@pytest.mark.parametrize(
    ("case", "value"),
    [
        pytest.param("FC_murphy", 1000, id="FC_murphy"),
        pytest.param("FC_association", 500, id="FC_association"),
    ],
)
def test_certain_milestones_give_the_number_of_the_sources(case: str, value: int) -> None:
    assert expect([line(100, "0.9", value)]).value == oracle(case)


@pytest.mark.parametrize("case", ["FC_murphy_sd"])
def test_deviation_adds_up_over_accounts(case: str) -> None:
    found = expect([line(100, "0.9", 1000)])

    assert found.deviation == oracle(case)
    low, high = found.between() or (0, 0)
    assert (round(low), round(high)) == (85_065, 94_935)


@pytest.mark.parametrize("case", ["FC_sales_pipeline_leads_for_20pct"])
def test_pipeline_wants_five_leads_for_a_sale(case: str) -> None:
    assert leads_for_a_sale(Fraction(1, 5)) == oracle(case)


def test_pipeline_that_never_closes_has_no_number_of_leads() -> None:
    with pytest.raises(ValueError, match="Nothing"):
        leads_for_a_sale(Fraction(0))


def mix() -> Expected:
    return expect(line(n, take, 500, chance=reached) for n, reached, take in MIX)


@pytest.mark.parametrize("case", ["FC_mix_expected_takers"])
def test_mix_of_states_gives_its_takers(case: str) -> None:
    assert mix().takers == Fraction(str(oracle(case)))


@pytest.mark.parametrize("case", ["FC_mix_value_500"])
def test_mix_of_states_gives_its_value(case: str) -> None:
    assert mix().value == Fraction(str(oracle(case)))


@pytest.mark.parametrize("case", ["FC_mix_gap_vs_naive"])
def test_mix_of_states_is_below_the_naive_number(case: str) -> None:
    naive = expect([line(100, "0.9", 500)]).value

    assert naive - mix().value == Fraction(str(oracle(case)))


@pytest.mark.parametrize("case", ["FC_three_cohorts"])
def test_cohorts_add_up(case: str) -> None:
    lines = [
        line(100, "0.9", 500, cohort="a"),
        line(40, "0.65", 1200, cohort="b"),
        line(15, "0.5", 4000, cohort="c"),
    ]

    assert [each.value for each in by_cohort(lines).values()] == [45_000, 31_200, 30_000]
    assert expect(lines).value == oracle(case)


@pytest.mark.parametrize("case", ["FC_beta_take_rate"])
def test_take_rate_is_shrunk_to_what_is_assumed(case: str) -> None:
    rate = take_rate(takers=14, asked=20, prior=AS_PLANNED)

    assert rate == Fraction(23, 30)
    assert float(rate) == oracle(case)


def test_take_rate_of_nobody_is_what_is_assumed() -> None:
    assert take_rate(takers=0, asked=0, prior=Prior(7, 3)) == Fraction(7, 10)


def test_take_rate_refuses_more_takers_than_asked() -> None:
    with pytest.raises(ValueError, match="3 takers of 2"):
        take_rate(takers=3, asked=2, prior=AS_PLANNED)


def test_every_state_that_can_count_has_an_assumption_of_ten_answers() -> None:
    assert {prior.yes + prior.no for prior in PRIORS.values()} == {10}
    assert set(State) - set(PRIORS) == {State.NO_PLAN, State.REGRESSING}


@pytest.mark.parametrize("case", ["LAT_KM"])
def test_lateness_curve_is_the_worked_one(case: str) -> None:
    assert [[step.time, str(step.survival)] for step in LATENESS.steps] == [
        [row[0], row[3]] for row in oracle(case)
    ]


@pytest.mark.parametrize(
    ("case", "late"),
    [
        pytest.param("LAT_P_not_due_20d_next30", -20, id="LAT_P_not_due_20d_next30"),
        pytest.param("LAT_P_overdue10_next30", 10, id="LAT_P_overdue10_next30"),
        pytest.param("LAT_P_overdue25_next30", 25, id="LAT_P_overdue25_next30"),
    ],
)
def test_one_curve_serves_not_due_and_overdue(case: str, late: int) -> None:
    found = chance(LATENESS, late=late, days=30, fewest_events=7)

    assert found is not None
    assert float(found) == oracle(case)


def test_chance_is_null_with_few_events() -> None:
    assert LATENESS.events == 7
    assert chance(LATENESS, late=0, days=30) is None
    assert why_unknown(LATENESS) is Unknown.TOO_FEW
    assert chance(None, late=0, days=30) is None
    assert why_unknown(None) is Unknown.TOO_FEW


def test_chance_is_null_beyond_the_last_lateness_observed() -> None:
    assert chance(LATENESS, late=60, days=30, fewest_events=7) == 1
    assert chance(LATENESS, late=61, days=30, fewest_events=7) is None
    assert chance(LATENESS, late=90, days=0, fewest_events=7) is None
    assert why_unknown(LATENESS, fewest_events=7) is Unknown.BEYOND


def test_chance_of_months_that_follow_is_that_of_them_together() -> None:
    parts = [
        chance(LATENESS, late=-20, days=30 + after, after=after, fewest_events=7)
        for after in (0, 30, 60)
    ]

    assert sum(part or 0 for part in parts) == chance(
        LATENESS, late=-20, days=90, fewest_events=7
    )


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({}, None),
        ({"is_member": False}, LeftOut.NOT_A_MEMBER),
        ({"is_reached": True}, LeftOut.REACHED),
        ({"is_reached": True, "is_asked": True}, LeftOut.ASKED),
        ({"is_next": False}, LeftOut.FURTHER_ON),
        ({"is_owned": True}, LeftOut.OWNED),
        ({"is_retired": True}, LeftOut.RETIRED),
        ({"is_cooling_off": True}, LeftOut.COOLING_OFF),
        ({"is_goal_stale": True}, LeftOut.GOAL_STALE),
        ({"state": State.REGRESSING}, LeftOut.REGRESSING),
        ({"state": State.STALLED}, None),
        ({"is_assoc_blocked": True}, LeftOut.ASSOC_BLOCKED),
    ],
)
def test_account_counts_unless_something_stands_against_it(
    change: dict[str, bool], reason: LeftOut | None
) -> None:
    assert left_out(replace(FINE, **change)) is reason  # type: ignore[arg-type]  # of one field


def test_unknown_accounts_are_counted_and_in_no_sum() -> None:
    found = expect([line(3, "0.9", 100, chance=None), line(2, "0.5", 100), line(1, "1", None)])

    assert (found.accounts, found.known, found.unknown, found.unpriced) == (6, 3, 3, 1)
    assert found.takers == 2
    assert found.value == 100
    assert expect([line(3, "0.9", 100, chance=None)]).between() is None
    assert expect([]).takers_between() is None


def test_interval_stays_between_nothing_and_everything() -> None:
    assert expect([line(1, "0.5", 100)]).between() == (0, 100)
    assert expect([line(5, "1", 100)]).between() == (500, 500)
    assert expect([line(1, "0.5", 100)]).takers_between() == (0, 1)


def test_calibration_sets_what_came_beside_what_was_foretold() -> None:
    found = calibration(
        [
            Outcome(Fraction("0.62"), 10, 6),
            Outcome(Fraction("0.68"), 30, 22),
            Outcome(SURE, 2, 2),
            Outcome(Fraction("0.05"), 0, 0),
        ]
    )

    assert found == [
        Tenth(Fraction(6, 10), Fraction(7, 10), 40, Fraction("26.6"), 28),
        Tenth(Fraction(9, 10), SURE, 2, Fraction(2), 2),
    ]
    assert (found[0].foretold, found[0].came) == (Fraction("0.665"), Fraction("0.7"))


def test_forecast_nrr_adds_what_is_expected_to_what_stays() -> None:
    nrr = forecast_nrr(
        opening=Fraction(1_000_000), kept=Fraction("0.84"), expansion=Fraction(210_000)
    )

    assert nrr == Fraction("1.05")
    assert forecast_nrr(opening=Fraction(0), kept=SURE, expansion=SURE) is None
    assert forecast_nrr(opening=SURE, kept=None, expansion=SURE) is None


SHARES = st.fractions(min_value=0, max_value=1, max_denominator=1000)
LINES = st.lists(
    st.builds(
        Line,
        cohort=st.sampled_from("abc"),
        accounts=st.integers(0, 50),
        chance=st.none() | SHARES,
        take=SHARES,
        value=st.none() | st.integers(0, 10_000).map(Fraction),
    )
)


@given(LINES)
def test_cohorts_and_single_accounts_add_up_to_the_same(lines: list[Line]) -> None:
    whole = expect(lines)
    cohorts = Expected()
    for each in by_cohort(lines).values():
        cohorts = cohorts.plus(each)
    accounts = expect(replace(each, accounts=1) for each in lines for _ in range(each.accounts))

    assert whole == cohorts == accounts
    assert whole.value >= 0
    low, high = whole.between() or (0.0, 0.0)
    assert 0 <= low <= float(whole.value) + 1e-6
    assert high <= whole.most or math.isclose(high, whole.most)
