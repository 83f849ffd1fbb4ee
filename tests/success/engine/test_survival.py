import math
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats  # type: ignore[import-untyped]  # ships no types

from success.engine.survival import (
    NORMAL_95,
    Curve,
    Observation,
    chi_square_tail,
    interval,
    kaplan_meier,
    log_rank,
    probability_within,
    stratified_log_rank,
)
from tests.oracles import oracle


def observations(written: str) -> list[Observation]:
    """Read "6 6+ 7": a plus sign means still waiting."""
    return [
        Observation(time=int(word.rstrip("+")), happened=not word.endswith("+"))
        for word in written.split()
    ]


COXOAKES = observations("1 1 2 2 3 4 4 5 5 8 8 8 8 11 11 12 12 15 17 22 23")
SIX_MP = observations("6 6 6 6+ 7 9+ 10 10+ 11+ 13 16 17+ 19+ 20+ 22 23 25+ 32+ 32+ 34+ 35+")
MEMBERSHIP = observations("12 12 12+ 24 24+ 30+ 36 36+ 48+ 60+")
TTFV = observations("5 12 20 20 35 60 41+ 75+ 90+ 90+")
LATENESS = observations("-10 0 5 5 12+ 20 30+ 45 60+ 90")


def table(curve: Curve) -> list[list[Any]]:
    return [[s.time, s.at_risk, s.events, str(s.survival)] for s in curve.steps]


@pytest.mark.parametrize(
    ("case", "sample"),
    [
        pytest.param("KM_membership", MEMBERSHIP, id="KM_membership"),
        pytest.param("TTFV_KM", TTFV, id="TTFV_KM"),
        pytest.param("LAT_KM", LATENESS, id="LAT_KM"),
    ],
)
def test_curve_gives_the_worked_table(case: str, sample: list[Observation]) -> None:
    assert table(kaplan_meier(sample)) == oracle(case)


@pytest.mark.parametrize("case", ["KM_6MP"])
def test_curve_gives_the_classic_table(case: str) -> None:
    curve = kaplan_meier(SIX_MP)

    assert table(curve) == [row[:4] for row in oracle(case)]
    assert [round(float(step.survival), 4) for step in curve.steps] == [
        row[4] for row in oracle(case)
    ]


@pytest.mark.parametrize("case", ["KM_coxoakes_S1_S2_S8"])
def test_curve_is_read_just_after_the_time(case: str) -> None:
    curve = kaplan_meier(COXOAKES)

    assert [str(curve.survival(t)) for t in (1, 2, 7, 8)] == oracle(case)


@pytest.mark.parametrize("case", ["KM_coxoakes_S10"])
def test_curve_stays_level_between_events(case: str) -> None:
    assert float(kaplan_meier(COXOAKES).survival(10)) == pytest.approx(oracle(case), rel=1e-12)


@pytest.mark.parametrize("case", ["KM_coxoakes_se"])
def test_greenwood_error(case: str) -> None:
    assert kaplan_meier(COXOAKES).error(10) == pytest.approx(oracle(case), rel=1e-12)


@pytest.mark.parametrize("case", ["KM_naive_share"])
def test_the_naive_share_is_not_the_curve(case: str) -> None:
    curve = kaplan_meier(MEMBERSHIP)

    assert curve.events / curve.observed == oracle(case)
    assert 1 - curve.survival(60) == Fraction(17, 35)


@pytest.mark.parametrize("case", ["TTFV_median"])
def test_median_time_to_first_value_counts_those_who_wait(case: str) -> None:
    assert kaplan_meier(TTFV).median == oracle(case)


@pytest.mark.parametrize("case", ["TTFV_naive_mean"])
def test_the_mean_of_the_lucky_is_not_the_median(case: str) -> None:
    achieved = [seen.time for seen in TTFV if seen.happened]

    assert sum(achieved) / len(achieved) == oracle(case)
    assert kaplan_meier(TTFV).median != pytest.approx(oracle(case))


@pytest.mark.parametrize("case", ["TTFV_onboard_by_30"])
def test_share_on_board_by_day_thirty(case: str) -> None:
    assert 1 - kaplan_meier(TTFV).survival(30) == Fraction(str(oracle(case)))


