"""How people want to hear from us: what they said, kept with when and where, and what holds."""

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import urljoin
from uuid import UUID
from zoneinfo import available_timezones

from django.conf import settings
from django.core.signing import BadSignature, Signer
from django.db import transaction
from django.urls import reverse

from communications.engine import timing
from communications.enums import Cadence, Format
from communications.models import Consent, Preference, Topic, TopicChoice
from config.kernel.clock import association_zone
from coverage.enums import Channel
from members.models import Person, User
from members.services import audit

# What every preference form asks beside the topics.
FIELDS = (
    "no_discretionary",
    "refused_channels",
    "format",
    "cadence",
    "hour",
    "time_zone",
    "language",
)


class UnknownToken(LookupError):
    """Nobody is named by this token."""


class NotPossible(ValueError):
    """Something was wished for that there is not; the words say what."""


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What holds for one person: what they said, the usual where they did not.

    ``unwanted`` holds the keys of topics; where preference and consent disagree, the stricter
    of the two is what stands here.
    """

    person_id: int
    no_discretionary: bool = False
    unwanted: frozenset[str] = frozenset()
    refused_channels: frozenset[str] = frozenset()
    format: Format = Format.PLAIN
    cadence: Cadence = Cadence.AT_ONCE
    hour: int | None = None
    zone: str = field(default_factory=association_zone)
    language: str = ""
    persona: str = ""

    def wants(self, topic: str | None) -> bool:
        """Say whether they want what can wait, about ``topic``; None: about nothing named."""
        return not self.no_discretionary and topic not in self.unwanted

    def takes(self, channel: str) -> bool:
        """Say whether they may be reached over ``channel`` for what can wait."""
        return channel not in self.refused_channels


def quiet_hours() -> timing.Quiet:
    """Return the association's quiet hours; they hold in each reader's own zone."""
    start, until = settings.WAYMARK_QUIET_HOURS
    return timing.Quiet(start=start, until=until)


def of(person: Person) -> Wish:
    """Return what holds for ``person``; reads three tables and writes nothing."""
    said = Preference.objects.filter(pk=person.pk).first() or Preference(person=person)
    latest = _latest_consents(person)
    withdrawn = {topic for topic, is_given in latest.items() if not is_given}
    refused = TopicChoice.objects.filter(person=person, is_wanted=False)
    unwanted = {*refused.values_list("topic__key", flat=True), *withdrawn} - {None}
    return Wish(
        person_id=person.pk,
        no_discretionary=said.no_discretionary or None in withdrawn,
        unwanted=frozenset(str(key) for key in unwanted),
        refused_channels=frozenset(said.refused_channels),
        format=Format(said.format),
        cadence=Cadence(said.cadence),
        hour=said.hour,
        zone=said.time_zone if said.time_zone in available_timezones() else association_zone(),
        language=said.language or settings.LANGUAGE_CODE,
        persona=said.persona,
    )


@transaction.atomic
def save(  # noqa: PLR0913  # a preference page has that many questions
    *,
    person: Person,
    topics: Mapping[str, bool],
    no_discretionary: bool = False,
    refused_channels: Collection[str] = (),
    format: str = Format.PLAIN,  # noqa: A002  # as the field is called
    cadence: str = Cadence.AT_ONCE,
    hour: int | None = None,
    time_zone: str = "",
    language: str = "",
    said_in: str,
    words: str = "",
    by: User | None = None,
    at: datetime,
) -> Wish:
    """Keep everything that a preference page says of ``person``, and return what holds now.

    ``topics`` maps keys to whether they want them; one that is not named stays as it was. What
    they want and do not want is also kept as consents, which are only ever added to: one for
    each change, with ``said_in`` and ``words``. Saying the same again changes nothing. Raises
    ``NotPossible`` for a channel, topic, zone, hour or word that there is not.
    """
    _lock(person)
    before = of(person)
    known = {topic.key: topic for topic in Topic.objects.filter(key__in=topics)}
    if unknown := sorted(set(topics) - set(known)):
        raise NotPossible(f"There is no topic {unknown[0]}.")
    said = Preference.objects.filter(pk=person.pk).first() or Preference(person=person)
    wished: dict[str, Any] = {
        "no_discretionary": no_discretionary,
        "refused_channels": sorted(set(refused_channels)),
        "format": _one_of(Format, format),
        "cadence": _one_of(Cadence, cadence),
        "hour": hour,
        "time_zone": time_zone,
        "language": language,
    }
    _require_possible(wished)
    was = {name: getattr(said, name) for name in FIELDS}
    said_now: list[tuple[Topic | None, bool]] = []
    if no_discretionary != before.no_discretionary:
        said_now.append((None, not no_discretionary))
    for key, is_wanted in sorted(topics.items()):
        if is_wanted == (key in before.unwanted):
            _choose(person, known[key], is_wanted=is_wanted, at=at)
            said_now.append((known[key], is_wanted))
    for topic, is_given in said_now:
        _consent(person, topic, is_given=is_given, said_in=said_in, words=words, at=at)
    if said_now or was != wished:
        for name, value in wished.items():
            setattr(said, name, value)
        _keep(said, at=at)
        _audit(
            said,
            verb="preference.saved",
            summary=f"How somebody wants to hear from us was said: {said_in}",
            before=was | {"topics_refused": sorted(before.unwanted)},
            after=wished
            | {"topics_refused": sorted(k for k, yes in topics.items() if not yes)},
            by=by,
            at=at,
        )
    return of(person)


@transaction.atomic
def unsubscribe(  # noqa: PLR0913  # who, what, where, when and by whom
    *,
    person: Person,
    topic: Topic | None = None,
    said_in: str,
    words: str = "",
    by: User | None = None,
    at: datetime,
) -> bool:
    """Stop what can wait about ``topic``, or all of it; return whether that changed anything.

    Holds from the commit: a message that is being checked at that moment is either sent before
    or not at all, for both take the person's row. Idempotent.
    """
    _lock(person)
    before = of(person)
    if not before.wants(topic.key if topic else None):
        return False
    said = Preference.objects.filter(pk=person.pk).first() or Preference(person=person)
    if topic is None:
        said.no_discretionary = True
    else:
        _choose(person, topic, is_wanted=False, at=at)
    _keep(said, at=at)
    _consent(person, topic, is_given=False, said_in=said_in, words=words, at=at)
    _audit(
        said,
        verb="preference.unsubscribed",
        summary=f"Somebody wants to hear no more of {topic or 'what can wait'}: {said_in}",
        before={"topics_refused": sorted(before.unwanted), "no_discretionary": False},
        after={"topic": topic.key if topic else None},
        by=by,
        at=at,
    )
    return True


def token(person: Person) -> str:
    """Return the word by which a link in a mail knows ``person``; it says nothing by itself.

    Signed, so that nobody can make one up, and without an end: what was mailed years ago still
    unsubscribes. It opens the preferences of this person and nothing else.
    """
    return str(_signer().sign(urlsafe_b64encode(person.public_id.bytes).decode().rstrip("=")))


def person_of(given: str) -> Person:
    """Return whom a token names; raise ``UnknownToken`` for one that is forged or outlived."""
    try:
        word = _signer().unsign(given)
        public_id = UUID(bytes=urlsafe_b64decode(word + "=="))
        return Person.objects.get(public_id=public_id)
    except (BadSignature, binascii.Error, ValueError, Person.DoesNotExist) as error:
        raise UnknownToken(given) from error


def page_address(person: Person) -> str:
    """Return the whole address of the page on which ``person`` says how they want to hear."""
    return _absolute(reverse("communications:preferences", args=[token(person)]))


def unsubscribe_address(person: Person, *, topic: str = "") -> str:
    """Return the address that takes effect at one click (RFC 8058), of one topic or of all."""
    if topic:
        return _absolute(
            reverse("communications:unsubscribe_topic", args=[token(person), topic])
        )
    return _absolute(reverse("communications:unsubscribe", args=[token(person)]))


def _absolute(path: str) -> str:
    return urljoin(str(settings.WAYMARK_SITE_URL), path)


def _signer() -> Signer:
    return Signer(salt="communications.preferences", sep=".")


def _lock(person: Person) -> None:
    """Hold the person's row, as the gate does while it checks a message to them."""
    Person.objects.select_for_update(no_key=True).get(pk=person.pk)


