"""What anymail's webhooks pass on, once it has checked that the provider says it."""

import logging
from email.utils import parseaddr
from typing import Any

from anymail.signals import (
    AnymailInboundEvent,
    AnymailTrackingEvent,
    EventType,
    inbound,
    tracking,
)
from django.conf import settings
from django.dispatch import receiver
from django.utils.html import strip_tags

from communications.enums import EventKind
from communications.senders.email import OUR_ID
from communications.services import replies
from communications.services.tracking import record
from config.kernel import clock

logger = logging.getLogger(__name__)

KINDS = {
    EventType.DELIVERED: EventKind.DELIVERED,
    EventType.DEFERRED: EventKind.DEFERRED,
    EventType.BOUNCED: EventKind.BOUNCED,
    EventType.REJECTED: EventKind.REJECTED,
    EventType.FAILED: EventKind.REJECTED,
    EventType.COMPLAINED: EventKind.COMPLAINED,
    EventType.UNSUBSCRIBED: EventKind.UNSUBSCRIBED,
    EventType.OPENED: EventKind.OPENED,
    EventType.CLICKED: EventKind.CLICKED,
}
HEADERS = (
    "Auto-Submitted",
    "Date",
    "In-Reply-To",
    "Message-ID",
    "Precedence",
    "References",
    "Return-Path",
    "X-Auto-Response-Suppress",
    "X-Autoreply",
    "X-Autorespond",
)


@receiver(tracking, dispatch_uid="communications.tracking")
def tracked(*, event: AnymailTrackingEvent, esp_name: str, **_: Any) -> None:
    """Keep what a provider says of a message; what is no fate of one is passed over."""
    kind = KINDS.get(event.event_type)
    if kind is None:
        logger.info("Passed over", extra={"provider": esp_name, "event": event.event_type})
        return
    now = clock.now()
    said = event.click_url if kind == EventKind.CLICKED else None
    record(
        provider=esp_name,
        event_id=event.event_id or "",
        kind=kind,
        provider_id=event.message_id or "",
        at=event.timestamp or now,
        received_at=now,
        our_id=str((event.metadata or {}).get(OUR_ID, "")),
        recipient=event.recipient or "",
        reason=event.reject_reason or "",
        detail=said or " ".join(filter(None, [event.mta_response, event.description])),
        user_agent=event.user_agent or "",
    )


@receiver(inbound, dispatch_uid="communications.inbound")
def received(*, event: AnymailInboundEvent, esp_name: str, **_: Any) -> None:
    """Keep a mail that came in. Its attachments are not kept."""
    mail = event.message
    if mail is None:
        return
    sent_to = [mail.envelope_recipient, *(each.addr_spec for each in [*mail.to, *mail.cc])]
    replies.receive(
        provider=esp_name,
        event_id=event.event_id or "",
        letter=replies.Letter(
            sender=parseaddr(str(mail["From"] or mail.envelope_sender or ""))[1],
            recipients=[each for each in sent_to if each],
            subject=mail.subject or "",
            text=mail.text or strip_tags(mail.html or ""),
            headers={name.lower(): str(mail[name]) for name in HEADERS if mail[name]},
        ),
        reply_address=settings.REPLY_ADDRESS,
        received_at=clock.now(),
    )
