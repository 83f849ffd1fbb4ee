"""The night: twice is once, late is complete, killed goes on, the past is only looked at."""

import threading
from collections import Counter
from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from engagement.models import Fact
from members.models import DirtyMember
from members.rollups.dirty import mark_dirty
from success.enums import NightKind, NightStatus, StepStatus
from success.models import (
    Enrolment,
    Intervention,
    MemberFacts,
    Night,
    RevenuePeriod,
    VectorChange,
    VectorRollup,
)
from success.queries.nights import last_live_day, progress, unfinished_night_ids
from success.services import nights, promises
from success.services.nights import (
    FutureNight,
    NightFailed,
    NightInterrupted,
    run_night,
    start_due_night,
    start_night,
    work_night,
)
from tests.factories import (
    make_accountability,
    make_default_plays,
    make_member,
    make_plan,
    make_term,
    make_user,
)
from tests.success.lines import evolve, replan

TODAY = date(2026, 7, 29)
JOINED = TODAY - timedelta(days=100)


def clock():
    return datetime(2026, 7, 29, 4, tzinfo=UTC)


def run(as_of=TODAY, **options):
    return run_night(as_of=as_of, today=TODAY, clock=clock, **options)


def written(night):
    """Rows written, but for those of whole months, which only full nights bring up to date."""
    return sum(step.rows_out or 0 for step in night.steps.exclude(stage="months"))


def association(members=3):
    make_default_plays(effective_from=TODAY - timedelta(days=60))
    made = []
    for _ in range(members):
        member = make_member()
        make_term(member=member, starts_on=JOINED, ends_on=JOINED + timedelta(days=365))
        make_plan(member=member, anchor_on=JOINED, expected_days=(30, 60))
        made.append(member)
    mark_dirty([(member.pk, JOINED) for member in made])
    return made


def kept():
    """Everything a night derives, as plain rows without keys and moments."""
    return {
        "facts": list(
            MemberFacts.objects.order_by("pk").values_list("pk", "state", "held_on", "standing")
        ),
        "groups": list(
            VectorRollup.objects.order_by("pk").values_list(
                "as_of", "dimension", "value", "states"
            )
        ),
        "items": sorted(
            Intervention.objects.values_list("play__key", "member", "occurrence", "status")
        ),
        "revenue": sorted(
            RevenuePeriod.objects.values_list(
                "kind", "ends_on", "basis", "dimension", "value", "closing", "revision"
            )
        ),
    }


@pytest.mark.django_db
def test_the_same_night_again_writes_nothing():
    association()
    first = run()
    before = kept()

    again = run()

    assert written(first) > 0
    assert written(again) == 0
    assert kept() == before


@pytest.mark.django_db
def test_a_full_night_after_an_ordinary_one_writes_nothing():
    association()
    run(TODAY - timedelta(days=1))
    ordinary = run()
    assert not ordinary.is_full

    assert written(run(full=True)) == 0


@pytest.mark.django_db
def test_a_night_asks_as_often_for_many_members_as_for_few():
    def asked(as_of):
        with CaptureQueriesContext(connection) as queries:
            run(as_of, full=True)
        # a month is written where it says another thing than it said, and which tables the
        # planner is told of depends on what other tests have done to them
        return Counter(
            query["sql"][:80]
            for query in queries
            if "success_forecastmonth" not in query["sql"]
            and not query["sql"].startswith("ANALYZE")
        )

    association(members=2)
    run(TODAY - timedelta(days=3))
    for_few = asked(TODAY - timedelta(days=2))
    association(members=40)
    run(TODAY - timedelta(days=1))

    for_many = asked(TODAY)
    assert for_many.total() == for_few.total(), (for_few - for_many, for_many - for_few)


@pytest.mark.django_db
def test_nights_missed_and_caught_up_leave_what_nights_in_order_leave():
    association()
    for back in (3, 2, 1, 0):
        run(TODAY - timedelta(days=back))
    in_order = kept()["facts"], kept()["items"]
    for model in (MemberFacts, VectorChange, VectorRollup, Enrolment, RevenuePeriod, Night):
        model.objects.all().delete()

    run(TODAY - timedelta(days=3))
    run(TODAY)

    assert [row[:2] for row in kept()["facts"]] == [row[:2] for row in in_order[0]]
    assert len(kept()["items"]) == len(in_order[1]) > 0


