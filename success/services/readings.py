"""What a night writes down of the measures that are too much work for a page."""

from collections.abc import Callable, Iterator
from datetime import date, timedelta
from functools import reduce
from operator import or_
from typing import Any

from django.db.models import Q

from config.kernel import exact
from success.engine.revenue import MixedCurrencies
from success.enums import RevenueBasis
from success.models import ForecastMonth, IntegrityReading, MeasureReading
from success.queries import (
    after_move,
    doing,
    effects,
    first_value,
    forecast,
    gap,
    kept,
    margin,
    movements,
    readings,
    renewals,
    revenue,
    story,
)
from success.queries import measures as integrity_of
from success.queries.forecast import (
    ANSWER_DAYS,
    MONTHS_BACK,
    as_row,
    closed_months,
    lateness_on,
    month_past,
)
from success.queries.measures import as_plain, integrity
from success.rollups.revenue import year_before

MOST_WON = 25
FIRST_PAGE = 50
CANNOT_BE_SAID = (MixedCurrencies, margin.NoRates, margin.OtherCurrency)


@readings.asked_anew()
def read_integrity(*, as_of: date, grace_days: int) -> int:
    """Keep whether revenue is backed by success as of a night; return the rows written.

    Only where it differs, so the same night again writes none. Where dues cannot be added up,
    no reading is kept (DOMAIN 2.13).
    """
    kept = IntegrityReading.objects.filter(as_of=as_of)
    try:
        said = as_plain(integrity(as_of=as_of, grace_days=grace_days))
    except MixedCurrencies:
        return kept.delete()[0]
    if kept.filter(said=said).exists():
        return 0
    IntegrityReading.objects.update_or_create(as_of=as_of, defaults={"said": said})
    return 1


@readings.asked_anew()
def read_forecast_months(*, as_of: date, grace_days: int) -> int:
    """Keep what each of the last closed months was given and what came; return rows written.

    Those that no night has written yet, and those in which somebody may still answer. A
    settled month is left as it is. Oldest first, because a month is foretold by how late
    members were by its eve. The same night again writes none (DOMAIN 3.5).
    """
    known = {row.ends_on: row for row in ForecastMonth.objects.all()}
    if any(row.covers_until > as_of for row in known.values()):
        return 0
    written = 0
    for starts_on, ends_on in closed_months(as_of=as_of, months=MONTHS_BACK):
        row = known.get(ends_on) or ForecastMonth(starts_on=starts_on, ends_on=ends_on)
        if row.pk is not None and row.is_settled:
            continue
        month, tenths = month_past(
            starts_on=starts_on, ends_on=ends_on, as_of=as_of, grace_days=grace_days
        )
        said = as_row(month, tenths)
        if row.pk is None:
            row.is_settled, row.lateness = False, lateness_on(as_of=ends_on)
        elif row.said == said:
            continue
        row.said, row.covers_until = said, as_of
        row.save()
        written += 1
    # that time has gone by changes no figure, so it counts as nothing written
    over = as_of - timedelta(days=ANSWER_DAYS)
    ForecastMonth.objects.filter(is_settled=False, ends_on__lte=over).update(is_settled=True)
    return written


@readings.asked_anew()
def write_down(*, as_of: date, grace_days: int) -> int:
    """Keep the answers to what pages open with as of a night; return the rows written.

    All are worked out anew, each once. Only those that differ are written, so the same night
    again writes none; those of other days go. What cannot be said is not kept, and pages say
    why.
    """
    before = {each.question: each for each in MeasureReading.objects.all()}
    told = {}
    for ask, given, asked in _opened_with(as_of=as_of, grace_days=grace_days):
        try:
            answer = exact.write(ask(*given, **asked))
        except CANNOT_BE_SAID:
            continue
        told[readings.question(ask, *given, **asked)] = {"answer": answer}
    written = [
        MeasureReading(question=question, as_of=as_of, said=said)
        for question, said in told.items()
        if question not in before
        or (before[question].as_of, before[question].said) != (as_of, said)
    ]
    MeasureReading.objects.bulk_create(
        written,
        update_conflicts=True,
        unique_fields=["question"],
        update_fields=["as_of", "said"],
    )
    gone = MeasureReading.objects.exclude(question__in=told).delete()[0]
    return len(written) + gone


def forget(*asked_of: Callable[..., Any]) -> None:
    """Drop what is kept of some questions, or of all, for what they rest on was said anew."""
    kept = MeasureReading.objects.all()
    if asked_of:
        of_any = (Q(question__startswith=f"{readings.topic(each)}?") for each in asked_of)
        kept = kept.filter(reduce(or_, of_any))
    kept.delete()


def forget_money() -> None:
    """Drop what is kept of revenue and all that is made of it."""
    forget(
        forecast.forecast,
        integrity_of.won_by_members,
        margin.by_member,
        margin.by_segment,
        movements.first_of_moves,
        movements.of_all_kinds,
        movements.prices_of,
        revenue.both_bases,
        revenue.dues_of_ending,
        story.story,
    )


def _opened_with(
    *, as_of: date, grace_days: int
) -> Iterator[tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]]:
    """What is asked by pages as they open."""
    day: dict[str, Any] = {"as_of": as_of}
    both: dict[str, Any] = {"as_of": as_of, "grace_days": grace_days}
    year: dict[str, Any] = {"opening_on": year_before(as_of), "closing_on": as_of}
    yield revenue.both_bases, (), both | year
    yield kept.promises_kept, (), day
    yield gap.gap_of, (), day
    yield first_value.first_value, (), both
    yield doing.work_of_all, (), both
    yield after_move.moved_to_less, (), both
    yield effects.arms, (), both
    yield effects.drawn, (), day
    yield renewals.all_weeks, (), both
    ahead = {"since": as_of, "until": as_of + renewals.AHEAD}
    yield revenue.dues_of_ending, (), ahead
    yield forecast.forecast, (), day
    yield forecast.accounts, (), day
    yield margin.by_segment, (), day
    yield margin.by_member, (), day
    earlier = integrity_of.earlier_day(as_of)
    won = {"earlier": earlier, "later": as_of, "grace_days": grace_days, "most": MOST_WON}
    yield integrity_of.won_by_members, (), won
    for basis in RevenueBasis:
        asked = movements.Asked(basis=basis, **both, **year)
        yield movements.first_of_moves, (asked,), {"size": FIRST_PAGE}
        yield movements.of_all_kinds, (asked,), {"only": movements.EVERYBODY}
        yield movements.prices_of, (asked,), {}
    yield story.story, (), day
