"""One plan for many members: see what will happen, ask for it, watch it, undo it."""

import uuid
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, cast

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_POST, require_safe
from kombu.exceptions import OperationalError

from config.kernel import clock
from config.kernel.fragments import render_page_or_fragment
from config.kernel.permissions import requires
from members.models import Member, User
from success.access import Permission
from success.enums import PlanBatchStatus, Standing
from success.filters import MemberFilter
from success.forms.batches import BatchForm
from success.models import PlanBatch, PlanBatchItem
from success.queries import batches as reads
from success.queries import members as member_reads
from success.services import batches as services
from success.services.plans import NotAgreeable
from success.services.templates import path_of
from success.tasks import work_batch
from success.views.bulk import counted

MOST_LISTED = 50
SELECTED, MATCHING = "selected", "matching"

REASON_WORDS = {
    reads.WRONG_KIND: gettext_lazy("the plan is for another kind of member"),
    reads.LAPSED: gettext_lazy("no longer a member"),
    reads.HAS_PLAN: gettext_lazy("has a plan already"),
    reads.JOINED_LATER: gettext_lazy("joined after that day 0"),
    reads.FIT_OPEN: gettext_lazy("lacks a fit that no promise of ours in this plan closes"),
    reads.STOPPED: gettext_lazy("stopped before it was their turn"),
    reads.NEWER_VERSION: gettext_lazy("the plan has been changed or ended since"),
    reads.MILESTONE_TOLD: gettext_lazy("somebody has spoken of a milestone since"),
    reads.PROMISE_MOVED: gettext_lazy("a promise has been done, waived, moved or added since"),
    reads.ASK_ANSWERED: gettext_lazy("they have agreed to be asked, or answered, since"),
    reads.PAUSED: gettext_lazy("the plan has been paused since"),
    reads.REVIEWED: gettext_lazy("there has been a review or an answer about it since"),
    reads.GOAL_TOLD: gettext_lazy("they have spoken of their goal since"),
    reads.DRAFTED: gettext_lazy("somebody is writing a new version"),
}


@dataclass(frozen=True, kw_only=True)
class Selection:
    """Whom the list meant: the ids now, and how many were shown there."""

    scope: str
    shown: int
    query: str
    chosen: list[str]
    ids: list[int]


@requires(Permission.PLAN_VIEW)
@require_safe
def batches(request: HttpRequest) -> HttpResponse:
    """The latest batches of plans."""
    found = reads.recent_batches()[:MOST_LISTED]
    return render(
        request,
        "success/batches.html",
        {"batches": found, "crumbs": [(_("Members"), reverse("success:members"))]},
    )


@requires(Permission.PLAN_EDIT)
@require_POST
def batch_preview(request: HttpRequest) -> HttpResponse:
    """What a plan for the chosen members would come to; nothing is written."""
    selection = _selection(request)
    if not selection.ids:
        messages.warning(request, _("Tick some members first."))
        return redirect("success:members")
    return _preview(request, selection)


@requires(Permission.PLAN_EDIT)
@require_POST
def batch_ask(request: HttpRequest) -> HttpResponse:
    """Freeze the members as they were shown, and leave the rest to a worker."""
    selection = _selection(request)
    form = BatchForm(request.POST)
    if not form.is_valid():
        return _preview(request, selection, status=400)
    try:
        batch = services.ask(
            template=form.cleaned_data["template"],
            member_ids=selection.ids,
            anchor_on=form.cleaned_data["anchor_on"],
            expected_count=selection.shown,
            by=cast("User", request.user),
            at=clock.now(),
        )
    except services.CountChanged:
        return _preview(request, selection, status=409)
    except NotAgreeable as refusal:
        return _preview(request, selection, status=400, refusal=str(refusal))
    _wake(request, batch)
    return redirect("success:batch", public_id=batch.public_id)


