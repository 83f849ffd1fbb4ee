"""Conditions as data: a small tree of *all*, *any* and *not* over registered facts.

The mechanism of coverage's segment rules and of the audiences of plays. It knows no fact:
each app fills a ``FactRegistry`` of its own. A tree comes from JSON by ``parse``, becomes one
SQL predicate by ``compile_sql``, and is judged for one row of plain values by ``evaluate``,
which is the specification that the SQL must agree with. Nothing here imports Django.

Unknown is a value of its own. A leaf about a fact that is not known is neither true nor false;
*not* leaves it so; *all* is false if a part is false, else unknown if a part is; *any* is true
if a part is true, else unknown if a part is. Only what is true counts, so neither a condition
nor its negation ever catches somebody for what we do not know. ``is_null`` and ``not_null`` ask
about the not-knowing itself and are always true or false.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Any

from config.kernel.words import gettext as _
from config.kernel.words import gettext_noop, inside, joined, listed, ngettext, spoken_day

LONGEST_REACH = 36_500
LARGEST_INTEGER = 2**63 - 1
MOST_DIGITS = 30
MOST_LEAVES = 200
DEEPEST = 12
FACT_NAME = re.compile(r"[a-z][a-z0-9_]*")


class Kind(StrEnum):
    """What sort of value a fact has."""

    TEXT = "text"
    INTEGER = "integer"
    DECIMAL = "decimal"
    DATE = "date"
    BOOLEAN = "boolean"


class Op(StrEnum):
    """What a leaf asks of its fact. Days are counted from ``as_of``."""

    EQ = "eq"
    NE = "ne"
    LT = "lt"
    LE = "le"
    GT = "gt"
    GE = "ge"
    IN = "in"
    NOT_IN = "not_in"
    OLDER_THAN_DAYS = "older_than_days"
    WITHIN_LAST_DAYS = "within_last_days"
    WITHIN_NEXT_DAYS = "within_next_days"
    LATER_THAN_DAYS = "later_than_days"
    IS_NULL = "is_null"
    NOT_NULL = "not_null"


EQUALITY = (Op.EQ, Op.NE, Op.IN, Op.NOT_IN)
ORDERING = (Op.LT, Op.LE, Op.GT, Op.GE)
REACH = (Op.OLDER_THAN_DAYS, Op.WITHIN_LAST_DAYS, Op.WITHIN_NEXT_DAYS, Op.LATER_THAN_DAYS)
KNOWING = (Op.IS_NULL, Op.NOT_NULL)
LISTING = (Op.IN, Op.NOT_IN)

# Text has no order here: the database's collation and Python's would disagree.
OPERATORS: Mapping[Kind, tuple[Op, ...]] = {
    Kind.TEXT: (*EQUALITY, *KNOWING),
    Kind.INTEGER: (*EQUALITY, *ORDERING, *KNOWING),
    Kind.DECIMAL: (*EQUALITY, *ORDERING, *KNOWING),
    Kind.DATE: (*EQUALITY, *ORDERING, *REACH, *KNOWING),
    Kind.BOOLEAN: (Op.EQ, Op.NE, *KNOWING),
}


class BadCondition(ValueError):
    """A condition that cannot be used; ``path`` says where in it, ``reason`` says why."""

    def __init__(self, path: str, reason: str) -> None:
        self.path = path
        self.reason = reason
        super().__init__(f"{path}: {reason}" if path else reason)


@dataclass(frozen=True, kw_only=True)
class Fact:
    """Something that may be known about a member.

    ``column`` is the SQL expression that holds it, the name itself if empty. It goes into the
    statement as it stands, so a literal percent sign is written twice and no user's words ever
    belong in it. ``label`` and ``explain`` are messages for gettext; ``title`` is the label in
    the language of the moment. ``explain`` is a format string for a sentence about one member;
    it may use ``{value}``, and for dates ``{ago}``, such as "12 days before". ``names`` returns
    what the values of a text are called by people; one that has no name is said as it is.
    """

    name: str
    kind: Kind
    label: str
    explain: str
    column: str = ""
    financial: bool = False
    names: Callable[[], Mapping[str, object]] | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "kind", Kind(self.kind))
        object.__setattr__(self, "column", self.column or self.name)
        if not FACT_NAME.fullmatch(self.name):
            raise ValueError(f"A fact's name is lower case with underscores: {self.name!r}.")
        self.explain.format(value="", ago="")

    @property
    def title(self) -> str:
        return _(self.label)

    @property
    def operators(self) -> tuple[Op, ...]:
        return OPERATORS[self.kind]


class FactRegistry:
    """The facts that one app's conditions may ask about, in the order they were declared."""

    def __init__(self) -> None:
        self._facts: dict[str, Fact] = {}

    def register(self, fact: Fact) -> Fact:
        """Declare ``fact``; the same one twice is harmless, another by its name is not."""
        known = self._facts.setdefault(fact.name, fact)
        if known != fact:
            raise ValueError(f"There already is a fact {fact.name!r}: {known.label!r}.")
        return fact

    def name_values(self, name: str, names: Callable[[], Mapping[str, object]]) -> None:
        """Have the values of a fact said by their names; asked each time, so in any language.

        Raises ``KeyError`` for a fact that is not declared. Conditions read before keep theirs.
        """
        self._facts[name] = replace(self._facts[name], names=names)

    def get(self, name: str) -> Fact | None:
        return self._facts.get(name)

    def __iter__(self) -> Iterator[Fact]:
        return iter(self._facts.values())

    def __len__(self) -> int:
        return len(self._facts)


