"""Today's work: what is open for somebody, in order, and what does not fit into their week."""

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, fields, replace
from datetime import date, time, timedelta
from fractions import Fraction
from functools import cache
from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import Count, F, Min, OuterRef, Q, QuerySet, Sum
from django.db.models.functions import JSONObject

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
# How much of a book is looked at one by one before all of it has to be.
HEAD = 200
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
    rows = _of_week(user, as_of=as_of)
    done = _done_since([user.pk], as_of=as_of).get(user.pk, 0)
    fitted = engine.fit(
        [_item(*row, as_of=as_of) for row in rows], hours=_left(user.weekly_hours, done)
    )
    return Workload(
        available=Fraction(user.weekly_hours),
        done=_hours(done),
        planned=sum((item.hours for item in fitted.served), Fraction(0)),
        unserved_hours=fitted.unserved_hours,
        unserved_ids=tuple(int(item.key) for item in fitted.unserved),
    )


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
    items, those they have claimed, and those of whom they stand in for. Six statements for a
    team of any size; items are summed up where they are, and only those at the head of each
    book are looked at one by one, for a week is soon full.
    """
    users = list(User.objects.filter(role=Role.MSM, is_active=True).order_by("name", "pk"))
    covers: dict[int, set[int]] = {}
    away: dict[int, Absence] = {}
    for absence in Absence.objects.handed_over().select_related("cover"):
        away[absence.user_id] = absence
        if absence.cover_id is not None:
            covers.setdefault(absence.cover_id, set()).add(absence.user_id)
    open_now = Intervention.objects.open().awake(on=as_of)
    sums = _sums(open_now, as_of=as_of)
    books = _books(open_now, owners={user.pk for user in users} | away.keys(), as_of=as_of)
    claimed = _claimed(open_now, as_of=as_of)
    done = _done_since([user.pk for user in users], as_of=as_of)
    loads = []
    for user in users:
        covered = covers.get(user.pk, set())
        left = _left(user.weekly_hours, done.get(user.pk, 0))
        theirs = [each for each in sums if each.falls_to(user.pk, covered=covered)]
        planned, served = _served(
            [books.get(user.pk, NO_BOOK), *(books.get(pk, NO_BOOK).free for pk in covered)],
            claimed.get(user.pk, []),
            hours=left,
            least=_hours(min((each.least for each in theirs), default=0)),
        ) or _served_of_all(user, hours=left, as_of=as_of)
        mine = [each for each in sums if each.owner == user.pk]
        gone = away.get(user.pk)
        loads.append(
            Load(
                user=user,
                items=sum(each.items for each in mine),
                overdue=sum(each.overdue for each in mine),
                hours=_hours(sum(each.minutes for each in mine)),
                oldest=min((each.oldest for each in mine), default=None),
                unserved_hours=_hours(sum(each.minutes for each in theirs)) - planned,
                unserved=sum(each.items for each in theirs) - served,
                away_until=gone.ends_on if gone else None,
                cover=gone.cover if gone else None,
            )
        )
    return loads


@dataclass(frozen=True, kw_only=True)
class _Sum:
    """Open items of one owner that one person has claimed, or nobody, added up."""

    owner: int | None
    holder: int | None
    items: int
    overdue: int
    oldest: date
    least: int
    minutes: int

    def falls_to(self, person: int, *, covered: AbstractSet[int]) -> bool:
        """Whether ``week`` counts them as this person's, who stands in for some others."""
        return person in {self.owner, self.holder} or (
            self.holder is None and self.owner in covered
        )


def _sums(items: InterventionQuerySet, *, as_of: date) -> list[_Sum]:
    rows = (
        items.filter(Q(owner__isnull=False) | Q(claimed_by__isnull=False))
        .order_by()
        .values_list("owner_id", "claimed_by_id")
        .annotate(
            items=Count("*"),
            overdue=Count("pk", filter=Q(due_on__lt=as_of)),
            oldest=Min("occurred_on"),
            least=Min("minutes"),
            taking=Sum("minutes"),
        )
    )
    names = [each.name for each in fields(_Sum)]
    return [_Sum(**dict(zip(names, row, strict=True))) for row in rows]


@dataclass(frozen=True, kw_only=True)
class _Book:
    """The head of what somebody has open, in order; ``end`` where it goes on after that."""

    items: Sequence[engine.QueueItem]
    claimed: AbstractSet[engine.Key]
    end: engine.QueueItem | None

    @property
    def free(self) -> "_Book":
        """What nobody has claimed."""
        free = [item for item in self.items if item.key not in self.claimed]
        return replace(self, items=free)


