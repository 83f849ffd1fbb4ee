"""What a night writes down of the measures that are too much work for a page."""

from datetime import date, timedelta

from success.engine.revenue import MixedCurrencies
from success.models import ForecastMonth, IntegrityReading
from success.queries.forecast import (
    ANSWER_DAYS,
    MONTHS_BACK,
    as_row,
    closed_months,
    lateness_on,
    month_past,
)
from success.queries.measures import as_plain, integrity


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
