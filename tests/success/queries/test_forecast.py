from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest

from config.kernel.keyset import BadCursor
from success.engine.forecast import Expected, LeftOut, Unknown
from success.models import Ask, ForecastMonth, Offer, PlanPause
from success.queries.forecast import (
    CohortKey,
    accounts,
    back_test,
    closed_months,
    forecast,
    held,
    key_of,
    months_after,
    plain,
    slug_of,
    worth_on,
)
from success.services.readings import read_forecast_months
from success.services.worth import set_worth
from tests.factories import (
    NOON,
    TODAY,
    make_ask,
    make_offer,
    make_user,
)
from tests.success.forecasts import (
    make_history,
    make_path,
    make_path_with_offer,
    make_traveller,
)

pytestmark = pytest.mark.django_db


def test_nothing_is_expected_where_nothing_was_announced():
    found = forecast(as_of=TODAY)

    assert (found.cohorts, found.left_out, found.total) == ((), {}, Expected())
    assert found.nrr is None
    assert plain(found)["total"]["expected"] is None


def test_a_cohort_is_foretold_from_those_who_were_there_before():
    template, offer = make_path_with_offer()
    make_history(template, offer, took=14, refused=6)
    make_traveller(template, offer, reached=(20,))  # due in 20 days

    found = forecast(as_of=TODAY, months=1)

    # 31 days on it is eleven days late: 22 of 25 were there by then, and none of them earlier
    # than 20 days early
    [cohort] = found.cohorts
    assert (cohort.milestone, cohort.offer, cohort.value) == ("Milestone 2", "A training", 500)
    assert cohort.events == 25
    assert cohort.chance == Fraction(22, 25) == cohort.expected.takers / cohort.take
    assert cohort.take == Fraction(14 + 9, 20 + 10)
    assert found.total.value == 500 * cohort.chance * cohort.take


def test_twenty_must_have_reached_it_before_anything_is_said():
    template, offer = make_path_with_offer()
    make_history(template, offer, lateness=range(19))
    make_traveller(template, offer, reached=(20,))

    found = forecast(as_of=TODAY, months=1)

    assert (found.total.accounts, found.total.unknown) == (1, 1)
    assert found.cohorts[0].unknown == {Unknown.TOO_FEW: 1}
    assert (found.cohorts[0].chance, found.cohorts[0].take) == (None, None)
    assert plain(found)["total"]["expected"] is None


def test_beyond_the_last_lateness_nothing_is_said():
    template, offer = make_path_with_offer()
    make_history(template, offer)
    late = make_traveller(template, offer, reached=(20,), anchor_on=TODAY - timedelta(days=400))
    make_traveller(template, offer, reached=(20,))

    found = forecast(as_of=TODAY, months=1)
    [row, _other] = accounts(as_of=TODAY, months=1).items

    assert (found.total.accounts, found.total.known) == (2, 1)
    assert (row.member_id, row.unknown, row.chance) == (
        late.plan.member_id, Unknown.BEYOND, None,
    )  # fmt: skip


def test_paused_days_are_none_of_the_window():
    template, offer = make_path_with_offer()
    make_history(template, offer)
    ask = make_traveller(template, offer, reached=(20,))
    PlanPause.objects.create(plan=ask.plan, starts_on=TODAY, reason="A leave")

    [row] = accounts(as_of=TODAY, months=1).items

    assert (row.days_to_go, row.chance) == (20, 0)


FACTS = {
    LeftOut.NOT_A_MEMBER: {"reached": (20,), "standing": "lapsed"},
    LeftOut.REACHED: {"reached": (20, 35), "state": "achieved"},
    LeftOut.ASKED: {"reached": (20, 35), "state": "achieved"},
    LeftOut.FURTHER_ON: {},
    LeftOut.OWNED: {"reached": (20,), "tier": "Gold"},
    LeftOut.RETIRED: {"reached": (20,)},
    LeftOut.COOLING_OFF: {"reached": (20,)},
    LeftOut.GOAL_STALE: {
        "reached": (20,),
        "goal_confirmed_on": TODAY - timedelta(days=181),
    },
    LeftOut.REGRESSING: {"reached": (20,), "state": "regressing"},
    LeftOut.ASSOC_BLOCKED: {"reached": (20,), "blocker": "association"},
}


