"""What the last night wrote down of questions that are too much work for a page.

A question is a function and all that it was asked. Whoever asks the same gets the night's
answer, be it a page, a program or a file; anything else is worked out when it is asked.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from inspect import signature
from typing import Any, ParamSpec, TypeVar, cast, get_type_hints

from django.db import connection

from config.kernel import exact
from success.models import MeasureReading

P = ParamSpec("P")
R = TypeVar("R")
# What has been worked out so far while answers that are kept are asked past; null elsewhere.
_found: ContextVar[dict[str, Any] | None] = ContextVar("found", default=None)
# What stands in tables of their own for a while, by their names; none elsewhere.
_standing: ContextVar[Mapping[str, Any] | None] = ContextVar("standing", default=None)


@contextmanager
def asked_anew() -> Iterator[None]:
    """Ask past what is kept: within, each question is worked out, once, from what is now."""
    token = _found.set({})
    try:
        yield
    finally:
        _found.reset(token)


def kept_by_night(work_out: Callable[P, R]) -> Callable[P, R]:
    """Answer as the last night did where it was asked the very same, else work it out now.

    One statement. Everything asked and answered must be such as ``config.kernel.exact`` can
    write.
    """

    @wraps(work_out)
    def ask(*given: P.args, **asked: P.kwargs) -> R:
        answer = known(ask, *given, **asked)
        if answer is not None:
            return answer
        answer = work_out(*given, **asked)
        found = _found.get()
        if found is not None:
            found[question(ask, *given, **asked)] = answer
        return answer

    return ask


def asked_once(work_out: Callable[P, R]) -> Callable[P, R]:
    """Work out once what several questions rest on, while answers that are kept are asked past.

    Elsewhere each time. Nobody changes what it returns.
    """

    @wraps(work_out)
    def ask(*given: P.args, **asked: P.kwargs) -> R:
        found = _found.get()
        if found is None:
            return work_out(*given, **asked)
        named = question(ask, *given, **asked)
        if named not in found:
            found[named] = work_out(*given, **asked)
        return cast("R", found[named])

    return ask


def known(asked_of: Callable[..., R], *given: Any, **asked: Any) -> R | None:
    """Return what the night answered to a question; null where it was not asked that."""
    named = question(asked_of, *given, **asked)
    found = _found.get()
    if found is not None:
        return found.get(named)
    said = MeasureReading.objects.filter(question=named).values_list("said", flat=True).first()
    if said is None:
        return None
    return cast("R", exact.read(get_type_hints(asked_of)["return"], said["answer"]))


def question(asked_of: Callable[..., Any], *given: Any, **asked: Any) -> str:
    """Return the name that an answer is kept under: the function, and all it was asked."""
    bound = signature(asked_of).bind(*given, **asked)
    bound.apply_defaults()
    arguments = {name: exact.write(value) for name, value in bound.arguments.items()}
    return f"{topic(asked_of)}?{json.dumps(arguments, sort_keys=True)}"


def topic(asked_of: Callable[..., Any]) -> str:
    """Return what the questions to a function begin with: its module and its name."""
    return f"{asked_of.__module__.rpartition('.')[2]}.{asked_of.__name__}"


@contextmanager
def written_out(
    table: str, *, of: object, rows: str, asked: Mapping[str, Any]
) -> Iterator[None]:
    """Work the rows of a statement out once, for several questions to read from a table.

    Within, ``stands`` says so of the same ``of``. In a transaction: the table is temporary.
    """
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE TEMPORARY TABLE {table} ON COMMIT DROP AS {rows}", dict(asked))
        token = _standing.set({**(_standing.get() or {}), table: of})
        try:
            yield
        finally:
            _standing.reset(token)
        cursor.execute(f"DROP TABLE {table}")


def stands(table: str, *, of: object) -> bool:
    """Say whether the rows of a table are written out, and of this."""
    return (_standing.get() or {}).get(table) == of
