"""Whatever is agreed in whatever order, versions stay apart and the past stays as it was."""

import threading
from collections import Counter
from dataclasses import replace
from itertools import pairwise

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import example as such_as
from hypothesis import strategies as st

from success.enums import EvidenceSource
from success.models import Accountability, Ask, DesiredOutcome, Plan
from success.services import plans
from success.services.milestones import achieve
from tests.examples import example
from tests.factories import (
    make_affiliation,
    make_member,
    make_path,
    make_planned_milestone,
    make_user,
)
from tests.success.plans import agree, at_noon, on_day, vector_on

gaps = st.integers(0, 20)
days = st.lists(st.integers(1, 120), min_size=3, max_size=5).map(sorted)
keys = st.lists(st.sampled_from("abcdefg"), min_size=3, max_size=5, unique=True)
steps = st.one_of(
    st.tuples(st.just("agree"), gaps, days, keys),
    st.tuples(st.just("replan"), gaps, days, keys),
    st.tuples(st.just("evolve"), gaps, days, keys),
    st.tuples(st.just("achieve"), gaps, st.sampled_from("abcdefg")),
    st.tuples(st.just("keep"), gaps, st.integers(0, 9)),
    st.tuples(st.just("pause"), gaps, st.none() | st.integers(1, 20)),
    st.tuples(st.just("resume"), gaps),
    st.tuples(st.just("end"), gaps),
)
REFUSALS = (
    plans.NotAgreeable,
    plans.AlreadyPlanned,
    plans.PlanOver,
    plans.AlreadyPaused,
    plans.NotPaused,
)


class Story:
    """A member whose plan goes through steps, one day after another."""

    def __init__(self):
        self.member = make_member()
        self.said_by = make_affiliation(member=self.member).person
        self.by = make_user()
        self.today = 0

    @property
    def plan(self):
        return Plan.objects.filter(member=self.member, closed_on=None).first()

    def take(self, what, gap, *details):
        self.today += gap
        if what != "agree" and self.plan is None:
            return
        try:
            getattr(self, what)(*details)
        except REFUSALS:
            return

    def agree(self, expected, names):
        agree(
            member=self.member,
            said_by=self.said_by,
            by=self.by,
            path=path_of(expected, names, goal=f"Goal of day {self.today}"),
            anchor_on=on_day(self.today),
            day=self.today,
        )

    def replan(self, expected, names):
        path = path_of(expected, names, goal=self.plan.goal)
        self._follow(plans.replan, path)

    def evolve(self, expected, names):
        path = path_of(expected, names, goal=f"Goal of day {self.today}")
        reached = {row.key for row in self.plan.milestones.all() if stands(row, self.today)}
        path = shared_out(path, reached)
        self._follow(plans.evolve, path, said_by=self.said_by)

    def achieve(self, key):
        row = self.plan.milestones.filter(key=key).first()
        if row is not None:
            achieve(
                milestone=row,
                on=on_day(self.today),
                source=EvidenceSource.CONFIRMED,
                by=self.by,
                what_changed="It is so",
                at=at_noon(self.today),
            )

    def keep(self, number):
        rows = list(Accountability.objects.filter(plan=self.plan, done_on=None).order_by("pk"))
        if rows:
            row = rows[number % len(rows)]
            row.done_on = on_day(self.today)
            row.save()

    def pause(self, length):
        plans.pause(
            plan=self.plan,
            starts_on=on_day(self.today),
            ends_on=None if length is None else on_day(self.today + length),
            reason="Leave",
            by=self.by,
            at=at_noon(self.today),
        )

    def resume(self):
        plans.resume(plan=self.plan, on=on_day(self.today), by=self.by, at=at_noon(self.today))

    def end(self):
        plans.end(
            plan=self.plan,
            on=on_day(self.today),
            reason="Left",
            by=self.by,
            at=at_noon(self.today),
        )

    def _follow(self, verb, path, **given):
        verb(
            plan=self.plan,
            path=path,
            on=on_day(self.today),
            reason="It changed",
            by=self.by,
            at=at_noon(self.today),
            **given,
        )


def stands(row, day):
    return sum(each <= on_day(day) for each in row.evidence_dates or ()) % 2 == 1


