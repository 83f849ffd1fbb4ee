from datetime import date

import pytest

from success.engine import drafting
from success.engine.planning import from_data, to_data
from tests.factories import make_path

KEYS = ["m1", "m2", "m3"]


def begun():
    return drafting.begun(to_data(make_path()))


def keys(content):
    return [each["key"] for each in content["milestones"]]


def test_what_a_draft_knows_beside_the_plan_stays_out_of_the_plan():
    content = begun() | {"said_by": "x", "consents": ["m1:upsell"]}

    assert from_data(drafting.plain(content)) == make_path()


def test_days_of_the_cohort_are_remembered():
    data = to_data(make_path())
    data["milestones"][1]["expected_basis"] = "cohort"

    assert drafting.begun(data)["cohort_days"] == {"m2": data["milestones"][1]["expected_day"]}


@pytest.mark.parametrize(
    ("act", "expected", "look_at"),
    [
        ("add", [*KEYS, "new"], "new"),
        ("add-beside", [*KEYS, "new"], "new"),
        ("up:m2", ["m2", "m1", "m3"], "m2"),
        ("up:m1", KEYS, "m1"),
        ("down:m2", ["m1", "m3", "m2"], "m2"),
        ("down:m3", KEYS, "m3"),
        ("up:gone", KEYS, "gone"),
        ("remove:m2", ["m1", "m3"], "m3"),
        ("remove:m3", ["m1", "m2"], "m2"),
        ("remove:gone", KEYS, ""),
        ("restore", KEYS, ""),
    ],
)
def test_a_change_leaves_this_order_and_looks_at_that(act, expected, look_at):
    before = begun()

    after, looked_at = drafting.change(before, act, key="new")

    assert (keys(after), looked_at, keys(before)) == (expected, look_at, KEYS)


def test_what_was_removed_is_put_back_whole_where_it_was():
    gone, _ = drafting.change(begun(), "remove:m2", key="new")

    back, looked_at = drafting.change(gone, "restore", key="new")

    assert (back, looked_at) == (begun(), "m2")


def test_a_milestone_beside_the_way_never_passes_one_that_gates():
    content, _ = drafting.change(begun(), "add-beside", key="new")

    assert keys(drafting.change(content, "up:new", key="x")[0]) == [*KEYS, "new"]
    assert keys(drafting.change(content, "add", key="x")[0]) == [*KEYS, "x", "new"]


@pytest.mark.parametrize("owner", ["m1", "plan"])
def test_promises_are_added_and_taken_out_by_their_number(owner):
    content, looked_at = drafting.change(begun(), f"promise:{owner}:member", key="x")
    held = content if owner == "plan" else content["milestones"][0]
    count = len(held["promises"])

    after, _ = drafting.change(content, f"unpromise:{owner}:{count - 1}", key="x")

    assert (looked_at, held["promises"][-1]["side"]) == (owner, "member")
    assert after == begun()


@pytest.mark.parametrize(
    "act", ["unpromise:m1:99", "unpromise:m1:x", "promise:gone:member", "promise:m1:nobody"]
)
def test_a_change_that_nothing_answers_to_changes_nothing(act):
    assert drafting.change(begun(), act, key="x")[0] == begun()


@pytest.mark.parametrize("act", ["", "explode", "add:m1", "up", "promise:m1"])
def test_an_act_that_is_none_is_refused(act):
    with pytest.raises(drafting.NoSuchChange):
        drafting.change(begun(), act, key="x")


@pytest.mark.parametrize("count", [1, 3, 6, 7])
def test_weights_are_even_and_sum_to_100(count):
    content = drafting.begun({})
    for number in range(count):
        content, _ = drafting.change(content, "add", key=f"k{number}")
    content, _ = drafting.change(content, "add-beside", key="beside")

    after, _ = drafting.change(content, "weights", key="x")

    weights = [each["weight"] for each in drafting.gating(after)]
    assert (sum(weights), max(weights) - min(weights) <= 1) == (100, True)
    assert after["milestones"][-1]["weight"] == 1


def test_what_is_reached_is_set_aside_and_the_rest_weighs_a_hundred():
    content = begun()

    drafting.set_aside(content, ["m1"])

    assert keys(content) == ["m2", "m3", "m1"]
    assert [each["weight"] for each in drafting.gating(content)] == [50, 50]


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        (0, date(2026, 7, 29)),
        (30, date(2026, 8, 28)),
        (-1, None),
        ("soon", None),
        ("", None),
        (10**8, None),
    ],
)
def test_a_day_has_a_date_where_it_is_one(day, expected):
    assert drafting.date_of(day, anchor_on=date(2026, 7, 29)) == expected


def test_differences_name_the_place_and_both_texts():
    mine = begun() | {"goal": "Mine"}
    theirs, _ = drafting.change(begun(), "remove:m3", key="x")
    theirs["milestones"][0]["title"] = "Theirs"

    found = {path: (ours, others) for path, ours, others in drafting.differences(mine, theirs)}

    assert found["goal"] == ("Mine", begun()["goal"])
    assert found["milestones.m1.title"] == (begun()["milestones"][0]["title"], "Theirs")
    assert found["milestones.m3.title"][1] is None
    assert "milestones.m2.title" not in found


def test_what_is_replaced_is_kept_inside_once():
    first = drafting.replacing({"goal": "B"}, {"goal": "A", "replaced": {}}, by="Ann", at="t")

    assert first == {
        "goal": "B",
        "replaced": {"by": "Ann", "at": "t", "content": {"goal": "A"}},
    }


def test_what_is_missing_is_mended_so_that_the_rest_can_be_judged():
    content, _ = drafting.change(begun(), "add", key="new")
    content, _ = drafting.change(content, "promise:new:member", key="x")
    content["milestones"][0]["weight"] = 30
    content["milestones"][1]["weight"] = 30
    content["milestones"][2]["weight"] = ""

    path = from_data(drafting.mended(content))

    assert [each.weight for each in path.milestones] == [30, 30, 20, 20]
    assert path.milestones[3].expected_day == path.milestones[2].expected_day
    assert path.milestones[3].promises[0].due_day == path.milestones[3].expected_day
