"""The segments: in which order they are tried, whom each takes, and why."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from config.kernel import clock
from config.kernel.conditions import EVERYBODY, BadCondition, in_words, parse
from config.kernel.permissions import has, requires
from coverage.access import Permission
from coverage.engine.facts import FACTS
from coverage.forms.segments import VALUES, Builder, SegmentForm
from coverage.models import Segment
from coverage.queries.books import segment_counts
from coverage.queries.segments import Reach, reach
from coverage.services import segments as services
from coverage.views.pages import user_of
from members.models import Association

page_and_form = require_http_methods(["GET", "HEAD", "POST"])


@dataclass(frozen=True, kw_only=True)
class Counted:
    """What a rule asks and whom it would take; ``refused`` says why it cannot be used."""

    words: str = ""
    reach: Reach | None = None
    refused: str = ""


@requires(Permission.COVERAGE_VIEW)
@require_safe
def segments(request: HttpRequest) -> HttpResponse:
    """Every segment in the order of the rules, with its members and what can be done."""
    counts = segment_counts(as_of=clock.today(), grace_days=Association.current().grace_days)
    known = {count.segment.pk: count.members for count in counts}
    in_use: list[dict[str, Any]] = []
    retired: list[dict[str, Any]] = []
    for each in Segment.objects.order_by("is_retired", "position", "pk"):
        row = {"segment": each, "members": known.get(each.pk, 0), "rule": said_of(each)}
        (retired if each.is_retired else in_use).append(row)
    context = {
        "in_use": in_use,
        "retired": retired,
        "may_edit": has(request.user, Permission.COVERAGE_EDIT),
        "crumbs": [(_("Coverage"), reverse("coverage:overview"))],
    }
    return render(request, "coverage/segments.html", context)


def said_of(segment: Segment) -> str:
    """A segment's rule as a sentence; one that cannot be used says why."""
    try:
        rule = parse(segment.rule, registry=FACTS)
    except BadCondition as error:
        return _("This rule cannot be used: %(reason)s") % {"reason": error}
    return _("Everybody whom no earlier rule takes") if rule == EVERYBODY else in_words(rule)


@requires(Permission.COVERAGE_EDIT)
@page_and_form
def add(request: HttpRequest) -> HttpResponse:
    """A new segment."""
    return _edit(
        request,
        segment=None,
        save=lambda fields: services.add(**fields, by=user_of(request), at=clock.now()),
    )


@requires(Permission.COVERAGE_EDIT)
@page_and_form
def edit(request: HttpRequest, key: str) -> HttpResponse:
    """A segment and its rule."""
    segment = get_object_or_404(Segment, key=key)
    return _edit(
        request,
        segment=segment,
        save=lambda fields: services.revise(
            segment=segment, **fields, by=user_of(request), at=clock.now()
        ),
    )


def _edit(
    request: HttpRequest, *, segment: Segment | None, save: Callable[[dict[str, Any]], Segment]
) -> HttpResponse:
    sent = request.POST if request.method == "POST" else None
    form = SegmentForm(sent, initial=_initial(segment))
    builder = Builder(stored=segment.rule if segment else None, sent=sent)
    counted = None
    status = 200
    if sent is not None and sent.get("do") == "look":
        # another row, and the count, for whoever has no script: nothing is saved
        form = SegmentForm(initial={name: sent.get(name) for name in form.fields})
        counted = _counted(builder, segment=segment)
    elif sent is not None:
        status = 422
        is_whole = form.is_valid()
        if builder.is_valid() and is_whole:
            if builder.asks_nothing:
                form.add_error(None, _("Ask something, or say that it takes everybody left."))
            else:
                try:
                    saved = save(form.fields_of_segment | {"rule": builder.data})
                except services.BadSegment as refused:
                    form.add_error(None, str(refused))
                else:
                    said = _("%(name)s is kept. Members move at the next night.")
                    messages.success(request, said % {"name": saved.name})
                    return redirect("coverage:segments")
        counted = _counted(builder, segment=segment)
    elif segment is not None:
        counted = _counted_rule(segment.rule, segment=segment)
    context = {
        "segment": segment,
        "crumbs": [(_("Segments"), reverse("coverage:segments"))],
        "form": form,
        "builder": builder,
        "counted": counted,
        "values": sorted(
            {str(word) for offered in VALUES.values() for word in offered.values()}
        ),
        "stored": said_of(segment) if segment else "",
    }
    return render(request, "coverage/segment.html", context, status=status)


def _initial(segment: Segment | None) -> dict[str, Any]:
    if segment is None:
        return {"delivery": "person"}
    return {
        "name": segment.name,
        "reason": segment.reason,
        "delivery": segment.delivery,
        "is_pooled": segment.is_pooled,
        "skills": ", ".join(segment.skills),
    }


@requires(Permission.COVERAGE_EDIT)
@require_safe
def count(request: HttpRequest) -> HttpResponse:
    """Whom the rule as it is being written would take; nothing is saved."""
    segment = Segment.objects.filter(key=request.GET.get("segment", "")).first()
    builder = Builder(stored=segment.rule if segment else None, sent=request.GET)
    context = {"counted": _counted(builder, segment=segment)}
    return render(request, "coverage/_segment_count.html", context)


def _counted(builder: Builder, *, segment: Segment | None) -> Counted | None:
    if not builder.is_valid():
        wrong = [
            str(error) for row in builder.rows for each in row.errors.values() for error in each
        ]
        return Counted(refused=wrong[0]) if wrong else None
    if builder.asks_nothing:
        return None
    return _counted_rule(builder.data, segment=segment)


def _counted_rule(rule: dict[str, Any], *, segment: Segment | None) -> Counted:
    try:
        checked = parse(services.checked_rule(rule), registry=FACTS)
    except services.BadRule as refused:
        return Counted(refused=str(refused))
    all_left = _("everybody whom no earlier rule takes")
    return Counted(
        words=all_left if checked == EVERYBODY else in_words(checked),
        reach=reach(
            checked,
            segment=segment,
            as_of=clock.today(),
            grace_days=Association.current().grace_days,
        ),
    )


@requires(Permission.COVERAGE_EDIT)
@require_POST
def move(request: HttpRequest, key: str) -> HttpResponse:
    """Try a segment's rule earlier or later."""
    segment = get_object_or_404(Segment, key=key)
    is_up = request.POST.get("way") == "up"
    if services.move(segment=segment, up=is_up, by=user_of(request), at=clock.now()):
        said = _("%(name)s is tried earlier.") if is_up else _("%(name)s is tried later.")
        messages.success(request, said % {"name": segment.name})
    return redirect("coverage:segments")


@requires(Permission.COVERAGE_EDIT)
@require_POST
def retire(request: HttpRequest, key: str) -> HttpResponse:
    """Use a segment no more."""
    segment = get_object_or_404(Segment, key=key)
    try:
        services.retire(segment=segment, by=user_of(request), at=clock.now())
    except services.NotRetirable as refused:
        messages.warning(request, str(refused))
    else:
        said = _("%(name)s is not given any more. Its members move at the next night.")
        messages.success(request, said % {"name": segment.name})
    return redirect("coverage:segments")


@requires(Permission.COVERAGE_EDIT)
@require_POST
def reinstate(request: HttpRequest, key: str) -> HttpResponse:
    """Use a retired segment again."""
    segment = get_object_or_404(Segment, key=key)
    services.reinstate(segment=segment, by=user_of(request), at=clock.now())
    messages.success(request, _("%(name)s is in use again.") % {"name": segment.name})
    return redirect("coverage:segments")
