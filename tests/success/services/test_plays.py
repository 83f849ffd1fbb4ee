from datetime import timedelta

import pytest
from django.core import mail
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from communications.models import Message, MessageTemplate
from communications.services import gate, templates
from coverage.enums import Delivery
from coverage.services.segments import DEFAULT_SEGMENTS
from engagement.services.facts import record
from members.enums import Origin, Role
from members.rollups.dirty import mark_dirty
from members.rollups.scope import Scope
from success import tasks
from success.engine.ladder import Rung, ways
from success.models import (
    Enrolment,
    Intervention,
    MemberFacts,
    Milestone,
    Play,
    PlayStep,
    PlayVersion,
    SleepingDog,
)
from success.queries.playbook import planned_of
from success.rollups import plays
from success.services import digests, handovers, mailings, nights, playbook, reviews, starter
from success.services.plays import ensure_default_plays, hear, move_inside, unheard
from tests.factories import (
    MORNING,
    NOON,
    TODAY,
    make_accountability,
    make_default_plays,
    make_fact,
    make_intervention,
    make_member,
    make_member_facts,
    make_message,
    make_person,
    make_plan,
    make_segment,
    make_term,
    make_user,
)

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


@pytest.fixture
def queued():
    """The message of a member who is behind, with the facts that it came from."""
    make_default_plays(effective_from=TODAY - 30 * DAY)
    plan = make_plan(anchor_on=TODAY - 20 * DAY)
    first = plan.milestones.get(position=1)
    facts = make_member_facts(
        member=plan.member,
        plan=plan,
        anchor_on=plan.anchor_on,
        state="stalled",
        blocking=first,
        next_milestone=first,
        blocked_since=TODAY - 10 * DAY,
        behind_since=TODAY - 2 * DAY,
        contact=make_person(name="Ann"),
        segment=make_segment(delivery=Delivery.MESSAGE),
    )
    plays.refresh(as_of=TODAY, scope=Scope(first=0, last=2**62), at=MORNING)
    return facts


def outcome():
    gate.send_due(at=MORNING)
    return Message.objects.values_list("status", "outcome").get()


def test_messages_of_ours_share_no_key_and_can_be_read_with_examples():
    ours = [
        *((words["key"], words, starter.GAPS) for words in starter.DEFAULT_TEMPLATES),
        *((key, words, reviews.GAPS) for key, words in reviews.TEMPLATES.items()),
        *((key, words, handovers.GAPS) for key, words in handovers.WORDS.items()),
        (digests.TEMPLATE, digests.WORDS, digests.GAPS),
        (mailings.TEMPLATE, mailings.WORDS, mailings.GAPS),
    ]

    made = [templates.ensure(key=key, words=words, gaps=gaps) for key, words, gaps in ours]
    again = templates.ensure(key="welcome", words={"subject": "", "body": "Other"}, gaps={})

    assert len({template.pk for template in made}) == len(ours)
    assert all(template.title for template in made)
    for template in made:
        read = templates.preview(template, variables=templates.examples_of(template))
        assert (template.key, read.missing) == (template.key, ())
    assert again.body.startswith("Dear")


def test_default_plays_are_made_once():
    made = make_default_plays(effective_from=TODAY)
    Play.objects.filter(key="milestone-overdue").update(title="Ours")

    again = make_default_plays(effective_from=TODAY + DAY)

    assert [(p.key, p.current.start_kind, p.current.queue_class) for p in made] == [
        ("day-30-without-first-value", "timed", 5),
        ("welcome", "timed", 6),
        ("milestone-overdue", "data", 5),
        ("last-maintainer-left", "trigger", 2),
        ("promise-of-ours-late", "data", 1),
        ("declaration-waiting", "trigger", 1),
        ("no-plan-by-day-14", "timed", 6),
        ("next-goal", "data", 7),
        ("goal-stale", "timed", 7),
        ("ask-eligible", "trigger", 8),
        ("decision-maker-quiet", "data", 3),
        ("quarterly-review", "timed", 7),
        ("renewal-120", "timed", 7),
        ("renewal-90", "timed", 7),
        ("renewal-60", "timed", 7),
        ("renewal-30", "timed", 7),
        ("lapsed-in-grace", "timed", 7),
    ]
    assert [play.pk for play in again] == [play.pk for play in made]
    assert set(Play.objects.values_list("current__effective_from", flat=True)) == {TODAY}
    assert Play.objects.filter(title="Ours").count() == 1
    assert MessageTemplate.objects.count() == 9


