"""Operations look at the nights, and start one."""

import pytest
from playwright.sync_api import expect

from members.enums import Role
from success.models import Night, NightStep
from tests.factories import NOON, make_member, make_night, make_user

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def operations():
    return make_user(role=Role.OPERATIONS, name="Sam Novak")


def make_running_night():
    night = make_night(status="running", finished_at=None)
    for position, stage in enumerate(("facts", "plays")):
        NightStep.objects.create(
            night=night, stage=stage, position=position, range_from=1, range_to=9
        )
    return night


def test_a_running_night_shows_itself_going_on_and_then_rests(
    sign_in, operations, violations, size
):
    night = make_running_night()
    page = sign_in(operations, size=size)
    page.goto("/runs/")
    page.locator(".wm-row-link").first.click()
    expect(page.locator("#night[hx-trigger]")).to_have_count(1)
    expect(page.get_by_text("waiting").first).to_be_visible()
    assert violations(page) == []

    night.steps.update(status="done", rows_in=9, rows_out=4, started_at=NOON, finished_at=NOON)
    Night.objects.filter(pk=night.pk).update(
        status="done", finished_at=NOON, result={"in_scope": 9, "with_plan": 7, "opened": 2}
    )

    expect(page.get_by_text("2 interventions were opened.")).to_be_visible()
    expect(page.locator("#night[hx-trigger]")).to_have_count(0)
    assert page.evaluate("document.documentElement.scrollWidth") <= page.viewport_size["width"]
    assert violations(page) == []


def test_operations_start_tonights_night(sign_in, operations, violations):
    make_member()
    page = sign_in(operations)
    page.goto("/runs/")
    expect(page.get_by_text("No night has run yet")).to_be_visible()
    assert violations(page) == []

    page.get_by_role("button", name="Run tonight's night").click()

    expect(page.get_by_role("heading", level=1)).to_have_text("Night of 29 July 2026")
    expect(page.get_by_text("Whom it concerns")).to_be_visible()
