"""Members: the list, and the page of one."""

import uuid
from datetime import date, timedelta
from typing import Any, cast

from django import forms
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from config.kernel import clock, panels
from config.kernel.keyset import page_asked
from config.kernel.permissions import requires
from coverage.queries.experience import mismatched_among
from members.access import Permission
from members.enums import Role
from members.filters import ME, POOL
from members.models import Member, User
from success.enums import Standing
from success.filters import MemberFilter, Reader
from success.forms import LookBackForm
from success.models import MemberFacts
from success.queries import members as reads
from success.queries.nights import last_live_day
from success.queries.roads import road_of, roads
from success.queries.today import is_stale
from success.services.mailings import CannotBeMade, Sheet
from success.views.acts import LAST_NIGHT, vector_key
from success.views.views import opens_as_kept

PAGE_SIZE = 50
HEADER = (
    *("member", "name", "kind", "standing", "state", "days_ahead", "next_milestone", "segment"),
    *("looked_after_by", "tier", "joined_on", "term_through", "we_owe_since", "open_items"),
)
SORTS = ("name", "behind", "term_end")
# The panels that take the whole width; the others stand in two columns below.
WIDE = frozenset({"outcome", "milestones", "promises"})
FIRST_FILTERS = ("q", "state", "owner", "segment")


class OneOfMany(forms.SelectMultiple):
    """A drop-down for a filter that may be given several times; nothing chosen is no filter."""

    allow_multiple_selected = False

    def value_from_datadict(self, data: Any, files: Any, name: str) -> Any:
        values = super().value_from_datadict(data, files, name)
        return [value for value in values or [] if value]


@requires(Permission.MEMBER_VIEW)
@require_safe
@opens_as_kept("success:members")
def members(request: HttpRequest) -> HttpResponse:
    """Members with their state, narrowed by the filters, a page at a time."""
    user = cast("User", request.user)
    known_on = last_live_day()
    as_of = known_on or clock.today()
    everybody = reads.member_list(user, as_of=as_of).select_related(
        "known__segment", "known__owner", "known__next_milestone", "known__plan", "assignment"
    )
    asked, in_membership = _asked(request)
    filters = MemberFilter(asked, queryset=everybody, request=request)
    filters.form.fields.pop("order")  # the headers sort
    valid = filters.is_valid()
    found: QuerySet[Member] = filters.qs if valid else everybody.none()
    order, sort = _order(filters, request.GET) if valid else (reads.ORDERS["name"], "name")
    listed = page_asked(
        request,
        found,
        order=order,
        size=PAGE_SIZE,
    )
    drawn = roads(
        [
            (known.plan_id, known.plan.anchor_on)
            for each in listed.items
            if (known := getattr(each, "known", None)) and known.plan
        ],
        as_of=as_of,
    )
    mismatched = mismatched_among([each.pk for each in listed.items], as_of=as_of)
    rows = [
        {
            "member": each,
            "known": known,
            "road": drawn.get(known.plan_id) if known else None,
            "last_day": _last_day(known),
            "overlays": reads.overlays_of(
                known, as_of=as_of, is_mismatched=each.pk in mismatched
            ),
            "url": reverse("success:member", args=[each.public_id]),
        }
        for each in listed.items
        for known in [getattr(each, "known", None)]
    ]
    form = MemberFilter(request.GET, queryset=everybody, request=request).form
    _simplify(form, request)
    active = [name for name in form.fields if request.GET.get(name)]
    context = {
        "rows": rows,
        "listed": listed,
        "total": found.count() if valid else 0,
        "form": form,
        "first_fields": [form[name] for name in FIRST_FILTERS],
        "more_fields": [form[name] for name in form.fields if name not in FIRST_FILTERS],
        "more_open": any(name not in FIRST_FILTERS for name in active),
        "active": len(active),
        "sort": sort if request.GET.get("sort") else "",
        "scopes": _scopes(request, in_membership=in_membership),
        "everybody": request.GET.get("everybody", ""),
        "known_on": known_on,
        "is_stale": is_stale(known_on, on=clock.today()),
        "anybody": bool(rows) or Member.objects.visible_to(user).exists(),
    }
    return render(request, "success/members.html", context)


def sheet(user: User, filters: QueryDict, as_of: date) -> Sheet:
    """The list as a table, whole, with the filters and the order of its page."""
    day = last_live_day() or as_of
    asked, _is_usual = _scope(filters)
    everybody = reads.member_list(user, as_of=day)
    narrowed = MemberFilter(asked, queryset=everybody, request=Reader(user=user))
    narrowed.form.fields.pop("order")
    if not narrowed.is_valid():
        raise CannotBeMade(_("These filters make no sense any more."))
    order, _sort = _order(narrowed, filters)
    found: QuerySet[Member] = narrowed.qs
    return Sheet(
        header=HEADER,
        rows=(_cells(each) for each in found.order_by(*order, "pk").iterator()),
        passing=frozenset({"days_ahead"}),
    )


