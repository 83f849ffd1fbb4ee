import threading
from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import connection

from communications.models import Notice
from coverage.models import Effort
from members.enums import Role
from members.models import AuditEntry
from members.rollups.scope import Scope
from success.enums import InterventionStatus, Outcome
from success.models import Accountability, Intervention, InterventionEvent
from success.rollups import plays
from success.services import interventions
from success.services.interventions import (
    AlreadyClaimed,
    NextStepInThePast,
    NotAssignable,
    NotHeld,
    NothingToUndo,
    NotOpen,
    NotYours,
    SnoozedIntoThePast,
    SnoozedTooFar,
)
from tests.factories import (
    MORNING,
    TODAY,
    make_ax_profile,
    make_intervention,
    make_member,
    make_member_facts,
    make_plan,
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


def test_snooze_ends_within_a_year():
    item, amy = make_intervention(), make_user()
    year = {"intervention": item, "by": amy, "at": MORNING}

    with pytest.raises(SnoozedTooFar):
        interventions.snooze(until=TODAY + timedelta(days=367), **year)
    snoozed = interventions.snooze(until=TODAY + timedelta(days=366), **year)

    assert snoozed.snoozed_until == TODAY + timedelta(days=366)


def test_next_step_is_promised_for_a_day_that_is_not_over():
    item, amy = make_intervention(), make_user()

    with pytest.raises(NextStepInThePast):
        interventions.complete(
            intervention=item,
            outcome=Outcome.REACHED,
            note="",
            minutes=None,
            next_step="Call again",
            next_on=TODAY - timedelta(days=1),
            by=amy,
            at=MORNING,
        )

    item.refresh_from_db()
    assert item.status == InterventionStatus.OPEN


def test_day_of_a_snooze_is_the_persons():
    item, amy = make_intervention(), make_user(time_zone="Pacific/Auckland")
    late = datetime(2026, 7, 29, 13, tzinfo=UTC)  # the 30th already

    with pytest.raises(SnoozedIntoThePast):
        interventions.snooze(intervention=item, until=date(2026, 7, 30), by=amy, at=late)


def test_what_sleeps_until_a_change_wakes_with_the_state_or_the_milestone():
    amy = make_user()
    plan = make_plan()
    first, second = plan.milestones.order_by("position")[:2]
    facts = make_member_facts(member=plan.member, state="slipping", plan=plan, blocking=first)
    item = make_intervention(member=plan.member)
    other = make_intervention()

    interventions.snooze(intervention=item, until=None, until_change=True, by=amy, at=MORNING)

    def awake(on=TODAY):
        return set(Intervention.objects.awake(on=on).values_list("pk", flat=True))

    assert awake() == {other.pk}
    assert awake(on=TODAY + timedelta(days=400)) == {other.pk}
    facts.blocking = second
    facts.save()
    assert awake() == {item.pk, other.pk}
    facts.blocking, facts.state = first, "stalled"
    facts.save()
    assert awake() == {item.pk, other.pk}


def test_what_sleeps_until_a_change_or_a_day_wakes_with_the_day():
    item, amy = make_intervention(), make_user()
    make_member_facts(member=item.member)
    until = {"until": TOMORROW, "until_change": True}
    interventions.snooze(intervention=item, by=amy, at=MORNING, **until)

    counts = [Intervention.objects.awake(on=on).count() for on in (TODAY, TOMORROW)]

    assert counts == [0, 1]


def test_snooze_says_until_when():
    item, amy = make_intervention(), make_user()

    with pytest.raises(SnoozedIntoThePast):
        interventions.snooze(intervention=item, until=None, by=amy, at=MORNING)


def test_next_step_with_a_day_is_a_promise_of_ours_where_there_is_a_plan():
    plan, amy = make_plan(), make_user()
    planned, unplanned = make_intervention(member=plan.member), make_intervention()
    said = {"learned": " New lead. ", "next_step": " Send the guide ", "next_on": TOMORROW}

    done = finish(planned, amy, **said)
    words = finish(unplanned, amy, **said)

    promise = Accountability.objects.get()
    assert (done.learned, done.next_step) == ("New lead.", "Send the guide")
    assert (promise.plan, promise.title, promise.due_on, promise.owner, promise.side) == (
        plan,
        "Send the guide",
        TOMORROW,
        amy,
        "association",
    )
    assert words.next_step == "Send the guide"
    assert words.evidence["next_on"] == TOMORROW.isoformat()


def test_undo_takes_the_promise_back():
    plan, amy = make_plan(), make_user()
    item = make_intervention(member=plan.member)
    before = values(item)
    finish(item, amy, next_step="Send the guide", next_on=TOMORROW)

    interventions.undo(intervention=item, by=amy, at=MORNING)

    assert values(item) == before
    assert Accountability.objects.get().waived_on == TODAY


def give(item, to, by, reason="On the road this week", at=MORNING):
    return interventions.reassign(intervention=item, to=to, reason=reason, by=by, at=at)


def test_own_work_is_given_to_a_colleague_who_is_told_once():
    amy, ben = make_user(name="Amy"), make_user(name="Ben")
    item = make_intervention(owner=amy)
    interventions.claim(intervention=item, by=amy, at=MORNING)

    given = give(item, ben, amy)

    assert (given.owner, given.claimed_by, given.claimed_until) == (ben, None, None)
    notice = Notice.objects.get()
    assert (notice.user, notice.body) == (ben, "On the road this week")
    assert (notice.title, notice.address) == (
        f"Amy gave you work: {item.member.name}",
        f"/today/{item.public_id}/",
    )
    assert AuditEntry.objects.get().verb == "item.reassigned"


def test_what_was_given_stays_given_through_the_night():
    amy, ben = make_user(), make_user()
    member = make_member()
    make_play()
    make_member_facts(
        member=member, owner=amy, state="stalled", behind_since=TODAY - timedelta(days=9)
    )
    scope = Scope(first=member.pk, last=member.pk)
    plays.refresh(as_of=TODAY, scope=scope, at=MORNING)
    item = Intervention.objects.get()
    give(item, ben, amy)

    plays.refresh(as_of=TODAY, scope=scope, at=MORNING)
    kept = values(item)["owner_id"]
    ben.is_active = False
    ben.save()
    plays.refresh(as_of=TODAY, scope=scope, at=MORNING)

    assert (kept, values(item)["owner_id"]) == (ben.pk, amy.pk)


def test_undo_takes_work_back_that_was_given_away():
    amy, ben = make_user(), make_user()
    item = make_intervention(owner=amy)
    before = values(item)
    give(item, ben, amy)

    interventions.undo(intervention=item, by=amy, at=MORNING)

    assert values(item) == before


def test_the_pools_and_others_work_is_given_away_by_who_leads():
    amy, ben = make_user(), make_user()
    lead = make_user(role=Role.DIRECTOR)
    pool, bens, claimed = (
        make_intervention(),
        make_intervention(owner=ben),
        make_intervention(),
    )
    interventions.claim(intervention=claimed, by=amy, at=MORNING)

    for item in (pool, bens):
        with pytest.raises(NotYours):
            give(item, amy, amy)

    assert give(claimed, ben, amy).owner == ben
    assert give(pool, amy, lead).owner == amy
    assert give(bens, None, lead).owner is None


@pytest.mark.parametrize("role", [Role.OPERATIONS, Role.MEMBER])
def test_work_is_given_to_who_can_do_it_with_a_reason(role):
    amy = make_user()
    item = make_intervention(owner=amy)
    other = make_user(role=role)

    for to, reason in ((other, "Away"), (amy, "Away"), (None, " ")):
        with pytest.raises(NotAssignable):
            give(item, to, amy, reason=reason)
    with pytest.raises(NotAssignable):
        give(item, make_user(is_active=False), amy)
    assert give(item, None, amy).owner is None
    with pytest.raises(NotAssignable):
        give(item, None, make_user(role=Role.DIRECTOR))


def test_next_of_the_pool_is_the_first_that_is_free_and_awake():
    amy, ben = make_user(), make_user()
    make_intervention(owner=ben, queue_class=1)
    held = make_intervention(queue_class=2)
    make_intervention(queue_class=3, snoozed_until=TOMORROW)
    make_intervention(queue_class=3, status="closed")
    fourth, fifth = make_intervention(queue_class=4), make_intervention(queue_class=5)
    interventions.claim(intervention=held, by=ben, at=MORNING)

    taken = [interventions.claim_next(user=amy, at=MORNING) for _ in range(3)]
    later = interventions.claim_next(user=amy, at=MORNING + timedelta(minutes=30))

    assert taken == [fourth, fifth, None]
    assert later == held
    assert verbs(fourth) == [("claimed", amy.pk)]


def test_next_of_the_pool_goes_by_the_queue_whether_free_or_lapsed():
    amy, ben = make_user(), make_user()
    lapsed = {"claimed_by": ben, "claimed_until": MORNING}
    last = make_intervention(queue_class=8, **lapsed)
    second = make_intervention(queue_class=4, term_ends_on=TODAY)
    third = make_intervention(queue_class=4, **lapsed)
    first = make_intervention(queue_class=2, **lapsed)

    taken = [interventions.claim_next(user=amy, at=MORNING) for _ in range(5)]

    assert taken == [first, second, third, last, None]


@pytest.mark.django_db(transaction=True)
def test_eight_people_asking_for_the_next_of_the_pool_share_it_out():
    play, member = make_play(), make_member()
    entry = make_intervention(play=play, member=member, status="closed").enrolment
    people = [make_user() for _ in range(8)]
    members = [make_member() for _ in range(400)]
    Intervention.objects.bulk_create(
        Intervention(
            play=play,
            member=each,
            enrolment=entry,
            step=play.current.steps.get(),
            occurrence="it",
            occurred_on=TODAY,
            opened_on=TODAY,
            why="Now.",
            queue_class=4,
            due_on=TODAY,
            minutes=10,
        )
        for each in members
    )
    start = threading.Barrier(len(people))
    won = []

    def work(person):
        start.wait()
        try:
            while item := interventions.claim_next(user=person, at=MORNING):
                won.append((item.pk, person.pk))
        finally:
            connection.close()

    threads = [threading.Thread(target=work, args=[person]) for person in people]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    holders = Intervention.objects.open().values_list("pk", "claimed_by_id")
    assert sorted(won) == sorted(holders)
    assert len(won) == 400
    assert InterventionEvent.objects.filter(verb="claimed").count() == 400


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