@pytest.mark.parametrize(
    ("case", "after", "until"),
    [
        pytest.param("LAT_P_not_due_20d_next30", -20, 10, id="LAT_P_not_due_20d_next30"),
        pytest.param("LAT_P_overdue10_next30", 10, 40, id="LAT_P_overdue10_next30"),
        pytest.param("LAT_P_overdue25_next30", 25, 55, id="LAT_P_overdue25_next30"),
    ],
)
def test_probability_of_reaching_a_milestone_in_the_window(
    case: str, after: int, until: int
) -> None:
    chance = probability_within(
        kaplan_meier(LATENESS), after=after, until=until, fewest_events=1
    )

    assert chance is not None
    assert float(chance) == pytest.approx(oracle(case), rel=1e-12)


def test_probability_is_unknown_where_the_curve_cannot_say() -> None:
    curve = kaplan_meier(LATENESS)

    assert probability_within(curve, after=0, until=30) is None
    assert probability_within(curve, after=0, until=91, fewest_events=1) is None
    assert probability_within(curve, after=90, until=90, fewest_events=1) is None
    assert probability_within(kaplan_meier([]), after=0, until=1, fewest_events=0) is None


def test_a_late_entrant_is_at_risk_only_after_entry() -> None:
    curve = kaplan_meier(
        [
            Observation(time=12, happened=True),
            Observation(time=24, happened=True),
            Observation(time=24, happened=False, entry=12),
            Observation(time=36, happened=True, entry=20),
        ]
    )

    assert table(curve) == [[12, 2, 1, "1/2"], [24, 3, 1, "1/3"], [36, 1, 1, "0"]]
    assert curve.error(36) is None


def test_nobody_is_observed_for_no_time() -> None:
    with pytest.raises(ValueError, match="no time"):
        Observation(time=3, happened=True, entry=3)


def test_median_is_unknown_while_more_than_half_wait() -> None:
    assert kaplan_meier(observations("5 9+ 9+")).median is None


def test_log_rank_of_the_classic_trial() -> None:
    compared = log_rank({"6-MP": SIX_MP, "placebo": COXOAKES})

    assert compared is not None
    assert round(float(compared.chi_square), 2) == 16.79
    assert compared.degrees == 1
    assert compared.p_value == pytest.approx(4.169e-5, rel=1e-3)


def test_log_rank_needs_two_groups_and_an_event() -> None:
    assert log_rank({"one": COXOAKES}) is None
    assert log_rank({"a": observations("3+ 4+"), "b": observations("5+")}) is None
    assert log_rank({"a": COXOAKES, "empty": []}) is None


def test_log_rank_of_equal_groups_finds_nothing() -> None:
    compared = log_rank({"a": SIX_MP, "b": SIX_MP, "c": SIX_MP})

    assert compared is not None
    assert (float(compared.chi_square), compared.degrees, compared.p_value) == (0.0, 2, 1.0)


@pytest.mark.parametrize("degrees", range(1, 8))
@pytest.mark.parametrize("value", [0.0, 0.3, 1.0, 3.84, 20.0])
def test_chi_square_tail_agrees_with_scipy(value: float, degrees: int) -> None:
    assert chi_square_tail(value, degrees=degrees) == pytest.approx(
        stats.chi2.sf(value, degrees), rel=1e-9
    )


seen = st.builds(Observation, time=st.integers(1, 40), happened=st.booleans())
samples = st.lists(seen, min_size=1, max_size=25)


@given(samples)
def test_curve_starts_at_one_and_never_rises(sample: list[Observation]) -> None:
    curve = kaplan_meier(sample)
    values = [Fraction(1), *(step.survival for step in curve.steps)]

    assert curve.survival(0) == 1
    assert values == sorted(values, reverse=True)
    assert min(values) >= 0


@given(st.lists(st.integers(1, 40), max_size=20))
def test_all_waiting_is_one_throughout(times: list[int]) -> None:
    curve = kaplan_meier(Observation(time, happened=False) for time in times)

    assert curve.steps == ()
    assert curve.survival(40) == 1


@given(st.lists(st.integers(1, 40), min_size=1, max_size=20), st.integers(0, 41))
def test_nobody_waiting_is_the_plain_share(times: list[int], time: int) -> None:
    curve = kaplan_meier(Observation(t, happened=True) for t in times)

    assert curve.survival(time) == Fraction(sum(t > time for t in times), len(times))


@given(samples, st.randoms(use_true_random=False))
def test_order_of_records_is_irrelevant(sample: list[Observation], random: Any) -> None:
    shuffled = random.sample(sample, len(sample))

    assert kaplan_meier(shuffled) == kaplan_meier(sample)


