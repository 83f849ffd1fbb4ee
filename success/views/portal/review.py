"""The review: when it is and what it is about; a time is chosen, moved or called off."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from config.kernel import clock
from success.access import Permission
from success.forms.portal import CancelForm, SlotForm
from success.models import Review
from success.queries import reviews as reads
from success.queries.portal import speakers
from success.senders import calendars
from success.services import reviews
from success.views.portal.pages import (
    for_members,
    forget_words,
    kept_words,
    member_of,
    reader,
    show,
    who_speaks,
)

LOOK_AHEAD = 21  # days


@for_members(Permission.PATH_VIEW)
@require_safe
def review(request: HttpRequest) -> HttpResponse:
    """The next review with what it is about; or times to choose from."""
    return _page(request, {})


@for_members(Permission.PATH_SPEAK, page="success:path_review")
@require_POST
def book(request: HttpRequest) -> HttpResponse:
    """A time is chosen."""
    if reads.next_review(member_of(request)) is not None:  # pressed twice, or by two people
        messages.warning(request, _("A review is agreed already. You can choose another time."))
        return redirect("success:path_review")
    form = _slot_form(request, data=request.POST)
    if not form.is_valid():
        return _page(request, {"form": form})
    try:
        reviews.book(
            member=member_of(request),
            starts_at=_moment(form),
            note=form.cleaned_data["note"],
            by=reader(request),
            at=clock.now(),
        )
    except reviews.ReviewRefused as refused:
        form.add_error(None, str(refused))
        return _page(request, {"form": form})
    forget_words(request)
    messages.success(request, _("It is agreed. We look forward to it."))
    return redirect("success:path_review")


@for_members(Permission.PATH_SPEAK, page="success:path_review")
@require_POST
def move(request: HttpRequest) -> HttpResponse:
    """Another time is chosen."""
    ahead = _ahead(request)
    form = _slot_form(request, data=request.POST, ahead=ahead)
    if not form.is_valid():
        return _page(request, {"form": form, "is_moving": True})
    try:
        reviews.rebook(
            review=ahead, starts_at=_moment(form), by=reader(request), at=clock.now()
        )
    except reviews.ReviewRefused as refused:
        form.add_error(None, str(refused))
        return _page(request, {"form": form, "is_moving": True})
    messages.success(request, _("It is moved, and everybody who is invited is told."))
    return redirect("success:path_review")


@for_members(Permission.PATH_SPEAK, page="success:path_review")
@require_POST
def cancel(request: HttpRequest) -> HttpResponse:
    """It does not take place."""
    ahead = reads.next_review(member_of(request))
    if ahead is None:  # pressed twice, or by two people
        return redirect("success:path_review")
    form = CancelForm(request.POST)
    if not form.is_valid():
        return _page(request, {"cancel_form": form})
    try:
        reviews.cancel(
            review=ahead, reason=form.cleaned_data["reason"], by=reader(request), at=clock.now()
        )
    except reviews.ReviewRefused as refused:
        messages.error(request, str(refused))
    else:
        messages.success(request, _("It is called off. Choose another time when it suits you."))
    return redirect("success:path_review")


@for_members(Permission.PATH_VIEW)
@require_safe
def calendar(request: HttpRequest) -> HttpResponse:
    """The next review as a file that any calendar opens."""
    ahead = _ahead(request)
    text = calendars.feed([reads.meeting(ahead, at=ahead.changed_at)], name="")
    response = HttpResponse(text, content_type="text/calendar; charset=utf-8")
    response["Content-Disposition"] = 'attachment; filename="review.ics"'
    return response


def _ahead(request: HttpRequest) -> Review:
    found = reads.next_review(member_of(request))
    if found is None:
        raise Http404
    return found


def _page(request: HttpRequest, given: dict[str, Any]) -> HttpResponse:
    """The page with the forms that were sent, or with fresh ones; 422 for what is to mend."""
    member = member_of(request)
    ahead = reads.next_review(member)
    people = speakers(member)
    context: dict[str, Any] = {
        "review": ahead,
        "owner": people.owner,
        "zone": reader(request).time_zone,
        "place": reader(request).time_zone.replace("_", " "),
        "agenda": reads.agenda(member, as_of=clock.today()),
        "who_speaks": who_speaks(people, member=member),
        "form": _slot_form(request, ahead=ahead),
        "cancel_form": CancelForm(),
        "is_kept": not given and bool(kept_words(request)),
    }
    return show(
        request, "success/portal/review.html", context | given, status=422 if given else 200
    )


def _slot_form(
    request: HttpRequest, *, data: Any = None, ahead: Review | None = None
) -> SlotForm:
    """Times of the next three weeks, by day; none where nobody's calendar can be read."""
    member = member_of(request)
    ahead = ahead or reads.next_review(member)
    organiser = ahead.organiser if ahead else reads.organiser_of(member)
    free: Sequence[datetime] = ()
    if organiser is not None:
        tomorrow = clock.now().astimezone(ZoneInfo(organiser.time_zone)) + timedelta(days=1)
        free = reads.free_slots(
            organiser,
            from_day=tomorrow.date(),
            days=LOOK_AHEAD,
            zone=reader(request).time_zone,
            besides=ahead,
        )
    days = [
        (
            date_format(day, "l, j F"),
            [(moment.isoformat(), date_format(moment, "H:i")) for moment in moments],
        )
        for day, moments in groupby(free, key=lambda moment: moment.date())
    ]
    return SlotForm(data, slots=days, takes_note=ahead is None, initial=kept_words(request))


def _moment(form: SlotForm) -> datetime:
    """The chosen time; it is one of those offered, so it can be read."""
    return datetime.fromisoformat(form.cleaned_data["slot"])
