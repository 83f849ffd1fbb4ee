"""Sheets of success profiles, out and in: round trip, plan, application and undo."""

import io
from datetime import date, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openpyxl import Workbook, load_workbook

from coverage.models import AxProfile
from members.models import AuditEntry, Member, MemberIdentity
from success.engine.planning import PlannedMilestone, PlannedPath
from success.ingestion.profiles import SHEET, write
from success.models import (
    Accountability,
    AccountabilityEvent,
    Ask,
    DesiredOutcome,
    Milestone,
    Offer,
    Plan,
)
from success.queries.profiles import import_progress, profile_rows, unfinished_import_ids
from success.services import outcomes, plans, profiles, promises
from tests.factories import (
    NOON,
    TODAY,
    make_affiliation,
    make_ax_profile,
    make_declaration,
    make_member,
    make_path,
    make_person,
    make_term,
    make_user,
)

pytestmark = pytest.mark.django_db
LATER = NOON + timedelta(hours=1)


def agreed(*, name="Acme", **path):
    """A member with a plan that counts since nine days ago, and an experience."""
    member = make_member(name=name)
    make_term(member=member)
    person = make_person(name=f"Ann of {name}")
    make_affiliation(member=member, person=person)
    make_ax_profile(member=member)
    Offer.objects.get_or_create(key="course", defaults={"title": "A course"})
    first, *rest = make_path().milestones
    first = PlannedMilestone(
        **{f: getattr(first, f) for f in first.__slots__} | {"upsell": "course"}
    )
    plans.agree(
        member=member,
        path=make_path(milestones=(first, *rest), **path),
        anchor_on=TODAY - timedelta(days=9),
        said_by=person,
        by=make_user(name=f"Msm of {name}"),
        at=NOON - timedelta(days=9),
    )
    return member


def sheet_of(*members):
    file = io.BytesIO()
    write(
        file,
        rows=profile_rows(Member.objects.filter(pk__in=[m.pk for m in members])),
        about=["for a test"],
    )
    file.seek(0)
    return file


def edited(file, edits):
    """Write into cells, by sheet and row and header, as a person would; row 0 adds one."""
    book = load_workbook(file)
    for (sheet, line), cells in edits.items():
        page = book[str(SHEET[sheet].title)]
        columns = {str(c.title): c.key for c in SHEET[sheet].columns}
        places = {columns.get(cell.value): cell.column for cell in page[1]}
        row = line or page.max_row + 1
        for key, value in cells.items():
            page.cell(row=row, column=places[key], value=value)
    out = io.BytesIO()
    book.save(out)
    out.seek(0)
    return out


def planned(file, *, by=None, at=LATER):
    return profiles.plan_import(
        file=file,
        name="profiles.xlsx",
        members=Member.objects.all(),
        by=by or make_user(),
        at=at,
        on=TODAY,
    )


def applied(file, *, by=None, accept=False, at=LATER):
    by = by or make_user()
    batch = planned(file, by=by, at=at)
    assert {r.action for r in batch.rows.all()} >= {"leave"} or batch.rows.exists()
    profiles.ask_to_apply(batch=batch, accept_refusals=accept, by=by, at=at)
    profiles.work_import(batch_id=batch.pk, now=lambda: at, on=TODAY)
    batch.refresh_from_db()
    return batch


def undone(batch, *, at=LATER):
    profiles.ask_to_undo(batch=batch, by=make_user(), at=at)
    profiles.work_import(batch_id=batch.pk, now=lambda: at, on=TODAY)
    batch.refresh_from_db()
    return batch


def faults(batch):
    return [
        (row.sheet, fault["cell"], fault["reason"])
        for row in batch.rows.filter(action="refuse").order_by("sheet", "line")
        for fault in row.faults
    ]


def actions(batch):
    """Rows that are not left, as (sheet, line, action)."""
    rows = batch.rows.exclude(action="leave").order_by("sheet", "line")
    return list(rows.values_list("sheet", "line", "action"))


def reasons(batch):
    return list(batch.members.values_list("outcome", "reason"))


# The way out and back


