import re

import pytest

from config.kernel import clock
from members.enums import Role
from success.models import BulkAct, Intervention
from success.services import bulk
from tests.factories import make_intervention, make_user

pytestmark = pytest.mark.django_db
NEW, ASK = "/today/many/", "/today/many/ask/"


@pytest.fixture
def amy():
    return make_user(name="Amy")


@pytest.fixture
def items(amy):
    return [make_intervention(owner=amy, queue_class=each) for each in (1, 4, 4)]


def ticked(*items, **said):
    return {"scope": "selected", "item": [str(each.public_id) for each in items]} | said


def words(response):
    """What the page says, without its marks."""
    return " ".join(re.sub(r"<[^>]+>", "", response.content.decode()).split())


def hidden(response, name):
    html = response.content.decode()
    return re.findall(rf'name="{name}" value="([^"]*)"', html)


def test_the_ticked_are_shown_and_then_dealt_with(sign_in, amy, items):
    client = sign_in(amy)
    shown = client.post(NEW, ticked(*items[:2]))

    said = {"verb": "snooze", "until": "2026-08-03", "expected": hidden(shown, "expected")}
    asked = client.post(ASK, ticked(*items[:2], **said))
    act = BulkAct.objects.get()
    bulk.work(bulk_id=act.pk, clock=clock.now)
    report = client.get(asked["Location"])

    assert (shown.status_code, "2 items" in words(shown)) == (200, True)
    assert asked["Location"] == f"/today/many/{act.public_id}/"
    assert Intervention.objects.filter(snoozed_until="2026-08-03").count() == 2
    assert "2 done, 0 refused" in words(report)


@pytest.mark.parametrize("expected", ["²", "٣", "9" * 5000, "-1", ""])
def test_a_number_that_no_page_sends_is_passed_over(sign_in, amy, items, expected):
    said = {"scope": "matching", "query": "", "expected": expected}

    response = sign_in(amy).post(NEW, said)

    assert (response.status_code, "3 items" in words(response)) == (200, True)


def test_many_sleep_for_a_year_at_most(sign_in, amy, items):
    said = {"verb": "snooze", "until": "2206-08-03", "expected": "2"}

    response = sign_in(amy).post(ASK, ticked(*items[:2], **said))

    assert (response.status_code, BulkAct.objects.count()) == (422, 0)
    assert "Choose a day within a year" in words(response)


def test_all_that_match_are_meant_beyond_the_page(sign_in, amy, items):
    client = sign_in(amy)
    said = {"scope": "matching", "query": "queue_class=4&after=x", "expected": "2"}

    shown = client.post(NEW, said)
    more = {"verb": "complete", "outcome": "not_needed"}
    client.post(ASK, said | more)

    assert hidden(shown, "query") == ["queue_class=4"]
    assert BulkAct.objects.get().ids == [each.pk for each in items[1:]]


def test_another_number_than_was_shown_is_told_and_nothing_is_frozen(sign_in, amy, items):
    said = {"scope": "matching", "query": "", "expected": "2", "verb": "snooze"}

    response = sign_in(amy).post(ASK, said | {"until": "2026-08-03"})

    assert response.status_code == 409
    assert "The list showed 2 items; it is 3 now." in words(response)
    assert hidden(response, "expected") == ["3"]
    assert BulkAct.objects.count() == 0


def test_the_ticked_that_are_gone_are_told(sign_in, amy, items):
    Intervention.objects.filter(pk=items[0].pk).update(status="done", finished_at=clock.now())

    response = sign_in(amy).post(NEW, ticked(*items))

    assert "The list showed 3 items; it is 2 now." in words(response)
    assert len(hidden(response, "item")) == 2


@pytest.mark.parametrize(
    ("said", "refusal"),
    [
        ({}, "Choose what to do."),
        ({"verb": "snooze"}, "Choose a day."),
        ({"verb": "snooze", "until": "2026-07-29"}, "Choose a day after today."),
        ({"verb": "reassign", "reason": "x"}, "Choose who takes it."),
        ({"verb": "release"}, "Say why in a few words."),
        ({"verb": "complete"}, "Choose how it came out."),
        ({"verb": "complete", "outcome": "goal_changed"}, "Say in one line"),
    ],
)
def test_what_is_missing_is_said(sign_in, amy, items, said, refusal):
    response = sign_in(amy).post(ASK, ticked(*items, **said))

    assert (response.status_code, refusal in words(response)) == (422, True)


def test_nothing_ticked_leads_back(sign_in, amy, items):
    response = sign_in(amy).post(NEW, {"scope": "selected", "query": "owner=me"})

    assert response["Location"] == "/today/?owner=me"


def test_items_of_others_are_not_taken(sign_in, amy, items):
    other = make_intervention(owner=make_user())

    sign_in(amy).post(ASK, ticked(items[0], other, verb="release", reason="x"))

    assert BulkAct.objects.count() == 0


def test_undo_from_the_report_puts_it_back(sign_in, amy, items):
    client = sign_in(amy)
    client.post(ASK, ticked(*items, verb="snooze", until="2026-08-03"))
    act = BulkAct.objects.get()
    bulk.work(bulk_id=act.pk, clock=clock.now)

    client.post(f"/today/many/{act.public_id}/undo/")
    bulk.work(bulk_id=act.pk, clock=clock.now)

    assert Intervention.objects.filter(snoozed_until=None).count() == 3
    report = client.get(f"/today/many/{act.public_id}/")
    assert "3 put back, 0 kept" in words(report)
    assert f"{act.public_id}/undo/" not in report.content.decode()


def test_an_act_is_seen_by_who_asked_and_operations_have_none(sign_in, amy, items):
    sign_in(amy).post(ASK, ticked(*items, verb="snooze", until="2026-08-03"))
    address = f"/today/many/{BulkAct.objects.get().public_id}/"

    assert sign_in(make_user(role=Role.DIRECTOR)).get(address).status_code == 404
    operations = sign_in(make_user(role=Role.OPERATIONS))
    assert operations.get(address).status_code == 403
    assert 'name="item"' not in operations.get("/today/").content.decode()


def test_the_reasons_of_refusals_are_listed(sign_in, amy, items):
    client = sign_in(amy)
    client.post(ASK, ticked(*items, verb="snooze", until="2026-08-03"))
    act = BulkAct.objects.get()
    Intervention.objects.filter(pk=items[0].pk).update(status="done", finished_at=clock.now())
    bulk.work(bulk_id=act.pk, clock=clock.now)

    html = client.get(f"/today/many/{act.public_id}/").content.decode()

    assert ("It is no longer open." in html, items[0].member.name in html) == (True, True)
