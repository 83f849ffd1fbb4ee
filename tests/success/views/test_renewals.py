import csv
import json
from datetime import date, timedelta
from decimal import Decimal
from io import StringIO

import pytest
from django.core.management import call_command
from rest_framework.test import APIClient

from members.enums import Role
from success.models import RenewalCount
from success.rollups import renewal_dues as rollup
from tests.factories import (
    TODAY,
    make_member,
    make_member_facts,
    make_night,
    make_term,
    make_user,
)
from tests.success.ledgers import add_lines, line

pytestmark = pytest.mark.django_db
URL = "/measures/renewals/"


@pytest.fixture(autouse=True)
def pinned(settings):
    settings.WAYMARK_TODAY = TODAY
    make_night()
    RenewalCount.objects.create(
        month=date(2025, 9, 1),
        state="no_plan",
        is_first_year=True,
        tier="Silver",
        renewed=6,
        lapsed=2,
        undecided=0,
    )


def log_in(client, role):
    user = make_user(role=role)
    client.force_login(user)
    return user


def make_ending(*, name="=Member", days=10, **facts):
    member = make_member(name=name)
    ends_on = TODAY + timedelta(days=days)
    make_term(member=member, starts_on=date(2025, 9, 1), ends_on=ends_on, dues=Decimal(4321))
    return make_member_facts(
        member=member, term_ends_on=ends_on, joined_on=date(2025, 9, 1), tier="Silver", **facts
    )


def test_director_sees_likelihood_evidence_levers_and_dues(client):
    log_in(client, Role.DIRECTOR)
    make_ending(we_owe_since=date(2026, 7, 1))
    text = client.get(URL).text

    assert "6 of 8" in text
    assert "same state, year and tier" in text
    assert "A promise of ours is late" in text
    assert "No plan" in text
    assert "4,321" in text


def test_a_manager_sees_own_members_and_no_money(client):
    me = log_in(client, Role.MSM)
    make_ending(name="Mine Ltd", owner=me)
    make_ending(name="Theirs Ltd", owner=make_user())
    text = client.get(URL).text

    assert "Mine Ltd" in text
    assert "Theirs Ltd" not in text
    assert "4,321" not in text
    assert "Dues a year" not in text


def test_members_are_refused(client):
    log_in(client, Role.MEMBER)

    assert client.get(URL).status_code == 403


def test_a_week_narrows_the_list_and_not_the_calendar(client):
    log_in(client, Role.DIRECTOR)
    make_ending(name="Soon Ltd", days=1)
    make_ending(name="Later Ltd", days=60)
    text = client.get(URL, {"week": (TODAY + timedelta(days=60)).isoformat()}).text

    assert "Soon Ltd" not in text
    assert "Later Ltd" in text
    assert text.count("?week=") >= 2


def test_nothing_known_is_said(client):
    RenewalCount.objects.all().delete()
    log_in(client, Role.DIRECTOR)
    make_ending()
    text = client.get(URL).text

    assert "not known" in text
    assert "Not known yet: too few terms were decided" in text


def test_export_has_the_scope_of_the_list(client):
    me = log_in(client, Role.MSM)
    make_ending(owner=me)
    make_ending(name="Theirs", owner=make_user())
    answer = client.get("/measures/renewals/members.csv")
    rows = list(csv.DictReader(StringIO(b"".join(answer.streaming_content).decode())))

    assert [(row["name"], row["likelihood"], row["members_alike"]) for row in rows] == [
        ("'=Member", "0.75", "8")
    ]
    assert client.get("/measures/renewals/members.xlsx").status_code == 200
    assert client.get("/measures/renewals/members.pdf").status_code == 404


@pytest.mark.parametrize("query", ["after=nonsense", "after=a&before=b"])
def test_a_place_that_is_not_there_leads_to_the_beginning(client, query):
    log_in(client, Role.DIRECTOR)

    assert client.get(f"{URL}?{query}").headers["Location"] == URL


def test_decisions_open_and_export(client):
    log_in(client, Role.DIRECTOR)
    term = make_term(starts_on=date(2024, 9, 1), ends_on=date(2025, 9, 1))
    asked = {"since": "2025-09-01", "until": "2025-10-01"}

    assert term.member.name in client.get(f"{URL}decisions/", asked).text
    assert (
        term.member.name
        not in client.get(f"{URL}decisions/", asked | {"outcome": "renewed"}).text
    )
    assert client.get(f"{URL}decisions/", asked | {"as": "csv"})["Content-Type"].startswith(
        "text/csv"
    )
    assert client.get(f"{URL}decisions/", {"since": "x"}).status_code == 400


