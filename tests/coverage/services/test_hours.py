from datetime import timedelta
from decimal import Decimal
from fractions import Fraction

import pytest

from coverage.models import CoverageHours, CoverageModel, Segment
from coverage.queries.hours import staff_hours, version_before
from coverage.services.hours import (
    NotAModel,
    NotWithdrawable,
    ensure_beginning,
    ensure_default_model,
    new_version,
    withdraw,
)
from coverage.services.segments import ensure_default_segments
from members.models import AuditEntry
from tests.factories import NOON, TODAY, make_segment, make_user

pytestmark = pytest.mark.django_db

TABLE = {
    "inbound": ("0.50", "0.10", "0.10", "0.20", "0.75"),
    "asynchronized": ("1.50", "0.40", "0.40", "0.75", "2.00"),
    "synchronous": ("4.00", "1.50", "2.00", "3.00", "6.00"),
    "task_force": ("10.00", "6.00", "6.00", "8.00", "14.00"),
}
STAGES = ("onboarding", "adoption", "growth", "renewal", "at_risk")


def by_key():
    keys = dict(Segment.objects.values_list("pk", "key"))
    return {
        (keys[segment], stage): hours
        for (segment, stage), hours in staff_hours(as_of=TODAY).items()
    }


def test_the_default_model_gives_the_table_once_leverage_is_applied():
    ensure_default_segments()
    make_segment()  # whose hours nobody has said

    ensure_default_model(at=NOON)

    assert by_key() == {
        (key, stage): Fraction(hours)
        for key, row in TABLE.items()
        for stage, hours in zip(STAGES, row, strict=True)
    }


def test_the_default_model_is_made_once():
    ensure_default_segments()

    made = [ensure_default_model(at=NOON + timedelta(days=day)) for day in (0, 9)]

    assert made[0] == made[1]
    assert (CoverageModel.objects.count(), made[0].effective_from) == (1, TODAY)


def test_nothing_is_known_before_a_model_counts():
    ensure_default_segments()
    ensure_default_model(at=NOON + timedelta(days=1))

    assert staff_hours(as_of=TODAY) == {}


def version(**overrides):
    fields = {
        "hours": {
            ("synchronous", "growth", "sync"): Decimal(1),
            ("synchronous", "growth", "async"): Decimal(2),
        },
        "leverage": {("synchronous", "async"): Decimal(4)},
        "effective_from": TODAY,
        "note": "Measured in spring",
        "by": make_user(role="director"),
        "at": NOON,
    }
    return new_version(**(fields | overrides))


def test_a_new_version_counts_from_its_day_and_says_so():
    ensure_default_segments()
    ensure_default_model(at=NOON - timedelta(days=30))

    made = version()

    assert (made.version, by_key()) == (2, {("synchronous", "growth"): Fraction(3, 2)})
    assert AuditEntry.objects.get(verb="coverage_model.made", by__isnull=False).summary == (
        "Version 2 of the hours, from 2026-07-29"
    )


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"hours": {}}, "at least one amount"),
        ({"hours": {("golden", "growth", "async"): Decimal(1)}}, "no segment golden"),
        ({"hours": {("inbound", "growth", "async"): Decimal(-1)}}, "not negative"),
        ({"leverage": {("inbound", "async"): Decimal(0)}}, "above zero"),
        ({"hours": {("synchronous", "growth", "sync"): Decimal(1)}}, "asynchronous share"),
        ({"effective_from": TODAY - timedelta(days=31)}, "then or later"),
    ],
)  # fmt: skip
def test_a_version_that_cannot_be_meant_is_refused_with_words(fields, words):
    ensure_default_segments()
    ensure_default_model(at=NOON - timedelta(days=30))

    with pytest.raises(NotAModel, match=words):
        version(**fields)

    assert CoverageModel.objects.count() == 1


def test_a_version_begins_today_or_later_and_says_why():
    ensure_default_segments()
    ensure_default_model(at=NOON - timedelta(days=30))

    with pytest.raises(NotAModel, match="That day is over"):
        version(effective_from=TODAY - timedelta(days=1))
    with pytest.raises(NotAModel, match="and why"):
        version(note="  ")

    made = version(effective_from=TODAY + timedelta(days=30))
    assert (made.version, by_key()["synchronous", "growth"]) == (2, Fraction(2))


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"hours": {("inbound", "golden", "async"): Decimal(1)}}, "no stage golden"),
        ({"hours": {("inbound", "growth", "fax"): Decimal(1)}}, "not given as fax"),
        ({"hours": {("inbound", "growth", "async"): Decimal(745)}}, "at most 744"),
        ({"leverage": {("inbound", "async"): Decimal(501)}}, "at most 500"),
    ],
)  # fmt: skip
def test_a_version_says_only_what_there_is(fields, words):
    ensure_default_segments()
    with pytest.raises(NotAModel, match=words):
        version(**fields)


def test_the_beginning_is_made_where_there_is_nothing_and_only_then():
    outcomes = [ensure_beginning(on=TODAY, at=NOON + timedelta(days=n)) for n in (0, 1)]

    assert outcomes == [True, False]
    assert Segment.objects.count() == 4
    assert CoverageModel.objects.get().effective_from == TODAY


def test_the_beginning_adds_no_segment_to_those_of_an_association():
    make_segment(key="our-own")
    assert ensure_beginning(on=TODAY, at=NOON) is False
    assert (Segment.objects.count(), CoverageModel.objects.count()) == (1, 0)


def test_a_planned_version_is_withdrawn_and_the_one_before_goes_on_counting():
    ensure_default_segments()
    ensure_default_model(at=NOON - timedelta(days=30))
    counted = by_key()
    day = TODAY + timedelta(days=10)
    planned = version(effective_from=day)
    director = make_user(role="director")

    withdrawn = withdraw(model=planned, reason=" Too early ", by=director, at=NOON)

    assert withdrawn.withdrawn_at == NOON
    assert staff_hours(as_of=day) == staff_hours(as_of=TODAY)
    assert by_key() == counted
    entry = AuditEntry.objects.get(verb="coverage_model.withdrawn")
    assert (entry.by, entry.after["reason"]) == (director, "Too early")
    assert CoverageHours.objects.filter(model=planned).count() == 2  # kept to be seen
    following = version(effective_from=TODAY + timedelta(days=1))
    assert (following.version, version_before(following).version) == (3, 1)


@pytest.mark.parametrize("days", [-1, 0])
def test_what_counts_already_is_not_withdrawn(days):
    ensure_default_segments()
    counting = ensure_default_model(at=NOON + timedelta(days=days))
    with pytest.raises(NotWithdrawable, match="counts already"):
        withdraw(model=counting, reason="", by=make_user(), at=NOON)


def test_a_version_is_withdrawn_once():
    ensure_default_segments()
    planned = version(effective_from=TODAY + timedelta(days=1))
    withdraw(model=planned, reason="", by=make_user(), at=NOON)
    with pytest.raises(NotWithdrawable, match="withdrawn before"):
        withdraw(model=planned, reason="", by=make_user(), at=NOON)
    assert AuditEntry.objects.filter(verb="coverage_model.withdrawn").count() == 1


def test_the_beginning_comes_back_where_all_was_withdrawn():
    ensure_default_segments()
    only = ensure_default_model(at=NOON, on=TODAY + timedelta(days=3))
    withdraw(model=only, reason="", by=make_user(), at=NOON)
    assert ensure_beginning(on=TODAY, at=NOON) is True
    assert staff_hours(as_of=TODAY) != {}
