"""A plan as it is written down: by a template, an editor, a sheet or a caller of the API.

All of them speak the same shape, and ``to_data`` and ``from_data`` carry it as JSON. What may
be agreed is for ``linting`` to say; here is only the form.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from success.engine.accountability import Side


class BadPlan(ValueError):
    """The data is not a plan.

    ``problems`` are (path, what is wrong), such as ``("milestones.2.title", "is missing")``.
    """

    def __init__(self, problems: tuple[tuple[str, str], ...]) -> None:
        self.problems = problems
        super().__init__("; ".join(f"{path}: {words}" for path, words in problems))


@dataclass(frozen=True, kw_only=True, slots=True)
class Promise:
    """A joint accountability, due on a plan-day.

    ``owner`` is the public id of the user who keeps a promise of ours, ``person`` that of the
    member's person who keeps one of theirs; blank where nobody is named yet. ``closes_fit``
    names the missing fit that keeping it closes; blank for none.
    """

    side: Side
    title: str
    due_day: int
    owner: str = ""
    person: str = ""
    closes_fit: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class PlannedMilestone:
    """A point on the way; ``key`` is the same in every version of the plan.

    ``evidence_kind`` is derived, confirmed or declared; ``evidence_rule`` is empty but for
    derived. ``upsell`` is the key of an offer and ``advocacy`` a kind of request, each blank
    for none; they are announced when the plan is agreed.
    """

    key: str
    title: str
    expected_day: int
    weight: int
    expected_basis: str = "assumed"
    is_gating: bool = True
    evidence_kind: str = "confirmed"
    evidence_rule: Mapping[str, Any] = field(default_factory=dict)
    expectation: str = ""
    upsell: str = ""
    advocacy: str = ""
    promises: tuple[Promise, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class PlannedPath:
    """A whole plan: the goal as the member says it, the way, and what the start will bring.

    ``milestones`` are in the order of the path. ``promises`` belong to no milestone.
    """

    goal: str
    required_outcome: str = ""
    measure: str = ""
    first_30: str = ""
    first_60: str = ""
    first_90: str = ""
    milestones: tuple[PlannedMilestone, ...] = ()
    promises: tuple[Promise, ...] = ()
