"""How a column of a text file writes its values, remembered apart from the values."""

from dataclasses import dataclass, replace
from decimal import Decimal

from skmissdiff._table.disguise import Style
from skmissdiff.cli._csv_text import quote
from skmissdiff.cli._dates import DateStyle
from skmissdiff.cli._times import TimeStyle

_MOST_DECIMALS = 15


@dataclass(frozen=True)
class CellStyle:
    """How a column writes its values.

    Attributes
    ----------
    kind : {"number", "category", "date", "time", "duration"}
    quoted : bool
        Whether the column puts its cells in quotation marks.
    gap : str
        How it writes a missing cell.
    whole : bool
        Whether every number is a whole one.
    decimals : tuple of int or None
        Fewest and most decimals of its numbers; None where numbers have exponents.
    numbers : Style or None
        How it writes numbers that Python itself does not read, such as 12,5 %.
    dates : DateStyle or None
        How it writes its dates.
    times : TimeStyle or None
        How it writes its times of day or durations.
    """

    kind: str
    quoted: bool = False
    gap: str = ""
    whole: bool = False
    decimals: tuple[int, int] | None = None
    numbers: Style | None = None
    dates: DateStyle | None = None
    times: TimeStyle | None = None

    def read_number(self, text):
        """The number that a cell holds, or raise ValueError."""
        return float(text) if self.numbers is None else self.numbers.parse(text)

    def as_precise_as(self, text, value):
        """Return this style with the decimals of a number that the user has written."""
        if self.numbers is None:
            n_decimals = min(len(text.partition(".")[2]), _MOST_DECIMALS)
            decimals = None if "e" in text.lower() else (n_decimals, n_decimals)
            return replace(self, decimals=decimals)
        shown = f"{Decimal(repr(float(value))):f}" if value % 1 else ""
        n_decimals = max(len(shown.partition(".")[2]), self.numbers.decimals[0])
        decimals = n_decimals, n_decimals
        return replace(self, decimals=decimals, numbers=replace(self.numbers, decimals=decimals))

    def format(self, value, delimiter):
        """Write a value as a raw cell."""
        if self.kind == "date":
            text = self.dates.format(value)
        elif self.times is not None:
            text = self.times.format(value)
        elif self.kind != "number":
            text = str(value)
        elif self.numbers is not None:
            text = self.numbers.format(float(value))
        elif self.decimals is not None:
            text = _decimal(float(value), *self.decimals)
        else:
            text = str(int(value)) if self.whole else repr(float(value))
        return quote(text, delimiter, always=self.quoted)


def _decimal(value, fewest, most):
    """Write a number with at most so many decimals, without more zeros at the end than needed."""
    text = f"{value:.{most}f}"
    spare = min(len(text) - len(text.rstrip("0")), most - fewest)
    if spare:
        text = text[:-spare].removesuffix(".")
    # "-0.0" is a negative trifle, rounded.
    return text[1:] if text.startswith("-") and not text.strip("-0.") else text
