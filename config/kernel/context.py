"""What every page of the shell needs; add ``config.kernel.context.shell`` to the settings."""

from collections.abc import Callable
from datetime import date
from functools import cached_property
from typing import Any

from django.conf import settings
from django.http import HttpRequest

from config.kernel.clock import now, today
from config.kernel.permissions import permissions_of
from config.kernel.templatetags import ui

ROLE_NAMES = {
    "director": "Director",
    "msm": "Member success manager",
    "operations": "Operations",
    "member": "Member",
}


Count = Callable[[Any], int]
_counters: list[Count] = []


def count_unread_by(count: Count) -> None:
    """Have the bell of the top bar ask ``count`` how many notices a user has not read."""
    _counters[:] = [count]


class Shell:
    """Rail, search and who I am; each is worked out when a template asks for it."""

    def __init__(self, request: HttpRequest) -> None:
        self._request = request
        self._user = getattr(request, "user", None)

    @property
    def permissions(self) -> frozenset[str]:
        return permissions_of(self._user) if self._user is not None else frozenset()

    @property
    def navigation(self) -> list[dict[str, Any]]:
        return ui.navigation(permissions=self.permissions, path=self._request.path)

    @property
    def search_url(self) -> str:
        allowed = ui.SEARCH.permission in self.permissions
        return ui.address(ui.SEARCH.url_name) if allowed else ""

    @property
    def log_url(self) -> str:
        allowed = ui.LOG.permission in self.permissions
        return ui.address(ui.LOG.url_name) if allowed else ""

    @property
    def notices_url(self) -> str:
        allowed = ui.NOTICES.permission in self.permissions
        return ui.address(ui.NOTICES.url_name) if allowed else ""

    @cached_property
    def unread(self) -> int:
        """How many notices wait; asked of the database only by pages that show a bell."""
        if self._user is None or not self._user.is_authenticated:
            return 0
        return sum(count(self._user) for count in _counters)

    @property
    def home_url(self) -> str:
        return ui.address("home") or "/"

    @property
    def sign_out_url(self) -> str:
        return ui.address("account_logout")

    @property
    def sign_in_url(self) -> str:
        return ui.address("account_login")

    @property
    def association(self) -> str:
        """Whose pages these are, for the head of what is printed."""
        name: str = settings.WAYMARK_ASSOCIATION
        return name

    @property
    def role(self) -> str:
        return ROLE_NAMES.get(str(getattr(self._user, "role", "")), "")

    @property
    def held_day(self) -> date | None:
        """The day at which a demonstration holds the association's calendar."""
        return getattr(settings, "WAYMARK_TODAY", None)


def shell(request: HttpRequest) -> dict[str, Any]:
    """Context processor: ``shell``, and ``today`` and ``moment`` of the kernel's clock."""
    return {
        "shell": Shell(request),
        "today": today(),
        "moment": now(),
    }
