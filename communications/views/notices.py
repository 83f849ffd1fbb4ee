"""What I was told: the notices of whoever is at the screen, and nobody else's."""

import uuid
from typing import cast

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.dateparse import parse_datetime
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST, require_safe

from communications.access import Permission
from communications.models import Notice
from communications.queries import notices_of
from communications.services import notices as service
from config.kernel import clock
from config.kernel.keyset import page_asked
from config.kernel.permissions import requires
from members.models import User

PAGE_SIZE = 30


@requires(Permission.NOTICE_VIEW)
@require_safe
def notices(request: HttpRequest) -> HttpResponse:
    """What I was told, newest first; with ``?unread=1`` only what I have not read."""
    unread = request.GET.get("unread") == "1"
    found = page_asked(
        request,
        notices_of(_me(request), unread=unread),
        order=("-at",),
        size=PAGE_SIZE,
    )
    return render(
        request,
        "communications/notices.html",
        {
            "notices": found.items,
            "after": found.next,
            "before": found.previous,
            "only_unread": unread,
            "latest": clock.now(),
        },
    )


@requires(Permission.NOTICE_VIEW)
@require_POST
def read(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    """Mark one as read, and stay where one was."""
    notice = _mine(request, public_id)
    service.read(user=_me(request), notices=[notice.public_id], at=clock.now())
    return redirect(_back(request))


@requires(Permission.NOTICE_VIEW)
@require_POST
def open_one(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    """Mark one as read, and go to the page it is about."""
    notice = _mine(request, public_id)
    service.read(user=_me(request), notices=[notice.public_id], at=clock.now())
    return redirect(inside(notice.address) or reverse("notices"))


@requires(Permission.NOTICE_VIEW)
@require_POST
def read_all(request: HttpRequest) -> HttpResponse:
    """Mark as read what stood on the page, or before it; what came since stays unread."""
    now = clock.now()
    try:
        shown_at = parse_datetime(request.POST.get("until", ""))
    except ValueError:
        shown_at = None
    until = shown_at if shown_at is not None and shown_at.tzinfo else now
    service.read_all(user=_me(request), until=until, at=now)
    return redirect("notices")


def inside(address: str) -> str:
    """Return ``address`` if it is a path in this product, else nothing."""
    is_path = address.startswith("/")
    fits = url_has_allowed_host_and_scheme(address, allowed_hosts=None)
    return address if is_path and fits else ""


def _me(request: HttpRequest) -> User:
    return cast("User", request.user)


def _mine(request: HttpRequest, public_id: uuid.UUID) -> Notice:
    return get_object_or_404(notices_of(_me(request)), public_id=public_id)


def _back(request: HttpRequest) -> str:
    return reverse("notices") + ("?unread=1" if request.POST.get("unread") == "1" else "")
