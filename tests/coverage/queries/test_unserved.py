"""Whose needed hours nobody has time for."""

from decimal import Decimal
from fractions import Fraction

import pytest

from coverage.models import CoverageModel, TaskForceShare
from coverage.queries.capacity import team
from coverage.queries.unserved import unserved
from coverage.services.hours import ensure_default_model
from coverage.services.segments import ensure_default_segments
from tests.coverage.queries.test_capacity import hold, msm
from tests.factories import NOON, TODAY, make_ax_profile, make_user

pytestmark = pytest.mark.django_db
AT = {"as_of": TODAY, "grace_days": 30}


@pytest.fixture(autouse=True)
def model():
    ensure_default_segments()
    ensure_default_model(at=NOON)


def total(work):
    return sum(row.lacking for row in work.rows)


def test_the_list_adds_up_to_the_unserved_hours_of_the_team():
    amy, ben = msm("Amy"), msm("Ben")
    for stage in ("at_risk", "onboarding", "renewal", "growth", "adoption"):
        for _ in range(7):
            hold(amy, stage)
    hold(ben)
    hold(None, "at_risk", "inbound")
    hold(None, "at_risk")
    member = hold(ben, "at_risk")
    TaskForceShare.objects.create(
        member=member, user=amy, skill="law", percent=40, starts_on=TODAY
    )
    unsaid = make_user(name="Cy")
    hold(unsaid, "at_risk")

    work = unserved(**AT)

    said = team(**AT).unserved
    assert said > 0
    assert abs(Fraction(work.hours) - said) < Fraction(1, 100)
    assert abs(total(work) - work.hours) < Decimal("0.01")
    assert work.team.unserved == said
    assert len(work.rows) == work.members
    assert "Cy" not in {row.holder for row in work.rows}


def test_members_at_risk_are_served_first_and_then_those_whom_most_suits():
    amy = msm("Amy", monthly_hours=8, overhead_percent=0)
    model = CoverageModel.objects.get()
    model.hours.update(hours=0)
    for stage in ("at_risk", "adoption"):
        model.hours.filter(segment__key="synchronous", stage=stage, modality="sync").update(
            hours=4
        )
    model.leverages.all().delete()
    little = hold(amy)
    much = hold(amy)
    risky = hold(amy, "at_risk")
    make_ax_profile(member=little, async_minutes=10)
    make_ax_profile(member=much, async_minutes=900)

    work = unserved(**AT)

    assert [(row.public_id, row.lacking, row.is_whole) for row in work.rows] == [
        (little.public_id, 4, True)
    ]
    assert risky.public_id not in {row.public_id for row in work.rows}


def test_whoever_stands_at_the_edge_is_served_in_part():
    amy = msm("Amy", monthly_hours=6, overhead_percent=0)
    model = CoverageModel.objects.get()
    model.hours.update(hours=0)
    model.hours.filter(segment__key="synchronous", stage="adoption", modality="sync").update(
        hours=4
    )
    model.leverages.all().delete()
    hold(amy)
    hold(amy)

    (row,) = unserved(**AT).rows

    assert (row.needed, row.lacking, row.is_whole, row.holder) == (4, 2, False, "Amy")


def test_one_person_is_asked_about_alone_and_the_rest_are_counted():
    amy, ben = msm("Amy", monthly_hours=1), msm("Ben", monthly_hours=1)
    for _ in range(3):
        hold(amy)
        hold(ben)
    hold(None)

    work = unserved(**AT, holder=amy, most=1)

    assert [row.holder for row in work.rows] == ["Amy"]
    assert work.members > 1
    assert [(each.user, each.is_pooled) for each in work.by_holder] == [(amy, False)]


@pytest.mark.parametrize("count", [1, 3])
def test_it_asks_as_often_for_many_as_for_few(count, django_assert_num_queries):
    amy = msm("Amy", monthly_hours=0)
    make_user(weekly_hours=1)
    for _ in range(count):
        hold(None)
    hold(amy)

    with django_assert_num_queries(9):
        assert unserved(**AT).members == count
