"""The queue as a day's work: ten items by keyboard, many at once, and what others do."""

import pytest
from playwright.sync_api import expect

from success.models import BulkAct, Intervention, SavedView
from success.services import bulk, interventions
from tests.browser.conftest import PASSWORD
from tests.factories import (
    MORNING,
    make_intervention,
    make_member,
    make_member_facts,
    make_night,
    make_plan,
    make_user,
)

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def amy():
    return make_user(name="Amy Lindqvist", weekly_hours=20)


def make_item(name, **fields):
    member = make_member(name=name)
    plan = make_plan(member=member)
    make_member_facts(member=member, state="stalled", plan=plan, anchor_on=plan.anchor_on)
    return make_intervention(member=member, **fields)


SETTLED = """() => !document.querySelector(
    ".htmx-request, .htmx-swapping, .htmx-settling, .htmx-added")"""


@pytest.fixture
def queue(amy):
    make_night()
    return [make_item(f"Member {number:02}", owner=amy) for number in range(10)]


def in_hand(page):
    return page.locator("#item h2")


def press(page, *keys):
    """Press one key after the other, each once the page has taken the one before."""
    for key in keys:
        page.wait_for_function(SETTLED)
        page.keyboard.press(key)


def test_ten_items_are_worked_by_keyboard_alone(sign_in, amy, queue):
    page = sign_in(amy)
    for number in range(10):
        expect(in_hand(page)).to_have_text(f"Member {number:02}")
        press(page, "e", "r", "Enter")
    page.get_by_text("Nothing to do today").wait_for()

    done = Intervention.objects.filter(status="done", outcome="reached", finished_by=amy)
    assert done.count() == 10


def test_what_is_shut_again_leaves_the_cursor_where_it_was_opened(sign_in, amy, queue):
    page = sign_in(amy)
    snooze = page.locator("#item summary", has_text="Snooze")

    press(page, "s")
    expect(page.get_by_role("button", name="Tomorrow")).to_be_focused()
    press(page, "Escape")
    expect(snooze).to_be_focused()
    press(page, "s", "s")
    expect(snooze).to_be_focused()


def test_whoever_was_signed_out_loses_no_word(sign_in, amy, queue):
    page = sign_in(amy)
    press(page, "e", "r")
    page.locator("#item [name=note]").fill("They have a new lead")
    page.context.clear_cookies(name="sessionid")

    page.get_by_role("button", name="Complete and go on").click()
    with page.context.expect_page() as beside:
        page.get_by_role("link", name="Sign in").click()
    entrance = beside.value
    entrance.locator("[name=login]").fill(amy.email)
    entrance.locator("[name=password]").fill(PASSWORD)
    entrance.locator("main button[type=submit]").first.click()
    entrance.wait_for_url(lambda url: "/accounts/" not in url)
    page.get_by_role("button", name="Complete and go on").click()
    expect(in_hand(page)).to_have_text("Member 01")

    assert Intervention.objects.get(status="done").note == "They have a new lead"


def test_a_page_that_was_gone_back_to_works_like_one_that_was_opened(sign_in, amy, queue):
    page = sign_in(amy)
    page.goto("/today/")
    press(page, "j")
    expect(in_hand(page)).to_have_text("Member 01")

    page.go_back()
    page.wait_for_url("**/today/")
    expect(in_hand(page)).to_have_text("Member 00")
    press(page, "l")

    expect(page.get_by_label("With whom")).to_be_focused()


def test_on_a_phone_the_list_comes_back_where_it_was_left(sign_in, amy, queue):
    page = sign_in(amy, size="phone")
    page.goto("/today/")
    last = page.locator("#queue-list").get_by_role("link", name="Member 09")

    last.click()
    expect(in_hand(page)).to_have_text("Member 09")
    expect(in_hand(page)).to_be_focused()
    page.get_by_role("link", name="Back to the list").click()

    expect(last).to_be_in_viewport()


def test_time_is_logged_from_the_keys_alone(sign_in, amy, queue):
    page = sign_in(amy)

    press(page, "l")
    expect(page.get_by_label("With whom")).to_be_focused()
    page.keyboard.type("Member 07")
    expect(page.get_by_role("radio", name="Member 07")).to_be_visible()
    press(page, "ArrowDown")
    expect(page.get_by_role("radio", name="Member 07")).to_be_checked()
    press(page, "Tab")
    page.keyboard.type("15")
    press(page, "Enter")
    expect(page.locator("[data-toasts]")).to_contain_text("15 minutes with Member 07")


def test_the_next_of_the_pool_is_taken_and_given_away_by_keyboard(sign_in, amy, queue):
    ben = make_user(name="Ben Okafor")
    make_item("Pooled")
    page = sign_in(amy)

    page.keyboard.press("n")
    expect(in_hand(page)).to_have_text("Pooled")
    press(page, "a")
    expect(page.locator("select:focus, input:focus")).to_have_count(1)
    page.keyboard.type("Ben")
    page.keyboard.press("Tab")
    page.keyboard.type("I am on the road")
    page.keyboard.press("Enter")
    page.get_by_text("Ben Okafor has Pooled now.").first.wait_for()

    assert Intervention.objects.get(member__name="Pooled").owner == ben


