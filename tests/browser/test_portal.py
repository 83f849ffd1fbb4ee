"""A member on the phone: the goal, the way, what is next, and who owes what."""

from datetime import timedelta

import pytest
from playwright.sync_api import expect

from members.enums import MemberKind, Role
from tests.factories import (
    TODAY,
    make_accountability,
    make_assignment,
    make_fact,
    make_member,
    make_plan,
    make_user,
)

pytestmark = pytest.mark.django_db(transaction=True)
LONG_NAME = "Association for the Advancement of Interoperable Infrastructure Software in Europe"


@pytest.fixture
def kim():
    member = make_member(name=LONG_NAME)
    plan = make_plan(
        member=member,
        expected_days=(30, 60, 90, 300),
        evidence=([TODAY - timedelta(days=60)],),
        anchor_on=TODAY - timedelta(days=80),
    )
    make_accountability(
        plan=plan, title="The benchmark report", due_on=TODAY - timedelta(days=6)
    )
    make_accountability(plan=plan, side="member", title="Name a contact", due_on=TODAY)
    make_assignment(member=member, owner=make_user(name="Mira Lindqvist"))
    make_fact(member=member, kind="maintainer.added", subject="Envoy")
    return make_user(role=Role.MEMBER, member=member, name="Kim Adeyemi")


def fits(page):
    return page.evaluate("document.documentElement.scrollWidth") <= page.viewport_size["width"]


@pytest.mark.parametrize("colours", ["light", "dark"])
def test_a_member_reads_their_path(sign_in, kim, violations, size, colours):
    page = sign_in(kim, size=size, color_scheme=colours)
    page.goto("/path/")

    expect(page.get_by_role("heading", level=1)).to_contain_text("Kim")
    expect(page.get_by_text("Next: Milestone 2", exact=True)).to_be_visible()
    expect(page.get_by_text("Waiting for us: The benchmark report")).to_be_visible()
    expect(page.get_by_text("6 days late")).to_be_visible()
    expect(page.get_by_role("link", name="Write to Mira Lindqvist")).to_be_visible()
    assert fits(page)
    assert violations(page) == []


def test_the_path_needs_no_script_and_fits_320_pixels(sign_in, kim, chromium, site):
    signed_in = sign_in(kim)
    context = chromium.new_context(
        base_url=site,
        java_script_enabled=False,
        viewport={"width": 320, "height": 640},
        storage_state=signed_in.context.storage_state(),
    )
    page = context.new_page()
    page.goto("/path/")

    expect(page.get_by_text("Next: Milestone 2", exact=True)).to_be_visible()
    widest = page.locator("main").evaluate("(main) => main.scrollWidth")
    assert widest <= 320
    heights = [
        button.bounding_box()["height"]
        for button in page.locator("a.p-button, button").all()
        if button.is_visible()
    ]
    assert min(heights) >= 44
    context.close()


def test_an_individual_without_a_plan_is_told_what_comes_first(sign_in, violations, size):
    member = make_member(name="Robin Ekholm", kind=MemberKind.INDIVIDUAL)
    page = sign_in(make_user(role=Role.MEMBER, member=member, name="Robin"), size=size)
    page.goto("/path/")

    expect(page.get_by_text("First, we agree on your goal")).to_be_visible()
    assert fits(page)
    assert violations(page) == []


def test_a_member_signs_out(sign_in, kim, size):
    page = sign_in(kim, size=size)
    page.goto("/path/")

    page.get_by_role("button", name="Sign out").click()

    expect(page.locator("[name=password]")).to_be_visible()
    page.goto("/path/")
    expect(page.locator("[name=password]")).to_be_visible()
