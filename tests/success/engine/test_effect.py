import math

import pytest

from success.engine.effect import (
    Arms,
    SampleRatio,
    Verdict,
    harms_in_a_stratum,
    needed_per_arm,
    pooled,
    sample_ratio,
    stratified,
    two_proportions,
    verdict_of,
    wilson,
)
from tests.oracles import oracle

SMALL = {"treated": 731, "treated_n": 850, "held": 120, "held_n": 150}
LARGE = {"treated": 1720, "treated_n": 2000, "held": 1600, "held_n": 2000}


@pytest.mark.parametrize(("key", "counts"), [("HO_small", SMALL), ("HO_large", LARGE)])
def test_two_proportions_equals_the_oracle(key, counts):
    said = oracle(key)
    effect = two_proportions(**counts)

    found = (effect.pt, effect.pc, effect.lift, effect.se, effect.z, effect.p)
    assert found == pytest.approx(
        tuple(said[name] for name in ("pt", "pc", "lift", "se", "z", "p")), rel=1e-9
    )
    assert effect.ci == pytest.approx(said["ci"], abs=1e-6)
    assert effect.incremental == pytest.approx(said["incr"])


def test_two_proportions_says_the_relative_lift():
    assert two_proportions(**SMALL).relative == pytest.approx(oracle("HO_small")["rel"])


def test_two_proportions_of_the_small_oracle_is_not_proven_although_it_looks_good():
    effect = two_proportions(**SMALL)

    assert not effect.is_proven
    assert effect.verdict == Verdict.TOO_FEW


def test_two_proportions_of_the_large_oracle_helps():
    assert two_proportions(**LARGE).verdict == Verdict.HELPS


def test_two_proportions_harms_where_the_held_do_better():
    effect = two_proportions(treated=1600, treated_n=2000, held=1720, held_n=2000)

    assert effect.verdict == Verdict.HARMS
    assert effect.incremental == pytest.approx(-120)


@pytest.mark.parametrize(
    ("held_n", "verdict"), [(199, Verdict.TOO_FEW), (200, Verdict.NOT_PROVEN)]
)
def test_two_proportions_gives_no_verdict_below_two_hundred_in_an_arm(held_n, verdict):
    effect = two_proportions(treated=900, treated_n=1000, held=180, held_n=held_n)

    assert effect.verdict == verdict
    assert effect.ci is not None


def test_two_proportions_of_an_empty_arm_compares_nobody():
    effect = two_proportions(treated=5, treated_n=10, held=0, held_n=0)

    assert (effect.verdict, effect.lift, effect.ci) == (Verdict.NOBODY, None, None)


def test_two_proportions_where_it_happened_to_all_has_no_z():
    effect = two_proportions(treated=300, treated_n=300, held=300, held_n=300)

    assert (effect.z, effect.p, effect.verdict) == (None, None, Verdict.NOT_PROVEN)
    assert effect.ci[0] < 0 < effect.ci[1]


def test_two_proportions_takes_newcombes_interval_where_a_count_is_small():
    # the source's own worked case, 56/70 beside 48/80, has no small count: Wald's is kept
    plain = two_proportions(treated=56, treated_n=70, held=48, held_n=80)
    # and case (e) of its table 2: 5/56 beside 0/29 gives -0.0381 to 0.1926
    careful = two_proportions(treated=5, treated_n=56, held=0, held_n=29)

    assert plain.ci == pytest.approx((0.0575, 0.3425), abs=1e-4)
    assert careful.ci == pytest.approx((-0.0381, 0.1926), abs=1e-4)


def test_two_proportions_refuses_counts_that_cannot_be():
    with pytest.raises(ValueError, match="More of them"):
        two_proportions(treated=11, treated_n=10, held=0, held_n=10)


@pytest.mark.parametrize(
    ("key", "treated", "held", "share", "is_ok"),
    [
        ("SRM_600_400", 600, 400, 0.5, False),
        ("SRM_550_450", 550, 450, 0.5, False),
        ("SRM_870_130_at_15pct", 870, 130, 0.15, True),
    ],
)
def test_sample_ratio_equals_the_oracle(key, treated, held, share, is_ok):
    found = sample_ratio(n_treated=treated, n_held=held, share=share)

    assert [found.chi2, found.p] == pytest.approx(oracle(key), rel=1e-6)
    assert found.is_ok is is_ok


