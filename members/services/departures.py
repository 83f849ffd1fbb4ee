"""Why members stopped paying, as people tell it; no figure of retention is changed by it."""

from datetime import date, datetime
from typing import Any

from django.db import transaction

from members.enums import DepartureReason
from members.models import Departure, Member, User
from members.rollups.dirty import mark_dirty
from members.services import audit


class DepartureRefused(Exception):
    """A reason cannot be kept so; the words are for people."""


@transaction.atomic
def tell_departure(  # noqa: PLR0913  # what is told has that many parts
    *,
    member: Member,
    left_on: date,
    reason: DepartureReason,
    back_on: date | None = None,
    note: str = "",
    source: str = "",
    by: User | None,
    at: datetime,
) -> Departure:
    """Keep why ``member`` stopped paying on ``left_on``, the first day without membership.

    Told again for that day, it replaces what was told; the same again changes nothing. A leave
    of absence may say when it ends or ended. Raises ``DepartureRefused`` for an end of
    anything else, or one that is not after the start (DOMAIN 4.3 #15-16).
    """
    if back_on is not None and reason != DepartureReason.PAUSE:
        raise DepartureRefused("Only a leave of absence has an end.")
    if back_on is not None and back_on <= left_on:
        raise DepartureRefused("A leave of absence ends after it starts.")
    known = Departure.objects.select_for_update().filter(member=member, left_on=left_on).first()
    before = _said(known) if known else None
    said = {"left_on": left_on, "back_on": back_on, "reason": reason.value, "note": note}
    if known is not None and before == said:
        return known
    made, _is_new = Departure.objects.update_or_create(
        member=member,
        left_on=left_on,
        defaults={
            "back_on": back_on,
            "reason": reason,
            "note": note,
            "source": source,
            "told_by": by,
            "told_at": at,
        },
    )
    _bear(made, was_pause=known is not None and known.reason == DepartureReason.PAUSE)
    audit.record(
        verb="departure.told",
        subject=made,
        member_id=member.pk,
        summary=f"Why membership ended on {left_on}: {made.get_reason_display()}",
        by=by,
        at=at,
        before=_without_note(before),
        after=_without_note(said),
    )
    return made


@transaction.atomic
def take_back_departure(*, departure: Departure, by: User | None, at: datetime) -> None:
    """Forget a reason that was told in error; the audit keeps it. Twice does nothing more."""
    known = Departure.objects.select_for_update().filter(pk=departure.pk).first()
    if known is None:
        return
    audit.record(
        verb="departure.taken_back",
        subject=known,
        member_id=known.member_id,
        summary=f"Why membership ended on {known.left_on} was taken back",
        by=by,
        at=at,
        before=_without_note(_said(known)),
    )
    known.delete()
    _bear(known, was_pause=known.reason == DepartureReason.PAUSE)


def _bear(departure: Departure, *, was_pause: bool) -> None:
    """A leave of absence is a contraction; other reasons change no stored figure."""
    if was_pause or departure.reason == DepartureReason.PAUSE:
        mark_dirty([(departure.member_id, departure.left_on)])


def _said(departure: Departure) -> dict[str, Any]:
    return {name: getattr(departure, name) for name in ("left_on", "back_on", "reason", "note")}


def _without_note(said: dict[str, Any] | None) -> dict[str, Any] | None:
    """What people wrote about a person is kept where it stands, and not in the audit."""
    return {name: value for name, value in said.items() if name != "note"} if said else None
