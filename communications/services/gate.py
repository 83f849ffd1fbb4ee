"""The one way out: what is due is claimed, checked once more, and handed to its sender.

A message is claimed in a transaction of its own, so that its row says ``sending`` before
anything leaves. Whatever is left in ``sending`` by a crash becomes ``unknown`` and is never
sent again by itself: a message too few can be mended, a message twice cannot.
"""

import logging
from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from django.db import transaction
from django.db.models import QuerySet

from communications.engine import timing
from communications.enums import (
    CalendarMethod,
    Format,
    MessageChannel,
    MessageStatus,
    NoticeKind,
    Purpose,
)
from communications.models import Message, MessageAttachment
from communications.senders import email
from communications.services import notices, preferences, templates
from communications.services.preferences import Wish
from communications.services.suppression import is_suppressed
from config.kernel.clock import association_zone, local_date
from members.models import Affiliation, Person, User

logger = logging.getLogger(__name__)

FATIGUE_DAYS = 14
FATIGUE_CAP = 2
STUCK_AFTER = timedelta(minutes=10)
TRY_AGAIN_AFTER = timedelta(minutes=5)


class Guard(Protocol):
    """Asked in the sending transaction: why this message must not go, or None."""

    def __call__(self, *, message: Message, at: datetime) -> str | None: ...


class Guards:
    """What upper apps have to say before a message leaves, by name, the first one first."""

    def __init__(self) -> None:
        self._guards: dict[str, Guard] = {}

    def register(self, name: str, guard: Guard) -> None:
        """Have ``guard`` asked about every message; the same name again replaces it."""
        self._guards[name] = guard

    def unregister(self, name: str) -> None:
        self._guards.pop(name, None)

    def objection(self, *, message: Message, at: datetime) -> str | None:
        """Return the first objection of any guard, or None."""
        for guard in self._guards.values():
            if reason := guard(message=message, at=at):
                return reason
        return None


guards = Guards()


class _Held(Exception):
    """The message must not go, for a reason that is kept with it."""


class _Wait(Exception):
    """The message may go, but not yet."""

    def __init__(self, turn: timing.Turn) -> None:
        super().__init__(turn.because)
        self.turn = turn


@dataclass(frozen=True, kw_only=True)
class Letter:
    """What is handed over: to whom, and the words as they will be read."""

    name: str
    address: str
    user: User | None = None
    html: str = ""
    footer: str = ""
    unsubscribe_address: str = ""

    def body(self, message: Message) -> str:
        """Return the plain text; the footer opens a door, and is not kept with the message."""
        if not self.footer:
            return message.body
        return f"{message.body.rstrip()}\n\n{self.footer}"


@dataclass(frozen=True, kw_only=True)
class Counts:
    """What became of the messages one sweep claimed."""

    claimed: int = 0
    sent: int = 0
    suppressed: int = 0
    postponed: int = 0
    unknown: int = 0


def send_due(*, at: datetime, limit: int = 100) -> Counts:
    """Send up to ``limit`` messages that are due, oldest first, and say what became of them.

    Sweeps may run side by side: rows another one holds are skipped. Must not run inside a
    transaction, for the claim has to be durable before anything leaves. They are claimed one
    by one, so that of a sweep that dies only one message is left in doubt.
    """
    outcomes: Counter[MessageStatus | None] = Counter()
    while outcomes.total() < limit and (message_id := _claim(at=at)) is not None:
        outcomes[_send(message_id, at=at)] += 1
    return Counts(
        claimed=outcomes.total(),
        sent=outcomes[MessageStatus.SENT],
        suppressed=outcomes[MessageStatus.SUPPRESSED],
        postponed=outcomes[MessageStatus.QUEUED],
        unknown=outcomes[MessageStatus.UNKNOWN],
    )


@dataclass(frozen=True, kw_only=True)
class Foreseen:
    """What would become of a message: ``held`` for a reason, or else gone at ``goes_at``."""

    goes_at: datetime
    held: str = ""


