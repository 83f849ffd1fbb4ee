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
from calendar import month_name
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Any

LONGEST_REACH = 36_500
LARGEST_INTEGER = 2**63 - 1
MOST_DIGITS = 30
MOST_LEAVES = 200
DEEPEST = 12
FACT_NAME = re.compile(r"[a-z][a-z0-9_]*")
FINANCIAL_REFUSED = (
    "is about money and cannot be used here: coverage is decided by the experience a member "
    "needs, never by what they pay"
)


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
    belong in it. ``explain`` is a format string for a sentence about one member; it may use
    ``{value}``, and for dates ``{ago}``, such as "12 days before". ``names`` returns what the
    values of a text are called by people; one that has no name is said as it is.
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
    return {str(value): _inside(str(label)) for value, label in choices}


def _inside(label: str) -> str:
    return label[:1].lower() + label[1:] if label[1:2].islower() else label


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
        raise BadCondition("", f"a condition has at most {MOST_LEAVES} questions")
    return tree


@dataclass(frozen=True, kw_only=True)
class _Reader:
    registry: FactRegistry
    allow_financial: bool

    def read(self, data: object, *, path: str, depth: int = 0) -> Condition:
        if not isinstance(data, dict):
            raise BadCondition(path, "a condition is an object with all, any, not or fact")
        if depth > DEEPEST:
            raise BadCondition(path, f"conditions are nested at most {DEEPEST} deep")
        match data:
            case {"fact": _}:
                return self._leaf(data, path=path)
            case {"all": parts, **rest} if not rest:
                return AllOf(self._parts(parts, path=_below(path, "all"), depth=depth))
            case {"any": parts, **rest} if not rest:
                inner = _below(path, "any")
                if parts == []:
                    raise BadCondition(inner, "any needs at least one part, or nobody fits")
                return AnyOf(self._parts(parts, path=inner, depth=depth))
            case {"not": part, **rest} if not rest:
                return Not(self.read(part, path=_below(path, "not"), depth=depth + 1))
        found = ", ".join(sorted(map(str, data))) or "nothing"
        raise BadCondition(path, f"expected one of all, any, not or fact, found {found}")

    def _parts(self, data: object, *, path: str, depth: int) -> tuple[Condition, ...]:
        if not isinstance(data, list):
            raise BadCondition(path, "expected a list of conditions")
        return tuple(
            self.read(part, path=f"{path}[{index}]", depth=depth + 1)
            for index, part in enumerate(data)
        )

    def _leaf(self, data: Mapping[Any, object], *, path: str) -> Leaf:
        if unknown := sorted(str(key) for key in data if key not in {"fact", "op", "value"}):
            raise BadCondition(path, f"a question has fact, op and value, not {unknown[0]}")
        fact = self._fact(data["fact"], path=_below(path, "fact"))
        op = _operator(data.get("op"), fact=fact, path=_below(path, "op"))
        inner = _below(path, "value")
        value = data.get("value")
        if op in KNOWING:
            if value is not None:
                raise BadCondition(inner, f"{op} takes no value")
            return Leaf(fact, op)
        if op in REACH:
            return Leaf(fact, op, _reach(value, path=inner))
        read = READERS[fact.kind]
        if op in LISTING:
            if not isinstance(value, list) or not value:
                raise BadCondition(inner, f"{op} takes a list of at least one value")
            listed = (read(item, path=f"{inner}[{i}]") for i, item in enumerate(value))
            return Leaf(fact, op, tuple(listed))
        return Leaf(fact, op, read(value, path=inner))

    def _fact(self, name: object, *, path: str) -> Fact:
        fact = self.registry.get(name) if isinstance(name, str) else None
        if fact is None:
            raise BadCondition(path, f"there is no fact called {name!r}")
        if fact.financial and not self.allow_financial:
            raise BadCondition(path, f"{fact.label} {FINANCIAL_REFUSED}")
        return fact


