"""Sheets of success profiles: made here, brought back, looked at, applied and undone."""

import io
from typing import TYPE_CHECKING, Any

import structlog
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from config.kernel import clock
from config.kernel.fragments import render_page_or_fragment
from config.kernel.keyset import page_asked
from config.kernel.permissions import has, requires
from members.enums import RowAction
from members.models import Member
from success.access import Permission
from success.enums import ProfileImportStatus
from success.filters import MemberFilter
from success.forms.profiles import SheetForm
from success.ingestion.profiles import SHEET, WorkbookUnusable, write
from success.models import ProfileImport, ProfileImportRow
from success.queries.members import member_list
from success.queries.nights import last_live_day
from success.queries.profiles import (
    ROW_ORDER,
    about,
    action_counts,
    import_progress,
    import_rows,
    profile_imports,
    profile_rows,
)
from success.services import profiles
from success.tasks import wake_imports

if TYPE_CHECKING:
    import uuid
    from collections.abc import Callable

    from members.models import User

PAGE_SIZE = 50
MOST_MEMBERS = 5_000
WORKBOOK = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
log = structlog.get_logger(__name__)


@requires(Permission.PLAN_VIEW)
@require_safe
def sheets(request: HttpRequest) -> HttpResponse:
    """Make a sheet, bring one back, and the sheets that were read, newest first."""
    return _sheets(request, form=SheetForm())


def _sheets(request: HttpRequest, *, form: SheetForm, status: int = 200) -> HttpResponse:
    found = page_asked(
        request,
        profile_imports(),
        order=("-planned_at",),
        size=PAGE_SIZE,
    )
    return render(
        request,
        "success/profiles.html",
        {
            "form": form,
            "imports": [
                {"batch": batch, "counts": action_counts(batch)} for batch in found.items
            ],
            "after": found.next,
            "before": found.previous,
            "may_edit": has(request.user, Permission.PLAN_EDIT),
        },
        status=status,
    )


@requires(Permission.PLAN_VIEW)
@require_safe
def export(request: HttpRequest) -> HttpResponse:
    """The workbook of the members asked for; filters are those of the member list."""
    user: User = request.user  # type: ignore[assignment]  # signed in
    listed = member_list(user, as_of=last_live_day() or clock.today())
    asked = MemberFilter(request.GET, queryset=listed, request=request)
    if not asked.is_valid():
        return HttpResponseBadRequest(_("A filter makes no sense."))
    members = Member.objects.filter(pk__in=asked.qs.order_by().values("pk"))
    count = members.count()
    if count > MOST_MEMBERS:
        messages.error(
            request,
            _("That would be %(count)s members, and a sheet holds %(most)s. Narrow them.")
            % {"count": f"{count:,}", "most": f"{MOST_MEMBERS:,}"},
        )
        return redirect("success:profiles")
    file = io.BytesIO()
    write(
        file,
        rows=profile_rows(members),
        about=about(members=count, on=clock.today(), by=user),
    )
    log.info("profiles.exported", user=user.pk, members=count)
    name = f"success-profiles-{date_format(clock.today(), 'Y-m-d')}.xlsx"
    return HttpResponse(
        file.getvalue(),
        content_type=WORKBOOK,
        headers={
            "Content-Disposition": f'attachment; filename="{name}"',
            "Cache-Control": "no-store",
        },
    )


@requires(Permission.PLAN_EDIT)
@require_POST
def bring(request: HttpRequest) -> HttpResponse:
    """Read a filled-in sheet, and show what it would do."""
    user: User = request.user  # type: ignore[assignment]  # signed in
    form = SheetForm(request.POST, request.FILES)
    if form.is_valid():
        given = form.cleaned_data["file"]
        try:
            batch = profiles.plan_import(
                file=io.BytesIO(given.read()),
                name=given.name[:200],
                members=Member.objects.visible_to(user),
                by=user,
                at=clock.now(),
                on=clock.today(),
            )
        except WorkbookUnusable as error:
            form.add_error("file", str(error))
        else:
            return redirect("success:profile_import", public_id=batch.public_id)
    return _sheets(request, form=form, status=422)


@requires(Permission.PLAN_VIEW)
@require_safe
def sheet(request: HttpRequest, public_id: "uuid.UUID") -> HttpResponse:
    """One sheet: what it would do row by row, and how far it is."""
    batch = get_object_or_404(profile_imports(), public_id=public_id)
    counts = action_counts(batch)
    wanted = request.GET.get("show", "")
    if wanted not in RowAction.values:
        wanted = RowAction.REFUSE if counts[RowAction.REFUSE] else RowAction.CHANGE
        if not counts[wanted]:
            wanted = max(counts, key=lambda action: counts[action])
    found = page_asked(
        request,
        import_rows(batch, action=wanted),
        order=ROW_ORDER,
        size=PAGE_SIZE,
    )
    progress = import_progress(batch)
    return render_page_or_fragment(
        request,
        "success/profile_import.html",
        "success/_profile_import.html",
        {
            "batch": batch,
            "progress": progress,
            "worked": progress.total - progress.waiting,
            "undone": progress.undone + progress.kept,
            "is_running": batch.status
            in {ProfileImportStatus.APPLYING, ProfileImportStatus.UNDOING},
            "tabs": [
                {"key": action.value, "label": action.label, "count": counts[action]}
                for action in RowAction
            ],
            "shown": wanted,
            "refused": counts[RowAction.REFUSE],
            "rows": [_row(row) for row in found.items],
            "after": found.next,
            "before": found.previous,
            "left": list(
                batch.members.exclude(reason="")
                .select_related("member")
                .order_by("pk")[:PAGE_SIZE]
            ),
            "may_edit": has(request.user, Permission.PLAN_EDIT),
            "crumbs": [(_("Success profiles"), reverse("success:profiles"))],
        },
    )


@requires(Permission.PLAN_EDIT)
@require_POST
def apply(request: HttpRequest, public_id: "uuid.UUID") -> HttpResponse:
    """Have a sheet applied; a worker does it."""
    accept = request.POST.get("accept") == "on"
    return _ask(
        request,
        public_id,
        lambda **who: profiles.ask_to_apply(accept_refusals=accept, **who),
    )


@requires(Permission.PLAN_EDIT)
@require_POST
def undo(request: HttpRequest, public_id: "uuid.UUID") -> HttpResponse:
    """Have a sheet undone, wherever nobody has done anything since."""
    return _ask(request, public_id, profiles.ask_to_undo)


def _ask(
    request: HttpRequest, public_id: "uuid.UUID", verb: "Callable[..., ProfileImport]"
) -> HttpResponse:
    batch = get_object_or_404(profile_imports(), public_id=public_id)
    try:
        verb(batch=batch, by=request.user, at=clock.now())
    except (profiles.RefusalsWait, profiles.NotPlanned, profiles.NotApplied) as error:
        messages.error(request, str(error))
    else:
        wake_imports(batch_id=batch.pk)
    return redirect("success:profile_import", public_id=batch.public_id)


def _row(row: ProfileImportRow) -> dict[str, Any]:
    """A row in words: where it stands, and each cell that differs."""
    known = SHEET[row.sheet]
    titles = {column.key: str(column.title) for column in known.columns}
    before, after = row.before or {}, row.after or {}
    return {
        "row": row,
        "sheet": str(known.title),
        "cells": [
            {"title": titles[key], "was": before.get(key), "will_be": value}
            for key, value in after.items()
            if key in titles
        ],
        "faults": row.faults,
    }
