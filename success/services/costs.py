"""What serving members costs: rates, each from its day on."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

from django.db import transaction

from members.models import Association, User
from members.services import audit
from success.models import CostRate
from success.queries import margin
from success.services.readings import forget

RATES: Final = ("hourly_rate", "enablement_a_year", "direct_a_year", "currency", "note")


@transaction.atomic
def set_rates(  # noqa: PLR0913  # what serving costs is made of
    *,
    effective_from: date,
    hourly_rate: Decimal,
    enablement_a_year: Decimal = Decimal(0),
    direct_a_year: Decimal = Decimal(0),
    note: str = "",
    by: User,
    at: datetime,
) -> CostRate:
    """Say what serving costs from a day on, in the association's currency; return the rates.

    Said again for the same day, they replace what was said; the same again writes nothing
    (DOMAIN 6.5).
    """
    said: dict[str, Any] = {
        "hourly_rate": hourly_rate,
        "enablement_a_year": enablement_a_year,
        "direct_a_year": direct_a_year,
        "note": note,
        "currency": Association.current().currency,
    }
    known = (
        CostRate.objects.select_for_update(of=("self",))
        .filter(effective_from=effective_from)
        .first()
    )
    before = {name: getattr(known, name) for name in RATES} if known else None
    if known is not None and before == said:
        return known
    rates, _is_new = CostRate.objects.update_or_create(
        effective_from=effective_from, defaults=said | {"set_by": by, "set_at": at}
    )
    forget(margin.by_segment, margin.by_member)
    audit.record(
        verb="cost_rate.set",
        subject=rates,
        member_id=None,
        summary=f"What serving members costs from {effective_from} on was set",
        by=by,
        at=at,
        before=before,
        after=said,
    )
    return rates
