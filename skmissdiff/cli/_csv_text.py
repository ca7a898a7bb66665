"""CSV files as text: cells are kept as they are written, so that they can be written back.

The usual readers turn "007" into 7 and "1.10" into 1.1. Here a file is cut into its raw cells,
quotation marks and all, and joined again with only some of them replaced.
"""

import re
from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from skmissdiff._support.files import TableError

# What pandas.read_csv takes for a missing value, so that both read a file alike.
MISSING_SPELLINGS = frozenset(
    [
        "",
        "#N/A",
        "#N/A N/A",
        "#NA",
        "-1.#IND",
        "-1.#QNAN",
        "-NaN",
        "-nan",
        "1.#IND",
        "1.#QNAN",
        "<NA>",
        "N/A",
        "NA",
        "NULL",
        "NaN",
        "None",
        "n/a",
        "nan",
        "null",
    ]
)

_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?([0-9]*)|\.([0-9]+))(?:[eE][+-]?[0-9]+)?")
_INFINITE = re.compile(r"[+-]?inf(?:inity)?", re.IGNORECASE)
# No number is written with a zero before its first digit: "007" is a code, as a postcode is.
_LEADING_ZERO = re.compile(r"[+-]?0[0-9]")
# Beyond these a float64 no longer tells neighbouring whole numbers, or digits, apart.
_LARGEST_WHOLE = 2**53
_MOST_DECIMALS = 15


@dataclass
class CsvText:
    """A CSV file cut into raw cells.

    Attributes
    ----------
    header : list of str
        The first line's raw cells.
    columns : list of list of str
        Raw cells, one list per column.
    delimiter, newline, byte_order_mark : str
        How the file is written; the mark is empty or one character.
    """

    header: list[str]
    columns: list[list[str]]
    delimiter: str
    newline: str
    byte_order_mark: str

    def first_line(self, header):
        """How a file written like this one begins, with these raw names of columns."""
        return self.byte_order_mark + self.lines([[name] for name in header])

    def lines(self, columns):
        """Lines written like those of this file, with these raw cells."""
        rows = zip(*columns, strict=True)
        return "".join(self.delimiter.join(row) + self.newline for row in rows)


def split_csv(text, delimiter=",", name="the file"):
    """Cut the text of a CSV file into raw cells.

    Every row must have as many cells as the header. Lines with nothing in them are skipped,
    except in a table of one column, where such a line is a missing cell.
    """
    mark = "\ufeff" if text.startswith("\ufeff") else ""
    text = text[len(mark) :]
    if not text.strip():
        raise TableError(f"{name}: the file is empty")
    first_break = re.search(r"\r\n|\n|\r", text)
    newline = first_break.group() if first_break else "\n"
    if '"' in text:
        rows = _rows_with_quotes(text, delimiter, name)
    else:
        lines = re.split(r"\r\n|\n|\r", text)
        if not lines[-1]:
            lines.pop()
        rows = ((number, line.split(delimiter)) for number, line in enumerate(lines, 1))
    _, header = next(rows)
    width = len(header)
    columns = [[] for _ in header]
    for number, cells in rows:
        if len(cells) != width:
            if cells == [""]:
                continue
            raise TableError(
                f"{name}: line {number} has {len(cells)} cells where the header has {width}"
            )
        for column, cell in zip(columns, cells, strict=True):
            column.append(cell)
    if not columns[0]:
        raise TableError(f"{name}: the file has a header and no rows")
    return CsvText(header, columns, delimiter, newline, mark)


def _rows_with_quotes(text, delimiter, name):
    """Yield (line number, raw cells); a quoted cell may hold delimiters and line breaks."""
    mark = re.escape(delimiter)
    cell = re.compile(rf'("[^"]*(?:""[^"]*)*"|[^{mark}"\r\n][^{mark}\r\n]*|)({mark}|\r\n|\n|\r|\Z)')
    cells, start, number, first_number = [], 0, 1, 1
    while start < len(text):
        match = cell.match(text, start)
        if match is None:
            raise TableError(f"{name}: line {number} has a cell whose quotation marks do not pair")
        raw, end = match.groups()
        cells.append(raw)
        start = match.end()
        if "\n" in raw:
            number += raw.count("\n")
        if end != delimiter:
            yield first_number, cells
            number += 1
            cells, first_number = [], number
        elif start == len(text):
            cells.append("")
    if cells:
        yield first_number, cells


def unquote(raw):
    """What a raw cell says, without its quotation marks."""
    return raw[1:-1].replace('""', '"') if raw.startswith('"') else raw


