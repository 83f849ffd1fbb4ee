from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest

from config.kernel.keyset import BadCursor
from coverage.engine.simulator import Asked, Cohort
from coverage.models import Rebalancing
from coverage.services import rebalancing
from members.enums import Role
from success.enums import RevenueBasis
from success.models import CostRate
from success.queries import margin as reads
from success.queries.revenue import revenue_between
from tests.factories import (
    NOON,
    TODAY,
    make_assignment,
    make_ax_profile,
    make_circumstance,
    make_coverage_model,
    make_effort,
    make_member,
    make_segment,
    make_term,
    make_user,
)
from tests.oracles import oracle

pytestmark = pytest.mark.django_db


@pytest.fixture
def pod():
    return make_segment(key="pod", name="Pod", position=1)


@pytest.fixture
def pool():
    return make_segment(key="inbound", name="Inbound", position=2, is_pooled=True)


def make_rates(**overrides):
    fields = {
        "effective_from": date(2026, 1, 1),
        "currency": "USD",
        "hourly_rate": 60,
        "enablement_a_year": 300,
        "direct_a_year": 600,
        "set_at": NOON,
    }
    return CostRate.objects.create(**(fields | overrides))


def make_paying(segment, *, dues=6000, minutes=0, present=1, stage="adoption", **overrides):
    member = make_member(**overrides)
    make_term(member=member, dues=Decimal(dues))
    if segment:
        make_assignment(member=member, segment=segment)
    if stage:
        make_circumstance(member=member, stage=stage)
    if minutes:
        make_effort(member=member, minutes=minutes, members_present=present)
    return member


def as_in_d4(pod, pool):
    """Fifty hours a year in a pod, twenty-four in a pool."""
    make_coverage_model(
        hours=[
            (pod, "adoption", "sync", Decimal("4.167")),
            (pool, "adoption", "inbound", 2),
        ]
    )


def test_the_margin_case_of_a_pod_and_a_pool_comes_out(pod, pool):
    as_in_d4(pod, pool)
    make_rates()
    make_paying(pod)
    make_paying(pool)

    everybody, (first, second) = reads.by_segment(as_of=TODAY)

    _cts, _margin, share = oracle("MAR_before")
    assert [first.served.hours, second.served.hours] == [50, 24]
    assert float(first.served.margin_share) == share
    assert [float(second.served.cost_to_serve), float(second.served.margin)] == oracle(
        "MAR_after"
    )[:2]
    assert (first.assumed, second.served.enablement, everybody.members) == (1, 300, 2)
    assert everybody.served.margin == first.served.margin + second.served.margin


def test_what_is_worked_out_once_for_both_says_the_same(pod, pool):
    as_in_d4(pod, pool)
    make_rates()
    make_paying(pod, minutes=90)
    make_paying(pod, minutes=100, present=3)
    make_paying(pool)
    now = reads.by_segment(as_of=TODAY), reads.by_member(as_of=TODAY)

    with reads.held(as_of=TODAY):
        assert (reads.by_segment(as_of=TODAY), reads.by_member(as_of=TODAY)) == now


def test_recorded_time_counts_before_what_is_assumed_and_sharing_costs_once(pod, pool):
    as_in_d4(pod, pool)
    make_rates()
    # 180 minutes in 90 days, shared by two
    recorded = make_paying(pod, minutes=180, present=2, name="Recorded")
    make_effort(member=recorded, minutes=900, on=TODAY - timedelta(days=90))
    make_effort(member=recorded, minutes=900, withdrawn_at=NOON)
    assumed = make_paying(pod, name="Assumed")

    found = {each.member_id: each for each in reads.by_member(as_of=TODAY).items}

    assert found[recorded.pk].served.hours == round(Decimal("1.5") * 365 / 90, 2)
    assert (found[recorded.pk].is_assumed, found[assumed.pk].is_assumed) == (False, True)


def test_members_share_what_a_pool_costs_by_their_hours(pool):
    make_coverage_model(
        hours=[(pool, "adoption", "inbound", 1), (pool, "onboarding", "inbound", 2)]
    )
    make_rates()
    make_paying(pool, name="Little")
    make_paying(pool, stage="onboarding", name="Much")

    found = {each.name: each.served for each in reads.by_member(as_of=TODAY).items}

    assert [found[name].enablement for name in ("Little", "Much")] == [100, 200]


