from datetime import date
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from success.engine.available import (
    AvailableToRenew,
    Ended,
    Outcome,
    available_to_renew,
    ended_between,
)
from success.engine.revenue import MixedCurrencies, Status, TermLine, link, to_places
from tests.success.engine.test_revenue import GRACE, LEDGER, LINKS, T1, line

YEAR = {"since": date(2025, 1, 1), "until": date(2026, 1, 1)}


def of_ledger(*, as_of=T1, linked=True):
    lines = link(LEDGER, survivors=LINKS) if linked else LEDGER
    return ended_between(lines, **YEAR, as_of=as_of, grace_days=GRACE)


def test_worked_ledger_by_count_and_by_dues():
    found = available_to_renew(of_ledger())

    assert found == AvailableToRenew(
        # A, B, D and M renewed; C and E did not; F is 30 days into its grace
        renewed_members=4,
        lapsed_members=2,
        undecided_members=1,
        # H, who had lapsed the year before, and E again in September
        reinstated_members=2,
        available=Decimal(20_600),
        renewed=Decimal(14_200),
        less=Decimal(1000),
        more=Decimal(1200),
        lapsed=Decimal(5200),
        undecided=Decimal(200),
        reinstated=Decimal(5200),
    )
    assert found.status is Status.PROVISIONAL
    assert found.rate(strict=True) == Fraction(142, 206)
    assert found.rate(strict=False) == Fraction(144, 206)
    assert to_places(found.rate(strict=False), 6) == Decimal("0.699029")
    assert found.net_rate(strict=True) == Fraction(154, 206)
    assert found.member_rate(strict=True) == Fraction(4, 7)
    assert found.member_rate(strict=False) == Fraction(5, 7)


def test_three_prepaid_years_and_free_members_are_not_up_for_renewal():
    assert {one.account for one in of_ledger()} & {"I", "J", "K", "G"} == set()
    third = ended_between(
        LEDGER,
        since=date(2027, 1, 1),
        until=date(2028, 1, 1),
        as_of=date(2027, 4, 1),
        grace_days=90,
    )
    assert [(one.account, one.before) for one in third] == [("I", Decimal(4500))]


def test_it_is_final_once_the_last_grace_is_over():
    found = available_to_renew(of_ledger(as_of=date(2026, 3, 1)))

    assert found.status is Status.FINAL
    assert found.rate(strict=True) == found.rate(strict=False) == Fraction(142, 206)


def test_without_the_link_who_moved_under_a_roster_counts_as_lost():
    found = available_to_renew(of_ledger(linked=False))

    assert (found.available, found.lapsed) == (Decimal(20_800), Decimal(5400))
    assert found.undecided_members == 1


def test_renewed_in_grace_is_renewed_and_a_day_later_is_reinstated():
    kept = line("A", "2025-01-01", "2025-06-01", 100)
    within = [kept, line("A", "2025-08-29", "2026-08-29", 80)]
    beyond = [kept, line("A", "2025-08-30", "2026-08-30", 80)]

    asked = {**YEAR, "as_of": date(2025, 12, 1), "grace_days": 90}
    assert ended_between(within, **asked) == (
        Ended("A", date(2025, 6, 1), "", Decimal(100), Decimal(80), Outcome.RENEWED),
    )
    assert [one.outcome for one in ended_between(beyond, **asked)] == [
        Outcome.LAPSED,
        Outcome.REINSTATED,
    ]


def test_a_line_inside_another_ends_nothing():
    lines = [
        line("A", "2024-01-01", "2025-06-01", 100),
        line("A", "2024-06-01", "2025-03-01", 40),
    ]
    (found,) = ended_between(lines, **YEAR, as_of=date(2025, 7, 1), grace_days=30)
    assert (found.on, found.before) == (date(2025, 6, 1), Decimal(100))


def test_a_trial_is_nothing_to_renew_and_paying_to_free_renews_no_dues():
    trial = TermLine("A", date(2024, 1, 1), date(2025, 2, 1), Decimal(50), is_provisional=True)
    free = [
        line("B", "2024-01-01", "2025-02-01", 50),
        line("B", "2025-02-01", "2026-02-01", 0),
    ]
    found = available_to_renew(
        ended_between([trial, *free], **YEAR, as_of=date(2025, 7, 1), grace_days=30)
    )
    assert (found.renewed_members, found.available) == (1, Decimal(50))
    assert (found.renewed, found.less) == (Decimal(0), Decimal(50))


def test_nothing_up_for_renewal_has_no_rate_and_currencies_are_not_added():
    nobody = available_to_renew([])
    assert nobody.rate(strict=True) is nobody.net_rate(strict=False) is None
    assert nobody.member_rate(strict=True) is None
    with pytest.raises(MixedCurrencies):
        ended_between(
            [
                TermLine("A", date(2024, 1, 1), date(2025, 1, 1), Decimal(1), currency="USD"),
                TermLine("B", date(2024, 1, 1), date(2025, 1, 1), Decimal(1), currency="EUR"),
            ],
            **YEAR,
            as_of=T1,
            grace_days=1,
        )


amounts = st.integers(0, 10**6).map(lambda cents: Decimal(cents).scaleb(-2))
some_ended = st.builds(
    Ended,
    account=st.integers(1, 9),
    on=st.just(T1),
    tier=st.just(""),
    before=amounts,
    after=amounts,
    outcome=st.sampled_from([Outcome.RENEWED, Outcome.LAPSED, Outcome.UNDECIDED]),
)


@given(st.lists(some_ended))
def test_the_parts_add_up_to_the_cent_and_strict_is_never_above(ended):
    found = available_to_renew(ended)

    assert found.available == found.renewed + found.less + found.lapsed + found.undecided
    if found.available:
        strict, optimistic = found.rate(strict=True), found.rate(strict=False)
        assert 0 <= strict <= optimistic <= 1
        assert found.net_rate(strict=True) >= strict
