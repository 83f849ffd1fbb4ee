from fractions import Fraction

import pytest

from success.engine.likelihood import (
    Calibration,
    Counted,
    Evidence,
    Forecast,
    Kind,
    Likelihood,
    Width,
    band_of,
    calibration,
    expected_renewals,
    members_alike,
)

STALLED_FIRST_GOLD = Kind("stalled", True, "Gold")
HISTORY = {
    STALLED_FIRST_GOLD: Counted(3, 6),
    Kind("stalled", True, "Silver"): Counted(1, 4),
    Kind("on_track", True, "Silver"): Counted(9, 10),
    Kind("", True, "Silver"): Counted(2, 2),
    Kind("on_track", False, "Platinum"): Counted(4, 4),
}


def test_likelihood_is_the_share_of_members_alike():
    found = Evidence(HISTORY).likelihood(STALLED_FIRST_GOLD)

    assert found == Likelihood(Counted(3, 6), Width.STATE_YEAR_TIER)
    assert found.rate == Fraction(1, 2)
    assert not found.is_widened
    # Wilson for 3 of 6: (0.5 ± 1.96·sqrt(0.25/6 + 3.8415/144)/…) by hand
    assert found.interval == pytest.approx((0.18761, 0.81239), abs=1e-5)


@pytest.mark.parametrize(
    ("kind", "counted", "width"),
    [
        # four stalled Silver are too few, so all stalled of the first year speak
        (Kind("stalled", True, "Silver"), Counted(4, 10), Width.STATE_YEAR),
        # nobody was slipping before; Silver of the first year, whatever their state
        (Kind("slipping", True, "Silver"), Counted(12, 16), Width.YEAR_TIER),
        # a tier without a history: all of the first year
        (Kind("slipping", True, "Bronze"), Counted(15, 22), Width.YEAR),
        # four later ones are too few of any sort: everybody
        (Kind("on_track", False, "Platinum"), Counted(19, 26), Width.EVERYBODY),
        # a state that is not known is no likeness, though some had none
        (Kind("", True, "Silver"), Counted(12, 16), Width.YEAR_TIER),
    ],
)
def test_likelihood_widens_below_five_and_says_so(kind, counted, width):
    assert Evidence(HISTORY).likelihood(kind) == Likelihood(counted, width)


def test_likelihood_of_a_sure_thing_keeps_room_for_doubt():
    found = Evidence({Kind("ahead", False, "Gold"): Counted(5, 5)}).likelihood(
        Kind("ahead", False, "Gold")
    )

    assert found.rate == 1
    assert found.interval == pytest.approx((0.56552, 1.0), abs=1e-5)


def test_likelihood_is_null_when_nothing_is_known():
    assert Evidence({}).likelihood(STALLED_FIRST_GOLD) is None
    assert Evidence({STALLED_FIRST_GOLD: Counted(2, 4)}).likelihood(STALLED_FIRST_GOLD) is None


def test_evidence_of_everybody_is_the_sum():
    assert Evidence(HISTORY).everybody == Counted(19, 26)
    assert Evidence({}).everybody.rate is None


@pytest.mark.parametrize(
    ("width", "other", "alike"),
    [
        (Width.STATE_YEAR, Kind("stalled", True, "Silver"), True),
        (Width.STATE_YEAR_TIER, Kind("stalled", True, "Silver"), False),
        (Width.YEAR_TIER, Kind("ahead", True, "Gold"), True),
        (Width.YEAR, Kind("stalled", False, "Gold"), False),
        (Width.EVERYBODY, Kind("", False, "Silver"), True),
    ],
)
def test_members_alike_follow_the_width(width, other, alike):
    assert members_alike(STALLED_FIRST_GOLD, width, other) is alike


def test_calibration_by_hand():
    # 0.9 said of 10, of whom 8 renewed; 0.5 said of 4, of whom 1 did; base 0.8 for all
    found = calibration(
        [
            Forecast(Fraction(9, 10), Fraction(4, 5), Counted(8, 10)),
            Forecast(Fraction(1, 2), Fraction(4, 5), Counted(1, 4)),
        ]
    )

    # (8·0.01 + 2·0.81 + 1·0.25 + 3·0.25) / 14
    assert found.brier == Fraction(270, 100) / 14
    # (9·0.04 + 5·0.64) / 14
    assert found.base_brier == Fraction(356, 100) / 14
    assert found.is_better is True
    assert found.of == 14
    assert [(band.low, band.said, band.came) for band in found.bands if band.came.of] == [
        (Fraction(1, 2), Fraction(1, 2), Counted(1, 4)),
        (Fraction(9, 10), Fraction(9, 10), Counted(8, 10)),
    ]


def test_saying_the_base_rate_is_no_better_than_the_base_rate():
    found = calibration([Forecast(Fraction(4, 5), Fraction(4, 5), Counted(4, 5))])

    assert found.brier == found.base_brier == Fraction(4, 25)
    assert found.is_better is False


def test_calibration_of_nothing_is_null():
    found = calibration([Forecast(Fraction(1, 2), Fraction(1, 2), Counted(0, 0))])

    assert isinstance(found, Calibration)
    assert (found.brier, found.base_brier, found.is_better, found.of) == (None, None, None, 0)
    assert all(band.said is None for band in found.bands)


@pytest.mark.parametrize(
    ("said", "low"),
    [
        (0, 0),
        (Fraction(1, 2), Fraction(1, 2)),
        (Fraction(899, 1000), Fraction(8, 10)),
        (1, Fraction(9, 10)),
    ],
)
def test_a_likelihood_falls_into_one_band(said, low):
    assert band_of(Fraction(said)) == low


def test_expected_renewals_leave_out_the_unknown():
    half = Likelihood(Counted(5, 10), Width.YEAR)
    sure = Likelihood(Counted(9, 9), Width.YEAR)

    # 4 · 1/2 + 3; the variance is 4 · 1/4 = 1
    assert expected_renewals([(half, 4), (sure, 3), (None, 2)]) == (Fraction(5), 1.0, 2)
    assert expected_renewals([]) == (Fraction(0), 0.0, 0)
