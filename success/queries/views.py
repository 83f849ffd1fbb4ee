"""Lists as people want to see them again."""

from typing import Final
from urllib.parse import parse_qsl, urlencode

from django.db.models import Case, IntegerField, Q, QuerySet, Value, When

from members.models import User
from success.models import SavedView

# The first place among one's own: the list opens with it.
OPENS_WITH: Final = 0
# What says where in the list somebody is, and not what is in it.
PLACES: Final = frozenset({"after", "before", "view", "done", "page", "csrfmiddlewaretoken"})


def kept(query: str) -> str:
    """Return the filters of a query string as a view keeps them: by name, none blank."""
    said = [(name, value) for name, value in parse_qsl(query) if name not in PLACES]
    return urlencode(sorted(said, key=lambda each: each[0]))


def views_of(user: User, *, page: str) -> QuerySet[SavedView]:
    """Return the views of a list that ``user`` may choose; one statement.

    Their own come first, in their order, then what others share, by name.
    """
    mine_first = Case(
        When(owner=user, then=Value(0)), default=Value(1), output_field=IntegerField()
    )
    position = Case(
        When(owner=user, then="position"), default=Value(0), output_field=IntegerField()
    )
    return (
        SavedView.objects.filter(Q(owner=user) | Q(is_shared=True, owner__is_active=True))
        .filter(page=page)
        .select_related("owner")
        .order_by(mine_first, position, "name", "pk")
    )


def opening_view(user: User, *, page: str) -> SavedView | None:
    """Return the view that the list opens with for ``user``; one statement."""
    return SavedView.objects.filter(owner=user, page=page, position=OPENS_WITH).first()
