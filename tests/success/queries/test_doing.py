"""Groups of members on two days, dues by direction, and our work: equal to the engine."""

from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from statistics import median_low

import pytest
from django.db import connection
from django.test import RequestFactory
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from coverage.models import AssignmentChange
from members.enums import Role
from members.models import ExchangeRate, Member
from members.rollups.scope import Scope
from success.engine.doing import Held, Payer, bearing, split, work
from success.engine.revenue import MixedCurrencies
from success.engine.rollup import Reading, like_for_like, roll_up
from success.engine.vector import State
from success.enums import Dimension, RevenueBasis
from success.filters import MemberFilter
from success.models import EarlierVector, IntegrityReading, MemberFacts, VectorComparison
from success.queries import measures, vector
from success.queries.doing import accounts, our_work, plain, work_of_all
from success.queries.members import member_list
from success.queries.revenue import revenue_between
from success.rollups import earlier, facts, groups
from success.rollups.revenue import year_before
from success.services.readings import read_integrity
from tests.examples import example
from tests.factories import (
    TODAY,
    make_accountability,
    make_assignment,
    make_member,
    make_night,
    make_plan,
    make_segment,
    make_term,
    make_user,
)

EVERYBODY = Scope(first=0, last=2**62)
EARLIER = TODAY - timedelta(days=90)
GRACE = 30

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _held_day(settings):
    settings.WAYMARK_TODAY = TODAY


def night():
    facts.refresh(as_of=TODAY, scope=EVERYBODY, grace_days=GRACE)
    groups.refresh(as_of=TODAY)
    for days in (90, 30):
        earlier.refresh(as_of=TODAY, days_back=days, scope=EVERYBODY, grace_days=GRACE)
    return groups.compare(as_of=TODAY, earlier_on=EARLIER)


def days_ago(number):
    return TODAY - timedelta(days=number)


def walking(*, reached=(), days=200, member=None, joined=date(2025, 3, 1), **term):
    """A member whose plan began so many days ago; ``reached`` are days ago, by milestone."""
    member = member or make_member()
    make_term(member=member, starts_on=joined, ends_on=date(2027, 1, 1), **term)
    make_plan(
        member=member,
        anchor_on=days_ago(days),
        expected_days=(30, 90, 150),
        evidence=[[days_ago(day)] for day in reached],
    )
    return member


plans = st.lists(
    st.tuples(
        st.integers(0, 260),
        st.lists(st.integers(0, 250), max_size=3),
        st.sampled_from(["Gold", "Silver", ""]),
        st.sampled_from([date(2023, 5, 1), date(2025, 3, 1), TODAY - timedelta(days=20)]),
        st.sampled_from([date(2027, 1, 1), TODAY - timedelta(days=10), days_ago(60)]),
    ),
    max_size=12,
)


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(given_plans=plans)
def test_groups_and_their_two_days_equal_the_engine(given_plans):
    with example():
        for days, reached, tier, joined, ends_on in given_plans:
            if joined >= ends_on:
                continue
            member = make_member()
            make_term(member=member, starts_on=joined, ends_on=ends_on, tier=tier)
            make_plan(
                member=member,
                anchor_on=days_ago(days),
                evidence=[[days_ago(min(day, days))] for day in reached],
            )
        night()
        known = MemberFacts.objects.filter(standing__in=["in_force", "in_grace"])
        for dimension, key in (
            (Dimension.ALL, lambda _one: ""),
            (Dimension.TIER, lambda one: one.tier),
            (Dimension.COHORT, lambda one: str(one.joined_on.year)),
        ):
            for group in vector.health(as_of=TODAY, dimension=dimension):
                members = [one for one in known if key(one) == group.value]
                expected = roll_up(
                    Reading(
                        account=one.pk,
                        state=State(one.state.upper()),
                        pace=None if one.pace_milli is None else Fraction(one.pace_milli, 1000),
                        direction=one.direction,
                        association_blocked=one.blocker == "association",
                    )
                    for one in members
                )
                paced = [
                    (one.held_on - TODAY).days if one.held_on else 0
                    for one in members
                    if one.pace_milli is not None
                ]
                assert (group.in_scope, group.with_plan, group.with_pace) == (
                    expected.in_scope,
                    expected.with_plan,
                    expected.measured,
                )
                assert group.mean_pace == (
                    None
                    if expected.mean_pace is None
                    else Decimal(sum(one.pace_milli or 0 for one in members))
                    / len(paced)
                    / 1000
                )
                assert group.median_position == (median_low(paced) if len(paced) >= 5 else None)
                assert (group.alignment is None) == (expected.alignment is None)

        stored = vector.comparisons(as_of=TODAY, earlier_on=EARLIER)
        VectorComparison.objects.all().delete()
        live = vector.compare_days(earlier=EARLIER, later=TODAY)
        assert [one.flow for one in stored] == ([live.flow] if live.flow else [])
        assert stored in ([], [live])


