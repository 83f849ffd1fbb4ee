"""Weeks of plays with ladders on random data, beside the plain reference (DOMAIN 2.10)."""

import random
from datetime import UTC, datetime, timedelta

import pytest
from django.db.models import Max

from communications.models import Message, Preference, Reply
from coverage.enums import Channel, Delivery
from members.enums import Role
from members.models import DirtyMember, Member, Person, User
from members.rollups.dirty import mark_dirty
from members.rollups.scope import Scope
from success.enums import Outcome, State
from success.models import Enrolment, Intervention, MemberFacts, Play, PlayStep
from success.rollups import plays
from success.rollups.watching import moment
from tests.factories import (
    TODAY,
    make_member,
    make_member_facts,
    make_message,
    make_person,
    make_plan,
    make_play,
    make_reply,
    make_segment,
    make_template,
    make_user,
)
from tests.success.ladders import Known, Reference

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
FIRST = TODAY - 30 * DAY
MEMBERS, NIGHTS = 30, 20
IN_FORCE = {"fact": "standing", "op": "in", "value": ["in_force", "in_grace"]}
NOT_WELL = {"fact": "state", "op": "in", "value": ["stalled", "slipping", "regressing"]}
STARTS = (
    ("data", {"fact": "behind_since"}),
    ("data", {"fact": "behind_since"}),
    ("data", {"while": NOT_WELL}),
    ("timed", {"fact": "anchor_on", "offset_days": 20}),
    ("timed", {"fact": "term_ends_on", "offset_days": -20}),
    ("timed", {"every": "month"}),
)
AIMS = (
    None,
    None,
    {"fact": "first_value_on", "op": "not_null"},
    {"fact": "state", "op": "in", "value": ["on_track", "ahead"]},
)
STOPS = (None, {"fact": "we_owe_since", "op": "not_null"})


