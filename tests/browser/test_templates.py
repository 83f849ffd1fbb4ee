"""Operations keep the association's templates; a success manager begins a plan with one."""

import pytest
from playwright.sync_api import expect

from members.enums import MemberKind, Role
from success.models import PlanDraft, PlanTemplate
from success.services import templates
from tests.browser.conftest import press
from tests.factories import (
    NOON,
    make_affiliation,
    make_member,
    make_offer,
    make_path,
    make_person,
    make_user,
)

pytestmark = pytest.mark.django_db(transaction=True)
TITLE = "What the member will have reached"


@pytest.fixture
def olga():
    return make_user(name="Olga Reyes", role=Role.OPERATIONS)


def make_written(*, by, key="firms", title="Ship it abroad", path=None):
    return templates.save_template(
        template=None,
        key=key,
        title=title,
        audience=MemberKind.ORGANISATION,
        persona="",
        segment=None,
        path=path or make_path(),
        by=by,
        at=NOON,
    )


def settled(page, do):
    """Do something that the editor answers by a fragment, and wait for the answer."""
    with page.expect_response(lambda answer: answer.request.method == "POST"):
        do()


def write_milestone(page, number, title, *, day, weight):
    settled(page, page.get_by_role("button", name="Add a milestone").click)
    row = page.locator("[data-milestone]").nth(number)
    expect(row.get_by_label(TITLE)).to_be_focused()
    for promise, adds in enumerate(("Add a promise of theirs", "Add a promise of ours")):
        settled(page, row.get_by_role("button", name=adds).click)
        expect(row.get_by_label("What will be done")).to_have_count(promise + 1)
        expect(row.get_by_label("What will be done").nth(promise)).to_be_focused()
    row.get_by_label(TITLE).fill(title)
    row.get_by_label("Expected on day").fill(str(day))
    row.get_by_label("Weight of 100").fill(str(weight))
    for promise, words in enumerate((f"Do your part {number}", f"Do our part {number}")):
        row.get_by_label("What will be done").nth(promise).fill(words)
        row.get_by_label("Due on day").nth(promise).fill(str(day - 5))


def test_a_template_is_written_refused_mended_and_begun_with(sign_in, olga):
    amy = make_user(name="Amy Okafor")
    member = make_member(name="Acme", kind=MemberKind.ORGANISATION)
    make_affiliation(member=member, person=make_person(name="Kim Adeyemi"))
    page = sign_in(olga)
    page.goto("/plans/")
    page.get_by_role("link", name="Templates").click()
    page.get_by_role("link", name="Write a template").click()
    page.get_by_label("What the template is called").fill("Ship it abroad")
    page.get_by_label("The goal to start the conversation with").fill("We sell abroad")
    write_milestone(page, 0, "Attend three events", day=30, weight=40)
    write_milestone(page, 1, "A first offer is out", day=60, weight=30)
    write_milestone(page, 2, "Orders come from two countries", day=90, weight=30)

    page.get_by_role("button", name="Save the template").first.click()
    refusal = page.locator("#findings")
    expect(refusal).to_be_focused()
    expect(refusal).to_contain_text("1 thing has to be mended before it can be saved")
    expect(refusal).to_contain_text("Being there is participation")
    expect(refusal).to_contain_text("A supplier met at the congress delivers to you")
    assert not PlanTemplate.objects.exists()
    first = page.get_by_label(TITLE).first
    expect(first).to_have_value("Attend three events")

    first.fill("A supplier met at the congress delivers to you")
    expect(page.get_by_role("heading", name="It can be saved")).to_be_visible()
    page.get_by_role("button", name="Show it as it is written now").click()
    preview = page.frame_locator("iframe[name=as-seen]")
    expect(preview.get_by_text("A supplier met at the congress").first).to_be_visible()
    page.get_by_role("button", name="Save the template").first.click()
    page.get_by_text("The template is saved.").wait_for()
    expect(page.get_by_role("heading", name="Ship it abroad", level=1)).to_be_visible()

    page = sign_in(amy)
    page.goto(f"/members/{member.public_id}/plan/start/")
    page.get_by_role("radio", name="Ship it abroad").check()
    page.get_by_role("button", name="Write the plan").click()
    page.wait_for_url("**/plan/edit/")
    expect(page.get_by_label(TITLE).first).to_have_value(
        "A supplier met at the congress delivers to you"
    )
    assert PlanDraft.objects.get().template_key == "ship-it-abroad"


