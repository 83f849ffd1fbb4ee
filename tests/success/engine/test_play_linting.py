from dataclasses import replace

import pytest

from success.engine import playing
from success.engine.linting import has_errors
from success.engine.play_linting import (
    FILLED,
    Overlap,
    Served,
    Tonight,
    contacts_in_cap,
    lint,
    words_used,
)
from success.engine.playing import NAMED, PlannedPlay, PlannedStep
from success.rollups.plays import HAPPENINGS
from success.rollups.plays.compiling import WORDS
from success.rollups.plays.entering import MORE_VARIABLES, VARIABLES

SERVED = {
    "guided": Served(name="Guided", channels=("call", "meeting", "email"), delivery="person"),
    "digital": Served(name="Digital", channels=("email", "portal", "call"), delivery="message"),
}
TEMPLATES = {"next-point": {"name", "member"}, "of-a-plan": {"goal"}, "odd": {"name", "shoe"}}
BEHIND = {"fact": "behind_since", "op": "not_null"}
SOUND = PlannedPlay(
    aim="They reach the next point",
    start_kind="data",
    start={"fact": "behind_since"},
    audience=BEHIND,
    stop={"fact": "we_owe_since", "op": "not_null"},
    reentry="occurrence",
    steps=(
        PlannedStep(act="Ask what would help", template="next-point"),
        PlannedStep(act="Offer an hour", changes="channel", wait_days=7),
        PlannedStep(act="Look at it all", intent="escalate", changes="person", wait_days=7),
    ),
)


def found(play, **given):
    options = {"channels_by_segment": SERVED, "template_variables": TEMPLATES} | given
    return [(each.code, each.where) for each in lint(play, **options)]


def step(at, **fields):
    steps = list(SOUND.steps)
    steps[at] = replace(steps[at], **fields)
    return replace(SOUND, steps=tuple(steps))


def test_a_sound_play_has_nothing_said_of_it():
    assert found(SOUND) == []


MONEY = {"all": [{"not": {"fact": "paid_a_year", "op": "gt", "value": 3}}]}
OLD = {"fact": "behind_since", "op": "older_than_days", "value": 10}
CASES = {
    "no aim": (replace(SOUND, aim=" "), ("aim_missing", "aim")),
    "aim of no day": (replace(SOUND, aim_days=0), ("aim_days", "aim_days")),
    "aim nobody measures": (
        replace(SOUND, start_kind="timed", start={"every": "quarter"}),
        ("aim_unmeasured", "aim_condition"),
    ),
    "aim is the audience": (
        replace(SOUND, aim_condition=BEHIND),
        ("aim_is_audience", "aim_condition"),
    ),
    "aim always there": (
        replace(SOUND, aim_condition={"all": []}),
        ("aim_always", "aim_condition"),
    ),
    "no start": (replace(SOUND, start={}), ("start_missing", "start")),
    "no trigger": (
        replace(SOUND, start_kind="trigger", start={"kind": ""}),
        ("start_missing", "start"),
    ),
    "start unknown": (replace(SOUND, start={"fact": "colour"}), ("start_unknown", "start")),
    "start is no date": (
        replace(SOUND, start={"fact": "state"}),
        ("start_not_a_date", "start"),
    ),
    "odd period": (
        replace(SOUND, start_kind="timed", start={"every": "week"}),
        ("start_period", "start"),
    ),
    "start always": (
        replace(SOUND, start={"while": {"all": []}}, reentry="never"),
        ("start_always", "start"),
    ),
    "condition": (
        replace(SOUND, audience={"fact": "colour", "op": "eq", "value": 1}),
        ("condition", "audience"),
    ),
    "money in the audience": (replace(SOUND, audience=MONEY), ("condition", "audience")),
    "money at the start": (
        replace(SOUND, start={"while": MONEY}, reentry="never"),
        ("condition", "start"),
    ),
    "no stop rule": (replace(SOUND, stop=None), ("stop_missing", "stop")),
    "stops everybody": (replace(SOUND, stop={"all": []}), ("stop_always", "stop")),
    "stops whom it takes": (replace(SOUND, stop=BEHIND), ("stop_is_audience", "stop")),
    "aim of a date that stays": (
        replace(SOUND, start_kind="timed", start={"fact": "joined_on"}),
        ("aim_unmeasured", "aim_condition"),
    ),
    "why names what nobody knows": (
        replace(SOUND, start={"fact": "behind_since", "why": "Since {day}: {shoe}"}),
        ("why_unfilled", "start"),
    ),
    "again at once": (
        replace(SOUND, reentry="after_days"),
        ("reentry_days", "reentry_days"),
    ),
    "never again": (
        replace(
            SOUND,
            start_kind="timed",
            start={"every": "month"},
            reentry="never",
            aim_condition={"fact": "achieved_on", "op": "not_null"},
        ),
        ("reentry_never", "reentry"),
    ),
    "held, never withheld": (
        replace(SOUND, held_percent=10, never_withheld=True),
        ("held_never_withheld", "held_percent"),
    ),
    "held, and owed": (
        replace(SOUND, held_percent=10, start={"kind": "promise.late"}),
        ("held_owed", "held_percent"),
    ),
    "half and more held": (replace(SOUND, held_percent=60), ("held_many", "held_percent")),
    "no step": (replace(SOUND, steps=()), ("steps_missing", "steps")),
    "no act": (step(1, act=""), ("act_missing", "steps.1.act")),
    "no minutes": (step(1, minutes=0), ("minutes_missing", "steps.1.minutes")),
    "no wait": (step(1, wait_days=0), ("wait_missing", "steps.1.wait_days")),
    "no person at the end": (
        step(2, intent="ask"),
        ("end_is_no_person", "steps.2.intent"),
    ),
    "after the stop rule": (
        replace(SOUND, stop={"any": [OLD]}),
        ("unreachable", "steps.2.wait_days"),
    ),
    "after the aim": (replace(SOUND, aim_days=10), ("after_the_aim", "steps.2.wait_days")),
    "template unknown": (
        step(0, template="gone"),
        ("template_unknown", "steps.0.template"),
    ),
    "variables unfilled": (
        step(0, template="odd"),
        ("variables_unfilled", "steps.0.template"),
    ),
    "no template": (step(0, template=""), ("template_missing", "steps.0.template")),
}


