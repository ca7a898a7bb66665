"""What the command needs to know of a table, whatever kind of file it is in."""

import math
import re
import shutil
from dataclasses import replace
from decimal import Decimal, InvalidOperation

import numpy as np

from skmissdiff._support.files import (
    TableError,
    atomic_output,
    binary_output,
    file_kind,
    import_pandas,
)
from skmissdiff._table.text_notes import tells_rows_apart
from skmissdiff.cli._column_kinds import kind_of
from skmissdiff.cli._parquet import write_parquet
from skmissdiff.cli._times import TimeStyle, recognise_times

# Stacked completed tables are numbered in the column that R's mice uses for it.
DRAW_COLUMN = ".imp"


class FileTable:
    """A table in a file.

    Attributes
    ----------
    names : list of str
        All columns, in the file's order.
    ignored : list of str
        Columns that the model does not see.
    keys : list of str
        Those of them that are text which tells the rows apart.
    empty : list of str
        Columns with no value at all; the model does not see them either.
    frame : pandas.DataFrame
        The other columns.
    missing : dict of str to ndarray of shape (n_rows,)
        Where the columns of ``frame`` have no value.
    remarks : list of str
        What the user should be told about the table.
    """

    def __init__(self, path, names, asked_for):
        self.path, self.names = path, names
        self.ignored, self.keys, self.empty, self.remarks = [], [], [], []
        twice = {name for name in names if names.count(name) > 1}
        if twice:
            raise TableError(f"{path}: two columns are named {min(twice)!r}")
        self.require_columns(asked_for)

    def complete_only(self, names):
        """Leave the gaps of all other columns as they are."""
        self.require_columns(names)
        for name in names:
            if name not in self.frame:
                raise TableError(f"column {name!r} cannot be completed: the model does not see it")
        for name in self.missing:
            if name not in names:
                self.missing[name] = np.zeros(self.n_rows, dtype=bool)

    def n_filled(self, frames):
        """Number of cells that completed frames have values in."""
        return sum(
            int((frame[name].notna().to_numpy() & gaps).sum())
            for frame in frames
            for name, gaps in self.missing.items()
        )

    def with_gaps(self, frame):
        """A completed frame, with the gaps that are to stay."""
        frame = frame.copy()
        for name, filled in self.missing.items():
            stays = self.frame[name].isna().to_numpy() & ~filled
            if stays.any():
                frame[name] = frame[name].mask(stays)
        return frame

    def kind_of(self, name):
        """What a column of ``frame`` holds, see `kind_of`."""
        return kind_of(self.frame[name])

    def require_columns(self, asked_for):
        """Refuse a name in an option that no column has."""
        for name in asked_for:
            if name not in self.names:
                raise TableError(
                    f"{self.path}: there is no column {name!r}; there are {', '.join(self.names)}"
                )

    def give(self, name, text, rows):
        """The value that generated rows are to have in a column, refused if none has it.

        Parameters
        ----------
        name, text : str
            The column and what the user has written.
        rows : pandas.DataFrame
            The rows of ``frame`` that are learnt from.
        """
        self.require_columns([name])
        if name not in self.frame:
            raise TableError(f"column {name!r} cannot be given: the model does not see it")
        held_out = "" if len(rows) >= self.n_rows else " in the rows not held out"
        return self.read_value(name, text, rows[name], held_out)

    def value_of(self, name, text):
        """The value that a text says in a column, for a rule."""
        self.require_columns([name])
        if name not in self.frame:
            raise TableError(f"column {name!r} decides nothing: the model does not see it")
        return self.read_value(name, text, self.frame[name])

    def read_value(self, name, text, column, where=""):
        """The value that a text says, as a column of ``frame`` holds it.

        Parameters
        ----------
        name, text : str
        column : pandas.Series
            The cells by which the levels of categories are known.
        where : str
            What an error says of these.
        """
        kind = self.kind_of(name)
        if kind == "date":
            return self.read_date(name, text)
        if kind in ("time", "duration"):
            return self.read_time(name, text, kind)
        if kind == "number":
            return self.read_number(name, text)
        levels = {str(level): level for level in self.known_levels(name, column.dropna())}
        if text not in levels:
            found = ", ".join(sorted(levels)[:10]) + (", ..." if len(levels) > 10 else "")
            raise TableError(f"column {name!r} has no level {text!r}{where}; there are {found}")
        return levels[text]

    def known_levels(self, name, observed):
        """The categories of a column, whose observed cells these are."""
        return observed.unique()

    def parse_number(self, name, text):
        """The number that a text says, NaN if none; a whole one may have any number of digits."""
        try:
            return int(text) if text.lstrip("+-").isdecimal() else float(text)
        except ValueError:
            return math.nan

    def read_number(self, name, text):
        """A number that a column of numbers can hold."""
        if self.frame[name].dtype == object:
            return self._read_decimal(name, text)
        number = self.parse_number(name, text)
        if isinstance(number, float) and not math.isfinite(number):
            raise TableError(f"column {name!r} holds numbers, not {text!r}")
        if self.frame[name].dtype.kind in "iu" and number != int(number):
            raise TableError(f"column {name!r} holds whole numbers, not {text!r}")
        return number

    def _read_decimal(self, name, text):
        try:
            return Decimal(text.strip())
        except InvalidOperation:
            raise TableError(f"column {name!r} holds numbers, not {text!r}") from None

    def read_date(self, name, text):
        """A date with the time zone of a column of dates."""
        pandas = import_pandas()
        try:
            date = pandas.to_datetime(text, format="ISO8601")
        except ValueError:
            raise TableError(
                f"column {name!r} holds dates, and {text!r} is none; write it as the column does, "
                "or as 2024-12-31"
            ) from None
        if self.frame[name].dtype == object:
            return date
        zone = self.frame[name].dt.tz
        if zone is None:
            return date.tz_localize(None)
        return date.tz_convert(zone) if date.tzinfo else date.tz_localize(zone)

    def read_time(self, name, text, kind):
        """A time of day or a duration, however it is written."""
        style, _ = recognise_times(name, [text.strip()])
        try:
            return replace(style or TimeStyle(), is_daytime=kind == "time").parse(text)
        except ValueError:
            what = "times of day" if kind == "time" else "durations"
            raise TableError(
                f"column {name!r} holds {what}, and {text!r} is none; write it as 08:30 or 08:30:15"
            ) from None

    def read_bounds(self, name, text):
        """Both ends of the range LOW:HIGH of a column; an end may be left out.

        Raises
        ------
        TableError
            If an end is not what the column holds.
        """
        is_clock = self.kind_of(name) in ("date", "time", "duration")
        # A time of day has colons of its own.
        splits = (
            [match.start() for match in re.finditer(":", text)] if is_clock else [text.find(":")]
        )
        for at in splits:
            try:
                low, high = self._read_end(name, text[:at]), self._read_end(name, text[at + 1 :])
                break
            except TableError:
                if at == splits[-1]:
                    raise
        if is_clock:
            return low, high
        low, high = -math.inf if low is None else low, math.inf if high is None else high
        if low > high:
            raise TableError(f"--bounds {name}={text}: the lower end is above the upper one")
        return low, high

    def _read_end(self, name, text):
        if not text.strip():
            return None
        kind = self.kind_of(name)
        if kind == "date":
            return self.read_date(name, text.strip())
        if kind in ("time", "duration"):
            return self.read_time(name, text.strip(), kind)
        end = float(self.parse_number(name, text))
        if math.isnan(end):
            raise TableError(f"--bounds of column {name!r}: {text!r} is not a number")
        return end

    @property
    def n_rows(self):
        return len(self.frame)

    @property
    def numeric(self):
        """Names of the columns of numbers, dates and times."""
        return [name for name in self.frame if self.kind_of(name) != "category"]

    @property
    def notes(self):
        """What was recognised in the file, for the summary."""
        return []

    @property
    def styles(self):
        """How the columns of ``frame`` are written, as far as the file says so."""
        return {}

    @property
    def file_style(self):
        """How a text file is written; empty for others."""
        return {}

    @property
    def n_missing(self):
        """Number of missing cells that can be filled."""
        return int(sum(gaps.sum() for gaps in self.missing.values()))

    def _finish(self, named=()):
        """Check that there is something to learn from, and leave out what names the rows.

        Parameters
        ----------
        named : collection of str or None
            Columns that the user has named categorical, which are learnt from whatever they
            hold; None where a model says what is.
        """
        if self.frame.shape[1] == 0:
            reason = "every cell is missing" if self.empty else "every column is ignored"
            raise TableError(f"{self.path}: {reason}; there is nothing to learn from")
        self.keys = [] if named is None else self._keys(named)
        self.frame = self.frame.drop(columns=self.keys)
        self.ignored = [name for name in self.names if name in {*self.ignored, *self.keys}]
        self.missing = {name: column.isna().to_numpy() for name, column in self.frame.items()}

    def _keys(self, named):
        """Columns of text that tell the rows apart, none if there would be no other column."""
        found = {}
        for name, column in self.frame.items():
            if name in named or not self._is_text(name):
                continue
            n_levels, n_cells = column.nunique(), int(column.count())
            if tells_rows_apart(n_cells, n_levels):
                found[name] = (n_levels, n_cells)
        if len(found) == self.frame.shape[1]:
            return []
        for name, (n_levels, n_cells) in found.items():
            self.remarks.append(
                f"column {name!r} has {n_levels} levels in {n_cells} cells, as names, notes and "
                f"identifiers do, and is left out of the model; --categorical={name} has it learnt"
            )
        return list(found)

    def _is_text(self, name):
        """Whether a column holds text that nobody has declared to be categories."""
        return self.kind_of(name) == "category" and self.frame[name].dtype.kind != "b"

    def as_generated(self, frame):
        """Generated rows as a file like this one has them."""
        return frame

    def as_written(self, frame):
        """Numbers as they will stand in the file."""
        return frame

    def write(self, path, frames, *, draws=False, completed=True):
        """Write completed tables one below the other, or synthetic rows.

        Parameters
        ----------
        path : str
            Where to write; its ending says how.
        frames : iterable of pandas.DataFrame
            Frames with the columns of ``frame``, written one after another.
        draws : bool
            Whether to number the tables in a leading column.
        completed : bool
            Whether the rows are this table's own, so that ignored columns are written, too.
        """
        with atomic_output(path) as temporary:
            self.write_to(temporary, path, frames, draws=draws, completed=completed)

    def write_to(self, temporary, path, frames, *, draws=False, completed=True):
        """Write as `write` does, to a file that is not yet in its place."""
        alike = file_kind(path) == self.kind
        write = self._write_alike if alike else self._write_otherwise
        write(temporary, str(path).lower(), frames, draws, completed)

    def copy(self, path):
        """Write the table as it is: byte by byte, if the kind of file stays the same."""
        if not self._is_alike(path):
            self.write(path, [self.frame])
            return
        with atomic_output(path) as temporary:
            shutil.copyfile(self.path, temporary)

    def _is_alike(self, path):
        """Whether a file of this name holds the same table in the same bytes."""
        old, new = (str(name).lower() for name in (self.path, path))
        return file_kind(old) == file_kind(new) and old.endswith(".gz") == new.endswith(".gz")

    def _write_otherwise(self, temporary, path, frames, draws, completed):
        parts = self._parts(frames, draws, completed)
        if path.endswith(".parquet"):
            write_parquet(temporary, parts)
            return
        mark = "\t" if path.removesuffix(".gz").endswith(".tsv") else ","
        with binary_output(temporary, path.endswith(".gz")) as stream:
            for number, part in enumerate(parts):
                text = _with_clocks(part).to_csv(sep=mark, index=False, header=number == 0)
                stream.write(text.encode())

    def _parts(self, frames, draws, completed):
        """The tables to write, one after another."""
        for number, frame in enumerate(frames, 1):
            part = self._merge(frame) if completed else self._restore(frame)
            if draws:
                part.insert(0, DRAW_COLUMN, number)
            yield part


def _with_clocks(frame):
    """A frame for a text file: durations as 36:15:00, not as pandas has them, in days and hours."""
    durations = {name: column for name, column in frame.items() if column.dtype.kind == "m"}
    for name, column in durations.items():
        is_whole = bool((column.dropna().dt.microseconds == 0).all())
        style = TimeStyle(is_daytime=False, has_seconds=True, digits=0 if is_whole else 6)
        frame = frame.assign(**{name: column.map(style.format, na_action="ignore")})
    return frame
