"""A director's Monday: how the members are doing, how we are doing, and whether both agree."""

from datetime import timedelta

import pytest
from playwright.sync_api import expect

from coverage.services.segments import ensure_default_segments
from members.enums import Role
from success.rollups import revenue as rollup
from tests.factories import (
    NOON,
    TODAY,
    make_assignment,
    make_ax_profile,
    make_member_facts,
    make_message,
    make_night,
    make_user,
    make_vector_rollup,
)
from tests.success.ledgers import add_lines, line

pytestmark = pytest.mark.django_db(transaction=True)
LONG_NAME = "Association for the Advancement of Interoperable Infrastructure Software in Europe"


@pytest.fixture
def director():
    return make_user(role=Role.DIRECTOR, name="Dana Okafor")


@pytest.fixture
def association():
    members = add_lines(
        [
            line("Stays", "2023-01-01", "2027-01-01", 1000, "Silver"),
            line("Grows", "2023-01-01", "2025-07-01", 1000, "Silver"),
            line("Grows", "2025-07-01", "2027-01-01", 1500, "Gold"),
            line(LONG_NAME, "2023-01-01", "2025-06-01", 400, "Silver"),
            line("Joins", "2025-03-01", "2027-01-01", 700, "Silver"),
            line("In grace", "2023-01-01", "2026-07-20", 300, "Silver"),
        ]
    )
    segments = ensure_default_segments()
    owner = make_user(name="Mira Lindqvist", weekly_hours=30)
    for member in members.values():
        make_ax_profile(member=member, source="simulated")
        make_assignment(member=member, segment=segments[-1], owner=owner)
    rollup.refresh(as_of=TODAY, since=None, at=NOON)
    make_night(as_of=TODAY)
    for months in range(4):
        make_vector_rollup(as_of=TODAY - timedelta(days=31 * months))
    return members


def drawn(page):
    """Scroll through, so that every chart is drawn; return how many were."""
    for figure in page.locator("[data-chart-src]").all():
        figure.scroll_into_view_if_needed()
        expect(figure.locator("canvas")).to_be_visible()
    return page.locator("[data-chart-src] canvas").count()


@pytest.mark.usefixtures("association")
def test_director_reads_the_measures_and_opens_a_figure(sign_in, director, violations, size):
    page = sign_in(director, size=size)
    page.goto("/measures/")
    assert drawn(page) == 2
    expect(page.locator("#integrity")).to_contain_text("Not enough data yet")

    page.goto("/measures/money/?from=2025-01-01&to=2026-01-01")
    assert drawn(page) == 1
    assert page.evaluate("document.documentElement.scrollWidth") <= page.viewport_size["width"]
    assert violations(page) == []

    page.locator("#both").get_by_role("row", name="Churn").get_by_role("link").first.click()

    expect(page.get_by_role("heading", level=1)).to_have_text("Who is behind this figure?")
    expect(page.get_by_text(LONG_NAME)).to_be_visible()
    expect(page.get_by_text("Grows")).to_have_count(0)
    assert page.evaluate("document.documentElement.scrollWidth") <= page.viewport_size["width"]
    assert violations(page) == []

    with page.expect_download() as download:
        page.get_by_role("link", name="Export as CSV").click()
    assert download.value.suggested_filename == "movements-2025-01-01-2026-01-01.csv"


@pytest.mark.usefixtures("association")
def test_director_opens_the_members_of_a_state(sign_in, director, association):
    make_member_facts(member=association["Grows"], state="stalled")
    make_member_facts(member=association["Joins"], state="stalled", standing="lapsed")
    make_member_facts(member=association["Stays"], state="on_track")
    page = sign_in(director)
    page.goto("/measures/")

    page.locator(".d-states li").filter(has_text="stalled").get_by_role("link").click()

    expect(page.get_by_role("link", name="Grows")).to_be_visible()
    expect(page.get_by_role("link", name="Joins")).to_have_count(0)
    expect(page.get_by_role("link", name="Stays")).to_have_count(0)


@pytest.mark.usefixtures("association")
def test_director_chooses_another_period(sign_in, director):
    page = sign_in(director)
    page.goto("/measures/money/")

    page.get_by_label("Opening day").fill("2024-01-01")
    page.get_by_label("Closing day").fill("2025-01-01")
    page.locator("#period").get_by_role("button", name="Show").click()

    expect(page.locator("#both")).to_contain_text("1 Jan 2024 to 1 Jan 2025")
    expect(page.locator("#both")).to_contain_text("Both rules agree for this period")


def test_measures_of_an_empty_association_say_what_would_be_there(
    sign_in, director, violations, size
):
    page = sign_in(director, size=size)
    page.goto("/measures/")

    expect(page.get_by_text("No night has spoken yet")).to_be_visible()
    assert violations(page) == []


@pytest.mark.usefixtures("association")
def test_director_sees_who_gets_what_and_what_was_said(sign_in, director, violations, size):
    make_message(status="sent", subject="Good morning", body="How are you getting on?")
    page = sign_in(director, size=size)

    page.goto("/coverage/")
    assert drawn(page) == 1
    expect(page.get_by_text("Everybody whom no earlier rule takes")).to_be_visible()
    assert violations(page) == []

    page.goto("/messages/")
    assert violations(page) == []
    page.locator(".wm-row-link").first.click()
    expect(page.get_by_text("How are you getting on?")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= page.viewport_size["width"]
    assert violations(page) == []
