"""What every part of the REST API has in common: its pages, its filters and its refusals."""

from collections.abc import Callable, Collection, Sequence
from http import HTTPStatus
from typing import Any

from django.db.models import QuerySet
from django_filters.rest_framework import DjangoFilterBackend
from drf_spectacular.utils import OpenApiResponse
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from config.kernel.keyset import BadCursor, KeysetPage, page
from config.kernel.problems import CONTENT_TYPE

PAGE_SIZE = 50
LARGEST_PAGE = 200


class PageInput(serializers.Serializer[Any]):
    """Which page is asked for."""

    page_size = serializers.IntegerField(
        min_value=1,
        max_value=LARGEST_PAGE,
        default=PAGE_SIZE,
        help_text=f"Rows a page, at most {LARGEST_PAGE}.",
    )
    cursor = serializers.CharField(
        required=False, help_text="`next` or `previous` of an earlier answer, as it was given."
    )


FORWARDS, BACKWARDS = "n", "p"


class KeysetPagination(BasePagination):
    """Pages of ``{results, next, previous}``, the last two being cursors or null.

    The view says the order with ``keyset_order``, an attribute or a property.
    """

    shown: KeysetPage[Any]

    def paginate_queryset(
        self, queryset: Any, request: Request, view: APIView | None = None
    ) -> list[Any]:
        order: Sequence[str] = view.keyset_order  # type: ignore[union-attr]  # ours have it
        self.shown = paged(
            request, lambda size, **edges: page(queryset, order=order, size=size, **edges)
        )
        return self.shown.items

    def get_paginated_response(self, data: Any) -> Response:
        return Response(page_body(self.shown, data))

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        cursor = {
            "type": "string",
            "nullable": True,
            "description": "For `cursor`; null where there is no such page.",
        }
        return {
            "type": "object",
            "required": ["results", "next", "previous"],
            "properties": {"results": schema, "next": cursor, "previous": cursor},
        }

    def get_schema_operation_parameters(self, view: APIView) -> list[dict[str, Any]]:
        said = PageInput().fields
        return [
            {
                "name": "page_size",
                "in": "query",
                "required": False,
                "description": str(said["page_size"].help_text),
                "schema": {
                    "type": "integer",
                    "minimum": 1,
                    "maximum": LARGEST_PAGE,
                    "default": PAGE_SIZE,
                },
            },
            {
                "name": "cursor",
                "in": "query",
                "required": False,
                "description": str(said["cursor"].help_text),
                "schema": {"type": "string"},
            },
        ]


def paged(request: Request, ask: Callable[..., KeysetPage[Any]]) -> KeysetPage[Any]:
    """Call ``ask(size, after=…)`` or ``ask(size, before=…)`` as the request says.

    What the client gets as cursors are one opaque word each, good for either direction. A
    cursor that cannot be read is a ``ValidationError``.
    """
    given = PageInput(data=request.query_params)
    given.is_valid(raise_exception=True)
    size, cursor = given.validated_data["page_size"], given.validated_data.get("cursor", "")
    edge = {"before" if cursor[0] == BACKWARDS else "after": cursor[1:]} if cursor else {}
    if cursor and cursor[0] not in {FORWARDS, BACKWARDS}:
        raise ValidationError({"cursor": "This cursor cannot be read."})
    try:
        return ask(size, **edge)
    except BadCursor as error:
        raise ValidationError({"cursor": str(error)}) from error


def asked(
    request: Request, form: type[serializers.Serializer[Any]], *others: str
) -> dict[str, Any]:
    """Return what the parameters say, read by ``form``; ``others`` are read elsewhere.

    Raises ``ValidationError`` for a value that makes no sense and for a parameter that nobody
    reads.
    """
    given = form(data=request.query_params)
    refuse_unknown(request, {*given.fields, *others})
    given.is_valid(raise_exception=True)
    said: dict[str, Any] = given.validated_data
    return said


def refuse_unknown(request: Request, known: Collection[str]) -> None:
    """Raise ``ValidationError`` for a parameter that is not ``known``, most often a slip."""
    if unknown := sorted(set(request.query_params) - set(known)):
        raise ValidationError(dict.fromkeys(unknown, "There is no such parameter."))


def page_body(shown: KeysetPage[Any], data: Any) -> dict[str, Any]:
    """Return the JSON of a page whose rows have become ``data``."""
    return {
        "results": data,
        "next": shown.next and FORWARDS + shown.next,
        "previous": shown.previous and BACKWARDS + shown.previous,
    }


class FilterBackend(DjangoFilterBackend):
    """The view's filter set; a parameter that nobody reads is refused: it would filter nothing.

    The filter set stays at hand as ``view.asked``, for its order.
    """

    def get_filterset(self, request: Request, queryset: QuerySet[Any], view: APIView) -> Any:
        asked = super().get_filterset(request, queryset, view)
        view.asked = asked  # type: ignore[attr-defined]  # our own attribute
        known = set(asked.filters) if asked is not None else set()
        refuse_unknown(request, known | set(PageInput().fields))
        return asked


class Problem(serializers.Serializer[Any]):
    """What went wrong, as RFC 9457 has it."""

    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField(help_text="In words, for people.")
    code = serializers.CharField(required=False)
    errors = serializers.ListField(  # type: ignore[assignment]  # a field by that name
        child=serializers.DictField(child=serializers.CharField()),
        required=False,
        help_text="Each `{field, code, message}`, where the input was at fault.",
    )


REASONS = {
    HTTPStatus.BAD_REQUEST: "Something in the request makes no sense; `errors` says what.",
    HTTPStatus.UNAUTHORIZED: "No token, or one that is unknown, expired or revoked.",
    HTTPStatus.FORBIDDEN: "The role or the token's scopes do not allow this.",
    HTTPStatus.NOT_FOUND: "There is no such thing, or it is not for the caller to see.",
    HTTPStatus.CONFLICT: "What was asked no longer fits.",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "More than is taken at once.",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "The body is not of a kind that is taken here.",
    HTTPStatus.UNPROCESSABLE_ENTITY: "This Idempotency-Key was used for another request.",
    HTTPStatus.TOO_MANY_REQUESTS: "Too many requests this minute; `Retry-After` says how long.",
}


def problems(*statuses: int) -> dict[tuple[int, str], OpenApiResponse]:
    """Return what an operation's documentation says of these refusals.

    Those that any operation may give (401, 403, 429) are always among them.
    """
    every = {*statuses, 401, 403, 429}
    return {
        (status, CONTENT_TYPE): OpenApiResponse(Problem, REASONS[HTTPStatus(status)])
        for status in sorted(every)
    }
