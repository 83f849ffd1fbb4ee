"""Where mail providers tell what became of messages, and hand in what was answered.

The addresses and the checks are anymail's. Without a secret there are no such addresses.
"""

import logging

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.urls import resolve
from django.views.decorators.csrf import csrf_exempt

from config.kernel.permissions import public

logger = logging.getLogger(__name__)


@public  # whoever calls proves by a secret and, where the provider has one, a signature
@csrf_exempt
def hook(request: HttpRequest, rest: str) -> HttpResponseBase:
    """Pass a provider's call on to anymail; 404 unless a secret is set.

    A provider whose own key is missing, or a call for another of its addresses, is 404 too.
    """
    if not settings.ANYMAIL.get("WEBHOOK_SECRET"):
        raise Http404
    found = resolve(f"/{rest}", urlconf="anymail.urls")
    try:
        response: HttpResponseBase = found.func(request, *found.args, **found.kwargs)
    except ImproperlyConfigured as error:
        logger.warning("A mail provider called in vain", extra={"because": str(error)})
        raise Http404 from error
    return response
