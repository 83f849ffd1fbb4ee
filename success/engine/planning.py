"""A plan as it is written down: by a template, an editor, a sheet or a caller of the API.

All of them speak the same shape, and ``to_data`` and ``from_data`` carry it as JSON. What may
be agreed is for ``linting`` to say; here is only the form.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from math import isfinite
from typing import Any

from config.kernel.words import gettext as _
from success.engine.accountability import Side
from success.engine.overlays import goal_stale
from success.engine.vector import PLAN_SLA_DAYS, plan_promise_days_left


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


# A hundred years of plan-days; beyond that a number is a slip of the hand, and no date either.
FARTHEST_DAY = 36_500
HEAVIEST = 1_000
EVIDENCE_KINDS = ("derived", "confirmed", "declared")
EXPECTED_BASES = ("cohort", "assumed")
FITS = ("technical", "functional", "competence", "experience", "resource", "cultural")
ADVOCACY = ("testimonial", "case_study", "reference")

_Problems = list[tuple[str, str]]


def total_weight(path: PlannedPath) -> int:
    """Return the sum of the weights of the gating milestones; 100 in a plan (DOMAIN 3.1)."""
    return sum(milestone.weight for milestone in path.milestones if milestone.is_gating)


@dataclass(frozen=True, slots=True)
class PlanSla:
    """Our promise to agree a plan with a new member: its last day, and the days left till then.

    Negative ``days_left`` are days overdue.
    """

    due_on: date
    days_left: int

    @property
    def is_overdue(self) -> bool:
        return self.days_left < 0


def plan_sla(joined_on: date, *, as_of: date) -> PlanSla:
    """Return what is left of the fourteen days to agree a plan with who has none (SV6, SV6b).

    The last day itself is not late (DOMAIN 3.3).
    """
    return PlanSla(
        due_on=joined_on + timedelta(days=PLAN_SLA_DAYS),
        days_left=plan_promise_days_left(since=joined_on, on=as_of),
    )


def is_stale(confirmed_on: date | None, *, as_of: date) -> bool:
    """Tell whether a goal was last confirmed more than 180 days before (DOMAIN 2.2).

    The 180th day is not stale; without a goal, null, there is none to go stale.
    """
    return goal_stale(confirmed_on, on=as_of)


def promises_of(path: PlannedPath) -> Iterator[tuple[str, Promise]]:
    """Yield each promise with its path as in ``to_data``: the plan's own, then by milestone."""
    for index, promise in enumerate(path.promises):
        yield f"promises.{index}", promise
    for at, milestone in enumerate(path.milestones):
        for index, promise in enumerate(milestone.promises):
            yield f"milestones.{at}.promises.{index}", promise


def to_data(path: PlannedPath) -> dict[str, Any]:
    """Return ``path`` as JSON data, every field in it; ``from_data`` makes it whole again."""
    data = {name: getattr(path, name) for name in _PATH}
    data["milestones"] = [_milestone_data(milestone) for milestone in path.milestones]
    data["promises"] = [_promise_data(promise) for promise in path.promises]
    return data


def from_data(data: Any) -> PlannedPath:
    """Return the path that ``data`` describes; raises ``BadPlan`` with every problem at once.

    Strict about the form: unknown names, other types and numbers out of range are problems,
    and so is a missing goal, milestone title or the like. What is left out takes its default.
    An empty word is of good form: whether it may be agreed is for ``linting`` to say.
    """
    problems: _Problems = []
    path = _path(data, problems)
    if problems:
        raise BadPlan(tuple(problems))
    return path


def _is_text(value: Any) -> str:
    if not isinstance(value, str):
        return _("must be text")
    try:
        value.encode()
    except UnicodeEncodeError:
        return _("holds a character that cannot be kept")
    return _("holds a character that cannot be kept") if "\x00" in value else ""


def _is_flag(value: Any) -> str:
    return "" if isinstance(value, bool) else _("must be true or false")


def _is_number(lowest: int, highest: int) -> Callable[[Any], str]:
    def check(value: Any) -> str:
        if not isinstance(value, int) or isinstance(value, bool):
            return _("must be a whole number")
        return (
            ""
            if lowest <= value <= highest
            else _("must be from %(lowest)s to %(highest)s")
            % {"lowest": lowest, "highest": highest}
        )

    return check


def _is_one_of(*words: str) -> Callable[[Any], str]:
    def check(value: Any) -> str:
        said = ", ".join(word or _("blank") for word in words)
        return (
            ""
            if isinstance(value, str) and value in words
            else _("must be one of %(words)s") % {"words": said}
        )

    return check


def _is_rule(value: Any) -> str:
    if not isinstance(value, Mapping):
        return _("must be an object")
    return _is_json(value)


def _is_json(value: Any) -> str:
    if isinstance(value, str):
        return _is_text(value)
    if isinstance(value, float) and not isfinite(value):
        return _("holds a number that cannot be kept")
    if isinstance(value, Mapping):
        wrong = (_is_text(name) or _is_json(held) for name, held in value.items())
        return next((words for words in wrong if words), "")
    if isinstance(value, list | tuple):
        return next((words for words in map(_is_json, value) if words), "")
    return "" if value is None or isinstance(value, bool | int | float) else _("must be JSON")


