"""What the user says of a table's file, for those who read it."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

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


@dataclass(frozen=True)
class Reading:
    """How to read a table's file.

    Attributes
    ----------
    delimiter, encoding : str or None
        Of a text file; None has them found.
    decimal, thousands : str or None
        The decimal mark of a text file, and what stands between groups of three digits; None
        has them found.
    missing_values : collection of str
        What stands for a missing value in a text file, besides the empty cell.
    na_spellings : bool
        Whether "NA", "NaN", "null" and the like stand for one, too.
    kinds : dict of str to {"number", "category"}
        Columns whose kind the user has named.
    dates : dict of str to str
        Formats of dates by column, in the directives of `datetime.strptime`.
    ignore : collection of str
        Columns to carry through untouched.
    model : SavedModel or None
        The model that the table is for: its columns are read as what they were in the fit.
    """

    delimiter: str | None = None
    encoding: str | None = None
    decimal: str | None = None
    thousands: str | None = None
    missing_values: Collection[str] = ()
    na_spellings: bool = True
    kinds: Mapping[str, str] = field(default_factory=dict)
    dates: Mapping[str, str] = field(default_factory=dict)
    ignore: Collection[str] = ()
    model: object = None

    @property
    def named(self):
        """The columns that an option names."""
        return [*self.kinds, *self.dates, *self.ignore]

    @property
    def missing_spellings(self):
        """All that stands for a missing value in a text file."""
        return {"", *self.missing_values} | (MISSING_SPELLINGS if self.na_spellings else set())