def _latest_consents(person: Person) -> dict[str | None, bool]:
    rows = (
        Consent.objects.filter(person=person)
        .order_by("topic", "-at", "-pk")
        .distinct("topic")
        .values_list("topic__key", "is_given")
    )
    return dict(rows)


def _choose(person: Person, topic: Topic, *, is_wanted: bool, at: datetime) -> None:
    TopicChoice.objects.update_or_create(
        person=person, topic=topic, defaults={"is_wanted": is_wanted, "at": at}
    )


def _consent(  # noqa: PLR0913  # a consent has that many parts
    person: Person,
    topic: Topic | None,
    *,
    is_given: bool,
    said_in: str,
    words: str,
    at: datetime,
) -> None:
    Consent.objects.create(
        person=person, topic=topic, is_given=is_given, said_in=said_in, words=words, at=at
    )


def _keep(said: Preference, *, at: datetime) -> None:
    said.updated_at = at
    said.save()


def _audit(  # noqa: PLR0913  # an entry has that many parts
    said: Preference,
    *,
    verb: str,
    summary: str,
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    by: User | None,
    at: datetime,
) -> None:
    place = said.person.affiliations.filter(ends_on=None).order_by("pk").first()
    audit.record(
        verb=verb,
        subject=said,
        member_id=place.member_id if place else None,
        summary=summary,
        before=before,
        after=after,
        by=by,
        at=at,
    )


def _one_of(choices: Any, value: str) -> str:
    if value not in choices.values:
        raise NotPossible(f"There is no choice {value}.")
    return str(value)


def _require_possible(wished: Mapping[str, Any]) -> None:
    if unknown := sorted(set(wished["refused_channels"]) - set(Channel.values)):
        raise NotPossible(f"There is no channel {unknown[0]}.")
    if wished["hour"] is not None and not 0 <= wished["hour"] <= 23:
        raise NotPossible("A day has 24 hours.")
    if wished["time_zone"] and wished["time_zone"] not in available_timezones():
        raise NotPossible(f"There is no time zone {wished['time_zone']}.")