def quote(content, delimiter, always=False):
    """Write a cell, in quotation marks where it needs them."""
    if always or any(mark in content for mark in (delimiter, "\n", "\r")) or content[:1] == '"':
        return '"' + content.replace('"', '""') + '"'
    return content


@dataclass
class CsvColumn:
    """What one column of a CSV file holds, and how it writes its values.

    Attributes
    ----------
    name : str
    kind : {"number", "category", "empty"}
    missing : ndarray of shape (n_rows,)
        True where the cell is missing.
    contents : list of str
        Cells without quotation marks.
    whole : bool
        Whether every number is a whole one.
    decimals : tuple of int or None
        Fewest and most decimals of its numbers; None where numbers have exponents.
    quoted : bool
        Whether the column puts its cells in quotation marks.
    remark : str
        Something to tell the user, or empty.
    """

    name: str
    kind: str
    missing: np.ndarray
    contents: list[str]
    whole: bool = False
    decimals: tuple[int, int] | None = None
    quoted: bool = False
    remark: str = ""

    def format(self, value, delimiter):
        """Write a value as this column writes its own."""
        if self.kind != "number":
            text = str(value)
        elif self.decimals is not None:
            text = _decimal(float(value), *self.decimals)
        else:
            text = str(int(value)) if self.whole else repr(float(value))
        return quote(text, delimiter, always=self.quoted)


def parse_column(name, raw, missing_spellings, kind=None):
    """Find out what a column holds.

    Parameters
    ----------
    name : str
    raw : list of str
        Raw cells.
    missing_spellings : set of str
        What stands for a missing value, apart from surrounding blanks.
    kind : {"number", "category"}, optional
        Asked for by the user; by default numbers are recognised.

    Returns
    -------
    CsvColumn
    """
    contents = [unquote(cell) for cell in raw]
    missing = np.fromiter((cell.strip() in missing_spellings for cell in contents), dtype=bool)
    observed = {cell.strip() for cell, gone in zip(contents, missing, strict=True) if not gone}
    if not observed:
        return CsvColumn(name, "empty", missing, contents)
    first = int(np.flatnonzero(~missing)[0])
    column = CsvColumn(name, "category", missing, contents, quoted=raw[first].startswith('"'))
    if kind == "category":
        return column
    matches = {text: _NUMBER.fullmatch(text) for text in observed}
    infinite = sorted(text for text in observed if _INFINITE.fullmatch(text))
    others = [text for text, match in matches.items() if match is None and text not in infinite]
    if others:
        if kind == "number":
            raise TableError(f"column {name!r} holds {min(others)!r}, which is not a number")
        column.remark = _looks_numeric(name, contents, missing, matches, min(others))
        return column
    if infinite:
        raise TableError(f"column {name!r} holds {infinite[0]!r}; no imputer can use it")
    if kind is None and any(_LEADING_ZERO.match(text) for text in observed):
        return column
    too_long = [text for text in observed if _is_too_long(text)]
    if kind is None and too_long:
        column.remark = (
            f"column {name!r} is read as categories because it holds {min(too_long)}, which has "
            f"more digits than a number keeps; to have it rounded, add --numeric={name}"
        )
        return column
    column.kind = "number"
    column.whole = all(_is_whole(float(text)) for text in observed)
    if not any("e" in text or "E" in text for text in observed):
        lengths = [len(match[1] or match[2] or "") for match in matches.values()]
        column.decimals = min(*lengths, _MOST_DECIMALS), min(max(lengths), _MOST_DECIMALS)
    return column


def _decimal(value, fewest, most):
    """Write a number with at most so many decimals, without more zeros at the end than needed."""
    text = f"{value:.{most}f}"
    spare = min(len(text) - len(text.rstrip("0")), most - fewest)
    if spare:
        text = text[:-spare].removesuffix(".")
    # "-0.0" is a negative trifle, rounded.
    return text[1:] if text.startswith("-") and not text.strip("-0.") else text


def _is_whole(value):
    return value.is_integer() and abs(value) < _LARGEST_WHOLE


def _is_too_long(text):
    """Whether a number without exponent would be read as another whole number."""
    value = float(text)
    return abs(value) >= _LARGEST_WHOLE and "e" not in text.lower() and Decimal(text) != value


def _looks_numeric(name, contents, missing, matches, odd):
    """Remark on a column of numbers that a few other cells turn into categories."""
    observed = [cell.strip() for cell, gone in zip(contents, missing, strict=True) if not gone]
    share = sum(matches[cell] is not None for cell in observed) / len(observed)
    if share < 0.5:
        return ""
    return (
        f"column {name!r} is mostly numbers and is read as categories because it holds {odd!r}; "
        f"if that means missing, add --missing-values={odd}"
    )
