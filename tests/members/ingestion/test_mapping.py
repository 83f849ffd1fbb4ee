import pytest

from members.ingestion.mapping import (
    MEMBER_GUESSES,
    TERM_GUESSES,
    LedgerMapping,
    MappingUnusable,
    locate,
)


def test_nothing_written_means_the_defaults():
    mapping = LedgerMapping.parse({})
    assert (mapping.source, mapping.end_is_inclusive, mapping.term_months) == (
        "ledger",
        False,
        12,
    )
    assert mapping.members.dialect.encoding == "utf-8-sig"


def test_section_wins_over_what_is_said_for_both_files():
    mapping = LedgerMapping.parse({"delimiter": ";", "terms": {"delimiter": "|"}})
    assert (mapping.members.dialect.delimiter, mapping.terms.dialect.delimiter) == (";", "|")


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ({"sorce": "x"}, "the mapping does not know sorce"),
        ({"members": {"nmae": "x"}}, r"\[members\] does not know nmae"),
        ({"terms": {"tear": "x"}}, r"\[terms\] does not know tear"),
        ({"end_is": "open"}, "end_is is one of: exclusive, inclusive"),
        ({"encoding": "utf-9"}, "encoding 'utf-9' is unknown"),
        ({"term_months": 0}, "term_months"),
        ({"term_months": True}, "term_months"),
        ({"delimiter": "::"}, "one character"),
        ({"currency": "euro"}, "currency 'euro'"),
        ({"decimal_comma": "yes"}, "true or false"),
        ({"date_formats": [1]}, "list of texts"),
        ({"source": 3}, "text in quotes"),
        ({"members": "x"}, "members is a table"),
        ({"members": {"kind_is": "club"}}, "kind_is is one of"),
        ({"members": {"kind_values": {"Firm": "company"}}}, "Firm is one of"),
    ],
)
def test_what_cannot_be_meant_is_refused(written, message):
    with pytest.raises(MappingUnusable, match=message):
        LedgerMapping.parse(written)


def test_columns_are_guessed_by_header():
    mapping = LedgerMapping.parse({})
    header = ("Membership ID", "member-id", "Level", "start date", "End_Date", "Annual dues")
    assert locate(mapping.terms, header, TERM_GUESSES, file="t.csv", required=[]) == {
        "id": 0,
        "member": 1,
        "tier": 2,
        "start": 3,
        "end": 4,
        "dues": 5,
    }


def test_named_column_is_not_guessed_for_something_else():
    mapping = LedgerMapping.parse({"members": {"name": "id"}})
    assert locate(mapping.members, ("id",), MEMBER_GUESSES, file="m.csv", required=[]) == {
        "name": 0
    }


def test_named_column_must_exist():
    mapping = LedgerMapping.parse({"members": {"id": "Nr"}})
    message = r"m.csv has no column 'Nr' \(id\). It has: No, Name."
    with pytest.raises(MappingUnusable, match=message):
        locate(mapping.members, ("No", "Name"), MEMBER_GUESSES, file="m.csv", required=["id"])


def test_required_column_that_nobody_names_is_asked_for():
    mapping = LedgerMapping.parse({})
    with pytest.raises(MappingUnusable, match=r"m\.csv: no column is known to be the id"):
        locate(mapping.members, ("No",), MEMBER_GUESSES, file="m.csv", required=["id"])
