import random
from collections import Counter
from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import connection

from communications.models import Message, Preference, Reply, TemplateVariant
from config.kernel.conditions import BadCondition, evaluate, parse
from coverage.enums import Delivery
from engagement.models import Fact, Involvement
from members.enums import Origin
from members.models import Term
from members.rollups.scope import Scope, Written
from success.engine import draw
from success.engine.facts import FACTS
from success.engine.spreading import place, working_days
from success.enums import State
from success.models import (
    Enrolment,
    Intervention,
    InterventionEvent,
    MemberFacts,
    Milestone,
    Play,
    PlayStep,
    PlayVersion,
)
from success.rollups import plays
from success.services.telling import tell_due
from tests.factories import (
    MORNING,
    TODAY,
    make_accountability,
    make_default_plays,
    make_fact,
    make_intervention,
    make_involvement,
    make_member,
    make_member_facts,
    make_person,
    make_plan,
    make_play,
    make_segment,
    make_template,
    make_user,
)
from tests.success.lines import evolve, replan

pytestmark = pytest.mark.django_db
EVERYBODY = Scope(first=0, last=2**62)
DAY = timedelta(days=1)
SINCE = TODAY - 20 * DAY


def refresh(as_of=TODAY, scope=EVERYBODY):
    return plays.refresh(as_of=as_of, scope=scope, at=MORNING)


def opened():
    rows = Intervention.objects.order_by("member_id", "pk")
    return [(row.member_id, row.occurrence, row.status) for row in rows]


def closings():
    events = InterventionEvent.objects.filter(verb="closed").order_by("pk")
    return list(events.values_list("note", flat=True))


def by_message():
    return make_segment(delivery=Delivery.MESSAGE)


def make_behind(*, since=TODAY - 3 * DAY, member=None, **overrides):
    """Facts of a member who waits at the first milestone of their plan."""
    plan = make_plan(
        member=member,
        goal="Ship together",
        anchor_on=date(2026, 6, 1),
        expected_days=(30, 60),
    )
    first, _ = plan.milestones.order_by("position")
    fields = {
        "plan": plan,
        "anchor_on": plan.anchor_on,
        "state": State.STALLED,
        "blocking": first,
        "next_milestone": first,
        "blocked_since": since - 7 * DAY,
        "behind_since": since,
        "contact": make_person(),
    } | overrides
    return make_member_facts(member=plan.member, **fields)


def set_facts(facts, **changes):
    MemberFacts.objects.filter(pk=facts.pk).update(**changes)


# Data


def test_overdue_milestone_opens_one_dated_item_for_the_owner():
    owner = make_user()
    play = make_play(effective_from=SINCE, minutes=25, due_days=5)
    facts = make_behind(owner=owner, term_ends_on=date(2027, 1, 1))

    assert refresh() == Written(rows_in=1, rows_out=1)

    item = Intervention.objects.get()
    assert (item.play, item.member, item.owner) == (play, facts.member, owner)
    assert item.occurrence == f"behind on milestone {facts.blocking_id} since 2026-07-26"
    assert item.why == (
        "Behind since 26 July 2026: “Milestone 1” was expected on 18 July 2026."
    )
    assert (item.occurred_on, item.opened_on, item.due_on, item.term_ends_on) == (
        date(2026, 7, 26),
        TODAY,
        TODAY + 5 * DAY,
        date(2027, 1, 1),
    )
    assert (item.status, item.queue_class, item.minutes) == ("open", 4, 25)
    assert item.evidence == {
        "day": "2026-07-26",
        "state": "stalled",
        "plan": facts.plan_id,
        "milestone": facts.blocking_id,
        "next_milestone": facts.next_milestone_id,
        "overdue_since": "2026-07-19",
    }


def test_same_night_again_and_the_next_one_write_nothing():
    make_play(effective_from=SINCE, template=make_template())
    make_behind()
    make_behind(segment=by_message())
    assert refresh().rows_out == 2
    before = list(Intervention.objects.order_by("pk").values())

    assert refresh() == Written(rows_in=2, rows_out=0)
    assert refresh(as_of=TODAY + DAY) == Written(rows_in=2, rows_out=0)

    assert list(Intervention.objects.order_by("pk").values()) == before
    assert (Message.objects.count(), InterventionEvent.objects.count()) == (1, 0)


def test_class_follows_the_state_and_leaves_what_we_owe_to_its_own_item():
    make_play(effective_from=SINCE)
    facts = make_behind(state=State.SLIPPING)
    classes = []
    for change in ({}, {"state": State.STALLED}, {"we_owe_since": TODAY - 9 * DAY}):
        set_facts(facts, **change)
        refresh()
        classes.append(Intervention.objects.get().queue_class)

    assert classes == [5, 4, 4]


def test_open_item_follows_its_owner_unless_somebody_is_at_it():
    amy, ben = make_user(), make_user()
    make_play(effective_from=SINCE)
    free, held = make_behind(owner=amy), make_behind(owner=amy)
    refresh()
    Intervention.objects.filter(member=held.member).update(
        claimed_by=amy, claimed_until=MORNING + timedelta(minutes=5)
    )
    MemberFacts.objects.update(owner=ben)

    assert refresh().rows_out == 1
    assert dict(Intervention.objects.values_list("member_id", "owner_id")) == {
        free.member_id: ben.pk,
        held.member_id: amy.pk,
    }


def test_done_occurrence_never_opens_again_but_the_next_one_does():
    make_play(effective_from=SINCE)
    facts = make_behind()
    refresh()
    Intervention.objects.update(status="done", finished_at=MORNING)
    assert refresh(as_of=TODAY + DAY).rows_out == 0
    set_facts(facts, behind_since=TODAY + 2 * DAY, blocking=facts.plan.milestones.last())

    assert refresh(as_of=TODAY + 2 * DAY).rows_out == 1
    assert [row[2] for row in opened()] == ["done", "open"]


# Message or person


def test_message_segment_gets_a_message_with_its_words():
    template = make_template(body="{{ name }} {{ goal }} {{ next }} {{ days }} {{ day }}")
    play = make_play(effective_from=SINCE, template=template, too_late_days=14)
    facts = make_behind(segment=by_message())

    refresh()

    item, message = Intervention.objects.get(), Message.objects.get()
    assert (item.status, item.message, item.play) == ("message", message, play)
    assert (message.member, message.person, message.template) == (
        facts.member,
        facts.contact,
        template,
    )
    assert (message.due_at, message.not_after) == (
        MORNING,
        datetime(2026, 8, 10, tzinfo=UTC),
    )
    assert message.variables == {
        "name": facts.contact.name,
        "member": facts.member.name,
        "goal": "Ship together",
        "next": "Milestone 1",
        "milestone": "Milestone 1",
        "day": "26 July 2026",
        "days": (TODAY - date(2026, 6, 1)).days,
    }


