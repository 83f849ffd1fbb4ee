"""What a review is about, made from the plan: which points, in which order, how urgent."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from success.engine.planning import is_stale

REVIEW_EVERY_DAYS = 91


class Topic(StrEnum):
    WISH = "wish"
    GOAL = "goal"
    NO_GOAL = "no_goal"
    REACHED = "reached"
    NEXT = "next"
    FINISHED = "finished"
    OURS_LATE = "ours_late"
    THEIRS_LATE = "theirs_late"
    WAY = "way"
    GAP = "gap"
    ASK = "ask"


@dataclass(frozen=True, slots=True)
class Station:
    """A milestone, and the day it stands since, or is expected on; null: not known."""

    title: str
    on: date | None


@dataclass(frozen=True, slots=True)
class Due:
    """An open promise and its day."""

    title: str
    due_on: date
    is_ours: bool


@dataclass(frozen=True, kw_only=True)
class Known:
    """What is known of a member on the day an agenda is made for.

    ``goal`` is blank without one. ``confirmed_on`` is null where nobody ever said that it
    holds. ``next`` is null without a plan, or once every milestone is reached: ``has_plan``
    tells which. ``waits_for`` are the open promises at the next milestone.
    """

    wish: str = ""
    goal: str = ""
    measure: str = ""
    confirmed_on: date | None = None
    has_plan: bool = False
    reached: tuple[Station, ...] = ()
    next: Station | None = None
    waits_for: tuple[Due, ...] = ()
    late: tuple[Due, ...] = ()
    ask: str = ""


@dataclass(frozen=True, kw_only=True)
class Point:
    """One point: what it is about, and what there is to say to it."""

    topic: Topic
    is_urgent: bool = False
    stations: tuple[Station, ...] = ()
    promises: tuple[Due, ...] = ()


def points(known: Known, *, as_of: date) -> tuple[Point, ...]:
    """Return the points of a review on a day, in the order in which they are spoken about.

    What the member brings along comes first. The goal is to be reconfirmed each time, and
    urgently once nobody has confirmed it for more than 180 days (DOMAIN 2.2). Promises of ours
    that are late come before theirs, longest late first (DOMAIN 2.8). Whether this is the right
    way to work together is asked always, whether they get closer only of a member with a goal.
    Nothing is left out for being unpleasant, and nothing is said about who is slow.
    """
    found: list[Point] = []
    if known.wish:
        found.append(Point(topic=Topic.WISH))
    if known.goal:
        urgent = is_stale(known.confirmed_on, as_of=as_of)
        found.append(Point(topic=Topic.GOAL, is_urgent=urgent))
    else:
        found.append(Point(topic=Topic.NO_GOAL, is_urgent=True))
    if known.reached:
        found.append(Point(topic=Topic.REACHED, stations=known.reached))
    if known.next is not None:
        found.append(Point(topic=Topic.NEXT, stations=(known.next,), promises=known.waits_for))
    elif known.has_plan:
        found.append(Point(topic=Topic.FINISHED, is_urgent=True))
    late = sorted(known.late, key=lambda promise: promise.due_on)
    for topic, is_ours in ((Topic.OURS_LATE, True), (Topic.THEIRS_LATE, False)):
        if owed := tuple(promise for promise in late if promise.is_ours == is_ours):
            found.append(Point(topic=topic, is_urgent=is_ours, promises=owed))
    found.append(Point(topic=Topic.WAY))
    if known.goal:
        found.append(Point(topic=Topic.GAP))
    if known.ask:
        found.append(Point(topic=Topic.ASK))
    return tuple(found)
