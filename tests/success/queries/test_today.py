import random
from datetime import date, timedelta
from fractions import Fraction

import pytest

from success.enums import QueueClass, State
from success.models import Intervention
from success.queries import queue
from success.queries import today as reads
from tests.factories import (
    MORNING,
    NOON,
    TODAY,
    make_absence,
    make_ax_profile,
    make_fact,
    make_intervention,
    make_member,
    make_member_facts,
    make_plan,
    make_user,
)

pytestmark = pytest.mark.django_db


def test_a_row_says_state_debt_modality_and_holder():
    amy = make_user()
    member = make_member()
    make_member_facts(member=member, state="stalled", we_owe_since=date(2026, 7, 1))
    make_ax_profile(member=member, sync_minutes=90, superseded_on=TODAY)
    make_ax_profile(member=member, async_minutes=90)
    make_intervention(member=member, claimed_by=amy, claimed_until=NOON + timedelta(minutes=1))
    make_intervention(claimed_by=amy, claimed_until=NOON)

    rows = [
        reads.row(each, at=NOON) for each in reads.with_row(Intervention.objects.order_by("pk"))
    ]

    assert [(r.state, r.we_owe, r.modality, r.held_by) for r in rows] == [
        (State.STALLED, True, "mail", amy),
        (None, False, None, None),
    ]


@pytest.mark.parametrize(
    ("minutes", "expected"),
    [
        ({"inbound_minutes": 60, "async_minutes": 10}, "message"),
        ({"async_minutes": 60, "sync_minutes": 60}, "call"),
        ({"async_minutes": 60, "taskforce_minutes": 240}, "group"),
        ({"async_minutes": 0}, None),
    ],
)
def test_modality_is_what_most_of_the_time_goes_to(minutes, expected):
    assert reads.modality([make_ax_profile(**minutes)]) == expected


def test_class_counts_name_only_classes_with_items():
    for queue_class in (QueueClass.SLIPPING, QueueClass.STALLED, QueueClass.SLIPPING):
        make_intervention(queue_class=queue_class)

    assert reads.class_counts(Intervention.objects.in_queue_order()) == [
        (QueueClass.STALLED, 1),
        (QueueClass.SLIPPING, 2),
    ]


def test_team_week_sets_what_is_open_beside_what_there_is():
    make_user(weekly_hours=30)
    make_user(weekly_hours=20, is_active=False)
    director = make_user(weekly_hours=20, role="director")
    make_intervention(minutes=45)
    make_intervention(minutes=45, snoozed_until=TODAY + timedelta(1))

    assert reads.team_week(reads.open_now(director, as_of=TODAY)) == reads.TeamWeek(
        open_hours=Fraction(3, 4), available=Fraction(30), items=1, people=1
    )


@pytest.mark.parametrize("role", ["msm", "director", "operations", "member"])
@pytest.mark.parametrize("seed", range(6))
def test_what_is_open_is_counted_in_parts_as_the_list_has_it(seed, role):
    chance = random.Random(seed)
    asks, away, named, other = make_user(role=role), *(make_user() for _ in range(3))
    make_absence(user=away, cover=chance.choice([asks, other, None]))
    make_absence(user=named, cover=away)
    plan = make_plan()
    make_member_facts(member=plan.member, state="stalled", plan=plan)
    for _ in range(40):
        sleeps, is_done = chance.random() < 0.3, chance.random() < 0.2
        make_intervention(
            member=plan.member if sleeps else make_member(),
            owner=chance.choice([asks, away, named, other, None]),
            claimed_by=(holder := chance.choice([asks, other, None])),
            claimed_until=NOON if holder else None,
            queue_class=chance.choice(QueueClass.values),
            minutes=chance.randrange(5, 60),
            status="done" if is_done else "open",
            finished_at=NOON if is_done else None,
            snoozed_until=chance.choice([None, TODAY, TODAY + timedelta(days=1)]),
            sleeps_until_change=sleeps,
            evidence={"asleep_at": chance.choice(["stalled ", "slipping "])} if sleeps else {},
        )

    found = reads.open_now(asks, as_of=TODAY)

    listed = list(queue.today(asks, as_of=TODAY))
    pool = [each for each in listed if each.owner is None]
    assert list(found.classes) == reads.class_counts(queue.today(asks, as_of=TODAY))
    assert (found.items, found.hours) == (len(listed), hours_of(listed))
    assert (found.pool.items, found.pool.hours) == (len(pool), hours_of(pool))
    mine = [each for each in listed if each.owner == asks] if role == "msm" else listed
    assert reads.own_count(asks, as_of=TODAY) == len(mine)


def hours_of(items):
    return Fraction(sum(each.minutes for each in items), 60)


def test_evidence_names_what_the_night_wrote_down():
    plan = make_plan()
    fact = make_fact(member=plan.member, subject="Envoy", occurred_on=date(2026, 7, 2))
    item = make_intervention(
        member=plan.member,
        evidence={
            "milestone": plan.milestones.get(position=1).pk,
            "next_milestone": plan.milestones.get(position=2).pk,
            "overdue_since": "2026-02-01",
            "fact": fact.pk,
            "we_owe_since": "2026-07-09",
        },
    )

    assert [(each.kind, each.text, each.on) for each in reads.evidence(item)] == [
        ("happened", "", date(2026, 7, 10)),
        ("waits", "Milestone 1", date(2026, 2, 1)),
        ("fact", "Envoy", date(2026, 7, 2)),
        ("owed", "", date(2026, 7, 9)),
    ]


def test_evidence_leaves_out_what_was_deleted_since():
    item = make_intervention(evidence={"milestone": 0, "fact": 0})

    assert [each.kind for each in reads.evidence(item)] == ["happened"]


def test_earlier_work_is_that_of_people_newest_first():
    amy, member = make_user(), make_member()
    done = {"status": "done", "finished_by": amy}
    first = make_intervention(member=member, finished_at=MORNING, **done)
    second = make_intervention(member=member, finished_at=NOON, **done)
    make_intervention(member=member, status="closed", finished_at=NOON)
    make_intervention(finished_at=NOON, **done)
    item = make_intervention(member=member)

    assert reads.earlier(item, size=5) == [second, first]
    assert reads.earlier(second, size=5) == [first]


@pytest.mark.parametrize(
    ("known_on", "expected"),
    [
        (None, False),
        (TODAY, False),
        (TODAY - timedelta(1), False),
        (TODAY - timedelta(2), True),
    ],
)
def test_a_night_is_stale_from_its_second_day(known_on, expected):
    assert reads.is_stale(known_on, on=TODAY) == expected
