"""What was said to members, and what is about to be: the outbox, and a message as sent."""

import uuid
from typing import Any, cast

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from communications.access import Permission
from communications.enums import MessageStatus
from communications.forms.templates import SettleForm
from communications.models import Message
from communications.queries import answers_to, events_of, outbox_counts, recent_outbox
from communications.services import outbox as service
from config.kernel import clock
from config.kernel.keyset import page_asked
from config.kernel.permissions import has, requires
from members.models import User

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
    found = page_asked(
        request,
        rows,
        order=("-due_at",),
        size=PAGE_SIZE,
    )
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
            "is_unknown": chosen == MessageStatus.UNKNOWN,
        },
    )


@requires(Permission.MESSAGE_VIEW)
@require_safe
def message(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    """One message as it was sent, or its words with their gaps, and what became of it."""
    shown = get_object_or_404(recent_outbox(), public_id=public_id)
    return _show(request, shown, form=SettleForm())


@requires(Permission.MESSAGE_SETTLE)
@require_http_methods(["POST"])
def settle(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    """Say what became of a message of which nobody knew; it is not sent again."""
    shown = get_object_or_404(recent_outbox(), public_id=public_id)
    form = SettleForm(request.POST)
    if not form.is_valid():
        return _show(request, shown, form=form, status=422)
    try:
        service.settle(
            message=shown, by=cast("User", request.user), at=clock.now(), **form.cleaned_data
        )
    except service.NotUnknown as settled:
        messages.error(request, str(settled))
    else:
        messages.success(request, _("It is kept. The message is not sent again."))
    return redirect("communications:message", public_id=public_id)


def _show(
    request: HttpRequest, shown: Message, *, form: SettleForm, status: int = 200
) -> HttpResponse:
    return render(
        request,
        "communications/message.html",
        {
            "message": shown,
            "form": form,
            "may_settle": shown.status == MessageStatus.UNKNOWN
            and has(request.user, Permission.MESSAGE_SETTLE),
            "is_written": bool(shown.subject or shown.body),
            "title": shown.subject or shown.template.subject,
            "events": events_of(shown),
            "answers": answers_to(shown),
            "files": shown.attachments.defer("content").order_by("pk"),
            "crumbs": [(_("Messages"), reverse("communications:outbox"))],
        },
        status=status,
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
