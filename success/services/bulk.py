"""One act on many items: frozen as they were shown, worked off in chunks, and undone.

A chunk commits together with what became of each of its items, so a killed worker loses only
the chunk it was in; any number of workers may try, and one at a time gets on. Each item goes
through the same service as if it were done by hand, and what is refused says why.
"""

from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from typing import Any, Final

from django.db import transaction
from django.urls import reverse
from django.utils.translation import gettext as _

from communications.enums import NoticeKind
from communications.services import notices
from members.models import User
from members.services import audit
from success.enums import BulkVerb, Outcome
from success.models import BulkAct, Intervention
from success.querysets import InterventionQuerySet
from success.services import interventions

CHUNK: Final = 50
UNDO_WITHIN: Final = timedelta(hours=1)
REFUSALS: Final = (
    interventions.AlreadyClaimed,
    interventions.NotAssignable,
    interventions.NotOpen,
    interventions.NotYours,
    interventions.SnoozedIntoThePast,
    interventions.SnoozedTooFar,
)

Clock = Callable[[], datetime]


class CountChanged(Exception):
    """There are more or fewer items now than were shown; ``count`` says how many."""

    def __init__(self, count: int) -> None:
        self.count = count
        super().__init__(f"{count} items now")


class NotUndoable(Exception):
    """It is being undone, or was, or it is too long ago."""


@transaction.atomic
def freeze(  # noqa: PLR0913  # an act has that many parts
    *,
    items: InterventionQuerySet,
    verb: BulkVerb,
    details: Mapping[str, Any],
    expected_count: int,
    by: User,
    at: datetime,
) -> BulkAct:
    """Freeze which items an act is upon, and return it; a worker takes it from there.

    ``items`` are those that ``by`` sees. ``details`` by verb, all JSON: ``until`` (ISO day or
    null) and ``until_change`` for a snooze; ``to`` (id of a user) and ``reason``; ``reason``
    for the pool; ``outcome`` and ``note``. Raises ``CountChanged`` where the items are not as
    many as were shown, or none. The same again before it is worked off is the same act.
    """
    ids = list(items.in_queue_order().values_list("pk", flat=True))
    if len(ids) != expected_count or not ids:
        raise CountChanged(len(ids))
    verb, said = BulkVerb(verb), dict(details)
    # whoever presses twice waits here for themselves
    User.objects.select_for_update(no_key=True, of=("self",)).get(pk=by.pk)
    waiting = BulkAct.objects.filter(
        by=by, verb=verb, ids=ids, finished_at=None, undone_at=None
    )
    if (known := waiting.filter(details=said).first()) is not None:
        return known
    act = BulkAct.objects.create(verb=verb, details=said, ids=ids, by=by, at=at)
    _audit("asked", act, by=by, at=at, after={"verb": verb.value, "items": len(ids)})
    return act


def work(*, bulk_id: int, clock: Clock) -> int:
    """Work an act off, or undo it; how many items were dealt with.

    Chunk by chunk, each in its own transaction: killed half-way it goes on where it was, and
    run twice it does nothing twice. Returns at once while another worker is at it.
    """
    dealt_with = 0
    while done := _chunk(bulk_id, at=clock()):
        dealt_with += done
    return dealt_with


@transaction.atomic
def undo(*, act: BulkAct, by: User, at: datetime) -> BulkAct:
    """Have an act undone by the worker: it stops where it is, and puts back what it did.

    For an hour, and by whoever asked for it. An item that somebody has touched since stays as
    it is, with the reason. Raises ``NotUndoable``.
    """
    row = BulkAct.objects.select_for_update(of=("self",)).get(pk=act.pk)
    if not is_undoable(row, by=by, at=at):
        raise NotUndoable
    worked_until = (row.finished_at or at).isoformat()
    row.undone_at, row.finished_at = at, None
    row.details = row.details | {"undone": [], "kept": {}, "worked_until": worked_until}
    row.save(update_fields=["undone_at", "finished_at", "details"])
    _audit("undoing", row, by=by, at=at, after={"done": len(row.done)})
    return row


def is_undoable(act: BulkAct, *, by: User, at: datetime) -> bool:
    """Whether ``by`` may have the act undone at a moment; no query."""
    return act.undone_at is None and act.by_id == by.pk and at - act.at <= UNDO_WITHIN


def unfinished_ids() -> list[int]:
    """Acts that a worker has to go on with, oldest first; one statement."""
    found = BulkAct.objects.filter(finished_at=None).order_by("at", "pk")
    return list(found.values_list("pk", flat=True))


