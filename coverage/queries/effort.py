"""The ledger of time as somebody may read it."""

from django.db.models import Q, QuerySet

from coverage.models import Effort
from members.models import Member, User


def entries(user: User, *, sees_all: bool) -> QuerySet[Effort]:
    """Return entries with their member and person, of members whom ``user`` may see.

    Who does not see everybody's load gets their own entries and those of the members that they
    look after themselves. Withdrawn ones are among them.
    """
    rows = Effort.objects.filter(member__in=Member.objects.visible_to(user))
    if not sees_all:
        rows = rows.filter(Q(by=user) | Q(member__assignment__owner=user))
    return rows.select_related("member", "by")
