"""Renewal rates, tenure and lifetime value: the small arithmetic around a renewal rate.

Everything is exact: give ``Fraction`` or integers and take ``Fraction`` back. The one function
that needs a root says so and returns a float.
"""

import math
from fractions import Fraction


def renewal_rate(*, members_now: int, joined: int, members_before: int) -> Fraction | None:
    """Return (members now - members who joined) / members before; null without a before.

    ``joined`` must include reinstated former members: leaving them out counts them as retained
    and turns 87% into 90% (DOMAIN 4.1, 4.4 traps).
    """
    return Fraction(members_now - joined, members_before) if members_before else None


def expected_tenure(*, rate: Fraction, first_year_rate: Fraction | None = None) -> Fraction:
    """Return the expected years of membership at a constant renewal rate.

    With ``first_year_rate`` the first renewal has its own: 1 + f / (1 - r), which is not the
    tenure of the average rate. Raises ``ValueError`` when nobody ever leaves (DOMAIN 4.4).
    """
    if rate >= 1:
        raise ValueError("Tenure has no expectation when nobody leaves")
    first = rate if first_year_rate is None else first_year_rate
    return 1 + first / (1 - rate)


def lifetime_value(*, yearly: Fraction, tenure: Fraction) -> Fraction:
    """Return what a member brings over ``tenure`` years at ``yearly`` a year (DOMAIN 4.4)."""
    return yearly * tenure


def steady_state(*, joining_yearly: int, rate: Fraction) -> Fraction:
    """Return the size at which leavers equal joiners; ``ValueError`` if nobody leaves (4.4)."""
    if rate >= 1:
        raise ValueError("Membership grows without end when nobody leaves")
    return joining_yearly / (1 - rate)


def monthly_churn(*, yearly: float) -> float:
    """Return the monthly churn that compounds to ``yearly``: 1 - (1 - y)^(1/12), a float.

    Not a twelfth of it (DOMAIN 4.4).
    """
    return 1 - math.pow(1 - yearly, 1 / 12)


def compounded(*, rate: Fraction, periods: int) -> Fraction:
    """Return the retention over ``periods`` equal periods: four quarters of 95% are 81.45%.

    For explaining only. A year's NRR is measured from dated facts, never chained (DOMAIN 4.2).
    """
    return rate**periods


def yearly_churn(*, monthly: Fraction) -> Fraction:
    """Return what a monthly churn compounds to in a year: 2 % is 21.5 %, not 24 % (4.4)."""
    return 1 - (1 - monthly) ** 12


def value_with_expansion(
    *, monthly: Fraction, months: int, added: Fraction, from_month: int
) -> Fraction:
    """Return what a member pays in ``months``, with ``added`` a month from ``from_month`` on.

    Months count from 1 and the month of the expansion pays the higher rate: from month 3 of 24
    it is 22 of them. Raises ``ValueError`` for a month outside (DOMAIN 2.11).
    """
    if not 1 <= from_month <= months:
        raise ValueError(f"Month {from_month} is none of {months}")
    return monthly * months + added * (months - from_month + 1)
