"""Lists and measures as people want to see them again."""

from typing import Final
from urllib.parse import parse_qsl, urlencode

from django.db.models import Case, IntegerField, Q, QuerySet, Value, When
from django.utils.translation import gettext_lazy

from members.models import User
from success.models import SavedView

# The lists and measures that may be kept, by the names of their addresses.
PAGES: Final = {
    "success:today": gettext_lazy("Today"),
    "success:members": gettext_lazy("Members"),
    "success:measures": gettext_lazy("Measures"),
    "success:measures_money": gettext_lazy("What moved dues"),
    "success:movements": gettext_lazy("Movements"),
    "success:retention_curves": gettext_lazy("Retention"),
    "success:renewals": gettext_lazy("Renewals"),
    "success:renewable": gettext_lazy("Up for renewal"),
    "success:first_value": gettext_lazy("Time to first value"),
    "success:forecast": gettext_lazy("Expected expansion"),
    "success:forecast_accounts": gettext_lazy("Accounts of the forecast"),
    "success:our_work": gettext_lazy("Our work"),
    "success:margin": gettext_lazy("Cost to serve and margin"),
    "success:explain": gettext_lazy("How was this made?"),
}
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
