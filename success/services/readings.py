"""What a night writes down of the measures that are too much work for a page."""

from datetime import date

from success.engine.revenue import MixedCurrencies
from success.models import IntegrityReading
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
