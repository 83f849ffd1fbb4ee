"""Every number here was worked out by hand; the sums stand beside them."""

from datetime import date
from fractions import Fraction

import pytest

from success.engine.after_move import (
    Look,
    Stratum,
    Tally,
    Verdict,
    judge,
    look,
    pace_difference,
    renewal_difference,
    student_95,
    wilson_95,
)

MOVED_ON = date(2026, 3, 1)


def paced(*changes):
    """Members whose pace changed by so many thousandths."""
    return Tally(
        members=len(changes),
        paced=len(changes),
        change=sum(changes),
        squares=sum(each**2 for each in changes),
    )


def due(members, renewed):
    return Tally(members=members, due=members, renewed=renewed)


FELL = Stratum(moved=paced(-400, -200, -300, -300, -300), stayed=paced(100, -100, 0, 0, 0))
RENEWED_LESS = Stratum(moved=due(10, 5), stayed=due(10, 10))


def open_look(*strata, days=30):
    return look(strata, days=days, last_moved_on=MOVED_ON, as_of=date(2026, 12, 1))


def test_a_fall_in_pace_beside_those_who_stayed_is_a_harm():
    # means -0.3 and 0; both variances 20,000 / 4 = 5,000, so the standard error is
    # sqrt(5,000 / 5 + 5,000 / 5) = 44.72 thousandths; Student's 95 % point at 4 is 2.776
    found = pace_difference([FELL])

    assert (found.moved, found.stayed, found.estimate) == (
        Fraction(-3, 10),
        0,
        Fraction(-3, 10),
    )
    assert (found.low, found.high) == pytest.approx((-0.4242, -0.1758), abs=0.0005)
    assert found.verdict is Verdict.HURT


def test_members_are_weighed_by_how_many_like_them_moved():
    # eight in ten moved where those who stayed lost 50, two where they gained 200:
    # 0.8 x -50 + 0.2 x 200 = 0, while all who stayed gained 1,400 / 12 = 117 on average
    strata = [
        Stratum(moved=paced(*[-100] * 8), stayed=paced(*[-50] * 4)),
        Stratum(moved=paced(*[100] * 2), stayed=paced(*[200] * 8)),
    ]

    found = pace_difference(strata)

    assert (found.moved, found.stayed) == (Fraction(-6, 100), 0)
    assert (found.moved_members, found.stayed_members) == (10, 12)


def test_who_has_nobody_like_them_is_left_out():
    alone = Stratum(moved=paced(-2000), stayed=Tally(members=3))

    assert pace_difference([FELL, alone]) == pace_difference([FELL])


def test_a_wide_interval_proves_nothing_and_a_narrow_one_shows_no_sign():
    wide = pace_difference([Stratum(moved=paced(-500, 500, 0, 0, 0), stayed=paced(*[0] * 5))])
    narrow = pace_difference(
        [Stratum(moved=paced(-10, 10, 0, 0, 0), stayed=paced(-10, 10, 0, 0, 0))]
    )

    assert [wide.verdict, narrow.verdict] == [Verdict.NOT_PROVEN, Verdict.NO_SIGN]


@pytest.mark.parametrize(("moved", "stayed"), [(4, 9), (9, 4), (0, 9)])
def test_below_five_there_is_no_mean(moved, stayed):
    strata = [
        Stratum(
            moved=Tally(members=moved, paced=moved, due=moved),
            stayed=Tally(members=stayed, paced=stayed, due=stayed),
        )
    ]

    assert pace_difference(strata) is None
    assert renewal_difference(strata) is None
    assert open_look(*strata).verdict is Verdict.TOO_FEW


def test_a_stratum_each_says_nothing_of_spread():
    alone = [Stratum(moved=paced(-500), stayed=paced(0)) for _ in range(6)]

    assert pace_difference(alone) is None


def test_renewals_that_fall_are_a_harm():
    # Wilson: 5 of 10 is 0.2366 to 0.7634, 10 of 10 is 0.7225 to 1. Newcombe:
    # low -0.5 - 0.2634 = -0.7634, high -0.5 + sqrt(0.2634^2 + 0.2775^2) = -0.1174
    found = renewal_difference([RENEWED_LESS])

    assert (found.moved, found.stayed) == (Fraction(1, 2), 1)
    assert (found.low, found.high) == pytest.approx((-0.7634, -0.1174), abs=0.0001)
    assert found.verdict is Verdict.HURT


def test_renewals_are_weighed_as_pace_is_and_unequal_votes_are_worth_less():
    # 0.9 x 8/10 + 0.1 x 20/100 = 0.74; worth 1 / (0.81/10 + 0.01/100) = 12.33 members
    found = renewal_difference(
        [
            Stratum(moved=due(90, 63), stayed=due(10, 8)),
            Stratum(moved=due(10, 4), stayed=due(100, 20)),
        ]
    )

    assert (found.moved, found.stayed) == (Fraction(67, 100), Fraction(74, 100))
    low, high = wilson_95(Fraction(74, 100), of=Fraction(10_000, 811))
    assert found.low == pytest.approx(
        -0.07 - ((0.67 - 0.5730) ** 2 + (high - 0.74) ** 2) ** 0.5, abs=1e-3
    )
    assert high - low > 0.4


def test_success_is_both_pace_and_renewal():
    still = Stratum(moved=paced(-10, 10, 0, 0, 0), stayed=paced(-10, 10, 0, 0, 0))
    kept = Stratum(moved=due(200, 200), stayed=due(200, 200))

    assert open_look(still).verdict is Verdict.NOT_PROVEN
    assert open_look(kept).verdict is Verdict.NOT_PROVEN
    assert open_look(still, kept).verdict is Verdict.NO_SIGN
    assert open_look(FELL, kept).verdict is Verdict.HURT
    assert open_look(still, RENEWED_LESS).verdict is Verdict.HURT


def test_a_look_opens_when_the_last_who_moved_has_come_that_far():
    asked = {"days": 30, "last_moved_on": MOVED_ON}

    early = look([FELL], **asked, as_of=date(2026, 3, 30))

    assert (early.verdict, early.opens_on, early.pace) == (
        Verdict.TOO_EARLY,
        date(2026, 3, 31),
        None,
    )
    assert look([FELL], **asked, as_of=date(2026, 3, 31)).verdict is Verdict.HURT


def test_a_harm_stands_until_a_later_look_rules_it_out():
    hurt = open_look(FELL)
    unclear = open_look(Stratum(moved=paced(-500, 500, 0, 0, 0), stayed=paced(*[0] * 5)))
    fine = open_look(
        Stratum(moved=paced(*[0] * 9), stayed=paced(*[0] * 9)),
        Stratum(moved=due(200, 200), stayed=due(200, 200)),
    )
    early = Look(days=180, opens_on=MOVED_ON, is_open=False)

    assert judge([hurt, unclear, early]) is Verdict.HURT
    assert judge([hurt, fine, early]) is Verdict.NO_SIGN
    assert judge([unclear, early]) is Verdict.NOT_PROVEN
    assert judge([early]) is judge([]) is Verdict.TOO_EARLY


@pytest.mark.parametrize(("free", "exact"), [(4, 2.776445), (10, 2.228139), (100, 1.983972)])
def test_students_point_is_near_the_exact_one(free, exact):
    assert student_95(free) == pytest.approx(exact, rel=0.003)
