import threading
from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import connection

from coverage.models import Effort
from success.enums import InterventionStatus, Outcome
from success.models import Intervention, InterventionEvent
from success.services import interventions
from success.services.interventions import (
    AlreadyClaimed,
    NotHeld,
    NothingToUndo,
    NotOpen,
    SnoozedIntoThePast,
)
from tests.factories import (
    MORNING,
    TODAY,
    make_ax_profile,
    make_intervention,
    make_play,
    make_user,
)

pytestmark = pytest.mark.django_db
TOMORROW = TODAY + timedelta(days=1)


def values(item):
    return Intervention.objects.filter(pk=item.pk).values().get()


def verbs(item):
    return list(item.events.order_by("pk").values_list("verb", "by_id"))


def finish(item, by, at=MORNING, **overrides):
    fields = {"outcome": Outcome.REACHED, "note": "We spoke.", "minutes": 12} | overrides
    return interventions.complete(intervention=item, by=by, at=at, **fields)


def test_claim_holds_for_thirty_minutes_and_tells_the_second_who_has_it():
    item, amy, ben = make_intervention(), make_user(), make_user()

    claimed = interventions.claim(intervention=item, by=amy, at=MORNING)
    with pytest.raises(AlreadyClaimed) as refusal:
        interventions.claim(intervention=item, by=ben, at=MORNING + timedelta(minutes=29))

    assert (claimed.claimed_by, claimed.claimed_until) == (amy, MORNING + timedelta(minutes=30))
    assert refusal.value.holder == amy
    assert verbs(item) == [("claimed", amy.pk)]


def test_lapsed_claim_may_be_taken_over_and_a_live_one_extended():
    item, amy, ben = make_intervention(), make_user(), make_user()
    interventions.claim(intervention=item, by=amy, at=MORNING)
    later = MORNING + timedelta(minutes=10)

    extended = interventions.claim(intervention=item, by=amy, at=later)
    taken = interventions.claim(intervention=item, by=ben, at=extended.claimed_until)

    assert extended.claimed_until == later + timedelta(minutes=30)
    assert taken.claimed_by == ben


@pytest.mark.parametrize("status", ["done", "closed", "message"])
def test_what_is_not_open_cannot_be_worked(status):
    amy = make_user()
    item = make_intervention(status=status, finished_at=MORNING)
    before = values(item)

    for act in (
        lambda: interventions.claim(intervention=item, by=amy, at=MORNING),
        lambda: interventions.release(intervention=item, by=amy, at=MORNING),
        lambda: interventions.snooze(intervention=item, until=TOMORROW, by=amy, at=MORNING),
        lambda: finish(item, amy),
    ):
        with pytest.raises(NotOpen):
            act()

    assert (values(item), verbs(item)) == (before, [])


def test_release_gives_back_what_one_holds_and_nothing_else():
    item, amy, ben = make_intervention(), make_user(), make_user()
    interventions.claim(intervention=item, by=amy, at=MORNING)

    with pytest.raises(NotHeld):
        interventions.release(intervention=item, by=ben, at=MORNING)
    released = interventions.release(intervention=item, by=amy, at=MORNING)

    assert (released.claimed_by, released.claimed_until) == (None, None)
    assert verbs(item) == [("claimed", amy.pk), ("released", amy.pk)]


def test_snooze_puts_away_until_a_day_to_come():
    item, amy = make_intervention(), make_user()
    interventions.claim(intervention=item, by=amy, at=MORNING)

    with pytest.raises(SnoozedIntoThePast):
        interventions.snooze(intervention=item, until=TODAY, by=amy, at=MORNING)
    snoozed = interventions.snooze(intervention=item, until=TOMORROW, by=amy, at=MORNING)

    assert (snoozed.snoozed_until, snoozed.claimed_by, snoozed.claimed_until) == (
        TOMORROW,
        None,
        None,
    )
    assert snoozed.status == InterventionStatus.OPEN


def test_day_of_a_snooze_is_the_associations(settings):
    settings.WAYMARK_TIME_ZONE = "Pacific/Auckland"
    item, amy = make_intervention(), make_user()
    late = datetime(2026, 7, 29, 13, tzinfo=UTC)  # the 30th already

    with pytest.raises(SnoozedIntoThePast):
        interventions.snooze(intervention=item, until=date(2026, 7, 30), by=amy, at=late)


def test_complete_keeps_outcome_note_and_minutes():
    item, amy = make_intervention(minutes=20), make_user()

    done = finish(item, amy)

    assert (done.status, done.outcome, done.note, done.minutes) == (
        InterventionStatus.DONE,
        Outcome.REACHED,
        "We spoke.",
        12,
    )
    assert (done.finished_by_id, done.finished_at, done.claimed_by) == (amy.pk, MORNING, None)
    assert verbs(item) == [("done", amy.pk)]


