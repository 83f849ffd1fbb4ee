import csv
import json
from datetime import date
from decimal import Decimal
from io import StringIO
from urllib.parse import parse_qs, urlsplit

import pytest
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from members.enums import Role
from success.models import RevenuePeriod
from success.queries import story as reads
from success.queries.story import What
from tests.factories import (
    NOON,
    TODAY,
    make_member,
    make_term,
    make_user,
    make_vector_rollup,
)

pytestmark = pytest.mark.django_db
URL = "/measures/story/"
LOST = {2020: 30, 2021: 20, 2022: 40, 2023: 45, 2024: 200, 2025: 30}


@pytest.fixture(autouse=True)
def pinned(settings):
    settings.WAYMARK_TODAY = TODAY


@pytest.fixture
def director(client):
    user = make_user(role=Role.DIRECTOR)
    client.force_login(user)
    return user


def make_year(year, *, tier=None, opening=1000, churn=0, base=20, **overrides):
    """A closed year on which churn alone bears; of everybody without a tier."""
    fields = {
        "kind": "calendar_year",
        "starts_on": date(year, 1, 1),
        "ends_on": date(year + 1, 1, 1),
        "basis": "in_force",
        "dimension": "all" if tier is None else "tier",
        "value": tier or "",
        "is_final": True,
        "opening": Decimal(opening),
        "churn": Decimal(churn),
        "closing": Decimal(opening - churn),
        "kept_min": Decimal(opening - churn),
        "base_members": base,
        "kept_members": base - 1,
        "new_members": 2,
        "computed_at": NOON,
        "covers_until": TODAY,
    }
    nought = (
        *("new", "reactivation", "expansion", "contraction", "undecided", "undecided_of_base"),
        *("undecided_min", "reactivated_members", "undecided_members"),
    )
    return RevenuePeriod.objects.create(**(dict.fromkeys(nought, 0) | fields | overrides))


def make_years(lost=LOST, *, tiers=("Gold", "Silver")):
    """Years of everybody; Silver bears three quarters of what is lost, Gold the rest."""
    for year, churn in lost.items():
        make_year(year, churn=churn)
        for tier, part in zip(tiers, (Decimal("0.25"), Decimal("0.75")), strict=False):
            make_year(year, tier=tier, opening=500, churn=churn * part)


@pytest.mark.parametrize("path", [URL, "/measures/story.json"])
def test_the_years_are_for_those_who_see_revenue(client, path):
    client.force_login(make_user())
    assert client.get(path).status_code == 403


def test_an_empty_ledger_has_no_years(client, director):
    assert "No year has gone by yet" in client.get(URL).content.decode()
    assert client.get("/measures/story.json").json()["x"] == []


def test_too_few_years_are_shown_and_not_judged(client, director):
    make_years({2024: 30, 2025: 300})

    response = client.get(URL)

    assert response.context["answer"] == (
        "There is not enough to say which years were bad: 2 years can be judged."
    )
    assert response.context["chapters"] == []


def test_one_year_is_said_in_the_singular(client, director):
    make_years({2025: 300})
    assert client.get(URL).context["answer"].endswith(": 1 year can be judged.")


def test_years_alike_are_not_bad(client, director):
    make_years(dict.fromkeys(LOST, 30))
    answer = client.get(URL).context["answer"]
    assert answer == "None of the 6 years was worse than usual."


def test_a_bad_year_is_told_with_its_losses_by_tier_and_their_rows(client, director):
    make_years()

    response = client.get(URL)

    assert response.context["answer"] == "2024 was worse than usual."
    # NRR .97 .98 .96 .955 .80 .97: the middle is .965, 16.5 points above .80
    [chapter] = response.context["chapters"]
    assert chapter.heading == (
        "2024: NRR was 80.0%, 16.5 points below the middle year, and GRR the lowest of all, "
        "80.0%"
    )
    assert chapter.sentences == [
        "It opened with 20 members who paid and closed with 21.",
        "Churn and contraction took USD 200 a year: 75% in Silver and 25% in Gold.",
    ]
    [silver, _gold] = chapter.losses
    assert silver[:3] == ("Silver", Decimal(150), Decimal("0.75"))
    assert parse_qs(urlsplit(silver[3]).query) == {
        "from": ["2024-01-01"], "to": ["2025-01-01"], "basis": ["in_force"],
        "kind": ["churn", "contraction"], "by": ["tier"], "value": ["Silver"],
    }  # fmt: skip
    assert client.get(silver[3]).status_code == 200
    assert client.get(chapter.waterfall).status_code == 200


def test_what_stood_out_the_year_before_is_said_and_counted(client, director):
    make_years({year: lost for year, lost in LOST.items() if year != 2023})
    make_year(2023, churn=60, expansion=30)  # its NRR is as usual

    response = client.get(URL)

    # churn .03 .02 .04 .06 .20 .03: usual .035, spread .01, so .06 is high
    [chapter] = response.context["chapters"]
    assert "Churn, of opening dues: 6.0% in 2023, where 3.5% is usual." in chapter.before
    assert (
        "How members moved a quarter before is not known: no night looked at that day."
        in chapter.before
    )
    [of_all] = [
        row for row in response.context["signs"] if row.label == "Churn, of opening dues"
    ]
    tally = of_all.sign.tally
    assert (tally.before_bad, tally.bad) == (1, 1)
    assert (tally.before_others, tally.others) == (1, 4)  # 2024 before 2025


