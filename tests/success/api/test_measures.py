from datetime import date
from decimal import Decimal

import pytest
from drf_spectacular.generators import SchemaGenerator
from rest_framework.test import APIClient

from members.enums import Role
from members.models import Dues
from success.api.urls import urlpatterns as measures
from success.enums import Dimension
from success.models import VectorRollup
from tests.factories import make_user
from tests.success.ledgers import add_lines, assign, line

pytestmark = [pytest.mark.django_db, pytest.mark.urls("success.api.urls")]

YEAR = {"from": "2025-01-01", "to": "2026-01-01", "as_of": "2026-01-10"}


@pytest.fixture(autouse=True)
def pinned(settings):
    settings.WAYMARK_TODAY = date(2026, 1, 10)


def client_of(role):
    client = APIClient()
    client.force_login(make_user(role=role))
    return client


@pytest.fixture
def director():
    return client_of(Role.DIRECTOR)


def a_year_of_everything():
    return add_lines(
        [
            line("grows", "2024-06-01", "2025-06-01", 100, "Silver"),
            line("grows", "2025-06-01", "2026-06-01", "150.50", "Gold"),
            line("leaves", "2024-03-01", "2025-03-01", 40, "Silver"),
            line("arrives", "2025-09-01", "2026-09-01", 30, "Silver"),
            line("returns", "2022-01-01", "2023-01-01", 10, "Gold"),
            line("returns", "2025-10-01", "2026-10-01", 20, "Gold"),
            line("in grace", "2024-12-20", "2025-12-20", 60, "Silver"),
        ]
    )


def test_revenue_gives_both_bases(director):
    a_year_of_everything()
    answer = director.get("/measures/revenue", YEAR)

    in_force = {
        "opening": "200.00",
        "new": "30.00",
        "reactivation": "20.00",
        "expansion": "50.50",
        "contraction": "0.00",
        "churn": "100.00",
        "closing": "200.50",
        "nrr": "0.752500",
        "price": "0.00",
        "nrr_ex_price": "0.752500",
        "grr": "0.500000",
        "logo_retention": "0.333333",
        "logo_churn": "0.666667",
        "base_members": 3,
        "kept_members": 1,
        "lost_members": 2,
        "lost_logos": 2,
        "new_members": 1,
        "reactivated_members": 1,
        "members_open": 3,
        "members_close": 3,
    }
    staying = {
        "churn": "40.00",
        "closing": "260.50",
        "nrr": "1.052500",
        "nrr_ex_price": "1.052500",
        "grr": "0.800000",
        "logo_retention": "0.666667",
        "logo_churn": "0.333333",
        "kept_members": 2,
        "lost_members": 1,
        "lost_logos": 1,
        "members_close": 4,
    }
    assert answer.status_code == 200
    assert answer.json() == {
        **YEAR,
        "currency": "USD",
        **in_force,
        "membership": {
            "grace_days": 30,
            "status": "provisional",
            "undecided": "60.00",
            "undecided_members": 1,
            "strict": in_force,
            "optimistic": in_force | staying,
        },
    }


@pytest.mark.parametrize(
    ("by", "expected"),
    [
        ("tier", [("Gold", "0.00", "20.00"), ("Silver", "200.00", "180.50")]),
        ("segment", [("", "60.00", "50.00"), ("north", "140.00", "150.50")]),
    ],
)
def test_revenue_by_group_adds_up(director, by, expected):
    members = a_year_of_everything()
    assign([members["grows"], members["leaves"]], key="north")
    answer = director.get("/measures/revenue", YEAR | {"by": by}).json()

    groups = answer["groups"]
    assert [(g["value"], g["opening"], g["closing"]) for g in groups] == expected
    assert sum(Decimal(g["closing"]) for g in groups) == Decimal(answer["closing"])


def test_revenue_of_nobody_has_no_ratio(director):
    answer = director.get("/measures/revenue", YEAR).json()

    assert [answer[name] for name in ("opening", "nrr", "grr", "logo_retention")] == [
        "0.00",
        None,
        None,
        None,
    ]


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"to": "2026-01-01"}, "from"),
        ({"from": "yesterday", "to": "2026-01-01"}, "from"),
        ({"from": "2026-01-01", "to": "2026-01-01"}, "to"),
        ({"from": "2025-01-01", "to": "2026-02-01"}, "to"),
        (YEAR | {"as_of": "2026-02-01"}, "as_of"),
        (YEAR | {"by": "owner"}, "by"),
    ],
)
def test_revenue_refuses_what_cannot_be_measured(director, asked, field):
    answer = director.get("/measures/revenue", asked)

    assert (answer.status_code, answer["Content-Type"]) == (400, "application/problem+json")
    assert [error["field"] for error in answer.json()["errors"]] == [field]


def test_revenue_in_two_currencies_is_a_conflict(director):
    a_year_of_everything()
    Dues.objects.filter(annual_amount=30).update(currency="EUR")
    answer = director.get("/measures/revenue", YEAR)

    assert (answer.status_code, answer.json()["detail"]) == (
        409,
        (
            "Dues in EUR cannot be added to dues in USD: no rate of exchange is known for "
            "2025-01-01 or before."
        ),
    )


@pytest.mark.parametrize("address", ["/measures/revenue", "/measures/revenue/movements"])
@pytest.mark.parametrize(
    ("role", "status"), [(Role.OPERATIONS, 200), (Role.MSM, 403), (Role.MEMBER, 403)]
)
def test_revenue_is_for_those_who_may_see_it(address, role, status):
    assert client_of(role).get(address, YEAR).status_code == status


