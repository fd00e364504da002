import math

import pytest

from fitdash.data.tables.csv_reader import read_table
from fitdash.errors import DataError


def columns(text, encoding="utf-8"):
    frame = read_table(text.encode(encoding), "data.csv").frame
    return {name: [None if value != value else value for value in column] for name, column in frame.items()}


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "data.csv must hold a header and rows, got an empty file."),
        (b" \n\n", "data.csv must hold a header and rows, got an empty file."),
        (
            b"\x89PNG\r\n\x1a\n\x00",
            "data.csv must be a CSV file (text, one row per line), got a PNG image. Save it as CSV.",
        ),
        (
            b"PK\x03\x04rest",
            "data.csv must be a CSV file (text, one row per line), got a ZIP or Excel file. Save it as CSV.",
        ),
        (
            b"<!DOCTYPE html>\n<html>,</html>",
            "data.csv must be a CSV file (text, one row per line), got an HTML page. "
            "Save the file itself, not the page that shows it.",
        ),
        (b'{"a": 1}', "data.csv must be a CSV file (text, one row per line), got a JSON file. Save it as CSV."),
        (
            bytes(range(256)),
            "data.csv must be a CSV file (text, one row per line), got binary data. Save it as CSV.",
        ),
        (
            b"a\n1\n2\n",
            "data.csv must have at least two columns, one of them the target, got one ('a'). "
            "Separate columns by comma, semicolon, tab or |.",
        ),
        (b"a,b\n", "data.csv must have at least 2 rows below its header, got 0."),
        (b"a,b\n1,2\n", "data.csv must have at least 2 rows below its header, got 1."),
        (b"a,b\n1,2\n3,4,5\n", "data.csv must have 2 columns in every row, got 3 in line 3."),
        (b"a,b\n" + b"1,2\n" * 30_000 + b"3,4,5\n", "data.csv must have 2 columns in every row, got 3 in line 30002."),
        (b'a,b\n1,"2\n3,4\n', "data.csv must close every quote, got one that opens in row 1."),
        (b",".join(b"c%d" % i for i in range(5001)) + b"\n", "data.csv must have at most 5000 columns, got 5001."),
    ],
)
def test_what_is_no_table_is_refused_in_words(content, expected):
    with pytest.raises(DataError) as caught:
        read_table(content, "data.csv")

    assert str(caught.value) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a,b\n1,x\n2,y\n", {"a": [1, 2], "b": ["x", "y"]}),
        ("a;b\n1;x\n2;y\n", {"a": [1, 2], "b": ["x", "y"]}),
        ("a\tb\n1\tx\n2\ty\n", {"a": [1, 2], "b": ["x", "y"]}),
        ("a|b\n1|x\n2|y\n", {"a": [1, 2], "b": ["x", "y"]}),
        ("sep=;\r\na;b\r\n1;x\r\n2;y\r\n", {"a": [1, 2], "b": ["x", "y"]}),
        ("a;b\n1,5;x\n-2.345,25;y\n", {"a": [1.5, -2345.25], "b": ["x", "y"]}),
        ('a,b\n"1,234",x\n"12,345.5",y\n', {"a": [1234.0, 12345.5], "b": ["x", "y"]}),
        ("a;date\n1,5;01.02.2020\n2,5;03.02.2020\n", {"a": [1.5, 2.5], "date": ["01.02.2020", "03.02.2020"]}),
        ("a,b\n1,\n ?, y \n", {"a": [1.0, None], "b": [None, "y"]}),
        ("a,b\n1,True\n2,False\n", {"a": [1, 2], "b": [True, False]}),
        ("a,b\n1,True\n2,\n3,False\n", {"a": [1, 2, 3], "b": [1.0, None, 0.0]}),
        ("a,a,,b\n1,2,5,3\n4,5,9,6\n", {"a": [1, 4], "a (2)": [2, 5], "column 3": [5, 9], "b": [3, 6]}),
        (",a,b\n0,5,x\n1,7,y\n2,9,z\n", {"a": [5, 7, 9], "b": ["x", "y", "z"]}),
        ("a,b\nr1,5,x\nr2,7,y\n", {"column 1": ["r1", "r2"], "a": [5, 7], "b": ["x", "y"]}),
        ("a,b\n1,2,\n4,5,\n", {"a": [1, 4], "b": [2, 5]}),
        ("a,b\n1,2\n3\n,\n5,6\n", {"a": [1.0, 3.0, 5.0], "b": [2.0, None, 6.0]}),
        ("city;2019;2020\nx;1;2\ny;3;4\n", {"city": ["x", "y"], "2019": [1, 3], "2020": [2, 4]}),
        ("\ufeffa,b\r1,x\r2,y\r", {"a": [1, 2], "b": ["x", "y"]}),
        ("a,b\n99999999999999999999999,1\n4,5\n", {"a": [1e23, 4.0], "b": [1, 5]}),
    ],
)
def test_tables_are_read_the_way_people_write_them(text, expected):
    assert columns(text) == expected


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "latin-1", "cp1252"])
def test_text_of_any_usual_encoding_is_read(encoding):
    assert columns("größe,wort\n1,straße\n2,café\n", encoding) == {"größe": [1, 2], "wort": ["straße", "café"]}


def test_a_missing_header_is_noticed_and_told():
    table = read_table(b"5.1,3.5,setosa\n4.9,3.0,setosa\n")

    assert list(table.frame.columns) == ["column 1", "column 2", "column 3"]
    assert len(table.frame) == 2
    assert table.notes == ("the file has no header",)


def test_a_few_words_among_numbers_are_gaps_and_told():
    table = read_table(b"a,b\nunknown,x\n" + b"1.5,y\n" * 20)

    assert math.isnan(table.frame["a"][0])
    assert table.frame["a"][1] == 1.5
    assert table.notes == ("'unknown' in 'a' counts as a gap",)
