"""What the last night wrote down of questions that are too much work for a page.

A question is a function and all that it was asked. Whoever asks the same gets the night's
answer, be it a page, a program or a file; anything else is worked out when it is asked.
"""

import json
from collections.abc import Callable
from functools import wraps
from inspect import signature
from typing import Any, ParamSpec, TypeVar, cast, get_type_hints

from config.kernel import exact
from success.models import MeasureReading

P = ParamSpec("P")
R = TypeVar("R")


def kept_by_night(work_out: Callable[P, R]) -> Callable[P, R]:
    """Answer as the last night did where it was asked the very same, else work it out now.

    One statement. The night itself asks ``anew``. Everything asked and answered must be such
    as ``config.kernel.exact`` can write.
    """

    @wraps(work_out)
    def ask(*given: P.args, **asked: P.kwargs) -> R:
        said = _said(ask, *given, **asked)
        return work_out(*given, **asked) if said is None else _read(ask, said)

    return ask


def known(asked_of: Callable[..., R], *given: Any, **asked: Any) -> R | None:
    """Return what the night answered to a question; null where it was not asked that."""
    said = _said(asked_of, *given, **asked)
    return None if said is None else _read(asked_of, said)


def anew(asked_of: Callable[..., Any], *given: Any, **asked: Any) -> Any:
    """Return the answer worked out now, as plain JSON, whatever is kept of it."""
    work_out = asked_of.__wrapped__  # type: ignore[attr-defined]  # left there by wraps()
    return exact.write(work_out(*given, **asked))


def question(asked_of: Callable[..., Any], *given: Any, **asked: Any) -> str:
    """Return the name that an answer is kept under: the function, and all it was asked."""
    bound = signature(asked_of).bind(*given, **asked)
    bound.apply_defaults()
    arguments = {name: exact.write(value) for name, value in bound.arguments.items()}
    return f"{topic(asked_of)}?{json.dumps(arguments, sort_keys=True)}"


def topic(asked_of: Callable[..., Any]) -> str:
    """Return what the questions to a function begin with: its module and its name."""
    return f"{asked_of.__module__.rpartition('.')[2]}.{asked_of.__name__}"


def _said(asked_of: Callable[..., Any], *given: Any, **asked: Any) -> Any:
    named = MeasureReading.objects.filter(question=question(asked_of, *given, **asked))
    return named.values_list("said", flat=True).first()


def _read(asked_of: Callable[..., R], said: Any) -> R:
    return cast("R", exact.read(get_type_hints(asked_of)["return"], said["answer"]))
