"""Numbers that are written as text: decimal commas, groups of thousands, signs around them."""

import math
import re
import unicodedata
from collections import Counter
from dataclasses import dataclass

FEWEST_VALUES = 5
LEAST_SHARE = 0.95

# A blank, and those that do not break a line: ordinary, narrow and thin.
_BLANKS = " \u00a0\u202f\u2009"
_APOSTROPHES = "'\u2019"
_MINUSES = "-\u2212\u2013"
# Beside the signs that Unicode calls currencies.
_CURRENCIES = frozenset(
    ["aud", "brl", "cad", "chf", "cny", "czk", "dkk", "eur", "fr", "fr.", "gbp", "huf", "inr"]
    + ["jpy", "kr", "kr.", "krw", "kč", "lei", "mxn", "nok", "pln", "rmb", "rs", "rs.", "sek"]
    + ["sfr", "sfr.", "sgd", "tl", "try", "usd", "zar", "zł", "a$", "c$", "r$", "us$"]
)
_PARTS = re.compile(r"(\D*?)([.,]?\d(?:.*\d)?)(\D*)", re.DOTALL)
_LEADING_ZERO = re.compile(r"0\d")


@dataclass(frozen=True)
class Style:
    """How a column writes its numbers.

    Attributes
    ----------
    decimal : {".", ","}
        What stands before the decimals.
    thousands : str
        What stands between groups of three digits, "" for nothing.
    positive, negative : str
        What stands around a number, with "{}" for its digits: "{} %", "-{} %", "(€ {})".
    decimals : (int, int)
        The least and the most decimals that were seen.
    is_ambiguous : bool
        Whether the column could as well be read with the other mark as the decimal one: every
        mark has exactly three digits behind it.
    """

    decimal: str = "."
    thousands: str = ""
    positive: str = "{}"
    negative: str = "-{}"
    decimals: tuple[int, int] = (0, 0)
    is_ambiguous: bool = False

    @property
    def is_plain(self):
        """Whether Python itself reads such numbers."""
        plain = self.decimal == "." or self.decimals[1] == 0
        return plain and not self.thousands and self.positive == "{}" and self.negative == "-{}"

    def parse(self, text):
        """Return the number that a cell holds.

        Parameters
        ----------
        text : str

        Returns
        -------
        float
            As it is written: 12.5 for "12,5 %".

        Raises
        ------
        ValueError
            If it is no number of this style.
        """
        cell = _Cell.read(text)
        if cell is None or not _same_sign(cell.affix, self.affix):
            raise ValueError(f"{text!r} is not a number like {self.format(1234.5)!r}.")
        digits = _plain_digits(cell.body, self.decimal, self.thousands)
        if digits is None:
            raise ValueError(f"{text!r} is not a number like {self.format(1234.5)!r}.")
        return -float(digits) if cell.is_negative else float(digits)

    def format(self, number):
        """Return a number as a cell of this style.

        Parameters
        ----------
        number : float
            It is rounded to the most decimals of the column; zeros beyond the least go.
        """
        least, most = self.decimals
        whole, _, decimals = f"{abs(number):.{most}f}".partition(".")
        decimals = decimals.rstrip("0").ljust(least, "0")
        if self.thousands:
            whole = f"{int(whole):,}".replace(",", self.thousands)
        body = whole + (self.decimal + decimals if decimals else "")
        is_negative = number < 0 and any(mark in "123456789" for mark in body)
        return (self.negative if is_negative else self.positive).replace("{}", body)

    @property
    def affix(self):
        """The percent or currency sign, "" for none."""
        return _affix(self.positive.replace("{}", ""))


@dataclass(frozen=True)
class _Cell:
    """One cell taken apart: the digits with their marks, and what stands around them."""

    body: str
    template: str
    affix: str
    is_negative: bool

    @classmethod
    def read(cls, text):
        """Return the parts of a cell, None if it cannot be a number."""
        match = _PARTS.fullmatch(text.strip())
        if match is None:
            return None
        before, body, after = match.groups()
        around = before + after
        minuses = sum(around.count(mark) for mark in _MINUSES)
        brackets = before.count("("), after.count(")")
        if minuses + around.count("+") + brackets[0] > 1 or brackets[0] != brackets[1]:
            return None
        affix = _affix(around)
        if affix is None:
            return None
        return cls(body, before + "{}" + after, affix, bool(minuses or brackets[0]))