def in_a_sentence(choices: Iterable[tuple[Any, object]]) -> dict[str, str]:
    """Return the labels of choices by their values, as they stand inside a sentence."""
    return {str(value): inside(str(label)) for value, label in choices}


Value = str | int | Decimal | date | bool
Row = Mapping[str, object]


@dataclass(frozen=True)
class Leaf:
    """One question about one fact."""

    fact: Fact
    op: Op
    value: Value | tuple[Value, ...] | None = None


@dataclass(frozen=True)
class AllOf:
    """Every part must be true; with no parts, it is true of everybody."""

    parts: tuple["Condition", ...]


@dataclass(frozen=True)
class AnyOf:
    """At least one part must be true."""

    parts: tuple["Condition", ...]


@dataclass(frozen=True)
class Not:
    """The part must be false; unknown is not enough."""

    part: "Condition"


Condition = Leaf | AllOf | AnyOf | Not


def leaves(tree: Condition) -> Iterator[Leaf]:
    """Yield the leaves of ``tree`` from left to right."""
    match tree:
        case Leaf():
            yield tree
        case Not(part):
            yield from leaves(part)
        case AllOf(parts) | AnyOf(parts):
            for part in parts:
                yield from leaves(part)


def facts_in(tree: Condition) -> frozenset[str]:
    """Return the names of the facts that ``tree`` asks about."""
    return frozenset(leaf.fact.name for leaf in leaves(tree))


def to_data(tree: Condition) -> dict[str, Any]:
    """Return ``tree`` as the JSON data that ``parse`` makes it from."""
    match tree:
        case AllOf(parts):
            return {"all": [to_data(part) for part in parts]}
        case AnyOf(parts):
            return {"any": [to_data(part) for part in parts]}
        case Not(part):
            return {"not": to_data(part)}
        case Leaf(fact, op, None):
            return {"fact": fact.name, "op": op.value}
        case Leaf(fact, op, tuple() as values):
            listed = [_to_json(value) for value in values]
            return {"fact": fact.name, "op": op.value, "value": listed}
        case Leaf(fact, op, value):
            return {"fact": fact.name, "op": op.value, "value": _to_json(value)}


# Reading


def parse(data: object, *, registry: FactRegistry, allow_financial: bool = False) -> Condition:
    """Return the condition that ``data`` describes, or raise ``BadCondition``.

    ``data`` is decoded JSON: ``{"all": […]}``, ``{"any": […]}``, ``{"not": {…}}`` or
    ``{"fact": name, "op": operator, "value": …}``. Dates are ISO strings, decimals are strings
    or numbers. Financial facts are refused unless ``allow_financial``.
    """
    tree = _Reader(registry=registry, allow_financial=allow_financial).read(data, path="")
    if sum(1 for _ in leaves(tree)) > MOST_LEAVES:
        many = _("a condition has at most %(most)s questions") % {"most": MOST_LEAVES}
        raise BadCondition("", many)
    return tree


