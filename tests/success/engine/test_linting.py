from dataclasses import replace

import pytest

from success.engine.accountability import Side
from success.engine.linting import has_errors, lint, rule_problem
from success.engine.planning import PlannedMilestone, PlannedPath, Promise


def promise(side, day, **fields):
    return Promise(side=side, title=f"Do what the {side} does", due_day=day, **fields)


def point(number, day, weight, **fields):
    both = (promise(Side.MEMBER, day - 5), promise(Side.ASSOCIATION, day - 10))
    defaults = {"key": f"m{number}", "title": f"Outcome {number} is live", "promises": both}
    return PlannedMilestone(expected_day=day, weight=weight, **(defaults | fields))


SOUND = PlannedPath(
    goal="We want to sell abroad",
    measure="Orders from two countries",
    first_30="Two introductions",
    first_60="A first offer",
    first_90="A first answer",
    milestones=(point(1, 30, 20), point(2, 60, 30), point(3, 120, 50)),
)


def changed(at, **fields):
    milestones = list(SOUND.milestones)
    milestones[at] = replace(milestones[at], **fields)
    return replace(SOUND, milestones=tuple(milestones))


def found(path, **given):
    return [(f.code, f.where) for f in lint(path, **given)]


def test_a_sound_plan_has_nothing_said_of_it():
    assert lint(SOUND) == ()


