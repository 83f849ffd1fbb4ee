from datetime import date, timedelta

import pytest
from django.db import IntegrityError, connection, connections

from communications.models import Message
from members.enums import Role
from members.models import AuditEntry, DirtyMember
from success.enums import PlanBatchStatus
from success.models import Accountability, DesiredOutcome, Plan, PlanBatch, PlanTemplate
from success.queries import batches as reads
from success.services import batches, milestones, promises
from success.services.outcomes import assess_fit
from success.services.plans import NotAgreeable
from success.services.templates import save_template
from success.tasks import work_batch
from tests.factories import (
    make_member,
    make_outcome,
    make_path,
    make_plan,
    make_term,
    make_user,
)
from tests.success.plans import ANCHOR, at_noon

pytestmark = pytest.mark.django_db
AT = at_noon(0)


def clock():
    return AT


def make_offered(**overrides):
    fields = {
        "template": None,
        "key": f"path-{PlanTemplate.objects.count()}",
        "title": "Path",
        "audience": "organisation",
        "persona": "",
        "segment": None,
        "path": make_path(),
        "by": make_user(),
        "at": AT,
    }
    return save_template(**(fields | overrides))


def current(**overrides):
    """A member of the day on which the batch is asked for."""
    member = make_member(**overrides)
    make_term(
        member=member,
        starts_on=ANCHOR - timedelta(days=100),
        ends_on=ANCHOR + timedelta(days=265),
    )
    return member


def ask(members, **overrides):
    fields = {
        "member_ids": [member.pk for member in members],
        "anchor_on": ANCHOR,
        "expected_count": len(members),
        "at": AT,
    } | overrides
    fields.setdefault("template", None)
    fields["template"] = fields["template"] or make_offered()
    fields.setdefault("by", make_user())
    return batches.ask(**fields)


def worked(members, **overrides):
    batch = ask(members, **overrides)
    batches.work(batch_id=batch.pk, clock=clock)
    batch.refresh_from_db()
    return batch


def outcomes(batch):
    return {item.member_id: (item.outcome, item.reason) for item in batch.items.all()}


def undone(batch, **overrides):
    batches.undo(batch=batch, by=make_user(), at=at_noon(5), **overrides)
    batches.work(batch_id=batch.pk, clock=lambda: at_noon(5))
    batch.refresh_from_db()
    return batch


def test_a_batch_agrees_the_plan_with_everybody_it_can_and_says_why_not():
    planned = current()
    make_plan(member=planned)
    gone = make_member()
    make_term(member=gone, starts_on=date(2020, 1, 1), ends_on=date(2021, 1, 1))
    lacking = current()
    fit = {"status": "missing", "reason": "No time", "on": ANCHOR, "by": make_user(), "at": AT}
    assess_fit(member=lacking, fit="resource", **fit)
    person = current(kind="individual")
    fine = current()

    batch = worked([planned, gone, lacking, person, fine])

    assert outcomes(batch) == {
        planned.pk: ("left", reads.HAS_PLAN),
        gone.pk: ("left", reads.LAPSED),
        lacking.pk: ("left", reads.FIT_OPEN),
        person.pk: ("left", reads.WRONG_KIND),
        fine.pk: ("agreed", ""),
    }
    [plan] = batch.plans.all()
    assert (plan.member, plan.anchor_on, plan.template) == (fine, ANCHOR, batch.template)
    assert (batch.status, batch.finished_at) == (PlanBatchStatus.DONE, AT)
    assert DirtyMember.objects.filter(member=fine).exists()


def test_the_preview_says_what_then_happens():
    members = [current() for _ in range(3)] + [current(kind="individual") for _ in range(2)]
    template = make_offered()
    asked = {"template": template, "path": make_path(), "anchor_on": ANCHOR, "on": ANCHOR}

    found = reads.preview([member.pk for member in members], **asked)
    batch = worked(members, template=template)

    told = reads.progress(batch)
    assert (found.total, found.agreed) == (5, 3) == (told.asked_for, told.agreed)
    assert [(left.reason, left.count) for left in found.left] == [(reads.WRONG_KIND, 2)]
    assert found.left[0].names == tuple(member.name for member in members[3:])
    assert told.reasons == (("left", reads.WRONG_KIND, 2),)


def test_a_count_that_differs_from_what_was_shown_is_refused():
    members = [current(), current()]

    for expected in (1, 3):
        with pytest.raises(batches.CountChanged) as refused:
            ask(members, expected_count=expected)
        assert refused.value.count == 2
    assert not PlanBatch.objects.exists()


def test_a_path_that_nobody_can_agree_is_refused_for_all():
    template = make_offered()
    template.milestones.filter(position__gt=1).delete()

    with pytest.raises(NotAgreeable):
        ask([current()], template=template)


def test_asking_twice_is_one_batch_until_it_is_done():
    template, by = make_offered(), make_user()
    members = [current(), current()]
    first = ask(members, template=template, by=by)

    assert ask(members, template=template, by=by) == first
    assert ask(members[:1], template=template, by=by) != first
    assert ask(members, template=template) != first


