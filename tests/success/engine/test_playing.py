from dataclasses import replace

import pytest

from success import enums
from success.engine import playing
from success.engine.playing import (
    BadPlay,
    Difference,
    PlannedPlay,
    PlannedStep,
    condition_in_words,
    day_of,
    differences,
    from_data,
    start_in_words,
    to_data,
)

OVERDUE = {"fact": "state", "op": "in", "value": ["stalled", "slipping"]}
BEHIND = {"fact": "behind_since", "op": "not_null"}
PLAY = PlannedPlay(
    aim="They reach the next point",
    aim_condition={"fact": "behind_since", "op": "is_null"},
    aim_days=45,
    start_kind="data",
    start={"fact": "behind_since"},
    audience={"all": [OVERDUE]},
    stop={"fact": "we_owe_since", "op": "not_null"},
    reentry="occurrence",
    held_percent=10,
    steps=(
        PlannedStep(act="Ask what would help", template="next-point"),
        PlannedStep(act="Ring them", changes="channel", wait_days=5, minutes=30),
        PlannedStep(act="Read it all", intent="escalate", changes="person", wait_days=7),
    ),
)


def said(old, new):
    return {each.where: (each.before, each.after) for each in differences(old, new)}


def test_a_play_comes_back_from_its_data_whole():
    assert from_data(to_data(PLAY)) == PLAY


def test_what_is_left_out_takes_its_default():
    assert from_data({}) == PlannedPlay()
    assert from_data({"steps": [{}]}).steps == (PlannedStep(),)


@pytest.mark.parametrize(
    ("data", "where", "words"),
    [
        ([], "", "must be an object"),
        ({"colour": "red"}, "colour", "is not known here"),
        ({"aim": 3}, "aim", "must be text"),
        ({"aim": "a\x00b"}, "aim", "holds a character that cannot be kept"),
        ({"aim_days": True}, "aim_days", "must be a whole number"),
        ({"aim_days": -1}, "aim_days", "must be from 0 to 3650"),
        ({"held_percent": 51}, "held_percent", "must be from 0 to 50"),
        ({"start_kind": "later"}, "start_kind", "must be one of timed, data, trigger"),
        ({"start": {"fact": 1.5}}, "start", "must be whole numbers, or text"),
        ({"start": {"colour": "red"}}, "start", "knows no colour"),
        ({"start": {"offset_days": "3"}}, "start", "counts days, which must be a whole number"),
        ({"audience": None}, "audience", "must be an object"),
        ({"steps": {}}, "steps", "must be a list"),
        ({"steps": [{"minutes": "x"}]}, "steps.0.minutes", "must be a whole number"),
        ({"steps": [{}] * 13}, "steps", "has at most 12"),
    ],
)
def test_data_of_another_form_says_where_and_what(data, where, words):
    with pytest.raises(BadPlay) as caught:
        from_data(data)

    assert caught.value.problems == ((where, words),)


def test_the_same_play_differs_nowhere():
    assert differences(PLAY, from_data(to_data(PLAY))) == ()


def test_what_differs_is_said_in_words():
    steps = (
        replace(PLAY.steps[0], template="", act="Ask them"),
        replace(PLAY.steps[1], wait_days=1, changes="ask"),
    )
    new = replace(
        PLAY,
        start_kind="timed",
        start={"fact": "term_ends_on", "offset_days": -90},
        stop=None,
        reentry="never",
        held_percent=0,
        never_withheld=True,
        queue_class=1,
        most_a_night=80,
        steps=steps,
    )

    assert said(PLAY, new) == {
        "start": ("When “Behind since” becomes known", "90 days before “Term ends”"),
        "stop": ("We owe them since is known", "nothing"),
        "reentry": ("for each thing that happens, once", "never again"),
        "queue_class": ("slipping", "we owe them"),
        "held_percent": ("10%", "0%"),
        "never_withheld": (
            "some may be left alone to compare with",
            "nobody is left out",
        ),
        "most_a_night": ("worked out when it is published", "80"),
        "steps.0.act": ("Ask what would help", "Ask them"),
        "steps.0.template": ("next-point", "none: a person does it"),
        "steps.1.wait_days": ("5 days", "1 day"),
        "steps.1.changes": ("another way of saying it", "something else is asked"),
        "steps.2": ("Read it all, after 7 days", ""),
    }


def test_a_wait_of_the_first_step_is_no_difference():
    waits = replace(PLAY, steps=(replace(PLAY.steps[0], wait_days=9), *PLAY.steps[1:]))

    assert differences(PLAY, waits) == ()


def test_another_word_of_the_same_start_is_a_difference():
    new = replace(PLAY, start={"fact": "behind_since", "why": "Behind since {day}."})

    assert differences(PLAY, new) == (
        Difference(
            where="start",
            before="fact: behind_since",
            after="fact: behind_since; why: Behind since {day}.",
        ),
    )


@pytest.mark.parametrize(
    ("kind", "start", "words"),
    [
        ("timed", {"fact": "joined_on", "offset_days": 14}, "14 days after “Member since”"),
        ("timed", {"fact": "joined_on", "offset_days": 1}, "1 day after “Member since”"),
        ("timed", {"fact": "term_ends_on", "offset_days": 0}, "On the day of “Term ends”"),
        ("timed", {"every": "quarter"}, "On the first day of every quarter"),
        ("timed", {"every": "month", "over_days": 5},
         "Spread over the first 5 working days of every month"),
        ("timed", {}, "Not said yet"),
        ("data", {"fact": "achieved_on"}, "When “Goal achieved” becomes known"),
        ("data", {"while": BEHIND}, "When this comes true: Behind since is known"),
        ("data", {}, "Not said yet"),
        ("data", {"kind": "promise.late"}, "When a promise of ours is late"),
        ("trigger", {"kind": "ask.eligible"}, "When a member may be asked what was agreed"),
        ("trigger", {"kind": "event.attended"}, "When “event.attended” happens"),
        ("trigger", {"kind": "maintainer.removed", "last": True},
         "When “maintainer.removed” happens, and nobody is left who does it"),
        ("trigger", {}, "Not said yet"),
    ],
)  # fmt: skip
def test_a_start_is_said_in_words(kind, start, words):
    assert start_in_words(PlannedPlay(start_kind=kind, start=start)) == words


def test_a_condition_that_cannot_be_asked_says_so():
    assert condition_in_words({"all": []}) == "everybody"
    assert condition_in_words({"fact": "colour", "op": "eq", "value": "red"}) == (
        "cannot be asked: there is no fact called 'colour'"
    )


def test_the_first_step_waits_for_nothing_and_the_others_add_up():
    late = replace(PLAY, steps=(replace(PLAY.steps[0], wait_days=3), *PLAY.steps[1:]))

    assert [day_of(late, position) for position in (1, 2, 3)] == [0, 5, 12]


def test_the_words_are_those_that_are_stored():
    assert list(playing.START_KINDS) == enums.StartKind.values
    assert list(playing.REENTRIES) == enums.Reentry.values
    assert list(playing.INTENTS) == list(playing.INTENT_WORDS) == enums.Intent.values
    assert list(playing.CHANGES) == list(playing.CHANGES_WORDS) == enums.Changes.values
    assert list(playing.CLASS_WORDS) == enums.QueueClass.values
