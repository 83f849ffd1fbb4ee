import io
import random
import zipfile
from datetime import date, timedelta

import pytest
from django.core.files.base import ContentFile
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from members.enums import Role
from members.models import AuditEntry, DirtyMember
from members.rollups.scope import Scope
from success.models import (
    Declaration,
    Intervention,
    MemberFacts,
    Milestone,
    MilestoneEvent,
    Plan,
)
from success.rollups import milestones as derived
from success.services import attachments, milestones
from success.services.milestones import (
    AlreadyAnswered,
    AlreadyDeclared,
    AlreadyReached,
    NotReached,
    NotSaid,
    OwnWord,
    PlanOver,
)
from success.services.nights import run_night
from tests.factories import (
    MORNING,
    NOON,
    TODAY,
    make_declaration,
    make_default_plays,
    make_involvement,
    make_member,
    make_plan,
    make_term,
    make_user,
)

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
JULY_1, JULY_10, JULY_20 = date(2026, 7, 1), date(2026, 7, 10), date(2026, 7, 20)


@pytest.fixture
def msm():
    return make_user()


@pytest.fixture
def plan():
    return make_plan(anchor_on=date(2026, 6, 1))


@pytest.fixture
def first(plan):
    return plan.milestones.get(position=1)


@pytest.fixture
def theirs(plan):
    return make_user(role=Role.MEMBER, member=plan.member)


def declare(milestone, by, *, on=JULY_10, what="They review changes now", **more):
    return milestones.declare(
        milestone=milestone, on=on, what_changed=what, by=by, at=MORNING, **more
    )


def achieve(milestone, on, by=None, *, at=MORNING):
    milestones.achieve(
        milestone=milestone, on=on, source="confirmed", by=by, what_changed="", at=at
    )


def revoke(milestone, on, by=None, *, reason="It was a test", at=MORNING):
    milestones.revoke(milestone=milestone, on=on, reason=reason, by=by, at=at)


def evidence(milestone):
    milestone.refresh_from_db()
    return milestone.evidence_dates, milestone.evidence_source


# Declaring and answering


def test_declaration_waits_for_the_other_side_where_it_has_to_confirm(first, theirs):
    declaration = declare(first, theirs)

    assert (declaration.status, declaration.on, declaration.by) == ("waiting", JULY_10, theirs)
    assert evidence(first) == (None, "")
    [entry] = AuditEntry.objects.all()
    assert (entry.verb, entry.member, entry.by) == (
        "milestone.declared", first.plan.member, theirs,
    )  # fmt: skip


def test_confirming_achieves_it_on_the_day_that_was_declared(first, theirs, msm):
    declaration = declare(first, theirs)

    milestones.confirm(declaration=declaration, by=msm, at=NOON, answer="Well done")

    assert evidence(first) == ([JULY_10], "confirmed")
    declaration.refresh_from_db()
    assert (declaration.status, declaration.answered_by, declaration.answer) == (
        "confirmed", msm, "Well done",
    )  # fmt: skip
    [event] = first.events.all()
    assert (event.on, event.achieved, event.by, event.what_changed) == (
        JULY_10, True, msm, "They review changes now",
    )  # fmt: skip
    assert DirtyMember.objects.get().since == JULY_10


def test_one_sides_word_achieves_at_once_where_it_suffices_and_may_be_confirmed(
    plan, theirs, msm
):
    Milestone.objects.create(
        plan=plan, key="told", position=4, title="Told", expected_day=99, weight=10,
        evidence_kind="declared",
    )  # fmt: skip
    told = plan.milestones.get(key="told")
    declaration = declare(told, theirs)
    assert evidence(told) == ([JULY_10], "declared")

    milestones.confirm(declaration=declaration, by=msm, at=NOON)

    assert evidence(told) == ([JULY_10], "confirmed")
    assert told.events.count() == 1


@pytest.mark.parametrize("step", ["decline", "withdraw"])
def test_declared_evidence_is_taken_back_as_if_it_had_never_stood(plan, theirs, msm, step):
    Milestone.objects.create(
        plan=plan, key="told", position=4, title="Told", expected_day=99, weight=10,
        evidence_kind="declared",
    )  # fmt: skip
    told = plan.milestones.get(key="told")
    declaration = declare(told, theirs)

    if step == "decline":
        milestones.decline(declaration=declaration, answer="Not yet", by=msm, at=NOON)
    else:
        milestones.withdraw(declaration=declaration, by=theirs, at=NOON)

    assert evidence(told) == (None, "")
    assert told.events.count() == 2


