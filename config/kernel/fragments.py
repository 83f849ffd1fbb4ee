"""One address gives a page, or the fragment of that page which a script asked for."""

from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.cache import patch_vary_headers

ASKING_HEADERS = ("HX-Request", "HX-Boosted", "HX-History-Restore-Request")


def is_fragment(request: HttpRequest) -> bool:
    """Say whether htmx wants only a part of the page.

    A boosted link and a return through the browser's history replace the whole body, so those
    need the page.
    """
    asked, boosted, restored = (request.headers.get(name) == "true" for name in ASKING_HEADERS)
    return asked and not boosted and not restored


def render_page_or_fragment(
    request: HttpRequest,
    page_template: str,
    fragment_template: str,
    context: Mapping[str, Any] | None = None,
    *,
    status: int = 200,
) -> HttpResponse:
    """Render ``fragment_template`` for htmx, else ``page_template``, which includes it.

    The answer varies by the headers that decided, so that no cache hands a bare fragment to
    somebody who asked for the page.
    """
    template = fragment_template if is_fragment(request) else page_template
    response = render(request, template, dict(context or {}), status=status)
    patch_vary_headers(response, ASKING_HEADERS)
    return response