def test_newcomers_are_mix_and_no_change_of_the_same():
    same = [walking(days=120) for _ in range(5)]
    for _ in range(5):
        walking(days=20)
    night()

    (found,) = vector.comparisons(as_of=TODAY, earlier_on=EARLIER)
    before = {member.pk: Fraction(1) for member in same}
    after = {
        one.pk: Fraction(one.pace_milli, 1000)
        for one in MemberFacts.objects.exclude(pace_milli=None)
    }
    expected = like_for_like(before, after)

    assert found.members == expected.accounts == 5
    assert found.change == Decimal(float(expected.change)) == Decimal(-1)
    assert found.mix == Decimal("0.5")
    assert found.flow == {("on_track", "stalled"): 5, ("not_there", "on_track"): 5}


def test_the_same_night_compares_nothing_anew():
    walking()

    assert night().rows_out > 0
    assert night().rows_out == 0


def test_a_group_of_few_shows_its_members_and_no_mean():
    member = walking(tier="Gold")
    night()
    (group,) = vector.health(as_of=TODAY, dimension=Dimension.TIER)
    few = vector.members_of_the_few(make_user(), dimension=Dimension.TIER, values=["Gold"])

    assert (group.mean_pace, group.alignment, group.median_position) == (None, None, None)
    assert [each.member for each in few["Gold"]] == [member]


# Dues by direction.

amounts = st.lists(
    st.tuples(
        st.integers(0, 5000),
        st.integers(0, 5000),
        st.sampled_from([None, (), (100,), (150, 20)]),
    ),
    max_size=8,
)


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(ledger=amounts, abroad=st.booleans())
def test_dues_by_direction_equal_the_engine_and_add_up_to_nrr(ledger, abroad):
    with example():
        opening = year_before(TODAY)
        middle = date(2026, 1, 1)
        paid = {}
        for before, after, reached in ledger:
            member = make_member()
            paid[member.pk] = (before, after)
            make_term(
                member=member,
                dues=Decimal(before),
                starts_on=opening - timedelta(days=100),
                ends_on=middle,
            )
            if after:
                make_term(
                    member=member,
                    dues=Decimal(after),
                    starts_on=middle,
                    ends_on=date(2027, 1, 1),
                )
            if reached is not None:
                make_plan(
                    member=member,
                    anchor_on=days_ago(200),
                    evidence=[[days_ago(day)] for day in reached],
                )
        night()
        known = MemberFacts.objects.in_bulk()
        expected = split(
            Payer(
                bearing(
                    direction=known[pk].direction,
                    is_member=known[pk].standing in {"in_force", "in_grace"},
                ),
                before * 100,
                after * 100,
            )
            for pk, (before, after) in paid.items()
            if before
        )
        found = measures.nrr_by_bearing(as_of=TODAY)
        assert found == expected
        if abroad:
            # what is not in the association's own currency is in the rest
            ExchangeRate.objects.create(currency="EUR", on=date(2020, 1, 1), rate=Decimal(2))
            make_term(currency="EUR", starts_on=date(2023, 1, 1), ends_on=date(2027, 1, 1))
        later, earlier = (
            revenue_between(
                opening_on=year_before(closing),
                closing_on=closing,
                as_of=TODAY,
                basis=RevenueBasis.IN_FORCE,
                grace_days=GRACE,
            )[0].strict
            for closing in (TODAY, EARLIER)
        )
        said = measures.integrity(as_of=TODAY, grace_days=GRACE)

        assert said.parts == expected
        assert said.rest == ((2000 * 100,) * 2 if abroad else (0, 0))
        assert said.opening == later.opening * 100
        assert [said.revenue.nrr_later, said.revenue.nrr_earlier] == [
            Fraction(year.of_base) / Fraction(year.opening) if year.opening else None
            for year in (later, earlier)
        ]


