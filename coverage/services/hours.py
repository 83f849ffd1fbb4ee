"""How many hours an experience takes: versions of the coverage model, each with its day."""

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Final

from django.db import connection, transaction
from django.db.models import Max
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from config.kernel.clock import association_zone, local_date
from coverage.engine import segments as rule
from coverage.enums import LifecycleStage, Modality
from coverage.models import CoverageHours, CoverageModel, Leverage, Segment
from coverage.queries.hours import STAGES, HoursOf, LeverageOf
from coverage.services.segments import ensure_default_segments
from members.models import User
from members.services.audit import record

VERSIONS_LOCK: Final = 2_404_003
MOST_HOURS: Final = 744
MOST_LEVERAGE: Final = 500
# Staff hours a member and month, in the order of STAGES.
DEFAULT_STAFF_HOURS: Mapping[str, tuple[str, ...]] = {
    rule.INBOUND: ("0.50", "0.10", "0.10", "0.20", "0.75"),
    rule.ASYNCHRONIZED: ("1.50", "0.40", "0.40", "0.75", "2.00"),
    rule.SYNCHRONOUS: ("4.00", "1.50", "2.00", "3.00", "6.00"),
    rule.TASK_FORCE: ("10.00", "6.00", "6.00", "8.00", "14.00"),
}
# Which part of the staff's time goes into which modality; a quarter of a synchronous
# experience is carved out of it and given in writing.
DEFAULT_SPLIT: Mapping[str, Mapping[Modality, str]] = {
    rule.INBOUND: {Modality.INBOUND: "1"},
    rule.ASYNCHRONIZED: {Modality.ASYNC: "0.8", Modality.SYNC: "0.2"},
    rule.SYNCHRONOUS: {Modality.SYNC: "0.75", Modality.ASYNC: "0.25"},
    rule.TASK_FORCE: {Modality.TASKFORCE: "0.8", Modality.ASYNC: "0.2"},
}
# In writing, an hour of staff gives four; whoever asks has one to themselves, until measured.
DEFAULT_LEVERAGE: Mapping[Modality, str] = {
    Modality.INBOUND: "1",
    Modality.ASYNC: "4",
    Modality.SYNC: "1",
    Modality.TASKFORCE: "1",
}
FIRST_NOTE = "Where to begin; to be replaced by what your own records say."


class NotAModel(Exception):
    """The hours cannot be kept as they were said; the words say why."""


class NotWithdrawable(Exception):
    """The version counts already, or was withdrawn before; the words say which."""


@transaction.atomic
def ensure_beginning(*, on: date, at: datetime) -> bool:
    """Give an association without any segments the usual ones, and its first hours; True if so.

    What it has, it keeps: where there is a segment of its own, retired ones included, none is
    added, and where no segment of the usual ones is left, there are no hours to begin with.
    The hours count from ``on``. Called by every night, and by whoever does not wait for one;
    idempotent (DOMAIN 2.4, 6.2).
    """
    if CoverageModel.objects.standing().exists():
        return False
    if not Segment.objects.exists():
        ensure_default_segments()
    if not Segment.objects.filter(key__in=DEFAULT_STAFF_HOURS).exists():
        return False
    ensure_default_model(at=at, on=on)
    return True


@transaction.atomic
def ensure_default_model(*, at: datetime, on: date | None = None) -> CoverageModel:
    """Return the coverage model that came first, made of DOMAIN 6.2's table where none is.

    Counts from ``on``, else from the association's day of ``at``. Segments that the table does
    not know, or that are not there, get no hours: what they take is not known until somebody
    says it. Idempotent.
    """
    _one_at_a_time()
    first = CoverageModel.objects.standing().order_by("version").first()
    if first is not None:
        return first
    hours: dict[tuple[str, str, str], Decimal] = {}
    leverage: dict[tuple[str, str], Decimal] = {}
    for key, row in DEFAULT_STAFF_HOURS.items():
        for modality, part in DEFAULT_SPLIT[key].items():
            factor = Decimal(DEFAULT_LEVERAGE[modality])
            leverage[key, modality] = factor
            for stage, staff in zip(STAGES, row, strict=True):
                hours[key, stage, modality] = Decimal(staff) * Decimal(part) * factor
    return _make(
        hours=hours,
        leverage=leverage,
        effective_from=on or local_date(at, zone=association_zone()),
        note=FIRST_NOTE,
        by=None,
        at=at,
    )


@transaction.atomic
def new_version(  # noqa: PLR0913  # a version has that many parts, all by name
    *,
    hours: HoursOf,
    leverage: LeverageOf,
    effective_from: date,
    note: str,
    by: User,
    at: datetime,
) -> CoverageModel:
    """Keep a new version of the hours, which counts from a day; none is ever changed.

    Hours are a member's, a month. A modality of a segment that ``leverage`` does not name has
    1. What was counted on a day that is over stays as it was counted. Raises ``NotAModel`` with
    words where a segment, stage or modality is unknown, an amount is negative or more than a
    month has, a factor is not above zero, time in real time has no asynchronous share (DOMAIN
    2.4), nothing or no reason is said, or a day is over or before that of the newest version.
    """
    _one_at_a_time()
    check(
        hours=hours,
        leverage=leverage,
        effective_from=effective_from,
        note=note,
        today=local_date(at, zone=association_zone()),
    )
    return _make(
        hours=hours,
        leverage=leverage,
        effective_from=effective_from,
        note=note.strip(),
        by=by,
        at=at,
    )


