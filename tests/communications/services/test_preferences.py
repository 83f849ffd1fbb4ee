from datetime import timedelta

import pytest
from django.core.signing import Signer

from communications.models import Consent, Preference, TopicChoice
from communications.services import preferences
from communications.services.preferences import NotPossible, UnknownToken
from members.models import AuditEntry
from tests.factories import MORNING, make_person, make_topic

pytestmark = pytest.mark.django_db


def consents(person):
    rows = Consent.objects.filter(person=person).order_by("pk")
    return [(each.topic and each.topic.key, each.is_given, each.said_in) for each in rows]


def test_what_nobody_said_is_the_usual(settings):
    settings.WAYMARK_TIME_ZONE = "Europe/Berlin"

    wish = preferences.of(make_person())

    assert (wish.zone, wish.language, wish.cadence, wish.format, wish.hour) == (
        "Europe/Berlin",
        "en",
        "at_once",
        "plain",
        None,
    )
    assert wish.wants(None)
    assert wish.wants("anything")
    assert wish.takes("call")


def test_save_keeps_everything_with_a_consent_for_each_change():
    person, events, news = make_person(), make_topic(key="events"), make_topic(key="news")
    said = {
        "person": person,
        "topics": {"events": False, "news": True},
        "refused_channels": ["call"],
        "cadence": "monthly",
        "format": "rich",
        "hour": 9,
        "time_zone": "America/New_York",
        "language": "de",
        "said_in": "portal",
    }

    wish = preferences.save(**said, at=MORNING)
    preferences.save(**said, at=MORNING + timedelta(days=1))
    preferences.save(
        **(said | {"topics": {"events": True}, "no_discretionary": True}),
        at=MORNING + timedelta(days=2),
    )

    assert (wish.unwanted, wish.refused_channels, wish.cadence, wish.format) == (
        {"events"},
        {"call"},
        "monthly",
        "rich",
    )
    assert (wish.hour, wish.zone, wish.language) == (9, "America/New_York", "de")
    assert consents(person) == [
        ("events", False, "portal"),
        (None, False, "portal"),
        ("events", True, "portal"),
    ]
    assert dict(TopicChoice.objects.values_list("topic", "is_wanted")) == {events.pk: True}
    assert news.choices.count() == 0
    assert AuditEntry.objects.filter(verb="preference.saved").count() == 2
    assert not preferences.of(person).wants("news")


@pytest.mark.parametrize(
    "wrong",
    [
        {"topics": {"none": True}},
        {"refused_channels": ["pigeon"]},
        {"cadence": "hourly"},
        {"format": "gold"},
        {"hour": 24},
        {"time_zone": "Mars/Olympus"},
    ],
)
def test_save_refuses_what_there_is_not(wrong):
    person = make_person()

    with pytest.raises(NotPossible):
        preferences.save(
            **({"person": person, "topics": {}, "said_in": "portal", "at": MORNING} | wrong)
        )

    assert not Preference.objects.exists()


def test_unsubscribe_holds_and_is_said_once():
    person = make_person()

    assert preferences.unsubscribe(person=person, said_in="one-click", at=MORNING)
    assert not preferences.unsubscribe(person=person, said_in="one-click", at=MORNING)

    assert not preferences.of(person).wants(None)
    assert consents(person) == [(None, False, "one-click")]
    assert AuditEntry.objects.filter(verb="preference.unsubscribed").count() == 1


def test_unsubscribe_from_one_topic_leaves_the_others():
    person, topic = make_person(), make_topic(key="events")
    other = make_person()

    preferences.unsubscribe(person=person, topic=topic, said_in="one-click", at=MORNING)

    wish = preferences.of(person)
    assert (wish.wants("events"), wish.wants("news"), wish.wants(None)) == (False, True, True)
    assert preferences.of(other).wants("events")


def test_what_was_taken_back_may_be_given_again():
    person, topic = make_person(), make_topic(key="events")
    preferences.unsubscribe(person=person, topic=topic, said_in="one-click", at=MORNING)

    wish = preferences.save(
        person=person,
        topics={"events": True},
        said_in="preference page",
        at=MORNING + timedelta(days=1),
    )

    assert wish.wants("events")
    assert consents(person)[-1] == ("events", True, "preference page")


def test_the_last_consent_holds_however_many_there_are():
    person, topic = make_person(), make_topic(key="events")
    for days, is_given in [(3, False), (1, True), (2, False)]:
        Consent.objects.create(
            person=person,
            topic=topic,
            is_given=is_given,
            said_in="import",
            at=MORNING - timedelta(days=days),
        )

    assert preferences.of(person).wants("events")


def test_a_zone_that_is_no_more_is_the_associations():
    person = make_person()
    Preference.objects.create(person=person, time_zone="Old/Zone", updated_at=MORNING)

    assert preferences.of(person).zone == "UTC"


def test_token_names_its_person_and_shows_nothing_of_them():
    person, other = make_person(), make_person()

    token = preferences.token(person)

    assert preferences.person_of(token) == person
    assert token != preferences.token(other)
    assert str(person.pk) not in token.split(".")
    assert str(person.public_id) not in token


@pytest.mark.parametrize(
    "forge",
    [
        lambda _token: "",
        lambda _token: "nobody",
        lambda token: token[:-1] + ("A" if token[-1] != "A" else "B"),
        lambda token: "A" + token[1:] if token[0] != "A" else "B" + token[1:],
        lambda token: Signer(salt="another", sep=".").sign(token.partition(".")[0]),
        lambda _token: Signer(salt="communications.preferences", sep=".").sign("not/base64!"),
    ],
)
def test_token_cannot_be_made_up(forge):
    token = preferences.token(make_person())

    with pytest.raises(UnknownToken):
        preferences.person_of(forge(token))


def test_token_of_somebody_who_is_gone_names_nobody():
    person = make_person()
    token = preferences.token(person)
    person.delete()

    with pytest.raises(UnknownToken):
        preferences.person_of(token)


def test_token_outlives_a_change_of_the_secret(settings):
    person = make_person()
    token = preferences.token(person)
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another secret, for a test"

    assert preferences.person_of(token) == person
    assert preferences.token(person) != token
