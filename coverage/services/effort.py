"""The effort ledger: minutes that somebody spent for a member, each counted once."""

from datetime import date, datetime
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from config.kernel.clock import association_zone, local_date
from coverage.enums import EffortSource, Modality
from coverage.models import Effort
from members.models import Member, User
from members.services import audit

LONGEST = 24 * 60
MOST_PRESENT = 10_000


class NotWorked(ValueError):
    """Nobody worked so long, or on a day to come."""


class AlreadyWithdrawn(Exception):
    """The entry counts no more."""


@transaction.atomic
def log(  # noqa: PLR0913  # an entry has that many parts
    *,
    member: Member,
    by: User,
    on: date,
    minutes: int,
    modality: Modality | str,
    note: str,
    at: datetime,
    members_present: int = 1,
    source: EffortSource | str = EffortSource.LOG,
    source_key: str = "",
) -> Effort:
    """Record minutes of a person's time with a member on a day, and return the entry.

    ``members_present`` who shared the time each got the whole of it; its cost is shared. An
    entry with a ``source_key`` counts once: logging it again changes it, and brings back one
    that was withdrawn. Raises ``NotWorked`` for no minutes, more than a day's, or a day to come
    (DOMAIN 2.3).
    """
    if not 0 < minutes <= LONGEST:
        raise NotWorked(_("Minutes are between 1 and 1,440, which is a whole day."))
    if on > local_date(at, zone=association_zone()):
        raise NotWorked(_("This day is still to come."))
    if not 0 < members_present <= MOST_PRESENT:
        raise NotWorked(_("At least this member was there."))
    fields: dict[str, Any] = {
        "by_id": by.pk,
        "on": on,
        "modality": Modality(modality).value,
        "minutes": minutes,
        "members_present": members_present,
        "note": note.strip(),
    }
    known = None
    if source_key:
        known = (
            Effort.objects.select_for_update()
            .filter(source=source, source_key=source_key, member=member)
            .first()
        )
    if known is None:
        row = Effort.objects.create(
            **fields,
            member=member,
            source=EffortSource(source).value,
            source_key=source_key,
            recorded_at=at,
        )
        _record(row, verb="effort.logged", summary="Time was logged", before=None, by=by, at=at)
        return row
    before = _shown(known)
    if known.withdrawn_at is None and all(getattr(known, n) == v for n, v in fields.items()):
        return known
    for name, value in fields.items():
        setattr(known, name, value)
    known.withdrawn_at = None
    known.save()
    _record(
        known,
        verb="effort.changed",
        summary="Time was logged anew",
        before=before,
        by=by,
        at=at,
    )
    return known


@transaction.atomic
def withdraw(*, effort: Effort, by: User | None, at: datetime, reason: str = "") -> Effort:
    """Let an entry count no more; it stays to be seen. Raises ``AlreadyWithdrawn``.

    ``reason`` is kept in the audit trail; what the product withdraws itself needs none.
    """
    row = Effort.objects.select_for_update().get(pk=effort.pk)
    if row.withdrawn_at is not None:
        raise AlreadyWithdrawn(_("This entry was withdrawn before."))
    before = _shown(row)
    row.withdrawn_at = at
    row.save(update_fields=["withdrawn_at"])
    _record(
        row,
        verb="effort.withdrawn",
        summary="Logged time was withdrawn",
        before=before,
        by=by,
        at=at,
        reason=reason.strip(),
    )
    return row


def withdraw_source(
    *, source: EffortSource | str, source_key: str, by: User | None, at: datetime
) -> int:
    """Withdraw what came of something that was taken back; return how many entries it was."""
    rows = Effort.objects.filter(source=source, source_key=source_key, withdrawn_at=None)
    return len([withdraw(effort=row, by=by, at=at) for row in rows])


def _record(  # noqa: PLR0913  # an entry has that many parts
    row: Effort,
    *,
    verb: str,
    summary: str,
    before: dict[str, Any] | None,
    by: User | None,
    at: datetime,
    reason: str = "",
) -> None:
    audit.record(
        verb=verb,
        subject=row,
        member_id=row.member_id,
        summary=summary,
        by=by,
        at=at,
        before=before,
        after=_shown(row) | ({"reason": reason} if reason else {}),
    )


def _shown(row: Effort) -> dict[str, Any]:
    """The fields of an entry but for the note, which may name people."""
    names = ("on", "modality", "minutes", "members_present", "withdrawn_at")
    return {name: getattr(row, name) for name in names}
