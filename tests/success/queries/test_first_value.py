from datetime import date, timedelta
from fractions import Fraction

import pytest

from members.enums import Role
from success.queries import first_value as reads
from tests.factories import (
    NOON,
    make_assignment,
    make_member,
    make_member_facts,
    make_plan,
    make_segment,
    make_term,
    make_user,
)
from tests.oracles import oracle
from tests.success.queries.test_outlook import begin_records, derive, joined, make_path

pytestmark = pytest.mark.django_db
AS_OF = date(2026, 7, 29)
REACHED = (5, 12, 20, 20, 35, 60)
WAITING = (41, 75, 90, 90)


def asked():
    return reads.first_value(as_of=AS_OF, grace_days=30)


def with_plan(*, joined_ago, reached_after=None, dues="1000.00", **overrides):
    """A member who joined so many days ago, with a plan, and first value after so many."""
    begun = AS_OF - timedelta(days=joined_ago)
    member = make_member()
    make_term(member=member, starts_on=begun, ends_on=begun + timedelta(days=730), dues=dues)
    dates = [] if reached_after is None else [begun + timedelta(days=reached_after)]
    make_plan(member=member, anchor_on=begun, evidence=[dates], **overrides)
    return member


@pytest.fixture
def ten():
    """The ten members of the worked example; one of them pays nothing."""
    for index, days in enumerate(REACHED):
        with_plan(joined_ago=90, reached_after=days, dues="0.00" if index == 0 else "1000.00")
    for days in WAITING:
        with_plan(joined_ago=days)


@pytest.mark.usefixtures("ten")
@pytest.mark.parametrize("case", ["TTFV_KM"])
def test_ten_members_in_the_database_give_the_worked_curve(case):
    steps = asked().everybody.curve.steps

    assert [[s.time, s.at_risk, s.events, str(s.survival)] for s in steps] == oracle(case)


@pytest.mark.usefixtures("ten")
@pytest.mark.parametrize(
    ("case", "answer"),
    [
        ("TTFV_median", lambda found: found.median),
        ("TTFV_onboard_by_30", lambda found: float(found.on_board(30))),
        ("TTFV_naive_mean", lambda found: float(found.naive.mean_of_arrived)),
    ],
)
def test_ten_members_in_the_database_give_the_worked_numbers(case, answer):
    assert answer(asked().everybody) == pytest.approx(oracle(case))


def test_evidence_that_was_withdrawn_is_no_value():
    begun = AS_OF - timedelta(days=50)
    member = make_member()
    make_term(member=member, starts_on=begun, ends_on=begun + timedelta(days=365))
    make_plan(
        member=member,
        anchor_on=begun,
        evidence=[[begun + timedelta(days=3), begun + timedelta(days=9)]],
    )

    assert (asked().everybody.arrived, asked().everybody.waiting) == (0, 1)


def test_the_records_show_it_with_a_plan_or_without_since_they_began():
    make_path()
    begin_records()
    joined(date(2022, 1, 1), date(2027, 1, 1), certified=40)
    joined(date(2022, 1, 1), date(2023, 1, 1))
    joined(date(2015, 1, 1), date(2027, 1, 1), certified=3000)
    make_plan(member=make_member())  # no term: never a member
    derive()

    found = asked()

    assert found.since == {"organisation": date(2020, 1, 1)}
    assert found.left_out.before_records == 1
    assert (found.everybody.arrived, found.everybody.left_without) == (1, 1)


def test_who_has_neither_plan_nor_records_is_counted_as_unknown():
    joined(date(2025, 1, 1), date(2027, 1, 1))

    assert (asked().left_out.unknown, asked().everybody.members) == (1, 0)


def test_a_plan_agreed_after_the_fact_shows_nothing():
    agreed = NOON.replace(year=2026, month=7, day=1)
    with_plan(joined_ago=300, reached_after=20, agreed_at=agreed)
    with_plan(joined_ago=300, agreed_at=agreed)

    found = asked()

    assert (found.left_out.unseen, found.everybody.members) == (1, 1)
    assert found.everybody.curve.events == 0


@pytest.mark.parametrize(
    ("came_back", "carried"), [(date(2024, 6, 1), 1), (date(2025, 6, 1), 0)]
)
def test_first_value_comes_along_for_two_years(came_back, carried):
    make_path()
    begin_records()
    member = joined(date(2022, 1, 1), date(2023, 1, 1), certified=40)
    make_term(member=member, starts_on=came_back, ends_on=date(2027, 1, 1))
    derive()

    found = asked()

    assert found.left_out.carried_over == carried
    assert found.everybody.members == 2 - carried


def test_groups_under_five_have_no_curve_and_add_up():
    segment = make_segment(key="inbound")
    for number in range(5):
        member = with_plan(joined_ago=100, reached_after=number)
        make_assignment(member=member, segment=segment)
    with_plan(joined_ago=400)

    found = asked()

    groups = {group.value: (group.found.members, group.is_small) for group in found.by_segment}
    assert groups == {"": (1, True), "inbound": (5, False)}
    assert [group.value for group in found.by_year] == ["2025", "2026"]
    assert found.by_segment[1].found.on_board(30) == Fraction(1)
    assert [group.value for group in found.by_kind] == ["organisation"]


def test_those_who_wait_are_listed_longest_first_and_only_to_who_may_see_them():
    def known(**overrides):
        fields = {"joined_on": date(2026, 1, 1)} | overrides
        return make_member_facts(**fields)

    late, early = known(joined_on=date(2026, 3, 1)), known(joined_on=date(2025, 3, 1))
    known(first_value_on=date(2026, 2, 1))
    known(standing="lapsed")
    outsider = make_user(role=Role.MEMBER, member=late.member)

    waiting = reads.still_waiting(make_user()).order_by(*reads.WAITING_ORDER)

    assert [one.pk for one in waiting] == [early.pk, late.pk]
    assert [one.pk for one in reads.still_waiting(outsider)] == [late.pk]


def test_it_costs_the_same_number_of_queries_for_any_number_of_members(
    django_assert_max_num_queries,
):
    make_path()
    begin_records()
    for number in range(4):
        joined(date(2022, 1, 1 + number), date(2027, 1, 1))
    derive()

    with django_assert_max_num_queries(16):
        asked()
