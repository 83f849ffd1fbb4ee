from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coverage.engine.experience import (
    Experience,
    Flag,
    assess,
    delivery_ratio,
    fit,
    total_variation,
)
from tests.oracles import oracle

TWO_HOURS = {"inbound": 24, "async": 84, "sync": 12, "taskforce": 0}
FIVE_HOURS_OF_CALLS = {"inbound": 30, "async": 0, "sync": 270, "taskforce": 0}
NOTHING = {"inbound": 0, "async": 0}


@pytest.mark.parametrize("case", ["SV8_AX_total_variation"])
def test_total_variation_of_the_worked_mix(case: str) -> None:
    assert total_variation(TWO_HOURS, FIVE_HOURS_OF_CALLS) == Fraction(str(oracle(case)))


@pytest.mark.parametrize("case", ["SV8_AX_fit_phi"])
def test_fit_of_the_worked_mix(case: str) -> None:
    assert fit(TWO_HOURS, FIVE_HOURS_OF_CALLS) == Fraction(str(oracle(case)))


@pytest.mark.parametrize("case", ["SV8_hours_ratio"])
def test_delivery_ratio_of_the_worked_hours(case: str) -> None:
    assert delivery_ratio(TWO_HOURS, FIVE_HOURS_OF_CALLS) == Fraction(str(oracle(case)))


def test_sv8_is_a_mismatch_and_an_over_delivery() -> None:
    assert assess(TWO_HOURS, FIVE_HOURS_OF_CALLS).flags == {
        Flag.AX_MISMATCH,
        Flag.OVER_DELIVERY,
    }


def test_unknown_delivery_is_unknown_and_not_zero() -> None:
    assert assess(TWO_HOURS, None) == Experience(None, None, frozenset())


@pytest.mark.parametrize(
    ("target", "delivered", "expected"),
    [
        pytest.param(
            NOTHING,
            NOTHING,
            Experience(Fraction(1), None, frozenset()),
            id="nothing due, nothing given",
        ),
        pytest.param(
            TWO_HOURS,
            NOTHING,
            Experience(Fraction(0), Fraction(0), frozenset({Flag.AX_MISMATCH})),
            id="nothing given",
        ),
        pytest.param(
            NOTHING,
            TWO_HOURS,
            Experience(None, None, frozenset({Flag.OVER_DELIVERY})),
            id="nothing due",
        ),
    ],
)
def test_zero_on_either_side_is_judged_by_its_meaning(
    target: dict[str, int], delivered: dict[str, int], expected: Experience
) -> None:
    assert assess(target, delivered) == expected


@pytest.mark.parametrize(
    ("percent", "flags"),
    [
        (49, {Flag.AX_MISMATCH}),
        (50, set()),
        (150, set()),
        (151, {Flag.OVER_DELIVERY}),
    ],
)
def test_delivery_is_judged_beyond_its_bounds(percent: int, flags: set[Flag]) -> None:
    target = {"sync": 60, "async": 40}
    delivered = {key: Fraction(minutes * percent, 100) for key, minutes in target.items()}

    assert assess(target, delivered).flags == flags


@pytest.mark.parametrize(("moved", "flags"), [(30, set()), (31, {Flag.AX_MISMATCH})])
def test_fit_of_seventy_percent_is_no_mismatch(moved: int, flags: set[Flag]) -> None:
    target = {"sync": 60, "async": 40}

    assert assess(target, {"sync": 60 - moved, "async": 40 + moved}).flags == flags


def test_negative_minutes_are_refused() -> None:
    with pytest.raises(ValueError, match="negative"):
        fit({"sync": 1}, {"sync": -1})


minutes = st.dictionaries(
    st.sampled_from(["inbound", "async", "sync", "taskforce"]), st.integers(0, 600)
)


@given(minutes, minutes, st.integers(1, 9))
def test_fit_is_a_share_symmetric_and_blind_to_amount(
    target: dict[str, int], delivered: dict[str, int], factor: int
) -> None:
    phi = fit(target, delivered)

    assert phi is None or 0 <= phi <= 1
    assert phi == fit(target, {key: value * factor for key, value in delivered.items()})
    assert total_variation(target, delivered) == total_variation(delivered, target)


@given(minutes)
def test_the_exact_mix_fits(target: dict[str, int]) -> None:
    assert fit(target, target) == 1
