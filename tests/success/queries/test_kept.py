from datetime import date, timedelta
from fractions import Fraction

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from members.enums import Role
from success.enums import Side
from success.models import Accountability, GapAnswer, Helpfulness
from success.queries import kept
from success.queries.gap import success_gap
from success.queries.promises import kept_between, kept_by_owner
from tests.factories import (
    NOON,
    make_accountability,
    make_member,
    make_member_facts,
    make_plan,
    make_user,
)

pytestmark = pytest.mark.django_db
AS_OF = date(2026, 7, 29)
SINCE = AS_OF - timedelta(days=365)


def promise(*, due=-10, done=None, plan=None, **overrides):
    """A promise of ours, due and done so many days from the day asked about."""
    return make_accountability(
        plan=plan,
        due_on=AS_OF + timedelta(days=due),
        done_on=None if done is None else AS_OF + timedelta(days=done),
        **overrides,
    )


def test_eighteen_of_twenty_are_ninety_per_cent_beside_thirty_one_of_forty():
    plan = make_plan()
    for number in range(20):
        promise(plan=plan, done=-10 if number < 18 else None)
    for number in range(40):
        promise(plan=plan, side="member", done=-10 if number < 31 else -1)

    found = kept.promises_kept(as_of=AS_OF).everybody

    assert (found.ours.rate, found.ours.undone) == (Fraction(9, 10), 2)
    assert (found.theirs.rate, found.theirs.late) == (Fraction(31, 40), 9)


promises = st.lists(
    st.tuples(
        st.sampled_from(Side.values),
        st.integers(-3, 3),
        st.none() | st.integers(-5, 4),
        st.booleans(),
        st.booleans(),
    ),
    max_size=12,
)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(promises)
def test_the_same_promises_count_as_in_the_rates(given_promises):
    Accountability.objects.all().delete()
    owner = make_user()
    plans = make_plan(), make_plan(closed_on=AS_OF - timedelta(days=2))
    for side, due, done, is_waived, is_over in given_promises:
        waived_on = AS_OF if is_waived and done is None else None
        promise(
            side=side,
            due=due,
            done=done,
            plan=plans[is_over],
            owner=owner if is_over else None,
            waived_on=waived_on,
        )
    period = {"since": SINCE + timedelta(days=1), "until": AS_OF}

    found = kept.promises_kept(as_of=AS_OF)

    rates = kept_between(**period)
    everybody = found.everybody
    assert (everybody.ours.due, everybody.ours.on_time) == (rates.ours.due, rates.ours.kept)
    assert (everybody.theirs.due, everybody.theirs.rate) == (
        rates.theirs.due,
        rates.theirs.rate,
    )
    assert {one.owner_id: one.ours.due for one in found.by_owner} == {
        owner_id: both.ours.due for owner_id, both in kept_by_owner(**period).items()
    }
    few = {(one.owner_id, side) for one in found.by_owner for side in Side.values}
    counted = kept.promises_of(owner, few=few, as_of=AS_OF, since=SINCE) if few else []
    assert len(counted) == everybody.ours.due + everybody.theirs.due


def test_groups_stand_by_name_and_the_pool_last():
    zoe, adam = make_user(name="Zoe"), make_user(name="Adam")
    looked_after = make_plan()
    make_member_facts(member=looked_after.member, owner=zoe)
    promise(plan=looked_after, side="member")
    promise(plan=looked_after, owner=adam, done=-11)
    promise()
    promise(due=-400)  # another year's
    promise(due=1)

    found = kept.promises_kept(as_of=AS_OF)

    assert [(g.name, g.ours.due, g.theirs.due) for g in found.by_owner] == [
        ("Adam", 1, 0),
        ("Zoe", 0, 1),
        ("", 1, 0),
    ]
    assert found.by_owner[0].ours.is_small


def test_the_promises_of_small_groups_are_those_counted():
    owner = make_user()
    mine = promise(owner=owner, due=-2)
    promise(owner=owner, due=-3, waived_on=AS_OF - timedelta(days=4))
    promise(owner=owner, due=0)
    promise(owner=make_user())
    pooled = promise(due=-1, side="member")
    outsider = make_user(role=Role.MEMBER, member=make_member())
    few = {(owner.pk, "association"), (None, "member")}

    found = kept.promises_of(make_user(), few=few, as_of=AS_OF, since=SINCE)

    assert found == [(owner.pk, mine), (None, pooled)]
    assert kept.promises_of(outsider, few=few, as_of=AS_OF, since=SINCE) == []


def test_what_helped_is_of_those_judged():
    for helped in (True, False, None):
        made = promise(done=-10)
        if helped is not None:
            Helpfulness.objects.create(
                accountability=made, helped=helped, by=make_user(), at=NOON
            )

    ours = kept.promises_kept(as_of=AS_OF).everybody.ours

    assert (ours.helped, ours.judged, ours.due) == (1, 2, 3)


def said(known, answer, *, days_ago=1, words=""):
    GapAnswer.objects.create(
        member=known.member,
        on=AS_OF - timedelta(days=days_ago),
        answer=answer,
        words=words,
        said_in="review",
        recorded_at=NOON,
    )


def test_the_gap_takes_each_members_last_answer():
    changed_mind = make_member_facts(state="on_track")
    said(changed_mind, "yes", days_ago=30)
    said(changed_mind, "no", days_ago=3, words="No closer than in May.")
    better = make_member_facts(state="ahead")
    said(better, "no", days_ago=30)
    said(better, "yes", days_ago=3)
    said(make_member_facts(state="achieved"), "unsure")
    make_member_facts(state="on_track")
    said(make_member_facts(state="stalled"), "no")
    said(make_member_facts(state="on_track", standing="lapsed"), "no")
    said(make_member_facts(state="on_track"), "no", days_ago=-1)  # not said yet

    found = success_gap(as_of=AS_OF)
    [otherwise] = kept.say_otherwise(make_user(), as_of=AS_OF)

    assert (found.members, found.answered, found.no) == (5, 3, 1)
    assert (otherwise.member_id, otherwise.words) == (changed_mind.pk, "No closer than in May.")
    nobody = make_user(role=Role.MEMBER, member=make_member())
    assert list(kept.say_otherwise(nobody, as_of=AS_OF)) == []
