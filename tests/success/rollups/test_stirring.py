"""A night of plays that looks at few leaves what one that looks at everybody leaves."""

import random
from datetime import UTC, date, datetime, timedelta

import pytest

from communications.models import Message, Preference
from coverage.enums import Delivery
from engagement.models import Fact
from members.models import Member, User
from members.rollups.dirty import mark_dirty
from members.rollups.scope import Scope
from success.models import (
    Accountability,
    Declaration,
    Enrolment,
    Intervention,
    InterventionEvent,
    Milestone,
    Night,
    Play,
    PlayStep,
)
from success.rollups import plays
from success.rollups.watching import moment
from success.services.nights import run_night
from tests.factories import (
    TODAY,
    make_accountability,
    make_affiliation,
    make_ask,
    make_assignment,
    make_declaration,
    make_default_plays,
    make_enrolment,
    make_fact,
    make_member,
    make_member_facts,
    make_message,
    make_person,
    make_plan,
    make_play,
    make_reply,
    make_segment,
    make_template,
    make_term,
    make_user,
)

DAY = timedelta(days=1)
# the first night of July begins a quarter
FIRST = date(2026, 6, 22)
MEMBERS, NIGHTS = 30, 18
EVERYBODY = Scope(first=0, last=2**62)
STARTS = (
    ("timed", {"every": "month", "over_days": 5}),
    ("timed", {"fact": "term_ends_on", "offset_days": -10}),
    ("timed", {"fact": "last_fact_on", "offset_days": 2}),
    ("data", {"while": {"fact": "last_fact_on", "op": "older_than_days", "value": 4}}),
    ("data", {"while": {"fact": "term_ends_on", "op": "within_next_days", "value": 6}}),
    ("data", {"while": {"fact": "pace_milli", "op": "lt", "value": 900}}),
    ("trigger", {"kind": "meeting.held"}),
    ("trigger", {"kind": "maintainer.removed", "last": True}),
    ("trigger", {"kind": "answer.waiting"}),
    ("trigger", {"kind": "ask.eligible"}),
)
CONDITIONS = (
    None,
    {"fact": "last_fact_on", "op": "within_last_days", "value": 3},
    {"fact": "anchor_on", "op": "older_than_days", "value": 20},
    {"not": {"fact": "term_ends_on", "op": "later_than_days", "value": 12}},
    {"fact": "state", "op": "in", "value": ["on_track", "ahead"]},
)


