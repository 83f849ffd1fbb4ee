import random
from datetime import timedelta
from fractions import Fraction

import pytest

from success.engine.gap import success_gap as engine_gap
from success.engine.vector import State
from success.models import GapAnswer
from success.queries.gap import recorded_as_succeeding, success_gap
from tests.factories import NOON, TODAY, make_member_facts, make_user

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
STATES = ["achieved", "on_track", "ahead", "slipping", "stalled", "regressing", "no_plan"]


def make_answer(member, answer, *, on=TODAY, at=NOON):
    return GapAnswer.objects.create(
        member=member, on=on, answer=answer, said_in="review", recorded_at=at
    )


def test_gap_of_the_worked_example_in_one_statement(django_assert_num_queries):
    for number in range(40):
        facts = make_member_facts(state="on_track")
        if number < 34:
            make_answer(facts.member, "no" if number < 9 else "yes")
    make_answer(make_member_facts(state="stalled").member, "no")
    make_answer(make_member_facts(state="on_track", standing="lapsed").member, "no")

    with django_assert_num_queries(2):  # nothing was kept
        gap = success_gap(as_of=TODAY)

    assert (gap.no, gap.answered, gap.unknown, gap.share) == (9, 34, 6, Fraction(9, 34))
    assert gap.unknown_share == Fraction(3, 20)


def test_newest_answer_counts_up_to_the_day():
    facts = make_member_facts(state="on_track", owner=make_user())
    make_answer(facts.member, "yes", on=TODAY - 9 * DAY)
    make_answer(facts.member, "no", on=TODAY - DAY)
    make_answer(facts.member, "unsure", on=TODAY - DAY, at=NOON + DAY)
    make_answer(facts.member, "yes", on=TODAY + DAY)

    assert recorded_as_succeeding(as_of=TODAY).get().last_answer == "unsure"
    assert recorded_as_succeeding(as_of=TODAY - 2 * DAY).get().last_answer == "yes"
    assert success_gap(as_of=TODAY, owner=facts.owner).answered == 1
    assert success_gap(as_of=TODAY, owner=make_user()).members == 0


@pytest.mark.parametrize("seed", range(4))
def test_statement_equals_the_engine_on_random_members(seed):
    draw = random.Random(seed)
    rows = []
    for _ in range(40):
        facts = make_member_facts(state=draw.choice(STATES))
        answer = draw.choice([None, "yes", "no", "unsure"])
        if answer is not None:
            make_answer(facts.member, draw.choice(["yes", "no"]), on=TODAY - 9 * DAY)
            make_answer(facts.member, answer)
        rows.append((State(facts.state.upper()), answer))

    assert success_gap(as_of=TODAY) == engine_gap(rows)
