"""Today's work: what is open for somebody, in order, and what does not fit into their week."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, time, timedelta
from fractions import Fraction
from functools import cache
from typing import Any

from django.db.models import Count, Q, QuerySet, Sum

from config.kernel.clock import association_zone, local_moment
from coverage.models import Absence
from members.enums import Role
from members.models import User
from success.engine import queue as engine
from success.enums import InterventionStatus, QueueClass
from success.models import Intervention
from success.querysets import InterventionQuerySet, OwnedBy

MINUTES_AN_HOUR = 60
OF_AN_ITEM = ("pk", "queue_class", "occurred_on", "minutes", "term_ends_on")
# For keyset paging; the same as ``in_queue_order``.
QUEUE_ORDER = ("queue_class", "occurred_on", "term_ends_on", "pk")


def today(user: User, *, as_of: date) -> InterventionQuerySet:
    """Return what ``user`` may work on today, in queue order, with all that a row shows.

    For an MSM their own items, the pool's, those of whom they stand in for, and what they have
    claimed; for a director and operations everybody's. Items that are asleep on ``as_of`` are
    left out. A queryset, to be filtered and paged by ``QUEUE_ORDER`` (DOMAIN 2.10).
    """
    return (
        Intervention.objects.visible_to(user)
        .open()
        .awake(on=as_of)
        .select_related("play", "step__version", "member", "owner", "claimed_by")
        .in_queue_order()
    )


def counts(user: User, *, as_of: date) -> dict[QueueClass, int]:
    """Return how many of today's items ``user`` sees in each class; every class is there."""
    rows = (
        Intervention.objects.visible_to(user)
        .open()
        .awake(on=as_of)
        .values_list("queue_class")
        .annotate(number=Count("*"))
        .order_by()
    )
    counted = dict(rows)
    return {each: counted.get(each.value, 0) for each in QueueClass}


@dataclass(frozen=True, kw_only=True)
class Workload:
    """The hours of one person's week; ``unserved`` are the items that do not fit, in order."""

    available: Fraction
    done: Fraction
    planned: Fraction
    unserved_hours: Fraction
    unserved_ids: tuple[int, ...]

    def unserved(self, *, most: int) -> QuerySet[Intervention]:
        """The first items that nobody has time for this week, in queue order."""
        return (
            Intervention.objects.filter(pk__in=self.unserved_ids[:most])
            .select_related("play", "step__version", "member", "owner", "claimed_by")
            .in_queue_order()
        )


def week(user: User, *, as_of: date) -> Workload:
    """Return hours available, done, planned and unserved in the week of ``as_of``, from Monday.

    Available are the person's weekly hours; done, what they finished since Monday in the
    association's zone. Their own open items, those they have claimed, and those of whom
    they stand in for are fitted into what is left, in queue order; the pool's count once
    somebody claims them. All others stay, with their hours: the queue never hides overload
    (DOMAIN 2.10). Two statements.
    """
    covered = Absence.objects.handed_over().with_cover(user).values("user")
    of_others = OwnedBy(User.objects.filter(pk__in=covered))
    rows = (
        Intervention.objects.filter(
            Q(owner=user) | Q(claimed_by=user) | (of_others & Q(claimed_by=None))
        )
        .open()
        .awake(on=as_of)
        .values_list(*OF_AN_ITEM)
    )
    done = _done_since([user.pk], as_of=as_of).get(user.pk, 0)
    return _workload(rows, available=user.weekly_hours, done=done, as_of=as_of)


@dataclass(frozen=True, kw_only=True)
class Load:
    """What one member success manager has open, as who leads the team sees it.

    ``oldest`` is the day of the oldest evidence; null where nothing is open. ``away_until`` is
    the day they are back, with who stands in; null where they are here, or nobody does.
    """

    user: User
    items: int
    overdue: int
    hours: Fraction
    oldest: date | None
    unserved_hours: Fraction
    unserved: int
    away_until: date | None
    cover: User | None