class World:
    """Members, and all that happens to them between two nights, on a chance of its own."""

    def __init__(self, seed):
        self.chance = random.Random(seed)
        template = make_template(subject="A word", body="Good morning.")
        for number, (kind, start) in enumerate(STARTS):
            self.make_play(number, kind, start, template)
        one = self.chance.choice
        self.segments = [
            None,
            *(
                make_segment(
                    delivery=one([Delivery.MESSAGE] * 4 + [Delivery.PERSON]),
                    channels=[*first, *self.some_beside(first)],
                )
                for first in ([], ["email"], ["email"], ["portal", "email"], [], ["portal"])
            ),
        ]
        self.owners = [None, make_user(), make_user()]
        self.people = [None, make_person(email=""), *(make_person() for _ in range(12))]
        for person in self.people[4:9]:
            make_user(role=Role.MEMBER, person=person)
        for _ in range(MEMBERS):
            member = make_member()
            plan = make_plan(member=member) if self.chance.random() < 0.9 else None
            facts = make_member_facts(
                member=member,
                standing="in_force",
                segment=one(self.segments),
                contact=one(self.people),
                owner=one(self.owners),
                plan=plan,
                state=State.NO_PLAN,
                anchor_on=plan and self.day(-30, 10),
                term_ends_on=self.day(-5, 50),
            )
            for _change in range(4):
                self.change(facts)

    def some_beside(self, first):
        others = [each for each in Channel.values if each not in first]
        return self.chance.sample(others, self.chance.randrange(4))

    def make_play(self, number, kind, start, template):
        chance = self.chance
        days = {"reentry_days": chance.randrange(9), "aim_days": chance.choice([3, 10, 40])}
        play = make_play(
            key=f"play-of-{number}",
            start_kind=kind,
            start=start,
            audience={"all": [IN_FORCE, *([NOT_WELL] if chance.random() < 0.5 else [])]},
            aim_condition=chance.choice(AIMS),
            stop=chance.choice(STOPS),
            reentry=chance.choice(["never", "occurrence", "occurrence", "after_days"]),
            held_percent=0 if number == 1 else chance.choice([0, 30]),
            never_withheld=number == 1,
            too_late_days=chance.choice([3, 14]),
            queue_class=chance.choice([3, 5, 7]),
            effective_from=FIRST + chance.randrange(-8, 3) * DAY,
            salt=f"salt {chance.random()}",
            template=chance.choice([template] * 4 + [None]),
            act="Say this",
            **days,
        )
        asks = ["Say this", "Say that"]
        for position in range(2, chance.randrange(2, 6)):
            PlayStep.objects.create(
                version=play.current,
                position=position,
                act=chance.choice(asks),
                changes=chance.choice(["channel", "channel", "person", "ask"]),
                wait_days=chance.choice([0, 1, 2, 4]),
                template=chance.choice([template] * 4 + [None]),
                minutes=10,
                due_days=3,
            )

    def day(self, first, last):
        return FIRST + self.chance.randrange(first, last) * DAY

    # Between two nights

    def go_on(self, as_of, reference):
        """Do what people, providers and members do on a day after its night."""
        chance = self.chance
        noon = datetime(as_of.year, as_of.month, as_of.day, 12, tzinfo=UTC)
        for facts in MemberFacts.objects.select_related("plan").order_by("pk"):
            if chance.random() < 0.2:
                self.change(facts, as_of=as_of)
            if chance.random() < 0.004:
                mark_dirty([(facts.pk, as_of)])
                facts.delete()
        for person in self.people[1:]:
            if chance.random() < 0.04:
                Preference.objects.update_or_create(
                    person=person,
                    defaults={
                        "no_discretionary": chance.random() < 0.3,
                        "refused_channels": sorted(
                            chance.sample(list(Channel.values), chance.randrange(3))
                        ),
                        "updated_at": noon,
                    },
                )
        for item in reference.items:
            self.work_on(item, noon)
        for member in Member.objects.order_by("pk"):
            if chance.random() < 0.03:
                make_reply(
                    message=self.another_message(member),
                    received_at=noon + chance.randrange(-6, 6) * timedelta(hours=1),
                    is_automatic=chance.random() < 0.4,
                )
        if chance.random() < 0.06:
            play = chance.choice(list(Play.objects.order_by("pk")))
            Play.objects.filter(pk=play.pk).update(is_active=not play.is_active)

    def another_message(self, member):
        return make_message(
            member=member,
            person=self.people[-1],
            status="sent",
            due_at=datetime(2026, 1, 1, tzinfo=UTC),
        )

    def change(self, facts, *, as_of=FIRST):
        chance, one = self.chance, self.chance.choice
        match one([0, 1, 1, 1, 2, 3, 4, 5, 7, 8]):
            case 0:
                facts.state = one(State.values) if facts.plan else State.NO_PLAN
            case 1 if facts.plan:
                behind = one([None, as_of - chance.randrange(12) * DAY])
                facts.behind_since = behind
                facts.blocking = one(list(facts.plan.milestones.all())) if behind else None
                facts.state = one(["stalled", "slipping"]) if behind else "on_track"
                facts.blocker = one(["member", "member", "", "association"]) if behind else ""
            case 2:
                facts.standing = one(["in_force"] * 4 + ["in_grace", "lapsed"])
            case 3:
                facts.first_value_on = one([None, None, as_of])
            case 4:
                facts.we_owe_since = one([None] * 4 + [as_of])
            case 5:
                facts.segment = one(self.segments)
            case 7:
                facts.contact, facts.owner = one(self.people), one(self.owners)
            case 8:
                quiet = one([None, None, as_of, as_of + DAY])
                Member.objects.filter(pk=facts.pk).update(quiet_through=quiet)
        facts.changed_on = as_of
        facts.save()

    def work_on(self, item, noon):
        """Do to an item, in the reference and in the table, what happens to such on a day."""
        chance = self.chance
        row = Intervention.objects.filter(
            play=item.entry.version.play_id,
            member=item.entry.member_id,
            occurrence=item.occurrence,
        )
        if item.status == "open" and chance.random() < 0.3:
            item.status, item.done_at = "done", noon
            item.outcome = chance.choice(["no_answer"] * 5 + ["not_needed", "reached"])
            item.claimed_until = None
            row.update(
                status="done",
                finished_at=noon,
                outcome=Outcome(item.outcome),
                claimed_by=None,
                claimed_until=None,
            )
        elif item.status == "open" and chance.random() < 0.2:
            item.claimed_until = noon + chance.choice([1, 40]) * timedelta(hours=1)
            row.update(claimed_by=self.owners[1], claimed_until=item.claimed_until)
        elif item.message == "queued" and chance.random() < 0.8:
            item.message = chance.choice(["sent"] * 7 + ["suppressed", "unknown"])
            item.message_at = noon
            Message.objects.filter(pk=row.get().message_id).update(
                status=item.message, finished_at=noon, outcome="Said why"
            )
        elif item.message == "sent" and not item.has_returned and chance.random() < 0.04:
            item.has_returned = True
            Message.objects.filter(pk=row.get().message_id).update(returned_at=noon)

    def known(self):
        wishes = {wish.person_id: wish for wish in Preference.objects.all()}
        with_login = set(
            User.objects.filter(is_active=True).values_list("person_id", flat=True)
        )
        unreachable = {}
        for person in [None, *Person.objects.all()]:
            pk = person and person.pk
            away = set(wishes[pk].refused_channels) if pk in wishes else set()
            if person is None or not person.email:
                away.add("email")
            if pk is None or pk not in with_login:
                away.add("portal")
            unreachable[pk] = frozenset(away)
        replies = Reply.objects.filter(is_automatic=False).values_list("member_id")
        return Known(
            facts={
                facts.pk: facts
                for facts in MemberFacts.objects.select_related(
                    "segment", "member", "plan"
                ).order_by("pk")
            },
            unreachable=unreachable,
            want_nothing=frozenset(pk for pk, wish in wishes.items() if wish.no_discretionary),
            replied_at=dict(replies.annotate(at=Max("received_at"))),
            inactive=frozenset(
                Play.objects.filter(is_active=False).values_list("pk", flat=True)
            ),
        )


