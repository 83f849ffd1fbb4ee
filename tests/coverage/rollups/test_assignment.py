import random
from collections import Counter
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from django.db import connection, transaction

from config.kernel.conditions import BadCondition, Fact, FactRegistry, Kind
from coverage.engine import segments as engine
from coverage.engine.facts import FACTS
from coverage.models import Assignment, AssignmentChange, AxProfile
from coverage.rollups import assignment
from coverage.services.segments import ensure_default_segments
from members.models import DirtyMember, Dues, Member, Term
from members.rollups.scope import Scope, Written
from tests.factories import (
    MORNING,
    TODAY,
    make_ax_profile,
    make_member,
    make_segment,
    make_user,
)

pytestmark = pytest.mark.django_db
EVERYBODY = Scope(first=0, last=2**62)


def refresh(as_of=TODAY, scope=EVERYBODY):
    return assignment.refresh(as_of=as_of, scope=scope)


def state():
    return list(
        Assignment.objects.order_by("member_id").values_list(
            "member_id", "segment__key", "owner_id"
        )
    )


def random_profile(member, chance):
    asynchronous = chance.choice([0, 1, 30, 60, 61, 90])
    return AxProfile(
        member=member,
        valid_from=date(2026, 1, 1),
        inbound_minutes=chance.choice([0, 10, 59]),
        async_minutes=asynchronous,
        sync_minutes=chance.choice([0, 20, 40, 41, 60, 100]) if asynchronous else 0,
        taskforce_minutes=chance.choice([0, 0, 30]),
        expertise=chance.choice(["low", "medium", "high", "high"]),
        resources=chance.choice(["insufficient", "sufficient", "sufficient"]),
        guidance=chance.choice(["occasional", "occasional", "regular", "continuous"]),
        skills_needed=chance.choice([1, 1, 1, 2, 3, 4]),
        escalation_severity=chance.choice([None, None, None, 1, 2, 3]),
        source="test",
    )


def expected_segment(profile):
    total = (
        profile.inbound_minutes
        + profile.async_minutes
        + profile.sync_minutes
        + profile.taskforce_minutes
    )
    return engine.assign(
        engine.AxProfile(
            expertise=engine.Expertise(profile.expertise),
            internal_resources_sufficient=profile.resources == "sufficient",
            guidance=engine.Guidance(profile.guidance),
            sync_share=Fraction(profile.sync_minutes, total) if total else None,
            async_share=Fraction(profile.async_minutes, total) if total else None,
            contributor_skills=profile.skills_needed,
            open_escalation_severity=profile.escalation_severity,
        )
    ).segment


def test_rules_in_sql_agree_with_the_engine_on_random_profiles():
    ensure_default_segments()
    chance = random.Random(20260729)
    members = Member.objects.bulk_create(
        Member(name=f"Member {number}", created_at=MORNING) for number in range(800)
    )
    profiles = AxProfile.objects.bulk_create(
        random_profile(member, chance) for member in members
    )

    written = refresh()

    assert written == Written(rows_in=800, rows_out=800)
    assert dict(Assignment.objects.values_list("member_id", "segment__key")) == {
        profile.member_id: expected_segment(profile) for profile in profiles
    }
    assert set(Assignment.objects.values_list("segment__key", flat=True)) == {
        "task_force",
        "inbound",
        "synchronous",
        "asynchronized",
    }


def test_same_night_again_writes_no_row():
    ensure_default_segments()
    make_user()
    for _ in range(3):
        make_ax_profile()
    refresh()
    before = list(Assignment.objects.order_by("pk").values())

    assert refresh() == Written(rows_in=3, rows_out=0)
    assert refresh(as_of=TODAY + timedelta(days=1)) == Written(rows_in=3, rows_out=0)
    assert list(Assignment.objects.order_by("pk").values()) == before
    assert AssignmentChange.objects.count() == 3


