from datetime import timedelta

import pytest

from members.models import AuditEntry
from success.engine.planning import BadPlan, to_data
from success.enums import DraftPurpose
from success.models import GoalChange, Plan, PlanDraft
from success.services import drafts
from tests.factories import (
    NOON,
    TODAY,
    make_affiliation,
    make_member,
    make_path,
    make_plan,
    make_user,
)
from tests.success.plans import agree

pytestmark = pytest.mark.django_db


def start(member, *, purpose=DraftPurpose.AGREE, **given):
    fields = {"anchor_on": TODAY, "by": make_user(), "at": NOON}
    return drafts.start(member=member, purpose=purpose, **(fields | given))


def save(draft, *, revision=None, by=None, at=NOON, **content):
    return drafts.save(
        draft=draft,
        content=draft.content | content,
        reason="",
        anchor_on=TODAY,
        revision=draft.revision if revision is None else revision,
        by=by or draft.by,
        at=at,
    )


def test_a_second_start_leads_to_the_first_draft():
    draft = start(make_member())

    with pytest.raises(drafts.AlreadyStarted) as refused:
        start(draft.member)

    assert refused.value.draft == draft


@pytest.mark.parametrize(
    ("purpose", "has_plan"),
    [(DraftPurpose.AGREE, True), (DraftPurpose.REPLAN, False), (DraftPurpose.EVOLVE, False)],
)
def test_a_draft_is_for_what_can_be_agreed(purpose, has_plan):
    member = make_plan().member if has_plan else make_member()

    with pytest.raises(drafts.WrongPurpose):
        start(member, purpose=purpose)


def test_new_days_begin_with_the_plan_and_keep_its_day_0():
    plan = agree()

    draft = start(plan.member, purpose=DraftPurpose.REPLAN)

    titles = [each.title for each in plan.milestones.order_by("position")]
    assert draft.anchor_on == plan.anchor_on
    assert [each["title"] for each in draft.content["milestones"]] == titles


def test_a_new_goal_begins_with_the_words_that_wait():
    plan = agree()
    GoalChange.objects.create(member=plan.member, words="Grow abroad", at=NOON)

    draft = start(plan.member, purpose=DraftPurpose.EVOLVE)

    assert (draft.content["goal"], draft.anchor_on) == ("Grow abroad", TODAY)


def test_of_two_editors_the_second_gets_both_texts():
    draft = start(make_member())
    ann, bob = make_user(), make_user()
    save(draft, goal="Ann's", by=ann)

    with pytest.raises(drafts.Overtaken) as refused:
        save(draft, goal="Bob's", by=bob)

    draft.refresh_from_db()
    assert draft.content["goal"] == "Ann's"
    assert refused.value.draft.content["goal"] == "Ann's"
    assert refused.value.draft.by == ann
    assert refused.value.content["goal"] == "Bob's"


def test_the_same_text_saved_twice_is_one_revision():
    draft = start(make_member())

    revisions = [save(draft, goal="Ship it").revision for _ in range(3)]

    assert revisions == [2, 2, 2]


def test_a_sitting_is_one_entry_of_the_trail():
    draft = start(make_member())
    ann = make_user()
    for minutes in (0, 1, 2, 60):
        draft.refresh_from_db()
        save(draft, goal=f"After {minutes}", by=ann, at=NOON + timedelta(minutes=minutes))

    entries = AuditEntry.objects.filter(verb="draft.saved")
    assert [entry.by for entry in entries.order_by("pk")] == [ann, ann]
    assert "After" not in str(list(entries.values_list("summary", "before", "after")))


def test_what_was_dropped_is_kept_and_taken_up_again():
    draft = save(start(make_member()), goal="Ship it")

    drafts.drop(draft=draft, by=draft.by, at=NOON)
    drafts.drop(draft=draft, by=draft.by, at=NOON)
    with pytest.raises(drafts.NotOpen):
        save(draft, goal="Too late")
    drafts.take_up(draft=draft, by=draft.by, at=NOON)

    assert drafts.open_draft(draft.member).content["goal"] == "Ship it"
    assert AuditEntry.objects.filter(verb="draft.dropped").count() == 1


def test_a_dropped_draft_is_not_taken_up_beside_another():
    draft = start(make_member())
    drafts.drop(draft=draft, by=draft.by, at=NOON)
    other = start(draft.member)

    with pytest.raises(drafts.AlreadyStarted) as refused:
        drafts.take_up(draft=draft, by=draft.by, at=NOON)

    assert refused.value.draft == other


def test_a_draft_becomes_the_plan_once():
    draft = save(start(make_member()), **to_data(make_path()))
    said_by = make_affiliation(member=draft.member).person
    given = {"draft": draft, "by": draft.by, "at": NOON, "said_by": said_by, "consents": ()}

    plan = drafts.agree_draft(**given)
    with pytest.raises(drafts.NotOpen):
        drafts.agree_draft(**given)

    draft.refresh_from_db()
    assert (plan, draft.agreed_at) == (Plan.objects.get(), NOON)


def test_a_revision_that_was_not_shown_is_not_agreed():
    draft = save(start(make_member()), **to_data(make_path()))
    said_by = make_affiliation(member=draft.member).person

    with pytest.raises(drafts.Overtaken):
        drafts.agree_draft(
            draft=draft, by=draft.by, at=NOON, said_by=said_by, consents=(), revision=1
        )

    assert Plan.objects.count() == 0


def test_what_is_no_plan_yet_is_refused_and_stays_open():
    draft = start(make_member(), empty=True)
    content = draft.content | {"milestones": [{"key": "m"}]}
    draft = save(draft, **content)

    with pytest.raises(BadPlan):
        drafts.agree_draft(draft=draft, by=draft.by, at=NOON, said_by=None, consents=())

    assert PlanDraft.objects.get().agreed_at is None
