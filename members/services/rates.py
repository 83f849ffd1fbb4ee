"""Rates of exchange: what a unit of another currency is in the association's own."""

from datetime import date, datetime
from decimal import Decimal

from django.db import transaction

from members.models import Association, User
from members.models.dues import ExchangeRate
from members.services import audit


class RateRefused(Exception):
    """A rate that cannot be; the words are for people."""


@transaction.atomic
def set_rate(
    *, currency: str, on: date, rate: Decimal, by: User | None, at: datetime
) -> ExchangeRate:
    """Say what one unit of ``currency`` is in the association's own from a day on.

    A period is told at the last rate of its opening day, so that a rate is never an expansion.
    Said again for a day, it replaces what was said. Stored periods keep theirs until a full
    night says them anew. Raises ``RateRefused`` (DOMAIN 4.3 #18).
    """
    if currency == Association.current().currency:
        raise RateRefused(f"{currency} is the association's own currency.")
    if rate <= 0:
        raise RateRefused("A rate is more than nought.")
    known = ExchangeRate.objects.select_for_update().filter(currency=currency, on=on).first()
    if known is not None and known.rate == rate:
        return known
    made, _is_new = ExchangeRate.objects.update_or_create(
        currency=currency, on=on, defaults={"rate": rate}
    )
    audit.record(
        verb="exchange_rate.set",
        subject=made,
        member_id=None,
        summary=f"The rate of {currency} from {on} on was set",
        by=by,
        at=at,
        before={"rate": known.rate} if known else None,
        after={"rate": rate},
    )
    return made
