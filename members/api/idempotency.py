"""``Idempotency-Key``: the same request sent twice is done once."""

import hashlib
import json
from collections.abc import Callable
from functools import wraps
from typing import Any

from django.db import transaction
from drf_spectacular.utils import OpenApiParameter
from rest_framework.exceptions import APIException, ValidationError
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from config.kernel import clock
from config.kernel.problems import CONTENT_TYPE
from members.services.api_access import Answer, KeyReused, answer_once

HEADER = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"
LONGEST_KEY = 255

IDEMPOTENCY_KEY = OpenApiParameter(
    name=HEADER,
    location=OpenApiParameter.HEADER,
    required=False,
    description=(
        "A name for this request, new for each one, such as a UUID. Sent again with the same "
        f"key, it is answered as the first time, with `{REPLAYED}: true`, and nothing is done "
        "again. The same key with another body is refused with 422."
    ),
)
Action = Callable[..., Response]


class KeyOfAnotherRequest(APIException):
    """RFC draft idempotency-key-header, section 2.7: the key was used with another payload."""

    status_code = 422
    default_detail = "This Idempotency-Key was used for another request."
    default_code = "idempotency_key_reused"


def idempotent(action: Action) -> Action:
    """Let a POST of a viewset honour the header; without it the action runs as it is.

    What the action answers is kept, also where it refuses (409), but for failures of ours.
    """

    @wraps(action)
    def answered_once(view: Any, request: Request, *args: Any, **kwargs: Any) -> Response:
        key = request.headers.get(HEADER)
        if key is None:
            return action(view, request, *args, **kwargs)
        if not 0 < len(key) <= LONGEST_KEY:
            raise ValidationError({HEADER: f"A key has 1 to {LONGEST_KEY} characters."})
        user: Any = request.user  # signed in: HasPermission asked
        fresh: list[Response] = []

        def answer() -> Answer:
            try:
                with transaction.atomic():
                    response = action(view, request, *args, **kwargs)
            except Exception as error:  # noqa: BLE001  # what is no problem is raised again
                response = view.handle_exception(error)
            fresh.append(response)
            return Answer(status=response.status_code, body=_plain(response.data))

        try:
            given = answer_once(
                user=user,
                key=key,
                request_hash=_hash(request),
                at=clock.now(),
                answer=answer,
            )
        except KeyReused as error:
            raise KeyOfAnotherRequest from error
        if not given.is_replayed:
            return fresh[0]
        return Response(
            given.body,
            status=given.status,
            headers={REPLAYED: "true"},
            content_type=CONTENT_TYPE if given.status >= 400 else None,
        )

    answered_once.is_idempotent = True  # type: ignore[attr-defined]  # a test looks for it
    return answered_once


def _hash(request: Request) -> str:
    """Digest of what was asked: the same JSON in another order is the same request."""
    said = [request.method, request.get_full_path(), request.data]
    plain = json.dumps(said, sort_keys=True, default=_digest)
    return hashlib.sha256(plain.encode()).hexdigest()


def _digest(file: Any) -> str:
    """Digest the content of a file that is a request's whole body."""
    return hashlib.sha256(file).hexdigest()


def _plain(data: Any) -> Any:
    """What the client will read, as JSON can hold it."""
    return json.loads(JSONRenderer().render(data)) if data is not None else None
