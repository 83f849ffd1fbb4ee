"""What is not there: a page, or a place in a list.

A page that is not there has our own answer, also while DEBUG is on. Django shows its technical
page then; who tries the demonstration has no use for it, and the addresses it lists are in the
code.
"""

from collections.abc import Callable

from django.contrib import messages
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.defaults import page_not_found

from config.kernel.fragments import is_fragment
from config.kernel.keyset import BadCursor
from config.kernel.permissions import public


class NotFound:
    """Middleware: what a view does not find is answered here."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self.get_response(request)

    def process_exception(
        self, request: HttpRequest, exception: Exception
    ) -> HttpResponseBase | None:
        match exception:
            case Http404():
                return page_not_found(request, exception)
            case BadCursor() if request.method in ("GET", "HEAD"):
                return _beginning(request)
        return None


def _beginning(request: HttpRequest) -> HttpResponseBase | None:
    """Lead whoever asks for a place in a list that is none to its beginning, and say so.

    Such as an address that was cut, or one kept from another order of the list. What else the
    address asks for stays. Programs get the refusal of their own (``config.kernel.api``).
    """
    asked = request.GET.copy()
    places = [asked.pop(name, None) for name in ("after", "before")]
    if not any(places):
        return None
    if not is_fragment(request):
        messages.info(
            request,
            _("That place in the list cannot be found any more. This is its beginning."),
        )
    return redirect(f"{request.path}?{asked.urlencode()}" if asked else request.path)


@public
def nowhere(request: HttpRequest) -> HttpResponseBase:
    """The last address of all: what matched no other is not there."""
    raise Http404(request.path)
