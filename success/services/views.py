"""Keeping lists under a name: one's own, or shared with everybody on the staff."""

from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Max
from django.utils.translation import gettext as _

from members.models import User
from members.services import audit
from success.models import SavedView
from success.queries.views import OPENS_WITH, kept

LONGEST_NAME = 60


class NotNamed(ValueError):
    """A view needs a short name of its own; the message says what is wrong with it."""


@transaction.atomic
def save(  # noqa: PLR0913  # what a view is made of
    *, owner: User, page: str, name: str, filters: str, is_shared: bool = False, at: datetime
) -> SavedView:
    """Keep the filters of a list under a name, and return the view.

    The same name again keeps the new filters under it. ``page`` is the name of the list's
    address. What only says where in the list somebody was is left out. Raises ``NotNamed``.
    """
    words = _name(name)
    _hold(owner)
    mine = SavedView.objects.filter(owner=owner, page=page)
    last = mine.aggregate(last=Max("position"))["last"] or OPENS_WITH
    values = {"filters": kept(filters), "is_shared": is_shared}
    view, is_new = SavedView.objects.update_or_create(
        owner=owner,
        page=page,
        name=words,
        defaults=values,
        create_defaults=values | {"position": last + 1, "made_at": at},
    )
    _record("saved" if is_new else "changed", view, at=at, after=values)
    return view


@transaction.atomic
def change(*, view: SavedView, name: str, is_shared: bool, at: datetime) -> SavedView:
    """Give a view of one's own another name, share it or keep it to oneself; ``NotNamed``."""
    words = _name(name)
    _hold(view.owner)
    same = SavedView.objects.filter(owner=view.owner, page=view.page, name=words)
    if same.exclude(pk=view.pk).exists():
        raise NotNamed(_("Another view of yours has this name."))
    before = {"name": view.name, "is_shared": view.is_shared}
    view.name, view.is_shared = words, is_shared
    view.save(update_fields=["name", "is_shared"])
    after = {"name": words, "is_shared": is_shared}
    _record("changed", view, at=at, before=before, after=after)
    return view


@transaction.atomic
def move(*, view: SavedView, by_places: int, at: datetime) -> None:
    """Move a view up (negative) or down among one's own; past the end it stays there."""
    _hold(view.owner)
    mine = SavedView.objects.filter(owner=view.owner, page=view.page)
    opening = mine.filter(position=OPENS_WITH).first()
    order = list(mine.order_by("position", "name", "pk"))
    at_place = next(n for n, each in enumerate(order) if each.pk == view.pk)
    moved = order.pop(at_place)
    order.insert(min(max(at_place + by_places, 0), len(order)), moved)
    _renumber(order, opening=opening)
    _record("moved", view, at=at)


@transaction.atomic
def open_with(*, owner: User, page: str, view: SavedView | None, at: datetime) -> None:
    """Have a list open with a view of one's own, first of all; with none, as it is."""
    _hold(owner)
    order = list(
        SavedView.objects.filter(owner=owner, page=page).order_by("position", "name", "pk")
    )
    if view is not None:
        order.sort(key=lambda each: each.pk != view.pk)
    _renumber(order, opening=view)
    if view is not None:
        _record("opened_with", view, at=at)


@transaction.atomic
def remove(*, view: SavedView, at: datetime) -> None:
    """Forget a view of one's own."""
    _record("removed", view, at=at, before={"name": view.name, "filters": view.filters})
    view.delete()


def _renumber(order: list[SavedView], *, opening: SavedView | None) -> None:
    """Number the views from one; the first has nought if the list opens with it."""
    for number, each in enumerate(order, start=OPENS_WITH + 1):
        is_opening = opening is not None and each.pk == opening.pk and number == 1
        each.position = OPENS_WITH if is_opening else number
    SavedView.objects.bulk_update(order, ["position"])


def _hold(owner: User) -> None:
    """One change of somebody's views at a time."""
    User.objects.select_for_update(no_key=True, of=("self",)).get(pk=owner.pk)


def _name(name: str) -> str:
    words = " ".join(name.split())
    if not words:
        raise NotNamed(_("Give it a name."))
    if len(words) > LONGEST_NAME:
        raise NotNamed(_("Choose a shorter name."))
    return words


def _record(verb: str, view: SavedView, *, at: datetime, **values: dict[str, Any]) -> None:
    audit.record(
        verb=f"view.{verb}",
        subject=view,
        member_id=None,
        summary=_("A view of a list"),
        by=view.owner,
        at=at,
        **values,
    )
