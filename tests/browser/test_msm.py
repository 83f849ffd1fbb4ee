"""An MSM's morning: the queue, a member, the list."""

from datetime import date, timedelta

import pytest
from playwright.sync_api import expect

from success.enums import QueueClass, Side
from success.models import Intervention
from tests.factories import (
    TODAY,
    make_accountability,
    make_assignment,
    make_ax_profile,
    make_fact,
    make_intervention,
    make_involvement,
    make_member,
    make_member_facts,
    make_message,
    make_night,
    make_person,
    make_plan,
    make_play,
    make_segment,
    make_term,
    make_user,
)

pytestmark = pytest.mark.django_db(transaction=True)
LONG_NAME = "Association for the Advancement of Interoperable Infrastructure Software in Europe"


@pytest.fixture
def amy():
    return make_user(name="Amy Lindqvist", weekly_hours=2)


@pytest.fixture
def queue(amy):
    """Five members with everything that a page may show of them; the items of the first four."""
    make_night()
    segment = make_segment(name="Synchronous")
    play = make_play(act="Ask what stands in the way", title="A milestone is overdue")
    items = []
    for number, name in enumerate(("Acme", LONG_NAME, "Cara", "Dan", "Ed")):
        member = make_member(name=name, details={"former_names": f"Old {name}"})
        make_term(member=member)
        plan = make_plan(member=member, evidence=([date(2026, 1, 20)],))
        make_accountability(plan=plan, due_on=date(2026, 7, 23), is_simulated=True)
        make_accountability(plan=plan, side=Side.MEMBER, due_on=date(2026, 8, 4))
        make_assignment(member=member, segment=segment, owner=amy)
        make_ax_profile(member=member, sync_minutes=90)
        person = make_person(name=f"Robin {number}")
        make_involvement(member=member, person=person, subject="Envoy")
        make_fact(member=member, person=person, occurred_on=TODAY - timedelta(3))
        make_message(member=member, person=person)
        make_member_facts(
            member=member,
            state="stalled",
            plan=plan,
            anchor_on=plan.anchor_on,
            held_on=date(2026, 3, 2),
            blocking=plan.milestones.get(position=2),
            blocked_since=date(2026, 3, 3),
            next_milestone=plan.milestones.get(position=2),
            segment=segment,
            owner=amy,
            contact=person,
            term_ends_on=date(2027, 1, 1),
            we_owe_since=date(2026, 7, 24),
            pace_milli=0,
            achieved_weight=10,
            expected_weight=30,
        )
        if name != "Ed":
            occurred_on = date(2026, 7, 1) + timedelta(number)
            fields = {"queue_class": QueueClass.STALLED, "occurred_on": occurred_on}
            items.append(make_intervention(play=play, member=member, owner=amy, **fields))
    return items


def listed(page):
    return page.locator("[data-queue-open]").all_inner_texts()


def in_hand(page):
    return page.locator("#item h2")


def test_the_queue_is_worked_by_keyboard(sign_in, amy, queue):
    page = sign_in(amy)
    page.keyboard.press("j")
    expect(in_hand(page)).to_have_text(LONG_NAME)
    page.keyboard.press("k")
    expect(in_hand(page)).to_have_text("Acme")

    page.keyboard.press("c")
    page.get_by_role("button", name="Give back").wait_for()
    page.keyboard.press("e")
    page.keyboard.press("w")
    page.keyboard.press("Enter")
    page.get_by_text("Say in one line what changed, or what they wait for.").first.wait_for()
    page.locator("label[data-key=r]").click()
    page.get_by_label("What happened, in one line").fill("Rang them")
    page.keyboard.press("Enter")
    expect(in_hand(page)).to_have_text(LONG_NAME)

    done = Intervention.objects.get(member__name="Acme")
    assert (done.status, done.outcome, done.note) == ("done", "reached", "Rang them")
    assert listed(page) == [LONG_NAME, "Cara", "Dan"]
    assert page.evaluate("document.activeElement.tagName") == "H2"

    page.keyboard.press("u")
    expect(in_hand(page)).to_have_text("Acme")
    assert (listed(page)[0], Intervention.objects.get(pk=done.pk).status) == ("Acme", "open")

    page.keyboard.press("s")
    page.get_by_role("button", name="Tomorrow").click()
    expect(page.locator("[data-queue-open]")).to_have_count(3)
    page.get_by_text("Acme sleeps until 30 July.").wait_for()
    assert Intervention.objects.get(pk=done.pk).snoozed_until == date(2026, 7, 30)

    page.keyboard.press("?")
    assert page.get_by_role("dialog", name="Keyboard shortcuts").is_visible()


