"""Numbers in text files: as Python reads them, or in disguise, as people write them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from skmissdiff._support.files import TableError
from skmissdiff._table.disguise import recognise
from skmissdiff.cli._remarks import mostly

_PLAIN = re.compile(r"[+-]?(?:[0-9]+\.?([0-9]*)|\.([0-9]+))(?:[eE][+-]?[0-9]+)?")
_INFINITE = re.compile(r"[+-]?inf(?:inity)?", re.IGNORECASE)
# No number is written with a zero before its first digit: "007" is a code, as a postcode is.
_LEADING_ZERO = re.compile(r"[+-]?0[0-9]")
# Beyond these a float64 no longer tells neighbouring whole numbers, or digits, apart.
_LARGEST_WHOLE = 2**53
_MOST_DECIMALS = 15
# Whoever types a blank means any that is as wide.
_BLANKS = " \u00a0\u202f\u2009"


@dataclass(frozen=True)
class Marks:
    """Decimal and thousands mark, as far as they are known.

    Attributes
    ----------
    decimal, thousands : str or None
    are_given : bool
        Whether the user says so; else it is what other columns of the file have.
    """

    decimal: str | None = None
    thousands: str | None = None
    are_given: bool = True

    @property
    def are_known(self):
        """Whether either is known."""
        return self.decimal is not None or self.thousands is not None


@dataclass(frozen=True)
class Numbers:
    """What a column of numbers is, if it is one.

    Attributes
    ----------
    style : dict or None
        Of a `CellStyle`, how it writes numbers; None if it holds none.
    remark : str
        What the user may want to change, or empty.
    are_most : bool
        Whether most cells are numbers, though not all.
    """

    style: Mapping | None = None
    remark: str = ""
    are_most: bool = False


def as_numbers(name, texts, marks, is_asked=False):
    """Read the cells of a column as numbers.

    Parameters
    ----------
    name : str
    texts : list of str
        Its observed cells, without blanks around them.
    marks : Marks
    is_asked : bool
        Whether the user says that the column holds numbers.

    Returns
    -------
    Numbers

    Raises
    ------
    TableError
        If the user says so and it does not, or if it holds an infinite one.
    """
    levels = set(texts)
    infinite = sorted(text for text in levels if _INFINITE.fullmatch(text))
    plain = {text: _PLAIN.fullmatch(text) for text in levels}
    odd = sorted(text for text, match in plain.items() if match is None and text not in infinite)
    if infinite and not odd:
        raise TableError(f"column {name!r} holds {infinite[0]!r}; no imputer can use it")
    if odd or marks.are_known:
        style = _recognise(texts, marks, is_asked)
        if style is not None and not style.is_plain:
            found = _disguised(name, texts, style, is_asked)
            if found.style or odd:
                return found
    if not odd:
        found = _plain(name, plain, is_asked)
        if (
            found.style
            and marks.are_given
            and marks.decimal == ","
            and found.style["decimals"] != (0, 0)
        ):
            remark = (
                f"column {name!r} has no decimal commas: {max(plain, key=len)!r} is read as it is"
            )
            return Numbers(found.style, remark)
        return found
    if is_asked:
        raise TableError(f"column {name!r} holds {odd[0]!r}, which is not a number")
    if sum(plain[text] is not None for text in texts) / len(texts) < 0.5:
        return Numbers()
    return Numbers(None, mostly(name, "numbers", odd[0]), are_most=True)


def _plain(name, matches, is_asked):
    """Numbers that Python reads."""
    if not is_asked and any(_LEADING_ZERO.match(text) for text in matches):
        return Numbers()
    too_long = [text for text in matches if _is_too_long(text)]
    if not is_asked and too_long:
        return Numbers(None, _too_long(name, min(too_long)))
    decimals = None
    if not any("e" in text or "E" in text for text in matches):
        lengths = [len(match[1] or match[2] or "") for match in matches.values()]
        decimals = min(*lengths, _MOST_DECIMALS), min(max(lengths), _MOST_DECIMALS)
    whole = all(_is_whole(float(text)) for text in matches)
    return Numbers({"kind": "number", "whole": whole, "decimals": decimals})


def _recognise(texts, marks, is_asked):
    """The style of numbers in disguise, None if these are none."""
    few = 1 if marks.are_known or is_asked else {}
    known = {"fewest_values": few} if few else {}
    blanks = _BLANKS if marks.thousands in (" ", "\u00a0") else [marks.thousands]
    for thousands in blanks:
        style = recognise(texts, decimal=marks.decimal, thousands=thousands, **known)
        if style is not None:
            return style
    if marks.thousands is not None:
        # A column need not have as many digits.
        return recognise(texts, decimal=marks.decimal, thousands="", **known)
    return None


def _disguised(name, texts, style, is_asked):
    """Numbers of a style, if every cell is one."""
    values = {}
    for text in sorted(set(texts)):
        try:
            values[text] = style.parse(text)
        except ValueError:
            if is_asked:
                raise TableError(f"column {name!r} holds {text!r}, which is not a number") from None
            return Numbers(None, mostly(name, "numbers", text), are_most=True)
    big = [text for text, value in values.items() if abs(value) >= _LARGEST_WHOLE]
    if big and not is_asked and "e" not in big[0].lower():
        return Numbers(None, _too_long(name, big[0]))
    remark = ""
    if style.is_ambiguous:
        example, other = max(values, key=len), "," if style.decimal == "." else "."
        remark = (
            f"column {name!r} is read with {style.decimal!r} as the decimal mark ({example!r} is "
            f"{values[example]:g}); if it is {other!r}, add --decimal={other}"
        )
    whole = all(map(_is_whole, values.values()))
    return Numbers(
        {"kind": "number", "whole": whole, "decimals": style.decimals, "numbers": style}, remark
    )


def _too_long(name, text):
    return (
        f"column {name!r} is read as categories because it holds {text}, which has more digits "
        f"than a number keeps; to have it rounded, add --numeric={name}"
    )


def _is_whole(value):
    return value.is_integer() and abs(value) < _LARGEST_WHOLE


def _is_too_long(text):
    """Whether a number without exponent would be read as another whole number."""
    value = float(text)
    return abs(value) >= _LARGEST_WHOLE and "e" not in text.lower() and Decimal(text) != value
