"""What a page asks again and again about the queue; while nothing has changed, 304."""

import hashlib
from typing import cast

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.cache import get_conditional_response, patch_cache_control
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from config.kernel import clock
from config.kernel.permissions import requires
from members.models import User
from success.access import Permission
from success.queries import today as reads
from success.views.today import class_counts, desk_of

# What changes without a word in the tables, such as a claim that lapses, is seen by then.
LOOK_ANYWAY_SECONDS = 300


@requires(Permission.QUEUE_VIEW)
@require_safe
def live(request: HttpRequest) -> HttpResponse:
    """The page of the list that is looked at: which items, who holds what, and the counts."""
    etag = _etag(request)
    if (unchanged := get_conditional_response(request, etag=etag)) is not None:
        return unchanged
    user, at = _user(request), clock.now()
    desk = desk_of(request)
    held = {
        str(each.public_id): "" if holder == user else holder.name
        for each in desk.listed.items
        if (holder := reads.holder(each, at=at)) is not None
    }
    now = reads.open_now(user, as_of=clock.today(zone=user.time_zone))
    counts = class_counts(request, now)
    answer = {
        "ids": [str(each.public_id) for each in desk.listed.items],
        "held": held,
        "classes": {str(each.value): number for each, number in counts},
        "everything": sum(number for _each, number in counts),
        "pool": now.pool.items,
    }
    return _answer(answer, etag)


@requires(Permission.QUEUE_VIEW)
@require_safe
def count(request: HttpRequest) -> HttpResponse:
    """How much is open, for the rail."""
    etag = _etag(request)
    if (unchanged := get_conditional_response(request, etag=etag)) is not None:
        return unchanged
    user = _user(request)
    number = reads.own_count(user, as_of=clock.today(zone=user.time_zone))
    return _answer({"count": number, "words": _("Open items")}, etag)


def _etag(request: HttpRequest) -> str:
    user, at = _user(request), clock.now()
    asked = [
        user.pk,
        request.get_full_path(),
        clock.today(zone=user.time_zone),
        int(at.timestamp()) // LOOK_ANYWAY_SECONDS,
        reads.version(),
    ]
    digest = hashlib.sha256(" ".join(str(each) for each in asked).encode())
    return f'"{digest.hexdigest()[:32]}"'


def _answer(answer: dict[str, object], etag: str) -> HttpResponse:
    response = JsonResponse(answer)
    response["ETag"] = etag
    patch_cache_control(response, private=True, no_cache=True)
    return response


def _user(request: HttpRequest) -> User:
    return cast("User", request.user)
