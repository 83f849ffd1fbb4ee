"""Today: the queue, the item in hand, and what can be done with it.

Each act is a POST. A script gets the next item with the list and the week beside it, all to be
put in place; without one, the answer leads to the page of the next item.
"""

import json
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any, cast
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.db.models import Q
from django.forms import Form, MultipleChoiceField, Select
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.template.defaultfilters import date as spelled
from django.urls import reverse
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST, require_safe

from config.kernel import clock
from config.kernel.fragments import is_fragment, render_page_or_fragment
from config.kernel.keyset import BadCursor, KeysetPage, page, page_asked
from config.kernel.permissions import has, requires
from coverage.access import Permission as Coverage
from coverage.enums import Channel
from coverage.queries.capacity import overloaded_for_weeks
from coverage.queries.people import standing_in
from members.enums import Role
from members.filters import POOL
from members.models import User
from success.access import Permission
from success.enums import InterventionStatus, Outcome, QueueClass
from success.filters import QueueFilter
from success.forms import CompleteForm, GiveForm, SnoozeForm, snooze_days
from success.models import Intervention, MemberFacts
from success.queries import queue
from success.queries import today as reads
from success.queries.members import known_tiers, vector_on
from success.queries.nights import last_live_day
from success.queries.prepared import is_spoken, prepared
from success.queries.reviews import agenda
from success.queries.roads import road_of
from success.queries.timeline import timeline
from success.querysets import InterventionQuerySet
from success.services import interventions
from success.views.members import OneOfMany
from success.views.views import opens_as_kept

PAGE_SIZE = 50
TOUCHES = 5
UNSERVED_SHOWN = 20
OUTCOME_KEYS = {
    Outcome.REACHED: "r",
    Outcome.NO_ANSWER: "n",
    Outcome.GOAL_CHANGED: "g",
    Outcome.WAITING_FOR_US: "w",
    Outcome.NOT_NEEDED: "x",
}
EVIDENCE_WORDS = {
    "happened": gettext_lazy("It began"),
    "waits": gettext_lazy("Waiting on"),
    "next": gettext_lazy("Next milestone"),
    "fact": gettext_lazy("On record"),
    "owed": gettext_lazy("A promise of ours is late"),
}
MORE_FILTERS = ("state", "segment", "due", "channel", "tier", "unserved")
NARROWING = ("owner", "queue_class", "play", "member", "week_of", *MORE_FILTERS)
FILTERS = (*NARROWING, "after", "before", "view")
# The form was asked on a day that has ended by their clock since.
DAY_IS_OVER = gettext_lazy("By your clock that day is over. Choose a later one.")
NOTHING_LEFT = gettext_lazy("Nothing is left in the pool.")
SHOWN = (
    "play",
    "step__version",
    "member",
    "owner",
    "claimed_by",
    "finished_by",
    "message__template",
    "step__template",
)


@requires(Permission.QUEUE_VIEW)
@require_safe
@opens_as_kept("success:today")
def today(request: HttpRequest) -> HttpResponse:
    """The queue with its first item."""
    desk = desk_of(request)
    first = desk.listed.items[0] if desk.listed.items else None
    context = _whole(request, desk, first) | {"opened": False}
    return render(request, "success/today.html", context)


