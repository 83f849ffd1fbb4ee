"""A plan while it is being written: what was typed, however unfinished, and changes to it.

The data has the shape of ``planning`` with what only a draft knows beside it: ``said_by`` (the
public id of the person who said the goal), ``consents`` (``key:upsell`` or ``key:advocacy``
where they agreed to be asked), ``cohort_days`` (milestone key to the day that members like
these took), ``removed`` (the milestone taken out last, and from where) and ``replaced`` (the
text that a second editor replaced, and whose it was). A day or a weight that is no number yet
is kept as it was typed.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from copy import deepcopy
from datetime import date, timedelta
from typing import Any

Content = dict[str, Any]

WORDS = ("goal", "required_outcome", "measure", "first_30", "first_60", "first_90")
ONLY_IN_DRAFTS = frozenset({"said_by", "consents", "cohort_days", "removed", "replaced"})
NO_MILESTONE = "plan"
WHOLE = 100


class NoSuchChange(ValueError):
    """The change names nothing that a draft knows."""


def begun(data: Mapping[str, Any]) -> Content:
    """A draft's content from a plan's data; days by a cohort are remembered as such."""
    content = deepcopy(dict(data))
    for name in WORDS:
        content.setdefault(name, "")
    content.setdefault("milestones", [])
    content.setdefault("promises", [])
    days = {
        each["key"]: each["expected_day"]
        for each in content["milestones"]
        if each.get("expected_basis") == "cohort"
    }
    return content | {
        "said_by": "",
        "consents": [],
        "cohort_days": days,
        "removed": None,
        "replaced": None,
    }


def plain(content: Mapping[str, Any]) -> Content:
    """The plan's data alone, as ``planning.from_data`` reads it."""
    return {name: value for name, value in content.items() if name not in ONLY_IN_DRAFTS}


def new_milestone(key: str, *, is_gating: bool = True) -> Content:
    """A milestone that says nothing yet."""
    return {
        "key": key,
        "title": "",
        "expected_day": "" if is_gating else 0,
        "weight": "" if is_gating else 1,
        "expected_basis": "assumed",
        "is_gating": is_gating,
        "evidence_kind": "confirmed",
        "evidence_rule": {},
        "expectation": "",
        "upsell": "",
        "advocacy": "",
        "promises": [],
    }


def new_promise(side: str) -> Content:
    """A promise that says nothing yet."""
    return {
        "side": side,
        "title": "",
        "due_day": "",
        "owner": "",
        "person": "",
        "closes_fit": "",
    }


def change(content: Mapping[str, Any], act: str, *, key: str) -> tuple[Content, str]:
    """Content after one change, and the key of the milestone to look at then (blank: none).

    ``act`` is one of ``add``, ``add-beside`` (it does not gate), ``remove:KEY``, ``restore``,
    ``up:KEY``, ``down:KEY``, ``promise:KEY:SIDE``, ``unpromise:KEY:NUMBER`` and ``weights``;
    ``KEY`` is ``plan`` for promises that belong to no milestone. ``key`` is given to a new
    milestone. A change that nothing answers to leaves all as it is, so a button pressed twice
    does no harm. Raises ``NoSuchChange`` for another act.
    """
    after = deepcopy(dict(content))
    after.setdefault("removed", None)
    verb, *names = act.split(":")
    found = CHANGES.get(verb)
    if found is None or len(names) != found[0]:
        raise NoSuchChange(act)
    return after, found[1](after, key, *names)


def replacing(
    mine: Mapping[str, Any], theirs: Mapping[str, Any], *, by: str, at: str
) -> Content:
    """``mine`` with ``theirs`` kept inside, so that what it replaces is not lost."""
    kept = {name: value for name, value in theirs.items() if name != "replaced"}
    return dict(mine) | {"replaced": {"by": by, "at": at, "content": kept}}


def gating(content: Mapping[str, Any]) -> list[Content]:
    """The milestones that the plan waits for, in the order of the path."""
    return [each for each in content["milestones"] if each["is_gating"]]


def arranged(content: Mapping[str, Any]) -> Content:
    """The same with the milestones that gate before those that do not."""
    after = dict(content)
    beside = [each for each in content["milestones"] if not each["is_gating"]]
    after["milestones"] = [*gating(content), *beside]
    return after


def spread_weights(content: Content) -> None:
    """Give the gating milestones even weights that sum to 100, the first ones the rest."""
    way = gating(content)
    for number, each in enumerate(way):
        each["weight"] = WHOLE // len(way) + (number < WHOLE % len(way))


def mended(content: Mapping[str, Any]) -> Content:
    """The plan's data with a number wherever one is missing, so that the rest can be judged.

    A milestone without a day takes that of the one before, one without a weight what is left
    of a hundred, and a promise without a day takes its milestone's.
    """
    after = plain(deepcopy(dict(content)))
    before = 0
    for each in after["milestones"]:
        if not isinstance(each["expected_day"], int):
            each["expected_day"] = before
        before = each["expected_day"]
        _mend_promises(each["promises"], day=before)
    _mend_promises(after["promises"], day=0)
    lacking = [each for each in gating(after) if not isinstance(each["weight"], int)]
    known = sum(each["weight"] for each in gating(after) if isinstance(each["weight"], int))
    for number, each in enumerate(lacking):
        rest = max(WHOLE - known, len(lacking))
        each["weight"] = rest // len(lacking) + (number < rest % len(lacking))
    return after