@pytest.mark.django_db
def test_a_night_that_failed_goes_on_from_its_last_step(monkeypatch):
    association()
    stages = list(nights.LIVE_STAGES)
    broken = next(i for i, stage in enumerate(stages) if stage.name == "facts")

    def fail(job):
        raise RuntimeError("the power went")

    monkeypatch.setitem(
        nights.STAGES,
        NightKind.LIVE,
        (*stages[:broken], nights.Stage(name="facts", run=fail), *stages[broken + 1 :]),
    )
    with pytest.raises(NightFailed, match="facts of members"):
        run()
    monkeypatch.undo()
    night = Night.objects.get()
    assert night.status == NightStatus.FAILED
    assert [stage.name for stage in progress(night) if stage.is_done] == [
        "collect", "involvement", "coverage", "owners", "statistics", "milestones",
    ]  # fmt: skip
    assert night.steps.get(status=StepStatus.FAILED).error == "RuntimeError: the power went"

    run()

    night.refresh_from_db()
    assert (Night.objects.count(), night.status) == (1, NightStatus.DONE)
    assert set(night.steps.filter(stage="milestones").values_list("attempts", flat=True)) == {1}
    assert MemberFacts.objects.count() == 3


@pytest.mark.django_db(transaction=True)
def test_a_night_whose_database_goes_away_goes_on_without_a_person(monkeypatch):
    association()
    stages = list(nights.LIVE_STAGES)
    broken = next(i for i, stage in enumerate(stages) if stage.name == "facts")

    def go_away(job):
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")

    monkeypatch.setitem(
        nights.STAGES,
        NightKind.LIVE,
        (*stages[:broken], nights.Stage(name="facts", run=go_away), *stages[broken + 1 :]),
    )
    with pytest.raises(NightInterrupted, match="facts of members"):
        run()
    monkeypatch.undo()
    night = Night.objects.get()
    assert night.status == NightStatus.RUNNING
    assert unfinished_night_ids() == [night.pk]

    assert work_night(night_id=night.pk, clock=clock)

    assert Night.objects.get().status == NightStatus.DONE
    assert MemberFacts.objects.count() == 3


@pytest.mark.django_db
def test_an_unfinished_night_is_finished_before_a_later_one():
    association()
    start_night(as_of=TODAY - timedelta(days=1), today=TODAY, at=clock())

    run()

    assert list(Night.objects.order_by("pk").values_list("as_of", "status")) == [
        (TODAY - timedelta(days=1), "done"),
        (TODAY, "done"),
    ]


@pytest.mark.django_db
def test_a_past_night_says_what_it_would_have_said_and_touches_nothing():
    association()
    run()
    before = kept()
    groups = before.pop("groups")

    night = run(TODAY - timedelta(days=60))

    after = kept()
    assert (night.kind, night.result["states"]["slipping"]) == (NightKind.PAST, 3)
    assert night.result["would_open"]["milestone-overdue"] == {"messages": 0, "items": 3}
    assert [row for row in after.pop("groups") if row[0] == TODAY] == groups
    assert after == before
    assert last_live_day() == TODAY


@pytest.mark.django_db
def test_a_night_to_come_is_refused():
    with pytest.raises(FutureNight):
        run(TODAY + timedelta(days=1))

    assert not Night.objects.exists()


@pytest.mark.django_db
def test_a_fact_that_lay_ahead_counts_from_its_day_on():
    member, *_ = association()
    Fact.objects.create(
        member=member, kind="maintainer.added", subject="Kiln", occurred_on=TODAY, source="t",
        external_id="1", origin="import", recorded_at=clock(),
    )  # fmt: skip
    mark_dirty([(member.pk, TODAY)])

    counted = []
    for back in (2, 1, 0):
        run(TODAY - timedelta(days=back))
        counted.append(MemberFacts.objects.get(pk=member.pk).subjects_involved)

    assert counted == [0, 0, 1]


