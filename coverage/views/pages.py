"""What the pages of coverage share."""

from typing import cast

from django.http import HttpRequest
from django.urls import reverse

from config.kernel.panels import PAGE
from members.models import Member, User


def user_of(request: HttpRequest) -> User:
    return cast("User", request.user)


def page_of(member: Member, *, at: str = "experience") -> str:
    """The member's page, at one of its panels."""
    return f"{reverse(PAGE, args=[member.public_id])}#{at}"