def test_a_template_is_mended_without_a_script(sign_in, olga):
    make_written(by=olga)
    page = sign_in(olga, java_script_enabled=False)
    page.goto("/plans/templates/firms/edit/")
    page.get_by_label(TITLE).first.fill("Renew the membership")
    press(page, "Move milestone 3 up")
    press(page, "Save the template")

    expect(page.locator("#findings details[open]")).to_contain_text("it is not a part of it")
    expect(page.get_by_label(TITLE).first).to_have_value("Renew the membership")
    press(page, "Move milestone 3 up")
    page.get_by_label(TITLE).first.fill("Energy costs are a tenth below last year's")
    page.get_by_role("button", name="Show it as it is written now").click()
    preview = page.frame_locator("iframe[name=as-seen]")
    expect(preview.get_by_text("Energy costs are a tenth").first).to_be_visible()
    press(page, "Save the template")

    expect(page.get_by_text("The template is saved.")).to_be_visible()
    assert [row.key for row in templates.path_of(PlanTemplate.objects.get()).milestones] == [
        "m1", "m2", "m3",
    ]  # fmt: skip


def test_the_second_writer_is_told_while_they_write(sign_in, olga):
    template = make_written(by=olga)
    page = sign_in(olga)
    page.goto("/plans/templates/firms/edit/")
    templates.save_template(
        template=template,
        key="firms",
        title="Ship it abroad",
        audience=MemberKind.ORGANISATION,
        persona="",
        segment=None,
        path=make_path(goal="What Bob knows"),
        by=make_user(name="Bob Reyes"),
        at=NOON,
    )

    page.get_by_label("The goal to start the conversation with").fill("What Olga knows")
    expect(page.get_by_text("Bob Reyes saved this template at")).to_be_visible()
    page.get_by_role("button", name="Keep mine instead of theirs").click()
    page.get_by_text("The template is saved.").wait_for()
    expect(page.get_by_role("link", name="Begin with the text before").first).to_be_visible()

    assert PlanTemplate.objects.get().goal == "What Olga knows"


def test_what_is_not_saved_is_not_left_without_a_question(sign_in, olga):
    make_written(by=olga)
    page = sign_in(olga)
    page.goto("/plans/templates/firms/edit/")
    page.get_by_label(TITLE).first.fill("A first offer is out")
    settled(page, page.get_by_role("button", name="Move milestone 2 up").click)
    expect(page.locator("#plan-status")).to_contain_text("Not saved yet")
    expect(page.locator("[data-unsaved]")).to_have_count(1)
    page.locator("[data-handle]").nth(2).focus()
    settled(page, lambda: page.keyboard.press("ArrowUp"))
    expect(page.locator("[data-handle]").nth(1)).to_be_focused()
    asked = []
    page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.accept()))

    page.get_by_role("link", name="Back without saving").click()
    page.wait_for_url("**/plans/templates/firms/")

    assert asked == ["beforeunload"]


def test_pages_of_templates_are_accessible_in_both_themes(sign_in, olga, size, violations):
    make_offer(title="A seat at the table", words="You decide with the others")
    make_written(by=olga, title="A way for firms with many plants in many countries of Europe")
    gone = make_written(by=olga, key="gone", title="Gone")
    templates.retire_template(template=gone, on=NOON.date(), by=olga, at=NOON)
    page = sign_in(olga, size=size)
    found = {}
    for theme in ("light", "dark"):
        page.emulate_media(color_scheme=theme)
        for path in (
            "/plans/templates/",
            "/plans/templates/firms/",
            "/plans/templates/firms/edit/",
            "/plans/templates/firms/days/?since=2021-01-01",
            "/plans/new-template/",
            "/plans/offers/",
        ):
            page.goto(path)
            width = page.evaluate("document.documentElement.scrollWidth")
            too_wide = max(width - page.viewport_size["width"], 0)
            found[theme, path] = (violations(page), too_wide or "")

    assert found == dict.fromkeys(found, ([], ""))
