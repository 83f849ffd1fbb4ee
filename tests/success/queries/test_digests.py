from datetime import timedelta

import pytest

from communications.services.notices import tell
from members.enums import Role
from success.models import GoalChange, MilestoneEvent, VectorChange
from success.queries.digests import digest_of
from tests.factories import (
    NOON,
    TODAY,
    make_accountability,
    make_ask,
    make_assignment,
    make_intervention,
    make_member,
    make_member_facts,
    make_plan,
    make_user,
)

pytestmark = pytest.mark.django_db
AGO = timedelta(days=1)


@pytest.fixture
def amy():
    return make_user(name="Amy", role=Role.MSM)


def member_of(owner, name="Harbour Works"):
    member = make_member(name=name)
    make_assignment(member=member, owner=owner)
    return member


def told(user, key=None):
    found = digest_of(user, since=NOON - timedelta(days=7), until=NOON, as_of=TODAY)
    sections = {
        each.key: [(line.member, line.text) for line in each.lines]
        for each in found.sections
        if each.total
    }
    return sections if key is None else sections.get(key, [])


def changes(member, *states):
    """States by the number of days ago."""
    for days, state in states:
        VectorChange.objects.create(member=member, on=TODAY - timedelta(days=days), state=state)


def test_nothing_is_told_where_nothing_happened(amy):
    member_of(amy)
    make_member_facts()

    found = digest_of(amy, since=NOON - timedelta(days=7), until=NOON, as_of=TODAY)

    assert (found.is_empty, found.is_house, found.unserved_items) == (True, False, 0)
    assert (found.since, found.until) == (TODAY - timedelta(days=7), TODAY)


def test_changed_is_another_state_than_at_the_beginning_the_worse_first(amy):
    changes(member_of(amy, "Better"), (30, "stalled"), (1, "on_track"))
    changes(member_of(amy, "Worse"), (30, "ahead"), (4, "slipping"), (3, "stalled"))
    changes(member_of(amy, "Back again"), (30, "ahead"), (4, "slipping"), (3, "ahead"))
    changes(member_of(amy, "Before"), (30, "ahead"), (8, "stalled"))
    changes(member_of(amy, "New"), (2, "stalled"))
    changes(member_of(make_user(), "Another's"), (30, "ahead"), (2, "stalled"))

    assert told(amy, "changed") == [
        ("Worse", "Ahead → Stalled"),
        ("Better", "Stalled → On track"),
    ]


def test_given_is_work_of_others_and_no_other_notice(amy):
    for key, title, user, days in (
        ("item 7 given", "Otto gave you work: Acme", amy, 1),
        ("bulk 9", "Otto gave you work: 12 items", amy, 2),
        ("bulk 8", "Before", amy, 9),
        ("overload", "Too much", amy, 1),
        ("item 8 given", "Another's", make_user(), 1),
    ):
        tell(
            users=[user], kind="work", title=title, dedupe_key=key,
            at=NOON - timedelta(days=days),
        )  # fmt: skip

    assert told(amy) == {
        "given": [("", "Otto gave you work: Acme"), ("", "Otto gave you work: 12 items")]
    }


def test_learned_is_what_was_written_down_and_goals_that_changed(amy):
    member = member_of(amy)
    done = {"status": "done", "finished_at": NOON - AGO, "outcome": "no_answer"}
    make_intervention(member=member, learned="They merge in May", note="Rang", **done)
    make_intervention(
        member=member, note="Left a word", **done | {"finished_at": NOON - 2 * AGO}
    )
    make_intervention(member=member, **done)
    make_intervention(member=member, note="Old", **done | {"finished_at": NOON - 8 * AGO})
    GoalChange.objects.create(member=member, words="To hire", at=NOON - 3 * AGO)

    assert told(amy, "learned") == [
        ("Harbour Works", "They merge in May"),
        ("Harbour Works", "Left a word"),
        ("Harbour Works", "The goal has changed: To hire"),
    ]