def test_complete_without_minutes_leaves_what_was_planned():
    assert finish(make_intervention(minutes=20), make_user(), minutes=None).minutes == 20


def test_complete_and_snooze_respect_another_persons_claim():
    item, amy, ben = make_intervention(), make_user(), make_user()
    interventions.claim(intervention=item, by=amy, at=MORNING)

    with pytest.raises(AlreadyClaimed):
        finish(item, ben)
    with pytest.raises(AlreadyClaimed):
        interventions.snooze(intervention=item, until=TOMORROW, by=ben, at=MORNING)

    assert finish(item, ben, at=MORNING + timedelta(minutes=30)).finished_by_id == ben.pk


@pytest.mark.parametrize("seconds", [0, 10, 15])
def test_undo_puts_back_exactly_what_was(seconds):
    item, amy = make_intervention(snoozed_until=TODAY), make_user()
    interventions.claim(intervention=item, by=amy, at=MORNING)
    before = values(item)
    finish(item, amy)

    interventions.undo(intervention=item, by=amy, at=MORNING + timedelta(seconds=seconds))

    assert values(item) == before
    assert [verb for verb, _ in verbs(item)] == ["claimed", "done", "undone"]


def test_undo_wakes_what_was_snoozed():
    item, amy = make_intervention(), make_user()
    before = values(item)
    interventions.snooze(intervention=item, until=TOMORROW, by=amy, at=MORNING)

    interventions.undo(intervention=item, by=amy, at=MORNING)

    assert values(item) == before


def test_undo_is_for_oneself_for_a_moment_and_once():
    item, amy, ben = make_intervention(), make_user(), make_user()
    with pytest.raises(NothingToUndo):
        interventions.undo(intervention=item, by=amy, at=MORNING)
    finish(item, amy)
    after = values(item)

    with pytest.raises(NothingToUndo):
        interventions.undo(intervention=item, by=ben, at=MORNING)
    with pytest.raises(NothingToUndo):
        interventions.undo(intervention=item, by=amy, at=MORNING + timedelta(seconds=16))
    assert values(item) == after

    interventions.undo(intervention=item, by=amy, at=MORNING)
    with pytest.raises(NothingToUndo):
        interventions.undo(intervention=item, by=amy, at=MORNING)


def test_undo_gives_way_to_an_item_opened_since():
    amy, play = make_user(), make_play()
    item = make_intervention(play=play)
    finish(item, amy)
    after = values(item)
    make_intervention(play=play, member=item.member)

    with pytest.raises(NothingToUndo):
        interventions.undo(intervention=item, by=amy, at=MORNING)

    assert values(item) == after


@pytest.mark.django_db(transaction=True)
def test_eight_people_claiming_at_once_get_each_item_once():
    people = [make_user() for _ in range(8)]
    items = [make_intervention() for _ in range(12)]
    start = threading.Barrier(len(people))
    won, lost = [], []

    def work(person):
        start.wait()
        try:
            for item in items:
                try:
                    interventions.claim(intervention=item, by=person, at=MORNING)
                    won.append((item.pk, person.pk))
                except AlreadyClaimed as refusal:
                    lost.append((item.pk, refusal.holder.pk))
        finally:
            connection.close()

    threads = [threading.Thread(target=work, args=[person]) for person in people]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    holders = dict(Intervention.objects.values_list("pk", "claimed_by_id"))
    assert sorted(won) == sorted(holders.items())
    assert {holders[item] == holder for item, holder in lost} == {True}
    assert (len(won), len(lost)) == (12, 84)
    assert InterventionEvent.objects.filter(verb="claimed").count() == 12


def test_complete_logs_the_minutes_as_effort_in_the_members_modality():
    item, by = make_intervention(minutes=15), make_user()
    make_ax_profile(member=item.member, sync_minutes=90, async_minutes=60)

    finish(item, by, minutes=40)

    logged = Effort.objects.get()
    assert (logged.member, logged.by, logged.on) == (item.member, by, TODAY)
    assert (logged.minutes, logged.modality, logged.source) == (40, "sync", "intervention")


def test_undo_withdraws_the_effort_and_finishing_again_brings_it_back():
    item, by = make_intervention(), make_user()
    finish(item, by, minutes=40)

    interventions.undo(intervention=item, by=by, at=MORNING + timedelta(seconds=5))
    assert Effort.objects.get().withdrawn_at is not None
    finish(item, by, minutes=30, at=MORNING + timedelta(seconds=9))

    again = Effort.objects.get()
    assert (again.minutes, again.withdrawn_at) == (30, None)
