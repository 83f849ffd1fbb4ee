import csv
import tomllib
from collections import Counter
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from django.conf import settings

from engagement.ingestion.mapping import FactMapping
from engagement.models import Fact
from engagement.services.facts import record_file
from members.ingestion.mapping import MappingUnusable
from members.models import DirtyMember, Member, MemberIdentity, Person

pytestmark = pytest.mark.django_db
AT = datetime(2026, 7, 29, 12, tzinfo=UTC)
TODAY = date(2026, 7, 29)
DEMO = Path(settings.BASE_DIR, "data", "cncf")
MAPPING = {
    "source": "events",
    "member_source": "office",
    "facts": {
        "date": "date",
        "member": "org",
        "person": "person",
        "subject": "project",
        "kind": "event",
        "kind_values": {"joined": "maintainer.added", "left": "maintainer.removed"},
    },
}


def make_member(external_id):
    member = Member.objects.create(name=external_id, created_at=AT)
    MemberIdentity.objects.create(member=member, source="office", external_id=external_id)
    return member


@pytest.fixture
def bring_in(tmp_path):
    def bring_in(*rows, mapping=MAPPING, apply=True):
        path = tmp_path / "facts.csv"
        path.write_text("\n".join(rows) + "\n")
        return record_file(file=path, mapping=mapping, at=AT, today=TODAY, apply=apply)

    return bring_in


HEADER = "date,event,project,person,org,note"


def test_facts_are_recorded_once(bring_in):
    make_member("m1")
    rows = [HEADER, "2026-01-02,joined,P,u1,m1,hi", "2026-03-04,left,P,u1,m1,"]
    assert bring_in(*rows).created == 2
    assert list(
        Fact.objects.order_by("occurred_on").values_list(
            "member__name",
            "person__name",
            "kind",
            "subject",
            "occurred_on",
            "origin",
            "details",
        )
    ) == [
        (
            "m1",
            "u1",
            "maintainer.added",
            "P",
            date(2026, 1, 2),
            "import",
            {"event": "joined", "note": "hi"},
        ),
        ("m1", "u1", "maintainer.removed", "P", date(2026, 3, 4), "import", {"event": "left"}),
    ]
    assert list(DirtyMember.objects.values_list("member__name", "since")) == [
        ("m1", date(2026, 1, 2))
    ]
    DirtyMember.objects.all().delete()
    again = bring_in(*rows)
    assert (again.created, again.known) == (0, 2)
    assert (Person.objects.count(), DirtyMember.objects.count()) == (1, 0)


def test_dry_run_counts_and_records_nothing(bring_in):
    make_member("m1")
    done = bring_in(HEADER, "2026-01-02,joined,P,u1,m1,", apply=False)
    assert (done.created, Fact.objects.count(), Person.objects.count()) == (1, 0, 0)


def test_same_values_twice_are_one_fact(bring_in):
    make_member("m1")
    done = bring_in(HEADER, *["2026-01-02,joined,P,u1,m1,"] * 3)
    assert (done.created, done.repeated) == (1, 2)


def test_what_cannot_be_recorded_is_counted_by_reason(bring_in):
    make_member("m1")
    done = bring_in(
        HEADER,
        "2026-01-02,joined,P,u1,,",
        "2026-01-02,joined,P,u1,m7,",
        "2026-07-30,joined,P,u1,m1,",
        "2026-01-02,waved,P,u1,m1,",
        "2.1.2026,joined,P,u1,m1,",
        "2026-07-29,joined,P,u1,m1,",
    )
    assert done.created == 1
    assert done.refused == Counter(
        {
            "not a member: no id is given": 1,
            "not a member: the id is unknown": 1,
            "in the future": 1,
            "unknown kind": 1,
            "not a date written as ISO": 1,
        }
    )
    assert [line for line, _ in done.examples.values()] == [2, 4, 5, 6, 3]


def test_id_column_is_the_id(bring_in):
    make_member("m1")
    mapping = {"source": "office", "facts": {"id": "nr", "kind_is": "meeting.attended"}}
    rows = ["nr,date,member", "7,2026-01-02,m1"]
    assert bring_in(*rows, mapping=mapping).created == 1
    assert Fact.objects.get().external_id == "7"
    assert (Fact.objects.get().person, Fact.objects.get().subject) == (None, "")


def test_kind_is_said_once():
    with pytest.raises(MappingUnusable, match="either kind_is or kind"):
        FactMapping.parse({"source": "x", "facts": {}})


def test_missing_kind_column_is_named(bring_in):
    with pytest.raises(MappingUnusable, match="no column 'event'"):
        bring_in("date,project,person,org", "2026-01-02,P,u1,m1")


def test_demo_facts_load():
    with (DEMO / "organisations.csv").open(encoding="utf-8", newline="") as file:
        ids = [row["org_id"] for row in csv.DictReader(file)]
    members = Member.objects.bulk_create(Member(name=name, created_at=AT) for name in ids)
    MemberIdentity.objects.bulk_create(
        MemberIdentity(member=member, source="cncf-landscape", external_id=member.name)
        for member in members
    )

    def load(name):
        mapping = tomllib.loads((DEMO / f"{name}s.toml").read_text())
        return record_file(
            file=DEMO / f"{name}_events.csv", mapping=mapping, at=AT, today=TODAY
        )

    maintainers, programs = load("maintainer"), load("program")
    assert maintainers.created == 3485
    assert maintainers.refused == Counter(
        {"not a member: no id is given": 1020, "in the future": 97}
    )
    assert (programs.created, programs.refused) == (
        1774,
        Counter({"not a member: no id is given": 77}),
    )
    assert Counter(Fact.objects.values_list("kind", flat=True)).keys() == {
        "maintainer.added", "maintainer.removed", "certification.added", "certification.removed",
        "partner.added", "partner.removed",
    }  # fmt: skip
    assert load("program").created == 0
