"""One act on many items of the queue: what is meant, how it goes, and undoing it."""

import uuid
from dataclasses import dataclass
from typing import cast

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from config.kernel import clock
from config.kernel.fragments import render_page_or_fragment
from config.kernel.permissions import requires
from members.models import User
from success.access import Permission
from success.enums import BulkVerb
from success.filters import QueueFilter
from success.forms.bulk import BulkForm
from success.models import BulkAct, Intervention
from success.queries import queue
from success.queries import today as reads
from success.querysets import InterventionQuerySet
from success.services import bulk as services
from success.tasks import wake_bulk

SELECTED, MATCHING = "selected", "matching"
SHOWN = 8
MOST_LISTED = 200
LONGEST_NUMBER = 19


@dataclass(frozen=True, kw_only=True)
class Selection:
    """What the list meant: the items now, and how many were shown there."""

    scope: str
    shown: int
    query: str
    chosen: list[str]
    items: InterventionQuerySet
    count: int


@requires(Permission.QUEUE_WORK)
@require_POST
def bulk_preview(request: HttpRequest) -> HttpResponse:
    """Which items are meant, and what may be done to them; nothing is written."""
    selection = _selection(request)
    if not selection.count:
        messages.warning(request, _("Tick some items first."))
        return redirect(_back(selection))
    return _preview(request, selection, _form(request, bound=False))


@requires(Permission.QUEUE_WORK)
@require_POST
def bulk_ask(request: HttpRequest) -> HttpResponse:
    """Freeze the items as they were shown, and leave the rest to a worker."""
    selection, form = _selection(request), _form(request, bound=True)
    if not form.is_valid():
        return _preview(request, selection, form, status=422)
    try:
        act = services.freeze(
            items=selection.items,
            verb=BulkVerb(form.cleaned_data["verb"]),
            details=form.details,
            expected_count=selection.shown,
            by=_user(request),
            at=clock.now(),
        )
    except services.CountChanged:
        return _preview(request, selection, form, status=409)
    wake_bulk(bulk_id=act.pk)
    return redirect("success:bulk", public_id=act.public_id)


@requires(Permission.QUEUE_WORK)
@require_safe
def bulk(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    """An act as it goes; it may be left and found again."""
    act = get_object_or_404(_own(request), public_id=public_id)
    is_undoing = act.undone_at is not None
    undone = len(act.details.get("undone", ()))
    reasons = act.details.get("kept", {}) if is_undoing else act.refused
    named = list(reasons)[:MOST_LISTED]
    items = {
        str(each.pk): each
        for each in Intervention.objects.visible_to(_user(request))
        .filter(pk__in=named)
        .select_related("member")
    }
    total = len(act.done) if is_undoing else len(act.ids)
    done = undone + len(reasons) if is_undoing else len(act.done) + len(act.refused)
    context = {
        "act": act,
        "total": total,
        "done": done,
        "did": undone if is_undoing else len(act.done),
        "refused": [(items.get(pk), reasons[pk]) for pk in named],
        "refused_count": len(reasons),
        "is_undoing": is_undoing,
        "is_running": act.finished_at is None,
        "may_undo": services.is_undoable(act, by=_user(request), at=clock.now()),
        "crumbs": [(_("Today"), reverse("success:today"))],
    }
    return render_page_or_fragment(request, "success/bulk.html", "success/_bulk.html", context)


@requires(Permission.QUEUE_WORK)
@require_POST
def bulk_undo(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    """Have an act stopped and put back; what was touched since stays."""
    act = get_object_or_404(_own(request), public_id=public_id)
    try:
        services.undo(act=act, by=_user(request), at=clock.now())
    except services.NotUndoable:
        messages.info(request, _("It is being undone already, or it is too long ago."))
    else:
        wake_bulk(bulk_id=act.pk)
    return redirect("success:bulk", public_id=act.public_id)


def _own(request: HttpRequest) -> QuerySet[BulkAct]:
    return BulkAct.objects.filter(by=_user(request))


def _selection(request: HttpRequest) -> Selection:
    """The items the list meant: those ticked, or all that match its filters now."""
    user = _user(request)
    scope = MATCHING if request.POST.get("scope") == MATCHING else SELECTED
    query = QueryDict(request.POST.get("query", ""), mutable=True)
    for place in ("after", "before"):
        query.pop(place, None)
    on = clock.today(zone=user.time_zone)
    everything = queue.today(user, as_of=on)
    if scope == MATCHING:
        filters = QueueFilter(query, queryset=everything, request=request, on=on)
        items = filters.qs if filters.form.is_valid() else everything.none()
        chosen: list[str] = []
        count = items.count()
        expected = request.POST.get("expected", "")
        shown = counted(expected, otherwise=count)
    else:
        named = {value for value in request.POST.getlist("item") if _is_uuid(value)}
        chosen = sorted(named)
        items = everything.filter(public_id__in=chosen)
        count, shown = items.count(), len(chosen)
    return Selection(
        scope=scope,
        shown=shown,
        query=query.urlencode(),
        chosen=chosen,
        items=items,
        count=count,
    )


def _form(request: HttpRequest, *, bound: bool) -> BulkForm:
    data = request.POST if bound else None
    today = clock.today(zone=_user(request).time_zone)
    return BulkForm(data, people=reads.workers(), today=today)


def _preview(
    request: HttpRequest, selection: Selection, form: BulkForm, *, status: int = 200
) -> HttpResponse:
    # what is shown now is what is agreed to next: the ticked that are gone are left out
    chosen = [str(each) for each in selection.items.values_list("public_id", flat=True)]
    context = {
        "selection": selection,
        "chosen": chosen if selection.scope == SELECTED else [],
        "count": selection.count,
        "has_changed": selection.shown != selection.count,
        "first": list(selection.items[:SHOWN]),
        "rest": max(selection.count - SHOWN, 0),
        "form": form,
        "back": _back(selection),
        "crumbs": [(_("Today"), reverse("success:today"))],
    }
    return render(request, "success/bulk_new.html", context, status=status)


def counted(text: str, *, otherwise: int) -> int:
    """The number that a page sent back, or another where it sent none that can be read."""
    is_number = text.isascii() and text.isdecimal() and len(text) < LONGEST_NUMBER
    return int(text) if is_number else otherwise


def _back(selection: Selection) -> str:
    path = reverse("success:today")
    return f"{path}?{selection.query}" if selection.query else path


def _is_uuid(value: str) -> bool:
    try:
        uuid.UUID(value)
    except ValueError:
        return False
    return True


def _user(request: HttpRequest) -> User:
    return cast("User", request.user)