def hollow_association(*, slower):
    """Dues held for two years; the members' pace falls, or rises, within ninety days."""
    for _ in range(6):
        member = make_member()
        make_term(member=member, starts_on=date(2024, 1, 1), ends_on=date(2027, 1, 1))
        evidence = () if slower else [[days_ago(1)], [days_ago(1)], [days_ago(1)]]
        make_plan(
            member=member,
            anchor_on=days_ago(110 if slower else 180),
            expected_days=(30, 60, 90),
            evidence=evidence,
        )
    night()


@pytest.mark.parametrize(("slower", "alarm"), [(True, True), (False, False)])
def test_the_alarm_fires_where_dues_hold_and_members_slow_down_and_not_the_other_way(
    slower, alarm
):
    hollow_association(slower=slower)
    found = measures.integrity(as_of=TODAY, grace_days=GRACE)

    assert found.revenue.nrr_later == found.revenue.nrr_earlier == 1
    assert found.is_alarming is alarm
    assert (found.pace.difference < 0) is slower
    assert found.hollow == (1 if slower else 0)


def test_a_reading_is_kept_exactly_and_once():
    hollow_association(slower=True)

    # and what was won, which is listed beside it
    assert [read_integrity(as_of=TODAY, grace_days=GRACE) for _ in range(2)] == [2, 0]
    assert measures.integrity_on(as_of=TODAY, grace_days=GRACE) == measures.integrity(
        as_of=TODAY, grace_days=GRACE
    )


def test_no_reading_is_kept_where_dues_cannot_be_added():
    make_term(currency="EUR", starts_on=date(2025, 1, 1))
    with pytest.raises(MixedCurrencies):
        measures.integrity(as_of=TODAY, grace_days=GRACE)

    read_integrity(as_of=TODAY, grace_days=GRACE)
    assert not IntegrityReading.objects.exists()


def renewed(amount, *, plan=True, reached=None, starts_on=None):
    member = make_member()
    on = starts_on or days_ago(30)
    make_term(member=member, starts_on=on - timedelta(days=365), ends_on=on)
    make_term(member=member, starts_on=on, ends_on=date(2027, 6, 1), dues=Decimal(amount))
    if plan:
        make_plan(
            member=member,
            anchor_on=days_ago(300),
            evidence=[[days_ago(reached)]] if reached else (),
        )
    return member


def test_what_was_won_is_told_by_the_milestones_reached_before():
    hollow = renewed(1200)
    renewed(900, reached=100)
    renewed(1000, plan=False)
    renewed(1000, reached=10)  # reached after it: too late
    renewed(1000, starts_on=days_ago(120))  # before the days compared
    found = measures.won_between(earlier=EARLIER, later=TODAY, grace_days=GRACE)
    rows = measures.won_rows(
        make_user(role=Role.DIRECTOR), earlier=EARLIER, later=TODAY, grace_days=GRACE
    )

    assert found["none"] == measures.Won(
        renewals=2,
        renewed=Decimal("2000.00"),
        expansions=1,
        expanded=Decimal("200.00"),
        members=2,
    )
    assert (found["reached"].renewals, found["reached"].renewed) == (1, Decimal("900.00"))
    assert found["unknown"].renewals == 1
    assert rows[0].name == hollow.name
    assert [(row.renewed, row.expanded) for row in rows] == [(1000, 200), (1000, 0)]


# Our work.


def held(owner, *, days=100, segment=None, **walk):
    member = walking(**walk)
    make_assignment(
        member=member,
        owner=owner,
        segment=segment or make_segment(),
        assigned_on=days_ago(days),
    )
    return member


