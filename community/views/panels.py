"""The member page's panel about those a member works with."""

import uuid
from typing import cast

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from community.queries import works_alongside
from config.kernel import clock
from config.kernel.panels import day_asked, render_panel
from config.kernel.permissions import requires
from members.access import Permission
from members.models import User
from members.views.visible import visible_member

SHOWN = 8


@requires(Permission.MEMBER_VIEW)
@require_safe
def alongside(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    """Members whose people share a project with this one's; with ``?all=1`` every one."""
    user = cast("User", request.user)
    member = visible_member(request, public_id)
    as_of = day_asked(request, latest=clock.today())
    peers = works_alongside(member, user=user, as_of=as_of)
    shown = peers if request.GET.get("all") else peers[:SHOWN]
    return render_panel(
        request,
        "community/_member_alongside.html",
        {"member": member, "peers": shown, "total": len(peers), "as_of": as_of},
        title=_("Works alongside"),
        name=member.name,
        subject=member.public_id,
    )