def team(*, as_of: date) -> list[Load]:
    """Return the load of every member success manager, by name and in no other order.

    Unserved are the hours that do not fit into their week, by the rule of ``week``: their own
    items, those they have claimed, and those of whom they stand in for. Four statements for a
    team of any size.
    """
    users = list(User.objects.filter(role=Role.MSM, is_active=True).order_by("name", "pk"))
    stand_ins: dict[int, list[int]] = {}
    away: dict[int, Absence] = {}
    for absence in Absence.objects.handed_over().select_related("cover"):
        away[absence.user_id] = absence
        if absence.cover_id is not None:
            stand_ins.setdefault(absence.user_id, []).append(absence.cover_id)
    own: dict[int, list[Any]] = {}
    theirs: dict[int, list[Any]] = {}
    overdue: Counter[int] = Counter()
    rows = Intervention.objects.filter(Q(owner__isnull=False) | Q(claimed_by__isnull=False))
    of_all = (
        rows.open()
        .awake(on=as_of)
        .values_list(*OF_AN_ITEM, "due_on", "owner_id", "claimed_by_id")
    )
    for *item, due_on, owner, claimed_by in of_all:
        if owner is not None:
            own.setdefault(owner, []).append(item)
            overdue[owner] += due_on < as_of
        covers = stand_ins.get(owner, []) if claimed_by is None else []
        for worker in {owner, claimed_by, *covers} - {None}:
            theirs.setdefault(worker, []).append(item)
    done = _done_since([user.pk for user in users], as_of=as_of)
    loads = []
    for user in users:
        week_of = _workload(
            theirs.get(user.pk, []),
            available=user.weekly_hours,
            done=done.get(user.pk, 0),
            as_of=as_of,
        )
        mine = own.get(user.pk, [])
        gone = away.get(user.pk)
        loads.append(
            Load(
                user=user,
                items=len(mine),
                overdue=overdue[user.pk],
                hours=_hours(sum(minutes for *_, minutes, _term in mine)),
                oldest=min((item[2] for item in mine), default=None),
                unserved_hours=week_of.unserved_hours,
                unserved=len(week_of.unserved_ids),
                away_until=gone.ends_on if gone else None,
                cover=gone.cover if gone else None,
            )
        )
    return loads


def _workload(rows: Iterable[Any], *, available: int, done: int, as_of: date) -> Workload:
    """Fit items into what is left of a week; ``done`` in minutes."""
    items = [
        engine.QueueItem(
            key=f"{pk:020d}",
            kind=engine.QueueClass(queue_class),
            since=occurred_on,
            hours=_hours(minutes),
            days_behind=max((as_of - occurred_on).days, 0),
            term_ends_on=term_ends_on,
        )
        for pk, queue_class, occurred_on, minutes, term_ends_on in rows
    ]
    left = max(available - _hours(done), Fraction(0))
    fitted = engine.fit(items, hours=left)
    return Workload(
        available=Fraction(available),
        done=_hours(done),
        planned=sum((item.hours for item in fitted.served), Fraction(0)),
        unserved_hours=fitted.unserved_hours,
        unserved_ids=tuple(int(item.key) for item in fitted.unserved),
    )


def _done_since(user_ids: list[int], *, as_of: date) -> dict[int, int]:
    """The minutes that each has finished since Monday, in the association's zone."""
    monday = local_moment(
        as_of - timedelta(days=as_of.weekday()), time(0), zone=association_zone()
    )
    finished = Intervention.objects.filter(
        status=InterventionStatus.DONE, finished_by__in=user_ids, finished_at__gte=monday
    )
    return dict(finished.order_by().values_list("finished_by").annotate(minutes=Sum("minutes")))


@cache
def _hours(minutes: int) -> Fraction:
    return Fraction(minutes, MINUTES_AN_HOUR)
