"""Whatever is said of plays and plans goes through the catalogue, every word of it."""

from dataclasses import replace

import pytest
from django.utils import translation

from config.kernel import words
from config.kernel.road import Road, Station, sentence, station_in_words
from success.engine import linting, play_linting, wording
from success.engine.facts import FACTS
from success.engine.planning import PlannedMilestone, PlannedPath
from success.engine.playing import (
    BadPlay,
    PlannedPlay,
    PlannedStep,
    condition_in_words,
    differences,
    from_data,
    start_in_words,
)

WAITS = {"fact": "last_fact_on", "op": "older_than_days", "value": 30}
PLAYS = (
    PlannedPlay(),
    PlannedPlay(start={"every": "month", "over_days": 99}, held_percent=60, aim_days=0),
    PlannedPlay(start={"fact": "tier"}, reentry="after_days", audience=WAITS, stop=WAITS),
    PlannedPlay(
        start={"fact": "anchor_on"},
        aim_condition={"fact": "paid_a_year", "op": "is_null"},
        stop={"fact": "anchor_on", "op": "older_than_days", "value": 3},
        held_percent=5,
        never_withheld=True,
        steps=(
            PlannedStep(minutes=0, template="none"),
            PlannedStep(intent="escalate", wait_days=9),
            PlannedStep(changes="person", wait_days=40),
        ),
    ),
)
SERVED = {"pool": play_linting.Served(name="Pool", channels=("email",), delivery="message")}
TONIGHT = play_linting.Tonight(audience=0)
PATHS = (
    PlannedPath(goal=""),
    PlannedPath(
        goal="Renew the membership",
        milestones=(
            PlannedMilestone(key="a", title="Renewed", weight=60, expected_day=200),
            PlannedMilestone(key="a", title="Join a committee", weight=0, expected_day=0),
        ),
    ),
)
STARTS = (
    {"every": "month"},
    {"every": "quarter", "over_days": 4},
    {"fact": "anchor_on"},
    {"fact": "anchor_on", "offset_days": 3},
    {"fact": "anchor_on", "offset_days": -1},
    {"kind": "promise.late"},
)


class Marked:
    """A language in which every message stands between brackets."""

    def gettext(self, message: str, /) -> str:
        return f"⟦{message}⟧"

    def ngettext(self, singular: str, plural: str, number: int, /) -> str:
        return f"⟦{singular if number == 1 else plural}⟧"

    def pgettext(self, context: str, message: str, /) -> str:
        return f"⟦{message}⟧"


@pytest.fixture
def marked():
    words.speak_with(Marked())
    yield
    words.speak_with(translation)


def is_whole(text: str) -> bool:
    """Whether nothing of ``text`` stands outside the brackets, but for what joins sentences."""
    depth, outside = 0, ""
    for letter in text:
        depth += (letter == "⟦") - (letter == "⟧")
        outside += letter if depth == 0 and letter not in "⟦⟧" else ""
    return outside.strip(" ()") == ""


@pytest.mark.parametrize("play", PLAYS)
def test_whatever_the_linter_says_of_a_play_is_translated(play, marked):
    found = play_linting.lint(
        play, channels_by_segment=SERVED, template_variables={}, tonight=TONIGHT
    )

    assert found
    assert [each for each in found if not is_whole(each.words + each.suggestion)] == []


@pytest.mark.parametrize("path", PATHS)
def test_whatever_the_linter_says_of_a_plan_is_translated(path, marked):
    found = linting.lint(path, missing_fits=["skills"])

    assert found
    assert [each for each in found if not is_whole(each.words + each.suggestion)] == []


@pytest.mark.parametrize("fact", list(FACTS))
def test_what_a_fact_is_called_is_translated(fact, marked):
    assert is_whole(fact.title)
    assert is_whole(condition_in_words({"fact": fact.name, "op": "not_null"}))


@pytest.mark.parametrize("start", STARTS)
def test_how_a_play_starts_is_translated(start, marked):
    assert is_whole(start_in_words(PlannedPlay(start_kind="timed", start=start)))


def test_where_two_plays_differ_is_translated(marked):
    step = PlannedStep(intent="help", wait_days=1)
    other = PlannedPlay(
        aim_condition=WAITS,
        aim_days=3,
        reentry="occurrence",
        queue_class=2,
        held_percent=3,
        never_withheld=True,
        steps=(step, replace(step, changes="person")),
    )
    before = replace(other, steps=(PlannedStep(), replace(step, wait_days=4)))

    for found in (differences(PlannedPlay(), other), differences(before, other)):
        assert found
        assert [each for each in found if not is_whole(each.before + each.after)] == []


@pytest.mark.parametrize(
    "data",
    [
        [],
        {"colour": 1},
        {"aim": 3, "aim_days": "x", "start": {"offset_days": 1.5}, "steps": 3},
        {"start": {"over_days": 400}, "reentry": "x", "held_percent": 99, "never_withheld": 1},
    ],
)
def test_what_is_no_play_is_told_in_translated_words(data, marked):
    with pytest.raises(BadPlay) as refused:
        from_data(data)

    assert [words for _, words in refused.value.problems if not is_whole(words)] == []


def test_the_vector_is_said_in_translated_words(marked):
    said = [
        wording.sentence(None),
        wording.days(40),
        wording.speed(None),
        wording.rebaselined(times=3, hidden_days=-2),
    ]

    assert [text for text in said if not is_whole(text)] == []


@pytest.mark.parametrize("portal", [True, False])
@pytest.mark.parametrize("moved", [None, 0, 9])
def test_the_road_is_said_in_translated_words(portal, moved, marked):
    first = Station(title="⟦A⟧", expected_day=30, achieved=True)
    last = Station(title="⟦B⟧", expected_day=60, blocking=True, first_day=50)
    road = Road(
        stations=(first, last),
        day=50,
        plan_clock=30,
        clock_30_days_ago=None if moved is None else 30 - moved,
        horizon=90,
        baseline=(50,),
    )

    said = [sentence(road, portal=portal)] + [
        station_in_words(each, portal=portal) for each in road.stations
    ]

    assert [text for text in said if not is_whole(text)] == []
