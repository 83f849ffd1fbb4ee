from datetime import timedelta

import pytest

from communications.enums import MessageStatus
from communications.models import Notice
from coverage.models import Rebalancing
from members.enums import Role
from success.models import InterventionEvent
from success.services.telling import tell_due
from tests.factories import (
    NOON,
    TODAY,
    make_absence,
    make_accountability,
    make_intervention,
    make_member,
    make_message,
    make_play,
    make_segment,
    make_user,
)

pytestmark = pytest.mark.django_db


def tell(**later):
    moment = timedelta(**later)
    return tell_due(on=(NOON + moment).date(), at=NOON + moment)


def told():
    return list(Notice.objects.order_by("pk").values_list("user__name", "title"))


def test_nothing_is_told_where_nothing_happened():
    make_user(role=Role.DIRECTOR)
    make_message()
    make_play()
    make_accountability(owner=make_user(), due_on=TODAY)
    make_intervention()

    assert tell() == 0


def test_house_hears_of_messages_that_may_or_may_not_have_gone():
    make_user(name="Dora", role=Role.DIRECTOR)
    make_user(name="Amy")
    message = make_message(status=MessageStatus.UNKNOWN, finished_at=NOON)
    make_message(status=MessageStatus.UNKNOWN, finished_at=NOON - timedelta(days=3))

    assert (tell(), tell(), tell(hours=1)) == (1, 0, 0)
    assert told() == [("Dora", "Nobody knows whether a message was sent")]
    assert Notice.objects.get().address == f"/messages/{message.public_id}/"


def test_house_hears_of_a_play_that_stopped_each_time_it_does():
    make_user(name="Olga", role=Role.OPERATIONS)
    play = make_play(title="Late promises")
    play.paused_because = "400 entries in a night, at most 50"
    play.save()

    assert (tell(), tell()) == (1, 0)
    play.paused_because = "500 entries in a night, at most 50"
    play.save()
    assert tell() == 1
    assert told()[0] == ("Olga", "A play stopped by itself: Late promises")


def test_owner_hears_of_a_late_promise_once_a_due_day():
    amy = make_user(name="Amy")
    promise = make_accountability(owner=amy, title="The report", due_on=TODAY)
    make_accountability(owner=amy, due_on=TODAY - timedelta(days=9))
    make_accountability(owner=amy, due_on=TODAY, done_on=TODAY)
    make_accountability(owner=amy, due_on=TODAY, side="member")

    assert (tell(), tell(days=1), tell(days=2)) == (0, 1, 0)
    assert told() == [("Amy", "A promise of yours is late: The report")]

    promise.due_on = TODAY + timedelta(days=2)
    promise.save()
    assert (tell(days=2), tell(days=3)) == (0, 1)


def test_whoever_stands_in_hears_of_it():
    make_absence(user=make_user(name="Amy"), cover=make_user(name="Ben"), handed_over_at=NOON)

    assert (tell(), tell()) == (1, 0)
    assert told() == [("Ben", "You stand in for Amy")]


def test_who_was_away_hears_that_their_work_is_back():
    mira = make_user(name="Mira")
    make_absence(
        user=mira, starts_on=TODAY - timedelta(days=9), ends_on=TODAY, handed_back_at=NOON
    )
    make_absence(handed_back_at=NOON - timedelta(days=3))

    assert [tell(), tell()] == [1, 0]
    assert told() == [("Mira", "Your work is with you again")]


def test_who_gets_members_of_a_rebalancing_hears_it_once_for_all_of_them():
    mira, otto, dora = make_user(name="Mira"), make_user(name="Otto"), make_user(name="Dora")
    applied = Rebalancing.objects.create(
        status="applied",
        reason="Evened out",
        applied_by=dora,
        applied_at=NOON,
        asked_at=NOON,
        as_of=TODAY,
        asked={},
    )
    segment = make_segment()
    for owner, to, outcome in (
        (mira, otto, "applied"), (None, otto, "applied"), (mira, otto, "left"),
        (otto, dora, "applied"), (otto, otto, "applied"), (otto, None, "applied"),
    ):  # fmt: skip
        applied.moves.create(
            member=make_member(), from_owner=owner, to_owner=to, from_segment=segment,
            to_segment=segment, minutes=30, outcome=outcome,
        )  # fmt: skip

    assert [tell(), tell()] == [1, 0]
    (notice,) = Notice.objects.all()
    assert (notice.user, notice.title, notice.body) == (
        otto, "You look after 2 more members", "Evened out",
    )  # fmt: skip


def events(item, *steps):
    for verb, who in steps:
        InterventionEvent.objects.create(intervention=item, verb=verb, by=who, at=NOON)


def test_whoever_had_an_item_hears_that_a_colleague_took_it():
    amy, ben = make_user(name="Amy"), make_user(name="Ben")
    play = make_play(title="No plan")
    events(make_intervention(play=play, owner=amy), ("opened", None), ("claimed", ben))
    events(make_intervention(play=play), ("claimed", amy), ("claimed", ben), ("claimed", ben))
    events(make_intervention(play=play), ("claimed", amy), ("released", amy), ("claimed", ben))
    events(make_intervention(play=play, owner=ben), ("claimed", ben))

    assert (tell(), tell()) == (2, 0)
    assert told() == [("Amy", "Ben took over: No plan")] * 2


def test_telling_again_costs_the_same_for_many(django_assert_num_queries):
    make_user(role=Role.DIRECTOR)
    for _ in range(3):
        make_message(status=MessageStatus.UNKNOWN, finished_at=NOON)
    tell()

    with django_assert_num_queries(9):
        tell()