@transaction.atomic
def _chunk(bulk_id: int, *, at: datetime) -> int:
    """Deal with some items; none left, the act is finished. Nought: nothing to do."""
    act = (
        BulkAct.objects.select_for_update(skip_locked=True, of=("self",))
        .select_related("by")
        .filter(pk=bulk_id, finished_at=None)
        .first()
    )
    if act is None:
        return 0
    if act.undone_at is not None:
        return _put_back(act, at=at)
    begun = len(act.done) + len(act.refused)
    ids = act.ids[begun : begun + CHUNK]
    if not ids:
        _finish(act, at=at)
        return 0
    by = act.by
    _hold(ids)
    seen = {} if by is None else Intervention.objects.visible_to(by).in_bulk(ids)
    to = _receiver(act)
    for pk in ids:
        item = seen.get(pk)
        reason = _("It is not yours to see any more.") if item is None else ""
        if item is not None and by is not None:
            reason = _do(act, item, to=to, by=by, at=at)
        if reason:
            act.refused[str(pk)] = reason
        else:
            act.done.append(pk)
    act.save(update_fields=["done", "refused"])
    return len(ids)


def _do(act: BulkAct, item: Intervention, *, to: User | None, by: User, at: datetime) -> str:
    """Do the act to one item; why not in words, or nothing."""
    said = act.details
    try:
        with transaction.atomic():
            match BulkVerb(act.verb):
                case BulkVerb.SNOOZE:
                    until = said.get("until")
                    interventions.snooze(
                        intervention=item,
                        until=date.fromisoformat(until) if until else None,
                        until_change=bool(said.get("until_change")),
                        by=by,
                        at=at,
                    )
                case BulkVerb.COMPLETE:
                    interventions.complete(
                        intervention=item,
                        outcome=Outcome(said["outcome"]),
                        note=said.get("note", ""),
                        minutes=said.get("minutes"),
                        by=by,
                        at=at,
                    )
                case BulkVerb.REASSIGN | BulkVerb.RELEASE:
                    if to is None and act.verb == BulkVerb.REASSIGN:
                        raise interventions.NotAssignable(_("They are not here any more."))
                    interventions.reassign(
                        intervention=item,
                        to=to,
                        reason=said.get("reason", ""),
                        by=by,
                        at=at,
                        tells=False,
                    )
    except REFUSALS as refusal:
        return _in_words(refusal)
    return ""


def _in_words(refusal: Exception) -> str:
    match refusal:
        case interventions.AlreadyClaimed(holder=holder):
            return _("%(holder)s has this.") % {"holder": holder.name}
        case interventions.NotOpen():
            return _("It is no longer open.")
        case interventions.NotYours():
            return _("You may give away what is yours.")
        case interventions.SnoozedIntoThePast():
            return _("That day has come already.")
        case interventions.SnoozedTooFar():
            return _("That day is more than a year away.")
        case _:
            return str(refusal)


def _put_back(act: BulkAct, *, at: datetime) -> int:
    undone, kept = act.details["undone"], act.details["kept"]
    begun = len(undone) + len(kept)
    ids = act.done[begun : begun + CHUNK]
    if not ids or act.by is None:
        _finish(act, at=at)
        return 0
    _hold(ids)
    found = Intervention.objects.in_bulk(ids)
    for pk in ids:
        try:
            with transaction.atomic():
                interventions.put_back(
                    intervention=found[pk],
                    since=act.at,
                    until=datetime.fromisoformat(act.details["worked_until"]),
                    by=act.by,
                    at=at,
                )
        except (KeyError, interventions.NothingToUndo):
            kept[str(pk)] = _("Somebody went on with it meanwhile.")
        else:
            undone.append(pk)
    act.save(update_fields=["details"])
    return len(ids)


def _hold(ids: list[int]) -> None:
    """Lock the items of a chunk in one order, so that two acts never wait for each other."""
    list(Intervention.objects.select_for_update().filter(pk__in=ids).order_by("pk"))


def _finish(act: BulkAct, *, at: datetime) -> None:
    act.finished_at = at
    act.save(update_fields=["finished_at"])
    verb = "undone" if act.undone_at else "done"
    _audit(
        verb, act, by=None, at=at, after={"done": len(act.done), "refused": len(act.refused)}
    )
    to = _receiver(act)
    if act.undone_at or to is None or act.by is None or to.pk == act.by.pk or not act.done:
        return
    notices.tell(
        users=[to],
        kind=NoticeKind.WORK,
        title=_("%(who)s gave you work: %(count)s items")
        % {"who": act.by.name, "count": f"{len(act.done):,}"},
        body=act.details.get("reason", ""),
        address=f"{reverse('success:today')}?owner=me",
        dedupe_key=f"bulk {act.public_id}",
        at=at,
    )


def _receiver(act: BulkAct) -> User | None:
    if act.verb != BulkVerb.REASSIGN:
        return None
    return User.objects.filter(pk=act.details.get("to"), is_active=True).first()


def _audit(
    verb: str, act: BulkAct, *, by: User | None, at: datetime, after: Mapping[str, Any]
) -> None:
    audit.record(
        verb=f"bulk.{verb}",
        subject=act,
        member_id=None,
        summary=_("An act on many items: %(verb)s") % {"verb": act.get_verb_display()},
        by=by,
        at=at,
        after=after,
    )
