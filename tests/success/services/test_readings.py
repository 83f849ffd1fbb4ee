from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from members.enums import LinkKind
from members.models import Association
from members.services.links import link_accounts, take_back_link
from members.services.rates import set_rate
from success.engine.revenue import Kind
from success.enums import RevenueBasis
from success.models import MeasureReading
from success.queries import effects, gap, kept, outlook, readings, renewals, revenue, story
from success.queries import movements as moves
from success.queries.movements import Asked, Narrowed
from success.queries.renewal_dues import dues_by_week
from success.services.readings import PARTS, forget, write_down
from tests.factories import make_member, make_member_facts, make_term
from tests.success.queries.test_outlook import begin_records, derive, joined, make_path

pytestmark = pytest.mark.django_db
DAY = date(2026, 7, 29)
NOON = datetime(2026, 7, 29, 12, tzinfo=UTC)


def keep(day=DAY):
    return sum(write_down(part, as_of=day, grace_days=30) for part in PARTS)


def test_the_same_day_again_writes_nothing():
    make_term(starts_on=date(2025, 1, 1), ends_on=date(2027, 1, 1))

    assert keep() > 0
    assert keep() == 0


def test_an_answer_that_is_kept_equals_the_one_worked_out_now():
    make_term(starts_on=date(2025, 1, 1), ends_on=date(2027, 1, 1))
    year = {
        "opening_on": date(2025, 7, 29),
        "closing_on": DAY,
        "as_of": DAY,
        "grace_days": 30,
    }
    keep()

    for ask, asked in (
        (kept.promises_kept, {"as_of": DAY}),
        (gap.gap_of, {"as_of": DAY}),
        (revenue.both_bases, year),
        (story.story, {"as_of": DAY}),
        (effects.arms, {"as_of": DAY, "grace_days": 30}),
        (effects.drawn, {"as_of": DAY}),
    ):
        found = readings.known(ask, **asked)
        assert found is not None
        assert found == ask.__wrapped__(**asked)


def test_stalling_and_leaving_are_kept_to_the_last_figure():
    make_path(title="Build it")
    begin_records()
    for month in range(1, 13):
        joined(date(2021, month, 1), date(2023, month, 15))
        joined(date(2021, month, 2), date(2024 + month % 4, 1, 1), certified=50)
    derive()
    both = {"as_of": DAY, "grace_days": 30}
    write_down("our_work", **both)

    found = readings.known(outlook.stalled_and_lapsed, **both)

    assert found == outlook.stalled_and_lapsed.__wrapped__(**both)
    assert (found.title, found.kind.label, found.runs) == ("Build it", "Organisation", 24)
    assert found.main.ratio is not None
    assert len(found.looks) == 6
    assert [len(curve) for curve in found.months.values()] == [53, 53]
    assert readings.known(outlook.stalled_and_lapsed, **both, key="path") is None
    assert outlook.stalled_and_lapsed(**both, key="path") == found


def test_another_question_is_worked_out_and_another_night_replaces_the_last():
    keep()

    assert readings.known(kept.promises_kept, as_of=date(2026, 7, 28)) is None
    keep(date(2026, 7, 30))
    assert {*MeasureReading.objects.values_list("as_of", flat=True)} == {date(2026, 7, 30)}


def test_what_was_said_anew_is_forgotten():
    keep()

    forget(kept.promises_kept)

    assert readings.known(kept.promises_kept, as_of=DAY) is None
    assert readings.known(gap.gap_of, as_of=DAY) is not None


def test_who_asks_past_what_is_kept_gets_what_is_so_now():
    keep()
    MeasureReading.objects.update(said={"answer": None})

    with readings.asked_anew():
        assert gap.gap_of(as_of=DAY).answered == 0
        # asked again within, it is not worked out again
        assert readings.known(gap.gap_of, as_of=DAY) is gap.gap_of(as_of=DAY)


@pytest.mark.parametrize("change", ["linked", "taken back", "rate", "association"])
def test_what_a_person_changes_is_not_answered_from_the_night(change):
    linked = {"kind": LinkKind.MERGER, "since": date(2026, 1, 1), "by": None, "at": NOON}
    linked |= {"member": make_member(), "survivor": make_member()}
    if change == "taken back":
        link = link_accounts(**linked)
    keep()
    assert MeasureReading.objects.filter(question__startswith="revenue.both_bases").exists()

    match change:
        case "linked":
            link_accounts(**linked)
        case "taken back":
            take_back_link(link=link, by=None, at=NOON)
        case "rate":
            set_rate(currency="EUR", on=DAY, rate=Decimal("1.1"), by=None, at=NOON)
        case "association":
            Association.current().save()

    assert not MeasureReading.objects.filter(question__startswith="revenue.").exists()
    assert MeasureReading.objects.exists() is (change != "association")


@pytest.mark.parametrize("kinds", [(), (Kind.CHURN,), (Kind.NEW, Kind.UNCHANGED)])
def test_a_list_of_movements_opens_with_the_same_rows_kept_and_worked_out(kinds):
    for number in range(60):
        lasts = 2027 if number % 3 else 2026
        make_term(starts_on=date(2025, 1, 1), ends_on=date(lasts, 1, 1), dues=100 + number % 7)
    make_term(starts_on=date(2026, 2, 1), ends_on=date(2027, 2, 1), dues=70)
    asked = Asked(
        opening_on=date(2025, 7, 29),
        closing_on=DAY,
        as_of=DAY,
        basis=RevenueBasis.IN_FORCE,
        grace_days=30,
    )
    only = Narrowed(kinds=kinds)
    now = moves.movements_between(asked, only=only), moves.totals(asked, only=only)

    keep()

    assert readings.known(moves.first_of_moves, asked, size=50) is not None
    assert len(now[0].items) > (0 if kinds else 49)
    assert (moves.movements_between(asked, only=only), moves.totals(asked, only=only)) == now


def test_dues_that_end_are_the_same_for_all_together_as_for_those_looked_at():
    for days in (10, 30, 31, 119, 120):
        member = make_member()
        ends = DAY + timedelta(days=days)
        make_term(member=member, starts_on=date(2025, 9, 1), ends_on=ends, dues=100 + days)
        make_member_facts(member=member, standing="in_force", term_ends_on=ends)

    found = revenue.dues_of_ending(since=DAY, until=DAY + renewals.AHEAD)

    assert found == dues_by_week(renewals.ending(None, as_of=DAY))
    assert sum(found.values()) == 110 + 130 + 131 + 219
