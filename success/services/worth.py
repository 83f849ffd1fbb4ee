"""What offers are worth in a year, each from its day on."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

from django.db import transaction

from members.models import Association, User
from members.services import audit
from success.models import Offer, OfferWorth
from success.queries import forecast
from success.services.readings import forget

SAID: Final = ("annual_value", "currency", "note")


@transaction.atomic
def set_worth(  # noqa: PLR0913  # what a value is made of
    *,
    offer: Offer,
    effective_from: date,
    annual_value: Decimal,
    note: str = "",
    by: User | None,
    at: datetime,
) -> OfferWorth:
    """Say what an offer is worth a year from a day on, in the association's currency.

    Said again for the same day, it replaces what was said; the same again writes nothing
    (DOMAIN 3.5).
    """
    said: dict[str, Any] = {
        "annual_value": annual_value,
        "currency": Association.current().currency,
        "note": note.strip(),
    }
    Offer.objects.select_for_update().get(pk=offer.pk)
    known = OfferWorth.objects.filter(offer=offer, effective_from=effective_from).first()
    before = {name: getattr(known, name) for name in SAID} if known else None
    if known is not None and before == said:
        return known
    worth, _is_new = OfferWorth.objects.update_or_create(
        offer=offer,
        effective_from=effective_from,
        defaults=said | {"set_by": by, "set_at": at},
    )
    forget(forecast.forecast, forecast.accounts)
    audit.record(
        verb="offer_worth.set",
        subject=worth,
        member_id=None,
        summary=f"What offer {offer.key} is worth a year from {effective_from} on was set",
        by=by,
        at=at,
        before=before,
        after=said,
    )
    return worth
