"""What is under the API's address and is no address of its own."""

from http import HTTPStatus

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.urls import Resolver404, resolve
from django.views.decorators.csrf import csrf_exempt
from django.views.defaults import server_error

from config.kernel.permissions import public
from config.kernel.problems import CONTENT_TYPE

API = "/api/"


@public
@csrf_exempt
def elsewhere(request: HttpRequest) -> HttpResponseBase:
    """Answer an address with a last slash too many or too few; refuse all others as a problem.

    What answers in its stead guards itself, cross-site requests included.
    """
    path = request.path_info
    try:
        match = resolve(path.removesuffix("/") if path.endswith("/") else f"{path}/")
    except Resolver404:
        match = None
    if match is None or match.func is elsewhere or not path.startswith(API):
        return _problem(
            HTTPStatus.NOT_FOUND,
            "not_found",
            "The API has no such address. /api/docs/ describes those it has.",
        )
    request.resolver_match = match
    answer: HttpResponseBase = match.func(request, *match.args, **match.kwargs)
    return answer


def failed(request: HttpRequest) -> HttpResponseBase:
    """A failure of ours: a problem to those who ask the API, a page to all others."""
    if not request.path_info.startswith(API):
        return server_error(request)
    return _problem(
        HTTPStatus.INTERNAL_SERVER_ERROR,
        "error",
        "Something failed on our side. Nothing of this request was kept; it may be sent again.",
    )


def _problem(status: HTTPStatus, code: str, detail: str) -> HttpResponse:
    return JsonResponse(
        {
            "type": "about:blank",
            "title": status.phrase,
            "status": int(status),
            "detail": detail,
            "code": code,
        },
        status=status,
        content_type=CONTENT_TYPE,
    )
