"""Electronic mail: the only module that hands anything to Django's mail backend."""

import smtplib
import socket
from email.utils import formataddr, parseaddr
from pathlib import Path
from uuid import UUID

from anymail.exceptions import AnymailUnsupportedFeature
from django.conf import settings
from django.core import mail

from communications.engine.replies import address_for

FIRST_PERMANENT_CODE = 500
CALENDAR_FILE = "invite.ics"
OUR_ID = "waymark_id"  # by which a provider gives our own name for a message back


class NotAccepted(Exception):
    """The provider provably did not take the message; it may be tried again later."""


class Refused(NotAccepted):
    """The provider said no for good; trying again would be refused again."""


def send(  # noqa: PLR0913  # a message has that many parts
    *,
    public_id: UUID,
    name: str,
    address: str,
    subject: str,
    body: str,
    calendar: str = "",
    calendar_method: str = "",
) -> str:
    """Hand one plain-text message to the configured backend and return its name for it.

    A ``calendar`` goes along twice: as an alternative to the words, from which mail programs
    offer to accept, and as a file for those that only open files.

    That is the provider's id where it gives one, the file where mail goes to a folder, else
    our own Message-ID, which is made of ``public_id`` and so is the same however often a crash
    makes us look. Raises ``NotAccepted`` or ``Refused`` where it is certain that nothing was
    sent; after any other exception nobody can tell.
    """
    message_id = f"<{public_id}@{_domain()}>"
    connection = mail.get_connection()
    message = mail.EmailMultiAlternatives(
        subject=" ".join(subject.split()),
        body=body,
        to=[formataddr((" ".join(name.split()), address))],
        headers={"Message-ID": message_id},
        connection=connection,
    )
    if settings.REPLY_ADDRESS:
        message.reply_to = [address_for(public_id, reply_address=settings.REPLY_ADDRESS)]
    message.metadata = {OUR_ID: str(public_id)}  # type: ignore[attr-defined]  # anymail's
    if calendar:
        _enclose(message, calendar=calendar, method=calendar_method)
    try:
        taken = _send(message)
    except (ConnectionRefusedError, socket.gaierror, smtplib.SMTPConnectError) as error:
        raise NotAccepted(str(error)) from error
    except smtplib.SMTPRecipientsRefused as error:
        codes = [code for code, _ in error.recipients.values()]
        kind = Refused if min(codes, default=0) >= FIRST_PERMANENT_CODE else NotAccepted
        raise kind("the address was refused") from error
    except (smtplib.SMTPSenderRefused, smtplib.SMTPHeloError) as error:
        raise NotAccepted(str(error)) from error
    if not taken:
        raise Refused("the backend had nobody to send it to")
    status = getattr(message, "anymail_status", None)
    file = getattr(connection, "_fname", None)
    return str(getattr(status, "message_id", None) or (Path(file).name if file else message_id))


def _enclose(message: mail.EmailMultiAlternatives, *, calendar: str, method: str) -> None:
    # The method of the mail's part and that of the object have to agree (RFC 6047, 2.4).
    message.attach_alternative(calendar, f"text/calendar; method={method}")
    message.attach(CALENDAR_FILE, calendar.encode(), "application/ics")


def _send(message: mail.EmailMultiAlternatives) -> int:
    """Send, without what the provider's interface lacks: our own name, alternatives but HTML.

    Such a provider says so while the message is put together: nothing has left by then.
    """
    try:
        return message.send()
    except AnymailUnsupportedFeature:
        message.metadata = {}  # type: ignore[attr-defined]  # see send
    try:
        return message.send()
    except AnymailUnsupportedFeature:
        if not message.alternatives:
            raise
        message.alternatives = []
        return message.send()


def _domain() -> str:
    _, address = parseaddr(settings.DEFAULT_FROM_EMAIL)
    return address.rpartition("@")[2] or "localhost"
