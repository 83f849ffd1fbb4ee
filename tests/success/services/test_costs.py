from datetime import date
from decimal import Decimal

import pytest

from members.enums import Role
from members.models import AuditEntry
from success.models import CostRate
from success.services.costs import set_rates
from tests.factories import NOON, make_user

pytestmark = pytest.mark.django_db


def set_to(rate, *, by):
    return set_rates(
        effective_from=date(2026, 7, 1),
        hourly_rate=Decimal(rate),
        note="payroll",
        by=by,
        at=NOON,
    )


def test_rates_are_said_once_a_day_and_replaced_with_what_they_were():
    director = make_user(role=Role.DIRECTOR)

    set_to("60", by=director)
    found = set_to("65.50", by=director)
    set_to("65.50", by=director)

    assert CostRate.objects.get() == found
    assert (found.hourly_rate, found.currency, found.set_by) == (
        Decimal("65.50"), "USD", director,
    )  # fmt: skip
    entries = AuditEntry.objects.filter(verb="cost_rate.set").order_by("pk")
    assert [entry.before and entry.before["hourly_rate"] for entry in entries] == [
        None,
        "60.00",
    ]
