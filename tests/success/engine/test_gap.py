from fractions import Fraction

import pytest

from success.engine.gap import Gap, success_gap
from success.engine.vector import State


def test_success_gap_is_the_share_of_noes_among_those_who_answered():
    recorded = [(State.ON_TRACK, "no")] * 9
    recorded += [(State.ACHIEVED, "yes")] * 20 + [(State.ON_TRACK, "yes")] * 5
    recorded += [(State.ON_TRACK, None)] * 6

    gap = success_gap(recorded)

    assert (gap.no, gap.answered, gap.unknown, gap.members) == (9, 34, 6, 40)
    assert gap.share == Fraction(9, 34)
    assert round(float(gap.share) * 100, 1) == 26.5
    assert gap.unknown_share == Fraction(15, 100)


@pytest.mark.parametrize("state", [State.STALLED, State.SLIPPING, State.NO_PLAN])
def test_members_recorded_as_not_succeeding_are_no_gap(state):
    assert success_gap([(state, "no")]) == Gap(no=0, answered=0, unknown=0, share=None)


def test_unsure_is_an_answer_and_not_a_no():
    assert success_gap([(State.AHEAD, "unsure"), (State.ON_TRACK, "no")]) == Gap(
        no=1, answered=2, unknown=0, share=Fraction(1, 2)
    )


def test_nobody_heard_has_no_share():
    gap = success_gap([(State.ON_TRACK, None)])

    assert (gap.share, gap.unknown_share) == (None, 1)
    assert success_gap([]).unknown_share is None
