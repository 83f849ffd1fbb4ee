"""Every address the site answers at, and ways to ask it without letting it write."""

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from inspect import Parameter, signature
from itertools import islice, product
from typing import Any

from django.apps import apps
from django.db import connection, transaction
from django.urls import (
    NoReverseMatch,
    URLPattern,
    URLResolver,
    get_resolver,
    include,
    path,
    reverse,
)

from config.kernel.permissions import HasPermission
from tests.architecture.source import APPS

READ_ONLY_TRANSACTION = "25006"
MOST_TRIES = 60

# Whose views decide by themselves who may see them, and how.
DECIDE_THEMSELVES = {
    "allauth.": "each account page knows whether it is for strangers or for those signed in",
    "django.contrib.staticfiles.": "style sheets and scripts are for everybody",
    "django.views.static": "style sheets and scripts are for everybody",
    "django.views.i18n": "words of the interface are for everybody",
    "drf_spectacular.": "the description of the API holds no data",
}
NAMESPACES_THAT_DECIDE = {"admin": "the admin site lets in only those marked as staff"}


@dataclass(frozen=True)
class Address:
    """One pattern of the resolver; its name begins with its namespaces."""

    route: str
    namespaces: tuple[str, ...]
    name: str | None
    parameters: tuple[str, ...]
    callback: Callable[..., Any]

    @property
    def module(self) -> str:
        """Where the view was written, seen through ``as_view``."""
        view = getattr(self.callback, "view_class", None) or getattr(self.callback, "cls", None)
        return (view or self.callback).__module__

    @property
    def decides_itself(self) -> bool:
        return self.module.startswith(tuple(DECIDE_THEMSELVES)) or bool(
            NAMESPACES_THAT_DECIDE.keys() & set(self.namespaces)
        )


def addresses(
    patterns: list[Any] | None = None,
    *,
    route: str = "",
    namespaces: tuple[str, ...] = (),
    parameters: tuple[str, ...] = (),
) -> Iterator[Address]:
    """Yield every address below ``patterns``, those of the root without any."""
    for pattern in get_resolver().url_patterns if patterns is None else patterns:
        here = f"{route}{pattern.pattern}"
        given = (*parameters, *_parameters(pattern))
        if isinstance(pattern, URLResolver):
            inner = namespaces + ((pattern.namespace,) if pattern.namespace else ())
            yield from addresses(
                pattern.url_patterns, route=here, namespaces=inner, parameters=given
            )
        elif isinstance(pattern, URLPattern):
            name = ":".join((*namespaces, pattern.name)) if pattern.name else None
            yield Address(here, namespaces, name, given, pattern.callback)


def _parameters(pattern: URLPattern | URLResolver) -> list[str]:
    named = {*pattern.pattern.converters, *pattern.pattern.regex.groupindex}
    return sorted(named - {"format"})


def undeclared(address: Address) -> str | None:
    """Say what an address lacks: its view asks for a permission, or is open on purpose."""
    callback = address.callback
    if address.decides_itself or getattr(callback, "is_public", False):
        return None
    if getattr(callback, "required_permission", None):
        return None
    api_view = getattr(callback, "cls", None)
    if api_view is None:
        return "neither @requires nor @public"
    if HasPermission not in api_view.permission_classes:
        return "its permission_classes lack HasPermission"
    methods = (m for m in api_view.http_method_names if hasattr(api_view, m))
    actions = set(getattr(callback, "actions", None) or {}) and set(callback.actions.values())
    asked = actions or set(methods) - {"options", "head"}
    missing = sorted(asked - set(getattr(api_view, "permission_map", {})))
    return f"its permission_map lacks {', '.join(missing)}" if missing else None


def candidates(address: Address) -> Iterator[str]:
    """Yield URLs of ``address``; where it takes parameters, one for each thing they may name."""
    if address.name is None:
        return
    choices = [known_values(parameter) for parameter in address.parameters]
    for values in islice(product(*choices), MOST_TRIES):
        try:
            yield reverse(
                address.name, kwargs=dict(zip(address.parameters, values, strict=True))
            )
        except NoReverseMatch:
            continue


def known_values(parameter: str) -> list[object]:
    """Return what a parameter may name among the rows there are, and one that names nothing."""
    ids: list[object] = []
    keys: list[object] = []
    for model in apps.get_models():
        if model._meta.app_label not in APPS:  # noqa: SLF001
            continue
        row = model._default_manager.order_by("pk").first()  # noqa: SLF001
        if row is not None:
            ids += [row.public_id] if hasattr(row, "public_id") else []
            keys.append(row.pk)
    years = [2025] if "year" in parameter else []
    words = ["unknown", "2026-07-29"]
    return [*years, *dict.fromkeys(ids), *dict.fromkeys(keys), *words, uuid.UUID(int=0)]


def make_one_of_each() -> int:
    """Call each factory that needs no arguments; return how many rows' makers there were."""
    if not find_spec("tests.factories"):
        return 0
    factories = import_module("tests.factories")
    made = 0
    for name, factory in vars(factories).items():
        if not name.startswith("make_") or not callable(factory):
            continue
        needed = [
            parameter
            for parameter in signature(factory).parameters.values()
            if parameter.default is Parameter.empty
            and parameter.kind not in {Parameter.VAR_KEYWORD, Parameter.VAR_POSITIONAL}
        ]
        if not needed:
            factory()
            made += 1
    return made


@contextmanager
def refusing_writes() -> Iterator[list[str]]:
    """Let PostgreSQL itself refuse every write; yield the list of those tried.

    The statement is noted also where the view hides the error. Nothing stays afterwards.
    """
    tried: list[str] = []

    def watch(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        try:
            return execute(sql, params, many, context)
        except Exception as error:
            if getattr(error.__cause__, "pgcode", None) == READ_ONLY_TRANSACTION:
                tried.append(sql)
            raise

    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL transaction_read_only = on")
        with connection.execute_wrapper(watch):
            yield tried
        transaction.set_rollback(True)


@cache
def planted_root(*views: Callable[..., Any]) -> list[Any]:
    """Return patterns for ``views``, nested as the apps' own are."""
    inner = [path(f"{i}/<int:pk>/", view, name=f"v{i}") for i, view in enumerate(views)]
    return [path("inner/", include((inner, "inner")))]
