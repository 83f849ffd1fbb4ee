"""Who holds what: the books of the MSMs and the sizes of the segments."""

from dataclasses import dataclass
from datetime import date
from fractions import Fraction

from django.db.models import Count, F, Q, QuerySet, Sum
from django.db.models.functions import Coalesce

from coverage.models import Assignment, Segment
from members.enums import Role
from members.models import Member, User

MONTHS_A_QUARTER = 3


@dataclass(frozen=True, kw_only=True)
class Book:
    """What one person looks after; ``owner`` null is the pool, with those nobody holds."""

    owner: User | None
    members: int
    minutes_a_month: Fraction


@dataclass(frozen=True, kw_only=True)
class SegmentCount:
    segment: Segment
    members: int


def books(*, as_of: date, grace_days: int) -> list[Book]:
    """Return a book for every active MSM and any other owner, by name; the pool comes last.

    Members count who are in membership on ``as_of``. AX minutes are a month's, a third of the
    current profile's quarter. MSMs with nobody have an empty book. Two statements (DOMAIN 6).
    """
    profile = "member__ax_profiles__"
    minutes = sum(
        (F(f"{profile}{each}_minutes") for each in ("async", "sync", "taskforce")),
        start=F(f"{profile}inbound_minutes"),
    )
    current = Q(**{f"{profile}superseded_on": None, "member__ax_profiles__isnull": False})
    rows = (
        _held(as_of=as_of, grace_days=grace_days)
        .order_by()
        .values("owner_id")
        .annotate(
            members=Count("pk", distinct=True),
            minutes=Coalesce(Sum(minutes, filter=current), 0),
        )
    )
    held: dict[int | None, tuple[int, int]] = {
        row["owner_id"]: (row["members"], row["minutes"]) for row in rows
    }
    owners = User.objects.filter(
        Q(role=Role.MSM, is_active=True) | Q(pk__in=[key for key in held if key is not None])
    ).order_by("name", "pk")
    return [
        *(_book(owner, *held.get(owner.pk, (0, 0))) for owner in owners),
        _book(None, *held.get(None, (0, 0))),
    ]


def _held(*, as_of: date, grace_days: int) -> QuerySet[Assignment]:
    members = Member.objects.in_membership(on=as_of, grace_days=grace_days)
    return Assignment.objects.filter(member__in=members)


def _book(owner: User | None, members: int, minutes: int) -> Book:
    return Book(
        owner=owner, members=members, minutes_a_month=Fraction(minutes, MONTHS_A_QUARTER)
    )


def segment_counts(*, as_of: date, grace_days: int) -> list[SegmentCount]:
    """Return every segment in use or still held, in the order of rules, with its members.

    Members count who are in membership on ``as_of``. One statement.
    """
    held = _held(as_of=as_of, grace_days=grace_days)
    counted = Segment.objects.annotate(
        members=Count("assignments", filter=Q(assignments__in=held))
    ).filter(Q(is_retired=False) | Q(members__gt=0))
    return [
        SegmentCount(segment=segment, members=segment.members)
        for segment in counted.order_by("is_retired", "position", "pk")
    ]
