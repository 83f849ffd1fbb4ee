"""Questions about members. Each answer is a queryset, so they chain."""

from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, Self

from django.db.models import (
    BooleanField,
    F,
    Func,
    IntegerField,
    Q,
    QuerySet,
    TextField,
    Value,
)

from members.enums import Role

if TYPE_CHECKING:
    from members.models import Member, User  # noqa: F401  # Member parametrises the base

SHORTEST_GUESS = 3
SWAPPED_FROM, SWAPPED_TO = 4, 15  # letters of a word; longer ones still share enough trigrams


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

    def chapters(self) -> Self:
        """Members of whom the records know a chapter."""
        return self.exclude(chapter="")

    def in_membership(self, *, on: date, grace_days: int) -> Self:
        """Members with a term in force on a day, or whose last one is still in its grace."""
        # members with several such terms are not to appear several times
        return self.filter(
            terms__starts_on__lte=on, terms__ends_on__gt=on - timedelta(days=grace_days)
        ).distinct()

    def named_like(self, words: str) -> Self:
        """Members whose present or former names are like ``words``, or who bear them as an id.

        Case, accents and typos are forgiven; an identifier must be exact. One or two letters
        are taken as the beginning of a name. No words, no restriction.
        """
        said = words.strip()
        if not said:
            return self
        model = self.model
        names = model._default_manager.alias(plain=_plain_names())  # noqa: SLF001
        plain = _plain(said)
        if len(said) < SHORTEST_GUESS:
            found = names.filter(plain__startswith=plain)
        else:
            meant = Q(plain__contains=plain) | Q(_Resembles(F("plain"), plain))
            for swapped in _with_two_letters_swapped(said):
                meant |= Q(plain__contains=_plain(swapped))
            found = names.filter(meant)
        by_id = model._default_manager.filter(identities__external_id=said)  # noqa: SLF001
        return self.filter(pk__in=found.values("pk").union(by_id.values("pk")))

    def with_likeness(self, words: str) -> Self:
        """Annotate ``likeness``: how well the names fit ``words``, in thousandths.

        A name that begins with the words comes before one that has them further inside.
        """
        said = words.strip()
        close = Func(_plain(said), _plain_names(), function="word_similarity")
        whole = Func(_plain(said), _plain_names(), function="similarity")
        return self.annotate(
            likeness=Func(
                close,
                whole,
                template="round((%(expressions)s) * 500)::int",
                arg_joiner=" + ",
                output_field=IntegerField(),
            )
        )


class _Resembles(Func):
    """``names %> words``: some stretch of the names is like the words; the index answers it."""

    template = "%(expressions)s"
    arg_joiner = " OPERATOR(public.%%>) "
    output_field = BooleanField()
    conditional = True


def _with_two_letters_swapped(words: str) -> set[str]:
    """Undo each way of typing two neighbours the wrong way round, which costs most trigrams."""
    if " " in words or not SWAPPED_FROM <= len(words) <= SWAPPED_TO:
        return set()
    swaps = (
        words[:i] + words[i + 1] + words[i] + words[i + 2 :] for i in range(len(words) - 1)
    )
    return {swapped for swapped in swaps if swapped.lower() != words.lower()}


def _plain_names() -> Func:
    return Func(
        F("name"),
        F("details"),
        function="waymark_plain_names",
        output_field=TextField(),
    )


def _plain(words: str) -> Any:
    return Func(
        Value(words, output_field=TextField()),
        function="waymark_plain",
        output_field=TextField(),
    )