@dataclass(frozen=True, kw_only=True)
class _Reader:
    registry: FactRegistry
    allow_financial: bool

    def read(self, data: object, *, path: str, depth: int = 0) -> Condition:
        if not isinstance(data, dict):
            raise BadCondition(path, _("a condition is an object with all, any, not or fact"))
        if depth > DEEPEST:
            deep = _("conditions are nested at most %(most)s deep") % {"most": DEEPEST}
            raise BadCondition(path, deep)
        match data:
            case {"fact": _}:
                return self._leaf(data, path=path)
            case {"all": parts, **rest} if not rest:
                return AllOf(self._parts(parts, path=_below(path, "all"), depth=depth))
            case {"any": parts, **rest} if not rest:
                inner = _below(path, "any")
                if parts == []:
                    nobody = _("any needs at least one part, or nobody fits")
                    raise BadCondition(inner, nobody)
                return AnyOf(self._parts(parts, path=inner, depth=depth))
            case {"not": part, **rest} if not rest:
                return Not(self.read(part, path=_below(path, "not"), depth=depth + 1))
        found = ", ".join(sorted(map(str, data))) or _("nothing")
        wrong = _("expected one of all, any, not or fact, found %(found)s") % {"found": found}
        raise BadCondition(path, wrong)

    def _parts(self, data: object, *, path: str, depth: int) -> tuple[Condition, ...]:
        if not isinstance(data, list):
            raise BadCondition(path, _("expected a list of conditions"))
        return tuple(
            self.read(part, path=f"{path}[{index}]", depth=depth + 1)
            for index, part in enumerate(data)
        )

    def _leaf(self, data: Mapping[Any, object], *, path: str) -> Leaf:
        if unknown := sorted(str(key) for key in data if key not in {"fact", "op", "value"}):
            wrong = _("a question has fact, op and value, not %(found)s")
            raise BadCondition(path, wrong % {"found": unknown[0]})
        fact = self._fact(data["fact"], path=_below(path, "fact"))
        op = _operator(data.get("op"), fact=fact, path=_below(path, "op"))
        inner = _below(path, "value")
        value = data.get("value")
        if op in KNOWING:
            if value is not None:
                raise BadCondition(inner, _("%(op)s takes no value") % {"op": op})
            return Leaf(fact, op)
        if op in REACH:
            return Leaf(fact, op, _reach(value, path=inner))
        read = READERS[fact.kind]
        if op in LISTING:
            if not isinstance(value, list) or not value:
                few = _("%(op)s takes a list of at least one value") % {"op": op}
                raise BadCondition(inner, few)
            several = (read(item, path=f"{inner}[{i}]") for i, item in enumerate(value))
            return Leaf(fact, op, tuple(several))
        return Leaf(fact, op, read(value, path=inner))

    def _fact(self, name: object, *, path: str) -> Fact:
        fact = self.registry.get(name) if isinstance(name, str) else None
        if fact is None:
            unknown = _("there is no fact called %(name)s") % {"name": repr(name)}
            raise BadCondition(path, unknown)
        if fact.financial and not self.allow_financial:
            refused = _(
                "%(fact)s is about money and cannot be used here: coverage is decided by the "
                "experience a member needs, never by what they pay"
            )
            raise BadCondition(path, refused % {"fact": fact.title})
        return fact


