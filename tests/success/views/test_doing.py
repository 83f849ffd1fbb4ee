"""Our work and the alarm: page, API, command and file say the same, to whom they may."""

import json
import re
from datetime import date, timedelta
from io import StringIO

import pytest
from django.core.management import call_command
from django.urls import reverse
from rest_framework.test import APIClient

from members.enums import Role
from tests.factories import TODAY, make_night, make_segment, make_user
from tests.success.queries.test_doing import days_ago, held, night, renewed, walking

pytestmark = pytest.mark.django_db


@pytest.fixture
def association():
    """Two who look after members, somebody in a pool, and a renewal won for nothing."""
    ann, bob = make_user(name="Ann Able"), make_user(name="Bob Best")
    segment = make_segment(key="inbound", name="Inbound")
    for _ in range(5):
        held(ann, segment=segment, days=100)
    held(bob, segment=segment, days=10)
    walking(days=110)
    hollow = renewed(1200)
    make_night(as_of=TODAY)
    night()
    return ann, bob, hollow


def text(response):
    html = re.sub(r"<(script|style).*?</\1>", "", response.content.decode(), flags=re.DOTALL)
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


def command(*arguments):
    out = StringIO()
    call_command("measure", *arguments, "--json", stdout=out)
    return json.loads(out.getvalue())


def api_of(user):
    client = APIClient()
    client.force_login(user)
    return client


def test_our_work_is_the_same_on_page_and_api_and_command_and_in_the_file(association, sign_in):
    director = make_user(role=Role.DIRECTOR)
    page = text(sign_in(director).get(reverse("success:our_work")))
    api = api_of(director).get("/api/v1/measures/our-work").json()
    said = command("our-work")
    lines = sign_in(director).get(reverse("success:our_work_export", args=["csv"]))
    rows = b"".join(lines.streaming_content).decode().splitlines()

    assert [one["name"] for one in api["people"]] == ["Ann Able", "Bob Best"]
    assert page.index("Ann Able") < page.index("Bob Best")
    assert "5 members held for 30 days or longer" in page
    assert api["team"]["change"] == said["team"]["change"] == "0.000000"
    assert [one["work"]["counted"] for one in said["people"]] == [5, 0]
    assert said["people"] == api["people"]
    assert sum(",yes," in row for row in rows) == 5
    assert sum("handed over since" in row for row in rows) == 1


def test_an_msm_is_not_told_of_the_others(association, sign_in):
    ann, _bob, _hollow = association
    page = sign_in(ann).get(reverse("success:our_work"))
    rows = sign_in(ann).get(reverse("success:our_work_export", args=["csv"]))

    assert "Bob Best" not in text(page)
    assert "Bob Best" not in b"".join(rows.streaming_content).decode()
    assert [
        one["name"] for one in api_of(ann).get("/api/v1/measures/our-work").json()["people"]
    ] == ["Ann Able"]
    by_owner = {"by": "owner"}
    assert len(api_of(ann).get("/api/v1/measures/vector", by_owner).json()["groups"]) == 1
    assert "Bob Best" not in text(sign_in(ann).get(reverse("success:measures"), by_owner))


def test_the_alarm_is_the_same_on_page_and_api_and_command_and_in_the_file(
    association, sign_in
):
    _ann, _bob, hollow = association
    director = make_user(role=Role.DIRECTOR)
    page = text(sign_in(director).get(reverse("success:measures_integrity")))
    api = api_of(director).get("/api/v1/measures/integrity").json()
    said = command("integrity")
    lines = sign_in(director).get(reverse("success:measures_integrity_export", args=["csv"]))
    rows = b"".join(lines.streaming_content).decode().splitlines()

    assert hollow.name in page
    assert {**said, "parts": None, "won": None} == {**api, "parts": None, "won": None}
    none = next(won for won in api["won"] if won["milestones"] == "none")
    assert (none["renewed"], none["expanded"]) == ("1000.00", "200.00")
    assert sum(",none," in row for row in rows) == 1
    nrr = sum(float(part["of_nrr"] or 0) for part in api["parts"])
    assert nrr == pytest.approx(float(api["nrr_later"]), abs=1e-5)


@pytest.mark.parametrize(
    "name", ["measures_money", "measures_integrity", "measures_integrity_export"]
)
def test_dues_are_not_for_msms(association, sign_in, name):
    address = reverse(f"success:{name}", args=["csv"] if name.endswith("export") else [])

    assert sign_in(make_user()).get(address).status_code == 403


@pytest.mark.parametrize("by", ["segment", "tier", "owner", "cohort"])
def test_groups_open_the_members_behind_them_and_are_a_file(association, sign_in, by):
    director = sign_in(make_user(role=Role.DIRECTOR))
    html = director.get(reverse("success:measures"), {"by": by}).content.decode()
    table = html[html.index('id="groups"') :]
    counts = re.findall(r'<a href="([^"]*/members/[^"]*)">(?:<[^>]+>)?(\d+)', table)
    lines = director.get(reverse("success:measures_groups_export", args=["csv"]), {"by": by})

    assert counts
    for address, members in counts:
        found = director.get(address.replace("&amp;", "&"))
        assert found.context["total"] == int(members), address
    rows = b"".join(lines.streaming_content).decode().splitlines()
    assert len(rows) >= 1 + len(counts)


def test_a_cell_of_the_flow_opens_its_members(association, sign_in):
    director = sign_in(make_user(role=Role.DIRECTOR))
    flow = director.get(reverse("success:measures_flow_chart")).json()
    cells = [(one["links"][0], one["data"][0]) for one in flow["series"]]

    assert cells
    for address, members in cells:
        assert director.get(address).context["total"] == members


def test_any_two_days_can_be_compared_and_nonsense_is_told(association, sign_in):
    director = sign_in(make_user(role=Role.DIRECTOR))
    url = reverse("success:measures")
    asked = {"earlier": days_ago(60).isoformat(), "later": days_ago(5).isoformat()}
    days = director.get(url, asked).context["days"]
    wrong = director.get(url, {"earlier": TODAY.isoformat(), "later": "2026-01-01"})
    late = director.get(url, {"later": (TODAY + timedelta(days=1)).isoformat()})

    assert (days.earlier, days.later) == (days_ago(60), days_ago(5))
    assert "Choose a second day after the first." in text(wrong)
    assert "Nothing is known of that day yet." in text(late)
    assert wrong.context["days"].later == TODAY


def test_the_api_compares_two_days(association):
    found = api_of(make_user(role=Role.DIRECTOR)).get(
        "/api/v1/measures/vector", {"earlier": date(2026, 6, 1).isoformat()}
    )

    assert found.json()["between"]["earlier_on"] == "2026-06-01"
    assert found.json()["groups"][0]["compared"]["members"] >= 1


def test_a_file_of_no_known_kind_is_not_there(association, sign_in):
    director = sign_in(make_user(role=Role.DIRECTOR))
    names = ("our_work_export", "measures_integrity_export", "measures_groups_export")

    assert {
        director.get(reverse(f"success:{name}", args=["pdf"])).status_code for name in names
    } == {404}