def test_message_of_a_play_goes_out_while_its_reason_holds(queued):
    assert outcome()[0] == "sent"
    [letter] = mail.outbox
    assert letter.subject == "What would help with “Milestone 1”?"
    assert letter.body.startswith(f"Dear Ann,\n\nthe point that {queued.member.name} wanted")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"standing": "lapsed"}, "The membership is not in force"),
        ({"state": "on_track"}, "They have moved: the state is on track"),
        ({"behind_since": None}, "It is no longer so: the state is stalled"),
        ({"plan": None, "behind_since": None}, "The plan has been replaced"),
    ],
)
def test_message_is_stopped_when_its_reason_is_gone(queued, change, reason):
    MemberFacts.objects.filter(pk=queued.pk).update(**change)

    assert outcome() == ("suppressed", reason)
    assert mail.outbox == []


@pytest.mark.parametrize(
    ("promise", "sent"),
    [
        ({"due_on": TODAY - DAY}, False),
        ({"due_on": TODAY}, True),
        ({"due_on": TODAY - DAY, "done_on": TODAY}, True),
        ({"due_on": TODAY - DAY, "waived_on": TODAY}, True),
        ({"due_on": TODAY - DAY, "side": "member"}, True),
    ],
)
def test_message_waits_for_what_we_promised_since_the_night(queued, promise, sent):
    make_accountability(plan=queued.plan, **promise)
    make_accountability(due_on=TODAY - 9 * DAY)  # to another member

    kept_back = ("suppressed", "A promise of ours to them is late")

    assert (outcome() == kept_back) is not sent


def test_message_goes_once_the_promise_late_at_night_was_kept(queued):
    MemberFacts.objects.filter(pk=queued.pk).update(we_owe_since=TODAY - 3 * DAY)

    assert outcome()[0] == "sent"


def test_message_waits_where_our_promise_is_due_today_at_the_overdue_milestone(queued):
    make_accountability(plan=queued.plan, milestone=queued.blocking, due_on=TODAY)

    assert outcome()[0] == "suppressed"


def test_discretionary_message_of_no_play_waits_for_our_promise_too():
    promise = make_accountability(due_on=TODAY - DAY)
    make_message(member=promise.plan.member)

    assert outcome()[0] == "suppressed"


def test_message_is_stopped_by_a_milestone_reached_since_the_night(queued):
    Milestone.objects.filter(pk=queued.blocking_id).update(evidence_dates=[TODAY])

    assert outcome() == ("suppressed", "Milestone 1 has been reached")


@pytest.mark.parametrize("dates", [[TODAY + DAY], [TODAY - DAY, TODAY]])
def test_milestone_not_yet_reached_or_revoked_stops_nothing(queued, dates):
    Milestone.objects.filter(pk=queued.blocking_id).update(evidence_dates=dates)

    assert outcome()[0] == "sent"


def test_message_of_a_play_switched_off_is_stopped(queued):
    Play.objects.update(is_active=False)

    assert outcome() == ("suppressed", "The play was switched off")


def test_message_to_a_kind_of_member_that_the_play_makes_worse_is_stopped(queued):
    entry = Enrolment.objects.get(play__key="milestone-overdue")
    SleepingDog.objects.create(
        play=entry.play,
        salt=entry.version.salt,
        segment=entry.segment,
        state=entry.state,
        outcome="aim",
        lift=-0.1,
        p=0.001,
        treated_n=400,
        held_n=400,
        found_on=TODAY,
    )

    assert outcome() == (
        "suppressed",
        "Members of this kind did worse where they were written to",
    )


def test_message_without_an_intervention_is_none_of_our_business():
    make_message(member=make_member())

    assert outcome()[0] == "sent"


def test_stopped_message_closes_its_intervention_the_next_night(queued):
    MemberFacts.objects.filter(pk=queued.pk).update(standing="lapsed")
    outcome()

    plays.refresh(as_of=TODAY + DAY, scope=Scope(first=0, last=2**62), at=MORNING + DAY)

    item = Intervention.objects.get(play__key="milestone-overdue")
    assert item.status == "closed"
    assert list(item.events.order_by("pk").values_list("verb", flat=True)) == [
        "opened",
        "closed",
    ]


# The starter set


def test_every_play_to_start_with_can_be_done_in_every_segment():
    for play in make_default_plays(effective_from=TODAY):
        steps = [
            Rung(
                position=step.position,
                intent=step.intent,
                changes=step.changes,
                has_template=step.template_id is not None,
                ask=step.act,
            )
            for step in play.current.steps.order_by("position")
        ]
        for segment in DEFAULT_SEGMENTS:
            found = ways(steps, channels=segment["channels"], delivery=segment["delivery"])
            assert found[-1].hand == "person" or len(steps) == 1