def test_declined_declaration_keeps_its_words_and_the_answer(first, theirs, msm):
    declaration = declare(first, theirs)

    milestones.decline(declaration=declaration, answer="Two more reviews", by=msm, at=NOON)

    declaration.refresh_from_db()
    assert (declaration.status, declaration.answer) == ("declined", "Two more reviews")
    assert declaration.what_changed == "They review changes now"
    assert evidence(first) == (None, "")
    assert declare(first, theirs).status == "waiting"


def test_nobody_confirms_what_their_own_side_said(first, theirs, msm):
    declaration = declare(first, theirs)
    other = make_user(role=Role.MEMBER, member=theirs.member)

    with pytest.raises(OwnWord):
        milestones.confirm(declaration=declaration, by=other, at=NOON)
    with pytest.raises(OwnWord):
        milestones.decline(declaration=declaration, answer="No", by=other, at=NOON)

    milestones.confirm(declaration=declaration, by=msm, at=NOON)


def test_member_confirms_what_an_msm_wrote_and_cannot_take_it_back(first, theirs, msm):
    declaration = declare(first, msm)

    with pytest.raises(OwnWord):
        milestones.withdraw(declaration=declaration, by=theirs, at=NOON)
    milestones.confirm(declaration=declaration, by=theirs, at=NOON)

    assert evidence(first) == ([JULY_10], "confirmed")


def test_answered_declaration_is_not_answered_again(first, theirs, msm):
    declaration = declare(first, theirs)
    milestones.confirm(declaration=declaration, by=msm, at=NOON)

    for again in (
        lambda: milestones.confirm(declaration=declaration, by=msm, at=NOON),
        lambda: milestones.decline(declaration=declaration, answer="No", by=msm, at=NOON),
        lambda: milestones.withdraw(declaration=declaration, by=theirs, at=NOON),
    ):
        with pytest.raises(AlreadyAnswered):
            again()


def test_declaration_is_refused_with_words(first, theirs):
    with pytest.raises(NotSaid, match="what changed"):
        declare(first, theirs, what="  ")
    with pytest.raises(NotSaid, match="still to come"):
        declare(first, theirs, on=TODAY + DAY)
    with pytest.raises(NotSaid, match="before the plan"):
        declare(first, theirs, on=date(2026, 5, 31))
    declare(first, theirs)
    with pytest.raises(AlreadyDeclared):
        declare(first, theirs)
    assert Declaration.objects.count() == 1


def test_reached_milestone_needs_no_declaration(first, theirs):
    achieve(first, JULY_1)

    with pytest.raises(AlreadyReached):
        declare(first, theirs)


def test_replaced_plan_takes_no_declaration(first, theirs):
    Plan.objects.filter(pk=first.plan_id).update(closed_on=TODAY)
    first.plan.refresh_from_db()

    with pytest.raises(PlanOver):
        declare(first, theirs)


def test_achieving_answers_the_declaration_that_waits(first, theirs, msm):
    declaration = declare(first, theirs)

    achieve(first, JULY_20, msm)

    declaration.refresh_from_db()
    assert (declaration.status, declaration.answered_by) == ("confirmed", msm)


# Evidence


def test_late_evidence_and_repeated_words_leave_the_earliest_day(first):
    achieve(first, JULY_20, at=MORNING)
    achieve(first, JULY_20, at=MORNING + HOUR)
    achieve(first, JULY_10, at=MORNING + 2 * HOUR)

    assert evidence(first) == ([JULY_10], "confirmed")
    assert first.events.count() == 2
    assert AuditEntry.objects.filter(verb="milestone.achieved").count() == 2


def test_revoked_and_achieved_again_alternate(first, msm):
    achieve(first, JULY_1)
    revoke(first, JULY_10, msm, reason="The project was archived")
    achieve(first, JULY_20)

    assert evidence(first) == ([JULY_1, JULY_10, JULY_20], "confirmed")
    event = first.events.get(achieved=False)
    assert (event.what_changed, event.by) == ("The project was archived", msm)


def test_revoked_on_its_own_day_it_never_stood_and_can_be_said_again(first):
    achieve(first, JULY_10, at=MORNING)
    revoke(first, JULY_10, at=MORNING + HOUR)
    assert evidence(first) == (None, "")

    achieve(first, JULY_10, at=MORNING + 2 * HOUR)

    assert evidence(first) == ([JULY_10], "confirmed")


def test_revoking_needs_a_reason_a_past_day_and_something_that_stands(first):
    achieve(first, JULY_10)

    with pytest.raises(NotSaid, match="why"):
        revoke(first, JULY_20, reason=" ")
    with pytest.raises(NotSaid, match="still to come"):
        revoke(first, TODAY + DAY)
    with pytest.raises(NotReached):
        revoke(first, JULY_1)


