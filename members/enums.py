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


class LinkKind(TextChoices):
    """Why two accounts are counted as one."""

    ROSTER = "roster", _("On the roster of an organisation")
    MERGER = "merger", _("Merged into another member")
    HOUSEHOLD = "household", _("One household")


class DepartureReason(TextChoices):
    """Why a member stopped paying, as far as anybody knows."""

    DEATH = "death", _("Death")
    RETIREMENT = "retirement", _("Retirement")
    LEFT_PROFESSION = "left_profession", _("Left the profession")
    MERGED = "merged", _("Merged or closed down")
    EMPLOYER_STOPPED = "employer_stopped", _("Employer stopped paying")
    NO_VALUE = "no_value", _("Saw no value")
    PRICE = "price", _("Price")
    FORGOT = "forgot", _("Forgot to renew")
    PAUSE = "pause", _("Leave of absence")
    OTHER = "other", _("Another reason")

    @property
    def is_avoidable(self) -> bool | None:
        """Whether anything could have been done; null where the reason does not tell."""
        if self in UNAVOIDABLE:
            return False
        return None if self in UNTOLD else True


UNAVOIDABLE = frozenset(
    {
        DepartureReason.DEATH,
        DepartureReason.RETIREMENT,
        DepartureReason.LEFT_PROFESSION,
        DepartureReason.MERGED,
    }
)
UNTOLD = frozenset({DepartureReason.PAUSE, DepartureReason.OTHER})


class VoidReason(TextChoices):
    """Why a term counts as never having been in force."""

    REFUNDED = "refunded", _("Refunded")
    CHARGED_BACK = "charged_back", _("Charged back")
    NEVER_PAID = "never_paid", _("Never paid")
    ENTERED_WRONGLY = "entered_wrongly", _("Entered by mistake")
