import pytest

from members.ingestion.tables import Dialect, FileUnusable, Line, Refusal, read


def lines_of(path, data, **dialect):
    path.write_bytes(data)
    with read(path, dialect=Dialect(**dialect)) as table:
        return table.header, list(table.lines)


@pytest.fixture
def file(tmp_path):
    return tmp_path / "file.csv"


def test_byte_order_mark_and_crlf_leave_no_trace(file):
    assert lines_of(file, b"\xef\xbb\xbfid,name\r\n1,\xc3\x96rg\r\n") == (
        ("id", "name"),
        [Line(2, ["1", "Örg"])],
    )


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_delimiter_is_guessed_from_the_header(file, delimiter):
    data = f"id{delimiter}a b\n1{delimiter}x\n".encode()
    assert lines_of(file, data) == (("id", "a b"), [Line(2, ["1", "x"])])


def test_lines_are_counted_over_blank_ones_and_quoted_line_breaks(file):
    _, lines = lines_of(file, b'\nid,name\n\n1,"two\nlines"\n,,\n2,b\n')
    assert lines == [Line(4, ["1", "two\nlines"]), Line(7, ["2", "b"])]


def test_blank_trailing_columns_are_nothing_and_full_ones_are_refused(file):
    _, lines = lines_of(file, b"id,name\n1,a,,\n2,b,c\n")
    assert [line.fault for line in lines] == [
        None,
        Refusal("", "c", "more cells than the header has columns; is a delimiter not quoted?"),
    ]


def test_quote_that_is_never_closed_refuses_the_lines_it_swallows(file):
    _, lines = lines_of(file, b'id,name\n1,a\n2,"b\n3,c\n')
    assert lines == [
        Line(2, ["1", "a"]),
        Line(3, [], Refusal("", "", "lines 3 to 4 were not read: unexpected end of data")),
    ]


def test_line_in_another_encoding_is_refused_alone(file):
    _, lines = lines_of(file, b"id,name\n1,\xd6rg\n2,ok\n")
    assert [line.fault and line.fault.reason for line in lines] == [
        "not in the encoding that the mapping says",
        None,
    ]


def test_named_encoding_is_used(file):
    _, lines = lines_of(file, "id,name\n1,Örg\n".encode("utf-16"), encoding="utf-16")
    assert lines == [Line(2, ["1", "Örg"])]


def test_nul_character_is_refused(file):
    _, lines = lines_of(file, b"id,name\n1,a\x00b\n")
    assert lines[0].fault == Refusal("", "", "contains a NUL character")


def test_two_columns_of_one_name_refuse_the_file(file):
    with pytest.raises(FileUnusable, match=r"file.csv has more than one column called name; "):
        lines_of(file, b"id,name, name\n")


def test_empty_file_is_refused(file):
    with pytest.raises(FileUnusable, match=r"file\.csv is empty"):
        lines_of(file, b"\n\n")


def test_missing_file_is_refused(file):
    with pytest.raises(FileUnusable), read(file, dialect=Dialect()):
        pass