def _mend_promises(promises: Sequence[Content], *, day: int) -> None:
    for each in promises:
        if not isinstance(each["due_day"], int):
            each["due_day"] = day


def set_aside(content: Content, reached: Collection[str]) -> None:
    """Put what is reached beside the way, and spread the weights of what is ahead."""
    gone = [each for each in gating(content) if each["key"] in reached]
    for each in gone:
        each["is_gating"], each["weight"] = False, 1
    if gone:
        content["milestones"] = arranged(content)["milestones"]
        spread_weights(content)


def date_of(day: object, *, anchor_on: date) -> date | None:
    """The date of a plan-day, without pauses; null where it is no day, or beyond all dates."""
    if not isinstance(day, int) or day < 0:
        return None
    try:
        return anchor_on + timedelta(days=day)
    except OverflowError:
        return None


def differences(
    mine: Mapping[str, Any], theirs: Mapping[str, Any]
) -> list[tuple[str, object, object]]:
    """Where two contents differ: (path, mine, theirs), in the order of the plan.

    Paths are those of ``linting``, with a milestone named by its key: ``milestones.KEY.title``.
    What one of them lacks is null there.
    """
    ours, others = _flat(mine), _flat(theirs)
    paths = [*ours, *(path for path in others if path not in ours)]
    return [
        (path, ours.get(path), others.get(path))
        for path in paths
        if ours.get(path) != others.get(path)
    ]


def _flat(content: Mapping[str, Any]) -> dict[str, object]:
    flat: dict[str, object] = {name: content.get(name, "") for name in (*WORDS, "said_by")}
    flat["consents"] = sorted(content.get("consents", ()))
    flat["milestones"] = [each["key"] for each in content.get("milestones", ())]
    for each in content.get("milestones", ()):
        for name, value in each.items():
            if name not in {"key", "promises"}:
                flat[f"milestones.{each['key']}.{name}"] = value
        flat |= _flat_promises(each.get("promises", ()), f"milestones.{each['key']}.promises")
    return flat | _flat_promises(content.get("promises", ()), "promises")


def _flat_promises(promises: Sequence[Mapping[str, Any]], path: str) -> dict[str, object]:
    return {
        f"{path}.{number}": (each["side"], each["title"], each["due_day"])
        for number, each in enumerate(promises)
    }


def _place(content: Content, key: str) -> int | None:
    keys = [each["key"] for each in content["milestones"]]
    return keys.index(key) if key in keys else None


def _add(content: Content, key: str) -> str:
    content["milestones"].insert(len(gating(content)), new_milestone(key))
    return key


def _add_beside(content: Content, key: str) -> str:
    content["milestones"].append(new_milestone(key, is_gating=False))
    return key


def _remove(content: Content, _key: str, which: str) -> str:
    place = _place(content, which)
    if place is None:
        return ""
    gone = content["milestones"].pop(place)
    content["removed"] = {"at": place, "milestone": gone}
    rest = content["milestones"]
    return str(rest[min(place, len(rest) - 1)]["key"]) if rest else ""


def _restore(content: Content, _key: str) -> str:
    removed = content["removed"]
    if not removed or _place(content, removed["milestone"]["key"]) is not None:
        return ""
    content["milestones"].insert(removed["at"], removed["milestone"])
    content["milestones"] = arranged(content)["milestones"]
    content["removed"] = None
    return str(removed["milestone"]["key"])


def _up(content: Content, _key: str, which: str) -> str:
    return _move(content, which, by=-1)


def _down(content: Content, _key: str, which: str) -> str:
    return _move(content, which, by=1)


def _move(content: Content, key: str, *, by: int) -> str:
    place = _place(content, key)
    milestones = content["milestones"]
    other = -1 if place is None else place + by
    if place is None or not 0 <= other < len(milestones):
        return key
    if milestones[other]["is_gating"] == milestones[place]["is_gating"]:
        milestones[place], milestones[other] = milestones[other], milestones[place]
    return key


def _promise(content: Content, _key: str, which: str, side: str) -> str:
    promises = _promises(content, which)
    if promises is not None and side in {"member", "association"}:
        promises.append(new_promise(side))
    return which


def _unpromise(content: Content, _key: str, which: str, number: str) -> str:
    promises = _promises(content, which)
    if promises is not None and number.isdecimal() and int(number) < len(promises):
        del promises[int(number)]
    return which


def _weights(content: Content, _key: str) -> str:
    spread_weights(content)
    return ""


def _promises(content: Content, key: str) -> list[Content] | None:
    """The promises of a milestone, or those of none; null where there is no such milestone."""
    if key == NO_MILESTONE:
        found: list[Content] = content["promises"]
        return found
    place = _place(content, key)
    return None if place is None else content["milestones"][place]["promises"]


# verb: how many names it takes, and what it does
CHANGES: Mapping[str, tuple[int, Callable[..., str]]] = {
    "add": (0, _add),
    "add-beside": (0, _add_beside),
    "remove": (1, _remove),
    "restore": (0, _restore),
    "up": (1, _up),
    "down": (1, _down),
    "promise": (2, _promise),
    "unpromise": (2, _unpromise),
    "weights": (0, _weights),
}
