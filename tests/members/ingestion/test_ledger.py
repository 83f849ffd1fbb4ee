from datetime import date
from decimal import Decimal

import pytest

from members.ingestion.ledger import MemberRow, RefusedRow, TermReader, read_members
from members.ingestion.mapping import LedgerMapping, MappingUnusable
from members.ingestion.tables import Line, Refusal, Table


def table(*rows):
    header, *lines = [row.split(",") for row in rows]
    return Table(
        name="file.csv",
        header=tuple(header),
        lines=iter([Line(number, cells) for number, cells in enumerate(lines, 2)]),
    )


def members(*rows, **written):
    return list(read_members(table(*rows), LedgerMapping.parse(written)))


def terms(*rows, kept_in="", **written):
    reader = TermReader(
        mapping=LedgerMapping.parse(written), kept_in=kept_in, default_currency="USD"
    )
    return list(reader.read(table(*rows)))


def refusals(rows):
    return [row.refusals for row in rows if isinstance(row, RefusedRow)]


def test_member_keeps_other_columns_as_written_and_leaves_blank_cells_out():
    assert members("id,name,city,size", "1, Örg ,Köln,") == [
        MemberRow(2, "1", "Örg", None, None, {"city": "Köln"})
    ]


def test_ignored_columns_are_not_kept():
    assert members("id,name,city", "1,a,b", ignore=["city"])[0].details == {}


def test_kind_may_be_a_constant_a_column_or_translated():
    assert members("id,name", "1,a", members={"kind_is": "individual"})[0].kind == "individual"
    assert members("id,name,kind", "1,a,Organisation")[0].kind == "organisation"
    translated = {"kind": "type", "kind_values": {"Firma": "organisation"}}
    assert members("id,name,type", "1,a,firma", members=translated)[0].kind == "organisation"


def test_member_without_id_or_of_unknown_kind_is_refused():
    rows = members("id,name,kind", ",a,club")
    assert refusals(rows) == [
        [
            Refusal("id", "", "blank, but needed"),
            Refusal("kind", "club", "not one of: organisation, individual"),
        ]
    ]


HEADER = "id,member,tier,start,end,dues"


def test_term_is_read():
    row = terms(HEADER + ",note", "t1,m1,Gold,2024-01-01,2025-01-01,100,hi")[0]
    assert row == (
        2,
        "t1",
        "m1",
        "Gold",
        date(2024, 1, 1),
        date(2025, 1, 1),
        Decimal("100.00"),
        "USD",
        {"note": "hi"},
        None,
        None,
    )


def test_inclusive_end_is_the_day_before():
    row = terms(HEADER, "t1,m1,Gold,2024-01-01,2024-12-31,1", end_is="inclusive")[0]
    assert row.ends_on == date(2025, 1, 1)


def test_inclusive_end_may_be_the_first_day():
    row = terms(HEADER, "t1,m1,Gold,2024-01-01,2024-01-01,1", end_is="inclusive")[0]
    assert row.ends_on == date(2024, 1, 2)


def test_missing_end_follows_from_the_months():
    rows = terms("member,tier,start,dues", "m1,Gold,2024-02-29,1")
    assert rows[0].ends_on == date(2025, 2, 28)
    assert rows[0].external_id == "m1@2024-02-29"


def test_amount_and_months_make_the_annual_dues():
    rows = terms("member,tier,start,amount,months", "m1,Gold,2024-01-01,50,6")
    assert rows[0].annual_amount == Decimal("100.00")


@pytest.mark.parametrize(
    ("row", "refusal"),
    [
        ("t1,,Gold,2024-01-01,2025-01-01,1", Refusal("member", "", "blank, but needed")),
        ("t1,m1,,2024-01-01,2025-01-01,1", Refusal("tier", "", "blank, but needed")),
        ("t1,m1,Gold,,2025-01-01,1", Refusal("start", "", "blank, but needed")),
        ("t1,m1,Gold,2024-01-01,2025-01-01,", Refusal("dues", "", "blank, but needed")),
        (
            "t1,m1,Gold,2024-1-01,2025-01-01,1",
            Refusal("start", "2024-1-01", "not a date written as ISO"),
        ),
        (
            "t1,m1,Gold,2024-01-01,2024-01-01,1",
            Refusal("end", "2024-01-01", "a term ends after it starts (2024-01-01)"),
        ),
        (
            "t1,m1,Gold,2024-01-01,2025-01-01,-1",
            Refusal("dues", "-1", "dues are never negative"),
        ),
        ("t1,m1,Gold,2024-01-01,2025-01-01,free", Refusal("dues", "free", "not an amount")),
    ],
)
def test_bad_term_is_refused_with_column_value_and_reason(row, refusal):
    assert refusals(terms(HEADER, row)) == [[refusal]]


def test_row_in_another_currency_than_the_first_is_refused():
    rows = terms(
        HEADER + ",currency",
        "t1,m1,Gold,2024-01-01,2025-01-01,1,eur",
        "t2,m1,Gold,2025-01-01,2026-01-01,1,USD",
    )
    assert rows[0].currency == "EUR"
    assert refusals(rows) == [
        [Refusal("currency", "USD", "dues are kept in EUR, this row is in USD")]
    ]


def test_file_without_dues_is_refused():
    with pytest.raises(MappingUnusable, match="no column is known to be the dues"):
        terms("member,tier,start", "m1,Gold,2024-01-01")


def test_term_tells_what_its_dues_are_made_of_and_whether_it_is_a_trial():
    header = "member,tier,start,dues,base,seats,seat price,discount,trial"
    mapping = {"terms": {"base": "base"}}
    (row,) = terms(header, "m1,Gold,2025-01-01,1150,,10,20.5,55,yes", **mapping)

    assert row.parts == {
        "base_amount": "1000.00",
        "seat_price": "20.50",
        "addons_amount": "0.00",
        "discount_amount": "55.00",
        "seats": 10,
    }
    assert row.is_provisional is True
    assert terms(header, "m1,Gold,2025-01-01,1150,,,,,", **mapping)[0].parts is None


def test_parts_that_do_not_add_up_are_refused():
    header = "member,tier,start,dues,base,seats,seat price"
    lines = ["m1,Gold,2025-01-01,100,90,2,10", "m1,Gold,2025-01-01,100,,x,10"]
    rows = terms(header, *lines, terms={"base": "base"})

    assert refusals(rows) == [
        [
            Refusal(
                "base",
                "90",
                "base, seats and add-ons less the discount are not the dues a year (100.00)",
            )
        ],
        [Refusal("seats", "x", "not a whole number")],
    ]


def test_another_currency_needs_a_rate_of_exchange():
    reader = TermReader(
        mapping=LedgerMapping.parse({}),
        kept_in="USD",
        default_currency="USD",
        exchangeable=frozenset({"EUR"}),
    )
    rows = list(
        reader.read(
            table(
                "member,tier,start,dues,currency",
                "m1,Gold,2025-01-01,100,EUR",
                "m2,Gold,2025-01-01,100,GBP",
                "m3,Gold,2025-01-01,100,USD",
            )
        )
    )

    assert [getattr(row, "currency", None) for row in rows] == ["EUR", None, "USD"]
