import random
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction

import pytest

from config.kernel import keyset
from members.enums import Role
from success.engine import queue as engine
from success.enums import QueueClass
from success.models import Intervention
from success.queries import queue
from tests.factories import (
    MORNING,
    TODAY,
    make_absence,
    make_intervention,
    make_member,
    make_play,
    make_user,
)

pytestmark = pytest.mark.django_db


def test_msm_sees_their_own_items_and_the_pools_in_queue_order():
    amy, ben = make_user(), make_user()
    stalled = make_intervention(owner=amy, queue_class=4)
    pool_late = make_intervention(queue_class=5, occurred_on=date(2026, 7, 2))
    own_early = make_intervention(owner=amy, queue_class=5, occurred_on=date(2026, 7, 1))
    owed = make_intervention(owner=amy, queue_class=1, occurred_on=date(2026, 7, 28))
    claimed = make_intervention(owner=ben, queue_class=8, claimed_by=amy, claimed_until=MORNING)
    make_intervention(owner=ben, queue_class=1)
    make_intervention(owner=amy, snoozed_until=TODAY + timedelta(days=1))
    awake = make_intervention(owner=amy, queue_class=6, snoozed_until=TODAY)
    make_intervention(owner=amy, status="done", finished_at=MORNING)
    make_intervention(owner=amy, status="message")

    assert list(queue.today(amy, as_of=TODAY)) == [
        owed,
        stalled,
        own_early,
        pool_late,
        awake,
        claimed,
    ]


def test_term_end_breaks_ties_inside_a_class_and_unknown_comes_last():
    amy = make_user()
    unknown = make_intervention(owner=amy)
    later = make_intervention(owner=amy, term_ends_on=date(2027, 1, 1))
    sooner = make_intervention(owner=amy, term_ends_on=date(2026, 9, 1))

    assert list(queue.today(amy, as_of=TODAY)) == [sooner, later, unknown]


def test_members_and_the_inactive_see_nothing_and_the_director_everything():
    make_intervention(owner=make_user())
    make_intervention()
    seen = {
        user.name: queue.today(user, as_of=TODAY).count()
        for user in (
            make_user(name="member", role="member", member=make_member()),
            make_user(name="gone", is_active=False),
            make_user(name="director", role="director"),
            make_user(name="operations", role="operations"),
        )
    }

    assert seen == {"member": 0, "gone": 0, "director": 2, "operations": 2}


@pytest.mark.parametrize("items", [1, 3])
def test_today_is_one_query_for_any_length(items, django_assert_num_queries):
    amy = make_user()
    for _ in range(items):
        make_intervention(owner=amy)

    with django_assert_num_queries(1):
        shown = [
            (item.member.name, item.step.act, item.owner, item.claimed_by)
            for item in queue.today(amy, as_of=TODAY)
        ]

    assert len(shown) == items


def test_order_of_the_database_is_the_engines_and_pages_by_keyset():
    chance = random.Random(11)
    amy = make_user(weekly_hours=10)
    play = make_play()
    for _ in range(60):
        make_intervention(
            play=play,
            owner=chance.choice([amy, None]),
            queue_class=chance.randrange(1, 9),
            occurred_on=date(2026, 7, chance.randrange(1, 5)),
            term_ends_on=chance.choice([None, date(2026, 9, 1), date(2027, 1, 1)]),
        )
    everything = list(queue.today(amy, as_of=TODAY))
    items = [
        engine.QueueItem(
            key=f"{item.pk:020d}",
            kind=engine.QueueClass(item.queue_class),
            since=item.occurred_on,
            hours=Fraction(1),
            days_behind=(TODAY - item.occurred_on).days,
            term_ends_on=item.term_ends_on,
        )
        for item in everything
    ]
    paged, cursor = [], None
    while True:
        page = keyset.page(
            queue.today(amy, as_of=TODAY), order=queue.QUEUE_ORDER, size=7, after=cursor
        )
        paged += page.items
        cursor = page.next
        if cursor is None:
            break

    assert [int(item.key) for item in engine.ordered(items)] == [item.pk for item in everything]
    assert paged == everything


def test_counts_have_every_class():
    amy = make_user()
    make_intervention(owner=amy, queue_class=4)
    make_intervention(queue_class=4)
    make_intervention(owner=make_user(), queue_class=4)

    assert queue.counts(amy, as_of=TODAY) == dict.fromkeys(QueueClass, 0) | {
        QueueClass.STALLED: 2
    }


def test_week_keeps_what_does_not_fit_with_its_hours(django_assert_num_queries):
    amy = make_user(weekly_hours=2)
    monday = datetime(2026, 7, 27, tzinfo=UTC)
    make_intervention(status="done", finished_by=amy, finished_at=monday, minutes=30)
    make_intervention(
        status="done", finished_by=amy, finished_at=monday - timedelta(seconds=1), minutes=60
    )
    first = make_intervention(owner=amy, queue_class=1, minutes=60)
    long = make_intervention(owner=amy, queue_class=4, minutes=45)
    short = make_intervention(owner=amy, queue_class=5, minutes=30)
    late = make_intervention(owner=amy, queue_class=7, minutes=15)
    make_intervention(minutes=600)
    make_intervention(owner=make_user(), minutes=600)

    with django_assert_num_queries(2):
        week = queue.week(amy, as_of=TODAY)

    assert (week.available, week.done, week.planned, week.unserved_hours) == (
        Fraction(2),
        Fraction(1, 2),
        Fraction(3, 2),
        Fraction(1),
    )
    assert list(week.unserved(most=9)) == [long, late]
    assert set(Intervention.objects.filter(owner=amy, status="open")) == {
        first,
        long,
        short,
        late,
    }


