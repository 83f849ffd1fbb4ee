from dataclasses import fields
from datetime import date
from fractions import Fraction
from typing import Any

import pytest

from coverage.engine.segments import (
    ASYNCHRONIZED,
    INBOUND,
    SYNCHRONOUS,
    TASK_FORCE,
    Assignment,
    AxProfile,
    Expertise,
    Guidance,
    Misspecified,
    Override,
    assign,
    in_effect,
)

SELF_RELIANT = {
    "expertise": Expertise.HIGH,
    "internal_resources_sufficient": True,
    "guidance": Guidance.OCCASIONAL,
}


def make_profile(**overrides: Any) -> AxProfile:
    values: dict[str, Any] = {
        "expertise": Expertise.MEDIUM,
        "internal_resources_sufficient": True,
        "guidance": Guidance.REGULAR,
        "sync_share": Fraction(1, 10),
        "async_share": Fraction(7, 10),
    }
    return AxProfile(**values | overrides)


@pytest.mark.parametrize(
    ("overrides", "segment", "reason"),
    [
        pytest.param(
            SELF_RELIANT | {"open_escalation_severity": 1},
            TASK_FORCE,
            "An escalation of severity 1 is open",
            id="escalation beats everything",
        ),
        pytest.param(
            SELF_RELIANT | {"contributor_skills": 3},
            TASK_FORCE,
            "3 contributor skills are needed at once",
            id="three skills",
        ),
        pytest.param(
            SELF_RELIANT | {"sync_share": Fraction(1, 2)},
            INBOUND,
            "Expert, with resources of their own, and needs guidance only now and then",
            id="inbound before synchronous",
        ),
        pytest.param(
            {"sync_share": Fraction(2, 5)},
            SYNCHRONOUS,
            "40% of the time asked for is in real time",
            id="synchronous from 40%",
        ),
        pytest.param(
            {"sync_share": Fraction(39, 100)},
            ASYNCHRONIZED,
            "39% of the time asked for is in real time, below 40%",
            id="below 40%",
        ),
        pytest.param(
            {"sync_share": None, "async_share": None},
            ASYNCHRONIZED,
            "No other rule applies, and the target mix is not known yet",
            id="mix unknown",
        ),
        pytest.param(
            {"open_escalation_severity": 2, "contributor_skills": 2},
            ASYNCHRONIZED,
            "10% of the time asked for is in real time, below 40%",
            id="a lesser escalation and two skills",
        ),
    ],
)
def test_the_first_rule_that_matches_wins(
    overrides: dict[str, Any], segment: str, reason: str
) -> None:
    assert assign(make_profile(**overrides)) == Assignment(segment, reason)


@pytest.mark.parametrize(
    "lacking",
    [
        {"expertise": Expertise.MEDIUM},
        {"expertise": None},
        {"internal_resources_sufficient": False},
        {"internal_resources_sufficient": None},
        {"guidance": Guidance.REGULAR},
        {"guidance": None},
    ],
)
def test_inbound_needs_all_three_and_knowledge_of_them(lacking: dict[str, Any]) -> None:
    assert assign(make_profile(**SELF_RELIANT | lacking)).segment == ASYNCHRONIZED


@pytest.mark.parametrize("async_share", [Fraction(0), None])
def test_synchronous_without_a_carve_out_is_refused(async_share: Fraction | None) -> None:
    with pytest.raises(Misspecified, match="asynchronous share"):
        assign(make_profile(sync_share=Fraction(1), async_share=async_share))


def test_dues_are_not_an_input() -> None:
    assert [field.name for field in fields(AxProfile)] == [
        "expertise",
        "internal_resources_sufficient",
        "guidance",
        "sync_share",
        "async_share",
        "contributor_skills",
        "open_escalation_severity",
    ]


def test_an_override_holds_until_the_day_it_expires() -> None:
    proposed = assign(make_profile())
    override = Override(SYNCHRONOUS, by="Ada", reason="New team", expires_on=date(2025, 7, 1))

    decided = Assignment(SYNCHRONOUS, "Decided by Ada: New team")
    assert in_effect(proposed, override=override, on=date(2025, 6, 30)) == decided
    assert in_effect(proposed, override=override, on=date(2025, 7, 1)) == proposed
    assert in_effect(proposed, override=None, on=date(2025, 6, 30)) == proposed
