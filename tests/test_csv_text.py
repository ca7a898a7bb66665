"""CSV files are cut into raw cells and joined again without a change."""

import csv
import io
import math

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skmissdiff._support.files import TableError
from skmissdiff.cli._csv_column import parse_column
from skmissdiff.cli._csv_text import quote, split_csv, unquote
from skmissdiff.cli._reading import MISSING_SPELLINGS, Reading


@pytest.mark.parametrize(
    "text",
    [
        "a,b\n1,x\n",
        "a,b\r\n1,x\r\n,\r\n",
        '\ufeffa,"b"\n"1, 2","x ""y"""\n',
        'a,b\n"two\nlines",\n',
        "a\n1\n\n2\n",
        'a,"b"\n1,2\n,\n',
    ],
)
def test_join_gives_the_text_back(text):
    table = split_csv(text)
    assert table.first_line(table.header) + table.lines(table.columns) == text


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.lists(st.text(alphabet='ab1,;"\n \t.é', max_size=5), min_size=2, max_size=2),
        min_size=2,
        max_size=5,
    ),
    st.sampled_from(["\n", "\r\n"]),
    st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL]),
)
def test_cells_are_those_of_the_standard_reader(rows, newline, quoting):
    stream = io.StringIO(newline="")
    csv.writer(stream, lineterminator=newline, quoting=quoting).writerows(rows)
    table = split_csv(stream.getvalue())
    cells = [table.header, *zip(*table.columns, strict=True)]
    assert [[unquote(cell) for cell in row] for row in cells] == rows


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "empty"),
        ("\n\n", "empty"),
        ("a,b\n", "no rows"),
        ("a,b\n1,2\n3\n", "line 3 has 1 cells where the header has 2"),
        ('a,b\n"1\n2",x\n3\n', "line 4 has 1 cells"),
        ('a,b\n1,"2\n', "line 2 has a cell whose quotation marks do not pair"),
        ('a,b\n"1"x,2\n', "line 2 has a cell whose quotation marks do not pair"),
    ],
)
def test_unusable_text(text, message):
    with pytest.raises(TableError, match=message):
        split_csv(text)


@pytest.mark.parametrize("content", ["", "a", 'say "a"', "a,b", "two\nlines", '"', " a "])
@pytest.mark.parametrize("always", [False, True])
def test_quote_and_unquote(content, always):
    raw = quote(content, ",", always)
    assert unquote(raw) == content
    assert next(csv.reader([raw + ",x"])) == [content, "x"] or "\n" in content


def test_missing_spellings_are_those_of_pandas():
    text = "a,b\n" + "".join(f"{spelling},x\n" for spelling in MISSING_SPELLINGS)
    assert pd.read_csv(io.StringIO(text), skip_blank_lines=False)["a"].isna().all()


def _column(*cells, kind=None, **reading):
    return parse_column("x", list(cells), Reading(kinds={"x": kind}, **reading))


@pytest.mark.parametrize(
    ("cells", "kind", "whole"),
    [
        (["1", "2", ""], "number", True),
        (["1.0", "-2.0", "NA"], "number", True),
        (["1.5", ".5", "2."], "number", False),
        (["1e5", " 3 "], "number", True),
        (["0", "0.5", "10"], "number", False),
        (["1_000", "2"], "category", False),
        (["007", "12"], "category", False),
        (["yes", "no"], "category", False),
        (["9007199254740992", "2"], "number", False),
        (["9007199254740993", "2"], "category", False),
        (["-900719925474099.3", "1e23"], "number", False),
        (["9" * 400, "2"], "category", False),
        (["", "null", "nan"], "empty", False),
    ],
)
def test_kinds(cells, kind, whole):
    column = _column(*cells)
    assert (column.kind, bool(column.style and column.style.whole)) == (kind, whole)


def test_asked_for_kinds():
    assert _column("1", "2", kind="category").kind == "category"
    assert _column("007", "12", kind="number").style.whole
    with pytest.raises(TableError, match="column 'x' holds 'b', which is not a number"):
        _column("1", "c", "b", kind="number")
    with pytest.raises(TableError, match="'-inf'"):
        _column("1", "-inf")


def test_remark_on_numbers_that_became_categories():
    column = _column("1", "9007199254740993")
    assert "it holds 9007199254740993" in column.remark
    assert "--numeric=x" in column.remark
    assert _column("1", "9007199254740993", kind="number").kind == "number"
    assert "--missing-values=?" in _column("1", "2", "?").remark
    assert not _column("yes", "no", "2").remark


@pytest.mark.parametrize(
    ("cells", "value", "text"),
    [
        (["1", "2"], 3.0, "3"),
        (["1.0", "2.0"], 3, "3.0"),
        (["1.10", "2.25"], 3.14159, "3.14"),
        (["1.10", "2.25"], 3.0, "3.00"),
        (["22.0", "71.2833"], 8.05, "8.05"),
        (["22.0", "71.2833"], 8, "8.0"),
        (["22", "7.5"], 8.02, "8"),
        (["100", "200"], 300, "300"),
        (["0.5"], -0.01, "0.0"),
        (["1e-3", "2"], 0.25, "0.25"),
        (["1e3", "2"], 40, "40"),
        (['"1"', '"2"'], 3, '"3"'),
        (["a", "b,c"], "b,c", '"b,c"'),
    ],
)
def test_values_are_written_as_the_column_writes_its_own(cells, value, text):
    assert _column(*cells).style.format(value, ",") == text


@settings(max_examples=300, deadline=None)
@given(st.floats(-1e6, 1e6), st.integers(0, 6), st.integers(0, 6))
def test_written_decimals_are_close(value, one, other):
    column = _column(f"{math.pi:.{one}f}", f"{-math.pi:.{other}f}")
    written = column.style.format(value, ",")
    assert abs(float(written) - value) <= 0.5000001 * 10.0 ** -max(one, other)
    decimals = len(written.partition(".")[2])
    assert min(one, other) <= decimals <= max(one, other)
