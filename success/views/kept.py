"""Kept promises of both sides, and where members do not say what we record of them."""

from dataclasses import dataclass
from datetime import date
from typing import Any, cast

from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from config.kernel import clock
from config.kernel.permissions import requires
from members.models import User
from success.access import Permission
from success.enums import Side
from success.models import Accountability
from success.queries import kept as reads
from success.queries.gap import success_gap
from success.queries.kept import KeptBy
from success.queries.nights import last_live_day
from success.services.mailings import Sheet

MOST_LISTED = 25
HEADER = ("member", "name", "side", "looked_after_by", "promise", "due_on", "done_on", "became")


@dataclass(frozen=True, kw_only=True)
class OwnerRow:
    """The promises of one owner's members; those of a side with few of them, one by one."""

    found: KeptBy
    promises: list[Accountability]


@requires(Permission.VECTOR_VIEW)
@require_safe
def kept(request: HttpRequest) -> HttpResponse:
    """Say how both sides keep their promises, and whether members agree with our records."""
    user = cast("User", request.user)
    as_of = last_live_day() or clock.today()
    promises = reads.promises_kept(as_of=as_of)
    otherwise = reads.say_otherwise(user, as_of=as_of)
    context: dict[str, Any] = {
        "crumbs": [(_("Measures"), reverse("success:measures"))],
        "as_of": as_of,
        "promises": promises,
        "rows": _rows(promises.by_owner, user=user, as_of=as_of, since=promises.since),
        "smallest": reads.SMALLEST_GROUP,
        "gap": success_gap(as_of=as_of),
        "otherwise": otherwise[:MOST_LISTED],
    }
    return render(request, "success/kept.html", context)


def sheet(user: User, _filters: QueryDict, as_of: date) -> Sheet:
    """Every promise behind the shares, those of members that ``user`` may see."""
    day = last_live_day() or as_of
    found = reads.promises_kept(as_of=day)
    names = {group.owner_id: group.name for group in found.by_owner}
    groups = {(owner, side) for owner in names for side in (Side.ASSOCIATION, Side.MEMBER)}
    promises = reads.promises_of(user, few=groups, as_of=day, since=found.since)
    return Sheet(
        header=HEADER,
        rows=[
            (
                str(one.plan.member.public_id),
                one.plan.member.name,
                one.side,
                names.get(owner, ""),
                one.title,
                one.due_on,
                one.done_on,
                _became(one),
            )
            for owner, one in promises
        ],
    )


def _became(promise: Accountability) -> str:
    if promise.done_on is None:
        return "not_done"
    return "late" if promise.done_on > promise.due_on else "on_time"


def _rows(
    groups: tuple[KeptBy, ...], *, user: User, as_of: date, since: date
) -> list[OwnerRow]:
    """A row an owner, by name; promises are fetched in one go for all with few."""
    few = {
        (group.owner_id, side)
        for group in groups
        for side, found in (("association", group.ours), ("member", group.theirs))
        if found.due and found.is_small
    }
    promises = reads.promises_of(user, few=few, as_of=as_of, since=since) if few else []
    return [
        OwnerRow(
            found=group,
            promises=[one for keeper, one in promises if keeper == group.owner_id],
        )
        for group in groups
    ]