NO_BOOK = _Book(items=(), claimed=frozenset(), end=None)


def _books(
    items: InterventionQuerySet, *, owners: AbstractSet[int], as_of: date
) -> dict[int, _Book]:
    """The head of each book, from an index in the queue's order."""
    theirs = items.filter(owner=OuterRef("pk")).in_queue_order()
    as_object = JSONObject(**{name: name for name in OF_AN_ITEM}, holder="claimed_by_id")
    heads = (
        User.objects.filter(pk__in=owners)
        .annotate(head=ArraySubquery(theirs.values(said=as_object)[: HEAD + 1]))
        .values_list("pk", "head")
    )
    books = {}
    for owner, head in heads:
        found = [_as_item(each, as_of=as_of) for each in head[:HEAD]]
        books[owner] = _Book(
            items=found,
            claimed={
                item.key
                for item, each in zip(found, head, strict=False)
                if each["holder"] is not None
            },
            end=found[-1] if len(head) > HEAD else None,
        )
    return books


def _claimed(items: InterventionQuerySet, *, as_of: date) -> dict[int, list[engine.QueueItem]]:
    """What people have claimed of others and of the pool; there is never much."""
    found: dict[int, list[engine.QueueItem]] = {}
    of_others = items.filter(claimed_by__isnull=False).exclude(owner=F("claimed_by"))
    for holder, *item in of_others.order_by().values_list("claimed_by_id", *OF_AN_ITEM):
        found.setdefault(holder, []).append(_item(*item, as_of=as_of))
    return found


def _served(
    books: Sequence[_Book],
    claimed: Sequence[engine.QueueItem],
    *,
    hours: Fraction,
    least: Fraction,
) -> tuple[Fraction, int] | None:
    """Hours and number of what fits; null where more would have to be looked at to tell.

    What lies behind the end of any book is not known, so that is as far as one may go. If then
    less is left than the shortest item takes, nothing behind it fits either.
    """
    known = [*claimed, *(item for book in books for item in book.items)]
    ends = [engine.sort_key(book.end) for book in books if book.end is not None]
    if ends:
        known = [item for item in known if engine.sort_key(item) <= min(ends)]
    served = engine.fit(known, hours=hours).served
    planned = sum((item.hours for item in served), Fraction(0))
    if ends and hours - planned >= least:
        return None
    return planned, len(served)


def _served_of_all(user: User, *, hours: Fraction, as_of: date) -> tuple[Fraction, int]:
    rows = _of_week(user, as_of=as_of)
    served = engine.fit([_item(*row, as_of=as_of) for row in rows], hours=hours).served
    return sum((item.hours for item in served), Fraction(0)), len(served)


def _of_week(user: User, *, as_of: date) -> Iterable[Any]:
    """The items that count in somebody's week, each as ``OF_AN_ITEM`` names it."""
    covered = Absence.objects.handed_over().with_cover(user).values("user")
    of_others = OwnedBy(User.objects.filter(pk__in=covered))
    return (
        Intervention.objects.filter(
            Q(owner=user) | Q(claimed_by=user) | (of_others & Q(claimed_by=None))
        )
        .open()
        .awake(on=as_of)
        .values_list(*OF_AN_ITEM)
    )


def _item(  # noqa: PLR0913  # an item has that many parts
    pk: int,
    queue_class: int,
    occurred_on: date,
    minutes: int,
    term_ends_on: date | None,
    *,
    as_of: date,
) -> engine.QueueItem:
    return engine.QueueItem(
        key=f"{pk:020d}",
        kind=engine.QueueClass(queue_class),
        since=occurred_on,
        hours=_hours(minutes),
        days_behind=max((as_of - occurred_on).days, 0),
        term_ends_on=term_ends_on,
    )


def _as_item(said: Mapping[str, Any], *, as_of: date) -> engine.QueueItem:
    ends_on = said["term_ends_on"]
    return _item(
        said["pk"],
        said["queue_class"],
        date.fromisoformat(said["occurred_on"]),
        said["minutes"],
        date.fromisoformat(ends_on) if ends_on else None,
        as_of=as_of,
    )


def _left(available: int, done: int) -> Fraction:
    """Hours of a week of which so many minutes are done already."""
    return max(available - _hours(done), Fraction(0))


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
