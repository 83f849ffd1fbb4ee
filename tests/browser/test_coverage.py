"""Who gets which experience: a rule is built, a touch is logged, a member says what suits them."""

import pytest
from playwright.sync_api import expect

from coverage.models import AxProfile, Effort, Segment
from coverage.services.segments import ensure_default_segments
from members.enums import PortalRole, Role
from tests.factories import make_ax_profile, make_member, make_term, make_user

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_director_builds_a_rule_and_sees_whom_it_takes(sign_in):
    ensure_default_segments()
    for expertise in ("low", "low", "high"):
        make_term(member=make_ax_profile(expertise=expertise).member)
    page = sign_in(make_user(role=Role.DIRECTOR))
    page.goto("/coverage/segments/")
    page.get_by_role("link", name="Add a segment").click()

    page.get_by_label("Name", exact=True).fill("Guided")
    first = page.get_by_role("group", name="Question 1")
    first.get_by_label("Fact").select_option("paid_a_year")
    expect(page.get_by_text("never by what they pay")).to_be_visible()
    first.get_by_label("Fact").select_option("expertise")
    first.get_by_label("Value").fill("low")
    expect(page.locator("#segment-count")).to_contain_text("2 members of 3")
    page.get_by_label("Why a member who meets the rule").fill("New to the field")
    page.get_by_role("button", name="Keep it").click()

    expect(page.get_by_role("heading", name="Guided")).to_be_visible()
    assert Segment.objects.get(key="guided").position == 4


def test_a_touch_is_logged_with_l_from_anywhere(sign_in):
    member = make_member(name="Harbour Works")
    page = sign_in(make_user())
    page.goto("/coverage/segments/")

    page.keyboard.press("l")
    expect(page.get_by_label("With whom")).to_be_focused()
    page.keyboard.type("harb")
    page.get_by_label("Harbour Works").check()
    page.get_by_role("button", name="15 minutes").click()
    page.get_by_role("button", name="Log it").click()

    expect(page.get_by_text("15 minutes with Harbour Works are logged.")).to_be_visible()
    expect(page.locator("#wm-log")).to_be_hidden()
    row = Effort.objects.get()
    assert (row.member, row.minutes, row.modality) == (member, 15, "sync")


def test_a_member_says_what_suits_them(sign_in):
    member = make_member()
    page = sign_in(
        make_user(role=Role.MEMBER, member=member, portal_role=PortalRole.LEAD), size="phone"
    )
    page.goto("/path/people/")
    page.get_by_role("link", name="Tell us what suits you").click()

    for answer in ("Very well", "Yes, people with time", "Now and then, when", "By asking"):
        page.get_by_label(answer).check()
    page.get_by_role("button", name="Send").click()

    expect(page.get_by_text("You told us what suits you")).to_be_visible()
    assert AxProfile.objects.get().source == "member"


def test_a_rule_is_built_and_a_touch_logged_without_a_script(sign_in):
    ensure_default_segments()
    member = make_member(name="Harbour Works")
    page = sign_in(make_user(role=Role.DIRECTOR), java_script_enabled=False)
    page.goto("/coverage/segments/add/")
    page.get_by_label("Name", exact=True).fill("Guided")
    row = page.get_by_role("group", name="Question 1")
    row.get_by_label("Fact").select_option("expertise")
    row.get_by_label("Value").fill("low")
    page.get_by_role("button", name="Count, and one more row").click()
    expect(page.locator("#segment-count")).to_contain_text("Expertise in the field is low")
    page.get_by_label("Why a member who meets the rule").fill("New to the field")
    page.get_by_role("button", name="Keep it").click()
    expect(page.get_by_role("heading", name="Guided")).to_be_visible()

    page.get_by_role("link", name="Log time").click()
    page.get_by_label("With whom").fill("harbour")
    page.get_by_label("Minutes").fill("20")
    page.get_by_role("button", name="Log it").click()
    page.get_by_label("Harbour Works").check()
    page.get_by_role("button", name="Log it").click()

    expect(page.get_by_text("20 minutes with Harbour Works are logged.")).to_be_visible()
    assert Effort.objects.get().member == member
