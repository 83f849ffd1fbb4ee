from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from coverage.engine.capacity import Band, Stage
from coverage.engine.projection import project
from coverage.models import Segment, TaskForceShare, WeekLoad
from coverage.queries import capacity as queries
from coverage.queries.capacity import picture
from coverage.queries.hours import staff_hours
from coverage.rollups import loads as rollup
from coverage.rollups.loads import monday
from coverage.services.hours import ensure_default_model
from coverage.services.segments import ensure_default_segments
from tests.examples import example
from tests.factories import (
    NOON,
    TODAY,
    make_absence,
    make_assignment,
    make_circumstance,
    make_contributor,
    make_effort,
    make_segment,
    make_term,
    make_user,
)
from tests.oracles import oracle

pytestmark = pytest.mark.django_db
AT = {"as_of": TODAY, "grace_days": 30}


@pytest.fixture(autouse=True)
def model():
    ensure_default_segments()
    ensure_default_model(at=NOON)


def segment(key="synchronous"):
    return Segment.objects.get(key=key)


def hold(owner, stage="adoption", key="synchronous", *, ends_on=date(2028, 1, 1), **told):
    member = make_term(ends_on=ends_on).member
    make_assignment(member=member, segment=segment(key), owner=owner)
    if stage:
        make_circumstance(member=member, stage=stage, term_ends_on=ends_on, **told)
    return member


def msm(name="Amy", **fields):
    user = make_user(name=name)
    make_contributor(user=user, **fields)
    return user


def only():
    (load,) = queries.loads(**AT)
    return load


def test_cap_lifecycle_mix():
    amy = msm()
    mix = {"onboarding": 20, "adoption": 30, "renewal": 10, "at_risk": 5}
    for stage, number in mix.items():
        for _ in range(number):
            hold(amy, stage)

    load = only()

    assert (load.members, load.needed, load.capacity) == (65, 185, 120)
    assert float(load.load) == oracle("CAP_lifecycle_mix")
    assert load.band is Band.OVERLOADED


def test_cap_renewal_spike_is_seen_months_ahead():
    amy = msm()
    for _ in range(4):
        hold(amy, ends_on=date(2026, 12, 31))
    # a hundred such members are twenty-five times these four
    weeks = queries.projection(**AT)[0].weeks
    loads = {each.week: 25 * each.load for each in weeks}

    usual, spike = oracle("CAP_renewal_spike")
    assert loads[date(2026, 8, 3)] == pytest.approx(usual, abs=0.001)
    assert loads[date(2026, 12, 21)] == pytest.approx(spike, abs=0.001)
    assert loads[date(2027, 1, 4)] == pytest.approx(usual, abs=0.001)


def test_who_holds_nobody_is_there_and_who_left_the_association_is_not():
    msm("Amy")
    make_user(name="Ben", role="director")
    make_user(name="Cleo", is_active=False)

    load = only()

    assert (load.user.name, load.members, load.load, load.band) == (
        "Amy", 0, 0, Band.UNDER_USED,
    )  # fmt: skip


def test_what_is_not_known_is_not_zero():
    amy = make_user(name="Amy")
    hold(amy, stage=None)
    member = make_term().member
    make_assignment(member=member, segment=make_segment(), owner=amy)
    make_circumstance(member=member)

    load = only()

    assert (load.unknown, load.capacity, load.load, load.band, load.given) == (
        2, None, None, None, None,
    )  # fmt: skip
    team = queries.team(**AT)
    assert (team.left_out, team.sums.load, team.unknown) == (1, None, 2)


def test_the_weekly_hours_of_a_log_in_stand_in_for_a_contract():
    make_user(weekly_hours=30)

    assert only().capacity == 130


def test_a_lapsed_member_needs_nothing():
    amy = msm()
    hold(amy, ends_on=TODAY - timedelta(days=31))

    assert only().members == 0