def test_gap_that_only_words_for_some_readers_have_is_filled_too():
    template = make_template(subject="{{ends}}", body="{{ name }}")
    TemplateVariant.objects.create(
        template=template, language="de", subject="s", body="{{ reached }}"
    )
    make_play(effective_from=SINCE, template=template, too_late_days=14)
    facts = make_behind(segment=by_message())
    MemberFacts.objects.filter(pk=facts.pk).update(term_ends_on=date(2026, 9, 30))

    refresh()

    said = Message.objects.get().variables
    assert said["ends"] == "30 September 2026"
    assert "reached" in said


@pytest.mark.parametrize(
    ("change", "statuses"),
    [
        pytest.param({}, ["message"], id="fresh"),
        pytest.param({"delivery": "person"}, ["open"], id="person segment"),
        pytest.param({"delivery": None}, ["open"], id="no segment"),
        pytest.param({"has_template": False}, ["open"], id="no template"),
        pytest.param({"address": None}, ["open"], id="no contact"),
        pytest.param({"address": ""}, ["open"], id="no address"),
        pytest.param({"we_owe_since": TODAY - DAY}, ["open"], id="we owe them"),
        pytest.param({"blocker": "association"}, ["open"], id="SV9, they wait for us"),
        pytest.param({"blocker": "member"}, ["message"], id="SV9_contrast_member"),
        pytest.param({"quiet_through": TODAY - 3 * DAY}, ["open"], id="day of the last import"),
        pytest.param(
            {"quiet_through": TODAY - 4 * DAY}, ["message"], id="day after the import"
        ),
        pytest.param({"too_late_days": 3}, ["message"], id="last day to send"),
        pytest.param({"too_late_days": 2}, ["open"], id="too late to send"),
        pytest.param({"since": SINCE}, ["message"], id="first day in effect"),
        pytest.param({"since": SINCE - DAY}, [], id="before it was in effect"),
        pytest.param(
            {"since": SINCE - DAY, "delivery": "person"}, ["open"], id="before, person segment"
        ),
    ],
)
def test_modality(change, statuses):
    case = {
        "delivery": "message",
        "has_template": True,
        "address": "ann@example.org",
        "we_owe_since": None,
        "blocker": "",
        "quiet_through": None,
        "too_late_days": 30,
        "since": TODAY - 3 * DAY,
    } | change
    make_play(
        effective_from=SINCE,
        template=make_template() if case["has_template"] else None,
        too_late_days=case["too_late_days"],
    )
    make_behind(
        member=make_member(quiet_through=case["quiet_through"]),
        since=case["since"],
        segment=case["delivery"] and make_segment(delivery=case["delivery"]),
        contact=None if case["address"] is None else make_person(email=case["address"]),
        we_owe_since=case["we_owe_since"],
        blocker=case["blocker"],
    )

    refresh()

    assert [row[2] for row in opened()] == statuses
    assert Message.objects.count() == statuses.count("message")


def test_item_of_somebody_we_owe_says_so():
    make_play(effective_from=SINCE, template=make_template())
    make_behind(segment=by_message(), we_owe_since=date(2026, 7, 2))

    refresh()

    assert Intervention.objects.get().why.endswith(
        " We owe them: a promise of ours is late since 2 July 2026."
    )


def test_member_gets_one_message_a_night_and_the_other_play_waits():
    template = make_template()
    second = make_play(effective_from=SINCE, template=template, queue_class=5)
    first = make_play(effective_from=SINCE, template=template, queue_class=2)
    make_behind(segment=by_message())

    nights = []
    for night in range(3):
        refresh(as_of=TODAY + night * DAY)
        refresh(as_of=TODAY + night * DAY)
        nights.append(
            list(Intervention.objects.order_by("pk").values_list("play_id", flat=True))
        )

    assert nights == [[first.pk], [first.pk, second.pk], [first.pk, second.pk]]


def test_message_that_was_not_sent_becomes_work_for_a_person():
    make_play(effective_from=SINCE, due_days=5, template=make_template())
    make_behind(segment=by_message())
    refresh()
    Message.objects.update(status="suppressed", outcome="No value for goal")

    assert refresh(as_of=TODAY + DAY).rows_out == 1
    assert refresh(as_of=TODAY + DAY).rows_out == 0

    item = Intervention.objects.get()
    assert (item.status, item.due_on) == ("open", TODAY + 6 * DAY)
    assert item.why.endswith(" The message was not sent: No value for goal.")
    assert list(item.events.values_list("verb", "note")) == [("opened", "No value for goal")]


# Timed


def day_30(**overrides):
    fields = {
        "start_kind": "timed",
        "start": {"fact": "anchor_on", "offset_days": 30},
        "audience": {"fact": "first_value_on", "op": "is_null"},
        "effective_from": SINCE,
    }
    return make_play(**fields | overrides)


def test_timed_play_fires_on_its_day_and_catches_up_after_nights_missed():
    day_30()
    facts = {
        offset: make_behind(anchor_on=TODAY - (30 + offset) * DAY) for offset in (-1, 0, 4)
    }

    refresh()
    first_night = opened()
    refresh(as_of=TODAY + 3 * DAY)

    expected = [
        (facts[0].member_id, f"day-30 of plan {facts[0].plan_id}", "open"),
        (facts[4].member_id, f"day-30 of plan {facts[4].plan_id}", "open"),
    ]
    assert first_night == expected
    assert opened() == [
        (facts[-1].member_id, f"day-30 of plan {facts[-1].plan_id}", "open"),
        *expected,
    ]
    assert dict(Intervention.objects.values_list("member_id", "occurred_on")) == {
        facts[-1].member_id: TODAY + DAY,
        facts[0].member_id: TODAY,
        facts[4].member_id: TODAY - 4 * DAY,
    }


def test_nights_skipped_and_caught_up_open_the_same_as_nights_in_order():
    day_30()
    make_play(effective_from=SINCE)
    for offset in range(6):
        make_behind(anchor_on=TODAY - 30 * DAY + offset * DAY, since=TODAY + offset * DAY)

    def what(nights):
        Enrolment.objects.all().delete()
        for night in nights:
            refresh(as_of=TODAY + night * DAY)
        return sorted(
            Intervention.objects.values_list("member_id", "occurrence", "occurred_on")
        )

    assert what([0, 1, 2, 3, 4, 5]) == what([0, 5])


def test_timed_play_stops_at_first_value():
    day_30()
    facts = make_behind(anchor_on=TODAY - 30 * DAY)
    refresh()
    set_facts(facts, first_value_on=date(2026, 7, 28))

    assert refresh().rows_out == 1
    assert opened()[0][2] == "closed"
    assert closings() == ["First value was reached on 28 July 2026"]


