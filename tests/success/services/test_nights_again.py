"""The same night again: what has not changed is left out, and nothing that has changed is."""

import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from coverage.models import Assignment, Segment
from members.enums import LinkKind
from members.models import (
    AccountLink,
    Association,
    Departure,
    Dues,
    ExchangeRate,
    Member,
    Term,
    User,
)
from members.rollups.dirty import mark_dirty
from members.rollups.scope import Scope
from success.models import (
    EarlierVector,
    Enrolment,
    IntegrityReading,
    MemberFacts,
    Night,
    RenewableMonth,
    RenewalCount,
    RetentionEvent,
    RevenuePeriod,
    VectorChange,
    VectorComparison,
    VectorRollup,
)
from success.services.nights import LIVE_STAGES, OF_TABLES_ALONE, READ_BY, Job, run_night
from tests.factories import (
    make_assignment,
    make_enrolment,
    make_member,
    make_plan,
    make_play,
    make_term,
    make_user,
)
from tests.success.queries.test_outlook import begin_records, make_path

TODAY = date(2026, 7, 29)
# of those whom nobody looks after, and for whom no play is drawn, these two read nothing
EVERY_ONE = set(READ_BY) - {"effects", "loads"}
DERIVED = (
    EarlierVector,
    IntegrityReading,
    MemberFacts,
    RenewableMonth,
    RenewalCount,
    RetentionEvent,
    VectorComparison,
    VectorRollup,
)

APPS = "communications|coverage|engagement|members|success"
# What a stage has written itself, and reads to write only what differs.
OWN = {
    "groups": {"success_vectorrollup", "success_vectorcomparison"},
    "revenue": set(),
    "renewals": set(),
    "retention": {"success_retentionevent"},
    # the comparison is of the groups, from tables that the reading has named
    "loads": {"coverage_weekload"},
    "effects": {"success_measurereading", "success_sleepingdog"},
    "integrity": {
        "success_integrityreading",
        "success_measurereading",
        "success_vectorcomparison",
    },
    # the rest is made from tables that they have named, but for the names of colleagues, into
    # whose table every log-in writes
    "movements": {"members_user", "success_measurereading"},
    "our_work": {"members_user", "success_measurereading", "success_renewalcount"},
    "money": {
        "success_measurereading",
        "success_renewalcount",
        "success_revenueperiod",
        "success_vectorrollup",
    },
}
# A full night looks whether what was told of the ledger is as it was left.
TOLD_OF_LEDGER = {"success_renewablemonth", "success_renewalcount", "success_revenueperiod"}
TOLD_BY_THE_DIRTY_SET = {"engagement_fact", "engagement_involvement", "success_milestone"}
NIGHT = {"members_dirtymember", "success_night"}

pytestmark = pytest.mark.django_db


def clock():
    return datetime(2026, 7, 29, 4, tzinfo=UTC)


def run(as_of=TODAY, **options):
    return run_night(as_of=as_of, today=TODAY, clock=clock, **options)


def done(night):
    """The stages, of those that may be left out, that have read anything."""
    steps = night.steps.filter(stage__in=READ_BY, rows_in__gt=0)
    return set(steps.values_list("stage", flat=True))


def written(night):
    return sum(step.rows_out or 0 for step in night.steps.filter(stage__in=READ_BY))


def derived():
    """Everything that the night derives, as rows without their keys."""
    rows = {
        model.__name__: sorted(
            str({name: value for name, value in row.items() if name != "id"})
            for row in model.objects.values()
        )
        for model in DERIVED
    }
    told = ("kind", "ends_on", "basis", "dimension", "value", "opening", "closing", "churn")
    newest = RevenuePeriod.objects.order_by("revision").values_list(*told)
    return rows | {"RevenuePeriod": {row[:5]: row[5:] for row in newest}}


@pytest.fixture
def member():
    """The last of three members: one has left, one is in grace, and one stays."""
    for days, ends in ((700, -250), (400, -10), (300, 65)):
        member = make_member()
        joined = TODAY - timedelta(days=days)
        make_term(member=member, starts_on=joined, ends_on=TODAY + timedelta(days=ends))
        make_plan(member=member, anchor_on=joined, expected_days=(30, 60))
        mark_dirty([(member.pk, joined)])
    return member