@transaction.atomic
def foresee(*, message: Message, at: datetime) -> Foreseen:
    """Return what would become of a message that is due at ``at``.

    The same questions as before sending, for whoever is just about to have it sent. Nothing is
    written; the person's row is held until the transaction ends.
    """
    try:
        with transaction.atomic():
            _check(message, at=at)
    except _Held as held:
        return Foreseen(goes_at=at, held=str(held))
    except _Wait as wait:
        is_late = message.not_after is not None and wait.turn.at >= message.not_after
        return Foreseen(goes_at=wait.turn.at, held=_too_late(wait.turn) if is_late else "")
    return Foreseen(goes_at=at)


@transaction.atomic
def release_stuck(*, at: datetime) -> int:
    """Mark what has been ``sending`` for ten minutes as unknown; return how many.

    Whether those were sent nobody can tell, so they are not sent again. One that a sweep holds
    is being sent, however slowly, and is left to it. Idempotent.
    """
    stuck = Message.objects.select_for_update(skip_locked=True).filter(
        status=MessageStatus.SENDING, claimed_at__lte=at - STUCK_AFTER
    )
    found = list(stuck.values_list("pk", flat=True))
    MessageAttachment.objects.filter(message__in=found).update(content=b"")
    return Message.objects.filter(pk__in=found).update(
        status=MessageStatus.UNKNOWN,
        finished_at=at,
        outcome="The work stopped while it was being sent",
    )


def _claim(*, at: datetime) -> int | None:
    """Mark the oldest message that is due as being sent, for good, and return its id."""
    with transaction.atomic(durable=True):
        due = (
            Message.objects.select_for_update(skip_locked=True)
            .filter(status=MessageStatus.QUEUED, due_at__lte=at)
            .order_by("due_at", "pk")
        )
        claimed: int | None = due.values_list("pk", flat=True).first()
        if claimed is None:
            return None
        Message.objects.filter(pk=claimed).update(status=MessageStatus.SENDING, claimed_at=at)
    return claimed


@transaction.atomic
def _send(message_id: int, *, at: datetime) -> MessageStatus | None:
    """Check one claimed message again and hand it over; None if it is no longer ours."""
    message = (
        Message.objects.select_for_update(of=("self",))
        .select_related("template__topic", "member", "user")
        .filter(pk=message_id, status=MessageStatus.SENDING, claimed_at=at)
        .first()
    )
    if message is None:
        return None
    try:
        with transaction.atomic():
            letter = _check(message, at=at)
    except _Held as held:
        return _suppress(message, reason=str(held), at=at)
    except _Wait as wait:
        return _hold(message, turn=wait.turn, at=at)
    except Exception as error:
        # Nothing has left yet, so trying again is safe, and the rest of the sweep goes on.
        logger.exception("A message could not be checked", extra={"message_id": message_id})
        because = f"It could not be checked: {error}"
        return _postpone(message, because=because, until=at + TRY_AGAIN_AFTER)
    if message.channel == MessageChannel.PORTAL:
        return _show(message, letter=letter, at=at)
    return _hand_over(message, letter=letter, at=at)


def _check(message: Message, *, at: datetime) -> Letter:
    """Return what is to be handed over, the words filled in.

    Raises ``_Held`` to say why it must not go, and ``_Wait`` to say when it may.
    """
    if message.not_after is not None and at >= message.not_after:
        raise _Held("It is too late for this message")
    if message.user is not None:
        return _to_colleague(message, user=message.user)
    # The person's row is held, so that two sweeps cannot both be under the cap, and so that
    # whoever unsubscribes at this moment does so before or after, never in between.
    if message.person_id is None:
        raise _Held("Nobody to write to")
    person = Person.objects.select_for_update(no_key=True).get(pk=message.person_id)
    user = User.objects.filter(person=person, is_active=True).first()
    _require_way(message, person=person, user=user)
    _require_place(message, person=person, at=at)
    wish = preferences.of(person)
    can_be_left = message.purpose == Purpose.DISCRETIONARY
    if can_be_left and (reason := _unwanted(message, wish)):
        raise _Held(reason)
    if reason := guards.objection(message=message, at=at):
        raise _Held(reason)
    words = _write(message, language=wish.language, persona=wish.persona)
    turn = _turn(message, person, wish=wish, at=at)
    if turn.at > at:
        raise _Wait(turn)
    if can_be_left and _is_tired(person, at=at):
        raise _Held(f"Written to {FATIGUE_CAP} times in the last {FATIGUE_DAYS} days")
    footer = templates.footer(person=person, language=words.language) if can_be_left else ""
    return Letter(
        name=person.name,
        address=person.email.strip(),
        user=user,
        html=_html(message, wish=wish, words=words, footer=footer),
        footer=footer,
        unsubscribe_address=_stop_address(message, person) if can_be_left else "",
    )


