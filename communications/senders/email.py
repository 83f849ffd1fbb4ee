"""Electronic mail: the only module that hands anything to Django's mail backend."""

import smtplib
import socket
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from email.utils import formataddr, parseaddr
from pathlib import Path
from uuid import UUID

from anymail.exceptions import AnymailUnsupportedFeature
from django.conf import settings
from django.core import mail
from django.core.mail.backends.base import BaseEmailBackend

from communications.engine.replies import address_for

FIRST_PERMANENT_CODE = 500
CALENDAR_FILE = "invite.ics"
OUR_ID = "waymark_id"  # by which a provider gives our own name for a message back


@dataclass(frozen=True, kw_only=True)
class File:
    """A file that goes along."""

    name: str
    content_type: str
    content: bytes


@dataclass(frozen=True)
class Handed:
    """A message that was taken: what to tell people of it, and how the provider names it."""

    outcome: str
    provider_id: str


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
    html: str = "",
    unsubscribe_address: str = "",
    calendar: str = "",
    calendar_method: str = "",
    files: Sequence[File] = (),
) -> Handed:
    """Hand one message to the configured backend and return what it is called from now on.

    ``body`` is the plain text; ``html`` says the same for those who like it formatted. With an
    ``unsubscribe_address`` mail programs offer to unsubscribe by one click (RFC 8058). A
    ``calendar`` goes along twice: as an alternative to the words, from which mail programs
    offer to accept, and as a file for those that only open files. ``files`` go along after it.

    The outcome is the provider's id where it gives one, the file where mail goes to a folder,
    else our own Message-ID, which is made of ``public_id`` and so is the same however often a
    crash makes us look. Raises ``NotAccepted`` or ``Refused`` where it is certain that nothing
    was sent; after any other exception nobody can tell.
    """
    message_id = f"<{public_id}@{_domain()}>"
    headers = {"Message-ID": message_id}
    if unsubscribe_address:
        headers["List-Unsubscribe"] = f"<{unsubscribe_address}>"
        headers["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    connection = mail.get_connection()
    message = mail.EmailMultiAlternatives(
        subject=" ".join(subject.split()),
        body=body,
        to=[formataddr((" ".join(name.split()), address))],
        headers=headers,
        connection=connection,
    )
    if settings.REPLY_ADDRESS:
        message.reply_to = [address_for(public_id, reply_address=settings.REPLY_ADDRESS)]
    message.metadata = {OUR_ID: str(public_id)}  # type: ignore[attr-defined]  # anymail's
    if html:
        message.attach_alternative(html, "text/html")
    if calendar:
        _enclose(message, calendar=calendar, method=calendar_method)
    for file in files:
        message.attach(file.name, file.content, file.content_type)
    _open(connection)
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
    finally:
        _close(connection)
    if not taken:
        raise Refused("the backend had nobody to send it to")
    status = getattr(message, "anymail_status", None)
    given = getattr(status, "message_id", None)
    kept_in = getattr(connection, "_fname", None)
    return Handed(
        outcome=str(given or (Path(kept_in).name if kept_in else message_id)),
        provider_id=str(given or message_id),
    )


def _open(connection: BaseEmailBackend) -> None:
    """Reach the provider; whatever goes wrong here, nothing has left yet."""
    try:
        connection.open()
    except (OSError, smtplib.SMTPException) as error:
        _close(connection)
        raise NotAccepted(str(error) or type(error).__name__) from error


def _close(connection: BaseEmailBackend) -> None:
    """Say good-bye; a provider that does not answer to that has had the message before."""
    with suppress(OSError, smtplib.SMTPException):
        connection.close()


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
        known = [each for each in message.alternatives if each[1] == "text/html"]
        if len(known) == len(message.alternatives):
            raise
        message.alternatives = known
        return message.send()


def _domain() -> str:
    _, address = parseaddr(settings.DEFAULT_FROM_EMAIL)
    return address.rpartition("@")[2] or "localhost"
