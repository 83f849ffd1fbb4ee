import pytest
from django.core.cache import cache
from django.test import Client
from django.urls import reverse

from communications.models import Consent
from communications.services import preferences
from members.enums import Role
from tests.factories import make_person, make_topic, make_user

pytestmark = pytest.mark.django_db
ONE_CLICK = {"List-Unsubscribe": "One-Click"}


@pytest.fixture(autouse=True)
def _nobody_has_asked_yet():
    cache.clear()


@pytest.fixture
def strict():
    """A browser, or a mail program, that no form of ours has given a token."""
    return Client(enforce_csrf_checks=True)


def page(person):
    return reverse("communications:preferences", args=[preferences.token(person)])


def one_click(person, topic=""):
    token = preferences.token(person)
    if topic:
        return reverse("communications:unsubscribe_topic", args=[token, topic])
    return reverse("communications:unsubscribe", args=[token])


def test_one_click_takes_effect_at_once_without_a_log_in(strict):
    person = make_person(email="ann@example.org")

    answers = [strict.post(one_click(person), ONE_CLICK) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [200, 200]
    assert "You have unsubscribed" in answers[0].content.decode()
    assert not preferences.of(person).wants(None)
    assert Consent.objects.count() == 1


def test_one_click_of_a_topic_stops_that_topic(strict):
    person = make_person()
    topic = make_topic(key="events")

    strict.post(one_click(person, topic.key), ONE_CLICK)

    wish = preferences.of(person)
    assert (wish.wants("events"), wish.wants("news")) == (False, True)


def test_looking_changes_nothing(strict):
    person = make_person()

    for method in (strict.get, strict.head):
        assert method(one_click(person)).status_code == 200
        assert method(page(person)).status_code == 200

    assert preferences.of(person).wants(None)
    assert Consent.objects.count() == 0


def test_anything_but_the_one_click_is_no_unsubscribing(strict):
    person = make_person()

    assert strict.post(one_click(person), {}).status_code == 400
    assert preferences.of(person).wants(None)


def test_only_the_one_click_needs_no_token_of_a_form(strict):
    person = make_person()

    assert strict.post(page(person), {"do": "stop"}).status_code == 403
    assert preferences.of(person).wants(None)


@pytest.mark.parametrize("name", ["preferences", "unsubscribe"])
def test_a_wrong_token_is_not_found_like_any_other(strict, name):
    person = make_person()
    forged = preferences.token(person)[:-2] + "xx"
    urls = [reverse(f"communications:{name}", args=[given]) for given in (forged, "nobody")]

    answers = [strict.get(url) for url in urls] + [strict.post(url, ONE_CLICK) for url in urls]

    assert {answer.status_code for answer in answers} <= {403, 404}
    assert [answer.status_code for answer in answers[:2]] == [404, 404]
    assert all("This link is not complete" in each.content.decode() for each in answers[:2])
    assert preferences.of(person).wants(None)


def test_a_topic_that_there_is_not_is_not_found(strict):
    assert strict.post(one_click(make_person(), "none"), ONE_CLICK).status_code == 404


def test_what_one_link_may_send_in_a_minute_is_limited(strict, monkeypatch):
    monkeypatch.setattr("communications.views.preferences.MOST_A_MINUTE", 2)
    person, other = make_person(), make_person()

    answers = [strict.post(one_click(person), ONE_CLICK) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert answers[2]["Retry-After"] == "60"
    assert strict.post(one_click(other), ONE_CLICK).status_code == 200


def test_the_page_keeps_what_is_said(client):
    person = make_person()
    make_topic(key="events", title="Events")
    make_topic(key="news", title="News")
    make_topic(key="old", is_retired=True)
    said = {
        "topics": ["news"],
        "channels": ["email", "portal"],
        "cadence": "weekly",
        "format": "rich",
        "hour": "9",
        "time_zone": "Europe/Berlin",
        "language": "en",
    }

    answer = client.post(page(person), said, follow=True)

    wish = preferences.of(person)
    assert "It is kept" in answer.content.decode()
    assert (wish.unwanted, wish.cadence, wish.format, wish.hour, wish.zone) == (
        {"events"},
        "weekly",
        "rich",
        9,
        "Europe/Berlin",
    )
    assert wish.refused_channels == {"call", "chat", "group", "meeting", "video"}
    assert not wish.no_discretionary
    form = client.get(page(person)).context["form"]
    assert form.initial["topics"] == ["news"]
    assert form.initial["channels"] == ["email", "portal"]


def test_the_page_says_what_is_wrong(client):
    person = make_person()

    answer = client.post(page(person), {"cadence": "hourly", "format": "plain", "hour": "23"})

    assert answer.status_code == 422
    assert {"cadence", "hour"} <= answer.context["form"].errors.keys()
    assert Consent.objects.count() == 0


def test_the_page_stops_everything_at_one_button(client):
    person = make_person()

    answer = client.post(page(person), {"do": "stop"}, follow=True)

    assert "You get nothing from us at present that can wait" in answer.content.decode()
    assert not preferences.of(person).wants(None)
    assert Consent.objects.get().said_in == "preference page"


def test_the_page_shows_no_more_than_its_reader_knows(client):
    person = make_person(name="Annabel Lee", email="ann.lee@example.org")

    answer = client.get(page(person))

    said = answer.content.decode()
    assert "a…@example.org" in said
    assert "Annabel" not in said
    assert "ann.lee" not in said
    assert answer["X-Robots-Tag"] == "noindex"
    assert "no-store" in answer["Cache-Control"]


def test_somebody_signed_in_says_the_same_of_themselves(client):
    person = make_person()
    client.force_login(make_user(role=Role.MEMBER, person=person))
    url = reverse("communications:my_preferences")

    answer = client.post(url, {"do": "stop"}, follow=True)

    assert answer.status_code == 200
    assert Consent.objects.get().said_in == "portal"
    assert url in client.get(reverse("success:path_data")).content.decode()


def test_a_log_in_of_nobody_is_told_so(client):
    client.force_login(make_user(role=Role.MEMBER))

    answer = client.get(reverse("communications:my_preferences"))

    assert "belongs to nobody" in answer.content.decode()


def test_the_staff_have_no_such_page(client):
    client.force_login(make_user(role=Role.DIRECTOR))

    assert client.get(reverse("communications:my_preferences")).status_code == 403