def test_a_colleague_who_claims_the_same_is_told_who_has_it(sign_in, amy, queue):
    item = queue[0]
    Intervention.objects.update(owner=None)
    first = sign_in(amy)
    second = sign_in(make_user(name="Ben Okafor"))

    first.keyboard.press("c")
    first.get_by_role("button", name="Give back").wait_for()
    second.locator("summary[data-key=e]").click()
    second.get_by_label("What happened, in one line").fill("I spoke to them")
    second.locator("label[data-key=r]").click()
    second.get_by_role("button", name="Complete and go on").click()
    second.get_by_role("alert").wait_for()

    assert second.get_by_role("alert").inner_text().startswith("Amy Lindqvist has this.")
    assert second.get_by_label("What happened, in one line").input_value() == "I spoke to them"
    assert Intervention.objects.get(pk=item.pk).status == "open"


def test_on_a_phone_the_list_and_the_item_take_turns(sign_in, amy, queue):
    page = sign_in(amy, size="phone")
    assert (page.locator("#queue-list").is_visible(), page.locator("#item").is_visible()) == (
        True,
        False,
    )

    page.get_by_role("link", name="Cara").click()
    page.get_by_role("link", name="Back to the list").wait_for()
    assert (in_hand(page).inner_text(), page.locator("#queue-list").is_visible()) == (
        "Cara",
        False,
    )

    page.get_by_role("link", name="Back to the list").click()
    page.locator("#queue-list").wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") == 390


def test_the_queue_is_worked_without_a_script(sign_in, amy, queue):
    page = sign_in(amy, java_script_enabled=False)
    page.locator("summary[data-key=e]").click()
    page.get_by_text("No answer").click()
    page.get_by_role("button", name="Complete and go on").click()
    assert (in_hand(page).inner_text(), listed(page)) == (LONG_NAME, [LONG_NAME, "Cara", "Dan"])

    page.get_by_role("button", name="Undo").click()
    assert (in_hand(page).inner_text(), len(listed(page))) == ("Acme", 4)


def test_members_are_found_filtered_and_opened(sign_in, amy, queue):
    page = sign_in(amy)
    page.keyboard.press("/")
    page.keyboard.type("Interopreable")
    page.keyboard.press("Enter")
    page.get_by_text("1 member found").wait_for()
    page.get_by_role("link", name=LONG_NAME).click()
    page.wait_for_url("**/members/*-*/")

    assert page.locator("h1").inner_text() == LONG_NAME
    assert page.get_by_text(f"formerly Old {LONG_NAME}").is_visible()

    page.get_by_label("Look back to").fill("2026-02-05")
    page.get_by_role("button", name="Look", exact=True).click()
    page.get_by_text("Looking back.").wait_for()

    page.get_by_role("link", name="Members").first.click()
    page.get_by_label("Looked after by").select_option("pool")
    page.get_by_text("No member fits these filters").wait_for()


def test_pages_are_accessible_in_both_themes(sign_in, amy, queue, size, violations):
    page = sign_in(amy, size=size)
    opened = f"/today/{queue[1].public_id}/"
    member = f"/members/{queue[1].member.public_id}/"
    found = {}
    for theme in ("light", "dark"):
        page.emulate_media(color_scheme=theme)
        for path in ("/today/", opened, "/members/", member, "/members/?q=nobody"):
            page.goto(path)
            if path == opened:
                page.locator("summary[data-key=e]").click()
            width = page.evaluate("document.documentElement.scrollWidth")
            too_wide = width - page.viewport_size["width"]
            found[theme, path] = (violations(page), too_wide)

    assert found == dict.fromkeys(found, ([], 0))
