"""Workbooks of profiles: what is written comes back, and what cannot be read says where."""

import io
import json
import zipfile
from datetime import date

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from openpyxl import Workbook, load_workbook

from success.ingestion.profiles import (
    DANGEROUS,
    LONGEST_CELL,
    SHEET,
    SHEETS,
    WorkbookUnusable,
    alike,
    as_shown,
    digest,
    quoted,
    read,
    unquoted,
    write,
)

TEXTS = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40),
    st.sampled_from(
        ["=1+1", "'=x", "''@a", "+49", "-", "@you", "\tx", "\rx", "_x0041_", "#N/A"]
    ),
    st.sampled_from(["a\r\nb", "TRUE", "007", "1e3", "2026-07-29", " lead", "x" * 40_000]),
)
DAYS = st.dates(min_value=date(1, 1, 1), max_value=date(9999, 12, 31))


def values_of(column):
    match column.kind:
        case "day":
            return st.none() | DAYS
        case "number":
            return st.none() | st.integers(0, column.most)
        case "choice":
            return st.none() | st.sampled_from(
                [""] + [str(key) for key in column.choices.values]
            )
        case "yes_no":
            return st.none() | st.booleans()
        case "data":
            rule = st.dictionaries(
                TEXTS.filter(lambda t: len(t) < 50), st.integers(), max_size=2
            )
            return rule.map(
                lambda d: json.dumps(d, sort_keys=True, ensure_ascii=False) if d else ""
            )
    return st.none() | TEXTS


def rows_of(sheet):
    return st.lists(
        st.fixed_dictionaries({column.key: values_of(column) for column in sheet.columns}),
        max_size=2,
    )


BOOKS = st.fixed_dictionaries({sheet.key: rows_of(sheet) for sheet in SHEETS})


def book_of(rows, about=("",)):
    file = io.BytesIO()
    write(file, rows=rows, about=about)
    file.seek(0)
    return file


@settings(deadline=None, max_examples=60)
@given(BOOKS)
@example({sheet.key: [{sheet.columns[0].key: "\x1c"}] for sheet in SHEETS})
def test_workbook_comes_back_as_it_was_written(book):
    found = read(book_of(book))

    for sheet in SHEETS:
        expected = [as_shown(sheet, row) for row in book[sheet.key]]
        given_rows = [row for row in expected if row]
        assert [dict(row.cells) for row in found.rows[sheet.key]] == given_rows
        assert [row.faults for row in found.rows[sheet.key]] == [()] * len(given_rows)
        assert [row.check for row in found.rows[sheet.key]] == [
            digest(sheet, row) for row in given_rows
        ]
    assert {key: list(faults) for key, faults in found.faults.items()} == {
        sheet.key: [] for sheet in SHEETS
    }
    assert found.passed_over == ()


@given(st.text(st.characters(exclude_characters="\0")))
def test_quoted_text_is_never_a_formula_and_comes_back(text):
    written = quoted(text)

    assert not written.startswith(("=", "+", "-", "@", "\t", "\r"))
    assert unquoted(written) == text


@pytest.mark.parametrize("start", DANGEROUS)
def test_what_could_be_a_formula_is_quoted(start):
    assert quoted(f"{start}cmd|' /C calc'!A0").startswith("'")


def test_text_too_long_for_a_cell_is_cut_and_known_to_be_the_same():
    sheet, row = SHEET["outcomes"], {"member": "m", "goal": "ä" * 50_000}

    cell = read(book_of({"outcomes": [row]})).rows["outcomes"][0]

    assert len(cell.cells["goal"]) == LONGEST_CELL
    assert cell.check == digest(sheet, as_shown(sheet, row))


def test_line_ends_make_no_difference():
    assert alike("a\r\nb", "a\nb")
    assert alike("", None)
    assert not alike("a", "b")


def test_sheet_is_made_for_people():
    file = book_of({"outcomes": [{"member": "m", "goal": "g", "said_on": date(2026, 7, 1)}]})
    book = load_workbook(file)
    page = book["Desired Outcome"]

    assert book.sheetnames == [
        "Read me", "Desired Outcome", "Appropriate Experience", "Milestones", "Promises",
        "Asks", "Choices",
    ]  # fmt: skip
    assert page.freeze_panes == "C2"
    assert page.column_dimensions["C"].width == 48
    assert page["G2"].value.date() == date(2026, 7, 1)
    assert page["G2"].number_format == "yyyy-mm-dd"
    assert book["Choices"].sheet_state == "hidden"
    lists = book["Milestones"].data_validations.dataValidation
    assert {rule.type for rule in lists} == {"list", "date", "whole"}
    meanings = {row[1].value for row in book["Read me"].iter_rows() if row[1].value}
    assert {str(c.title) for sheet in SHEETS for c in sheet.columns} <= meanings


def hand_made(cells, title="Milestones"):
    book = Workbook()
    page = book.active
    page.title = title
    for row in cells:
        page.append(row)
    file = io.BytesIO()
    book.save(file)
    file.seek(0)
    return file


