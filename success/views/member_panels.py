"""The panels of the member page that success serves; each guards and scopes itself."""

import uuid
from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, cast

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from config.kernel import clock
from config.kernel.panels import day_asked, render_panel
from config.kernel.permissions import has, requires
from members import queries as membership
from members.access import Permission as MemberPermission
from members.models import Member, User
from members.views.visible import visible_member
from success.access import Permission
from success.models import Intervention, MemberFacts
from success.queries import members as reads
from success.queries.involvement import subjects
from success.queries.timeline import timeline
from success.queries.today import holder
from success.views.acts import last_night

TIMELINE_SIZE = 20
SHOWN = 8
THOUSAND = Decimal(1000)


@requires(MemberPermission.MEMBER_VIEW)
@require_safe
def people(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    """Who is at the member, in which role and since when, and what they do."""
    member, as_of = visible_member(request, public_id), _day(request)
    context = _some(request, reads.people(member, as_of=as_of)) | {"as_of": as_of}
    return _render(request, member, "people", _("People"), context)


@requires(Permission.QUEUE_VIEW)
@require_safe
def items(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    """What is open for the member in the queue."""
    member, at = visible_member(request, public_id), clock.now()
    opened = (
        Intervention.objects.visible_to(_user(request))
        .open()
        .filter(member=member)
        .select_related("play", "step", "owner", "claimed_by")
        .in_queue_order()
    )
    rows = [{"item": each, "held_by": holder(each, at=at)} for each in opened]
    return _render(request, member, "items", _("Open items"), {"rows": rows})


@requires(MemberPermission.MEMBER_VIEW)
@require_safe
def involvement(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    """What the member is involved in on the day, with how many of its people."""
    member, as_of = visible_member(request, public_id), _day(request)
    context = _some(request, subjects(member, as_of=as_of)) | {"as_of": as_of}
    return _render(request, member, "involvement", _("Involved in"), context)


@requires(MemberPermission.MEMBER_VIEW)
@require_safe
def terms(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    """The terms, newest first; what they cost for those who may see it."""
    member, as_of = visible_member(request, public_id), _day(request)
    with_dues = has(request.user, MemberPermission.DUES_VIEW)
    ask = membership.terms_with_dues if with_dues else membership.terms
    context = _some(request, ask(member, as_of=as_of))
    context |= {"with_dues": with_dues, "as_of": as_of}
    return _render(request, member, "terms", _("Terms"), context)


@requires(Permission.VECTOR_VIEW)
@require_safe
def facts(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    """What the last night knew of the member: the facts behind the vector."""
    member, known_on = visible_member(request, public_id), last_night(request)
    known = (
        MemberFacts.objects.filter(member=member)
        .select_related("blocking", "next_milestone", "plan")
        .first()
    )
    context: dict[str, Any] = {"known": known, "known_on": known_on}
    if known is not None and known_on is not None:
        has_clock = known.plan_id is not None and known.anchor_on is not None
        ahead = (known.held_on - known_on).days if known.held_on else 0
        first = known.baseline_held_on
        pace = None if known.pace_milli is None else Decimal(known.pace_milli) / THOUSAND
        last_day = known.term_ends_on - timedelta(days=1) if known.term_ends_on else None
        context |= {
            "ahead": ahead if has_clock else None,
            "baseline_ahead": (first - known_on).days if first else 0,
            "pace": pace,
            "last_day": last_day,
        }
    return _render(request, member, "facts", _("Facts behind the vector"), context)


@requires(MemberPermission.MEMBER_VIEW)
@require_safe
def history(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    """Everything that happened, newest first, a page at a time."""
    member, as_of = visible_member(request, public_id), _day(request)
    listed = timeline(
        member,
        user=_user(request),
        as_of=as_of,
        size=TIMELINE_SIZE,
        after=request.GET.get("after"),
        before=request.GET.get("before"),
    )
    context = {"listed": listed, "as_of": as_of, "is_beginning": listed.previous is None}
    return _render(request, member, "timeline", _("What happened"), context)


def _some(request: HttpRequest, rows: Sequence[Any]) -> dict[str, Any]:
    """The first rows and how many there are; with ``?all=1`` every one."""
    shown = rows if request.GET.get("all") else rows[:SHOWN]
    return {"rows": shown, "total": len(rows)}


def _render(
    request: HttpRequest, member: Member, part: str, title: str, context: dict[str, Any]
) -> HttpResponse:
    # Days are told as seen from the day that is looked at.
    seen_from = {"today": context["as_of"]} if "as_of" in context else {}
    return render_panel(
        request,
        f"success/_member_{part}.html",
        {"member": member, "address": request.path} | seen_from | context,
        title=title,
        name=member.name,
        subject=member.public_id,
    )


def _day(request: HttpRequest) -> date:
    return day_asked(request, latest=last_night(request) or clock.today())


def _user(request: HttpRequest) -> User:
    return cast("User", request.user)
