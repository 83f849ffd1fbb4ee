"""Paging that goes on after a row instead of counting rows: page 10,000 costs like page 1."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from itertools import takewhile
from typing import Any, Generic, TypeVar
from uuid import UUID

from django.core.exceptions import FieldDoesNotExist
from django.core.signing import BadSignature, Signer
from django.db.models import BooleanField, Expression, F, Field, Func, Model, Q, QuerySet, Value
from django.db.models.expressions import OrderBy
from django.http import HttpRequest

M = TypeVar("M", bound=Model)
T = TypeVar("T")
SIGNER = Signer(salt="waymark.keyset")


class BadCursor(ValueError):
    """A cursor that we did not hand out, or not for this order."""


@dataclass(frozen=True)
class KeysetPage(Generic[T]):
    """A page of rows, with the cursors of its neighbours where there are any."""

    items: list[T]
    next: str | None
    previous: str | None


@dataclass(frozen=True)
class _Column:
    name: str
    alias: str
    descending: bool
    nullable: bool
    field: "Field[Any, Any]"

    def ordering(self, *, backwards: bool) -> OrderBy:
        """Nulls stand last, and so first when read backwards."""
        falling = self.descending != backwards
        nulls: dict[str, Any] = {}
        if self.nullable:
            nulls = {"nulls_first": True} if backwards else {"nulls_last": True}
        column = F(self.alias)
        return column.desc(**nulls) if falling else column.asc(**nulls)

    def level(self, value: Any) -> Q:
        if value is None:
            return Q(**{f"{self.alias}__isnull": True})
        return Q(**{self.alias: value})

    def bound(self, value: Any, *, backwards: bool) -> Q:
        """Return what being past ``value`` implies here, said so that an index can help."""
        if self.nullable:
            return Q()
        side = "lte" if self.descending != backwards else "gte"
        return Q(**{f"{self.alias}__{side}": value})

    def beyond(self, value: Any, *, backwards: bool) -> Q | None:
        """Return the rows past ``value`` in this column alone; ``None`` if there are none."""
        if value is None:
            return Q(**{f"{self.alias}__isnull": False}) if backwards else None
        past = "lt" if self.descending != backwards else "gt"
        rows = Q(**{f"{self.alias}__{past}": value})
        if self.nullable and not backwards:
            rows |= Q(**{f"{self.alias}__isnull": True})
        return rows


class _RowComparison(Func):
    """``(a, b) > (x, y)``, which PostgreSQL answers from one index range."""

    conditional = True
    output_field = BooleanField()

    def __init__(self, *expressions: Any, sign: str) -> None:
        super().__init__(*expressions)
        self.sign = sign

    def as_sql(self, compiler: Any, connection: Any, **_: Any) -> tuple[str, list[Any]]:  # type: ignore[override]
        parts: list[str] = []
        params: list[Any] = []
        for expression in self.get_source_expressions():
            sql, values = compiler.compile(expression)
            parts.append(sql)
            params.extend(values)
        half = len(parts) // 2
        left, right = ", ".join(parts[:half]), ", ".join(parts[half:])
        return f"(({left}) {self.sign} ({right}))", params


def page(
    queryset: QuerySet[M],
    *,
    order: Sequence[str],
    size: int,
    after: str | None = None,
    before: str | None = None,
) -> KeysetPage[M]:
    """Return up to ``size`` rows of ``queryset`` in ``order``, after or before a cursor.

    ``order`` names columns, annotations or columns across foreign keys, with a minus sign for
    descending; the primary key is added to make it total, in the direction of the last of them,
    so that one index serves both directions of a page. Nulls come last either way. A cursor
    holds, signed but readable, the order's values of the row at the edge. Raises ``BadCursor``
    for one that is not ours or belongs to another order, and if both are given.
    """
    if size < 1:
        raise ValueError("A page has at least one row.")
    if after and before:
        raise BadCursor("Ask for what comes after a row or before it, not both.")
    rows, columns = _columns(queryset, order)
    backwards = bool(before)
    cursor = before or after
    if cursor:
        values = _decode(cursor, columns)
        rows = rows.filter(_past(columns, values, backwards=backwards))
    ordered = rows.order_by(*(column.ordering(backwards=backwards) for column in columns))
    found = list(ordered[: size + 1])
    more = len(found) > size
    items = found[:size]
    if backwards:
        items.reverse()
    return KeysetPage(
        items=items,
        next=_edge(items[-1:], columns, cursor=cursor) if backwards or more else None,
        previous=(
            _edge(items[:1], columns, cursor=cursor)
            if (more if backwards else cursor)
            else None
        ),
    )


def page_asked(
    request: HttpRequest, queryset: QuerySet[M], *, order: Sequence[str], size: int
) -> KeysetPage[M]:
    """Return the page that an address asks for by ``after`` or ``before``; see ``page``."""
    after, before = request.GET.get("after"), request.GET.get("before")
    return page(queryset, order=order, size=size, after=after, before=before)


def _edge(items: list[M], columns: list[_Column], *, cursor: str | None) -> str | None:
    """Return the cursor of the row at the edge; where a page came out empty, the one it had."""
    return _encode(items[0], columns) if items else cursor


def _columns(queryset: QuerySet[M], order: Sequence[str]) -> tuple[QuerySet[M], list[_Column]]:
    """Return the queryset with every column of the order at hand, and those columns."""
    names = list(order)
    key = queryset.model._meta.pk.name  # noqa: SLF001  # Django's documented model API
    if not {name.removeprefix("-") for name in names} & {"pk", key}:
        names.append(f"-{key}" if names and names[-1].startswith("-") else key)
    aliases = {f"keyset_{index}": F(name.removeprefix("-")) for index, name in enumerate(names)}
    rows: QuerySet[M] = queryset.annotate(**aliases)
    columns = [
        _Column(
            name=name,
            alias=alias,
            descending=name.startswith("-"),
            nullable=_nullable(queryset, name.removeprefix("-")),
            field=rows.query.annotations[alias].output_field,
        )
        for name, alias in zip(names, aliases, strict=True)
    ]
    return rows, columns


def _nullable(queryset: QuerySet[M], name: str) -> bool:
    """Say whether a null must be reckoned with; anything but a plain column may be null."""
    if name == "pk":
        return False
    try:
        return bool(queryset.model._meta.get_field(name).null)  # noqa: SLF001
    except FieldDoesNotExist:
        return True


def _past(columns: list[_Column], values: list[Any], *, backwards: bool) -> Q | Expression:
    """Return the rows past ``values`` in the order of all columns together."""
    directions = {column.descending for column in columns}
    if len(directions) == 1 and not any(column.nullable for column in columns):
        sign = "<" if directions.pop() != backwards else ">"
        edge = [
            Value(value, output_field=column.field)
            for column, value in zip(columns, values, strict=True)
        ]
        return _RowComparison(*(F(column.alias) for column in columns), *edge, sign=sign)
    rows = Q(pk__in=[])
    level = Q()
    for column, value in zip(columns, values, strict=True):
        beyond = column.beyond(value, backwards=backwards)
        if beyond is not None:
            rows |= level & beyond
        level &= column.level(value)
    return rows & _bound(columns, values, backwards=backwards)


def _bound(columns: list[_Column], values: list[Any], *, backwards: bool) -> Q:
    """Return what being past ``values`` implies of the first columns, for an index to begin at.

    Of the columns up to the first that may be null or turns the other way.
    """
    first = columns[0]
    leading = list(
        takewhile(
            lambda column: not column.nullable and column.descending == first.descending,
            columns,
        )
    )
    if len(leading) < 2:
        return first.bound(values[0], backwards=backwards)
    edge = [
        Value(value, output_field=column.field)
        for column, value in zip(leading, values, strict=False)
    ]
    sign = "<=" if first.descending != backwards else ">="
    return Q(_RowComparison(*(F(column.alias) for column in leading), *edge, sign=sign))


def _encode(item: Model, columns: list[_Column]) -> str:
    values = [_plain(getattr(item, column.alias)) for column in columns]
    return SIGNER.sign_object([[column.name for column in columns], values])


def _plain(value: Any) -> Any:
    match value:
        case None | bool() | int() | float() | str():
            return value
        case datetime() | date():
            return value.isoformat()
        case Decimal() | UUID():
            return str(value)
    raise TypeError(f"Rows cannot be paged by a {type(value).__name__}.")


def _decode(cursor: str, columns: list[_Column]) -> list[Any]:
    """Return the values in ``cursor``, each of its column's own type."""
    try:
        names, values = SIGNER.unsign_object(cursor)
    except (BadSignature, ValueError) as error:
        raise BadCursor("This cursor cannot be read.") from error
    if names != [column.name for column in columns]:
        raise BadCursor("This cursor belongs to another order.")
    return [
        None if value is None else column.field.to_python(value)
        for value, column in zip(values, columns, strict=True)
    ]