def test_nothing_that_stood_out_is_said_so(client, director):
    make_years(LOST | {2023: 30})
    [chapter] = client.get(URL).context["chapters"]
    assert "Nothing that is looked at in dues and members stood out in 2023." in chapter.before


def test_what_a_night_saw_a_quarter_before_is_told(client, director):
    make_years()
    make_vector_rollup(
        as_of=date(2023, 9, 28), in_scope=20, with_plan=10, with_pace=10, backward=4,
        states={"stalled": 3, "on_track": 7, "no_plan": 10},
    )  # fmt: skip
    make_vector_rollup(as_of=date(2023, 8, 1))

    [chapter] = client.get(URL).context["chapters"]

    assert chapter.before[-1] == (
        "A quarter before the year opened, as of 28 September 2023: 40.0% of those with a pace "
        "moved away, 30.0% of those with a plan had stalled and 50.0% of all had no plan."
    )


def test_a_year_that_is_not_over_is_shown_and_not_judged(client, director):
    make_years()
    make_year(2026, churn=900, is_final=False)

    response = client.get(URL)

    assert response.context["answer"] == "2024 was worse than usual."
    chart = client.get("/measures/story.json").json()
    everybody = chart["series"][0]
    assert (chart["x"][-1], everybody["data"][-1]) == ("2026", 0.1)
    assert everybody["provisional"] == [False] * 6 + [True]
    assert "to=2026-07-29" in everybody["links"][-1]
    assert client.get(everybody["links"][-1]).status_code == 200


def test_a_tier_of_fewer_than_five_has_no_ratio_but_its_members(client, director):
    make_years(tiers=())
    make_year(2025, tier="Few", base=4)

    response = client.get(URL)

    of, cells = response.context["table"][0]
    assert (of.year, cells[1].value) == (2025, None)
    assert "value=Few" in cells[1].url
    assert client.get("/measures/story.json").json()["series"][1]["data"] == [None] * 6


def test_only_the_last_revision_of_a_year_is_told(client, director):
    make_years(LOST | {2023: 40})
    make_year(2024, churn=30, revision=1)
    assert client.get(URL).context["answer"] == "None of the 6 years was worse than usual."


def test_first_year_leavers_are_those_whom_the_list_of_movements_shows(client, director):
    make_years()
    for number in range(6):
        member = make_member()
        starts = date(2022, 3, 1)
        ends = date(2023, 3, 1) if number < 2 else date(2025, 3, 1)
        make_term(member=member, starts_on=starts, ends_on=ends)
    told = reads.story(as_of=TODAY)

    counted = reads.first_years([each for each in told.years if each.is_over], as_of=TODAY)

    assert counted[2023] == (6, 2)
    assert counted[2024] == (0, 0)
    [sign] = [each for each in told.signs if each.what is What.FIRST_YEAR]
    assert sign.values[2023] == Decimal(2) / 6
    [chapter] = client.get(URL).context["chapters"]
    [row] = [each for each in chapter.signs if each.sign.what is What.FIRST_YEAR]
    url = row.cells[chapter.columns.index(2023)].url
    assert "joined=2022" in url
    assert len(client.get(url).context["rows"]) == 2


def test_the_page_takes_as_many_statements_for_any_number_of_years_and_tiers(
    client, director, django_assert_num_queries
):
    make_years({2024: 10, 2025: 20}, tiers=("Gold",))
    client.get(URL)
    with CaptureQueriesContext(connection) as before:
        client.get(URL)
    RevenuePeriod.objects.all().delete()
    make_years()
    with django_assert_num_queries(len(before)):
        client.get(URL)


def test_the_story_is_one_on_page_api_command_and_sheet(client, director):
    make_years()
    api = APIClient()
    api.force_authenticate(director)
    said = api.get("/api/v1/measures/story").json()
    out = StringIO()
    call_command("measure", "story", "--json", stdout=out)
    sheet = client.get("/measures/story/years.csv")
    rows = [*csv.DictReader(StringIO(b"".join(sheet.streaming_content).decode()))]
    page = client.get(URL).text

    assert json.loads(out.getvalue()) == said
    (bad,) = said["bad"]
    assert (bad["year"], bad["by_nrr"], bad["below"]) == (2024, True, "0.165000")
    assert [(loss["tier"], loss["amount"]) for loss in bad["losses"]] == [
        ("Silver", "150.00"),
        ("Gold", "50.00"),
    ]
    assert said["usual"]["middle"] == "0.965000"
    assert "96.5%" in page
    (year,) = [each for each in said["years"] if each["year"] == 2024]
    (row,) = [each for each in rows if (each["year"], each["tier"]) == ("2024", "Everybody")]
    assert (year["nrr"], year["churn"]) == (row["nrr"], row["churn"]) == ("0.800000", "200.00")
    assert "80.0%" in page
    assert len(rows) == 18
    assert client.get("/measures/story/years.xlsx").status_code == 200
    assert client.get("/measures/story/years.pdf").status_code == 404
    assert "/measures/story/years.xlsx" in page


def test_the_story_of_nothing_is_said_as_such(director):
    api = APIClient()
    api.force_authenticate(director)
    said = api.get("/api/v1/measures/story").json()

    assert (said["bad"], said["usual"], said["years"]) == (None, None, [])
