"""Notices that follow from how things stand, found in the tables each minute."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from django.db.models import Count, F, Q
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from communications.enums import MessageStatus, NoticeKind
from communications.models import Message, Notice
from communications.services import notices
from coverage.enums import RebalancingStatus
from coverage.models import Absence, Move
from coverage.services.rebalancing import APPLIED
from members.enums import Role
from members.models import Member, User
from success.enums import InterventionStatus, Side
from success.models import Accountability, Intervention, InterventionEvent, Play
from success.queries.promises import open_on

# How far back is looked: longer than any outage that passes unnoticed.
LOOKED_BACK: Final = timedelta(days=2)


@dataclass(frozen=True, kw_only=True)
class _Telling:
    """What is to be told to whom; ``key`` says what it is."""

    users: list[User]
    kind: NoticeKind
    title: str
    body: str
    key: str
    address: str = ""
    member: Member | None = None


def tell_due(*, on: date, at: datetime) -> int:
    """Tell colleagues what concerns them of the last two days; return how many were told.

    A message of which nobody knows whether it was sent, and a play that stopped by itself, go
    to the house; a promise of theirs that has become late, to its owner; members handed over,
    to whoever stands in, and given back, to who was away; members that a rebalancing moved, to
    who has them now, once for all of them; an item that a colleague took over, to who had it.
    Each is told once, however often this runs: what was told is found by one indexed query and
    left alone.
    """
    tellings = [
        *_unknown_messages(at=at),
        *_paused_plays(),
        *_late_promises(on=on),
        *_handed_over(at=at),
        *_handed_back(at=at),
        *_moved(at=at),
        *_taken_over(at=at),
    ]
    told = set(
        Notice.objects.filter(
            user__in={user.pk for each in tellings for user in each.users},
            dedupe_key__in={each.key for each in tellings},
        ).values_list("user_id", "dedupe_key")
    )
    return sum(
        notices.tell(
            users=[user for user in each.users if (user.pk, each.key) not in told],
            kind=each.kind,
            title=each.title,
            body=each.body,
            address=each.address,
            dedupe_key=each.key,
            member=each.member,
            at=at,
        )
        for each in tellings
    )


def _house() -> list[User]:
    house = User.objects.filter(role__in=[Role.DIRECTOR, Role.OPERATIONS], is_active=True)
    return list(house.order_by("pk"))


def _unknown_messages(*, at: datetime) -> Iterator[_Telling]:
    unknown = Message.objects.filter(
        status=MessageStatus.UNKNOWN, finished_at__gt=at - LOOKED_BACK, finished_at__lte=at
    ).select_related("member")
    rows = list(unknown.order_by("pk"))
    house = _house() if rows else []
    for row in rows:
        yield _Telling(
            users=house,
            kind=NoticeKind.MESSAGE,
            title=_("Nobody knows whether a message was sent"),
            body=_("It is not sent again by itself. Look into the provider's own log."),
            address=reverse("communications:message", args=[row.public_id]),
            key=f"unknown {row.public_id}",
            member=row.member,
        )


def _paused_plays() -> Iterator[_Telling]:
    rows = list(Play.objects.exclude(paused_because="").order_by("pk"))
    house = _house() if rows else []
    for play in rows:
        yield _Telling(
            users=house,
            kind=NoticeKind.SYSTEM,
            title=_("A play stopped by itself: %(play)s") % {"play": play.title},
            body=play.paused_because,
            key=f"paused {play.key}: {play.paused_because}",
        )


def _late_promises(*, on: date) -> Iterator[_Telling]:
    late = Accountability.objects.filter(
        open_on(on),
        Q(plan__closed_on=None) | Q(plan__closed_on__gt=on),
        side=Side.ASSOCIATION,
        owner__is_active=True,
        due_on__lt=on,
        due_on__gte=on - LOOKED_BACK,
    ).select_related("owner", "plan__member")
    for promise in late.order_by("pk"):
        member = promise.plan.member
        yield _Telling(
            users=[promise.owner] if promise.owner else [],
            kind=NoticeKind.PROMISE,
            title=_("A promise of yours is late: %(promise)s") % {"promise": promise.title},
            body=_("%(member)s waits for it.") % {"member": member.name},
            address=reverse("success:member", args=[member.public_id]),
            key=f"late {promise.public_id} {promise.due_on.isoformat()}",
            member=member,
        )


def _handed_over(*, at: datetime) -> Iterator[_Telling]:
    away = Absence.objects.handed_over().filter(
        handed_over_at__gt=at - LOOKED_BACK, cover__isnull=False
    )
    for absence in away.select_related("user", "cover").order_by("pk"):
        yield _Telling(
            users=[absence.cover] if absence.cover else [],
            kind=NoticeKind.WORK,
            title=_("You stand in for %(who)s") % {"who": absence.user},
            body=_("Their members and their work are with you for as long as they are away."),
            address=reverse("success:today"),
            key=f"stands in {absence.pk}",
        )


def _handed_back(*, at: datetime) -> Iterator[_Telling]:
    back = Absence.objects.filter(handed_back_at__gt=at - LOOKED_BACK, handed_back_at__lte=at)
    for absence in back.select_related("user").order_by("pk"):
        yield _Telling(
            users=[absence.user],
            kind=NoticeKind.WORK,
            title=_("Your work is with you again"),
            body=_("Your members, and what was not done for them meanwhile."),
            address=f"{reverse('success:today')}?owner=me",
            key=f"back from {absence.pk}",
        )


def _moved(*, at: datetime) -> Iterator[_Telling]:
    """Members that came to somebody with a rebalancing; one notice for all of them."""
    moves = (
        Move.objects.filter(
            rebalancing__status=RebalancingStatus.APPLIED,
            rebalancing__applied_at__gt=at - LOOKED_BACK,
            rebalancing__applied_at__lte=at,
            outcome=APPLIED,
            to_owner__isnull=False,
        )
        .exclude(to_owner=F("from_owner"))
        .exclude(to_owner=F("rebalancing__applied_by"))
        .values("rebalancing__public_id", "rebalancing__reason", "to_owner")
        .annotate(members=Count("pk"))
        .order_by("rebalancing", "to_owner")
    )
    rows = list(moves)
    people = User.objects.in_bulk({row["to_owner"] for row in rows})
    for row in rows:
        yield _Telling(
            users=[people[row["to_owner"]]],
            kind=NoticeKind.WORK,
            title=ngettext(
                "You look after %(count)s more member",
                "You look after %(count)s more members",
                row["members"],
            )
            % {"count": f"{row['members']:,}"},
            body=row["rebalancing__reason"],
            address=f"{reverse('success:members')}?owner=me",
            key=f"rebalancing {row['rebalancing__public_id']}",
        )


def _taken_over(*, at: datetime) -> Iterator[_Telling]:
    """Items that somebody took whom they were not with."""
    taken = InterventionEvent.objects.filter(
        verb="claimed",
        at__gt=at - LOOKED_BACK,
        at__lte=at,
        by__isnull=False,
        intervention__status=InterventionStatus.OPEN,
    ).select_related("by", "intervention__owner", "intervention__member", "intervention__play")
    events = list(taken.order_by("pk"))
    earlier: dict[int, InterventionEvent] = {}
    history = InterventionEvent.objects.filter(
        intervention__in={event.intervention_id for event in events}
    ).select_related("by")
    before: dict[int, InterventionEvent | None] = {}
    for step in history.order_by("pk"):
        before[step.pk] = earlier.get(step.intervention_id)
        earlier[step.intervention_id] = step
    for event in events:
        had = _who_had(event.intervention, last=before.get(event.pk))
        if had is None or had == event.by:
            continue
        member = event.intervention.member
        yield _Telling(
            users=[had],
            kind=NoticeKind.WORK,
            title=_("%(who)s took over: %(play)s")
            % {"who": event.by, "play": event.intervention.play.title},
            body=_("For %(member)s.") % {"member": member.name},
            address=reverse("success:member", args=[member.public_id]),
            key=f"taken {event.pk}",
            member=member,
        )


def _who_had(item: Intervention, *, last: InterventionEvent | None) -> User | None:
    """Who was at it, unless they had let go; else whose it is."""
    if last is not None and last.verb == "claimed" and last.by is not None:
        return last.by
    return item.owner