def test_permuting_dues_moves_nobody():
    ensure_default_segments()
    make_user()
    make_user()
    chance = random.Random(4)
    terms = []
    for _ in range(40):
        profile = random_profile(make_member(), chance)
        profile.save()
        terms.append(
            Term.objects.create(
                member=profile.member,
                tier=f"Tier {len(terms) % 3}",
                starts_on=date(2026, 1, 1),
                ends_on=date(2027, 1, 1),
                source="test",
                external_id=str(len(terms)),
            )
        )
    amounts = [Decimal(100 * number) for number in range(40)]
    for term, amount in zip(terms, amounts, strict=True):
        Dues.objects.create(term=term, annual_amount=amount, currency="USD")
    refresh()
    before = state()
    Assignment.objects.all().delete()
    chance.shuffle(amounts)
    for term, amount in zip(terms, amounts, strict=True):
        Dues.objects.filter(term=term).update(annual_amount=amount)

    refresh()

    assert state() == before


def test_rule_about_money_is_refused_and_nothing_is_written():
    registry = FactRegistry()
    for fact in FACTS:
        registry.register(fact)
    registry.register(
        Fact(name="dues", kind=Kind.DECIMAL, label="Dues", explain="{value}", financial=True)
    )
    make_segment(rule={"fact": "dues", "op": "ge", "value": "1000"})
    make_ax_profile()

    with pytest.raises(BadCondition, match="never by what they pay"):
        assignment.refresh(as_of=TODAY, scope=EVERYBODY, registry=registry)

    assert state() == []


def test_no_fact_about_experience_is_financial():
    assert [fact.name for fact in FACTS if fact.financial] == []


def test_reason_names_the_members_own_facts():
    ensure_default_segments()
    task_force = make_ax_profile(skills_needed=4)
    synchronous = make_ax_profile(async_minutes=50, sync_minutes=50)
    asynchronized = make_ax_profile(async_minutes=0)

    refresh()

    assert dict(Assignment.objects.values_list("member_id", "reason")) == {
        task_force.member_id: "Several contributors at once: 4 skills are needed; "
        "severity of the gravest open escalation: not known",
        synchronous.member_id: "50% of the time asked for is in real time, 40% or more",
        asynchronized.member_id: "No other segment fits; time asked for in real time, in percent: not known",
    }


def test_member_without_a_profile_of_that_day_has_no_assignment():
    ensure_default_segments()
    make_member()
    future = make_ax_profile(valid_from=TODAY + timedelta(days=1))
    ended = make_ax_profile(superseded_on=TODAY)
    current = make_ax_profile(superseded_on=TODAY + timedelta(days=1))
    Assignment.objects.create(
        member=ended.member, segment=make_segment(), reason="once", assigned_on=TODAY
    )

    assert refresh() == Written(rows_in=1, rows_out=2)

    assert [row[0] for row in state()] == [current.member_id]
    assert future.member_id != current.member_id


def test_scope_leaves_others_alone():
    ensure_default_segments()
    first, second, third = (make_ax_profile().member_id for _ in range(3))
    DirtyMember.objects.create(member_id=first, since=TODAY, taken_by=6)
    DirtyMember.objects.create(member_id=second, since=TODAY, taken_by=5)

    assert refresh(scope=Scope(first=first, last=second, taken_by=5)).rows_out == 1
    assert [row[0] for row in state()] == [second]
    assert refresh(scope=Scope(first=third, last=third)).rows_out == 1
    assert [row[0] for row in state()] == [second, third]


def test_override_holds_until_its_last_day_and_is_then_cleared():
    inbound = {segment.key: segment for segment in ensure_default_segments()}["inbound"]
    owner = make_user()
    director = make_user(role="director", name="Dana")
    profile = make_ax_profile()
    Assignment.objects.create(
        member=profile.member,
        segment=inbound,
        reason="by hand",
        assigned_on=TODAY,
        override_reason="they asked for it",
        override_by=director,
        override_until=TODAY + timedelta(days=2),
    )

    refresh(as_of=TODAY + timedelta(days=1))
    during = Assignment.objects.get()
    refresh(as_of=TODAY + timedelta(days=2))
    after = Assignment.objects.get()

    assert (during.segment.key, during.owner_id, during.reason, during.override_by_id) == (
        "inbound",
        None,
        "Decided by Dana: they asked for it",
        director.pk,
    )
    assert (after.segment.key, after.owner_id, after.override_reason) == (
        "asynchronized",
        owner.pk,
        "",
    )
    assert (after.override_by_id, after.override_until, after.assigned_on) == (
        None,
        None,
        TODAY + timedelta(days=2),
    )