@pytest.fixture
def others():
    """So many that a change of one is no reason to look at everybody."""
    return [make_member() for _ in range(10)]


def test_same_night_again_leaves_out_what_has_not_changed(member):
    first = run()
    before = derived()

    again = run()

    assert (done(first), done(again)) == (EVERY_ONE, set())
    assert derived() == before


def test_third_run_leaves_out_what_the_second_has_left_out(member):
    for _ in range(2):
        run()

    assert done(run()) == set()


def test_night_of_another_day_leaves_nothing_out(member):
    run(TODAY - timedelta(days=1))

    assert done(run()) == EVERY_ONE


def test_full_night_leaves_nothing_out(member):
    run()

    assert done(run(full=True)) == EVERY_ONE


def test_night_under_new_definitions_leaves_nothing_out(member):
    run()
    run()
    Night.objects.update(definition="an earlier one")

    assert done(run()) == EVERY_ONE


def test_night_after_one_that_knew_nothing_of_what_it_read_leaves_nothing_out(member):
    run()
    Night.objects.update(inputs={})

    assert done(run()) == EVERY_ONE


def grace(_member):
    Association.objects.update_or_create(pk=1, defaults={"grace_days": 5})


def rate(_member):
    ExchangeRate.objects.create(currency="EUR", on=TODAY, rate=Decimal(2))


def leave(member):
    Departure.objects.create(
        member=member, left_on=TODAY - timedelta(days=3), reason="pause", told_at=clock()
    )


def link(member):
    AccountLink.objects.create(
        member=member,
        survivor=Member.objects.exclude(pk=member.pk).first(),
        kind=LinkKind.values[0],
        since=TODAY,
        linked_at=clock(),
    )


@pytest.mark.parametrize(
    ("change", "stages"),
    [
        (
            lambda one: Dues.objects.filter(term__member=one).update(annual_amount=7),
            {"movements", "revenue", "integrity"},
        ),
        (
            lambda one: Dues.objects.filter(term__member=one).delete(),
            {"movements", "revenue", "integrity"},
        ),
        (
            lambda one: one.terms.update(tier="Gold"),
            {"movements", "revenue", "renewals", "retention", "integrity"},
        ),
        (
            lambda one: make_term(member=one, starts_on=TODAY + timedelta(days=65)),
            {"movements", "revenue", "renewals", "retention", "integrity"},
        ),
        (grace, {"movements", "revenue", "renewals", "retention", "integrity"}),
        (rate, {"movements", "revenue", "integrity"}),
        (leave, {"movements", "revenue", "integrity"}),
        (link, {"retention"}),
        (
            lambda one: Member.objects.filter(pk=one.pk).update(kind="person"),
            {"movements", "groups", "retention", "integrity"},
        ),
        (
            lambda one: VectorChange.objects.filter(member=one).delete(),
            {"renewals", "retention"},
        ),
        (
            lambda one: MemberFacts.objects.filter(pk=one.pk).update(pace_milli=-500),
            {"groups", "retention", "integrity"},
        ),
        (
            lambda one: EarlierVector.objects.filter(member=one).update(pace_milli=-500),
            {"groups", "integrity"},
        ),
        (
            lambda _: Segment.objects.update(position=100 + 10),
            {"groups", "movements", "revenue", "retention", "integrity"},
        ),
        (
            lambda one: make_assignment(member=one, segment=Segment.objects.first()),
            {"loads", "movements", "revenue"},
        ),
        # changed and changed back, it has been written all the same
        (
            lambda one: Term.objects.filter(member=one).first().save(),
            {"movements", "revenue", "renewals", "retention", "integrity"},
        ),
    ],
)
def test_what_has_changed_is_never_left_out(member, change, stages):
    run()
    Segment.objects.exclude(pk=Segment.objects.first().pk).delete()
    Assignment.objects.filter(member=member).delete()
    run()
    assert done(run()) == set()

    change(member)

    # pages open with something of everything
    assert done(run()) == stages | {"money", "our_work"}
    assert done(run()) == set()


