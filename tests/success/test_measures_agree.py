"""Every measure: what the page shows, the API answers and the command prints is one figure."""

import json
from datetime import date
from decimal import Decimal
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from rest_framework.test import APIClient

from coverage.models import CoverageModel
from members.enums import Role
from success.management.commands.measure import ASKED
from success.models import CostRate
from success.services.nights import run_night
from tests.factories import (
    NOON,
    TODAY,
    make_accountability,
    make_assignment,
    make_circumstance,
    make_coverage_model,
    make_segment,
    make_user,
)
from tests.success.ledgers import add_lines, line
from tests.success.plans import agree, on_day, reach

pytestmark = pytest.mark.django_db
YEAR = {"from": "2025-07-01", "to": "2026-07-01"}


def command(*arguments):
    out = StringIO()
    call_command("measure", *arguments, "--json", stdout=out)
    return json.loads(out.getvalue())


@pytest.fixture
def small(settings):
    """Six members: one of each movement, with plans, promises, hours and rates; one night."""
    settings.WAYMARK_TODAY = TODAY
    members = add_lines(
        [
            line("grows", "2025-01-01", "2026-01-01", 1000, "Silver"),
            line("grows", "2026-01-01", "2027-01-01", "1500.50", "Gold"),
            line("shrinks", "2025-02-01", "2026-02-01", 900, "Gold"),
            line("shrinks", "2026-02-01", "2027-02-01", 500, "Silver"),
            line("leaves", "2025-03-01", "2026-03-01", 400, "Silver"),
            line("stays", "2025-03-01", "2028-03-01", 250, "Silver"),
            line("arrives", "2026-02-01", "2027-02-01", 300, "Silver"),
            line("returns", "2023-01-01", "2024-01-01", 100, "Gold"),
            line("returns", "2026-04-01", "2027-04-01", 200, "Gold"),
        ]
    )
    pod = make_segment(key="pod", name="Pod")
    make_coverage_model(hours=[(pod, "adoption", "sync", 4)])
    for name, member in members.items():
        make_assignment(member=member, segment=pod)
        make_circumstance(member=member)
        if name in {"grows", "shrinks", "stays"}:
            plan = agree(member=member)
            reach(plan, plan.milestones.order_by("position")[0].key, 20)
            make_accountability(plan=plan, due_on=on_day(50), done_on=on_day(49))
    CostRate.objects.create(
        effective_from=date(2026, 1, 1), currency="USD", hourly_rate=50, set_at=NOON
    )
    run_night(as_of=TODAY, today=TODAY, clock=lambda: NOON)
    return members


@pytest.fixture
def director(client):
    user = make_user(role=Role.DIRECTOR)
    client.force_login(user)
    return client


@pytest.fixture
def api(director):
    found = APIClient()
    found.force_login(make_user(role=Role.DIRECTOR))
    return lambda path, **asked: found.get(f"/api/v1/measures/{path}", asked).json()


def percent(value, places=1):
    return f"{100 * Decimal(str(value)):.{places}f}%"


def test_every_measure_says_the_same_on_page_api_and_command(small, director, api):
    def page(path, **asked):
        return director.get(f"/measures/{path}", asked).content.decode()

    said = api("revenue", **YEAR)
    (printed,) = command("revenue", "--from", YEAR["from"], "--to", YEAR["to"])
    for name in ("opening", "closing", "churn", "nrr", "grr", "logo_retention"):
        assert printed["in_force"][name] == said[name], name
    assert Decimal(said["nrr"]) == Decimal("0.882549")
    assert percent(said["nrr"]) in page("", **YEAR)
    # of the 500.50 more and 400 less everything came with another tier: nothing is price
    assert printed["in_force"]["nrr_ex_price"] == said["nrr_ex_price"] == said["nrr"]
    assert (printed["in_force"]["price"], said["price"]) == ("0.00", "0.00")
    bands = page("money/", **YEAR)
    assert "NRR ex-price" in bands
    assert bands.count(percent(said["nrr_ex_price"], places=2)) >= 2
    explained = api("explain", measure="revenue", **YEAR)
    by_name = {figure["name"]: figure["now"] for figure in explained["figures"]}
    assert by_name["nrr"] == said["nrr"]
    assert by_name["opening"] == said["opening"]
    whole = command("explain", "revenue", "--from", YEAR["from"], "--to", YEAR["to"])
    assert whole["figures"] == explained["figures"]

    rows = api("revenue/movements", **YEAR)
    assert command("movements", "--from", YEAR["from"], "--to", YEAR["to"]) == rows
    listed = page("movements/", **YEAR)
    assert all(row["name"] in listed for row in rows["results"])

    vectors = api("vector")
    assert command("vector") == vectors
    (everybody,) = vectors["groups"]
    assert (everybody["in_scope"], everybody["with_plan"]) == (5, 3)
    figures = command("explain", "group", "--on", TODAY.isoformat())["figures"]
    made = {figure["name"]: figure["now"] for figure in figures}
    assert made["in_scope"] == everybody["in_scope"]
    assert Decimal(made["plan_coverage"]) == Decimal(everybody["plan_coverage"])
    assert made["mean_pace"] is everybody["mean_pace"] is None, "fewer than five have a pace"
    assert {state: made[state] for state in everybody["states"]} == everybody["states"]

    costs = api("margin")
    assert command("margin") == costs
    assert f"{Decimal(costs['everybody']['cost_to_serve']):,.0f}" in page("margin/")

    kept = api("promises")
    assert command("promises") == kept
    assert "Kept promises" in page("promises/")
    for name, path in (
        ("first-value", "first-value/"),
        ("after-a-move", "after-a-move/"),
        ("success-gap", "promises/"),
    ):
        assert command(name) == api(name), name
        assert director.get(f"/measures/{path}").status_code == 200
    assert CoverageModel.objects.exists()


@pytest.mark.parametrize("measure", ["first-value", "margin", "promises"])
def test_live_measures_agree_with_a_plain_count(small, api, measure):
    found = api("explain", measure=measure)
    assert found["verdict"] == "agrees"
    assert command("explain", measure) == found


def test_the_command_knows_every_measure_and_says_why_it_cannot(small):
    for name, (_address, flags, _help) in ASKED.items():
        out = StringIO()
        given = ["--from", YEAR["from"], "--to", YEAR["to"]] if "from" in flags else []
        call_command("measure", name, *given, stdout=out)
        assert out.getvalue(), name
    with pytest.raises(CommandError):
        call_command("measure", "vector", "--by", "nonsense")
    with pytest.raises(CommandError, match="--from"):
        call_command("measure", "explain", "revenue")
    with pytest.raises(CommandError, match="no such member"):
        call_command(
            "measure", "explain", "vector", "--on", "2026-07-01",
            "--member", "00000000-0000-7000-8000-000000000000",
        )  # fmt: skip
