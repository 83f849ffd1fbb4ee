"""Questions about absences and hours. Each answer is a queryset, so they chain."""

from datetime import date
from typing import TYPE_CHECKING, Self

from django.db.models import Q, QuerySet

from members.enums import Role

if TYPE_CHECKING:
    from coverage.models import Absence, CoverageModel  # noqa: F401  # parametrise the bases
    from members.models import User


class AbsenceQuerySet(QuerySet["Absence"]):
    def on(self, day: date) -> Self:
        """Those that a day is part of."""
        return self.filter(starts_on__lte=day, ends_on__gt=day)

    def handed_over(self) -> Self:
        """Those whose work is with somebody else just now."""
        return self.filter(handed_over_at__isnull=False, handed_back_at=None)

    def with_cover(self, user: "User") -> Self:
        """Those in which ``user`` stands in by name."""
        return self.filter(cover=user)

    def falling_to(self, user: "User") -> Self:
        """Those whose work ``user`` may do: by name, and for an MSM what falls to the pool.

        The pool has it where nobody stands in, and where who stands in is away as well.
        """
        named = Q(cover=user)
        if user.role != Role.MSM:
            return self.filter(named)
        return self.filter(named | Q(cover=None) | Q(cover__in=self.order_by().values("user")))


class CoverageModelQuerySet(QuerySet["CoverageModel"]):
    def standing(self) -> Self:
        """Those that were not withdrawn."""
        return self.filter(withdrawn_at=None)

    def begun(self, *, on: date) -> Self:
        """Those whose day has come; the first of them is the one that counts."""
        return (
            self.standing()
            .filter(effective_from__lte=on)
            .order_by("-effective_from", "-version")
        )