def make_left_out(reason, template, offer):
    if reason is LeftOut.OWNED:
        Offer.objects.update(owned_with_tier="Gold")
    if reason is LeftOut.RETIRED:
        offer = make_offer(is_retired=True)
    ask = make_traveller(template, offer, **FACTS[reason])
    ask.plan.milestones.update(evidence_source="confirmed")
    if reason is LeftOut.ASKED:
        Ask.objects.filter(pk=ask.pk).update(status="asked", asked_on=TODAY)
    if reason is LeftOut.COOLING_OFF:
        make_ask(
            milestone=ask.plan.milestones.get(position=1),
            kind="advocacy",
            status="refused",
            asked_on=TODAY - timedelta(days=5),
            answered_on=TODAY - timedelta(days=2),
        )


@pytest.mark.parametrize("reason", list(LeftOut))
def test_who_is_left_out_is_counted_by_the_reason_and_listed(reason):
    template, offer = make_path_with_offer()
    make_traveller(template, offer, reached=(20,))
    make_left_out(reason, template, offer)

    found = forecast(as_of=TODAY)

    assert found.left_out == {reason: 1}
    assert found.total.accounts == 1
    [row] = accounts(as_of=TODAY, reason=reason).items
    assert (row.reason, row.chance, row.expected) == (reason, None, None)
    counted = accounts(as_of=TODAY)
    with held(as_of=TODAY):
        assert forecast(as_of=TODAY) == found
        assert accounts(as_of=TODAY) == counted
        assert accounts(as_of=TODAY, reason=reason).items == [row]


def test_an_answered_or_withdrawn_offer_is_nowhere():
    template, offer = make_path_with_offer()
    make_history(template, offer, lateness=range(2), took=1, refused=1)
    gone = make_traveller(template, offer, reached=(20,))
    gone.status = "withdrawn"
    gone.save()

    found = forecast(as_of=TODAY)

    assert (found.total.accounts, found.left_out) == (0, {})


def test_cohorts_and_accounts_add_up_to_the_total_and_nobody_is_twice():
    template, offer = make_path_with_offer()
    make_history(template, offer, took=5, refused=2)
    other, second = make_path_with_offer(value="1200")
    make_history(other, second, lateness=range(-12, 12))
    for days in (5, 30, 44, 60, 75):
        for on, what in ((template, offer), (other, second)):
            make_traveller(
                on, what, reached=(4,), anchor_on=TODAY - timedelta(days=days),
                state="slipping" if days > 60 else "on_track",
            )  # fmt: skip
    make_traveller(make_path(), offer, reached=(20,))

    found = forecast(as_of=TODAY, months=1)
    rows = accounts(as_of=TODAY, months=1, size=100).items

    cohorts = Expected()
    for cohort in found.cohorts:
        cohorts = cohorts.plus(cohort.expected)
        behind = accounts(as_of=TODAY, months=1, cohort=cohort.key, size=100).items
        assert len(behind) == cohort.expected.accounts
        assert sum((row.expected or 0) for row in behind) == cohort.expected.value
    assert len(found.cohorts) == 3
    assert cohorts == found.total
    assert sum((row.expected or 0) for row in rows) == found.total.value > 0
    assert len({(row.member_id, row.offer) for row in rows}) == len(rows) == 11


def test_an_offer_without_a_value_counts_takers_only():
    template, offer = make_path_with_offer(value=None)
    make_history(template, offer)
    make_traveller(template, offer, reached=(20,))

    found = forecast(as_of=TODAY, months=1)

    assert (found.total.unpriced, found.total.value) == (1, 0)
    assert found.total.takers > 0
    assert plain(found)["total"]["expected"] is None


