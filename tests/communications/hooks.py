"""Calls as mail providers make them, after the payloads in their documentation."""

import base64
import hashlib
import hmac
import json
from datetime import timedelta

from django.urls import reverse

from tests.factories import MORNING

SECRET = "postmark:right-secret"
KEY = "mailgun-signing-key"
SETTINGS = {
    "WEBHOOK_SECRET": [SECRET, "postmark:next-secret"],
    "MAILGUN_WEBHOOK_SIGNING_KEY": KEY,
}


def authorization(secret=SECRET):
    return "Basic " + base64.b64encode(secret.encode()).decode()


def call(client, where, data, *, secret=SECRET, **headers):
    if secret:
        headers["HTTP_AUTHORIZATION"] = authorization(secret)
    return client.post(
        reverse("mail-hooks", args=[where]),
        json.dumps(data),
        content_type="application/json",
        **headers,
    )


def stamp(seconds):
    return (MORNING + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S.%f") + "0Z"


def postmark(record_type, *, message_id, at=60, recipient="ann@example.org", our_id="", **more):
    """What Postmark posts to the tracking address; ``at`` in seconds after MORNING."""
    moments = {
        "Delivery": "DeliveredAt",
        "Bounce": "BouncedAt",
        "SpamComplaint": "BouncedAt",
        "SubscriptionChange": "ChangedAt",
    }
    who = "Email" if record_type in {"Bounce", "SpamComplaint"} else "Recipient"
    return {
        "RecordType": record_type,
        "ServerID": 23,
        "MessageStream": "outbound",
        "MessageID": message_id,
        who: recipient,
        "Tag": "welcome",
        moments.get(record_type, "ReceivedAt"): stamp(at),
        "Metadata": {"waymark_id": str(our_id)} if our_id else {},
        **more,
    }


def delivery(**more):
    return postmark("Delivery", Details="Test delivery webhook details", **more)


def bounce(details, *, number=42, kind="HardBounce", **more):
    return postmark(
        "Bounce",
        ID=number,
        Type=kind,
        TypeCode=1,
        Description="The server was unable to deliver your message",
        Details=details,
        Inactive=True,
        CanActivate=True,
        **more,
    )


def complaint(**more):
    return postmark("SpamComplaint", ID=43, Type="SpamComplaint", TypeCode=512, **more)


def opening(*, user_agent="", **more):
    return postmark("Open", FirstOpen=True, UserAgent=user_agent, Platform="Desktop", **more)


def click(link, *, user_agent="", **more):
    return postmark(
        "Click", ClickLocation="HTML", OriginalLink=link, UserAgent=user_agent, **more
    )


def mailgun(event, *, message_id, token="a" * 50, at=60, key=KEY, **more):
    """What Mailgun posts to the tracking address, signed with ``key``."""
    timestamp = str(int(MORNING.timestamp()) + at)
    signature = hmac.new(key.encode(), f"{timestamp}{token}".encode(), hashlib.sha256)
    return {
        "signature": {
            "token": token,
            "timestamp": timestamp,
            "signature": signature.hexdigest(),
        },
        "event-data": {
            "id": "Ase7i2zsRYeDXztHGENqRA",
            "event": event,
            "timestamp": MORNING.timestamp() + at,
            "log-level": "info",
            "recipient": "ann@example.org",
            "message": {
                "headers": {
                    "to": "Ann <ann@example.org>",
                    "message-id": message_id.strip("<>"),
                    "from": "waymark@waymark.example",
                    "subject": "Your next step",
                },
                "attachments": [],
                "size": 111,
            },
            "user-variables": {},
            "tags": [],
            **more,
        },
    }


def failed(message, *, severity="permanent", code=550, **more):
    status = {"code": code, "message": message, "description": "", "attempt-no": 1}
    return mailgun(
        "failed",
        severity=severity,
        reason="bounce" if severity == "permanent" else "generic",
        **{"delivery-status": status},
        **more,
    )


def inbound(
    *, text, sender="ann@example.org", to="replies@waymark.example", headers=(), **more
):
    """What Postmark posts for a mail that came in."""
    return {
        "FromName": "Ann Lee",
        "From": sender,
        "FromFull": {"Email": sender, "Name": "Ann Lee", "MailboxHash": ""},
        "To": to,
        "ToFull": [{"Email": to, "Name": "", "MailboxHash": ""}],
        "Cc": "",
        "CcFull": [],
        "Bcc": "",
        "BccFull": [],
        "OriginalRecipient": to,
        "Subject": "Re: Your next step",
        "MessageID": "22c74902-a0c1-4511-804f-341342852c90",
        "ReplyTo": "",
        "MailboxHash": "",
        "Date": "Wed, 29 Jul 2026 10:30:00 +0000",
        "TextBody": text,
        "HtmlBody": "",
        "StrippedTextReply": "",
        "Tag": "",
        "Headers": [{"Name": name, "Value": value} for name, value in headers],
        "Attachments": [],
        **more,
    }
