"""Tables in files, for the command: read, fill the missing cells, write.

Both kinds of file give the same view: ``frame``, the columns that a model can use, with one
dtype for each kind of column, and ``missing``, where the file has no value.
"""

import gzip

import numpy as np

from skmissdiff._csv_text import MISSING_SPELLINGS, quote, read_column, split_csv, unquote
from skmissdiff._files import TableError, atomic_output, file_kind, import_pandas, read_text

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


def _check_names(names, path, asked_for):
    """Refuse ambiguous column names, and names in options that no column has."""
    seen = set()
    for name in names:
        if name in seen:
            raise TableError(f"{path}: two columns are named {name!r}")
        seen.add(name)
    unknown = sorted(set(asked_for) - seen)
    if unknown:
        raise TableError(f"{path}: there is no column {unknown[0]!r}; the columns are {names}")


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

    @property
    def n_rows(self):
        return len(self.frame)

    @property
    def n_missing(self):
        """Number of missing cells that can be filled."""
        return int(sum(gaps.sum() for gaps in self.missing.values()))

    def _check_something_observed(self, path):
        if self.frame.shape[1] == 0:
            reason = "every column is ignored" if not self.empty else "every cell is missing"
            raise TableError(f"{path}: {reason}, there is nothing to learn from")

    def _remark_on_identifiers(self):
        for name, values in self.frame.items():
            n_distinct = values.nunique()
            if values.dtype == "category" and n_distinct > 20 and n_distinct > 0.9 * values.count():
                self.remarks.append(
                    f"column {name!r} has {n_distinct} levels in {values.count()} cells; "
                    "if it names the rows, use --ignore"
                )

    def write(self, path, frames, *, draws=False, completed=True):
        """Write completed tables one below the other, or synthetic rows.

        Parameters
        ----------
        path : str
            Where to write; the ending of ``name`` says how.
        frames : list of pandas.DataFrame
            Frames with the columns of ``frame``.
        draws : bool
            Whether to number the tables in a leading column.
        completed : bool
            Whether the rows are this table's own, so that ignored columns are written, too.
        """
        if draws and DRAW_COLUMN in self.names:
            raise TableError(f"the table has a column {DRAW_COLUMN!r}; rename it to use --draws")
        if file_kind(path) == self.kind:
            writer = self._write_alike
        else:
            writer = self._write_otherwise
        with atomic_output(path) as temporary:
            writer(path, temporary, frames, draws, completed)

    def _write_otherwise(self, path, temporary, frames, draws, completed):
        whole = self.stacked(frames, draws, completed)
        if file_kind(path) == "parquet":
            whole.to_parquet(temporary, index=False)
        else:
            compression = "gzip" if str(path).lower().endswith(".gz") else None
            whole.to_csv(temporary, index=False, compression=compression)

    def stacked(self, frames, draws=False, completed=True):
        """The tables to write as one frame."""
        pandas = import_pandas()
        parts = [self.merge(frame) if completed else frame for frame in frames]
        if draws:
            for number, part in enumerate(parts, 1):
                part.insert(0, DRAW_COLUMN, number)
        return parts[0] if len(parts) == 1 else pandas.concat(parts, ignore_index=True)


class CsvTable(_Table):
    """A table in a CSV file; observed cells are written back character by character."""

    kind = "csv"

    def __init__(self, path, delimiter, missing_spellings, kinds, ignore):
        pandas = import_pandas()
        self._text = split_csv(read_text(path), delimiter, name=path)
        self.names = [unquote(cell) for cell in self._text.header]
        _check_names(self.names, path, [*kinds, *ignore])
        self.remarks, self.ignored, self.empty = [], [], []
        self._raw = dict(zip(self.names, self._text.columns, strict=True))
        self._columns, self.missing, series = {}, {}, {}
        for name, raw in self._raw.items():
            if name in ignore or not name:
                self.ignored.append(name)
                continue
            column = read_column(name, raw, missing_spellings, kinds.get(name))
            if column.kind == "empty":
                self.empty.append(name)
                continue
            self._columns[name], self.missing[name] = column, column.missing
            series[name] = _typed(column)
            if column.remark:
                self.remarks.append(column.remark)
        if "" in self.names and "" not in ignore:
            self.remarks.append("the column without a name is carried through untouched")
        if len(self.names) == 1 and any(mark in self.names[0] for mark in ";\t|"):
            self.remarks.append("the table has a single column; is --delimiter right?")
        index = pandas.RangeIndex(len(self._text.columns[0]))
        self.frame = pandas.DataFrame(series, index=index)
        self._check_something_observed(path)
        self._remark_on_identifiers()

    def _fill(self, name, values):
        """Raw cells of a column: observed ones as they were, the others from ``values``."""
        raw, column = list(self._raw[name]), self._columns[name]
        for row in np.flatnonzero(column.missing):
            raw[row] = column.format(values[row], self._text.delimiter)
        return raw

    def _write_alike(self, path, temporary, frames, draws, completed):
        names = self.names if completed else list(self.frame.columns)
        columns = {name: [] for name in names}
        for frame in frames:
            for name in names:
                if name not in self._columns:
                    columns[name] += self._raw[name]
                    continue
                values = frame[name].to_numpy(dtype=object)
                if completed:
                    columns[name] += self._fill(name, values)
                else:
                    form = self._columns[name].format
                    columns[name] += [form(value, self._text.delimiter) for value in values]
        header = [raw for raw, name in zip(self._text.header, self.names, strict=True) if name in names]
        cells = list(columns.values())
        if draws:
            header = [DRAW_COLUMN, *header]
            cells = [np.repeat(range(1, len(frames) + 1), self.n_rows).astype(str).tolist(), *cells]
        text = self._text.join(cells, header).encode()
        if str(path).lower().endswith(".gz"):
            text = gzip.compress(text, mtime=0)  # no time inside: same table, same file
        with open(temporary, "wb") as stream:
            stream.write(text)

    def merge(self, frame):
        """The whole table as a frame, its missing cells filled from ``frame``."""
        pandas = import_pandas()
        columns = {}
        for name in self.names:
            if name in self._columns:
                columns[name] = frame[name].to_numpy() if name in frame else None
                column = pandas.Series(frame[name].array)
                columns[name] = column.astype("str") if column.dtype == "category" else column
            else:
                columns[name] = pandas.Series([unquote(raw) or None for raw in self._raw[name]], dtype="str")
        return pandas.DataFrame(columns)


