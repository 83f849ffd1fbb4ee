"""How we are doing, told from how members are doing; and whether revenue is backed by it."""

import logging
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, cast

from django.http import Http404, HttpRequest, HttpResponse, QueryDict, StreamingHttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from config.kernel import clock
from config.kernel.permissions import has, requires
from config.kernel.sheets import KINDS, Row, as_file
from members.enums import Role
from members.models import Association, User
from success.access import Permission
from success.engine.revenue import MixedCurrencies
from success.engine.rollup import SMALLEST_GROUP
from success.queries import doing as reads
from success.queries import effects, vector
from success.queries import measures as integrity_of
from success.queries.doing import AccountRow, Told
from success.queries.nights import last_live_day
from success.services.mailings import Sheet
from success.views.measures import (
    HealthRow,
    asked_dimension,
    group_rows,
    integrity_context,
    members_url,
)
from success.views.trials import OUTCOME_WORDS, VERDICT_WORDS
from success.views.views import opens_as_kept

logger = logging.getLogger(__name__)

MOST_LISTED = 200
MOST_WON = 25
ACCOUNTS_HEADER = (
    *("looked_after_by", "member", "name", "held_days", "had_by", "state", "pace_then"),
    *("pace_now", "change", "counts", "why_not", "from", "to"),
)
WON_HEADER = (
    *("member", "name", "on", "renewed", "expanded", "currency", "milestones", "from", "to"),
)
GROUPS_HEADER = (
    *("by", "group", "members", "with_plan", "plan_coverage", "with_pace", "mean_pace"),
    *("same_members", "like_for_like", "mix", "alignment", "median_position", "waiting"),
    *("waiting_share", "as_of"),
)


# Our work.


@requires(Permission.VECTOR_VIEW)
@require_safe
@opens_as_kept("success:our_work")
def our_work(request: HttpRequest) -> HttpResponse:
    """The team's work and that of each, from the movement of accounts held long enough."""
    user = cast("User", request.user)
    as_of = _as_of()
    grace_days = Association.current().grace_days
    found = reads.work_of_all(as_of=as_of, grace_days=grace_days)
    people = reads.people_of(user, found)
    asked = request.GET.get("who", "")
    chosen = next((one for one, _told in people if str(one.public_id) == asked), None)
    if chosen is None and user.role == Role.MSM:
        chosen = user
    held = reads.accounts(as_of=as_of, grace_days=grace_days, owner=chosen) if chosen else []
    uplift, _plays = effects.overview(as_of=as_of, grace_days=grace_days)
    context: dict[str, Any] = {
        "crumbs": [(_("Measures"), reverse("success:measures"))],
        "as_of": as_of,
        "found": found,
        "team": _said(found.team),
        "rows": [
            {
                "user": one,
                "person": told,
                "said": _said(told.work),
                "url": f"{reverse('success:our_work')}?who={one.public_id}#accounts",
                "counted_url": members_url(
                    owner=str(one.public_id), held_days=str(found.held_days)
                ),
            }
            for one, told in people
        ],
        "chosen": chosen,
        "accounts": _account_lines(held),
        "uplift": [
            (OUTCOME_WORDS[each.outcome], VERDICT_WORDS[each.effect.verdict], each.effect)
            for each in uplift.outcomes
        ],
        "smallest": SMALLEST_GROUP,
        "sees_all": user.role != Role.MSM,
        "may_see_money": has(request.user, Permission.REVENUE_VIEW),
        "export": request.GET.urlencode(),
    }
    return render(request, "success/our_work.html", context)


@requires(Permission.VECTOR_VIEW)
@require_safe
def our_work_export(request: HttpRequest, kind: str) -> HttpResponse | StreamingHttpResponse:
    """Every account behind the page as a file: those the reader may see, all or of one."""
    _check_kind(kind)
    user = cast("User", request.user)
    found = sheet(user, request.GET, clock.today())
    logger.info("Our work exported", extra={"user_id": user.pk})
    return as_file(kind, name=f"our-work-{_as_of()}", header=found.header, rows=found.rows)


def sheet(user: User, filters: QueryDict, as_of: date) -> Sheet:
    """Every account behind the page as a table, all that ``user`` may see or of ``who``."""
    day = last_live_day() or as_of
    found = reads.accounts_by_person(
        user,
        as_of=day,
        grace_days=Association.current().grace_days,
        who=filters.get("who", ""),
    )
    earlier_on = day - timedelta(days=reads.HELD_DAYS)
    rows: list[Row] = [
        (
            *(one.name, str(row.public_id), row.name, row.held_days, row.had_by),
            *(row.state, row.before, row.after, row.change, "yes" if row.counts else "no"),
            *(_why_not(row), earlier_on, day),
        )
        for one, row in found
    ]
    return Sheet(
        header=ACCOUNTS_HEADER, rows=rows, passing=frozenset({"held_days", "from", "to"})
    )


