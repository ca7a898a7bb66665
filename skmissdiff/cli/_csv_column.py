"""What a column of a CSV file holds: numbers, dates or categories.

The usual readers turn "007" into 7 and "1.10" into 1.1, and write 3 as 3.0. Here new values are
written as the column writes its own.
"""

import re
from dataclasses import dataclass, replace
from decimal import Decimal

import numpy as np

from skmissdiff._support.files import TableError, import_pandas
from skmissdiff.cli._cell_style import CellStyle
from skmissdiff.cli._csv_text import unquote
from skmissdiff.cli._dates import named_dates, recognise_dates

_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?([0-9]*)|\.([0-9]+))(?:[eE][+-]?[0-9]+)?")
_INFINITE = re.compile(r"[+-]?inf(?:inity)?", re.IGNORECASE)
# No number is written with a zero before its first digit: "007" is a code, as a postcode is.
_LEADING_ZERO = re.compile(r"[+-]?0[0-9]")
# Beyond these a float64 no longer tells neighbouring whole numbers, or digits, apart.
_LARGEST_WHOLE = 2**53
_MOST_DECIMALS = 15


@dataclass
class CsvColumn:
    """What one column of a CSV file holds.

    Attributes
    ----------
    name : str
    missing : ndarray of shape (n_rows,)
        True where the cell is missing.
    contents : list of str
        Cells without quotation marks.
    style : CellStyle or None
        What it holds and how it writes that; None if every cell is missing.
    remark : str
        Something that the user may want to change, or empty.
    """

    name: str
    missing: np.ndarray
    contents: list[str]
    style: CellStyle | None = None
    remark: str = ""

    @property
    def kind(self):
        """What the column holds; "empty" if nothing."""
        return self.style.kind if self.style else "empty"

    def observed(self):
        """Its cells that are not missing, without blanks around them."""
        return [c.strip() for c, gone in zip(self.contents, self.missing, strict=True) if not gone]

    def series(self):
        """The column in pandas: category, Int64, float64 or datetime64."""
        pandas = import_pandas()
        cells = zip(self.contents, self.missing, strict=True)
        if self.kind == "category":
            return pandas.Series([None if gone else cell for cell, gone in cells], dtype="category")
        if self.kind == "date":
            texts = [None if gone else cell.strip() for cell, gone in cells]
            return pandas.Series(self.style.dates.parse(texts))
        numbers = pandas.Series([np.nan if gone else float(cell) for cell, gone in cells])
        return numbers.astype("Int64") if self.style.whole else numbers


def parse_column(name, raw, reading):
    """Find out what a column holds.

    Parameters
    ----------
    name : str
    raw : list of str
        Raw cells.
    reading : Reading
        What the user says of the file.

    Returns
    -------
    CsvColumn

    Raises
    ------
    TableError
        If the column is not what the user says, or holds what no imputer can use.
    """
    contents = [unquote(cell) for cell in raw]
    spellings = reading.missing_spellings
    missing = np.fromiter((cell.strip() in spellings for cell in contents), dtype=bool)
    column = CsvColumn(name, missing, contents)
    texts = column.observed()
    if not texts:
        return column
    first, kind = int(np.flatnonzero(~missing)[0]), reading.kinds.get(name)
    gap = raw[int(np.flatnonzero(missing)[0])] if missing.any() else ""
    plain = CellStyle("category", quoted=raw[first].startswith('"'), gap=gap)
    column.style = plain
    if name in reading.dates:
        dates = named_dates(name, texts, reading.dates[name])
        column.style = replace(plain, kind="date", dates=dates)
    elif kind != "category":
        numbers, column.remark = _as_numbers(name, texts, kind == "number")
        if numbers:
            column.style = replace(plain, **numbers)
        elif not column.remark:
            dates, column.remark = recognise_dates(name, texts)
            if dates:
                column.style = replace(plain, kind="date", dates=dates)
    return column


def _as_numbers(name, texts, is_asked):
    """What a style says of numbers, None if these texts are none, and a remark."""
    levels = set(texts)
    matches = {text: _NUMBER.fullmatch(text) for text in levels}
    infinite = sorted(text for text in levels if _INFINITE.fullmatch(text))
    others = [text for text, match in matches.items() if match is None and text not in infinite]
    if others:
        if is_asked:
            raise TableError(f"column {name!r} holds {min(others)!r}, which is not a number")
        return None, _looks_numeric(name, texts, matches, min(others))
    if infinite:
        raise TableError(f"column {name!r} holds {infinite[0]!r}; no imputer can use it")
    if not is_asked and any(_LEADING_ZERO.match(text) for text in levels):
        return None, ""
    too_long = [text for text in levels if _is_too_long(text)]
    if not is_asked and too_long:
        return None, (
            f"column {name!r} is read as categories because it holds {min(too_long)}, which has "
            f"more digits than a number keeps; to have it rounded, add --numeric={name}"
        )
    decimals = None
    if not any("e" in text or "E" in text for text in levels):
        lengths = [len(match[1] or match[2] or "") for match in matches.values()]
        decimals = min(*lengths, _MOST_DECIMALS), min(max(lengths), _MOST_DECIMALS)
    whole = all(_is_whole(float(text)) for text in levels)
    return {"kind": "number", "whole": whole, "decimals": decimals}, ""


def _is_whole(value):
    return value.is_integer() and abs(value) < _LARGEST_WHOLE


def _is_too_long(text):
    """Whether a number without exponent would be read as another whole number."""
    value = float(text)
    return abs(value) >= _LARGEST_WHOLE and "e" not in text.lower() and Decimal(text) != value


def _looks_numeric(name, texts, matches, odd):
    """Remark on a column of numbers that a few other cells turn into categories."""
    if sum(matches[text] is not None for text in texts) / len(texts) < 0.5:
        return ""
    return (
        f"column {name!r} is mostly numbers and is read as categories because it holds {odd!r}; "
        f"if that means missing, add --missing-values={odd}"
    )