class Association:
    """Members, and what happens to them and among us between two nights."""

    def __init__(self, seed):
        self.chance = random.Random(seed)
        one = self.chance.choice
        make_default_plays(effective_from=FIRST - one([1, 30]) * DAY)
        template = make_template(subject="A word", body="Good morning.")
        starts = self.chance.sample(STARTS, 5)
        for number, (kind, start) in enumerate(starts):
            self.make_play(number, kind, start, template)
        self.staff = [make_user(), make_user(), make_user()]
        by_message = make_segment(delivery=Delivery.MESSAGE, channels=["email", "portal"])
        self.segments = [by_message, make_segment(channels=["call", "email"])]
        self.people = [make_person() for _ in range(MEMBERS)]
        self.members = [self.join(person) for person in self.people]

    def make_play(self, number, kind, start, template):
        one = self.chance.choice
        play = make_play(
            key=f"play-of-{number}",
            start_kind=kind,
            start=start,
            audience=one(CONDITIONS[1:]) if self.chance.random() < 0.4 else {"all": []},
            aim_condition=one(CONDITIONS),
            stop=one(CONDITIONS) if self.chance.random() < 0.4 else None,
            reentry=one(["never", "occurrence", "after_days"]),
            reentry_days=one([1, 3]),
            aim_days=one([3, 40]),
            held_percent=one([0, 30]),
            effective_from=FIRST + one([-10, 3, 12]) * DAY,
            salt=f"salt {number}",
            template=one([template, template, None]),
        )
        if self.chance.random() < 0.7:
            PlayStep.objects.create(
                version=play.current,
                position=2,
                act="Say that",
                changes="channel",
                wait_days=one([0, 2]),
                template=one([template, None]),
                minutes=10,
                due_days=3,
            )

    def day(self, first, last):
        return FIRST + self.chance.randrange(first, last) * DAY

    def join(self, person):
        one = self.chance.choice
        member = make_member()
        ends_on = self.day(-20, 45)
        make_term(member=member, starts_on=ends_on - one([80, 300]) * DAY, ends_on=ends_on)
        make_affiliation(member=member, person=person, is_primary_contact=True)
        make_assignment(
            member=member, segment=one(self.segments), owner=one([None, *self.staff])
        )
        if self.chance.random() < 0.9:
            plan = make_plan(
                member=member,
                anchor_on=self.day(-60, 0),
                expected_days=(10, 30, 50),
                rules=[{"rule": "first", "areas": ["maintainer"]}],
            )
            for _ in range(3):
                self.promise(plan)
        mark_dirty([(member.pk, ends_on - 300 * DAY)])
        return member

    def promise(self, plan):
        chance = self.chance
        made = make_accountability(
            plan=plan,
            side=chance.choice(["association", "association", "member"]),
            due_on=self.day(-10, NIGHTS + 5),
            done_on=chance.choice([None, None, self.day(-5, NIGHTS)]),
            owner=None,
        )
        if made.side == "association":
            Accountability.objects.filter(pk=made.pk).update(owner=chance.choice(self.staff))

    # Between two nights

    def go_on(self, as_of):
        noon = datetime(as_of.year, as_of.month, as_of.day, 12, tzinfo=UTC)
        chance = self.chance
        for member in self.members:
            if chance.random() < 0.08:
                self.happen(member, as_of, noon)
        for item in Intervention.objects.order_by("pk"):
            if chance.random() < 0.06:
                self.work_on(item, noon)
        self.deliver(noon)
        if chance.random() < 0.04:
            play = chance.choice(list(Play.objects.order_by("pk")))
            Play.objects.filter(pk=play.pk).update(is_active=not play.is_active)
        if chance.random() < 0.04:
            user = chance.choice(self.staff)
            User.objects.filter(pk=user.pk).update(is_active=not user.is_active)

    def deliver(self, noon):
        chance = self.chance
        for message in Message.objects.filter(status="queued").order_by("pk"):
            if chance.random() < 0.8:
                message.status = chance.choice(["sent"] * 6 + ["suppressed", "unknown"])
                message.finished_at, message.outcome = noon, "Said why"
                message.save()
        for message in Message.objects.filter(status="sent", returned_at=None):
            if chance.random() < 0.04:
                Message.objects.filter(pk=message.pk).update(returned_at=noon)

    def happen(self, member, as_of, noon):
        chance, one = self.chance, self.chance.choice
        plan = member.plans.order_by("-pk").first()
        match one([0, 0, 0, 1, 2, 3, 4, 5, 6, 7]):
            case 0:
                fact = make_fact(
                    member=member,
                    kind=one(["maintainer.added", "maintainer.removed", "meeting.held"]),
                    subject=one(["Envoy", "Falco"]),
                    occurred_on=as_of + chance.randrange(-3, 4) * DAY,
                )
                self.changed(member, fact.occurred_on)
            case 1 if plan:
                Milestone.objects.filter(plan=plan, position=chance.randrange(2, 4)).update(
                    evidence_dates=one([None, [as_of], [as_of - 9 * DAY, as_of]]),
                    evidence_source="confirmed",
                )
                self.changed(member, as_of - 9 * DAY)
            case 2 if plan:
                self.promise(plan)
                self.changed(member, as_of)
            case 3 if plan:
                late = Accountability.objects.filter(plan=plan).order_by("due_on", "pk").first()
                late.done_on = one([None, as_of, as_of + 2 * DAY])
                late.save()
                self.changed(member, min(as_of, late.due_on))
            case 4 if plan:
                waiting = Declaration.objects.filter(milestone__plan=plan, status="waiting")
                if not waiting.update(status="confirmed"):
                    make_declaration(milestone=plan.milestones.get(position=2), at=noon)
            case 5 if plan:
                self.tee_up(plan, as_of)
            case 6:
                ends_on = member.terms.order_by("-ends_on").first().ends_on
                make_term(member=member, starts_on=ends_on, ends_on=ends_on + 365 * DAY)
                self.changed(member, ends_on)
            case 7:
                person = one(self.people)
                Preference.objects.update_or_create(
                    person=person,
                    defaults={
                        "no_discretionary": chance.random() < 0.4,
                        "refused_channels": one([[], ["email"]]),
                        "updated_at": noon,
                    },
                )
                message = make_message(
                    member=member, person=person, status="sent", finished_at=noon - 90 * DAY
                )
                make_reply(message=message, received_at=noon, is_automatic=one([True, False]))

    def tee_up(self, plan, as_of):
        milestone = plan.milestones.get(position=1)
        if not milestone.asks.exists():
            consented_on = as_of + self.chance.randrange(-2, 3) * DAY
            make_ask(milestone=milestone, consented_on=consented_on)

    def changed(self, member, since):
        mark_dirty([(member.pk, since)])

    def work_on(self, item, noon):
        chance, one = self.chance, self.chance.choice
        rows = Intervention.objects.filter(pk=item.pk, status="open")
        match chance.randrange(3):
            case 0:
                outcome = one(["no_answer", "no_answer", "reached", "not_needed"])
                rows.update(
                    status="done",
                    finished_at=noon,
                    outcome=outcome,
                    claimed_by=None,
                    claimed_until=None,
                )
            case 1:
                until = noon + one([1, 40]) * timedelta(hours=1)
                rows.update(claimed_by=self.staff[0], claimed_until=until)
            case 2:
                given = item.evidence | {"given": {"by": self.staff[0].pk}}
                rows.update(owner=one(self.staff), evidence=given)


