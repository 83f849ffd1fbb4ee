"""Words of the outbox that are stored."""

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _


class MessageStatus(TextChoices):
    QUEUED = "queued", _("Queued")
    SENDING = "sending", _("Sending")
    SENT = "sent", _("Sent")
    SUPPRESSED = "suppressed", _("Not sent")
    UNKNOWN = "unknown", _("Unknown whether it was sent")


class Purpose(TextChoices):
    """Why a message is sent; only discretionary ones are capped or withheld."""

    DISCRETIONARY = "discretionary", _("Discretionary")
    PROMISED = "promised", _("Promised")
    RENEWAL = "renewal", _("Renewal or legal notice")
    REPLY = "reply", _("Reply")


class CalendarMethod(TextChoices):
    """What a calendar is to do with the event that a message carries (iTIP)."""

    REQUEST = "REQUEST", _("Invitation")
    CANCEL = "CANCEL", _("Cancellation")