@requires(Permission.QUEUE_VIEW)
@require_safe
def item(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    """One item; as a page, with the queue beside it."""
    chosen = _visible(request, public_id)
    if is_fragment(request):
        context = _pane(request, chosen) | {"opened": True}
    else:
        context = _whole(request, desk_of(request), chosen) | {"opened": True}
    return render_page_or_fragment(
        request, "success/today.html", "success/_today_item.html", context
    )


@requires(Permission.QUEUE_WORK)
@require_POST
def claim(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    chosen = _visible(request, public_id)
    try:
        taken = interventions.claim(intervention=chosen, by=_user(request), at=clock.now())
    except (interventions.AlreadyClaimed, interventions.NotOpen) as refused:
        return _refuse(request, chosen, refused)
    return _answer(request, taken, said=_("%(member)s is yours.") % _names(taken))


@requires(Permission.QUEUE_WORK)
@require_POST
def claim_next(request: HttpRequest) -> HttpResponse:
    """Take the first of the pool that nobody has."""
    taken = interventions.claim_next(user=_user(request), at=clock.now())
    if taken is None:
        if not is_fragment(request):
            messages.info(request, NOTHING_LEFT)
        listed = desk_of(request).listed.items
        return _answer(request, listed[0] if listed else None, said=str(NOTHING_LEFT))
    return _answer(request, taken, said=_("%(member)s is yours.") % _names(taken))


@requires(Permission.QUEUE_WORK)
@require_POST
def release(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    chosen = _visible(request, public_id)
    try:
        freed = interventions.release(intervention=chosen, by=_user(request), at=clock.now())
    except (interventions.NotHeld, interventions.NotOpen) as refused:
        return _refuse(request, chosen, refused)
    return _answer(request, freed, said=_("%(member)s is free again.") % _names(freed))


@requires(Permission.QUEUE_WORK)
@require_POST
def snooze(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    chosen = _visible(request, public_id)
    form = SnoozeForm(request.POST, today=_today(request))
    if not form.is_valid():
        return _stay(request, chosen, {"snooze_form": form, "open_act": "snooze"}, status=422)
    following = _following(request, chosen)
    until, until_change = form.cleaned_data["until"], form.cleaned_data["until_change"]
    try:
        interventions.snooze(
            intervention=chosen,
            until=until,
            until_change=until_change,
            by=_user(request),
            at=clock.now(),
        )
    except (interventions.AlreadyClaimed, interventions.NotOpen) as refused:
        return _refuse(request, chosen, refused)
    except (interventions.SnoozedIntoThePast, interventions.SnoozedTooFar):
        form.add_error("until", DAY_IS_OVER)
        return _stay(request, chosen, {"snooze_form": form, "open_act": "snooze"}, status=422)
    shape = "j F" if until and until.year == _today(request).year else "j F Y"
    words = {**_names(chosen), "day": spelled(until, shape) if until else ""}
    if until and until_change:
        said = _("%(member)s sleeps until %(day)s, or until something changes.") % words
    elif until:
        said = _("%(member)s sleeps until %(day)s.") % words
    else:
        said = _("%(member)s sleeps until something changes.") % words
    return _answer(request, following, said=said, undo=chosen)


@requires(Permission.QUEUE_WORK)
@require_POST
def complete(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    chosen = _visible(request, public_id)
    form = CompleteForm(request.POST, today=_today(request))
    if not form.is_valid():
        return _stay(
            request, chosen, {"complete_form": form, "open_act": "complete"}, status=422
        )
    following = _following(request, chosen)
    try:
        interventions.complete(
            intervention=chosen,
            outcome=Outcome(form.cleaned_data["outcome"]),
            note=form.cleaned_data["note"],
            minutes=form.cleaned_data["minutes"],
            learned=form.cleaned_data["learned"],
            next_step=form.cleaned_data["next_step"],
            next_on=form.cleaned_data["next_on"],
            by=_user(request),
            at=clock.now(),
        )
    except (interventions.AlreadyClaimed, interventions.NotOpen) as refused:
        kept = {"complete_form": form, "open_act": "complete"}
        return _refuse(request, chosen, refused, kept)
    except interventions.NextStepInThePast:
        form.add_error("next_on", DAY_IS_OVER)
        kept = {"complete_form": form, "open_act": "complete"}
        return _stay(request, chosen, kept, status=422)
    words = {**_names(chosen), "outcome": Outcome(form.cleaned_data["outcome"]).label}
    said = _("%(member)s: %(outcome)s.") % words
    return _answer(request, following, said=said, undo=chosen)


@requires(Permission.QUEUE_WORK)
@require_POST
def give(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    """Give an item to a colleague, or to the pool."""
    chosen = _visible(request, public_id)
    form = GiveForm(request.POST, people=reads.workers(without=chosen.owner_id))
    if not form.is_valid():
        return _stay(request, chosen, {"give_form": form, "open_act": "give"}, status=422)
    following = _following(request, chosen)
    try:
        interventions.reassign(
            intervention=chosen,
            to=form.chosen,
            reason=form.cleaned_data["reason"],
            by=_user(request),
            at=clock.now(),
        )
    except (
        interventions.AlreadyClaimed,
        interventions.NotAssignable,
        interventions.NotOpen,
        interventions.NotYours,
    ) as refused:
        kept = {"give_form": form, "open_act": "give"}
        return _refuse(request, chosen, refused, kept)
    if form.chosen is None:
        said = _("%(member)s is in the pool.") % _names(chosen)
    else:
        words = {**_names(chosen), "who": form.chosen.name}
        said = _("%(who)s has %(member)s now.") % words
    return _answer(request, following, said=said, undo=chosen)


@requires(Permission.QUEUE_WORK)
@require_POST
def send(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    """Send the written message of an item, through the gate."""
    chosen = _visible(request, public_id)
    following = _following(request, chosen)
    user, at = _user(request), clock.now()
    try:
        sent = interventions.send(intervention=chosen, by=user, at=at)
    except (
        interventions.AlreadyClaimed,
        interventions.NotOpen,
        interventions.NotSendable,
    ) as refused:
        return _refuse(request, chosen, refused)
    goes_at = sent.message.due_at if sent.message is not None else at
    if goes_at <= at + timedelta(minutes=1):
        said = _("%(member)s: the message goes out within the minute.") % _names(chosen)
    else:
        when = spelled(localtime(goes_at, ZoneInfo(user.time_zone)), "j F, H:i")
        words = {**_names(chosen), "when": when}
        said = _("%(member)s: the message waits and goes out on %(when)s.") % words
    return _answer(request, following, said=said, undo=chosen)


@requires(Permission.QUEUE_WORK)
@require_POST
def undo(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    chosen = get_object_or_404(_lately(request), public_id=public_id)
    try:
        back = interventions.undo(intervention=chosen, by=_user(request), at=clock.now())
    except interventions.NothingToUndo as refused:
        return _refuse(request, chosen, refused)
    return _answer(request, back, said=_("%(member)s is back.") % _names(back))


@dataclass(frozen=True, kw_only=True)
class Desk:
    """What the list is made from: the filters, the items they leave, and one page of those."""

    filters: QueueFilter
    items: InterventionQuerySet
    listed: KeysetPage[Intervention]
    lost_place: bool


def desk_of(request: HttpRequest) -> Desk:
    """Read the filters from the address, of a POST as of a GET."""
    user, on = _user(request), _today(request)
    everything = queue.today(user, as_of=on)
    filters = QueueFilter(request.GET, queryset=everything, request=request, on=on)
    items = filters.qs if filters.form.is_valid() else everything.none()
    rows, lost = reads.with_row(items), False
    try:
        listed = page_asked(
            request,
            rows,
            order=queue.QUEUE_ORDER,
            size=PAGE_SIZE,
        )
    except BadCursor:
        listed, lost = page(rows, order=queue.QUEUE_ORDER, size=PAGE_SIZE), True
    if not listed.items and (request.GET.get("after") or request.GET.get("before")):
        listed = page(rows, order=queue.QUEUE_ORDER, size=PAGE_SIZE)
    return Desk(filters=filters, items=items, listed=listed, lost_place=lost)


def class_counts(request: HttpRequest, now: reads.OpenNow) -> Sequence[tuple[QueueClass, int]]:
    """How many items there are of each class, whichever of them is asked for."""
    asked = request.GET.copy()
    asked.pop("queue_class", None)
    if not any(asked.get(name) for name in NARROWING):
        return now.classes
    user, on = _user(request), _today(request)
    everything = queue.today(user, as_of=on)
    others = QueueFilter(asked, queryset=everything, request=request, on=on)
    return reads.class_counts(others.qs) if others.form.is_valid() else []


def _whole(request: HttpRequest, desk: Desk, chosen: Intervention | None) -> dict[str, Any]:
    """Everything the page shows."""
    user, at, on = _user(request), clock.now(), _today(request)
    now = reads.open_now(user, as_of=on)
    pool = now.pool
    form = QueueFilter(request.GET, queryset=desk.items, request=request, on=on).form
    _simplify(form, request)
    # who has no book of their own comes to what is unserved from the team's page
    has_week = user.role == Role.MSM or "unserved" in request.GET
    more = [form[name] for name in MORE_FILTERS if has_week or name != "unserved"]
    counts = class_counts(request, now)
    asked = request.GET.getlist("queue_class")
    owner = request.GET.get("owner", "")
    context: dict[str, Any] = {
        "rows": [reads.row(each, at=at) for each in desk.listed.items],
        "listed": desk.listed,
        "total": sum(
            number for each, number in counts if not asked or str(each.value) in asked
        ),
        "everything": sum(number for _each, number in counts),
        "classes": [
            {
                "label": QueueClass(each).label,
                "value": each.value,
                "count": number,
                "url": _here(request, queue_class=each.value),
                "current": asked == [str(each.value)],
            }
            for each, number in counts
        ],
        "any_class_url": _here(request, queue_class=None),
        "any_class": not asked,
        "standing_in": [one for one in standing_in(user) if one.by_name],
        "tired": _tired(user, on=on),
        "sees_loads": has(user, Coverage.CAPACITY_VIEW_ALL),
        "may_rebalance": has(user, Coverage.COVERAGE_EDIT),
        "whose": [
            {
                "label": label,
                "is_pool": value == POOL,
                "url": _here(request, owner=value or None),
                "current": owner == value,
            }
            for value, label in _whose(user)
        ],
        "pool": pool,
        "pool_hours": _decimal(pool.hours),
        "more_fields": more,
        "more_active": sum(1 for name in MORE_FILTERS if request.GET.get(name)),
        "kept_fields": [
            (name, value)
            for name in ("owner", "queue_class", "play", "member", "week_of")
            for value in request.GET.getlist(name)
            if value
        ],
        "leads": has(user, Permission.QUEUE_LEAD),
        "filter_errors": []
        if desk.filters.form.is_valid()
        else desk.filters.form.errors.items(),
        "lost_place": desk.lost_place,
        "week_of": _week_of(desk.filters),
        "is_filtered": any(request.GET.get(name) for name in NARROWING),
        "known_on": (known_on := last_live_day()),
        "is_stale": reads.is_stale(known_on, on=on),
        "today_url": f"{reverse('success:today')}?view=none",
        "done": _just_done(request),
    }
    if user.role == Role.MSM:
        week = queue.week(user, as_of=on)
        context |= {
            "hours": {
                "available": _decimal(week.available),
                "done": _decimal(week.done),
                "busy": _decimal(min(week.done + week.planned, week.available)),
                "planned": _decimal(week.planned),
                "unserved": _decimal(week.unserved_hours),
            },
            "unserved": week.unserved(most=UNSERVED_SHOWN) if week.unserved_ids else [],
            "unserved_count": len(week.unserved_ids),
        }
    else:
        team = reads.team_week(now)
        context |= {
            "team": team,
            "hours_open": _decimal(team.open_hours),
            "hours_available": _decimal(team.available),
        }
    return context | _pane(request, chosen)


def _pane(request: HttpRequest, chosen: Intervention | None) -> dict[str, Any]:
    """What is shown of the item in hand, and what can be done with it."""
    context: dict[str, Any] = {
        "chosen": chosen,
        "query": _query(request),
        "back": _item_url(request, None),
    }
    if chosen is None:
        return context
    user, at, on = _user(request), clock.now(), _today(request)
    night = last_live_day() or on
    reading = vector_on(chosen.member, as_of=night)
    known = (
        MemberFacts.objects.select_related("contact", "segment")
        .filter(member=chosen.member_id)
        .first()
    )
    held_by = reads.holder(chosen, at=at)
    tomorrow, next_week = snooze_days(today=on)
    is_open = chosen.status == InterventionStatus.OPEN
    return context | {
        "prepared": prepared(chosen, as_of=on) if is_open else None,
        "to_speak_about": agenda(chosen.member, as_of=on)
        if is_open and is_spoken(chosen)
        else (),
        "known": known,
        "reading": reading,
        "road": road_of(reading),
        "modality": reads.modality(chosen.member.ax_profiles.filter(superseded_on=None)),
        "evidence": [
            {"label": EVIDENCE_WORDS[each.kind], "text": each.text, "on": each.on}
            for each in reads.evidence(chosen)
        ],
        "touches": timeline(chosen.member, user=user, as_of=on, size=TOUCHES).items,
        "earlier": reads.earlier(chosen, size=2),
        "held_by": held_by,
        "is_mine": held_by is not None and held_by == user,
        "is_open": is_open,
        "story": reads.story(chosen),
        "channels": dict(Channel.choices),
        "may_give": has(user, Permission.QUEUE_LEAD)
        or chosen.owner_id is not None
        or chosen.claimed_by_id == user.pk,
        "give_form": GiveForm(people=reads.workers(without=chosen.owner_id)),
        "complete_form": CompleteForm(initial={"minutes": chosen.minutes}, today=on),
        "snooze_form": SnoozeForm(today=on),
        "outcomes": [
            {"value": each.value, "label": each.label, "key": key}
            for each, key in OUTCOME_KEYS.items()
        ],
        "tomorrow": tomorrow,
        "next_week": next_week,
        "zone": user.time_zone,
        "open_act": "",
    }


def _tired(user: User, *, on: date) -> list[User]:
    """Who has had too much for weeks: anybody for those who see all loads, else oneself."""
    only = None if has(user, Coverage.CAPACITY_VIEW_ALL) else user
    return overloaded_for_weeks(as_of=on, only=only)


def _week_of(filters: QueueFilter) -> str:
    """Say whose week the list is about, where it is not that of who asks."""
    said = filters.form.cleaned_data if filters.form.is_valid() else {}
    if said.get("unserved") is None or said.get("week_of") is None:
        return ""
    whose = User.objects.filter(public_id=said["week_of"]).first()
    if whose is None:
        return ""
    words = (
        _("What does not fit into %(name)s's week, in order.")
        if said["unserved"]
        else _("What fits into %(name)s's week, in order.")
    )
    return words % {"name": whose.name}


def _whose(user: User) -> list[tuple[str, Any]]:
    if user.role == Role.MSM:
        return [("", _("Mine and the pool")), ("me", _("Mine")), ("pool", _("The pool"))]
    return [("", _("The whole team")), ("me", _("Mine")), ("pool", _("The pool"))]


def _answer(
    request: HttpRequest,
    following: Intervention | None,
    *,
    said: str,
    undo: Intervention | None = None,
) -> HttpResponse:
    """Go on with ``following``, say what happened, and offer to undo it."""
    where = _item_url(request, following)
    if not is_fragment(request):
        mark = "&" if "?" in where else "?"
        return redirect(f"{where}{mark}done={undo.public_id}" if undo else where)
    context = _whole(request, desk_of(request), following) | {"opened": True, "in_hand": True}
    if undo is not None:
        context["done"] = _refreshed(request, undo)
    response = render(request, "success/_today_swap.html", context)
    toast = {"text": said} | ({"undo": "#undo-button"} if undo else {})
    response["HX-Trigger"] = json.dumps({"toast": toast})
    response["HX-Replace-Url"] = where
    return response


def _refuse(
    request: HttpRequest,
    chosen: Intervention,
    refused: Exception,
    kept: dict[str, Any] | None = None,
) -> HttpResponse:
    """Say in place why it did not happen; what was typed is ``kept``."""
    current = _refreshed(request, chosen)
    match refused:
        case interventions.AlreadyClaimed(holder=holder):
            title = _("%(holder)s has this.") % {"holder": holder.name}
            text = _("Nothing was changed, and nothing you wrote is lost.")
        case interventions.NotAssignable() | interventions.NotSendable():
            title = str(refused)
            text = _("Nothing was changed.")
        case interventions.NotYours():
            title = _("You may give away what is yours.")
            text = _("Claim it first, or ask whoever leads the team. Nothing was changed.")
        case interventions.NotOpen():
            title = _("This is no longer open.")
            text = _("Somebody finished it, or its reason is gone. Nothing was changed.")
        case interventions.NotHeld():
            title = _("You have not claimed this.")
            text = _("Nothing was changed.")
        case _:
            title = _("There is nothing to undo.")
            text = _("Ten seconds have passed, or somebody went on with it meanwhile.")
    refusal = {"title": title, "text": text}
    return _stay(request, current, {"refusal": refusal} | (kept or {}), status=409)


def _stay(
    request: HttpRequest, chosen: Intervention, changes: dict[str, Any], *, status: int
) -> HttpResponse:
    """Show the item again, as a fragment or in its page, with what is to be said about it."""
    if is_fragment(request):
        context = _pane(request, chosen)
    else:
        context = _whole(request, desk_of(request), chosen)
    changes = {"opened": True, "in_hand": True} | changes
    return render_page_or_fragment(
        request,
        "success/today.html",
        "success/_today_item.html",
        context | changes,
        status=status,
    )


def _following(request: HttpRequest, chosen: Intervention) -> Intervention | None:
    """The item that comes next once this one is gone: the one below, else the one above.

    What a colleague is working on is passed over, as long as anything else is left.
    """
    items = desk_of(request).listed.items
    places = [each.pk for each in items]
    if chosen.pk not in places:
        return _free(request, items) or (items[0] if items else None)
    at = places.index(chosen.pk)
    below, above = items[at + 1 :], items[:at][::-1]
    return _free(request, below) or _free(request, above) or next(iter([*below, *above]), None)


def _free(request: HttpRequest, items: Iterable[Intervention]) -> Intervention | None:
    """The first of some items that nobody else is working on."""
    own, now = {None, _user(request)}, clock.now()
    return next((each for each in items if reads.holder(each, at=now) in own), None)


def _visible(request: HttpRequest, public_id: uuid.UUID) -> Intervention:
    rows = Intervention.objects.visible_to(_user(request)).select_related(*SHOWN)
    return get_object_or_404(rows, public_id=public_id)


def _lately(request: HttpRequest) -> InterventionQuerySet:
    """What somebody sees, or has put away a moment ago: what was given away is to be undone."""
    user = _user(request)
    since = clock.now() - interventions.UNDO_WITHIN
    worked = Intervention.objects.just_worked_by(user, since=since).values("pk")
    seen = Intervention.objects.visible_to(user).values("pk")
    rows = Intervention.objects.filter(Q(pk__in=worked) | Q(pk__in=seen))
    return rows.select_related(*SHOWN)


def _today(request: HttpRequest) -> date:
    """The day it is for the person at the screen."""
    return clock.today(zone=_user(request).time_zone)


def _simplify(form: Form, request: HttpRequest) -> None:
    """Make the questions of the API fit for a page: drop-downs, in fewer words."""
    asked = request.GET.get("tier", "")
    tiers = sorted({*known_tiers(), *([asked] if asked else [])})
    form.fields["tier"].widget = Select(
        choices=[("", _("Any")), *((tier, tier) for tier in tiers)]
    )
    form.fields["unserved"].label = _("Unserved this week")
    for name in MORE_FILTERS:
        form.fields[name].help_text = ""
    for name in ("state", "segment", "channel"):
        if len(request.GET.getlist(name)) < 2:
            field = cast("MultipleChoiceField", form.fields[name])
            choices = cast("list[tuple[Any, Any]]", list(field.widget.choices))
            field.widget = OneOfMany(choices=[("", _("Any")), *choices])
            field.widget.is_required = False


def _refreshed(request: HttpRequest, chosen: Intervention) -> Intervention:
    return get_object_or_404(_lately(request), public_id=chosen.public_id)


def _just_done(request: HttpRequest) -> Intervention | None:
    """The item that was put away a moment ago, named in the address where no script runs."""
    try:
        named = uuid.UUID(request.GET.get("done", ""))
    except ValueError:
        return None
    since = clock.now() - interventions.UNDO_WITHIN
    return (
        Intervention.objects.just_worked_by(_user(request), since=since)
        .filter(public_id=named)
        .select_related("member", "play")
        .first()
    )


def _item_url(request: HttpRequest, chosen: Intervention | None) -> str:
    path = reverse("success:item", args=[chosen.public_id]) if chosen else ""
    query = _query(request)
    path = path or reverse("success:today")
    return f"{path}?{query}" if query else path


def _query(request: HttpRequest) -> str:
    """The filters and the place in the list, to be carried from address to address."""
    kept = [(name, value) for name in FILTERS for value in request.GET.getlist(name) if value]
    return urlencode(kept)


def _here(request: HttpRequest, **changes: object) -> str:
    """Today with one filter changed; the list then starts at its beginning."""
    kept = {name: request.GET.getlist(name) for name in NARROWING}
    for name, value in changes.items():
        kept[name] = [] if value is None else [str(value)]
    query = urlencode(
        [(name, value) for name, values in kept.items() for value in values if value]
    )
    return f"{reverse('success:today')}?{query or 'view=none'}"


def _decimal(hours: Fraction) -> Decimal:
    return Decimal(hours.numerator) / hours.denominator


def _names(chosen: Intervention) -> dict[str, str]:
    return {"member": chosen.member.name}


def _user(request: HttpRequest) -> User:
    return cast("User", request.user)
