"""A director moves half of an over-served cohort to the pool, sees the hours, and undoes it."""

import pytest
from playwright.sync_api import expect

from coverage.models import Assignment, Rebalancing
from coverage.services import rebalancing as acts
from members.enums import Role
from tests.factories import (
    NOON,
    make_assignment,
    make_ax_profile,
    make_circumstance,
    make_coverage_model,
    make_effort,
    make_member,
    make_segment,
    make_term,
    make_user,
)

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def director():
    return make_user(role=Role.DIRECTOR, name="Dana Okafor")


@pytest.fixture
def team():
    sync = make_segment(key="synchronous", name="Synchronous", position=1)
    pool = make_segment(key="inbound", name="Inbound", position=2, is_pooled=True)
    make_coverage_model(
        hours=[(sync, "adoption", "sync", "1.5"), (pool, "adoption", "inbound", "0.1")]
    )
    people = [
        make_user(name=name, weekly_hours=30) for name in ("Mira Lindqvist", "Otto Brandt")
    ]
    for number in range(12):
        member = make_member(name=f"Member of the association with a long name {number}")
        make_term(member=member)
        make_ax_profile(member=member, async_minutes=100)
        make_assignment(member=member, owner=people[0], segment=sync)
        make_circumstance(member=member)
        make_effort(member=member, minutes=400 if number < 8 else 100, by=people[0])
    return people


def is_narrow_enough(page):
    return page.evaluate("document.documentElement.scrollWidth") <= page.viewport_size["width"]


def drawn(page):
    for figure in page.locator("[data-chart-src]").all():
        figure.scroll_into_view_if_needed()
        expect(figure.locator("canvas")).to_be_visible()
    return page.locator("[data-chart-src] canvas").count()


@pytest.mark.usefixtures("team")
def test_director_moves_half_of_an_over_served_cohort_and_back(
    sign_in, director, violations, size
):
    page = sign_in(director, size=size)
    page.goto("/coverage/over-delivery/")
    expect(page.locator("#sum")).to_contain_text("of 12 with recorded time")
    assert is_narrow_enough(page)
    assert violations(page) == []

    page.get_by_role("link", name="8 in Synchronous: what if half were in Inbound?").click()
    expect(page.get_by_label("Members of")).to_have_value("synchronous")
    assert is_narrow_enough(page)
    assert violations(page) == []
    page.get_by_role("button", name="Work it out").click()
    expect(page.locator("#rebalancing")).to_contain_text("Working it out")

    # what a worker does; the page asks for itself and finds the answer
    acts.work_out(rebalancing_id=Rebalancing.objects.get().pk, clock=lambda: NOON)

    expect(page.locator("#result")).to_contain_text("Hours freed")
    expect(page.locator("#result")).to_contain_text("6.0")
    expect(page.locator("#moves tbody tr")).to_have_count(4)
    assert drawn(page) == 2
    assert is_narrow_enough(page)
    assert violations(page) == []

    page.get_by_label("Why they move").fill("They know their way, and ask when they need us")
    page.get_by_role("button", name="Move 4 members").click()
    expect(page.get_by_text("4 members moved.")).to_be_visible()
    assert Assignment.objects.filter(segment__key="inbound", owner=None).count() == 4

    page.get_by_role("button", name="Undo it").click()
    expect(page.get_by_text("4 members are where they were.")).to_be_visible()
    assert Assignment.objects.filter(segment__key="synchronous").count() == 12
    assert violations(page) == []


@pytest.mark.usefixtures("team")
def test_director_asks_applies_and_undoes_without_a_script(sign_in, director):
    page = sign_in(director, java_script_enabled=False)
    page.goto("/coverage/simulator/")
    page.get_by_role("button", name="Work it out").click()
    acts.work_out(rebalancing_id=Rebalancing.objects.get().pk, clock=lambda: NOON)
    page.get_by_role("link", name="Look again").click()
    expect(page.locator("#before table")).to_be_visible()
    expect(page.locator("#after table")).to_be_visible()

    page.get_by_label("Why they move").fill("Too much on one desk")
    page.get_by_role("button", name="Move 2 members").click()
    expect(page.get_by_text("2 members moved.")).to_be_visible()
    page.get_by_role("button", name="Undo it").click()
    expect(page.get_by_text("2 members are where they were.")).to_be_visible()
