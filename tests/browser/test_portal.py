"""A member on the phone: the goal, the way, what is next, who owes what, and saying so."""

import re

import pytest
from django.core import mail
from playwright.sync_api import expect

from members.enums import MemberKind
from tests.factories import (
    TODAY,
    make_accountability,
    make_assignment,
    make_fact,
    make_member,
    make_outcome,
    make_person,
    make_user,
)
from tests.success.views.portal_people import announced, declared, late_plan, login

pytestmark = pytest.mark.django_db(transaction=True)
LONG_NAME = "Association for the Advancement of Interoperable Infrastructure Software in Europe"
LONG_WORD = "Mitgliedschaftsverwaltungsangelegenheiten mit dem Ansprechpartner besprechen"
PAGES = ("/path/", "/path/review/", "/path/people/", "/path/data/", "/path/goal/")


@pytest.fixture
def member():
    found = make_member(name=LONG_NAME)
    plan = late_plan(found)
    make_accountability(plan=plan, side="member", title=LONG_WORD, due_on=TODAY)
    make_accountability(plan=plan, title="An introduction", done_on=TODAY, evidence="A mail")
    make_assignment(
        member=found, owner=make_user(name="Mira Lindqvist", time_zone="Europe/Stockholm")
    )
    make_fact(member=found, kind="maintainer.added", subject="Envoy")
    make_outcome(member=found, said_by=make_person(name="Kim Adeyemi"))
    declared(plan.milestones.get(position=3))
    announced(plan.milestones.get(position=4))
    return found


@pytest.fixture
def kim(member):
    return login(member, name="Kim Adeyemi", person=make_person(name="Kim Adeyemi"))


@pytest.fixture
def without_script(chromium, site, sign_in):
    """Somebody's page on a small phone whose browser runs no script."""
    contexts = []

    def open_(user, *, width=320):
        context = chromium.new_context(
            base_url=site,
            java_script_enabled=False,
            viewport={"width": width, "height": 640},
            storage_state=sign_in(user).context.storage_state(),
        )
        context.set_default_timeout(10_000)
        contexts.append(context)
        return context.new_page()

    yield open_
    for context in contexts:
        context.close()


def fits(page):
    return page.evaluate("document.documentElement.scrollWidth") <= page.viewport_size["width"]


@pytest.mark.parametrize("colours", ["light", "dark"])
def test_a_member_reads_their_path(sign_in, kim, violations, size, colours):
    page = sign_in(kim, size=size, color_scheme=colours)

    expect(page).to_have_url(re.compile(r"/path/$"))  # where a member lands
    expect(page.get_by_role("heading", level=1)).to_contain_text("Kim")
    expect(page.get_by_role("heading", name="Next: Name a contact")).to_be_visible()
    expect(page.get_by_text("Waiting for us: The benchmark report")).to_be_visible()
    expect(page.get_by_text("6 days late")).to_be_visible()
    expect(page.get_by_text("waiting for Mira Lindqvist to confirm")).to_be_visible()
    expect(page.get_by_role("link", name="Write to Mira Lindqvist")).to_be_visible()
    assert fits(page)
    assert violations(page) == []


@pytest.mark.parametrize("colours", ["light", "dark"])
def test_every_page_can_be_read(sign_in, member, violations, size, colours):
    plan = member.plans.get()
    page = sign_in(login(member), size=size, color_scheme=colours)
    promise = plan.accountabilities.get(title=LONG_WORD)
    others = ("/path/milestones/milestone-2/", f"/path/promises/{promise.public_id}/")

    for url in (*PAGES[1:], *others, "/path/closer/"):
        page.goto(url)
        assert (url, fits(page)) == (url, True)
        assert (url, violations(page)) == (url, [])


def test_nothing_needs_a_script_and_all_fits_320_pixels(without_script, member, kim):
    page = without_script(kim)
    promise = member.plans.get().accountabilities.get(title=LONG_WORD)

    for url in (
        *PAGES,
        "/path/milestones/milestone-2/",
        f"/path/promises/{promise.public_id}/",
    ):
        page.goto(url)
        widest = page.locator("main").evaluate("(main) => main.scrollWidth")
        assert (url, widest <= 320) == (url, True)
        heights = [
            (each.inner_text(), each.bounding_box()["height"])
            for each in page.locator(
                "a.p-button, a.p-link, .p-choices a, .p-nav a, summary, button, select, input"
            ).all()
            if each.is_visible() and each.get_attribute("type") != "radio"
        ]
        assert [found for found in heights if found[1] < 44] == []


@pytest.mark.parametrize("width", [320, 640])
def test_large_type_still_fits(sign_in, kim, width):
    """Twice the size on a screen is half the screen at the usual one."""
    page = sign_in(kim, size="phone")
    page.set_viewport_size({"width": width, "height": 800})
    page.goto("/path/")
    page.evaluate("document.documentElement.style.fontSize = '225%'")

    assert fits(page)


