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


class Delivery(TextChoices):
    """What an intervention becomes first: something the system sends, or work for a person."""

    MESSAGE = "message", _("Message")
    PERSON = "person", _("Person")
