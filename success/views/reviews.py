"""Reviews: the list, one of them, what is done with it, and calendars to subscribe to."""

import uuid
from datetime import datetime, timedelta
from typing import Any, cast
from urllib.parse import urlencode

from django.contrib import messages
from django.db.models import QuerySet
from django.forms import Form
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from config.kernel import clock
from config.kernel.keyset import page_asked
from config.kernel.panels import render_panel
from config.kernel.permissions import public, requires
from members.enums import Role
from members.models import Member, User
from members.views.visible import visible_member
from success.access import Permission
from success.enums import ReviewStatus
from success.forms.reviews import CancelForm, HoldForm, MoveForm, ScheduleForm, zones
from success.models import CalendarFeed, Review
from success.queries import reviews as reads
from success.services import reviews as acts
from success.services.reviews import ReviewRefused
from success.views.portal import pages

PAGE_SIZE = 50
PAST_SHOWN = 8
LOOK_FROM, LOOK_DAYS = timedelta(days=7), 28
AHEAD, TO_HOLD, WITHOUT, HELD = "ahead", "to-hold", "without", "held"
FIELD_OF = {
    acts.NotAhead: "day",
    acts.NotAsLong: "minutes",
    acts.UnknownZone: "zone",
    acts.NotAGuest: "guests",
    acts.OrganiserBusy: "hour",
    acts.HeldTooSoon: "on",
    acts.NotConfirmable: "goal",
}


# --- the list ---------------------------------------------------------------------------------


@requires(Permission.REVIEW_VIEW)
@require_safe
def reviews(request: HttpRequest) -> HttpResponse:
    """Reviews ahead, to close and held, and members without one; mine or the team's."""
    user, at = _user(request), clock.now()
    show = _one_of(request, "show", (AHEAD, TO_HOLD, WITHOUT, HELD))
    default = "mine" if user.role == Role.MSM else "team"
    whose = _one_of(request, "whose", ("mine", "team"), default=default)
    seen = reads.mine(user) if whose == "mine" else Review.objects.visible_to(user)
    lists: dict[str, tuple[QuerySet[Any], tuple[str, ...]]] = {
        AHEAD: (reads.ahead(seen, at=at), reads.AHEAD_ORDER),
        TO_HOLD: (reads.to_hold(seen, at=at), reads.AHEAD_ORDER),
        WITHOUT: (reads.without_review(user, is_team=whose == "team"), reads.WITHOUT_ORDER),
        HELD: (reads.held(seen), reads.HELD_ORDER),
    }
    asked, order = lists[show]
    listed = page_asked(
        request,
        asked,
        order=order,
        size=PAGE_SIZE,
    )
    labels = {
        AHEAD: _("Ahead"),
        TO_HOLD: _("To close"),
        WITHOUT: _("Without one ahead"),
        HELD: _("Held"),
    }
    context = {
        "show": show,
        "listed": listed,
        "rows": [_row(each) for each in listed.items],
        "days": reads.AHEAD_DAYS,
        "tabs": [
            {
                "label": labels[name],
                "url": _here(show=name, whose=whose),
                "current": name == show,
                "count": lists[name][0].count() if name == TO_HOLD else None,
            }
            for name in lists
        ],
        "scopes": [
            {"label": label, "url": _here(show=show, whose=name), "current": name == whose}
            for name, label in (("mine", _("Mine")), ("team", _("The team's")))
        ],
    }
    return render(request, "success/reviews.html", context)


def _row(each: Any) -> dict[str, Any]:
    """A review with its hour as it was agreed, or a member with the day one is due."""
    if isinstance(each, Review):
        return {"review": each, "when": reads.said_when(each)}
    due_on = reads.review_due_on(
        last_held_on=each.last_held_on, plan_counts_from=each.plan_counts_from
    )
    return {"member": each, "due_on": due_on}


# --- one review -------------------------------------------------------------------------------


