from fractions import Fraction

import pytest

from success.engine.renewal import (
    compounded,
    expected_tenure,
    lifetime_value,
    monthly_churn,
    renewal_rate,
    steady_state,
    value_with_expansion,
    yearly_churn,
)
from tests.oracles import oracle

NINETY = Fraction(9, 10)


@pytest.mark.parametrize(
    ("case", "members_now", "joined", "members_before"),
    [
        pytest.param("MGI_renewal", 10_500, 1_500, 10_000, id="MGI_renewal"),
        pytest.param(
            "MGI_renewal_reinstated_trap", 10_500, 1_800, 10_000, id="MGI_renewal_trap"
        ),
        pytest.param("SHANA", 110, 20, 100, id="SHANA"),
    ],
)
def test_renewal_rate_leaves_out_all_who_joined(
    case: str, members_now: int, joined: int, members_before: int
) -> None:
    rate = renewal_rate(members_now=members_now, joined=joined, members_before=members_before)

    assert rate == Fraction(str(oracle(case)))


def test_renewal_rate_of_nobody_is_null() -> None:
    assert renewal_rate(members_now=5, joined=5, members_before=0) is None


@pytest.mark.parametrize("case", ["MGI_tenure"])
def test_tenure_at_a_constant_rate(case: str) -> None:
    assert expected_tenure(rate=NINETY) == oracle(case)


@pytest.mark.parametrize("case", ["TENURE_two_rate"])
def test_tenure_with_a_first_year_of_its_own(case: str) -> None:
    tenure = expected_tenure(rate=Fraction(88, 100), first_year_rate=Fraction(75, 100))

    assert tenure == Fraction(str(oracle(case)))


@pytest.mark.parametrize("case", ["TENURE_naive_84"])
def test_tenure_of_the_average_rate_is_another_number(case: str) -> None:
    assert expected_tenure(rate=Fraction(84, 100)) == Fraction(str(oracle(case)))


@pytest.mark.parametrize(
    ("case", "yearly"),
    [
        pytest.param("MGI_LTV", 100 + 50, id="MGI_LTV"),
        pytest.param("MGI_MAC", 100 + 50 - (20 + 25), id="MGI_MAC"),
    ],
)
def test_lifetime_value_before_and_after_the_cost_of_serving(case: str, yearly: int) -> None:
    value = lifetime_value(yearly=Fraction(yearly), tenure=expected_tenure(rate=NINETY))

    assert value == oracle(case)


@pytest.mark.parametrize("case", ["MGI_steady"])
def test_steady_state_is_where_leavers_equal_joiners(case: str) -> None:
    assert steady_state(joining_yearly=20_000, rate=Fraction(75, 100)) == oracle(case)


@pytest.mark.parametrize(
    ("case", "yearly"),
    [
        pytest.param("MONTHLY_from_5pct_annual", 0.05, id="MONTHLY_from_5pct_annual"),
        pytest.param("MONTHLY_from_7pct_annual", 0.07, id="MONTHLY_from_7pct_annual"),
    ],
)
def test_monthly_churn_compounds_and_is_no_twelfth(case: str, yearly: float) -> None:
    twelfth, compounding = oracle(case)

    assert monthly_churn(yearly=yearly) == pytest.approx(compounding, rel=1e-12)
    assert yearly / 12 == pytest.approx(twelfth, rel=1e-12)


@pytest.mark.parametrize("case", ["CHAIN_4q_95pct"])
def test_four_quarters_do_not_make_a_year(case: str) -> None:
    assert float(compounded(rate=Fraction(95, 100), periods=4)) == pytest.approx(
        oracle(case), rel=1e-12
    )


def test_nobody_leaving_has_no_tenure_and_no_steady_state() -> None:
    with pytest.raises(ValueError, match="nobody leaves"):
        expected_tenure(rate=Fraction(1))
    with pytest.raises(ValueError, match="nobody leaves"):
        steady_state(joining_yearly=1, rate=Fraction(1))


@pytest.mark.parametrize("case", ["TUNGUZ"])
def test_monthly_churn_compounds_over_the_year(case: str) -> None:
    churn = {month: yearly_churn(monthly=Fraction(month)) for month in oracle(case)}

    assert {month: [float(rate), round(3000 * rate)] for month, rate in churn.items()} == {
        month: [pytest.approx(rate, rel=1e-12), lost]
        for month, (rate, lost) in oracle(case).items()
    }


def expanded(from_month: int) -> Fraction:
    return value_with_expansion(
        monthly=Fraction(500), months=24, added=Fraction(250), from_month=from_month
    )


@pytest.mark.parametrize(
    ("case", "from_month"),
    [
        pytest.param("LTV_A_month3", 3, id="LTV_A_month3"),
        pytest.param("LTV_B_month18", 18, id="LTV_B_month18"),
    ],
)
def test_value_counts_the_month_of_the_expansion(case: str, from_month: int) -> None:
    assert expanded(from_month) == oracle(case)


@pytest.mark.parametrize("case", ["LTV_diff"])
def test_value_is_higher_the_earlier_they_expand(case: str) -> None:
    assert expanded(3) - expanded(18) == oracle(case)


@pytest.mark.parametrize("case", ["LTV_5x"])
def test_value_of_the_published_case(case: str) -> None:
    said = oracle(case)
    without = lifetime_value(yearly=Fraction(12 * 297), tenure=Fraction(2))

    assert without == said["no_expansion"]
    assert said["delta"] == 33_838 - 22_020
    assert float(33_838 / without) == pytest.approx(said["ratio"], rel=1e-12)


@pytest.mark.parametrize("from_month", [0, 25])
def test_value_refuses_a_month_outside(from_month: int) -> None:
    with pytest.raises(ValueError, match="none of 24"):
        expanded(from_month)
