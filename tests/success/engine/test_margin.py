from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

from success.engine.margin import Served, change, cost_for_margin, first_day
from tests.oracles import oracle

POD = Served(Decimal(6000), hours=Decimal(50), rate=Decimal(60), direct=Decimal(600))
INBOUND = replace(POD, hours=Decimal(24), enablement=Decimal(300))


def said(served):
    return [float(each) for each in (served.cost_to_serve, served.margin, served.margin_share)]


def test_mar_before_and_after():
    assert oracle("MAR_before") == said(POD)
    assert oracle("MAR_after") == said(INBOUND)


def test_mar_change_is_said_both_ways():
    moved = change(POD, INBOUND)
    assert oracle("MAR_rel_increase") == float(moved.relative)
    assert oracle("MAR_pp") == float(moved.points)


def test_mar_exact_50pct_cts():
    assert oracle("MAR_exact_50pct_cts") == float(
        cost_for_margin(before=POD, increase=Fraction(1, 2))
    )


def test_mar_assoc():
    before, after = 200 * POD.margin, 100 * POD.margin + 100 * INBOUND.margin
    share = Fraction(after - before) / Fraction(before)
    assert oracle("MAR_assoc")[:2] == [float(before), float(after)]
    assert round(oracle("MAR_assoc")[2], 12) == float(share)


def test_mar_freed_hours_fte():
    freed = 100 * (POD.hours - INBOUND.hours)
    assert oracle("MAR_freed_hours_fte") == [float(freed), float(Fraction(freed) / 1440)]


def test_mar_cash_only_if_redeployed():
    cash = first_day(members=100, before=POD, after=INBOUND)
    assert oracle("MAR_cash_only_if_redeployed") == {
        "enablement_spend": float(cash.enablement_spent),
        "hours_saving_value": float(cash.value_of_hours),
    }


def test_a_member_who_pays_nothing_has_no_share():
    free = replace(POD, revenue=Decimal(0))
    assert free.margin == -3600
    assert free.margin_share is None
    assert change(free, free).points is None


def test_no_margin_before_has_no_relative_change():
    even = replace(POD, revenue=POD.cost_to_serve)
    assert change(even, INBOUND).relative is None
