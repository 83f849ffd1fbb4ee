"""Pages as sheets: at once as a file, and regularly by mail to whoever asked for it."""

import logging
import uuid
from typing import Any, cast

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from config.kernel import clock
from config.kernel.permissions import requires
from config.kernel.sheets import KINDS, as_file
from members.models import User
from success.access import Permission
from success.enums import MailingCadence
from success.forms.mailings import MailingForm, initial_of
from success.models import PageMailing
from success.services import mailings as service
from success.services.mailings import Page, pages

logger = logging.getLogger(__name__)

USUAL = {"cadence": MailingCadence.WEEKLY.value, "weekday": 0, "month_day": 1, "hour": 7}


@requires(Permission.VECTOR_VIEW)
@require_safe
def mailings(request: HttpRequest) -> HttpResponse:
    """What I am sent regularly, when it comes next, and what became of it last."""
    me = _me(request)
    seen = {page.key: page for page in pages.open_to(me)}
    rows = [
        {
            "mailing": each,
            "title": pages.title(each.page),
            "url": page.url(each.filters) if (page := seen.get(each.page)) else "",
        }
        for each in me.mailings.order_by("name", "pk")
    ]
    context = {
        "rows": rows,
        "choices": seen.values(),
        "me": me,
        "crumbs": [(_("Measures"), reverse("success:measures"))],
    }
    return render(request, "success/mailings.html", context)


@requires(Permission.VECTOR_VIEW)
@require_http_methods(["GET", "HEAD", "POST"])
def mailing_new(request: HttpRequest) -> HttpResponse:
    """Have a page sent regularly: ``of`` says which, ``filters`` are those it has now."""
    page = _page_or_404(request, request.GET.get("of", ""))
    filters = service.plain_filters(request.GET.get("filters", ""))
    usual = {**USUAL, "name": str(page.title)}
    form = MailingForm(request.POST or None, initial=usual)
    if request.method == "POST" and form.is_valid():
        try:
            service.save(
                wish=form.wish(),
                page=page.key,
                filters=filters,
                by=_me(request),
                at=clock.now(),
            )
        except service.NameTaken:
            form.add_error("name", _("Another of your mailings has this name."))
        except service.NotPossible:
            form.add_error(None, _("You have as many mailings as one may, or it is too long."))
        else:
            messages.success(request, _("It comes by mail from now on, if there is news."))
            return redirect("success:mailings")
    return _ask(request, form, page=page, filters=filters)


@requires(Permission.VECTOR_VIEW)
@require_http_methods(["GET", "HEAD", "POST"])
def mailing(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    """Change when one of my mailings comes, and what it is called."""
    mine = _mine(request, public_id)
    page = _page_or_404(request, mine.page)
    form = MailingForm(request.POST or None, initial=initial_of(mine))
    if request.method == "POST" and form.is_valid():
        try:
            service.save(wish=form.wish(), mailing=mine, by=_me(request), at=clock.now())
        except service.NameTaken:
            form.add_error("name", _("Another of your mailings has this name."))
        else:
            messages.success(request, _("Kept."))
            return redirect("success:mailings")
    return _ask(request, form, page=page, filters=mine.filters, mine=mine)


@requires(Permission.VECTOR_VIEW)
@require_http_methods(["POST"])
def pause(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    """Stop one of my mailings, or with ``active`` take it up again."""
    mine = _mine(request, public_id)
    is_active = bool(request.POST.get("active"))
    try:
        service.pause(mailing=mine, is_active=is_active, by=_me(request), at=clock.now())
    except service.NoSuchPage:
        messages.error(request, _("You may not see this page any more."))
    return redirect("success:mailings")


@requires(Permission.VECTOR_VIEW)
@require_http_methods(["POST"])
def test_send(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    """Send me one of my mailings now, to see what it is like."""
    mine = _mine(request, public_id)
    try:
        rows = service.send_test(mailing=mine, by=_me(request), at=clock.now())
    except service.NoSuchPage:
        messages.error(request, _("You may not see this page any more."))
    except service.CannotBeMade as error:
        messages.error(request, str(error))
    else:
        messages.success(request, _("On its way, with %(rows)s rows.") % {"rows": rows})
    return redirect("success:mailings")


@requires(Permission.VECTOR_VIEW)
@require_http_methods(["POST"])
def drop(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    """Delete one of my mailings."""
    service.drop(mailing=_mine(request, public_id), by=_me(request), at=clock.now())
    messages.success(request, _("Deleted. It does not come any more."))
    return redirect("success:mailings")


@requires(Permission.VECTOR_VIEW)
@require_safe
def page_export(
    request: HttpRequest, key: str, kind: str
) -> HttpResponse | StreamingHttpResponse:
    """A page as CSV or XLSX, whole, with its filters and its scope; who took it is logged."""
    if kind not in KINDS:
        raise Http404
    try:
        page = pages.get(key, user=_me(request))
    except service.NoSuchPage as error:
        raise PermissionDenied from error
    try:
        found = page.make(_me(request), request.GET, clock.today())
    except service.CannotBeMade as error:
        return HttpResponse(str(error), status=409, content_type="text/plain")
    logger.info(
        "Page exported",
        extra={"user_id": request.user.pk, "page": key, "asked": request.GET.urlencode()},
    )
    name = f"{key}-{clock.today().isoformat()}"
    return as_file(kind, name=name, header=found.header, rows=found.rows)


def _ask(
    request: HttpRequest,
    form: MailingForm,
    *,
    page: Page,
    filters: str,
    mine: PageMailing | None = None,
) -> HttpResponse:
    context: dict[str, Any] = {
        "form": form,
        "page": page,
        "page_url": page.url(filters),
        "has_filters": bool(filters),
        "mine": mine,
        "me": _me(request),
        "crumbs": [
            (_("Measures"), reverse("success:measures")),
            (_("Regular mail"), reverse("success:mailings")),
        ],
    }
    status = 422 if form.is_bound else 200
    return render(request, "success/mailing.html", context, status=status)


def _page_or_404(request: HttpRequest, key: str) -> Page:
    try:
        return pages.get(key, user=_me(request))
    except service.NoSuchPage as error:
        raise Http404 from error


def _mine(request: HttpRequest, public_id: uuid.UUID) -> PageMailing:
    return get_object_or_404(PageMailing, public_id=public_id, owner=_me(request))


def _me(request: HttpRequest) -> User:
    return cast("User", request.user)