def _require_way(message: Message, *, person: Person, user: User | None) -> None:
    if message.channel == MessageChannel.EMAIL:
        _require_address(person.email.strip())
    elif user is None:
        raise _Held("They have no log-in to show it to")


def _require_place(message: Message, *, person: Person, at: datetime) -> None:
    """Whoever has left a member since hears nothing more of it, but that a meeting is off."""
    is_excepted = (
        message.purpose == Purpose.REPLY or message.calendar_method == CalendarMethod.CANCEL
    )
    if message.member_id is None or is_excepted:
        return
    today = local_date(at, zone=association_zone())
    places = Affiliation.objects.filter(person=person, member=message.member_id)
    ends = list(places.values_list("ends_on", flat=True))
    if ends and all(day is not None and day <= today for day in ends):
        raise _Held(f"They are not with {message.member} any more")


def _stop_address(message: Message, person: Person) -> str:
    topic = message.template.topic
    return preferences.unsubscribe_address(person, topic=topic.key if topic else "")


def _to_colleague(message: Message, *, user: User) -> Letter:
    """A colleague is told what they asked for: at once, and as often as they do."""
    if not user.is_active:
        raise _Held("Their log-in is closed")
    if message.channel == MessageChannel.EMAIL:
        _require_address(user.email.strip())
    _write(message, language="", persona="")
    return Letter(name=user.name, address=user.email.strip(), user=user)


def _require_address(address: str) -> None:
    if not address:
        raise _Held("No address is known")
    if is_suppressed(address):
        raise _Held("This address must not be written to")


def _unwanted(message: Message, wish: Wish) -> str | None:
    """Return what they said that speaks against a message which need not be; None: nothing."""
    topic = message.template.topic
    if wish.no_discretionary:
        return "They want nothing but what is promised or owed"
    if not wish.wants(topic.key if topic else None):
        return f"They do not want to hear of this: {topic}"
    if not wish.takes(message.channel):
        return f"They do not want to hear from us this way: {message.get_channel_display()}"
    return None


def _write(message: Message, *, language: str, persona: str) -> templates.Words:
    """Fill the words in, as this reader would read them."""
    words = templates.variant_for(message.template, persona=persona, language=language)
    try:
        message.subject, message.body = templates.fill(
            message.template, words, variables=message.variables, language=language
        )
    except templates.MissingVariable as error:
        message.subject = message.body = ""
        raise _Held(f"No value for {error}") from error
    return words


def _html(message: Message, *, wish: Wish, words: templates.Words, footer: str) -> str:
    if wish.format != Format.RICH:
        return ""
    return templates.html(
        subject=message.subject, body=message.body, footer=footer, language=words.language
    )


def _turn(message: Message, person: Person, *, wish: Wish, at: datetime) -> timing.Turn:
    """Say when it may go: at night nothing does, unless it answers what they have just done."""
    is_answer = message.purpose == Purpose.REPLY or message.calendar != ""
    is_quiet = message.channel == MessageChannel.PORTAL  # a notice wakes nobody
    quiet = None if is_answer or is_quiet else preferences.quiet_hours()
    if message.purpose != Purpose.DISCRETIONARY:
        return timing.when(at=at, zone=wish.zone, quiet=quiet)
    last = _discretionary(person).order_by("-finished_at").first()
    return timing.when(
        at=at,
        zone=wish.zone,
        quiet=quiet,
        hour=None if is_quiet else wish.hour,
        cadence=wish.cadence,
        last_at=last.finished_at if last else None,
    )


