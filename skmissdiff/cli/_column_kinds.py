"""What a column of a frame holds, told by its dtype or, of Python objects, by their class."""

from skmissdiff._table.ticks import ticks_of_objects

_HELD = {"instant": "date", "daytime": "time", "decimal": "number"}


def kind_of(column):
    """What a column holds.

    Parameters
    ----------
    column : pandas.Series

    Returns
    -------
    {"number", "date", "time", "duration", "period", "category"}
        Parquet files give dates, times of day and decimals as Python objects.
    """
    by_letter = {"i": "number", "u": "number", "f": "number", "M": "date", "m": "duration"}
    if column.dtype.kind in by_letter:
        return by_letter[column.dtype.kind]
    if type(column.dtype).__name__ == "PeriodDtype":
        return "period"
    if column.dtype != object:
        return "category"
    try:
        ticks = ticks_of_objects(column.dropna().tolist())
    except ValueError:
        return "date"  # of several zones, which the estimators refuse by name
    return "category" if ticks is None else _HELD.get(ticks.holds, ticks.holds)