@given(samples, samples)
def test_log_rank_of_two_agrees_with_scipy(
    first: list[Observation], second: list[Observation]
) -> None:
    compared = log_rank({"a": first, "b": second})
    assume(compared is not None)
    assert compared is not None

    theirs = stats.logrank(*(_censored(sample) for sample in (first, second)))

    assert math.sqrt(compared.chi_square) == pytest.approx(abs(theirs.statistic), abs=1e-9)
    assert compared.p_value == pytest.approx(theirs.pvalue, rel=1e-6)


def _censored(sample: list[Observation]) -> stats.CensoredData:
    return stats.CensoredData(
        uncensored=[s.time for s in sample if s.happened],
        right=[s.time for s in sample if not s.happened],
    )


late_seen = st.builds(
    lambda entry, length, happened: Observation(entry + length, happened, entry),
    st.integers(0, 20),
    st.integers(1, 30),
    st.booleans(),
)
maybe_late = st.lists(st.one_of(seen, late_seen), min_size=1, max_size=25)


@given(maybe_late)
def test_those_at_risk_are_who_has_come_and_not_gone(sample: list[Observation]) -> None:
    for step in kaplan_meier(sample).steps:
        assert step.at_risk == sum(
            s.time >= step.time and (s.entry is None or s.entry < step.time) for s in sample
        )


@given(maybe_late, st.integers(1, 40))
def test_coming_late_by_nothing_changes_nothing(sample: list[Observation], shift: int) -> None:
    moved = [Observation(s.time + shift, s.happened, (s.entry or 0) + shift) for s in sample]
    entered = [Observation(s.time, s.happened, s.entry or 0) for s in sample]

    assert [s.survival for s in kaplan_meier(moved).steps] == [
        s.survival for s in kaplan_meier(entered).steps
    ]


@pytest.mark.parametrize("case", ["KM_6MP"])
def test_late_entry_at_the_start_gives_the_classic_table(case: str) -> None:
    entered = [Observation(s.time, s.happened, 0) for s in SIX_MP]

    assert table(kaplan_meier(entered)) == [row[:4] for row in oracle(case)]


@pytest.mark.parametrize("case", ["KM_membership"])
def test_a_member_who_enters_late_counts_only_from_then(case: str) -> None:
    rows = [list(row) for row in oracle(case)]
    curve = kaplan_meier([*MEMBERSHIP, Observation(60, happened=False, entry=24)])

    # not there at months 12 and 24; one more at risk at month 36: 3 of 4 become 4 of 5
    assert table(curve)[:2] == rows[:2]
    assert table(curve)[2] == [
        36,
        rows[2][1] + 1,
        1,
        str(Fraction(rows[1][3]) * Fraction(4, 5)),
    ]


@pytest.mark.parametrize("case", ["KM_coxoakes_se"])
def test_interval_holds_the_curve_and_comes_from_greenwood(case: str) -> None:
    curve = kaplan_meier(COXOAKES)
    bounds = interval(curve, 10)

    assert bounds is not None
    survival = float(curve.survival(10))
    reach = NORMAL_95 * oracle(case) / (survival * -math.log(survival))
    assert bounds == pytest.approx(
        (survival ** math.exp(reach), survival ** math.exp(-reach)), rel=1e-12
    )
    assert 0 < bounds[0] < survival < bounds[1] < 1
    assert interval(curve, 0) is None
    assert interval(curve, 23) is None


@given(samples, samples)
def test_one_stratum_is_no_stratum(first: list[Observation], second: list[Observation]) -> None:
    groups = {"a": first, "b": second}

    assert stratified_log_rank([groups]) == log_rank(groups)


def test_strata_are_compared_each_by_itself() -> None:
    # in either year both groups fare alike; years differ, and groups are spread unevenly
    good, bad = observations("9 10 11 12"), observations("1 2 3 4")
    mixed = log_rank({"a": good * 5 + bad, "b": good + bad * 5})
    apart = stratified_log_rank([{"a": good * 5, "b": good}, {"a": bad, "b": bad * 5}])

    assert mixed is not None
    assert apart is not None
    assert mixed.p_value < 0.01
    assert float(apart.chi_square) == 0.0


def test_tallies_add_up_to_what_happened() -> None:
    compared = log_rank({"6-MP": SIX_MP, "placebo": COXOAKES})

    assert compared is not None
    tallies = compared.tallies
    assert {name: tally.observed for name, tally in tallies.items()} == {
        "6-MP": 9,
        "placebo": 21,
    }
    assert sum(tally.expected for tally in tallies.values()) == 30
    assert round(float(tallies["6-MP"].expected), 2) == 19.25
    excess = tallies["6-MP"].observed - tallies["6-MP"].expected
    assert excess**2 / tallies["6-MP"].variance == compared.chi_square
