from collections import defaultdict
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engagement.engine.involvement import Change, stretches
from engagement.models import Fact, Involvement
from engagement.rollups.involvement import refresh
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


@settings(max_examples=60, deadline=None)
@given(batches=st.lists(st.lists(FACTS, max_size=12), min_size=1, max_size=3))
def test_refresh_agrees_with_the_engine_whatever_happened(batches):
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
        refresh(as_of=START, scope=ALL)
        expected = [
            (*key, *stretch) for key, found in changes.items() for stretch in stretches(found)
        ]
        assert written() == sorted(expected, key=repr)
    assert refresh(as_of=START, scope=ALL).rows_out == 0
