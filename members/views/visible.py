"""The member that a page or a panel is about."""

import uuid
from typing import cast

from django.http import HttpRequest
from django.shortcuts import get_object_or_404

from config.kernel.panels import shared
from members.models import Member, User


def visible_member(request: HttpRequest, public_id: uuid.UUID) -> Member:
    """The member, if the person at the screen may see it; else 404.

    The panels of one page look once.
    """

    def look() -> Member:
        visible = Member.objects.visible_to(cast("User", request.user))
        return get_object_or_404(visible, public_id=public_id)

    return shared(request, f"member {public_id}", look)