def test_sheet_given_back_changes_nothing():
    batch = planned(sheet_of(agreed(), make_member(name="Bare")))

    assert actions(batch) == []
    assert batch.counts["outcomes"]["leave"] == 2
    assert batch.counts["milestones"]["leave"] == 3
    assert batch.counts["promises"]["leave"] == 6
    assert batch.counts["asks"]["leave"] == 1
    assert batch.members.count() == 0


WORDS = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30),
    st.sampled_from(["=1+1", "'=x", "+49", "-x", "@you", "a\r\nb\n", "_x0041_", "ß" * 33_000]),
)


@settings(
    deadline=None,
    max_examples=15,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(goal=WORDS, title=WORDS, words=WORDS, evidence=WORDS, is_checked=st.booleans())
def test_any_profile_comes_back_without_a_change(  # noqa: PLR0913, PLR0917
    django_db_blocker, goal, title, words, evidence, is_checked
):
    from django.db import transaction

    with transaction.atomic():
        member = agreed(
            goal=f"g{goal}", required_outcome=words, first_30=words, first_60=evidence
        )
        Accountability.objects.filter(plan__member=member).update(
            title=f"t{title}", evidence=evidence, done_on=TODAY
        )
        file = sheet_of(member)
        if not is_checked:  # a sheet that lost its marks is compared cell by cell
            book = load_workbook(file)
            for page in book.worksheets[1:6]:
                page.delete_cols(page.max_column)
            file = io.BytesIO()
            book.save(file)
            file.seek(0)

        batch = planned(file)

        assert (actions(batch), faults(batch)) == ([], [])
        transaction.set_rollback(True)


def test_row_nobody_changed_is_left_whatever_happened_here_meanwhile():
    member = agreed()
    file = sheet_of(member)
    promise = Accountability.objects.filter(plan__member=member, side="association").first()
    promises.move(
        promise=promise, due_on=promise.due_on + timedelta(days=1), reason="A holiday",
        by=make_user(), at=NOON,
    )  # fmt: skip

    assert actions(planned(file)) == []


def test_row_that_was_changed_in_both_places_is_refused():
    member = agreed()
    file = edited(sheet_of(member), {("outcomes", 2): {"goal": "Theirs", "reason": "why"}})
    plan = member.plans.get()
    path = plans.path_of_plan(plan)
    plans.evolve(
        plan=plan, path=PlannedPath(**{f: getattr(path, f) for f in path.__slots__} | {"goal": "Ours"}),
        on=TODAY, reason="said so", said_by=member.affiliations.get().person,
        by=make_user(), at=NOON,
    )  # fmt: skip

    assert faults(planned(file)) == [
        ("outcomes", "C2", "it was changed here, too, since the sheet was made; make it anew")
    ]


# What it would do


def test_changed_goal_becomes_the_next_version_with_its_reason():
    member = agreed()
    file = edited(
        sheet_of(member),
        {("outcomes", 2): {"goal": "We sell everywhere", "reason": "They said so on Monday"}},
    )
    batch = applied(file)

    old, new = member.plans.order_by("version")
    assert reasons(batch) == [("done", "")]
    assert (new.goal, new.succession, new.reason) == (
        "We sell everywhere", "goal_changed", "They said so on Monday",
    )  # fmt: skip
    assert (old.goal, old.closed_on) == ("We sell abroad", TODAY)
    assert member.outcomes.get(ended_on=None).goal == "We sell everywhere"


def test_changed_day_re_plans_and_keeps_the_first_agreed_version():
    member = agreed()
    file = edited(
        sheet_of(member),
        {
            ("milestones", 3): {"expected_day": 70},
            ("outcomes", 2): {"reason": "The season begins later"},
        },
    )
    batch = applied(file)

    old, new = member.plans.order_by("version")
    assert reasons(batch) == [("done", "")]
    assert (new.succession, new.baseline) == ("replanned", old)
    assert list(new.milestones.order_by("position").values_list("expected_day", flat=True)) == [
        30, 70, 90,
    ]  # fmt: skip
    assert list(old.milestones.order_by("position").values_list("expected_day", flat=True)) == [
        30, 60, 90,
    ]  # fmt: skip


def test_path_without_a_reason_is_refused():
    file = edited(sheet_of(agreed()), {("milestones", 3): {"expected_day": 70}})

    assert faults(planned(file)) == [
        (
            "milestones",
            "E3",
            "say why on the sheet Desired Outcome: an agreed plan is not edited",
        )
    ]


def test_what_the_linter_forbids_is_said_at_its_cell_and_the_path_refused_as_a_whole():
    file = edited(
        sheet_of(agreed()),
        {
            ("milestones", 2): {"weight": 90},
            ("milestones", 3): {"title": "Another"},
            ("outcomes", 2): {"reason": "why"},
        },
    )
    batch = planned(file)

    assert {row.action for row in batch.rows.filter(sheet="milestones")} == {"refuse", "leave"}
    found = faults(batch)
    assert len(found) == 2
    assert found[1] == (
        "milestones", "E3", "another row of this plan is refused, and it changes as a whole",
    )  # fmt: skip


def test_first_plan_comes_from_a_sheet():
    member = make_member(name="New")
    make_term(member=member)
    make_affiliation(member=member, person=make_person(name="Ben"))
    rows = {
        ("outcomes", 2): {"goal": "We are heard", "said_by": "ben", "measure": "Quoted twice"}
    }
    for number, (title, weight) in enumerate(
        (("A seat", 30), ("A voice", 30), ("A law", 40)), start=1
    ):
        rows["milestones", number + 1] = {
            "member": str(member.public_id), "title": title, "weight": weight,
            "expected_day": number * 30,
        }  # fmt: skip
        for index, side in enumerate(("Member", "association")):
            rows["promises", 2 * number + index] = {
                "member": str(member.public_id), "side": side, "title": f"Do {title}",
                "due_on": TODAY + timedelta(days=number * 20),
                "milestone": title.lower().replace(" ", "-"),
            }  # fmt: skip

    batch = applied(edited(sheet_of(member), rows))

    plan = member.plans.get()
    assert (reasons(batch), faults(batch)) == ([("done", "")], [])
    assert plan.goal == "We are heard"
    assert list(plan.milestones.order_by("position").values_list("key", "title")) == [
        ("a-seat", "A seat"), ("a-voice", "A voice"), ("a-law", "A law"),
    ]  # fmt: skip
    assert plan.accountabilities.count() == 6
    assert actions(planned(edited(sheet_of(member), {}))) == []


def test_same_file_applied_again_makes_nothing_twice():
    member = agreed()
    key = member.plans.get().milestones.first().key
    file = edited(
        sheet_of(member),
        {
            ("promises", 0): {
                "member": str(member.public_id), "milestone": key, "side": "member",
                "title": "Name two people", "due_on": TODAY + timedelta(days=9),
            },
            ("milestones", 2): {"achieved_on": TODAY, "what_changed": "We met them"},
        },
    )  # fmt: skip
    content = file.getvalue()

    first, again = applied(io.BytesIO(content)), planned(io.BytesIO(content))

    assert reasons(first) == [("done", "")]
    assert Accountability.objects.filter(title="Name two people").count() == 1
    assert actions(again) == []


def test_experience_becomes_the_next_version():
    member = agreed()
    applied(edited(sheet_of(member), {("experience", 2): {"sync_minutes": 30}}))

    old, new = AxProfile.objects.filter(member=member).order_by("pk")
    assert (old.superseded_on, new.valid_from) == (TODAY, TODAY)
    assert (old.sync_minutes, new.sync_minutes, new.async_minutes) == (0, 30, 60)


def test_a_workbook_of_experience_alone_brings_in_all_of_it():
    member = make_member()
    book = Workbook()
    book.active.title = "Appropriate Experience"
    said = {
        "member": str(member.public_id),
        "async_minutes": 60,
        "sync_minutes": 30,
        "expertise": "low",
        "resources": "sufficient",
        "guidance": "regular",
        "complexity": "High",
        "risk": "low",
        "confidence": "high",
        "reasons": "New to the field",
        "source": "member",
        "expires_on": date(2026, 12, 1),
    }
    book.active.append(list(said))
    book.active.append(list(said.values()))
    file = io.BytesIO()
    book.save(file)
    file.seek(0)
    applied(file)

    made = AxProfile.objects.get(member=member)
    assert {name: getattr(made, name) for name in said if name != "member"} == {
        name: value for name, value in said.items() if name != "member"
    } | {"complexity": "high"}


def test_experience_comes_as_csv_and_is_undone():
    member = make_member()
    header = "member;async_minutes;Synchronous minutes;expertise;resources;guidance;confidence"
    line = f"{member.public_id};60;30;low;Sufficient;regular;high"
    file = io.BytesIO(f"\ufeff{header}\n\n{line}\n".encode())

    batch = applied(file)

    made = AxProfile.objects.get(member=member, superseded_on=None)
    assert (made.async_minutes, made.sync_minutes, made.expertise, made.resources) == (
        60, 30, "low", "sufficient",
    )  # fmt: skip
    assert [(row.sheet, row.line) for row in batch.rows.all()] == [("experience", 3)]
    file.seek(0)
    assert actions(planned(file)) == []
    undone(batch)
    assert not AxProfile.objects.filter(member=member, superseded_on=None).exists()


def test_synchronous_without_asynchronous_is_refused_at_its_cell():
    member = make_member()
    file = edited(
        sheet_of(member),
        {
            ("experience", 2): {
                "sync_minutes": 30, "expertise": "Low", "resources": "sufficient",
                "guidance": "Regular guidance",
            }
        },
    )  # fmt: skip

    [(sheet, cell, _reason)] = faults(planned(file))
    assert (sheet, cell) == ("experience", "D2")


def test_goal_is_confirmed_and_promises_kept_waived_moved_and_handed_over():
    member = agreed()
    make_user(name="Zoe")
    ours = list(Accountability.objects.filter(plan__member=member).order_by("due_on", "pk"))
    lines = {row.public_id: number for number, row in enumerate(ours, start=2)}
    kept, waived, moved = [row for row in ours if row.side == "association"]
    day = moved.due_on + timedelta(days=3)
    edits = {
        ("outcomes", 2): {"confirmed_on": TODAY, "confirmed_in": "In a review"},
        ("promises", lines[kept.public_id]): {"done_on": TODAY, "evidence": "Sent by mail"},
        ("promises", lines[waived.public_id]): {"waived_reason": "Not needed"},
    }
    edits["promises", lines[moved.public_id]] = {
        "due_on": day, "reason": "Holiday", "who": "ZOE",
    }  # fmt: skip
    batch = applied(edited(sheet_of(member), edits))

    assert (faults(batch), reasons(batch)) == ([], [("done", "")])
    for row in (kept, waived, moved):
        row.refresh_from_db()
    assert (kept.done_on, kept.evidence) == (TODAY, "Sent by mail")
    assert (waived.waived_on, waived.waived_reason) == (TODAY, "Not needed")
    assert (moved.due_on, moved.owner.name) == (day, "Zoe")


@pytest.mark.parametrize(
    ("sheet", "cells", "cell", "reason"),
    [
        ("outcomes", {"name": "Other"}, "B2", "to be read only; it is not changed here"),
        ("outcomes", {"confirmed_on": TODAY + timedelta(days=1)}, "H2", "a day to come"),
        ("outcomes", {"anchor_on": date(2026, 1, 1)}, "J2", "an agreed plan keeps the day it began"),
        ("outcomes", {"said_on": date(2026, 1, 1)}, "G2", "who said it, and when, changes with the goal only"),
        ("outcomes", {"member": "nobody"}, "A2", "there is no such member"),
        ("milestones", {"achieved_on": TODAY}, "R2", "say what changed for the member"),
        ("milestones", {"evidence_source": "declared"}, "Q2", "to be read only; it is not changed here"),
        ("milestones", {"expected_day": "=1+1"}, "F2", "a formula; put its value there"),
        ("promises", {"title": "Else"}, "F2", "a promise keeps its words; let it go, and make another"),
        ("promises", {"due_on": TODAY + timedelta(days=40)}, "N2", "say why it gets another day"),
        ("promises", {"who": "Nobody"}, "G2", "nobody of that side is called so, or more than one"),
        ("promises", {"promise": "x"}, "C2", "they have no promise of this identifier"),
        ("asks", {"asked_on": TODAY}, "H2", "nobody is asked who has not agreed to it"),
        ("asks", {"milestone": "m3"}, "C2", "nothing of this kind was announced"),
        ("asks", {"answer": "Gladly"}, "K2", "say accepted or refused as well"),
    ],
)  # fmt: skip
def test_refusal_says_the_cell_and_why(sheet, cells, cell, reason):
    found = faults(planned(edited(sheet_of(agreed()), {(sheet, 2): cells})))

    assert (sheet, cell, reason) in found


def test_member_may_be_named_as_another_system_does():
    member = agreed()
    MemberIdentity.objects.create(member=member, source="crm", external_id="C-7")
    file = edited(
        sheet_of(member),
        {("outcomes", 2): {"member": "C-7", "confirmed_on": TODAY, "confirmed_in": "portal"}},
    )

    assert faults(planned(file)) == []


def test_members_out_of_sight_do_not_exist():
    member, file = agreed(), None
    file = edited(sheet_of(member), {("experience", 2): {"sync_minutes": 5}})
    batch = profiles.plan_import(
        file=file, name="f", members=Member.objects.none(), by=None, at=NOON, on=TODAY
    )

    assert {reason for *_cell, reason in faults(batch)} == {"there is no such member"}
    assert batch.members.count() == 0


# Applying


def test_refusals_wait_until_somebody_accepts_them():
    file = edited(
        sheet_of(agreed()),
        {("outcomes", 2): {"name": "Other"}, ("experience", 2): {"sync_minutes": 5}},
    )
    by, batch = make_user(), planned(file)

    with pytest.raises(profiles.RefusalsWait) as caught:
        profiles.ask_to_apply(batch=batch, accept_refusals=False, by=by, at=LATER)
    profiles.ask_to_apply(batch=batch, accept_refusals=True, by=by, at=LATER)

    assert caught.value.rows == 1
    assert unfinished_import_ids() == [batch.pk]
    assert profiles.work_import(batch_id=batch.pk, now=lambda: LATER, on=TODAY) == 1
    batch.refresh_from_db()
    assert (batch.status, unfinished_import_ids()) == ("applied", [])
    with pytest.raises(profiles.NotPlanned):
        profiles.ask_to_apply(batch=batch, accept_refusals=True, by=by, at=LATER)
    assert profiles.work_import(batch_id=batch.pk, now=lambda: LATER, on=TODAY) == 0


def test_member_that_changed_since_the_plan_is_left_and_others_are_done():
    one, two = agreed(name="One"), agreed(name="Two")
    file = edited(
        sheet_of(one, two),
        {("experience", 2): {"sync_minutes": 5}, ("experience", 3): {"sync_minutes": 7}},
    )
    by, batch = make_user(), planned(file)
    AxProfile.objects.filter(member=one).update(sync_minutes=1)
    profiles.ask_to_apply(batch=batch, accept_refusals=False, by=by, at=LATER)
    profiles.work_import(batch_id=batch.pk, now=lambda: LATER, on=TODAY)

    progress = import_progress(batch)
    assert (progress.total, progress.done, progress.left) == (2, 1, 1)
    assert batch.members.get(member=one).reason.startswith("Appropriate Experience, row 2")
    assert list(
        AxProfile.objects.filter(superseded_on=None).order_by("member").values_list(
            "sync_minutes", flat=True
        )
    ) == [1, 7]  # fmt: skip


def test_every_change_is_in_the_audit_trail():
    member = agreed()
    before = set(AuditEntry.objects.values_list("pk", flat=True))
    applied(edited(sheet_of(member), {("experience", 2): {"sync_minutes": 5}}))

    verbs = (
        AuditEntry.objects.exclude(pk__in=before).order_by("pk").values_list("verb", flat=True)
    )
    assert list(verbs) == ["profiles.planned", "profiles.asked", "experience.recorded"]


# Undoing


def state_of(member):
    """All that a profile is made of, as rows."""
    return {
        model.__name__: list(
            model.objects.filter(**{path: member}).order_by("pk").values(*fields)
        )
        for model, path, fields in (
            (Plan, "member", ("pk", "closed_on", "version")),
            (Milestone, "plan__member", ("pk", "evidence_dates", "evidence_source")),
            (Accountability, "plan__member", ("pk", "plan", "milestone", "due_on", "done_on", "owner", "evidence", "waived_on")),
            (Ask, "plan__member", ("pk", "plan", "milestone", "status", "consented_on")),
            (DesiredOutcome, "member", ("pk", "ended_on", "confirmed_on")),
            (AxProfile, "member", ("pk", "superseded_on", "sync_minutes")),
        )
    }  # fmt: skip


EDITS = {
    "goal": {("outcomes", 2): {"goal": "Else", "reason": "So"}},
    "day": {("milestones", 3): {"expected_day": 70}, ("outcomes", 2): {"reason": "So"}},
    "reached": {("milestones", 2): {"achieved_on": TODAY, "what_changed": "All"}},
    "promise": {("promises", 2): {"done_on": TODAY}, ("promises", 3): {"waived_reason": "No"}},
    "ask": {("asks", 2): {"consented_on": TODAY}},
    "experience": {("experience", 2): {"sync_minutes": 5}},
    "all": {
        ("outcomes", 2): {"goal": "Else", "reason": "So"},
        ("milestones", 2): {"achieved_on": TODAY, "what_changed": "All"},
        ("milestones", 3): {"expected_day": 70},
        ("promises", 2): {"done_on": TODAY},
        ("experience", 2): {"sync_minutes": 5},
    },
}


@pytest.mark.parametrize("what", list(EDITS))
def test_undo_puts_everything_back(what):
    member = agreed()
    before = state_of(member)
    batch = applied(edited(sheet_of(member), EDITS[what]))
    assert reasons(batch) == [("done", "")]
    assert state_of(member) != before

    undone(batch)

    assert reasons(batch) == [("undone", "")]
    assert batch.status == "undone"
    assert state_of(member) == before
    with pytest.raises(profiles.NotApplied):
        profiles.ask_to_undo(batch=batch, by=make_user(), at=LATER)


def test_undo_keeps_a_member_for_whom_something_was_done_since():
    one, two = agreed(name="One"), agreed(name="Two")
    file = edited(
        sheet_of(one, two),
        {("experience", 2): {"sync_minutes": 5}, ("experience", 3): {"sync_minutes": 7}},
    )
    batch = applied(file)
    promises.keep(
        promise=Accountability.objects.filter(plan__member=one).first(),
        on=TODAY, evidence="", by=make_user(), at=LATER,
    )  # fmt: skip

    undone(batch)

    assert [(m.member, m.outcome) for m in batch.members.order_by("member_id")] == [
        (one, "kept"), (two, "undone"),
    ]  # fmt: skip
    assert AxProfile.objects.get(member=one, superseded_on=None).sync_minutes == 5
    assert AxProfile.objects.get(member=two, superseded_on=None).sync_minutes == 0


def test_undo_loses_nothing_that_waited_for_an_answer():
    member = agreed()
    waiting = make_declaration(milestone=member.plans.get().milestones.get(key="m2"))
    change = outcomes.ask_goal_change(member=member, words="Asia", by=make_user(), at=NOON)
    batch = applied(edited(sheet_of(member), EDITS["goal"]))
    change.refresh_from_db()
    assert change.status == "confirmed"

    undone(batch)

    waiting.refresh_from_db()
    change.refresh_from_db()
    assert (waiting.status, waiting.milestone.plan.version) == ("waiting", 1)
    assert (change.status, change.answered_at) == ("waiting", None)


def test_undo_of_a_promise_stays_in_its_history():
    member = agreed()
    batch = applied(edited(sheet_of(member), EDITS["promise"]))
    undone(batch)

    verbs = AccountabilityEvent.objects.filter(
        accountability__plan__member=member
    ).exclude(verb="made").order_by("pk").values_list("verb", flat=True)  # fmt: skip
    assert list(verbs) == ["done", "waived", "reopened", "reopened"]


@pytest.mark.parametrize("count", [1, 3])
def test_profiles_cost_the_same_number_of_queries_for_any_number(
    count, django_assert_num_queries
):
    wanted = [agreed(name=f"M{n}").pk for n in range(count)]

    with django_assert_num_queries(12):
        profile_rows(Member.objects.filter(pk__in=wanted))
