from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from success.engine.evidence import Evidence, Word, evidence_of, stands

DAY = timedelta(days=1)
FIRST = date(2026, 7, 1)
NOON = datetime(2026, 7, 29, 12, tzinfo=UTC)

words = st.lists(
    st.builds(
        Word,
        on=st.integers(0, 8).map(lambda days: FIRST + days * DAY),
        achieved=st.booleans(),
        said_at=st.integers(0, 5).map(lambda hours: NOON + hours * timedelta(hours=1)),
        source=st.sampled_from(["derived", "confirmed", "declared"]),
    ),
    max_size=12,
)


@given(words)
def test_dates_alternate_and_say_what_the_last_word_said(said):
    found = evidence_of(said)

    assert list(found.dates) == sorted(set(found.dates))
    for offset in range(-1, 10):
        day = FIRST + offset * DAY
        told = [word for word in said if word.on <= day]
        last = max(told, key=lambda word: (word.on, word.said_at, word.achieved), default=None)
        assert found.stands(on=day) is (last is not None and last.achieved)


@given(words, st.randoms(use_true_random=False))
def test_order_in_which_words_are_read_changes_nothing(said, random):
    shuffled = random.sample(said, len(said))

    assert evidence_of(shuffled).dates == evidence_of(said).dates


@given(words)
def test_one_more_achievement_never_takes_any_standing_away(said):
    later = Word(FIRST - DAY, achieved=True, said_at=NOON + DAY)

    before, after = evidence_of(said), evidence_of([*said, later])

    for offset in range(-1, 10):
        day = FIRST + offset * DAY
        assert after.stands(on=day) or not before.stands(on=day)


@pytest.mark.parametrize(
    ("sources", "expected"),
    [
        (["declared"], "declared"),
        (["declared", "confirmed"], "confirmed"),
        (["confirmed", "declared"], "confirmed"),
        (["derived", "declared"], "derived"),
    ],
)
def test_source_is_firm_once_any_word_of_the_run_is(sources, expected):
    said = [
        Word(FIRST + number * DAY, achieved=True, said_at=NOON, source=source)
        for number, source in enumerate(sources)
    ]

    assert evidence_of(said) == Evidence((FIRST,), expected)


def test_next_run_rests_on_its_own_words():
    said = [
        Word(FIRST, achieved=True, said_at=NOON, source="confirmed"),
        Word(FIRST + DAY, achieved=False, said_at=NOON),
        Word(FIRST + 2 * DAY, achieved=True, said_at=NOON, source="declared"),
    ]

    assert evidence_of(said).source == "declared"


def test_nothing_said_is_no_evidence():
    assert evidence_of([]) == Evidence((), "")
    assert not stands(None, on=FIRST)