def test_values_hold_from_their_day_and_the_first_before_it():
    _template, offer = make_path_with_offer(value="500")
    set_worth(
        offer=offer, effective_from=TODAY, annual_value=Decimal(600), by=make_user(), at=NOON
    )

    assert worth_on(as_of=date(2025, 1, 1)) == {offer.pk: 500}
    assert worth_on(as_of=TODAY - timedelta(days=1)) == {offer.pk: 500}
    assert worth_on(as_of=TODAY) == {offer.pk: 600}


def test_months_ahead_add_up_to_the_window_while_curves_last():
    template, offer = make_path_with_offer()
    make_history(template, offer, lateness=range(-10, 100, 5))
    make_traveller(template, offer, reached=(20,))

    found = forecast(as_of=TODAY, months=3)

    months = sum(month.expected.value for month in found.ahead[:3])
    assert float(months) == pytest.approx(float(found.total.value), abs=0.01)
    assert [month.expected.known for month in found.ahead] == [1, 1, 1] + [0] * 9


def test_accounts_come_page_by_page_the_latest_first():
    template, offer = make_path_with_offer()
    made = [
        make_traveller(template, offer, reached=(1,), anchor_on=TODAY - timedelta(days=days))
        for days in (10, 50, 30)
    ]

    first = accounts(as_of=TODAY, size=2)
    second = accounts(as_of=TODAY, size=2, after=first.next)

    assert [row.member_id for row in first.items + second.items] == [
        made[1].plan.member_id, made[2].plan.member_id, made[0].plan.member_id,
    ]  # fmt: skip
    assert second.next is None
    with pytest.raises(BadCursor):
        accounts(as_of=TODAY, after="nonsense")


@pytest.mark.parametrize("travellers", [1, 3])
def test_forecast_costs_the_same_for_any_number_of_accounts(
    travellers, django_assert_num_queries
):
    template, offer = make_path_with_offer()
    for _ in range(travellers):
        make_traveller(template, offer, reached=(20,))

    with django_assert_num_queries(9):
        forecast(as_of=TODAY)


def test_back_test_sees_what_was_so_then_and_what_came():
    template, offer = make_path_with_offer()
    make_history(template, offer, lateness=range(-10, 30), took=14, refused=6)
    # both stood before it at the end of January 2026; one came and took it in February
    taker = make_traveller(
        template, offer, reached=(20, 65), anchor_on=date(2025, 12, 15), state="achieved"
    )
    taker.milestone.evidence_source = "confirmed"
    taker.milestone.save()
    taker.asked_on = taker.answered_on = date(2026, 3, 10)
    taker.status = "accepted"
    taker.save()
    make_traveller(template, offer, reached=(20,), anchor_on=date(2025, 12, 15))

    found = back_test(as_of=date(2026, 6, 10), grace_days=30)

    month = next(each for each in found.months if each.starts_on == date(2026, 1, 31))
    assert (month.ends_on, month.expected.accounts) == (date(2026, 2, 28), 2)
    assert (month.takers, month.came_value, month.pending) == (1, 500, 0)
    # due on 13 February: by the end of the month 26 of 40 had reached it
    assert month.expected.known == 2
    assert month.expected.takers == 2 * Fraction(26, 40) * Fraction(23, 30)
    assert month.is_inside
    before = next(each for each in found.months if each.starts_on == date(2025, 12, 31))
    assert before.expected.accounts == 0
    assert len(found.months) == 12


def test_back_test_keeps_a_month_open_while_somebody_may_answer():
    template, offer = make_path_with_offer()
    make_history(template, offer, lateness=range(-10, 30))
    make_traveller(
        template, offer, reached=(20, 60), anchor_on=date(2026, 4, 10), state="achieved"
    )

    found = back_test(as_of=TODAY, grace_days=30, months=3)

    june = found.months[-1]
    assert (june.starts_on, june.ends_on) == (date(2026, 5, 31), date(2026, 6, 30))
    assert (june.expected.known, june.takers, june.pending) == (1, 0, 1)
    assert [(tenth.accounts, tenth.took) for tenth in found.tenths] == [(1, 0)]  # of May
    later = back_test(as_of=date(2026, 10, 15), grace_days=30, months=6)
    june = next(each for each in later.months if each.starts_on == date(2026, 5, 31))
    assert (june.pending, june.takers, june.is_inside) == (0, 0, True)
    assert sum(tenth.accounts for tenth in later.tenths) == 2


