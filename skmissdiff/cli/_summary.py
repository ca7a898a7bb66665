"""What the command says of its work: which cells were missing, and what they were given."""

import datetime as dt

import numpy as np

from skmissdiff._support.files import import_pandas
from skmissdiff.cli._column_kinds import kind_of
from skmissdiff.cli._times import TimeStyle


def summarize_imputation(table, frames):
    """Lines on the table and on each column with missing cells.

    Parameters
    ----------
    table : CsvTable or ParquetTable
    frames : list of pandas.DataFrame
        The completed tables.

    Returns
    -------
    str
    """
    pandas = import_pandas()
    lines = _head(table)
    rows = [("column", "missing", "", "observed", "filled with")]
    for name, gaps in table.missing.items():
        if not gaps.any():
            continue
        filled = pandas.concat([frame[name][gaps] for frame in frames]).dropna()
        observed = table.frame[name][~gaps]
        rows.append(
            (name, str(gaps.sum()), f"{gaps.mean():.1%}", _describe(observed), _describe(filled))
        )
    lines += _aligned(rows) + _left_out(table) + _left_as_they_are(table)
    return "\n".join(lines + _ruled_out(table, frames))


def summarize_fit(table):
    """Lines on a table that a model was fitted to."""
    return "\n".join(_head(table) + _left_out(table, "not known to the model"))


def _head(table):
    """The size of a table and of its gaps, and how it was read."""
    gaps = [column.isna().to_numpy() for _, column in table.frame.items()]
    n_cells, n_missing = sum(map(len, gaps)), int(sum(map(np.sum, gaps)))
    return [
        f"{table.path}: {table.n_rows} rows, {len(table.names)} columns, "
        f"{n_missing} of {n_cells} cells missing ({n_missing / n_cells:.1%}), "
        f"{int((sum(gaps) > 0).sum())} rows incomplete",
        *_notes(table),
    ]


def _left_as_they_are(table):
    """Name the columns with gaps that were not to be filled, and those filled in some rows."""
    names = [
        repr(name)
        for name, gaps in table.missing.items()
        if not gaps.any() and table.frame[name].isna().any()
    ]
    return [f"  gaps left as they are: {', '.join(names)}"] * bool(names)


def _ruled_out(table, frames):
    """Name the columns in which a rule has left gaps."""
    found = []
    for name, gaps in table.missing.items():
        n_left = sum(int(frame[name][gaps].isna().sum()) for frame in frames)
        if n_left:
            found.append(f"{name!r} ({n_left} of {len(frames) * int(gaps.sum())} gaps)")
    return [f"  left empty where the rule says so: {', '.join(found)}"] * bool(found)


def summarize_sample(table, frame, n_samples):
    """Lines on generated rows beside the rows they were learnt from.

    Parameters
    ----------
    table : CsvTable or ParquetTable
    frame : pandas.DataFrame
        The first of the generated rows.
    n_samples : int
        Number of all of them.

    Returns
    -------
    str
    """
    rows = [("column", "observed", "generated")]
    if table.n_rows == 0:  # there is only a model
        rows = [("column", "generated")]
        rows += [(name, _describe(frame[name].dropna())) for name in table.frame]
        return "\n".join([f"{table.path}: generated {n_samples} rows", *_aligned(rows)])
    for name in table.frame:
        rows.append((name, _describe(table.frame[name].dropna()), _describe(frame[name].dropna())))
    head = f"{table.path}: {table.n_rows} rows; generated {n_samples}"
    if len(frame) < n_samples:
        head += f", of which the first {len(frame)} are described"
    return "\n".join([head, *_notes(table), *_aligned(rows), *_left_out(table, "not generated")])


def _notes(table):
    return [f"  {note}" for note in table.notes]


def _left_out(table, fate="carried through untouched"):
    lines = []
    if table.ignored:
        lines.append(f"  {fate}: {', '.join(map(repr, table.ignored))}")
    if table.empty:
        empty_fate = "left empty" if fate.startswith("carried") else fate
        lines.append(f"  without any value, {empty_fate}: {', '.join(map(repr, table.empty))}")
    return lines


def _describe(values):
    """A range with its mean, or the most frequent levels."""
    if len(values) == 0:
        return "nothing"
    kind = kind_of(values)
    if kind == "time":
        return f"{_clock(values.min())} .. {_clock(values.max())}, mean {_mean_time(values)}"
    if kind == "duration":
        low, high, mean = values.min(), values.max(), values.mean()
        return f"{_clock(low)} .. {_clock(high)}, mean {_clock(mean)}"
    if values.dtype.kind == "M":
        low, high, mean = values.min(), values.max(), values.mean()
        if {low, high} == {low.normalize(), high.normalize()}:  # days
            mean = mean.round("D")
        return f"{_date(low)} .. {_date(high)}, mean {_date(mean)}"
    if kind in ("date", "period"):
        return f"{values.min()} .. {values.max()}"
    if kind == "number":
        values = values.astype(float)
        low, high, mean = map(_number, (values.min(), values.max(), values.mean()))
        return f"{low} .. {high}, mean {mean}"
    counts = values.astype(str).value_counts()
    levels = [f"{_short(level)} {count}" for level, count in counts.head(3).items()]
    if len(counts) > 3:
        levels.append(f"{len(counts) - 3} more")
    return ", ".join(levels)


def _date(value):
    return str(value).removesuffix(" 00:00:00").partition(".")[0]


def _clock(value):
    """A time of day or a duration, in whole seconds."""
    return TimeStyle(is_daytime=isinstance(value, dt.time), has_seconds=True).format(value)


def _mean_time(values):
    """The mean of times of day."""
    seconds = [(v.hour * 60 + v.minute) * 60 + v.second for v in values]
    return _clock((dt.datetime(1970, 1, 1) + dt.timedelta(seconds=np.mean(seconds))).time())


def _number(value):
    if value == np.floor(value) and abs(value) < 1e15:
        return str(int(value))  # of whole numbers all digits, as they stand in the file
    return np.format_float_positional(float(f"{value:.4g}"), trim="-")


def _short(level, width=20):
    level = " ".join(level.split())
    return level if len(level) <= width else level[: width - 3] + "..."


def _aligned(rows):
    """Lines with their columns below each other; a table of only its header is no line."""
    if len(rows) < 2:
        return []
    widths = [max(len(row[position]) for row in rows) for position in range(len(rows[0]))]
    return [
        "  "
        + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
