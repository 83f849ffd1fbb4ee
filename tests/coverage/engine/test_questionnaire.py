from itertools import product

import pytest

from coverage.engine.questionnaire import QUESTIONS, NotAnswered, propose, require_sound
from coverage.engine.segments import Misspecified

EXPERT = {
    "expertise": "high",
    "resources": "sufficient",
    "guidance": "occasional",
    "contact": "asking",
}
BEGINNER = {
    "industry_experience": "low",
    "expertise": "low",
    "resources": "insufficient",
    "guidance": "continuous",
    "contact": "talking",
    "sophistication": "low",
    "complexity": "high",
    "skills_needed": "3",
    "risk": "high",
}


def test_expert_who_asks_now_and_then_needs_little_and_nothing_in_real_time():
    proposal = propose(EXPERT)

    assert proposal.minutes == {"inbound": 25, "async": 20, "sync": 0, "taskforce": 0}
    assert (proposal.skills_needed, proposal.confidence) == (1, "low")


def test_beginner_with_much_at_stake_needs_much_by_several():
    proposal = propose(BEGINNER)

    # 360 x 5/4 x 5/4 x 3/2 x 6/5 = 1012.5 minutes, a quarter of it by several at once
    assert proposal.minutes == {"inbound": 0, "async": 150, "sync": 610, "taskforce": 255}
    assert (proposal.skills_needed, proposal.confidence) == (3, "high")


def test_time_in_real_time_always_has_a_written_part():
    keys = (
        "contact",
        "guidance",
        "expertise",
        "sophistication",
        "risk",
        "complexity",
        "skills_needed",
    )
    for chosen in product(*(QUESTIONS[key] for key in keys)):
        minutes = propose(
            {"resources": "sufficient", **dict(zip(keys, chosen, strict=True))}
        ).minutes

        require_sound(minutes)
        assert min(minutes.values()) >= 0
        assert sum(minutes.values()) > 0


def test_required_questions_left_open_are_named():
    with pytest.raises(NotAnswered) as refused:
        propose(EXPERT | {"guidance": "", "contact": "shouting"})

    assert refused.value.questions == ("guidance", "contact")


@pytest.mark.parametrize(
    ("without", "confidence"), [(0, "high"), (1, "medium"), (2, "medium"), (3, "low")]
)
def test_confidence_says_how_much_was_answered(without, confidence):
    open_ones = ("risk", "complexity", "sophistication")[:without]

    proposal = propose({key: BEGINNER[key] for key in BEGINNER if key not in open_ones})

    assert proposal.confidence == confidence


def test_real_time_without_a_written_part_is_misspecified():
    with pytest.raises(Misspecified, match="in writing"):
        require_sound({"sync": 60, "async": 0})

    require_sound({"sync": 60, "async": 5})
    require_sound({"inbound": 60})


def test_no_question_is_about_money():
    said = " ".join(
        [*QUESTIONS, *(answer for offered in QUESTIONS.values() for answer in offered)]
    )

    assert not any(
        word in said for word in ("dues", "pay", "price", "revenue", "tier", "budget")
    )
