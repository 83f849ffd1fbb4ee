from collections import defaultdict
from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import given, settings
from hypothesis import strategies as st

from engagement.engine.involvement import Change, stretches
from engagement.models import Fact, Involvement, InvolvementPrint
from engagement.rollups import involvement
from engagement.rollups.involvement import refresh, refresh_differing
from members.models import DirtyMember, Member, Person
from members.rollups.scope import Scope, Written

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
START = date(2026, 1, 1)
ALL = Scope(first=1, last=10**12)


def record(member, kind, number, **about):
    Fact.objects.create(
        member=member,
        person=about.get("person"),
        kind=kind,
        subject=about.get("subject", "P"),
        occurred_on=START + timedelta(days=number),
        source="test",
        external_id=str(Fact.objects.count()),
        origin="import",
        recorded_at=NOON + timedelta(hours=about.get("hours", 0)),
    )


def make_member(name="Acme"):
    return Member.objects.create(name=name, created_at=NOON)


def written():
    return sorted(
        Involvement.objects.values_list(
            "member_id", "person_id", "area", "subject", "starts_on", "ends_on"
        ),
        key=repr,
    )


def test_refresh_writes_the_difference_only():
    member = make_member()
    record(member, "maintainer.added", 1)
    record(member, "certification.added", 2)
    record(member, "meeting.attended", 3)
    assert refresh(as_of=START, scope=ALL) == Written(2, 2)
    kept = set(Involvement.objects.values_list("pk", flat=True))
    record(member, "maintainer.removed", 4)
    assert refresh(as_of=START, scope=ALL) == Written(3, 1)
    assert set(Involvement.objects.values_list("pk", flat=True)) == kept
    assert refresh(as_of=START, scope=ALL) == Written(3, 0)
    Fact.objects.filter(kind__startswith="maintainer").delete()
    assert refresh(as_of=START, scope=ALL) == Written(1, 1)
    assert [row[2] for row in written()] == ["certification"]


def test_refresh_leaves_members_outside_its_scope_alone():
    first, second = make_member(), make_member("Other")
    for member in (first, second):
        record(member, "maintainer.added", 1)
    DirtyMember.objects.create(member=second, since=START, taken_by=7)
    dirty = Scope(first=1, last=10**12, taken_by=7)
    assert refresh(as_of=START, scope=dirty) == Written(1, 1)
    assert refresh(as_of=START, scope=Scope(first=first.pk, last=first.pk)) == Written(1, 1)
    Fact.objects.all().delete()
    assert refresh(as_of=START, scope=dirty) == Written(0, 1)
    assert [row[0] for row in written()] == [first.pk]


FACTS = st.tuples(
    st.integers(0, 1),  # member
    st.sampled_from([None, 0, 1]),  # person
    st.sampled_from(["maintainer", "certification"]),
    st.sampled_from(["P", "p", "Q q"]),
    st.integers(0, 5),  # day
    st.booleans(),  # added
    st.integers(0, 1),  # hour of recording
)


@pytest.mark.parametrize("derive", [refresh, refresh_differing])
@settings(max_examples=60, deadline=None)
@given(batches=st.lists(st.lists(FACTS, max_size=12), min_size=1, max_size=3))
def test_refresh_agrees_with_the_engine_whatever_happened(derive, batches):
    Fact.objects.all().delete()
    Involvement.objects.all().delete()
    Member.objects.all().delete()
    Person.objects.all().delete()
    members = [make_member(), make_member("Other")]
    people = [Person.objects.create(name=name) for name in ("Ann", "Ben")]
    changes = defaultdict(list)
    for batch in batches:
        for member, person, area, subject, number, added, hours in batch:
            who = None if person is None else people[person]
            kind = f"{area}.{'added' if added else 'removed'}"
            record(members[member], kind, number, person=who, subject=subject, hours=hours)
            key = (members[member].pk, who and who.pk, area, subject)
            changes[key].append(
                Change(START + timedelta(days=number), added, NOON + timedelta(hours=hours))
            )
        derive(as_of=START, scope=ALL)
        expected = [
            (*key, *stretch) for key, found in changes.items() for stretch in stretches(found)
        ]
        assert written() == sorted(expected, key=repr)
    assert derive(as_of=START, scope=ALL).rows_out == 0


def derives():
    with CaptureQueriesContext(connection) as asked:
        refresh_differing(as_of=START, scope=ALL)
    return any("involvement_difference" in each["sql"] for each in asked)


def make_worked_member():
    member = make_member()
    record(member, "maintainer.added", 1)
    refresh_differing(as_of=START, scope=ALL)
    return member


def test_who_says_what_was_said_is_not_derived_again():
    make_worked_member()

    assert not derives()


@pytest.mark.parametrize(
    "change",
    [
        lambda member: record(member, "maintainer.removed", 4),
        lambda member: Fact.objects.filter(member=member).delete(),
        lambda _: Fact.objects.update(occurred_on=START),
        lambda _: Fact.objects.update(subject="Q"),
        lambda _: Involvement.objects.update(ends_on=START + timedelta(days=9)),
        lambda _: Involvement.objects.all().delete(),
        lambda _: InvolvementPrint.objects.all().delete(),
    ],
)
def test_whatever_changed_behind_the_nights_back_is_mended(change):
    member = make_worked_member()
    change(member)
    assert derives()
    mended = written()

    Involvement.objects.all().delete()
    refresh(as_of=START, scope=ALL)
    assert mended == written()
    assert not derives()


def test_another_rule_derives_everybody_anew(monkeypatch):
    make_worked_member()
    monkeypatch.setattr(involvement, "RULE", involvement.RULE + 1)

    assert derives()


def test_of_a_range_only_those_who_differ_are_derived():
    members = [make_member(f"Member {number}") for number in range(11)]
    for member in members:
        record(member, "maintainer.added", 1)
    refresh_differing(as_of=START, scope=ALL)
    record(members[3], "maintainer.removed", 4)

    assert refresh_differing(as_of=START, scope=ALL) == Written(12, 1)
    assert refresh_differing(as_of=START, scope=ALL) == Written(12, 0)
