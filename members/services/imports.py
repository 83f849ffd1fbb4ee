"""Ledgers from other systems: planned, then applied as planned, and undone if need be."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from itertools import islice
from pathlib import Path
from typing import Any

from django.apps import apps
from django.db import connection, models, transaction
from django.db.models import Q

from members.enums import BatchStatus, RowAction, RowEntity
from members.ingestion import execution, staging, tables
from members.ingestion.ledger import TermReader, read_members
from members.ingestion.mapping import MEMBER_GUESSES, TERM_GUESSES, LedgerMapping, locate
from members.models import (
    Association,
    DirtyMember,
    ImportBatch,
    ImportRow,
    Member,
    MemberIdentity,
    User,
)
from members.models.dues import Dues, ExchangeRate

Progress = Callable[[str, int], None]
ONE_AT_A_TIME = 0x4C454447  # "LEDG": the advisory lock that applying and undoing hold
DELETED_AT_ONCE = 2_000


class RefusalsWait(Exception):
    """Rows are refused; the good ones wait for somebody to say that they may go in."""


class PlanIsStale(Exception):
    """The data has changed since the plan was made; plan again."""


class NotPlanned(Exception):
    """The batch has been applied or undone already."""


class NotApplied(Exception):
    """The batch was never applied, so there is nothing to undo."""


@dataclass(frozen=True, kw_only=True)
class Ledger:
    """The two files of a ledger, and the mapping file's content: what their columns mean."""

    organisations: Path
    terms: Path
    mapping: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Undone:
    """What an undo did, in rows; what it left alone says why in its import row."""

    members_deleted: int
    members_put_back: int
    terms_undone: int
    left_alone: int


def _in_silence(stage: str, rows: int) -> None:
    """Tell nobody how far it is."""


def plan_ledger(
    *,
    ledger: Ledger,
    at: datetime,
    by: User | None = None,
    progress: Progress = _in_silence,
) -> ImportBatch:
    """Store what the two files would do, row by row, and return the batch; change nothing else.

    Rows that would stay as they are, are counted and not stored. ``counts`` also has, by
    entity, ``not_in_file`` (known from this source, absent, left alone) and for terms
    ``overlapping`` (a member holding two at once: allowed, worth a look). Raises
    ``FileUnusable`` or ``MappingUnusable`` when a file as a whole cannot be read.
    """
    mapping = LedgerMapping.parse(ledger.mapping)
    source = mapping.source
    with transaction.atomic():
        with tables.read(ledger.organisations, dialect=mapping.members.dialect) as table:
            rows = read_members(table, mapping)
            member_count = staging.stage_members(
                rows, progress=lambda count: progress("reading members", count)
            )
            columns = _columns(table, mapping.members, MEMBER_GUESSES)
        progress("comparing members", member_count)
        staging.plan_members(source=source, columns=columns)

        association = Association.current()
        exchangeable = _exchangeable()
        is_known = exchangeable or Dues.objects.exists()
        reader = TermReader(
            mapping=mapping,
            kept_in=association.currency if is_known else "",
            default_currency=association.currency,
            exchangeable=exchangeable,
        )
        with tables.read(ledger.terms, dialect=mapping.terms.dialect) as table:
            term_count = staging.stage_terms(
                reader.read(table), progress=lambda count: progress("reading terms", count)
            )
            columns = _columns(table, mapping.terms, TERM_GUESSES)
        progress("comparing terms", term_count)
        staging.plan_terms(
            source=source, columns=columns, members_file=ledger.organisations.name
        )

        batch = ImportBatch.objects.create(
            source=source,
            files=[
                {"name": path.name, "sha256": tables.digest(path), "rows": count}
                for path, count in (
                    (ledger.organisations, member_count),
                    (ledger.terms, term_count),
                )
            ],
            mapping=dict(ledger.mapping),
            counts=staging.count_plan(source=source),
            planned_by=by,
            planned_at=at,
        )
        progress("storing the plan", member_count + term_count)
        staging.store_plan(
            batch=batch.pk, entity=RowEntity.MEMBER, file=ledger.organisations.name
        )
        staging.store_plan(batch=batch.pk, entity=RowEntity.TERM, file=ledger.terms.name)
    return batch


@transaction.atomic
def apply_batch(
    *,
    batch_id: int,
    accept_refusals: bool = False,
    at: datetime,
    today: date,
    progress: Progress = _in_silence,
) -> ImportBatch:
    """Do what the batch planned, all of it or nothing, and mark the members it touched.

    Raises ``RefusalsWait`` when rows are refused and nobody accepted that, ``PlanIsStale``
    when what it would write is no longer as planned, ``NotPlanned`` when it was applied
    before. The touched members hear nothing about days up to ``today``.
    """
    batch = _locked(batch_id)
    if batch.status != BatchStatus.PLANNED:
        raise NotPlanned(f"Batch {batch.pk} is {batch.get_status_display().lower()} already.")
    refused = batch.rows.filter(action=RowAction.REFUSE).count()
    if refused and not accept_refusals:
        raise RefusalsWait(
            f"{refused:,} rows are refused; the others wait in batch {batch.pk}."
        )
    planned = execution.planned(batch=batch.pk)
    progress("writing", sum(planned.values()))
    _keep_currency(batch)
    written = execution.apply_plan(batch=batch.pk, source=batch.source, today=today, at=at)
    if written != planned:
        raise PlanIsStale(
            f"The data has changed since batch {batch.pk} was planned; plan it again."
        )
    batch.status = BatchStatus.APPLIED
    batch.applied_at = at
    batch.save(update_fields=["status", "applied_at"])
    return batch


