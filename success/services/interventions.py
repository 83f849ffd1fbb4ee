"""Working an item of the queue: who has it, and what came of it.

Callers fetch the item through ``visible_to``; a refusal here is about its state.
"""

from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.utils.dateparse import parse_datetime

from config.kernel.clock import association_zone, local_date
from coverage.enums import EffortSource, Modality
from coverage.models import AxProfile
from coverage.services import effort
from members.models import User
from success.enums import InterventionStatus, Outcome
from success.models import Intervention, InterventionEvent

LEASE = timedelta(minutes=30)
# Ten seconds are offered on screen; the rest is the way there and back.
UNDO_WITHIN = timedelta(seconds=15)
UNDOABLE = frozenset({"done", "snoozed"})
# Of two that ask for the same time, the one with more people in it comes first.
MODALITIES = (
    (Modality.TASKFORCE, "taskforce_minutes"),
    (Modality.SYNC, "sync_minutes"),
    (Modality.ASYNC, "async_minutes"),
    (Modality.INBOUND, "inbound_minutes"),
)


class AlreadyClaimed(Exception):
    """Somebody else is working on it; ``holder`` says who."""

    def __init__(self, holder: User) -> None:
        self.holder = holder
        super().__init__(f"{holder} has claimed this.")


class NotOpen(Exception):
    """The item is done or closed, or is with the outbox."""


class NotHeld(Exception):
    """Nobody can give back what they have not claimed."""


class SnoozedIntoThePast(ValueError):
    """An item sleeps until a day to come."""


class NothingToUndo(Exception):
    """The last step is not this person's to undo, or too long ago, or overtaken."""


@transaction.atomic
def claim(*, intervention: Intervention, by: User, at: datetime) -> Intervention:
    """Take an open item for thirty minutes and return it as it then is.

    One conditional update decides, so of many only one wins. Claiming again extends the lease;
    a lapsed lease may be taken over. Raises ``AlreadyClaimed`` or ``NotOpen``.
    """
    taken = Intervention.objects.claim(intervention.pk, by=by, until=at + LEASE, at=at)
    if not taken:
        # Whoever was in the way may just have left: the held row tells.
        held = _held(intervention)
        _require_free(held, by=by, at=at)
        held.claimed_by, held.claimed_until = by, at + LEASE
        held.save(update_fields=["claimed_by", "claimed_until"])
    _record(intervention, verb="claimed", by=by, at=at)
    return _fresh(intervention)


@transaction.atomic
def release(*, intervention: Intervention, by: User, at: datetime) -> Intervention:
    """Give a claimed item back, and return it; raises ``NotHeld`` or ``NotOpen``."""
    row = _held(intervention)
    if row.status != InterventionStatus.OPEN:
        raise NotOpen(row.get_status_display())
    if row.claimed_by_id != by.pk:
        raise NotHeld
    row.claimed_by, row.claimed_until = None, None
    row.save(update_fields=["claimed_by", "claimed_until"])
    _record(row, verb="released", by=by, at=at)
    return _fresh(row)


@transaction.atomic
def snooze(*, intervention: Intervention, until: date, by: User, at: datetime) -> Intervention:
    """Put an open item away until the morning of ``until``, and return it; frees the claim.

    Raises ``SnoozedIntoThePast`` unless ``until`` is after the association's day of ``at``,
    ``AlreadyClaimed`` or ``NotOpen``.
    """
    if until <= local_date(at, zone=association_zone()):
        raise SnoozedIntoThePast(until.isoformat())
    changes = {"snoozed_until": until, "claimed_by_id": None, "claimed_until": None}
    return _step(intervention, verb="snoozed", changes=changes, note="", by=by, at=at)


@transaction.atomic
def complete(  # noqa: PLR0913  # what a person says when something is done
    *,
    intervention: Intervention,
    outcome: Outcome,
    note: str,
    minutes: int | None,
    by: User,
    at: datetime,
) -> Intervention:
    """Finish an open item with its outcome, and return it; it need not be claimed before.

    ``minutes`` are those really spent; null leaves what was planned. They are logged as effort
    for the member, in the modality that most of their experience asks for. Raises
    ``AlreadyClaimed`` or ``NotOpen``.
    """
    changes: dict[str, Any] = {
        "status": InterventionStatus.DONE.value,
        "outcome": Outcome(outcome).value,
        "note": note,
        "finished_by_id": by.pk,
        "finished_at": at,
        "claimed_by_id": None,
        "claimed_until": None,
        "snoozed_until": None,
    }
    if minutes is not None:
        changes["minutes"] = minutes
    row = _step(intervention, verb="done", changes=changes, note=note, by=by, at=at)
    if row.minutes:
        effort.log(
            member=row.member,
            by=by,
            on=local_date(at, zone=association_zone()),
            minutes=min(row.minutes, effort.LONGEST),
            modality=_modality(row),
            note="",
            source=EffortSource.INTERVENTION,
            source_key=str(row.public_id),
            at=at,
        )
    return row


