"""Who works with whom: members whose people share a project."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from django.contrib.postgres.aggregates import ArrayAgg
from django.db.models import Count, F, Q

from engagement.models import Involvement
from members.models import Member, User

# Areas in which people of several members work at one thing.
SHARED_AREAS = ("maintainer",)


@dataclass(frozen=True, kw_only=True)
class Peer:
    """Another member whose people work on the same things, and on how many."""

    member: Member
    subjects: tuple[str, ...]
    people: int


def works_alongside(
    member: Member, *, user: User, as_of: date, areas: Iterable[str] = SHARED_AREAS
) -> list[Peer]:
    """Return the members that ``user`` may see who share a subject with ``member`` on a day.

    Those with the most shared subjects first, then by name. ``people`` are theirs, on what is
    shared; one person on two subjects counts once. Three queries, however many peers.
    """
    lasting = Q(starts_on__lte=as_of) & (Q(ends_on=None) | Q(ends_on__gt=as_of))
    shared = Involvement.objects.filter(lasting, area__in=areas)
    mine = shared.filter(member=member).values_list("area", "subject")
    wanted = Q(pk__in=[])
    for area, subjects in _by_area(mine.distinct()).items():
        wanted |= Q(area=area, subject__in=subjects)
    counted = (
        shared.filter(wanted, member__in=Member.objects.visible_to(user))
        .exclude(member=member)
        .values("member")
        .annotate(
            subjects=ArrayAgg("subject", distinct=True, order_by="subject"),
            shared=Count("subject", distinct=True),
            people=Count("person", distinct=True),
            name=F("member__name"),
        )
        .order_by("-shared", "name", "member")
    )
    rows = list(counted)
    members = Member.objects.in_bulk([each["member"] for each in rows])
    return [
        Peer(
            member=members[each["member"]],
            subjects=tuple(each["subjects"]),
            people=each["people"],
        )
        for each in rows
    ]


def _by_area(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for area, subject in pairs:
        found.setdefault(area, []).append(subject)
    return found