@transaction.atomic
def undo_batch(*, batch_id: int, at: datetime, today: date) -> Undone:
    """Take back what the batch did, wherever nobody has edited since.

    A member it created goes only when nothing of people's making hangs on it. What is left
    alone says why in the ``refusals`` of its import row. Undoing twice does nothing more;
    a batch that was never applied raises ``NotApplied``.
    """
    batch = _locked(batch_id)
    if batch.status == BatchStatus.PLANNED:
        raise NotApplied(f"Batch {batch.pk} was never applied.")
    if batch.status == BatchStatus.UNDONE:
        return Undone(members_deleted=0, members_put_back=0, terms_undone=0, left_alone=0)
    terms = execution.undo_terms(batch=batch.pk, source=batch.source, today=today)
    put_back = execution.undo_member_changes(batch=batch.pk, today=today)
    deleted = _delete_created(batch)
    batch.status = BatchStatus.UNDONE
    batch.undone_at = at
    batch.save(update_fields=["status", "undone_at"])
    left = batch.rows.exclude(action=RowAction.REFUSE).exclude(refusals=[]).count()
    return Undone(
        members_deleted=deleted,
        members_put_back=put_back,
        terms_undone=terms,
        left_alone=left,
    )


def _columns(table: tables.Table, mapping: Any, guesses: dict[str, str]) -> dict[str, str]:
    places = locate(mapping, table.header, guesses, file=table.name, required=[])
    return {meaning: table.header[place] for meaning, place in places.items()}


def _locked(batch_id: int) -> ImportBatch:
    """Return the batch, alone with it until the transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [ONE_AT_A_TIME])
    return ImportBatch.objects.select_for_update().get(pk=batch_id)


def _keep_currency(batch: ImportBatch) -> None:
    """Let the first ledger say which currency the association's dues are kept in."""
    rows = batch.rows.filter(entity=RowEntity.TERM, after__has_key="currency")
    row = rows.exclude(after__currency__in=_exchangeable()).first()
    currency = row.after["currency"] if row and row.after else ""
    association = Association.current()
    if not currency or currency == association.currency:
        return
    if Dues.objects.exists():
        raise PlanIsStale(
            f"Dues are kept in {association.currency} by now, and batch {batch.pk} is in "
            f"{currency}; plan it again."
        )
    association.currency = currency
    association.save()


def _exchangeable() -> frozenset[str]:
    """Return the currencies that have a rate of exchange, and so may stand beside our own."""
    return frozenset(ExchangeRate.objects.values_list("currency", flat=True).distinct())


def _delete_created(batch: ImportBatch) -> int:
    """Delete created members on whom nothing hangs; write down why the others stay."""
    created = batch.rows.filter(entity=RowEntity.MEMBER, action=RowAction.CREATE)
    unedited = execution.created_and_unedited(batch=batch.pk)
    reasons = dict.fromkeys(
        Member.objects.filter(pk__in=created.values("object_id"))
        .exclude(pk__in=unedited)
        .values_list("pk", flat=True),
        "edited since the import",
    )
    deleted = 0
    for keys in _chunks(unedited):
        attached = _attached(keys, batch=batch)
        reasons |= attached
        free = [key for key in keys if key not in attached]
        # The ORM, for it knows what upper apps hang on a member and would be orphaned.
        Member.objects.filter(pk__in=free).delete()
        deleted += len(free)
    for keys in _chunks(list(reasons)):
        rows = list(created.filter(object_id__in=keys))
        for row in rows:
            reason = reasons[row.object_id or 0]
            row.refusals = [{"column": "", "value": "", "reason": reason}]
        ImportRow.objects.bulk_update(rows, ["refusals"])
    return deleted


def _attached(keys: list[int], *, batch: ImportBatch) -> dict[int, str]:
    """Return, by member, what hangs on those of ``keys`` that must stay."""
    found: dict[int, str] = {}
    for relation in Member._meta.related_objects:  # noqa: SLF001  # Django's documented API
        model = relation.related_model
        if model is DirtyMember or isinstance(model, str):
            continue
        column = relation.field.attname
        rows = model._base_manager.filter(**{f"{column}__in": keys}).exclude(_remade(model))  # noqa: SLF001  # managers may hide rows
        if model is MemberIdentity:
            rows = rows.exclude(source=batch.source)
        name = model._meta.verbose_name  # noqa: SLF001  # Django's documented API
        found |= dict.fromkeys(
            rows.values_list(column, flat=True), f"something else hangs on it: {name}"
        )
    return found


def _remade(model: type[models.Model]) -> Q:
    """Return which rows of ``model`` the next night would make again, as its app says.

    An app says so by ``remade_by_the_night`` on its configuration: conditions by model name.
    """
    config = apps.get_app_config(model._meta.app_label)  # noqa: SLF001  # Django's documented API
    said: dict[str, Q] = getattr(config, "remade_by_the_night", {})
    return said.get(model.__name__, Q(pk__in=[]))


def _chunks(keys: Iterable[int]) -> Iterator[list[int]]:
    rest = iter(keys)
    while chunk := list(islice(rest, DELETED_AT_ONCE)):
        yield chunk