def path_of(expected, names, *, goal):
    points = tuple(
        make_planned_milestone(key=key, expected_day=day, weight=1)
        for key, day in zip(names, expected, strict=False)
    )
    return shared_out(make_path(goal=goal, milestones=points), ())


def shared_out(path, reached):
    """The weights of the milestones that are not reached sum to 100."""
    ahead = [each.key for each in path.milestones if each.key not in reached]
    weights = {key: 100 // len(ahead) for key in ahead}
    if ahead:
        weights[ahead[0]] += 100 - sum(weights.values())
    return replace(
        path,
        milestones=tuple(
            replace(each, weight=weights.get(each.key, 1)) for each in path.milestones
        ),
    )


@pytest.mark.django_db(transaction=False)
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@such_as(
    # a milestone goes, its promise stays, and it comes back
    story_steps=[
        ("replan", 0, [1, 1, 1], ["a", "b", "d"]),
        ("replan", 0, [1, 1, 1], ["a", "b", "c"]),
    ]
)
@given(story_steps=st.lists(steps, min_size=2, max_size=9))
def test_the_past_stays_as_it_was_and_no_open_promise_is_lost_or_doubled(story_steps):
    with example():
        story = Story()
        story.take("agree", 0, [30, 60, 90], "abc")
        past = {}
        for step in story_steps:
            open_before = open_promises(story)
            was = story.plan

            story.take(*step)

            for day, vector in past.items():
                if day < story.today:
                    assert vector_on(story.member, day) == vector, (day, step)
            past = {
                day: vector_on(story.member, day)
                for day in range(story.today % 5, story.today, 5)
            }
            if was is not None and story.plan is not None and step[0] in {"replan", "evolve"}:
                now = open_promises(story)
                assert open_before.keys() <= now.keys()
                assert set(now.values()) <= {1}
            versions = list(Plan.objects.filter(member=story.member).order_by("version"))
            assert [each.version for each in versions] == list(range(1, len(versions) + 1))
            for earlier, later in pairwise(versions):
                assert earlier.closed_on is not None
                assert earlier.closed_on <= later.counts_from


def open_promises(story):
    """How often each promise is open on the member's plan in force."""
    rows = Accountability.objects.filter(plan=story.plan, done_on=None, waived_on=None)
    return Counter(rows.values_list("title", flat=True))


@pytest.mark.django_db(transaction=True)
def test_of_two_who_agree_at_once_one_wins_and_the_other_sees_the_plan():
    member = make_member()
    said_by = make_affiliation(member=member).person
    people = [make_user() for _ in range(4)]
    start = threading.Barrier(len(people))
    agreed, refused = [], []

    def work(person):
        try:
            start.wait(timeout=10)
            path = make_path(goal=f"As {person.name} heard it")
            try:
                agreed.append(agree(member=member, path=path, by=person, said_by=said_by).pk)
            except plans.AlreadyPlanned as refusal:
                refused.append(refusal.plan.pk)
        finally:
            connection.close()

    at_once(work, people)

    assert len(agreed) == 1
    assert refused == agreed * 3
    assert Plan.objects.get().pk == agreed[0]
    assert DesiredOutcome.objects.count() == 1
    assert Accountability.objects.count() == 6


@pytest.mark.django_db(transaction=True)
def test_of_two_who_replan_at_once_one_wins_and_the_other_sees_the_newer_version():
    plan = agree()
    people = [make_user() for _ in range(3)]
    start = threading.Barrier(len(people))
    made, refused = [], []

    def work(person):
        try:
            start.wait(timeout=10)
            path = make_path(expected_days=(30, 60, 90 + person.pk))
            try:
                new = plans.replan(
                    plan=plan,
                    path=path,
                    on=on_day(20),
                    reason="Later",
                    by=person,
                    at=at_noon(20),
                )
                made.append(new.pk)
            except plans.PlanOver as refusal:
                refused.append(refusal.newest.pk)
        finally:
            connection.close()

    at_once(work, people)

    assert len(made) == 1
    assert refused == made * 2
    assert Plan.objects.filter(member=plan.member).count() == 2
    assert not Ask.objects.exists()


def at_once(work, people):
    threads = [threading.Thread(target=work, args=[person]) for person in people]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