def test_columns_are_known_by_header_in_any_order_and_case():
    found = read(hand_made([["title", "MEMBER", "Expected day"], ["Start", "A1", 12.0]]))

    assert [dict(r.cells) for r in found.rows["milestones"]] == [
        {"title": "Start", "member": "A1", "expected_day": 12}
    ]
    assert found.cell("milestones", "expected_day", 2) == "C2"


@pytest.mark.parametrize(
    ("header", "said", "reason"),
    [
        ("Expected day", "soon", "not a whole number"),
        ("Expected day", 1.5, "not a whole number"),
        ("Expected day", float("1e300"), "not a number from 0 to 2,147,483,647"),
        ("Weight", 40_000, "not a number from 0 to 32,767"),
        ("Reached on", "yesterday", "not a date, such as 2026-07-29"),
        ("Rule", "{", "not JSON"),
        ("Rule", "[]", "not a rule: it begins with { and ends with }"),
        ("The plan waits for it", "maybe", "neither yes nor no"),
        ("Title", "=A1&B1", "a formula; put its value there"),
        (
            "Where the day is from",
            "a guess",
            "not one of: Median of comparable members; Assumed",
        ),
    ],
)
def test_cell_that_makes_no_sense_says_where_and_why(header, said, reason):
    found = read(hand_made([["Member", header], ["A1", said]]))

    [row] = found.rows["milestones"]
    assert [(fault.cell, fault.column, fault.reason) for fault in row.faults] == [
        ("B2", header, reason)
    ]


def test_choice_may_be_said_by_its_key_or_label():
    header = ["Member", "Whose word counts"]
    found = read(hand_made([header, ["A", "confirmed"], ["B", "as told by ONE side"]]))

    assert [r.cells["evidence_kind"] for r in found.rows["milestones"]] == [
        "confirmed",
        "declared",
    ]


def test_column_that_is_not_known_and_says_something_is_a_fault():
    found = read(hand_made([["Member", "Nickname", "Empty"], ["A", "Al", None]]))

    assert [(f.cell, f.column) for f in found.faults["milestones"]] == [("B1", "Nickname")]


def test_column_twice_and_no_member_are_faults():
    found = read(hand_made([["Title", "Title"], ["A", "B"]]))

    assert [f.reason for f in found.faults["milestones"]] == [
        "there is another column of this name",
        "there is no column of this name",
    ]


def test_sheets_of_others_are_passed_over_and_named():
    book = Workbook()
    book.active.title = "Asks"
    book.active.append(["Member"])
    book.create_sheet("My notes")
    file = io.BytesIO()
    book.save(file)

    assert read(file).passed_over == ("My notes",)


@pytest.mark.parametrize(
    "content", [b"", b"colour;size\n", b"PK\x03\x04 broken"], ids=["empty", "csv", "zip"]
)
def test_file_that_is_no_workbook_is_refused(content):
    with pytest.raises(WorkbookUnusable):
        read(io.BytesIO(content))


def test_other_package_and_other_workbook_are_refused():
    package = io.BytesIO()
    with zipfile.ZipFile(package, "w") as archive:
        archive.writestr("a.txt", "a")

    with pytest.raises(WorkbookUnusable):
        read(package)
    with pytest.raises(WorkbookUnusable, match="No sheet of this workbook is called"):
        read(hand_made([["a"]], title="Sheet1"))


# A sheet as CSV


def as_csv(text):
    return read(io.BytesIO(text.encode()))


def test_csv_is_the_sheet_that_its_header_says():
    found = as_csv('member,key,title,weight\nM1,first,"Two\nlines",40\n')

    assert list(found.rows) == ["milestones"]
    (row,) = found.rows["milestones"]
    assert (row.line, dict(row.cells)) == (
        2,
        {"member": "M1", "key": "first", "title": "Two\nlines", "weight": 40},
    )
    assert found.cell("milestones", "weight", 2) == "D2"


@pytest.mark.parametrize(
    ("line", "cell", "reason"),
    [
        ("M1,=1+1,low", "B2", "a formula; put its value there"),
        ("M1,many,low", "B2", "not a whole number"),
        ("M1,60,splendid", "C2", "not one of: Low; Medium; High"),
        ("M1,60,low,more", "A2", "more cells than the header has columns"),
    ],
)
def test_csv_says_where_and_why(line, cell, reason):
    (row,) = as_csv(f"member,async_minutes,expertise\n{line}\n").rows["experience"]
    (fault,) = row.faults
    assert fault.cell == cell
    assert fault.reason.startswith(reason)


def test_an_apostrophe_keeps_a_text_of_csv_a_text():
    (row,) = as_csv("member,async_minutes,reasons\nM1,60,'=none\n").rows["experience"]
    assert (row.cells["reasons"], row.faults) == ("=none", ())


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("member,reasons,m\xfcde\nM1,a,b".encode("latin-1"), "not written in UTF-8"),
        (b"colour,size\nred,7", "neither a workbook"),
        (b"member,async_minutes,async_minutes\nM1,1,2", "more than one column"),
        (b"", "neither a workbook"),
    ],
)
def test_text_that_is_no_sheet_is_refused(content, words):
    with pytest.raises(WorkbookUnusable, match=words):
        read(io.BytesIO(content))
