"""The member page's panels: an app registers what it shows, and serves and guards it itself."""

import uuid
from collections.abc import Callable, Mapping
from copy import copy
from dataclasses import dataclass
from datetime import date
from typing import Any, Final, TypeVar

from django.http import HttpRequest, HttpResponse, QueryDict
from django.middleware.csrf import get_token
from django.urls import resolve, reverse
from django.utils.safestring import SafeString, mark_safe

from config.kernel.fragments import render_page_or_fragment
from config.kernel.permissions import permissions_of

PAGE = "success:member"
FETCHED: Final = "fetched_by_the_page"
Made = TypeVar("Made")


@dataclass(frozen=True, kw_only=True)
class Panel:
    """A part of the member page.

    ``url_name`` is reversed with the member's ``public_id`` and answers with the fragment; its
    view asks for the same ``permission`` again. Lower ``order`` stands higher on the page.
    """

    key: str
    title: str
    order: int
    url_name: str
    permission: str


class PanelRegistry:
    """The panels of one page, by key."""

    def __init__(self) -> None:
        self._panels: dict[str, Panel] = {}

    def register(self, panel: Panel) -> None:
        """Add ``panel``; the same panel twice is harmless, another one by its key is not."""
        known = self._panels.setdefault(panel.key, panel)
        if known != panel:
            raise ValueError(f"There already is a panel {panel.key!r}: {known.title!r}.")

    def panels_for(self, user: object) -> list[Panel]:
        """Return the panels ``user`` may see, in the order of the page."""
        granted = permissions_of(user)
        visible = (panel for panel in self._panels.values() if panel.permission in granted)
        return sorted(visible, key=lambda panel: (panel.order, panel.key))


MEMBER_PAGE = PanelRegistry()


def register_panel(panel: Panel) -> None:
    """Add ``panel`` to the member page; called from an app's ``ready``."""
    MEMBER_PAGE.register(panel)


def panels_for(user: object) -> list[Panel]:
    """Return the member page's panels that ``user`` may see, in the order of the page."""
    return MEMBER_PAGE.panels_for(user)


@dataclass(frozen=True, kw_only=True)
class Embedded:
    """A panel with the fragment that its own view answered."""

    panel: Panel
    html: SafeString


def embed(
    request: HttpRequest,
    *,
    subject: uuid.UUID,
    as_of: date,
    fetched: Mapping[str, Any] | None = None,
) -> list[Embedded]:
    """Ask every panel that the person at the screen may see for its fragment, in page order.

    Each view is asked at its own address, as a script on the page would ask it, so it guards
    itself, and the page needs no script to be whole. What the page has ``fetched``, and what
    one panel fetches, the others take with ``shared``. Raises ``RuntimeError`` for one that
    does not answer.
    """
    get_token(request)  # one secret for all forms of the page
    asked = copy(request)
    asked.META = {
        name: value for name, value in request.META.items() if not name.startswith("HTTP_HX_")
    } | {"HTTP_HX_REQUEST": "true"}
    asked.__dict__.pop("headers", None)
    asked.__dict__[FETCHED] = dict(fetched or {})
    asked.__dict__["GET"] = QueryDict(f"as_of={as_of.isoformat()}")
    embedded = []
    for panel in panels_for(request.user):
        asked.path = asked.path_info = reverse(panel.url_name, args=[subject])
        match = resolve(asked.path)
        response: HttpResponse = match.func(asked, *match.args, **match.kwargs)
        if response.status_code != 200:
            raise RuntimeError(f"The panel {panel.key!r} answered {response.status_code}.")
        html = mark_safe(response.content.decode())  # noqa: S308  # a view of ours rendered it
        embedded.append(Embedded(panel=panel, html=html))
    return embedded


def shared(request: HttpRequest, key: str, make: Callable[[], Made]) -> Made:
    """Return what the page around a panel knows by ``key``, else make it and keep it for it.

    Nobody may change what is shared. A panel asked for by itself has no page, and makes it.
    """
    known: dict[str, Any] | None = request.__dict__.get(FETCHED)
    if known is None:
        return make()
    if key not in known:
        known[key] = make()
    found: Made = known[key]
    return found


def render_panel(  # noqa: PLR0913  # a page has that many parts
    request: HttpRequest,
    fragment_template: str,
    context: Mapping[str, Any],
    *,
    title: str,
    name: str,
    subject: uuid.UUID,
) -> HttpResponse:
    """Answer with a panel's fragment; to somebody who opened its address, with a page of it.

    ``name`` is what the member is called, ``title`` what the panel is.
    """
    page = {
        "panel_template": fragment_template,
        "panel_title": title,
        "panel_crumbs": [(name, reverse(PAGE, args=[subject]))],
    }
    return render_page_or_fragment(
        request, "member_panel.html", fragment_template, page | dict(context)
    )


def day_asked(request: HttpRequest, *, latest: date) -> date:
    """Return the day that ``?as_of=`` looks back to; ``latest`` where it says no such day."""
    try:
        asked = date.fromisoformat(request.GET.get("as_of", ""))
    except ValueError:
        return latest
    return min(asked, latest)
