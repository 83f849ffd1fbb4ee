"""Questions about members. Each answer is a queryset, so they chain."""

from typing import TYPE_CHECKING, Self

from django.db.models import Q, QuerySet

from members.enums import Role

if TYPE_CHECKING:
    from members.models import Member, User  # noqa: F401  # Member parametrises the base


class MemberQuerySet(QuerySet["Member"]):
    def visible_to(self, user: "User") -> Self:
        """Rows ``user`` may see: staff see the whole association, a member see themselves.

        Upper apps narrow an MSM's lists to their own book and the pools; this is the wall.
        """
        if not user.is_active:
            return self.none()
        if user.role in {Role.DIRECTOR, Role.MSM, Role.OPERATIONS}:
            return self
        return self.filter(pk=user.member_id)

    def named_like(self, words: str) -> Self:
        """Members whose name or identifier has each of the words, accents and case forgiven."""
        found = self
        for word in words.split():
            found = found.filter(
                Q(name__unaccent__icontains=word) | Q(identities__external_id__iexact=word)
            )
        return found.distinct() if words.strip() else found
