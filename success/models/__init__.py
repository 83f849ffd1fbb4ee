"""Plans, vectors, plays, the queue, the night and the measures made from them."""

from success.models.facts import MemberFacts, VectorChange, VectorRollup
from success.models.nights import Night, NightStep
from success.models.plans import (
    Accountability,
    Milestone,
    MilestoneEvent,
    Plan,
    PlanPause,
    PlanTemplate,
    TemplateMilestone,
)
from success.models.plays import Intervention, InterventionEvent, Play
from success.models.revenue import RevenuePeriod

__all__ = [
    "Accountability",
    "Intervention",
    "InterventionEvent",
    "MemberFacts",
    "Milestone",
    "MilestoneEvent",
    "Night",
    "NightStep",
    "Plan",
    "PlanPause",
    "PlanTemplate",
    "Play",
    "RevenuePeriod",
    "TemplateMilestone",
    "VectorChange",
    "VectorRollup",
]