def entries_of(reference):
    return sorted(
        (
            entry.version.play_id, entry.member_id, entry.occurrence, entry.occurred_on,
            entry.entered_on, "held" if entry.is_held else "treated", entry.segment_id or 0,
            entry.state, entry.step, str(entry.next_on), str(entry.ended_on), entry.end,
            str(entry.reached_on), str(entry.gone_on),
        )
        for entry in reference.entries
    )  # fmt: skip


def entries_found():
    return sorted(
        (
            entry.play_id, entry.member_id, entry.occurrence, entry.occurred_on,
            entry.entered_on, entry.arm, entry.segment_id or 0, entry.state, entry.step,
            str(entry.next_on), str(entry.ended_on), entry.end, str(entry.reached_on),
            str(entry.gone_on),
        )
        for entry in Enrolment.objects.all()
    )  # fmt: skip


def items_of(reference):
    return sorted(
        (
            item.entry.version.play_id, item.entry.member_id, item.occurrence, item.position,
            item.channel, item.status, item.opened_on, item.queue_class, item.owner_id or 0,
            item.is_other, item.story,
        )
        for item in reference.items
    )  # fmt: skip


def items_found():
    return sorted(
        (
            item.play_id, item.member_id, item.occurrence, item.step.position, item.channel,
            item.status, item.opened_on, item.queue_class, item.owner_id or 0,
            item.evidence.get("hand") == "other", story_of(item),
        )
        for item in Intervention.objects.select_related("step")
    )  # fmt: skip


def story_of(item):
    return tuple(
        (each["step"], each.get("day"), each["channel"], each["hand"])
        for each in item.evidence.get("story", ())
    )


def refresh(as_of, scopes, looked=None):
    at = datetime(as_of.year, as_of.month, as_of.day, 4, tzinfo=UTC)
    return [plays.refresh(as_of=as_of, scope=scope, at=at, looked=looked) for scope in scopes]


def rows_out(written):
    return sum(each.rows_out for each in written)


@pytest.mark.django_db(transaction=True, reset_sequences=True)
@pytest.mark.parametrize("seed", range(3))
def test_weeks_of_nights_agree_with_a_plain_reference_on_random_data(seed):
    world = World(seed)
    reference = Reference(list(Play.objects.select_related("current")))
    as_of = FIRST

    for _night in range(NIGHTS):
        at = datetime(as_of.year, as_of.month, as_of.day, 4, tzinfo=UTC)
        middle = world.chance.choice(list(Member.objects.values_list("pk", flat=True)))
        halves = [Scope(first=0, last=middle), Scope(first=middle + 1, last=2**62)]
        reference.night(world.known(), as_of=as_of, at=at)

        refresh(as_of, world.chance.choice([halves, [Scope(first=0, last=2**62)]]))

        assert entries_found() == entries_of(reference), f"entries on {as_of}"
        assert items_found() == items_of(reference), f"items on {as_of}"
        assert rows_out(refresh(as_of, halves)) == 0
        world.go_on(as_of, reference)
        # now and then nights are missed, and made up for by the next
        as_of += world.chance.choice([1, 1, 1, 1, 2, 4]) * DAY

    items = reference.items
    assert {"", "done", "gone"} <= {entry.end for entry in reference.entries}
    assert {"done", "open"} <= {item.status for item in items}
    assert sum(item.is_message for item in items) >= 10
    assert max(item.position for item in items) >= 3
    assert {entry.is_held for entry in reference.entries} == {True, False}


@pytest.mark.usefixtures("alone")
@pytest.mark.django_db(transaction=True, reset_sequences=True)
@pytest.mark.parametrize("seed", range(10, 13))
def test_those_for_whom_something_changed_are_all_that_has_to_be_looked_at(seed):
    """In transactions of their own, since what was written is told by those."""
    world = World(seed)
    reference = Reference(list(Play.objects.select_related("current")))
    as_of, looked, left_out = FIRST, None, 0

    for _night in range(NIGHTS):
        at = datetime(as_of.year, as_of.month, as_of.day, 4, tzinfo=UTC)
        middle = world.chance.choice(list(Member.objects.values_list("pk", flat=True)))
        halves = [Scope(first=0, last=middle), Scope(first=middle + 1, last=2**62)]
        reference.night(world.known(), as_of=as_of, at=at)
        began = moment()

        written = refresh(as_of, halves, looked)

        assert entries_found() == entries_of(reference), f"entries on {as_of}"
        assert items_found() == items_of(reference), f"items on {as_of}"
        left_out += MemberFacts.objects.count() - sum(each.rows_in for each in written)
        looked = plays.Looked(as_of=as_of, moment=began)
        DirtyMember.objects.all().delete()
        again = world.chance.choice([None, looked])
        assert rows_out(refresh(as_of, halves, again)) == 0
        assert entries_found() == entries_of(reference), f"entries of {as_of} again"
        if world.chance.random() < 0.8:
            world.go_on(as_of, reference)
        as_of += world.chance.choice([1, 1, 1, 1, 2, 4]) * DAY

    assert left_out > MEMBERS
