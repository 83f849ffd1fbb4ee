import csv
import json
from io import StringIO

import pytest
from django.core.management import call_command
from rest_framework.test import APIClient

from members.enums import Role
from success.rollups import retention
from tests.factories import TODAY, make_night, make_user
from tests.success.ledgers import add_lines, line

pytestmark = pytest.mark.django_db
URL = "/measures/retention/"


@pytest.fixture(autouse=True)
def pinned(settings):
    settings.WAYMARK_TODAY = TODAY
    make_night()


def log_in(client, role):
    user = make_user(role=role)
    client.force_login(user)
    return user


def a_cohort():
    """Ten who joined in 2022: two left after a year, one after two; one came back."""
    ends = ["2023-01-01"] * 2 + ["2024-01-01"] + ["2027-01-01"] * 7
    lines = [line(f"m{number}", "2022-01-01", end, 1) for number, end in enumerate(ends)]
    add_lines([*lines, line("m0", "2025-01-01", "2026-01-01", 1)])
    retention.refresh(as_of=TODAY, grace_days=30)


@pytest.mark.parametrize("role", [Role.DIRECTOR, Role.MSM, Role.OPERATIONS])
def test_staff_see_the_cohort_table(client, role):
    log_in(client, role)
    a_cohort()
    text = client.get(URL).text

    assert "Of <span" in text
    assert "80%" in text
    assert "2022" in text
    assert "Marketing General, 2019" in text
    assert "90 days" not in text


def test_members_are_refused(client):
    log_in(client, Role.MEMBER)

    assert client.get(URL).status_code == 403


@pytest.mark.parametrize("by", ["cohort", "tier", "kind", "segment", "state", "nonsense"])
def test_every_grouping_is_there(client, by):
    log_in(client, Role.DIRECTOR)
    a_cohort()

    assert client.get(URL, {"by": by}).status_code == 200
    assert client.get(f"{URL}curves.json", {"by": by}).status_code == 200


def test_before_any_night_nothing_is_claimed(client):
    log_in(client, Role.DIRECTOR)

    assert "No night has counted memberships yet" in client.get(URL).text
    assert client.get(f"{URL}curves.json").json()["series"] == []


def test_few_members_get_no_share(client):
    log_in(client, Role.DIRECTOR)
    add_lines(
        [line("m", "2022-01-01", "2023-01-01", 1), line("m", "2023-01-01", "2027-01-01", 1)]
    )
    retention.refresh(as_of=TODAY, grace_days=30)

    assert "fewer than 5 members" in client.get(URL).text


def test_a_figure_opens_to_its_members_and_exports(client):
    log_in(client, Role.DIRECTOR)
    a_cohort()
    asked = {"spell": "1", "by": "cohort", "value": "2022", "year": "2"}
    text = client.get(f"{URL}members/", asked).text

    assert "m2" in text
    assert ">m0<" not in text
    answer = client.get(f"{URL}members/", asked | {"as": "csv"})
    rows = list(csv.DictReader(StringIO(b"".join(answer.streaming_content).decode())))
    assert len(rows) == 8
    assert client.get(f"{URL}members/", asked | {"as": "xlsx"}).status_code == 200
    assert client.get(f"{URL}members/", {"year": "x"}).status_code == 400


def test_page_chart_api_and_command_say_one_figure(client):
    director = log_in(client, Role.DIRECTOR)
    a_cohort()
    api = APIClient()
    api.force_authenticate(director)
    said = api.get("/api/v1/measures/retention", {"by": "tier"}).json()
    out = StringIO()
    call_command("measure", "retention", "--json", "--by", "tier", stdout=out)
    chart = client.get(f"{URL}curves.json", {"by": "tier"}).json()

    assert json.loads(out.getvalue()) == said
    # 8 of 10 beyond the first anniversary, 7 beyond the second; the one who came back apart
    assert [year["stayed"] for year in said["everybody"]["years"][:2]] == [0.8, 0.7]
    assert chart["series"][0]["data"][:3] == [1.0, 0.8, 0.7]
    assert [year["at_risk"] for year in said["groups"][0]["years"][:2]] == [10, 8]
    assert said["second_spells"]["left"] == 1
    assert api.get("/api/v1/measures/retention", {"by": "x"}).status_code == 400


def test_command_prints_for_people(capsys):
    a_cohort()
    call_command("measure", "retention")

    assert "80%" in capsys.readouterr().out