@transaction.atomic
def undo(*, intervention: Intervention, by: User, at: datetime) -> Intervention:
    """Put back what ``by`` did just now, if that was finishing or snoozing; return the item.

    Ten seconds are offered and fifteen are honoured. Raises ``NothingToUndo`` otherwise, and
    where the play has opened another item for the member in between.
    """
    row = _held(intervention)
    last = row.events.order_by("-at", "-pk").first()
    if last is None or last.verb not in UNDOABLE or last.by_id != by.pk:
        raise NothingToUndo
    if not timedelta(0) <= at - last.at <= UNDO_WITHIN:
        raise NothingToUndo
    for name, value in last.before.items():
        setattr(row, name, READERS.get(name, _as_it_is)(value))
    try:
        with transaction.atomic():
            row.save(update_fields=[name.removesuffix("_id") for name in last.before])
    except IntegrityError as error:
        raise NothingToUndo from error
    if last.verb == "done":
        effort.withdraw_source(
            source=EffortSource.INTERVENTION, source_key=str(row.public_id), by=by, at=at
        )
    _record(row, verb="undone", by=by, at=at)
    return _fresh(row)


def _step(  # noqa: PLR0913  # a step has that many parts
    intervention: Intervention,
    *,
    verb: str,
    changes: Mapping[str, Any],
    note: str,
    by: User,
    at: datetime,
) -> Intervention:
    """Write ``changes`` to an item that is open and free for ``by``, with what was before."""
    row = _held(intervention)
    _require_free(row, by=by, at=at)
    before = {name: getattr(row, name) for name in changes}
    for name, value in changes.items():
        setattr(row, name, value)
    row.save(update_fields=[name.removesuffix("_id") for name in changes])
    _record(row, verb=verb, by=by, at=at, note=note, before=before)
    return _fresh(row)


def _held(intervention: Intervention) -> Intervention:
    """Return the row, locked until the transaction ends."""
    return Intervention.objects.select_for_update().get(pk=intervention.pk)


def _modality(row: Intervention) -> Modality:
    """How most of the member's time is to be spent; in writing where that is not known."""
    profile = AxProfile.objects.filter(member=row.member_id, superseded_on=None).first()
    minutes = {} if profile is None else {m: getattr(profile, f) for m, f in MODALITIES}
    return max(minutes, key=lambda modality: minutes[modality], default=Modality.ASYNC)


def _fresh(intervention: Intervention) -> Intervention:
    return Intervention.objects.select_related("play", "step", "member", "claimed_by").get(
        pk=intervention.pk
    )


def _require_free(row: Intervention, *, by: User, at: datetime) -> None:
    if row.status != InterventionStatus.OPEN:
        raise NotOpen(row.get_status_display())
    lapsed = row.claimed_until is not None and row.claimed_until <= at
    if row.claimed_by is not None and row.claimed_by != by and not lapsed:
        raise AlreadyClaimed(row.claimed_by)


def _record(  # noqa: PLR0913  # an event has that many parts
    row: Intervention,
    *,
    verb: str,
    by: User,
    at: datetime,
    note: str = "",
    before: Mapping[str, Any] | None = None,
) -> None:
    InterventionEvent.objects.create(
        intervention_id=row.pk,
        verb=verb,
        by=by,
        at=at,
        note=note,
        before={name: _to_json(value) for name, value in (before or {}).items()},
    )


def _to_json(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) else value


def _as_it_is(value: Any) -> Any:
    return value


def _day(value: str | None) -> date | None:
    return None if value is None else date.fromisoformat(value)


def _moment(value: str | None) -> datetime | None:
    return None if value is None else parse_datetime(value)


READERS: Mapping[str, Callable[[Any], Any]] = {
    "snoozed_until": _day,
    "claimed_until": _moment,
    "finished_at": _moment,
}