def test_every_play_to_start_with_may_be_written_anew_and_published():
    olga = make_user(role=Role.OPERATIONS)

    for play in make_default_plays(effective_from=TODAY):
        draft = playbook.start_draft(play=play, title=play.title, by=olga, at=NOON)
        found = playbook.judge(draft, planned=planned_of(draft), as_of=TODAY)
        assert [each.words for each in found if each.is_error] == [], play.key


def test_plays_to_start_with_hold_back_what_may_wait_and_nothing_that_is_owed():
    ensure_default_plays(effective_from=TODAY)

    held = PlayVersion.objects.filter(held_percent__gt=0).order_by("pk")
    owed = PlayVersion.objects.filter(never_withheld=True).order_by("pk")
    assert [version.play.key for version in held] == [
        "day-30-without-first-value",
        "milestone-overdue",
        "goal-stale",
        "decision-maker-quiet",
        "quarterly-review",
    ]
    assert [version.play.key for version in owed] == [
        "welcome",
        "promise-of-ours-late",
        "declaration-waiting",
        "no-plan-by-day-14",
        "next-goal",
        "renewal-120",
        "renewal-90",
        "renewal-60",
        "renewal-30",
        "lapsed-in-grace",
    ]


def opened(as_of):
    plays.refresh(as_of=as_of, scope=Scope(first=0, last=2**62), at=MORNING)
    items = Intervention.objects.filter(status="open").order_by("pk")
    return list(items.values_list("play__key", flat=True))


def test_renewal_has_a_reason_of_its_own_at_each_day_and_stops_when_it_is_known():
    make_default_plays(effective_from=TODAY - 30 * DAY)
    facts = make_member_facts(term_ends_on=TODAY + 120 * DAY, state="no_plan")

    seen = [opened(TODAY + days * DAY) for days in (0, 29, 30, 60, 90)]
    assert seen == [
        ["renewal-120"], ["renewal-120"], ["renewal-90"], ["renewal-60"], ["renewal-30"],
    ]  # fmt: skip
    assert len(set(Intervention.objects.values_list("why", flat=True))) == 4

    MemberFacts.objects.filter(pk=facts.pk).update(next_term_on=TODAY + 120 * DAY)
    assert opened(TODAY + 91 * DAY) == []
    ends = Enrolment.objects.order_by("pk").values_list("end", flat=True)
    assert list(ends) == ["gone", "gone", "gone", "reached"]


@pytest.mark.parametrize(
    ("fields", "keys"),
    [
        ({"joined_on": TODAY}, ["welcome"]),
        ({"joined_on": TODAY - 11 * DAY}, []),
        (
            {"standing": "in_grace", "term_ends_on": TODAY - DAY},
            ["lapsed-in-grace"],
        ),
        ({"standing": "in_grace", "term_ends_on": TODAY}, []),
        (
            {"decider_last_on": TODAY - 181 * DAY, "last_fact_on": TODAY - 90 * DAY},
            ["decision-maker-quiet"],
        ),
        ({"decider_last_on": TODAY - 181 * DAY, "last_fact_on": TODAY - 91 * DAY}, []),
        ({"decider_last_on": None, "last_fact_on": TODAY}, []),
    ],
)
def test_play_to_start_with_opens_for_whom_it_is(fields, keys):
    make_default_plays(effective_from=TODAY - 30 * DAY)
    make_member_facts(**({"state": "no_plan"} | fields))

    assert opened(TODAY) == keys


def test_quarterly_review_opens_where_the_last_is_long_ago():
    make_default_plays(effective_from=TODAY - 30 * DAY)
    for review_on in (None, TODAY - 76 * DAY, TODAY - 75 * DAY, TODAY + DAY):
        make_member_facts(state="on_track", review_on=review_on)

    assert opened(TODAY) == ["quarterly-review"] * 2


# Last moments


def test_message_is_stopped_by_an_entry_that_has_ended(queued):
    Enrolment.objects.update(
        ended_on=TODAY, end="replied", end_reason="They replied on 29 July 2026"
    )

    assert outcome() == ("suppressed", "They replied on 29 July 2026")


def test_message_is_stopped_by_the_aim_and_by_the_stop_rule(queued):
    PlayVersion.objects.filter(play__key="milestone-overdue").update(
        stop={"fact": "tier", "op": "eq", "value": "Gold"}
    )
    MemberFacts.objects.update(tier="Gold")

    assert outcome() == ("suppressed", "It was to stop where: Tier is Gold")


# Moving those inside


def published_anew(play):
    old = play.current
    PlayVersion.objects.filter(pk=old.pk).update(status="superseded")
    new = PlayVersion.objects.get(pk=old.pk)
    new.pk, new.number, new.status = None, 2, "published"
    new.save()
    PlayStep.objects.create(version=new, position=1, act="Write", minutes=5, due_days=1)
    Play.objects.filter(pk=play.pk).update(current=new)
    return new


