"""What tells equal rows apart that do not come in one call.

Within a call equal rows are counted, see `ranks_among_equals`. Rows that come in parts, on one
machine or on many, cannot be: their parts may be of any size and come in any order. They have a
label each, from a key in the table, or from the part that they are in and their number there.
"""

import datetime
from numbers import Integral, Real

import numpy as np


class RowLabels:
    """Labels of rows by what a key says of each.

    Parameters
    ----------
    names : sequence
        Names of the key's columns.
    columns : sequence of list
        Their values, one per row.

    Raises
    ------
    ValueError
        If a row has no value there.
    """

    def __init__(self, names, columns):
        self._names, self._columns = names, columns
        for name, values in zip(names, columns, strict=True):
            row = next((row for row, value in enumerate(values) if _is_null(value)), None)
            if row is not None:
                raise ValueError(
                    f"Column {name!r} is the key that tells rows apart, and has no value in row "
                    f"{row} of a batch. Give each row one, or name another key."
                )

    def added_to(self, contents, rows):
        """What rows hold, together with their labels.

        Parameters
        ----------
        contents : list of bytes
            From `row_contents`, of some rows.
        rows : ndarray of int
            Which rows they are.

        Returns
        -------
        contents : list of bytes

        Raises
        ------
        ValueError
            If two of these rows are equal and have the same label.
        """
        chosen = [[values[row] for row in rows.tolist()] for values in self._columns]
        labelled = [
            content + b"key" + b"".join(map(_as_bytes, label))
            for content, label in zip(contents, zip(*chosen, strict=True), strict=True)
        ]
        seen = {}
        for place, content in enumerate(labelled):
            if seen.setdefault(content, place) != place:
                self._refuse(rows[place])
        return labelled

    def _refuse(self, row):
        values = [values[row] for values in self._columns]
        raise ValueError(
            f"The key {', '.join(map(repr, self._names))} has the value "
            f"{', '.join(map(repr, values))} in two rows that are equal in all else, so that they "
            "would get the same draw. Name a key that tells all rows apart, in several columns if "
            "need be, or leave it out: rows are then told apart by their numbers."
        )


class NumberLabels:
    """Labels of rows by the part that they are in, and their number there.

    Parameters
    ----------
    partition : int, str or None
        None where there is but one part.
    first : int
        The number of the first row.
    """

    def __init__(self, partition, first):
        self._label = b"part" + (b"" if partition is None else _as_bytes(partition))
        self._first = first

    def added_to(self, contents, rows):
        """What rows hold, together with their labels, as `RowLabels` does it."""
        numbers = (self._first + np.asarray(rows)).tolist()
        return [
            content + self._label + b"/%d" % number
            for content, number in zip(contents, numbers, strict=True)
        ]


def _is_null(value):
    return value is None or type(value).__name__ in ("NAType", "NaTType") or value != value


def _as_bytes(value):
    """A spelling that is the same for equal values of any library, with its length in front."""
    if isinstance(value, bytes):
        text = value
    elif isinstance(value, Real) and not isinstance(value, bool):
        # A column of whole numbers with gaps elsewhere is float64 in pandas.
        whole = isinstance(value, Integral) or float(value).is_integer()
        text = str(int(value) if whole else float(value)).encode()
    elif isinstance(value, datetime.date | datetime.time):
        text = value.isoformat().encode()
    else:
        text = str(value).encode()
    return b"%d:" % len(text) + text