def test_many_are_ticked_by_keyboard_and_put_to_sleep_and_back(sign_in, amy, queue):
    page = sign_in(amy)
    page.keyboard.press("j")
    page.keyboard.press("x")
    page.keyboard.press("j")
    expect(in_hand(page)).to_have_text("Member 02")
    page.keyboard.press("j")
    page.keyboard.press("Shift+X")
    expect(page.locator("[data-bulk-row]:checked")).to_have_count(3)
    page.get_by_role("button", name="Do something to them").click()
    page.get_by_label("Put to sleep").check()
    page.get_by_label("Sleep until the morning of").fill("2026-08-03")
    page.get_by_role("button", name="Do it to 3 items").click()
    page.get_by_text("0 refused").wait_for()
    bulk.work(bulk_id=BulkAct.objects.get().pk, clock=lambda: BulkAct.objects.get().at)
    page.get_by_text("3 done, 0 refused").wait_for()
    asleep = Intervention.objects.filter(snoozed_until="2026-08-03")

    assert set(asleep.values_list("member__name", flat=True)) == {
        "Member 01",
        "Member 02",
        "Member 03",
    }
    page.get_by_role("button", name="Undo").click()
    page.wait_for_load_state()
    bulk.work(bulk_id=BulkAct.objects.get().pk, clock=lambda: BulkAct.objects.get().undone_at)
    page.get_by_text("3 put back, 0 kept").wait_for()
    assert asleep.count() == 0


def test_what_others_do_is_told_and_moves_nothing(sign_in, amy, queue):
    held, gone = queue[3], queue[5]
    page = sign_in(amy)
    lead = make_user(name="Dee", role="director")
    interventions.claim(intervention=held, by=lead, at=MORNING)
    Intervention.objects.filter(pk=held.pk).update(claimed_until="2027-01-01T00:00Z")
    interventions.reassign(
        intervention=gone, to=make_user(), reason="Balance", by=lead, at=MORNING
    )
    make_item("Brand new", owner=amy, queue_class=1)

    page.evaluate("document.dispatchEvent(new CustomEvent('queue-ask'))")
    page.get_by_text("1 new, 1 gone").wait_for()
    row = page.locator(f"#queue-list [data-item-id='{held.public_id}']")
    expect(row).to_contain_text("Dee")
    expect(page.locator("[data-queue-open]").first).to_have_text("Member 00")
    page.get_by_role("link", name="Show", exact=True).click()
    expect(page.locator("[data-queue-open]").first).to_have_text("Brand new")
    expect(in_hand(page)).to_have_text("Member 00")
    expect(page.locator("#queue-list [data-selected]")).to_contain_text("Member 00")
    # the page asked for its count while things changed; it asks again when it is looked at
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(page.locator(".wm-rail [data-count-url]")).to_have_text("10")


def test_a_view_is_saved_and_opened(sign_in, amy, queue):
    page = sign_in(amy)
    page.get_by_role("link", name="Mine", exact=True).click()
    page.get_by_text("Save this view").click()
    page.get_by_label("Name", exact=True).fill("My own")
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_role("link", name="My own").wait_for()

    assert SavedView.objects.get().filters == "owner=me"


def test_pages_are_accessible_in_both_themes(sign_in, amy, queue, size, violations):
    lead = make_user(name="Dee", role="director")
    act = BulkAct.objects.create(
        verb="snooze", ids=[each.pk for each in queue], by=lead, at=MORNING
    )
    SavedView.objects.create(
        owner=lead, page="success:today", name="Mine", filters="owner=me", made_at=MORNING
    )
    BulkAct.objects.update(
        done=act.ids[1:], refused={str(act.ids[0]): "Ben has this."}, finished_at=MORNING
    )
    page = sign_in(lead, size=size)
    found = {}
    for theme in ("light", "dark"):
        page.emulate_media(color_scheme=theme)
        for path in (
            "/today/?view=none",
            "/today/?state=stalled",
            "/today/team/",
            f"/today/many/{act.public_id}/",
            "/views/?page=success:today",
        ):
            page.goto(path)
            width = page.evaluate("document.documentElement.scrollWidth")
            found[theme, path] = (violations(page), width - page.viewport_size["width"])
        page.goto("/today/?view=none")
        if size == "desktop":
            page.locator("[data-bulk-row]").first.check()
            page.get_by_role("button", name="Do something to them").click()
            width = page.evaluate("document.documentElement.scrollWidth")
            found[theme, "many"] = (violations(page), width - page.viewport_size["width"])

    assert found == dict.fromkeys(found, ([], 0))
