"""Who stands in for whom."""

from dataclasses import dataclass
from datetime import date

from coverage.models import Absence
from members.models import User


def covering(user: User, on: date) -> frozenset[int]:
    """Return the ids of those whose work falls to ``user`` on a day, by the absences entered.

    By name, and for an MSM what falls to the pool: of absences in which nobody stands in, and
    of those in which who stands in is away as well. One statement.
    """
    falling = Absence.objects.on(on).falling_to(user)
    return frozenset(falling.exclude(user=user).values_list("user_id", flat=True))


@dataclass(frozen=True, kw_only=True)
class StandingIn:
    """Whose work somebody has just now, until when, and whether it is by name."""

    user: User
    ends_on: date
    by_name: bool


def standing_in(user: User) -> list[StandingIn]:
    """Return whose work has been handed over to ``user``, soonest back first. One statement."""
    falling = Absence.objects.handed_over().falling_to(user).exclude(user=user)
    return [
        StandingIn(user=row.user, ends_on=row.ends_on, by_name=row.cover_id == user.pk)
        for row in falling.select_related("user").order_by("ends_on", "pk")
    ]
