from datetime import date, timedelta
from fractions import Fraction

import pytest

from success.engine.vector import GatingMilestone, Pause, Plan, compute
from success.engine.wording import clauses, days, rebaselined, sentence, speed

ANCHOR = date(2025, 1, 1)


def read_aloud(day: int, *achieved: int | None, pauses: tuple[Pause, ...] = ()) -> str:
    milestones = tuple(
        GatingMilestone(
            position=position,
            expected_day=30 * position,
            weight=50,
            evidence_dates=() if n is None else (ANCHOR + timedelta(days=n),),
        )
        for position, n in enumerate(achieved, start=1)
    )
    plan = Plan(ANCHOR, milestones, pauses)
    return sentence(compute(plan, as_of=ANCHOR + timedelta(days=day)))


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        pytest.param(
            read_aloud(75, 30, None),
            "on plan day 60 on calendar day 75, fifteen days behind, moving at half speed, "
            "waiting on milestone 2",
            id="SV3b",
        ),
        pytest.param(
            read_aloud(110, 30, None),
            "on plan day 60 on calendar day 110, 50 days behind, not moving, "
            "waiting on milestone 2",
            id="SV2",
        ),
        pytest.param(
            read_aloud(3, None, None),
            "on plan day 3 on calendar day 3, on plan, too early to tell the speed",
            id="SV12",
        ),
        pytest.param(
            read_aloud(59, 30, 50),
            "on plan day 60 on calendar day 59, one day ahead, moving at about full speed, "
            "every milestone reached",
            id="all reached",
        ),
        pytest.param(
            read_aloud(40, None, pauses=(Pause(ANCHOR, ANCHOR + timedelta(days=9)),)),
            "on plan day 30 on calendar day 31, with nine days of pause left out, "
            "one day behind, moving at about full speed, waiting on milestone 1",
            id="paused",
        ),
        pytest.param(sentence(None), "no plan yet, so no vector", id="no plan"),
    ],
)
def test_sentence_is_what_a_manager_would_say(said: str, expected: str) -> None:
    assert said == expected


@pytest.mark.parametrize(
    ("pace", "expected"),
    [
        (None, "too early to tell the speed"),
        (Fraction(-1, 10), "moving backwards"),
        (Fraction(0), "not moving"),
        (Fraction(1, 30), "hardly moving"),
        (Fraction(1, 2), "moving at half speed"),
        (Fraction(14, 30), "moving at about half speed"),
        (Fraction(7, 10), "moving at 0.7 of plan speed"),
        (Fraction(1), "moving at full speed"),
        (Fraction(11, 6), "moving at 1.8 times plan speed"),
        (Fraction(2), "moving at twice plan speed"),
    ],
)
def test_speed_is_named_where_it_is_exact(pace: Fraction | None, expected: str) -> None:
    assert speed(pace) == expected


def test_small_numbers_are_spelled() -> None:
    assert [days(n) for n in (0, 1, 20, 21)] == [
        "zero days",
        "one day",
        "twenty days",
        "21 days",
    ]


def test_without_a_vector_there_is_one_clause() -> None:
    assert clauses(None) == ("no plan yet, so no vector",)


@pytest.mark.parametrize(
    ("times", "hidden_days", "expected"),
    [
        pytest.param(1, 10, "re-baselined once, hides 10 days", id="SV16"),
        (2, 1, "re-baselined twice, hides 1 day"),
        (3, 0, "re-baselined three times, hides nothing"),
        (1, -5, "re-baselined once, now asks for 5 days more"),
    ],
)
def test_what_a_moved_plan_hides_is_said(times: int, hidden_days: int, expected: str) -> None:
    assert rebaselined(times=times, hidden_days=hidden_days) == expected
