from datetime import date, timedelta
from fractions import Fraction

import pytest

from success.engine.accountability import Blocker
from success.engine.overlays import (
    Overlay,
    assoc_blocked,
    ax_mismatch,
    evidence_thin,
    goal_stale,
    overlays,
)
from success.engine.wording import OVERLAYS
from success.enums import Overlay as StoredOverlay
from tests.oracles import oracle

TODAY = date(2026, 7, 29)


@pytest.mark.parametrize(
    ("fit", "expected"),
    [
        pytest.param(Fraction(str(oracle("SV8_AX_fit_phi"))), True, id="SV8"),
        pytest.param(Fraction(699, 1000), True, id="just below"),
        pytest.param(Fraction(7, 10), False, id="the least that suits"),
        pytest.param(Fraction(0), True, id="disjoint"),
        pytest.param(None, False, id="not known"),
    ],
)
def test_ax_mismatch_takes_a_known_fit(fit: Fraction | None, expected: bool) -> None:
    assert ax_mismatch(fit) is expected


@pytest.mark.parametrize(
    ("blocker", "expected"),
    [
        pytest.param(Blocker.ASSOCIATION, True, id="SV9"),
        pytest.param(Blocker.MEMBER, False, id="SV9_contrast_member"),
        (Blocker.UNKNOWN, False),
        (None, False),
    ],
)
def test_assoc_blocked_is_ours_alone(blocker: Blocker | None, expected: bool) -> None:
    assert assoc_blocked(blocker) is expected


@pytest.mark.parametrize(("days", "expected"), [(0, False), (180, False), (181, True)])
def test_goal_goes_stale_after_its_hundred_and_eightieth_day(days: int, expected: bool) -> None:
    assert goal_stale(TODAY - timedelta(days=days), on=TODAY) is expected
    assert goal_stale(None, on=TODAY) is False


@pytest.mark.parametrize(
    ("achieved", "declared", "expected"),
    [(40, 20, False), (40, 21, True), (41, 20, False), (0, 0, False), (None, None, False)],
)
def test_evidence_is_thin_above_half(
    achieved: int | None, declared: int | None, expected: bool
) -> None:
    assert evidence_thin(achieved_weight=achieved, declared_weight=declared) is expected


def test_overlays_stand_together_in_their_order() -> None:
    every = overlays(
        on=TODAY,
        blocker=Blocker.ASSOCIATION,
        goal_confirmed_on=TODAY - timedelta(days=200),
        is_rebaselined=True,
        achieved_weight=20,
        declared_weight=20,
        fit=Fraction(1, 5),
    )
    none = overlays(
        on=TODAY,
        blocker=None,
        goal_confirmed_on=TODAY,
        is_rebaselined=False,
        achieved_weight=20,
        declared_weight=0,
    )

    assert every == tuple(Overlay)
    assert none == ()


def test_each_overlay_has_words_and_can_be_stored() -> None:
    assert set(OVERLAYS) == set(Overlay)
    assert [each.value for each in StoredOverlay] == [each.value for each in Overlay]
