"""What a column of a CSV file holds, and how it writes its values.

The usual readers turn "007" into 7 and "1.10" into 1.1, and write 3 as 3.0. Here new values are
written as the column writes its own.
"""

import re
from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from skmissdiff._support.files import TableError
from skmissdiff.cli._csv_text import quote, unquote

_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?([0-9]*)|\.([0-9]+))(?:[eE][+-]?[0-9]+)?")
_INFINITE = re.compile(r"[+-]?inf(?:inity)?", re.IGNORECASE)
# No number is written with a zero before its first digit: "007" is a code, as a postcode is.
_LEADING_ZERO = re.compile(r"[+-]?0[0-9]")
# Beyond these a float64 no longer tells neighbouring whole numbers, or digits, apart.
_LARGEST_WHOLE = 2**53
_MOST_DECIMALS = 15


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