def _below(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def _operator(name: object, *, fact: Fact, path: str) -> Op:
    if name not in fact.operators:
        offered = ", ".join(fact.operators)
        raise BadCondition(path, f"{fact.label} can be asked {offered}, not {name!r}")
    return Op(str(name))


def _reach(value: object, *, path: str) -> int:
    days = _integer(value, path=path)
    if not 0 <= days <= LONGEST_REACH:
        raise BadCondition(path, f"days are between 0 and {LONGEST_REACH}")
    return days


def _text(value: object, *, path: str) -> str:
    if not isinstance(value, str):
        raise BadCondition(path, f"expected text, found {value!r}")
    if "\0" in value or value != value.encode(errors="ignore").decode():
        raise BadCondition(path, "expected text that a database can hold")
    return value


def _integer(value: object, *, path: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise BadCondition(path, f"expected a whole number, found {value!r}")
    if abs(value) > LARGEST_INTEGER:
        raise BadCondition(path, "that number is too large")
    return value


def _decimal(value: object, *, path: str) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, str | int | float | Decimal):
        raise BadCondition(path, f"expected a number, found {value!r}")
    try:
        number = Decimal(str(value))
    except InvalidOperation as error:
        raise BadCondition(path, f"expected a number, found {value!r}") from error
    if not number.is_finite():
        raise BadCondition(path, f"expected a number, found {value!r}")
    _, digits, exponent = number.as_tuple()
    if len(digits) > MOST_DIGITS or abs(int(exponent)) > MOST_DIGITS:
        raise BadCondition(path, f"numbers have at most {MOST_DIGITS} digits")
    return number


def _date(value: object, *, path: str) -> date:
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    try:
        return date.fromisoformat(str(value))
    except ValueError as error:
        message = f"expected a date such as 2026-07-29, found {value!r}"
        raise BadCondition(path, message) from error


def _boolean(value: object, *, path: str) -> bool:
    if not isinstance(value, bool):
        raise BadCondition(path, f"expected true or false, found {value!r}")
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


def explain(tree: Condition, facts: Row, *, as_of: date) -> list[str]:
    """Say why ``tree`` holds for ``facts``: a dated line for each leaf that made it hold.

    Under a *not* those are the leaves that are false. No lines if the tree is not true, or if
    it is true of everybody.
    """
    day = _spoken(as_of)
    return [
        f"On {day}: {_about(leaf, facts, as_of=as_of)} (asked: {_asked(leaf, holds=holds)})"
        for leaf, holds in _reasons(tree, facts, as_of=as_of, wanted=True)
    ]


def in_words(tree: Condition) -> str:
    """Say what ``tree`` asks, in one line: everybody where it asks nothing."""
    match tree:
        case Leaf():
            return _asked(tree, holds=True)
        case Not(part):
            return f"not ({in_words(part)})"
        case AllOf(parts):
            return _listed_words(parts, " and ") or "everybody"
        case AnyOf(parts):
            return _listed_words(parts, " or ") or "nobody"


def _listed_words(parts: tuple[Condition, ...], word: str) -> str:
    """The parts one after another; what has parts of its own stands in brackets."""
    said: list[str] = []
    for part in parts:
        several = isinstance(part, AllOf | AnyOf) and len(part.parts) > 1
        words = f"({in_words(part)})" if several else in_words(part)
        said.append(words[:1].lower() + words[1:] if said and words[1:2].islower() else words)
    return word.join(said)


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
        return f"{leaf.fact.label} is not known yet"
    ago = _distance(known, as_of) if isinstance(known, date) else ""
    return leaf.fact.explain.format(value=_called(leaf.fact, known)[0], ago=ago)


def _asked(leaf: Leaf, *, holds: bool) -> str:
    if isinstance(leaf.value, tuple):
        shown = ", ".join(_called(leaf.fact, *leaf.value))
    elif leaf.op in REACH:
        shown = _days(leaf.value if isinstance(leaf.value, int) else 0)
    else:
        shown = _called(leaf.fact, leaf.value)[0]
    dated = leaf.fact.kind is Kind.DATE
    phrase = (DATED_PHRASES if dated else {}).get(leaf.op) or PHRASES[leaf.op]
    asked = f"{leaf.fact.label} {phrase.format(shown)}"
    return asked if holds else f"not {asked}"


PHRASES: Mapping[Op, str] = {
    Op.EQ: "is {}",
    Op.NE: "is anything but {}",
    Op.LT: "is less than {}",
    Op.LE: "is at most {}",
    Op.GT: "is more than {}",
    Op.GE: "is at least {}",
    Op.IN: "is one of {}",
    Op.NOT_IN: "is none of {}",
    Op.OLDER_THAN_DAYS: "is more than {} ago",
    Op.WITHIN_LAST_DAYS: "is within the last {}",
    Op.WITHIN_NEXT_DAYS: "is within the next {}",
    Op.LATER_THAN_DAYS: "is more than {} ahead",
    Op.IS_NULL: "is not known",
    Op.NOT_NULL: "is known",
}
DATED_PHRASES: Mapping[Op, str] = {
    Op.LT: "is before {}",
    Op.LE: "is on or before {}",
    Op.GT: "is after {}",
    Op.GE: "is on or after {}",
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
        return "the same day"
    return f"{_days(abs(days))} {'before' if days > 0 else 'ahead'}"


def _days(count: int) -> str:
    return "1 day" if count == 1 else f"{count:,} days"


def _spoken(value: object) -> str:
    match value:
        case bool():
            return "yes" if value else "no"
        case date():
            return f"{value.day} {month_name[value.month]} {value.year}"
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
