from dataclasses import fields
from datetime import date, timedelta
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from success.engine.queue import QueueClass, QueueItem, fit, ordered, queue_class
from success.engine.vector import State

START = date(2025, 1, 1)


def make_item(key: str, kind: QueueClass = QueueClass.SLIPPING, **overrides: Any) -> QueueItem:
    values: dict[str, Any] = {
        "key": key,
        "kind": kind,
        "since": START,
        "hours": Fraction(1),
    }
    return QueueItem(**values | overrides)


def keys(items: tuple[QueueItem, ...]) -> str:
    return "".join(str(item.key) for item in items)


def test_classes_come_in_their_order() -> None:
    items = [make_item(str(kind.value), kind) for kind in reversed(QueueClass)]

    assert keys(ordered(items)) == "12345678"


def test_the_stalled_go_by_days_behind_and_the_others_by_age() -> None:
    newer, older = START + timedelta(days=5), START

    stalled = [
        make_item("a", QueueClass.STALLED, days_behind=10, since=older),
        make_item("b", QueueClass.STALLED, days_behind=50, since=newer),
        make_item("c", QueueClass.STALLED, days_behind=50, since=older),
    ]
    slipping = [
        make_item("d", days_behind=50, since=newer),
        make_item("e", days_behind=10, since=older),
    ]

    assert keys(ordered(slipping + stalled)) == "cbaed"


def test_the_nearest_term_end_breaks_ties() -> None:
    items = [
        make_item("a", term_ends_on=None),
        make_item("b", term_ends_on=date(2025, 12, 31)),
        make_item("c", term_ends_on=date(2025, 3, 31)),
    ]

    assert keys(ordered(items)) == "cba"


def test_revenue_is_not_an_input() -> None:
    assert [field.name for field in fields(QueueItem)] == [
        "key",
        "kind",
        "since",
        "hours",
        "days_behind",
        "term_ends_on",
    ]


@pytest.mark.parametrize(
    ("state", "reasons", "expected"),
    [
        (State.REGRESSING, {"promise_overdue": True}, QueueClass.PROMISE_OVERDUE),
        (State.REGRESSING, {"substitution_alert": True}, QueueClass.REGRESSING),
        (State.STALLED, {"substitution_alert": True}, QueueClass.SUBSTITUTION),
        (State.STALLED, {"offer_eligible": True}, QueueClass.STALLED),
        (State.SLIPPING, {}, QueueClass.SLIPPING),
        (State.NO_PLAN, {"plan_past_sla": True}, QueueClass.NO_PLAN),
        (State.NO_PLAN, {}, None),
        (State.ON_TRACK, {"plan_past_sla": True}, None),
        (State.ACHIEVED, {"offer_eligible": True}, QueueClass.NEXT_GOAL),
        (State.AHEAD, {"offer_eligible": True}, QueueClass.OFFER),
        (State.ON_TRACK, {}, None),
    ],
)
def test_queue_class_is_the_most_pressing_reason(
    state: State, reasons: dict[str, bool], expected: QueueClass | None
) -> None:
    assert queue_class(state, **reasons) is expected


def test_what_does_not_fit_stays_visible_with_its_hours() -> None:
    items = [
        make_item("a", since=START, hours=Fraction(3)),
        make_item("b", since=START + timedelta(days=1), hours=Fraction(4)),
        make_item("c", since=START + timedelta(days=2), hours=Fraction(2)),
        make_item("d", since=START + timedelta(days=3), hours=Fraction(1, 2)),
    ]

    week = fit(items, hours=Fraction(5))

    assert (keys(week.served), keys(week.unserved)) == ("ac", "bd")
    assert week.unserved_hours == Fraction(9, 2)


def test_without_hours_everything_is_unserved() -> None:
    assert keys(fit([make_item("a")], hours=Fraction(0)).unserved) == "a"


items = st.builds(
    QueueItem,
    key=st.integers(0, 10**6),
    kind=st.sampled_from(QueueClass),
    since=st.dates(START, date(2025, 2, 1)),
    hours=st.fractions(0, 8, max_denominator=4),
    days_behind=st.integers(0, 5),
    term_ends_on=st.none() | st.dates(date(2025, 3, 1), date(2025, 4, 1)),
)


@given(
    st.lists(items, max_size=12, unique_by=lambda i: i.key), st.randoms(use_true_random=False)
)
def test_order_does_not_depend_on_how_it_was_found(found: list[QueueItem], random: Any) -> None:
    assert ordered(random.sample(found, len(found))) == ordered(found)


@given(
    st.lists(items, max_size=12, unique_by=lambda i: i.key),
    st.fractions(0, 40, max_denominator=4),
)
def test_nothing_is_lost_and_nothing_overruns(found: list[QueueItem], hours: Fraction) -> None:
    week = fit(found, hours=hours)

    assert ordered(week.served + week.unserved) == ordered(found)
    assert sum(item.hours for item in week.served) <= hours