def test_every_contributor_of_a_task_force_carries_their_share():
    amy, ben = msm("Amy"), msm("Ben")
    member = hold(amy, "growth", "task_force")
    TaskForceShare.objects.create(
        member=member, user=ben, skill="law", percent=40, starts_on=TODAY
    )
    TaskForceShare.objects.create(
        member=member, user=ben, skill="past", percent=50,
        starts_on=TODAY - timedelta(days=9), ends_on=TODAY,
    )  # fmt: skip

    found = {each.user.name: each for each in queries.loads(**AT)}

    assert (found["Amy"].needed, found["Ben"].needed) == (Fraction("3.6"), Fraction("2.4"))
    assert (found["Ben"].members, found["Ben"].helped) == (0, 1)


def test_given_hours_are_those_of_ninety_days_shared_and_not_withdrawn():
    amy = msm()
    make_effort(by=amy, minutes=180, on=TODAY - timedelta(days=89))
    make_effort(by=amy, minutes=60, members_present=4)
    make_effort(by=amy, minutes=600, withdrawn_at=NOON)
    make_effort(by=amy, minutes=600, on=TODAY - timedelta(days=90))
    make_effort(by=amy, minutes=600, on=TODAY + timedelta(days=1))

    assert only().given == Fraction(195, 180)


def test_a_short_record_is_scaled_and_one_of_days_says_nothing():
    amy, ben = msm("Amy"), msm("Ben")
    make_effort(by=amy, minutes=60, on=TODAY - timedelta(days=9))
    make_effort(by=ben, minutes=60, on=TODAY - timedelta(days=5))

    found = {each.user.name: each.given for each in queries.loads(**AT)}

    assert found == {"Amy": Fraction(3), "Ben": None}


def test_the_team_adds_up_with_its_pool_and_those_nobody_holds():
    amy = msm("Amy")
    msm("Ben", monthly_hours=80)
    msm("Pam", works_in_pool=True, monthly_hours=40)
    Segment.objects.filter(key="inbound").update(
        requests_a_month=Decimal("0.4"), handling_hours=Decimal("0.75")
    )
    for _ in range(30):
        hold(amy, "at_risk")
        hold(None, "at_risk", "inbound")
    hold(None, "growth")

    team = queries.team(**AT)

    assert (team.sums.demand, team.sums.capacity) == (180 + Fraction("22.5") + 2, 120 + 60 + 30)
    assert (team.sums.highest, team.sums.lowest) == (Fraction(3, 2), 0)
    assert team.unserved == 60 + 2
    assert (team.unheld_members, team.pool.people, team.members) == (1, 1, 61)
    assert team.pool.need.hours == 30 * Fraction("0.4") * Fraction("0.75") / Fraction("0.8")
    assert (team.sums.leverage_needed, team.people_missing) == (None, 0)


def test_cap_inbound_pool_fte():
    for _ in range(3):
        hold(None, "adoption", "inbound")
    msm()
    Segment.objects.filter(key="inbound").update(
        requests_a_month=Decimal(40), handling_hours=Decimal("0.75")
    )

    assert float(queries.team(**AT).pool.need.people) == oracle("CAP_inbound_pool_fte")


