from datetime import timedelta

import pytest

from members.models import DirtyMember
from members.rollups.scope import Scope, Written
from success.models import Accountability, MemberFacts, Play
from success.rollups import obligations
from tests.factories import MORNING, TODAY, make_default_plays, make_member_facts, make_plan

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
EVERYBODY = Scope(first=0, last=2**62)
SINCE = TODAY - 60 * DAY


@pytest.fixture(autouse=True)
def plays():
    make_default_plays(effective_from=SINCE)


def refresh(as_of=TODAY, scope=EVERYBODY):
    return obligations.refresh(as_of=as_of, scope=scope, at=MORNING)


def achieved(on=TODAY - DAY):
    plan = make_plan()
    make_member_facts(member=plan.member, plan=plan, state="achieved", achieved_on=on)
    return plan


def steps():
    promise = Accountability.objects.get()
    return list(promise.events.order_by("pk").values_list("verb", flat=True))


def test_achieving_the_goal_obliges_us_to_agree_the_next_within_14_days():
    plan = achieved()
    make_member_facts(member=make_plan().member, state="on_track")

    assert refresh() == Written(rows_in=1, rows_out=1)
    assert refresh() == Written(rows_in=1, rows_out=0)

    promise = Accountability.objects.get()
    assert (promise.plan, promise.side, promise.due_on, promise.obligation) == (
        plan, "association", TODAY + 13 * DAY, "next_goal",
    )  # fmt: skip
    assert steps() == ["made"]
    assert DirtyMember.objects.get().member == plan.member


@pytest.mark.parametrize("succession", ["next_goal", "goal_changed"])
def test_agreeing_the_next_goal_keeps_it(succession):
    plan = achieved()
    refresh()
    plan.closed_on = TODAY
    plan.save(update_fields=["closed_on"])
    make_plan(member=plan.member, version=2, succession=succession, anchor_on=TODAY)

    assert refresh().rows_out == 1
    assert refresh().rows_out == 0

    assert Accountability.objects.get().done_on == TODAY
    assert steps() == ["made", "done"]


def test_withdrawn_evidence_waives_it_and_achieving_again_renews_it():
    plan = achieved()
    refresh()
    MemberFacts.objects.update(state="on_track", achieved_on=None)

    assert refresh().rows_out == 1
    assert Accountability.objects.get().waived_on == TODAY
    assert refresh().rows_out == 0
    MemberFacts.objects.update(state="achieved", achieved_on=TODAY)
    assert refresh().rows_out == 1
    assert refresh().rows_out == 0

    promise = Accountability.objects.get()
    assert (promise.plan, promise.waived_on, promise.waived_reason, promise.due_on) == (
        plan, None, "", TODAY + 14 * DAY,
    )  # fmt: skip
    assert steps() == ["made", "waived", "reopened"]


def test_goal_achieved_before_the_play_was_in_effect_binds_nobody_to_a_day():
    achieved(on=SINCE - DAY)

    assert refresh() == Written(rows_in=1, rows_out=0)


def test_association_that_does_not_follow_up_promises_nothing():
    achieved()
    Play.objects.filter(key="next-goal").update(is_active=False)

    assert refresh().rows_out == 0


def test_scope_leaves_others_alone():
    first, second = achieved(), achieved()

    refresh(scope=Scope(first=second.member_id, last=second.member_id))

    assert list(Accountability.objects.values_list("plan", flat=True)) == [second.pk]
    assert first.accountabilities.count() == 0
