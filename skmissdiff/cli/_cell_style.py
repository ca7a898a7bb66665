"""How a column of a text file writes its values, remembered apart from the values."""

from dataclasses import dataclass

from skmissdiff.cli._csv_text import quote
from skmissdiff.cli._dates import DateStyle


@dataclass(frozen=True)
class CellStyle:
    """How a column writes its values.

    Attributes
    ----------
    kind : {"number", "category", "date"}
    quoted : bool
        Whether the column puts its cells in quotation marks.
    gap : str
        How it writes a missing cell.
    whole : bool
        Whether every number is a whole one.
    decimals : tuple of int or None
        Fewest and most decimals of its numbers; None where numbers have exponents.
    dates : DateStyle or None
        How it writes its dates.
    """

    kind: str
    quoted: bool = False
    gap: str = ""
    whole: bool = False
    decimals: tuple[int, int] | None = None
    dates: DateStyle | None = None

    def format(self, value, delimiter):
        """Write a value as a raw cell."""
        if self.kind == "date":
            text = self.dates.format(value)
        elif self.kind != "number":
            text = str(value)
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
