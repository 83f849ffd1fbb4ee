"""Words of the members app that are stored; each is the field's own term."""

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _


class Role(TextChoices):
    """What a person with a log-in is here for; access.py says what each may do."""

    DIRECTOR = "director", _("Director")
    MSM = "msm", _("Member success manager")
    OPERATIONS = "operations", _("Operations")
    MEMBER = "member", _("Member")


class PortalRole(TextChoices):
    """What somebody of a member may do on the member's own pages."""

    LEAD = "lead", _("Speaks for the member")
    CONTRIBUTOR = "contributor", _("Takes part")
    READER = "reader", _("Reads along")


class MemberKind(TextChoices):
    ORGANISATION = "organisation", _("Organisation")
    INDIVIDUAL = "individual", _("Individual")


class Origin(TextChoices):
    """How a fact came to us; only live facts may start anything that reaches a member."""

    LIVE = "live", _("Live")
    IMPORT = "import", _("Import")
    SYNC = "sync", _("Synchronised")
    BACKFILL = "backfill", _("Back-fill")


class BatchStatus(TextChoices):
    PLANNED = "planned", _("Planned")
    APPLIED = "applied", _("Applied")
    UNDONE = "undone", _("Undone")


class RowAction(TextChoices):
    CREATE = "create", _("Create")
    CHANGE = "change", _("Change")
    LEAVE = "leave", _("Leave as it is")
    REFUSE = "refuse", _("Refuse")


class RowEntity(TextChoices):
    MEMBER = "member", _("Member")
    TERM = "term", _("Term")
