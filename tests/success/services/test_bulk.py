from datetime import timedelta

import pytest

from communications.models import Notice
from members.enums import Role
from members.models import AuditEntry
from success.enums import BulkVerb
from success.models import BulkAct, Intervention
from success.services import bulk, interventions
from success.services.bulk import CountChanged, NotUndoable
from tests.factories import MORNING, TODAY, make_intervention, make_user

pytestmark = pytest.mark.django_db
TOMORROW = TODAY + timedelta(days=1)
SLEEP = {"until": TOMORROW.isoformat(), "until_change": False}


@pytest.fixture
def amy():
    return make_user(name="Amy")


def freeze(by, *, verb=BulkVerb.SNOOZE, details=None, count=None):
    items = Intervention.objects.visible_to(by)
    return bulk.freeze(
        items=items,
        verb=verb,
        details=SLEEP if details is None else details,
        expected_count=items.count() if count is None else count,
        by=by,
        at=MORNING,
    )


def work(act, at=MORNING):
    bulk.work(bulk_id=act.pk, clock=lambda: at)
    act.refresh_from_db()
    return act


def undo(act, by, at=MORNING):
    return work(bulk.undo(act=act, by=by, at=at), at=at)


def sleeping():
    return set(Intervention.objects.filter(snoozed_until=TOMORROW).values_list("pk", flat=True))


def test_items_are_frozen_in_queue_order_and_what_comes_later_stays_out(amy):
    second = make_intervention(owner=amy, queue_class=5)
    first = make_intervention(owner=amy, queue_class=1)
    make_intervention(owner=make_user())

    act = freeze(amy)
    later = make_intervention(owner=amy)
    work(act)

    assert (act.ids, act.done, act.refused) == ([first.pk, second.pk], act.ids, {})
    assert (act.finished_at, sleeping()) == (MORNING, {first.pk, second.pk})
    assert later.pk not in sleeping()


@pytest.mark.parametrize("count", [0, 1, 3])
def test_another_count_than_was_shown_is_refused(amy, count):
    make_intervention(owner=amy)
    make_intervention(owner=amy)

    with pytest.raises(CountChanged) as refusal:
        freeze(amy, count=count)

    assert (refusal.value.count, BulkAct.objects.count()) == (2, 0)


def test_nothing_chosen_is_refused(amy):
    with pytest.raises(CountChanged):
        freeze(amy, count=0)


def test_asking_twice_is_one_act(amy):
    make_intervention(owner=amy)

    assert freeze(amy) == freeze(amy)
    assert AuditEntry.objects.filter(verb="bulk.asked").count() == 1


def test_what_is_refused_says_why_and_the_rest_is_done(amy):
    ben = make_user(name="Ben")
    free = make_intervention(owner=amy, queue_class=1)
    held = make_intervention(owner=amy, queue_class=2)
    closed = make_intervention(owner=amy, queue_class=3)
    gone = make_intervention(owner=amy, queue_class=4)
    act = freeze(amy)
    interventions.claim(intervention=held, by=ben, at=MORNING)
    Intervention.objects.filter(pk=closed.pk).update(status="closed")
    Intervention.objects.filter(pk=gone.pk).update(owner=ben)

    work(act)

    assert act.done == [free.pk]
    assert act.refused == {
        str(held.pk): "Ben has this.",
        str(closed.pk): "It is no longer open.",
        str(gone.pk): "It is not yours to see any more.",
    }
    assert work(act).done == [free.pk]


def test_chunks_go_on_where_they_were(amy, monkeypatch):
    monkeypatch.setattr(bulk, "CHUNK", 2)
    for _ in range(5):
        make_intervention(owner=amy)
    act = freeze(amy)

    class Killed(Exception):
        pass

    moments = iter([MORNING])

    def clock():
        try:
            return next(moments)
        except StopIteration:
            raise Killed from None

    with pytest.raises(Killed):
        bulk.work(bulk_id=act.pk, clock=clock)
    act.refresh_from_db()
    assert (len(act.done), bulk.unfinished_ids()) == (2, [act.pk])

    work(act)

    assert (act.done, len(sleeping()), bulk.unfinished_ids()) == (act.ids, 5, [])


