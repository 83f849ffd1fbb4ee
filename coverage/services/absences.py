"""Days on which somebody is away, and the hand-over of their work to who stands in, and back.

What is handed over is a mark on the absence: whoever stands in sees the work of the one who is
away for as long as it stands. Nothing is moved, so nothing has to be moved back.
"""

from datetime import date, datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from config.kernel.clock import association_zone, local_date
from coverage.enums import AbsenceKind
from coverage.models import Absence
from members.enums import Role
from members.models import User
from members.services import audit


class NotAway(ValueError):
    """The days or the people do not fit; the words are for the page."""


@transaction.atomic
def plan(  # noqa: PLR0913  # an absence has that many parts
    *,
    user: User,
    kind: AbsenceKind | str,
    starts_on: date,
    ends_on: date,
    cover: User | None,
    note: str,
    by: User,
    at: datetime,
) -> Absence:
    """Say that somebody is away from ``starts_on`` up to ``ends_on``, the first day back.

    ``cover`` stands in; null: the pool does. One that has begun is handed over at once. The
    same days of the same person again return what is there. Raises ``NotAway``.
    """
    if ends_on <= starts_on:
        raise NotAway(_("The first day back comes after the first day away."))
    _require_cover(user, cover)
    same = {"user": user, "starts_on": starts_on, "ends_on": ends_on, "cover": cover}
    known = Absence.objects.filter(**same, kind=kind).first()
    if known is not None:
        return known
    try:
        with transaction.atomic():
            row = Absence.objects.create(
                **same,
                kind=AbsenceKind(kind).value,
                note=note.strip(),
                recorded_by=by,
                recorded_at=at,
            )
    except IntegrityError as error:
        raise NotAway(_("They are away on some of these days already.")) from error
    _record(row, verb="absence.planned", summary="An absence was entered", by=by, at=at)
    _bring_to(row, on=_day(at), at=at)
    return row


@transaction.atomic
def change(  # noqa: PLR0913  # an absence has that many parts
    *,
    absence: Absence,
    starts_on: date,
    ends_on: date,
    cover: User | None,
    note: str,
    by: User,
    at: datetime,
) -> Absence:
    """Change the days of an absence, or who stands in, and return it.

    To come back early, its last day is moved. What was handed back by then is handed over again
    if the days say so. Raises ``NotAway``.
    """
    if ends_on <= starts_on:
        raise NotAway(_("The first day back comes after the first day away."))
    row = Absence.objects.select_for_update().get(pk=absence.pk)
    _require_cover(row.user, cover)
    before = _shown(row)
    row.starts_on, row.ends_on, row.cover, row.note = starts_on, ends_on, cover, note.strip()
    try:
        with transaction.atomic():
            row.save(update_fields=["starts_on", "ends_on", "cover", "note"])
    except IntegrityError as error:
        raise NotAway(_("They are away on some of these days already.")) from error
    if before != _shown(row):
        _record(
            row,
            verb="absence.changed",
            summary="An absence was changed",
            by=by,
            at=at,
            before=before,
        )
    _bring_to(row, on=_day(at), at=at)
    return row


@transaction.atomic
def cancel(*, absence: Absence, by: User, at: datetime) -> None:
    """Take an absence back as if it had not been; one that has begun ends today instead."""
    row = Absence.objects.select_for_update().filter(pk=absence.pk).first()
    if row is None:
        return
    on = _day(at)
    if row.starts_on < on:
        if row.ends_on > on:
            change(
                absence=row,
                starts_on=row.starts_on,
                ends_on=on,
                cover=row.cover,
                note=row.note,
                by=by,
                at=at,
            )
        return
    _record(
        row,
        verb="absence.cancelled",
        summary="An absence was taken back",
        by=by,
        at=at,
        before=_shown(row),
    )
    row.delete()


@transaction.atomic
def hand_over_due(*, on: date, at: datetime) -> int:
    """Hand over the work of everybody whose absence has begun, and back where it has ended.

    How many absences it was. Missing a run is harmless: what is due stays due. Idempotent.
    """
    due = Absence.objects.select_for_update(skip_locked=True).filter(handed_back_at=None)
    rows = due.filter(starts_on__lte=on).order_by("pk")
    return sum(_bring_to(row, on=on, at=at) for row in rows)


def _bring_to(row: Absence, *, on: date, at: datetime) -> bool:
    """Mark the absence as handed over or back as the day wants it; True if that is a change."""
    is_begun, is_over = row.starts_on <= on, row.ends_on <= on
    over_at = row.handed_over_at or at if is_begun else None
    back_at = row.handed_back_at or at if is_over else None
    if (over_at, back_at) == (row.handed_over_at, row.handed_back_at):
        return False
    row.handed_over_at, row.handed_back_at = over_at, back_at
    row.save(update_fields=["handed_over_at", "handed_back_at"])
    if back_at is not None:
        verb, summary = "absence.handed_back", "The work went back to who had been away"
    elif over_at is not None:
        verb, summary = "absence.handed_over", "The work went to who stands in"
    else:
        verb, summary = "absence.put_off", "The work is not handed over yet"
    _record(row, verb=verb, summary=summary, by=None, at=at)
    return True


def _require_cover(user: User, cover: User | None) -> None:
    if user.role == Role.MEMBER:
        raise NotAway(_("Absences are of those who look after members."))
    if cover is None:
        return
    if cover.pk == user.pk:
        raise NotAway(_("Nobody stands in for themselves."))
    if not cover.is_active or cover.role == Role.MEMBER:
        raise NotAway(_("Somebody who works here has to stand in."))


def _record(  # noqa: PLR0913  # an entry has that many parts
    row: Absence,
    *,
    verb: str,
    summary: str,
    by: User | None,
    at: datetime,
    before: dict[str, Any] | None = None,
) -> None:
    audit.record(
        verb=verb,
        subject=row,
        member_id=None,
        summary=summary,
        by=by,
        at=at,
        before=before,
        after=_shown(row),
    )


def _shown(row: Absence) -> dict[str, Any]:
    """What is kept of it: not its kind, for an illness is nobody's business later."""
    names = ("user_id", "starts_on", "ends_on", "cover_id")
    return {name: getattr(row, name) for name in names}


def _day(at: datetime) -> date:
    return local_date(at, zone=association_zone())
