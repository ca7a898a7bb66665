"""Tables in files, for the command: read, fill the missing cells, write.

Both kinds of file give the same view: ``frame``, the columns that a model can use, with one
dtype for each kind of column, and ``missing``, where the file has no value.
"""

import shutil

import numpy as np

from skmissdiff._support.files import (
    TableError,
    atomic_output,
    binary_output,
    file_kind,
    import_pandas,
    read_text,
)
from skmissdiff.cli._csv_text import MISSING_SPELLINGS, parse_column, split_csv, unquote
from skmissdiff.cli._parquet import nullable_dtype, read_parquet, write_parquet

# Stacked completed tables are numbered in the column that R's mice uses for it.
DRAW_COLUMN = ".imp"


def read_table(path, *, delimiter=",", missing_values=(), na_spellings=True, kinds=None, ignore=()):
    """Read a table from a CSV or Parquet file.

    Parameters
    ----------
    path : str
    delimiter : str
        Between the cells of a CSV file.
    missing_values : collection of str
        What stands for a missing value in a CSV file, besides the empty cell.
    na_spellings : bool
        Whether "NA", "NaN", "null" and the like stand for one, too.
    kinds : dict of str to {"number", "category"}, optional
        Columns whose kind the user has named.
    ignore : collection of str
        Columns to carry through untouched.

    Returns
    -------
    CsvTable or ParquetTable
    """
    kind = file_kind(path)
    import_pandas()
    if kind == "parquet":
        return ParquetTable(path, kinds or {}, set(ignore))
    spellings = set(missing_values) | (MISSING_SPELLINGS if na_spellings else {""})
    return CsvTable(path, delimiter, spellings, kinds or {}, set(ignore))