def test_giving_many_to_a_colleague_tells_them_once(amy):
    ben = make_user(name="Ben")
    make_intervention(owner=amy)
    make_intervention(owner=amy)

    work(freeze(amy, verb=BulkVerb.REASSIGN, details={"to": ben.pk, "reason": "Away"}))

    notice = Notice.objects.get()
    assert (notice.user, notice.title) == (ben, "Amy gave you work: 2 items")
    assert Intervention.objects.filter(owner=ben).count() == 2


def test_giving_to_somebody_who_has_left_is_refused(amy):
    ben = make_user()
    item = make_intervention(owner=amy)
    act = freeze(amy, verb=BulkVerb.REASSIGN, details={"to": ben.pk, "reason": "Away"})
    ben.is_active = False
    ben.save()

    assert work(act).refused == {str(item.pk): "They are not here any more."}


def test_giving_back_leaves_what_is_in_the_pool(amy):
    mine = make_intervention(owner=amy, queue_class=1)
    pool = make_intervention(queue_class=2)

    act = work(freeze(amy, verb=BulkVerb.RELEASE, details={"reason": "Too much"}))

    assert (act.done, act.refused) == (
        [mine.pk],
        {str(pool.pk): "You may give away what is yours."},
    )
    assert Intervention.objects.get(pk=mine.pk).owner is None


def test_finishing_many_logs_each(amy):
    make_intervention(owner=amy, minutes=10)
    make_intervention(owner=amy, minutes=20)
    said = {"outcome": "not_needed", "note": "Sent to all."}

    work(freeze(amy, verb=BulkVerb.COMPLETE, details=said))

    found = Intervention.objects.values_list("status", "outcome", "note", "finished_by")
    assert set(found) == {("done", "not_needed", "Sent to all.", amy.pk)}


def test_undo_puts_back_all_but_what_was_touched_since(amy):
    first = make_intervention(owner=amy, queue_class=1)
    second = make_intervention(owner=amy, queue_class=2)
    act = work(freeze(amy))
    later = MORNING + timedelta(minutes=5)
    interventions.claim(intervention=second, by=amy, at=later)

    undo(act, amy, at=later)

    assert sleeping() == {second.pk}
    assert act.pk not in bulk.unfinished_ids()
    act.refresh_from_db()
    assert act.details["undone"] == [first.pk]
    assert act.details["kept"] == {str(second.pk): "Somebody went on with it meanwhile."}


def test_undo_leaves_what_was_done_by_hand_afterwards(amy):
    item = make_intervention(owner=amy)
    act = work(freeze(amy))
    later = MORNING + timedelta(minutes=5)
    day = TODAY + timedelta(days=9)
    interventions.snooze(intervention=item, until=day, by=amy, at=later)

    undo(act, amy, at=later)

    assert Intervention.objects.get().snoozed_until == day


def test_undo_stops_an_act_that_is_under_way(amy, monkeypatch):
    make_intervention(owner=amy)
    act = freeze(amy)

    undo(act, amy)

    assert (sleeping(), bulk.unfinished_ids()) == (set(), [])


def test_undo_is_for_who_asked_within_the_hour_and_once(amy):
    make_intervention(owner=amy)
    act = work(freeze(amy))

    for by, at in (
        (make_user(role=Role.DIRECTOR), MORNING),
        (amy, MORNING + timedelta(minutes=61)),
    ):
        with pytest.raises(NotUndoable):
            bulk.undo(act=act, by=by, at=at)
    undo(act, amy)
    with pytest.raises(NotUndoable):
        bulk.undo(act=act, by=amy, at=MORNING)
