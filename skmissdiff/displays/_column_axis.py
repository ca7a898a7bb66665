"""The axis of a column: numbers as they are, dates as dates, whatever a model counts them in."""

from skmissdiff._table.schema import Element

_SECONDS_A_DAY = 24 * 3600


def column_axis(axis, column):
    """Label an axis for a column, and return where on it the column's numbers are.

    Parameters
    ----------
    axis : matplotlib.axis.Axis
    column : ColumnSchema

    Returns
    -------
    callable
        From the numbers of a `Table` to places on the axis.
    """
    clock = column.clock
    if clock is None:
        return lambda numbers: numbers
    if clock.ticks.holds == "decimal":
        start = clock.origin * float(clock.ticks.size)
        return lambda numbers: start + numbers * clock.step_size
    if column.element is Element.DATE:
        from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

        locator = AutoDateLocator(minticks=2, maxticks=5)
        axis.set_major_locator(locator)
        axis.set_major_formatter(ConciseDateFormatter(locator, show_offset=True))
        days = clock.step_size / _SECONDS_A_DAY  # matplotlib counts days since 1970, too
        start = float(clock.origin * clock.ticks.size) / _SECONDS_A_DAY
        return lambda numbers: start + numbers * days
    from matplotlib.ticker import MaxNLocator

    axis.set_major_locator(MaxNLocator(2 if clock.ticks.holds == "integer" else 4, integer=True))
    axis.set_major_formatter(lambda number, _: column.text(round(number)))
    return lambda numbers: numbers
