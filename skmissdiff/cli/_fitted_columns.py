"""Columns of a file, read as what they were when a model was fitted."""

from dataclasses import replace

from skmissdiff._support.files import TableError
from skmissdiff.cli._csv_column import parse_column
from skmissdiff.cli._numbers import Marks

_WORDS = {
    "number": "numbers",
    "date": "dates",
    "time": "times of day",
    "duration": "durations",
    "category": "categories",
}


def require_fitted_columns(path, names, model):
    """Refuse a table that lacks a column of the model.

    Parameters
    ----------
    path : str
    names : list of str
        The table's columns.
    model : SavedModel
    """
    lacking = [name for name in model.styles if name not in names]
    if lacking:
        raise TableError(
            f"{path}: there is no column {lacking[0]!r}, to which {model.path} was fitted; there "
            f"are {', '.join(names)}"
        )


def parse_as_fitted(name, raw, reading, model):
    """Find out what a column of a text file holds, given what it held.

    Parameters
    ----------
    name : str
    raw : list of str
        Raw cells.
    reading : Reading
    model : SavedModel

    Returns
    -------
    CsvColumn
        Never an empty one: without any value it is as the model knows it.

    Raises
    ------
    TableError
        If the column holds something else now.
    """
    fitted = model.styles[name]
    if fitted.kind in ("number", "category"):
        reading = replace(reading, kinds={name: fitted.kind})
    elif fitted.kind == "date" and not fitted.dates.is_iso:
        reading = replace(reading, dates={name: fitted.dates.pattern} | dict(reading.dates))
    column = parse_column(name, raw, reading)
    own = fitted.numbers
    if own and column.style and (column.style.numbers is None or column.style.numbers.is_ambiguous):
        # As the fitted table wrote them, unless these are written otherwise without a doubt.
        marks = Marks(reading.decimal or own.decimal, reading.thousands, are_given=False)
        column = parse_column(name, raw, reading, marks)
    if column.style is None:
        column.style = replace(fitted, gap=raw[0])
    elif fitted.times is not None and column.style.times is not None:
        column.style = _on_the_clock_of(column, fitted)
    elif column.kind != fitted.kind:
        text = column.observed()[0]
        raise TableError(
            f"column {name!r} held {_WORDS[fitted.kind]} when {model.path} was fitted and holds "
            f"{text!r} now; write it as then"
        )
    elif fitted.kind == "number":
        column.style = _with_decimals_of(column.style, fitted)
    column.levels = model.levels.get(name)
    return column


def _on_the_clock_of(column, fitted):
    """A style of times as the fitted table wrote them: a few rows need not show all of it."""
    style = replace(column.style, kind=fitted.kind, times=fitted.times)
    for text in column.observed():
        try:
            style.times.parse(text)
        except ValueError:
            raise TableError(
                f"column {column.name!r} held {_WORDS[fitted.kind]} in the fit and holds {text!r} "
                "now; write it as then"
            ) from None
    return style


def _with_decimals_of(style, fitted):
    """A style of numbers with the decimals and thousands of the fitted table, if that had more."""
    style = replace(style, whole=style.whole and fitted.whole)
    own, then = style.numbers, fitted.numbers
    if own and then and not own.thousands and own.decimal == then.decimal:
        # A few rows need not have a number of four digits.
        style = replace(style, numbers=replace(own, thousands=then.thousands))
    if None in (style.decimals, fitted.decimals):
        return style
    (fewest, most), (fewest_then, most_then) = style.decimals, fitted.decimals
    decimals = min(fewest, fewest_then), max(most, most_then)
    numbers = style.numbers and replace(style.numbers, decimals=decimals)
    return replace(style, decimals=decimals, numbers=numbers)