def test_revoked_record_stays_revoked_whatever_the_rule_finds():
    plan = make_plan(
        anchor_on=date(2026, 6, 1), rules=[{"rule": "first", "areas": ["maintainer"]}]
    )
    make_involvement(member=plan.member, starts_on=JULY_1)
    everybody = Scope(first=0, last=2**62)
    derived.refresh(scope=everybody)
    first = plan.milestones.get(position=1)
    assert evidence(first) == ([JULY_1], "derived")

    revoke(first, JULY_10)
    derived.refresh(scope=everybody)

    assert evidence(first) == ([JULY_1, JULY_10], "derived")


def test_what_the_rule_found_goes_on_standing_beside_what_people_say():
    plan = make_plan(
        anchor_on=date(2026, 6, 1), rules=[{"rule": "first", "areas": ["maintainer"]}]
    )
    make_involvement(member=plan.member, starts_on=JULY_1)
    derived.refresh(scope=Scope(first=0, last=2**62))
    first = plan.milestones.get(position=1)

    achieve(first, JULY_10)

    assert evidence(first)[0] == [JULY_1]


def test_evidence_reaches_every_version_of_a_replanned_path(plan, theirs, msm):
    old = plan.milestones.get(position=1)
    achieve(old, JULY_1)
    Plan.objects.filter(pk=plan.pk).update(closed_on=JULY_10)
    other = make_plan(anchor_on=date(2026, 6, 1))
    now = make_plan(
        member=plan.member, version=2, succession="replanned", baseline=plan,
        anchor_on=plan.anchor_on, counts_from=JULY_10, evidence=[[JULY_1]],
    )  # fmt: skip
    new = now.milestones.get(position=1)

    revoke(new, JULY_20)

    assert evidence(new) == evidence(old) == ([JULY_1, JULY_20], "confirmed")
    second = now.milestones.get(position=2)
    milestones.confirm(declaration=declare(second, theirs), by=msm, at=NOON)
    assert evidence(plan.milestones.get(position=2))[0] == [JULY_10]
    assert not Milestone.objects.filter(plan=other).exclude(evidence_dates=None).exists()


def test_declaration_confirmed_after_the_goal_changed_counts_in_the_version_that_followed(
    plan, theirs, msm
):
    old = plan.milestones.get(position=2)
    declaration = declare(old, theirs)
    Plan.objects.filter(pk=plan.pk).update(closed_on=JULY_20)
    following = make_plan(
        member=plan.member, version=2, succession="goal_changed", anchor_on=JULY_20
    )

    milestones.confirm(declaration=declaration, by=msm, at=NOON)

    assert evidence(old)[0] == [JULY_10]
    assert evidence(following.milestones.get(position=2))[0] == [JULY_10]


words = st.lists(
    st.tuples(
        st.sampled_from(["declare", "confirm", "achieve", "revoke", "decline"]),
        st.integers(0, 12),
    ),
    max_size=14,
)


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(words)
def test_whatever_is_said_evidence_alternates_and_equals_a_plain_reading(said):
    with transaction.atomic():
        plan = make_plan(anchor_on=date(2026, 6, 1))
        first = plan.milestones.get(position=1)
        theirs = make_user(role=Role.MEMBER, member=plan.member)
        msm = make_user()
        told = {}  # day: the last word about it
        for number, (verb, offset) in enumerate(said):
            on, at = JULY_1 + offset * DAY, MORNING + number * timedelta(minutes=1)
            waiting = first.declarations.filter(status="waiting").first()
            if verb == "achieve":
                achieve(first, on, at=at)
                told[on] = True
            elif verb == "revoke" and standing(told, on):
                revoke(first, on, at=at)
                told[on] = False
            elif verb == "declare" and waiting is None and not standing(told, TODAY):
                declare(first, theirs, on=on)
            elif verb == "confirm" and waiting is not None:
                milestones.confirm(declaration=waiting, by=msm, at=at)
                told[waiting.on] = True
            elif verb == "decline" and waiting is not None:
                milestones.decline(declaration=waiting, answer="No", by=msm, at=at)
        dates = evidence(first)[0] or []
        assert dates == sorted(set(dates))
        for offset in range(-1, 14):
            day = JULY_1 + offset * DAY
            assert (sum(each <= day for each in dates) % 2 == 1) == standing(told, day)
        transaction.set_rollback(True)


def standing(told, on):
    """The last word about the latest day, not after ``on``, of which anything was said."""
    days = [day for day in told if day <= on]
    return told[max(days)] if days else False


