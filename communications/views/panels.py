"""The member page's panel about what was said to a member."""

import uuid

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from communications.queries import messages_of
from config.kernel.panels import render_panel
from config.kernel.permissions import requires
from members.access import Permission
from members.views.visible import visible_member

SHOWN = 5


@requires(Permission.MEMBER_VIEW)
@require_safe
def messages(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    """The latest messages to a member; with ``?all=1`` every one."""
    member = visible_member(request, public_id)
    said = messages_of(member_id=member.pk)
    shown = said if request.GET.get("all") else said[:SHOWN]
    return render_panel(
        request,
        "communications/_member_messages.html",
        {"member": member, "said": shown, "total": said.count()},
        title=_("Messages"),
        name=member.name,
        subject=member.public_id,
    )