def left():
    """All that plays leave behind."""
    models = (Enrolment, Intervention, InterventionEvent, Message)
    return [list(model.objects.order_by("pk").values()) for model in models]


def morning(day):
    return datetime(day.year, day.month, day.day, 4, tzinfo=UTC)


@pytest.mark.usefixtures("alone")
@pytest.mark.django_db(transaction=True, reset_sequences=True)
@pytest.mark.parametrize("seed", range(3))
def test_a_look_at_everybody_after_a_night_finds_nothing_left(seed):
    association = Association(seed)
    as_of, looked_at, among = FIRST, 0, 0

    for _night in range(NIGHTS):
        night = run_night(as_of=as_of, today=as_of, clock=lambda: morning(as_of))  # noqa: B023  # called at once
        before = left()

        plays.refresh(as_of=as_of, scope=EVERYBODY, at=morning(as_of))

        for found, expected in zip(left(), before, strict=True):
            assert found == expected, f"{as_of}, full: {night.is_full}"
        if not night.is_full:
            looked_at += sum(step.rows_in for step in night.steps.filter(stage="plays"))
            among += Member.objects.count()
        if association.chance.random() < 0.85:
            association.go_on(as_of)
        as_of += association.chance.choice([0, 1, 1, 1, 1, 1, 2, 4]) * DAY

    assert looked_at < 0.8 * among
    assert Night.objects.filter(is_full=False).count() > NIGHTS / 2
    assert Enrolment.objects.count() > MEMBERS
    assert Fact.objects.exists()


@pytest.mark.usefixtures("alone")
@pytest.mark.django_db(transaction=True)
def test_wait_that_is_over_lets_a_member_in_again():
    play = make_play(reentry="after_days", reentry_days=3, effective_from=FIRST)
    member = make_member_facts(behind_since=TODAY, state="stalled").member
    make_enrolment(play=play, member=member, ended_on=TODAY, gone_on=TODAY, end="done")
    looked, opened = None, []

    for day in (TODAY, TODAY + DAY, TODAY + 2 * DAY, TODAY + 3 * DAY):
        began = moment()
        written = plays.refresh(as_of=day, scope=EVERYBODY, at=morning(day), looked=looked)
        looked = plays.Looked(as_of=day, moment=began)
        opened.append((written.rows_in, written.rows_out))

    assert opened == [(1, 0), (0, 0), (0, 0), (1, 1)]