class _Table:
    """What the command needs to know of a table, whatever file it is in.

    Attributes
    ----------
    names : list of str
        All columns, in the file's order.
    ignored : list of str
        Columns that the model does not see.
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
        self.ignored, self.empty, self.remarks = [], [], []
        twice = {name for name in names if names.count(name) > 1}
        if twice:
            raise TableError(f"{path}: two columns are named {min(twice)!r}")
        self.require_columns(asked_for)

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
        column = rows[name].dropna()
        if column.dtype.kind not in "iuf":
            levels = {str(level): level for level in column.unique()}
            if text not in levels:
                found = ", ".join(sorted(levels)[:10]) + (", ..." if len(levels) > 10 else "")
                held_out = "" if len(rows) == self.n_rows else " in the rows not held out"
                raise TableError(
                    f"column {name!r} has no level {text!r}{held_out}; there are {found}"
                )
            return levels[text]
        try:
            number = float(text)
        except ValueError:
            number = np.nan
        if not np.isfinite(number):
            raise TableError(f"column {name!r} holds numbers, not {text!r}")
        if column.dtype.kind in "iu" and not number.is_integer():
            raise TableError(f"column {name!r} holds whole numbers, not {text!r}")
        return int(text) if text.lstrip("+-").isdecimal() else number

    @property
    def n_rows(self):
        return len(self.frame)

    @property
    def numeric(self):
        """Names of the columns of numbers."""
        return [name for name, column in self.frame.items() if column.dtype.kind in "iuf"]

    @property
    def n_missing(self):
        """Number of missing cells that can be filled."""
        return int(sum(gaps.sum() for gaps in self.missing.values()))

    def _finish(self):
        """Check that there is something to learn from and look for columns of identifiers."""
        if self.frame.shape[1] == 0:
            reason = "every cell is missing" if self.empty else "every column is ignored"
            raise TableError(f"{self.path}: {reason}; there is nothing to learn from")
        self.missing = {name: column.isna().to_numpy() for name, column in self.frame.items()}
        for name, column in self.frame.items():
            n_levels, n_cells = column.nunique(), int(column.count())
            if column.dtype.kind not in "iufb" and n_levels > 20 and n_levels > 0.9 * n_cells:
                self.remarks.append(
                    f"column {name!r} has {n_levels} levels in {n_cells} cells; "
                    "if it names the rows, use --ignore"
                )

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
        old, new = (str(name).lower() for name in (self.path, path))
        if file_kind(old) != file_kind(new) or old.endswith(".gz") != new.endswith(".gz"):
            self.write(path, [self.frame])
            return
        with atomic_output(path) as temporary:
            shutil.copyfile(self.path, temporary)

    def _write_otherwise(self, temporary, path, frames, draws, completed):
        parts = self._parts(frames, draws, completed)
        if path.endswith(".parquet"):
            write_parquet(temporary, parts)
            return
        with binary_output(temporary, path.endswith(".gz")) as stream:
            for number, part in enumerate(parts):
                stream.write(part.to_csv(index=False, header=number == 0).encode())

    def _parts(self, frames, draws, completed):
        """The tables to write, one after another."""
        for number, frame in enumerate(frames, 1):
            part = self._merge(frame) if completed else self._restore(frame)
            if draws:
                part.insert(0, DRAW_COLUMN, number)
            yield part


class CsvTable(_Table):
    """A table in a CSV file; observed cells are written back character by character."""

    kind = "csv"

    def __init__(self, path, delimiter, missing_spellings, kinds, ignore):
        pandas = import_pandas()
        self._text = split_csv(read_text(path), delimiter, name=path)
        super().__init__(path, [unquote(raw) for raw in self._text.header], [*kinds, *ignore])
        self._raw = dict(zip(self.names, self._text.columns, strict=True))
        self._columns = {}
        for name, raw in self._raw.items():
            if name in ignore or not name:
                self.ignored.append(name)
                continue
            column = parse_column(name, raw, missing_spellings, kinds.get(name))
            if column.kind == "empty":
                self.empty.append(name)
                continue
            self._columns[name] = column
            if column.remark:
                self.remarks.append(column.remark)
        if "" in self.names and "" not in ignore:
            self.remarks.append("the column without a name is carried through untouched")
        if len(self.names) == 1 and any(mark in self.names[0] for mark in ";\t|"):
            self.remarks.append("the table has a single column: is --delimiter right?")
        series = {name: _typed(column) for name, column in self._columns.items()}
        self.frame = pandas.DataFrame(series, index=range(len(self._text.columns[0])))
        self._finish()

    def give(self, name, text, rows):
        value = super().give(name, text, rows)
        if self._columns[name].kind == "number":
            # Every generated row has this number, written as precisely as the user has.
            own = parse_column(name, [text], set(), "number")
            self._columns[name].decimals = own.decimals
        return value

    def _write_alike(self, temporary, path, frames, draws, completed):
        names = self.names if completed else list(self._columns)
        header = dict(zip(self.names, self._text.header, strict=True))
        first_line = self._text.first_line([DRAW_COLUMN] * draws + [header[name] for name in names])
        with binary_output(temporary, path.endswith(".gz")) as stream:
            stream.write(first_line.encode())
            for number, frame in enumerate(frames, 1):
                columns = [
                    self._cells(name, frame[name].to_numpy(dtype=object), completed)
                    if name in self._columns
                    else self._raw[name]
                    for name in names
                ]
                numbers = [[str(number)] * len(frame)] * draws
                stream.write(self._text.lines(numbers + columns).encode())

    def _cells(self, name, values, completed):
        """Raw cells: every one from ``values``, or only the missing ones."""
        column = self._columns[name]
        raw = list(self._raw[name])
        if not completed:
            # A generated gap is written as the table writes its own.
            gap = next((raw[row] for row in np.flatnonzero(column.missing)), "")
            lacking = import_pandas().isna(values)
            return [
                gap if lacks else column.format(value, self._text.delimiter)
                for value, lacks in zip(values, lacking, strict=True)
            ]
        for row in np.flatnonzero(column.missing):
            raw[row] = column.format(values[row], self._text.delimiter)
        return raw

    def as_written(self, frame):
        """Numbers rounded as the file rounds them."""
        frame = frame.copy()
        for name, column in self._columns.items():
            if column.kind != "category" and not column.whole and column.decimals is not None:
                frame[name] = frame[name].round(column.decimals[1])
        return frame

    def _restore(self, frame):
        """Levels as text; numbers as they are, rounded as the file rounds them."""
        frame = self.as_written(frame)
        for name, column in self._columns.items():
            if column.kind == "category":
                frame[name] = frame[name].astype("str")
        return frame

    def _merge(self, frame):
        """The whole table as a frame; columns that the model does not see are text."""
        pandas = import_pandas()
        frame = self._restore(frame)
        for position, name in enumerate(self.names):
            if name not in self._columns:
                text = [unquote(raw) or None for raw in self._raw[name]]
                frame.insert(position, name, pandas.Series(text, dtype="str"))
        return frame


def _typed(column):
    """A CsvColumn as a pandas Series: category, Int64 or float64."""
    pandas = import_pandas()
    cells = zip(column.contents, column.missing, strict=True)
    if column.kind == "category":
        return pandas.Series([None if gone else cell for cell, gone in cells], dtype="category")
    numbers = pandas.Series([np.nan if gone else float(cell) for cell, gone in cells])
    return numbers.astype("Int64") if column.whole else numbers


class ParquetTable(_Table):
    """A table in a Parquet file; it is written back with the same schema."""

    kind = "parquet"

    def __init__(self, path, kinds, ignore):
        import_pandas()
        table = read_parquet(path)
        self._schema = table.schema
        self._whole = table.to_pandas(types_mapper=nullable_dtype).reset_index(drop=True)
        super().__init__(path, [str(name) for name in self._schema.names], [*kinds, *ignore])
        if table.num_rows == 0:
            raise TableError(f"{path}: the table has no rows")
        self._whole = self._whole[self.names]
        self.ignored = [name for name in self.names if name in ignore]
        self.empty = [
            name for name in self.names if name not in ignore and self._whole[name].isna().all()
        ]
        self.frame = self._whole.drop(columns=[*self.ignored, *self.empty])
        self._levels = {}
        for name, kind in kinds.items():
            if name in self.frame:
                self._set_kind(name, kind)
        self._finish()

    def _set_kind(self, name, kind):
        """Have a column taken for what the user says it is."""
        is_number = self.frame[name].dtype.kind in "iuf"
        if kind == "number" and not is_number:
            raise TableError(
                f"column {name!r} is stored as {self.frame[name].dtype}, not as numbers"
            )
        if kind == "category" and is_number:
            column = self.frame[name].astype("category").cat
            self._levels[name] = {str(level): level for level in column.categories}
            self.frame[name] = column.rename_categories(list(self._levels[name]))

    def _restore(self, frame):
        """Give columns that were taken for categories their own dtype back."""
        frame = frame.copy()
        for name, levels in self._levels.items():
            values = frame[name].astype(object).map(levels)
            frame[name] = values.astype(self._whole[name].dtype)
        return frame

    def _merge(self, frame):
        """The whole table, its missing cells filled from ``frame``."""
        whole = self._whole.copy()
        frame = self._restore(frame)
        for name, gaps in self.missing.items():
            values = whole[name].array.copy()
            values[gaps] = frame[name].array[gaps]
            whole[name] = values
        return whole

    def _write_alike(self, temporary, path, frames, draws, completed):
        import pyarrow

        fields = [self._schema.field(name) for name in (self.names if completed else self.frame)]
        number = [pyarrow.field(DRAW_COLUMN, pyarrow.int64())] * draws
        parts = self._parts(frames, draws, completed)
        write_parquet(temporary, parts, pyarrow.schema(number + fields))
