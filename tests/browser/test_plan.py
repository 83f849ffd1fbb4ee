"""An account manager agrees a plan with a member: by mouse, by keys alone, without a script."""

import re

import pytest
from playwright.sync_api import expect

from members.enums import MemberKind
from success.models import Plan, PlanDraft
from success.services.templates import save_template
from tests.browser.conftest import press
from tests.factories import (
    NOON,
    TODAY,
    make_accountability,
    make_affiliation,
    make_ask,
    make_member,
    make_outcome,
    make_path,
    make_person,
    make_plan,
    make_user,
)

pytestmark = pytest.mark.django_db(transaction=True)
LONG_NAME = "Association for the Advancement of Interoperable Infrastructure Software in Europe"


@pytest.fixture
def amy():
    return make_user(name="Amy Okafor")


@pytest.fixture
def member(amy):
    one = make_member(name=LONG_NAME, kind=MemberKind.ORGANISATION)
    make_affiliation(member=one, person=make_person(name="Kim Adeyemi"))
    save_template(
        template=None,
        key="firms",
        title="Ship it abroad",
        audience=MemberKind.ORGANISATION,
        persona="",
        segment=None,
        path=make_path(),
        by=amy,
        at=NOON,
    )
    return one


def milestones(page):
    """The titles, in the order of the page."""
    titles = page.get_by_label("What the member will have reached").all()
    return [field.input_value() for field in titles]


def test_a_plan_is_agreed_from_a_template(sign_in, amy, member):
    page = sign_in(amy)
    page.goto(f"/members/{member.public_id}/")
    page.get_by_role("link", name="Agree a plan").first.click()
    page.get_by_role("button", name="Write the plan").click()

    page.get_by_label("The goal, in the member's words").fill("Ship to three countries")
    page.get_by_label("Who said it").select_option(label="Kim Adeyemi")
    expect(page.get_by_role("heading", name="It can be agreed")).to_be_visible()
    preview = page.frame_locator("[data-plan-preview]")
    expect(preview.get_by_text("Ship to three countries")).to_be_visible()

    before = milestones(page)
    first = page.get_by_label("What the member will have reached").first
    page.get_by_role("button", name="Move milestone 2 up").click()
    expect(first).to_have_value(before[1])
    page.get_by_role("button", name="Move milestone 2 up").click()
    expect(first).to_have_value(before[0])
    expect(page.locator("#plan-status")).to_contain_text("Saved")

    page.get_by_role("button", name="Go on to agree").first.click()
    page.get_by_role("heading", name="Is this what you both agree?").wait_for()
    page.get_by_role("button", name="Agree this plan").click()
    page.get_by_text("The plan is agreed.").wait_for()

    plan = Plan.objects.get()
    assert (plan.goal, plan.outcome.said_by.name) == ("Ship to three countries", "Kim Adeyemi")
    expect(page.get_by_text("“Ship to three countries”").first).to_be_visible()


def press_to(page, name, *, keys="Tab", most=80):
    """Walk on with the keyboard until the focus is on what is called ``name``."""
    for _ in range(most):
        page.keyboard.press(keys)
        held = page.evaluate(
            "(document.activeElement.labels?.[0]?.innerText"
            " || document.activeElement.innerText || '').trim()"
        )
        if held.startswith(name):
            return
    pytest.fail(f"No way by {keys} to {name}")


def test_a_plan_is_agreed_with_the_keyboard_alone(sign_in, amy, member):
    page = sign_in(amy)
    page.goto(f"/members/{member.public_id}/plan/start/")
    press_to(page, "Write the plan")
    page.keyboard.press("Enter")
    page.wait_for_url("**/plan/edit/")

    press_to(page, "Who said it")
    page.keyboard.type("Kim")
    expect(page.get_by_role("heading", name="It can be agreed")).to_be_visible()
    page.locator("[data-handle]").nth(1).focus()
    before = milestones(page)
    page.keyboard.press("ArrowUp")
    expect(page.locator("[data-handle]").first).to_be_focused()
    assert milestones(page)[:2] == [before[1], before[0]]
    page.keyboard.press("ArrowDown")
    expect(page.locator("[data-handle]").nth(1)).to_be_focused()

    press_to(page, "Go on to agree", most=200)
    page.keyboard.press("Enter")
    page.wait_for_url("**/plan/agree/")
    press_to(page, "Agree this plan")
    page.keyboard.press("Enter")
    page.get_by_text("The plan is agreed.").wait_for()

    assert Plan.objects.count() == 1


