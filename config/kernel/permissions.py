"""Who may: permissions are enums in code, granted to roles by each app's ``access`` module.

Nothing is granted by default, and nothing is granted in the database.
"""

from collections.abc import Callable, Mapping
from functools import cache, wraps
from http import HTTPStatus
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit, urlunsplit

from django.apps import apps
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import ImproperlyConfigured, PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from rest_framework.permissions import SAFE_METHODS, BasePermission

from config.kernel.fragments import is_fragment

if TYPE_CHECKING:
    from rest_framework.request import Request
    from rest_framework.views import APIView

ViewCallable = TypeVar("ViewCallable", bound=Callable[..., HttpResponseBase])
View = Callable[..., HttpResponseBase]


@cache
def grants() -> Mapping[str, frozenset[str]]:
    """Return role name → permissions, collected once from every installed app's ``access``.

    An app that grants what its own ``Permission`` does not declare, or that declares a
    permission another app already has, is an ``ImproperlyConfigured``.
    """
    collected: dict[str, frozenset[str]] = {}
    declared_by: dict[str, str] = {}
    for module in _access_modules():
        declared = {str(permission) for permission in module.Permission}
        for permission in declared:
            if permission in declared_by:
                raise ImproperlyConfigured(
                    f"{module.__name__} and {declared_by[permission]} both declare the "
                    f"permission {permission!r}."
                )
            declared_by[permission] = module.__name__
        for role, granted in module.GRANTS.items():
            names = frozenset(str(permission) for permission in granted)
            if foreign := sorted(names - declared):
                raise ImproperlyConfigured(
                    f"{module.__name__} grants {', '.join(foreign)} to {role!s} but does not "
                    "declare it."
                )
            collected[str(role)] = collected.get(str(role), frozenset()) | names
    return collected


def permissions_of(user: object) -> frozenset[str]:
    """Return what ``user`` may do: nothing if anonymous, inactive or without a role.

    A user with several ``roles`` may do what any of them grants.
    """
    if not (getattr(user, "is_authenticated", False) and getattr(user, "is_active", False)):
        return frozenset()
    roles = getattr(user, "roles", None) or (str(getattr(user, "role", "")),)
    held = grants()
    return frozenset().union(*(held.get(role, frozenset()) for role in roles))


def has(user: object, permission: str) -> bool:
    """Say whether ``user``'s role grants ``permission``."""
    return str(permission) in permissions_of(user)


def may(request: "HttpRequest | Request", permission: str) -> bool:
    """Say whether this request may: the role grants it, and so does the key it came with.

    A request's ``auth`` with ``scopes`` narrows the role, and never widens it.
    """
    scopes = getattr(getattr(request, "auth", None), "scopes", None)
    return has(request.user, permission) and (scopes is None or str(permission) in scopes)


def requires(permission: str) -> Callable[[View], View]:
    """Let a function view be reached only by those whose role grants ``permission``.

    Someone signed in without it gets 403; someone not signed in is sent to the log-in page and
    back. The wrapped view carries ``required_permission``, by which a test knows every address
    to be guarded.
    """

    def decorate(view: View) -> View:
        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if has(request.user, permission):
                return view(request, *args, **kwargs)
            if request.user.is_authenticated:
                raise PermissionDenied
            return _to_log_in(request)

        guarded.required_permission = permission  # type: ignore[attr-defined]
        return guarded

    return decorate


def public(view: ViewCallable) -> ViewCallable:
    """Mark a view as open to everybody, on purpose."""
    view.is_public = True  # type: ignore[attr-defined]
    return view


class HasPermission(BasePermission):
    """Ask the view's ``permission_map`` (action, or method in lower case → permission).

    An action that the map does not name is denied. A method that the view does not offer
    passes, because REST framework then answers 405 without running anything.
    """

    def has_permission(self, request: "Request", view: "APIView") -> bool:
        if request.method not in view.allowed_methods:
            return True
        action = getattr(view, "action", None) or (request.method or "").lower()
        permissions: Mapping[str, str] = getattr(view, "permission_map", {})
        permission = permissions.get(action)
        return permission is not None and may(request, permission)

    def has_object_permission(self, request: "Request", view: "APIView", obj: Any) -> bool:
        """Leave objects to ``visible_to``: what a user may not see is 404, not 403."""
        return True


def _access_modules() -> list[ModuleType]:
    names = (f"{app.name}.access" for app in apps.get_app_configs())
    found = [import_module(name) for name in names if find_spec(name)]
    return [module for module in found if hasattr(module, "GRANTS")]


def _to_log_in(request: HttpRequest) -> HttpResponseBase:
    """Send the whole page to the log-in page, even where only a fragment was asked for.

    What a script sends is only refused: leaving the page would lose what was typed there.
    """
    if not is_fragment(request):
        return redirect_to_login(request.get_full_path())
    if request.method not in SAFE_METHODS:
        return HttpResponse(status=HTTPStatus.UNAUTHORIZED)
    shown = urlsplit(request.headers.get("HX-Current-URL", request.get_full_path()))
    page = urlunsplit(("", "", shown.path, shown.query, ""))
    return HttpResponse(headers={"HX-Redirect": redirect_to_login(page).url})
