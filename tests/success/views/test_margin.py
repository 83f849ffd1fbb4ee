from datetime import date
from decimal import Decimal

import pytest

from coverage.engine.simulator import Asked, Cohort
from coverage.models import CoverageModel
from coverage.services import rebalancing
from members.enums import Role
from success.models import CostRate
from tests.factories import (
    NOON,
    TODAY,
    make_assignment,
    make_circumstance,
    make_contributor,
    make_coverage_model,
    make_member,
    make_segment,
    make_term,
    make_user,
)

pytestmark = pytest.mark.django_db
URL = "/measures/margin/"


@pytest.fixture(autouse=True)
def pinned(settings):
    settings.WAYMARK_TODAY = TODAY


@pytest.fixture
def director(client):
    user = make_user(role=Role.DIRECTOR)
    client.force_login(user)
    return user


def make_costed(*, name="=Member", dues="6000"):
    pod = make_segment(key="pod", name="Pod")
    make_coverage_model(hours=[(pod, "adoption", "sync", 4)])
    member = make_member(name=name)
    make_term(member=member, dues=Decimal(dues))
    make_assignment(member=member, segment=pod)
    make_circumstance(member=member)
    CostRate.objects.create(
        effective_from=date(2026, 1, 1), currency="USD", hourly_rate=50, set_at=NOON
    )
    return member


@pytest.mark.parametrize("path", ["", "members.csv", "members.xlsx", "rates/"])
def test_costs_are_for_those_who_see_revenue(client, path):
    client.force_login(make_user())
    assert client.get(URL + path).status_code == 403


def test_without_a_rate_the_page_asks_for_one(client, director):
    assert "Nobody has said what an hour costs" in client.get(URL).content.decode()
    assert client.get("/measures/margin.json").status_code == 409
    assert client.get(f"{URL}members.csv").status_code == 409


def test_the_page_shows_segments_and_members_with_the_caveat_in_words(client, director):
    make_costed()

    response = client.get(URL, {"segment": "pod"})

    [line] = response.context["lines"]
    assert (line["name"], line["cost"].served.margin, line["share"]) == (
        "Pod", 3600, Decimal("0.6"),
    )  # fmt: skip
    assert [each["row"].name for each in response.context["rows"]] == ["=Member"]
    page = response.content.decode()
    assert "Hours freed become money only where they are given to others" in page
    assert "assumed" in page
    chart = client.get("/measures/margin.json").json()
    assert [each["data"] for each in chart["series"]] == [[6000], [2400]]


def test_members_are_exported_with_formulas_disarmed(client, director):
    member = make_costed()

    lines = b"".join(client.get(f"{URL}members.csv").streaming_content).decode().splitlines()

    assert lines[1] == (
        f"{member.public_id},'=Member,Pod,6000.00,48.00,assumed,2400.0000,0.00,0.00,"
        "2400.0000,3600.0000,0.6000,USD,2026-07-29"
    )


def test_rates_are_set_on_a_page(client, director):
    assert client.post(f"{URL}rates/", {"hourly_rate": "-1"}).status_code == 422

    said = {"hourly_rate": "62.50", "effective_from": "2026-07-29", "note": "payroll"}
    response = client.post(f"{URL}rates/", said)

    assert response["Location"] == URL
    rates = CostRate.objects.get()
    assert (rates.hourly_rate, rates.enablement_a_year, rates.set_by) == (
        Decimal("62.50"), 0, director,
    )  # fmt: skip
    form = client.get(f"{URL}rates/").context["form"]
    assert form["hourly_rate"].value() == Decimal("62.50")


def test_an_address_that_names_no_rebalancing_shows_the_page(client, director):
    make_costed()
    assert client.get(URL, {"rebalancing": "nothing"}).status_code == 200


def test_measures_lead_to_it_only_who_may(client, director):
    assert URL in client.get("/measures/").content.decode()
    client.force_login(make_user())
    assert URL not in client.get("/measures/").content.decode()


def test_what_a_rebalancing_does_to_the_margin_is_shown(client, director):
    make_costed()
    pool = make_segment(key="pool", name="Pool", is_pooled=True)
    CoverageModel.objects.get().hours.create(
        segment=pool, stage="adoption", modality="inbound", hours=1
    )
    make_contributor()
    cohort = Cohort(from_segment="pod", to_segment="pool", percent=100)
    found = rebalancing.ask(
        asked=Asked(most_moved_percent=0, cohort=cohort), by=director, as_of=TODAY, at=NOON
    )
    rebalancing.work_out(rebalancing_id=found.pk, clock=lambda: NOON)

    response = client.get(URL, {"rebalancing": found.public_id})

    # 48 hours at 50 become 12: the margin grows from 3,600 to 5,400, by half
    effect = response.context["effect"]
    assert (effect["relative"], effect["points"]) == (Decimal(50), Decimal(30))
    assert "What the rebalancing does" in response.content.decode()


def test_a_loss_that_ends_is_not_said_as_a_share_of_it(client, director):
    make_costed(dues="100")
    pool = make_segment(key="pool", name="Pool", is_pooled=True)
    CoverageModel.objects.get().hours.create(
        segment=pool, stage="adoption", modality="inbound", hours=1
    )
    make_contributor()
    cohort = Cohort(from_segment="pod", to_segment="pool", percent=100)
    found = rebalancing.ask(
        asked=Asked(most_moved_percent=0, cohort=cohort), by=director, as_of=TODAY, at=NOON
    )
    rebalancing.work_out(rebalancing_id=found.pk, clock=lambda: NOON)

    response = client.get(URL, {"rebalancing": found.public_id})

    assert response.context["effect"]["relative"] is None
    assert "beside what it was" not in response.content.decode()