def _cells(member: Member) -> tuple[object, ...]:
    known = getattr(member, "known", None)
    head = (str(member.public_id), member.name, member.kind)
    if known is None:
        return (*head, *(None for _column in HEADER[len(head) :]))
    return (
        *head,
        known.standing,
        known.state,
        member.days_ahead,  # type: ignore[attr-defined]  # annotated
        known.next_milestone.title if known.next_milestone else None,
        known.segment.key if known.segment else None,
        known.owner.name if known.owner else None,
        known.tier,
        known.joined_on,
        _last_day(known),
        known.we_owe_since,
        member.open_items,  # type: ignore[attr-defined]  # annotated
    )


def _asked(request: HttpRequest) -> tuple[QueryDict, bool]:
    return _scope(request.GET)


def _scope(filters: QueryDict) -> tuple[QueryDict, bool]:
    """The questions asked; unless they say otherwise, of members in membership only.

    Who searches for a name, or names a standing, means everybody there ever was.
    """
    asked = filters.copy()
    given = any(asked.get(name) for name in ("standing", "q", "everybody"))
    if not given:
        asked.setlist("standing", [Standing.IN_FORCE.value, Standing.IN_GRACE.value])
    return asked, not given


def _scopes(request: HttpRequest, *, in_membership: bool) -> list[dict[str, Any]]:
    kept = request.GET.copy()
    for name in ("everybody", "standing", "q", "after", "before"):
        kept.pop(name, None)
    members_only = kept.urlencode()
    kept["everybody"] = "1"
    return [
        {
            "label": _("In membership"),
            "url": f"?{members_only or 'view=none'}",
            "current": in_membership,
        },
        {
            "label": _("Everybody there ever was"),
            "url": f"?{kept.urlencode()}",
            "current": bool(request.GET.get("everybody")),
        },
    ]


def _simplify(form: forms.Form, request: HttpRequest) -> None:
    """Make the questions of the API fit for a page: drop-downs, and order by the headers."""
    fields = form.fields
    fields.pop("order")
    for name in ("standing", "state", "segment", "overlay", "was"):
        if len(request.GET.getlist(name)) < 2:
            field = cast("forms.MultipleChoiceField", fields[name])
            choices = cast("list[tuple[Any, Any]]", list(field.widget.choices))
            field.widget = OneOfMany(choices=[("", _("Any")), *choices])
            field.widget.is_required = False
    team = User.objects.filter(role=Role.MSM, is_active=True).order_by("name")
    people = [(str(each.public_id), each.name) for each in team]
    fields["owner"].widget = forms.Select(
        choices=[("", _("Anybody")), (ME, _("Me")), (POOL, _("The pool")), *people]
    )
    for name in ("term_ends_before", "was_on"):
        fields[name].widget = forms.DateInput(attrs={"type": "date"})
    for each in fields.values():
        each.help_text = ""


def _order(filters: MemberFilter, query: QueryDict) -> tuple[tuple[str, ...], str]:
    """The columns to sort by, as the headers say; by default by name, or by likeness."""
    asked = query.get("sort", "")
    name = asked.removeprefix("-")
    if name not in SORTS:
        return filters.ordering, ""
    columns = reads.ORDERS[name]
    if asked.startswith("-"):
        columns = tuple(f"-{column}" for column in columns)
    return columns, asked


@requires(Permission.MEMBER_VIEW)
@require_safe
def member(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    """One member on one screen, today or as of a day that has passed."""
    user = cast("User", request.user)
    known_on = last_live_day()
    latest = known_on or clock.today()
    form = LookBackForm(request.GET or None, latest=latest)
    asked = form.cleaned_data["as_of"] if form.is_bound and form.is_valid() else None
    as_of = asked or latest
    try:
        one = reads.member_detail(user, public_id, as_of=latest)
    except Member.DoesNotExist as error:
        raise Http404 from error
    known = getattr(one, "known", None)
    assignment = getattr(one, "assignment", None)
    reading = reads.vector_on(one, as_of=as_of)
    embedded = panels.embed(
        request,
        subject=one.public_id,
        as_of=as_of,
        fetched={LAST_NIGHT: known_on, vector_key(as_of): reading},
    )
    context = {
        "member": one,
        "known": known,
        "assignment": assignment,
        "former_names": one.details.get("former_names", ""),
        "is_simulated": bool(one.details.get("simulated")),
        "as_of": as_of,
        "today": as_of,  # days are told as seen from the day looked at
        "latest": latest,
        "known_on": known_on,
        "is_stale": is_stale(known_on, on=clock.today()),
        "looks_back": as_of < latest,
        "look_back_form": form if form.is_bound else LookBackForm(latest=latest),
        "standing": _standing(reads.standing_on(one, as_of=as_of)),
        "last_day": _last_day(known),
        "reading": reading,
        # by the ledger of time, which is told as it is now
        "is_mismatched": as_of == latest and bool(mismatched_among([one.pk], as_of=as_of)),
        "road": road_of(reading),
        "wide": [each for each in embedded if each.panel.key in WIDE],
        "panels": [each for each in embedded if each.panel.key not in WIDE],
    }
    return render(request, "success/member.html", context)


def _standing(value: str) -> str:
    return str(Standing(value).label)


def _last_day(known: MemberFacts | None) -> date | None:
    """The last day that a term covers; null where none is known."""
    if known is None or known.term_ends_on is None:
        return None
    return known.term_ends_on - timedelta(days=1)
