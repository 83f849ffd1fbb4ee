"""Electronic mail: the only module that hands anything to Django's mail backend."""

import smtplib
import socket
from email.utils import formataddr, parseaddr
from pathlib import Path
from uuid import UUID

from django.conf import settings
from django.core import mail

FIRST_PERMANENT_CODE = 500


class NotAccepted(Exception):
    """The provider provably did not take the message; it may be tried again later."""


class Refused(NotAccepted):
    """The provider said no for good; trying again would be refused again."""


def send(*, public_id: UUID, name: str, address: str, subject: str, body: str) -> str:
    """Hand one plain-text message to the configured backend and return its name for it.

    That is the provider's id where it gives one, the file where mail goes to a folder, else
    our own Message-ID, which is made of ``public_id`` and so is the same however often a crash
    makes us look. Raises ``NotAccepted`` or ``Refused`` where it is certain that nothing was
    sent; after any other exception nobody can tell.
    """
    message_id = f"<{public_id}@{_domain()}>"
    connection = mail.get_connection()
    message = mail.EmailMessage(
        subject=" ".join(subject.split()),
        body=body,
        to=[formataddr((" ".join(name.split()), address))],
        headers={"Message-ID": message_id},
        connection=connection,
    )
    try:
        taken = message.send()
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


def _domain() -> str:
    _, address = parseaddr(settings.DEFAULT_FROM_EMAIL)
    return address.rpartition("@")[2] or "localhost"