def test_a_plan_that_was_moved_keeps_its_days_and_a_new_goal_has_its_own():
    day_30()
    facts = make_behind(anchor_on=TODAY - 30 * DAY)
    first = facts.plan
    refresh()

    second = replan(first, on=TODAY)
    set_facts(facts, plan_id=second.pk)
    refresh(as_of=TODAY + DAY)
    moved = opened()
    third = evolve(second, on=TODAY + DAY, expected_days=(30,))
    set_facts(facts, plan_id=third.pk, anchor_on=third.anchor_on)
    refresh(as_of=TODAY + 31 * DAY)

    assert moved == [(facts.pk, f"day-30 of plan {first.pk}", "open")]
    assert opened() == [
        (facts.pk, f"day-30 of plan {first.pk}", "closed"),
        (facts.pk, f"day-30 of plan {third.pk}", "open"),
    ]


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({"fact": "goal_confirmed_on", "op": "older_than_days", "value": 180}, ["stale"]),
        ({"fact": "blocker", "op": "eq", "value": "association"}, ["ours"]),
        ({"fact": "is_rebaselined", "op": "eq", "value": True}, ["moved"]),
        ({"fact": "baseline_held_on", "op": "older_than_days", "value": 5}, ["moved"]),
        ({"fact": "evidence_thin", "op": "eq", "value": True}, ["thin"]),
        ({"fact": "declared_weight", "op": "ge", "value": 20}, ["even", "thin"]),
    ],
)
def test_plays_may_ask_what_stands_beside_the_state(asked, found):
    make_play(effective_from=SINCE, audience=asked)
    told = {
        "fresh": {"goal_confirmed_on": TODAY - 180 * DAY},
        "stale": {"goal_confirmed_on": TODAY - 181 * DAY},
        "ours": {"blocker": "association"},
        "theirs": {"blocker": "member"},
        "moved": {"is_rebaselined": True, "baseline_held_on": TODAY - 6 * DAY},
        "even": {"achieved_weight": 40, "declared_weight": 20},
        "thin": {"achieved_weight": 40, "declared_weight": 21},
    }
    for name, fields in told.items():
        make_behind(member=make_member(name=name), **fields)

    refresh()

    names = Intervention.objects.order_by("member__name").values_list("member__name", flat=True)
    assert list(names) == found


# Trigger


def last_one_left(**overrides):
    fields = {
        "start_kind": "trigger",
        "start": {"kind": "maintainer.removed", "last": True},
        "effective_from": SINCE,
        "queue_class": 2,
    }
    return make_play(**fields | overrides)


def test_trigger_fires_when_the_last_one_has_left():
    last_one_left()
    left, staying, before, future = (make_member_facts() for _ in range(4))
    for facts in (left, staying, before, future):
        make_involvement(member=facts.member, area="certification", subject="Platform")
    for subject, day in (("Envoy", TODAY - 5 * DAY), ("Helm", TODAY - 2 * DAY)):
        make_fact(member=left.member, subject=subject, occurred_on=day)
        make_involvement(member=left.member, subject=subject, ends_on=day)
    make_fact(member=staying.member, occurred_on=TODAY)
    make_involvement(member=staying.member, subject="Helm")
    make_fact(member=before.member, occurred_on=SINCE - DAY)
    make_fact(member=future.member, occurred_on=TODAY + DAY)
    make_fact(member=make_member_facts().member, kind="certification.removed")

    assert refresh().rows_out == 1

    item = Intervention.objects.get()
    assert (item.member, item.occurrence, item.occurred_on) == (
        left.member,
        "left:2026-07-27",
        TODAY - 2 * DAY,
    )
    assert item.why == "On 27 July 2026: Helm."
    assert item.evidence["fact"] == left.member.facts.get(subject="Helm").pk


def test_trigger_closes_when_somebody_is_there_again():
    last_one_left()
    facts = make_member_facts()
    make_fact(member=facts.member)
    refresh()
    make_involvement(member=facts.member, starts_on=TODAY + DAY)

    assert refresh(as_of=TODAY).rows_out == 0
    assert refresh(as_of=TODAY + DAY).rows_out == 1
    assert closings() == ["Somebody is involved again"]


@pytest.mark.parametrize(
    ("origin", "status"), [("live", "message"), ("import", "open"), ("backfill", "open")]
)
def test_only_a_live_fact_may_start_a_message(origin, status):
    last_one_left(template=make_template())
    facts = make_behind(segment=by_message())
    make_fact(member=facts.member, origin=Origin(origin))

    refresh()

    assert [row[2] for row in opened()] == [status]


def test_trigger_that_is_not_about_the_last_one_fires_for_each_day():
    last_one_left(start={"kind": "maintainer.removed"})
    facts = make_member_facts()
    make_involvement(member=facts.member)
    make_fact(member=facts.member, occurred_on=TODAY - DAY)
    refresh()
    Intervention.objects.update(status="done", finished_at=MORNING)
    make_fact(member=facts.member, occurred_on=TODAY + DAY)
    refresh(as_of=TODAY + DAY)

    assert [row[1] for row in opened()] == [
        "maintainer.removed:2026-07-28",
        "maintainer.removed:2026-07-30",
    ]


# Closing


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"standing": "lapsed"}, "The membership is not in force"),
        (
            {"state": "on_track", "behind_since": None, "blocking": None},
            "It is no longer so: the state is on track",
        ),
        ({"state": "regressing"}, "They have moved: the state is regressing"),
        (
            {"state": "no_plan", "plan": None, "behind_since": None, "blocking": None},
            "The plan has been replaced",
        ),
    ],
)
def test_item_closes_when_its_reason_is_gone(change, reason):
    make_default_plays(effective_from=SINCE)
    facts = make_behind(since=SINCE, anchor_on=TODAY - 10 * DAY)
    other = make_behind(since=SINCE, anchor_on=TODAY - 10 * DAY)
    refresh()
    set_facts(facts, **change)

    assert refresh().rows_out == 1
    assert closings() == [reason]
    closed = Intervention.objects.get(status="closed")
    assert (closed.member, closed.finished_at, closed.finished_by) == (
        facts.member,
        MORNING,
        None,
    )
    assert Intervention.objects.get(status="open").member == other.member
    assert refresh().rows_out == 0


def test_item_of_the_next_milestone_takes_the_place_of_the_last():
    make_play(effective_from=SINCE)
    facts = make_behind()
    refresh()
    set_facts(facts, blocking=facts.plan.milestones.last(), behind_since=TODAY)

    assert refresh().rows_out == 2
    assert [row[2] for row in opened()] == ["closed", "open"]


def test_item_somebody_is_working_on_is_not_closed_under_their_hands():
    make_play(effective_from=SINCE)
    facts = make_behind()
    refresh()
    Intervention.objects.update(
        claimed_by=make_user(), claimed_until=MORNING + timedelta(minutes=1)
    )
    facts.delete()

    assert refresh().rows_out == 0
    later = MORNING + timedelta(minutes=1)
    assert plays.refresh(as_of=TODAY, scope=EVERYBODY, at=later).rows_out == 1
    assert closings() == ["Nothing is known of this member any more"]


def test_snoozed_item_is_closed_too_and_done_ones_are_left():
    make_play(effective_from=SINCE)
    facts = make_behind()
    refresh()
    Intervention.objects.update(snoozed_until=TODAY + 9 * DAY)
    done = make_intervention(status="done", finished_at=MORNING, member=facts.member)
    set_facts(facts, behind_since=None)

    refresh()

    assert opened()[0][2] == "closed"
    done.refresh_from_db()
    assert done.status == "done"


