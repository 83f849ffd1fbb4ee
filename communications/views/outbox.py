"""What was said to members, and what is about to be: the outbox, and a message as sent."""

import uuid
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from communications.access import Permission
from communications.enums import MessageStatus
from communications.queries import answers_to, events_of, outbox_counts, recent_outbox
from config.kernel.keyset import BadCursor, page
from config.kernel.permissions import requires

PAGE_SIZE = 50


@requires(Permission.MESSAGE_VIEW)
@require_safe
def outbox(request: HttpRequest) -> HttpResponse:
    """Messages, the newest first; ``status`` narrows, one that is no status is passed over."""
    status = request.GET.get("status", "")
    chosen = MessageStatus(status) if status in MessageStatus.values else None
    rows = recent_outbox()
    if chosen is not None:
        rows = rows.filter(status=chosen)
    try:
        found = page(
            rows,
            order=("-due_at",),
            size=PAGE_SIZE,
            after=request.GET.get("after"),
            before=request.GET.get("before"),
        )
    except BadCursor:
        return HttpResponseBadRequest(_("This page of the list does not exist."))
    counts = outbox_counts()
    total = sum(counts.values())
    return render(
        request,
        "communications/outbox.html",
        {
            "rows": found.items,
            "after": found.next,
            "before": found.previous,
            "total": counts[chosen] if chosen else total,
            "everything": total,
            "tabs": _tabs(counts, chosen=chosen),
        },
    )


@requires(Permission.MESSAGE_VIEW)
@require_safe
def message(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    """One message as it was sent, or its words with their gaps, and what became of it."""
    shown = get_object_or_404(recent_outbox(), public_id=public_id)
    return render(
        request,
        "communications/message.html",
        {
            "message": shown,
            "is_written": bool(shown.subject or shown.body),
            "title": shown.subject or shown.template.subject,
            "events": events_of(shown),
            "answers": answers_to(shown),
            "crumbs": [(_("Messages"), reverse("communications:outbox"))],
        },
    )


def _tabs(
    counts: dict[MessageStatus, int], *, chosen: MessageStatus | None
) -> list[dict[str, Any]]:
    url = reverse("communications:outbox")
    everything = {
        "label": _("All"),
        "count": sum(counts.values()),
        "url": url,
        "is_current": chosen is None,
    }
    return [everything] + [
        {
            "label": status.label,
            "count": count,
            "url": f"{url}?status={status.value}",
            "is_current": status == chosen,
        }
        for status, count in counts.items()
    ]
