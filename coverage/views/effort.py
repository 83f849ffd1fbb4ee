"""The fifteen-second log: from anywhere, by the key l, or as a page of its own."""

import json
import re
import uuid
from typing import Any
from urllib.parse import urlsplit

from django.contrib import messages
from django.db.models import F
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from config.kernel import clock
from config.kernel.fragments import is_fragment, render_page_or_fragment
from config.kernel.keyset import page_asked
from config.kernel.permissions import has, requires
from coverage.access import Permission
from coverage.forms.effort import EffortForm, WithdrawForm
from coverage.models import Effort
from coverage.queries.effort import entries
from coverage.services import effort
from coverage.views.pages import page_of, user_of
from members.models import Member, User
from members.views.visible import visible_member

SHOWN = 6
PAGE_SIZE = 50
USUAL_MINUTES = (5, 10, 15, 30, 45, 60, 90)
MEMBER_PAGE = re.compile(r"/members/([0-9a-f-]{36})/")


@requires(Permission.EFFORT_LOG)
@require_http_methods(["GET", "HEAD", "POST"])
def log(request: HttpRequest) -> HttpResponse:
    """Who, how long, how, and a line about it; opened on a member's page, it is about them.

    Without a script, a name that fits several members comes back with those to choose from.
    """
    if request.method != "POST":
        member = _member(request, request.GET.get("member", "")) or _looked_at(request)
        return _show(request, EffortForm(today=clock.today(), auto_id="log-%s"), member=member)
    form = EffortForm(request.POST, today=clock.today(), auto_id="log-%s")
    named = request.POST.get("q", "").strip()
    found = _found(request, named)
    member = _member(request, request.POST.get("member", ""))
    if member is None and len(found) == 1 and named.lower() == found[0].name.lower():
        member = found[0]
    if member is None:
        form.is_valid()
        form.add_error(None, _choose(named, found))
        return _show(
            request, form, member=None, found=found, named=named, is_asked=True, status=422
        )
    if not form.is_valid():
        return _show(request, form, member=member, status=422)
    try:
        effort.log(member=member, by=user_of(request), at=clock.now(), **form.cleaned_data)
    except effort.NotWorked as refused:
        form.add_error(None, str(refused))
        return _show(request, form, member=member, status=422)
    said = _("%(minutes)s minutes with %(name)s are logged.") % {
        "minutes": form.cleaned_data["minutes"],
        "name": member.name,
    }
    if is_fragment(request):
        happened = {"effort-logged": {}, "member-changed": {}, "toast": {"text": said}}
        return HttpResponse(status=204, headers={"HX-Trigger": json.dumps(happened)})
    messages.success(request, said)
    return redirect(page_of(member))


@requires(Permission.EFFORT_LOG)
@require_safe
def members(request: HttpRequest) -> HttpResponse:
    """The members whose names are like what is being typed."""
    found = _found(request, request.GET.get("q", ""))
    context = {"found": found, "named": request.GET.get("q", "")}
    return render(request, "coverage/_effort_members.html", context)


@requires(Permission.COVERAGE_VIEW)
@require_safe
def of_member(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    """The time that was spent for a member, newest first; withdrawn entries stay in sight."""
    member = visible_member(request, public_id)
    user = user_of(request)
    rows = entries(user, sees_all=has(user, Permission.CAPACITY_VIEW_ALL))
    found = page_asked(
        request,
        rows.filter(member=member),
        order=("-on", "-pk"),
        size=PAGE_SIZE,
    )
    context = {
        "member": member,
        "rows": [
            {"entry": row, "may_withdraw": not row.withdrawn_at and _may_withdraw(row, user)}
            for row in found.items
        ],
        "after": found.next,
        "before": found.previous,
        "is_narrow": not has(user, Permission.CAPACITY_VIEW_ALL),
        "may_log": has(user, Permission.EFFORT_LOG),
        "crumbs": [(member.name, page_of(member))],
    }
    return render(request, "coverage/member_time.html", context)


def _may_withdraw(row: Effort, user: User) -> bool:
    """Whether it is one's own, or one decides about coverage."""
    if not has(user, Permission.EFFORT_LOG):
        return False
    return row.by_id == user.pk or has(user, Permission.COVERAGE_EDIT)


@requires(Permission.EFFORT_LOG)
@require_http_methods(["GET", "HEAD", "POST"])
def withdraw(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    """Let an entry count no more, with a reason; it stays to be seen."""
    user = user_of(request)
    seen = entries(user, sees_all=has(user, Permission.CAPACITY_VIEW_ALL))
    row = get_object_or_404(seen, public_id=public_id)
    if not _may_withdraw(row, user):
        raise Http404
    back = reverse("coverage:member_time", args=[row.member.public_id])
    form = WithdrawForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            effort.withdraw(effort=row, by=user, at=clock.now(), **form.cleaned_data)
        except effort.AlreadyWithdrawn as refused:
            messages.warning(request, str(refused))
        else:
            messages.success(request, _("It counts no more. It stays in the list."))
        return redirect(back)
    words = {
        "minutes": row.minutes,
        "name": row.member.name,
        "day": date_format(row.on, "j F Y"),
    }
    context = {
        "member": row.member,
        "form": form,
        "title": _("Withdraw %(minutes)s minutes with %(name)s?") % words,
        "lead": _("Logged on %(day)s. The entry stays in sight and counts no more.") % words,
        "button": _("Withdraw it"),
        "back": back,
        "crumbs": [(row.member.name, page_of(row.member)), (_("Time"), back)],
    }
    status = 422 if form.is_bound else 200
    return render(request, "coverage/member_form.html", context, status=status)


def _choose(named: str, found: list[Member]) -> str:
    if not named:
        return _("Say with whom: begin with a name.")
    if not found:
        return _("No member is called like that.")
    return _("Choose the member you mean.")


def _show(  # noqa: PLR0913  # a page has that many parts
    request: HttpRequest,
    form: EffortForm,
    *,
    member: Member | None,
    found: list[Member] | None = None,
    named: str = "",
    is_asked: bool = False,
    status: int = 200,
) -> HttpResponse:
    context: dict[str, Any] = {
        "form": form,
        "member": member,
        "found": found or [],
        "named": named,
        "choose": _choose(named, found or []) if is_asked else "",
        "usual": USUAL_MINUTES,
        "by_script": is_fragment(request),
    }
    return render_page_or_fragment(
        request, "coverage/effort_log.html", "coverage/_effort_log.html", context, status=status
    )


def _found(request: HttpRequest, named: str) -> list[Member]:
    if not named.strip():
        return []
    likely = Member.objects.visible_to(user_of(request)).named_like(named)
    return list(
        likely.with_likeness(named).order_by(F("likeness").desc(), "name", "pk")[:SHOWN]
    )


def _member(request: HttpRequest, said: str) -> Member | None:
    try:
        public_id = uuid.UUID(said)
    except ValueError:
        return None
    return Member.objects.visible_to(user_of(request)).filter(public_id=public_id).first()


def _looked_at(request: HttpRequest) -> Member | None:
    """The member whose page this was opened from, if it was one."""
    page = request.headers.get("HX-Current-URL") or request.headers.get("Referer", "")
    found = MEMBER_PAGE.search(urlsplit(page).path)
    return _member(request, found[1]) if found else None
