from success.management.bench_measures import (
    PageLook,
    Rebuild,
    addresses,
    rebuilt_at,
    report,
)


def test_addresses_are_those_of_every_page_of_the_measures():
    found = addresses()

    assert {"/today/", "/measures/", "/measures/forecast/", "/measures/?by=tier"} <= {*found}
    assert not [each for each in found if "<" in each or each.endswith((".csv", ".xlsx"))]


def test_a_single_size_is_made_anew_at_a_tenth_and_a_hundredth_as_well():
    assert rebuilt_at([1_000_000]) == [10_000, 100_000, 1_000_000]
    assert rebuilt_at([100, 10]) == [10, 100]


def test_the_report_marks_pages_beyond_the_target_and_tells_the_slope():
    pages = {
        100: [
            PageLook(address="/measures/", median=20.4, slowest=31.0, queries=9),
            PageLook(address="/measures/money/", median=290.0, slowest=301.0, queries=14),
        ]
    }
    rebuilds = [
        Rebuild(members=10, terms=80, periods=12, seconds=0.5, scan=0.01),
        Rebuild(members=100, terms=800, periods=12, seconds=5.0, scan=0.1),
    ]

    said = report(pages, rebuilds, conditions="On a machine.")

    assert "1 of 2 go beyond it at 100 members" in said
    assert "| `/measures/` | 20 | 31 | 9 |" in said
    assert "| `/measures/money/` | 290 | 301 ! | 14 |" in said
    assert "| 100 | 800 | 12 | 5.00 | 0.100 | 50 | 1.00 |" in said