def _said(work: Told) -> dict[str, Any]:
    """A reading as numbers of a page; the means stand only where the change does."""
    known = work.change is not None
    return {
        "work": work,
        "change": _decimal(work.change) if known else None,
        "before": _decimal(work.moved.before_same) if known else None,
        "after": _decimal(work.moved.after_same) if known else None,
    }


def _account_lines(rows: list[AccountRow]) -> list[dict[str, Any]]:
    return [{"row": row, "why_not": _why_not(row)} for row in rows[:MOST_LISTED]]


def _why_not(row: AccountRow) -> str:
    """Why an account enters nobody's figure; blank where it does."""
    if not row.is_held:
        return _("handed over since")
    if row.blocked_elsewhere:
        return _("waits for another department")
    return "" if row.change is not None else _("not measured on both days")


# Is revenue backed by success.


@requires(Permission.REVENUE_VIEW)
@require_safe
def integrity(request: HttpRequest) -> HttpResponse:
    """Dues by the way their members move, and what was won without a milestone."""
    user = cast("User", request.user)
    as_of = _as_of()
    association = Association.current()
    context: dict[str, Any] = {
        "crumbs": [(_("Measures"), reverse("success:measures"))],
        "as_of": as_of,
        "currency": association.currency,
        "is_page": True,
    }
    try:
        alarm = integrity_context(as_of=as_of, grace_days=association.grace_days)
    except MixedCurrencies as error:
        return render(request, "success/integrity.html", context | {"money_error": str(error)})
    context |= {
        "integrity": alarm,
        "rows": integrity_of.won_rows(
            user,
            earlier=alarm["earlier_on"],
            later=as_of,
            grace_days=association.grace_days,
            most=MOST_WON,
        ),
        "most": MOST_WON,
        "slower_url": members_url(moved="down", was_on=alarm["earlier_on"].isoformat()),
    }
    return render(request, "success/integrity.html", context)


@requires(Permission.REVENUE_VIEW)
@require_safe
def won_export(request: HttpRequest, kind: str) -> HttpResponse | StreamingHttpResponse:
    """What was renewed and expanded since, with and without a milestone, as a file."""
    _check_kind(kind)
    user = cast("User", request.user)
    as_of = _as_of()
    association = Association.current()
    earlier = integrity_of.earlier_day(as_of)
    found = integrity_of.won_rows(
        user,
        earlier=earlier,
        later=as_of,
        grace_days=association.grace_days,
        milestones=("none", "reached", "unknown"),
    )
    logger.info("Renewals won exported", extra={"user_id": user.pk})
    rows: list[Row] = [
        (
            *(str(row.public_id), row.name, row.on, row.renewed, row.expanded),
            *(association.currency, row.milestones, earlier, as_of),
        )
        for row in found
    ]
    return as_file(kind, name=f"won-{as_of}", header=WON_HEADER, rows=rows)


# Groups.


@requires(Permission.VECTOR_VIEW)
@require_safe
def groups_export(request: HttpRequest, kind: str) -> HttpResponse | StreamingHttpResponse:
    """The groups of the first screen as a file, those that the reader sees there."""
    _check_kind(kind)
    as_of = vector.last_rolled_up()
    by = asked_dimension(request)
    user = cast("User", request.user)
    found = group_rows(user, by=by, as_of=as_of) if as_of else []
    rows = [_group_cells(by.value, row) for row in found]
    return as_file(kind, name=f"members-by-{by.value}", header=GROUPS_HEADER, rows=rows)


def _group_cells(by: str, row: HealthRow) -> Row:
    one, same = row.health, row.same
    return (
        *(by, row.name, one.in_scope, one.with_plan, one.plan_coverage, one.with_pace),
        *(one.mean_pace, same.members if same else None, same.change if same else None),
        *(same.mix if same else None, one.alignment, one.median_position, one.waiting),
        *(one.waiting_share, one.as_of),
    )


def _check_kind(kind: str) -> None:
    if kind not in KINDS:
        raise Http404


def _as_of() -> date:
    return last_live_day() or clock.today()


def _decimal(value: Any) -> Decimal | None:
    return None if value is None else Decimal(value.numerator) / Decimal(value.denominator)
