"""Which experience is right for a member, and who gives it. What they pay is not known here."""

from coverage.models.circumstances import Circumstance
from coverage.models.effort import Effort, WeekLoad
from coverage.models.hours import CoverageHours, CoverageModel, Leverage
from coverage.models.people import Absence, Contributor, TaskForceShare, Team
from coverage.models.profiles import AxProfile
from coverage.models.rebalancing import Move, Rebalancing
from coverage.models.segments import Assignment, AssignmentChange, Segment

__all__ = [
    "Absence",
    "Assignment",
    "AssignmentChange",
    "AxProfile",
    "Circumstance",
    "Contributor",
    "CoverageHours",
    "CoverageModel",
    "Effort",
    "Leverage",
    "Move",
    "Rebalancing",
    "Segment",
    "TaskForceShare",
    "Team",
    "WeekLoad",
]
