"""What we have told the reader here, in place of mail or beside it."""

import uuid

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.dateparse import parse_datetime
from django.views.decorators.http import require_POST, require_safe

from communications.queries import notices_of
from communications.services import notices
from config.kernel import clock
from config.kernel.keyset import page_asked
from success.access import Permission
from success.views.portal.pages import for_members, reader, show

PAGE_SIZE = 20


@for_members(Permission.PATH_VIEW)
@require_safe
def messages(request: HttpRequest) -> HttpResponse:
    """The messages for this log-in, newest first."""
    found = page_asked(
        request,
        notices_of(reader(request)),
        order=("-at",),
        size=PAGE_SIZE,
    )
    return show(
        request,
        "success/portal/messages.html",
        {
            "told": found.items,
            "after": found.next,
            "before": found.previous,
            "latest": clock.now(),
        },
    )


@for_members(Permission.PATH_VIEW, page="success:path_messages")
@require_POST
def read(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    """The reader has read one of theirs."""
    user = reader(request)
    notice = get_object_or_404(notices_of(user), public_id=public_id)
    notices.read(user=user, notices=[notice.public_id], at=clock.now())
    return redirect("success:path_messages")


@for_members(Permission.PATH_VIEW, page="success:path_messages")
@require_POST
def read_all(request: HttpRequest) -> HttpResponse:
    """The reader has read what stood on the page; what came since stays unread."""
    now = clock.now()
    try:
        shown_at = parse_datetime(request.POST.get("until", ""))
    except ValueError:
        shown_at = None
    until = shown_at if shown_at is not None and shown_at.tzinfo else now
    notices.read_all(user=reader(request), until=until, at=now)
    return redirect("success:path_messages")