def test_page_chart_api_command_and_export_say_one_figure(client):
    director = log_in(client, Role.DIRECTOR)
    for number in range(4):
        make_ending(name=f"M{number}")
    api = APIClient()
    api.force_authenticate(director)
    said = api.get("/api/v1/measures/renewals").json()
    out = StringIO()
    call_command("measure", "renewals", "--json", stdout=out)
    chart = client.get("/measures/renewals.json").json()
    exported = client.get("/measures/renewals/members.csv")
    rows = csv.DictReader(StringIO(b"".join(exported.streaming_content).decode()))

    assert json.loads(out.getvalue()) == said
    (week,) = (each for each in said["weeks"] if each["members"])
    assert (week["members"], week["expected"]) == (4, 3.0)
    assert sum(chart["series"][0]["data"]) == 3.0
    assert sum(chart["series"][1]["data"]) == 1.0
    assert sum(float(row["likelihood"]) for row in rows) == 3.0
    assert "6 of 8" in client.get(URL).text
    assert said["rate"]["rate"] == 0.75


def test_command_prints_for_people(capsys):
    call_command("measure", "renewals")

    assert "6 of 8 terms renewed" in capsys.readouterr().out


@pytest.fixture
def dues_that_ended():
    """Four renewed, one for less and one for more; one left, and one came back late."""
    add_lines(
        [
            *(
                line(name, "2024-09-10", "2025-09-10", 100)
                for name in ("a", "b", "c", "d", "e")
            ),
            line("a", "2025-09-10", "2026-09-10", 100),
            line("b", "2025-09-10", "2026-09-10", "70.50"),
            line("c", "2025-09-20", "2026-09-20", 180, "Gold"),
            line("d", "2025-09-10", "2028-09-10", 100),
            line("back", "2023-01-01", "2024-01-01", 40),
            line("back", "2025-10-01", "2026-10-01", 60),
        ]
    )
    rollup.refresh(as_of=TODAY, since=None, grace_days=30)


def test_available_to_renew_is_one_figure_on_page_api_command_and_export(
    client, dues_that_ended
):
    director = log_in(client, Role.DIRECTOR)
    api = APIClient()
    api.force_authenticate(director)
    said = api.get("/api/v1/measures/renewals/available").json()
    out = StringIO()
    call_command("measure", "available-to-renew", "--json", stdout=out)
    page = client.get(URL).text
    listed = "/measures/renewals/dues/"
    asked = {"since": said["since"], "until": said["until"]}
    exported = client.get(listed, {**asked, "as": "csv"})
    rows = [*csv.DictReader(StringIO(b"".join(exported.streaming_content).decode()))]

    assert json.loads(out.getvalue()) == said
    assert (said["since"], said["until"]) == ("2025-06-01", "2026-06-01")
    assert (said["available"], said["renewed"], said["less"]) == ("500.00", "370.50", "29.50")
    assert (said["lapsed"], said["more"], said["reinstated"]) == ("100.00", "80.00", "60.00")
    assert said["rate_strict"] == said["rate_optimistic"] == "0.741000"
    assert (said["net_rate_strict"], said["member_rate_strict"]) == ("0.901000", "0.800000")
    assert said["status"] == "final"
    assert "74.1%" in page
    assert "4 of 5 members" in page
    assert sum(Decimal(row["dues_before"]) for row in rows) == Decimal(said["available"])
    kept = [row for row in rows if row["outcome"] == "renewed"]
    least = (min(Decimal(row["dues_before"]), Decimal(row["dues_after"])) for row in kept)
    assert sum(least) == Decimal(said["renewed"])
    back = client.get(listed, {**asked, "outcome": "reinstated"}).text
    assert "back" in back
    assert "$60" in back
    assert client.get(listed, {**asked, "as": "xlsx"}).status_code == 200


def test_a_month_with_an_open_grace_says_what_it_may_become(client):
    log_in(client, Role.DIRECTOR)
    add_lines(
        [
            line("a", "2025-07-10", "2026-07-10", 100),
            line("b", "2025-07-10", "2026-07-10", 300),
            line("b", "2026-07-10", "2027-07-10", 300),
        ]
    )
    rollup.refresh(as_of=TODAY, since=None, grace_days=30)
    page = client.get(URL, {"from": "2026-07", "to": "2026-07"}).text

    assert "1 member with" in page
    assert "100.0%</span> of dues" in page
    assert "75.0%" in page


def test_dues_of_renewals_are_not_for_managers(client, dues_that_ended):
    log_in(client, Role.MSM)

    assert "The same in dues" not in client.get(URL).text
    asked = {"since": "2025-09-01", "until": "2025-10-01"}
    assert client.get("/measures/renewals/dues/", asked).status_code in {403, 404}


@pytest.mark.parametrize(
    "asked", [{"since": "2025-09-01", "until": "2025-09-30"}, {"since": "x", "until": "y"}]
)
def test_a_list_of_no_months_is_refused(client, asked):
    log_in(client, Role.DIRECTOR)

    assert client.get("/measures/renewals/dues/", asked).status_code == 400


def test_a_list_of_months_not_said_is_of_those_decided_last(client, dues_that_ended):
    log_in(client, Role.DIRECTOR)
    page = client.get("/measures/renewals/dues/")

    assert (page.context["since"], page.context["last"]) == (
        date(2025, 6, 1),
        date(2026, 5, 31),
    )
    assert len(page.context["rows"]) == 5