def test_change_of_segment_is_logged_with_both_sides():
    ensure_default_segments()
    owner = make_user()
    profile = make_ax_profile()
    refresh()
    AxProfile.objects.filter(pk=profile.pk).update(
        expertise="high", resources="sufficient", guidance="occasional"
    )

    refresh(as_of=TODAY + timedelta(days=1))

    changes = AssignmentChange.objects.order_by("on").values_list(
        "on", "from_segment__key", "to_segment__key", "from_owner_id", "to_owner_id"
    )
    assert list(changes) == [
        (TODAY, None, "asynchronized", None, owner.pk),
        (TODAY + timedelta(days=1), "asynchronized", "inbound", owner.pk, None),
    ]


def test_owner_is_kept_while_in_service_and_replaced_when_gone():
    ensure_default_segments()
    leaving = make_user()
    profile = make_ax_profile()
    refresh()
    staying = make_user()
    make_ax_profile(member=None, async_minutes=1)
    refresh()
    assert Assignment.objects.get(pk=profile.member_id).owner_id == leaving.pk
    leaving.is_active = False
    leaving.save(update_fields=["is_active"])

    refresh()

    assert set(Assignment.objects.values_list("owner_id", flat=True)) == {staying.pk}


def test_new_members_go_to_whoever_holds_the_fewest_minutes():
    ensure_default_segments()
    msms = [make_user() for _ in range(3)]
    make_user(role="director")
    make_user(is_active=False)
    chance = random.Random(7)
    for _ in range(60):
        make_ax_profile(async_minutes=chance.randrange(30, 300))
    refresh()
    minutes = Counter()
    for profile in AxProfile.objects.select_related("member__assignment"):
        minutes[profile.member.assignment.owner_id] += profile.async_minutes

    assert set(minutes) == {msm.pk for msm in msms}
    assert max(minutes.values()) - min(minutes.values()) < 60

    busiest = max(minutes, key=minutes.__getitem__)
    newcomer = make_ax_profile(async_minutes=10)
    refresh(scope=Scope(first=newcomer.member_id, last=newcomer.member_id))

    assert Assignment.objects.get(pk=newcomer.member_id).owner_id == min(
        minutes, key=lambda owner: (minutes[owner], owner)
    )
    assert busiest != Assignment.objects.get(pk=newcomer.member_id).owner_id


def test_nobody_is_dealt_where_there_is_no_msm():
    ensure_default_segments()
    make_ax_profile()

    refresh()

    assert [row[1:] for row in state()] == [("asynchronized", None)]


def test_ranges_assigned_one_by_one_are_dealt_as_one_book_with_one_row_each():
    ensure_default_segments()
    for _ in range(3):
        make_user()
    chance = random.Random(11)
    members = [
        make_ax_profile(async_minutes=chance.randrange(30, 300)).member_id for _ in range(24)
    ]
    middle = members[len(members) // 2]
    with transaction.atomic():
        refresh()
        at_once = state()
        transaction.set_rollback(True)

    assignment.assign(as_of=TODAY, scope=Scope(first=0, last=middle))
    assignment.assign(as_of=TODAY, scope=Scope(first=middle + 1, last=members[-1]))
    assert {owner for _, _, owner in state()} == {None}
    assert assignment.deal(as_of=TODAY, scope=EVERYBODY) == Written(rows_in=24, rows_out=24)

    assert state() == at_once
    said = AssignmentChange.objects.order_by("member_id").values_list(
        "member_id", "to_owner_id"
    )
    assert list(said) == [(member, owner) for member, _, owner in at_once]
    assert assignment.deal(as_of=TODAY, scope=EVERYBODY) == Written(rows_in=0, rows_out=0)


def test_those_who_waited_are_dealt_when_an_msm_comes_and_the_log_says_so():
    ensure_default_segments()
    profile = make_ax_profile()
    refresh()
    newcomer = make_user()
    tomorrow = TODAY + timedelta(days=1)

    assert refresh(as_of=tomorrow).rows_out == 1

    changes = AssignmentChange.objects.filter(member=profile.member_id).order_by("pk")
    assert list(changes.values_list("on", "from_segment__key", "from_owner", "to_owner")) == [
        (TODAY, None, None, None),
        (tomorrow, "asynchronized", None, newcomer.pk),
    ]
    assert Assignment.objects.get(pk=profile.member_id).assigned_on == tomorrow


def test_no_temporary_table_is_left_behind():
    refresh()

    assert "wanted_assignment" not in connection.introspection.table_names()