@pytest.mark.parametrize("case", CASES)
def test_what_is_wrong_is_found_where_it_is(case):
    play, expected = CASES[case]

    assert found(play) == [expected]


def test_a_period_is_spread_over_half_of_it_at_most():
    def spread(every, days):
        return replace(SOUND, start_kind="timed", start={"every": every, "over_days": days})

    assert [
        ("start_spread", "start") in found(spread(every, days))
        for every, days in (("month", 10), ("month", 11), ("quarter", 30))
    ] == [False, True, False]


def test_no_step_follows_the_person_who_has_it_all():
    play = replace(SOUND, steps=(*SOUND.steps, PlannedStep(act="Write again", wait_days=3)))

    assert ("unreachable", "steps.3") in found(play)
    assert [each for each in found(play) if each[0] == "unreachable"] == [
        ("unreachable", "steps.3")
    ]


def test_a_third_try_of_one_kind_is_refused_and_names_the_segments():
    same = {"changes": "ask", "act": "Ask what would help"}
    play = replace(
        SOUND,
        steps=(
            SOUND.steps[0],
            PlannedStep(**same, wait_days=20, template="next-point"),
            PlannedStep(**same, wait_days=20, template="next-point"),
            SOUND.steps[2],
        ),
        aim_days=90,
    )

    findings = lint(play, channels_by_segment=SERVED, template_variables=TEMPLATES)

    third = [each for each in findings if each.code == "third_try"]
    assert [each.where for each in third] == ["steps.2.changes"]
    assert has_errors(third)
    assert "“Digital”" in third[0].words


def test_money_is_refused_in_words_of_its_own():
    (finding,) = lint(
        replace(SOUND, audience=MONEY),
        channels_by_segment=SERVED,
        template_variables=TEMPLATES,
    )

    assert finding.words.startswith("What they pay a year is about money, and cannot be asked")


def test_a_message_about_a_plan_needs_a_plan():
    new = step(0, template="of-a-plan")
    anybody = replace(
        new, start_kind="timed", start={"fact": "term_ends_on"}, audience={"all": []}
    )

    assert found(new) == []
    assert found(anybody) == [("variables_of_a_plan", "steps.0.template")]


def test_errors_come_first():
    play = replace(SOUND, stop=None, held_percent=10, never_withheld=True)

    findings = lint(play, channels_by_segment=SERVED, template_variables=TEMPLATES)

    assert [each.is_error for each in findings] == [True, False]


def test_today_tells_of_a_dead_audience_a_night_too_many_and_another_play():
    limited = replace(SOUND, most_a_night=50)
    quiet = Tonight(audience=0, entering=0)
    busy = Tonight(audience=900, entering=51)
    fits = Tonight(
        audience=90,
        entering=50,
        overlaps=(Overlap(title="Welcome", members=3, contacts=2),),
    )
    light = replace(fits, overlaps=(Overlap(title="Welcome", members=3, contacts=1),))

    assert found(limited, tonight=quiet) == [("audience_dead", "audience")]
    assert found(limited, tonight=busy) == [("most_a_night", "most_a_night")]
    assert found(limited, tonight=fits) == [("cap_conflict", "audience")]
    assert found(limited, tonight=light) == []


def test_what_has_never_happened_is_looked_at_again():
    play = replace(
        SOUND,
        start_kind="trigger",
        start={"kind": "event.atended"},
        aim_condition={"fact": "achieved_on", "op": "not_null"},
    )
    heard = Tonight(audience=9, kinds=("event.atended",))
    unheard = Tonight(audience=9, kinds=("event.attended",))

    assert found(play, tonight=heard) == []
    assert found(play, tonight=unheard) == [("start_unheard", "start")]


def test_only_messages_of_the_first_fourteen_days_count_for_the_cap():
    assert contacts_in_cap(SOUND, SERVED["digital"]) == 1
    assert contacts_in_cap(SOUND, SERVED["guided"]) == 0


def test_the_names_of_a_message_are_those_between_braces():
    assert words_used("Dear {{ name }}", "{{goal}} and {{ name }}") == {"name", "goal"}


def test_what_a_play_fills_in_is_what_the_night_fills_in():
    assert {*VARIABLES, *MORE_VARIABLES} == FILLED


def test_why_now_may_name_what_the_night_fills_in():
    assert set(WORDS) == NAMED


def test_what_becomes_true_again_is_a_thing_that_happens_again():
    # the night takes nobody a second time before it was otherwise
    assert found(replace(SOUND, start={"while": BEHIND})) == []


def test_what_happens_in_our_own_rows_is_what_the_night_knows():

    assert set(HAPPENINGS) <= set(playing.HAPPENINGS)