def test_a_worker_that_dies_loses_only_its_chunk(monkeypatch):
    monkeypatch.setattr(batches, "CHUNK", 2)
    members = [current() for _ in range(5)]
    batch = ask(members)
    with connection.cursor() as cursor:
        cursor.execute(
            "ALTER TABLE success_plan ADD CONSTRAINT dies CHECK (member_id <> %s)",
            [members[3].pk],
        )

    with pytest.raises(IntegrityError):
        batches.work(batch_id=batch.pk, clock=clock)
    batch.refresh_from_db()
    half_way = reads.progress(batch)
    assert (batch.status, half_way.agreed, half_way.waiting) == ("running", 2, 3)
    assert Plan.objects.count() == 2
    assert reads.unfinished_batch_ids() == [batch.pk]
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ALTER TABLE success_plan DROP CONSTRAINT dies")

    assert batches.work(batch_id=batch.pk, clock=clock) == 3
    assert batches.work(batch_id=batch.pk, clock=clock) == 0

    assert reads.progress(batch).agreed == 5
    assert sorted(Plan.objects.values_list("member_id", flat=True)) == [m.pk for m in members]
    assert reads.unfinished_batch_ids() == []


@pytest.mark.django_db(transaction=True)
def test_a_second_worker_leaves_a_batch_alone_that_another_holds():
    batch = ask([current()])
    other = connections["default"].copy()
    try:
        with other.cursor() as cursor:
            cursor.execute("BEGIN")
            cursor.execute(
                "SELECT 1 FROM success_planbatch WHERE id = %s FOR UPDATE", [batch.pk]
            )
            assert batches.work(batch_id=batch.pk, clock=clock) == 0
            cursor.execute("ROLLBACK")
        assert batches.work(batch_id=batch.pk, clock=clock) == 1
    finally:
        other.close()


def test_nobody_is_written_to():
    worked([current() for _ in range(3)])

    assert not Message.objects.exists()


def test_undoing_takes_back_what_nobody_has_touched():
    members = [current() for _ in range(3)]
    batch = worked(members)

    batch = undone(batch)

    assert batch.status == PlanBatchStatus.UNDONE
    assert {outcome for outcome, _reason in outcomes(batch).values()} == {"undone"}
    assert not Plan.objects.exists()
    assert not Accountability.objects.exists()
    assert not DesiredOutcome.objects.exists()
    taken_back = AuditEntry.objects.filter(verb="plan.taken_back")
    assert sorted(taken_back.values_list("member_id", flat=True)) == [m.pk for m in members]
    with pytest.raises(batches.NotUndoable):
        batches.undo(batch=batch, by=make_user(), at=AT)


def test_undoing_keeps_what_somebody_has_touched_and_says_why():
    told, kept, evolved, untouched = members = [current() for _ in range(4)]
    batch = worked(members)
    plan_of = {plan.member_id: plan for plan in Plan.objects.all()}
    milestones.declare(
        milestone=plan_of[told.pk].milestones.get(position=1),
        on=ANCHOR,
        what_changed="We have begun.",
        by=make_user(),
        at=at_noon(1),
    )
    promises.keep(
        promise=plan_of[kept.pk].accountabilities.first(),
        on=ANCHOR,
        evidence="Sent",
        by=make_user(),
        at=at_noon(1),
    )
    plan = plan_of[evolved.pk]
    plan.closed_on = ANCHOR + timedelta(days=2)
    plan.save(update_fields=["closed_on"])

    batch = undone(batch)

    assert outcomes(batch) == {
        told.pk: ("kept", reads.MILESTONE_TOLD),
        kept.pk: ("kept", reads.PROMISE_MOVED),
        evolved.pk: ("kept", reads.NEWER_VERSION),
        untouched.pk: ("undone", ""),
    }
    assert Plan.objects.count() == 3


def test_evidence_from_the_records_does_not_keep_a_plan():
    member = current()
    batch = worked([member])
    milestone = Plan.objects.get().milestones.get(position=1)
    milestone.evidence_dates, milestone.evidence_source = [ANCHOR], "derived"
    milestone.save(update_fields=["evidence_dates", "evidence_source"])

    undone(batch)

    assert not Plan.objects.exists()


def test_undoing_half_way_stops_what_is_left():
    members = [current(), current()]
    batch = ask(members)

    batch = undone(batch)

    assert outcomes(batch) == {m.pk: ("left", reads.STOPPED) for m in members}
    assert not Plan.objects.exists()


def test_the_goal_that_was_replaced_holds_again():
    member = current()
    earlier = make_outcome(member=member, goal="Another goal")
    batch = worked([member])
    earlier.refresh_from_db()
    assert earlier.ended_on is not None

    undone(batch)

    earlier.refresh_from_db()
    assert earlier.ended_on is None
    assert list(member.outcomes.all()) == [earlier]


def test_the_task_works_a_batch_and_takes_unknown_arguments(settings):
    settings.WAYMARK_TODAY = ANCHOR
    batch = ask([current()])

    work_batch(batch_id=batch.pk, from_a_later_version=True)

    assert reads.progress(batch).agreed == 1


def test_whoever_asked_is_in_the_trail():
    by = make_user(role=Role.DIRECTOR)
    batch = worked([current()], by=by)

    verbs = AuditEntry.objects.filter(subject_id=str(batch.public_id)).order_by("pk")
    assert [(entry.verb, entry.by) for entry in verbs] == [
        ("plan_batch.asked", by),
        ("plan_batch.done", None),
    ]