def test_earned_is_confirmed_solved_or_spoken_for_us(amy):
    member = member_of(amy)
    plan = make_plan(member=member)
    first, second, _third = plan.milestones.order_by("position")
    for milestone, source in ((first, "confirmed"), (second, "declared")):
        MilestoneEvent.objects.create(
            milestone=milestone, achieved=True, on=TODAY, source=source, recorded_at=NOON - AGO
        )
    item = make_intervention(
        member=member, status="done", outcome="reached", finished_at=NOON - 2 * AGO
    )
    first.evidence_dates, first.evidence_source = [TODAY - 5 * AGO], "confirmed"
    first.save()
    spoken = make_ask(milestone=first, kind="advocacy")
    type(spoken).objects.filter(pk=spoken.pk).update(
        status="accepted",
        consented_on=TODAY - 5 * AGO,
        asked_on=TODAY - 4 * AGO,
        answered_on=TODAY - 3 * AGO,
    )
    spoken.refresh_from_db()

    assert told(amy, "earned") == [
        ("Harbour Works", f"reached “{first.title}”"),
        ("Harbour Works", f"moving again: {item.play.title}"),
        ("Harbour Works", f"speaks for us: {spoken.get_advocacy_display()}"),
    ]


def test_at_risk_are_members_in_force_who_stopped_or_go_back(amy):
    make_member_facts(member=member_of(amy, "Stopped"), state="stalled", we_owe_since=TODAY)
    make_member_facts(member=member_of(amy, "Back"), state="regressing")
    make_member_facts(member=member_of(amy, "Slow"), state="slipping")
    make_member_facts(member=member_of(amy, "Gone"), state="stalled", standing="lapsed")
    make_member_facts(member=member_of(make_user(), "Another's"), state="stalled")

    assert told(amy, "at_risk") == [
        ("Back", "Regressing"),
        ("Stopped", "Stalled, and waits for us"),
    ]


def test_due_are_my_own_promises_late_or_within_a_week(amy):
    plan = make_plan(member=member_of(amy))
    for title, days, more in (
        ("Late", -3, {}),
        ("Soon", 7, {}),
        ("Far", 8, {}),
        ("Kept", 1, {"done_on": TODAY}),
        ("Theirs", 1, {"side": "member"}),
        ("A colleague's", 1, {"owner": make_user()}),
    ):
        fields = {"owner": amy, "due_on": TODAY + timedelta(days=days)} | more
        make_accountability(plan=plan, title=title, **fields)

    assert told(amy, "due") == [("Harbour Works", "Late (late)"), ("Harbour Works", "Soon")]


def test_house_hears_of_everybody_and_a_manager_of_their_own(amy):
    make_member_facts(member=member_of(amy, "Hers"), state="stalled")
    make_member_facts(member=make_member(name="Nobody's"), state="stalled")

    who = {
        role: [member for member, _ in told(make_user(role=role), "at_risk")]
        for role in (Role.DIRECTOR, Role.OPERATIONS, Role.MSM, Role.MEMBER)
    }

    assert told(amy, "at_risk") == [("Hers", "Stalled")]
    assert {role: sorted(names) for role, names in who.items()} == {
        Role.DIRECTOR: ["Hers", "Nobody's"],
        Role.OPERATIONS: ["Hers", "Nobody's"],
        Role.MSM: [],
        Role.MEMBER: [],
    }


def test_hours_that_do_not_fit_are_told(amy):
    make_intervention(member=member_of(amy), owner=amy, minutes=90)
    found = digest_of(amy, since=NOON - timedelta(days=7), until=NOON, as_of=TODAY)

    assert (float(found.unserved_hours), found.unserved_items, found.is_empty) == (
        1.5,
        1,
        False,
    )


@pytest.mark.parametrize("item_count", [1, 3])
def test_digest_costs_the_same_for_any_length(amy, item_count, django_assert_max_num_queries):
    for _ in range(item_count):
        member = member_of(amy)
        make_member_facts(member=member, state="stalled")
        changes(member, (30, "ahead"), (1, "stalled"))
        make_intervention(member=member, owner=amy, status="done", note="x", finished_at=NOON)

    with django_assert_max_num_queries(22):
        digest_of(amy, since=NOON - timedelta(days=7), until=NOON, as_of=TODAY)


def test_list_is_cut_and_says_how_many_there_are(amy):
    for _ in range(14):
        make_member_facts(member=member_of(amy), state="stalled")
    found = digest_of(amy, since=NOON - timedelta(days=7), until=NOON, as_of=TODAY)
    [part] = [each for each in found.sections if each.key == "at_risk"]

    assert (len(part.lines), part.total, part.more) == (12, 14, 2)