# Scope, plays in use, refusals


def test_scope_leaves_others_alone():
    make_play(effective_from=SINCE)
    first, second = make_behind(), make_behind()

    assert refresh(scope=Scope(first=second.pk, last=second.pk)) == Written(
        rows_in=1, rows_out=1
    )
    assert [row[0] for row in opened()] == [second.pk]
    MemberFacts.objects.update(behind_since=None)
    assert refresh(scope=Scope(first=first.pk, last=first.pk)).rows_out == 0
    assert closings() == []


def test_play_that_is_off_or_not_yet_in_effect_opens_nothing():
    make_play(effective_from=SINCE, is_active=False)
    make_play(effective_from=TODAY + DAY)
    make_behind()

    assert refresh() == Written(rows_in=1, rows_out=0)


@pytest.mark.parametrize("start", [{"fact": "state"}, {"fact": "dues"}, {}])
def test_start_must_be_a_known_date(start):
    make_play(effective_from=SINCE, start=start)

    with pytest.raises(BadCondition, match="starts at a date"):
        refresh()


def test_no_fact_of_a_member_is_financial():
    assert [fact.name for fact in FACTS if fact.financial] == []


def test_every_fact_can_be_asked_of_the_database():
    make_play(
        effective_from=SINCE,
        audience={"all": [{"any": [
            {"fact": fact.name, "op": "is_null"}, {"fact": fact.name, "op": "not_null"},
        ]} for fact in FACTS]},
    )  # fmt: skip
    make_behind()

    assert refresh().rows_out == 1


def test_permuting_terms_tiers_moves_nothing():
    make_default_plays(effective_from=SINCE)
    for number in range(4):
        facts = make_behind()
        Term.objects.create(
            member=facts.member,
            tier=f"Tier {number}",
            starts_on=date(2026, 1, 1),
            ends_on=date(2027, 1, 1),
            source="test",
            external_id=str(number),
        )
    refresh()
    before = opened()
    Enrolment.objects.all().delete()
    for number, term in enumerate(Term.objects.order_by("-pk")):
        term.tier = f"Tier {number}"
        term.save()

    refresh()

    assert opened() == before


# Looking ahead and back


def test_would_open_counts_and_writes_nothing():
    play = make_play(effective_from=SINCE, template=make_template())
    off = make_play(is_active=False)
    make_behind(segment=by_message())
    make_behind()
    make_behind()

    counted = plays.would_open(as_of=TODAY, scope=EVERYBODY)

    assert counted == {play.key: {"messages": 1, "items": 2}}
    assert off.key not in counted
    assert (Intervention.objects.count(), Message.objects.count()) == (0, 0)


def test_would_open_of_a_past_night_ignores_what_was_opened_later():
    play = make_play(effective_from=TODAY)
    make_behind(since=TODAY - 40 * DAY)
    refresh()
    past = TODAY - 30 * DAY

    assert plays.would_open(as_of=past, scope=EVERYBODY) == {
        play.key: {"messages": 0, "items": 1}
    }
    assert plays.would_open(as_of=TODAY + DAY, scope=EVERYBODY) == {
        play.key: {"messages": 0, "items": 0}
    }


def test_no_scratch_table_is_left_behind():
    refresh()

    assert "fired_play" not in connection.introspection.table_names()


# Against a plain reference


def make_world(chance, members):
    segments = [None, by_message(), by_message(), make_segment(delivery=Delivery.PERSON)]
    people = [None, make_person(email=""), *(make_person() for _ in range(4))]
    owners = [None, make_user(), make_user()]
    for _ in range(members):
        member = make_member(quiet_through=chance.choice([None, TODAY - 6 * DAY]))
        plan = make_plan(member=member) if chance.random() < 0.9 else None
        milestones = list(plan.milestones.order_by("position")) if plan else [None]
        day = lambda reach: TODAY - chance.randrange(-3, reach) * DAY  # noqa: E731
        behind = chance.choice([None, day(25)]) if plan else None
        make_member_facts(
            member=member,
            standing=chance.choice(["in_force", "in_force", "in_grace", "lapsed"]),
            segment=chance.choice(segments),
            owner=chance.choice(owners),
            contact=chance.choice(people),
            plan=plan,
            anchor_on=day(45) if plan else None,
            state=chance.choice(State.values) if plan else State.NO_PLAN,
            first_value_on=chance.choice([None, None, day(9)]),
            blocking=chance.choice(milestones) if behind else None,
            behind_since=behind,
            blocked_since=behind and behind - 7 * DAY,
            we_owe_since=chance.choice([None, None, None, day(9)]),
            blocker=chance.choice(["member", "association", "unknown"]) if behind else "",
        )
        for subject in chance.sample(["Envoy", "Helm", "Flux"], chance.randrange(3)):
            left = chance.choice([None, day(30)])
            make_involvement(member=member, subject=subject, ends_on=left)
            if left:
                make_fact(
                    member=member,
                    subject=subject,
                    occurred_on=left,
                    origin=chance.choice([Origin.LIVE, Origin.IMPORT]),
                )


def occurrence_of(play, facts, as_of):
    """The reference: (occurrence, day, live) of a play for a member, or None."""
    if play.current.start_kind == "trigger":
        left = [
            (fact.occurred_on, fact.pk, fact.origin)
            for fact in Fact.objects.filter(
                member=facts.member, kind=play.current.start["kind"]
            )
            if play.current.effective_from <= fact.occurred_on <= as_of
        ]
        still = [
            one
            for one in Involvement.objects.filter(member=facts.member, area="maintainer")
            if one.starts_on <= as_of and (one.ends_on is None or one.ends_on > as_of)
        ]
        if still or not left:
            return None
        day, _, origin = max(left)
        return f"left:{day}", day, origin == "live"
    if play.current.start_kind == "timed":
        day = facts.anchor_on and facts.anchor_on + play.current.start["offset_days"] * DAY
        name = f"day-30 of plan {facts.plan_id}"
    else:
        day = facts.behind_since
        name = f"behind on milestone {facts.blocking_id or 'unknown'} since {day}"
    return (name, day, True) if day and day <= as_of else None


def expected_for(play, facts, as_of, *, messaged):
    """The reference: what one play opens for one member on the first night."""
    known = {fact.name: getattr(facts, fact.name, None) for fact in FACTS}
    known["segment"] = facts.segment and facts.segment.key
    audience = parse(play.current.audience, registry=FACTS)
    found = occurrence_of(play, facts, as_of)
    if found is None or not evaluate(audience, known, as_of=as_of):
        return None
    name, day, live = found
    prefers_message = facts.segment is not None and facts.segment.delivery == "message"
    if prefers_message and day < play.current.effective_from:
        return None
    sendable = (
        prefers_message
        and play.current.steps.get().template is not None
        and live
        and day >= as_of - play.current.too_late_days * DAY
        and (facts.member.quiet_through is None or day > facts.member.quiet_through)
        and facts.contact is not None
        and facts.contact.email != ""
        and facts.we_owe_since is None
        and facts.blocker != "association"
    )
    if sendable and messaged:
        return None
    queue_class = play.current.queue_class
    if play.current.start_kind == "data" and queue_class != 1:
        queue_class = {"regressing": 2, "stalled": 4, "slipping": 5}.get(
            facts.state, queue_class
        )
    if facts.we_owe_since is not None and play.current.start.get("fact") == "achieved_on":
        queue_class = 1
    return (
        play.pk,
        facts.pk,
        name,
        day,
        "message" if sendable else "open",
        queue_class,
        facts.owner_id,
    )


