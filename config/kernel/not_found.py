"""Our own page for what is not there, also while DEBUG is on.

Django shows its technical page then; who tries the demonstration has no use for it, and the
addresses it lists are in the code.
"""

from collections.abc import Callable

from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.views.defaults import page_not_found

from config.kernel.permissions import public


class OwnPage:
    """Middleware: a view that finds nothing is answered by 404.html."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self.get_response(request)

    def process_exception(
        self, request: HttpRequest, exception: Exception
    ) -> HttpResponseBase | None:
        return page_not_found(request, exception) if isinstance(exception, Http404) else None


@public
def nowhere(request: HttpRequest) -> HttpResponseBase:
    """The last address of all: what matched no other is not there."""
    raise Http404(request.path)