def test_week_without_hours_serves_nothing():
    amy = make_user()
    item = make_intervention(owner=amy)

    week = queue.week(amy, as_of=TODAY)

    assert (week.planned, week.unserved_ids) == (Fraction(0), (item.pk,))


def test_items_of_who_is_away_are_with_who_stands_in_and_count_in_their_week():
    away, cover, other = make_user(), make_user(weekly_hours=1), make_user()
    item = make_intervention(owner=away, minutes=90)
    absence = make_absence(user=away, cover=cover)

    assert list(queue.today(cover, as_of=TODAY)) == [item]
    assert queue.week(cover, as_of=TODAY).unserved_ids == (item.pk,)
    assert not queue.today(other, as_of=TODAY).exists()
    assert list(queue.today(away, as_of=TODAY)) == [item]  # they may look from afar

    absence.handed_back_at = MORNING
    absence.save()

    assert not queue.today(cover, as_of=TODAY).exists()
    assert queue.week(cover, as_of=TODAY).unserved_ids == ()


def test_items_of_who_is_away_with_nobody_standing_in_are_the_pools():
    away, other = make_user(), make_user()
    item = make_intervention(owner=away)
    make_absence(user=away)

    assert list(queue.today(other, as_of=TODAY)) == [item]
    assert queue.week(other, as_of=TODAY).planned == 0


def test_team_says_what_each_has_by_the_rule_of_the_week(django_assert_num_queries):
    amy = make_user(name="Amy", weekly_hours=1)
    ben = make_user(name="Ben", weekly_hours=2)
    make_user(name="Cy", role=Role.DIRECTOR)
    make_intervention(owner=ben, minutes=60, occurred_on=date(2026, 7, 3))
    make_intervention(owner=ben, minutes=90, due_on=date(2026, 7, 28))
    make_intervention(owner=ben, minutes=30, snoozed_until=date(2026, 9, 1))
    make_intervention(claimed_by=amy, claimed_until=MORNING, minutes=75)

    with django_assert_num_queries(6):
        of_amy, of_ben = queue.team(as_of=TODAY)

    assert (of_ben.items, of_ben.overdue, of_ben.hours) == (2, 1, Fraction(5, 2))
    assert (of_ben.oldest, of_ben.unserved_hours) == (date(2026, 7, 3), Fraction(3, 2))
    assert (of_amy.items, of_amy.oldest, of_amy.unserved) == (0, None, 1)
    for load in (of_amy, of_ben):
        week = queue.week(load.user, as_of=TODAY)
        assert load.unserved_hours == week.unserved_hours


@pytest.mark.parametrize("seed", range(12))
def test_team_looks_at_the_head_of_each_book_and_says_what_the_weeks_say(seed, monkeypatch):
    chance = random.Random(seed)
    monkeypatch.setattr(queue, "HEAD", chance.choice([1, 3, 200]))
    people = [make_user(weekly_hours=chance.choice([0, 1, 2, 8])) for _ in range(4)]
    make_absence(user=people[0], cover=chance.choice([people[1], people[2], None]))
    if chance.random() < 0.5:
        make_absence(user=people[3], cover=people[1])
    for _ in range(60):
        holder = chance.choice([*people, None, None, None, None])
        is_done = chance.random() < 0.1
        make_intervention(
            owner=chance.choice([*people, *people, None]),
            claimed_by=holder,
            claimed_until=MORNING if holder else None,
            queue_class=chance.choice(QueueClass.values),
            occurred_on=TODAY - timedelta(days=chance.randrange(-1, 9)),
            term_ends_on=chance.choice([None, TODAY, TODAY + timedelta(days=9)]),
            due_on=TODAY + timedelta(days=chance.randrange(-3, 3)),
            minutes=chance.choice([5, 20, 45, 90]),
            snoozed_until=chance.choice([None, None, TODAY, TODAY + timedelta(days=1)]),
            status="done" if is_done else "open",
            finished_by=chance.choice(people) if is_done else None,
            finished_at=MORNING if is_done else None,
        )

    loads = queue.team(as_of=TODAY)

    for load in loads:
        week = queue.week(load.user, as_of=TODAY)
        own = [each for each in queue.today(load.user, as_of=TODAY) if each.owner == load.user]
        assert (load.unserved_hours, load.unserved) == (
            week.unserved_hours,
            len(week.unserved_ids),
        )
        assert (load.items, load.hours) == (
            len(own),
            Fraction(sum(each.minutes for each in own), 60),
        )
        assert load.overdue == sum(each.due_on < TODAY for each in own)
        assert load.oldest == min((each.occurred_on for each in own), default=None)
