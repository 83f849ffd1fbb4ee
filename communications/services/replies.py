"""Answers that come back by mail: kept once, with what they answer and who wrote them."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.db import transaction
from django.db.models import Q, QuerySet

from communications.engine.replies import (
    LONGEST,
    is_automatic,
    name_in_address,
    names_of_ours,
)
from communications.models import Message, Reply
from members.models import Affiliation, Person
from members.services import audit

LONGEST_SUBJECT = 500


@dataclass(frozen=True, kw_only=True)
class Letter:
    """A mail as it came in. ``headers`` by their names in lower case; no attachments."""

    sender: str
    recipients: Sequence[str]
    subject: str
    text: str
    headers: Mapping[str, str] = field(default_factory=dict)


@transaction.atomic
def receive(
    *, provider: str, event_id: str, letter: Letter, reply_address: str, received_at: datetime
) -> Reply:
    """Keep what somebody wrote to us, and return it; the same mail again is the same row.

    It answers the message whose identifier stands in the address it was sent to, else in
    In-Reply-To or References; else it is from whoever has the sender's address. Where neither
    is known it is kept without. Programs' answers are marked. The words are kept as they came,
    up to 20,000 characters; attachments are not kept. Upper apps draw their conclusions from
    rows without ``handled_at``.
    """
    name = event_id or letter.headers.get("message-id", "") or _name(letter)
    message = _answered(letter, reply_address=reply_address)
    person = _sender(letter.sender, message=message)
    reply, is_new = Reply.objects.get_or_create(
        provider=provider,
        event_id=name,
        defaults={
            "message": message,
            "member_id": message.member_id if message else _member_of(person),
            "person": person,
            "received_at": received_at,
            "subject": _clean(letter.subject)[:LONGEST_SUBJECT],
            "body": _clean(letter.text)[:LONGEST],
            "is_automatic": is_automatic(headers=letter.headers, subject=letter.subject),
        },
    )
    if is_new:
        audit.record(
            verb="reply.received",
            subject=reply,
            member_id=reply.member_id,
            summary="An answer came by mail",
            by=None,
            at=received_at,
            after={"is_automatic": reply.is_automatic, "is_matched": message is not None},
        )
    return reply


def _clean(text: str) -> str:
    """PostgreSQL keeps no character 0 in texts."""
    return text.replace("\x00", "")


def _name(letter: Letter) -> str:
    words = "\n".join([letter.sender, letter.headers.get("date", ""), letter.text])
    return hashlib.sha256(words.encode()).hexdigest()


def _answered(letter: Letter, *, reply_address: str) -> Message | None:
    asked = [name_in_address(each, reply_address=reply_address) for each in letter.recipients]
    cited = [letter.headers.get("in-reply-to", "")]
    # the last of References is the nearest
    cited += reversed(letter.headers.get("references", "").split())
    ours = [name for name in asked if name] or list(names_of_ours(cited))
    found = {each.public_id: each for each in _messages(Q(public_id__in=ours))} if ours else {}
    for name in ours:
        if name in found:
            return found[name]
    names = [spelling for each in cited if each for spelling in (each, each.strip("<> "))]
    return _messages(Q(provider_id__in=names)).first() if names else None


def _messages(asked: Q) -> QuerySet[Message]:
    return Message.objects.filter(asked).select_related("person").order_by("pk")


def _sender(address: str, *, message: Message | None) -> Person | None:
    """The person who wrote: the one we had written to, if it is their address, else by it.

    An answer from another address is of somebody we may not know, at the same member.
    """
    address = address.strip().lower()
    if not address:
        return None
    if message and message.person and message.person.email.strip().lower() == address:
        return message.person
    people = Person.objects.filter(email__iexact=address)
    if message and message.member_id:
        people = people.filter(affiliations__member_id=message.member_id)
    return people.order_by("-pk").first()


def _member_of(person: Person | None) -> int | None:
    """The member a person writes for: where they are the main contact, else the only one."""
    if person is None:
        return None
    places = list(
        Affiliation.objects.filter(person=person, ends_on=None)
        .order_by("-is_primary_contact", "-starts_on", "pk")
        .values_list("member_id", "is_primary_contact")[:2]
    )
    if not places or (len(places) > 1 and not places[0][1]):
        return None
    return places[0][0]