@pytest.mark.django_db
def test_a_member_nobody_marked_is_found_all_the_same():
    association()
    run(TODAY - timedelta(days=1))
    newcomer = make_member()

    night = run()

    assert not night.is_full
    assert MemberFacts.objects.filter(pk=newcomer.pk).exists()


@pytest.mark.django_db
def test_a_change_during_the_night_is_left_to_the_next_one():
    first, *_ = association()

    def change(step):
        if step.stage == "collect":
            mark_dirty([(first.pk, TODAY)])

    run(on_step=change)

    assert list(DirtyMember.objects.values_list("pk", "taken_by")) == [(first.pk, None)]


@pytest.mark.django_db
def test_the_night_is_due_once_a_day():
    association()

    begun = start_due_night(today=TODAY, at=clock())
    assert start_due_night(today=TODAY, at=clock()) is None
    work_night(night_id=begun.pk, clock=clock)

    assert start_due_night(today=TODAY, at=clock()) is None
    assert start_due_night(
        today=TODAY + timedelta(days=1), at=clock()
    ).as_of == TODAY + timedelta(days=1)


@pytest.mark.django_db(transaction=True)
def test_of_two_ticks_at_once_one_begins_the_night_however_soon_it_is_done():
    association()
    is_asking = threading.Event()
    begun = []

    def about_to(execute, sql, params, many, context):
        if "pg_advisory" in sql:
            is_asking.set()
        return execute(sql, params, many, context)

    def tick():
        try:
            with connection.execute_wrapper(about_to):
                begun.append(start_due_night(today=TODAY, at=clock()))
        finally:
            connection.close()

    thread = threading.Thread(target=tick)
    with transaction.atomic():
        night = start_due_night(today=TODAY, at=clock())
        thread.start()
        assert is_asking.wait(timeout=30)
        assert work_night(night_id=night.pk, clock=clock)
    thread.join()

    assert begun == [None]
    assert Night.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_workers_share_a_night_and_each_step_is_done_once(monkeypatch):
    monkeypatch.setattr(nights, "FULL_RANGE", 2)
    association(members=9)
    night = start_night(as_of=TODAY, today=TODAY, at=clock())
    failures = []

    def worker():
        try:
            while not work_night(night_id=night.pk, clock=clock):
                pass
        except Exception as error:  # noqa: BLE001  # shown by the assertion below
            failures.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=worker) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    night.refresh_from_db()
    assert failures == []
    assert night.status == NightStatus.DONE
    assert set(night.steps.values_list("status", flat=True)) == {"done"}
    assert MemberFacts.objects.count() == 9


@pytest.mark.django_db(transaction=True)
def test_several_connections_leave_what_one_leaves(monkeypatch):
    monkeypatch.setattr(nights, "FULL_RANGE", 2)
    association(members=7)

    night = run(workers=2)

    assert night.status == NightStatus.DONE
    assert MemberFacts.objects.count() == 7
    assert written(run(full=True)) == 0


@pytest.mark.django_db
def test_a_day_told_before_is_laid_out_in_fewer_ranges(monkeypatch):
    monkeypatch.setattr(nights, "ORDINARY_RANGE", 1)
    association(members=8)
    run()

    def ranges(night):
        return night.steps.filter(stage="plays").count()

    assert ranges(run()) == 2
    monkeypatch.setattr(nights, "AGAIN_RANGE", 1)
    assert ranges(run()) == 8
    monkeypatch.setattr(nights, "AGAIN_RANGE", 8)
    tomorrow = TODAY + timedelta(days=1)
    assert ranges(run_night(as_of=tomorrow, today=tomorrow, clock=clock)) == 8


@pytest.mark.django_db
def test_step_of_a_stage_that_is_no_more_holds_up_no_night():
    association()
    night = start_night(as_of=TODAY, today=TODAY, at=clock())
    night.steps.filter(stage="money").update(stage="told_no_more")

    assert work_night(night_id=night.pk, clock=clock)

    night.refresh_from_db()
    assert night.status == NightStatus.DONE


