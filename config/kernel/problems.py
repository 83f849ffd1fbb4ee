"""Errors of the API as problem+json (RFC 9457), all in one shape."""

from collections.abc import Iterator, Mapping, Sequence
from http import HTTPStatus
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import set_rollback

CONTENT_TYPE = "application/problem+json"


class Conflict(exceptions.APIException):
    """What was asked no longer fits; ``detail`` says why, such as who holds the item.

    ``extra`` adds members to the problem, for programs.
    """

    status_code = HTTPStatus.CONFLICT
    default_detail = "Somebody else was here first."
    default_code = "conflict"

    def __init__(
        self, detail: str | None = None, *, extra: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(detail)
        self.extra = dict(extra or {})


def handle(error: Exception, context: Mapping[str, Any]) -> Response | None:  # noqa: ARG001  DRF passes it
    """Turn what a view raised into a problem; None leaves it to Django as a failure."""
    if isinstance(error, Http404):
        error = exceptions.NotFound()
    elif isinstance(error, PermissionDenied):
        error = exceptions.PermissionDenied()
    if not isinstance(error, exceptions.APIException):
        return None
    set_rollback()
    headers = {}
    if challenge := getattr(error, "auth_header", None):
        headers["WWW-Authenticate"] = challenge
    if wait := getattr(error, "wait", None):
        headers["Retry-After"] = f"{wait:.0f}"
    return Response(
        _problem(error),
        status=int(error.status_code),
        headers=headers,
        content_type=CONTENT_TYPE,
    )


def _problem(error: exceptions.APIException) -> dict[str, Any]:
    problem: dict[str, Any] = {
        "type": "about:blank",
        "title": HTTPStatus(error.status_code).phrase,
        "status": int(error.status_code),
    }
    if isinstance(error, exceptions.ValidationError):
        found = list(_flatten(error.detail))
        problem["detail"] = "; ".join(
            f"{entry['field']}: {entry['message']}" if entry["field"] else entry["message"]
            for entry in found
        )
        problem["errors"] = found
    else:
        problem["detail"] = str(error.detail)
        problem["code"] = str(error.get_codes())
    return problem | dict(getattr(error, "extra", {}))


def _flatten(detail: Any, *, field: str = "") -> Iterator[dict[str, str]]:
    """Yield each message with the dotted path of its field; empty for the whole input."""
    if isinstance(detail, Mapping):
        for key, value in detail.items():
            name = "" if key == "non_field_errors" else str(key)
            yield from _flatten(value, field=".".join(filter(None, [field, name])))
    elif isinstance(detail, Sequence) and not isinstance(detail, str):
        for index, value in enumerate(detail):
            nested = isinstance(value, Mapping)
            path = ".".join(filter(None, [field, str(index)])) if nested else field
            yield from _flatten(value, field=path)
    else:
        code = getattr(detail, "code", None) or "invalid"
        yield {"field": field, "code": str(code), "message": str(detail)}
