"""Rules which gaps are filled: ``--where COL:OTHER=VALUE``, read into what `transform` takes."""

import csv
import warnings

from skmissdiff._support.files import TableError


def read_rules(texts, names, read_value):
    """Rules by the column whose gaps they are about.

    Parameters
    ----------
    texts : list of str
        As the user has written them.
    names : list of str
        The columns that there are. A name may hold colons and equals signs of its own.
    read_value : callable
        Gives the value that a text says in a column.

    Returns
    -------
    dict of str to (str, list), or None
        The other column and the values that it has to have, for `where`; None without rules.

    Raises
    ------
    TableError
        If a column is not there, or has two rules.
    """
    rules = {}
    for text in texts:
        column, other, values = _parts(text, names)
        if column in rules:
            raise TableError(
                f"--where names column {column!r} twice; list the values between commas"
            )
        rules[column] = (other, [read_value(other, value) for value in values])
    return rules or None


def _parts(text, names):
    """The column, the other one and the values of a rule."""
    for column, rest in _splits(text, ":"):
        if column not in names:
            continue
        for other, values in _splits(rest, "="):
            if other in names:
                return column, other, next(csv.reader([values]), [""])
    column, _, rest = text.partition(":")
    lacking = column if column not in names else rest.partition("=")[0]
    raise TableError(
        f"--where {text}: there is no column {lacking!r}; there are {', '.join(names)}"
    )


def _splits(text, mark):
    """The text before and after each of the marks in it."""
    parts = text.split(mark)
    return [(mark.join(parts[:n]), mark.join(parts[n:])) for n in range(1, len(parts))]


def check_rules(rules, frame):
    """Raise for rules that make no sense together, before the long work."""
    from skmissdiff._encoding.encoder import TableEncoder
    from skmissdiff._table.chosen_cells import ChosenCells
    from skmissdiff._table.given import blank_table

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the fit says it again
        encoder = TableEncoder().fit(frame)
    blank = blank_table(encoder.schema_, 1)
    ChosenCells(blank, encoder.kept_columns_, encoder.categories_, where=rules)
