"""Which coverage segment an account's appropriate experience asks for.

Segments are data, so they are keys here and not an enum; these four are the ones the rule can
propose. What the account pays is not an input.
"""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from fractions import Fraction

TASK_FORCE = "task_force"
INBOUND = "inbound"
SYNCHRONOUS = "synchronous"
ASYNCHRONIZED = "asynchronized"

SYNCHRONOUS_FROM = Fraction(4, 10)
TASK_FORCE_SKILLS = 3
HIGHEST_SEVERITY = 1


class Expertise(StrEnum):
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


class Guidance(StrEnum):
    """How much guidance the member needs on the way."""

    OCCASIONAL = "occasional"
    REGULAR = "regular"
    CONTINUOUS = "continuous"


class Misspecified(ValueError):
    """The target asks for real-time contact with no asynchronous carve-out at all."""


@dataclass(frozen=True, slots=True)
class AxProfile:
    """What the rule reads of a profile; null is not known, and decides nothing.

    Shares are parts of the target time in [0, 1]. ``contributor_skills`` is how many
    contributors' skills are needed at once; severity 1 is the gravest, null is none open.
    """

    expertise: Expertise | None
    internal_resources_sufficient: bool | None
    guidance: Guidance | None
    sync_share: Fraction | None
    async_share: Fraction | None
    contributor_skills: int = 1
    open_escalation_severity: int | None = None


@dataclass(frozen=True, slots=True)
class Assignment:
    segment: str
    reason: str


@dataclass(frozen=True, slots=True)
class Override:
    """A person's decision against the rule, up to and not including ``expires_on``."""

    segment: str
    by: str
    reason: str
    expires_on: date


def assign(profile: AxProfile) -> Assignment:
    """Return the segment the profile asks for and why; the first rule that matches wins.

    Raises ``Misspecified`` when the target is Synchronous with no asynchronous share, so that
    the profile is mended rather than placed (DOMAIN 2.4).
    """
    if profile.open_escalation_severity == HIGHEST_SEVERITY:
        return Assignment(TASK_FORCE, "An escalation of severity 1 is open")
    if profile.contributor_skills >= TASK_FORCE_SKILLS:
        return Assignment(
            TASK_FORCE, f"{profile.contributor_skills} contributor skills are needed at once"
        )
    if (
        profile.expertise is Expertise.HIGH
        and profile.internal_resources_sufficient
        and profile.guidance is Guidance.OCCASIONAL
    ):
        return Assignment(
            INBOUND, "Expert, with resources of their own, and needs guidance only now and then"
        )
    if profile.sync_share is not None and profile.sync_share >= SYNCHRONOUS_FROM:
        if not profile.async_share:
            raise Misspecified("A synchronous target needs an asynchronous share above zero")
        return Assignment(
            SYNCHRONOUS, f"{_percent(profile.sync_share)} of the time asked for is in real time"
        )
    if profile.sync_share is None:
        return Assignment(
            ASYNCHRONIZED, "No other rule applies, and the target mix is not known yet"
        )
    return Assignment(
        ASYNCHRONIZED,
        f"{_percent(profile.sync_share)} of the time asked for is in real time, below 40%",
    )


def in_effect(proposed: Assignment, *, override: Override | None, on: date) -> Assignment:
    """Return what holds on a day: the override until it expires, else the rule (DOMAIN 2.4)."""
    if override is None or on >= override.expires_on:
        return proposed
    return Assignment(override.segment, f"Decided by {override.by}: {override.reason}")


def _percent(share: Fraction) -> str:
    return f"{int(share * 100)}%"
