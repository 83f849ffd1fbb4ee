import json
from decimal import Decimal
from io import BytesIO, StringIO

import pytest
from django.core.management import call_command
from openpyxl import load_workbook
from rest_framework.test import APIClient

from members.enums import Role
from members.models import AuditEntry
from success.models import OfferWorth
from success.queries import forecast as reads
from tests.factories import TODAY, make_offer, make_user
from tests.success.forecasts import make_history, make_path_with_offer, make_traveller

pytestmark = pytest.mark.django_db
URL = "/measures/forecast/"
PATHS = ["", "accounts/", "accounts.csv", "accounts.xlsx", "then/", "worth/"]


@pytest.fixture(autouse=True)
def pinned(settings):
    settings.WAYMARK_TODAY = TODAY


@pytest.fixture
def director(client):
    user = make_user(role=Role.DIRECTOR)
    client.force_login(user)
    return user


def make_forecast():
    template, offer = make_path_with_offer()
    make_history(template, offer, took=14, refused=6)
    make_traveller(template, offer, reached=(20,))
    make_traveller(template, offer, reached=(20,), blocker="association")
    return template, offer


@pytest.mark.parametrize("path", PATHS)
def test_the_forecast_is_for_those_who_see_revenue(client, path):
    client.force_login(make_user())
    assert client.get(URL + path).status_code == 403
    assert client.get("/measures/forecast.json").status_code == 403


@pytest.mark.parametrize("path", ["", "accounts/", "then/", "worth/"])
def test_pages_stand_with_nothing_announced(client, director, path):
    assert client.get(URL + path).status_code == 200


def test_the_page_shows_the_cohort_and_who_is_left_out(client, director):
    make_forecast()

    response = client.get(URL, {"months": "1"})

    [cohort] = response.context["cohorts"]
    assert (cohort["chance"], cohort["expected"]) == (Decimal("0.88"), Decimal("337.33"))
    assert [each["count"] for each in response.context["left_out"]] == [5, 1]
    page = response.content.decode()
    assert "Waiting for a promise of ours" in page
    assert "not forecastable" not in page
    assert "Take rates are assumed." not in page


def test_the_page_says_what_cannot_be_said(client, director):
    template, offer = make_path_with_offer(value=None)
    make_history(template, offer, lateness=range(5))
    make_traveller(template, offer, reached=(20,))

    page = client.get(URL).content.decode()

    assert "fewer than 20 have reached it: not forecastable" in page
    assert "Take rates are assumed." in page
    assert "Not forecastable." in page
    chart = client.get("/measures/forecast.json").json()
    assert [series["data"] for series in chart["series"]] == [[None] * 12] * 3


def test_page_api_command_and_export_say_the_same(client, director):
    make_forecast()
    api = APIClient()
    api.force_authenticate(user=director)
    written = StringIO()
    call_command("measure", "forecast", "--months", "1", "--json", stdout=written)

    told = json.loads(written.getvalue())
    answered = api.get("/api/v1/measures/forecast", {"months": 1}).json()
    listed = api.get("/api/v1/measures/forecast/accounts", {"months": 1}).json()
    shown = client.get(URL, {"months": "1"}).context["total"]
    book = load_workbook(BytesIO(client.get(f"{URL}accounts.xlsx", {"months": "1"}).content))
    [header, row] = list(book.active.values)
    line = b"".join(client.get(f"{URL}accounts.csv", {"months": "1"}).streaming_content)

    assert told["total"]["expected"] == answered["total"]["expected"] == "337.33"
    assert (answered["total"]["low"], answered["total"]["high"]) == (
        told["total"]["low"], told["total"]["high"],
    )  # fmt: skip
    assert shown["expected"] == Decimal("337.33")
    assert [each["expected"] for each in listed["results"]] == ["337.33"]
    assert Decimal(str(dict(zip(header, row, strict=True))["expected"])) == Decimal("337.33")
    assert line.count(b"337.33") == 1


def test_lists_keep_their_scope_in_the_export(client, director):
    make_forecast()

    page = client.get(f"{URL}accounts/", {"reason": "assoc_blocked"})
    [row] = page.context["rows"]
    sheet = client.get("/measures/sheets/forecast-accounts.csv", {"reason": "assoc_blocked"})
    lines = b"".join(sheet.streaming_content).decode()

    assert "/measures/sheets/forecast-accounts.csv?reason=assoc_blocked" in page.text
    assert row["row"].reason == "assoc_blocked"
    assert [line.split(",")[1] for line in lines.splitlines()] == ["name", row["row"].name]


@pytest.mark.parametrize("asked", [{"cohort": "nonsense"}, {"reason": "nonsense"}])
def test_a_list_of_nothing_that_there_is_is_not_found(client, director, asked):
    assert client.get(f"{URL}accounts/", asked).status_code == 404
    assert client.get(f"{URL}accounts.csv", asked).status_code == 404


def test_an_unknown_place_leads_to_the_beginning_and_an_unknown_kind_nowhere(client, director):
    lost = client.get(f"{URL}accounts/", {"after": "x", "months": "3"})

    assert lost.headers["Location"] == f"{URL}accounts/?months=3"
    assert client.get(f"{URL}accounts.pdf").status_code == 404


def test_a_cohort_opens_to_its_accounts(client, director):
    template, offer = make_forecast()
    slug = reads.slug_of(reads.CohortKey(template.pk, "milestone-2", offer.pk))

    page = client.get(f"{URL}accounts/", {"cohort": slug, "months": "1"})

    assert len(page.context["rows"]) == 1
    assert "Before “Milestone 2”" in page.content.decode()


def test_the_back_test_is_a_page_and_a_fragment_of_it(client, director):
    make_forecast()

    page = client.get(f"{URL}then/").content.decode()
    fragment = client.get(f"{URL}then/", headers={"HX-Request": "true"}).content.decode()

    assert fragment.strip() in page
    assert "<html" not in fragment


def test_the_api_gives_the_back_test_and_refuses_a_strange_cohort(director):
    make_forecast()
    api = APIClient()
    api.force_authenticate(user=director)

    found = api.get("/api/v1/measures/forecast/back-test").json()

    assert len(found["months"]) == 12
    assert api.get("/api/v1/measures/forecast/accounts", {"cohort": "x"}).status_code == 400
    assert api.get("/api/v1/measures/forecast", {"months": 5}).status_code == 400


def test_the_value_of_an_offer_is_said_once_a_day_and_recorded(client, director):
    offer = make_offer(title="A training")
    said = {"offer": offer.key, "annual_value": "750", "effective_from": "2026-07-01"}

    first = client.post(f"{URL}worth/", said)
    client.post(f"{URL}worth/", said)

    assert first.status_code == 302
    [worth] = OfferWorth.objects.all()
    assert (worth.annual_value, worth.currency, worth.set_by) == (750, "USD", director)
    assert AuditEntry.objects.filter(verb="offer_worth.set").count() == 1
    assert "A training" in client.get(f"{URL}worth/").content.decode()


def test_a_value_without_an_amount_is_refused_in_words(client, director):
    answer = client.post(f"{URL}worth/", {"offer": make_offer().key})

    assert answer.status_code == 422
    assert not OfferWorth.objects.exists()


def test_command_prints_the_forecast():
    make_forecast()
    written = StringIO()

    call_command("measure", "forecast", stdout=written)

    assert "Milestone 2: A training" in written.getvalue()
    assert "assoc blocked" in written.getvalue()