@requires(Permission.PLAN_VIEW)
@require_safe
def batch(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    """A batch as it goes; it may be left and found again."""
    shown = get_object_or_404(reads.recent_batches(), public_id=public_id)
    found = reads.progress(shown)
    is_undoing = shown.status in {PlanBatchStatus.UNDOING, PlanBatchStatus.UNDONE}
    others = (
        PlanBatchItem.objects.filter(batch=shown, outcome__in=[reads.LEFT, reads.KEPT])
        .filter(member__in=Member.objects.visible_to(cast("User", request.user)))
        .select_related("member")
        .order_by("member__name", "pk")[:MOST_LISTED]
    )
    total = found.agreed + found.undone + found.kept if is_undoing else found.asked_for
    return render_page_or_fragment(
        request,
        "success/batch.html",
        "success/_batch.html",
        {
            "batch": shown,
            "found": found,
            "total": total,
            "done": total - found.agreed if is_undoing else found.worked,
            "is_undoing": is_undoing,
            "is_running": shown.status in reads.UNFINISHED,
            "may_be_undone": shown.status in services.STOPPABLE,
            "took": _took(shown),
            "reasons": [
                (_reason(reason), members) for _outcome, reason, members in found.reasons
            ],
            "others": [(item.member, _reason(item.reason)) for item in others],
            "most": MOST_LISTED,
            "crumbs": [
                (_("Members"), reverse("success:members")),
                (_("Plans for many"), reverse("success:batches")),
            ],
        },
    )


@requires(Permission.PLAN_EDIT)
@require_POST
def batch_undo(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    """Have a batch stopped and taken back; what was touched since stays."""
    shown = get_object_or_404(PlanBatch, public_id=public_id)
    try:
        services.undo(batch=shown, by=cast("User", request.user), at=clock.now())
    except services.NotUndoable:
        messages.info(request, _("It is being undone already, or was."))
    else:
        _wake(request, shown)
    return redirect("success:batch", public_id=shown.public_id)


def _wake(request: HttpRequest, batch: PlanBatch) -> None:
    try:
        work_batch.delay(batch_id=batch.pk)
    except OperationalError:  # the row is there, and each minute's tick looks for it
        messages.warning(
            request, _("No worker could be woken. It is noted, and begins when one is back.")
        )


def _selection(request: HttpRequest) -> Selection:
    """The members the list meant: those ticked, or all that match its filters now."""
    user = cast("User", request.user)
    scope = MATCHING if request.POST.get("scope") == MATCHING else SELECTED
    query = request.POST.get("query", "")
    chosen = [value for value in request.POST.getlist("member") if _is_uuid(value)]
    if scope == MATCHING:
        asked = QueryDict(query, mutable=True)
        if not any(asked.get(name) for name in ("standing", "q", "everybody")):
            asked.setlist("standing", [Standing.IN_FORCE.value, Standing.IN_GRACE.value])
        everybody = member_reads.member_list(user, as_of=clock.today())
        filters = MemberFilter(asked, queryset=everybody, request=request)
        found = filters.qs if filters.is_valid() else Member.objects.none()
        ids = list(found.order_by("pk").values_list("pk", flat=True))
        chosen = []
    else:
        visible = Member.objects.visible_to(user).filter(public_id__in=chosen).order_by("pk")
        rows = list(visible.values_list("pk", "public_id"))
        ids = [pk for pk, _public_id in rows]
        shown = len(set(chosen))
        chosen = [str(public_id) for _pk, public_id in rows]
    expected = request.POST.get("expected", "")
    if scope == MATCHING:
        shown = counted(expected, otherwise=len(ids))
    return Selection(
        scope=scope,
        shown=shown,
        query=query,
        chosen=chosen,
        ids=ids,
    )


def _preview(
    request: HttpRequest, selection: Selection, *, status: int = 200, refusal: str = ""
) -> HttpResponse:
    asked = {
        name: request.POST[name] for name in ("template", "anchor_on") if name in request.POST
    }
    first = BatchForm()
    template = first.fields["template"].queryset.first()  # type: ignore[attr-defined]  # of models
    initial = {
        "template": template.key if template else "",
        "anchor_on": clock.today().isoformat(),
    }
    form = BatchForm(initial | asked)
    context: dict[str, Any] = {
        "form": form,
        "selection": selection,
        "count": len(selection.ids),
        "has_changed": selection.shown != len(selection.ids),
        "refusal": refusal,
        "crumbs": [(_("Members"), reverse("success:members"))],
        "back": f"{reverse('success:members')}?{selection.query}",
    }
    if form.is_valid():
        chosen = form.cleaned_data["template"]
        found = reads.preview(
            selection.ids,
            template=chosen,
            path=path_of(chosen),
            anchor_on=form.cleaned_data["anchor_on"],
            on=clock.today(),
        )
        context["found"] = found
        context["left"] = [
            (
                _reason(left.reason),
                left.count,
                ", ".join(left.names),
                left.count > len(left.names),
            )
            for left in found.left
        ]
        context["action"] = ngettext(
            "Agree it with %(count)s member", "Agree it with %(count)s members", found.agreed
        ) % {"count": f"{found.agreed:,}"}
    return render(request, "success/batch_new.html", context, status=status)


def _reason(reason: str) -> str:
    return str(REASON_WORDS.get(reason, reason))


def _took(batch: PlanBatch) -> str:
    if batch.finished_at is None:
        return ""
    begun = batch.undone_at or batch.at
    length: timedelta = batch.finished_at - begun
    seconds = max(length.total_seconds(), 0)
    if seconds < 60:
        return _("%(seconds).1f s") % {"seconds": seconds}
    minutes, rest = divmod(round(seconds), 60)
    return _("%(minutes)d min %(seconds)d s") % {"minutes": minutes, "seconds": rest}


def _is_uuid(value: str) -> bool:
    try:
        uuid.UUID(value)
    except ValueError:
        return False
    return True
