"""Every measure: page, API, command and sheet say one figure, and no measure lacks one of them."""

import csv
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.urls import reverse
from rest_framework.test import APIClient

from coverage.models import CoverageModel
from members.enums import Role
from success.api.urls import urlpatterns as api_paths
from success.management.commands.measure import ASKED, Command
from success.models import CostRate, GapAnswer, RenewalCount
from success.services.nights import run_night
from success.urls import urlpatterns as page_paths
from success.views.mailed import PAGES
from tests.factories import (
    NOON,
    TODAY,
    make_accountability,
    make_assignment,
    make_circumstance,
    make_coverage_model,
    make_member,
    make_member_facts,
    make_night,
    make_segment,
    make_term,
    make_user,
)
from tests.success.forecasts import make_history, make_path_with_offer, make_traveller
from tests.success.ledgers import add_lines, line
from tests.success.plans import agree, on_day, reach
from tests.success.queries.test_doing import held, renewed, walking
from tests.success.queries.test_doing import night as small_night
from tests.success.queries.test_outlook import begin_records, derive, joined, make_path
from tests.success.views.test_after_move import make_harm
from tests.success.views.test_margin import make_costed
from tests.success.views.test_trials import make_drawn

pytestmark = pytest.mark.django_db
YEAR = {"from": "2025-07-01", "to": "2026-07-01"}


def command(*arguments):
    out = StringIO()
    call_command("measure", *arguments, "--json", stdout=out)
    return json.loads(out.getvalue())


@pytest.fixture(autouse=True)
def pinned(settings):
    settings.WAYMARK_TODAY = TODAY


@pytest.fixture
def small():
    return ledger()


def ledger():
    """Six members: one of each movement, with plans, promises, hours and rates; one night."""
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
        if "key" in flags:
            given = ["--key", make_drawn().key]
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


# Every measure, on all four.


def costed():
    make_costed(name="Ada", dues="6000")
    make_night()


def announced():
    template, offer = make_path_with_offer()
    make_history(template, offer, took=14, refused=6)
    make_traveller(template, offer, reached=(20,))
    make_traveller(template, offer, reached=(20,), blocker="association")


def announced_long_ago():
    template, offer = make_path_with_offer()
    make_history(template, offer, lateness=range(-10, 30), took=14, refused=6)
    make_traveller(template, offer, reached=(20,), anchor_on=date(2025, 12, 15))


def ending():
    make_night()
    alike = {"state": "no_plan", "is_first_year": True, "tier": "Silver"}
    RenewalCount.objects.create(
        month=date(2025, 9, 1), renewed=6, lapsed=2, undecided=0, **alike
    )
    for days in (10, 20, 30):
        member, until = make_member(), TODAY + timedelta(days=days)
        make_term(member=member, starts_on=date(2025, 9, 1), ends_on=until)
        make_member_facts(
            member=member, term_ends_on=until, joined_on=date(2025, 9, 1), tier="Silver"
        )


def looked_after():
    ann, segment = make_user(name="Ann Able"), make_segment(key="inbound", name="Inbound")
    for _ in range(6):
        held(ann, segment=segment, days=100)
    walking(days=110)
    renewed(1234)
    make_night(as_of=TODAY)
    small_night()


def on_the_way():
    for number in range(3):
        known = make_member_facts(state="on_track")
        if number:
            GapAnswer.objects.create(
                member=known.member, on=TODAY, answer="no", said_in="call", recorded_at=NOON
            )


def stalled():
    make_path()
    begin_records()
    for month in range(1, 13):
        joined(date(2021, month, 1), date(2023, month, 15))
        joined(date(2021, month, 2), date(2027, 1, 1), certified=50)
    derive()
    make_night(as_of=TODAY)


def arriving():
    begins = date(2026, 6, 1)
    waiting = joined(begins, date(2027, 6, 1))
    stalled()
    make_member_facts(member=waiting, joined_on=begins)


Rows = list[dict[str, str]]