@pytest.mark.parametrize("seed", range(3))
def test_statements_agree_with_a_plain_reference_on_random_facts(seed):
    chance = random.Random(seed)
    template = make_template()
    day_30(template=template, too_late_days=7)
    make_play(
        effective_from=SINCE,
        template=template,
        too_late_days=10,
        audience={"all": [
            {"fact": "standing", "op": "in", "value": ["in_force", "in_grace"]},
            {"fact": "state", "op": "in", "value": ["stalled", "slipping", "regressing"]},
        ]},
    )  # fmt: skip
    last_one_left(template=template)
    make_world(chance, members=150)
    expected = set()
    everybody = MemberFacts.objects.select_related("segment", "contact", "member")
    in_order = sorted(
        Play.objects.select_related("current"), key=lambda p: (p.current.queue_class, p.pk)
    )
    for facts in everybody:
        messaged = False
        for play in in_order:
            row = expected_for(play, facts, TODAY, messaged=messaged)
            if row:
                expected.add(row)
                messaged = messaged or row[4] == "message"

    assert refresh() == Written(rows_in=150, rows_out=len(expected))

    found = set(
        Intervention.objects.values_list(
            "play_id",
            "member_id",
            "occurrence",
            "occurred_on",
            "status",
            "queue_class",
            "owner_id",
        )
    )
    assert found == expected
    assert {row[4] for row in found} == {"message", "open"}
    assert {row[0] for row in found} == {play.pk for play in in_order}
    assert Message.objects.count() == sum(row[4] == "message" for row in found)
    assert refresh() == Written(rows_in=150, rows_out=0)
    assert Milestone.objects.count() > 0


# The draw


def test_draw_in_the_database_is_that_of_the_engine():
    chance = random.Random(8)
    ids = [*range(200), *(chance.randrange(2**62) for _ in range(2_000))]
    number, held = plays.draw_sql("id")

    for salt, percent in (("exp1", 15), ("ein Salz “é”", 50), ("x", 1)):
        with connection.cursor() as cursor:
            cursor.execute(
                f"SELECT id, {number}, {held} FROM unnest(%(ids)s::bigint[]) AS id",
                {"ids": ids, "salt": salt, "edge": draw.edge(percent=percent)},
            )
            found = cursor.fetchall()
        assert found == [
            (
                each,
                draw.draw(salt=salt, account=each),
                draw.is_held(salt=salt, account=each, percent=percent),
            )
            for each in ids
        ]


def test_held_members_enter_and_are_left_alone_and_the_others_are_not():
    play = make_play(
        effective_from=SINCE, held_percent=50, salt="exp1", template=make_template()
    )
    members = [make_behind(segment=by_message()).member for _ in range(12)]

    assert refresh() == Written(rows_in=12, rows_out=12)
    assert refresh().rows_out == 0

    entries = {entry.member_id: entry for entry in play.enrolments.all()}
    for member in members:
        entry = entries[member.pk]
        number = draw.draw(salt="exp1", account=member.pk)
        assert (entry.arm, entry.draw) == ("held" if number < 0.5 else "treated", number)
        assert entry.interventions.count() == (entry.arm == "treated")
    assert {entry.arm for entry in entries.values()} == {"held", "treated"}
    assert Message.objects.count() == sum(e.arm == "treated" for e in entries.values())


@pytest.mark.parametrize(
    "change", [{"never_withheld": True}, {"start": {"kind": "promise.late"}}]
)
def test_what_is_owed_is_withheld_from_nobody(change):
    fields = {"never_withheld": False, "held_percent": 50} | change
    if fields["never_withheld"]:
        fields["held_percent"] = 0
    make_play(effective_from=SINCE, **fields)
    for _ in range(8):
        facts = make_behind()
        make_accountability(plan=facts.plan, due_on=TODAY - DAY)

    refresh()

    assert Intervention.objects.count() == 8
    assert set(Enrolment.objects.values_list("arm", "draw")) == {("treated", None)}


# The ladder


def step(play, position, **overrides):
    fields = {"act": "Ask again", "minutes": 20, "due_days": 4, "wait_days": 5}
    return PlayStep.objects.create(
        version=play.current, position=position, **(fields | overrides)
    )


def ladder(*channels, delivery="message", steps=3, **overrides):
    """A play whose steps change the channel, and a member in a segment of these channels."""
    template = make_template()
    play = make_play(effective_from=SINCE, template=template, **overrides)
    for position in range(2, steps + 1):
        step(play, position, template=template)
    segment = make_segment(delivery=Delivery(delivery), channels=list(channels))
    return play, make_behind(segment=segment)


def sent(day=TODAY):
    at = datetime(day.year, day.month, day.day, 10, tzinfo=UTC)
    Message.objects.filter(status="queued").update(status="sent", finished_at=at)


def steps_taken():
    rows = Intervention.objects.select_related("step").order_by("pk")
    return [
        (row.step.position, row.channel, row.status, (row.opened_on - TODAY).days)
        for row in rows
    ]


def nights(first, last, **overrides):
    """Rows that each night from one day on wrote, counted from today."""
    return [refresh(as_of=TODAY + day * DAY).rows_out for day in range(first, last + 1)]


def test_next_step_opens_once_delivered_and_waited_for_and_changes_the_channel():
    _, facts = ladder("email", "chat", "call")
    owner = make_user()
    set_facts(facts, owner=owner)

    assert nights(0, 6) == [1, 0, 0, 0, 0, 0, 0]  # queued, and not yet sent
    sent(TODAY + 6 * DAY)
    assert nights(7, 11) == [0, 0, 0, 0, 1]
    chat = Intervention.objects.get(status="open")
    assert (chat.owner, chat.minutes, chat.due_on) == (owner, 20, TODAY + 15 * DAY)
    assert nights(12, 20) == [0] * 9  # open, and not yet done
    chat.status, chat.outcome = "done", "no_answer"
    chat.finished_at = MORNING + 20 * DAY
    chat.save()
    assert nights(21, 26) == [0, 0, 0, 0, 1, 0]

    assert steps_taken() == [
        (1, "email", "message", 0), (2, "chat", "done", 11), (3, "call", "open", 25),
    ]  # fmt: skip
    assert Message.objects.count() == 1


