"""Somebody unsubscribes by the link in a mail, without a log-in, and the next send obeys."""

import re
from datetime import timedelta

import pytest
from django.core import mail
from django.core.cache import cache

from communications.services import gate
from tests.factories import MORNING, make_message, make_person, make_template, make_topic

pytestmark = pytest.mark.django_db(transaction=True)
LINK = re.compile(r"https?://\S+/messages/to/\S+")


def test_a_reader_unsubscribes_without_a_log_in(open_page, size, site, settings, violations):
    cache.clear()
    settings.WAYMARK_SITE_URL = f"{site}/"
    person = make_person(email="ann@example.org")
    events = make_topic(key="events", title="Events")
    make_topic(key="news", title="News")
    about = make_template(subject="Come along", body="On Friday.", topic=events)
    first = make_message(person=person, template=about)
    gate.send_due(at=MORNING)
    [letter] = mail.outbox
    page = open_page(size=size, color_scheme="dark" if size == "phone" else "light")

    page.goto(LINK.search(letter.body)[0])
    assert page.get_by_label("Events").is_checked()
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.get_by_label("Events").uncheck()
    page.get_by_label("Once a week at most").check()
    page.get_by_role("button", name="Keep it").click()
    page.get_by_text("It is kept, and holds from now on.").wait_for()
    assert not page.get_by_label("Events").is_checked()

    second = make_message(person=person, template=about)
    other = make_message(person=person)
    gate.send_due(at=MORNING + timedelta(days=7))
    for message in (first, second, other):
        message.refresh_from_db()
    assert [each.status for each in (first, second, other)] == ["sent", "suppressed", "sent"]

    page.goto(LINK.search(mail.outbox[1].body)[0] + "unsubscribe/")
    assert violations(page) == []
    page.get_by_role("button", name="Unsubscribe").click()
    page.get_by_text("You have unsubscribed").first.wait_for()
    third = make_message(person=person)
    owed = make_message(person=person, purpose="promised")
    gate.send_due(at=MORNING + timedelta(days=28))
    third.refresh_from_db()
    owed.refresh_from_db()
    assert (third.status, owed.status) == ("suppressed", "sent")
