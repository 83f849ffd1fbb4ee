"""Values as plain JSON and back, nothing rounded: a night writes them, pages read them."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from functools import cache
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints
from uuid import UUID

AS_TEXT = (Fraction, Decimal, UUID)


def write(value: Any) -> Any:  # noqa: PLR0911  # a kind of value a line
    """Return ``value`` as plain JSON; dataclasses, exact numbers, days and enums within."""
    if isinstance(value, Enum):
        return value.value
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, AS_TEXT):
        return str(value)
    if isinstance(value, date):
        return value.isoformat()
    if is_dataclass(value):
        return [write(getattr(value, each.name)) for each in fields(value) if each.init]
    if isinstance(value, Mapping):
        # pairs, for keys need not be text
        return [[write(key), write(each)] for key, each in value.items()]
    if isinstance(value, list | tuple):
        return [write(each) for each in value]
    if isinstance(value, set | frozenset):
        return sorted(write(each) for each in value)
    raise TypeError(f"{type(value)} cannot be written down.")


def read(kind: Any, said: Any) -> Any:  # noqa: PLR0911  # a kind of value a line
    """Return what ``write`` wrote of a value of the type ``kind``, equal to it."""
    origin = get_origin(kind) or kind
    if origin in {Union, UnionType}:
        if said is None:
            return None
        [only] = [each for each in get_args(kind) if each is not NoneType]
        return read(only, said)
    if said is None or origin in {Any, int, float, str, bool}:
        return said
    if origin in {date, datetime}:
        return origin.fromisoformat(said)
    if isinstance(origin, type) and issubclass(origin, (*AS_TEXT, Enum)):
        return origin(said)
    if is_dataclass(origin):
        return _dataclass(kind, origin, said)
    if hasattr(origin, "_fields"):
        hints = _hints(origin)
        return origin(*(read(hints[n], s) for n, s in zip(origin._fields, said, strict=True)))
    return _collection(kind, origin, said)


def _dataclass(kind: Any, origin: Any, said: Any) -> Any:
    hints = _hints(origin)
    of = dict(zip(getattr(origin, "__parameters__", ()), get_args(kind), strict=False))
    names = [each.name for each in fields(origin) if each.init]
    return origin(
        **{
            name: read(_filled(hints[name], of), each)
            for name, each in zip(names, said, strict=True)
        }
    )


def _collection(kind: Any, origin: Any, said: Any) -> Any:
    of = get_args(kind)
    if issubclass(origin, Mapping):
        return {read(of[0], key): read(of[1], each) for key, each in said}
    if origin is tuple and of[-1] is not Ellipsis:
        return tuple(read(one, each) for one, each in zip(of, said, strict=True))
    kinds = {tuple: tuple, set: set, frozenset: frozenset}
    return kinds.get(origin, list)(read(of[0], each) for each in said)


def _filled(kind: Any, of: Mapping[Any, Any]) -> Any:
    """A hint with the parameters of its generic class filled in."""
    if isinstance(kind, TypeVar):
        return of.get(kind, Any)
    parameters = getattr(kind, "__parameters__", ())
    return kind[tuple(of.get(each, Any) for each in parameters)] if parameters else kind


@cache
def _hints(kind: Any) -> dict[str, Any]:
    return get_type_hints(kind)