def test_last_step_has_the_whole_story():
    ladder("email", "portal", steps=2)
    refresh()
    sent()
    refresh(as_of=TODAY + 5 * DAY)

    item = Intervention.objects.get(status="open")
    assert item.occurrence.endswith(", step 2")
    assert item.evidence["story"] == [
        {
            "step": 1,
            "day": "2026-07-29",
            "act": "Ring them",
            "channel": "email",
            "hand": "system",
            "outcome": "sent",
        }
    ]
    assert item.why == (
        "Behind since 26 July 2026: “Milestone 1” was expected on 18 July 2026. "
        "Step 1 on 29 July 2026, an e-mail: sent."
    )


@pytest.mark.parametrize(
    ("refused", "channel"), [([], "chat"), (["chat"], "call"), (["chat", "call"], "email")]
)
def test_channels_that_the_contact_refused_are_skipped(refused, channel):
    _, facts = ladder("email", "chat", "call")
    Preference.objects.create(
        person=facts.contact, refused_channels=refused, updated_at=MORNING
    )
    refresh()
    sent()
    refresh(as_of=TODAY + 5 * DAY)

    assert steps_taken()[1:] == [(2, channel, "open", 5)]


def test_message_over_a_second_channel_goes_out_as_a_notice_on_their_page():
    _, facts = ladder("email", "portal", "call")
    make_user(role="member", member=facts.member, person=facts.contact)
    refresh()
    sent()
    refresh(as_of=TODAY + 5 * DAY)

    assert steps_taken()[1:] == [(2, "portal", "message", 5)]
    assert list(Message.objects.order_by("pk").values_list("channel", flat=True)) == [
        "email",
        "portal",
    ]


def test_step_of_another_person_goes_to_the_pool_and_stays_there():
    play = make_play(effective_from=SINCE)
    step(play, 2, changes="person")
    make_behind(owner=make_user(), segment=make_segment(channels=["call"]))
    refresh()
    Intervention.objects.update(status="done", outcome="no_answer", finished_at=MORNING)
    nights(1, 6)

    item = Intervention.objects.get(status="open")
    assert (item.channel, item.owner, item.evidence["hand"]) == ("call", None, "other")


def test_what_we_owe_makes_the_next_step_a_persons():
    _, facts = ladder("email", "portal", "call")
    make_user(role="member", member=facts.member, person=facts.contact)
    refresh()
    sent()
    set_facts(facts, we_owe_since=TODAY + DAY)
    refresh(as_of=TODAY + 5 * DAY)

    assert steps_taken()[1:] == [(2, "portal", "open", 5)]


def test_third_try_never_happens():
    play = make_play(effective_from=SINCE)
    for position in (2, 3, 4):
        step(play, position, changes="ask", act="Ring them", wait_days=0)
    make_behind(segment=make_segment(channels=["call"]))
    for day in range(6):
        refresh(as_of=TODAY + day * DAY)
        Intervention.objects.filter(status="open").update(
            status="done", outcome="no_answer", finished_at=MORNING + day * DAY
        )

    assert [row[:2] for row in steps_taken()] == [(1, "call"), (2, "call")]
    entry = Enrolment.objects.get()
    assert (entry.end, entry.end_reason) == ("done", "Every way has been tried")


def test_message_that_came_back_is_a_persons_and_the_ladder_waits():
    ladder("email", "chat", "call")
    refresh()
    sent()
    refresh(as_of=TODAY + DAY)
    Message.objects.update(returned_at=MORNING)

    assert nights(2, 9) == [1, 0, 0, 0, 0, 0, 0, 0]
    assert steps_taken() == [(1, "email", "open", 0)]
    assert Intervention.objects.get().why.endswith(" The message came back.")
    assert Enrolment.objects.get().next_on is None


# The end


AIM = {"fact": "state", "op": "in", "value": ["on_track", "ahead"]}


@pytest.mark.parametrize(
    ("change", "end", "reason"),
    [
        ({"state": "on_track"}, "reached", "The aim is reached"),
        (
            {"state": "achieved", "behind_since": None},
            "gone",
            "It is no longer so: the state is achieved",
        ),
        ({"tier": "Gold"}, "stopped", "It was to stop where: Tier is Gold"),
    ],
)
@pytest.mark.parametrize("held_percent", [0, 50])
def test_entry_ends_in_both_arms_and_its_open_item_says_so(change, end, reason, held_percent):
    play = make_play(
        effective_from=SINCE,
        held_percent=held_percent,
        aim_condition=AIM,
        stop={"fact": "tier", "op": "eq", "value": "Gold"},
    )
    for _ in range(6):
        make_behind()
    refresh()
    treated = Intervention.objects.count()
    MemberFacts.objects.update(**change)

    assert refresh(as_of=TODAY + DAY).rows_out == treated
    assert refresh(as_of=TODAY + DAY).rows_out == 0

    reached_on = TODAY + DAY if end == "reached" else None
    assert set(play.enrolments.values_list("end", "end_reason", "ended_on", "reached_on")) == {
        (end, reason, TODAY + DAY, reached_on)
    }
    assert closings() == [reason] * treated


def test_aim_is_followed_after_the_end_for_as_long_as_it_counts():
    play = make_play(effective_from=SINCE, aim_condition=AIM, aim_days=10)
    first, second = make_behind(), make_behind()
    refresh()
    Intervention.objects.update(status="done", finished_at=MORNING)
    refresh(as_of=TODAY + DAY)
    set_facts(first, state="on_track")
    refresh(as_of=TODAY + 10 * DAY)
    set_facts(second, state="on_track")
    refresh(as_of=TODAY + 11 * DAY)

    assert dict(play.enrolments.values_list("member_id", "reached_on")) == {
        first.pk: TODAY + 10 * DAY,
        second.pk: None,
    }
    assert set(play.enrolments.values_list("end", flat=True)) == {"done"}


def test_answer_ends_the_ladder_but_not_an_automatic_one_or_one_before_it_began():
    ladder("email", "chat", "call")
    refresh()
    sent()
    member = MemberFacts.objects.get().member

    def answer(number, moment, *, is_automatic=False):
        Reply.objects.create(
            member=member,
            provider="test",
            event_id=str(number),
            received_at=moment,
            is_automatic=is_automatic,
        )

    answer(1, datetime(2026, 7, 29, 9, tzinfo=UTC))
    answer(2, datetime(2026, 7, 30, 9, tzinfo=UTC), is_automatic=True)
    refresh(as_of=TODAY + DAY)
    assert Enrolment.objects.get().end == ""
    answer(3, datetime(2026, 7, 31, 9, tzinfo=UTC))
    nights(2, 8)

    entry = Enrolment.objects.get()
    assert (entry.end, entry.end_reason) == ("replied", "They replied on 31 July 2026")
    assert steps_taken() == [(1, "email", "message", 0)]