def test_a_milestone_is_dragged_by_its_handle(sign_in, amy, member):
    page = sign_in(amy)
    page.goto(f"/members/{member.public_id}/plan/start/")
    page.get_by_role("button", name="Write the plan").click()
    before = milestones(page)
    page.locator("[data-handle]").nth(1).scroll_into_view_if_needed()
    start = page.locator("[data-handle]").nth(1).bounding_box()
    target = page.locator("[data-milestone]").first.bounding_box()

    with page.expect_response(lambda answer: "/plan/edit/" in answer.url):
        page.mouse.move(start["x"] + 5, start["y"] + 5)
        page.mouse.down()
        page.mouse.move(start["x"] + 5, target["y"] + target["height"] - 20, steps=6)
        page.mouse.move(start["x"] + 5, target["y"] + 10, steps=6)
        page.mouse.up()

    expect(page.get_by_label("What the member will have reached").first).to_have_value(
        before[1]
    )
    assert milestones(page)[:2] == [before[1], before[0]]


def test_a_plan_is_agreed_without_a_script(sign_in, amy, member):
    page = sign_in(amy, java_script_enabled=False)
    page.goto(f"/members/{member.public_id}/plan/start/")
    press(page, "Write the plan")
    page.get_by_label("Who said it").select_option(label="Kim Adeyemi")
    page.get_by_label("Expected on day").first.fill("soon")
    press(page, "Check")

    expect(page.get_by_label("Expected on day").first).to_have_value("soon")
    expect(page.get_by_text("Write a whole number, such as 30.").first).to_be_visible()
    page.get_by_label("Expected on day").first.fill("30")
    press(page, "Go on to agree")
    press(page, "Agree this plan")

    expect(page.get_by_text("The plan is agreed.")).to_be_visible()
    assert Plan.objects.count() == 1


def test_the_second_editor_is_told_while_they_write(sign_in, amy, member):
    page = sign_in(amy)
    page.goto(f"/members/{member.public_id}/plan/start/")
    page.get_by_role("button", name="Write the plan").click()
    page.get_by_role("heading", level=1).wait_for()
    draft = PlanDraft.objects.get()
    draft.content["goal"] = "What Bob heard"
    PlanDraft.objects.filter(pk=draft.pk).update(
        content=draft.content, revision=9, by=make_user(name="Bob Reyes")
    )

    page.get_by_label("The goal, in the member's words").fill("What Amy heard")
    expect(page.get_by_text("Bob Reyes saved this draft at")).to_be_visible()
    expect(page.get_by_label("The goal, in the member's words")).to_have_value("What Amy heard")
    page.get_by_role("button", name="Keep mine instead of theirs").click()
    expect(page.get_by_text("The text of Bob Reyes was replaced")).to_be_visible()

    assert PlanDraft.objects.get().content["goal"] == "What Amy heard"


def test_a_promise_is_marked_done_where_it_stands(sign_in, amy, member):
    plan = make_plan(member=member)
    make_accountability(plan=plan, title="The benchmark report", due_on=TODAY)
    page = sign_in(amy)
    page.goto(f"/members/{member.public_id}/")

    page.get_by_role("link", name=re.compile("Done, or change.*benchmark")).click()
    page.get_by_label("How the other side can see it").fill("Sent this morning")
    page.get_by_role("button", name="Mark it done").click()

    expect(page.locator("#ours .is-done")).to_contain_text("The benchmark report")
    assert plan.accountabilities.get().evidence == "Sent this morning"


def test_pages_of_plans_are_accessible_in_both_themes(sign_in, amy, member, size, violations):
    other = make_plan(member=make_member(name="Acme"))
    make_outcome(member=other.member)
    make_accountability(plan=other, due_on=TODAY)
    make_ask(milestone=other.milestones.first())
    page = sign_in(amy, size=size)
    home, theirs = f"/members/{member.public_id}", f"/members/{other.member.public_id}/"
    promise = f"{theirs}promises/{other.accountabilities.get().public_id}/"
    page.goto(f"{home}/plan/start/")
    found = {"start": (violations(page), "")}
    page.get_by_role("button", name="Write the plan").click()
    page.wait_for_url("**/plan/edit/")
    for theme in ("light", "dark"):
        page.emulate_media(color_scheme=theme)
        for path in (f"{home}/plan/edit/", f"{home}/plan/agree/", theirs, promise, "/plans/"):
            page.goto(path)
            width = page.evaluate("document.documentElement.scrollWidth")
            too_wide = max(width - page.viewport_size["width"], 0)
            found[theme, path] = (violations(page), too_wide or "")

    assert found == dict.fromkeys(found, ([], ""))