def _is_tired(person: Person, *, at: datetime) -> bool:
    """Say whether the person has had as many discretionary messages as they may.

    One of which nobody knows whether it was sent counts as sent.
    """
    lately = _discretionary(person).filter(finished_at__gt=at - timedelta(days=FATIGUE_DAYS))
    return lately.count() >= FATIGUE_CAP


def _discretionary(person: Person) -> QuerySet[Message]:
    return Message.objects.filter(
        person=person,
        purpose=Purpose.DISCRETIONARY,
        status__in=[MessageStatus.SENT, MessageStatus.UNKNOWN],
    )


def _hand_over(message: Message, *, letter: Letter, at: datetime) -> MessageStatus:
    files = message.attachments.order_by("pk") if message.member_id is None else ()
    try:
        handed = email.send(
            public_id=message.public_id,
            name=letter.name,
            address=letter.address,
            subject=message.subject,
            body=f"{message.body.rstrip()}\n\n{letter.footer}"
            if letter.footer
            else message.body,
            html=letter.html,
            unsubscribe_address=letter.unsubscribe_address,
            calendar=message.calendar,
            calendar_method=message.calendar_method,
            files=[
                email.File(
                    name=each.name,
                    content_type=each.content_type,
                    content=bytes(each.content),
                )
                for each in files
            ],
        )
    except email.Refused as error:
        return _suppress(message, reason=f"Refused: {error}", at=at)
    except email.NotAccepted as error:
        because = f"Not accepted: {error}"
        return _postpone(message, because=because, until=at + TRY_AGAIN_AFTER)
    except Exception as error:
        logger.exception("Nobody knows whether this was sent", extra={"message_id": message.pk})
        return _finish(message, MessageStatus.UNKNOWN, outcome=str(error), at=at)
    message.provider_id = handed.provider_id
    return _finish(message, MessageStatus.SENT, outcome=handed.outcome, at=at)


def _show(message: Message, *, letter: Letter, at: datetime) -> MessageStatus:
    """Put the message on their own page; the notice commits with what we say of it."""
    assert letter.user is not None  # noqa: S101  # checked before
    notices.tell(
        users=[letter.user],
        kind=NoticeKind.MESSAGE,
        title=message.subject,
        body=message.body,
        dedupe_key=f"message {message.public_id}",
        member=message.member,
        at=at,
    )
    return _finish(message, MessageStatus.SENT, outcome="Shown on their own page", at=at)


def _hold(message: Message, *, turn: timing.Turn, at: datetime) -> MessageStatus:
    """Keep it for later, or say that later is too late."""
    if message.not_after is not None and turn.at >= message.not_after:
        return _suppress(message, reason=_too_late(turn), at=at)
    return _postpone(message, because=f"Waits: {turn.because}", until=turn.at)


def _too_late(turn: timing.Turn) -> str:
    return f"It would be too late by the time it may go: {turn.because}"


def _suppress(message: Message, *, reason: str, at: datetime) -> MessageStatus:
    return _finish(message, MessageStatus.SUPPRESSED, outcome=reason, at=at)


def _postpone(message: Message, *, because: str, until: datetime) -> MessageStatus:
    message.status = MessageStatus.QUEUED
    message.due_at = until
    message.claimed_at = None
    message.outcome = because
    message.subject = message.body = ""
    message.save(update_fields=["status", "due_at", "claimed_at", "outcome", "subject", "body"])
    return MessageStatus.QUEUED


def _finish(
    message: Message, status: MessageStatus, *, outcome: str, at: datetime
) -> MessageStatus:
    message.status = status
    message.finished_at = at
    message.outcome = outcome
    message.save(
        update_fields=["status", "finished_at", "outcome", "subject", "body", "provider_id"]
    )
    if message.member_id is None:  # only what colleagues ask for takes files along
        MessageAttachment.objects.filter(message=message).update(content=b"")
    return status
