"""What a night writes down of the measures that are too much work for a page."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, timedelta
from functools import reduce
from operator import or_
from typing import Any, Final

from django.db.models import Q, QuerySet

from config.kernel import exact
from members.rollups.scope import Written
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
    outlook,
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
from success.rollups import effects as effects_of
from success.rollups import ledger
from success.rollups.revenue import year_before

MOST_WON = 25
FIRST_PAGE = 50
CANNOT_BE_SAID = (MixedCurrencies, margin.NoRates, margin.OtherCurrency)


@readings.asked_anew()
def read_integrity(*, as_of: date, grace_days: int) -> int:
    """Keep whether revenue is backed by success as of a night; return the rows written.

    And what was won in the 90 days, which the page of it lists. Only where it differs, so the
    same night again writes none. Where dues cannot be added up, no reading is kept. In a
    transaction (DOMAIN 2.13).
    """
    with integrity_of.won_held(as_of=as_of, grace_days=grace_days):
        listed = write_down("won", as_of=as_of, grace_days=grace_days)
        kept = IntegrityReading.objects.filter(as_of=as_of)
        try:
            said = as_plain(integrity(as_of=as_of, grace_days=grace_days))
        except MixedCurrencies:
            return listed + kept.delete()[0]
    if kept.filter(said=said).exists():
        return listed
    IntegrityReading.objects.update_or_create(as_of=as_of, defaults={"said": said})
    return listed + 1


def read_effects(*, as_of: date, grace_days: int) -> Written:
    """Keep what plays have changed as of a night, and flag the kinds that they make worse.

    The same night again writes nothing. In a transaction (DOMAIN 8).
    """
    kept = write_down("effects", as_of=as_of, grace_days=grace_days)
    rows_in, rows_out = effects_of.refresh(
        as_of=as_of,
        found=effects.arms(as_of=as_of, grace_days=grace_days),
        ratios=effects.drawn(as_of=as_of),
    )
    return Written(rows_in, kept + rows_out)


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
def write_down(of: str, *, as_of: date, grace_days: int) -> int:
    """Keep the answers to what pages open with as of a night; return the rows written.

    Those of one part of the measures, a key of ``PARTS``. All are worked out anew, each once.
    Only those that differ are written, so the same night again writes none; those of other
    days go. What cannot be said is not kept, and pages say why. In a transaction.
    """
    told = {}
    part = PARTS[of]
    for ask, given, asked in part.asked(as_of, grace_days):
        try:
            answer = exact.write(ask(*given, **asked))
        except CANNOT_BE_SAID:
            continue
        told[readings.question(ask, *given, **asked)] = {"answer": answer}
    kept = _kept_of(part.topics)
    before = {each.question: each for each in kept}
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
    gone = kept.exclude(question__in=told).delete()[0]
    return len(written) + gone


def forget(*asked_of: Callable[..., Any]) -> None:
    """Drop what is kept of some questions, or of all, for what they rest on was said anew."""
    (_kept_of(asked_of) if asked_of else MeasureReading.objects.all()).delete()


def forget_money() -> None:
    """Drop what is kept of revenue and all that is made of it."""
    forget(*(topic for of in ("money", "movements", "won") for topic in PARTS[of].topics))


def _kept_of(topics: Sequence[Callable[..., Any]]) -> QuerySet[MeasureReading]:
    """What is kept of some questions, whatever they were asked."""
    of_any = (Q(question__startswith=f"{readings.topic(each)}?") for each in topics)
    return MeasureReading.objects.filter(reduce(or_, of_any))


Questions = Iterator[tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]]


@dataclass(frozen=True, kw_only=True)
class _Part:
    """A part of the measures: all that it may be asked, and what it is asked as of a night."""

    topics: tuple[Callable[..., Any], ...]
    asked: Callable[[date, int], Questions]


def _of_our_work(as_of: date, grace_days: int) -> Questions:
    day: dict[str, Any] = {"as_of": as_of}
    both: dict[str, Any] = {"as_of": as_of, "grace_days": grace_days}
    yield kept.promises_kept, (), day
    yield gap.gap_of, (), day
    yield first_value.first_value, (), both
    yield outlook.stalled_and_lapsed, (), both
    yield doing.work_of_all, (), both
    yield after_move.moved_to_less, (), both
    yield renewals.all_weeks, (), both


def _of_effects(as_of: date, grace_days: int) -> Questions:
    yield effects.arms, (), {"as_of": as_of, "grace_days": grace_days}
    yield effects.drawn, (), {"as_of": as_of}


def _of_money(as_of: date, _grace_days: int) -> Questions:
    day: dict[str, Any] = {"as_of": as_of}
    yield revenue.dues_of_ending, (), {"since": as_of, "until": as_of + renewals.AHEAD}
    with forecast.held(**day):
        yield forecast.forecast, (), day
        yield forecast.accounts, (), day
    with suppress(*CANNOT_BE_SAID), margin.held(**day):
        yield margin.by_segment, (), day
        yield margin.by_member, (), day
    yield story.story, (), day


def _of_won(as_of: date, grace_days: int) -> Questions:
    earlier = integrity_of.earlier_day(as_of)
    won = {"earlier": earlier, "later": as_of, "grace_days": grace_days, "most": MOST_WON}
    yield integrity_of.won_by_members, (), won


def _of_movements(as_of: date, grace_days: int) -> Questions:
    year = {"opening_on": year_before(as_of), "closing_on": as_of}
    both: dict[str, Any] = {"as_of": as_of, "grace_days": grace_days}
    with ledger.held(pairs=[(year["opening_on"], as_of)], **both), suppress(*CANNOT_BE_SAID):
        yield revenue.both_bases, (), both | year
        for basis in RevenueBasis:
            asked = movements.Asked(basis=basis, as_of=as_of, grace_days=grace_days, **year)
            with movements.held(asked):
                yield movements.first_of_moves, (asked,), {"size": FIRST_PAGE}
                yield movements.of_all_kinds, (asked,), {"only": movements.EVERYBODY}
                yield movements.prices_of, (asked,), {}


# What pages open with, in parts that a night may work out one beside the other.
PARTS: Final = {
    "our_work": _Part(
        topics=(
            after_move.moved_to_less,
            doing.work_of_all,
            first_value.first_value,
            gap.gap_of,
            kept.promises_kept,
            outlook.stalled_and_lapsed,
            renewals.all_weeks,
        ),
        asked=_of_our_work,
    ),
    "effects": _Part(topics=(effects.arms, effects.drawn), asked=_of_effects),
    "money": _Part(
        topics=(
            forecast.accounts,
            forecast.forecast,
            margin.by_member,
            margin.by_segment,
            revenue.dues_of_ending,
            story.story,
        ),
        asked=_of_money,
    ),
    "movements": _Part(
        topics=(
            movements.first_of_moves,
            movements.of_all_kinds,
            movements.prices_of,
            revenue.both_bases,
        ),
        asked=_of_movements,
    ),
    # beside the integrity of revenue, which looks at the same
    "won": _Part(topics=(integrity_of.won_by_members,), asked=_of_won),
}
