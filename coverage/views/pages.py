"""What the pages of coverage share."""

import uuid
from typing import cast

from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from django.urls import reverse

from config.kernel.panels import PAGE
from members.models import Member, User


def user_of(request: HttpRequest) -> User:
    return cast("User", request.user)


def visible_member(request: HttpRequest, public_id: uuid.UUID) -> Member:
    """The member, if the person at the screen may see it; else 404."""
    return get_object_or_404(Member.objects.visible_to(user_of(request)), public_id=public_id)


def page_of(member: Member, *, at: str = "experience") -> str:
    """The member's page, at one of its panels."""
    return f"{reverse(PAGE, args=[member.public_id])}#{at}"
