"""The page of unserved hours, and the tables as files."""

import csv
import io

import pytest
from django.urls import reverse
from openpyxl import load_workbook

from coverage.queries.capacity import team as team_load
from coverage.services.hours import ensure_default_model
from coverage.services.segments import ensure_default_segments
from coverage.views.exports import TABLES
from members.enums import Role
from tests.coverage.queries.test_capacity import hold, msm
from tests.factories import NOON, TODAY, make_ax_profile, make_effort, make_member, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def pinned(settings):
    settings.WAYMARK_TODAY = TODAY
    ensure_default_segments()
    ensure_default_model(at=NOON)


@pytest.fixture
def team():
    amy, ben = msm("Amy", monthly_hours=4), msm("=Ben()", monthly_hours=4)
    for _ in range(5):
        for owner in (amy, ben):
            member = hold(owner, "at_risk")
            member.name = f"+{member.name}"
            member.save()
            make_ax_profile(member=member, reasons="@home", async_minutes=10)
            make_effort(member=member, by=owner)
    return amy, ben


@pytest.fixture
def director(client):
    client.force_login(make_user(role=Role.DIRECTOR))
    return client


def table(client, name, kind="csv"):
    return client.get(reverse("coverage:export", args=[name, kind]))


def lines(response):
    text = b"".join(response.streaming_content).decode()
    return list(csv.DictReader(io.StringIO(text)))


def test_the_director_sees_everybody_and_the_same_sum_as_on_the_capacity_page(director, team):
    page = director.get(reverse("coverage:unserved"))

    said = team_load(as_of=TODAY, grace_days=30).unserved
    assert round(page.context["found"].hours, 1) == round(float(said), 1)
    assert {row["holder"] for row in page.context["rows"]} == {"Amy", "=Ben()"}
    capacity = director.get(reverse("coverage:capacity")).content.decode()
    assert reverse("coverage:unserved") in capacity


def test_an_msm_sees_their_own_kindly_said(client, team):
    amy, _ben = team
    client.force_login(amy)

    page = client.get(reverse("coverage:unserved"))

    assert {row["holder"] for row in page.context["rows"]} == {"Amy"}
    assert "no fault of yours" in page.content.decode()
    assert {row["owner"] for row in lines(table(client, "unserved"))} == {"Amy"}
    assert {row["person"] for row in lines(table(client, "people"))} == {"Amy", "A colleague"}


def test_nothing_unserved_is_said_in_words(director):
    assert (
        "Everybody can be served" in director.get(reverse("coverage:unserved")).content.decode()
    )


@pytest.mark.parametrize("name", TABLES)
def test_every_table_is_a_file_of_either_kind_and_holds_no_formula(name, director, team):
    as_csv = list(csv.reader(io.StringIO(b"".join(table(director, name)).decode())))
    book = load_workbook(io.BytesIO(table(director, name, "xlsx").content))
    as_xlsx = list(book.active.iter_rows())

    assert as_csv[0] == list(TABLES[name].header) == [cell.value for cell in as_xlsx[0]]
    assert len(as_csv) == len(as_xlsx)
    for row in as_csv:
        assert len(row) == len(TABLES[name].header)
    for row in as_xlsx:
        for cell in row:
            assert cell.data_type != "f"
            assert not str(cell.value).startswith(("=", "+", "@"))


def test_texts_that_look_like_formulas_are_texts(director, team):
    rows = lines(table(director, "profiles"))

    assert len(rows) == 10
    assert {row["name"][:2] for row in rows} == {"'+"}
    assert {row["reasons"] for row in rows} == {"'@home"}
    assert {row["owner"] for row in rows} == {"Amy", "'=Ben()"}


def test_a_table_of_a_page_one_may_not_see_is_refused(client, team):
    client.force_login(team[0])

    assert table(client, "over-delivery").status_code == 403
    assert table(client, "nothing").status_code == 404
    assert table(client, "people", "exe").status_code == 404
    client.force_login(make_user(role=Role.MEMBER, member=make_member()))
    assert table(client, "people").status_code == 403
    assert client.get(reverse("coverage:unserved")).status_code == 403