@pytest.mark.parametrize("script", [True, False])
def test_it_is_done_and_this_is_what_changed(sign_in, without_script, member, kim, script):
    page = sign_in(kim, size="phone") if script else without_script(kim, width=390)
    page.goto("/path/")
    page.get_by_role("link", name="This is done", exact=True).first.click()
    page.get_by_label("How can we see it?").fill("It is Ada Reader.")
    page.get_by_role("button", name="This is done").click()
    expect(page.get_by_text("Thank you. That is done.")).to_be_visible()
    expect(page.get_by_text("It is Ada Reader.")).to_be_visible()

    page.goto("/path/milestones/milestone-2/")
    page.get_by_role("button", name="This is done").click()
    expect(page.get_by_role("alert")).to_contain_text("Say in a sentence")
    page.get_by_label("What changed for you?").fill("We release each week.")
    page.get_by_role("button", name="This is done").click()
    expect(page.get_by_text("Well done. Now Mira Lindqvist confirms it.")).to_be_visible()

    page.get_by_role("button", name="Take it back").click()
    expect(page.get_by_text("Taken back.")).to_be_visible()


def test_a_goal_is_confirmed_and_then_changed(sign_in, kim, size):
    page = sign_in(kim, size=size)

    page.get_by_role("button", name="Still right").click()
    expect(page.get_by_text("You said today that it is still right.")).to_be_visible()

    page.get_by_role("link", name="Our goal has changed").click()
    page.get_by_label("What do you want to achieve now?").fill("Be certified first.")
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_text("Waiting for us: Mira Lindqvist answers you.")).to_be_visible()


def test_a_review_is_booked_moved_and_called_off(sign_in, kim):
    page = sign_in(kim, size="phone")
    page.goto("/path/")
    page.get_by_role("link", name="Choose a time").click()

    page.get_by_label("When does it suit you?").select_option(index=3)
    page.get_by_label("What do you want to talk about?").fill("Our budget")
    page.get_by_role("button", name="Agree this time").click()
    expect(page.get_by_text("It is agreed.")).to_be_visible()
    expect(page.get_by_role("link", name="Add to my calendar")).to_be_visible()

    page.get_by_text("Choose another time").click()
    page.get_by_label("When does it suit you?").select_option(index=1)
    page.get_by_role("button", name="Move it").click()
    expect(page.get_by_text("It is moved")).to_be_visible()

    page.get_by_text("Call it off").first.click()
    page.get_by_role("button", name="Call it off").click()
    expect(page.get_by_text("None is agreed yet")).to_be_visible()


def test_a_reader_has_nothing_to_press_and_is_told_who_has(sign_in, member, kim, violations):
    page = sign_in(login(member, "reader", name="Ada Reader"), size="phone")

    expect(page.get_by_text(re.compile("Kim Adeyemi speaks for")).first).to_be_visible()
    expect(page.locator("main").get_by_role("button")).to_have_count(0)

    page.goto("/path/goal/")
    expect(
        page.get_by_role("heading", name="This is for somebody else of yours")
    ).to_be_visible()
    assert violations(page) == []


def test_an_individual_without_a_plan_is_told_what_comes_first(sign_in, violations, size):
    member = make_member(name="Robin Ekholm", kind=MemberKind.INDIVIDUAL)
    page = sign_in(login(member, name="Robin"), size=size)

    expect(page.get_by_text("First, we agree on your goal")).to_be_visible()
    assert fits(page)
    assert violations(page) == []


def test_a_member_logs_in_by_a_mailed_code(open_page, kim, violations, size):
    page = open_page(size=size)
    page.goto("/path/")
    assert fits(page)
    assert violations(page) == []

    page.get_by_role("link", name="Mail me a code").click()
    page.get_by_label("E-mail address").fill(kim.email)
    page.get_by_role("button", name="Send the code").click()
    assert violations(page) == []
    code = re.search(r"^([A-Z0-9-]{6,})$", mail.outbox[-1].body, re.MULTILINE)[1]
    page.get_by_label("Code").fill(code)
    page.get_by_role("button", name="Sign in").click()

    expect(page).to_have_url(re.compile(r"/path/$"))
    expect(page.get_by_role("heading", level=1)).to_contain_text("Kim")


def test_words_are_not_lost_when_the_session_ends_while_typing(sign_in, kim):
    page = sign_in(kim, size="phone")
    page.goto("/path/milestones/milestone-2/")
    page.get_by_label("What changed for you?").fill("We release each week.")
    page.context.clear_cookies(name="sessionid")
    page.get_by_role("button", name="This is done").click()

    page.get_by_role("link", name="Mail me a code").click()
    page.get_by_label("E-mail address").fill(kim.email)
    page.get_by_role("button", name="Send the code").click()
    code = re.search(r"^([A-Z0-9-]{6,})$", mail.outbox[-1].body, re.MULTILINE)[1]
    page.get_by_label("Code").fill(code)
    page.get_by_role("button", name="Sign in").click()

    expect(page.get_by_text("You had been signed out.")).to_be_visible()
    expect(page.get_by_label("What changed for you?")).to_have_value("We release each week.")
    page.get_by_role("button", name="This is done").click()
    expect(page.get_by_text("Well done.")).to_be_visible()


def test_the_keyboard_reaches_the_one_next_thing(sign_in, kim):
    page = sign_in(kim, size="desktop")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    page.keyboard.press("Enter")
    for _ in range(3):
        page.keyboard.press("Tab")

    expect(page.locator(".p-next a.p-button")).to_be_focused()


def test_a_member_signs_out(sign_in, kim, size):
    page = sign_in(kim, size=size)
    page.goto("/path/")

    page.get_by_role("button", name="Sign out").click()

    expect(page.locator("[name=password]")).to_be_visible()
    page.goto("/path/")
    expect(page.locator("[name=password]")).to_be_visible()
