"""An MSM agrees a review, moves it, and closes it with the next one set."""

import email
import email.policy

import pytest
from icalendar import Calendar
from playwright.sync_api import expect

from communications.services import gate
from config.kernel import clock
from members.enums import Role
from success.models import Review
from tests.factories import (
    make_assignment,
    make_guest,
    make_member,
    make_member_facts,
    make_outcome,
    make_plan,
    make_user,
)

pytestmark = pytest.mark.django_db(transaction=True)
BETWEEN = b"-" * 79 + b"\n"


@pytest.fixture
def amy():
    return make_user(name="Amy Ng", time_zone="Europe/London")


@pytest.fixture
def member(amy):
    member = make_member(name="Öko Bau")
    make_plan(member=member)
    make_outcome(member=member)
    make_member_facts(member=member)
    make_assignment(member=member, owner=amy)
    make_guest(member=member, name="Ann Lee", email="ann@oeko.example")
    return member


@pytest.fixture
def folder(settings, tmp_path):
    """Mail goes to a folder, as it does on a laptop; what is in it, read back."""
    settings.EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
    settings.EMAIL_FILE_PATH = str(tmp_path)

    def read():
        gate.send_due(at=clock.now())
        events = []
        files = sorted(tmp_path.iterdir(), key=lambda each: each.stat().st_mtime_ns)
        # two letters of one second may have come into one file, with a line between them
        letters = [each for file in files for each in file.read_bytes().split(BETWEEN)[:-1]]
        for written in letters:
            letter = email.message_from_bytes(written, policy=email.policy.default)
            [part] = [
                each for each in letter.walk() if each.get_content_type() == "text/calendar"
            ]
            [event] = Calendar.from_ical(part.get_content()).walk("VEVENT")
            events.append((letter["To"], part.get_param("method"), event))
        return events

    return read


def fits(page):
    return page.evaluate("document.documentElement.scrollWidth") <= page.viewport_size["width"]


def test_a_review_is_agreed_moved_and_closed(  # noqa: PLR0913, PLR0917  # fixtures
    sign_in, amy, member, folder, violations, size
):
    page = sign_in(amy, size=size)
    page.goto("/reviews/?show=without")
    page.get_by_role("link", name="Öko Bau").click()
    expect(page.get_by_label("Ann Lee · ann@oeko.example")).to_be_checked()
    assert (violations(page), fits(page)) == ([], True)

    page.get_by_label("Where").fill("Room 1")
    page.get_by_role("button", name="Agree and invite").click()

    expect(page.get_by_text("Invitations on their way: 1.")).to_be_visible()
    expect(page.get_by_role("heading", name="Is this still your goal?")).to_be_visible()
    assert (violations(page), fits(page)) == ([], True)
    [(to, method, first)] = folder()
    assert (to, method, first["SEQUENCE"]) == ("Ann Lee <ann@oeko.example>", "REQUEST", 0)

    page.get_by_role("link", name="Move").click()
    page.get_by_label("Time").fill("15:00")
    assert (violations(page), fits(page)) == ([], True)
    page.get_by_role("button", name="Move it").click()

    expect(page.get_by_text("at 15:00 (Europe/London)").first).to_be_visible()
    [_, (_, method, second)] = folder()
    assert (method, second["SEQUENCE"], second["UID"]) == ("REQUEST", 1, first["UID"])
    assert second["DTSTART"].dt.hour == 15

    page.goto(f"/members/{member.public_id}/")
    panel = page.locator("#review")
    expect(panel.get_by_text("at 15:00 (Europe/London)")).to_be_visible()
    panel.get_by_role("link", name="Close it").click()
    page.get_by_label("What was agreed").fill("They write the docs; we introduce them.")
    page.get_by_label("Yes, it still holds").check()
    page.get_by_role("group", name="“Are you getting closer to your goal?”").get_by_label(
        "Yes"
    ).check()
    assert (violations(page), fits(page)) == ([], True)
    page.get_by_role("button", name="Close the review").click()

    expect(page.get_by_text("The review is closed. The next one is on")).to_be_visible()
    expect(page.get_by_text("They write the docs; we introduce them.")).to_be_visible()
    assert (violations(page), fits(page)) == ([], True)
    following = Review.objects.ahead().get()
    # It was held before its hour, so the calendars let go of it, and get the next one.
    [*_, gone, coming] = sorted(folder(), key=lambda each: each[2]["DTSTART"].dt)[-2:]
    assert (gone[1], coming[1], coming[2]["SEQUENCE"]) == ("CANCEL", "REQUEST", 0)
    assert coming[2]["UID"].startswith(str(following.public_id))
    assert coming[2]["DTSTART"].dt == following.starts_at


@pytest.mark.parametrize("role", [Role.MSM, Role.MEMBER])
def test_somebody_makes_an_address_for_their_calendar(  # noqa: PLR0913, PLR0917  # fixtures
    sign_in, open_page, amy, member, role, violations, size
):
    user = amy if role == Role.MSM else make_user(role=role, member=member)
    page = sign_in(user, size=size)
    page.goto("/calendar/")
    assert (violations(page), fits(page)) == ([], True)

    page.get_by_role("button", name="Make an address").click()

    address = page.locator(".s-secret code").inner_text()
    assert (violations(page), fits(page)) == ([], True)
    stranger = open_page()
    assert stranger.request.get(address).text().startswith("BEGIN:VCALENDAR")
    page.get_by_role("button", name="End it").click()
    expect(page.get_by_text("The address has ended.")).to_be_visible()
    assert stranger.request.get(address).status == 404