def recognise(texts, *, decimal=None, thousands=None, fewest_values=FEWEST_VALUES):
    """Return how a column of text writes numbers, None if it does not hold numbers.

    Nearly all cells, and by default at least five different ones, must be numbers once decimal
    commas, groups of thousands, percent and currency signs and blanks are taken for what they are.
    Digits with a leading zero are codes, such as postcodes, and no numbers.

    Parameters
    ----------
    texts : iterable of (str or None)
        The cells; None is skipped.
    decimal : {".", ","}, optional
        The decimal mark, where it is known.
    thousands : str, optional
        What stands between groups of three digits, where it is known; "" for nothing.
    fewest_values : int, default=5
        How many different numbers it takes: fewer may be codes, unless more is known of them.

    Returns
    -------
    Style or None

    Examples
    --------
    >>> style = recognise(["1.250,50 €", "980,00 €", "-12,25 €", "7,00 €", "10.000,00 €"])
    >>> style.parse("1.250,50 €")
    1250.5
    >>> style.format(-4321.5)
    '-4.321,50 €'
    """
    counts = Counter(text for text in texts if text is not None)
    most_lost = counts.total() * (1 - LEAST_SHARE)
    cells, lost = {}, 0
    for text, count in counts.items():
        cell = _Cell.read(text)
        if cell is None:
            lost += count
            if lost > most_lost:
                return None
        else:
            cells[cell] = cells.get(cell, 0) + count
    if not cells:
        return None
    # A sign that only a few cells lack is the column's; shares and percents are not mixed.
    affix = _most_frequent(cells, lambda cell: cell.affix or None)
    own = {c: count for c, count in cells.items() if _same_sign(c.affix, affix or "")}
    if sum(own.values()) < counts.total() - most_lost:
        return None
    readings = _readings(own, decimal, thousands)
    if not readings:
        return None
    (mark, group), digits, share = readings[0]
    numbers = {(cell.is_negative, text) for cell, text in digits.items()}
    if share < counts.total() - most_lost or len(numbers) < fewest_values:
        return None
    # As many cells, but other numbers.
    others = {pair for pair, other, as_many in readings[1:] if as_many == share and other != digits}
    return _style(own, digits, mark, group, is_ambiguous=bool(others & {(",", "."), (",", "")}))


def _readings(cells, decimal, thousands):
    """Decimal mark and thousands mark, the digits by cell, and the number of cells: best first."""
    seen = {mark for cell in cells for mark in cell.body}
    groups = [g for g in (",", ".", *_BLANKS, *_APOSTROPHES) if g in seen]
    # Where two readings take as many cells, the first one counts: "1.234" is what Python reads,
    # "1,234" what the language of most files with commas means.
    pairs = [(".", ""), *((".", g) for g in groups), (",", ""), *((",", g) for g in groups)]
    found = []
    for mark, group in pairs:
        if mark == group or decimal not in (None, mark) or thousands not in (None, group):
            continue
        digits = {cell: _plain_digits(cell.body, mark, group) for cell in cells}
        digits = {cell: text for cell, text in digits.items() if text is not None}
        if group and not any(group in cell.body for cell in digits):
            continue
        found.append(((mark, group), digits, sum(cells[cell] for cell in digits)))
    return sorted(found, key=lambda reading: -reading[2])


def _plain_digits(body, decimal, thousands):
    """Return digits as Python reads them, None if the marks are not where they belong."""
    whole, found, decimals = body.partition(decimal)
    exponent = ""
    if (parts := re.fullmatch(r"(\d*)([eE][+-]?\d+)", decimals or whole)) is not None:
        exponent = parts[2]
        whole, decimals = (whole, parts[1]) if decimals else (parts[1], "")
    if found and decimals and not (decimals.isascii() and decimals.isdigit()):
        return None
    if thousands and thousands in whole:
        groups = whole.split(thousands)
        if not 1 <= len(groups[0]) <= 3 or any(len(group) != 3 for group in groups[1:]):
            return None
        if groups[0].startswith("0"):
            return None
        whole = "".join(groups)
    if whole and not (whole.isascii() and whole.isdigit()):
        return None
    if not whole + decimals or _LEADING_ZERO.match(whole):
        return None
    plain = f"{whole or '0'}.{decimals or '0'}{exponent}"
    return plain if math.isfinite(float(plain)) else None


def _style(cells, digits, decimal, thousands, *, is_ambiguous):
    """Return the style of the cells that were read as these digits."""
    read = {cell: count for cell, count in cells.items() if cell in digits}
    positive = _most_frequent(read, lambda cell: None if cell.is_negative else cell.template)
    negative = _most_frequent(read, lambda cell: cell.template if cell.is_negative else None)
    if positive is None:  # the sign that stands around every number goes
        positive = negative.translate({ord(mark): None for mark in _MINUSES + "()"})
    negative = "-" + positive.replace("+", "") if negative is None else negative
    lengths = [
        len(cell.body.partition(decimal)[2]) for cell in read if "e" not in cell.body.lower()
    ]
    ends = (min(lengths), max(lengths)) if lengths else (0, 15)
    return Style(decimal, thousands, positive, negative, ends, is_ambiguous)


def _affix(around):
    """Return the percent or currency sign in what stands around digits, None if it is neither."""
    sign = "".join(c for c in around if c not in _MINUSES + "+()" and not c.isspace())
    if sign in ("", "%", "\u2030") or sign.lower() in _CURRENCIES:
        return sign
    return sign if len(sign) == 1 and unicodedata.category(sign) == "Sc" else None


def _same_sign(affix, own):
    """Whether a cell with this sign is of a column with that one: a currency may be left out."""
    return affix == own or (affix == "" and own not in ("%", "\u2030"))


def _most_frequent(cells, key):
    """Return the most frequent key that is not None, None if there is none."""
    counts = Counter()
    for cell, count in cells.items():
        if (value := key(cell)) is not None:
            counts[value] += count
    return counts.most_common(1)[0][0] if counts else None
