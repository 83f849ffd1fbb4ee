"""One plan from both sides: agreed, lived on a phone, kept and not kept."""

import re
from datetime import datetime, time, timedelta

import pytest
from django.core import mail
from playwright.sync_api import expect

from communications.models import Message
from communications.services.gate import send_due
from members.enums import MemberKind
from success.engine.accountability import Side
from success.engine.planning import Promise
from success.services.nights import run_night
from success.services.plays import ensure_default_plays
from success.services.templates import save_template
from tests.factories import (
    NOON,
    TODAY,
    make_affiliation,
    make_assignment,
    make_ax_profile,
    make_member,
    make_path,
    make_person,
    make_planned_milestone,
    make_segment,
    make_term,
    make_user,
)
from tests.success.views.portal_people import login

pytestmark = pytest.mark.django_db(transaction=True)
DAY_0 = TODAY - timedelta(days=50)
TOMORROW = TODAY + timedelta(days=1)


def promise(side, title, due_day):
    return Promise(side=side, title=title, due_day=due_day)


def way():
    """Two months to orders abroad; on day 50 we owe a report."""
    theirs = promise(Side.MEMBER, "Ring a shop abroad", 80)
    first = make_planned_milestone(
        key="shop",
        title="A shop abroad answers you",
        expected_day=30,
        weight=40,
        advocacy="testimonial",
        promises=(theirs, promise(Side.ASSOCIATION, "Name three shops", 85)),
    )
    others = (
        make_planned_milestone(
            key=key,
            title=title,
            expected_day=day,
            weight=30,
            promises=(
                promise(Side.MEMBER, f"Prepare: {title}", day - 1),
                promise(Side.ASSOCIATION, ours, due_day),
            ),
        )
        for key, title, day, ours, due_day in (
            ("offer", "Your first offer abroad is out", 60, "Send the benchmark report", 50),
            ("order", "You sell in two countries", 90, "Check the contract", 89),
        )
    )
    return make_path(milestones=(first, *others))


def morning(day):
    return datetime.combine(day, time(8, 30), tzinfo=NOON.tzinfo)


@pytest.fixture
def mira():
    return make_user(name="Mira Lindqvist", weekly_hours=30)


@pytest.fixture
def kim(mira):
    member = make_member(name="Northwind Tools", kind=MemberKind.ORGANISATION)
    make_term(member=member, starts_on=DAY_0, ends_on=DAY_0 + timedelta(days=365))
    person = make_person(name="Kim Adeyemi", email="kim@northwind.example")
    make_affiliation(member=member, person=person, is_primary_contact=True)
    make_ax_profile(member=member)
    segment = make_segment(delivery="message", rule={"all": []})
    make_assignment(member=member, owner=mira, segment=segment)
    save_template(
        template=None,
        key="abroad",
        title="Sell abroad",
        audience=MemberKind.ORGANISATION,
        persona="",
        segment=None,
        path=way(),
        by=mira,
        at=NOON,
    )
    ensure_default_plays(effective_from=DAY_0)
    return login(member, name="Kim Adeyemi", person=person)


def test_a_plan_is_lived_from_both_sides(sign_in, mira, kim, settings):
    member = kim.member
    desk = sign_in(mira)
    page_of_member = f"/members/{member.public_id}/"

    # The manager agrees it, with what will be asked for later.
    desk.goto(f"{page_of_member}plan/start/")
    desk.get_by_label("Day 0").fill(DAY_0.isoformat())
    desk.get_by_role("button", name="Write the plan").click()
    desk.get_by_label("Who said it").select_option(label="Kim Adeyemi")
    desk.get_by_label("They agreed to be asked then").first.check()
    desk.get_by_role("button", name="Go on to agree").first.click()
    desk.get_by_role("button", name="Agree this plan").click()
    desk.get_by_text("The plan is agreed.").wait_for()
    run_night(as_of=TODAY, today=TODAY, clock=lambda: morning(TODAY))
    assert Message.objects.get().status == "queued"  # they are behind, so they would be asked

    # The next day a promise of ours is late: nothing is sent, and its owner has it first.
    settings.WAYMARK_TODAY = TOMORROW
    run_night(as_of=TOMORROW, today=TOMORROW, clock=lambda: morning(TOMORROW))
    send_due(at=morning(TOMORROW))
    assert mail.outbox == []
    assert Message.objects.get().outcome == "A promise of ours to them is late"
    desk.goto("/today/")
    first = desk.locator("[data-queue-item]").first
    expect(first).to_contain_text("Send the benchmark report")

    # The member finds it on the phone, and says what has changed.
    phone = sign_in(kim, size="phone")
    expect(phone).to_have_url(re.compile(r"/path/$"))
    expect(phone.get_by_text("Waiting for us: Send the benchmark report")).to_be_visible()
    expect(phone.get_by_text("1 day late")).to_be_visible()
    phone.goto("/path/milestones/shop/")
    phone.get_by_label("What changed for you?").fill("A shop in Lyon wants to see samples.")
    phone.get_by_role("button", name="This is done").click()
    expect(phone.get_by_text("waiting for Mira Lindqvist to confirm").first).to_be_visible()

    # The manager confirms: the vector moves, and what was announced may be asked.
    desk.goto(page_of_member)
    sentence = desk.locator("#where .wm-sentence")
    expect(sentence).to_contain_text("21 days behind")
    expect(desk.get_by_text("Not now: The milestone has not been reached.")).to_be_visible()
    expect(desk.locator("#items")).to_contain_text("A member waits for our answer")
    desk.get_by_role("link", name="Answer it").click()
    desk.get_by_role("button", name="Confirm", exact=True).click()
    expect(desk.get_by_text("You may ask now.")).to_be_visible()
    expect(sentence).to_contain_text("on plan")
    expect(desk.locator("#items")).not_to_contain_text("A member waits for our answer")

    # The promise is kept, late: both sides see it, and nothing of ours stands between any more.
    desk.get_by_role("link", name=re.compile("Done, or change.*benchmark")).click()
    desk.get_by_role("button", name="Mark it done").click()
    expect(desk.locator("#items")).not_to_contain_text("Send the benchmark report")
    phone.goto("/path/")
    expect(phone.get_by_text("Waiting for us:")).to_have_count(0)
