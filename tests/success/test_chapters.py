"""A chapter is a scope like segment, tier, year and person, where the records know any."""

import json
from datetime import date
from decimal import Decimal
from io import StringIO

import pytest
from django.core.management import call_command
from rest_framework.test import APIClient

from members.enums import Role
from members.models import Member
from success.models import VectorComparison, VectorRollup
from success.queries.movements import Asked, Narrowed, totals
from success.rollups import groups
from tests.factories import (
    NOON,
    TODAY,
    make_member,
    make_member_facts,
    make_night,
    make_plan,
    make_user,
)
from tests.success.ledgers import add_lines, line

pytestmark = pytest.mark.django_db
YEAR = {"from": "2025-01-01", "to": "2026-01-01"}


@pytest.fixture
def chapters(settings):
    """Two members of the north, one of the south, and one of whom nobody said."""
    settings.WAYMARK_TODAY = TODAY
    members = add_lines(
        [
            line("n1", "2024-06-01", "2027-06-01", 100),
            line("n2", "2024-06-01", "2025-06-01", 50),
            line("s1", "2024-06-01", "2025-06-01", 200),
            line("s1", "2025-06-01", "2026-06-01", 300),
            line("none", "2024-06-01", "2026-12-01", 10),
        ]
    )
    for name, details in (
        ("n1", {"chapter": "North"}),
        ("n2", {"Chapter": " North "}),
        ("s1", {"chapter": "South", "other": "x"}),
    ):
        Member.objects.filter(pk=members[name].pk).update(details=details)
    return members


@pytest.fixture
def api():
    found = APIClient()
    found.force_login(make_user(role=Role.DIRECTOR))
    return lambda path, **asked: found.get(f"/api/v1/measures/{path}", asked).json()


def test_a_chapter_is_the_column_of_that_name_in_the_source(chapters):
    known = dict(Member.objects.chapters().values_list("name", "chapter"))
    assert known == {"n1": "North", "n2": "North", "s1": "South"}


def test_dues_of_a_chapter_are_one_figure_and_chapters_add_up(client, chapters, api):
    asked = Asked(
        opening_on=date(2025, 1, 1),
        closing_on=date(2026, 1, 1),
        as_of=TODAY,
        basis="in_force",
        grace_days=30,
    )
    each = [totals(asked, only=Narrowed(chapter=name)) for name in ("North", "South", "")]
    whole = totals(asked)
    assert sum(told.opening for told in each) == whole.opening == Decimal(360)
    assert sum(told.closing for told in each) == whole.closing == Decimal(410)
    assert [told.nrr for told in each] == [Decimal("0.666667"), Decimal("1.5"), Decimal(1)]

    said = api("revenue/movements", **YEAR, chapter="North")
    out = StringIO()
    call_command(
        "measure", "movements", "--from", YEAR["from"], "--to", YEAR["to"],
        "--chapter", "North", "--json", stdout=out,
    )  # fmt: skip
    assert json.loads(out.getvalue()) == said
    assert {row["name"] for row in said["results"]} == {"n1", "n2"}
    assert said["totals"]["nrr"] == "0.666667"
    client.force_login(make_user(role=Role.DIRECTOR))
    page = client.get("/measures/movements/", {**YEAR, "chapter": "North"}).text
    assert "Chapter: North" in page
    assert "66.67%" in page or "66.7%" in page
    listed = client.get("/measures/movements.csv", {**YEAR, "chapter": "North"})
    assert b"".join(listed.streaming_content).count(b"\n") == 3


def test_vectors_are_rolled_up_by_chapter(client, chapters, api):
    for name, member in chapters.items():
        plan = make_plan(member=member) if name == "n1" else None
        make_member_facts(
            member=member, plan=plan, state="stalled", tier="Full", joined_on=NOON.date()
        )
    make_night(as_of=TODAY)
    groups.refresh(as_of=TODAY)
    groups.compare(as_of=TODAY, earlier_on=date(2026, 4, 30))

    rows = VectorRollup.objects.filter(dimension="chapter").values_list("value", "in_scope")
    assert sorted(rows) == [("", 1), ("North", 2), ("South", 1)]
    [compared] = VectorComparison.objects.filter(dimension="chapter")
    assert (compared.value, compared.flow) == ("North", {"not_there>stalled": 1})
    assert groups.refresh(as_of=TODAY).rows_out == 0
    said = api("vector", by="chapter")
    assert [(each["value"], each["in_scope"]) for each in said["groups"]] == sorted(rows)
    client.force_login(make_user(role=Role.DIRECTOR))
    page = client.get("/measures/", {"by": "chapter"}).text
    assert "North" in page
    assert "in no chapter" in page
    assert "chapter=North" in page
    listed = client.get("/members/", {"chapter": "South"}).text
    # a token of the page may hold any two characters
    assert (">s1<" in listed, ">n1<" in listed) == (True, False)


def test_where_nobody_has_a_chapter_nothing_is_asked_for_it(client, settings):
    settings.WAYMARK_TODAY = TODAY
    make_member_facts(member=make_member(name="alone"))
    make_night(as_of=TODAY)
    groups.refresh(as_of=TODAY)

    assert not VectorRollup.objects.filter(dimension="chapter").exists()
    client.force_login(make_user(role=Role.DIRECTOR))
    assert "by=chapter" not in client.get("/measures/").text
