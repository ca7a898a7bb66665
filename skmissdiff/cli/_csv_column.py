"""What a column of a CSV file holds: numbers, dates, times or categories.

The usual readers turn "007" into 7 and "1.10" into 1.1, and write 3 as 3.0. Here new values are
written as the column writes its own.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from skmissdiff._support.files import TableError, import_pandas
from skmissdiff.cli._cell_style import CellStyle
from skmissdiff.cli._csv_text import unquote
from skmissdiff.cli._dates import named_dates, recognise_dates
from skmissdiff.cli._numbers import Marks, as_numbers
from skmissdiff.cli._times import recognise_times


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
    levels : dict of str to object or None
        What is written for each category, where a model knows them as something else than text.
    are_most_numbers : bool
        Whether it is one of categories for a few cells among numbers.
    """

    name: str
    missing: np.ndarray
    contents: list[str]
    style: CellStyle | None = None
    remark: str = ""
    levels: Mapping[str, object] | None = None
    are_most_numbers: bool = False

    @property
    def kind(self):
        """What the column holds; "empty" if nothing."""
        return self.style.kind if self.style else "empty"

    def observed(self):
        """Its cells that are not missing, without blanks around them."""
        return [c.strip() for c, gone in zip(self.contents, self.missing, strict=True) if not gone]

    def series(self):
        """The column in pandas: category, Int64, float64, datetime64, timedelta64 or times."""
        pandas = import_pandas()
        cells = zip(self.contents, self.missing, strict=True)
        if self.kind == "category" and self.levels is not None:
            levels = [None if gone else self._level(cell.strip()) for cell, gone in cells]
            return pandas.Series(levels, dtype="object")
        if self.kind == "category":
            return pandas.Series([None if gone else cell for cell, gone in cells], dtype="category")
        if self.kind == "date":
            texts = [None if gone else cell.strip() for cell, gone in cells]
            return pandas.Series(self.style.dates.parse(texts))
        if self.style.times is not None:
            read = self.style.times.parse
            dtype = "object" if self.kind == "time" else "timedelta64[us]"
            return pandas.Series(
                [None if gone else read(cell) for cell, gone in cells], dtype=dtype
            )
        read = self.style.read_number
        numbers = pandas.Series([np.nan if gone else read(cell) for cell, gone in cells])
        return numbers.astype("Int64") if self.style.whole else numbers

    def _level(self, text):
        if text not in self.levels:
            known = ", ".join(sorted(self.levels)[:10])
            raise TableError(f"column {self.name!r} holds {text!r}; the model knows {known}")
        return self.levels[text]


def parse_column(name, raw, reading, marks=None):
    """Find out what a column holds.

    Parameters
    ----------
    name : str
    raw : list of str
        Raw cells.
    reading : Reading
        What the user says of the file.
    marks : Marks, optional
        Decimal and thousands mark that other columns have; by default what the user says.

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
        marks = marks or Marks(reading.decimal, reading.thousands)
        numbers = as_numbers(name, texts, marks, kind == "number")
        column.remark, column.are_most_numbers = numbers.remark, numbers.are_most
        if numbers.style:
            column.style = replace(plain, **numbers.style)
        elif not column.remark:
            column.style, column.remark = _on_the_clock(name, texts, plain)
    return column


def _on_the_clock(name, texts, plain):
    """The style of a column of dates or times, ``plain`` for others, and what is to be said."""
    dates, remark = recognise_dates(name, texts)
    if dates:
        return replace(plain, kind="date", dates=dates), ""
    times, odd = recognise_times(name, texts)
    if times:
        kind = "time" if times.is_daytime else "duration"
        return replace(plain, kind=kind, times=times), ""
    return plain, remark or odd