@pytest.mark.parametrize("seed", range(5))
def test_order_of_the_telling_changes_nothing_but_on_one_day(seed):
    said = [(JULY_1, True), (JULY_10, False), (JULY_20, True), (date(2026, 7, 25), False)]
    first = make_plan(anchor_on=date(2026, 6, 1)).milestones.get(position=1)
    achieve(first, JULY_1 - DAY)
    for number, (on, achieved) in enumerate(random.Random(seed).sample(said, len(said))):
        at = MORNING + number * HOUR
        if achieved:
            achieve(first, on, at=at)
        elif _stands(first, on):
            revoke(first, on, at=at)
    dates = evidence(first)[0]

    assert dates == sorted(set(dates))
    assert dates[0] == JULY_1 - DAY


def _stands(milestone, on):
    milestone.refresh_from_db()
    return sum(day <= on for day in milestone.evidence_dates or ()) % 2 == 1


# Attachments


def office(folder):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr(f"{folder}/document.xml", "<x/>")
    return content.getvalue()


GOOD = {
    "report.pdf": b"%PDF-1.7\n",
    "photo.PNG": b"\x89PNG\r\n\x1a\n....",
    "photo.jpg": b"\xff\xd8\xff\xe0....",
    "photo.webp": b"RIFF\x00\x00\x00\x00WEBPVP8 ",
    "notes.txt": "Grüße".encode(),
    "words.docx": office("word"),
    "sheet.xlsx": office("xl"),
}


@pytest.mark.parametrize("name", GOOD)
def test_attachment_is_kept_under_a_name_nobody_can_guess(first, theirs, name):
    declaration = declare(first, theirs, attachment=ContentFile(GOOD[name], name=name))

    assert declaration.attachment_name == name
    assert name.split(".")[0] not in declaration.attachment.name
    assert declaration.attachment.read() == GOOD[name]
    declaration.attachment.delete(save=False)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("page.html", b"<html>", "Attach a PDF"),
        ("noname", b"%PDF-1.7", "Attach a PDF"),
        ("report.pdf", b"<html>", "not what its name says"),
        ("photo.png", b"%PDF-1.7", "not what its name says"),
        ("photo.webp", b"RIFF\x00\x00\x00\x00WAVE", "not what its name says"),
        ("notes.txt", b"a\x00b", "not what its name says"),
        ("notes.txt", b"\xff\xfe\xfa", "not what its name says"),
        ("words.docx", office("xl"), "not what its name says"),
        ("words.docx", b"PK\x03\x04 broken", "not what its name says"),
        ("report.pdf", b"", "empty"),
        ("report.pdf", b"%PDF-" + b"x" * attachments.LARGEST, "10 MB"),
    ],
)
def test_attachment_is_refused_in_words(first, theirs, name, content, words):
    with pytest.raises(attachments.BadAttachment, match=words):
        declare(first, theirs, attachment=ContentFile(content, name=name))

    assert not Declaration.objects.exists()


def test_attachment_is_shown_without_folders_or_what_cannot_be_printed():
    shown = attachments.shown_name(ContentFile(b"", name="a/b\\c\u202ed.pdf"))

    assert shown == "cd.pdf"
    assert attachments.content_type("x.webp") == "image/webp"
    assert attachments.content_type("x.html") == "application/octet-stream"


# At once


@pytest.fixture
def told():
    """A member in force with a plan that a night has seen, who waits at the first milestone."""
    make_default_plays(effective_from=JULY_1)
    member = make_member()
    make_term(member=member)
    plan = make_plan(member=member, anchor_on=date(2026, 6, 1))
    run_night(as_of=TODAY, today=TODAY, clock=lambda: MORNING)
    return plan


def test_confirmed_milestone_moves_the_facts_at_once(told, msm):
    first = told.milestones.get(position=1)
    theirs = make_user(role=Role.MEMBER, member=told.member)
    before = MemberFacts.objects.get()

    declaration = declare(first, theirs, on=JULY_1)
    waiting = Intervention.objects.get(play__key="declaration-waiting")
    assert (waiting.status, waiting.queue_class) == ("open", 1)
    assert waiting.why == (
        "On 29 July 2026 they told us that they have reached “Milestone 1”, and they wait for"
        " our answer."
    )
    milestones.confirm(declaration=declaration, by=msm, at=NOON)

    after = MemberFacts.objects.get()
    assert (before.first_value_on, after.first_value_on) == (None, JULY_1)
    assert after.achieved_weight == 10
    waiting.refresh_from_db()
    assert waiting.status == "closed"
    assert waiting.events.get(verb="closed").note == "It has been answered"


def test_without_any_night_yet_nothing_is_refreshed(first):
    achieve(first, JULY_1)

    assert not MemberFacts.objects.exists()
    assert MilestoneEvent.objects.count() == 1
    make_declaration()