def test_movements_are_the_members_behind_the_figures(director):
    members = a_year_of_everything()
    answer = director.get(
        "/measures/revenue/movements", YEAR | {"kind": ["churn", "new"]}
    ).json()

    assert [(row["name"], row["kind"], row["amount"]) for row in answer["results"]] == [
        ("in grace", "churn", "60.00"),
        ("leaves", "churn", "40.00"),
        ("arrives", "new", "30.00"),
    ]
    assert answer["next"] is None
    assert answer["results"][2] == {
        "member": str(members["arrives"].public_id),
        "name": "arrives",
        "tier": "Silver",
        "segment": "",
        "kind": "new",
        "opening": "0.00",
        "closing": "30.00",
        "amount": "30.00",
        "is_undecided": False,
        "parts": {},
        "transferred": "0.00",
        "reason": "",
    }


def test_movements_go_on_where_the_page_before_ended(director):
    a_year_of_everything()
    asked = YEAR | {"limit": 2, "basis": "membership"}
    names = []
    while True:
        page = director.get("/measures/revenue/movements", asked).json()
        names.append([row["name"] for row in page["results"]])
        if page["next"] is None:
            break
        asked |= {"cursor": page["next"]}

    assert names == [["grows", "leaves"], ["arrives", "returns"], ["in grace"]]


def test_movements_of_a_group(director):
    a_year_of_everything()
    asked = YEAR | {"by": "tier", "value": "Gold"}
    answer = director.get("/measures/revenue/movements", asked).json()

    assert [row["name"] for row in answer["results"]] == ["returns"]


@pytest.mark.parametrize(
    ("asked", "field"), [({"cursor": "made up"}, "cursor"), ({"by": "tier"}, "value")]
)
def test_movements_refuse_half_a_question(director, asked, field):
    answer = director.get("/measures/revenue/movements", YEAR | asked)

    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, field)


@pytest.mark.parametrize("members", [1, 3])
def test_movements_cost_the_same_queries_for_any_number(
    director, members, django_assert_num_queries
):
    add_lines([line(f"M{number}", "2024-06-01", "2026-06-01", 10) for number in range(members)])

    with django_assert_num_queries(
        9
    ):  # session, user, grace; what is kept, traits and rows, twice
        answer = director.get("/measures/revenue/movements", YEAR)
    assert len(answer.json()["results"]) == members


def make_rollup(**overrides):
    fields = {
        "as_of": date(2026, 1, 9),
        "dimension": Dimension.ALL,
        "in_scope": 8,
        "with_plan": 6,
        "with_pace": 5,
        "states": {"on_track": 5, "slipping": 1},
        "pace_sum_milli": 4000,
        "forward": 4,
        "backward": 1,
        "median_position": -3,
        "we_owe": 2,
    }
    return VectorRollup.objects.create(**fields | overrides)


def test_vector_gives_the_last_night():
    make_rollup()
    make_rollup(as_of=date(2026, 1, 8), in_scope=1)
    answer = client_of(Role.MSM).get("/measures/vector")

    assert answer.json() == {
        "as_of": "2026-01-09",
        "by": "all",
        "groups": [
            {
                "value": "",
                "in_scope": 8,
                "with_plan": 6,
                "with_pace": 5,
                "plan_coverage": "0.750000",
                "mean_pace": "0.800000",
                "alignment": "0.600000",
                "median_position": -3,
                "forward": 4,
                "backward": 1,
                "we_owe": 2,
                "waiting": 0,
                "waiting_share": "0.000000",
                "states": {"on_track": 5, "slipping": 1},
                "compared": None,
            }
        ],
    }


def test_vector_by_segment_hides_the_mean_of_a_few(director):
    make_rollup()
    make_rollup(dimension=Dimension.SEGMENT, value="north", with_pace=4)
    answer = director.get("/measures/vector", {"by": "segment", "as_of": "2026-01-09"}).json()

    assert [(group["value"], group["mean_pace"]) for group in answer["groups"]] == [
        ("north", None)
    ]


def test_vector_before_any_night_is_not_found(director):
    make_rollup()

    assert [
        director.get("/measures/vector", asked).status_code
        for asked in ({"as_of": "2025-01-01"}, {"as_of": "2026-01-09"})
    ] == [404, 200]


def test_vector_is_not_for_members():
    assert client_of(Role.MEMBER).get("/measures/vector").status_code == 403


def test_measures_are_in_the_api_document():
    schema = SchemaGenerator(patterns=measures).get_schema(request=None, public=True)
    operation = schema["paths"]["/measures/revenue"]["get"]
    revenue = schema["components"]["schemas"]["Revenue"]

    assert sorted(parameter["name"] for parameter in operation["parameters"]) == [
        "as_of",
        "by",
        "from",
        "to",
    ]
    assert {"from", "to", "as_of", "currency", "nrr", "membership"} <= set(revenue["required"])
    assert sorted(path for path in schema["paths"] if "/measures/" in path) == [
        "/measures/after-a-move",
        "/measures/effects/{key}",
        "/measures/explain",
        "/measures/first-value",
        "/measures/forecast",
        "/measures/forecast/accounts",
        "/measures/forecast/back-test",
        "/measures/integrity",
        "/measures/margin",
        "/measures/margin/members",
        "/measures/our-work",
        "/measures/promises",
        "/measures/renewals",
        "/measures/renewals/available",
        "/measures/retention",
        "/measures/revenue",
        "/measures/revenue/movements",
        "/measures/stalled-and-lapsed",
        "/measures/story",
        "/measures/success-gap",
        "/measures/vector",
    ]