def test_today_reads_the_same_from_facts_and_from_the_log():
    template, offer = make_path_with_offer()
    make_history(template, offer)
    make_traveller(template, offer, reached=(20,))

    now = forecast(as_of=date(2026, 7, 31), months=1)
    then = back_test(as_of=date(2026, 9, 2), grace_days=30, months=1).months[0]

    assert then.starts_on == now.as_of
    assert then.expected.accounts == now.total.accounts == 1


def test_closed_months_are_whole_ones():
    assert closed_months(as_of=date(2026, 3, 31), months=2) == [
        (date(2025, 12, 31), date(2026, 1, 31)),
        (date(2026, 1, 31), date(2026, 2, 28)),
    ]


@pytest.mark.parametrize(
    ("day", "months", "then"),
    [
        (date(2026, 7, 29), 1, date(2026, 8, 29)),
        (date(2026, 1, 31), 1, date(2026, 2, 28)),
        (date(2026, 7, 29), 12, date(2027, 7, 29)),
        (date(2026, 1, 1), -1, date(2025, 12, 1)),
        (date(2026, 11, 30), 1, date(2026, 12, 30)),
    ],
)
def test_months_after_a_day(day, months, then):
    assert months_after(day, months) == then


def test_a_cohort_has_a_name_for_addresses():
    key = CohortKey(3, "kept:a-year", 7)

    assert key_of(slug_of(key)) == key
    assert [key_of(slug) for slug in ("", "3", "3:m", "x:m:1", "3::7")] == [None] * 5


def test_the_night_writes_closed_months_and_the_page_reads_the_same():
    template, offer = make_path_with_offer()
    make_history(template, offer, lateness=range(-10, 30), took=14, refused=6)
    make_traveller(
        template, offer, reached=(20, 60), anchor_on=date(2026, 4, 10), state="achieved"
    )
    make_traveller(template, offer, reached=(20,))
    live = back_test(as_of=TODAY, grace_days=30)
    ahead = forecast(as_of=TODAY)

    assert read_forecast_months(as_of=TODAY, grace_days=30) == 12
    assert back_test(as_of=TODAY, grace_days=30) == live
    assert forecast(as_of=TODAY) == ahead, "nobody came in July, so June's curve is today's"
    assert read_forecast_months(as_of=TODAY, grace_days=30) == 0
    # ninety days after its end June is settled, and changes no more
    assert not ForecastMonth.objects.get(ends_on=date(2026, 6, 30)).is_settled
    later = date(2026, 10, 15)
    assert read_forecast_months(as_of=later, grace_days=30) > 0
    june = ForecastMonth.objects.get(ends_on=date(2026, 6, 30))
    assert june.is_settled
    assert june.said["pending"] == 0
    assert read_forecast_months(as_of=TODAY, grace_days=30) == 0, (
        "an earlier day writes nothing"
    )


def test_a_written_month_is_read_without_asking_the_log(django_assert_num_queries):
    template, offer = make_path_with_offer()
    make_history(template, offer, lateness=range(-10, 30))
    make_traveller(template, offer, reached=(20,))
    read_forecast_months(as_of=TODAY, grace_days=30)

    with django_assert_num_queries(1):
        back_test(as_of=TODAY, grace_days=30)


def test_a_curve_is_that_of_the_last_closed_month():
    template, offer = make_path_with_offer()
    make_history(template, offer, lateness=range(-10, 30))
    make_traveller(template, offer, reached=(20,))
    read_forecast_months(as_of=TODAY, grace_days=30)
    before = forecast(as_of=TODAY).cohorts
    row = ForecastMonth.objects.get(ends_on=date(2026, 6, 30))
    [place] = row.lateness
    # who is added to the row is in the curve: the row is what is read
    row.lateness[place] += [[time, True, None, 1] for time in range(-40, -20)]
    row.save()

    [was], [now] = before, forecast(as_of=TODAY).cohorts
    assert now.events == was.events + 20
