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


class Succession(TextChoices):
    """How a plan version came to follow the one before."""

    AGREED = "agreed", _("Agreed")
    REPLANNED = "replanned", _("Re-planned, same goal")
    GOAL_CHANGED = "goal_changed", _("The goal changed")
    NEXT_GOAL = "next_goal", _("Next goal, the one before was achieved")


class DraftPurpose(TextChoices):
    """What a plan that is being written is for."""

    AGREE = "agree", _("A first plan")
    REPLAN = "replan", _("New days, same goal")
    EVOLVE = "evolve", _("A new goal")


class PlanBatchStatus(TextChoices):
    WAITING = "waiting", _("Waiting")
    RUNNING = "running", _("Running")
    DONE = "done", _("Done")
    UNDOING = "undoing", _("Being undone")
    UNDONE = "undone", _("Undone")


class Answer(TextChoices):
    """Where something that one side said stands with the other."""

    WAITING = "waiting", _("Waiting for an answer")
    CONFIRMED = "confirmed", _("Confirmed")
    DECLINED = "declined", _("Declined")
    WITHDRAWN = "withdrawn", _("Withdrawn")


class ConfirmedIn(TextChoices):
    """The occasion on which a member said something."""

    AGREEMENT = "agreement", _("When the plan was agreed")
    REVIEW = "review", _("In a review")
    PORTAL = "portal", _("On their own page")
    CALL = "call", _("In a call or a message")


class Fit(TextChoices):
    """The six fits of success potential."""

    TECHNICAL = "technical", _("Technical fit")
    FUNCTIONAL = "functional", _("Functional fit")
    COMPETENCE = "competence", _("Competence fit")
    EXPERIENCE = "experience", _("Experience fit")
    RESOURCE = "resource", _("Resource fit")
    CULTURAL = "cultural", _("Cultural fit")


class FitStatus(TextChoices):
    PRESENT = "present", _("Present")
    MISSING = "missing", _("Missing")
    UNKNOWN = "unknown", _("Not known yet")


class Obligation(TextChoices):
    """What a rule of ours makes us promise."""

    NEXT_GOAL = "next_goal", _("Agree the next goal")


class AskKind(TextChoices):
    UPSELL = "upsell", _("Offer")
    ADVOCACY = "advocacy", _("Request")


class Advocacy(TextChoices):
    """What we may ask of a member who has succeeded, from small to great."""

    TESTIMONIAL = "testimonial", _("A few words we may quote")
    CASE_STUDY = "case_study", _("A case study")
    REFERENCE = "reference", _("Speaking with a member to be")


class AskStatus(TextChoices):
    ANNOUNCED = "announced", _("Announced")
    ASKED = "asked", _("Asked")
    ACCEPTED = "accepted", _("Accepted")
    REFUSED = "refused", _("Refused")
    WITHDRAWN = "withdrawn", _("Withdrawn")


class ReviewStatus(TextChoices):
    SCHEDULED = "scheduled", _("Scheduled")
    HELD = "held", _("Held")
    CANCELLED = "cancelled", _("Cancelled")


class GapAnswerChoice(TextChoices):
    """Whether a member says they are getting closer to their goal."""

    YES = "yes", _("Yes")
    NO = "no", _("No")
    UNSURE = "unsure", _("Not sure")


class Side(TextChoices):
    MEMBER = "member", _("Member")
    ASSOCIATION = "association", _("Association")


class Blocker(TextChoices):
    """Whose move it is at an overdue milestone."""

    MEMBER = "member", _("The member")
    ASSOCIATION = "association", _("The association")
    UNKNOWN = "unknown", _("Nobody promised anything")


class Overlay(TextChoices):
    """What may be said of a member beside the state."""

    ASSOC_BLOCKED = "assoc_blocked", _("Waiting for us")
    AX_MISMATCH = "ax_mismatch", _("Experience mismatch")
    GOAL_STALE = "goal_stale", _("Goal stale")
    REBASELINED = "rebaselined", _("Plan was moved")
    EVIDENCE_THIN = "evidence_thin", _("Thin evidence")