CASES = {
    "goal": (replace(SOUND, goal=" "), ("goal_missing", "goal")),
    "too few": (
        replace(SOUND, milestones=(point(1, 30, 50), point(2, 60, 50))),
        ("milestone_count", "milestones"),
    ),
    "too many": (
        replace(
            SOUND,
            milestones=tuple(point(n, 10 * n, 12 if n < 8 else 16) for n in range(1, 9)),
        ),
        ("milestone_count", "milestones"),
    ),
    "key form": (changed(0, key="ä b"), ("key_form", "milestones.0.key")),
    "no key": (changed(0, key=""), ("key_form", "milestones.0.key")),
    "falling days": (changed(1, expected_day=29), ("days_fall", "milestones.1.expected_day")),
    "no title": (changed(1, title=""), ("title_missing", "milestones.1.title")),
    "an event of ours": (
        changed(1, title="Onboarding completed"),
        ("association_onboard", "milestones.1.title"),
    ),
    "a fact of ours": (
        changed(
            1,
            evidence_kind="derived",
            evidence_rule={"rule": "first", "areas": ["event.attended"]},
        ),
        ("association_fact", "milestones.1.evidence_rule"),
    ),
    "no rule": (
        changed(1, evidence_kind="derived"),
        ("rule_unknown", "milestones.1.evidence_rule"),
    ),
    "a rule nobody asks": (
        changed(1, evidence_rule={"rule": "first", "areas": ["maintainer"]}),
        ("rule_unasked", "milestones.1.evidence_rule"),
    ),
    "nobody of theirs": (
        changed(1, promises=(promise(Side.ASSOCIATION, 50),)),
        ("no_member_promise", "milestones.1.promises"),
    ),
    "nobody of ours": (
        changed(1, promises=(promise(Side.MEMBER, 50),)),
        ("no_association_promise", "milestones.1.promises"),
    ),
    "an empty promise": (
        changed(1, promises=(*SOUND.milestones[1].promises, Promise(side=Side.MEMBER, title="", due_day=50))),
        ("promise_empty", "milestones.1.promises.2.title"),
    ),
    "weights": (changed(1, weight=31), ("weights", "milestones")),
    "an offer on their word": (
        changed(1, upsell="seats", evidence_kind="declared"),
        ("ask_on_word", "milestones.1.upsell"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_a_plan_that_breaks_a_rule_is_refused(case):
    path, expected = CASES[case]

    assert found(path) == [expected]
    assert has_errors(lint(path))


def test_keys_are_told_apart():
    assert found(changed(1, key="m1")) == [
        ("key_twice", "milestones.0.key"),
        ("key_twice", "milestones.1.key"),
    ]


def test_ties_of_expected_days_are_allowed():
    assert lint(changed(1, expected_day=30)) == ()


def test_what_does_not_gate_needs_neither_weight_in_the_sum_nor_promises():
    beside = point(4, 10, 7, is_gating=False, promises=())

    assert lint(replace(SOUND, milestones=(*SOUND.milestones, beside))) == ()


def test_nothing_is_asked_beside_the_way():
    beside = point(4, 10, 7, is_gating=False, promises=(), advocacy="testimonial")

    assert found(replace(SOUND, milestones=(*SOUND.milestones, beside))) == [
        ("ask_not_gating", "milestones.3.advocacy")
    ]


def test_a_missing_fit_needs_a_promise_of_ours_that_closes_it():
    theirs = replace(SOUND, promises=(promise(Side.MEMBER, 20, closes_fit="resource"),))
    ours = replace(SOUND, promises=(promise(Side.ASSOCIATION, 20, closes_fit="resource"),))

    assert found(theirs, missing_fits={"resource"}) == [("fit_open", "promises")]
    assert lint(ours, missing_fits={"resource"}) == ()


WARNINGS = {
    "gap": (changed(2, expected_day=151, promises=SOUND.milestones[0].promises), "gap"),
    "gap from the start": (
        replace(
            SOUND,
            milestones=(
                point(1, 91, 20, promises=(promise(Side.MEMBER, 91), promise(Side.ASSOCIATION, 91))),
                point(2, 110, 30),
                point(3, 120, 50),
            ),
        ),
        "gap",
    ),
    "thin": (changed(2, evidence_kind="declared", weight=50), None),
    "thinner": (
        replace(
            SOUND,
            milestones=tuple(replace(m, evidence_kind="declared") for m in SOUND.milestones),
        ),
        "evidence_thin",
    ),
    "expectations": (replace(SOUND, first_60=""), "expectations_missing"),
    "measure": (replace(SOUND, measure=""), "measure_missing"),
    "late promise": (
        replace(SOUND, promises=(promise(Side.MEMBER, -1),)),
        "promise_before_start",
    ),
    "seat": (changed(1, title="You join a working group of experts"), "seat_only"),
}  # fmt: skip


@pytest.mark.parametrize("case", WARNINGS)
def test_a_warning_goes_with_the_agreement(case):
    path, code = WARNINGS[case]

    assert [f.code for f in lint(path)] == ([code] if code else [])
    assert not has_errors(lint(path))


def test_a_dated_promise_fills_a_gap():
    path = changed(2, expected_day=160)

    assert lint(path) == ()


def test_errors_come_before_warnings():
    path = replace(changed(2, weight=49), first_30="")

    assert [f.severity for f in lint(path)] == ["error", "warning"]


@pytest.mark.parametrize(
    ("rule", "is_whole"),
    [
        ({"rule": "first", "areas": ["maintainer"]}, True),
        ({"rule": "subjects", "areas": ["maintainer"], "count": 2}, True),
        ({"rule": "peers", "areas": ["maintainer"], "count": 3}, True),
        ({"rule": "kept", "areas": ["maintainer"], "days": 365}, True),
        ({}, False),
        ({"rule": "magic"}, False),
        ({"rule": ["first"]}, False),
        ({"rule": "first", "areas": []}, False),
        ({"rule": "first", "areas": "maintainer"}, False),
        ({"rule": "subjects", "areas": ["maintainer"], "count": 0}, False),
        ({"rule": "subjects", "areas": ["maintainer"], "count": True}, False),
        ({"rule": "kept", "areas": ["maintainer"]}, False),
        ({"rule": "first", "areas": ["maintainer"], "days": 3}, False),
    ],
)
def test_a_rule_is_whole_or_says_what_it_lacks(rule, is_whole):
    assert (rule_problem(rule) == "") == is_whole
