"""Questions about interventions. Each answer is a queryset, so they chain."""

from datetime import date, datetime
from typing import TYPE_CHECKING, Self

from django.db.models import Q, QuerySet

from members.enums import Role
from success.enums import InterventionStatus

if TYPE_CHECKING:
    from members.models import User
    from success.models import Intervention  # noqa: F401  # parametrises the base


class InterventionQuerySet(QuerySet["Intervention"]):
    def visible_to(self, user: "User") -> Self:
        """Director and operations see every item, an MSM theirs and the pool's, others none."""
        if not user.is_active:
            return self.none()
        if user.role in {Role.DIRECTOR, Role.OPERATIONS}:
            return self
        if user.role == Role.MSM:
            return self.filter(Q(owner=user) | Q(owner=None) | Q(claimed_by=user))
        return self.none()

    def open(self) -> Self:
        return self.filter(status=InterventionStatus.OPEN)

    def awake(self, *, on: date) -> Self:
        """Not snoozed beyond ``on``."""
        return self.filter(Q(snoozed_until=None) | Q(snoozed_until__lte=on))

    def in_queue_order(self) -> Self:
        """Class first, then oldest evidence, then nearest term end. Dues have no part in it."""
        return self.order_by("queue_class", "occurred_on", "term_ends_on", "pk")

    def claim(self, pk: int, *, by: "User", until: datetime, at: datetime) -> bool:
        """Take one open item; False means somebody else holds it or it is no longer open."""
        free = Q(claimed_by=None) | Q(claimed_by=by) | Q(claimed_until__lte=at)
        return self.open().filter(free, pk=pk).update(claimed_by=by, claimed_until=until) == 1
