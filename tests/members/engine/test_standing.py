import itertools
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from members.engine.standing import (
    Span,
    Standing,
    bridge,
    joined_on,
    known,
    lapsed_on,
    spell_on,
    spells,
    standing,
)

GRACE = 30
TERM = Span(date(2024, 1, 1), date(2025, 1, 1))
EPOCH = date(2024, 1, 1)

days = st.integers(min_value=0, max_value=900).map(lambda n: EPOCH + timedelta(days=n))
spans = st.builds(
    lambda start, length: Span(start, start + timedelta(days=length)),
    days,
    st.integers(min_value=1, max_value=200),
)
span_lists = st.lists(spans, max_size=6)
graces = st.integers(min_value=0, max_value=90)


@pytest.mark.parametrize(
    ("on", "expected"),
    [
        pytest.param(date(2023, 12, 31), Standing.NOT_YET, id="day before the first"),
        pytest.param(date(2024, 1, 1), Standing.IN_FORCE, id="first day"),
        pytest.param(date(2024, 12, 31), Standing.IN_FORCE, id="last day"),
        pytest.param(date(2025, 1, 1), Standing.IN_GRACE, id="the exclusive end"),
        pytest.param(date(2025, 1, 10), Standing.IN_GRACE, id="expired ten days ago"),
        pytest.param(date(2025, 1, 30), Standing.IN_GRACE, id="last day of grace"),
        pytest.param(date(2025, 1, 31), Standing.LAPSED, id="grace over"),
    ],
)
def test_standing_follows_the_term_and_then_the_grace(on: date, expected: Standing) -> None:
    assert standing([TERM], on=on, grace_days=GRACE) is expected


def test_standing_thirty_one_days_into_a_ninety_day_grace() -> None:
    expired_30_november = Span(date(2024, 12, 1), date(2025, 12, 1))

    assert (
        standing([expired_30_november], on=date(2025, 12, 31), grace_days=90)
        is Standing.IN_GRACE
    )


def test_standing_without_grace_lapses_on_the_expiry() -> None:
    assert standing([TERM], on=TERM.ends_on, grace_days=0) is Standing.LAPSED


def test_standing_without_terms_is_not_yet() -> None:
    assert standing([], on=EPOCH, grace_days=GRACE) is Standing.NOT_YET


def test_a_later_term_is_unknown_until_it_starts() -> None:
    renewal = Span(date(2025, 1, 20), date(2026, 1, 20))
    on = date(2025, 1, 10)

    assert standing([TERM, renewal], on=on, grace_days=GRACE) is Standing.IN_GRACE
    assert known([renewal, TERM], as_of=on) == (TERM,)


def test_a_renewal_in_grace_closes_the_gap_looking_back() -> None:
    renewal = Span(date(2025, 1, 20), date(2026, 1, 20))
    on, later = date(2025, 1, 10), date(2025, 2, 1)

    assert standing([TERM, renewal], on=on, grace_days=GRACE, as_of=later) is Standing.IN_FORCE


@pytest.mark.parametrize(
    ("start", "counts_from"),
    [
        pytest.param(date(2025, 1, 30), date(2025, 1, 1), id="last day of grace"),
        pytest.param(date(2025, 1, 31), date(2025, 1, 31), id="grace over"),
        pytest.param(date(2025, 1, 1), date(2025, 1, 1), id="on the expiry"),
        pytest.param(date(2024, 11, 1), date(2024, 11, 1), id="before the expiry"),
    ],
)
def test_bridge_back_dates_only_what_starts_in_grace(start: date, counts_from: date) -> None:
    end = date(2026, 1, 1)

    assert bridge([Span(start, end), TERM], grace_days=GRACE) == (
        TERM,
        Span(counts_from, end),
    )


def test_bridge_moves_lines_that_start_together_together() -> None:
    first = Span(date(2025, 1, 20), date(2026, 1, 1))
    second = Span(date(2025, 1, 20), date(2025, 7, 1))

    assert bridge([TERM, first, second], grace_days=GRACE) == (
        TERM,
        Span(TERM.ends_on, second.ends_on),
        Span(TERM.ends_on, first.ends_on),
    )


def test_spells_join_renewals_and_part_at_a_lapse() -> None:
    in_grace = Span(date(2025, 1, 20), date(2026, 1, 1))
    after_lapse = Span(date(2026, 6, 1), date(2027, 6, 1))

    assert spells([after_lapse, TERM, in_grace], grace_days=GRACE) == (
        Span(TERM.starts_on, in_grace.ends_on),
        after_lapse,
    )


def test_joined_on_is_the_first_day_ever_and_a_return_begins_another_spell() -> None:
    rejoined = Span(date(2026, 6, 1), date(2027, 6, 1))
    on = date(2026, 7, 1)

    assert joined_on([rejoined, TERM], as_of=on) == TERM.starts_on
    assert joined_on([TERM], as_of=date(2023, 1, 1)) is None
    assert spell_on([rejoined, TERM], on=on, grace_days=GRACE) == rejoined
    assert spell_on([rejoined, TERM], on=date(2026, 5, 1), grace_days=GRACE) == TERM
    assert spell_on([TERM], on=date(2023, 1, 1), grace_days=GRACE) is None


@pytest.mark.parametrize(
    ("on", "expected"),
    [
        pytest.param(date(2024, 6, 1), None, id="in force"),
        pytest.param(date(2025, 1, 30), None, id="in grace, not recognised yet"),
        pytest.param(date(2025, 1, 31), date(2025, 1, 1), id="recognised, dated at expiry"),
        pytest.param(date(2023, 6, 1), None, id="never joined"),
    ],
)
def test_lapsed_on_is_the_expiry_once_grace_is_over(on: date, expected: date | None) -> None:
    assert lapsed_on([TERM], on=on, grace_days=GRACE) == expected


def test_a_span_lasts_at_least_a_day() -> None:
    with pytest.raises(ValueError, match="must last a day"):
        Span(EPOCH, EPOCH)


@given(span_lists, graces)
def test_bridging_twice_changes_nothing(given_spans: list[Span], grace: int) -> None:
    once = bridge(given_spans, grace_days=grace)

    assert bridge(once, grace_days=grace) == once


@given(span_lists, graces, days)
def test_bridging_never_takes_a_covered_day_away(
    given_spans: list[Span], grace: int, day: date
) -> None:
    covered = any(span.covers(day) for span in given_spans)
    bridged = any(span.covers(day) for span in bridge(given_spans, grace_days=grace))

    assert bridged or not covered


@given(span_lists, graces)
def test_spells_are_apart_by_at_least_the_grace(given_spans: list[Span], grace: int) -> None:
    runs = spells(given_spans, grace_days=grace)

    assert all(
        later.starts_on > earlier.ends_on and (later.starts_on - earlier.ends_on).days >= grace
        for earlier, later in itertools.pairwise(runs)
    )


@given(
    st.permutations(
        [TERM, Span(date(2025, 1, 9), date(2025, 5, 1)), Span(EPOCH, date(2024, 3, 1))]
    ),
    days,
)
def test_order_of_terms_is_irrelevant(shuffled: list[Span], day: date) -> None:
    expected = standing(sorted(shuffled), on=day, grace_days=GRACE)

    assert standing(shuffled, on=day, grace_days=GRACE) is expected