@requires(Permission.REVIEW_VIEW)
@require_safe
def review(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    """One review: when, who, what it is about, what came of it."""
    return _show(request, _visible(request, public_id))


@requires(Permission.REVIEW_WORK)
@require_http_methods(["GET", "HEAD", "POST"])
def schedule(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    """Agree a review with a member; where there is one ahead, lead to it."""
    member = visible_member(request, public_id)
    there = reads.next_review(member)
    if there is not None and request.method != "POST":
        return redirect("success:review", there.public_id)
    user = _user(request)
    people = reads.possible_guests(member, as_of=clock.today())
    form = ScheduleForm(
        request.POST if request.method == "POST" else None,
        people=people,
        by=user,
        initial=None if request.method == "POST" else _proposal(member, user),
    )
    status = 200
    if request.method == "POST":
        status = 422
        if form.is_valid():
            said = form.cleaned_data
            try:
                made = acts.schedule(
                    member=member,
                    organiser=said["organiser"],
                    starts_at=form.starts_at,
                    minutes=said["minutes"],
                    time_zone=said["zone"],
                    place=said["place"],
                    guests=list(said.get("guests", ())),
                    note=said["note"],
                    by=user,
                    at=clock.now(),
                )
            except ReviewRefused as refused:
                status = _say(form, refused)
            else:
                messages.success(request, _agreed(made))
                return redirect("success:review", made.public_id)
    context = {
        "member": member,
        "form": form,
        "zones": zones(),
        "there": there,
        "nobody": not people.exists(),
        "crumbs": _crumbs(member),
    }
    return render(request, "success/review_schedule.html", context, status=status)


@requires(Permission.REVIEW_WORK)
@require_http_methods(["GET", "HEAD", "POST"])
def move(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    """Give a review another time, length or place."""
    row = _visible(request, public_id)
    if row.status != ReviewStatus.SCHEDULED:
        return redirect("success:review", row.public_id)
    form = MoveForm(request.POST or None, review=row)
    status = 200
    if request.method == "POST":
        status = 422
        if form.is_valid():
            row.sequence = form.cleaned_data["sequence"]
            try:
                moved = acts.move(
                    review=row,
                    starts_at=form.starts_at,
                    minutes=form.cleaned_data["minutes"],
                    place=form.cleaned_data["place"],
                    by=_user(request),
                    at=clock.now(),
                )
            except ReviewRefused as refused:
                status = _say(form, refused)
            else:
                words = {"when": reads.said_when(moved)}
                messages.success(request, _("It is now on %(when)s.") % words)
                return redirect("success:review", moved.public_id)
    context = _about(row) | {"form": form, "crumbs": _crumbs(row.member, row)}
    return render(request, "success/review_move.html", context, status=status)


@requires(Permission.REVIEW_WORK)
@require_POST
def cancel(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    """Call a review off."""
    row = _visible(request, public_id)
    form = CancelForm(request.POST)
    if not form.is_valid():
        return _show(request, row, cancel_form=form, status=422)
    row.sequence = form.cleaned_data["sequence"]
    try:
        acts.cancel(
            review=row,
            reason=form.cleaned_data["reason"],
            by=_user(request),
            at=clock.now(),
        )
    except ReviewRefused as refused:
        status = _say(form, refused)
        return _show(request, _visible(request, public_id), cancel_form=form, status=status)
    messages.success(request, _("It is called off, and those who were invited are told."))
    return redirect("success:member", row.member.public_id)


@requires(Permission.REVIEW_WORK)
@require_http_methods(["GET", "HEAD", "POST"])
def hold(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    """Close a review on one screen: what was agreed, the goal, the gap, and the next one."""
    row = _visible(request, public_id)
    if row.status != ReviewStatus.SCHEDULED and request.method != "POST":
        return redirect("success:review", row.public_id)
    today = clock.today()
    form = HoldForm(request.POST or None, review=row, today=today)
    status = 200
    if request.method == "POST":
        status = 422
        if form.is_valid():
            said = form.cleaned_data
            row.sequence = said["sequence"]
            try:
                held = acts.hold(
                    review=row,
                    on=said["on"],
                    outcome=said["outcome"],
                    goal_confirmed=form.goal_confirmed,
                    gap_answer=said["gap"] or None,
                    gap_words=said["gap_words"],
                    next_starts_at=form.next_starts_at,
                    by=_user(request),
                    at=clock.now(),
                )
            except ReviewRefused as refused:
                status = _say(form, refused, of_next=True)
            else:
                messages.success(request, _closed(held))
                return redirect("success:review", held.public_id)
    context = _about(row) | {
        "form": form,
        "items": reads.agenda(row.member, as_of=today),
        "crumbs": _crumbs(row.member, row),
    }
    return render(request, "success/review_hold.html", context, status=status)


# --- the panel of the member page -------------------------------------------------------------


@requires(Permission.REVIEW_VIEW)
@require_safe
def panel(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    """The review ahead with a member, and what came of those before."""
    member = visible_member(request, public_id)
    seen = Review.objects.visible_to(_user(request)).filter(member=member)
    ahead = seen.ahead().select_related("organiser", "member").first()
    past = reads.past_reviews(member).filter(pk__in=seen.values("pk"))
    context = {
        "member": member,
        "review": ahead,
        "when": reads.said_when(ahead) if ahead else "",
        "is_due": ahead is not None and ahead.starts_at <= clock.now(),
        "guests": reads.guests_of(ahead) if ahead else [],
        "past": past.prefetch_related("gap_answers")[:PAST_SHOWN],
    }
    return render_panel(
        request,
        "success/_member_review.html",
        context,
        title=_("Review"),
        name=member.name,
        subject=member.public_id,
    )


# --- calendars --------------------------------------------------------------------------------


@requires(Permission.CALENDAR_OWN)
@require_safe
def calendar(request: HttpRequest) -> HttpResponse:
    """Whether somebody's calendar has an address; the secret in it is not shown again."""
    return _calendar(request)


@requires(Permission.CALENDAR_OWN)
@require_POST
def calendar_new(request: HttpRequest) -> HttpResponse:
    """Make a new address, which ends the one before, and show it this once."""
    secret = acts.feed_secret(user=_user(request), at=clock.now())
    path = reverse("success:calendar_feed", args=[secret])
    return _calendar(request, address=request.build_absolute_uri(path))


@requires(Permission.CALENDAR_OWN)
@require_POST
def calendar_end(request: HttpRequest) -> HttpResponse:
    """End the address; calendars that read it get nothing any more."""
    acts.revoke_feed(user=_user(request), at=clock.now())
    messages.success(request, _("The address has ended."))
    return redirect("success:calendar")


@public
@require_safe
def calendar_feed(_request: HttpRequest, secret: str) -> HttpResponse:
    """A person's reviews for their calendar; whoever has the secret may read, nobody else."""
    found = reads.feed_of(secret, at=clock.now())
    if found is None:
        raise Http404
    return HttpResponse(
        found.text,
        headers={
            "Content-Type": "text/calendar; charset=utf-8",
            "Content-Disposition": 'inline; filename="reviews.ics"',
            "Cache-Control": "private",
            "X-Robots-Tag": "noindex",
        },
    )


def _calendar(request: HttpRequest, *, address: str = "") -> HttpResponse:
    user = _user(request)
    is_member = user.role == Role.MEMBER
    context = {
        "base": "base_portal.html" if is_member else "base.html",
        "is_member": is_member,
        "portal_links": pages.links(request) if is_member else [],
        "feed": CalendarFeed.objects.filter(user=user, revoked_at=None).first(),
        "address": address,
        "subscribe": f"webcal:{address.partition(':')[2]}" if address else "",
    }
    response = render(request, "success/calendar.html", context)
    response["Cache-Control"] = "no-store" if address else "private"
    return response


# --- what they share --------------------------------------------------------------------------


def _show(
    request: HttpRequest,
    row: Review,
    *,
    cancel_form: CancelForm | None = None,
    status: int = 200,
) -> HttpResponse:
    is_ahead = row.status == ReviewStatus.SCHEDULED
    items = (
        reads.agenda(row.member, as_of=clock.today()) if is_ahead else reads.kept_agenda(row)
    )
    context = _about(row) | {
        "is_ahead": is_ahead,
        "is_due": is_ahead and row.starts_at <= clock.now(),
        "items": items,
        "guests": reads.guests_of(row),
        "not_reached": reads.not_reached(row),
        "answers": row.gap_answers.order_by("pk"),
        "cancel_form": cancel_form or CancelForm(initial={"sequence": row.sequence}),
        "crumbs": _crumbs(row.member),
    }
    return render(request, "success/review.html", context, status=status)


def _about(row: Review) -> dict[str, Any]:
    return {"review": row, "member": row.member, "when": reads.said_when(row)}


def _proposal(member: Member, user: User) -> dict[str, Any]:
    """What the form starts with: who looks after them, and their first free hour in a week."""
    organiser = reads.organiser_of(member) or user
    zone = user.time_zone
    first = clock.today(zone=organiser.time_zone) + LOOK_FROM
    free = reads.free_slots(organiser, from_day=first, days=LOOK_DAYS, zone=zone)
    when: datetime | None = next(iter(free), None)
    guests = reads.main_contacts(member, as_of=clock.today())
    return {
        "day": when.date() if when else None,
        "hour": when.time() if when else None,
        "zone": zone,
        "organiser": organiser,
        "guests": list(guests),
    }


def _say(form: Form, refused: ReviewRefused, *, of_next: bool = False) -> int:
    """Put a refusal beside the field it is about; return the status to answer with."""
    name = FIELD_OF.get(type(refused))
    if of_next and name in {"day", "hour"}:
        name = f"next_{name}"
    if isinstance(refused, acts.Overtaken):
        # What was typed stays; sent again, it is meant for the review as it now is.
        data = cast("QueryDict", form.data).copy()
        data["sequence"] = str(refused.review.sequence)
        form.data = data
        words = {"when": reads.said_when(refused.review), "refusal": refused}
        said = _("%(refusal)s It is now on %(when)s. Send again to go on all the same.")
        form.add_error(None, said % words)
    else:
        form.add_error(name if name in form.fields else None, str(refused))
    return 409


def _agreed(row: Review) -> str:
    guests = len(reads.guests_of(row))
    words = {"when": reads.said_when(row), "n": guests}
    if guests:
        return _("Agreed for %(when)s. Invitations on their way: %(n)s.") % words
    return _("Agreed for %(when)s. Nobody has an address, so nobody is invited.") % words


def _closed(row: Review) -> str:
    following = reads.next_review(row.member)
    if following is None:
        return _("The review is closed. No next one is agreed.")
    words = {"when": reads.said_when(following)}
    return _("The review is closed. The next one is on %(when)s.") % words


def _crumbs(member: Member, row: Review | None = None) -> list[tuple[str, str]]:
    found = [
        (_("Reviews"), reverse("success:reviews")),
        (member.name, reverse("success:member", args=[member.public_id])),
    ]
    if row is not None:
        found.append((_("Review"), reverse("success:review", args=[row.public_id])))
    return found


def _one_of(
    request: HttpRequest, name: str, choices: tuple[str, ...], *, default: str = ""
) -> str:
    asked = request.GET.get(name, "")
    return asked if asked in choices else default or choices[0]


def _here(**query: str) -> str:
    return f"{reverse('success:reviews')}?{urlencode(query)}"


def _visible(request: HttpRequest, public_id: uuid.UUID) -> Review:
    rows = Review.objects.visible_to(_user(request)).select_related(
        "member", "organiser", "held_by"
    )
    return get_object_or_404(rows, public_id=public_id)


def _user(request: HttpRequest) -> User:
    return cast("User", request.user)
