"""How often somebody may ask the API, and how they are told.

REST framework imports this while it defines its views, so nothing here may import those.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.conf import settings
from django.core.cache import cache
from django.db.models import Model
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from rest_framework.throttling import BaseThrottle

from config.kernel import clock

if TYPE_CHECKING:
    from rest_framework.request import Request
    from rest_framework.views import APIView

MINUTE = 60


@dataclass(frozen=True)
class Pace:
    """How much of this minute's allowance is left; ``reset`` in seconds."""

    limit: int
    remaining: int
    reset: int


class RateLimit(BaseThrottle):
    """So many requests a minute for each token, person, or stranger's address.

    Counted in the shared cache by whole minutes, so one number a caller is all it keeps.
    """

    pace: Pace | None = None

    def allow_request(self, request: "Request", view: "APIView") -> bool:
        limit: int = settings.WAYMARK_API_RATE
        seconds = int(clock.now().timestamp())
        key = f"api-rate:{self._caller(request)}:{seconds // MINUTE}"
        cache.add(key, 0, timeout=2 * MINUTE)
        try:
            used = cache.incr(key)
        except ValueError:  # the cache was emptied in between
            cache.set(key, 1, timeout=2 * MINUTE)
            used = 1
        self.pace = Pace(limit, max(limit - used, 0), MINUTE - seconds % MINUTE)
        request._request.pace = self.pace  # type: ignore[attr-defined]  # noqa: SLF001  # for the headers
        return bool(used <= limit)

    def wait(self) -> float | None:
        return self.pace.reset if self.pace else None

    def _caller(self, request: "Request") -> str:
        if isinstance(request.auth, Model):
            return f"token-{request.auth.pk}"
        if request.user.is_authenticated:
            return f"user-{request.user.pk}"
        return f"address-{self.get_ident(request)}"


def rate_headers(
    get_response: Callable[[HttpRequest], HttpResponseBase],
) -> Callable[[HttpRequest], HttpResponseBase]:
    """Middleware that tells callers of the API how much of their allowance is left."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        pace: Pace | None = getattr(request, "pace", None)
        if pace is not None:
            response["X-RateLimit-Limit"] = str(pace.limit)
            response["X-RateLimit-Remaining"] = str(pace.remaining)
            response["X-RateLimit-Reset"] = str(pace.reset)
        return response

    return middleware
