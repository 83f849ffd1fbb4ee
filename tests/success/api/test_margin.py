"""Cost to serve and margin over REST."""

from datetime import date
from decimal import Decimal

import pytest

from members.enums import Role
from success.models import CostRate
from tests.factories import (
    NOON,
    make_assignment,
    make_circumstance,
    make_coverage_model,
    make_member,
    make_segment,
    make_term,
    make_user,
)

pytestmark = pytest.mark.django_db
URL = "/api/v1/measures/margin"


def make_costed():
    pod = make_segment(key="pod")
    make_coverage_model(hours=[(pod, "adoption", "sync", 4)])
    for dues in (6000, 1000):
        member = make_member(name=f"Pays {dues}")
        make_term(member=member, dues=Decimal(dues))
        make_assignment(member=member, segment=pod)
        make_circumstance(member=member)
    CostRate.objects.create(
        effective_from=date(2026, 1, 1), currency="USD", hourly_rate=50, set_at=NOON
    )


def test_margin_is_said_by_segment_and_member(api):
    make_costed()
    client = api(make_user(role=Role.DIRECTOR))

    said = client.get(URL).json()
    first = client.get(f"{URL}/members", {"segment": "pod", "page_size": 1}).json()
    rest = client.get(
        f"{URL}/members", {"segment": "pod", "page_size": 1, "cursor": first["next"]}
    ).json()

    assert (said["currency"], said["hourly_rate"]) == ("USD", "50.00")
    [pod] = said["segments"]
    assert (pod["members"], pod["assumed"], pod["margin"]) == (2, 2, "2200.00")
    rows = [*first["results"], *rest["results"]]
    assert [(row["name"], row["margin"]) for row in rows] == [
        ("Pays 1000", "-1400.00"),
        ("Pays 6000", "3600.00"),
    ]
    assert rest["next"] is None


def test_margin_without_rates_is_refused_in_words(api):
    answer = api(make_user(role=Role.DIRECTOR)).get(URL)
    assert (answer.status_code, answer.json()["detail"]) == (
        409,
        "Nobody has said yet what an hour costs.",
    )


def test_margin_is_for_those_who_see_revenue(api):
    client = api(make_user())
    assert [client.get(url).status_code for url in (URL, f"{URL}/members")] == [403, 403]