@dataclass(frozen=True)
class Measure:
    """A measure with a figure that its API and its command hold, its page shows, its sheet gives.

    ``figure`` reads an answer of the API, ``printed`` one of the command (the same where it is
    not said), ``shown`` puts the figure into the words of the page, and ``summed`` finds it in
    the rows of the sheet ``sheet``: a key of the pages that are mailed, or an address of a file.
    """

    name: str
    api: str
    page: str
    arrange: Callable[[], Any]
    figure: Callable[[Any], Any]
    shown: Callable[[Any], str]
    printed: Callable[[Any], Any] | None = None
    sheet: str = ""
    summed: Callable[[Rows], Any] | None = None
    asked: dict[str, str] = field(default_factory=dict)
    key: str = ""

    def at(self, name):
        return reverse(name, kwargs={"key": self.key} if self.key else None)


def money(value, places=0):
    return f"{Decimal(value):,.{places}f}"


def total(rows, column, **only):
    kept = [row for row in rows if all(row[name] == value for name, value in only.items())]
    return sum((Decimal(row[column]) for row in kept), Decimal(0))


MEASURES = (
    Measure(
        name="revenue",
        api="measures-revenue",
        page="success:measures_money",
        arrange=ledger,
        asked=YEAR,
        figure=lambda said: said["closing"],
        printed=lambda said: said[0]["in_force"]["closing"],
        shown=money,
        sheet="movements",
        summed=lambda rows: str(total(rows, "closing")),
    ),
    Measure(
        name="movements",
        api="measures-revenue-movements",
        page="success:movements",
        arrange=ledger,
        asked=YEAR,
        figure=lambda said: said["totals"]["kinds"]["expansion"],
        shown=lambda value: money(value, 2),
        sheet="movements",
        summed=lambda rows: str(total(rows, "change", movement="expansion")),
    ),
    Measure(
        name="vector",
        api="measures-vector",
        page="success:measures",
        arrange=ledger,
        figure=lambda said: (said["groups"][0]["with_plan"], said["groups"][0]["in_scope"]),
        shown=lambda value: f"{value[0]} of {value[1]} members",
        sheet="success:measures_groups_export",
        summed=lambda rows: (int(total(rows, "with_plan")), int(total(rows, "members"))),
    ),
    Measure(
        name="integrity",
        api="measures-integrity",
        page="success:measures_integrity",
        arrange=looked_after,
        figure=lambda said: next(
            each["expanded"] for each in said["won"] if each["milestones"] == "none"
        ),
        shown=money,
        sheet="success:measures_integrity_export",
        summed=lambda rows: str(total(rows, "expanded", milestones="none")),
    ),
    Measure(
        name="our-work",
        api="measures-our-work",
        page="success:our_work",
        arrange=looked_after,
        figure=lambda said: said["team"]["counted"],
        shown=lambda value: f"{value} members held for 30 days or longer",
        sheet="our-work",
        summed=lambda rows: sum(row["counts"] == "yes" for row in rows),
    ),
    Measure(
        name="story",
        api="measures-story",
        page="success:story",
        arrange=ledger,
        figure=lambda said: {each["year"]: each["closing"] for each in said["years"]}[2025],
        shown=money,
        sheet="success:story_export",
        summed=lambda rows: str(total(rows, "closing", tier="Everybody", year="2025")),
    ),
    Measure(
        name="retention",
        api="measures-retention",
        page="success:retention_curves",
        arrange=ledger,
        figure=lambda said: (said["everybody"]["members"], said["everybody"]["left"]),
        shown=lambda value: f"Of {value[0]} first memberships, {value[1]} have ended",
        sheet="success:retention_members",
        summed=lambda rows: (len(rows), sum(row["has_left"] == "True" for row in rows)),
    ),
    Measure(
        name="renewals",
        api="measures-renewals",
        page="success:renewals",
        arrange=ending,
        figure=lambda said: sum(each["expected"] for each in said["weeks"]),
        shown=lambda value: f"{value:.0f} of 3; of 0 nothing is known",
        sheet="renewals",
        summed=lambda rows: sum(float(row["likelihood"]) for row in rows),
    ),
    Measure(
        name="available-to-renew",
        api="measures-renewals-available",
        page="success:renewals",
        arrange=ledger,
        figure=lambda said: said["available"],
        shown=money,
        sheet="renewable",
        summed=lambda rows: str(total(rows, "dues_before")),
    ),
    Measure(
        name="first-value",
        api="measures-first-value",
        page="success:first_value",
        arrange=arriving,
        figure=lambda said: said["everybody"]["waiting"],
        shown=lambda value: f"{value} are waiting",
        sheet="first-value",
        summed=len,
    ),
    Measure(
        name="promises",
        api="measures-promises",
        page="success:kept",
        arrange=ledger,
        figure=lambda said: (
            said["everybody"]["ours"]["on_time"],
            said["everybody"]["ours"]["due"],
        ),
        shown=lambda value: f"{value[0]} of {value[1]} promises due",
        sheet="promises",
        summed=lambda rows: (
            sum(row["side"] == "association" and row["became"] == "on_time" for row in rows),
            sum(row["side"] == "association" for row in rows),
        ),
    ),
    Measure(
        name="success-gap",
        api="measures-success-gap",
        page="success:kept",
        arrange=on_the_way,
        figure=lambda said: (said["said_no"], said["answered"]),
        shown=lambda value: f"{value[0]} of {value[1]} who answered",
    ),
    Measure(
        name="margin",
        api="measures-margin",
        page="success:margin",
        arrange=costed,
        figure=lambda said: said["everybody"]["margin"],
        shown=money,
        sheet="margin",
        summed=lambda rows: f"{total(rows, 'margin'):.2f}",
    ),
    Measure(
        name="margin-members",
        api="measures-margin-members",
        page="success:margin",
        arrange=costed,
        figure=lambda said: [each["cost_to_serve"] for each in said["results"]],
        shown=lambda value: money(value[0]),
        sheet="margin",
        summed=lambda rows: [f"{Decimal(row['cost_to_serve']):.2f}" for row in rows],
    ),
    Measure(
        name="forecast",
        api="measures-forecast",
        page="success:forecast",
        arrange=announced,
        asked={"months": "1"},
        figure=lambda said: said["total"]["expected"],
        shown=money,
        sheet="forecast",
        summed=lambda rows: str(total(rows, "expected", row="together")),
    ),
    Measure(
        name="forecast-accounts",
        api="measures-forecast-accounts",
        page="success:forecast_accounts",
        arrange=announced,
        asked={"months": "1"},
        figure=lambda said: [each["expected"] for each in said["results"]],
        shown=lambda value: money(value[0]),
        sheet="forecast-accounts",
        summed=lambda rows: [row["expected"] for row in rows],
    ),
    Measure(
        name="forecast-back-test",
        api="measures-forecast-back-test",
        page="success:forecast_then",
        arrange=announced_long_ago,
        figure=lambda said: sum(Decimal(each["expected"] or 0) for each in said["months"]),
        shown=lambda value: money(value, 2),
    ),
    Measure(
        name="stalled-and-lapsed",
        api="measures-stalled-and-lapsed",
        page="success:stalled_and_lapsed",
        arrange=stalled,
        figure=lambda said: said["members"],
        shown=lambda value: f"of {value} members had stalled",
    ),
    Measure(
        name="after-a-move",
        api="measures-after-a-move",
        page="success:after_move",
        arrange=make_harm,
        figure=lambda said: said["batches"][0]["looks"][0]["pace"]["difference"],
        shown=lambda value: f"pace fell {-value:.2f} plan-days a day behind",
    ),
    Measure(
        name="effect",
        api="measures-effect",
        page="success:effect",
        arrange=make_drawn,
        key="tried",
        figure=lambda said: (said["drawn"]["treated"], said["drawn"]["held"]),
        shown=lambda value: f"{value[0]} accounts were acted upon, {value[1]} left alone",
    ),
    Measure(
        name="explain",
        api="measures-explain",
        page="success:explain",
        arrange=ledger,
        asked={"measure": "promises"},
        figure=lambda said: (said["verdict"], len(said["figures"])),
        shown=lambda _value: "plain count of",
    ),
)
WITHOUT_SHEET = {
    "success-gap": "whoever says otherwise is in the list of members, which is a sheet",
    "forecast-back-test": "twelve lines that change once a month",
    "stalled-and-lapsed": "a comparison of curves; its members are nobody's list",
    "after-a-move": "a verdict with its intervals; those moved are the rebalancing's own list",
    "effect": "a verdict with its interval; a list would tell who was left alone by the draw",
    "explain": "it takes figures apart that have sheets themselves",
}
# Pages below /measures/ that are no measure: lists behind one, settings, mail, experiments.
NO_MEASURE = {
    *("success:renewable", "success:renewal_decisions", "success:retention_members"),
    *("success:after_move_warning", "success:offer_worth", "success:cost_rates"),
    *("success:mailings", "success:mailing_new", "success:mailing", "success:mailing_pause"),
    *("success:mailing_try", "success:mailing_drop"),
    *("success:effects", "success:backtests", "success:backtest", "success:backtest_ask"),
    "success:backtest_cancel",
}


