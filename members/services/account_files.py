"""Files of what another system knows of accounts: links, departures, voided terms, rates."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Final

from django.db import transaction

from members.enums import DepartureReason, LinkKind, VoidReason
from members.ingestion import tables
from members.ingestion.values import ISO, currency_code, date_reader
from members.models import Member, Term, User
from members.services.departures import DepartureRefused, tell_departure
from members.services.links import LinkRefused, link_accounts
from members.services.rates import RateRefused, set_rate
from members.services.voiding import void_term

REQUIRED: Final = {
    "links": ("member", "survivor", "since"),
    "departures": ("member", "left_on", "reason"),
    "voided": ("term", "reason"),
    "rates": ("currency", "on", "rate"),
}
REFUSALS: Final = (LinkRefused, DepartureRefused, RateRefused, ValueError, KeyError)
read_day = date_reader((ISO,))
Cells = Mapping[str, str]


class FileRefused(Exception):
    """The file as a whole cannot be taken; the words are for people."""


@dataclass(frozen=True, kw_only=True)
class RefusedLine:
    """A line that was not taken, and why."""

    line: int
    reason: str


@dataclass(frozen=True, kw_only=True)
class Taken:
    """What a file says, or would say."""

    lines: int
    refused: list[RefusedLine]


def take_file(  # noqa: PLR0913  # a file, and what to do with it
    *, what: str, file: Path, source: str, apply: bool, by: User | None, at: datetime
) -> Taken:
    """Do what the lines of a CSV file say, one by one, and say which were refused.

    ``what`` is one of ``REQUIRED``, whose columns the file must have; ``source`` names the
    system whose identifiers members and terms are called by. Without ``apply`` nothing is
    changed. A line again changes nothing. Days are ISO. Raises ``FileRefused`` and
    ``FileUnusable`` for a file that cannot be read.
    """
    take = TAKERS[what]
    refused: list[RefusedLine] = []
    count = 0
    with tables.read(file, dialect=tables.Dialect()) as table, transaction.atomic():
        header = [column.lower() for column in table.header]
        if lacking := [name for name in REQUIRED[what] if name not in header]:
            raise FileRefused(f"{table.name} has no column {', '.join(lacking)}.")
        for line in table.lines:
            count += 1
            cells = dict(zip(header, map(str.strip, line.cells), strict=False))
            reason = line.fault.reason if line.fault else ""
            try:
                with transaction.atomic():
                    if not reason:
                        take(cells, source=source, by=by, at=at)
            except InvalidOperation:
                reason = "not a rate"
            except REFUSALS as error:
                reason = str(error)
            if reason:
                refused.append(RefusedLine(line=line.number, reason=reason))
        transaction.set_rollback(not apply)
    return Taken(lines=count, refused=refused)


def _take_link(cells: Cells, *, source: str, by: User | None, at: datetime) -> None:
    link_accounts(
        member=_member(cells["member"], source=source),
        survivor=_member(cells["survivor"], source=source),
        kind=LinkKind(cells.get("kind") or LinkKind.ROSTER),
        since=read_day(cells["since"]),
        until=_day_or_none(cells.get("until")),
        note=cells.get("note", ""),
        source=source,
        by=by,
        at=at,
    )


def _take_departure(cells: Cells, *, source: str, by: User | None, at: datetime) -> None:
    tell_departure(
        member=_member(cells["member"], source=source),
        left_on=read_day(cells["left_on"]),
        reason=DepartureReason(cells["reason"]),
        back_on=_day_or_none(cells.get("back_on")),
        note=cells.get("note", ""),
        source=source,
        by=by,
        at=at,
    )


def _take_voided(cells: Cells, *, source: str, by: User | None, at: datetime) -> None:
    term = Term.objects.filter(source=source, external_id=cells["term"]).first()
    if term is None:
        raise ValueError("no term has this id, or it is void already")
    void_term(
        term=term,
        reason=VoidReason(cells["reason"]),
        note=cells.get("note", ""),
        by=by,
        at=at,
    )


def _take_rate(cells: Cells, *, source: str, by: User | None, at: datetime) -> None:  # noqa: ARG001  # like the others
    set_rate(
        currency=currency_code(cells["currency"]),
        on=read_day(cells["on"]),
        rate=Decimal(cells["rate"]),
        by=by,
        at=at,
    )


def _member(external_id: str, *, source: str) -> Member:
    found = Member.objects.filter(
        identities__source=source, identities__external_id=external_id
    ).first()
    if found is None:
        raise ValueError(f"no member has the id {external_id!r}")
    return found


def _day_or_none(text: str | None) -> date | None:
    return read_day(text) if text else None


TAKERS: Final[Mapping[str, Callable[..., None]]] = {
    "links": _take_link,
    "departures": _take_departure,
    "voided": _take_voided,
    "rates": _take_rate,
}