class StartKind(TextChoices):
    """What starts a play for a member."""

    TIMED = "timed", _("Timed")
    DATA = "data", _("Data")
    TRIGGER = "trigger", _("Trigger")


class VersionStatus(TextChoices):
    """Where a version of a play stands."""

    DRAFT = "draft", _("Draft")
    PUBLISHED = "published", _("Published")
    SUPERSEDED = "superseded", _("Replaced")


class Reentry(TextChoices):
    """Whether a member who was in a play may enter it again."""

    NEVER = "never", _("Never again")
    OCCURRENCE = "occurrence", _("For each thing that happens, once")
    AFTER_DAYS = "after_days", _("After some days")


class Intent(TextChoices):
    """What a step of a play is for."""

    INFORM = "inform", _("Tell them something")
    ASK = "ask", _("Ask them something")
    HELP = "help", _("Offer help")
    INVITE = "invite", _("Bring them together with others")
    ESCALATE = "escalate", _("Give it to a person with the whole story")


class Changes(TextChoices):
    """What is different in a step from the one before it, which did not help."""

    CHANNEL = "channel", _("The way it is said")
    PERSON = "person", _("Who says it")
    ASK = "ask", _("What is asked")


class Arm(TextChoices):
    TREATED = "treated", _("Acted upon")
    HELD = "held", _("Left alone to compare with")


class EnrolmentEnd(TextChoices):
    """How an entry into a play ended."""

    REACHED = "reached", _("The aim was reached")
    GONE = "gone", _("What started it is gone")
    STOPPED = "stopped", _("A stop rule applied")
    LEFT = "left", _("The membership is not in force")
    OPTED_OUT = "opted_out", _("They asked not to be contacted")
    REPLIED = "replied", _("They replied")
    DONE = "done", _("The last step is done")
    SWITCHED_OFF = "switched_off", _("The play was switched off or replaced")


class QueueClass(IntegerChoices):
    """The order of the queue, first to last; dues have no part in it."""

    ASSOCIATION_PROMISE_OVERDUE = 1, _("We owe them")
    REGRESSING = 2, _("Regressing")
    SUBSTITUTION = 3, _("Decision maker gone quiet")
    STALLED = 4, _("Stalled")
    SLIPPING = 5, _("Slipping")
    NO_PLAN = 6, _("No plan")
    NEXT_GOAL = 7, _("Next goal, review or renewal")
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


class BulkVerb(TextChoices):
    """What may be done to many items at once."""

    SNOOZE = "snooze", _("Put to sleep")
    REASSIGN = "reassign", _("Give to somebody else")
    COMPLETE = "complete", _("Finish")
    RELEASE = "release", _("Give back to the pool")


class BacktestStatus(TextChoices):
    WAITING = "waiting", _("Waiting")
    RUNNING = "running", _("Running")
    DONE = "done", _("Done")
    FAILED = "failed", _("Failed")


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
    COHORT = "cohort", _("Year of joining")
    CHAPTER = "chapter", _("Chapter")


class ProfileImportStatus(TextChoices):
    """Where the import of a sheet of success profiles stands."""

    PLANNED = "planned", _("Planned")
    APPLYING = "applying", _("Being applied")
    APPLIED = "applied", _("Applied")
    UNDOING = "undoing", _("Being undone")
    UNDONE = "undone", _("Undone")


class ProfileOutcome(TextChoices):
    """What became of a member's rows in an import."""

    WAITING = "waiting", _("Waiting")
    DONE = "done", _("Done")
    LEFT = "left", _("Left as it is")
    UNDONE = "undone", _("Undone")
    KEPT = "kept", _("Kept")


class MailingCadence(TextChoices):
    """How often a page is sent."""

    WEEKLY = "weekly", _("Every week")
    MONTHLY = "monthly", _("Every month")


class MailingOutcome(TextChoices):
    """What became of a mailing when its hour came last."""

    SENT = "sent", _("Sent")
    UNCHANGED = "unchanged", _("Unchanged, so nothing was sent")
    REFUSED = "refused", _("Stopped: the page may not be seen any more")
    FAILED = "failed", _("Could not be made")
