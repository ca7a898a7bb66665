"""What has to be remembered of a table to read another like it, or to build one anew."""

import enum
from dataclasses import dataclass, replace

from skmissdiff._table.clock import Clock
from skmissdiff._table.ticks import Ticks


class Kind(enum.Enum):
    """How the values of a column are encoded: as one number, or as one of several levels."""

    NUMERIC = "numeric"
    CATEGORICAL = "categorical"


class Element(enum.Enum):
    """What the observed values of a column are."""

    NUMBER = "number"
    DATE = "date"
    DURATION = "duration"
    DAYTIME = "time of day"
    PERIOD = "period"
    BOOLEAN = "boolean"
    TEXT = "text"
    OTHER = "other"


# What is counted by a clock, and is no number to a user.
TIMES = frozenset([Element.DATE, Element.DURATION, Element.DAYTIME, Element.PERIOD])


@dataclass(frozen=True)
class ColumnSchema:
    """One column of a table.

    Attributes
    ----------
    name : object
        The name in the frame, None in an array.
    kind : Kind
        How the column is encoded.
    element : Element
        What its observed values are.
    dtype : str
        The dtype in the spelling of its library, such as "Int64", "category" or "float32".
    n_observed : int
        Number of observed cells.
    storage : str or None
        What a pandas string or Arrow dtype is backed by: "python", "pyarrow" or "arrow".
    categories : tuple or None
        The category list of a dtype that has one, in its order.
    categories_dtype : str or None
        The dtype of the category list (pandas).
    ordered : bool
        Whether the category list is ordered (pandas).
    is_integer : bool
        Whether the dtype holds whole numbers only, or the clock has a step.
    is_whole : bool
        Whether every observed value is a whole number.
    minimum, maximum : float or None
        Range of the observed numbers, None for levels and for columns never observed.
    is_left_out : bool
        Whether the text tells rows apart and no model learns it, see `keys_of`.
    clock : Clock or None
        By which the numbers are offsets of the values, None where they are the values.
    ticks : Ticks or None
        What the dtype holds exactly: dates, durations, decimals. None for other dtypes.
    """

    name: object
    kind: Kind
    element: Element
    dtype: str
    n_observed: int = 0
    storage: str | None = None
    categories: tuple | None = None
    categories_dtype: str | None = None
    ordered: bool = False
    is_integer: bool = False
    is_whole: bool = False
    minimum: float | None = None
    maximum: float | None = None
    is_left_out: bool = False
    clock: Clock | None = None
    ticks: Ticks | None = None

    @property
    def is_categorical(self):
        return self.kind is Kind.CATEGORICAL

    @property
    def holds_plain_text(self):
        """Whether the column is categorical for being text, and not by its dtype."""
        by_dtype = self.categories is not None or self.dtype == "Categorical"
        is_text = self.is_categorical and self.element is Element.TEXT
        return is_text and not by_dtype and not self.dtype.startswith("dictionary")

    @property
    def step_size(self):
        """What 1 is in the numbers of the column: in seconds for time, otherwise as a number."""
        return 1.0 if self.clock is None else self.clock.step_size

    def offset_of(self, value):
        """Return the number that stands for a value of a user."""
        return float(value) if self.clock is None else self.clock.offset_of(value)

    def text(self, number):
        """Return a number of the column in words."""
        return f"{number:g}" if self.clock is None else self.clock.text(number)


@dataclass(frozen=True)
class TableSchema:
    """The columns of a table and what holds them.

    Attributes
    ----------
    library : str
        "array", "pandas", "polars" or "pyarrow".
    columns : tuple of ColumnSchema
        One per column.
    array_dtype : str or None
        The dtype of an array, None for a frame.
    index_names : tuple
        Names of the levels of a pandas frame's column index, more than one for a MultiIndex.
    """

    library: str
    columns: tuple[ColumnSchema, ...]
    array_dtype: str | None = None
    index_names: tuple = (None,)

    @property
    def names(self):
        """The column names, None for an array."""
        return None if self.library == "array" else tuple(c.name for c in self.columns)

    @property
    def is_categorical(self):
        """One bool per column."""
        return tuple(column.is_categorical for column in self.columns)

    def label(self, index):
        """The words by which an error message names a column."""
        return column_label(None if self.library == "array" else self.columns[index].name, index)

    def select(self, keep):
        """The schema of the columns where `keep`, bool of shape (n_columns,), is True."""
        kept = tuple(c for c, wanted in zip(self.columns, keep, strict=True) if wanted)
        return replace(self, columns=kept)


def column_label(name, index):
    """The words by which an error message names a column."""
    return f"column {index}" if name is None else f"column {name!r}"