def test_who_was_marked_brings_back_only_what_the_dirty_set_tells_of(member, others):
    run()

    mark_dirty([(member.pk, TODAY)])

    assert done(run()) == {"integrity", "money", "our_work"}
    assert done(run()) == set()


def test_what_a_changed_member_did_leaves_what_a_full_night_leaves(member, others):
    run()
    plan = member.plans.get()
    plan.milestones.update(evidence_dates=[TODAY - timedelta(days=1)])
    mark_dirty([(member.pk, TODAY - timedelta(days=1))])

    again = run()

    assert {"groups", "retention", "integrity", "our_work"} <= done(again)
    assert not {"movements", "revenue"} & done(again)
    left = derived()
    assert written(run(full=True)) == 0
    assert derived() == left


def test_plays_are_done_before_any_measure_begins(member):
    night = run()

    done_at = night.steps.get(stage="plays").position
    measures = night.steps.filter(stage__in=READ_BY).values_list("position", flat=True)
    assert done_at < min(measures)


def test_loads_and_effects_are_left_out_until_what_they_read_is_another(member):
    play = make_play(held_percent=30, salt="a salt", effective_from=TODAY)
    entry = make_enrolment(play=play, member=member, draw=0.5)
    run()
    owner = make_user()
    make_assignment(member=member, owner=owner)
    assert "loads" in done(run())
    assert done(run()) == set()

    User.objects.filter(pk=owner.pk).update(weekly_hours=3)
    assert done(run()) == {"loads"}

    Enrolment.objects.filter(pk=entry.pk).update(reached_on=TODAY)
    assert done(run()) == {"effects"}
    assert done(run()) == set()


@pytest.mark.parametrize("name", sorted(READ_BY))
def test_stage_names_every_table_that_it_reads(member, name):
    make_path()
    begin_records()
    night = run()
    (stage,) = (one for one in LIVE_STAGES if one.name == name)
    everybody = Scope(first=0, last=2**62)
    night.is_full = True
    with CaptureQueriesContext(connection) as queries:
        stage.run(Job(night=night, scope=everybody, at=clock()))

    statements = " ".join(query["sql"] for query in queries)
    found = set(re.findall(rf'(?:FROM|JOIN)\s+"?((?:{APPS})_[a-z]+)', statements))
    told = OWN[name] | TOLD_OF_LEDGER | NIGHT
    if name not in OF_TABLES_ALONE:
        told |= TOLD_BY_THE_DIRTY_SET
    assert found - told <= set(READ_BY[name])


def test_full_night_tells_of_the_ledger_anew_only_what_has_changed(member):
    run()
    run(full=True)
    with CaptureQueriesContext(connection) as queries:
        assert written(run(full=True)) == 0
    of_months = [query for query in queries if "unnest(%(lags)" in query["sql"]]
    assert of_months == []

    # by hand, and nobody is marked
    Dues.objects.filter(term__member=member).update(annual_amount=1234)
    before = derived()

    assert written(run(full=True)) > 0
    assert derived() != before


def test_full_night_of_a_further_day_reads_only_what_may_have_changed(member):
    # what revenue writes of the open month is no reason to count all that ended
    nights = [run(TODAY - timedelta(days=1)), run(full=True)]

    read = [night.steps.get(stage="renewals").rows_in for night in nights]
    assert [night.is_full for night in nights] == [True, True]
    assert read == [2, 1]


@pytest.mark.parametrize("model", [RevenuePeriod, RenewableMonth, RenewalCount])
def test_full_night_tells_all_of_the_ledger_where_what_was_told_is_gone(member, model):
    run(full=True)
    before = derived()
    model.objects.all().delete()

    run(full=True)

    assert derived() == before


def test_change_after_nights_that_were_left_out_leaves_what_a_full_night_leaves(member):
    run(TODAY - timedelta(days=1))
    for _ in range(3):
        run()
    Dues.objects.filter(term__member=member).update(annual_amount=1234)
    mark_dirty([(member.pk, member.terms.get().starts_on)])

    run()
    run()
    left = derived()

    assert written(run(full=True)) == 0
    assert derived() == left
