"""Stored revenue periods: months, trailing years and calendar years, on both bases.

Closed periods are kept as they were said. Three things may change them: a grace window that
closes settles a provisional one; a late fact restates a final one in a further revision, so
that both values stay; and nothing else. In particular a member's move to another segment
restates no past: segment rows of a final period change only together with those of everybody.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise, takewhile
from typing import Any, Final, NamedTuple

from django.db import transaction
from django.db.models import Max, Min

from members.models import Association, DirtyMember, Term
from members.rollups.scope import Written
from success.enums import Dimension, PeriodKind, RevenueBasis
from success.models import RevenuePeriod
from success.rollups import ledger

MONTHS_IN_YEAR: Final = 12
FEW_CLOSINGS: Final = 6  # up to so many, their days are compared; beyond, all that there are
AMOUNTS: Final = (
    "opening",
    "new",
    "reactivation",
    "expansion",
    "contraction",
    "churn",
    "closing",
    "undecided",
    "undecided_of_base",
    "kept_min",
    "undecided_min",
)
COUNTS: Final = (
    "base_members",
    "kept_members",
    "new_members",
    "reactivated_members",
    "undecided_members",
)
SAID: Final = (*AMOUNTS, *COUNTS, "is_final")


class Period(NamedTuple):
    kind: PeriodKind
    starts_on: date
    ends_on: date


class Key(NamedTuple):
    """What a stored figure is about."""

    kind: str
    ends_on: date
    basis: str
    dimension: str
    value: str


@dataclass(frozen=True, slots=True)
class _Computed:
    """Periods as they stand now: those that were computed, and what was found in them."""

    terms: int
    periods: list[Period]
    rows: dict[Key, RevenuePeriod]


def refresh(*, as_of: date, since: date | None, at: datetime) -> Written:
    """Bring the stored periods up to ``as_of`` and write the difference; all or nothing.

    From the first term on: each month, the twelve months up to each first of a month and up to
    ``as_of``, and each calendar year; on both bases; for everybody, each tier (of the opening
    day, or of the closing day for arrivals) and each segment (assigned now; blank: none). An
    open period keeps its regular closing day as ``ends_on`` and is measured as at ``as_of``;
    the trailing year up to an ``as_of`` that is no first of a month replaces the one before.

    ``since`` is the earliest day that changed facts may bear upon; then only the open periods
    are computed, those closed since the last night, those not final, and those it touches.
    Null, or nothing stored yet: everything.

    Amounts in the association's currency; strict figures are the stored ones less what is
    ``undecided``; ``undecided_members`` counts members of the base. A final row that comes out
    different gets a further revision that says why. The same night again writes nothing. A day
    earlier than one already stored is computed and not written (DOMAIN 4.2, 4.3).
    """
    first = ledger.first_term_starts_on()
    if first is None or first >= as_of:
        return Written(rows_in=0, rows_out=0)
    grace_days = Association.current().grace_days
    known_until = RevenuePeriod.objects.aggregate(last=Max("covers_until"))["last"]
    is_past = known_until is not None and known_until > as_of
    touched_from = _touched_from(
        first=first, known_until=known_until, since=since, grace_days=grace_days
    )
    computed = _compute(
        first=first, touched_from=touched_from, as_of=as_of, grace_days=grace_days, at=at
    )
    if is_past:
        return Written(rows_in=computed.terms, rows_out=0)
    return Written(rows_in=computed.terms, rows_out=_write(computed, as_of=as_of))


def month_starts(*, since: date, until: date) -> list[date]:
    """Return the first days of months from the month of ``since`` up to ``until``, included."""
    return list(takewhile(lambda day: day <= until, _months_from(since.replace(day=1))))


def year_before(day: date) -> date:
    """Return the same day a year earlier; the 28th for a 29th of February."""
    if (day.month, day.day) == (2, 29):
        return date(day.year - 1, 2, 28)
    return day.replace(year=day.year - 1)


def closed_periods(*, first: date, as_of: date) -> list[Period]:
    """Return the periods that have closed by ``as_of``, from the first term's own on.

    A trailing year is counted once the ledger is twelve months old; its first months may open
    on nobody, and then retention is null.
    """
    months = month_starts(since=first, until=as_of)
    years = [date(year, 1, 1) for year in range(first.year, as_of.year + 1)]
    return [
        *(Period(PeriodKind.MONTH, start, end) for start, end in pairwise(months)),
        *(
            Period(PeriodKind.TRAILING_YEAR, start, end)
            for start, end in zip(months, months[MONTHS_IN_YEAR:], strict=False)
        ),
        *(Period(PeriodKind.CALENDAR_YEAR, start, end) for start, end in pairwise(years)),
    ]


def open_periods(*, as_of: date) -> list[Period]:
    """Return the month and the year that ``as_of`` is in, and the year that ends on it.

    A period of which no day has passed yet is left out, and so is a trailing year that ends on
    the first of a month, being one of the closed periods.
    """
    month = as_of.replace(day=1)
    next_month = (month + timedelta(days=31)).replace(day=1)
    year = date(as_of.year, 1, 1)
    periods = [
        Period(PeriodKind.MONTH, month, next_month),
        Period(PeriodKind.CALENDAR_YEAR, year, date(as_of.year + 1, 1, 1)),
    ]
    if as_of != month:
        periods.append(Period(PeriodKind.TRAILING_YEAR, year_before(as_of), as_of))
    return [period for period in periods if period.starts_on < as_of]


def _touched_from(
    *, first: date, known_until: date | None, since: date | None, grace_days: int
) -> date:
    """Return the first closing day that may have to be said anew.

    A renewal in grace reaches back to the expiry, at most ``grace_days`` before it began.
    """
    if known_until is None or since is None:
        return first
    days = [known_until, since - timedelta(days=grace_days)]
    unsettled = _latest().filter(is_final=False).aggregate(first=Min("ends_on"))["first"]
    if unsettled is not None:
        days.append(unsettled)
    return min(days)


def _compute(
    *, first: date, touched_from: date, as_of: date, grace_days: int, at: datetime
) -> _Computed:
    closed = [
        period
        for period in closed_periods(first=first, as_of=as_of)
        if period.ends_on >= touched_from
    ]
    closings = sorted({period.ends_on for period in closed})
    still_open = open_periods(as_of=as_of)
    rows: dict[Key, RevenuePeriod] = {}
    # an open period is measured as at as_of, and all of these in one pass
    few = [
        (period, min(period.ends_on, as_of))
        for period in [*still_open, *(closed if len(closings) <= FEW_CLOSINGS else [])]
    ]
    terms = 0
    if few:
        pairs = [(period.starts_on, measured_on) for period, measured_on in few]
        compared = ledger.compare_pairs(pairs=pairs, as_of=as_of, grace_days=grace_days)
        terms = compared.terms
        for basis, index in compared.tallies:
            rows |= _rows_of(
                few[index][0],
                basis=basis,
                tallies=compared.tallies[basis, index],
                as_of=as_of,
                at=at,
            )
    if len(closings) > FEW_CLOSINGS:
        terms += Term.objects.filter(starts_on__lte=as_of).count()
        rows |= _along(closed, first=first, as_of=as_of, grace_days=grace_days, at=at)
    return _Computed(terms=terms, periods=[*closed, *still_open], rows=rows)


def _along(
    closed: Sequence[Period], *, first: date, as_of: date, grace_days: int, at: datetime
) -> dict[Key, RevenuePeriod]:
    days = month_starts(since=date(first.year, 1, 1), until=as_of)
    wanted: dict[tuple[date, date], list[Period]] = {}
    for period in closed:
        wanted.setdefault((period.starts_on, period.ends_on), []).append(period)
    rows: dict[Key, RevenuePeriod] = {}
    for basis in RevenueBasis:
        for opening, closing, tallies in ledger.along(
            days=days,
            lags=(1, MONTHS_IN_YEAR),
            as_of=as_of,
            grace_days=grace_days,
            basis=basis,
        ):
            for period in wanted.get((opening, closing), ()):
                rows |= _rows_of(period, basis=basis, tallies=tallies, as_of=as_of, at=at)
    return rows


def _rows_of(
    period: Period,
    *,
    basis: RevenueBasis,
    tallies: ledger.Tallies,
    as_of: date,
    at: datetime,
) -> dict[Key, RevenuePeriod]:
    """One row for everybody, even in an empty period, and one for each group there is."""
    groups = {ledger.EVERYBODY: ledger.Tally()} | tallies
    # A period is settled as a whole, so that its groups become final with it and not before.
    is_final = period.ends_on <= as_of and not groups[ledger.EVERYBODY].undecided_members
    rows = {}
    for group, tally in groups.items():
        sums = tally.sums(strict=False)
        cents = {name: getattr(sums, name) for name in AMOUNTS[:7]} | {
            "undecided": tally.undecided,
            "undecided_of_base": tally.undecided_of_base,
            "kept_min": sums.opening - sums.contraction - sums.churn,
            "undecided_min": tally.undecided_min,
        }
        rows[Key(period.kind, period.ends_on, basis, *group)] = RevenuePeriod(
            kind=period.kind,
            starts_on=period.starts_on,
            ends_on=period.ends_on,
            basis=basis,
            dimension=group.dimension,
            value=group.value,
            is_final=is_final,
            base_members=sums.base_members,
            kept_members=sums.kept_members,
            new_members=sums.new_members,
            reactivated_members=sums.reactivated_members,
            undecided_members=tally.undecided_of_base_members,
            computed_at=at,
            covers_until=as_of,
            **{name: Decimal(amount).scaleb(-2) for name, amount in cents.items()},
        )
    return rows


@transaction.atomic
def _write(computed: _Computed, *, as_of: date) -> int:
    stored = _stored(computed.periods)
    differing = {
        key: row
        for key, row in computed.rows.items()
        if key not in stored or _differs(row, stored[key], as_of=as_of)
    }
    gone = {key: row for key, row in stored.items() if key not in computed.rows}
    emptied = {
        key: _emptied(row, computed) for key, row in gone.items() if row.is_final and _any(row)
    }
    restated = {key for key in differing if key in stored and stored[key].is_final} | {*emptied}

    insert: list[RevenuePeriod] = []
    update: list[RevenuePeriod] = []
    for key, row in (differing | emptied).items():
        before = stored.get(key)
        if before is not None and not before.is_final:
            row.pk, row.revision = before.pk, before.revision
            row.restated_on = before.restated_on
            row.restated_because = before.restated_because
            update.append(row)
        elif not _is_frozen(key, stored=stored, restated=restated):
            insert.append(row if before is None else _restatement(row, before, as_of=as_of))

    unsettled = [row.pk for row in gone.values() if not row.is_final]
    superseded = RevenuePeriod.objects.filter(
        kind=PeriodKind.TRAILING_YEAR, ends_on__lt=as_of
    ).exclude(ends_on__day=1)
    deleted = superseded.delete()[0]
    if unsettled:
        deleted += RevenuePeriod.objects.filter(pk__in=unsettled).delete()[0]
    RevenuePeriod.objects.bulk_create(insert, batch_size=2000)
    RevenuePeriod.objects.bulk_update(
        update, [*SAID, "computed_at", "covers_until"], batch_size=500
    )
    return len(insert) + len(update) + deleted


def _stored(periods: Iterable[Period]) -> dict[Key, RevenuePeriod]:
    """The latest revisions of these periods."""
    given = list(periods)
    if not given:
        return {}
    ends = [period.ends_on for period in given]
    wanted = {(period.kind.value, period.ends_on) for period in given}
    rows = _latest().filter(ends_on__range=(min(ends), max(ends)))
    return {
        Key(row.kind, row.ends_on, row.basis, row.dimension, row.value): row
        for row in rows
        if (row.kind, row.ends_on) in wanted
    }


def _latest() -> Any:
    """Rows that no further revision has replaced."""
    newest = (
        RevenuePeriod.objects.order_by(
            "kind", "ends_on", "basis", "dimension", "value", "-revision"
        )
        .distinct("kind", "ends_on", "basis", "dimension", "value")
        .values("pk")
    )
    return RevenuePeriod.objects.filter(pk__in=newest)


def _differs(row: RevenuePeriod, before: RevenuePeriod, *, as_of: date) -> bool:
    """Say whether the figures differ; an open period also differs by the day it speaks of."""
    is_open = before.ends_on > as_of
    names = (*SAID, "covers_until") if is_open else SAID
    return any(getattr(row, name) != getattr(before, name) for name in names)


def _any(row: RevenuePeriod) -> bool:
    return any(getattr(row, name) for name in (*AMOUNTS, *COUNTS))


def _is_frozen(key: Key, *, stored: dict[Key, RevenuePeriod], restated: set[Key]) -> bool:
    """Segments are those of now: a final past changes in them only if it changes for all."""
    if key.dimension != Dimension.SEGMENT:
        return False
    everybody = key._replace(dimension=Dimension.ALL, value="")
    before = stored.get(everybody)
    return before is not None and before.is_final and everybody not in restated


def _restatement(row: RevenuePeriod, before: RevenuePeriod, *, as_of: date) -> RevenuePeriod:
    late = DirtyMember.objects.filter(since__lt=row.ends_on).count()
    row.revision = before.revision + 1
    row.restated_on = as_of
    row.restated_because = _because(late)
    return row


def _because(late: int) -> str:
    if not late:
        return "late facts"
    return "late facts about 1 member" if late == 1 else f"late facts about {late} members"


def _emptied(before: RevenuePeriod, computed: _Computed) -> RevenuePeriod:
    """A group of which late facts have left nobody."""
    some = next(iter(computed.rows.values()))
    return RevenuePeriod(
        **{name: getattr(before, name) for name in (*Key._fields, "starts_on")},
        **dict.fromkeys(AMOUNTS, Decimal(0)),
        **dict.fromkeys(COUNTS, 0),
        is_final=True,
        computed_at=some.computed_at,
        covers_until=some.covers_until,
    )


def _months_from(day: date) -> Iterator[date]:
    while True:
        yield day
        day = (day + timedelta(days=31)).replace(day=1)
