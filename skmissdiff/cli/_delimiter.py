"""What stands between the cells of a CSV file, and whether the file was split by it at all."""

import re
from itertools import islice

from skmissdiff._support.files import TableError
from skmissdiff.cli._csv_text import raw_rows

# In order of preference: a comma, too, may stand in every number of a file with semicolons.
USUAL = "\t;|,"
# Not looked for, but a header and rows that all have as many of one were not meant to be whole.
_UNUSUAL = ":~^ "
_LOOKED_AT = 200
_SAMPLE = 100_000
# Not str.splitlines, which also breaks lines at characters that cells may hold.
_LINE_BREAK = re.compile(r"\r\n|\n|\r")
_NUMBER_WITH_COMMA = re.compile(r"[^0-9]*[0-9]+,[0-9]+[^0-9]*")


def find_delimiter(text):
    """The usual delimiter that splits the first lines of a file most evenly.

    Parameters
    ----------
    text : str
        The file, from its header on.

    Returns
    -------
    str
        A semicolon if the header has none of them: then there is a single column.
    """
    best, best_share = ";", 0.0
    for mark in USUAL:
        widths = _widths(text[:_SAMPLE], mark)
        if widths and widths[0] > 1:
            share = sum(width == widths[0] for width in widths) / len(widths)
            if share > best_share:
                best, best_share = mark, share
    return best


def _widths(text, delimiter):
    """Numbers of cells in the header and in the first lines below it."""
    widths = []
    try:
        for _, cells in islice(raw_rows(text, delimiter), _LOOKED_AT):
            if cells != [""]:
                widths.append(len(cells))
    except TableError:
        pass  # quotation marks within cells, or a sample that ends within some
    # The sample may end within a line, and with one.
    return widths if len(widths) < 3 or len(text) < _SAMPLE else widths[:-1]


def check_first_line(text, delimiter, name, is_given):
    """Raise if the header is a single cell, and the file seems to be one of several columns.

    Parameters
    ----------
    text : str
        The file, from its header on. A header in quotation marks is believed.
    delimiter : str
    name : str
        How errors name the file.
    is_given : bool
        Whether the delimiter was given by the user.
    """
    header, *lines = _LINE_BREAK.split(text[:_SAMPLE])[:_LOOKED_AT]
    if delimiter in header or '"' in header:
        return
    lines = [line for line in lines if line.strip() and '"' not in line]
    for mark in USUAL if is_given else USUAL + _UNUSUAL:
        if mark in header and {line.count(mark) for line in lines} == {header.count(mark)}:
            raise TableError(
                f"{name}: the table has a single column, {header!r}; all its cells have {mark!r}, "
                f"so split it with --delimiter={_typed(mark)}"
            )
    for mark in "" if is_given else USUAL:
        counts = [line.count(mark) for line in lines]
        common = max(set(counts), key=counts.count, default=0)
        is_decimal = mark == "," and all(map(_NUMBER_WITH_COMMA.fullmatch, lines))
        if common and counts.count(common) > len(counts) / 2 and not is_decimal:
            raise TableError(
                f"{name}: the first line, {header!r}, is a single cell, and lines below have "
                f"{common + 1} between {mark!r}; remove what stands above the header or, if there "
                "is one column, give a --delimiter that does not occur"
            )


def _typed(mark):
    """How a delimiter is typed on a command line."""
    return "tab" if mark == "\t" else f"'{mark}'"