# name: what is wrong with a value, in words; blank where nothing is
_Form = Mapping[str, Callable[[Any], str]]

_PATH: _Form = dict.fromkeys(
    ("goal", "required_outcome", "measure", "first_30", "first_60", "first_90"), _is_text
)
_MILESTONE: _Form = {
    "key": _is_text,
    "title": _is_text,
    "expected_day": _is_number(0, FARTHEST_DAY),
    "weight": _is_number(0, HEAVIEST),
    "expected_basis": _is_one_of(*EXPECTED_BASES),
    "is_gating": _is_flag,
    "evidence_kind": _is_one_of(*EVIDENCE_KINDS),
    "evidence_rule": _is_rule,
    "expectation": _is_text,
    "upsell": _is_text,
    "advocacy": _is_one_of("", *ADVOCACY),
}
_PROMISE: _Form = {
    "side": _is_one_of(*Side),
    "title": _is_text,
    "due_day": _is_number(-FARTHEST_DAY, FARTHEST_DAY),
    "owner": _is_text,
    "person": _is_text,
    "closes_fit": _is_one_of("", *FITS),
}
_PATH_NEEDS = frozenset({"goal"})
_MILESTONE_NEEDS = frozenset({"key", "title", "expected_day", "weight"})
_PROMISE_NEEDS = frozenset({"side", "title", "due_day"})


def _milestone_data(milestone: PlannedMilestone) -> dict[str, Any]:
    data = {name: getattr(milestone, name) for name in _MILESTONE}
    data["evidence_rule"] = _plain(milestone.evidence_rule)
    data["promises"] = [_promise_data(promise) for promise in milestone.promises]
    return data


def _promise_data(promise: Promise) -> dict[str, Any]:
    return {name: getattr(promise, name) for name in _PROMISE} | {"side": promise.side.value}


def _plain(value: Any) -> Any:
    """Return JSON as dicts and lists, whatever kinds of mapping and sequence it came in."""
    if isinstance(value, Mapping):
        return {name: _plain(held) for name, held in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(held) for held in value]
    return value


def _path(data: Any, problems: _Problems) -> PlannedPath:
    found = _fields(
        data,
        form=_PATH,
        needs=_PATH_NEEDS,
        lists=("milestones", "promises"),
        at="",
        problems=problems,
    )
    milestones = _items(data, "milestones", at="", problems=problems)
    promises = _promises(data, at="", problems=problems)
    made = tuple(_milestone(item, at=at, problems=problems) for at, item in milestones)
    if problems:
        return PlannedPath(goal="")
    return PlannedPath(**found, milestones=made, promises=promises)


def _milestone(data: Any, *, at: str, problems: _Problems) -> PlannedMilestone:
    before = len(problems)
    found = _fields(
        data,
        form=_MILESTONE,
        needs=_MILESTONE_NEEDS,
        lists=("promises",),
        at=at,
        problems=problems,
    )
    promises = _promises(data, at=at, problems=problems)
    if len(problems) > before:
        return PlannedMilestone(key="", title="", expected_day=0, weight=0)
    if "evidence_rule" in found:
        found["evidence_rule"] = _plain(found["evidence_rule"])
    return PlannedMilestone(**found, promises=promises)


def _promises(data: Any, *, at: str, problems: _Problems) -> tuple[Promise, ...]:
    items = _items(data, "promises", at=at, problems=problems)
    return tuple(_promise(item, at=where, problems=problems) for where, item in items)


def _promise(data: Any, *, at: str, problems: _Problems) -> Promise:
    before = len(problems)
    found = _fields(
        data, form=_PROMISE, needs=_PROMISE_NEEDS, lists=(), at=at, problems=problems
    )
    if len(problems) > before:
        return Promise(side=Side.MEMBER, title="", due_day=0)
    return Promise(**found | {"side": Side(found["side"])})


def _fields(  # noqa: PLR0913  # the form, and where we are in it
    data: Any,
    *,
    form: _Form,
    needs: frozenset[str],
    lists: tuple[str, ...],
    at: str,
    problems: _Problems,
) -> dict[str, Any]:
    """The fields of ``data`` that are of the form; what is wrong goes to ``problems``."""
    if not isinstance(data, Mapping):
        problems.append((at, _("must be an object")))
        return {}
    unknown = [str(name) for name in data if name not in form and name not in lists]
    problems.extend((_below(at, name), _("is not known here")) for name in unknown)
    problems.extend(
        (_below(at, name), _("is missing")) for name in form if name in needs - set(data)
    )
    wrong = {name: form[name](data[name]) for name in form if name in data}
    problems.extend((_below(at, name), words) for name, words in wrong.items() if words)
    return {name: data[name] for name, words in wrong.items() if not words}


def _items(data: Any, name: str, *, at: str, problems: _Problems) -> list[tuple[str, Any]]:
    """The items of a list in ``data``, each with its path; none where it is left out."""
    items = data.get(name, ()) if isinstance(data, Mapping) else ()
    where = _below(at, name)
    if not isinstance(items, list | tuple):
        problems.append((where, _("must be a list")))
        return []
    return [(f"{where}.{index}", item) for index, item in enumerate(items)]


def _below(at: str, name: str) -> str:
    return f"{at}.{name}" if at else name