def test_whoever_wants_nothing_discretionary_goes_out_and_does_not_come_in():
    play = make_play(effective_from=SINCE)
    owed = make_play(effective_from=SINCE, never_withheld=True)
    inside, outside = make_behind(), make_behind()
    wish = {"no_discretionary": True, "updated_at": MORNING}
    Preference.objects.create(person=outside.contact, **wish)
    refresh()
    Preference.objects.create(person=inside.contact, **wish)
    refresh(as_of=TODAY + DAY)

    assert list(play.enrolments.values_list("member_id", "end")) == [(inside.pk, "opted_out")]
    assert set(owed.enrolments.values_list("member_id", "end")) == {
        (inside.pk, ""), (outside.pk, ""),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("paused_because", "end"), [("", "switched_off"), ("Too many at once", "")]
)
def test_play_switched_off_lets_go_of_those_inside_and_a_paused_one_keeps_them(
    paused_because, end
):
    make_play(effective_from=SINCE)
    make_behind()
    refresh()
    Play.objects.update(is_active=False, paused_because=paused_because)
    refresh()

    assert Enrolment.objects.get().end == end


def test_person_who_saw_no_need_ends_the_ladder():
    play = make_play(effective_from=SINCE)
    step(play, 2)
    make_behind()
    refresh()
    Intervention.objects.update(status="done", outcome="not_needed", finished_at=MORNING)
    nights(1, 9)

    assert Intervention.objects.count() == 1
    assert Enrolment.objects.get().end == "stopped"


# Entering again


@pytest.mark.parametrize(
    ("reentry", "entries"),
    [("never", 1), ("occurrence", 3), ("after_days", 2)],
)
def test_reentry(reentry, entries):
    make_play(effective_from=SINCE, reentry=reentry, reentry_days=10)
    facts = make_behind()
    for day in (0, 5, 12):
        set_facts(facts, behind_since=TODAY + day * DAY)
        refresh(as_of=TODAY + day * DAY)
        Intervention.objects.filter(status="open").update(
            status="done", finished_at=MORNING + day * DAY
        )
        refresh(as_of=TODAY + (day + 1) * DAY)

    assert Enrolment.objects.count() == entries


# Other starts


def test_condition_fires_when_it_becomes_true_and_again_only_after_it_was_not():
    make_play(
        effective_from=SINCE,
        start={"while": {"fact": "people_involved", "op": "eq", "value": 0}, "why": "Nobody."},
    )
    facts = make_behind(people_involved=2)
    assert nights(0, 1) == [0, 0]
    set_facts(facts, people_involved=0)
    assert nights(2, 4) == [1, 0, 0]
    Intervention.objects.update(status="done", finished_at=MORNING + 4 * DAY)
    assert nights(5, 40) == [0] * 36
    set_facts(facts, people_involved=1)
    assert nights(41, 42) == [0, 0]
    set_facts(facts, people_involved=0)
    assert nights(43, 44) == [1, 0]
    set_facts(facts, people_involved=3)
    assert nights(45, 46) == [1, 0]

    entries = Enrolment.objects.order_by("pk").values_list("occurrence", "end")
    assert list(entries) == [("since 2026-07-31", "done"), ("since 2026-09-10", "gone")]
    assert closings() == ["It is no longer so"]


def test_every_quarter_starts_on_its_first_day_or_when_the_night_catches_up():
    make_play(
        effective_from=date(2026, 7, 2),
        start_kind="timed",
        start={"every": "quarter", "why": "A quarter began on {day}."},
    )
    make_member_facts()

    assert refresh(as_of=date(2026, 9, 30)).rows_out == 0  # began before it was in effect
    assert refresh(as_of=date(2026, 10, 5)).rows_out == 1
    assert refresh(as_of=date(2026, 12, 31)).rows_out == 0
    assert refresh(as_of=date(2027, 1, 1)).rows_out == 2  # the one closes, the other opens

    assert [row[1:] for row in opened()] == [
        ("quarter from 2026-10-01", "closed"), ("quarter from 2027-01-01", "open"),
    ]  # fmt: skip
    assert closings() == ["A new quarter has begun"]


def test_a_spread_quarter_gives_everybody_a_day_of_their_own_and_catches_up():
    play = make_play(
        effective_from=date(2026, 7, 1),
        start_kind="timed",
        start={"every": "quarter", "over_days": 5, "why": "A quarter began on {period}."},
    )
    members = [make_member_facts().pk for _ in range(12)]
    days = working_days(date(2026, 7, 1), count=5)
    own = {pk: days[place(salt=f"{play.key}:day", account=pk, among=5)] for pk in members}

    # the night of the second day was missed, and the weekend opens nothing
    opened_by_night = {
        night: refresh(as_of=night).rows_out
        for night in (days[0], days[2], days[2] + DAY, days[3], days[4], days[4] + 30 * DAY)
    }

    counted = Counter(own.values())
    assert opened_by_night == {
        days[0]: counted[days[0]],
        days[2]: counted[days[1]] + counted[days[2]],
        days[2] + DAY: 0,
        days[3]: counted[days[3]],
        days[4]: counted[days[4]],
        days[4] + 30 * DAY: 0,
    }
    assert dict(Enrolment.objects.values_list("member_id", "occurred_on")) == own
    assert set(Intervention.objects.values_list("why", flat=True)) == {
        "A quarter began on 1 July 2026."
    }
    assert set(Enrolment.objects.values_list("occurrence", flat=True)) == {
        "quarter from 2026-07-01"
    }


def test_who_would_enter_a_spread_quarter_today_is_whose_day_has_come():
    play = make_play(
        effective_from=date(2026, 7, 1),
        start_kind="timed",
        start={"every": "quarter", "over_days": 5},
    )
    members = [make_member_facts().pk for _ in range(12)]
    days = working_days(date(2026, 7, 1), count=5)
    own = {pk: place(salt=f"{play.key}:day", account=pk, among=5) for pk in members}

    found = plays.candidates(play.current, as_of=days[2], scope=EVERYBODY)

    assert {each.member_id: each.occurred_on for each in found} == {
        pk: days[at] for pk, at in own.items() if at <= 2
    }
    later = next(pk for pk, at in own.items() if at == 4)
    assert plays.why_not(play.current, member_id=later, as_of=days[2]) == (
        f"It starts for them on {days[4].day} July 2026",
    )


def test_day_may_lie_before_the_fact_and_passes_with_it():
    make_play(
        effective_from=SINCE,
        start_kind="timed",
        start={"fact": "term_ends_on", "offset_days": -90, "why": "{offset} days to {ends}."},
    )
    on_time, early, late = (
        make_member_facts(term_ends_on=TODAY + days * DAY) for days in (90, 91, 69)
    )

    assert nights(0, 1) == [1, 1]
    set_facts(on_time, term_ends_on=TODAY + 455 * DAY)
    assert refresh(as_of=TODAY + 2 * DAY).rows_out == 1

    assert [(row[0], row[2]) for row in opened()] == [
        (on_time.pk, "closed"), (early.pk, "open"),
    ]  # fmt: skip
    assert Intervention.objects.first().why == "90 days to 27 October 2026."
    assert late.pk not in set(Enrolment.objects.values_list("member_id", flat=True))


# What stops a play, and what goes on under an old version