@pytest.mark.parametrize(
    ("how", "count", "version", "status"),
    [("stay", 1, 1, "open"), ("move", 1, 2, "open"), ("stop", 1, 1, "closed")],
)
def test_those_inside_stay_move_or_stop(how, count, version, status):
    item = make_intervention()
    new = published_anew(item.play)

    for expected in (count, 0 if how != "stay" else count):
        assert (
            move_inside(play=item.play, to_version=new, how=how, by=None, at=MORNING)
            == expected
        )

    entry = Enrolment.objects.get()
    item.refresh_from_db()
    assert (entry.version.number, item.status) == (version, status)
    assert entry.end == ("switched_off" if how == "stop" else "")
    assert item.events.count() == (how == "stop")


def test_item_in_hand_keeps_its_entry_when_the_others_are_let_go():
    item = make_intervention(claimed_by=make_user(), claimed_until=MORNING + DAY)
    new = published_anew(item.play)

    assert move_inside(play=item.play, to_version=new, how="stop", by=None, at=MORNING) == 0
    assert Enrolment.objects.get().ended_on is None


# Triggers


@pytest.fixture
def listening():
    """A member known to a night, and a play that waits for the last maintainer to leave."""
    make_default_plays(effective_from=TODAY - 30 * DAY)
    member = make_member()
    make_term(member=member, starts_on=TODAY - 99 * DAY, ends_on=TODAY + 400 * DAY)
    make_fact(
        member=member, kind="maintainer.added", origin="import", occurred_on=TODAY - 90 * DAY
    )
    mark_dirty([(member.pk, TODAY - 99 * DAY)])
    nights.run_night(as_of=TODAY, today=TODAY, clock=lambda: MORNING)
    Intervention.objects.all().delete()
    return member


def left(member, **overrides):
    fields = {
        "member": member,
        "kind": "maintainer.removed",
        "subject": "Envoy",
        "occurred_on": TODAY,
        "source": "test",
        "external_id": "left",
        "at": MORNING,
    }
    return record(**(fields | overrides))


@pytest.mark.django_db(transaction=True)
def test_fact_is_told_after_its_commit_and_becomes_an_item_at_once(listening, monkeypatch):
    told = []
    monkeypatch.setattr(tasks.hear, "delay", lambda **given: told.append(given))

    with transaction.atomic():
        assert left(listening) is not None
        before_the_commit = list(told)
    assert left(listening) is None

    assert before_the_commit == []
    assert told == [{"member_ids": [listening.pk]}]
    assert hear(member_ids=[listening.pk], at=MORNING) == 1
    assert opened_keys() == ["last-maintainer-left"]


def opened_keys():
    items = Intervention.objects.filter(status="open").order_by("pk")
    return list(items.values_list("play__key", flat=True))


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("origin", ["import", "sync", "backfill"])
def test_what_is_brought_in_later_nudges_nobody(listening, monkeypatch, origin):
    told = []
    monkeypatch.setattr(tasks.hear, "delay", lambda **given: told.append(given))

    left(listening, origin=Origin(origin))

    assert (told, unheard(on=TODAY)) == ([], [])


def test_one_nudge_brings_all_that_wait_and_the_next_finds_nothing(listening):
    left(listening)
    others = [left(make_member(), external_id=f"other {n}").member for n in range(3)]

    assert hear(member_ids=[others[0].pk], at=MORNING) == 4
    assert hear(member_ids=[listening.pk], at=MORNING) == 0
    assert unheard(on=TODAY) == []
    assert opened_keys() == ["last-maintainer-left"]


def test_many_are_heard_in_as_many_statements_as_one(listening, django_assert_num_queries):
    alone = left(make_member(), external_id="alone").member
    with CaptureQueriesContext(connection) as of_one:
        assert hear(member_ids=[alone.pk], at=MORNING) == 1
    many = [left(make_member(), external_id=f"one {n}").member for n in range(3)]

    with django_assert_num_queries(len(of_one)):
        assert hear(member_ids=[many[0].pk], at=MORNING) == 3


def test_nothing_depends_on_the_nudge(listening):
    left(listening)
    other = left(make_member(), external_id="other").member
    left(listening, kind="talk.given", external_id="talk")

    assert unheard(on=TODAY) == [listening.pk, other.pk]
    assert hear(member_ids=unheard(on=TODAY), at=MORNING) == 2
    assert unheard(on=TODAY) == []
    assert opened_keys() == ["last-maintainer-left"]
    left(listening, external_id="again")
    assert unheard(on=TODAY) == [listening.pk]
