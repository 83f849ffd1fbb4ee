"""What the plays that come with Waymark open, and when that closes."""

from datetime import date, timedelta

import pytest

from members.rollups.scope import Scope
from success.models import Ask, GoalChange, Intervention, InterventionEvent, MemberFacts
from success.rollups import plays
from success.services import asks
from tests.factories import (
    MORNING,
    NOON,
    TODAY,
    make_accountability,
    make_ask,
    make_declaration,
    make_default_plays,
    make_member_facts,
    make_milestone_of,
    make_plan,
    make_segment,
    make_user,
)

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
EVERYBODY = Scope(first=0, last=2**62)
SINCE = TODAY - 20 * DAY


@pytest.fixture(autouse=True)
def default_plays():
    make_default_plays(effective_from=SINCE)


def refresh(as_of=TODAY):
    return plays.refresh(as_of=as_of, scope=EVERYBODY, at=MORNING)


def open_items():
    rows = Intervention.objects.filter(status="open").select_related("play").order_by("pk")
    return [(row.play.key, row.queue_class) for row in rows]


def last_note():
    return InterventionEvent.objects.filter(verb="closed").latest("pk").note


def make_known(**overrides):
    plan = make_plan()
    return make_member_facts(
        **({"member": plan.member, "plan": plan, "state": "on_track"} | overrides)
    )


def change(facts, **fields):
    MemberFacts.objects.filter(pk=facts.pk).update(**fields)


# No plan by day 14


def test_member_without_a_plan_by_day_14_is_somebodys_work():
    facts = make_member_facts(joined_on=TODAY - 14 * DAY)

    refresh()

    item = Intervention.objects.get()
    assert (item.play.key, item.queue_class, item.occurred_on) == (
        "no-plan-by-day-14", 6, TODAY,
    )  # fmt: skip
    assert item.why == ("They joined on 15 July 2026, and by 29 July 2026 no plan was agreed.")
    plan = make_plan(member=facts.member)
    change(facts, plan=plan, state="on_track")
    refresh()
    assert open_items() == []
    assert last_note() == "A plan was agreed"


@pytest.mark.parametrize(
    ("joined_on", "state"),
    [
        (TODAY - 13 * DAY, "no_plan"),
        (SINCE - 15 * DAY, "no_plan"),  # due before the play was in effect: history
        (TODAY - 14 * DAY, "on_track"),
    ],
)
def test_no_plan_is_nobodys_work_before_its_day_or_as_history(joined_on, state):
    make_member_facts(joined_on=joined_on, state=state)

    refresh()

    assert open_items() == []


# The next goal


def test_achieved_goal_waits_for_the_next_one():
    facts = make_known(state="achieved", achieved_on=TODAY - DAY)

    refresh()

    item = Intervention.objects.get()
    assert (item.play.key, item.queue_class, item.due_on) == (
        "next-goal", 7, TODAY + 14 * DAY,
    )  # fmt: skip
    assert item.why.startswith("“Our people help build what we depend on” was achieved on")
    change(facts, plan=make_plan(), state="on_track", achieved_on=None)
    refresh()
    assert (open_items(), last_note()) == ([], "The next goal is agreed")


def test_overdue_obligation_raises_its_item_instead_of_opening_another():
    facts = make_known(state="achieved", achieved_on=TODAY - 15 * DAY)
    make_accountability(plan=facts.plan, obligation="next_goal", due_on=TODAY - DAY)
    change(facts, we_owe_since=TODAY - DAY)

    refresh()

    assert open_items() == [("next-goal", 1)]


# The goal goes stale


def test_goal_not_confirmed_for_180_days_is_to_be_confirmed():
    facts = make_known(goal_confirmed_on=TODAY - 180 * DAY)
    make_known(goal_confirmed_on=TODAY - 179 * DAY)
    make_known(goal_confirmed_on=TODAY - 180 * DAY, state="achieved")

    refresh()

    item = Intervention.objects.get()
    assert (item.play.key, item.member, item.queue_class) == ("goal-stale", facts.member, 7)
    change(facts, goal_confirmed_on=TODAY)
    refresh()
    assert (open_items(), last_note()) == ([], "The goal was confirmed")


# What waits for our answer


def test_declaration_waits_in_the_queue_until_it_is_answered():
    facts = make_known()
    declaration = make_declaration(milestone=make_milestone_of(facts.plan))

    refresh()

    assert open_items() == [("declaration-waiting", 1)]
    declaration.status = "withdrawn"
    declaration.save()
    refresh()
    assert (open_items(), last_note()) == ([], "It has been answered")


