"""Words of the AX profile and of delivery that are stored."""

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _


class Expertise(TextChoices):
    LOW = "low", _("Low")
    MEDIUM = "medium", _("Medium")
    HIGH = "high", _("High")


class Resources(TextChoices):
    INSUFFICIENT = "insufficient", _("Insufficient")
    SUFFICIENT = "sufficient", _("Sufficient")


class Guidance(TextChoices):
    OCCASIONAL = "occasional", _("Occasional guidance only")
    REGULAR = "regular", _("Regular guidance")
    CONTINUOUS = "continuous", _("Continuous guidance")


class Level(TextChoices):
    LOW = "low", _("Low")
    MEDIUM = "medium", _("Medium")
    HIGH = "high", _("High")


class Modality(TextChoices):
    """How time with a member is given."""

    INBOUND = "inbound", _("When they ask")
    ASYNC = "async", _("In writing or recorded")
    SYNC = "sync", _("One to one, in real time")
    GROUP = "group", _("In a group")
    TASKFORCE = "taskforce", _("By several at once")


class Channel(TextChoices):
    """How a member is reached."""

    PORTAL = "portal", _("Notice on their own page")
    EMAIL = "email", _("E-mail")
    CHAT = "chat", _("Chat message")
    VIDEO = "video", _("Recorded video")
    GROUP = "group", _("Group session")
    CALL = "call", _("Call")
    MEETING = "meeting", _("Meeting")


class LifecycleStage(TextChoices):
    """Where a member's way stands, as coverage plans for it; the first that fits."""

    AT_RISK = "at_risk", _("At risk")
    ONBOARDING = "onboarding", _("Onboarding")
    RENEWAL = "renewal", _("Renewal window")
    GROWTH = "growth", _("Growth")
    ADOPTION = "adoption", _("Adoption")


class EffortSource(TextChoices):
    INTERVENTION = "intervention", _("Work from the queue")
    REVIEW = "review", _("A review")
    LOG = "log", _("Logged by hand")
    IMPORT = "import", _("Imported")


class AbsenceKind(TextChoices):
    LEAVE = "leave", _("Leave")
    ILLNESS = "illness", _("Illness")
    OTHER = "other", _("Other")


class RebalancingStatus(TextChoices):
    WAITING = "waiting", _("Waiting")
    WORKING = "working", _("Being worked out")
    READY = "ready", _("Ready to look at")
    FAILED = "failed", _("Failed")
    APPLIED = "applied", _("Applied")
    UNDONE = "undone", _("Undone")


class Delivery(TextChoices):
    """What an intervention becomes first: something the system sends, or work for a person."""

    MESSAGE = "message", _("Message")
    PERSON = "person", _("Person")