def test_our_work_counts_accounts_held_for_the_whole_time_and_lists_the_others():
    ann, bob = make_user(name="Ann"), make_user(name="Bob")
    segment = make_segment()
    for _ in range(5):
        held(ann, segment=segment, days=100)
    fresh = held(ann, segment=segment, days=100)
    AssignmentChange.objects.create(
        member=fresh,
        on=days_ago(29),
        from_segment=segment,
        to_segment=segment,
        from_owner=bob,
        to_owner=ann,
        reason="for a test",
    )
    waits = held(ann, segment=segment)
    make_accountability(
        plan=waits.plans.get(),
        milestone=waits.plans.get().milestones.get(position=1),
        owner=bob,
        due_on=days_ago(50),
    )
    night()
    found = our_work(make_user(role=Role.DIRECTOR), as_of=TODAY, grace_days=GRACE)
    (one,) = found.people

    assert one.user == ann
    (said,) = plain(found)["people"]

    assert (one.told.work.counted, said["work"]["too_new"], said["work"]["blocked"]) == (
        5,
        [str(fresh.public_id)],
        [str(waits.public_id)],
    )
    assert one.told.work.change == 0
    assert [row.had_by for row in one.left_out if row.name == fresh.name] == ["Bob"]


def test_an_msm_sees_their_own_work_and_the_teams():
    ann, bob = make_user(name="Ann"), make_user(name="Bob")
    held(ann)
    held(bob)
    night()
    found = our_work(ann, as_of=TODAY, grace_days=GRACE)

    assert [one.user for one in found.people] == [ann]
    assert found.told.team.held == 2


def test_few_accounts_are_shown_instead_of_a_mean():
    ann = make_user()
    member = held(ann)
    night()
    (one,) = our_work(ann, as_of=TODAY, grace_days=GRACE).people

    assert one.told.work.change is None
    assert [row.name for row in one.told.work.few] == [member.name]


looked_after = st.lists(
    st.tuples(
        st.sampled_from([0, 0, 0, 0, 0, 1, 1, 2, None]),
        st.integers(0, 200),
        st.lists(st.integers(0, 190), max_size=3),
        st.integers(20, 60),
        st.sampled_from([None, None, None, None, 10, 29, 30, 31]),
        st.sampled_from(["nobody", "nobody", "owner", "another", "unnamed", "done"]),
        st.sampled_from([date(2027, 1, 1), date(2027, 1, 1), days_ago(10), days_ago(45)]),
    ),
    max_size=14,
)


def promised(member, *, by, owner, another):
    """A promise of ours behind the first milestone, by whom it is."""
    plan = member.plans.get()
    make_accountability(
        plan=plan,
        milestone=plan.milestones.get(position=1),
        owner={"owner": owner, "another": another, "done": another}.get(by),
        due_on=days_ago(50),
        done_on=days_ago(40) if by == "done" else None,
    )


def said_by_the_engine(rows):
    return work(
        Held(
            account=str(row.public_id),
            held_days=-1 if row.held_days is None else row.held_days,
            blocked_elsewhere=row.blocked_elsewhere,
            before=None if row.before is None else Fraction(row.before),
            after=None if row.after is None else Fraction(row.after),
        )
        for row in rows
    )


def as_told(said, rows):
    """What the engine says of accounts, as the team's and a person's work are told."""
    shown = [row for row in rows if str(row.public_id) in said.shown]
    return (
        *(said.held, len(said.counted), len(said.too_new), len(said.blocked)),
        *(said.moved, said.change, tuple(shown)),
    )


