import json
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from success.engine.accountability import Side
from success.engine.planning import (
    ADVOCACY,
    EVIDENCE_KINDS,
    EXPECTED_BASES,
    FITS,
    BadPlan,
    PlannedMilestone,
    PlannedPath,
    Promise,
    from_data,
    is_stale,
    plan_sla,
    to_data,
    total_weight,
)

text = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=20)
numbers = st.integers(0, 36_500)
rules = st.dictionaries(
    text,
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats(allow_nan=False, allow_infinity=False)
        | text,
        lambda held: st.lists(held, max_size=3) | st.dictionaries(text, held, max_size=3),
        max_leaves=5,
    ),
    max_size=3,
)
promises = st.lists(
    st.builds(
        Promise,
        side=st.sampled_from(Side),
        title=text,
        due_day=st.integers(-36_500, 36_500),
        owner=text,
        person=text,
        closes_fit=st.sampled_from(["", *FITS]),
    ),
    max_size=3,
).map(tuple)
milestones = st.lists(
    st.builds(
        PlannedMilestone,
        key=text,
        title=text,
        expected_day=numbers,
        weight=st.integers(0, 1000),
        expected_basis=st.sampled_from(EXPECTED_BASES),
        is_gating=st.booleans(),
        evidence_kind=st.sampled_from(EVIDENCE_KINDS),
        evidence_rule=rules,
        expectation=text,
        upsell=text,
        advocacy=st.sampled_from(["", *ADVOCACY]),
        promises=promises,
    ),
    max_size=4,
).map(tuple)
paths = st.builds(
    PlannedPath,
    goal=text,
    required_outcome=text,
    measure=text,
    first_30=text,
    first_60=text,
    first_90=text,
    milestones=milestones,
    promises=promises,
)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda held: (
        st.lists(held, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["goal", "milestones", "promises", "key", "title", "side", "other"]
            ),
            held,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(path=paths)
def test_a_path_comes_back_whole_from_its_data(path):
    assert from_data(json.loads(json.dumps(to_data(path)))) == path


@given(data=json_values)
def test_any_data_is_a_path_or_a_bad_plan(data):
    try:
        path = from_data(data)
    except BadPlan:
        return
    assert from_data(to_data(path)) == path


def test_what_is_left_out_takes_its_default():
    data = {
        "goal": "G",
        "milestones": [{"key": "a", "title": "A", "expected_day": 1, "weight": 2}],
    }

    assert from_data(data) == PlannedPath(
        goal="G", milestones=(PlannedMilestone(key="a", title="A", expected_day=1, weight=2),)
    )


def test_every_problem_is_told_with_its_path():
    data = {
        "goals": "misspelt",
        "first_30": 30,
        "milestones": [
            {
                "key": "a",
                "title": "A",
                "expected_day": "30",
                "weight": True,
                "advocacy": "cake",
            },
            {
                "key": "b",
                "title": "nul \x00",
                "expected_day": -1,
                "weight": 2,
                "evidence_rule": {"rule": float("nan")},
                "promises": [{"side": "them", "title": "T"}, "promise"],
            },
        ],
        "promises": {},
    }

    with pytest.raises(BadPlan) as refused:
        from_data(data)

    assert dict(refused.value.problems) == {
        "goals": "is not known here",
        "goal": "is missing",
        "first_30": "must be text",
        "promises": "must be a list",
        "milestones.0.expected_day": "must be a whole number",
        "milestones.0.weight": "must be a whole number",
        "milestones.0.advocacy": "must be one of blank, testimonial, case_study, reference",
        "milestones.1.title": "holds a character that cannot be kept",
        "milestones.1.expected_day": "must be from 0 to 36500",
        "milestones.1.evidence_rule": "holds a number that cannot be kept",
        "milestones.1.promises.0.side": "must be one of member, association",
        "milestones.1.promises.0.due_day": "is missing",
        "milestones.1.promises.1": "must be an object",
    }


def test_data_that_is_no_object_is_no_plan():
    with pytest.raises(BadPlan, match="must be an object"):
        from_data([])


def test_total_weight_is_that_of_the_gating_milestones():
    path = PlannedPath(
        goal="G",
        milestones=(
            PlannedMilestone(key="a", title="A", expected_day=1, weight=60),
            PlannedMilestone(key="b", title="B", expected_day=2, weight=40),
            PlannedMilestone(key="c", title="C", expected_day=3, weight=7, is_gating=False),
        ),
    )

    assert total_weight(path) == 100


@pytest.mark.parametrize(
    ("day", "days_left", "is_overdue"),
    [
        pytest.param(10, 4, False, id="SV6"),
        pytest.param(14, 0, False),
        pytest.param(15, -1, True, id="SV6b"),
    ],
)
def test_a_plan_is_promised_within_fourteen_days(day, days_left, is_overdue):
    joined_on = date(2026, 1, 1)

    sla = plan_sla(joined_on, as_of=joined_on + timedelta(days=day))

    assert (sla.days_left, sla.is_overdue) == (days_left, is_overdue)
    assert sla.due_on == date(2026, 1, 15)


@pytest.mark.parametrize(("days", "stale"), [(0, False), (180, False), (181, True)])
def test_a_goal_nobody_confirms_goes_stale(days, stale):
    said_on = date(2026, 1, 1)

    assert is_stale(said_on, as_of=said_on + timedelta(days=days)) == stale
    assert not is_stale(None, as_of=said_on)
