"""What a member is involved in: each subject once, with how many of its people."""

from dataclasses import dataclass
from datetime import date

from django.db.models import Count, Min, Q

from engagement.models import Involvement
from members.models import Member


@dataclass(frozen=True, kw_only=True)
class SubjectRow:
    """A project, product or programme; ``people`` is 0 for what the member is in as a whole.

    ``since`` is the first day of the longest of the stretches that last.
    """

    area: str
    subject: str
    people: int
    since: date


def subjects(member: Member, *, as_of: date) -> list[SubjectRow]:
    """Return what the member is involved in on a day, by area and name; one query."""
    lasting = Q(starts_on__lte=as_of) & (Q(ends_on=None) | Q(ends_on__gt=as_of))
    grouped = (
        Involvement.objects.filter(lasting, member=member)
        .values("area", "subject")
        .annotate(people=Count("person", distinct=True), since=Min("starts_on"))
        .order_by("area", "subject")
    )
    return [SubjectRow(**each) for each in grouped]