def test_an_absence_takes_its_days_and_hands_them_to_who_covers():
    amy, ben = msm("Amy"), msm("Ben")
    for _ in range(52):
        hold(amy, "growth")
    week = monday(TODAY) + timedelta(weeks=1)
    make_absence(user=amy, starts_on=week, ends_on=week + timedelta(days=2), cover=ben)
    away = make_absence(
        user=amy, starts_on=week + timedelta(weeks=2), ends_on=week + timedelta(weeks=3)
    )

    rows = {row.user and row.user.name: row.weeks for row in queries.projection(**AT)}

    assert [(each.needed, each.available) for each in rows["Amy"][:4]] == [
        (24, 27.6923), (pytest.approx(14.4), 16.6154), (24, 27.6923), (0, 0),
    ]  # fmt: skip
    assert [each.needed for each in rows["Ben"][:4]] == [0, pytest.approx(9.6), 0, 0]
    assert [each.needed for each in rows[None][:4]] == [0, 0, 0, 24]
    assert away in queries.loads(**AT)[0].absences


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    members=st.lists(
        st.tuples(
            st.sampled_from([each.value for each in Stage]),
            st.none() | st.integers(-20, 200),
            st.integers(-29, 330),
        ),
        min_size=1,
        max_size=5,
    )
)
def test_the_weeks_ahead_equal_the_engine_on_random_members(members):
    with example():
        amy = msm()
        first = monday(TODAY)
        days = [TODAY, *(first + timedelta(weeks=week) for week in range(1, 26))]
        hours = staff_hours(as_of=TODAY)
        expected = [0.0] * 26
        for stage, value_in, ends_in in members:
            expected_on = None if value_in is None else TODAY + timedelta(days=value_in)
            ends_on = TODAY + timedelta(days=ends_in)
            hold(amy, stage, ends_on=ends_on, first_value_expected_on=expected_on)
            path = project(
                stage=Stage(stage),
                first_value_expected_on=expected_on,
                term_ends_on=ends_on,
                grace_days=30,
                days=days,
            )
            for step, each in enumerate(path):
                expected[step] += float(hours[segment().pk, each]) * 12 / 52

        weeks = queries.projection(**AT)[0].weeks

        assert [each.needed for each in weeks] == pytest.approx(expected, abs=0.001)


@pytest.mark.parametrize("item_count", [1, 3])
def test_the_picture_costs_as_many_statements_for_any_number(
    item_count, django_assert_num_queries
):
    for number in range(item_count):
        user = msm(f"User {number}")
        hold(user)
        hold(None, key="inbound")
        make_effort(by=user, on=TODAY)
        make_absence(user=user, starts_on=TODAY + timedelta(days=5))

    with django_assert_num_queries(8):
        found = picture(**AT)

    assert (len(found.loads), len(found.projection)) == (item_count, item_count + 1)


def test_two_weeks_of_overload_are_told_and_one_is_not():
    amy, ben = msm("Amy"), msm("Ben")
    for user, weeks in ((amy, 2), (ben, 1)):
        for week in range(weeks):
            WeekLoad.objects.create(
                user=user,
                week=monday(TODAY) - timedelta(weeks=week),
                members=1,
                needed_minutes=130,
                given_minutes=0,
                available_minutes=100,
                written_on=TODAY,
            )

    found = {each.user.name: each.is_overloaded_for_weeks for each in queries.loads(**AT)}

    assert found == {"Amy": True, "Ben": False}


def test_the_night_writes_the_week_as_the_page_says_it():
    amy, ben = msm("Amy"), msm("Ben", monthly_hours=80)
    msm("Pam", works_in_pool=True)
    make_user(name="Nobody knows")
    for _ in range(13):
        hold(amy, "growth")
    member = hold(ben, "at_risk", "task_force")
    TaskForceShare.objects.create(
        member=member, user=amy, skill="law", percent=25, starts_on=TODAY
    )
    make_effort(by=amy, minutes=50, on=TODAY)
    make_effort(by=amy, minutes=60, members_present=2, on=monday(TODAY))
    make_absence(user=ben, starts_on=monday(TODAY), ends_on=TODAY)

    runs = [rollup.refresh(**AT) for _ in range(2)]

    assert [run.rows_out for run in runs] == [2, 0]
    ahead = {row.user: row.weeks[0] for row in queries.projection(**AT) if row.user}
    for row in WeekLoad.objects.all():
        load = next(each for each in queries.loads(**AT) if each.user == row.user)
        assert (row.members, row.needed_minutes, row.available_minutes) == (
            load.members,
            round(load.needed * 60 * 12 / 52),
            round(ahead[row.user].available * 60),
        )
    assert WeekLoad.objects.get(user=amy).given_minutes == 80


def test_what_was_logged_late_counts_in_its_own_week():
    amy = msm()
    rollup.refresh(as_of=TODAY - timedelta(weeks=1), grace_days=30)
    make_effort(by=amy, minutes=45, on=TODAY - timedelta(weeks=1))

    rollup.refresh(**AT)

    assert list(WeekLoad.objects.order_by("week").values_list("given_minutes", flat=True)) == [
        45, 0,
    ]  # fmt: skip
