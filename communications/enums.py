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


class MessageChannel(TextChoices):
    """The way a message of ours takes."""

    EMAIL = "email", _("E-mail")
    PORTAL = "portal", _("Notice on their own page")


class VariableKind(TextChoices):
    """What sort of value fills a name in a template."""

    TEXT = "text", _("Words")
    NUMBER = "number", _("A number")
    DATE = "date", _("A day")
    LINK = "link", _("An address of a page")


class Cadence(TextChoices):
    """How often somebody wants to hear from us where it can wait."""

    AT_ONCE = "at_once", _("When there is something")
    WEEKLY = "weekly", _("Once a week at most")
    MONTHLY = "monthly", _("Once a month at most")


class Format(TextChoices):
    PLAIN = "plain", _("Plain text")
    RICH = "rich", _("With formatting")


class SuppressionKind(TextChoices):
    """Why an address must not be written to."""

    ASKED = "asked", _("They asked for it")
    BOUNCED = "bounced", _("The address does not exist")
    COMPLAINED = "complained", _("They reported a message as spam")
    STAFF = "staff", _("Set by the staff")


class EventKind(TextChoices):
    """What a provider says became of a message."""

    DELIVERED = "delivered", _("Delivered")
    DEFERRED = "deferred", _("Delayed")
    BOUNCED = "bounced", _("Bounced")
    REJECTED = "rejected", _("Refused by the provider")
    COMPLAINED = "complained", _("Reported as spam")
    UNSUBSCRIBED = "unsubscribed", _("Unsubscribed")
    OPENED = "opened", _("Opened")
    CLICKED = "clicked", _("A link was followed")


class NoticeKind(TextChoices):
    """What a notice is about."""

    MESSAGE = "message", _("A message")
    WORK = "work", _("Work")
    PROMISE = "promise", _("A promise")
    REPLY = "reply", _("A reply")
    REVIEW = "review", _("A review")
    SYSTEM = "system", _("The system")