def figures(told):
    return (
        *(told.held, told.counted, told.too_new, told.blocked),
        *(told.moved, told.change, told.few),
    )


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(given_accounts=looked_after)
def test_our_work_equals_the_engine_be_the_earlier_day_kept_or_not(given_accounts):
    with example():
        segment = make_segment()
        owners = [make_user(), make_user(), make_user()]
        another, director = make_user(), make_user(role=Role.DIRECTOR)
        for owner, days, reached, since, handed, by, ends_on in given_accounts:
            member = make_member()
            make_term(member=member, starts_on=date(2025, 3, 1), ends_on=ends_on)
            make_plan(
                member=member,
                anchor_on=days_ago(days),
                expected_days=(30, 90, 150),
                evidence=[[days_ago(min(day, days))] for day in reached],
            )
            mine = None if owner is None else owners[owner]
            make_assignment(
                member=member, owner=mine, segment=segment, assigned_on=days_ago(since)
            )
            if handed is not None:
                AssignmentChange.objects.create(
                    member=member,
                    on=days_ago(handed),
                    from_segment=segment,
                    to_segment=segment,
                    from_owner=another,
                    to_owner=mine,
                    reason="for a test",
                )
            if by != "nobody":
                promised(member, by=by, owner=mine, another=another)
        night()
        asked = {"as_of": TODAY, "grace_days": GRACE}
        rows = accounts(**asked)
        found = our_work(director, **asked)
        own = {
            one: [row for row in rows if row.owner_id == one.pk]
            for one in owners
            if any(row.owner_id == one.pk for row in rows)
        }

        said = said_by_the_engine(rows)
        assert figures(found.told.team) == as_told(said, rows)
        assert {one.user: figures(one.told.work) for one in found.people} == {
            one: as_told(said_by_the_engine(mine), mine) for one, mine in own.items()
        }
        listed = plain(found)["team"]
        assert (listed["too_new"], listed["blocked"], listed["shown"]) == (
            list(said.too_new),
            list(said.blocked),
            list(said.shown),
        )
        assert work_of_all(**asked) == found.told
        assert {one: accounts(**asked, owner=one) for one in own} == own

        # and the same from what the night has kept
        make_night(as_of=TODAY)
        assert accounts(**asked) == rows
        assert our_work(director, **asked) == found
        assert {one: accounts(**asked, owner=one) for one in own} == own


def test_earlier_vectors_are_read_only_in_the_night_that_kept_them():
    ann = make_user()
    held(ann)
    night()
    EarlierVector.objects.update(pace_milli=-500)
    asked = {"as_of": TODAY, "grace_days": GRACE, "owner": ann}
    said = []
    for day in (None, TODAY, TODAY + timedelta(days=1)):
        if day is not None:
            make_night(as_of=day)
        said += [row.before for row in accounts(**asked)]

    assert said[1] == Decimal("-0.5")
    assert said[0] == said[2] != said[1]


def test_work_of_all_fetches_the_accounts_of_the_few_alone():
    ann, bob = make_user(), make_user()
    segment = make_segment()
    for _ in range(5):
        held(ann, segment=segment)
    shown = held(bob, segment=segment)
    held(bob, segment=segment, days=10)
    night()
    make_night(as_of=TODAY)
    with CaptureQueriesContext(connection) as queries:
        found = work_of_all(as_of=TODAY, grace_days=GRACE)

    assert [[row.name for row in one.work.few] for one in found.people] == [[], [shown.name]]
    (fetched,) = (each["sql"] for each in queries if "ANY (ARRAY[" in each["sql"])
    assert f"ANY (ARRAY[{shown.pk}])" in fetched


# The lists behind.


def listed(**asked):
    user = make_user(role=Role.DIRECTOR)
    request = RequestFactory().get("/")
    request.user = user
    found = MemberFilter(asked, queryset=member_list(user, as_of=TODAY), request=request)
    assert found.is_valid(), found.form.errors
    return set(found.qs)


def test_members_are_listed_by_what_they_were_and_how_they_moved():
    slowed = walking(days=110)
    quick = walking(days=60, joined=date(2023, 5, 1))
    ann = make_user()
    kept = held(ann, days=40)
    held(ann, days=10)
    make_night(as_of=TODAY)
    night()
    day = EARLIER.isoformat()

    assert listed(was=["on_track"], was_on=day) == {slowed}
    assert listed(moved="down", was_on=day) >= {slowed}
    assert quick not in listed(moved="down", was_on=day)
    assert listed(joined_in="2023") == {quick}
    assert listed(held_days="30") == {kept}
    assert Member.objects.count() == 4


def test_a_state_of_no_day_is_refused():
    user = make_user(role=Role.DIRECTOR)
    found = MemberFilter(
        {"was": ["stalled"]}, queryset=member_list(user, as_of=TODAY), request=None
    )

    assert not found.is_valid()
    assert "was_on" in found.form.errors
