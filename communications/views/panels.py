"""The member page's panel about what was said to a member."""

import uuid
from typing import cast

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from communications.queries import messages_of
from config.kernel.panels import render_panel
from config.kernel.permissions import requires
from members.access import Permission
from members.models import Member, User

SHOWN = 5


@requires(Permission.MEMBER_VIEW)
@require_safe
def messages(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    """The latest messages to a member; with ``?all=1`` every one."""
    visible = Member.objects.visible_to(cast("User", request.user))
    member = get_object_or_404(visible, public_id=public_id)
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
