"""How many hours an experience takes: versions of the coverage model, each with its day."""

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal

from django.db import transaction
from django.db.models import Max

from config.kernel.clock import association_zone, local_date
from coverage.engine import segments as rule
from coverage.enums import LifecycleStage, Modality
from coverage.models import CoverageHours, CoverageModel, Leverage, Segment
from members.models import User
from members.services.audit import record

# (segment key, stage, modality) → hours that one member gets in a month
HoursOf = Mapping[tuple[str, str, str], Decimal]
# (segment key, modality) → member-hours that an hour of staff gives
LeverageOf = Mapping[tuple[str, str], Decimal]

STAGES = (
    LifecycleStage.ONBOARDING,
    LifecycleStage.ADOPTION,
    LifecycleStage.GROWTH,
    LifecycleStage.RENEWAL,
    LifecycleStage.AT_RISK,
)
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


@transaction.atomic
def ensure_default_model(*, at: datetime) -> CoverageModel:
    """Return the coverage model that came first, made of DOMAIN 6.2's table where none is.

    Counts from the association's day of ``at``. Segments that the table does not know, or that
    are not there, get no hours: what they take is not known until somebody says it. Idempotent.
    """
    first = CoverageModel.objects.order_by("version").first()
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
        effective_from=local_date(at, zone=association_zone()),
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
    1. Raises ``NotAModel`` with words where a segment is unknown, an amount is negative, a
    factor is not above zero, time in real time has no asynchronous share (DOMAIN 2.4), nothing
    is said at all, or a later version begins before this one.
    """
    for words in _objections(hours=hours, leverage=leverage, effective_from=effective_from):
        raise NotAModel(words)
    return _make(
        hours=hours,
        leverage=leverage,
        effective_from=effective_from,
        note=note,
        by=by,
        at=at,
    )


def _objections(*, hours: HoursOf, leverage: LeverageOf, effective_from: date) -> Iterable[str]:
    if not hours:
        yield "Say at least one amount of hours."
    known = set(Segment.objects.values_list("key", flat=True))
    named = {key for key, *_ in hours} | {key for key, _ in leverage}
    if unknown := sorted(named - known):
        yield f"There is no segment {', '.join(unknown)}."
    if any(amount < 0 for amount in hours.values()):
        yield "Hours are not negative."
    if any(factor <= 0 for factor in leverage.values()):
        yield "An hour of staff gives something: a factor is above zero."
    for (segment, stage, modality), amount in sorted(hours.items()):
        alone = not hours.get((segment, stage, Modality.ASYNC))
        if segment == rule.SYNCHRONOUS and modality == Modality.SYNC and amount and alone:
            yield (
                "Hours in real time need an asynchronous share beside them, or nobody can "
                f"carry them: {segment}, {stage}."
            )
    last = CoverageModel.objects.aggregate(last=Max("effective_from"))["last"]
    if last is not None and effective_from < last:
        yield f"The newest version counts from {last}; a new one begins then or later."


def _make(  # noqa: PLR0913  # as above
    *,
    hours: HoursOf,
    leverage: LeverageOf,
    effective_from: date,
    note: str,
    by: User | None,
    at: datetime,
) -> CoverageModel:
    newest = CoverageModel.objects.select_for_update().order_by("-version").first()
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
    )
    return model
