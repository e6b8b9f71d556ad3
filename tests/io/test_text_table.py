import numpy as np
import pytest

from tbp_extract.config import LimitConfig
from tbp_extract.io.text_table import TableError, numbers, parse_table

TEXT = 'Name , B,c\nä,1.5,x\n\n , ,\n b ,,"two\nlines"\n'


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "latin-1"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_a_table_is_the_same_in_any_dress(encoding: str, separator: str, ending: str) -> None:
    text = TEXT.replace(",", separator).replace("\n", ending).replace(f"two{ending}", "two\n")
    table = parse_table(text.encode(encoding))
    assert table.columns == {"name": ["ä", "b"], "b": ["1.5", ""], "c": ["x", "two\nlines"]}
    assert table.row_number == [2, 5]
    np.testing.assert_array_equal(numbers(table, "b"), [1.5, np.nan])


def test_a_header_alone_is_an_empty_table() -> None:
    table = parse_table(b"a,b\n")
    assert len(table) == 0
    assert numbers(table, "b").shape == (0,)


def test_one_column_needs_no_separator() -> None:
    assert parse_table(b"a\n1\n2\n").columns == {"a": ["1", "2"]}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "it is empty"),
        ("a,b,A \n1,2,3", "columns 1 and 3"),
        ("a,b\n1,2\n1\n", "row 3 has 1 cells, its header has 2"),
        ("a,b\n1,2,3\n", "row 2 has 3 cells"),
        ('a,b\n"1,2\n', "not a valid CSV"),
        ("a\0b\n", "not text"),
    ],
)
def test_broken_tables_are_refused(text: str, sentence: str) -> None:
    with pytest.raises(TableError, match=sentence):
        parse_table(text.encode())


def test_empty_cells_at_the_end_of_a_row_are_forgiven() -> None:
    assert parse_table(b"a,b\n1,2,,\n").columns == {"a": ["1"], "b": ["2"]}


@pytest.mark.parametrize("cell", ["x", "1_0", "1.2.3", "0x1", "1 2", "inf", "1e999", "-inf"])
def test_what_is_no_number_is_named_by_row_and_not_quoted(cell: str) -> None:
    table = parse_table(f"a,b\n1,1\n2,{cell}\n".encode())
    with pytest.raises(TableError, match="row 3, column b") as caught:
        numbers(table, "b")
    assert cell not in str(caught.value).removeprefix("row 3, column b: expected a number")


def test_a_decimal_comma_needs_another_separator() -> None:
    assert numbers(parse_table(b"a;b\n1,5;-2,25e1\n"), "b").tolist() == [-22.5]
    assert numbers(parse_table(b"a;b\n1.5;2.25\n"), "b").tolist() == [2.25]
    with pytest.raises(TableError):
        numbers(parse_table(b'a,b\n1,"2,5"\n'), "b")
    with pytest.raises(TableError):
        numbers(parse_table(b"a;b\n1;1.234,5\n"), "b")


def test_a_comma_that_may_divide_thousands_is_not_guessed() -> None:
    """x, y, z in mm: 1,234 is the height of a shoulder, or 1.2 mm."""
    with pytest.raises(TableError, match="thousands"):
        numbers(parse_table(b"x\ty\n12\t1,234\n-5\t1,301\n"), "y")
    assert numbers(parse_table(b"x;y\n0,5;1,234\n"), "y").tolist() == [1.234]
    assert numbers(parse_table(b"x;y\n7;1234,567\n"), "y").tolist() == [1234.567]


def test_points_and_commas_in_one_table_are_not_guessed() -> None:
    with pytest.raises(TableError, match="one decimal sign"):
        numbers(parse_table(b"x;y\n1.5;2,25\n"), "y")
    # A column of text says nothing about numbers.
    assert numbers(parse_table(b"tag;y\nv1.5;2,25\n"), "y").tolist() == [2.25]


@pytest.mark.parametrize("header", ["a,b;c", "a;b\tc", "a,b\tc"])
def test_a_header_with_two_separators_is_not_guessed(header: str) -> None:
    with pytest.raises(TableError, match="several of comma"):
        parse_table(f"{header}\n1,2;3\n".encode())


def test_a_separator_in_quotes_separates_nothing() -> None:
    table = parse_table(b'"x, mm; left";y\n1;2\n')
    assert table.columns == {"x, mm; left": ["1"], "y": ["2"]}


@pytest.mark.parametrize(
    "data",
    ["name\nM\u00fcller \u20ac\n".encode("cp1252"), "name\nM\u00fcller\n".encode("mac-roman"),
     "name\n\u00e4\n".encode() + b"\xfc\n", b"\xef\xbb\xbfname\n\xfc\n",
     "name\nx\n".encode("utf-16-le"), b"\xff\xfename\n"],
    ids=["Windows", "Macintosh", "damaged", "BOM and not UTF-8", "no BOM", "odd length"],
)  # fmt: skip
def test_an_encoding_that_may_be_another_is_not_guessed(data: bytes) -> None:
    with pytest.raises(TableError, match="save it as CSV in UTF-8"):
        parse_table(data)


def test_a_workbook_is_told_from_text() -> None:
    with pytest.raises(TableError, match="workbook or an archive"):
        parse_table(b"PK\x03\x04" + bytes(50))


@pytest.mark.parametrize(
    ("setting", "text"),
    [("rows", "a\n" + "1\n" * 9), ("rows", "a\n" + "\n" * 9), ("table_columns", "a" + "," * 9),
     ("table_columns", "a,b\n1,2" + "," * 9), ("line_bytes", "a\n" + "1" * 9)],
)  # fmt: skip
def test_a_table_over_a_limit_names_it(setting: str, text: str) -> None:
    limits = LimitConfig(**{setting: 8})
    with pytest.raises(TableError, match=rf"limits\.{setting} allows \(?8"):
        parse_table(text.encode(), limits)
