"""The views of lists that somebody keeps."""

import uuid
from collections.abc import Callable
from functools import wraps
from typing import cast
from urllib.parse import urlsplit

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from config.kernel import clock
from config.kernel.permissions import requires
from members.models import User
from success.access import Permission
from success.models import SavedView
from success.queries.views import OPENS_WITH, PAGES, opening_view
from success.services import views as services

View = Callable[[HttpRequest], HttpResponseBase]


def opens_as_kept(page: str) -> Callable[[View], View]:
    """Let a page open with the view that somebody chose, where they come without a question.

    ``page`` is the name of its address. What has no view to open with costs one statement.
    """

    def leading(view: View) -> View:
        @wraps(view)
        def led(request: HttpRequest) -> HttpResponseBase:
            if request.META.get("QUERY_STRING") or request.method != "GET":
                return view(request)
            kept = opening_view(_user(request), page=page)
            if kept is None or not kept.filters:
                return view(request)
            return redirect(f"{reverse(page)}?{kept.filters}")

        return led

    return leading


@requires(Permission.QUEUE_VIEW)
@require_safe
def views(request: HttpRequest) -> HttpResponse:
    """One's own views of a list, to be named, shared, put in order and removed."""
    page = _page(request.GET.get("page", ""))
    mine = SavedView.objects.filter(owner=_user(request), page=page)
    rows = [
        {"view": each, "url": f"{reverse(page)}?{each.filters or 'view=none'}"}
        for each in mine.order_by("position", "name", "pk")
    ]
    context = {
        "page": page,
        "rows": rows,
        "opens_with": OPENS_WITH,
        "crumbs": [(PAGES[page], reverse(page))],
    }
    return render(request, "success/views.html", context)


@requires(Permission.QUEUE_VIEW)
@require_POST
def view_save(request: HttpRequest) -> HttpResponse:
    """Keep the filters of a list under a name."""
    page = _page(request.POST.get("page", ""))
    filters = urlsplit(f"?{request.POST.get('filters', '').lstrip('?')}").query
    try:
        view = services.save(
            owner=_user(request),
            page=page,
            name=request.POST.get("name", ""),
            filters=filters,
            is_shared=bool(request.POST.get("is_shared")),
            at=clock.now(),
        )
    except services.NotNamed as refusal:
        messages.warning(request, str(refusal))
        return redirect(f"{reverse(page)}?{filters or 'view=none'}")
    messages.success(request, _("“%(name)s” is kept.") % {"name": view.name})
    return redirect(f"{reverse(page)}?{view.filters or 'view=none'}")


@requires(Permission.QUEUE_VIEW)
@require_POST
def view_change(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    """Name, share, move or remove a view, or have the list open with it."""
    user, at = _user(request), clock.now()
    view = get_object_or_404(SavedView, owner=user, public_id=public_id)
    match request.POST.get("act"):
        case "up":
            services.move(view=view, by_places=-1, at=at)
        case "down":
            services.move(view=view, by_places=1, at=at)
        case "open":
            is_set = view.position == OPENS_WITH
            chosen = None if is_set else view
            services.open_with(owner=user, page=view.page, view=chosen, at=at)
        case "remove":
            services.remove(view=view, at=at)
        case _:
            name, is_shared = request.POST.get("name", ""), bool(request.POST.get("is_shared"))
            try:
                services.change(view=view, name=name, is_shared=is_shared, at=at)
            except services.NotNamed as refusal:
                messages.warning(request, str(refusal))
    return redirect(f"{reverse('success:views')}?page={view.page}")


def _page(name: str) -> str:
    if name not in PAGES:
        raise Http404
    return name


def _user(request: HttpRequest) -> User:
    return cast("User", request.user)
