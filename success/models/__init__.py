"""Plans, vectors, plays, the queue, the night and the measures made from them."""

from success.models.accountability import Accountability, AccountabilityEvent, Helpfulness
from success.models.asks import Ask
from success.models.batches import PlanBatch, PlanBatchItem, PlanDraft
from success.models.costs import CostRate
from success.models.facts import (
    EarlierVector,
    IntegrityReading,
    MeasureReading,
    MemberFacts,
    VectorChange,
    VectorComparison,
    VectorRollup,
)
from success.models.forecast import ForecastMonth
from success.models.mailings import PageMailing
from success.models.nights import Night, NightStep
from success.models.offers import Offer
from success.models.outcomes import (
    DesiredOutcome,
    FitAssessment,
    GoalChange,
    OutcomeConfirmation,
)
from success.models.plans import (
    Declaration,
    Milestone,
    MilestoneEvent,
    Plan,
    PlanPause,
    PlanTemplate,
    TemplateAccountability,
    TemplateMilestone,
)
from success.models.plays import (
    Enrolment,
    Heard,
    Intervention,
    InterventionEvent,
    Play,
    PlayStep,
    PlayVersion,
)
from success.models.profiles import ProfileImport, ProfileImportMember, ProfileImportRow
from success.models.queue import BulkAct, SavedView
from success.models.renewals import RenewalCount, RetentionEvent
from success.models.revenue import RenewableMonth, RevenuePeriod
from success.models.reviews import CalendarFeed, GapAnswer, Review, ReviewGuest
from success.models.trials import Backtest, SleepingDog
from success.models.worth import OfferWorth

__all__ = [
    "Accountability",
    "AccountabilityEvent",
    "Ask",
    "Backtest",
    "BulkAct",
    "CalendarFeed",
    "CostRate",
    "Declaration",
    "DesiredOutcome",
    "EarlierVector",
    "Enrolment",
    "FitAssessment",
    "ForecastMonth",
    "GapAnswer",
    "GoalChange",
    "Heard",
    "Helpfulness",
    "IntegrityReading",
    "Intervention",
    "InterventionEvent",
    "MeasureReading",
    "MemberFacts",
    "Milestone",
    "MilestoneEvent",
    "Night",
    "NightStep",
    "Offer",
    "OfferWorth",
    "OutcomeConfirmation",
    "PageMailing",
    "Plan",
    "PlanBatch",
    "PlanBatchItem",
    "PlanDraft",
    "PlanPause",
    "PlanTemplate",
    "Play",
    "PlayStep",
    "PlayVersion",
    "ProfileImport",
    "ProfileImportMember",
    "ProfileImportRow",
    "RenewableMonth",
    "RenewalCount",
    "RetentionEvent",
    "RevenuePeriod",
    "Review",
    "ReviewGuest",
    "SavedView",
    "SleepingDog",
    "TemplateAccountability",
    "TemplateMilestone",
    "VectorChange",
    "VectorComparison",
    "VectorRollup",
]