def _below(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def _operator(name: object, *, fact: Fact, path: str) -> Op:
    if name not in fact.operators:
        wrong = _("%(fact)s can be asked %(offered)s, not %(found)s")
        found = {"fact": fact.title, "offered": ", ".join(fact.operators), "found": repr(name)}
        raise BadCondition(path, wrong % found)
    return Op(str(name))


def _reach(value: object, *, path: str) -> int:
    days = _integer(value, path=path)
    if not 0 <= days <= LONGEST_REACH:
        wrong = _("days are between 0 and %(most)s") % {"most": LONGEST_REACH}
        raise BadCondition(path, wrong)
    return days


def _text(value: object, *, path: str) -> str:
    if not isinstance(value, str):
        raise BadCondition(path, _("expected text, found %(found)s") % {"found": repr(value)})
    if "\0" in value or value != value.encode(errors="ignore").decode():
        raise BadCondition(path, _("expected text that a database can hold"))
    return value


def _integer(value: object, *, path: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        wrong = _("expected a whole number, found %(found)s") % {"found": repr(value)}
        raise BadCondition(path, wrong)
    if abs(value) > LARGEST_INTEGER:
        raise BadCondition(path, _("that number is too large"))
    return value


def _decimal(value: object, *, path: str) -> Decimal:
    wrong = _("expected a number, found %(found)s") % {"found": repr(value)}
    if isinstance(value, bool) or not isinstance(value, str | int | float | Decimal):
        raise BadCondition(path, wrong)
    try:
        number = Decimal(str(value))
    except InvalidOperation as error:
        raise BadCondition(path, wrong) from error
    if not number.is_finite():
        raise BadCondition(path, wrong)
    parts = number.as_tuple()
    if len(parts.digits) > MOST_DIGITS or abs(int(parts.exponent)) > MOST_DIGITS:
        many = _("numbers have at most %(most)s digits") % {"most": MOST_DIGITS}
        raise BadCondition(path, many)
    return number


def _date(value: object, *, path: str) -> date:
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    try:
        return date.fromisoformat(str(value))
    except ValueError as error:
        wrong = _("expected a date such as 2026-07-29, found %(found)s")
        raise BadCondition(path, wrong % {"found": repr(value)}) from error


def _boolean(value: object, *, path: str) -> bool:
    if not isinstance(value, bool):
        wrong = _("expected true or false, found %(found)s") % {"found": repr(value)}
        raise BadCondition(path, wrong)
    return value


READERS: Mapping[Kind, Callable[..., Value]] = {
    Kind.TEXT: _text,
    Kind.INTEGER: _integer,
    Kind.DECIMAL: _decimal,
    Kind.DATE: _date,
    Kind.BOOLEAN: _boolean,
}


# SQL

COMPARISONS: Mapping[Op, str] = {
    Op.EQ: "=",
    Op.NE: "<>",
    Op.LT: "<",
    Op.LE: "<=",
    Op.GT: ">",
    Op.GE: ">=",
}
CASTS: Mapping[Kind, str] = {
    Kind.TEXT: "text",
    Kind.INTEGER: "bigint",
    Kind.DECIMAL: "numeric",
    Kind.DATE: "date",
    Kind.BOOLEAN: "boolean",
}


def compile_sql(tree: Condition, *, as_of: date) -> tuple[str, list[Any]]:
    """Return one predicate for a WHERE clause, with its parameters for psycopg2.

    The predicate is true or false and never null: ``IS TRUE`` at the root turns unknown into
    false, after SQL's own three-valued logic has done for *not* what ``evaluate`` does.
    """
    params: list[Any] = []
    sql = _sql(tree, as_of=as_of, params=params)
    return f"({sql}) IS TRUE", params


def _sql(tree: Condition, *, as_of: date, params: list[Any]) -> str:
    match tree:
        case AllOf(parts):
            return _joined(parts, word="AND", empty="TRUE", as_of=as_of, params=params)
        case AnyOf(parts):
            return _joined(parts, word="OR", empty="FALSE", as_of=as_of, params=params)
        case Not(part):
            return f"NOT ({_sql(part, as_of=as_of, params=params)})"
        case Leaf():
            return _leaf_sql(tree, as_of=as_of, params=params)


def _joined(
    parts: Iterable[Condition], *, word: str, empty: str, as_of: date, params: list[Any]
) -> str:
    compiled = [f"({_sql(part, as_of=as_of, params=params)})" for part in parts]
    return f" {word} ".join(compiled) or empty


def _leaf_sql(leaf: Leaf, *, as_of: date, params: list[Any]) -> str:
    column, cast = f"({leaf.fact.column})", CASTS[leaf.fact.kind]
    match leaf.op:
        case Op.IS_NULL:
            return f"{column} IS NULL"
        case Op.NOT_NULL:
            return f"{column} IS NOT NULL"
        case Op.IN | Op.NOT_IN:
            params.append(list(_listed(leaf)))
            word = "= ANY" if leaf.op is Op.IN else "<> ALL"
            return f"{column} {word} (%s::{cast}[])"
        case Op.OLDER_THAN_DAYS | Op.LATER_THAN_DAYS:
            params.append(_edge(leaf, as_of=as_of))
            word = "<" if leaf.op is Op.OLDER_THAN_DAYS else ">"
            return f"{column} {word} %s::date"
        case Op.WITHIN_LAST_DAYS | Op.WITHIN_NEXT_DAYS:
            params.extend(sorted((_edge(leaf, as_of=as_of), as_of)))
            return f"{column} BETWEEN %s::date AND %s::date"
        case _:
            params.append(leaf.value)
            return f"{column} {COMPARISONS[leaf.op]} %s::{cast}"


def _edge(leaf: Leaf, *, as_of: date) -> date:
    """Return the day so many days before or after ``as_of``, or the end of the calendar."""
    backwards = leaf.op in {Op.OLDER_THAN_DAYS, Op.WITHIN_LAST_DAYS}
    days = leaf.value if isinstance(leaf.value, int) else 0
    try:
        return as_of + timedelta(days=-days if backwards else days)
    except OverflowError:
        return date.min if backwards else date.max


def _listed(leaf: Leaf) -> tuple[Value, ...]:
    return leaf.value if isinstance(leaf.value, tuple) else ()


# What the calendar brings


@dataclass(frozen=True)
class Turn:
    """Days, ends included, of which a date is one where the calendar changes an answer."""

    column: str
    first: date
    last: date


def turns(tree: Condition, *, after: date, as_of: date) -> frozenset[Turn]:
    """Return the dates for which ``as_of`` may bring another answer than ``after`` did.

    Of a row with none of them, ``tree`` says on both days the same.
    """
    days = (after, as_of)
    return frozenset(turn for leaf in leaves(tree) for turn in _turns(leaf, days=days))


def _turns(leaf: Leaf, *, days: tuple[date, date]) -> Iterator[Turn]:
    if leaf.op not in REACH:
        return
    edges = _edge(leaf, as_of=days[0]), _edge(leaf, as_of=days[1])
    # what the dates asked for begin with, and what they end with, on either day
    begins, ends = {
        Op.OLDER_THAN_DAYS: (edges, None),
        Op.LATER_THAN_DAYS: (None, edges),
        Op.WITHIN_LAST_DAYS: (edges, days),
        Op.WITHIN_NEXT_DAYS: (days, edges),
    }[leaf.op]
    column, day = f"({leaf.fact.column})", timedelta(days=1)
    if begins is not None and begins[0] < begins[1]:
        yield Turn(column, begins[0], begins[1] - day)
    if ends is not None and ends[0] < ends[1]:
        yield Turn(column, ends[0] + day, ends[1])


# Judging one row


def evaluate(tree: Condition, facts: Row, *, as_of: date) -> bool | None:
    """Say whether ``tree`` holds for ``facts`` (name → value); ``None`` is unknown.

    A fact that is not known is ``None`` in ``facts``; one that is not there at all is a
    ``KeyError``, because somebody forgot to load it.
    """
    match tree:
        case AllOf(parts):
            answers = {evaluate(part, facts, as_of=as_of) for part in parts}
            return _first_of((False, None), answers, otherwise=True)
        case AnyOf(parts):
            answers = {evaluate(part, facts, as_of=as_of) for part in parts}
            return _first_of((True, None), answers, otherwise=False)
        case Not(part):
            answer = evaluate(part, facts, as_of=as_of)
            return None if answer is None else not answer
        case Leaf():
            return _leaf_holds(tree, facts[tree.fact.name], as_of=as_of)


def _first_of(
    strongest: tuple[bool | None, ...], answers: set[bool | None], *, otherwise: bool
) -> bool | None:
    return next((answer for answer in strongest if answer in answers), otherwise)


def _leaf_holds(leaf: Leaf, known: Any, *, as_of: date) -> bool | None:
    if leaf.op in KNOWING:
        return (known is None) == (leaf.op is Op.IS_NULL)
    if known is None:
        return None
    return bool(JUDGEMENTS[leaf.op](leaf, known, as_of))


JUDGEMENTS: Mapping[Op, Callable[[Leaf, Any, date], bool]] = {
    Op.EQ: lambda leaf, known, _: known == leaf.value,
    Op.NE: lambda leaf, known, _: known != leaf.value,
    Op.LT: lambda leaf, known, _: known < leaf.value,
    Op.LE: lambda leaf, known, _: known <= leaf.value,
    Op.GT: lambda leaf, known, _: known > leaf.value,
    Op.GE: lambda leaf, known, _: known >= leaf.value,
    Op.IN: lambda leaf, known, _: known in _listed(leaf),
    Op.NOT_IN: lambda leaf, known, _: known not in _listed(leaf),
    Op.OLDER_THAN_DAYS: lambda leaf, known, day: known < _edge(leaf, as_of=day),
    Op.LATER_THAN_DAYS: lambda leaf, known, day: known > _edge(leaf, as_of=day),
    Op.WITHIN_LAST_DAYS: lambda leaf, known, day: _edge(leaf, as_of=day) <= known <= day,
    Op.WITHIN_NEXT_DAYS: lambda leaf, known, day: day <= known <= _edge(leaf, as_of=day),
}


# Saying why

EVERYBODY = AllOf(())


def explain(tree: Condition, facts: Row, *, as_of: date) -> list[str]:
    """Say why ``tree`` holds for ``facts``: a dated line for each leaf that made it hold.

    Under a *not* those are the leaves that are false. No lines if the tree is not true, or if
    it is true of everybody.
    """
    return [
        _("On %(day)s: %(about)s (asked: %(question)s)")
        % {
            "day": spoken_day(as_of),
            "about": _about(leaf, facts, as_of=as_of),
            "question": _asked(leaf)
            if holds
            else _("not %(question)s") % {"question": _asked(leaf)},
        }
        for leaf, holds in _reasons(tree, facts, as_of=as_of, wanted=True)
    ]


def in_words(tree: Condition) -> str:
    """Say what ``tree`` asks, in one line: as ``EVERYBODY`` where it asks nothing."""
    match tree:
        case Leaf():
            return _asked(tree)
        case Not(part):
            return _("not (%(condition)s)") % {"condition": in_words(part)}
        case AllOf(parts):
            both = gettext_noop("%(first)s and %(next)s")
            return joined(_parts_in_words(parts), both) or _("everybody")
        case AnyOf(parts):
            either = gettext_noop("%(first)s or %(next)s")
            return joined(_parts_in_words(parts), either) or _("nobody")


def _parts_in_words(parts: tuple[Condition, ...]) -> Iterator[str]:
    """The parts one after another; what has parts of its own stands in brackets."""
    for place, part in enumerate(parts):
        several = isinstance(part, AllOf | AnyOf) and len(part.parts) > 1
        words = f"({in_words(part)})" if several else in_words(part)
        yield inside(words) if place else words


def _reasons(
    tree: Condition, facts: Row, *, as_of: date, wanted: bool
) -> Iterator[tuple[Leaf, bool]]:
    """Yield the leaves that make ``tree`` come out as ``wanted``, each with its own answer."""
    if evaluate(tree, facts, as_of=as_of) is not wanted:
        return
    match tree:
        case Leaf():
            yield tree, wanted
        case Not(part):
            yield from _reasons(part, facts, as_of=as_of, wanted=not wanted)
        case AllOf(parts) | AnyOf(parts):
            for part in parts:
                yield from _reasons(part, facts, as_of=as_of, wanted=wanted)


def _about(leaf: Leaf, facts: Row, *, as_of: date) -> str:
    known = facts[leaf.fact.name]
    if known is None:
        return _("%(fact)s is not known yet") % {"fact": leaf.fact.title}
    ago = _distance(known, as_of) if isinstance(known, date) else ""
    return _(leaf.fact.explain).format(value=_called(leaf.fact, known)[0], ago=ago)


def _asked(leaf: Leaf) -> str:
    fact = leaf.fact.title
    if leaf.op in REACH:
        days = leaf.value if isinstance(leaf.value, int) else 0
        return REACHES[leaf.op](days) % {"fact": fact, "count": f"{days:,}"}
    values = leaf.value if isinstance(leaf.value, tuple) else (leaf.value,)
    dated = leaf.fact.kind is Kind.DATE
    question = (DATED_QUESTIONS if dated else {}).get(leaf.op) or QUESTIONS[leaf.op]
    said = "" if leaf.op in KNOWING else listed(_called(leaf.fact, *values))
    return _(question) % {"fact": fact, "value": said}


QUESTIONS: Mapping[Op, str] = {
    Op.EQ: gettext_noop("%(fact)s is %(value)s"),
    Op.NE: gettext_noop("%(fact)s is anything but %(value)s"),
    Op.LT: gettext_noop("%(fact)s is less than %(value)s"),
    Op.LE: gettext_noop("%(fact)s is at most %(value)s"),
    Op.GT: gettext_noop("%(fact)s is more than %(value)s"),
    Op.GE: gettext_noop("%(fact)s is at least %(value)s"),
    Op.IN: gettext_noop("%(fact)s is one of %(value)s"),
    Op.NOT_IN: gettext_noop("%(fact)s is none of %(value)s"),
    Op.IS_NULL: gettext_noop("%(fact)s is not known"),
    Op.NOT_NULL: gettext_noop("%(fact)s is known"),
}
DATED_QUESTIONS: Mapping[Op, str] = {
    Op.LT: gettext_noop("%(fact)s is before %(value)s"),
    Op.LE: gettext_noop("%(fact)s is on or before %(value)s"),
    Op.GT: gettext_noop("%(fact)s is after %(value)s"),
    Op.GE: gettext_noop("%(fact)s is on or after %(value)s"),
}
REACHES: Mapping[Op, Callable[[int], str]] = {
    Op.OLDER_THAN_DAYS: lambda days: ngettext(
        "%(fact)s is more than %(count)s day ago",
        "%(fact)s is more than %(count)s days ago",
        days,
    ),
    Op.WITHIN_LAST_DAYS: lambda days: ngettext(
        "%(fact)s is within the last %(count)s day",
        "%(fact)s is within the last %(count)s days",
        days,
    ),
    Op.WITHIN_NEXT_DAYS: lambda days: ngettext(
        "%(fact)s is within the next %(count)s day",
        "%(fact)s is within the next %(count)s days",
        days,
    ),
    Op.LATER_THAN_DAYS: lambda days: ngettext(
        "%(fact)s is more than %(count)s day ahead",
        "%(fact)s is more than %(count)s days ahead",
        days,
    ),
}


def _called(fact: Fact, *values: object) -> list[str]:
    """Return what people call each of some values of a fact."""
    names = fact.names() if fact.names is not None else {}
    return [
        str(names[value]) if isinstance(value, str) and value in names else _spoken(value)
        for value in values
    ]


def _distance(known: date, as_of: date) -> str:
    days = (as_of - known).days
    if days == 0:
        return _("the same day")
    said = (
        ngettext("%(count)s day before", "%(count)s days before", days)
        if days > 0
        else ngettext("%(count)s day ahead", "%(count)s days ahead", -days)
    )
    return said % {"count": f"{abs(days):,}"}


def _spoken(value: object) -> str:
    match value:
        case bool():
            return _("yes") if value else _("no")
        case date():
            return spoken_day(value)
        case int() | Decimal():
            return f"{value:,}"
    return str(value)


def _to_json(value: object) -> object:
    match value:
        case Decimal():
            return str(value)
        case date():
            return value.isoformat()
    return value
