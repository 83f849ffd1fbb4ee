import csv
import io
import re
from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.urls import reverse

from config.kernel.sheets import safe_cells
from members.enums import Role
from members.models import Association
from success.rollups import revenue as rollup
from success.services.readings import read_integrity
from tests.factories import NOON, TODAY, make_night, make_user, make_vector_rollup
from tests.success.ledgers import add_lines, assign, line

pytestmark = pytest.mark.django_db
YEAR = {"from": "2025-01-01", "to": "2026-01-01"}


@pytest.fixture(autouse=True)
def _held_day(settings):
    settings.WAYMARK_TODAY = TODAY


@pytest.fixture
def ledger():
    """Two that stay (one pays more), one that leaves, one that joins, one still in grace."""
    members = add_lines(
        [
            line("Stays", "2024-01-01", "2027-01-01", 1000, "Silver"),
            line("Grows", "2024-01-01", "2025-07-01", 1000, "Silver"),
            line("Grows", "2025-07-01", "2027-01-01", 1500, "Gold"),
            line("=Leaves", "2024-01-01", "2025-06-01", 400, "Silver"),
            line("Joins", "2025-03-01", "2027-01-01", 700, "Silver"),
            line("In grace", "2024-01-01", "2026-07-20", 300, "Silver"),
        ]
    )
    assign([members["Stays"], members["Grows"]], key="inbound")
    rollup.refresh(as_of=TODAY, since=None, at=NOON)
    make_night(as_of=TODAY)
    make_vector_rollup(as_of=TODAY - timedelta(days=40))
    make_vector_rollup(as_of=TODAY)
    return members


def text(response):
    html = re.sub(r"<(script|style).*?</\1>", "", response.content.decode(), flags=re.DOTALL)
    return " ".join(re.sub(r"<[^>]+>", " ", html).replace("&nbsp;", " ").split())


def as_role(client, role):
    client.force_login(make_user(role=role))
    return client


@pytest.mark.usefixtures("ledger")
def test_measures_show_members_before_money_and_the_alarm_between(client):
    as_role(client, Role.DIRECTOR)

    html = client.get(reverse("success:measures"), YEAR).content.decode()

    places = [html.index(f'id="{part}"') for part in ("members", "integrity", "money")]
    assert places == sorted(places)


@pytest.mark.usefixtures("ledger")
def test_measures_say_the_period_by_both_rules(client):
    as_role(client, Role.DIRECTOR)

    said = text(client.get(reverse("success:measures_money"), YEAR))

    # 2,700 opening: 400 leave, 500 more from the one that grows, 700 join
    for figure in ("$2,700", "$700", "$500", "$400", "$3,500", "103.70%", "85.19%"):
        assert figure in said, figure
    assert "Both rules agree for this period" in said


@pytest.mark.usefixtures("ledger")
def test_measures_explain_what_parts_the_two_rules(client):
    as_role(client, Role.DIRECTOR)

    said = text(client.get(reverse("success:measures_money")))

    assert (
        "the term of 1 member who pays $300 is over and their 30 days of grace are still open"
        in said
    )


@pytest.mark.usefixtures("ledger")
def test_measures_show_an_msm_the_members_and_no_money(client):
    as_role(client, Role.MSM)

    response = client.get(reverse("success:measures"), YEAR)
    html = response.content.decode()
    said = text(response).partition("How are the members doing?")[2]

    assert response.status_code == 200
    assert [word for word in ("$", "NRR", "GRR", "dues", "Dues") if word in said] == []
    assert [part for part in ('id="money"', 'id="integrity"') if part in html] == []
    assert 'id="members"' in html


@pytest.mark.parametrize(
    "name",
    [
        "success:movements",
        "success:movements_export",
        "success:measures_retention_chart",
        "success:measures_waterfall_chart",
    ],
)
@pytest.mark.parametrize(
    ("role", "status"),
    [(Role.DIRECTOR, 200), (Role.OPERATIONS, 200), (Role.MSM, 403), (Role.MEMBER, 403)],
)
def test_money_is_for_those_who_may_see_it(client, ledger, name, role, status):
    as_role(client, role)

    assert client.get(reverse(name), YEAR).status_code == status


def test_measures_before_any_night_say_so(client):
    as_role(client, Role.DIRECTOR)

    response = client.get(reverse("success:measures"))

    assert response.status_code == 200
    assert "No night has spoken yet" in text(response)
    assert "Not enough data yet" in text(response)


def test_measures_refuse_a_period_that_runs_backwards_in_words(client, ledger):
    as_role(client, Role.DIRECTOR)

    response = client.get(
        reverse("success:measures_money"), {"from": "2026-01-01", "to": "2025-01-01"}
    )

    assert response.status_code == 200
    assert "Choose a closing day after the opening day." in text(response)


def test_measures_say_that_two_currencies_cannot_be_added(client, ledger):
    Association.objects.update_or_create(pk=1, defaults={"currency": "EUR"})
    as_role(client, Role.DIRECTOR)

    said = text(client.get(reverse("success:measures")))

    assert "Dues in USD cannot be added to dues in EUR: no rate of exchange" in said