def test_play_that_takes_in_far_too_many_is_paused_and_asks_a_person():
    director = make_user(role="director")
    play = make_play(effective_from=SINCE, most_a_night=2)
    for _ in range(3):
        make_behind()

    assert refresh().rows_out == 0
    assert refresh().rows_out == 0

    play.refresh_from_db()
    assert not play.is_active
    assert play.paused_because == (
        "On 2026-07-29 it would have taken in 3 members; more than 2 in a night is for a "
        "person to decide."
    )
    assert Enrolment.objects.count() == 0
    tell_due(on=TODAY, at=MORNING)  # the minute's look tells it no second time
    assert list(director.notices.values_list("title", flat=True)) == [
        f"“{play.title}” has stopped by itself"
    ]


def test_those_inside_go_on_under_the_version_they_entered():
    play, _ = ladder("email", "chat", "call")
    refresh()
    sent()
    old = play.current
    PlayVersion.objects.filter(pk=old.pk).update(status="superseded")
    play.current = PlayVersion.objects.create(
        play=play,
        number=2,
        status="published",
        aim="Another",
        start_kind="data",
        start={"fact": "behind_since"},
        audience={"fact": "tier", "op": "eq", "value": "Gold"},
        queue_class=4,
        reentry="occurrence",
        effective_from=TODAY,
    )
    play.save()
    PlayStep.objects.create(
        version=play.current, position=1, act="Write", minutes=5, due_days=1
    )
    nights(1, 5)

    assert steps_taken()[1:] == [(2, "chat", "open", 5)]
    assert Enrolment.objects.get().version == old


# Catching up (DOMAIN 2.10)


def test_nights_three_and_four_missed_are_made_up_on_the_fifth_once_each():
    day_30(template=make_template())
    segment = by_message()
    for offset in range(5):
        make_behind(anchor_on=TODAY - 30 * DAY + offset * DAY, segment=segment)

    due = [refresh(as_of=TODAY + day * DAY).rows_out for day in (0, 1, 4, 4, 5)]

    assert due == [1, 1, 3, 0, 0]
    assert Message.objects.count() == 5
    assert Message.objects.values("member").distinct().count() == 5


def test_steps_missed_for_two_nights_open_once_each():
    ladder("email", "chat", "call")
    refresh()
    sent()

    assert refresh(as_of=TODAY + 8 * DAY).rows_out == 1
    assert refresh(as_of=TODAY + 8 * DAY).rows_out == 0
    assert steps_taken()[1:] == [(2, "chat", "open", 8)]


# Looking


def test_candidates_are_those_that_the_night_takes_in_and_nothing_is_written():
    make_play(effective_from=SINCE, template=make_template(), held_percent=50, salt="exp1")
    for delivery in ("message", "person", "message"):
        segment = make_segment(delivery=Delivery(delivery), channels=["email", "call"])
        make_behind(segment=segment)
    version = PlayVersion.objects.get()

    found = plays.candidates(version, as_of=TODAY, scope=EVERYBODY)
    assert Enrolment.objects.count() == 0
    refresh()

    assert [(each.member_id, each.occurrence, each.occurred_on) for each in found] == list(
        Enrolment.objects.order_by("member_id").values_list(
            "member_id", "occurrence", "occurred_on"
        )
    )
    acted_on = [each for each in found if not each.is_held]
    assert [
        (each.member_id, each.channel, each.why, each.hand == "system") for each in acted_on
    ] == [
        (item.member_id, item.channel, item.why, item.status == "message")
        for item in Intervention.objects.order_by("member_id")
    ]
    assert plays.candidates(version, as_of=TODAY, scope=EVERYBODY) == []


def test_draft_may_be_asked_who_would_enter():
    play = make_play(effective_from=SINCE, is_active=False)
    PlayVersion.objects.update(status="draft", effective_from=TODAY + 90 * DAY)
    facts = make_behind(since=TODAY)

    found = plays.candidates(PlayVersion.objects.get(play=play), as_of=TODAY, scope=EVERYBODY)

    assert [each.member_id for each in found] == [facts.pk]


@pytest.mark.parametrize(
    ("change", "reasons"),
    [
        ({}, ()),
        (
            {"tier": "Gold", "standing": "lapsed"},
            ("Not in the audience, which asks: Standing of the membership is in force",),
        ),
        (
            {"behind_since": None},
            ("It has not started for them: nothing that would start it has happened",),
        ),
        ({"state": "on_track"}, ("The aim is reached already",)),
        ({"tier": "Silver"}, ("The stop rule holds for them",)),
    ],
)
def test_why_not_says_what_keeps_a_member_out(change, reasons):
    play = make_play(
        effective_from=SINCE,
        aim_condition=AIM,
        stop={"fact": "tier", "op": "eq", "value": "Silver"},
        audience={"all": [{"fact": "standing", "op": "eq", "value": "in_force"}]},
    )
    facts = make_behind()
    set_facts(facts, **change)

    found = plays.why_not(play.current, member_id=facts.pk, as_of=TODAY)

    assert found == reasons
    assert (refresh().rows_out == 1) is (found == ())


def test_why_not_speaks_of_earlier_entries_and_of_wishes():
    play = make_play(effective_from=SINCE, reentry="never")
    facts = make_behind()
    refresh()
    inside = plays.why_not(play.current, member_id=facts.pk, as_of=TODAY)
    Intervention.objects.update(status="done", finished_at=MORNING)
    refresh(as_of=TODAY + DAY)
    set_facts(facts, behind_since=TODAY)
    after = plays.why_not(play.current, member_id=facts.pk, as_of=TODAY + DAY)
    other = make_behind()
    Preference.objects.create(person=other.contact, no_discretionary=True, updated_at=MORNING)

    assert inside == ("They are in it since 29 July 2026",)
    assert after == (
        "They were in it from 29 July 2026 to 30 July 2026, and may not enter again now",
    )
    assert plays.why_not(play.current, member_id=other.pk, as_of=TODAY) == (
        "They asked not to be contacted",
    )
    assert plays.why_not(play.current, member_id=0, as_of=TODAY) == (
        "Nothing is known of this member",
    )


@pytest.mark.parametrize(
    ("kind", "start", "said"),
    [
        (
            "data",
            {"while": {"fact": "behind_since", "op": "not_null"}},
            "Since 29 July 2026: Behind since is known.",
        ),
        ("data", {"fact": "joined_on"}, "“Member since”: 1 July 2026."),
        (
            "timed",
            {"fact": "joined_on", "offset_days": 3},
            "3 days after “Member since”: 4 July 2026.",
        ),
        ("timed", {"every": "month"}, "A month began on 1 July 2026."),
    ],
)
def test_an_item_without_words_of_its_play_says_what_started_it(kind, start, said):
    play = make_play(effective_from=date(2026, 6, 1), start_kind=kind, start=start)
    facts = make_behind()
    set_facts(facts, joined_on=date(2026, 7, 1))

    found = plays.candidates(play.current, as_of=TODAY, scope=EVERYBODY)

    assert [each.why for each in found] == [said]
