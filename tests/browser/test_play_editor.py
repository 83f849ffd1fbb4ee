"""Operations build a play from nothing, look at who would enter, publish it, and the night acts."""

import re

import pytest
from playwright.sync_api import expect

from members.enums import Role
from members.rollups.scope import Scope
from success.models import Intervention, Play, PlayVersion
from success.rollups import plays
from success.services import playbook
from tests.factories import (
    NOON,
    TODAY,
    make_member,
    make_member_facts,
    make_segment,
    make_user,
)

pytestmark = pytest.mark.django_db(transaction=True)
EVERYBODY = Scope(first=0, last=2**63 - 1)
SAVE = re.compile(r"^Save$")


def saved(page, do):
    """Do something that the editor answers, and wait until it stands again."""
    with page.expect_response(lambda answer: answer.request.method == "POST"):
        do()
    expect(page.locator("#play-status")).to_contain_text("Saved")


def save(page):
    saved(page, page.get_by_role("button", name=SAVE).last.click)


def keep_each_start(page):
    page.locator("#id_aim").fill("They reach the point they are waiting at")
    page.get_by_label("So many days after or before a date").check()
    page.locator("#id_dated_days").fill("90")
    page.locator("#id_dated_side").select_option("before")
    page.locator("#id_dated_fact").select_option("term_ends_on")
    save(page)
    assert PlayVersion.objects.get().start == {"fact": "term_ends_on", "offset_days": -90}
    page.get_by_label("When something happens").check()
    page.locator("#id_kind").fill("event.attended")
    save(page)
    assert PlayVersion.objects.get().start == {"kind": "event.attended"}
    page.get_by_label("When a date becomes known").check()
    page.locator("#id_known_fact").select_option("behind_since")
    save(page)
    assert PlayVersion.objects.get().start == {"fact": "behind_since"}


@pytest.mark.parametrize("javascript", [True, False], ids=["script", "no script"])
def test_operations_build_a_play_and_the_night_opens_its_items(sign_in, violations, javascript):
    olga = make_user(name="Olga Reyes", role=Role.OPERATIONS)
    guided = make_segment(name="Guided", channels=["call", "meeting"], delivery="person")
    member = make_member(name="Late Works")
    make_member_facts(
        member=member, segment=guided, standing="in_force", state="stalled", behind_since=TODAY
    )
    make_member_facts(member=make_member(name="Quiet Works"), standing="in_force")
    page = sign_in(olga, java_script_enabled=javascript)

    page.goto("/plays/")
    page.get_by_role("link", name="Write a play").click()
    page.get_by_label("Name").fill("Back on the way")
    page.get_by_role("button", name="Go on").click()

    keep_each_start(page)

    # for whom, with the count
    page.locator("#audience").get_by_label("all of these hold").check()
    row = page.locator("#audience fieldset fieldset, #audience .c-rows fieldset").first
    row.get_by_label("Fact").select_option("state")
    row.get_by_label("Comparison").select_option("in")
    row.get_by_label("Value").fill("Stalled, slipping")
    save(page)
    expect(page.locator("#play-count")).to_contain_text("1 of 2 members")

    # the ladder
    page.locator("#id_step0-act").fill("Ask what would help")
    saved(page, page.get_by_role("button", name="Add a step").click)
    page.locator("#id_step1-act").fill("Look at it all")
    page.locator("#id_step1-intent").select_option("escalate")
    saved(page, page.get_by_role("button", name="Check", exact=True).click)
    expect(page.locator("#findings")).to_contain_text("It can be published")
    expect(page.locator("#ladder")).to_contain_text("Meeting")
    assert not javascript or violations(page) == []

    # who, and who not
    page.get_by_role("link", name="Who would enter?").click()
    expect(page.get_by_role("link", name="Late Works")).to_be_visible()
    page.get_by_label("A member's name").fill("quiet")
    page.get_by_role("button", name="Look").click()
    page.get_by_role("link", name="Quiet Works").click()
    expect(page.get_by_role("status").filter(has_text="Would not enter")).to_be_visible()
    page.get_by_role("link", name="Back to the draft").click()

    page.get_by_role("button", name="Go on to publish").first.click()
    page.get_by_role("button", name="Publish it").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Back on the way")

    plays.refresh(as_of=TODAY, scope=EVERYBODY, at=NOON)
    item = Intervention.objects.get()
    assert (item.play, item.member) == (Play.objects.get(), member)


def test_what_cannot_be_read_is_told_and_what_is_typed_saves_itself(sign_in):
    olga = make_user(name="Olga Reyes", role=Role.OPERATIONS)
    page = sign_in(olga, size="phone")
    page.goto("/plays/write/new/")
    page.get_by_label("Name").fill("Back on the way")
    page.keyboard.press("Enter")
    page.locator("#id_aim").wait_for()
    page.wait_for_load_state()

    saved(page, lambda: page.locator("#id_aim").fill("They reach it"))
    assert PlayVersion.objects.get().aim == "They reach it"

    page.get_by_label("Days within which it counts").fill("")
    page.get_by_role("button", name=SAVE).first.click()
    told = page.get_by_role("alert")
    expect(told).to_contain_text("This cannot be read, and is not saved yet")
    expect(told).to_be_focused()
    width = page.evaluate("document.documentElement.scrollWidth")
    assert width <= 390


def test_what_was_not_kept_does_not_say_that_it_was(sign_in):
    olga = make_user(name="Olga Reyes", role=Role.OPERATIONS)
    draft = playbook.start_draft(play=None, title="Next point", by=olga, at=NOON)
    page = sign_in(olga)
    page.goto(f"/plays/{draft.play.key}/edit/")
    playbook.drop_draft(version=draft, by=olga, at=NOON)

    page.locator("#id_aim").fill("They reach the next point")

    expect(page.locator("#play-status")).to_have_text(
        "Not saved: what you typed is only on this page."
    )
    expect(page.get_by_text("This is not there any more.")).to_be_visible()


def test_a_draft_is_dropped_once_it_was_said_what_goes(sign_in):
    olga = make_user(name="Olga Reyes", role=Role.OPERATIONS)
    draft = playbook.start_draft(play=None, title="Next point", by=olga, at=NOON)
    page = sign_in(olga)
    page.goto(f"/plays/{draft.play.key}/edit/")

    page.get_by_text("Drop the draft").click()
    expect(page.get_by_text("The play was never published")).to_be_visible()
    assert Play.objects.count() == 1
    page.get_by_role("button", name="Drop it").click()
    page.wait_for_url("**/plays/")

    assert Play.objects.count() == 0
