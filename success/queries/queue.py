"""Today's work: what is open for somebody, in order, and what does not fit into their week."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from fractions import Fraction

from django.db.models import Count, Q, QuerySet, Sum

from config.kernel.clock import association_zone, local_moment
from coverage.models import Absence
from members.models import User
from success.engine import queue as engine
from success.enums import InterventionStatus, QueueClass
from success.models import Intervention
from success.querysets import InterventionQuerySet

MINUTES_AN_HOUR = 60
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
        .annotate(Count("pk"))
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

    @property
    def unserved(self) -> QuerySet[Intervention]:
        """The items that nobody has time for this week, in queue order."""
        return (
            Intervention.objects.filter(pk__in=self.unserved_ids)
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
    monday = local_moment(
        as_of - timedelta(days=as_of.weekday()), time(0), zone=association_zone()
    )
    available = Fraction(user.weekly_hours)
    done = _done_since(user, monday)
    covered = Absence.objects.handed_over().with_cover(user).values("user")
    rows = (
        Intervention.objects.filter(
            Q(owner=user) | Q(claimed_by=user) | Q(owner__in=covered, claimed_by=None)
        )
        .open()
        .awake(on=as_of)
        .values_list("pk", "queue_class", "occurred_on", "minutes", "term_ends_on")
    )
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
    fitted = engine.fit(items, hours=max(available - done, Fraction(0)))
    return Workload(
        available=available,
        done=done,
        planned=sum((item.hours for item in fitted.served), Fraction(0)),
        unserved_hours=fitted.unserved_hours,
        unserved_ids=tuple(int(item.key) for item in fitted.unserved),
    )


def _done_since(user: User, moment: datetime) -> Fraction:
    finished = Intervention.objects.filter(
        status=InterventionStatus.DONE, finished_by=user, finished_at__gte=moment
    )
    return _hours(finished.aggregate(minutes=Sum("minutes"))["minutes"] or 0)


def _hours(minutes: int) -> Fraction:
    return Fraction(minutes, MINUTES_AN_HOUR)
