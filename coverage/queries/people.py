"""Who gives the experience, and who stands in for whom."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

from django.db.models import BooleanField, Count, ExpressionWrapper, Prefetch, Q, QuerySet

from coverage.engine.capacity import capacity
from coverage.models import Absence, Contributor
from members.enums import Role
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


@dataclass(frozen=True, kw_only=True)
class Giver:
    """Somebody who works here: what they can give, and their absences that are not over.

    ``hours`` are those for members in a month; null where nobody has said.
    """

    user: User
    contributor: Contributor | None
    hours: Decimal | None
    members: int
    absences: tuple[Absence, ...]


def people(*, on: date, only: User | None) -> list[Giver]:
    """Return everybody who has hours, members or an absence, or is an MSM, by name.

    ``only`` narrows it to one person. Two statements.
    """
    away = Prefetch(
        "absences",
        queryset=Absence.objects.filter(ends_on__gt=on)
        .select_related("cover")
        .order_by("starts_on", "pk"),
        to_attr="absences_ahead",
    )
    users = (
        User.objects.filter(is_active=True)
        .exclude(role=Role.MEMBER)
        .annotate(held=Count("assignments"))
        .filter(
            Q(role=Role.MSM)
            | Q(held__gt=0)
            | Q(contributor__isnull=False)
            | Q(pk__in=_away(on))
        )
        .select_related("contributor__team")
        .prefetch_related(away)
        .order_by("name", "pk")
    )
    if only is not None:
        users = users.filter(pk=only.pk)
    return [_giver(user) for user in users]


def _away(on: date) -> QuerySet[Absence, Any]:
    return Absence.objects.filter(ends_on__gt=on).values("user")


def _giver(user: Any) -> Giver:
    row: Contributor | None = getattr(user, "contributor", None)
    hours = None
    if row is not None:
        left = capacity(
            contracted=Fraction(row.monthly_hours),
            leave=Fraction(row.leave_percent, 100),
            overhead=Fraction(row.overhead_percent, 100),
        )
        hours = Decimal(left.numerator) / Decimal(left.denominator)
    return Giver(
        user=user,
        contributor=row,
        hours=hours,
        members=user.held,
        absences=tuple(user.absences_ahead),
    )


def absences(user: User, *, sees_all: bool, on: date) -> QuerySet[Absence]:
    """Return absences with whom they are of: everybody's, or those of ``user`` alone.

    ``is_over`` is annotated: whether they are back on ``on``.
    """
    rows = Absence.objects.select_related("user", "cover")
    if not sees_all:
        rows = rows.filter(user=user)
    is_back = ExpressionWrapper(Q(ends_on__lte=on), output_field=BooleanField())
    return rows.annotate(is_over=is_back)
