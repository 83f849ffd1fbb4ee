"""Words of plans, vectors, plays and the queue that are stored."""

from django.db.models import IntegerChoices, TextChoices
from django.utils.translation import gettext_lazy as _


class Standing(TextChoices):
    """Whether a member is in membership on a day; derived from terms and the grace rule."""

    NOT_YET = "not_yet", _("Not yet")
    IN_FORCE = "in_force", _("In force")
    IN_GRACE = "in_grace", _("In grace")
    LAPSED = "lapsed", _("Lapsed")


class State(TextChoices):
    """The state of a Success Vector; no plan is a state of its own."""

    NO_PLAN = "no_plan", _("No plan")
    ACHIEVED = "achieved", _("Achieved")
    REGRESSING = "regressing", _("Regressing")
    STALLED = "stalled", _("Stalled")
    SLIPPING = "slipping", _("Slipping")
    AHEAD = "ahead", _("Ahead")
    ON_TRACK = "on_track", _("On track")


class EvidenceSource(TextChoices):
    DERIVED = "derived", _("From the records")
    CONFIRMED = "confirmed", _("Confirmed by the other side")
    DECLARED = "declared", _("As told by one side")


class ExpectedBasis(TextChoices):
    """Where a milestone's expected day comes from."""

    COHORT = "cohort", _("Median of comparable members")
    ASSUMED = "assumed", _("Assumed")


class Side(TextChoices):
    MEMBER = "member", _("Member")
    ASSOCIATION = "association", _("Association")


class StartKind(TextChoices):
    """What starts a play for a member."""

    TIMED = "timed", _("Timed")
    DATA = "data", _("Data")
    TRIGGER = "trigger", _("Trigger")


class QueueClass(IntegerChoices):
    """The order of the queue, first to last; dues have no part in it."""

    ASSOCIATION_PROMISE_OVERDUE = 1, _("We owe them")
    REGRESSING = 2, _("Regressing")
    SUBSTITUTION = 3, _("Decision maker gone quiet")
    STALLED = 4, _("Stalled")
    SLIPPING = 5, _("Slipping")
    NO_PLAN = 6, _("No plan")
    NEXT_GOAL = 7, _("Next goal to agree")
    ELIGIBLE_ASK = 8, _("Ready to be asked")


class InterventionStatus(TextChoices):
    OPEN = "open", _("Open")
    MESSAGE = "message", _("With the outbox")
    DONE = "done", _("Done")
    CLOSED = "closed", _("Closed by itself")


class Outcome(TextChoices):
    """How an intervention that a person completed came out."""

    REACHED = "reached", _("Reached, and moving")
    NO_ANSWER = "no_answer", _("No answer")
    GOAL_CHANGED = "goal_changed", _("The goal has changed")
    WAITING_FOR_US = "waiting_for_us", _("They are waiting for us")
    NOT_NEEDED = "not_needed", _("Not needed")


class NightKind(TextChoices):
    LIVE = "live", _("Live")
    PAST = "past", _("Looking back")


class NightStatus(TextChoices):
    RUNNING = "running", _("Running")
    DONE = "done", _("Done")
    FAILED = "failed", _("Failed")


class StepStatus(TextChoices):
    PENDING = "pending", _("Waiting")
    RUNNING = "running", _("Running")
    DONE = "done", _("Done")
    FAILED = "failed", _("Failed")


class PeriodKind(TextChoices):
    MONTH = "month", _("Month")
    TRAILING_YEAR = "trailing_year", _("Trailing twelve months")
    CALENDAR_YEAR = "calendar_year", _("Calendar year")


class RevenueBasis(TextChoices):
    """Which rule says that a member counts on a day."""

    IN_FORCE = "in_force", _("Terms in force, as the ledger stands")
    MEMBERSHIP = "membership", _("Membership rules, with grace")


class Dimension(TextChoices):
    ALL = "all", _("Everybody")
    TIER = "tier", _("Tier")
    SEGMENT = "segment", _("Coverage segment")
    OWNER = "owner", _("Looked after by")