def check(
    *, hours: HoursOf, leverage: LeverageOf, effective_from: date, note: str, today: date
) -> None:
    """Raise ``NotAModel`` for what ``new_version`` would refuse; writes nothing."""
    for words in _objections(hours=hours, leverage=leverage):
        raise NotAModel(words)
    if not note.strip():
        raise NotAModel(_("Say what is different, and why."))
    last = CoverageModel.objects.standing().aggregate(last=Max("effective_from"))["last"]
    if last is not None and effective_from < last:
        raise NotAModel(
            _("The newest version counts from %(day)s; a new one begins then or later.")
            % {"day": date_format(last, "j F Y")}
        )
    if effective_from < today:
        raise NotAModel(
            _("That day is over, and stays as it was counted. A version begins today or later.")
        )


@transaction.atomic
def withdraw(*, model: CoverageModel, reason: str, by: User, at: datetime) -> CoverageModel:
    """Let a version that does not count yet never count, and return it; it stays to be seen.

    Its number is not given again, and the version before it goes on counting. ``reason`` is
    kept in the audit trail. Raises ``NotWithdrawable`` with words once its day has come, or
    where it was withdrawn before.
    """
    _one_at_a_time()
    row = CoverageModel.objects.select_for_update().get(pk=model.pk)
    if row.withdrawn_at is not None:
        raise NotWithdrawable(_("This version was withdrawn before."))
    if row.effective_from <= local_date(at, zone=association_zone()):
        raise NotWithdrawable(
            _("This version counts already. Say the hours anew instead: a new version begins.")
        )
    row.withdrawn_at = at
    row.save(update_fields=["withdrawn_at"])
    record(
        verb="coverage_model.withdrawn",
        subject=row,
        member_id=None,
        summary=f"Version {row.version} of the hours, from {row.effective_from}, withdrawn",
        by=by,
        at=at,
        before={"withdrawn_at": None},
        after={"withdrawn_at": at, "reason": reason.strip()},
    )
    return row


def _objections(*, hours: HoursOf, leverage: LeverageOf) -> Iterable[str]:
    if not hours:
        yield _("Say at least one amount of hours.")
    known = set(Segment.objects.values_list("key", flat=True))
    named = {key for key, *_rest in hours} | {key for key, _rest in leverage}
    if unknown := sorted(named - known):
        yield _("There is no segment %(name)s.") % {"name": ", ".join(unknown)}
    stages = {stage for _key, stage, _modality in hours} - set(LifecycleStage.values)
    if stages:
        yield _("There is no stage %(name)s.") % {"name": ", ".join(sorted(stages))}
    modalities = {key[-1] for key in (*hours, *leverage)} - set(Modality.values)
    if modalities:
        yield _("Time is not given as %(name)s.") % {"name": ", ".join(sorted(modalities))}
    if any(amount < 0 for amount in hours.values()):
        yield _("Hours are not negative.")
    if any(amount > MOST_HOURS for amount in hours.values()):
        yield _("A month has at most 744 hours.")
    if any(not 0 < factor <= MOST_LEVERAGE for factor in leverage.values()):
        yield _("An hour of staff gives something: a factor is above zero, and at most 500.")
    for (segment, stage, modality), amount in sorted(hours.items()):
        alone = not hours.get((segment, stage, Modality.ASYNC))
        if segment == rule.SYNCHRONOUS and modality == Modality.SYNC and amount and alone:
            yield _(
                "Hours in real time need an asynchronous share beside them, or nobody can "
                "carry them: %(segment)s, %(stage)s."
            ) % {
                "segment": Segment.objects.get(key=segment).name,
                "stage": LifecycleStage(stage).label.lower(),
            }


def _one_at_a_time() -> None:
    """Two versions made at once would have the same number; the lock ends with the change."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [VERSIONS_LOCK])


def _make(  # noqa: PLR0913  # as above
    *,
    hours: HoursOf,
    leverage: LeverageOf,
    effective_from: date,
    note: str,
    by: User | None,
    at: datetime,
) -> CoverageModel:
    newest = CoverageModel.objects.order_by("-version").first()
    model = CoverageModel.objects.create(
        version=newest.version + 1 if newest else 1,
        effective_from=effective_from,
        note=note,
        made_by=by,
        made_at=at,
    )
    segments = {segment.key: segment for segment in Segment.objects.all()}
    CoverageHours.objects.bulk_create(
        CoverageHours(
            model=model, segment=segments[key], stage=stage, modality=modality, hours=amount
        )
        for (key, stage, modality), amount in hours.items()
        if key in segments
    )
    Leverage.objects.bulk_create(
        Leverage(model=model, segment=segments[key], modality=modality, factor=factor)
        for (key, modality), factor in leverage.items()
        if key in segments
    )
    record(
        verb="coverage_model.made",
        subject=model,
        member_id=None,
        summary=f"Version {model.version} of the hours, from {effective_from}",
        by=by,
        at=at,
        after={
            "version": model.version,
            "effective_from": effective_from,
            "cells": len(hours),
            "leverage": len(leverage),
        },
    )
    return model
