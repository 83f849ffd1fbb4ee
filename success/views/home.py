"""The first page: where the work of each role begins."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import NoReverseMatch, reverse
from django.views.decorators.http import require_safe

from config.kernel.permissions import public
from members.enums import Role

FIRST_PAGES = {
    Role.MSM: "success:today",
    Role.DIRECTOR: "success:measures",
    Role.OPERATIONS: "success:runs",
    Role.MEMBER: "success:path",
}


@public
@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """Send everybody to the page their role lives in, and strangers to the log-in page."""
    if not request.user.is_authenticated:
        return redirect("account_login")
    names = [FIRST_PAGES.get(Role(request.user.role)), "success:today", "success:members"]
    for name in names if request.user.role != Role.MEMBER else names[:1]:
        if address := _address(name):
            return redirect(address)
    return render(request, "success/home.html")


def _address(name: Any) -> str:
    try:
        return reverse(name)
    except NoReverseMatch:
        return ""