def test_members_of_whom_no_hours_are_known_are_counted_and_left_out(pod, pool):
    as_in_d4(pod, pool)
    make_rates()
    make_paying(pod)
    make_paying(pod, stage=None)
    make_paying(None, stage=None)

    everybody, segments = reads.by_segment(as_of=TODAY)

    assert [(each.key, each.members, each.unknown) for each in segments] == [
        ("pod", 1, 1),
        ("", 0, 1),
    ]
    assert (everybody.members, everybody.unknown, everybody.served.revenue) == (1, 2, 6000)
    assert len(reads.by_member(as_of=TODAY).items) == 1


def test_dues_are_those_that_the_revenue_measures_say(pod, pool):
    as_in_d4(pod, pool)
    make_rates()
    make_paying(pod, dues="6000.10")
    make_paying(pod, dues="0")
    twice = make_paying(pod, dues="100")
    make_term(member=twice, dues=Decimal("55.55"))
    over = make_member()
    make_term(member=over, starts_on=date(2025, 1, 1), ends_on=TODAY, dues=Decimal(9))
    make_circumstance(member=over)
    make_assignment(member=over, segment=pod)

    everybody, _segments = reads.by_segment(as_of=TODAY)
    [measured] = revenue_between(
        opening_on=date(2026, 1, 1),
        closing_on=TODAY,
        as_of=TODAY,
        basis=RevenueBasis.IN_FORCE,
        grace_days=30,
    )

    assert everybody.members == 3
    assert everybody.served.revenue == measured.optimistic.closing == Decimal("6155.65")


def test_members_are_paged_from_the_smallest_margin(pod, pool):
    as_in_d4(pod, pool)
    make_rates()
    names = ["Loss", "Even", "Gain", "Equal"]
    for name, dues in zip(names, (0, 6000, 9000, 9000), strict=True):
        make_paying(pod, dues=dues, name=name)
    make_paying(pool, dues=1, name="Elsewhere")

    first = reads.by_member(as_of=TODAY, segment="pod", size=3)
    rest = reads.by_member(as_of=TODAY, segment="pod", size=3, after=first.next)

    assert [row.name for row in (*first.items, *rest.items)] == names
    assert (rest.next, first.items[0].served.margin) == (None, -3600)
    assert first.items[0].served.margin_share is None
    with pytest.raises(BadCursor):
        reads.by_member(as_of=TODAY, after="made up")


def test_the_last_rates_begun_hold():
    with pytest.raises(reads.NoRates):
        reads.by_segment(as_of=TODAY)
    make_rates(effective_from=TODAY + timedelta(days=1))
    with pytest.raises(reads.NoRates):
        reads.rates_on(as_of=TODAY)
    make_rates(hourly_rate=50)
    current = make_rates(effective_from=TODAY, hourly_rate=70)
    assert reads.rates_on(as_of=TODAY) == current


def test_rates_in_another_currency_are_not_taken_off():
    make_rates(currency="EUR")
    with pytest.raises(reads.OtherCurrency):
        reads.by_segment(as_of=TODAY)


def test_a_move_to_a_pool_is_said_in_money_in_points_and_on_its_first_day(pod, pool):
    as_in_d4(pod, pool)
    make_rates()
    director = make_user(role=Role.DIRECTOR)
    owner = make_user(weekly_hours=30)
    member = make_paying(None)
    make_ax_profile(member=member)
    make_assignment(member=member, segment=pod, owner=owner)
    cohort = Cohort(from_segment="pod", to_segment="inbound", percent=100)
    asked = rebalancing.ask(
        asked=Asked(most_moved_percent=0, cohort=cohort), by=director, as_of=TODAY, at=NOON
    )
    assert reads.effect_of(asked, as_of=TODAY) is None
    rebalancing.work_out(rebalancing_id=asked.pk, clock=lambda: NOON)

    found = reads.effect_of(asked, as_of=TODAY)

    assert (found.members, found.unknown, found.hours) == (1, 0, 26)
    assert float(found.change.relative) == oracle("MAR_rel_increase")
    assert found.change.points == Fraction(21, 100)
    assert (found.first_day.enablement_spent, found.first_day.value_of_hours) == (300, 1560)
    # applied, it says the same
    asked = Rebalancing.objects.get(pk=asked.pk)
    rebalancing.apply(
        rebalancing=asked, reason="They ask", tells_members=False, by=director, at=NOON
    )
    assert reads.effect_of(asked, as_of=TODAY).change == found.change


@pytest.mark.parametrize("count", [1, 3])
def test_reading_costs_takes_as_many_statements_for_many(
    pod, pool, count, django_assert_num_queries
):
    as_in_d4(pod, pool)
    make_rates()
    for _ in range(count):
        make_paying(pod)
    with django_assert_num_queries(7):
        reads.by_segment(as_of=TODAY)
