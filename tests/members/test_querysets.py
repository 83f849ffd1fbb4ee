"""Finding members by what people type."""

import pytest
from django.db import connection

from members.models import Member, MemberIdentity
from tests.factories import make_member


@pytest.fixture
def some(db):
    members = {
        name: make_member(name=name)
        for name in (
            "Société Générale",
            "Microsoft",
            "Huawei Technologies",
            "Ab Initio",
            "100%",
        )
    }
    make_member(name="Kyndryl", details={"former_names": "IBM Services; Blaze"})
    make_member(name="Kyndryl Two", details={"former_names": ["Older Name"]})
    MemberIdentity.objects.create(
        member=members["Microsoft"], source="crm", external_id="ORG-0042"
    )
    return members


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("societe", ["Société Générale"]),
        ("GÉNÉRALE", ["Société Générale"]),
        ("soceite generale", ["Société Générale"]),
        ("mircosoft", ["Microsoft"]),
        ("huwaei", ["Huawei Technologies"]),
        ("ab", ["Ab Initio"]),
        ("ini", ["Ab Initio"]),
        ("in", []),
        ("ibm services", ["Kyndryl"]),
        ("older name", ["Kyndryl Two"]),
        ("ORG-0042", ["Microsoft"]),
        ("ORG-004", []),
        ("0%", []),
        ("00%", ["100%"]),
        ("zzzz", []),
    ],
)
def test_search_forgives_what_people_mistype(some, words, expected):
    found = Member.objects.named_like(words).order_by("name")

    assert [member.name for member in found] == expected


def test_search_for_nothing_finds_everybody(some):
    assert Member.objects.named_like("  ").count() == 7


def test_best_match_comes_first(db):
    for name in ("Red Hat", "Big Red Hat Group", "Red Hatch"):
        make_member(name=name)

    found = Member.objects.named_like("red hat").with_likeness("red hat").order_by("-likeness")

    assert found[0].name == "Red Hat"


@pytest.mark.django_db
def test_search_is_answered_by_the_index():
    with connection.cursor() as cursor:
        # whatever is known of how many rows there are: only what the index finds may be read
        cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_indexscan = off")

    plan = Member.objects.named_like("foundation").explain()

    assert plan.count("member_plain_names_trgm") == 11
    assert "Seq Scan" not in plan