# One member at once


@pytest.mark.django_db
def test_one_member_at_once_leaves_what_the_night_would_leave():
    members = association()
    run()
    plan = members[1].plans.get()
    make_accountability(plan=plan, due_on=TODAY - timedelta(days=1))
    plan.milestones.filter(position=1).update(
        evidence_dates=[TODAY - timedelta(days=2)], evidence_source="confirmed"
    )
    mark_dirty([(members[1].pk, TODAY - timedelta(days=2))])

    assert nights.refresh_member(member_id=members[1].pk, at=clock())

    at_once = kept()
    night = run()
    # what is told of many is the night's alone
    assert kept() | {"groups": None} == at_once | {"groups": None}
    assert {step.stage for step in night.steps.all() if step.rows_out} <= {
        "earlier",
        "groups",
        "money",
        "movements",
        "our_work",
    }
    known = MemberFacts.objects.get(pk=members[1].pk)
    assert known.we_owe_since == TODAY - timedelta(days=1)
    item = Intervention.objects.get(play__key="promise-of-ours-late")
    assert (item.member, item.status) == (members[1], "open")


@pytest.mark.django_db
def test_one_member_at_once_is_repeatable_and_touches_nobody_else():
    members = association()
    run()
    before = kept()
    MemberFacts.objects.filter(pk=members[0].pk).update(state="achieved")

    for _ in range(2):
        nights.refresh_member(member_id=members[1].pk, at=clock())

    assert MemberFacts.objects.get(pk=members[0].pk).state == "achieved"
    nights.refresh_member(member_id=members[0].pk, at=clock())
    assert kept() == before


@pytest.mark.django_db
def test_before_the_first_night_there_is_nothing_to_bring_up_to():
    [member] = association(members=1)

    assert not nights.refresh_member(member_id=member.pk, at=clock())
    assert not MemberFacts.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_member_whom_a_step_holds_is_not_waited_for(monkeypatch):
    [member] = association(members=1)
    run()
    monkeypatch.setattr(nights, "WITHOUT_WAITING", "SET LOCAL lock_timeout = '20ms'")
    held, done = threading.Event(), threading.Event()

    def step():
        with transaction.atomic():
            MemberFacts.objects.select_for_update().get(pk=member.pk)
            held.set()
            done.wait(timeout=30)
        connection.close()

    thread = threading.Thread(target=step)
    thread.start()
    try:
        assert held.wait(timeout=30)
        promise = promises.make(
            plan=member.plans.get(), side="association", title="Call them",
            due_on=TODAY - timedelta(days=1), by=make_user(), at=clock(),
        )  # fmt: skip
    finally:
        done.set()
        thread.join()

    assert promise.events.count() == 1
    assert DirtyMember.objects.get().member == member
    assert MemberFacts.objects.get().we_owe_since is None
    with connection.cursor() as cursor:
        cursor.execute("SHOW lock_timeout")
        assert cursor.fetchone() == ("0",)
    run(as_of=TODAY)
    assert nights.refresh_member(member_id=member.pk, at=clock())
    assert MemberFacts.objects.get().we_owe_since == TODAY - timedelta(days=1)


@pytest.mark.django_db
def test_a_past_night_goes_by_the_version_that_counted_then():
    moved, changed, left = association()
    later = {"milestone-1": 95, "milestone-2": 99}
    replan(moved.plans.get(), on=TODAY - timedelta(days=20), moved=later)
    evolve(changed.plans.get(), on=TODAY - timedelta(days=10), expected_days=(30, 60))
    run()

    told = {
        back: run(TODAY - timedelta(days=back)).result["states"] for back in (21, 20, 11, 10)
    }
    states = {back: {s: n for s, n in counts.items() if n} for back, counts in told.items()}

    assert states == {
        21: {"stalled": 3},
        20: {"stalled": 2, "on_track": 1},
        11: {"stalled": 2, "on_track": 1},
        10: {"stalled": 1, "on_track": 2},
    }
    assert MemberFacts.objects.get(member=left).state == "stalled"