def test_what_needs_no_answer_of_ours_opens_nothing():
    facts = make_known()
    one, two, _ = facts.plan.milestones.order_by("position")
    make_declaration(milestone=one, by=make_user())  # by an MSM: the member's to confirm
    make_declaration(milestone=two, at=NOON + DAY)  # not told yet, as of this night

    refresh()

    assert open_items() == []


def test_goal_change_waits_in_the_queue_and_comes_after_the_declaration():
    facts = make_known()
    declaration = make_declaration(milestone=make_milestone_of(facts.plan))
    change_asked = GoalChange.objects.create(
        member=facts.member, words="Sell abroad", by=declaration.by, at=MORNING
    )
    refresh()
    assert Intervention.objects.filter(status="open").count() == 1
    declaration.status = "confirmed"
    declaration.save()

    refresh()

    item = Intervention.objects.get(status="open")
    assert item.occurrence == f"goal change {change_asked.pk}"
    assert item.why == (
        "On 29 July 2026 they told us that their goal has changed, and they wait for our"
        " answer."
    )


# Asks


def make_eligible(**overrides):
    facts = make_known(**overrides)
    first = make_milestone_of(facts.plan)
    first.evidence_dates, first.evidence_source = [date(2026, 7, 1)], "confirmed"
    first.save()
    return facts, make_ask(milestone=first)


def test_ask_that_may_be_made_is_the_last_class_and_closes_once_it_is_made():
    _, ask = make_eligible()

    refresh()

    item = Intervention.objects.get()
    assert (item.play.key, item.queue_class, item.occurred_on) == (
        "ask-eligible", 8, date(2026, 7, 1),
    )  # fmt: skip
    asks.make_ask(ask=ask, by=make_user(), at=NOON, on=TODAY)
    refresh()
    assert (open_items(), last_note()) == ([], "It was asked, or may not be asked now")


def test_ask_that_something_stood_against_for_a_while_comes_back():
    facts, ask = make_eligible()
    refresh()
    change(facts, state="stalled")
    refresh()
    assert open_items() == []

    change(facts, state="on_track")
    refresh()
    refresh(as_of=TODAY + DAY)

    assert open_items() == [("ask-eligible", 8)]
    assert list(Intervention.objects.order_by("pk").values_list("occurrence", flat=True)) == [
        f"ask {ask.pk}", f"ask {ask.pk}, again 1",
    ]  # fmt: skip


def test_ask_that_a_person_has_seen_to_does_not_come_back():
    facts, _ = make_eligible()
    refresh()
    Intervention.objects.update(status="done", finished_at=NOON)
    change(facts, state="stalled")
    refresh()
    change(facts, state="on_track")

    refresh()

    assert open_items() == []


def test_ask_without_consent_opens_nothing():
    make_eligible()
    Ask.objects.update(consented_on=None)

    refresh()

    assert open_items() == []


# A late promise


@pytest.mark.parametrize("delivery", ["person", "message"])
def test_late_promise_is_work_whoever_it_is_for_and_however_old(delivery):
    facts = make_known(segment=make_segment(delivery=delivery))
    make_accountability(plan=facts.plan, due_on=SINCE - 90 * DAY)
    change(facts, we_owe_since=SINCE - 90 * DAY)

    refresh()

    assert open_items() == [("promise-of-ours-late", 1)]
    assert refresh().rows_out == 0


def test_late_promise_of_a_member_who_left_and_came_back_is_work_again():
    facts = make_known()
    make_accountability(plan=facts.plan, due_on=TODAY - DAY)
    refresh()
    change(facts, standing="lapsed")
    refresh()
    assert (open_items(), last_note()) == ([], "The membership is not in force")

    change(facts, standing="in_force")
    refresh()

    assert open_items() == [("promise-of-ours-late", 1)]


def test_looking_back_counts_what_would_have_been_opened_then():
    facts = make_known()
    make_accountability(plan=facts.plan, due_on=TODAY - 3 * DAY)

    would = {
        as_of: plays.would_open(as_of=as_of, scope=EVERYBODY)["promise-of-ours-late"]["items"]
        for as_of in (TODAY - 3 * DAY, TODAY - 2 * DAY)
    }

    assert would == {TODAY - 3 * DAY: 0, TODAY - 2 * DAY: 1}