def test_states_chart_counts_members_by_state_and_month(client, ledger):
    as_role(client, Role.MSM)

    chart = client.get(reverse("success:measures_states_chart")).json()

    assert chart["x"] == ["19 Jun", "29 Jul"]
    assert {series["state"]: series["data"] for series in chart["series"]} == {
        "on_track": [2, 2],
        "stalled": [1, 1],
        "no_plan": [1, 1],
    }


def test_waterfall_runs_from_opening_to_closing(client, ledger):
    as_role(client, Role.DIRECTOR)

    chart = client.get(reverse("success:measures_waterfall_chart"), YEAR).json()

    assert chart["series"][0]["data"] == [2700.0, 700.0, 0.0, 500.0, 0.0, -400.0, None]
    assert len(chart["series"][0]["links"]) == len(chart["x"]) == 7


def test_retention_chart_marks_what_is_provisional(client, ledger):
    as_role(client, Role.DIRECTOR)

    chart = client.get(reverse("success:measures_retention_chart")).json()

    assert chart["series"][0]["provisional"][-1] is True
    assert chart["series"][0]["data"][-1] == 1.0
    assert chart["note"] == (
        "Provisional: 1 member is still in their grace. NRR is 91.4% if none renews, and"
        " 100.0% if all do at the same dues."
    )


def test_movements_list_the_members_behind_a_figure(client, ledger):
    as_role(client, Role.DIRECTOR)

    response = client.get(reverse("success:movements"), {**YEAR, "kind": ["churn", "new"]})

    assert [(line.row.name, line.change) for line in response.context["rows"]] == [
        ("Joins", Decimal("700.00")),
        ("=Leaves", Decimal("-400.00")),
    ]


def test_movements_narrow_to_a_group(client, ledger):
    as_role(client, Role.DIRECTOR)
    asked = {**YEAR, "by": "segment", "value": "inbound"}

    response = client.get(reverse("success:movements"), asked)

    assert [line.row.name for line in response.context["rows"]] == ["Grows", "Stays"]
    assert response.context["lead"].endswith("Coverage segment: Inbound.")


def test_movements_go_on_after_a_cursor_and_refuse_a_foreign_one(client, monkeypatch, ledger):
    monkeypatch.setattr("success.views.movements.PAGE_SIZE", 2)
    as_role(client, Role.DIRECTOR)
    url = reverse("success:movements")

    names = []
    after = ""
    while after is not None:
        response = client.get(url, {**YEAR, "after": after})
        names += [line.row.name for line in response.context["rows"]]
        after = response.context["after"]

    assert names == ["Joins", "Grows", "=Leaves", "In grace", "Stays"]
    assert client.get(url, {**YEAR, "after": "forged"}).headers["Location"].startswith(url)


def test_export_holds_every_row_and_no_formula(client, ledger):
    as_role(client, Role.DIRECTOR)

    response = client.get(reverse("success:movements_export"), {**YEAR, "kind": "churn"})
    rows = list(csv.DictReader(io.StringIO(b"".join(response).decode())))

    assert [(row["name"], row["opening"], row["change"]) for row in rows] == [
        ("'=Leaves", "400.00", "-400.00")
    ]


def test_safe_cells_quote_what_a_spreadsheet_would_run():
    cells = ["=1+1", "+1", "-1", "@a", "\ta", "\ra", "a=1", Decimal("-4.00"), date(2026, 1, 1)]

    assert safe_cells(cells) == [
        *("'=1+1", "'+1", "'-1", "'@a", "'\ta", "'\ra", "a=1"),
        Decimal("-4.00"),
        date(2026, 1, 1),
    ]


@pytest.mark.parametrize("item_count", [1, 3])
def test_movements_cost_the_same_for_any_length(client, item_count, django_assert_num_queries):
    add_lines(
        line(f"M{number}", "2024-01-01", "2027-01-01", 1000) for number in range(item_count)
    )
    as_role(client, Role.DIRECTOR)
    url = reverse("success:movements")
    client.get(url, YEAR)

    with django_assert_num_queries(16):
        response = client.get(url, YEAR)

    assert len(response.context["rows"]) == item_count


@pytest.mark.parametrize("item_count", [1, 3])
def test_measures_cost_the_same_for_any_number_of_groups(
    client, item_count, django_assert_max_num_queries
):
    members = add_lines(
        line(f"M{number}", "2024-01-01", "2027-01-01", 1000, f"Tier {number}")
        for number in range(item_count)
    )
    for number, member in enumerate(members.values()):
        assign([member], key=f"segment-{number}")
    rollup.refresh(as_of=TODAY, since=None, at=NOON)
    make_night(as_of=TODAY)
    make_vector_rollup(as_of=TODAY)
    read_integrity(as_of=TODAY, grace_days=30)
    as_role(client, Role.DIRECTOR)

    with django_assert_max_num_queries(36):
        client.get(reverse("success:measures"))
    with django_assert_max_num_queries(20):
        response = client.get(reverse("success:measures_money"), YEAR)

    assert [len(rows) for _title, _heading, rows in response.context["groups"]] == [
        item_count,
        item_count,
    ]
