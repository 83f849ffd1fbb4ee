from datetime import date, timedelta
from fractions import Fraction

import pytest

from coverage.models import Absence, TaskForceShare
from coverage.queries import rebalancing as reads
from tests.factories import (
    NOON,
    TODAY,
    make_assignment,
    make_ax_profile,
    make_circumstance,
    make_contributor,
    make_coverage_model,
    make_effort,
    make_member,
    make_segment,
    make_term,
    make_user,
)

pytestmark = pytest.mark.django_db
WHEN = {"as_of": TODAY, "grace_days": 30}


@pytest.fixture
def sync():
    return make_segment(key="synchronous", name="Synchronous")


def make_held(segment, owner=None, *, minutes=100, given=0, present=1, **overrides):
    member = make_member(**overrides)
    make_term(member=member)
    make_ax_profile(member=member, async_minutes=minutes)
    make_assignment(member=member, segment=segment, owner=owner)
    if given:
        make_effort(member=member, minutes=given, members_present=present)
    return member


def test_demand_is_that_of_the_last_model_begun_with_its_leverage(sync):
    make_coverage_model(hours=[(sync, "adoption", "sync", 9)])
    make_coverage_model(
        effective_from=date(2026, 7, 1),
        hours=[(sync, "adoption", "sync", "0.4"), (sync, "adoption", "async", "0.81")],
        leverage=[(sync, "async", 4)],
    )
    make_coverage_model(effective_from=date(2026, 8, 1))

    found = reads.demand(as_of=TODAY)
    then = reads.demand(as_of=TODAY, leverage={"sync": Fraction(8)})

    # 0.4 + 0.81 / 4 = 0.6025 hours; 0.05 + 0.2025 = 0.2525
    assert (found(sync.pk, "adoption"), found(sync.pk, "growth")) == (60, 0)
    assert then(sync.pk, "adoption") == 25


def test_demand_without_a_model_is_not_made_up():
    with pytest.raises(reads.NoCoverageModel):
        reads.demand(as_of=TODAY)


def test_colleagues_have_what_is_left_of_their_hours():
    by_weeks = make_user(weekly_hours=30)
    by_contract = make_user()
    make_contributor(user=by_contract, leave_percent=10, skills=["law"], languages=["German"])
    away = make_user(weekly_hours=30)
    Absence.objects.create(
        user=away, starts_on=TODAY, ends_on=TODAY + timedelta(days=15), recorded_at=NOON
    )
    gone = make_user(weekly_hours=30, is_active=False)
    make_assignment(owner=gone)
    make_user(weekly_hours=30, is_active=False)

    found = {each.key: each for each in reads.colleagues(as_of=TODAY)}

    assert {key: each.capacity for key, each in found.items()} == {
        by_weeks.pk: 13_000,
        by_contract.pk: 10_800,
        away.pk: 13_000,
        gone.pk: 0,
    }
    assert [key for key, each in found.items() if each.is_away] == [away.pk]
    assert found[by_contract.pk].skills == {"law"}
    assert found[by_contract.pk].languages == {"german"}


def test_members_are_carried_with_what_keeps_them(sync):
    mira, otto = make_user(), make_user()
    pool = make_segment(key="pool", is_pooled=True)
    near = make_held(sync, mira, given=151, language="German", time_zone="Asia/Kolkata")
    make_circumstance(
        member=near, stage="renewal", term_ends_on=TODAY + timedelta(days=60), is_protected=True
    )
    far = make_held(sync, given=150)
    make_circumstance(member=far, term_ends_on=TODAY + timedelta(days=61))
    TaskForceShare.objects.create(
        member=far, user=otto, skill="law", percent=25, starts_on=TODAY
    )
    unseen, pooled = make_held(sync), make_held(pool)
    make_circumstance(member=pooled)
    make_assignment(segment=sync)  # of no term

    found = {each.member: each for each in reads.carried(**WHEN)}

    assert set(found) == {near.pk, far.pk, unseen.pk}
    one, two = found[near.pk], found[far.pk]
    assert (one.owner, one.stage, one.language) == (mira.pk, "renewal", "german")
    assert one.zone == 330
    assert (one.is_protected, one.is_near_end, one.is_over_served) == (True, True, True)
    assert (two.is_protected, two.is_near_end, two.is_over_served) == (False, False, False)
    assert (two.shares, two.given) == (((otto.pk, 25),), 1.5)
    assert found[unseen.pk].stage == ""
    assert reads.pooled(**WHEN) == {(pool.pk, "adoption"): 1}
    assert pooled.pk in {each.member for each in reads.carried(**WHEN, one_by_one="pool")}
    assert reads.pooled(**WHEN, one_by_one="pool") == {}


@pytest.mark.parametrize("count", [1, 3])
def test_reading_members_takes_as_many_statements_for_many(
    sync, count, django_assert_num_queries
):
    for _ in range(count):
        make_held(sync, make_user(), given=10)
    with django_assert_num_queries(2):
        assert len(reads.carried(**WHEN)) == count


def test_over_delivery_is_what_was_given_beyond_one_and_a_half_of_what_suits(sync):
    mira = make_user(name="Mira")
    over = make_held(sync, mira, minutes=100, given=400, present=2, name="Over")
    unasked = make_held(sync, mira, minutes=0, given=30, name="Unasked")
    make_held(sync, minutes=100, given=150)
    lacks = make_held(sync, minutes=100, given=49)
    make_held(sync, minutes=100)
    make_effort(member=lacks, minutes=500, on=TODAY - timedelta(days=90))
    make_effort(member=lacks, minutes=500, withdrawn_at=NOON)

    found = reads.over_delivery(**WHEN)

    # 200 minutes of ours for 400 given, of which 300 were too much
    assert [(row.name, row.staff, row.freed, row.ratio) for row in found.rows] == [
        (over.name, 200, 150, 4),
        (unasked.name, 30, 30, None),
    ]
    assert (found.members, found.freed, found.measured) == (2, 180, 4)
    assert found.by_segment == {"synchronous": 2}
    assert [(row.segment, row.members, row.minutes) for row in found.lacking] == [
        ("Synchronous", 1, 51)
    ]


def test_a_log_in_that_says_nothing_is_at_the_associations_clock(settings):
    settings.WAYMARK_TIME_ZONE = "Europe/Vienna"
    at_home, away, lost = (
        make_user(time_zone=zone) for zone in ("UTC", "America/New_York", "Mars/Olympus")
    )
    found = {each.key: each.zone for each in reads.colleagues(as_of=TODAY)}
    assert [found[each.pk] for each in (at_home, away, lost)] == [120, -240, None]


def test_what_an_experience_takes_can_be_asked_about():
    sync = make_segment(key="synchronous")
    other = make_segment(key="asynchronized")
    make_coverage_model(
        hours=[
            (sync, "at_risk", "sync", 6),
            (sync, "growth", "sync", 2),
            (other, "growth", "async", 4),
        ]
    )
    found = reads.demand(
        as_of=TODAY,
        leverage={"async": Fraction(2)},
        cells={("synchronous", "at_risk"): Fraction(4), ("other", "growth"): Fraction(9)},
        parts={"synchronous": 50, "asynchronized": 150},
    )
    asked = [(sync, "at_risk"), (sync, "growth"), (other, "growth"), (other, "at_risk")]
    assert [found(segment.pk, stage) for segment, stage in asked] == [400, 100, 300, 0]
