"""A play as it is written down: by the editor, a caller of the API or a version (DOMAIN 2.10).

All of them speak the same shape, and ``to_data`` and ``from_data`` carry it as JSON. What may
be published is for ``play_linting`` to say; here is only the form, and what it says in words.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from config.kernel.conditions import BadCondition, in_words, parse
from config.kernel.words import gettext as _
from config.kernel.words import gettext_noop, ngettext
from success.engine.facts import FACTS
from success.engine.spreading import MOST_SPREAD

START_KINDS = ("timed", "data", "trigger")
PERIODS = ("quarter", "month")
REENTRIES = ("never", "occurrence", "after_days")
INTENTS = ("inform", "ask", "help", "invite", "escalate")
CHANGES = ("channel", "person", "ask")
FIRST_CLASS, LAST_CLASS = 1, 8
# What the small columns of a version hold.
MOST_DAYS = 3_650
MOST_OFFSET = 3_650
MOST_A_NIGHT = 2_000_000_000
MOST_STEPS = 12
LONGEST = 2_000
MOST_HELD = 50
FAR_EARLIER, FAR_LATER = -MOST_OFFSET, MOST_OFFSET

# What happens in our own rows, by what a start calls it, and when a play then begins.
HAPPENINGS: Mapping[str, str] = {
    "promise.late": gettext_noop("When a promise of ours is late"),
    "answer.waiting": gettext_noop("When a member waits for our answer"),
    "ask.eligible": gettext_noop("When a member may be asked what was agreed"),
}
# What the words of a start may name in braces; the night fills it in.
NAMED = frozenset(
    {
        "began",
        "confirmed",
        "day",
        "ends",
        "expected",
        "goal",
        "joined",
        "milestone",
        "next",
        "offset",
        "period",
        "quiet",
        "subject",
    }
)
INTENT_WORDS: Mapping[str, str] = {
    "inform": gettext_noop("tell them something"),
    "ask": gettext_noop("ask them something"),
    "help": gettext_noop("offer help"),
    "invite": gettext_noop("bring them together with others"),
    "escalate": gettext_noop("give it to a person with the whole story"),
}
REENTRY_WORDS: Mapping[str, str] = {
    "never": gettext_noop("never again"),
    "occurrence": gettext_noop("for each thing that happens, once"),
    "after_days": gettext_noop("after some days"),
}
CHANGES_WORDS: Mapping[str, str] = {
    "channel": gettext_noop("another way of saying it"),
    "person": gettext_noop("another person says it"),
    "ask": gettext_noop("something else is asked"),
}
CLASS_WORDS: Mapping[int, str] = {
    1: gettext_noop("we owe them"),
    2: gettext_noop("regressing"),
    3: gettext_noop("decision maker gone quiet"),
    4: gettext_noop("stalled"),
    5: gettext_noop("slipping"),
    6: gettext_noop("no plan"),
    7: gettext_noop("next goal, review or renewal"),
    8: gettext_noop("ready to be asked"),
}


class BadPlay(ValueError):
    """The data is not a play.

    ``problems`` are (path, what is wrong), such as ``("steps.2.act", "is missing")``.
    """

    def __init__(self, problems: tuple[tuple[str, str], ...]) -> None:
        self.problems = problems
        super().__init__("; ".join(f"{path}: {words}" for path, words in problems))


@dataclass(frozen=True, kw_only=True, slots=True)
class PlannedStep:
    """A rung of the ladder: ``wait_days`` after the one before was delivered.

    ``template`` is the key of the words that may be sent; blank: a person does it. ``changes``
    says nothing in the first step, which follows none.
    """

    act: str = ""
    intent: str = "ask"
    changes: str = "channel"
    wait_days: int = 0
    minutes: int = 20
    due_days: int = 5
    template: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class PlannedPlay:
    """What a play aims at, for whom, from when and how; its title is the play's own.

    Conditions are data over ``success.engine.facts``. ``aim_condition`` is null where the aim
    is reached when what started it is gone, ``stop`` where nothing stops it beside what always
    does, ``most_a_night`` where it is worked out when the play is published.
    """

    aim: str = ""
    aim_condition: Mapping[str, Any] | None = None
    aim_days: int = 30
    start_kind: str = "timed"
    start: Mapping[str, Any] = field(default_factory=dict)
    audience: Mapping[str, Any] = field(default_factory=lambda: {"all": []})
    stop: Mapping[str, Any] | None = None
    reentry: str = "never"
    reentry_days: int = 0
    queue_class: int = 5
    held_percent: int = 0
    never_withheld: bool = False
    most_a_night: int | None = None
    too_late_days: int = 14
    steps: tuple[PlannedStep, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """Where two plays differ, as in ``to_data``, and what each says there, in words.

    Blank is what the other does not have at all, as a step that was added.
    """

    where: str
    before: str
    after: str


def to_data(play: PlannedPlay) -> dict[str, Any]:
    """Return ``play`` as JSON data, every field in it; ``from_data`` makes it whole again."""
    data: dict[str, Any] = {name: _plain(getattr(play, name)) for name in _PLAY}
    data["steps"] = [{name: getattr(step, name) for name in _STEP} for step in play.steps]
    return data


def from_data(data: Any) -> PlannedPlay:
    """Return the play that ``data`` describes; raises ``BadPlay`` with every problem at once.

    Strict about the form: unknown names, other types and numbers out of range are problems.
    What is left out takes its default. Whether a condition can be asked, or an empty word may
    be published, is for ``play_linting`` to say.
    """
    problems: list[tuple[str, str]] = []
    found = _fields(data, form=_PLAY, beside="steps", at="", problems=problems)
    rows = data.get("steps", ()) if isinstance(data, Mapping) else ()
    if not isinstance(rows, list | tuple):
        problems.append(("steps", _("must be a list")))
        rows = ()
    if len(rows) > MOST_STEPS:
        problems.append(("steps", _("has at most %(most)s") % {"most": MOST_STEPS}))
    steps = [
        _fields(row, form=_STEP, beside="", at=f"steps.{at}", problems=problems)
        for at, row in enumerate(rows)
    ]
    if problems:
        raise BadPlay(tuple(problems))
    found |= {name: _plain(found[name]) for name in _OBJECTS if name in found}
    return PlannedPlay(**found, steps=tuple(PlannedStep(**step) for step in steps))


# Of the first step nobody asks these: it waits for nothing, and nothing failed before it.
_OF_LATER_STEPS = frozenset({"changes", "wait_days"})


def differences(old: PlannedPlay, new: PlannedPlay) -> tuple[Difference, ...]:
    """Return where ``new`` says something else than ``old``, in the order of the editor.

    Steps are compared by their place in the ladder. Equal plays differ nowhere.
    """
    return tuple(_differences(old, new))


def start_in_words(play: PlannedPlay) -> str:
    """Return when a play begins for a member, as a sentence without its full stop."""
    start = play.start
    kind = str(start.get("kind") or "")
    if kind in HAPPENINGS:
        return _(HAPPENINGS[kind])
    match play.start_kind:
        case "timed":
            return _timed_in_words(start)
        case "data":
            if (condition := start.get("while")) is not None:
                comes_true = _("When this comes true: %(condition)s")
                return comes_true % {"condition": condition_in_words(condition)}
            fact = _label(start.get("fact"))
            known = _("When “%(fact)s” becomes known")
            return known % {"fact": fact} if fact else _("Not said yet")
        case _:
            happens = (
                _("When “%(event)s” happens, and nobody is left who does it")
                if start.get("last")
                else _("When “%(event)s” happens")
            )
            return happens % {"event": kind} if kind else _("Not said yet")


def condition_in_words(condition: object) -> str:
    """Return a condition as a line; one that cannot be asked says that it cannot, and why."""
    if condition is None:
        return _("nothing")
    try:
        return in_words(parse(condition, registry=FACTS))
    except BadCondition as error:
        return _("cannot be asked: %(reason)s") % {"reason": error.reason}


def day_of(play: PlannedPlay, position: int) -> int:
    """Return how many days after an entry a step (from 1) may open at the earliest."""
    return sum(step.wait_days for step in play.steps[1:position])


def _timed_in_words(start: Mapping[str, Any]) -> str:
    if (every := start.get("every")) in PERIODS:
        over = start.get("over_days") or 1
        return _(FIRST_DAY[every]) if over == 1 else SPREAD[every](over) % {"count": over}
    fact = _label(start.get("fact"))
    if not fact:
        return _("Not said yet")
    offset = start.get("offset_days", 0)
    if not isinstance(offset, int) or offset == 0:
        return _("On the day of “%(fact)s”") % {"fact": fact}
    said = (
        ngettext("%(count)s day after “%(fact)s”", "%(count)s days after “%(fact)s”", offset)
        if offset > 0
        else ngettext(
            "%(count)s day before “%(fact)s”", "%(count)s days before “%(fact)s”", -offset
        )
    )
    return said % {"count": abs(offset), "fact": fact}


FIRST_DAY: Mapping[str, str] = {
    "month": gettext_noop("On the first day of every month"),
    "quarter": gettext_noop("On the first day of every quarter"),
}
SPREAD: Mapping[str, Callable[[int], str]] = {
    "month": lambda days: ngettext(
        "Spread over the first %(count)s working day of every month",
        "Spread over the first %(count)s working days of every month",
        days,
    ),
    "quarter": lambda days: ngettext(
        "Spread over the first %(count)s working day of every quarter",
        "Spread over the first %(count)s working days of every quarter",
        days,
    ),
}


def _label(name: object) -> str:
    fact = FACTS.get(name) if isinstance(name, str) else None
    return fact.title if fact is not None else str(name or "")


def _differences(old: PlannedPlay, new: PlannedPlay) -> Iterator[Difference]:
    if (old.start_kind, old.start) != (new.start_kind, new.start):
        before, after = start_in_words(old), start_in_words(new)
        if before == after:
            # the same start, told in other words to whoever gets the item
            before, after = _own_words(old.start), _own_words(new.start)
        yield Difference(where="start", before=before, after=after)
    for name in _PLAY:
        if name in {"start", "start_kind"} or getattr(old, name) == getattr(new, name):
            continue
        yield Difference(where=name, before=_said(old, name), after=_said(new, name))
    for at in range(max(len(old.steps), len(new.steps))):
        before_step = old.steps[at] if at < len(old.steps) else None
        after_step = new.steps[at] if at < len(new.steps) else None
        if before_step is None or after_step is None:
            yield Difference(
                where=f"steps.{at}",
                before=_step_in_words(before_step),
                after=_step_in_words(after_step),
            )
            continue
        for name in _STEP:
            was, now = getattr(before_step, name), getattr(after_step, name)
            if was != now and not (at == 0 and name in _OF_LATER_STEPS):
                yield Difference(
                    where=f"steps.{at}.{name}",
                    before=_step_said(name, was),
                    after=_step_said(name, now),
                )


def _own_words(start: Mapping[str, Any]) -> str:
    return "; ".join(f"{name}: {start[name]}" for name in sorted(start))


def _said(play: PlannedPlay, name: str) -> str:
    value = getattr(play, name)
    say = _SAYINGS.get(name, str)
    return say(value)


def _days(count: int) -> str:
    return ngettext("%(count)s day", "%(count)s days", count) % {"count": count}


_SAYINGS: Mapping[str, Callable[[Any], str]] = {
    "aim_condition": lambda asked: (
        _("what started it is gone") if asked is None else condition_in_words(asked)
    ),
    "audience": condition_in_words,
    "stop": condition_in_words,
    "reentry": lambda kind: _(REENTRY_WORDS[kind]),
    "queue_class": lambda number: _(CLASS_WORDS[number]),
    "never_withheld": lambda never: (
        _("nobody is left out") if never else _("some may be left alone to compare with")
    ),
    "most_a_night": lambda most: (
        _("worked out when it is published") if most is None else str(most)
    ),
    "held_percent": lambda share: _("%(share)s%%") % {"share": share},
    "aim_days": _days,
    "reentry_days": _days,
    "too_late_days": _days,
}


def _step_said(name: str, value: Any) -> str:
    match name:
        case "intent":
            return _(INTENT_WORDS[value])
        case "changes":
            return _(CHANGES_WORDS[value])
        case "wait_days" | "due_days":
            return _days(value)
        case "template":
            return str(value) or _("none: a person does it")
    return str(value)


def _step_in_words(step: PlannedStep | None) -> str:
    if step is None:
        return ""
    said = (
        ngettext(
            "%(act)s, after %(count)s day, with “%(template)s”",
            "%(act)s, after %(count)s days, with “%(template)s”",
            step.wait_days,
        )
        if step.template
        else ngettext(
            "%(act)s, after %(count)s day", "%(act)s, after %(count)s days", step.wait_days
        )
    )
    act = step.act or _(INTENT_WORDS[step.intent])
    return said % {"act": act, "count": step.wait_days, "template": step.template}


# Form


def _is_text(value: Any) -> str:
    if not isinstance(value, str):
        return _("must be text")
    if len(value) > LONGEST:
        return _("has at most %(most)s letters") % {"most": LONGEST}
    try:
        value.encode()
    except UnicodeEncodeError:
        return _("holds a character that cannot be kept")
    return _("holds a character that cannot be kept") if "\x00" in value else ""


def _is_flag(value: Any) -> str:
    return "" if isinstance(value, bool) else _("must be true or false")


def _is_number(
    lowest: int,
    highest: int,
    *,
    whole: str = gettext_noop("must be a whole number"),
    within: str = gettext_noop("must be from %(lowest)s to %(highest)s"),
) -> Callable[[Any], str]:
    def check(value: Any) -> str:
        if not isinstance(value, int) or isinstance(value, bool):
            return _(whole)
        is_within = lowest <= value <= highest
        return "" if is_within else _(within) % {"lowest": lowest, "highest": highest}

    return check


def _is_one_of(*words: str) -> Callable[[Any], str]:
    def check(value: Any) -> str:
        is_one = isinstance(value, str) and value in words
        return "" if is_one else _("must be one of %(words)s") % {"words": ", ".join(words)}

    return check


def _is_object(value: Any) -> str:
    return _is_json(value) if isinstance(value, Mapping) else _("must be an object")


def _is_json(value: Any) -> str:
    if isinstance(value, str):
        return _is_text(value)
    if isinstance(value, Mapping):
        wrong = (_is_text(name) or _is_json(held) for name, held in value.items())
        return next((words for words in wrong if words), "")
    if isinstance(value, list | tuple):
        return next((words for words in map(_is_json, value) if words), "")
    if isinstance(value, float):
        return _("must be whole numbers, or text")
    return "" if value is None or isinstance(value, int) else _("must be JSON")


def _or_none(check: Callable[[Any], str]) -> Callable[[Any], str]:
    return lambda value: "" if value is None else check(value)


def _is_start(value: Any) -> str:
    if words := _is_object(value):
        return words
    if words := _IS_OFFSET(value.get("offset_days", 0)) or _IS_SPREAD(value.get("over_days")):
        return words
    unknown = sorted(set(value) - _OF_A_START)
    return _("knows no %(name)s") % {"name": unknown[0]} if unknown else ""


_IS_OFFSET = _is_number(
    FAR_EARLIER,
    FAR_LATER,
    whole=gettext_noop("counts days, which must be a whole number"),
    within=gettext_noop("counts days, which must be from %(lowest)s to %(highest)s"),
)
_IS_SPREAD = _or_none(
    _is_number(
        1,
        max(MOST_SPREAD.values()),
        whole=gettext_noop("is spread over days, which must be a whole number"),
        within=gettext_noop(
            "is spread over days, which must be from %(lowest)s to %(highest)s"
        ),
    )
)
_OF_A_START = frozenset(
    {
        *("fact", "offset_days", "every", "over_days", "while", "kind", "last"),
        *("why", "ended", "replaced"),
    }
)
_OBJECTS = ("aim_condition", "start", "audience", "stop")
_DAYS = _is_number(0, MOST_DAYS)
_PLAY: Mapping[str, Callable[[Any], str]] = {
    "aim": _is_text,
    "aim_condition": _or_none(_is_object),
    "aim_days": _DAYS,
    "start_kind": _is_one_of(*START_KINDS),
    "start": _is_start,
    "audience": _is_object,
    "stop": _or_none(_is_object),
    "reentry": _is_one_of(*REENTRIES),
    "reentry_days": _DAYS,
    "queue_class": _is_number(FIRST_CLASS, LAST_CLASS),
    "held_percent": _is_number(0, MOST_HELD),
    "never_withheld": _is_flag,
    "most_a_night": _or_none(_is_number(1, MOST_A_NIGHT)),
    "too_late_days": _DAYS,
}
_STEP: Mapping[str, Callable[[Any], str]] = {
    "act": _is_text,
    "intent": _is_one_of(*INTENTS),
    "changes": _is_one_of(*CHANGES),
    "wait_days": _DAYS,
    "minutes": _is_number(0, 10_000),
    "due_days": _DAYS,
    "template": _is_text,
}


def _fields(
    data: Any,
    *,
    form: Mapping[str, Callable[[Any], str]],
    beside: str,
    at: str,
    problems: list[tuple[str, str]],
) -> dict[str, Any]:
    """The fields of ``data`` that are of the form; what is wrong goes to ``problems``."""
    if not isinstance(data, Mapping):
        problems.append((at, _("must be an object")))
        return {}
    unknown = [str(name) for name in data if name not in form and name != beside]
    problems.extend((_below(at, name), _("is not known here")) for name in unknown)
    wrong = {name: form[name](data[name]) for name in form if name in data}
    problems.extend((_below(at, name), words) for name, words in wrong.items() if words)
    return {name: data[name] for name, words in wrong.items() if not words}


def _plain(value: Any) -> Any:
    """Return JSON as dicts and lists, whatever kinds of mapping and sequence it came in."""
    if isinstance(value, Mapping):
        return {name: _plain(held) for name, held in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(held) for held in value]
    return value


def _below(at: str, name: str) -> str:
    return f"{at}.{name}" if at else name