def test_sample_ratio_of_nobody_is_fine():
    assert sample_ratio(n_treated=0, n_held=0, share=0.1).is_ok


@pytest.mark.parametrize(("held", "is_ok"), [(0, True), (1, False)])
def test_sample_ratio_of_a_share_of_nought_is_off_once_somebody_was_held(held, is_ok):
    assert sample_ratio(n_treated=10, n_held=held, share=0).is_ok is is_ok


@pytest.mark.parametrize(
    ("key", "p1", "p2", "rounded"),
    [("HO_n_per_arm_80_to_85", 0.8, 0.85, 906), ("HO_n_per_arm_75_to_84", 0.75, 0.84, 315)],
)
def test_needed_per_arm_equals_the_oracle(key, p1, p2, rounded):
    needed = needed_per_arm(p1=p1, p2=p2)

    assert needed == pytest.approx(oracle(key), rel=1e-6)
    assert math.ceil(needed) == rounded


def test_needed_per_arm_has_no_number_for_no_difference():
    assert needed_per_arm(p1=0.8, p2=0.8) is None


def test_verdict_is_not_read_where_the_sample_ratio_is_off():
    effect = two_proportions(**LARGE)
    off = SampleRatio(chi2=40.0, p=2.5e-10, is_ok=False)

    assert verdict_of(effect, ratio=off) == Verdict.UNREADABLE


def test_stratified_of_one_stratum_is_the_plain_difference():
    plain = two_proportions(**LARGE)
    found = stratified([Arms(**LARGE)])

    assert (found.lift, found.se) == pytest.approx((plain.lift, plain.se))
    assert found.z == pytest.approx(plain.z, rel=1e-3)


def test_stratified_weighs_strata_as_worked_out_by_hand():
    # 40/100 beside 30/100, weight 50; 90/300 beside 20/100, weight 75
    found = stratified(
        [
            Arms(treated=40, treated_n=100, held=30, held_n=100),
            Arms(treated=90, treated_n=300, held=20, held_n=100),
        ]
    )

    # both strata differ by ten points, so they do together
    assert found.lift == pytest.approx(0.1)
    # P: (300000 - 400000 + 0) / 40000 = -2.5; (1800000 - 900000 - 3000000) / 160000 = -13.125
    # Q: (40*70 + 30*60) / 400 = 11.5; (90*80 + 20*210) / 800 = 14.25
    assert found.se == pytest.approx(math.sqrt(0.1 * -15.625 + 25.75) / 125)
    # excess 5 + 7.5, variance 10000*70*130/(40000*199) + 30000*110*290/(160000*399)
    assert found.z == pytest.approx(12.5 / math.sqrt(11.4321608 + 14.9906015))


def test_stratified_is_not_deceived_by_arms_of_different_mixture():
    # within each stratum nothing differs; taken together the treated look twelve points worse
    strata = [
        Arms(treated=90, treated_n=100, held=360, held_n=400),
        Arms(treated=120, treated_n=400, held=30, held_n=100),
    ]
    together = pooled(strata)

    assert two_proportions(
        treated=together.treated,
        treated_n=together.treated_n,
        held=together.held,
        held_n=together.held_n,
    ).lift == pytest.approx(-0.36)
    assert stratified(strata).lift == pytest.approx(0)
    assert stratified(strata).verdict == Verdict.NOT_PROVEN


def test_stratified_leaves_out_strata_with_an_empty_arm():
    with_nobody = Arms(treated=50, treated_n=50, held=0, held_n=0)

    assert stratified([Arms(**LARGE), with_nobody]).arms == Arms(**LARGE)


def test_stratified_of_nothing_compares_nobody():
    assert stratified([]).verdict == Verdict.NOBODY


def test_harms_in_a_stratum_shares_its_chance_among_those_looked_at():
    # p is 0.017: enough of one stratum, not of ten
    effect = two_proportions(treated=340, treated_n=400, held=362, held_n=400)

    assert effect.p == pytest.approx(0.0171, abs=1e-3)
    assert harms_in_a_stratum(effect, looked_at=1)
    assert not harms_in_a_stratum(effect, looked_at=10)


def test_wilson_stays_between_nought_and_one():
    assert wilson(count=0, of=20) == pytest.approx((0.0, 0.1611), abs=1e-4)
    assert wilson(count=0, of=0) is None
