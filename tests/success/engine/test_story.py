from decimal import Decimal

from success.engine.story import (
    Bad,
    Loss,
    Tally,
    Usual,
    bad_years,
    losses,
    share,
    tally,
    usual,
)

NET = {
    2016: Decimal("1.00"), 2017: Decimal("0.97"), 2018: Decimal("0.96"), 2019: Decimal("0.93"), 2020: Decimal("0.80"),
}  # fmt: skip


def test_usual_is_the_median_and_the_median_distance_from_it():
    # sorted .80 .93 .96 .97 1.00: the middle is .96; distances .16 .03 0 .01 .04, middle .03
    assert usual(NET.values()) == Usual(Decimal("0.96"), Decimal("0.03"), 5)


def test_usual_is_not_known_of_fewer_than_four_years_and_leaves_out_the_unknown():
    assert usual([Decimal(1), Decimal(1), Decimal(1), None]) is None
    assert usual([Decimal(1), Decimal(1), Decimal(1), None, Decimal(1)]) == Usual(
        Decimal(1), Decimal(0), 4
    )


def test_a_year_is_bad_below_the_median_by_more_than_the_spread():
    years = {year: (net, Decimal("0.9")) for year, net in NET.items()}

    assert bad_years(years) == [Bad(2020, by_nrr=True, by_grr=False, below=Decimal("0.16"))]


def test_a_year_at_the_spread_exactly_is_not_bad():
    years = {year: (net, Decimal("0.9")) for year, net in NET.items() if year != 2020}
    assert bad_years(years | {2020: (Decimal("0.93"), Decimal("0.9"))}) == []


def test_the_lowest_gross_retention_makes_a_year_bad_where_it_is_far_below():
    gross = dict(zip(NET, map(Decimal, ("0.95", "0.94", "0.70", "0.93", "0.80")), strict=True))
    years = {year: (Decimal("0.96"), gross[year]) for year in NET}

    assert bad_years(years) == [Bad(2018, by_nrr=False, by_grr=True, below=Decimal(0))]


def test_years_that_are_all_alike_but_for_less_than_a_point_are_not_bad():
    years = {year: (Decimal("0.95"), Decimal("0.95")) for year in range(2016, 2020)}
    assert bad_years(years | {2020: (Decimal("0.941"), Decimal("0.941"))}) == []
    assert bad_years(years | {2020: (Decimal("0.939"), Decimal("0.95"))}) == [
        Bad(2020, by_nrr=True, by_grr=False, below=Decimal("0.011"))
    ]


def test_too_few_years_are_not_judged():
    assert bad_years({}) is None
    assert bad_years({2016: (Decimal(1), Decimal(1)), 2017: (None, None)}) is None


def test_losses_are_told_largest_first_and_add_up_to_one():
    lost = {"Gold": Decimal(100), "Silver": Decimal(300), "Academic": Decimal(0)}

    assert losses(lost) == [
        Loss("Silver", Decimal(300), Decimal("0.75")),
        Loss("Gold", Decimal(100), Decimal("0.25")),
    ]
    assert losses({"Gold": Decimal(0)}) == []


def test_a_share_is_not_known_of_nothing_or_of_few():
    assert share(1, 4, members=5) == Decimal("0.25")
    assert share(1, 4, members=4) is None
    assert share(Decimal(0), Decimal(0), members=5) is None


def test_what_stood_out_is_counted_before_bad_years_and_before_the_others():
    # usual .10, spread 0: only 2017 and 2019 are higher by more than a point
    values = {
        2016: Decimal("0.10"), 2017: Decimal("0.20"), 2018: Decimal("0.10"), 2019: Decimal("0.30"), 2020: Decimal("0.10"),
        2021: Decimal("0.10"), 2022: Decimal("0.10"),
    }  # fmt: skip

    assert tally(values, bad={2018, 2021}, judged=range(2016, 2023)) == Tally(1, 2, 1, 4)
    assert tally({2016: Decimal(1)}, bad={2017}, judged=[2017]) is None