def _typed(column):
    """A CsvColumn as a pandas Series: category, Int64 or float64."""
    pandas = import_pandas()
    cells = zip(column.contents, column.missing, strict=True)
    if column.kind == "category":
        return pandas.Series([None if gone else cell for cell, gone in cells], dtype="category")
    numbers = np.array([np.nan if gone else float(cell) for cell, gone in cells])
    return pandas.Series(numbers, dtype="Int64" if column.whole else "float64")


class ParquetTable(_Table):
    """A table in a Parquet file; it is written back with the same schema."""

    kind = "parquet"

    def __init__(self, path, kinds, ignore):
        pandas = import_pandas()
        try:
            import pyarrow
            from pyarrow import parquet
        except ImportError:
            raise TableError(
                'Parquet files take pyarrow, which is not installed: pip install "skmissdiff[cli]"'
            ) from None
        try:
            table = parquet.read_table(path)
        except FileNotFoundError:
            raise TableError(f"{path}: there is no such file") from None
        except (OSError, pyarrow.ArrowException) as error:
            raise TableError(f"{path}: cannot be read as Parquet ({_one_line(error)})") from None
        self._schema = table.schema
        self._whole = table.to_pandas(types_mapper=_nullable(pandas, pyarrow).get)
        self.names = list(self._whole.columns)
        _check_names(self.names, path, [*kinds, *ignore])
        if not len(self._whole):
            raise TableError(f"{path}: the table has no rows")
        self.remarks = []
        self.ignored = [name for name in self.names if name in ignore]
        kept = self._whole.drop(columns=self.ignored)
        self.empty = [name for name in kept if kept[name].isna().all()]
        self.frame = kept.drop(columns=self.empty)
        for name, kind in kinds.items():
            if name in self.frame:
                self._set_kind(name, kind)
        self.missing = {name: self.frame[name].isna().to_numpy() for name in self.frame}
        self._check_something_observed(path)
        self._remark_on_identifiers()

    def _set_kind(self, name, kind):
        is_number = self.frame[name].dtype.kind in "iufc"
        if kind == "number" and not is_number:
            raise TableError(f"column {name!r} is stored as {self.frame[name].dtype}, not as numbers")
        if kind == "category" and is_number:
            levels = self.frame[name].astype("category")
            self._levels = getattr(self, "_levels", {}) | {name: levels.cat.categories}
            names = [str(level) for level in levels.cat.categories]
            self.frame[name] = levels.cat.rename_categories(names)

    def _own_dtypes(self, frame):
        """Undo what ``kinds`` did to the columns."""
        frame = frame.copy()
        for name, levels in getattr(self, "_levels", {}).items():
            back = dict(zip(map(str, levels), levels, strict=True))
            frame[name] = frame[name].astype(object).map(back).astype(self._whole[name].dtype)
        return frame

    def merge(self, frame):
        """The whole table, its missing cells filled from ``frame``."""
        whole = self._whole.copy()
        frame = self._own_dtypes(frame)
        for name in self.frame:
            gaps = self.missing[name]
            values = whole[name].copy()
            values[gaps] = frame[name].array[gaps]
            whole[name] = values
        return whole

    def _write_alike(self, path, temporary, frames, draws, completed):
        import pyarrow
        from pyarrow import parquet

        if not completed:
            frames = [self._own_dtypes(frame) for frame in frames]
        whole = self.stacked(frames, draws, completed)
        fields = [self._schema.field(name) for name in whole if name in self._schema.names]
        if draws:
            fields = [pyarrow.field(DRAW_COLUMN, pyarrow.int64()), *fields]
        schema = pyarrow.schema(fields)
        table = pyarrow.Table.from_pandas(whole, schema=schema, preserve_index=False)
        parquet.write_table(table, temporary)


def _nullable(pandas, pyarrow):
    """Integers and booleans keep their type beside missing values; floats need no other."""
    signed = {getattr(pyarrow, f"int{n}")(): getattr(pandas, f"Int{n}Dtype")() for n in (8, 16, 32, 64)}
    unsigned = {
        getattr(pyarrow, f"uint{n}")(): getattr(pandas, f"UInt{n}Dtype")() for n in (8, 16, 32, 64)
    }
    return signed | unsigned | {pyarrow.bool_(): pandas.BooleanDtype()}


def _one_line(error):
    return " ".join(str(error).split())