@pytest.mark.parametrize("measure", MEASURES, ids=lambda each: each.name)
def test_a_measure_is_one_figure_on_page_api_command_and_sheet(measure, client):
    measure.arrange()
    user = make_user(role=Role.DIRECTOR)
    client.force_login(user)
    api = APIClient()
    api.force_login(user)

    said = api.get(measure.at(f"api:{measure.api}"), measure.asked).json()
    value = measure.figure(said)
    assert value, "a figure of nothing agrees with anything"

    flags = [f"--{name}={asked}" for name, asked in measure.asked.items() if name != "measure"]
    if measure.key:
        flags.append(f"--key={measure.key}")
    if "measure" in measure.asked:
        flags.insert(0, measure.asked["measure"])
    printed = command(measure.name, *flags)
    assert (measure.printed or measure.figure)(printed) == value
    if measure.printed is None:
        assert printed == said

    html = client.get(measure.at(measure.page), measure.asked).content.decode()
    words = " ".join(re.sub(r"<[^>]+>", " ", html).replace("\xa0", " ").split())
    assert measure.shown(value) in words.replace(" ;", ";")

    if measure.summed is not None:
        assert measure.summed(rows_of(client, measure)) == value


def rows_of(client, measure):
    asked = dict(measure.asked)
    if measure.sheet == "success:retention_members":
        path, asked = reverse(measure.sheet), {"as": "csv"}
    elif ":" in measure.sheet:
        path = reverse(measure.sheet, args=["csv"])
    else:
        path = reverse("success:page_export", args=[measure.sheet, "csv"])
    answer = client.get(path, asked)
    assert answer.status_code == 200
    return [*csv.DictReader(StringIO(b"".join(answer.streaming_content).decode()))]


def test_no_measure_lacks_its_page_its_api_its_command_or_its_sheet():
    parser = Command().create_parser("manage.py", "measure")
    (kinds,) = (action for action in parser._actions if action.dest == "measure")  # noqa: SLF001
    assert {each.name for each in MEASURES} == set(kinds.choices)

    assert {each.api for each in MEASURES} == {
        path.name for path in api_paths if getattr(path, "name", "").startswith("measures-")
    }

    pages = {
        f"success:{path.name}"
        for path in page_paths
        if str(path.pattern).startswith("measures/") and str(path.pattern).endswith("/")
    }
    assert {each.page for each in MEASURES} | NO_MEASURE == pages
    assert not {each.page for each in MEASURES} & NO_MEASURE

    assert {each.name for each in MEASURES if not each.sheet} == set(WITHOUT_SHEET)
    assert all(bool(each.sheet) == (each.summed is not None) for each in MEASURES)
    mailed = {
        key for key, _title, _permission, address, _make in PAGES if "success:" in address
    }
    assert mailed - {each.sheet for each in MEASURES} == {"members"}
